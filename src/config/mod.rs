//! `hotline.toml` and the environment: read, checked, turned into the core's
//! directory and the shells' settings. A mistake is told with file, line and remedy.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use hotline_core::directory::Directory;
use hotline_core::private::Private;

use crate::rtp::MediaSettings;
use crate::sip::SipSettings;
use crate::store::StoreSettings;

/// Everything that `serve` and `simulate` need, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file it came from, for messages; `None`: defaults and environment only.
    pub file: Option<PathBuf>,
    /// `--demo`: the demo directory is merged in.
    pub demo: bool,
    /// Customers, people, schedules, numbers, flows, trunks, phones.
    pub directory: Directory,
    /// Signalling.
    pub sip: SipSettings,
    /// Media.
    pub media: MediaSettings,
    /// The address written into SDP where it differs from the one media binds to (`HOTLINE_RTP_ADDR`).
    pub rtp_address: Option<std::net::IpAddr>,
    /// Journal, database, recordings.
    pub store: StoreSettings,
    /// Where HTTP listens.
    pub http_addr: SocketAddr,
    /// Bearer token with role admin, if set.
    pub admin_token: Option<Private<String>>,
    /// `HOTLINE_PUBLIC_URL`: what links begin with.
    pub public_url: Option<String>,
    /// Addresses or networks whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<String>,
    /// Whisper model file, if not the usual one.
    pub whisper_model: Option<PathBuf>,
    /// `tracing` filter (`HOTLINE_LOG`).
    pub log: String,
    /// How often people are rung about an alert that nobody has.
    pub ring_again: std::time::Duration,
    /// What is not wrong but worth saying at the start and in `doctor`, each with the remedy.
    pub warnings: Vec<String>,
}

/// What is wrong with the configuration: every mistake found, each with file, line and remedy.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct ConfigError(pub Vec<String>);

/// Reads the file (`None`: `hotline.toml` in the working directory if it is there), then the
/// environment, which wins; `demo` merges the demo directory in.
pub fn load(_file: Option<&Path>, _demo: bool) -> Result<Config, ConfigError> {
    todo!("rules helper")
}
