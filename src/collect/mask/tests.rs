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

#[test]
fn values_that_were_never_quoted_go_too() {
    for (text, expected) in [
        ("set app.token = abc", "set app.token = '***'"),
        ("SET LOCAL app.token TO a.b-c, d; select x", "SET LOCAL app.token TO '***'; select x"),
        ("set app.token to \"abc\"", "set app.token to '***'"),
        ("alter system set app.token = on", "alter system set app.token = on"),
        ("alter database d set app.token=abc", "alter database d set app.token='***'"),
        (
            "alter role a in database d set app.token to abc",
            "alter role a in database d set app.token to '***'",
        ),
        (
            "create or replace function f() returns int set app.token to abc as $$x$$",
            "create or replace function f() returns int set app.token to '***'",
        ),
        ("alter user a password hunter2;x", "alter user a password '***'"),
        (
            "alter user a with encrypted password = \"hunter2\" login",
            "alter user a with encrypted password '***'",
        ),
        ("alter user a password null; select 1", "alter user a password null; select 0"),
        ("alter user a password $1 login", "alter user a password $1 login"),
        ("select dblink(\"host=h password=p\")", "select dblink(\"***\")"),
        ("create subscription s connection \"postgres://u:p@h\"", "create subscription s connection \"***\""),
        (&format!("select {}", "x".repeat(64)), "select \"***\""),
        (&format!("select \"{}\"", "x".repeat(64)), "select \"***\""),
    ] {
        check(text, expected);
    }
    for text in [
        "update t set a = b, password = c from d",
        "with x as (select a) update t set b = x.a to",
        "select password from users where password = $1",
        "alter table t set schema s; alter role a rename to b",
        "set role a; set session authorization b",
        "alter role \"a@b\" in database d reset all",
    ] {
        check(text, text);
    }
}

/// What secrets are made of, and nothing else in these tests: not one character of one may come out.
const OF_SECRETS: [char; 4] = ['q', 'Q', '7', 'Ψ'];

fn secret() -> impl Strategy<Value = String> {
    "[qQΨ][qQ7Ψ]{0,9}"
}

/// One literal of secrets, in each way that SQL can write it, with what must not end it inside.
fn literal() -> impl Strategy<Value = String> {
    let inside = || "[a-z '$é/*\"-]{0,5}";
    let doubled = |x: String| x.replace('\'', "''");
    prop_oneof![
        (secret(), inside(), secret(), "(|n|N|b|B|x|X|U&|u&)")
            .prop_map(move |(a, x, b, prefix)| format!("{prefix}'{a}{}{b}'", doubled(x))),
        (secret(), inside(), secret(), "[eE]", r"(\\\\|\\'|\\n|\\u0041)")
            .prop_map(move |(a, x, b, prefix, escape)| { format!("{prefix}'{a}{}{escape}{b}'", doubled(x)) }),
        (secret(), secret()).prop_map(|(a, b)| format!("'{a}'\n  'x{b}'")),
        (secret(), secret()).prop_map(|(a, b)| format!("'{a}' -- {b}'\n '{b}'")),
        (secret(), inside(), secret(), "(|t|é_1|T9)")
            .prop_map(|(a, x, b, tag)| format!("${tag}${a}{}{b}${tag}$", x.replace('$', "'"))),
        (secret(), secret()).prop_map(|(a, b)| format!("$o$ {a} $i$ {b} $$ ' $i$ $o$")),
        (secret(), inside(), secret()).prop_map(|(a, x, b)| {
            let x = x.replace(['*', '/'], "");
            format!("/* {x} ' /* {a} */ \" {b} */")
        }),
        (secret(), inside(), "(\n|\r)").prop_map(|(a, x, end)| format!("-- {x}{a}{end}")),
        "(7|77[0-9]{1,6}|0x[7Qq]7|0[ob]77|7_777|7[.]7|[.]77|7[.]|7e[+-]?77|77[.]7E7|7Q)",
    ]
}

