//! Two backends behind a real balancer, with the file that docs/HA.md tells of. Replicas are killed while a batch is under way;
//! the collector knows one address and nothing of that.

use std::fs;
use std::process::{Child, Command, Stdio};

use super::scene::{self, Scene};
use super::stored::each_once;
use crate::support::api::{self, Api};
use crate::support::cluster::shared;
use crate::support::poll::{LONG, eventually};
use crate::support::ports::{self, Port};
use crate::support::{majors, warden};
use crate::tls::certs::Authority;

const PROGRAM: &str = "/usr/sbin/haproxy";
const FILE: &str = "deploy/haproxy/haproxy.cfg";

struct Balancer {
    port: Port,
    dir: std::path::PathBuf,
    child: Child,
}

impl Balancer {
    fn start(replicas: [u16; 2]) -> Balancer {
        let (port, dir) = (ports::lease(), warden::fresh_dir("balancer"));
        let authority = Authority::new("balancer");
        let pair = authority.server(&["localhost"]);
        fs::write(dir.join("chain.pem"), pair.certificate + &pair.key).unwrap();
        authority.file(&dir, "ca.crt");
        let settings = [
            ("BIND", format!("127.0.0.1:{}", port.number)),
            ("CERTIFICATE", dir.join("chain.pem").display().to_string()),
            ("API_1", format!("127.0.0.1:{}", replicas[0])),
            ("API_2", format!("127.0.0.1:{}", replicas[1])),
        ];
        let haproxy = |args: &[&str]| {
            let mut command = Command::new(PROGRAM);
            command.args(args).arg("-f").arg(::bed::top().join(FILE)).current_dir(&dir).env_clear();
            command.envs(settings.iter().cloned()).stdin(Stdio::null());
            command
        };
        let document = fs::read_to_string(::bed::top().join("docs/HA.md")).unwrap();
        assert!(document.contains(&format!("```sh\nhaproxy -c -f {FILE}\n```")));
        let checked = haproxy(&["-c"]).output().expect("scripts/packages haproxy");
        let told = String::from_utf8_lossy(&checked.stderr).into_owned();
        assert!(checked.status.success() && !told.contains("WARNING"), "{told}");
        let log = fs::File::create(dir.join("log")).unwrap();
        let child = haproxy(&["-db"]).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        let balancer = Balancer { port, dir, child };
        eventually(LONG, || match balancer.curl("127.0.0.1", "/healthz", &[]) {
            (200, _) => Ok(()),
            other => Err(other),
        });
        balancer
    }

    fn url(&self) -> String {
        format!("https://localhost:{}", self.port.number)
    }

    /// Status and body, asked from this address.
    fn curl(&self, from: &str, path: &str, more: &[&str]) -> (u16, String) {
        let output = Command::new("curl")
            .args(["-s", "-w", "\n%{http_code}", "--max-time", "30", "--interface", from, "--cacert"])
            .arg(self.dir.join("ca.crt"))
            .args(["--resolve", &format!("localhost:{}:127.0.0.1", self.port.number)])
            .args(more)
            .arg(format!("{}{path}", self.url()))
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (body, status) = text.rsplit_once('\n').unwrap();
        (status.parse().unwrap(), body.to_owned())
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// A collector that has registered, and another replica beside its own; the balancer before both is all that it knows.
fn behind(settings: &[(&str, &str)]) -> (Scene, Api, Balancer) {
    let server = shared(majors()[0]);
    let watched = server.fresh_database("watched");
    let mut scene = Scene::start(server, &scene::cheap(server, &[&watched]));
    scene.api.kill9();
    settings.iter().for_each(|(name, value)| scene.api.set(name, value));
    scene.api.launch();
    let mut other = Api::prepare(&api::url(server.port(), &scene.database), settings);
    other.launch();
    for replica in [&scene.api, &other] {
        // Not by its health: each look at that counts.
        eventually(LONG, || match replica.try_get("/healthz", None) {
            Ok(answer) if answer.status == 200 => Ok(()),
            answer => Err((answer, replica.log())),
        });
    }
    let balancer = Balancer::start([scene.api.port(), other.port()]);
    scene.push_to(&format!(
        "{}\"\n[tls]\nca_file = \"{}",
        balancer.url(),
        balancer.dir.join("ca.crt").display()
    ));
    (scene, other, balancer)
}

#[test]
fn a_replica_may_be_killed_under_a_push() {
    let (mut scene, mut other, _balancer) = behind(&[("TRUSTED_PROXIES", "127.0.0.1")]);
    let server = shared(majors()[0]);
    scene.cron(0);
    let mut batches = 1;
    each_once(server, &scene, batches);
    for own in [true, false, true, false] {
        // The one that lives gets the push, which a lock holds where everything but its end is written.
        let (victim, spare) = if own { (&mut scene.api, &mut other) } else { (&mut other, &mut scene.api) };
        spare.kill9();
        let mut holder = server.conn(&scene.database);
        holder.batch_execute("begin; lock table latest in exclusive mode").unwrap();
        let run = scene.home.spawn(&["cron"]);
        let waits = "select count(*) from pg_locks where not granted and relation = 'latest'::regclass";
        eventually(LONG, || match server.one::<i64>(&scene.database, waits) {
            1 => Ok(()),
            waiting => Err((waiting, scene.home.log())),
        });
        spare.launch();
        spare.healthy();
        victim.kill9();
        let run = run.wait(LONG);
        assert_eq!(run.code, Some(1), "{}{}", run.stderr, scene.home.log());
        assert_eq!(scene.home.spool_files().len(), 1, "what nobody acknowledged waits");
        drop(holder);
        settled(server, &scene.database);

        // The victim is still away: the balancer finds the other.
        eventually(LONG, || {
            scene.time_passes();
            let run = scene.home.cron();
            batches += 1;
            if run.code == Some(0) { Ok(()) } else { Err(scene.home.log()) }
        });
        batches += 1;
        assert!(scene.home.spool_files().is_empty());
        each_once(server, &scene, batches);
        let victim = if own { &mut scene.api } else { &mut other };
        victim.launch();
        victim.healthy();
    }
    for api in [&scene.api, &other] {
        assert!(api.log().contains("Batch inserted"), "both have stored something");
    }
}

/// What the killed one had under way is over at the server as well.
fn settled(server: &crate::support::cluster::Cluster, database: &str) {
    let open =
        format!("select count(*) from pg_stat_activity where datname = '{database}' and state <> 'idle'");
    eventually(LONG, || match server.one::<i64>("postgres", &open) {
        0 => Ok(()),
        open => Err(open),
    });
}

#[test]
fn who_asks_is_the_client_and_not_the_balancer() {
    let limits = [("TRUSTED_PROXIES", "127.0.0.1"), ("RATE_LIMITS", "anonymous=30")];
    let (scene, other, balancer) = behind(&limits);
    let health = |from: &str, more: &[&str]| balancer.curl(from, "/api/v1/health", more).0;
    let mut passed = 0;
    // Two replicas count by themselves: so many pass in the end, whatever the client says of itself.
    let refused = (0..200).find(|n| {
        let status = health("127.0.0.2", &["-H", &format!("X-Forwarded-For: 10.0.0.{n}")]);
        passed += usize::from(status != 429);
        status == 429 && passed >= 60
    });
    assert!(refused.is_some() && passed == 60, "{passed} passed, {refused:?}");
    assert_eq!(health("127.0.0.3", &[]), 200, "another client has its own limit");
    assert_eq!(balancer.curl("127.0.0.3", "/metrics", &[]).0, 403, "each replica's own");
    drop((scene, other));
}
