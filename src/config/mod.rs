//! `hotline.toml` and the environment: read, checked, turned into the core's
//! directory and the shells' settings. A mistake is told with file, line and remedy,
//! and all of them at once.
//!
//! The text becomes a tree whose values know their lines (`tree`), is read key by key
//! (`report`), section by section (`server`, `people`, `numbers`, `flow`), and references are
//! checked where they stand (`names`). Nothing here opens a port or a database.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use hotline_core::directory::Directory;
use hotline_core::private::Private;

use crate::rtp::MediaSettings;
use crate::sip::SipSettings;
use crate::store::StoreSettings;

mod build;
mod calendars;
mod contacts;
mod customers;
mod demo;
mod documents;
mod flow;
mod ical;
mod incidents;
mod language_model;
mod names;
mod notify;
mod numbers;
mod people;
mod prompts;
mod report;

mod schedules;
mod server;
mod services;
mod slas;
mod sources;
mod status;
mod tree;
mod words;

#[cfg(test)]
mod tests;

pub use demo::{DemoCredentials, demo_credentials};
pub use documents::{Document, KINDS, SETTINGS, Thing, Things};
pub use report::Mistake;
pub use words::e164;

/// Read where no file is named.
pub const FILE: &str = "hotline.toml";

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
    /// Digits of the country code (`49`) that completes national numbers, for [`e164`].
    pub country_code: Option<String>,
    /// How often people are rung about an alert that nobody has.
    pub ring_again: std::time::Duration,
    /// Providers that messages go through.
    pub notify: crate::notify::NotifySettings,
    /// Everything that has a name, as it was written: what the API shows.
    pub things: Things,
    /// Makes the configuration anew, with other documents.
    pub composer: Composer,
    /// Seals secrets in the database; `None`: a key made in the data folder (several nodes share one key).
    pub secret_key: Option<Private<String>>,
    /// What is not wrong but worth saying at the start and in `doctor`, each with the remedy.
    pub warnings: Vec<String>,
}

/// What is wrong with the configuration: every mistake found, each with file, line and remedy.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct ConfigError(pub Vec<String>);

/// Reads the file (`None`: `hotline.toml` in the working directory if it is there), then the
/// environment, which wins; `demo` merges the demo directory in. The one place here that reads the
/// environment.
pub fn load(file: Option<&Path>, demo: bool) -> Result<Config, ConfigError> {
    let environment: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| name.starts_with("HOTLINE_"))
        .collect();
    let usual = Path::new(FILE);
    let Some(file) = file.or_else(|| usual.exists().then_some(usual)) else {
        return load_from("", usual, &environment, demo);
    };
    let text = std::fs::read_to_string(file).map_err(|error| {
        ConfigError(vec![format!(
            "{}: can't be read: {error}; mend the path after --config, or the file's rights",
            file.display()
        )])
    })?;
    let mut config = load_from(&text, file, &environment, demo)?;
    config.file = Some(file.to_owned());
    Ok(config)
}

/// The configuration in `text`. `name`: the file it stands for, in messages; relative paths in it belong to its folder.
/// `environment`: variables `HOTLINE_…`. With `demo`, the demo's passwords are made below the data folder if they are
/// not there yet ([`demo_credentials`]).
pub fn load_from(
    text: &str,
    name: &Path,
    environment: &BTreeMap<String, String>,
    demo: bool,
) -> Result<Config, ConfigError> {
    let (text, name, environment) = (text.to_owned(), name.to_owned(), environment.clone());
    let composer = Composer { text, name, environment, demo };
    composer.compose(&[]).map_err(|mistakes| ConfigError(mistakes.iter().map(ToString::to_string).collect()))
}

/// What a configuration is made of besides the documents: the file's text, the environment, the demo.
#[derive(Clone, Default)]
pub struct Composer {
    text: String,
    name: PathBuf,
    environment: BTreeMap<String, String>,
    demo: bool,
}

impl std::fmt::Debug for Composer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Text and environment may hold passwords.
        f.debug_struct("Composer").field("name", &self.name).field("demo", &self.demo).finish_non_exhaustive()
    }
}

/// What is read at the start only: sockets, folders, providers.
const AT_START: [&str; 3] = ["server", "notify", "language_model"];

impl Composer {
    /// What of a newer file is not in force before the next start, by the names of its sections and keys.
    pub fn needs_restart(&self, newer: &Self) -> Vec<&'static str> {
        let read = |text: &str| text.parse::<toml::Table>().unwrap_or_default();
        let (old, new) = (read(&self.text), read(&newer.text));
        AT_START.into_iter().filter(|key| old.get(*key) != new.get(*key)).collect()
    }

    /// The whole configuration with these documents, or everything that is wrong with it. Takes milliseconds to
    /// seconds (thousands of documents), so it is not for async threads.
    pub fn compose(&self, documents: &[Document]) -> Result<Config, Vec<Mistake>> {
        build::config(self, documents)
    }
}
