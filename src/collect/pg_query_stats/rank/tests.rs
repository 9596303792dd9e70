use super::*;
use crate::collect::pg_query_stats::entry::Key;
use crate::collect::pg_query_stats::item::Read;
use crate::collect::pg_query_stats::learn::learn;
use crate::collect::pg_query_stats::texts::Answer;
use proptest::prelude::*;
use std::collections::HashSet;

const FACTS: Facts =
    Facts { postmaster_start_us: 1, stats_reset_us: Some(1), dealloc: Some(1), taken_at_us: 1000 };

fn entry(queryid: i64, dbid: u32, calls: i64, time_us: i64) -> Entry {
    let key = Key { queryid, dbid, userid: 10, toplevel: true };
    Entry { key, calls, time_us, stats_since_us: None, rows: 1 }
}

fn previous(entries: &[Entry], text: impl Fn(&Entry) -> Text) -> Previous {
    let mut entries = entries.to_vec();
    fold(&mut entries);
    let records = entries.iter().map(|entry| Record::of(entry, text(entry))).collect();
    Previous { facts: FACTS, target: 0, records }
}

fn ranked(
    now: &[Entry],
    before: Option<&Previous>,
    watched: &[u32],
    limit: usize,
    wanted: &[i64],
) -> Ranking {
    let later = Facts { taken_at_us: 2000, ..FACTS };
    rank(&mut now.to_vec(), before, &later, &Scope { watched, limit, wanted, ours: &[] })
}

fn ids(ranking: &Ranking) -> Vec<i64> {
    ranking.chosen.iter().filter(|it| !it.spare).map(|it| it.entry.key.queryid).collect()
}

#[test]
fn the_first_run_ranks_by_totals() {
    let now = [entry(1, 1, 1, 10), entry(2, 1, 900, 20), entry(3, 1, 5, 30), entry(4, 1, 1, 5)];
    let ranking = ranked(&now, None, &[1], 2, &[]);
    assert_eq!(ids(&ranking), [3, 2]);
    assert!(ranking.first_run && ranking.chosen[0].growth.is_none());
    assert_eq!(ranking.server.sampling_percent(), 50.0);
    assert_eq!(ranking.server.time_covered_percent(), Some(100.0 * 50.0 / 65.0));
    assert_eq!(ranking.server.calls_covered_percent(), Some(100.0 * 905.0 / 907.0));
}

#[test]
fn later_runs_rank_by_growth_and_fill_up_with_the_idle() {
    let before = [entry(1, 1, 9, 9000), entry(2, 1, 9, 10), entry(3, 1, 9, 30), entry(4, 1, 9, 8000)];
    let mut now = before;
    now[1].time_us += 5;
    now[2].calls += 50;
    let previous = previous(&before, |_| Text::NotSent);
    let now: Vec<Entry> = now.into_iter().chain([entry(5, 1, 1, 4)]).collect();
    assert_eq!(ids(&ranked(&now, Some(&previous), &[1], 3, &[])), [2, 3, 5]);
    assert_eq!(ids(&ranked(&now, Some(&previous), &[1], 4, &[])), [2, 3, 5, 1]);
    let ranking = ranked(&now, Some(&previous), &[1], 1, &[]);
    assert_eq!(ranking.chosen[0].growth, Some(Growth { calls: 0, time_us: 5, since_us: 1000 }));
    assert_eq!(ranking.server.time_covered_percent(), Some(100.0 * 5.0 / 9.0));
    assert_eq!(ranking.server.calls_covered_percent(), Some(0.0));
}

#[test]
fn half_the_places_go_to_time_a_quarter_to_calls_and_to_new_ones() {
    let known: Vec<Entry> = (1..=16).map(|id| entry(id, 1, 0, 0)).collect();
    let heavy = (1..=8).map(|id| entry(id, 1, 1, 1000 - id));
    let busy = (9..=16).map(|id| entry(id, 1, 100 - id, 10));
    let new = (17..=24).map(|id| entry(id, 1, 1, 50 - id));
    let now: Vec<Entry> = heavy.chain(busy).chain(new).collect();
    let ranking = ranked(&now, Some(&previous(&known, |_| Text::NotSent)), &[1], 8, &[]);
    assert_eq!(ids(&ranking), [1, 9, 2, 17, 3, 10, 4, 18]);
}

