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

/// What no test makes a server write, as its source has it; servers write the others in `tests/it/logs/kinds.rs`.
#[test]
fn what_cannot_be_provoked_is_known_too() {
    for (name, sqlstate, message) in [
        ("address_in_use", "", "could not bind IPv4 address \"127.0.0.1\": Address already in use"),
        ("audit", "00000", "AUDIT: SESSION,1,1,READ,SELECT,,,select 1,<not logged>"),
        ("authentication_failed", "28000", "Peer authentication failed for user \"x\""),
        ("authentication_failed", "28000", "certificate authentication failed for user \"x\""),
        ("authentication_timeout", "57014", "canceling authentication due to timeout"),
        ("autovacuum_cancelled", "57014", "canceling autovacuum task"),
        ("autovacuum_trouble", "", "autovacuum worker took too long to start; canceled"),
        (
            "autovacuum_wraparound",
            "",
            "automatic aggressive vacuum to prevent wraparound of table \"a.b.c\": index scans: 0",
        ),
        (
            "autovacuum_wraparound",
            "",
            "automatic vacuum to prevent wraparound of table \"a.b.c\": index scans: 0",
        ),
        ("checksum_failed", "01000", "page verification failed, calculated checksum 1 but expected 2"),
        ("collation_drifted", "01000", "database \"x\" has a collation version mismatch"),
        (
            "connection_ready",
            "00000",
            "connection ready: setup total=1.2 ms, fork=0.3 ms, authentication=0.4 ms",
        ),
        ("data_corrupted", "XX001", "invalid page in block 3 of relation base/1/2"),
        (
            "deadlock_avoided",
            "00000",
            "process 1 avoided deadlock for ShareLock on transaction 2 by rearranging queue order after 1000.1 ms",
        ),
        ("disk_full", "53100", "could not extend file \"base/1/2\": No space left on device"),
        ("disk_full", "", "could not write to file \"pg_wal/xlogtemp.1\": No space left on device"),
        ("fork_failed", "", "could not fork new process for connection: Resource temporarily unavailable"),
        ("index_corrupted", "XX002", "index \"x\" contains unexpected zero page at block 3"),
        ("internal_error", "XX000", "cache lookup failed for relation 7"),
        ("io_error", "58030", "could not read file \"base/1/2\": Input/output error"),
        ("not_accepting_connections", "57P03", "the database system is starting up"),
        ("oldest_xmin_far", "01000", "oldest xmin is far in the past"),
        ("out_of_files", "53000", "out of file descriptors: Too many open files; release and retry"),
        ("out_of_memory", "53200", "out of memory"),
        (
            "postmaster_lock_lost",
            "",
            "performing immediate shutdown because data directory lock file is invalid",
        ),
        ("primary_unreachable", "08006", "could not connect to the primary server: connection refused"),
        (
            "primary_unreachable",
            "08006",
            "streaming replication receiver \"x\" could not connect to the primary server: x",
        ),
        (
            "process_failed",
            "",
            "background worker \"logical replication launcher\" (PID 7) exited with exit code 1",
        ),
        ("promoted", "", "received promote request"),
        ("recovery_conflict", "40001", "canceling statement due to conflict with recovery"),
        ("recovery_paused", "", "recovery has paused"),
        ("recovery_wait", "", "recovery still waiting after 1000.1 ms: recovery conflict on lock"),
        ("restored_from_archive", "", "restored log file \"000000010000000000000001\" from archive"),
        ("slot_in_use", "55006", "replication slot \"x\" is active for PID 7"),
        ("standby_settings", "", "hot standby is not possible because of insufficient parameter settings"),
        (
            "statistics_stale",
            "",
            "using stale statistics instead of current ones because stats collector is not responding",
        ),
        ("streaming_ended", "", "terminating walsender process due to replication timeout"),
        ("streaming_started", "", "started streaming WAL from primary at 0/3000000 on timeline 1"),
        (
            "subscription_conflict",
            "23505",
            "conflict detected on relation \"public.t\": conflict=insert_exists",
        ),
        ("subscription_disabled", "", "subscription \"x\" has been disabled because of an error"),
        ("sync_standby_changed", "", "standby \"x\" is now a synchronous standby with priority 1"),
        ("sync_wait_cancelled", "", "canceling wait for synchronous replication due to user request"),
        (
            "timeline_fork",
            "",
            "new timeline 2 forked off current database system timeline 1 before current recovery point 0/1",
        ),
        ("tls_refused", "08P01", "could not accept SSL connection: no shared cipher"),
        (
            "vacuum_failsafe",
            "",
            "bypassing nonessential maintenance of table \"a.b.c\" as a failsafe after 1 index scans",
        ),
        ("wal_removed", "58P01", "requested WAL segment 000000010000000000000001 has already been removed"),
        (
            "wal_removed",
            "",
            "could not receive data from WAL stream: ERROR:  requested WAL segment 0001 has already been removed",
        ),
        ("wraparound_near", "", "database \"x\" must be vacuumed within 39985967 transactions"),
        (
            "wraparound_stop",
            "54000",
            "database is not accepting commands to avoid wraparound data loss in database \"x\"",
        ),
    ] {
        assert_eq!(kind(sqlstate, message), Some(name), "{sqlstate} {message}");
    }
}
