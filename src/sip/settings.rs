//! The settings made ready for use: networks parsed, mistakes named. Immutable; a
//! reload makes a new one.

use std::net::IpAddr;

use hotline_core::ids::TrunkId;
use hotline_core::network::Network;

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
    fn hosts_are_split() {
        assert_eq!(split_host("sip.x.example"), Some(("sip.x.example".to_owned(), None)));
        assert_eq!(split_host("sip.x.example:5070"), Some(("sip.x.example".to_owned(), Some(5070))));
        assert_eq!(split_host("[::1]:5070"), Some(("::1".to_owned(), Some(5070))));
        assert_eq!(split_host("sip:x@y"), None);
        assert_eq!(split_host(""), None);
    }
}
