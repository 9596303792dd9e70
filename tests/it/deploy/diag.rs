//! The diagnostic bundle: what the guide collects, nobody else's to read, without a secret.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use super::install::install;
use super::{Said, run, stripped};
use crate::cycle::item::watching;
use crate::support::cluster::shared;
use crate::support::home::Home;
use crate::support::{majors, warden};

const SECRET: &str = "S3CRET";

fn diag(root: &Path, home: &Home, bundle: &Path) -> Said {
    let mut script = Command::new("env");
    script.arg(format!("PGANALYTICS_CONFIG={}", home.config_path().display()));
    script.arg(format!("PGANALYTICS_LOGS={}", home.log_path().parent().unwrap().display()));
    run(script.arg(root.join("opt/pganalytics/bin/diag")).arg(bundle))
}

/// A configuration with a secret wherever one can be.
fn full_of_secrets() -> Home {
    let home = watching(shared(majors()[0]), "postgres", "");
    let text = fs::read_to_string(home.config_path()).unwrap();
    let text = text.replace(
        "[backend]\n",
        "[backend]\nproxy = \"http://u:S3CRET1@127.0.0.1:9\"\n\"token\" = 'S3CRET2'\n",
    );
    let text = text.replace("[postgres]\n", "[postgres]\npassword = \"S3CRET3 \\\" S3CRET4\"\n");
    let file = home.state_dir().with_file_name("password");
    fs::write(&file, "S3CRET0\n").unwrap();
    home.config(&format!(
        "{text}[[servers]]\nname = \"away\"\ndsn = \"postgresql://u:S3CRET5@127.0.0.1:9/d\"\n\
         [[servers]]\nname = \"far\"\ndsn = \"\"\"\nhost=127.0.0.1 port=9\npassword=S3CRET6\"\"\"\n\
         [[servers]]\nname = \"named\"\nhost = \"127.0.0.1\"\nport = 9\npassword = \"file:{}\"\n",
        file.display()
    ));
    home
}

#[test]
fn the_bundle_holds_what_the_guide_wants_and_no_secret() {
    let root = warden::fresh_dir("diag");
    install(&root, stripped(), &[]).fine();
    let home = full_of_secrets();
    let ran = home.cron();
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let log = home.log()
        + "2026-01-01T00:00:00Z ERROR: password=S3CRET7 Bearer S3CRET8 eyJhbGci.eyJzdWIi.S3CRET9\n";
    fs::write(home.log_path(), log).unwrap();
    let bundle = root.join("bundle");
    let said = diag(&root, &home, &bundle).fine();
    assert!(said.contains("bundle.tar.gz"), "{said}");

    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&bundle), mode(&bundle.with_extension("tar.gz"))), (0o700, 0o600));
    let read = |name: &str| fs::read_to_string(bundle.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    for name in ["collector.log", "collector.toml", "processes.txt", "memory.txt", "disk.txt"] {
        assert_eq!(mode(&bundle.join(name)) & 0o077, 0, "{name}: {}", read(name));
    }
    let unpacked = run(Command::new("tar").arg("-tzf").arg(bundle.with_extension("tar.gz"))).fine();
    assert!(unpacked.contains("bundle/collector.log\n"), "{unpacked}");
    for entry in fs::read_dir(&bundle).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains(SECRET), "{}: {text}", path.display());
    }
    let config = read("collector.toml");
    assert!(config.contains("password = \"file:/") && config.contains("name = \"away\""), "{config}");
    assert!(read("collector.log").contains("Collecting metrics..."));
    assert!(read("version.txt").starts_with("pganalytics 3.3.0 ("));
    assert!(read("health.txt").contains("Health check complete: NOT healthy"));
    assert!(read("memory.txt").contains("Mem:") && read("disk.txt").contains("Filesystem"));
    // Again, into the same place.
    diag(&root, &home, &bundle).fine();
}

#[test]
fn a_place_that_somebody_else_prepared_is_refused() {
    let root = warden::fresh_dir("planted");
    install(&root, stripped(), &[]).fine();
    let home = watching(shared(majors()[0]), "postgres", "");
    let elsewhere = warden::fresh_dir("elsewhere");
    symlink(&elsewhere, root.join("bundle")).unwrap();
    let said = diag(&root, &home, &root.join("bundle"));
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("not a folder of yours"), "{}", said.err);
    assert_eq!(fs::read_dir(elsewhere).unwrap().count(), 0);
}
