use super::*;
use proptest::prelude::*;

fn record() -> impl Strategy<Value = Record> {
    let text = prop_oneof![Just(Text::NotSent), Just(Text::Own), (0u32..1 << 29).prop_map(Text::Sent),];
    let numbers =
        (any::<i64>(), any::<u32>(), any::<u32>(), any::<bool>(), any::<i64>(), any::<i64>(), any::<u32>());
    (numbers, text).prop_map(|((queryid, dbid, userid, toplevel, calls, time_us, since_tag), text)| Record {
        key: Key { queryid, dbid, userid, toplevel },
        calls,
        time_us,
        since_tag,
        text,
    })
}

fn facts(taken_at_us: i64) -> Facts {
    Facts { postmaster_start_us: -1, stats_reset_us: None, dealloc: Some(7), taken_at_us }
}

fn stored(path: &Path, records: &[Record]) {
    let content = encode(&facts(5), u64::MAX - 1, records.len(), records.iter().copied());
    fs::write(path, content).unwrap();
}

proptest! {
    #[test]
    fn what_is_written_is_read(mut records in prop::collection::vec(record(), 0..20)) {
        records.sort_unstable_by_key(|record| record.key);
        records.dedup_by_key(|record| record.key);
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("1.bin");
        stored(&path, &records);
        let previous = read(&path).unwrap();
        prop_assert_eq!(previous.facts, facts(5));
        prop_assert_eq!(previous.target, u64::MAX - 1);
        prop_assert_eq!(previous.records, records);
        prop_assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
    }

    #[test]
    fn any_damage_reads_as_absent(at in any::<prop::sample::Index>(), flip in 1u8.., cut in any::<prop::sample::Index>()) {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("1.bin");
        stored(&path, &[of(1, Text::Own), of(2, Text::Sent(3))]);
        let whole = fs::read(&path).unwrap();
        let mut damaged = whole.clone();
        damaged[at.index(whole.len())] ^= flip;
        fs::write(&path, &damaged).unwrap();
        prop_assert!(read(&path).is_none());
        fs::write(&path, &whole[..cut.index(whole.len())]).unwrap();
        prop_assert!(read(&path).is_none());
    }
}

fn of(queryid: i64, text: Text) -> Record {
    let key = Key { queryid, dbid: 1, userid: 1, toplevel: true };
    Record { key, calls: 1, time_us: 1, since_tag: 0, text }
}

#[test]
fn what_is_no_state_reads_as_absent() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("1.bin");
    assert!(read(&path).is_none());
    assert!(read(home.path()).is_none());
    stored(&path, &[of(2, Text::Own), of(1, Text::Own)]);
    assert!(read(&path).is_none(), "records out of order");
    fs::File::create(&path).unwrap().set_len(MAX_BYTES + 1).unwrap();
    assert!(read(&path).is_none());
}

#[test]
fn a_mark_is_void_when_it_proves_nothing() {
    const HOUR_US: i64 = 3_600_000_000;
    let after = |text, target, lost: &[u64], now_us| {
        let mut previous = Previous { facts: facts(HOUR_US), target: 9, records: vec![of(1, text)] };
        previous.void_marks(target, lost, now_us);
        previous.records[0].text
    };
    let (sent, later, tomorrow) = (Text::sent(7), 2 * HOUR_US, 25 * HOUR_US);
    assert_eq!(after(sent, 9, &[6, 8], later), sent);
    assert_eq!(after(sent, 9, &[6, 7], later), Text::NotSent);
    assert_eq!(after(sent, 8, &[], later), Text::NotSent);
    assert_eq!(after(sent, 9, &[], tomorrow), Text::NotSent);
    assert_eq!(after(Text::Own, 8, &[7], tomorrow), Text::Own);
}

#[test]
fn texts_are_renewed_evenly_over_the_day() {
    let minute_us = DAY_US / 1440;
    let ids = (0..14_400i64).map(|id| id * (DAY_US / 14_400) + 1);
    let mut previous =
        Previous { facts: facts(0), target: 0, records: ids.map(|id| of(id, Text::sent(1))).collect() };
    for minute in 1..=1440 {
        previous.void_marks(0, &[], minute * minute_us);
        let due = previous.records.iter_mut().filter(|record| record.text == Text::NotSent);
        let count = due.map(|record| record.text = Text::sent(1)).count();
        assert_eq!(count, 10, "in minute {minute}");
        previous.facts.taken_at_us = minute * minute_us;
    }
}

#[test]
fn a_sequence_is_kept_modulo_2_to_the_29() {
    assert_eq!(Text::sent((1 << 29) + 5), Text::Sent(5));
    assert_eq!(Text::unpack(Text::sent(u64::MAX).pack()), Text::sent(u64::MAX));
}
