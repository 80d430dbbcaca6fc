//! The audit chain of each node. Deeds are queued in the transaction that does them (`audit_queue`); the node's own job puts
//! them into its chain, in order, once, many in a transaction ([`Store::audit_move`]).
//!
//! What is personal (who did it, a person or login as the object, the fields named so) stands in the chain as salted
//! hashes; the values are in `audit_personal`, where they can be erased ([`Store::audit_erase`]). [`Store::audit_verify`]
//! finds what was changed, left out, put in or cut off.

mod erase;
mod noted;
mod reading;
mod verify;

use std::collections::HashSet;
use std::time::Duration;

use hotline_core::audit::{AuditEntry, Hash, salted};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row, query};

use super::alerts::Audited;
use super::bulk::{self, Cell};
use super::engine::Engine;
use super::writer::{self, Tries, WriteError};
use super::{Store, StoreError};

pub use erase::Erase;
pub use reading::{AuditFilter, AuditRow};
pub use verify::{AuditReport, Break, Chain};

/// Entries put into the chain in one transaction, at most.
const BATCH: i64 = 128;
const AUDIT: &str = "INSERT INTO audit (node, seq, id, at, actor, action, object, detail, personal, prev, hash)";
const PERSONAL: &str = "INSERT INTO audit_personal (node, seq, field, salt, value)";
/// Nothing here takes longer, unless the database is away.
const PATIENCE: Duration = Duration::from_secs(10);

/// The end of a node's chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditHead {
    /// Whose.
    pub node: String,
    /// Number of the last entry.
    pub seq: u64,
    /// Its hash, hex.
    pub hash: String,
}

/// A row of the queue.
struct Queued {
    id: String,
    at: i64,
    deed: Audited,
}

impl Queued {
    fn of(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let personal: String = row.try_get(6)?;
        Ok(Self {
            id: row.try_get(0)?,
            at: row.try_get(1)?,
            deed: Audited {
                actor: row.try_get(2)?,
                action: row.try_get(3)?,
                object: row.try_get(4)?,
                detail: row.try_get(5)?,
                // What can't be read is kept whole: nothing of a deed is lost because of its shape.
                personal: serde_json::from_str(&personal).unwrap_or_else(|_| vec![("unread".to_owned(), personal)]),
            },
        })
    }
}

/// A personal value with its salt, and the hash that stands in the chain for it.
struct Personal {
    field: String,
    salt: String,
    value: String,
    hash: String,
}

impl Personal {
    fn new(field: &str, value: String) -> Self {
        let salt: [u8; 16] = rand::random();
        let hash = salted(&salt, &value);
        Self { field: field.to_owned(), salt: hex::encode(salt), value, hash }
    }
}

/// People and logins are personal; tokens, links, carriers and the hotline itself are not.
fn personal_actor(actor: &str) -> bool {
    !(actor.is_empty()
        || ["the hotline", "hotline", "system", "stranger"].contains(&actor)
        || ["token ", "source ", "node ", "the "].iter().any(|prefix| actor.starts_with(prefix)))
}

fn personal_object(object: &str) -> bool {
    ["user:", "login:", "person:"].iter().any(|prefix| object.starts_with(prefix))
}

/// Takes what is personal out of a deed: in its place stand hashes.
fn split(deed: Audited) -> (AuditEntry, Vec<Personal>) {
    let mut personal = Vec::new();
    let actor = if personal_actor(&deed.actor) {
        personal.push(Personal::new("actor", deed.actor));
        "person".to_owned()
    } else {
        deed.actor
    };
    let object = if personal_object(&deed.object) {
        let kind = deed.object.split(':').next().unwrap_or_default().to_owned();
        personal.push(Personal::new("object", deed.object));
        kind
    } else {
        deed.object
    };
    for (field, value) in deed.personal {
        // The same field twice (a list): each has its own name.
        let again =
            personal.iter().filter(|had| had.field == field || had.field.starts_with(&format!("{field}#"))).count();
        let field = if again == 0 { field } else { format!("{field}#{}", again + 1) };
        personal.push(Personal::new(&field, value));
    }
    let entry = AuditEntry {
        node: String::new(),
        seq: 0,
        at: 0,
        actor,
        action: deed.action,
        object,
        detail: deed.detail,
        personal: personal.iter().map(|personal| (personal.field.clone(), personal.hash.clone())).collect(),
    };
    (entry, personal)
}

/// The hash of an entry that has this id: the id is hashed with the detail, so that nothing of the row can be changed.
fn chained(entry: &AuditEntry, id: &str, before: &Hash) -> Hash {
    let entry = AuditEntry { detail: format!("{id}\n{}", entry.detail), ..entry.clone() };
    hotline_core::audit::hash(&entry, before)
}

fn hash_of(text: &str) -> Option<Hash> {
    hex::decode(text).ok()?.try_into().ok()
}

impl Store {
    /// Puts what is queued for `node` into its chain, in order: at most 500 entries, in one transaction. Returns how many
    /// rows it took and where the chain ends now (`None`: it is empty). A row that is in the chain already is dropped. Safe beside
    /// another that does the same: one of them fails and can come again.
    pub async fn audit_move(&self, node: &str) -> Result<(usize, Option<AuditHead>), StoreError> {
        let some = query("SELECT id FROM audit_queue WHERE node = $1 LIMIT 1").bind(node.to_owned());
        if in_time(some.fetch_optional(&self.shared.pool)).await?.is_none() {
            return Ok((0, self.audit_head(node).await?));
        }
        let mut tries = Tries::default();
        writer::in_time(async {
            loop {
                match self.move_once(node).await {
                    Ok(moved) => return Ok(moved),
                    Err(error) => tries.again(error).await?,
                }
            }
        })
        .await
    }

