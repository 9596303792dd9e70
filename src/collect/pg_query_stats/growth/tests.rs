use super::*;
use crate::collect::pg_query_stats::entry::Key;

const BEFORE_US: i64 = 1_000_000;
const NOW_US: i64 = 2_000_000;

fn facts(taken_at_us: i64, stats_reset_us: impl Into<Option<i64>>, dealloc: impl Into<Option<i64>>) -> Facts {
    Facts {
        postmaster_start_us: 1,
        stats_reset_us: stats_reset_us.into(),
        dealloc: dealloc.into(),
        taken_at_us,
    }
}

fn entry(queryid: i64, calls: i64, time_us: i64, stats_since_us: impl Into<Option<i64>>) -> Entry {
    let key = Key { queryid, dbid: 1, userid: 1, toplevel: true };
    Entry { key, calls, time_us, stats_since_us: stats_since_us.into(), rows: 1 }
}

fn growth(calls: i64, time_us: i64, since_us: i64) -> Option<Growth> {
    Some(Growth { calls, time_us, since_us })
}

/// A statement with 10 calls and 100 us at the last run, and what it is now.
fn check(before: Facts, since: Option<i64>, now: Facts, after: Entry, expected: (Standing, Option<Growth>)) {
    let records = vec![Record::of(&entry(5, 10, 100, since), Text::NotSent)];
    let previous = Previous { facts: before, target: 0, records };
    let grown = grow(&[after], Some(&previous), &now, &[])[0];
    assert_eq!((grown.standing, grown.growth), expected, "{after:?}");
}

#[test]
fn with_stats_since_nothing_is_left_open() {
    let now = facts(NOW_US, 50, 9);
    let seen = |now, after, expected| check(facts(BEFORE_US, 50, 3), Some(60), now, after, expected);
    seen(now, entry(5, 12, 150, 60), (Standing::Exact, growth(2, 50, BEFORE_US)));
    seen(now, entry(5, 12, 150, 1_500_000), (Standing::EvictedAndReturned, growth(12, 150, 1_500_000)));
    let not_evicted = facts(NOW_US, 50, 3);
    seen(not_evicted, entry(5, 12, 150, 1_500_000), (Standing::Reset, growth(12, 150, 1_500_000)));
    let reset = facts(NOW_US, 1_400_000, 0);
    seen(reset, entry(5, 2, 15, 1_500_000), (Standing::Reset, growth(2, 15, 1_500_000)));
}

#[test]
fn after_an_update_of_the_extension_the_clock_decides() {
    let now = facts(NOW_US, 50, 9);
    let seen = |after, expected| check(facts(BEFORE_US, 50, 3), None, now, after, expected);
    seen(entry(5, 12, 150, 60), (Standing::Exact, growth(2, 50, BEFORE_US)));
    seen(entry(5, 12, 150, 1_500_000), (Standing::EvictedAndReturned, growth(12, 150, 1_500_000)));
}

#[test]
fn without_stats_since_doubt_is_said() {
    let seen = |now, after, expected| check(facts(BEFORE_US, 50, 3), None, now, after, expected);
    let (quiet, evicting) = (facts(NOW_US, 50, 3), facts(NOW_US, 50, 4));
    seen(quiet, entry(5, 10, 100, None), (Standing::Exact, growth(0, 0, BEFORE_US)));
    seen(quiet, entry(5, 12, 150, None), (Standing::Exact, growth(2, 50, BEFORE_US)));
    seen(quiet, entry(5, 2, 150, None), (Standing::Reset, growth(2, 150, BEFORE_US)));
    seen(evicting, entry(5, 12, 150, None), (Standing::Unproven, growth(2, 50, BEFORE_US)));
    seen(evicting, entry(5, 2, 15, None), (Standing::EvictedAndReturned, growth(2, 15, BEFORE_US)));
    seen(evicting, entry(5, 11, 15, None), (Standing::EvictedAndReturned, growth(11, 15, BEFORE_US)));
    let reset = facts(NOW_US, 1_400_000, 3);
    seen(reset, entry(5, 12, 150, None), (Standing::Reset, growth(12, 150, 1_400_000)));
}

