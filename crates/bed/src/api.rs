//! A backend: the real program on a database of a test's own, and a client that says what it was answered.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

pub use rustix::process::Signal;
use serde_json::Value;

use super::cluster::Cluster;
use super::poll::{LONG, eventually};
use super::ports::{self, Port};
use super::{postmaster, warden};

pub const REGISTRATION_SECRET: &str = "let-me-in-with-this";
pub const SCRAPE_TOKEN: &str = "to-look-at-figures";
/// Signs tokens.
pub const KEY: &str = "a-key-of-the-tests-that-is-long-enough";

pub struct Api {
    dir: PathBuf,
    port: Port,
    settings: Vec<(String, String)>,
    child: Option<Child>,
}

/// What a request was answered.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub text: String,
}

impl Answer {
    /// Null where it is no JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

impl Api {
    /// On a database of this server, which it makes its own. Returns when it is healthy.
    pub fn start(cluster: &Cluster, database: &str, settings: &[(&str, &str)]) -> Api {
        let mut api = Api::prepare(&url(cluster.port(), database), settings);
        api.launch();
        api.healthy();
        api
    }

    /// Not started yet; later settings win over those that every test's backend has.
    pub fn prepare(database_url: &str, settings: &[(&str, &str)]) -> Api {
        Api::prepare_on("127.0.0.1", database_url, settings)
    }

    pub fn prepare_on(address: &str, database_url: &str, settings: &[(&str, &str)]) -> Api {
        let port = ports::lease();
        let listen = format!("{address}:{}", port.number);
        let own = [
            ("DATABASE_URL", database_url),
            ("JWT_SECRET_KEY", KEY),
            ("REGISTRATION_SECRET", REGISTRATION_SECRET),
            ("SCRAPE_TOKEN", SCRAPE_TOKEN),
            // Tests are in a hurry; those of the limits set their own.
            ("RATE_LIMITS", "anonymous=60000,user=60000,push=60000,login=60000,registration=60000"),
            ("LISTEN", &listen),
        ];
        let all = own.iter().chain(settings).map(|(name, value)| ((*name).into(), (*value).into()));
        Api { dir: warden::fresh_dir("api"), settings: all.collect(), port, child: None }
    }

    /// One setting more, for the next launch.
    pub fn set(&mut self, name: &str, value: &str) {
        self.settings.push((name.into(), value.into()));
    }

    /// The program with this backend's settings.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(super::program("pganalytics-api"));
        command.args(arguments).env_clear().env("PATH", "/usr/bin:/bin").current_dir(&self.dir);
        command.envs(self.settings.iter().cloned()).stdin(Stdio::null());
        command
    }

    pub fn launch(&mut self) {
        assert!(self.child.is_none(), "it runs already");
        let log = File::options().create(true).append(true).open(self.log_path()).unwrap();
        self.child =
            Some(self.command(&["serve"]).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap());
    }

