//! A backend that is not ours: what it says is bounded, and moves nothing.

use std::io::{Error, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::channel;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::measured;
use crate::push::desk::{PUSH, configure, store_token};
use crate::support::home::Home;

/// Answers every request so, for as long as somebody listens.
fn backend(
    speak: impl Fn(&str, &str, &mut TcpStream) -> std::io::Result<()> + Clone + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut socket in listener.incoming().flatten() {
            let speak = speak.clone();
            std::thread::spawn(move || {
                if let Ok((path, batch)) = heard(&mut socket) {
                    let _ = speak(&path, &batch, &mut socket);
                }
            });
        }
    });
    address
}

/// The path of a request, and the id of the batch in it.
fn heard(socket: &mut TcpStream) -> std::io::Result<(String, String)> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        socket.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).to_lowercase();
    let length =
        head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    socket.read_exact(&mut body)?;
    let mut text = String::new();
    let _ = flate2::read::GzDecoder::new(&*body).read_to_string(&mut text);
    let id = text.split("\"batch_id\":\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
    Ok((head.split(' ').nth(1).unwrap_or_default().to_owned(), id.to_owned()))
}

fn reply(socket: &mut TcpStream, headers: &str, body: &[u8]) -> std::io::Result<()> {
    write!(
        socket,
        "HTTP/1.1 200 OK\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n",
        body.len()
    )?;
    socket.write_all(body)
}

fn acknowledgement(batch: &str, more: &str) -> Vec<u8> {
    format!("{{\"batch_id\":\"{batch}\"{more}}}").into_bytes()
}

/// 256 MB of zeros.
fn bomb() -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    let block = vec![0; 1 << 20];
    (0..256).for_each(|_| gzip.write_all(&block).unwrap());
    gzip.finish().unwrap()
}

fn endless_body(socket: &mut TcpStream) -> std::io::Result<()> {
    socket.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
    let chunk = [&b"10000\r\n"[..], &[b' '; 0x10000], b"\r\n"].concat();
    loop {
        socket.write_all(&chunk)?;
    }
}

fn endless_headers(socket: &mut TcpStream) -> std::io::Result<()> {
    socket.write_all(b"HTTP/1.1 200 OK\r\n")?;
    let line = [&b"x-more: "[..], &[b'a'; 0x8000], b"\r\n"].concat();
    loop {
        socket.write_all(&line)?;
    }
}

/// Some megabytes that would be a hundred as a tree.
fn bushy() -> String {
    format!(",\"x\":[{}0],\"want_texts\":[{}0]", "0,".repeat(900_000), "0,".repeat(900_000))
}

fn collector(address: SocketAddr, more: &str) -> Home {
    let home = Home::new();
    configure(&home, &format!("http://{address}"), "config_pull_interval = 1", more);
    // A backend keeps configurations for those whom it registered.
    let text = std::fs::read_to_string(home.config_path()).unwrap();
    home.config(&text.replace("\"c-1\"", &format!("\"{ID}\"")));
    store_token(&home, "a-token");
    home
}

const ID: &str = "01a21757-166d-7635-897c-d2c67d7c74f6";
const CONFIG: &str = "/api/v1/config/01a21757-166d-7635-897c-d2c67d7c74f6";
const CEILING_KB: u64 = 32 << 10;

#[test]
fn no_answer_takes_more_memory_than_a_run_has() {
    let address = backend(|_, batch, socket| reply(socket, "", &acknowledgement(batch, "")));
    let (run, plain) = measured(&collector(address, ""), &["cron"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let bomb = bomb();
    type Speak = fn(&str, &mut TcpStream, &[u8]) -> std::io::Result<()>;
    let all: [(&str, Speak, bool); 5] = [
        ("a bomb", |_, socket, bomb| reply(socket, "content-encoding: gzip\r\n", bomb), false),
        ("an endless body", |_, socket, _| endless_body(socket), false),
        ("endless headers", |_, socket, _| endless_headers(socket), false),
        ("a tree", |batch, socket, _| reply(socket, "", &acknowledgement(batch, &bushy())), true),
        (
            "a deep tree",
            |batch, socket, _| {
                let deep = format!(",\"x\":{}", "[".repeat(1_000_000));
                reply(socket, "", &acknowledgement(batch, &deep))
            },
            false,
        ),
    ];
    for (what, speak, taken) in all {
        for path in [PUSH, CONFIG, "/api/v1/collectors/register"] {
            let bomb = bomb.clone();
            let (tell, spoken) = channel();
            let address = backend(move |asked, batch, socket| match asked == path {
                true => {
                    tell.send(()).map_err(Error::other)?;
                    speak(batch, socket, &bomb)
                }
                false => reply(socket, "", &acknowledgement(batch, "")),
            });
            let home = collector(address, "");
            let args = if path.ends_with("register") { "register" } else { "cron" };
            let home = home.env("REGISTRATION_SECRET", "a-secret");
            let (run, most) = measured(&home, &[args]);
            assert!(spoken.try_recv().is_ok(), "{what} of {path}: it was never asked for");
            let good = args == "cron" && (path != PUSH || taken);
            assert_eq!(run.code, Some(if good { 0 } else { 1 }), "{what} of {path}: {run:?} {}", home.log());
            assert_eq!(home.spool_files().len(), usize::from(path == PUSH && !taken), "{what} of {path}");
            assert!(most < CEILING_KB, "{what} of {path}: {most} kB, {plain} kB without");
        }
    }
}

/// Whatever the table of keys has: what is not for a backend is refused by its name, and nothing of it is kept.
#[test]
fn a_configuration_moves_nothing_that_is_not_a_backends() {
    use settings::keys::{Form, SECTIONS};
    let mut refused = 0;
    for section in SECTIONS.iter().filter(|section| section.form != Form::Older) {
        for key in section.keys().filter(|key| !key.remote) {
            let header = if section.form == Form::Many {
                format!("[[{}]]", section.name)
            } else {
                format!("[{}]", section.name)
            };
            let text = format!("{header}\n{} = \"/elsewhere\"\n", key.name);
            let told = settings::remote::read(&text).err().map(|problems| problems.to_string());
            assert!(told.is_some_and(|told| told.contains("remote.toml:")), "{text}");
            refused += 1;
        }
    }
    assert!(refused > 40, "only {refused} keys");
    let text = "[backend]\nurl = \"http://elsewhere\"\n[postgres]\nhost = \"elsewhere\"\n[collector]\nstate_dir = \"/\"\n";
    let address = backend(move |asked, batch, socket| match asked.contains("/config/") {
        true => reply(socket, "etag: \"1\"\r\n", text.as_bytes()),
        false => reply(socket, "", &acknowledgement(batch, "")),
    });
    let home = collector(address, "");
    assert_eq!(home.cron().code, Some(0), "{}", home.log());
    assert!(home.log().contains("is not for a backend to change"), "{}", home.log());
    assert!(!home.state_dir().join("remote.toml").exists());
}
