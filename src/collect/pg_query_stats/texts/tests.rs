use super::*;
use crate::collect::pg_query_stats::entry::{Entry, Key};
use crate::collect::pg_query_stats::growth::{Growth, Standing};

fn chosen(queryid: i64, dbid: u32, time_us: i64, text: Text) -> Chosen {
    let key = Key { queryid, dbid, userid: 10, toplevel: dbid != 2 };
    let entry = Entry { key, calls: 1, time_us: 1000, stats_since_us: None, rows: 1 };
    let growth = Some(Growth { calls: 1, time_us, since_us: 0 });
    Chosen { entry, growth, standing: Standing::Exact, text, unjudged: false, spare: false }
}

#[test]
fn wanted_first_then_new_then_known_and_each_once() {
    let all = [
        chosen(1, 1, 10, Text::Sent(1)),
        chosen(2, 1, 20, Text::NotSent),
        chosen(2, 2, 90, Text::NotSent),
        chosen(3, 1, 30, Text::Sent(1)),
        chosen(4, 1, 40, Text::NotSent),
    ];
    let order = order(&all, &[3, 77]);
    assert_eq!(order.queryids, [3, 2, 4, 2, 1]);
    assert_eq!(order.dbids, [1, 2, 1, 1, 1]);
    assert_eq!(order.toplevels, [true, false, true, true, true]);
    assert_eq!(order.userids, [10; 5]);
    assert_eq!(order.with_text, [true, true, true, false, false]);
}

#[test]
fn an_answer_is_masked() {
    let check = |text, length, expected: Answer| assert_eq!(read(text, length, 12), expected, "of {text:?}");
    let masked = |text: &str, truncated| Answer::Masked(Masked { text: text.into(), truncated });
    check(Some("select 'x'"), Some(10), masked("select '***'", false));
    check(Some("select é, 'x"), Some(13), masked("select é, '", true));
    check(Some("select é"), Some(8), masked("select é", false));
    check(Some("select é"), Some(9), masked("select é", true));
    check(Some("select /* pganalytics:x */ 1"), Some(28), Answer::Own);
    check(None, Some(9), Answer::Waits);
    check(None, None, Answer::Lost);
}

#[test]
fn what_may_be_our_own_is_asked_first_and_once_for_each_of_our_roles() {
    let ours = |userid, it: Chosen| {
        let entry = Entry { key: Key { userid, ..it.entry.key }, ..it.entry };
        Chosen { entry, unjudged: true, ..it }
    };
    let all = [
        chosen(1, 1, 90, Text::NotSent),
        ours(7, chosen(1, 1, 30, Text::Sent(1))),
        ours(7, chosen(1, 3, 20, Text::Sent(1))),
        ours(8, chosen(1, 1, 10, Text::Sent(1))),
    ];
    let order = order(&all, &[1]);
    assert_eq!((order.userids, order.dbids), (vec![7, 7, 8, 10], vec![1, 3, 1, 1]));
    assert_eq!(order.with_text, [true, false, true, true]);
}
