use super::*;
use crate::collect::pg_query_stats::entry::{Entry, Key};
use crate::collect::pg_query_stats::growth::{Growth, Standing};

fn chosen(queryid: i64, dbid: u32, time_us: i64, text: Text) -> Chosen {
    let key = Key { queryid, dbid, userid: 10, toplevel: dbid != 2 };
    let entry = Entry { key, calls: 1, time_us: 1000, stats_since_us: None, rows: 1 };
    let growth = Some(Growth { calls: 1, time_us, since_us: 0 });
    Chosen { entry, growth, standing: Standing::Exact, text, spare: false }
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
fn an_answer_is_masked_and_remembered() {
    let check = |text, length, expected: Answer, mark| {
        let answer = read(text, length, 12);
        assert_eq!((&answer, answer.mark(7)), (&expected, mark), "of {text:?}");
    };
    let masked = |text: &str, truncated| Answer::Masked(Masked { text: text.into(), truncated });
    check(Some("select 'x'"), Some(10), masked("select '***'", false), Text::Sent(7));
    check(Some("select é, 'x"), Some(13), masked("select é, '", true), Text::Sent(7));
    check(Some("select é"), Some(8), masked("select é", false), Text::Sent(7));
    check(Some("select é"), Some(9), masked("select é", true), Text::Sent(7));
    check(Some("select /* pganalytics:x */ 1"), Some(28), Answer::Own, Text::Own);
    check(None, Some(9), Answer::Waits, Text::NotSent);
    check(None, None, Answer::Lost, Text::Sent(7));
}
