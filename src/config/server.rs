//! `[server]` and the environment that overrides it.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use hotline_core::audio::Codec;
use hotline_core::network::Network;
use hotline_core::private::Private;

use crate::sip::Strangers;

use super::report::{Report, Section, Word, closest, hint};
use super::tree::Place;
use super::words;

/// The environment, its variables `HOTLINE_…` only.
pub(super) type Environment = BTreeMap<String, String>;

/// `[server]` with defaults filled in.
#[derive(Debug)]
pub(super) struct Server {
    pub data_dir: PathBuf,
    pub database_url: Option<String>,
    pub node: Option<String>,
    pub http: SocketAddr,
    pub sip: SocketAddr,
    pub sip_public_host: Option<String>,
    pub realm: String,
    pub rtp_ports: (u16, u16),
    pub rtp_bind: Option<IpAddr>,
    pub rtp_address: Option<IpAddr>,
    pub media_lanes: usize,
    pub codecs: Vec<Codec>,
    pub public_url: Option<String>,
    pub trusted_proxies: Vec<String>,
    pub open_sip: bool,
    pub strangers: Strangers,
    pub requests_per_second: u32,
    pub ring_again: Duration,
    pub log: String,
    pub admin_token: Option<Private<String>>,
    pub whisper_model: Option<PathBuf>,
    pub country_code: Option<String>,
    pub secret_key: Option<Private<String>>,
}

/// Reads one setting after the other: the environment first, then the files in order.
struct Settings<'a> {
    sections: &'a [Section<'a>],
    environment: &'a BTreeMap<&'static str, (String, Place)>,
    base: &'a Path,
    report: &'a Report,
}

/// The variables that stand for a setting. Others (passwords) are asked for by name elsewhere.
const VARIABLES: [(&str, &str); 12] = [
    ("data_dir", "HOTLINE_DATA_DIR"),
    ("node", "HOTLINE_NODE"),
    ("database_url", "HOTLINE_DATABASE_URL"),
    ("http", "HOTLINE_HTTP_ADDR"),
    ("sip", "HOTLINE_SIP_ADDR"),
    ("rtp_ports", "HOTLINE_RTP_PORTS"),
    ("rtp_address", "HOTLINE_RTP_ADDR"),
    ("admin_token", "HOTLINE_ADMIN_TOKEN"),
    ("public_url", "HOTLINE_PUBLIC_URL"),
    ("whisper_model", "HOTLINE_WHISPER_MODEL"),
    ("log", "HOTLINE_LOG"),
    ("secret_key", "HOTLINE_SECRET_KEY"),
];

