//! From which address a request comes. What a header says of it counts only from proxies that are configured.

use std::net::{IpAddr, SocketAddr};

use anyhow::{Context, Result};
use axum::http::HeaderMap;
use ipnet::IpNet;

/// As it is known to the rest of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client(pub IpAddr);

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Proxies(Vec<IpNet>);

impl Proxies {
    /// `10.0.0.0/8, 192.0.2.7`
    pub fn parse(text: &str) -> Result<Proxies> {
        let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        let net = |word: &str| {
            word.parse::<IpNet>()
                .or_else(|_| word.parse::<IpAddr>().map(IpNet::from))
                .with_context(|| format!("{word:?} is neither an address nor a network such as 10.0.0.0/8"))
        };
        Ok(Proxies(words.map(net).collect::<Result<_>>()?))
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|net| net.contains(&address))
    }

    /// Each proxy adds who came to it at the end: the last one that is no proxy of ours is the client.
    pub fn client(&self, peer: SocketAddr, headers: &HeaderMap) -> Client {
        let peer = peer.ip().to_canonical();
        if !self.trusts(peer) {
            return Client(peer);
        }
        let told = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
        let mut hops: Vec<&str> = told.flat_map(|value| value.split(',')).map(str::trim).collect();
        let mut client = peer;
        while let Some(hop) = hops.pop() {
            let Ok(address) = hop.parse::<IpAddr>() else { break };
            client = address.to_canonical();
            if !self.trusts(client) {
                break;
            }
        }
        Client(client)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(peer: &str, forwarded: &[&str], expected: &str) {
        let proxies = Proxies::parse("10.0.0.0/8, 192.0.2.7").unwrap();
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        let client = proxies.client(SocketAddr::new(peer.parse().unwrap(), 1), &headers);
        assert_eq!(client, Client(expected.parse().unwrap()), "{peer} {forwarded:?}");
    }

    #[test]
    fn a_header_counts_only_from_a_proxy_of_ours() {
        check("203.0.113.1", &["198.51.100.9"], "203.0.113.1");
        check("10.1.2.3", &["198.51.100.9"], "198.51.100.9");
        check("::ffff:10.1.2.3", &["198.51.100.9"], "198.51.100.9");
        check("10.1.2.3", &[], "10.1.2.3");
    }

    #[test]
    fn what_the_client_forged_before_it_is_not_believed() {
        check("10.1.2.3", &["1.1.1.1, 198.51.100.9"], "198.51.100.9");
        check("10.1.2.3", &["1.1.1.1", "198.51.100.9, 192.0.2.7"], "198.51.100.9");
        check("10.1.2.3", &["1.1.1.1, nonsense"], "10.1.2.3");
        check("10.1.2.3", &["10.9.9.9, 10.8.8.8"], "10.9.9.9");
    }

    #[test]
    fn networks_are_checked() {
        assert!(Proxies::parse("").unwrap() == Proxies::default());
        assert!(Proxies::parse("10.0.0.0/33").is_err() && Proxies::parse("proxy.example").is_err());
    }
}
