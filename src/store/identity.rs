//! Whose data folder it is: the node's name, and an id that no other folder has. Nodes that share a database tell each
//! other apart by the name; the id says whether a name that is in use is this folder's own (a restart) or another's.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use uuid::Uuid;

use super::StoreError;
use super::disk::{plain, sync_folder};

/// Below the data folder.
const FILE: &str = "node.toml";
/// Where the machine has no name of its own.
const UNNAMED: &str = "node-1";
/// A host name's label has no more (RFC 1035, 2.3.4).
const LENGTH_MAX: usize = 63;

/// This process among the nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    /// The node's name.
    pub node: String,
    /// The data folder's id; stays when the machine or the node is renamed.
    pub instance: String,
    /// The process.
    pub run: String,
}

/// The node's name where the configuration has none: what the data folder was last used as, else the machine's name.
pub fn default_node(data_dir: &Path) -> String {
    kept(data_dir).map_or_else(|| from_host(rustix::system::uname().nodename().to_bytes()), |(node, _)| node)
}

/// The folder's identity under this name; written where it was not, or was another.
pub(super) fn keep(data_dir: &Path, node: &str) -> Result<Identity, StoreError> {
    let known = kept(data_dir);
    let instance = known.as_ref().map_or_else(|| Uuid::now_v7().to_string(), |(_, instance)| instance.clone());
    let identity = Identity { node: node.to_owned(), instance, run: Uuid::now_v7().to_string() };
    if known.is_none_or(|(known, _)| known != node) {
        let path = data_dir.join(FILE);
        write(data_dir, &identity).map_err(|error| {
            StoreError::Journal(plain(&format!("the node's name can't be kept in {}", path.display()), &error))
        })?;
    }
    Ok(identity)
}

/// Name and id, if the folder has them.
fn kept(data_dir: &Path) -> Option<(String, String)> {
    let text = fs::read_to_string(data_dir.join(FILE)).ok()?;
    let table: toml::Table = text.parse().ok()?;
    let word = |key: &str| table.get(key)?.as_str().filter(|word| !word.is_empty()).map(str::to_owned);
    Some((word("name")?, word("id")?))
}

/// Whole or not at all: a torn file would make another node of the folder.
fn write(data_dir: &Path, identity: &Identity) -> io::Result<()> {
    let text = format!(
        "# Written by hotline: whose data folder this is. Don't copy it to another machine.\nname = {}\nid = {}\n",
        toml::Value::from(identity.node.as_str()),
        toml::Value::from(identity.instance.as_str()),
    );
    let new = data_dir.join(format!("{FILE}.new"));
    let mut file = fs::File::create(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, data_dir.join(FILE))?;
    sync_folder(&data_dir.join(FILE))
}

/// A host's name as a node's: its first label, in the letters that a node's name may have.
fn from_host(host: &[u8]) -> String {
    let host = String::from_utf8_lossy(host);
    let label = host.split('.').next().unwrap_or_default();
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c.to_ascii_lowercase() } else { '-' };
    let name: String = label.chars().map(safe).take(LENGTH_MAX).collect();
    let name = name.trim_matches('-');
    if name.is_empty() || name == "localhost" { UNNAMED.to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machines_name_becomes_a_nodes() {
        assert_eq!(from_host(b"Alpha.example.com"), "alpha");
        assert_eq!(from_host("b\u{fc}ro 7".as_bytes()), "b-ro-7");
        for unnamed in [&b""[..], b"localhost", b"localhost.localdomain", b"---"] {
            assert_eq!(from_host(unnamed), "node-1");
        }
        assert_eq!(from_host(&[b'a'; 300]).len(), LENGTH_MAX);
    }

    #[test]
    fn the_folder_remembers_name_and_id() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!default_node(dir.path()).is_empty(), "the machine's name");
        let first = keep(dir.path(), "alpha").unwrap();
        assert_eq!(default_node(dir.path()), "alpha", "whatever the machine is called now");
        let again = keep(dir.path(), "alpha").unwrap();
        assert_eq!((&again.node, &again.instance), (&first.node, &first.instance));
        assert_ne!(again.run, first.run);
        let renamed = keep(dir.path(), "a \"beta\"").unwrap();
        assert_eq!(renamed.instance, first.instance, "still the same folder");
        assert_eq!(default_node(dir.path()), "a \"beta\"");
        fs::write(dir.path().join(FILE), "name = \"alp").unwrap();
        assert_ne!(keep(dir.path(), "alpha").unwrap().instance, first.instance, "a damaged file is as good as none");
    }
}
