//! The exit codes: what a script may rely on, in one place.

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Everything collected and delivered.
    Ok = 0,
    /// Something is missing, refused, or waits.
    Degraded = 1,
    /// The command line or the configuration is wrong: nothing was done.
    Usage = 2,
    /// No database could be reached.
    NoServer = 3,
    /// Another run holds the lock.
    Busy = 75,
}

impl Exit {
    pub fn code(self) -> i32 {
        self as i32
    }

    /// The verdict of a whole run out of what is known at its end.
    pub fn of(servers: usize, reached: usize, degraded: bool) -> Exit {
        match () {
            () if servers > 0 && reached == 0 => Exit::NoServer,
            () if degraded => Exit::Degraded,
            () => Exit::Ok,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Exit;

    #[test]
    fn codes_are_the_documented_ones() {
        let codes: Vec<i32> =
            [Exit::Ok, Exit::Degraded, Exit::Usage, Exit::NoServer, Exit::Busy].map(Exit::code).to_vec();
        assert_eq!(codes, [0, 1, 2, 3, 75]);
    }

    #[test]
    fn no_server_outweighs_degraded() {
        assert_eq!(Exit::of(2, 0, true), Exit::NoServer);
        assert_eq!(Exit::of(2, 1, true), Exit::Degraded);
        assert_eq!(Exit::of(2, 2, false), Exit::Ok);
        assert_eq!(Exit::of(0, 0, false), Exit::Ok);
    }
}
