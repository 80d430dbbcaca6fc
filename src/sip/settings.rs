//! The settings made ready for use: networks parsed, mistakes named. Immutable; a
//! reload makes a new one.

use std::net::IpAddr;

use hotline_core::ids::TrunkId;

use super::{SipError, SipSettings};

/// What is used at run time.
#[derive(Debug)]
pub(super) struct Live {
    /// As given.
    pub settings: SipSettings,
    networks: Vec<(Network, TrunkId)>,
}

impl Live {
    /// Checks the settings and makes them ready.
    pub fn new(settings: SipSettings) -> Result<Self, SipError> {
        let mut networks = Vec::new();
        for (id, trunk) in &settings.trunks {
            split_host(&trunk.server).ok_or_else(|| {
                SipError::Settings(format!("trunk {id}: server \"{}\" is no host or host:port", trunk.server))
            })?;
            for text in &trunk.addresses {
                let network = Network::parse(text).ok_or_else(|| {
                    SipError::Settings(format!(
                        "trunk {id}: \"{text}\" is no address and no network; write 203.0.113.7 or 203.0.113.0/24"
                    ))
                })?;
                networks.push((network, id.clone()));
            }
        }
        if let Some(host) = &settings.public_host
            && (host.is_empty() || host.contains([' ', '/', '@', '<', '>', ';']))
        {
            return Err(SipError::Settings(format!(
                "public_host \"{host}\" must be a host name or address without port"
            )));
        }
        Ok(Self { settings, networks })
    }

    /// The trunks whose configured networks hold `ip`.
    pub fn trunks_at(&self, ip: IpAddr) -> impl Iterator<Item = &TrunkId> {
        self.networks.iter().filter(move |(network, _)| network.holds(ip)).map(|(_, id)| id)
    }
}

/// An address or a network in CIDR form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    bits: u32,
}

impl Network {
    fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.trim().split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u32>().ok()?)),
            None => (text.trim(), None),
        };
        let address: IpAddr = address.parse().ok()?;
        let all = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(all);
        (bits <= all).then_some(Self { address, bits })
    }

    fn holds(self, ip: IpAddr) -> bool {
        match (self.address, ip.to_canonical()) {
            (IpAddr::V4(net), IpAddr::V4(ip)) => {
                (u32::from(net) ^ u32::from(ip)).checked_shr(32 - self.bits).unwrap_or(0) == 0
            }
            (IpAddr::V6(net), IpAddr::V6(ip)) => {
                (u128::from(net) ^ u128::from(ip)).checked_shr(128 - self.bits).unwrap_or(0) == 0
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

/// `host`, `host:port`, `[::1]:port` → host without brackets and the port, if any.
pub(super) fn split_host(text: &str) -> Option<(String, Option<u16>)> {
    let text = text.trim();
    if let Some(inner) = text.strip_prefix('[') {
        let (host, rest) = inner.split_once(']')?;
        let port = if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?.parse().ok()?) };
        return Some((host.to_owned(), port));
    }
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, Some(port.parse().ok()?)),
        None => (text, None),
    };
    (!host.is_empty() && !host.contains([' ', '/', '@', ';'])).then(|| (host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_their_addresses() {
        let holds = |net: &str, ip: &str| Network::parse(net).expect("parses").holds(ip.parse().expect("address"));
        assert!(holds("192.0.2.0/24", "192.0.2.200"));
        assert!(!holds("192.0.2.0/24", "192.0.3.1"));
        assert!(holds("192.0.2.7", "192.0.2.7") && !holds("192.0.2.7", "192.0.2.8"));
        assert!(holds("0.0.0.0/0", "198.51.100.1") && holds("2001:db8::/32", "2001:db8:1::1"));
        assert!(holds("192.0.2.7", "::ffff:192.0.2.7"));
        assert!(Network::parse("192.0.2.0/33").is_none() && Network::parse("carrier.example").is_none());
    }

    #[test]
    fn hosts_are_split() {
        assert_eq!(split_host("sip.x.example"), Some(("sip.x.example".to_owned(), None)));
        assert_eq!(split_host("sip.x.example:5070"), Some(("sip.x.example".to_owned(), Some(5070))));
        assert_eq!(split_host("[::1]:5070"), Some(("::1".to_owned(), Some(5070))));
        assert_eq!(split_host("sip:x@y"), None);
        assert_eq!(split_host(""), None);
    }
}
