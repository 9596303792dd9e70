use super::*;
use crate::collect::pg_log::level::Level;

fn kind(sqlstate: &str, message: &str) -> Option<&'static str> {
    let entry = Entry {
        level: Level::Log,
        sqlstate: sqlstate.as_bytes(),
        message: message.as_bytes().into(),
        ..Entry::default()
    };
    of(&entry).map(|kind| kind.name)
}

#[test]
fn messages_are_known_with_their_codes_and_without() {
    assert_eq!(kind("40P01", "deadlock detected"), Some("deadlock"));
    assert_eq!(kind("", "deadlock detected"), Some("deadlock"));
    assert_eq!(kind("40P01", "Verklemmung entdeckt"), Some("deadlock"), "in any language");
    assert_eq!(kind("", "Verklemmung entdeckt"), None);
    assert_eq!(kind("XX000", "deadlock detected"), Some("deadlock"));
    assert_eq!(
        kind("", "server process (PID 12) was terminated by signal 9: Killed"),
        Some("process_crashed")
    );
    assert_eq!(kind("00000", "nobody knows this"), None);
    assert_eq!(kind("", "duration: 12.5 ms  plan:\n\tSeq Scan"), Some("plan"));
    assert_eq!(kind("", "duration: 12.5 ms  statement: select 1"), Some("slow_statement"));
    assert_eq!(kind("", "duration: 12.5 ms"), Some("duration"));
    assert_eq!(kind("", ""), None);
}

#[test]
fn patterns_match_in_order() {
    for (pattern, text, fits) in [
        ("a*b", "axxb", true),
        ("a*b", "ab", true),
        ("a*b", "ba", false),
        ("*b", "xxbx", true),
        ("a", "b", false),
        ("", "x", true),
    ] {
        assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), fits, "{pattern} {text}");
    }
}
