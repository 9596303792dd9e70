//! The stubborn batch: answered 500 again and again by a backend that says of itself that it is well. Pure.
//!
//! Batches go out oldest first, so one that the backend cannot take stands before all others. Five such answers over
//! ten minutes put it behind them, once; five more over ten more give it up for `reject/`. The breaker is not lenient
//! with it: it cannot know yet whose fault a 500 is, and opens after three. Its back-off only spaces the answers out
//! (ten minutes become some seventeen); it cannot stop them, since each half-open run sends the oldest batch and so
//! counts one more. In the very run that puts the batch behind, the next one is sent as if the breaker had been closed:
//! its answer tells the two cases apart. Acknowledged, it closes the breaker, and the stubborn batch costs each run one
//! request at its end; answered 500 as well, it is the backend, and the breaker goes on counting.
//!
//! Several batches may be stubborn at a time: each has its own count. An answer while the backend is not well, or
//! does not say, proves nothing about the batch: the count begins anew.

use crate::state::ledger::Stubborn;

const ANSWERS: u32 = 5;
const SPAN_S: i64 = 600;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Wait,
    Behind,
    Reject,
}

/// One more 500 for `batch`.
pub(super) fn answered(known: &mut Vec<Stubborn>, batch: &str, healthy: bool, now: i64) -> Next {
    let at = known.iter().position(|s| s.batch == batch).unwrap_or_else(|| {
        known.push(Stubborn { batch: batch.to_owned(), answers: 0, since: now, moved: false });
        known.len() - 1
    });
    let one = &mut known[at];
    // Counted from an instant that has not come yet: the clock was set back.
    if !healthy || one.answers == 0 || one.since > now {
        (one.answers, one.since) = (0, now);
    }
    one.answers += u32::from(healthy);
    if one.answers < ANSWERS || now - one.since < SPAN_S {
        return Next::Wait;
    }
    if one.moved {
        known.remove(at);
        return Next::Reject;
    }
    (one.moved, one.answers) = (true, 0);
    Next::Behind
}

pub(super) fn is_behind(known: &[Stubborn], batch: &str) -> bool {
    known.iter().any(|s| s.moved && s.batch == batch)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each answer, given at that second, leads to.
    fn check(answers: &[(i64, bool)], expected: &[Next]) {
        let mut known = Vec::new();
        let got: Vec<Next> =
            answers.iter().map(|(now, healthy)| answered(&mut known, "a", *healthy, *now)).collect();
        assert_eq!(got, expected, "{answers:?}");
    }

    #[test]
    fn five_answers_over_ten_minutes_put_it_behind_and_five_more_reject_it() {
        use Next::{Behind, Reject, Wait};
        check(&[(0, true), (60, true), (120, true), (180, true), (599, true)], &[Wait; 5]);
        check(
            &[(0, true), (60, true), (600, true), (660, true), (720, true)],
            &[Wait, Wait, Wait, Wait, Behind],
        );
        let minutes: Vec<(i64, bool)> = (0..22).map(|n| (n * 60, true)).collect();
        let mut expected = [Wait; 22];
        (expected[10], expected[21]) = (Behind, Reject);
        check(&minutes, &expected);
        // the answers as the breaker's back-off spaces them
        let spaced = [0, 60, 120, 180, 300, 540, 1020].map(|s| (s, true));
        check(&spaced, &[Wait, Wait, Wait, Wait, Wait, Wait, Behind]);
    }

    #[test]
    fn a_sick_backend_or_a_clock_set_back_begins_anew() {
        use Next::{Behind, Wait};
        let sick =
            [(0, true), (200, true), (400, false), (600, true), (800, true), (900, true), (1000, true)];
        check(&sick, &[Wait; 7]);
        check(&[(9000, true), (0, true), (150, true), (300, true), (450, true), (600, true)], &{
            let mut expected = [Wait; 6];
            expected[5] = Behind;
            expected
        });
    }

    #[test]
    fn each_batch_has_its_own_count() {
        let mut known = Vec::new();
        for now in [0, 150, 300, 450] {
            assert_eq!(answered(&mut known, "a", true, now), Next::Wait);
            assert_eq!(answered(&mut known, "b", true, now), Next::Wait);
        }
        assert_eq!(answered(&mut known, "a", true, 600), Next::Behind);
        assert!(is_behind(&known, "a") && !is_behind(&known, "b") && !is_behind(&known, "c"));
    }
}
