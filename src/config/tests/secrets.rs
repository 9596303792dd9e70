//! A secret is found where it is said to be, and never shows in anything that is told.

use std::os::unix::fs::PermissionsExt;

use secrecy::ExposeSecret;

use super::Home;

const SENTINEL: &str = "hunter2-sentinel";

fn password(home: &Home, toml: &str) -> Option<String> {
    let server = home.server(toml);
    server.password_for("localhost", 5432, "postgres").map(|p| p.expose_secret().to_owned())
}

#[test]
fn inline_from_the_environment_or_from_a_file() {
    let home = Home::with(&[("DB_SECRET", "from env")]);
    let file = home.write("secret", "from file \n");
    assert_eq!(password(&home, "[postgres]\npassword = \"inline\"").as_deref(), Some("inline"));
    assert_eq!(password(&home, "[postgres]\npassword = \"env:DB_SECRET\"").as_deref(), Some("from env"));
    let toml = format!("[postgres]\npassword = \"file:{}\"", file.display());
    assert_eq!(password(&home, &toml).as_deref(), Some("from file "));
    assert_eq!(password(&home, "[postgres]\npassword = \"\""), None);
}

#[test]
fn secrets_that_cannot_be_had_are_problems() {
    let home = Home::new();
    let empty = home.write("empty", "\n");
    let cases = [
        ("env:NOT_SET".to_owned(), "the environment variable NOT_SET is not set"),
        ("file:/nonexistent/x".to_owned(), "cannot read /nonexistent/x: No such file"),
        (format!("file:{}", empty.display()), "empty is empty"),
    ];
    for (secret, expected) in cases {
        for (section, key) in
            [("postgres", "password"), ("backend", "token"), ("backend", "proxy"), ("postgres", "dsn")]
        {
            let found = home.problems(&format!("[{section}]\n{key} = \"{secret}\"\n"));
            let start = format!("c.toml:2:{}: [{section}] {key}: ", key.len() + 4);
            assert!(
                found.len() == 1 && found[0].starts_with(&start) && found[0].contains(expected),
                "{found:?}"
            );
        }
    }
}

#[test]
fn no_message_ever_holds_a_secret() {
    let s = SENTINEL;
    let files = [
        format!("[postgres]\npassword = {s}\n"),
        format!("[postgres]\npassword = \"{s}\n"),
        format!("[postgres]\npassword = '{s}\nport = 1\n"),
        format!("[postgres]\npassword \"{s}\"\n"),
        format!("[postgres]\npassword = \"{s}\" \"{s}\"\n"),
        format!("[postgres]\npassword: {s}\n"),
        format!("[postgres]\npassword = \"{s}\"\npassword = \"{s}\"\n"),
        format!("[postgres]\npassword = \"{s}\"\nport = 0\n[backend]\ntoken = \"{s}\"\nurl = \"x\"\n"),
        format!("[postgres]\npasword = \"{s}\"\nport = 0\n"),
        format!("[postgres]\nsslmode = \"{s}\"\nport = \"{s}\"\nconnect_timeout = \"{s}\"\n"),
        format!("[postgres]\npassword = [\"{s}\"]\n[backend]\ntoken = {{ a = \"{s}\" }}\n"),
        format!("[backend]\nurl = \"https://u:{s}@b\"\nproxy = [\"{s}\"]\n"),
        format!("[backend]\nurl = \"{s}\"\n[logging]\nlevel = \"{s}\"\n"),
        format!("[postgres]\ndsn = \"postgresql://u:{s}@h:port/db?bad\"\n"),
        format!("[postgres]\ndsn = \"host=h password={s} 'x\"\n"),
        format!("[postgres]\ndsn = \"host=h password='{s}\"\n"),
        format!("[postgres]\ndsn = \"password={s} with spaces bad=1\"\n"),
        format!("[postgres]\ndsn = \"host=h {s}=1\"\nport = 0\n"),
        format!(
            "password = \"{s}\"\n[postgresql]\npassword = \"{s}\"\n[postgres]\npassword = \"x\"\nport = 0\n"
        ),
        format!(
            "[registration]\nsecret = \"{s}\"\n[backend]\njwt_token = \"{s}\"\ntoken = \"t\"\ntimeout = 0\n"
        ),
        format!(
            "[postgres]\ndsn = \"postgresql://u:x@{s}@h/db\"\n[[servers]]\ndsn = \"postgresql://u:1/{s}@h\"\n"
        ),
        format!("[postgres]\n\"{s} {s}\" = 1\n[\"{s} {s}\"]\nx = 1\n"),
    ];
    for toml in files {
        let told = match Home::new().load(&toml) {
            Ok(loaded) => loaded.warnings.join("\n"),
            Err(problems) => format!("{problems}\n{problems:?}"),
        };
        assert!(!told.contains(s), "{toml}\n{told}");
    }
}

#[test]
fn a_file_that_others_may_read_is_a_warning_only_with_a_secret_in_it() {
    let home = Home::new();
    let cases = [
        ("[postgres]\npassword = \"hunter2\"\n", 1),
        ("[backend]\ntoken = \"hunter2\"\n", 1),
        ("[[servers]]\nhost = \"a\"\npassword = \"hunter2\"\n", 1),
        ("[postgres]\ndsn = \"host=a password=hunter2\"\n", 1),
        ("[postgres]\ndsn = \"host=a\"\npassword = \"env:HOME\"\n", 0),
        ("[backend]\nproxy = \"http://p:1\"\n", 0),
    ];
    for (toml, expected) in cases {
        let path = home.write("c.toml", toml);
        assert_eq!(home.warnings(toml), Vec::<String>::new(), "{toml}");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let Ok(loaded) = home.load_file(Some(&path)) else { panic!("{toml}") };
        assert_eq!(loaded.warnings.len(), expected, "{:?}", loaded.warnings);
        assert!(
            loaded
                .warnings
                .iter()
                .all(|w| w.contains("every user may read this file") && !w.contains("hunter2"))
        );
    }
}
