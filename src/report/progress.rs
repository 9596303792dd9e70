//! The line that moves while somebody waits at the terminal. Quick runs show none.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

const QUICK: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    Silent,
    Shown,
}

impl Progress {
    /// Shown to whoever sits at the terminal that stderr is.
    pub fn on_terminal() -> Progress {
        if std::io::stderr().is_terminal() { Progress::Shown } else { Progress::Silent }
    }

    pub fn show(self, (answered, expected): (usize, usize), since: Instant) {
        let elapsed = since.elapsed();
        if self == Progress::Shown && elapsed > QUICK {
            write(&line(answered, expected, elapsed));
        }
    }

    /// Leaves the line free for what comes next.
    pub fn clear(self, since: Instant) {
        if self == Progress::Shown && since.elapsed() > QUICK {
            write("\r\x1b[K");
        }
    }
}

fn line(answered: usize, expected: usize, elapsed: Duration) -> String {
    format!("\r\x1b[K{answered} of {expected} parts, {} s", elapsed.as_secs())
}

fn write(text: &str) {
    // A terminal that went away is no reason to end a run.
    let mut stderr = std::io::stderr().lock();
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_that_replaces_itself() {
        assert_eq!(line(3, 12, Duration::from_millis(4999)), "\r\x1b[K3 of 12 parts, 4 s");
    }
}
