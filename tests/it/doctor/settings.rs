//! Settings that leave figures empty: advice, and gone once it was followed.

use super::{Bed, marked, statements};
use crate::support::cluster::Cluster;
use crate::support::majors;
use crate::support::poll::{LONG, eventually};

#[test]
fn what_is_off_is_switched_on_by_what_is_printed() {
    for major in majors() {
        let mut off = vec![
            ("track_activities", "off"),
            ("track_counts", "off"),
            ("track_io_timing", "off"),
            ("pg_stat_statements.track", "none"),
        ];
        if major >= 14 {
            off.push(("compute_query_id", "off"));
        }
        let server = Cluster::start(major, &off);
        let bed = Bed::new(&server, 1);
        let run = bed.check(0);
        for (name, value) in &off {
            marked(&run, "! ", &format!("{name} = {value}:"));
        }
        bed.cycle(0);
        bed.mend(&run.stdout);
        eventually(LONG, || {
            let still: Vec<String> = off
                .iter()
                .filter(|(name, value)| server.one::<String>("postgres", &format!("show {name}")) == *value)
                .map(|(name, _)| (*name).to_owned())
                .collect();
            if still.is_empty() { Ok(()) } else { Err(still) }
        });
        let run = bed.check(0);
        let left: Vec<_> =
            statements(&run.stdout).into_iter().filter(|(_, sql)| sql.contains("track")).collect();
        assert!(left.is_empty(), "{left:?}");
        bed.cycle(0);
    }
}

/// ALTER SYSTEM would not reach what is set for a role.
#[test]
fn what_is_set_for_the_role_is_reset_there() {
    let server = crate::support::cluster::shared(majors()[0]);
    let bed = Bed::new(server, 1);
    server.sql("postgres", &format!("alter role {} set track_io_timing = off", bed.role));
    let mark = statements(&bed.check(0).stdout);
    // Only a superuser may set it for somebody, and so it is.
    assert!(mark.contains(&(None, format!("alter role \"{}\" reset track_io_timing", bed.role))), "{mark:?}");
    bed.mend(&bed.check(0).stdout);
    assert!(!bed.check(0).stdout.contains("track_io_timing"));
}
