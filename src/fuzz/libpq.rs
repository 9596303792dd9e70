//! What PostgreSQL's own client library makes of connection strings and files: asked of a process that has loaded it, as
//! nothing here calls C.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Keywords and values; `None`: it refuses.
pub(crate) type Parameters = Option<BTreeMap<String, String>>;

struct Library {
    _process: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

thread_local! {
    static LIBRARY: RefCell<Option<Library>> = const { RefCell::new(None) };
}

/// A connection string.
pub(crate) fn parsed(text: &str) -> Parameters {
    ask(&["parse", text])
}

/// The password that `file` has for this host, and for port 5432, database `d` and user `u`. Empty: none.
pub(crate) fn password(file: &str, host: &str) -> String {
    ask(&["password", file, host]).and_then(|mut told| told.remove("password")).unwrap_or_default()
}

/// The service called `a`, with libpq's defaults for what it does not say.
pub(crate) fn service(file: &str) -> Parameters {
    ask(&["service", file])
}

fn ask(words: &[&str]) -> Parameters {
    LIBRARY.with_borrow_mut(|library| {
        let library = library.get_or_insert_with(Library::load);
        let line = serde_json::to_string(words).expect("texts encode");
        writeln!(library.to, "{line}").expect("it listens");
        let mut answer = String::new();
        library.from.read_line(&mut answer).expect("it answers");
        serde_json::from_str(&answer).unwrap_or_else(|e| panic!("{e}: {answer:?} to {words:?}"))
    })
}

impl Library {
    fn load() -> Library {
        let top = Path::new(env!("CARGO_MANIFEST_DIR"));
        let library = top.join("target/pg/18/lib/libpq.so.5");
        assert!(library.exists(), "no {}: run scripts/pg-fetch 18", library.display());
        let mut process = Command::new("python3")
            .arg(top.join("fuzz/libpq.py"))
            .arg(library)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("LD_LIBRARY_PATH", top.join("target/pg/18/lib"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is installed");
        let to = process.stdin.take().expect("a pipe");
        let from = BufReader::new(process.stdout.take().expect("a pipe"));
        Library { _process: process, to, from }
    }
}