    async fn move_once(&self, node: &str) -> Result<(usize, Option<AuditHead>), WriteError> {
        let mut writer = self.shared.writers.writer().await?;
        let mut transaction = writer.begin().await?;
        let moved = move_batch(&mut transaction, node).await?;
        transaction.commit().await?;
        writer.keep();
        Ok(moved)
    }

    /// Where the chain of `node` ends; `None`: it is empty.
    pub async fn audit_head(&self, node: &str) -> Result<Option<AuditHead>, StoreError> {
        in_time(async {
            let mut connection = self.shared.pool.acquire().await?;
            head_in(&mut connection, node).await
        })
        .await
    }
}

/// The answer within [`PATIENCE`], or `Timeout`: what is not done then is undone.
pub(super) async fn in_time<T>(answer: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, StoreError> {
    match tokio::time::timeout(PATIENCE, answer).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(sqlx::Error::PoolTimedOut)) | Err(_) => Err(StoreError::Timeout),
        Ok(Err(error)) => Err(told(&error)),
    }
}

pub(super) fn told(error: &sqlx::Error) -> StoreError {
    StoreError::Database(Engine::plain(error))
}

pub(super) async fn move_batch(
    connection: &mut AnyConnection,
    node: &str,
) -> Result<(usize, Option<AuditHead>), sqlx::Error> {
    let rows = query(
        "SELECT id, at, actor, action, object, detail, personal FROM audit_queue
         WHERE node = $1 ORDER BY id LIMIT $2",
    )
    .bind(node.to_owned())
    .bind(BATCH)
    .fetch_all(&mut *connection)
    .await?;
    let queued = rows.iter().map(Queued::of).collect::<Result<Vec<_>, _>>()?;
    let ids: Vec<String> = queued.iter().map(|queued| queued.id.clone()).collect();
    let known = take_off(connection, ids).await?;
    let mut head = head_in(connection, node).await?;
    let (mut entries, mut values) = (Vec::new(), Vec::new());
    for queued in queued {
        if !known.contains(&queued.id) {
            let (entry, personal, next) = append(node, head.as_ref(), queued);
            entries.push(entry);
            values.extend(personal);
            head = Some(next);
        }
    }
    bulk::values(connection, AUDIT, 11, "", entries).await?;
    bulk::values(connection, PERSONAL, 5, "", values).await?;
    Ok((rows.len(), head))
}

/// Takes these off the queue; those that are in the chain already.
async fn take_off(connection: &mut AnyConnection, ids: Vec<String>) -> Result<HashSet<String>, sqlx::Error> {
    let mut known = HashSet::new();
    for chunk in bulk::chunks(ids) {
        let places = bulk::list(1, chunk.len());
        let mut delete = query(AssertSqlSafe(format!("DELETE FROM audit_queue WHERE id IN ({places})")));
        let mut look = query(AssertSqlSafe(format!("SELECT id FROM audit WHERE id IN ({places})")));
        for id in chunk {
            delete = delete.bind(id.clone());
            look = look.bind(id);
        }
        delete.execute(&mut *connection).await?;
        for row in look.fetch_all(&mut *connection).await? {
            known.insert(row.try_get(0)?);
        }
    }
    Ok(known)
}

async fn head_in(connection: &mut AnyConnection, node: &str) -> Result<Option<AuditHead>, sqlx::Error> {
    let row = query("SELECT seq, hash FROM audit WHERE node = $1 ORDER BY seq DESC LIMIT 1")
        .bind(node.to_owned())
        .fetch_optional(connection)
        .await?;
    row.map(|row| {
        let seq: i64 = row.try_get(0)?;
        Ok(AuditHead { node: node.to_owned(), seq: seq.unsigned_abs(), hash: row.try_get(1)? })
    })
    .transpose()
}

/// What is written for one row of the queue behind `head`: its entry, what is personal, and the new head.
fn append(node: &str, head: Option<&AuditHead>, queued: Queued) -> (Vec<Cell>, Vec<Vec<Cell>>, AuditHead) {
    let Queued { id, at, deed } = queued;
    let (mut entry, personal) = split(deed);
    node.clone_into(&mut entry.node);
    entry.at = at;
    entry.seq = head.map_or(0, |head| head.seq) + 1;
    let before = head.map_or_else(|| hex::encode([0; 32]), |head| head.hash.clone());
    // A head that is no hash is found by `audit_verify`; the chain goes on all the same.
    let hash = hex::encode(chained(&entry, &id, &hash_of(&before).unwrap_or_default()));
    let seq = entry.seq.cast_signed();
    let cells = vec![
        Cell::Text(node.to_owned()),
        Cell::Int(seq),
        Cell::Text(id),
        Cell::Int(at),
        Cell::Text(entry.actor),
        Cell::Text(entry.action),
        Cell::Text(entry.object),
        Cell::Text(entry.detail),
        Cell::Text(serde_json::to_string(&entry.personal).expect("pairs of texts always become JSON")),
        Cell::Text(before),
        Cell::Text(hash.clone()),
    ];
    let value = |personal: Personal| {
        vec![
            Cell::Text(node.to_owned()),
            Cell::Int(seq),
            Cell::Text(personal.field),
            Cell::Text(personal.salt),
            Cell::Text(personal.value),
        ]
    };
    let next = AuditHead { node: node.to_owned(), seq: entry.seq, hash };
    (cells, personal.into_iter().map(value).collect(), next)
}
