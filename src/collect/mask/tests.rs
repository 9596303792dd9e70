use super::*;
use proptest::prelude::*;

fn check(text: &str, expected: &str) {
    let masked = mask(text, 1000);
    assert_eq!(masked.text, expected, "of {text}");
    assert!(!masked.truncated, "of {text}");
}

#[test]
fn literals_go_and_the_statement_stays() {
    check("ALTER ROLE a PASSWORD 'geheim'", "ALTER ROLE a PASSWORD '***'");
    check(
        "create user a encrypted password e'ge\\'heim' login",
        "create user a encrypted password '***' login",
    );
    check(
        "CREATE USER a PASSWORD 'ge''heim' VALID UNTIL 'x'",
        "CREATE USER a PASSWORD '***' VALID UNTIL '***'",
    );
    check("set app.key = 'k'; set n to 5", "set app.key = '***'; set n to 0");
    check(
        "create subscription s connection 'host=h password=p' publication p",
        "create subscription s connection '***' publication p",
    );
    check(
        "create user mapping for a server s options (user 'u', password 'p')",
        "create user mapping for a server s options (user '***', password '***')",
    );
    check("DO $$ begin perform 'x'; end $$ language plpgsql", "DO '***' language plpgsql");
    check("do $a$ x $b$ y $$ $a$;", "do '***';");
    check("comment on table t is U&'d\\0061t' UESCAPE '!'", "comment on table t is '***' UESCAPE '***'");
    check("select * from dblink('password=p', $q$select 1$q$)", "select * from dblink('***', '***')");
    check(
        "copy t from program 'curl -u a:b h' with (delimiter ',')",
        "copy t from program '***' with (delimiter '***')",
    );
    check("select b'01', X'ff', n'x', E'a''b', 'a'\n'b'", "select '***', '***', '***', '***', '***'\n'***'");
    check("execute p(4111111111111111, -1.5e-3, 0xFF_ff, 1_000, .5, 1e10)", "execute p(0, -0, 0, 0, .0, 0)");
    check("fetch 10 from c", "fetch 0 from c");
}

#[test]
fn what_is_no_literal_stays() {
    for text in [
        "select $1, t1.c2, \"a 'b' \"\"5\" from s2.t$3$x$ where é8 = $12",
        "select a <-> b, a - b, a / b, a[$1:$2] from u&\"d\\0061t\"",
        "select x from t where y in ($1 /*, ... */)",
        "",
    ] {
        check(text, text);
    }
}

#[test]
fn comments_go() {
    check("/* user=4 */ select /* a /* b */ 'c' */ 1 -- token\n, 2", "select  0 \n, 0");
    check("select a -/**/- b", "select a - - b");
    check("select e/* */'x'", "select e '***'");
    check("select 1 /* cut", "select 0");
}

#[test]
fn doubt_masks_to_the_end() {
    check("alter role a password 'geh", "alter role a password '***'");
    check("do $x$ begin $", "do '***'");
    check("do $x$ begin $x", "do '***'");
    check("select \"colum", "select \"***\"");
    check(r"select 'C:\', 'secret'", "select '***'");
    check(r"select 'it\'s secret', 5", "select '***'");
    check(r"select 'a\\', 'b' from t", "select '***', '***' from t");
}

#[test]
fn the_cut_is_between_characters_and_is_told() {
    let cut = |text: &str, bytes| {
        let masked = mask(text, bytes);
        (masked.text, masked.truncated)
    };
    assert_eq!(cut("select é", 9), ("select é".into(), false));
    assert_eq!(cut("select é", 8), ("select ".into(), true));
    assert_eq!(cut("  select é  /* x */  ", 9), ("select é".into(), false));
    assert_eq!(cut("select 'long enough', 5", 9), ("select '*".into(), true));
    assert_eq!(cut("select 1", 0), (String::new(), true));
}

#[test]
fn our_own_statements_are_known_by_a_comment_only() {
    assert!(is_own("select /* pganalytics:wal */ 1"));
    assert!(is_own("/* pganalytics:wal */ select 1"));
    assert!(is_own("select $1 /* pganalytics:wal */"));
    assert!(!is_own("select '/* pganalytics:wal */'"));
    assert!(!is_own("select 1 /* pganalytics */"));
}

const SECRET: &str = "s3cretW0rd";

/// One literal holding the secret, in each way SQL can write it.
fn literal() -> impl Strategy<Value = String> {
    let inside = "[a-z '$é\\-]{0,6}";
    prop_oneof![
        (inside, "(|n|N|B)").prop_map(|(x, p)| format!("{p}'{}{SECRET}'", x.replace('\'', "''"))),
        inside.prop_map(|x| format!("E'{}{SECRET}\\' {SECRET}'", x.replace('\'', "\\'"))),
        inside.prop_map(|x| format!("U&'{}{SECRET}'", x.replace('\'', "''"))),
        (inside, "(|t|é_1)").prop_map(|(x, tag)| format!("${tag}${}{SECRET}${tag}$", x.replace('$', "'"))),
        inside.prop_map(|x| format!("/* {x} /* {SECRET} */ {SECRET} */")),
        inside.prop_map(|x| format!("-- {x}{SECRET}\n")),
        Just("4711".to_owned()),
        Just("0x4711".to_owned()),
    ]
}

fn plain() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        " ", ", ", "select", " e", " (", ")", "=", "\"a 'b\"", " $1", "\n", " ä ", "::", ";", " - ", " & ",
        " t.c ",
    ])
}

proptest! {
    #[test]
    fn no_literal_survives(parts in prop::collection::vec((plain(), literal()), 1..12), bytes in 0usize..200) {
        let text: String = parts.iter().map(|(plain, literal)| format!("{plain} {literal}")).collect();
        for masked in [mask(&text, bytes), mask(&text, usize::MAX)] {
            prop_assert!(!masked.text.contains(SECRET), "{text} -> {}", masked.text);
            prop_assert!(!masked.text.contains("4711"), "{text} -> {}", masked.text);
        }
    }

    #[test]
    fn masking_twice_is_masking_once(text in "[a-zEUx0-9'\"$/*&. é\\\\\n-]{0,40}") {
        let once = mask(&text, usize::MAX).text;
        prop_assert_eq!(&mask(&once, usize::MAX).text, &once);
    }

    #[test]
    fn any_text_is_taken_whole(text in "\\PC{0,60}", bytes in 0usize..80) {
        prop_assert_eq!(Lexer::new(&text).map(|(_, piece)| piece).collect::<String>(), text.as_str());
        prop_assert!(mask(&text, bytes).text.len() <= bytes);
    }
}
