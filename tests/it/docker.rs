//! `deploy/docker`, as far as it goes without a container daemon: the compose file as docker-compose reads it, what images are
//! made of, and the scripts that run inside, for real, outside of a container.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Seek, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::api::{Api, REGISTRATION_SECRET};
use crate::support::cluster::Cluster;
use crate::support::home::Home;
use crate::support::poll::{LONG, eventually};
use crate::support::{majors, program, top};

fn dir() -> PathBuf {
    top().join("deploy/docker")
}

fn compose(env_file: &Path, bin: Option<&str>) -> std::process::Output {
    Command::new("/usr/bin/docker-compose")
        .args(["--env-file", env_file.to_str().unwrap(), "-f", "docker-compose.yml", "config"])
        .current_dir(dir())
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("LC_ALL", "C.UTF-8")
        .envs(bin.map(|bin| ("BIN", bin)))
        .output()
        .expect("scripts/packages docker-compose")
}

/// What docker-compose made of the file.
#[track_caller]
fn read(output: &std::process::Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut config = tempfile::tempfile().unwrap();
    config.write_all(&output.stdout).unwrap();
    config.rewind().unwrap();
    let to_json = "import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)";
    let json = Command::new("/usr/bin/python3").args(["-c", to_json]).stdin(config).output().unwrap();
    serde_json::from_slice(&json.stdout).unwrap()
}

/// What make-env writes, by name.
fn made(file: &Path) -> BTreeMap<String, String> {
    let output = Command::new(dir().join("make-env")).arg(file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = fs::read_to_string(file).unwrap();
    text.lines().filter_map(|line| line.split_once('=')).map(|(n, v)| (n.to_owned(), v.to_owned())).collect()
}

#[test]
fn the_compose_file_has_the_documents_names() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("env");
    let secrets = made(&file);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(secrets.len() == 7 && secrets.values().all(|secret| secret.len() == 64), "{}", secrets.len());
    assert_eq!(made(&file), secrets, "what is there stays");

    fs::write(home.path().join("none"), "").unwrap();
    let without = compose(&home.path().join("none"), None);
    assert!(!without.status.success());
    assert!(String::from_utf8_lossy(&without.stderr).contains("run ./make-env first"));

    let config = read(&compose(&file, None));
    let unpacked = read(&compose(&file, Some(".")));
    for service in ["collector", "backend"] {
        let bin = |config: &Value| config["services"][service]["build"]["args"]["BIN"].clone();
        assert_eq!((bin(&config), bin(&unpacked)), ("target/release".into(), ".".into()), "{service}");
    }
    let services = config["services"].as_object().unwrap();
    for (service, container) in [
        ("collector", "pganalytics-collector-demo"),
        ("postgres", "pganalytics-postgres"),
        ("timescale", "pganalytics-timescale"),
        ("backend", "pganalytics-backend"),
        ("grafana", "pganalytics-grafana"),
    ] {
        assert_eq!(services[service]["container_name"], container);
    }
    let ports = |service: &str| services[service]["ports"].to_string();
    assert!(ports("backend").contains("8080") && ports("grafana").contains("3000"));
    assert_eq!(services["timescale"]["environment"]["POSTGRES_DB"], "metrics");
    for (name, service) in services {
        for mount in service["volumes"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let source = mount.split(':').next().unwrap();
            let there = !source.starts_with('/') || Path::new(source).exists();
            assert!(there, "{name} mounts {source}, which is not there");
        }
    }
}

#[test]
fn images_are_made_of_what_is_there_and_hold_no_secret() {
    let ignored = fs::read_to_string(top().join(".dockerignore")).unwrap();
    for name in ["collector.Dockerfile", "backend.Dockerfile"] {
        let text = fs::read_to_string(dir().join(name)).unwrap();
        let mut copied = 0;
        for line in text.lines().filter_map(|line| line.strip_prefix("COPY ")) {
            let source = line.split(' ').next().unwrap();
            for source in [source.replace("${BIN}", "target/release"), source.replace("${BIN}/", "")] {
                assert!(
                    ignored.lines().any(|line| line == format!("!{source}")),
                    "{name}: {source} is kept out"
                );
            }
            let built = source.strip_prefix("${BIN}/");
            let there = built.map_or_else(|| top().join(source).exists(), |built| program(built).exists());
            assert!(there, "{name}: there is no {source}");
            copied += 1;
        }
        assert!(copied >= 1 && text.contains("\nUSER pganalytics"), "{name}");
    }
    for entry in fs::read_dir(dir()).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
            let secret = ["PASSWORD", "SECRET", "TOKEN", "password", "secret"]
                .iter()
                .find_map(|word| line.split_once(word));
            let Some((_, value)) = secret.and_then(|(_, rest)| rest.split_once([':', '=', ' '])) else {
                continue;
            };
            let value = value.trim().trim_matches(['"', '\'']);
            let given = value.is_empty()
                || value.starts_with(['$', ':'])
                || value.contains("${")
                || value.contains("$(");
            assert!(given || !value.chars().all(|c| c.is_ascii_alphanumeric()), "{}: {line}", path.display());
        }
    }
}

/// The collector's container as its image starts it, but for where things are.
struct Container {
    home: Home,
    child: std::process::Child,
}