/// `sections`: the file's `[server]` first, then the demo's. `base`: the folder of the file.
pub(super) fn read(sections: &[Section<'_>], environment: &Environment, base: &Path, report: &Report) -> Server {
    warn_misspelled(environment, report);
    let environment = VARIABLES
        .iter()
        .filter_map(|(key, name)| {
            let value = environment.get(*name).map(|value| value.trim()).filter(|value| !value.is_empty())?;
            Some((*key, (value.to_owned(), Place::new(&format!("environment {name}"), 0))))
        })
        .collect();
    let settings = Settings { sections, environment: &environment, base, report };
    let server = settings.server();
    server.judge(&settings);
    server
}

impl<'a> Settings<'a> {
    fn word(&self, key: &'static str) -> Option<Word<'_>> {
        // Ask every section, so that none calls the key unknown.
        let mut words: Vec<Word<'_>> = self.sections.iter().filter_map(|section| section.text(key)).collect();
        if let Some((text, place)) = self.environment.get(key) {
            return Some(Word { text, place });
        }
        (!words.is_empty()).then(|| words.swap_remove(0))
    }

    fn first<T>(&self, ask: impl Fn(&Section<'a>) -> Option<T>) -> Option<T> {
        let mut found: Vec<T> = self.sections.iter().filter_map(ask).collect();
        (!found.is_empty()).then(|| found.swap_remove(0))
    }

    /// A value in a small language; what can't be read is told with `need`.
    fn parsed<T>(&self, key: &'static str, need: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let word = self.word(key)?;
        let value = parse(word.text);
        if value.is_none() {
            self.report.mistake(word.place, format!("`{key}`: `{}` can't be used; write {need}", word.text));
        }
        value
    }

    /// A path; relative ones in the file belong to its folder, those of the environment to the working directory.
    fn path(&self, key: &'static str) -> Option<PathBuf> {
        let word = self.word(key)?;
        Some(if word.place.line == 0 { PathBuf::from(word.text) } else { self.base.join(word.text) })
    }

    fn server(&self) -> Server {
        let default_addr = |port| SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), port);
        let secs = |minutes: i64| Duration::from_mins(minutes.unsigned_abs());
        Server {
            data_dir: self.path("data_dir").unwrap_or_else(|| PathBuf::from("data")),
            database_url: self.parsed("database_url", "sqlite://PATH or postgres://…", |url| {
                ["sqlite:", "postgres://", "postgresql://"]
                    .iter()
                    .any(|scheme| url.starts_with(scheme))
                    .then(|| url.to_owned())
            }),
            node: self.parsed("node", "a name of letters, digits and -", |name| {
                words::is_name(name).then(|| name.to_owned())
            }),
            http: self
                .parsed(
                    "http",
                    "an address and port such as 127.0.0.1:8080 (0.0.0.0:8080 to be reached from outside)",
                    words::listen,
                )
                .unwrap_or_else(|| default_addr(8_080)),
            sip: self
                .parsed(
                    "sip",
                    "an address and port such as 127.0.0.1:5060 (0.0.0.0:5060 to be reached from outside)",
                    words::listen,
                )
                .unwrap_or_else(|| default_addr(5_060)),
            sip_public_host: self.parsed("sip_public_host", "a host name or address without port", |host| {
                (words::is_host_port(host) && !host.contains(':')).then(|| host.to_owned())
            }),
            realm: self.word("realm").map_or_else(|| "hotline".to_owned(), |word| word.text.replace(['"', '\\'], "")),
            rtp_ports: self
                .parsed("rtp_ports", "the first and last UDP port such as 16384-32767 (1024 or above)", words::ports)
                .unwrap_or((16_384, 32_767)),
            rtp_bind: self.parsed("rtp_bind", "an IP address of this machine, or 0.0.0.0", |text| text.parse().ok()),
            rtp_address: self.parsed(
                "rtp_address",
                "the IP address that phones and carriers can send to (not 0.0.0.0)",
                |text| {
                    text.parse().ok().filter(|address: &IpAddr| !address.is_unspecified() && !address.is_multicast())
                },
            ),
            media_lanes: self
                .first(|s| s.whole("media_lanes", &(0..=256)))
                .map_or(0, |lanes| usize::try_from(lanes).unwrap_or(0)),
            codecs: self
                .first(|section| Some(codecs(section, self.report)).filter(|codecs| !codecs.is_empty()))
                .unwrap_or_default(),
            public_url: self.parsed(
                "public_url",
                "what links begin with, such as https://hotline.example.com",
                |url| {
                    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
                    (!rest.is_empty() && !rest.contains([' ', '?', '#'])).then(|| url.trim_end_matches('/').to_owned())
                },
            ),
            trusted_proxies: self.proxies(),
            open_sip: self.first(|s| s.flag("open_sip")).unwrap_or(false),
            strangers: self
                .parsed("strangers", "\"forbid\" (answer 403) or \"ignore\" (answer nothing)", |word| match word {
                    "forbid" => Some(Strangers::Forbid),
                    "ignore" => Some(Strangers::Ignore),
                    _ => None,
                })
                .unwrap_or(Strangers::Forbid),
            requests_per_second: self
                .first(|s| s.whole("requests_per_second", &(1..=1_000_000)))
                .map_or(500, |rate| u32::try_from(rate).unwrap_or(500)),
            ring_again: self
                .first(|s| s.whole("ring_again_minutes", &(1..=1_440)))
                .map_or(hotline_core::alert::RING_AGAIN, secs),
            log: self.word("log").map_or_else(|| "info".to_owned(), |word| word.text.to_owned()),
            admin_token: self.admin_token(),
            whisper_model: self.path("whisper_model"),
            secret_key: self.secret_key(),
            country_code: self.parsed("country_code", "the digits of your country's code such as \"49\"", |code| {
                let code = code.trim_start_matches('+');
                let right =
                    (1..=3).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_digit()) && !code.starts_with('0');
                right.then(|| code.to_owned())
            }),
        }
    }

    fn proxies(&self) -> Vec<String> {
        let words = self.first(|section| section.texts("trusted_proxies")).unwrap_or_default();
        let right = |word: &Word<'_>| {
            let right = Network::parse(word.text).is_some();
            if !right {
                let what = format!(
                    "`trusted_proxies`: `{}` is no address; write an IP address or a network such as 10.0.0.0/8",
                    word.text
                );
                self.report.mistake(word.place, what);
            }
            right
        };
        words.into_iter().filter(right).map(|word| word.text.to_owned()).collect()
    }

    /// Seals secrets in the database; several nodes share one.
    fn secret_key(&self) -> Option<Private<String>> {
        let from_file = self.first(|section| {
            let path = section.text("secret_key_file")?;
            read_secret(&self.base.join(path.text), path.place, section.report)
        });
        let given = self.environment.get("secret_key");
        let place = given.map_or_else(|| Place::new("`secret_key_file`", 0), |(_, place)| place.clone());
        let key = given.map(|(key, _)| Private::from(key.as_str())).or(from_file)?;
        if key.reveal().len() < 32 {
            self.report
                .mistake(&place, "the secret key is shorter than 32 characters; take one from `openssl rand -hex 32`");
        }
        Some(key)
    }

    fn admin_token(&self) -> Option<Private<String>> {
        let from_file = self.first(|section| {
            let path = section.text("admin_token_file")?;
            read_secret(&self.base.join(path.text), path.place, section.report)
        });
        if let Some((token, place)) = self.environment.get("admin_token") {
            if token.len() < 16 {
                self.report.warn(
                    place,
                    "the token is shorter than 16 characters; take a longer one, e.g. from `openssl rand -hex 24`",
                );
            }
            return Some(Private::from(token.as_str()));
        }
        if let Some(word) = self.word("admin_token") {
            self.report.mistake(
                word.place,
                "the token does not belong into the file; use `admin_token_file` or HOTLINE_ADMIN_TOKEN",
            );
        }
        from_file
    }
}

