//! How long a server, or one database of it, is left alone after a handshake that was never answered. Pure.
//!
//! A session that cannot come up leaves a backend behind that does not notice that we are gone. Where pg_authid is
//! locked it waits inside authentication, trust and SCRAM alike, and authentication_timeout (one minute, unless
//! changed) ends it. Where pg_database or pg_db_role_setting is locked, or pg_class of the one database, it waits
//! behind authentication, and nothing ends it but the end of the lock. (Seen on 13 and on 18.) The first back-off is
//! therefore five minutes: a lock of that length meets one backend of ours, however often cron starts a run.

const FIRST_S: i64 = 300;
const LONGEST_S: i64 = 1800;

/// 5, 10, 20, 30, 30 ... minutes.
pub fn next_s(stalls: u32) -> i64 {
    LONGEST_S.min(FIRST_S << stalls.saturating_sub(1).min(10))
}

/// The seconds that are left of it. An end further away than any back-off comes from another clock, and is void.
pub fn left_s(until: Option<i64>, now: i64) -> Option<i64> {
    let left = until? - now;
    (1..=LONGEST_S).contains(&left).then_some(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_and_ends() {
        let minutes: Vec<i64> = [0, 1, 2, 3, 4, 5, 1000].map(|n| next_s(n) / 60).to_vec();
        assert_eq!(minutes, [5, 5, 10, 20, 30, 30, 30]);
        let check = |until, expected| assert_eq!(left_s(until, 1000), expected, "{until:?}");
        check(None, None);
        check(Some(1300), Some(300));
        check(Some(1001), Some(1));
        check(Some(1000), None);
        check(Some(1), None);
        check(Some(1000 + LONGEST_S), Some(LONGEST_S));
        check(Some(1001 + LONGEST_S), None);
    }
}
