//! The demo: its directory, and passwords that are made once and kept beside the data.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use hotline_core::ids::PhoneId;
use hotline_core::private::Private;
use rand::seq::IndexedRandom;

use super::ConfigError;
use super::tree::{self, Spot};

const DIRECTORY: &str = include_str!("demo.toml");

/// The file below the data folder.
const FILE: &str = "demo-credentials.toml";

/// The demo's phones.
const PHONES: [&str; 2] = ["engineer-1", "engineer-2"];

/// Without characters that look like another one.
const ALPHABET: &[u8] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// What one needs to try the demo: the login of the page, and the phones' accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoCredentials {
    /// Login name of the page.
    pub login: String,
    /// Its password.
    pub password: Private<String>,
    /// SIP accounts and their passwords.
    pub phones: BTreeMap<PhoneId, Private<String>>,
    /// The file that keeps them.
    pub file: PathBuf,
}

/// The demo's part of the configuration.
pub(super) fn root() -> Spot {
    let (spot, mistakes) = tree::toml(DIRECTORY, "demo.toml (built in)");
    debug_assert!(mistakes.is_empty(), "a test reads the built-in demo");
    spot
}

/// The demo's passwords, from `demo-credentials.toml` in the data folder (mode 600); made at the first call.
pub fn demo_credentials(data_dir: &Path) -> Result<DemoCredentials, ConfigError> {
    let file = data_dir.join(FILE);
    let cannot = |what: &str, error: &dyn std::fmt::Display| {
        ConfigError(vec![format!(
            "{}: {what}: {error}; the demo needs a data folder it can write to (HOTLINE_DATA_DIR)",
            file.display()
        )])
    };
    if !file.exists() {
        // Callers' voices will be in there.
        let mut folder = std::fs::DirBuilder::new();
        folder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
        folder.create(data_dir).map_err(|error| cannot("the folder can't be made", &error))?;
        create(&file).map_err(|error| cannot("can't be written", &error))?;
    }
    let text = std::fs::read_to_string(&file).map_err(|error| cannot("can't be read", &error))?;
    parse(&text, &file).ok_or_else(|| {
        ConfigError(vec![format!(
            "{}: holds no login and phones; remove the file, new passwords are made at the next start",
            file.display()
        )])
    })
}

/// Written beside and put in place in one step: of two servers that start at once the first wins.
fn create(file: &Path) -> std::io::Result<()> {
    let draft = file.with_extension(format!("{}.tmp", std::process::id()));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut out = options.open(&draft)?;
    out.write_all(fresh().as_bytes())?;
    out.sync_all()?;
    let linked = match std::fs::hard_link(&draft, file) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        // A file system without links.
        Err(_) => return std::fs::rename(&draft, file),
        Ok(()) => Ok(()),
    };
    std::fs::remove_file(&draft)?;
    linked
}

fn fresh() -> String {
    let phones: Vec<String> = PHONES.iter().map(|phone| format!("{phone} = \"{}\"\n", password())).collect();
    format!(
        "# Made for the demo at its first start. Remove the file to get new ones.\n[login]\nname = \"admin\"\npassword = \"{}\"\n\n[phones]\n{}",
        password(),
        phones.concat()
    )
}

/// 80 bits, in groups that can be read out.
fn password() -> String {
    let mut random = rand::rng();
    let group = |random: &mut rand::rngs::ThreadRng| -> String {
        (0..4).map(|_| char::from(*ALPHABET.choose(random).expect("the alphabet is not empty"))).collect()
    };
    [group(&mut random), group(&mut random), group(&mut random), group(&mut random)].join("-")
}

fn parse(text: &str, file: &Path) -> Option<DemoCredentials> {
    let table: toml::Table = text.parse().ok()?;
    let login = table.get("login")?;
    let text_at = |value: &toml::Value, key: &str| Some(value.get(key)?.as_str()?.to_owned());
    let phones = PHONES
        .iter()
        .map(|phone| Some((PhoneId::from(*phone), Private::new(text_at(table.get("phones")?, phone)?))))
        .collect::<Option<BTreeMap<_, _>>>()?;
    Some(DemoCredentials {
        login: text_at(login, "name")?,
        password: Private::new(text_at(login, "password")?),
        phones,
        file: file.to_owned(),
    })
}
