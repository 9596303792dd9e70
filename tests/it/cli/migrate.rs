//! `migrate-config` as a person types it.

use std::fs;

use crate::support::home::Home;

#[test]
fn an_older_file_is_printed_anew_and_nothing_is_written() {
    let home = Home::new();
    let old = home.state_dir().join("old.toml");
    let text = "; of 3.2\n[backend]\nurl = https://b:8080\ntls_verify = false\n[collector]\nid = c-1\n";
    fs::write(&old, text).unwrap();
    // Neither configuration nor state is needed: the one that --config names is not there.
    let run = home.run(&["migrate-config", old.to_str().unwrap()]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stdout.contains("# of 3.2\n[backend]\n"), "{}", run.stdout);
    assert!(run.stdout.ends_with("\n[tls]\n# migrate-config: was [backend] tls_verify: what TLS towards the backend takes has a section of its own\nverify = false\n"), "{}", run.stdout);
    let place = format!("{}:4: ", old.display());
    assert!(run.stderr.lines().any(|line| line.starts_with(&place)), "{}", run.stderr);
    assert!(
        run.stderr.contains("verify = false: the backend's certificate is not checked"),
        "{}",
        run.stderr
    );
    assert_eq!(fs::read_to_string(&old).unwrap(), text);
    assert_eq!(fs::read_dir(home.state_dir()).unwrap().count(), 1);

    home.config(&run.stdout);
    let valid = home.run(&["--validate-config"]);
    assert_eq!(valid.code, Some(0), "{}", valid.stderr);
    assert_eq!(
        valid.stdout,
        "Configuration loaded successfully\nCollector ID: c-1\nBackend URL: https://b:8080\n"
    );
    let again = home.run(&["migrate-config", home.config_path().to_str().unwrap()]);
    assert_eq!(again.stdout, run.stdout);
}

#[test]
fn what_it_cannot_do_is_exit_2_with_a_place_and_no_output() {
    let home = Home::new();
    let old = home.state_dir().join("old.toml");
    fs::write(&old, "[collector]\nid = \"a\"\nsomething else\n").unwrap();
    let run = home.run(&["migrate-config", old.to_str().unwrap()]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
    assert!(run.stderr.starts_with(&format!("{}:3:1: neither a section", old.display())), "{}", run.stderr);
    let run = home.run(&["migrate-config", "/nonexistent/old.toml"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
}