#[test]
fn extension_1_8_proves_nothing_but_a_fall() {
    let now = facts(NOW_US, None, None);
    let seen = |now, after, expected| check(facts(BEFORE_US, None, None), None, now, after, expected);
    seen(now, entry(5, 12, 150, None), (Standing::Unproven, growth(2, 50, BEFORE_US)));
    seen(now, entry(5, 2, 15, None), (Standing::EvictedAndReturned, growth(2, 15, BEFORE_US)));
    let restarted = Facts { postmaster_start_us: 2, ..now };
    seen(restarted, entry(5, 2, 15, None), (Standing::Reset, growth(2, 15, BEFORE_US)));
    // Updated to 1.9 in between: a reset that was not known before proves none.
    seen(facts(NOW_US, 50, 3), entry(5, 12, 150, None), (Standing::Unproven, growth(2, 50, BEFORE_US)));
}

fn first(previous: Option<&Previous>, entry: Entry) -> (Standing, Option<Growth>) {
    let grown = grow(&[entry], previous, &facts(NOW_US, 50, 3), &[])[0];
    (grown.standing, grown.growth)
}

#[test]
fn a_new_statement_grew_by_all_it_has() {
    let new = |stats_since| entry(7, 3, 30, stats_since);
    assert_eq!(first(None, new(None)), (Standing::FirstSeen, None));
    let previous = Previous { facts: facts(BEFORE_US, 50, 3), target: 0, records: vec![] };
    assert_eq!(first(Some(&previous), new(None)), (Standing::FirstSeen, growth(3, 30, BEFORE_US)));
    assert_eq!(first(Some(&previous), new(Some(1_200_000))), (Standing::FirstSeen, growth(3, 30, 1_200_000)));
}

#[test]
fn a_statement_that_we_merely_could_not_see_did_not_grow() {
    let unreadable = Record::of(&entry(0, 10, 100, None), Text::NotSent);
    let below = Record::of(&entry(-3, 10, 100, None), Text::NotSent);
    let previous = Previous { facts: facts(BEFORE_US, 50, 3), target: 0, records: vec![below, unreadable] };
    assert_eq!(first(Some(&previous), entry(7, 3, 30, None)), (Standing::FirstSeen, None));
    assert_eq!(first(Some(&previous), entry(7, 3, 30, 70)), (Standing::FirstSeen, None));
    assert_eq!(first(Some(&previous), entry(0, 13, 90, None)), (Standing::Unproven, growth(3, 0, BEFORE_US)));
}

#[test]
fn the_walk_finds_every_record_and_shares_texts_by_id() {
    let at = |queryid, dbid, calls| {
        let mut entry = entry(queryid, calls, calls, None);
        entry.key.dbid = dbid;
        entry
    };
    let before = [
        (at(-9, 1, 1), Text::NotSent),
        (at(-2, 1, 1), Text::Sent(4)),
        (at(-2, 3, 1), Text::NotSent),
        (at(4, 1, 1), Text::Own),
        (at(4, 2, 1), Text::Sent(4)),
    ];
    let records = before.iter().map(|(entry, text)| Record::of(entry, *text)).collect();
    let previous = Previous { facts: facts(BEFORE_US, 50, 3), target: 0, records };
    let now = [at(-5, 1, 2), at(-2, 1, 3), at(-2, 2, 4), at(-2, 3, 5), at(4, 2, 6), at(4, 9, 7), at(8, 1, 8)];
    let grown = grow(&now, Some(&previous), &facts(NOW_US, 50, 3), &[]);
    let calls: Vec<i64> = grown.iter().map(|it| it.growth.unwrap().calls).collect();
    assert_eq!(calls, [2, 2, 4, 4, 5, 7, 8]);
    let sent = Text::Sent(4);
    let texts: Vec<Text> = grown.iter().map(|it| it.text).collect();
    assert_eq!(texts, [Text::NotSent, sent, sent, sent, Text::Own, Text::Own, Text::NotSent]);
}