/// Reads a secret from its file.
pub(super) fn read_secret(path: &Path, place: &Place, report: &Report) -> Option<Private<String>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            report.mistake(
                place,
                format!(
                    "the secret in {} can't be read: {error}; create the file with the secret as its only line",
                    path.display()
                ),
            );
            return None;
        }
    };
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() || secret.contains('\n') {
        report.mistake(place, format!("{} must hold the secret as its only line", path.display()));
        return None;
    }
    if is_open_to_others(path) {
        report.warn(place, format!("{} can be read by everybody on this machine; chmod 600 it", path.display()));
    }
    Some(Private::from(secret))
}

#[cfg(unix)]
fn is_open_to_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o004 != 0)
}

#[cfg(not(unix))]
fn is_open_to_others(_path: &Path) -> bool {
    false
}

impl Server {
    /// What fits together badly.
    fn judge(&self, settings: &Settings<'_>) {
        let report = settings.report;
        let nowhere = Place::new("settings", 0);
        let (sip, http) = (self.sip, self.http);
        if self.open_sip && !sip.ip().is_loopback() {
            report.warn(&nowhere, format!("`open_sip` lets everybody who reaches {sip} call the hotline; set open_sip = false outside a trusted network"));
        }
        if !http.ip().is_loopback() && self.public_url.is_none() {
            report.warn(&nowhere, format!("HTTP listens on {http} but `public_url` (HOTLINE_PUBLIC_URL) is not set; links will name that address"));
        }
        // Two ports a call leg, two legs a call.
        let calls = (self.rtp_ports.1 - self.rtp_ports.0).div_ceil(4);
        if calls < 10 {
            report.warn(&nowhere, format!("`rtp_ports` are enough for about {calls} calls at a time; widen them"));
        }
    }
}

/// `codecs` of `[server]`, a trunk or a phone, first choice first; empty: nothing is said.
pub(super) fn codecs(section: &Section<'_>, report: &Report) -> Vec<Codec> {
    let Some(words) = section.texts("codecs") else { return Vec::new() };
    let known = Codec::BEST_FIRST.map(|codec| (codec.word(), codec));
    let mut codecs = Vec::new();
    for word in &words {
        let Some(codec) = choice(*word, "codecs", &known, report) else { continue };
        if codecs.contains(&codec) {
            let what = format!("`codecs` of {}: \"{}\" is there twice; remove one", section.what, word.text);
            report.mistake(word.place, what);
        }
        codecs.push(codec);
    }
    if words.is_empty() {
        let what = format!(
            "`codecs` of {} is empty, and no call could be answered; name some of {} or remove the line",
            section.what,
            Codec::BEST_FIRST.map(|codec| format!("\"{}\"", codec.word())).join(", ")
        );
        report.mistake(section.place, what);
    } else if !codecs.is_empty() && codecs.iter().all(|codec| codec.law().is_none()) {
        let what = format!(
            "`codecs` of {} has no G.711 (\"pcma\", \"pcmu\"); calls of phones and carriers that speak nothing else are refused",
            section.what
        );
        report.warn(section.place, what);
    }
    codecs
}

/// A variable that means nothing is often one that was meant.
fn warn_misspelled(environment: &Environment, report: &Report) {
    let known = VARIABLES.map(|(_, name)| name);
    let own =
        |name: &str| known.contains(&name) || name.starts_with("HOTLINE_PHONE_") || name.starts_with("HOTLINE_TRUNK_");
    for name in environment.keys().filter(|name| name.starts_with("HOTLINE_") && !own(name)) {
        if let Some(near) = closest(name, known) {
            report.warn(&Place::new("environment", 0), format!("{name} is not known; did you mean {near}?"));
        }
    }
}

/// What stands where one of a few words is needed.
pub(super) fn choice<T: Copy>(word: Word<'_>, key: &str, known: &[(&'static str, T)], report: &Report) -> Option<T> {
    let found = known.iter().find(|(name, _)| *name == word.text).map(|(_, value)| *value);
    if found.is_none() {
        let hint = hint(word.text, known.iter().map(|(name, _)| *name));
        report.mistake(word.place, format!("`{key}`: `{}` is not known; {hint}", word.text));
    }
    found
}
