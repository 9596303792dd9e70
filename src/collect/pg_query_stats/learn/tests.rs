use super::*;
use crate::collect::mask::Masked;
use crate::collect::pg_query_stats::entry::Entry;
use crate::collect::pg_query_stats::growth::Standing;

const APP: u32 = 20;
const OURS: u32 = 10;

fn key(queryid: i64, userid: u32) -> Key {
    Key { queryid, dbid: 1, userid, toplevel: true }
}

fn chosen(key: Key, text: Text) -> Chosen {
    let entry = Entry { key, calls: 1, time_us: 1, stats_since_us: None, rows: 1 };
    let unjudged = key.userid == OURS;
    Chosen { entry, growth: None, standing: Standing::FirstSeen, text, unjudged, spare: false }
}

fn masked(key: Key) -> Read {
    let masked = Masked { text: "commit".into(), truncated: false };
    Read { key, json: Box::default(), answer: Some(Answer::Masked(masked)) }
}

/// What becomes of one id under both roles, both asked: which texts leave, and what is known of both the next time.
fn both(before: Text, wanted: &[i64]) -> ([bool; 2], [Text; 2]) {
    let keys = [key(1, APP), key(1, OURS)];
    let mut read = keys.map(masked);
    let learned = learn(&keys.map(|key| chosen(key, before)), &mut read, wanted, HashSet::new(), 9);
    let next = keys.map(|key| learned.text(&key, before, key.userid == OURS));
    (read.map(|row| matches!(row.answer, Some(Answer::Masked(_)))), next)
}

#[test]
fn a_text_that_is_read_twice_leaves_once() {
    assert_eq!(both(Text::NotSent, &[]), ([true, false], [Text::Sent(9); 2]));
    assert_eq!(both(Text::Sent(4), &[1]), ([true, false], [Text::Sent(9); 2]));
    assert_eq!(both(Text::Sent(4), &[7]), ([false, false], [Text::Sent(4); 2]));
}

#[test]
fn our_own_is_learned_for_us_alone() {
    let own = HashSet::from([(1, OURS)]);
    let learned = learn(&[chosen(key(1, APP), Text::NotSent)], &mut [masked(key(1, APP))], &[], own, 9);
    assert_eq!(learned.text(&key(1, APP), Text::NotSent, false), Text::Sent(9));
    assert_eq!(learned.text(&key(1, OURS), Text::NotSent, true), Text::Own);
    assert_eq!(learned.text(&key(1, OURS), Text::Own, false), Text::Own);
}

#[test]
fn what_nobody_judged_yet_is_not_marked() {
    let answer = |answer| Read { key: key(1, OURS), json: Box::default(), answer };
    for mut read in [[answer(Some(Answer::Waits))], [answer(None)]] {
        let learned = learn(&[chosen(key(1, OURS), Text::Sent(4))], &mut read, &[], HashSet::new(), 9);
        assert_eq!(learned, Learned::default());
        assert_eq!(learned.text(&key(1, OURS), Text::Sent(4), true), Text::NotSent);
        assert_eq!(learned.text(&key(1, APP), Text::Sent(4), false), Text::Sent(4));
    }
}