#[test]
fn every_watched_database_has_its_own_places() {
    let now: Vec<Entry> = (1..=50).map(|id| entry(id, 1, 100, 1_000_000)).collect();
    let now: Vec<Entry> = now.into_iter().chain([entry(60, 2, 1, 1), entry(61, 3, 1, 1)]).collect();
    let ranking = ranked(&now, None, &[1, 2], 4, &[]);
    assert_eq!(ids(&ranking), [1, 2, 3, 4, 60]);
    let databases: Vec<_> = ranking.databases.iter().map(|(dbid, share)| (*dbid, share.clone())).collect();
    let figures =
        |share: &Share| (share.configured_limit, share.present.statements, share.collected.statements);
    let figures: Vec<_> = databases.iter().map(|(dbid, share)| (*dbid, figures(share))).collect();
    assert_eq!(figures, [(1, (4, 50, 4)), (2, (4, 1, 1)), (3, (0, 1, 0))]);
    assert_eq!(ranking.server.present.statements, 52);
}

#[test]
fn what_the_role_may_not_see_counts_and_is_not_chosen() {
    let hidden = |calls, time_ms| Entry::new(None, (1, 7, true), calls, time_ms, Some(3));
    let now = [hidden(10, 1.5), hidden(20, 2.5), entry(5, 1, 1, 1000)];
    let ranking = ranked(&now, None, &[1], 10, &[0]);
    assert_eq!(ids(&ranking), [5]);
    assert_eq!(ranking.texts_gone, [0]);
    let share = &ranking.databases[0].1;
    assert_eq!((share.unreadable, share.present.statements, share.present.calls), (2, 3, 31));
    assert_eq!(share.time_covered_percent(), Some(20.0));
    assert_eq!(share.sampling_percent(), 100.0 / 3.0);
}

#[test]
fn our_own_statements_stand_apart() {
    let now = [entry(1, 1, 10, 100), entry(2, 1, 5, 50)];
    let own = previous(&now, |entry| if entry.key.queryid == 1 { Text::Own } else { Text::Sent(3) });
    let mut later = now;
    (later[0].calls, later[1].calls) = (17, 8);
    let ranking = ranked(&later, Some(&own), &[1], 10, &[1]);
    assert_eq!(ids(&ranking), [2]);
    assert_eq!(ranking.chosen[0].text, Text::Sent(3));
    assert_eq!((ranking.server.own.statements, ranking.server.own.calls), (1, 7));
    assert_eq!(ranking.server.calls_covered_percent(), Some(100.0));
    assert_eq!(ranking.server.present.statements, 2);
}

#[test]
fn an_id_that_others_use_is_our_own_under_our_role_only() {
    let now = [entry(1, 1, 10, 100), of(20, 10)];
    let own = previous(&now, |entry| if entry.key.userid == 10 { Text::Own } else { Text::Sent(3) });
    let ranking = ranked(&[entry(1, 1, 12, 120), of(20, 15)], Some(&own), &[1], 10, &[1]);
    let users: Vec<_> = ranking.chosen.iter().map(|it| (it.entry.key.userid, it.text, it.growth)).collect();
    assert_eq!(users, [(20, Text::Sent(3), Some(Growth { calls: 5, time_us: 0, since_us: 1000 }))]);
    assert_eq!((ranking.server.own.calls, &ranking.texts_gone), (2, &vec![]));
}

#[test]
fn a_text_that_went_out_under_another_user_is_judged_under_ours() {
    let scope = Scope { watched: &[1], limit: 10, wanted: &[], ours: &[10] };
    let unjudged = |before: &[Entry]| {
        let before = previous(before, |_| Text::Sent(3));
        let ranking = rank(&mut vec![entry(1, 1, 2, 2), of(20, 2)], Some(&before), &FACTS, &scope);
        let of_user = |id| ranking.chosen.iter().find(|it| it.entry.key.userid == id).unwrap();
        assert!(!of_user(20).unjudged && of_user(20).text == Text::Sent(3));
        of_user(10).unjudged
    };
    assert!(unjudged(&[of(20, 1)]));
    assert!(!unjudged(&[of(20, 1), entry(1, 1, 1, 1)]), "once is enough");
}

fn of(userid: u32, calls: i64) -> Entry {
    let same = entry(1, 1, calls, 100);
    Entry { key: Key { userid, ..same.key }, ..same }
}

#[test]
fn twins_that_the_extension_cannot_tell_apart_are_one() {
    let ranking = ranked(&[entry(1, 1, 3, 30), entry(1, 1, 4, 40)], None, &[1], 5, &[]);
    assert_eq!((ranking.chosen.len(), ranking.chosen[0].entry.calls), (1, 7));
    assert_eq!(ranking.server.present.statements, 1);
}

