//! How much anybody may ask for: one list of actions, each with its number a minute.
//!
//! Most are counted here, by replica: before a token is known to be ours by the client's address, after that by whom it
//! stands for, so that a fleet behind one address is not throttled as one. Logging in and registering are counted in the
//! database, by all replicas together (`store::attempts`).

mod window;

use std::net::IpAddr;
use std::time::Instant;

use anyhow::{Result, bail, ensure};
use uuid::Uuid;

pub use window::Windows;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limited {
    Anonymous,
    User,
    Push,
    Login,
    Registration,
}

/// Name, and how often in a minute unless the configuration says otherwise.
const ALL: &[(Limited, &str, u32)] = &[
    (Limited::Anonymous, "anonymous", 100),
    (Limited::User, "user", 100),
    (Limited::Push, "push", 600),
    (Limited::Login, "login", 10),
    (Limited::Registration, "registration", 10),
];

impl Limited {
    pub fn name(self) -> &'static str {
        ALL.iter().find(|(limited, ..)| *limited == self).map_or("", |(_, name, _)| name)
    }
}

/// Numbers a minute, by action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits(Vec<u32>);

impl Limits {
    /// `anonymous=100,login=10`; what is not named keeps its number.
    pub fn parse(text: &str) -> Result<Limits> {
        let mut numbers: Vec<u32> = ALL.iter().map(|(_, _, number)| *number).collect();
        for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            let Some((name, number)) = word.split_once('=') else { bail!("{word:?} is no name=number") };
            let known = ALL.iter().position(|(_, known, _)| *known == name.trim());
            let names: Vec<_> = ALL.iter().map(|(_, name, _)| *name).collect();
            ensure!(known.is_some(), "{name:?} is none of {}", names.join(", "));
            match number.trim().parse() {
                Ok(number @ 1..=60_000) => numbers[known.unwrap_or(0)] = number,
                _ => bail!("{number:?} is no number from 1 to 60000"),
            }
        }
        Ok(Limits(numbers))
    }

    pub fn of(&self, limited: Limited) -> u32 {
        ALL.iter().position(|(known, ..)| *known == limited).map_or(1, |at| self.0[at])
    }
}

/// Whose requests are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Caller {
    Address(IpAddr),
    User(Uuid),
    Collector(Uuid),
}

/// A network of IPv6 is one client's, mostly, and has more addresses than anybody could count.
pub fn one_client(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            std::net::Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 => v4,
    }
}

impl Caller {
    pub fn at(address: IpAddr) -> Caller {
        Caller::Address(one_client(address))
    }

    pub fn limited(self) -> Limited {
        match self {
            Caller::Address(_) => Limited::Anonymous,
            Caller::User(_) => Limited::User,
            Caller::Collector(_) => Limited::Push,
        }
    }
}

/// How a request stands towards its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub limit: u32,
    pub left: u32,
    /// Until there is room for one more.
    pub wait_s: u64,
    pub allowed: bool,
}

impl Standing {
    /// Of one who has to wait for this limit.
    pub fn exhausted(limit: u32, wait_s: u64) -> Standing {
        Standing { limit, left: 0, wait_s, allowed: false }
    }

    /// As answers tell it in their head.
    pub fn told(&self) -> [(&'static str, u64); 3] {
        [
            ("x-ratelimit-limit", u64::from(self.limit)),
            ("x-ratelimit-remaining", u64::from(self.left)),
            ("x-ratelimit-reset", self.wait_s),
        ]
    }
}

pub struct Limiter {
    started: Instant,
    limits: Limits,
    windows: Windows,
}

impl Limiter {
    pub fn new(limits: Limits) -> Limiter {
        Limiter { started: Instant::now(), limits, windows: Windows::default() }
    }

    pub fn limit(&self, limited: Limited) -> u32 {
        self.limits.of(limited)
    }

    pub fn count(&self, caller: Caller) -> Standing {
        self.windows.count(caller, self.limit(caller.limited()), self.started.elapsed().as_secs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_can_be_told_by_name() {
        let limits = Limits::parse("login=3, push=1200").unwrap();
        assert_eq!(
            (limits.of(Limited::Login), limits.of(Limited::Push), limits.of(Limited::Anonymous)),
            (3, 1200, 100)
        );
        for wrong in ["login", "logins=3", "login=0", "login=x", "login=60001"] {
            assert!(Limits::parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(Limited::Registration.name(), "registration");
    }

    #[test]
    fn addresses_are_counted_by_client() {
        let at = |text: &str| Caller::at(text.parse().unwrap());
        assert_eq!(at("::ffff:10.0.0.1"), at("10.0.0.1"));
        assert_eq!(at("2001:db8:1:2:aaaa::1"), at("2001:db8:1:2::ffff"));
        assert_ne!(at("2001:db8:1:2::1"), at("2001:db8:1:3::1"));
        assert_ne!(at("10.0.0.1"), at("10.0.0.2"));
    }
}
