//! The grammars of libpq's strings and files, and that nothing makes them panic.

use proptest::prelude::*;
use secrecy::ExposeSecret;

use super::Home;
use crate::config::{Passwords, dsn, service};

/// "k=v|k=v", or "!" for an error.
fn check(text: &str, expected: &str) {
    let found = dsn::parse(text);
    let found =
        found.map(|pairs| pairs.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join("|"));
    assert_eq!(found.unwrap_or_else(|_| "!".to_owned()), expected, "{text}");
}

#[test]
fn connection_strings() {
    check("", "");
    check("host=a port=1", "host=a|port=1");
    check("  host = a\n port= 1 ", "host=a|port=1");
    check("password='it''s'", "!");
    check(r"password='it\'s a \\' user=b", r"password=it's a \|user=b");
    check(r"password=a\ b\\c", r"password=a b\c");
    check("host=''", "host=");
    check("user='app'password=x", "user=app|password=x");
    check("host='a", "!");
    check("host", "!");
    check("host a", "!");
    check("=a", "=a");
    check("host=a\u{b}port=1", "host=a|port=1");
    check("host=a\u{a0}port=1", "host=a\u{a0}port=1");
    check("host=\u{e9}\u{20ac} dbname='\u{e9}'", "host=\u{e9}\u{20ac}|dbname=\u{e9}");
}

#[test]
fn connection_addresses() {
    check("postgresql://", "");
    check("postgres://h", "host=h");
    check("postgresql://u:p@h:1/d", "user=u|password=p|host=h|port=1|dbname=d");
    check("postgresql://u:a:b@h", "user=u|password=a:b|host=h");
    check("postgresql://u:a%40%2Fb@h", "user=u|password=a@/b|host=h");
    check("postgresql://u:a?b@h", "user=u|password=a?b|host=h");
    check("postgresql://u:a@b@h", "!");
    check("postgresql://u:1/b@h", "!");
    check("postgresql://u@h/a@b", "user=u|host=h|dbname=a@b");
    check("postgresql://a,b:2/d", "host=a,b|port=,2|dbname=d");
    check("postgresql://[::1]:7,[fe80::1]/", "host=::1,fe80::1|port=7,");
    check("postgresql://[::1", "!");
    check("postgresql://[::1]x", "!");
    check("postgresql:///d?host=/tmp&port=3", "dbname=d|host=/tmp|port=3");
    check("postgresql://%2Ftmp/d", "host=/tmp|dbname=d");
    check("postgresql://h?sslmode=require&", "host=h|sslmode=require");
    check("postgresql://h?ssl=true", "host=h|sslmode=require");
    check("postgresql://h?a=b&&c=d", "!");
    check("postgresql://h?a", "!");
    check("postgresql://h?&", "!");
    check("postgresql://[a/b?c,d]:1/e", "host=a/b?c,d|port=1|dbname=e");
    check("postgresql://[]", "!");
    check("postgresql://a,b", "host=a,b|port=,");
    check("postgresql://h?a=b=c", "!");
    check("postgresql://h/%", "!");
    check("postgresql://h/%0", "!");
    check("postgresql://h/%+1", "!");
    check("postgresql://h/%00", "!");
    check("postgresql://h/%ff", "!");
}

/// The password of a file for fixed questions.
fn password(file: &str, host: &str) -> Option<String> {
    Passwords::from_file(file).find(host, 5432, "d", "u").map(|p| p.expose_secret().to_owned())
}

