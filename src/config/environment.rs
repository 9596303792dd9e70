//! What the surroundings say: environment variables, the user's name and home, the host's name.
//!
//! The variables come through a function, so that nothing else in `config` reads the process's own and tests
//! are pure. A variable that is set but empty counts as not set.

use std::path::PathBuf;

pub(super) struct Environment<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
}

impl<'a> Environment<'a> {
    pub(super) fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Environment { lookup }
    }

    pub(super) fn get(&self, name: &str) -> Option<String> {
        (self.lookup)(name).filter(|value| !value.is_empty())
    }

    pub(super) fn path(&self, name: &str) -> Option<PathBuf> {
        self.get(name).map(PathBuf::from)
    }

    /// The operating system's name of the user we run as.
    pub(super) fn user(&self) -> Option<String> {
        passwd_field(0).or_else(|| self.get("LOGNAME")).or_else(|| self.get("USER"))
    }

    pub(super) fn home(&self) -> Option<PathBuf> {
        self.path("HOME").or_else(|| passwd_field(5).map(PathBuf::from))
    }
}

pub(super) fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// A field of our own line in /etc/passwd. Users that come from a directory service are not in it.
fn passwd_field(index: usize) -> Option<String> {
    let uid = rustix::process::geteuid().as_raw().to_string();
    let text = std::fs::read_to_string("/etc/passwd").ok()?;
    let line = text.lines().find(|line| line.split(':').nth(2) == Some(uid.as_str()))?;
    line.split(':').nth(index).filter(|field| !field.is_empty()).map(str::to_owned)
}
