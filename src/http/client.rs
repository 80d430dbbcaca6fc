//! Who is at the other end: the address, believed through trusted proxies only.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, request::Parts};
use hotline_core::network::Network;

use super::AppState;

/// The networks that could be read, and the entries that could not.
pub fn networks(entries: &[String]) -> (Vec<Network>, Vec<String>) {
    let mut good = Vec::new();
    let mut faulty = Vec::new();
    for entry in entries {
        match Network::parse(entry) {
            Some(network) => good.push(network),
            None => faulty.push(entry.clone()),
        }
    }
    (good, faulty)
}

/// The client's address: the peer, or what the nearest trusted proxies say.
pub fn address(state: &AppState, parts: &Parts) -> IpAddr {
    let peer = parts
        .extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |ConnectInfo(peer)| peer.ip().to_canonical());
    forwarded(peer, &parts.headers, &state.0.proxies)
}

/// Walks `X-Forwarded-For` from its end as long as whoever wrote the entry is trusted.
fn forwarded(peer: IpAddr, headers: &HeaderMap, proxies: &[Network]) -> IpAddr {
    let trusted = |address: IpAddr| proxies.iter().any(|network| network.holds(address));
    let mut client = peer;
    let entries = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    for entry in entries.collect::<Vec<_>>().into_iter().rev() {
        if !trusted(client) {
            break;
        }
        let Ok(address) = entry.trim().parse::<IpAddr>() else { break };
        client = address.to_canonical();
    }
    client
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(axum::http::HeaderName::from_static("x-forwarded-for"), value.parse().unwrap())])
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let (proxies, faulty) = networks(&["10.0.0.0/8".into(), "::1".into(), "proxy".into(), "10.0.0.0/33".into()]);
        assert_eq!(faulty, ["proxy", "10.0.0.0/33"]);
        let at = |peer: &str, value: &str| forwarded(peer.parse().unwrap(), &headers(value), &proxies).to_string();
        assert_eq!(at("192.0.2.1", "198.51.100.7"), "192.0.2.1");
        assert_eq!(at("10.1.1.1", "198.51.100.7"), "198.51.100.7");
        assert_eq!(at("10.1.1.1", "203.0.113.9, 198.51.100.7, 10.2.2.2"), "198.51.100.7");
        assert_eq!(at("::1", "nonsense"), "::1");
    }
}