#[test]
fn password_files() {
    let cases = [
        ("h:5432:d:u:p", Some("p")),
        ("h:5432:d:u:p:q", Some("p")),
        (r"h:5432:d:u:p\:q", Some("p:q")),
        (r"h:5432:d:u:p\\q\x", Some(r"p\qx")),
        (r"\h:5432:d:u:p\", Some(r"p\")),
        ("*:*:*:*:p", Some("p")),
        ("*:*:*:*:*", Some("*")),
        ("h*:*:*:*:p", None),
        (r"\*:*:*:*:p", None),
        ("h:5433:d:u:p", None),
        ("h:5432:e:u:p", None),
        ("h:5432:d:v:p", None),
        ("#h:5432:d:u:p", None),
        ("h:5432:d:u", None),
        ("h:5432:d:u:", None),
        ("h:5432:d:u:p\r\r\n", Some("p")),
        ("", None),
        ("nonsense\r\nh:5432:d:u:p\r\n", Some("p")),
        ("h:5432:d:u:first\nh:5432:d:u:second", Some("first")),
        (" h:5432:d:u:p", None),
    ];
    for (file, expected) in cases {
        assert_eq!(password(file, "h").as_deref(), expected, "{file}");
    }
    assert_eq!(password("a\\:b:*:*:*:p", "a:b").as_deref(), Some("p"));
}

#[test]
fn service_files() {
    let told = |text: &str, name: &str| match service::parse(text, name) {
        Ok(None) => "none".to_owned(),
        Ok(Some(pairs)) => pairs
            .iter()
            .map(|p| format!("{}:{}={}", p.line, p.keyword, p.value))
            .collect::<Vec<_>>()
            .join("|"),
        Err((line, _)) => format!("!{line}"),
    };
    let text = "# c\n\n[a]\n host=x \nport=1\n\n[b]\nhost=y=z\n[a]\nhost=again\n";
    assert_eq!(told(text, "a"), "4:host=x|5:port=1");
    assert_eq!(told(text, "b"), "8:host=y=z");
    assert_eq!(told(text, "c"), "none");
    assert_eq!(told("[a]\n", "a"), "");
    assert_eq!(told("[a] of ours\nport=1\nport=2\n", "a"), "2:port=1");
    assert_eq!(told("[ab]\nport=1\n", "a"), "none");
    assert_eq!(told("[a]\nservicefile=/x\n", "a"), "!2");
    assert_eq!(told("[a]\nhost\n", "a"), "!2");
    assert_eq!(told("[a]\nservice=b\n", "a"), "!2");
    assert_eq!(told("junk\n[a]\nhost=x\n", "a"), "3:host=x");
}

fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn percent(value: &str) -> String {
    value
        .bytes()
        .map(|b| if b.is_ascii_alphanumeric() { (b as char).to_string() } else { format!("%{b:02x}") })
        .collect()
}

proptest! {
    #[test]
    fn any_connection_string_comes_back(values in prop::collection::vec("[^\0]*", 1..5)) {
        let text: Vec<String> = values.iter().map(|v| format!("host={}", quoted(v))).collect();
        let pairs = dsn::parse(&text.join(" ")).unwrap();
        prop_assert_eq!(pairs.into_iter().map(|(_, value)| value).collect::<Vec<_>>(), values);
    }

    #[test]
    fn any_address_comes_back(user in "[^\0]+", password in "[^\0]+", host in "[^\0,]+", database in "[^\0]+") {
        let all = [&user, &password, &host, &database];
        let [u, p, h, d] = all.map(|value| percent(value));
        let pairs = dsn::parse(&format!("postgresql://{u}:{p}@{h}:5432/{d}")).unwrap();
        let value = |keyword: &str| pairs.iter().find(|(k, _)| k == keyword).map(|(_, v)| v.as_str());
        prop_assert_eq!(["user", "password", "host", "dbname"].map(value), all.map(|v| Some(v.as_str())));
    }

    #[test]
    fn any_password_file_entry_is_found(host in "[^\0\n\r#/][^\0\n\r]*", secret in "[^\0\n\r]+") {
        let escaped = |text: &str| text.replace('\\', "\\\\").replace(':', "\\:");
        let line = format!("\\{}:5432:d:u:{}\n", escaped(&host).trim_start_matches('\\'), escaped(&secret));
        prop_assume!(!host.starts_with(['\\', ':']));
        let found = password(&line, &host);
        prop_assert_eq!(found.as_deref(), Some(secret.as_str()));
    }

    #[test]
    fn nothing_panics(text in "(?s).{0,200}", ini in "[\\[\\]a=:*\\\\'%@/?&,# \n]{0,80}") {
        for input in [&text, &ini] {
            let _ = dsn::parse(input);
            let _ = dsn::parse(&format!("postgresql://{input}"));
            let _ = service::parse(input, "a");
            let _ = password(input, "a");
        }
    }

    #[test]
    fn no_configuration_panics(text in "(?s).{0,120}", toml in "[\\[\\]a-c=\"'.{}# \n0-9]{0,80}") {
        let home = Home::new();
        let _ = home.load(&text);
        let _ = home.load(&format!("[postgres]\n{toml}"));
        let _ = home.load(&format!("[postgres]\ndsn = '''{}'''", text.replace("'''", "")));
    }
}
