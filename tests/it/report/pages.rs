//! Both pages with names that were made to deceive: nothing acts, nothing is wider than it may be, nothing is lost.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::scene::home;
use super::{fits, found, says};
use crate::cli::terminal::on_a_terminal;
use crate::support::cluster::Cluster;
use crate::support::home::Home;
use crate::support::majors;

const DATABASE: &str = "<script>alert(1)</script>\u{1b}]0;x\u{7}\u{202e}\"'&";
const SCHEMA: &str = "名名名名名名名名名名名名名名名名名名名名";
const TABLE: &str = "table_whose_name_is_as_long_as_a_name_can_be_in_postgresql_12345";
const INDEX: &str = "<img src=http://example.com/x>\u{9b}31m \u{200b}\"; drop";

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn hostile() -> (Cluster, Home) {
    let server = Cluster::start(*majors().last().unwrap(), &[]);
    server.sql("postgres", "create role mon login; grant pg_monitor to mon");
    server.sql("postgres", &format!("create database {}", quoted(DATABASE)));
    let (schema, table) = (quoted(SCHEMA), quoted(&TABLE[..63]));
    server.sql(
        DATABASE,
        &format!("create schema {schema}; create table {schema}.{table} (a int); insert into {schema}.{table} values (1), (1)"),
    );
    let index = format!("create unique index concurrently {} on {schema}.{table} (a)", quoted(INDEX));
    assert!(server.conn(DATABASE).batch_execute(&index).is_err());
    let home = home(&server);
    let config = fs::read_to_string(home.config_path()).unwrap();
    let all = config.replace("[\"postgres\", \"app\", \"closed\"]", "\"*\"");
    home.config(
        &all.replace(
            "name = \"main\"",
            &format!("name = {:?}", "a name that no line has room for ".repeat(3)),
        ),
    );
    (server, home)
}

/// The statement as it stands on the page, its lines joined as the server joins them.
fn statement(page: &str) -> String {
    let start = page.find("reindex index").expect("a statement");
    let text = &page[start..=start + page[start..].find(";\n").unwrap()];
    text.lines().map(str::trim).collect::<Vec<_>>().join("\n")
}

#[test]
fn names_that_deceive_do_not() {
    let (server, home) = hostile();
    let html = home.state_dir().join("report.html");
    let run = home.run(&["report", "--html", &html.display().to_string()]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{}", run.stdout);
    assert_eq!(found(&run), [("WARNING", "Invalid index")], "{}", run.stdout);
    fits(&run);
    assert!(run.stdout.contains("..."), "{}", run.stdout);
    let refused = server.conn(DATABASE).batch_execute(&statement(&run.stdout));
    let why = refused.expect_err("two rows are equal").as_db_error().unwrap().message().to_owned();
    assert!(why.starts_with("could not create unique index"), "the statement names that very index: {why}");
    web_page(&fs::read_to_string(&html).unwrap());
    assert_eq!(fs::metadata(&html).unwrap().permissions().mode() & 0o777, 0o600);
}

/// It is well-formed XML as well, so a strict reader says where each text stands.
fn web_page(text: &str) {
    let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
    let page =
        roxmltree::Document::parse_with_options(text, options).unwrap_or_else(|e| panic!("{e}: {text}"));
    let names: Vec<&str> =
        page.descendants().filter(|n| n.is_element()).map(|n| n.tag_name().name()).collect();
    for active in ["script", "img", "link", "iframe", "object", "form", "a", "base"] {
        assert!(!names.contains(&active), "{active} in {text}");
    }
    for attribute in page.descendants().flat_map(|n| n.attributes()) {
        let known = ["lang", "charset", "http-equiv", "content", "name", "class"];
        assert!(known.contains(&attribute.name()), "{attribute:?}");
    }
    let style = page.descendants().find(|n| n.has_tag_name("style")).unwrap().text().unwrap();
    assert!(!style.contains("url(") && !style.contains("@import") && !style.contains("http"), "{style}");
    let policy =
        page.descendants().find_map(|n| n.attribute("http-equiv").and(n.attribute("content"))).unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    let article = page.descendants().find(|n| n.has_tag_name("article")).unwrap();
    let of_class = |class: &str| {
        let node = article.descendants().find(|n| n.attribute("class") == Some(class));
        node.and_then(|n| n.text()).unwrap_or_else(|| panic!("no {class} in {text}")).to_owned()
    };
    let place = of_class("place");
    assert_eq!(place.split(" / ").nth(1).unwrap(), "<script>alert(1)</script>\\u{1b}]0;x\\u{7}\\u{202e}\"'&");
    assert!(of_class("object").starts_with(&format!("{SCHEMA}.<img src=http://example.com/x>\\u{{9b}}31m")));
    assert!(of_class("figure").contains(&TABLE[..63]));
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let (_server, home) = hostile();
    let home = home.env("TERM", "xterm");
    let (code, said) = on_a_terminal(&home, "report");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("\u{1b}[1;33mWARNING (1)\u{1b}[0m"), "{said:?}");
    let piped = home.run(&["report"]);
    assert!(!piped.stdout.contains('\u{1b}'), "{:?}", piped.stdout);
    let home = home.env("NO_COLOR", "1");
    let (_, said) = on_a_terminal(&home, "report");
    assert!(said.contains("WARNING (1)") && !said.contains("\u{1b}[1"), "{said:?}");
}

#[test]
fn a_page_goes_where_a_file_may_be() {
    let (_server, home) = hostile();
    let folder = home.state_dir();
    let (target, link) = (folder.join("target"), folder.join("link.html"));
    fs::write(&target, "untouched").unwrap();
    symlink(&target, &link).unwrap();
    for path in [link.as_path(), folder.as_path(), std::path::Path::new("/dev/null")] {
        let run = home.run(&["report", "--html", &path.display().to_string()]);
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{}", run.stderr);
        assert!(run.stderr.contains("writing the page"), "{}", run.stderr);
    }
    assert_eq!(fs::read_to_string(&target).unwrap(), "untouched");
    assert!(link.is_symlink());
    let run = home.run(&["report", "--html", &target.display().to_string()]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(fs::read_to_string(&target).unwrap().contains("<h3>Invalid index</h3>"));
    assert_eq!(
        fs::metadata(&target).unwrap().permissions().mode() & 0o777,
        0o600,
        "what was there is replaced"
    );
}

#[test]
fn hidden_names_stay_hidden_and_what_is_wrong_is_still_told() {
    let (_server, home) = hostile();
    let config = fs::read_to_string(home.config_path()).unwrap();
    home.config(&format!("{config}[privacy]\nidentifiers = \"drop\"\n"));
    let html = home.state_dir().join("report.html");
    let run = home.run(&["report", "--html", &html.display().to_string()]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(found(&run), [("WARNING", "Invalid index")], "{}", run.stdout);
    says(&run, "Names are hidden by [privacy]");
    says(&run, "(hidden) on (hidden), 0 bytes");
    for page in [run.stdout, fs::read_to_string(html).unwrap()] {
        for name in ["script>alert", "example.com", SCHEMA, &TABLE[..63], "reindex"] {
            assert!(!page.contains(name), "{name} in {page}");
        }
    }
}
