//! What is called, and by what way: the part of a SIP URI that a small phone needs.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::sip::Transport;

/// `--transport`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum TransportArg {
    /// Datagrams
    Udp,
    /// A stream
    Tcp,
}

impl From<TransportArg> for Transport {
    fn from(transport: TransportArg) -> Self {
        match transport {
            TransportArg::Udp => Self::Udp,
            TransportArg::Tcp => Self::Tcp,
        }
    }
}

/// A SIP URI to call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uri {
    /// As it is called.
    pub text: String,
    /// Host and port to send to.
    pub host: String,
    /// Port, 5060 unless the URI says otherwise.
    pub port: u16,
    /// The URI's own transport wins over the option.
    pub transport: Transport,
}

impl Uri {
    /// Reads `sip:user@host:port;transport=tcp`; `user@host` and `user` (on this machine) will do.
    pub fn parse(text: &str, transport: Transport) -> anyhow::Result<Self> {
        if text.starts_with("sips:") {
            bail!("{text}: TLS is not spoken yet; use sip: with --transport udp or tcp");
        }
        let bare = text.strip_prefix("sip:").unwrap_or(text);
        let (address, parameters) = bare.split_once(';').map_or((bare, None), |(a, p)| (a, Some(p)));
        let (user, at) = address.rsplit_once('@').unwrap_or((address, "127.0.0.1:5060"));
        if user.is_empty() || user.contains(char::is_whitespace) {
            bail!("{text:?} is no SIP URI; write sip:hotline@127.0.0.1:5060");
        }
        let (host, port) = split_port(at).with_context(|| format!("{text:?} is no SIP URI"))?;
        let said = parameters
            .unwrap_or_default()
            .split(';')
            .find_map(|parameter| parameter.to_ascii_lowercase().strip_prefix("transport=").map(str::to_owned));
        let transport = match said.as_deref() {
            None => transport,
            Some("udp") => Transport::Udp,
            Some("tcp") => Transport::Tcp,
            Some(other) => bail!("transport={other} is not spoken; use udp or tcp"),
        };
        let mut text = format!("sip:{user}@{at}");
        if let Some(parameters) = parameters {
            text = format!("{text};{parameters}");
        }
        Ok(Self { text, host, port, transport })
    }

    /// The address to send to.
    pub async fn resolve(&self) -> anyhow::Result<SocketAddr> {
        resolve(&self.host, self.port).await
    }
}

/// Reads `host`, `host:port`, `[v6]:port`; 5060 where there is no port.
pub fn split_port(text: &str) -> anyhow::Result<(String, u16)> {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None => text.rsplit_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    if host.is_empty() {
        bail!("{text:?} names no host");
    }
    let port = match port {
        Some(port) => port.parse().with_context(|| format!("{port:?} is no port"))?,
        None => 5060,
    };
    Ok((host.to_owned(), port))
}

/// The first address of a host.
pub async fn resolve(host: &str, port: u16) -> anyhow::Result<SocketAddr> {
    let mut found = tokio::net::lookup_host((host, port)).await.with_context(|| format!("host {host} is not known"))?;
    found.next().with_context(|| format!("host {host} has no address"))
}

/// Reads seconds, with a fraction or not, with an `s` or not.
pub fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 =
        text.strip_suffix('s').unwrap_or(text).parse().map_err(|_| format!("{text:?} is no time; write 30"))?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        match Uri::parse(text, Transport::Udp) {
            Ok(Uri { text, host, port, transport }) => format!("{text} {host} {port} {transport:?}"),
            Err(error) => format!("{error:#}"),
        }
    }

    #[test]
    fn reads_uris() {
        assert_eq!(read("sip:hotline@192.0.2.7:5070"), "sip:hotline@192.0.2.7:5070 192.0.2.7 5070 Udp");
        assert_eq!(read("hotline"), "sip:hotline@127.0.0.1:5060 127.0.0.1 5060 Udp");
        assert_eq!(read("hotline-de@pbx.example"), "sip:hotline-de@pbx.example pbx.example 5060 Udp");
        assert_eq!(
            read("sip:a@[2001:db8::1]:5062;x=1;transport=TCP"),
            "sip:a@[2001:db8::1]:5062;x=1;transport=TCP 2001:db8::1 5062 Tcp"
        );
        assert!(read("sip:@host").contains("is no SIP URI"));
        assert!(read("sip:a@host:x").contains("is no port"));
        assert!(read("sips:a@host").contains("TLS"));
        assert!(read("sip:a@host;transport=ws").contains("not spoken"));
    }

    #[test]
    fn reads_seconds() {
        assert_eq!(seconds("2.5"), Ok(Duration::from_millis(2_500)));
        assert_eq!(seconds("30s"), Ok(Duration::from_secs(30)));
        assert!(seconds("-1").is_err() && seconds("soon").is_err());
    }
}
