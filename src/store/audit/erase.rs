//! Forgetting a person: salts and values of personal fields go, their hashes stay, and the chain still holds.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::json;
use sqlx::{AnyConnection, Row, query};

use crate::store::alerts::Audited;
use crate::store::lines;
use crate::store::writer::{self, Tries, WriteError};
use crate::store::{Store, StoreError};

/// Entries that one erasure names; a larger one becomes several.
const NAMED: usize = 2_000;
/// Fewer digits would be found in what is no telephone number.
const DIGITS_MIN: usize = 6;

/// Whose traces go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erase {
    /// An id, login or name, or the digits of a number.
    value: String,
    number: bool,
}

impl Erase {
    /// A person or login: by id (`ada`), login name, or name (`Ada Berger`), wherever it stands as words of its own. An
    /// error says what is wrong with it.
    pub fn person(name: &str) -> Result<Self, String> {
        let name = name.trim();
        if name.is_empty() {
            return Err("say whom: an id, a login name or a name".to_owned());
        }
        Ok(Self { value: name.to_owned(), number: false })
    }

    /// A telephone number, wherever it stands, however it is written. An error says what is wrong with it.
    pub fn number(number: &str) -> Result<Self, String> {
        let digits: String = number.chars().filter(char::is_ascii_digit).collect();
        let digits = digits.trim_start_matches('0');
        if digits.len() < DIGITS_MIN {
            return Err("a telephone number has at least six digits; write it with its country code".to_owned());
        }
        Ok(Self { value: digits.to_owned(), number: true })
    }
}

impl Store {
    /// Removes salt and value of every personal field that is about them, and says so in the chain of `node` in the same
    /// transaction. Returns how many fields. The entry says by whom and how many, not about whom.
    pub async fn audit_erase(&self, erase: &Erase, node: &str, by: &str, at: Timestamp) -> Result<u64, StoreError> {
        // What still waits has no place to be erased at.
        while self.audit_move(node).await?.0 > 0 {}
        let mut tries = Tries::default();
        writer::in_time(async {
            loop {
                match self.erase_once(erase, node, by, at).await {
                    Ok(count) => return Ok(count),
                    Err(error) => tries.again(error).await?,
                }
            }
        })
        .await
    }

    async fn erase_once(&self, erase: &Erase, node: &str, by: &str, at: Timestamp) -> Result<u64, WriteError> {
        let mut writer = self.shared.writers.writer().await?;
        let mut transaction = writer.begin().await?;
        let found = if erase.number {
            containing(&mut transaction, &erase.value).await?
        } else {
            naming(&mut transaction, &erase.value).await?
        };
        forget(&mut transaction, &found).await?;
        let deeds = found.chunks(NAMED).map(|some| (entry(erase, some, by), at)).collect();
        lines::audit(&mut transaction, node, deeds).await?;
        transaction.commit().await?;
        writer.keep();
        Ok(found.len() as u64)
    }
}

async fn forget(connection: &mut AnyConnection, found: &[(String, i64, String)]) -> Result<(), sqlx::Error> {
    for (node, seq, field) in found {
        query("UPDATE audit_personal SET salt = NULL, value = NULL WHERE node = $1 AND seq = $2 AND field = $3")
            .bind(node.clone())
            .bind(*seq)
            .bind(field.clone())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// The entry about an erasure. It names the places, so that a field that is gone without one is found.
fn entry(erase: &Erase, found: &[(String, i64, String)], by: &str) -> Audited {
    let mut entries: BTreeMap<&str, Vec<(i64, &str)>> = BTreeMap::new();
    for (node, seq, field) in found {
        entries.entry(node).or_default().push((*seq, field));
    }
    let what = if erase.number { "number" } else { "person" };
    Audited {
        actor: by.to_owned(),
        action: "audit.erase".to_owned(),
        object: "audit".to_owned(),
        detail: json!({ "what": what, "fields": found.len(), "entries": entries }).to_string(),
        personal: Vec::new(),
    }
}

/// `ada`, `user:ada`, `{"members":["ada"]}`, `taken by ada`: but not `nevada`, and not `ada-desk`.
async fn naming(connection: &mut AnyConnection, name: &str) -> Result<Vec<(String, i64, String)>, sqlx::Error> {
    let pattern = name.replace('!', "!!").replace('%', "!%").replace('_', "!_");
    let found =
        query("SELECT node, seq, field, value FROM audit_personal WHERE value LIKE $1 ESCAPE '!' ORDER BY node, seq");
    let rows = found.bind(format!("%{pattern}%")).fetch_all(connection).await?;
    let mut places = Vec::new();
    for row in &rows {
        if stands_alone(&row.try_get::<String, _>(3)?, name) {
            places.push(place(row)?);
        }
    }
    Ok(places)
}

/// Whether the words stand in the text, not as a part of longer ones.
fn stands_alone(text: &str, words: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '@');
    text.match_indices(words).any(|(at, found)| {
        let (before, after) = (text[..at].chars().next_back(), text[at + found.len()..].chars().next());
        !before.is_some_and(part) && !after.is_some_and(part)
    })
}

/// Digits, however the number is written: spaces and signs between them do not count.
async fn containing(connection: &mut AnyConnection, digits: &str) -> Result<Vec<(String, i64, String)>, sqlx::Error> {
    let found = query(
        "SELECT node, seq, field FROM audit_personal
         WHERE REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(value, ' ', ''), '-', ''), '/', ''), '(', ''), ')', '') LIKE $1
         ORDER BY node, seq",
    );
    found.bind(format!("%{digits}%")).fetch_all(connection).await?.iter().map(place).collect()
}

fn place(row: &sqlx::any::AnyRow) -> Result<(String, i64, String), sqlx::Error> {
    Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))
}

#[cfg(test)]
mod tests {
    use super::stands_alone;

    #[test]
    fn words_of_their_own_are_found_and_parts_of_others_are_not() {
        for text in
            ["ada", "user:ada", "login ada", r#"{"members":["ben","ada"]}"#, "Alert taken by ada.", "nevada, ada"]
        {
            assert!(stands_alone(text, "ada"), "{text}");
        }
        for text in ["", "nevada", "adam", "phone:ada-desk", "ada@example.com", "ad a"] {
            assert!(!stands_alone(text, "ada"), "{text}");
        }
        assert!(stands_alone(r#"{"name":"Ada Berger"}"#, "Ada Berger") && !stands_alone("Ada Bergerac", "Ada Berger"));
        assert!(stands_alone("von Jörg Öl.", "Jörg Öl") && !stands_alone("Jörg Öle", "Jörg Öl"));
    }
}
