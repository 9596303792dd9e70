//! Which proxy stands between us and the backend: the configured one, else the environment's, else none.
//!
//! `no_proxy` counts for both. An empty configured proxy means none at all, whatever the environment says.

use std::net::IpAddr;

use anyhow::{Result, ensure};
use secrecy::{ExposeSecret, SecretString};
use ureq::http::Uri;
use ureq::{Proxy, ProxyProtocol};

pub(super) fn choose(
    configured: Option<&SecretString>,
    base: &Uri,
    env: impl Fn(&str) -> Option<String>,
) -> Result<Option<Proxy>> {
    let first = |names: &[&str]| names.iter().find_map(|name| env(name).filter(|value| !value.is_empty()));
    let names: &[&str] = match base.scheme_str() {
        Some("https") => &["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"],
        _ => &["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"],
    };
    let (url, origin) = match configured {
        Some(url) => (Some(url.expose_secret().to_owned()), "[backend] proxy"),
        None => (first(names), "the environment's proxy"),
    };
    let Some(url) = url.filter(|url| !url.is_empty()) else {
        return Ok(None);
    };
    let spared = first(&["no_proxy", "NO_PROXY"]).unwrap_or_default();
    if is_spared(&spared, base.host().unwrap_or_default(), base.port_u16()) {
        return Ok(None);
    }
    // The URL may hold a password, so it is not quoted.
    let proxy = Proxy::new(&url).ok();
    ensure!(
        proxy.as_ref().is_some_and(|it| matches!(it.protocol(), ProxyProtocol::Http | ProxyProtocol::Https)),
        "{origin} cannot be used: it must be http(s)://[user:password@]host:port, with special characters of \
         user and password percent-encoded"
    );
    Ok(proxy)
}

/// Entries as curl reads them: `*`, a name with all names below it, an address, a network, each with or without
/// a port.
fn is_spared(list: &str, host: &str, port: Option<u16>) -> bool {
    let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
    list.split([',', ' ']).map(str::trim).filter(|entry| !entry.is_empty()).any(|entry| {
        let entry = entry.to_ascii_lowercase();
        let name = match entry.rsplit_once(':') {
            Some((name, digits)) if !name.ends_with(':') && digits.parse() == Ok(port.unwrap_or(0)) => name,
            _ => entry.as_str(),
        };
        let name = name.trim_matches(['[', ']']);
        let name = name.strip_prefix('*').unwrap_or(name).trim_start_matches('.');
        match (name.split_once('/'), host.parse::<IpAddr>()) {
            (Some((network, bits)), Ok(address)) => is_within(address, network, bits),
            _ => {
                entry == "*"
                    || host == name
                    || host.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'))
            }
        }
    })
}

fn is_within(address: IpAddr, network: &str, bits: &str) -> bool {
    let (address, network, width) = match (address, network.parse()) {
        (IpAddr::V4(a), Ok(IpAddr::V4(n))) => (u128::from(a.to_bits()), u128::from(n.to_bits()), 32),
        (IpAddr::V6(a), Ok(IpAddr::V6(n))) => (a.to_bits(), n.to_bits(), 128),
        _ => return false,
    };
    match bits.parse::<u32>() {
        Ok(bits) if bits <= width => (address ^ network).checked_shr(width - bits).unwrap_or(0) == 0,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_that_no_proxy_names_are_spared() {
        fn check(list: &str, host: &str, expected: bool) {
            assert_eq!(is_spared(list, host, Some(8080)), expected, "{host} in {list:?}");
        }
        check("", "api.example.com", false);
        check("*", "api.example.com", true);
        check("example.com", "api.example.com", true);
        check("example.com", "example.com", true);
        check("example.com", "notexample.com", false);
        check(".example.com", "api.example.com", true);
        check(".example.com", "example.com", true);
        check("*.example.com", "api.example.com", true);
        check("api.example.com", "example.com", false);
        check("EXAMPLE.com", "api.Example.COM", true);
        check("localhost, api.example.com", "api.example.com", true);
        check("localhost api.example.com", "api.example.com", true);
        check("api.example.com:8080", "api.example.com", true);
        check("api.example.com:9090", "api.example.com", false);
        check("10.0.0.5", "10.0.0.5", true);
        check("10.0.0.0/8", "10.200.0.5", true);
        check("10.0.0.0/8", "11.0.0.5", false);
        check("10.0.0.0/33", "10.0.0.5", false);
        check("0.0.0.0/0", "10.0.0.5", true);
        check("fd00::/8", "[fd12::1]", true);
        check("::/0", "[fd12::1]", true);
        check("::1", "[::1]", true);
        check("10.0.0.0/8", "host.example.com", false);
    }

    #[test]
    fn the_configured_proxy_comes_first_and_the_environment_next() {
        fn check(configured: Option<&str>, env: &[(&str, &str)], base: &str, expected: Option<&str>) {
            let configured = configured.map(SecretString::from);
            let env =
                |name: &str| env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
            let chosen = choose(configured.as_ref(), &base.parse().unwrap(), env).unwrap();
            assert_eq!(chosen.as_ref().map(Proxy::host), expected, "{base}");
        }
        let https = "https://api.example.com";
        check(None, &[], https, None);
        check(Some("http://own:3128"), &[("https_proxy", "http://env:3128")], https, Some("own"));
        check(Some(""), &[("https_proxy", "http://env:3128")], https, None);
        check(Some("http://own:3128"), &[("NO_PROXY", "example.com")], https, None);
        check(None, &[("HTTPS_PROXY", "http://env:3128")], https, Some("env"));
        check(None, &[("https_proxy", ""), ("ALL_PROXY", "all:3128")], https, Some("all"));
        check(None, &[("http_proxy", "http://env:3128")], https, None);
        check(None, &[("https_proxy", "http://env:3128")], "http://api.example.com", None);
        check(None, &[("http_proxy", "http://env:3128"), ("no_proxy", "api.example.com")], https, None);
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_refused_without_its_password() {
        for url in ["socks5://user:hunter2@proxy:1080", "http://user:hunter2@", "http://user:hun ter2@proxy"]
        {
            let refused = choose(Some(&url.into()), &"http://x".parse().unwrap(), |_| None);
            let message = refused.expect_err(url).to_string();
            assert!(message.starts_with("[backend] proxy cannot be used"), "{message}");
            assert!(!message.contains("ter2"), "{message}");
        }
    }
}
