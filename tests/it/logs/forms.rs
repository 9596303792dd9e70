//! Lines that no server writes, or only one that is in trouble, or speaks another language.

use super::by_hand::{NAMES, Written};
use super::{items, read, sum};
use crate::support::poll::{LONG, eventually};

#[test]
fn hostile_lines_cost_themselves_and_nothing_else() {
    std::thread::scope(|scope| NAMES.iter().for_each(|name| drop(scope.spawn(|| hostile(name)))));
}

fn hostile(name: &'static str) {
    let mut log = Written::new(name);
    read(&log.home);
    let long = log.entry(&"x".repeat(10 << 20));
    let odd = [
        &b"\n\r\n\0\0\0\n"[..],
        b"\xff\xfe no UTF-8 \xc3\n",
        b"\t\tonly a continuation\n",
        b"2026-02-03 04:05:06.789 UTC [7] \n",
        b"2026-02-03 04:05:06.789 UTC [7] DETAIL:  of nothing\n",
        b"{\"timestamp\":\"torn\n",
        b"{}\n[]\nnull\n",
        b"2026-02-03 04:05:06.789 UTC,\"me\n",
        b",,,,,,\"\"\"\n",
        &[&[b'%'; 70_000][..], b"\n"].concat(),
    ];
    log.append(long.as_bytes());
    for bytes in odd {
        log.append(bytes);
        log.more(1);
    }
    eventually(LONG, || {
        read(&log.home);
        let told = log.told().keys().next_back().copied();
        if told == Some(log.count - 1) { Ok(()) } else { Err((told, log.count)) }
    });
    log.assert_complete(0, name);
    assert_eq!(sum(&log.home, "/cut_entries"), 1, "{name}");
    assert!(sum(&log.home, "/unparsed_lines") > 5, "{name}");
    let batch = log.home.batches().pop().unwrap();
    let peak = batch["metrics"].as_array().unwrap().iter().find(|m| m["type"] == "agent").unwrap();
    assert!(peak["peak_rss_bytes"].as_u64().unwrap() < 64 << 20, "{peak:#}");
}

#[test]
fn where_no_statement_may_leave_no_piece_of_one_does() {
    let log = Written::new("server.log");
    let config = std::fs::read_to_string(log.home.config_path()).unwrap();
    log.home.config(&format!("{config}[privacy]\nquery_text = \"none\"\n"));
    read(&log.home);
    let at = "2026-02-03 04:05:06.789 UTC [7] ";
    log.append(
        format!(
            "{at}ERROR:  syntax error at or near \"chosen\" at character 8\n{at}STATEMENT:  select chosen\n\tfrom chosen_t\n\
             {at}ERROR:  division by zero\n{at}CONTEXT:  SQL statement \"select chosen\"\n\tPL/pgSQL function chosen() line 1 at SQL statement\n\
             {at}LOG:  duration: 12.5 ms  statement: select chosen\n{at}LOG:  duration: 7.5 ms  plan:\n\tQuery Text: select chosen\n\
             \tSeq Scan on chosen  (cost=0.00..1.00 rows=1 width=4)\n{at}LOG:  temporary file: path \"base/x\", size 77\n\
             {at}STATEMENT:  select chosen\n{at}LOG:  the end\n"
        )
        .as_bytes(),
    );
    eventually(LONG, || {
        read(&log.home);
        match sum(&log.home, "/entries") {
            6 => Ok(()),
            entries => Err(entries),
        }
    });
    let text = serde_json::to_string(&items(&log.home)).unwrap();
    assert!(!text.contains("chosen"), "{text}");
    assert_eq!((sum(&log.home, "/slow_statements/count"), sum(&log.home, "/temp_files/bytes")), (1, 77));
    assert_eq!(sum(&log.home, "/plans/0/count"), 1);
}

#[test]
fn other_languages_are_counted_by_level_and_what_nobody_knows_is_not_told() {
    let log = Written::new("server.log");
    read(&log.home);
    let at = "2026-02-03 04:05:06.789 UTC [7] ";
    log.append(
        format!(
            "{at}FEHLER:  Relation »geheim« existiert nicht bei Zeichen 15\n{at}ANWEISUNG:  select 'geheim' from x\n\
             {at}ОШИБКА:  деление на ноль\n{at}ログ:  データベース\n{at}HUPSAR:  geheim geheim\n{at}DETAIL:  geheim\n\
             {at}LOG:  the end\n"
        )
        .as_bytes(),
    );
    eventually(LONG, || {
        read(&log.home);
        match sum(&log.home, "/entries") {
            5 => Ok(()),
            entries => Err(entries),
        }
    });
    let level = |name: &str| sum(&log.home, &format!("/by_level/{name}"));
    assert_eq!((level("error"), level("log"), level("unknown")), (2, 2, 1));
    let text = serde_json::to_string(&items(&log.home)).unwrap();
    assert!(!text.contains("geheim"), "{text}");
    assert_eq!(sum(&log.home, "/unparsed_lines"), 0);
}