impl Container {
    fn start(home: Home, secret: &str) -> Container {
        let wrapper = home.state_dir().parent().unwrap().join("pganalytics");
        let text = format!(
            "#!/bin/sh\nexec {} --config {} \"$@\"\n",
            program("pganalytics").display(),
            home.config_path().display()
        );
        fs::write(&wrapper, text).unwrap();
        fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).unwrap();
        let out = fs::File::options().create(true).append(true).open(log_of(&home)).unwrap();
        let child = Command::new(dir().join("collector.sh"))
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("PGANALYTICS", &wrapper)
            .env("STATE", home.state_dir())
            .env("CYCLE_SECONDS", "1")
            .env("REGISTRATION_SECRET", secret)
            .current_dir(home.state_dir().parent().unwrap())
            .stdin(Stdio::null())
            .stdout(out.try_clone().unwrap())
            .stderr(out)
            .spawn()
            .unwrap();
        Container { home, child }
    }

    fn said(&self) -> String {
        fs::read_to_string(log_of(&self.home)).unwrap()
    }

    #[track_caller]
    fn until(&self, words: &str, times: usize) {
        eventually(LONG, || match self.said() {
            said if said.matches(words).count() >= times => Ok(()),
            said => Err(said),
        });
    }

    /// As `docker stop` does.
    fn stop(mut self) -> (Option<i32>, Home, String) {
        crate::support::postmaster::signal(self.child.id() as i32, rustix::process::Signal::TERM);
        let status = eventually(LONG, || self.child.try_wait().unwrap().ok_or("it runs"));
        let said = self.said();
        (status.code(), self.home, said)
    }
}

fn log_of(home: &Home) -> PathBuf {
    home.state_dir().parent().unwrap().join("container.log")
}

#[test]
fn the_scripts_of_the_images_do_what_the_compose_file_wants() {
    // Roles are a whole server's.
    let mut server = Cluster::start(*majors().last().unwrap(), &[]);
    let tree = top().join(format!("target/pg/{}", server.major));
    let script = |name: &str, more: &[(&str, &str)]| {
        let output = Command::new(dir().join(name))
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", tree.join("bin").display()))
            .env("LD_LIBRARY_PATH", tree.join("lib"))
            .envs([
                ("PGHOST", "127.0.0.1"),
                ("PGPORT", &server.port().to_string()),
                ("POSTGRES_USER", "postgres"),
            ])
            .envs(more.iter().copied())
            .output()
            .unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    };
    script("postgres-init.sh", &[("COLLECTOR_PASSWORD", "it's one")]);
    server.sql("postgres", "create database metrics");
    script(
        "timescale-init.sh",
        &[("POSTGRES_DB", "metrics"), ("API_PASSWORD", "two"), ("GRAFANA_PASSWORD", "three")],
    );
    let url = format!("postgresql://pganalytics_api:two@127.0.0.1:{}/metrics?sslmode=disable", server.port());
    let mut backend = Api::prepare(&url, &[]);
    backend.launch();
    backend.healthy();
    script(
        "grafana-role.sh",
        &[("DATABASE_URL", &url), ("ROLE_SQL", top().join("grafana/role.sql").to_str().unwrap())],
    );
    let may = "select has_table_privilege('grafana', 'metrics', 'select') and not has_table_privilege('grafana', 'users', 'select')";
    assert!(server.one::<bool>("metrics", may));

    let home = Home::new();
    let shipped = fs::read_to_string(dir().join("collector.toml")).unwrap();
    let led = shipped
        .replace("http://backend:8080", &backend.url())
        .replace(
            "host = \"postgres\"",
            &format!("host = \"127.0.0.1\"\nport = {}\npassword = \"it's one\"", server.port()),
        )
        .replace("[collector]\n", "[collector]\nstate_dir = \"{state}\"\n")
        .replace("[logging]\n", "[logging]\nfile_path = \"{log}\"\n");
    home.config(&led);

    // The backend is not up yet, the token is not there.
    backend.kill9();
    let container = Container::start(home, REGISTRATION_SECRET);
    container.until("not registered yet", 1);
    backend.launch();
    backend.healthy();
    container.until("Metrics pushed successfully", 3);
    let (code, home, said) = container.stop();
    assert_eq!(code, Some(0), "{said}");
    for words in [
        "Connection pool initialized",
        "Query stats: ",
        "sampling_percent",
        "Collection cycle finished: duration=",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(!said.contains("it's one") && !said.contains(REGISTRATION_SECRET), "{said}");
    let batches: i64 = server.one("metrics", "select count(*) from batches");
    assert!(batches >= 3);

    // Started again it needs no secret, and goes on; a server that is away ends nothing.
    let container = Container::start(home, "");
    container.until("Metrics pushed successfully", 5);
    server.stop();
    container.until("Failed to acquire connection from pool", 2);
    let (code, home, _) = container.stop();
    assert_eq!(code, Some(0));
    home.config("[collector]\ninterval = 0\n");
    let mut container = Container::start(home, "");
    assert_eq!(eventually(LONG, || container.child.try_wait().unwrap().ok_or("it runs")).code(), Some(2));
}
