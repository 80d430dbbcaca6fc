//! Secrets sealed before they come into the database: whoever reads it, or a backup of it, reads no password.
//!
//! XChaCha20-Poly1305 with a random nonce; what it belongs to is authenticated with it, so that a sealed value
//! can't be moved to another place.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hotline_core::private::Private;
use sha2::{Digest, Sha256};

use super::StoreError;

/// The file in the data folder where no key is given.
const FILE: &str = "secret-key";
const NONCE: usize = 24;
/// What sealed values begin with.
const MARK: &str = "v1:";

/// Seals and opens. Clones share the key.
#[derive(Clone)]
pub struct Seal(XChaCha20Poly1305);

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seal")
    }
}

impl Seal {
    /// With a key of any length; 32 random characters and more are a good one.
    pub fn new(key: &Private<String>) -> Self {
        let digest = Sha256::new_with_prefix(b"hotline secrets\0").chain_update(key.reveal().as_bytes()).finalize();
        Self(XChaCha20Poly1305::new(&digest))
    }

    /// With `given` (several nodes share one), else the key of the data folder; made at the first start, mode 600.
    pub fn at(data_dir: &Path, given: Option<&Private<String>>) -> Result<Self, StoreError> {
        if let Some(key) = given {
            return Ok(Self::new(key));
        }
        let file = data_dir.join(FILE);
        let wrong = |error: &dyn std::fmt::Display| {
            StoreError::Journal(format!(
                "the key that seals secrets can't be used ({}): {error}; mend the file's rights, or set HOTLINE_SECRET_KEY",
                file.display()
            ))
        };
        match std::fs::read_to_string(&file) {
            Ok(text) if text.trim().len() >= 32 => return Ok(Self::new(&Private::from(text.trim()))),
            Ok(_) => return Err(wrong(&"it is cut off; restore it from a backup")),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(wrong(&error)),
        }
        let key = Private::new(hex::encode(rand::random::<[u8; 32]>()));
        create(data_dir, &file, &key).map_err(|error| wrong(&error))?;
        Ok(Self::new(&key))
    }

    /// `text`, sealed for `place` (`users/ada`).
    pub fn seal(&self, place: &str, text: &str) -> String {
        let nonce: [u8; NONCE] = rand::random();
        let payload = Payload { msg: text.as_bytes(), aad: place.as_bytes() };
        let sealed =
            self.0.encrypt(XNonce::from_slice(&nonce), payload).expect("texts are far below the cipher's limit");
        format!("{MARK}{}", STANDARD_NO_PAD.encode([nonce.as_slice(), &sealed].concat()))
    }

    /// What was sealed for `place`; `None`: another key, another place, or damaged.
    pub fn open(&self, place: &str, sealed: &str) -> Option<Private<String>> {
        let bytes = STANDARD_NO_PAD.decode(sealed.strip_prefix(MARK)?).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE)?;
        let payload = Payload { msg: sealed, aad: place.as_bytes() };
        let text = self.0.decrypt(XNonce::from_slice(nonce), payload).ok()?;
        String::from_utf8(text).ok().map(Private::new)
    }
}

/// Written beside and put in place in one step, so that no half key is ever read.
fn create(data_dir: &Path, file: &Path, key: &Private<String>) -> std::io::Result<()> {
    super::disk::create_folder(data_dir)?;
    super::disk::replace(file, format!("{}\n", key.reveal()).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_key_and_place_open_it() {
        let seal = Seal::new(&Private::from("one key of this test, long enough"));
        let sealed = seal.seal("phones/gina", "s3cret wörds");
        assert!(!sealed.contains("s3cret") && sealed != seal.seal("phones/gina", "s3cret wörds"));
        assert_eq!(seal.open("phones/gina", &sealed).unwrap().reveal(), "s3cret wörds");
        assert!(seal.open("phones/hugo", &sealed).is_none());
        assert!(Seal::new(&Private::from("another key of this test")).open("phones/gina", &sealed).is_none());
        for damaged in ["", "v1:", "v1:AAAA", "v2:AAAA", &sealed[..sealed.len() - 2], "v1:ä"] {
            assert!(seal.open("phones/gina", damaged).is_none(), "{damaged}");
        }
    }

    #[test]
    fn the_key_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let sealed = Seal::at(folder.path(), None).unwrap().seal("a", "b");
        assert!(Seal::at(folder.path(), None).unwrap().open("a", &sealed).is_some());
        let mode = std::os::unix::fs::PermissionsExt::mode(&folder.path().join(FILE).metadata().unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
        std::fs::write(folder.path().join(FILE), "short\n").unwrap();
        assert!(Seal::at(folder.path(), None).unwrap_err().to_string().contains("HOTLINE_SECRET_KEY"));
        assert!(Seal::at(folder.path(), Some(&Private::from("given"))).is_ok());
    }
}
