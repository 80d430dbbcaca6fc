//! Passwords: argon2id, off the async threads, a few at a time, the same work for unknown names.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use hotline_core::private::Private;
use tokio::sync::Semaphore;

/// Shortest password taken, in characters.
pub const SHORTEST: usize = 10;
/// Longest password taken, in bytes: hashing must stay bounded.
pub const LONGEST: usize = 1_000;
/// Hashes computed at the same time. Audio comes first on a small machine.
const AT_ONCE: usize = 2;
/// How long a login waits for its turn.
const TURN: Duration = Duration::from_secs(8);

/// Why a password is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Weak {
    /// Too short.
    #[error("the password is too short: take at least {SHORTEST} characters, best a few random words")]
    Short,
    /// Too long.
    #[error("the password is too long: {LONGEST} bytes are the limit")]
    Long,
    /// One character again and again.
    #[error("the password repeats a few characters only: take a few random words")]
    Monotonous,
    /// Contains the name.
    #[error("the password contains the login name: take a few random words instead")]
    Name,
}

/// Whether `password` is good enough for `name`.
pub fn strength(name: &str, password: &str) -> Result<(), Weak> {
    if password.chars().count() < SHORTEST {
        return Err(Weak::Short);
    }
    if password.len() > LONGEST {
        return Err(Weak::Long);
    }
    let different = password.chars().collect::<std::collections::BTreeSet<_>>().len();
    if different < 4 {
        return Err(Weak::Monotonous);
    }
    if name.len() > 2 && password.to_lowercase().contains(&name.to_lowercase()) {
        return Err(Weak::Name);
    }
    Ok(())
}

/// The PHC string (argon2id, random salt) to keep. Takes tens of milliseconds: not for async threads.
pub fn hash(password: &Private<String>) -> Result<String, String> {
    Argon2::default()
        .hash_password(password.reveal().as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|error| error.to_string())
}

fn matches(password: &Private<String>, hash: &str) -> bool {
    PasswordHash::new(hash)
        .is_ok_and(|hash| Argon2::default().verify_password(password.reveal().as_bytes(), &hash).is_ok())
}

/// Checks passwords, a few at a time.
#[derive(Debug, Clone)]
pub struct Checker {
    turns: Arc<Semaphore>,
    nobody: Arc<OnceLock<String>>,
}

impl Default for Checker {
    fn default() -> Self {
        Self { turns: Arc::new(Semaphore::new(AT_ONCE)), nobody: Arc::default() }
    }
}

/// Too many logins are being checked already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Busy;

impl Checker {
    /// Whether the password fits. Without a hash (unknown name) it does the same work and says no.
    pub async fn fits(&self, password: Private<String>, hash: Option<String>) -> Result<bool, Busy> {
        let turn = tokio::time::timeout(TURN, self.turns.clone().acquire_owned())
            .await
            .map_err(|_| Busy)?
            .map_err(|_| Busy)?;
        let nobody = self.nobody.clone();
        let work = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            if let Some(hash) = hash {
                return matches(&password, &hash);
            }
            let stand_in = nobody.get_or_init(|| self::hash(&Private::from("nobody has this one")).unwrap_or_default());
            let _ = matches(&password, stand_in);
            false
        });
        work.await.map_err(|_| Busy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strength_asks_for_ten_characters_that_are_not_the_name() {
        assert_eq!(strength("ann", "short"), Err(Weak::Short));
        assert_eq!(strength("ann", "aaaaaaaaaaaa"), Err(Weak::Monotonous));
        assert_eq!(strength("annabel", "Annabel-2026!"), Err(Weak::Name));
        assert_eq!(strength("ann", &"abcd".repeat(300)), Err(Weak::Long));
        assert_eq!(strength("ann", "grün und blau"), Ok(()));
    }

    #[tokio::test]
    async fn only_the_right_password_fits() {
        let hash = hash(&Private::from("correct horse")).unwrap();
        assert!(hash.starts_with("$argon2id$"), "{hash}");
        let checker = Checker::default();
        assert_eq!(checker.fits(Private::from("correct horse"), Some(hash.clone())).await, Ok(true));
        assert_eq!(checker.fits(Private::from("wrong horse"), Some(hash)).await, Ok(false));
        assert_eq!(checker.fits(Private::from("nobody has this one"), None).await, Ok(false));
        assert_eq!(checker.fits(Private::from("x"), Some("not a hash".into())).await, Ok(false));
    }
}