fn plain() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        ",",
        "select",
        "e",
        "u",
        "(",
        ")",
        "=",
        "\"a 'b\"",
        "\"c\"\"-- d\"",
        "$1",
        "\n",
        "ä",
        "::",
        ";",
        "- ",
        "&",
        "t.c",
        "a$b$c",
        "$2::int",
        "<->",
        "u&\"d\"",
        "from",
        "[",
        "]",
    ])
}

/// Whole statements whose secrets are no literals by their looks.
fn bare() -> impl Strategy<Value = String> {
    let value = prop_oneof![secret(), secret().prop_map(|s| format!("\"{s}\"")), literal()];
    (
        prop::sample::select(vec![
            "set app.x =",
            "set local app.x to",
            "SET SESSION x.y=",
            "alter system set x to",
            "alter role r set x.y =",
            "ALTER DATABASE d SET x TO",
            "create function f() returns int set x.y to",
            "alter role r password",
            "CREATE USER r WITH ENCRYPTED PASSWORD",
            "alter /* x */ user r -- y\n password =",
        ]),
        value,
    )
        .prop_map(|(head, value)| format!("{head} {value}"))
}

fn statement() -> impl Strategy<Value = String> {
    let mixed =
        prop::collection::vec((plain(), "( |  |\n)", prop::option::of(literal())), 1..10).prop_map(|parts| {
            let each = parts.into_iter().map(|(plain, space, literal)| {
                // A quote right after a letter is another literal than it was meant to be; still one.
                format!("{plain}{space}{} ", literal.unwrap_or_default())
            });
            each.collect::<String>()
        });
    prop_oneof![4 => mixed, 1 => bare()]
}

fn clean(masked: &str, of: &str) -> Result<(), TestCaseError> {
    prop_assert!(!masked.contains(OF_SECRETS), "{of:?} -> {masked:?}");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_character_of_a_literal_survives(texts in prop::collection::vec(statement(), 1..4), bytes in 0usize..300) {
        let text = texts.join(";\n");
        clean(&mask(&text, usize::MAX).text, &text)?;
        let short = mask(&text, bytes).text;
        prop_assert!(short.len() <= bytes);
        clean(&short, &text)?;
    }

    #[test]
    fn none_survives_where_the_text_is_cut_at_any_byte(text in statement()) {
        for cut in 0..=text.len() {
            let part = String::from_utf8_lossy(&text.as_bytes()[..cut]);
            clean(&mask(&part, usize::MAX).text, &part)?;
        }
    }

    #[test]
    fn names_and_keywords_stay_in_their_order(
        parts in prop::collection::vec(("(select|from|t1|s[.]t_2|\"a 'b\"|[$]1|ä|<->|=|,)", literal()), 1..12),
    ) {
        // What leaves in doubt where it ends hides all that follows: not these.
        let certain: Vec<_> = parts.iter().filter(|(_, l)| !l.contains('\\')).collect();
        let text: String = certain.iter().map(|(plain, literal)| format!("{plain} {literal} ")).collect();
        let masked = mask(&text, usize::MAX).text;
        let mut rest = masked.as_str();
        for (plain, _) in certain {
            let at = rest.find(plain.as_str());
            prop_assert!(at.is_some(), "{plain} of {text:?} -> {masked:?}");
            rest = &rest[at.unwrap_or(0) + plain.len()..];
        }
    }

    #[test]
    fn masking_twice_is_masking_once(text in "(set |alter role a |)[a-zEUx0-9'\"$/*&. é\\\\\n=;-]{0,40}") {
        let once = mask(&text, usize::MAX).text;
        prop_assert_eq!(&mask(&once, usize::MAX).text, &once);
    }

    #[test]
    fn any_text_is_taken_whole(text in "\\PC{0,60}", bytes in 0usize..80) {
        prop_assert_eq!(Lexer::new(&text).map(|(_, piece)| piece).collect::<String>(), text.as_str());
        prop_assert!(mask(&text, bytes).text.len() <= bytes);
    }
}