    #[track_caller]
    pub fn healthy(&mut self) {
        eventually(LONG, || {
            let ended = self.child.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "the backend ended: {}", self.log());
            match self.try_get("/api/v1/health", None) {
                Ok(answer) if answer.status == 200 => Ok(()),
                other => Err((other, self.log())),
            }
        });
    }

    /// The first round of upkeep is over: it would meet who alters its tables, and make again what they drop.
    #[track_caller]
    pub fn tended(&self) {
        eventually(LONG, || if self.log().contains("upkeep: ") { Ok(()) } else { Err(self.log()) });
    }

    pub fn pid(&self) -> i32 {
        self.child.as_ref().expect("it runs").id() as i32
    }

    pub fn kill9(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    pub fn signal(&self, signal: Signal) {
        postmaster::signal(self.pid(), signal);
    }

    /// Its exit code, when it has ended of its own accord.
    #[track_caller]
    pub fn wait(&mut self) -> Option<i32> {
        let mut child = self.child.take().expect("it runs");
        eventually(LONG, || child.try_wait().unwrap().ok_or("it runs still")).code()
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    fn log_path(&self) -> PathBuf {
        self.dir.join("log")
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn port(&self) -> u16 {
        self.port.number
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port.number)
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = fs::remove_dir_all(&self.dir);
    }
}

pub fn url(port: u16, database: &str) -> String {
    format!("postgresql://postgres@127.0.0.1:{port}/{database}?sslmode=disable")
}

/// Asking it.
impl Api {
    #[track_caller]
    pub fn get(&self, path: &str, token: Option<&str>) -> Answer {
        self.try_get(path, token).unwrap_or_else(|e| panic!("{path}: {e}; {}", self.log()))
    }

    pub fn try_get(&self, path: &str, token: Option<&str>) -> Result<Answer, String> {
        let mut request = agent().get(format!("{}{path}", self.url()));
        if let Some(token) = token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        request.call().map_err(|e| e.to_string()).and_then(read)
    }

    /// By another address of this machine, which is then also where it is asked from.
    #[track_caller]
    pub fn get_from(&self, address: std::net::Ipv4Addr, path: &str, token: Option<&str>) -> Answer {
        let mut request = agent().get(format!("http://{address}:{}{path}", self.port.number));
        if let Some(token) = token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        request.call().map_err(|e| e.to_string()).and_then(read).unwrap_or_else(|e| panic!("{path}: {e}"))
    }

    #[track_caller]
    pub fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.try_post(path, headers, body).unwrap_or_else(|e| panic!("{path}: {e}; {}", self.log()))
    }

    pub fn try_post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Answer, String> {
        post_to(&self.url(), path, headers, body)
    }

    /// Any method, with a bearer token or without.
    #[track_caller]
    pub fn ask(&self, method: &str, path: &str, token: Option<&str>, body: &[u8]) -> Answer {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let headers: Vec<_> = bearer.iter().map(|value| ("Authorization", value.as_str())).collect();
        self.ask_with(method, path, &headers, body)
    }

    #[track_caller]
    pub fn ask_with(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.url()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = match body {
            [] => agent().run(request.body(()).unwrap()),
            body => agent().run(request.body(body).unwrap()),
        };
        let answer = response.map_err(|e| e.to_string()).and_then(read);
        answer.unwrap_or_else(|e| panic!("{method} {path}: {e}; {}", self.log()))
    }

    /// Registers a collector: its id and token.
    #[track_caller]
    pub fn register(&self, name: &str) -> (String, String) {
        let body = serde_json::json!({ "name": name, "hostname": format!("{name}.example") }).to_string();
        let answer = self.post(
            "/api/v1/collectors/register",
            &[("X-Registration-Secret", REGISTRATION_SECRET)],
            body.as_bytes(),
        );
        assert_eq!(answer.status, 201, "{answer:?}");
        let text = |field: &str| answer.json()[field].as_str().unwrap().to_owned();
        (text("collector_id"), text("token"))
    }

    #[track_caller]
    pub fn push(&self, token: &str, batch: &Value) -> Answer {
        self.push_text(token, batch.to_string().as_bytes())
    }

    /// As it is, uncompressed.
    #[track_caller]
    pub fn push_text(&self, token: &str, body: &[u8]) -> Answer {
        let bearer = format!("Bearer {token}");
        self.post(
            "/api/v1/metrics/push",
            &[("Authorization", &bearer), ("Content-Type", "application/json")],
            body,
        )
    }
}

/// For who has no hold of the [`Api`] while it is killed.
pub fn post_to(url: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Answer, String> {
    let mut request = agent().post(format!("{url}{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send(body).map_err(|e| e.to_string()).and_then(read)
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_global(Some(Duration::from_secs(60)))
        .build();
    config.into()
}

fn read(mut response: ureq::http::Response<ureq::Body>) -> Result<Answer, String> {
    let headers = response.headers().iter().map(|(name, value)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    let (status, headers) = (response.status().as_u16(), headers.collect());
    let text =
        response.body_mut().with_config().limit(1 << 30).read_to_string().map_err(|e| e.to_string())?;
    Ok(Answer { status, headers, text })
}