#[test]
fn wanted_texts_come_on_top_or_are_gone() {
    let now: Vec<Entry> = (1..=9).map(|id| entry(id, 1 + u32::from(id == 9), 1, 100 - id)).collect();
    let ranking = ranked(&now, None, &[1], 2, &[2, 7, 7, 9, 99]);
    assert_eq!(ids(&ranking), [1, 2, 7]);
    assert_eq!(ranking.texts_gone, [9, 99]);
    assert_eq!(ranking.server.collected.statements, 3);
}

#[test]
fn a_run_takes_ten_thousand_and_shares_them_fairly() {
    let database =
        |dbid: u32, count: i64| (0..count).map(move |at| entry(i64::from(dbid) * 100_000 + at, dbid, 1, 1));
    let now: Vec<Entry> = database(1, 9000).chain(database(2, 9000)).chain(database(3, 100)).collect();
    let ranking = ranked(&now, None, &[1, 2, 3], 10_000, &[]);
    let collected: Vec<u64> = ranking.databases.iter().map(|(_, share)| share.collected.statements).collect();
    assert_eq!(collected, [4950, 4950, 100]);
    assert_eq!(ranking.server.configured_limit, 10_000);
    let grown: Vec<Entry> =
        now.iter().map(|it| if it.key.dbid == 2 { Entry { calls: 2, ..*it } } else { *it }).collect();
    let ranking = ranked(&grown, Some(&previous(&now, |_| Text::NotSent)), &[1, 2, 3], 10_000, &[]);
    let collected: Vec<u64> = ranking.databases.iter().map(|(_, share)| share.collected.statements).collect();
    assert_eq!(collected, [900, 9000, 100], "those that grew come first");
}

#[test]
fn the_next_run_is_told_everything() {
    let mut now = vec![entry(3, 1, 1, 1), entry(1, 1, 1, 1), entry(2, 2, 1, 1)];
    let before = previous(&[entry(3, 1, 1, 1)], |_| Text::Sent(4));
    let scope = Scope { watched: &[1], limit: 10, wanted: &[], ours: &[] };
    let ranking = rank(&mut now, Some(&before), &FACTS, &scope);
    let lost = |it: &Chosen| Read { key: it.entry.key, json: Box::default(), answer: Some(Answer::Lost) };
    let mut read: Vec<Read> = ranking.chosen.iter().map(lost).filter(|read| read.key.queryid == 1).collect();
    let learned = learn(&ranking.chosen, &mut read, &[], HashSet::from([(2, 10)]), 9);
    let records: Vec<Record> = ranking.records(&now, &learned).collect();
    let texts: Vec<_> = records.iter().map(|record| (record.key.queryid, record.text)).collect();
    assert_eq!(texts, [(1, Text::Sent(9)), (2, Text::Own), (3, Text::Sent(4))]);
}

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let one = (0i64..30, 1u32..4, 0i64..5, 0i64..5)
        .prop_map(|(id, dbid, calls, time)| entry(id, dbid, calls, time));
    prop::collection::vec(one, 0..60)
}

proptest! {
    /// Whatever happened in between: min(limit, readable) of each watched database, each once, and nothing uncounted.
    #[test]
    fn places_are_never_wasted(now in entries(), before in prop::option::of(entries()), limit in 1usize..12) {
        let before = before.map(|before| previous(&before, |_| Text::NotSent));
        let ranking = ranked(&now, before.as_ref(), &[1, 2], limit, &[]);
        let keys: HashSet<Key> = ranking.chosen.iter().map(|it| it.entry.key).collect();
        prop_assert_eq!(keys.len(), ranking.chosen.len());
        let keys: HashSet<Key> = ranking.chosen.iter().filter(|it| !it.spare).map(|it| it.entry.key).collect();
        for (dbid, share) in &ranking.databases {
            let here: HashSet<Key> = now.iter().map(|it| it.key).filter(|key| key.dbid == *dbid).collect();
            let readable = here.iter().filter(|key| key.readable()).count();
            let expected = if *dbid == 3 { 0 } else { readable.min(limit) };
            prop_assert_eq!(keys.iter().filter(|key| key.dbid == *dbid).count(), expected);
            prop_assert_eq!(share.collected.statements, expected as u64);
            prop_assert!(share.calls_covered_percent().is_none_or(|percent| (0.0..=100.0).contains(&percent)));
        }
        let calls: i64 = now.iter().map(|it| it.calls).sum();
        prop_assert_eq!(ranking.server.present.calls, calls);
    }
}
