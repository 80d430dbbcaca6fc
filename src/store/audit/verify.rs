//! Walks the chains and finds what is not as it was written.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use hotline_core::audit::{AuditEntry, Hash, salted};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row, query};

use super::{AuditHead, chained, hash_of, told};
use crate::store::{Store, StoreError};

/// Entries read at once.
const STRIDE: i64 = 1_000;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditReport {
    /// Each node's chain, by name.
    pub chains: Vec<Chain>,
    /// Entries that wait for their place in a chain.
    pub queued: u64,
}

impl AuditReport {
    /// Nothing is broken.
    pub fn whole(&self) -> bool {
        self.chains.iter().all(|chain| chain.broken.is_none())
    }
}

/// One node's chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// Whose.
    pub node: String,
    /// Entries found to be whole, from the first.
    pub entries: u64,
    /// Personal fields that were erased.
    pub erased: u64,
    /// Hash of the last whole entry, hex; empty: there is none.
    pub head: String,
    /// The first break.
    pub broken: Option<Break>,
}

/// What is wrong, at which entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Break {
    /// Something of the entry is not what was hashed.
    Changed(u64),
    /// The entry is not there, but later ones are.
    Missing(u64),
    /// The entry does not follow from the one before it: it, or the one before, was put in or replaced.
    Inserted(u64),
    /// The chain ends before an entry that was there.
    Truncated(u64),
    /// The chain has another entry than the one that was noted as its end then: it was written anew.
    Rewritten(u64),
    /// A personal field of the entry is not what was hashed.
    PersonalChanged(u64, String),
    /// A personal field of the entry is gone, and no erasure says so.
    PersonalMissing(u64, String),
    /// There is a personal field that the entry has not, or whose entry is not there.
    PersonalInserted(u64, String),
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed(seq) => write!(f, "entry {seq} was changed: it is not what was hashed"),
            Self::Missing(seq) => write!(f, "entry {seq} is missing, later ones are there"),
            Self::Inserted(seq) => {
                write!(f, "entry {seq} does not follow from the one before: one of them was put in or replaced")
            }
            Self::Truncated(seq) => write!(f, "the end was cut off: entry {seq} was there and is not any more"),
            Self::Rewritten(seq) => {
                write!(f, "entry {seq} is another than the one noted then: the chain was written anew")
            }
            Self::PersonalChanged(seq, field) => write!(f, "the personal field {field} of entry {seq} was changed"),
            Self::PersonalMissing(seq, field) => {
                write!(f, "the personal field {field} of entry {seq} is gone, and no erasure says so")
            }
            Self::PersonalInserted(seq, field) => {
                write!(f, "a personal field {field} was put in at entry {seq}, which has none of that name")
            }
        }
    }
}

/// A row of the chain as it stands there.
struct Link {
    id: String,
    prev: String,
    hash: String,
    entry: AuditEntry,
    /// `personal` is not the JSON it was.
    unread: bool,
}

/// Personal fields by place: name, salt and value.
type Fields = HashMap<i64, BTreeMap<String, Option<(String, String)>>>;

/// Places and personal fields that erasures name, by node.
type Erasures = HashMap<String, BTreeSet<(u64, String)>>;

impl Store {
    /// Walks every node's chain to its end or first break. `noted` are ends of chains noted outside the database: what
    /// was there must be there still. Works while the service writes.
    pub async fn audit_verify(&self, noted: &[AuditHead]) -> Result<AuditReport, StoreError> {
        let verified = async {
            let mut connection = self.shared.pool.acquire().await?;
            let connection = &mut *connection;
            let erasures = erasures(connection).await?;
            let mut nodes: BTreeSet<String> = noted.iter().map(|head| head.node.clone()).collect();
            let found = query("SELECT node FROM audit UNION SELECT node FROM audit_personal");
            for row in found.fetch_all(&mut *connection).await? {
                nodes.insert(row.try_get(0)?);
            }
            let mut report = AuditReport::default();
            for node in nodes {
                let erased = erasures.get(&node).cloned().unwrap_or_default();
                let noted: Vec<&AuditHead> = noted.iter().filter(|head| head.node == node).collect();
                report.chains.push(walk(connection, node, &erased, &noted).await?);
            }
            let queued: i64 =
                query("SELECT COUNT(*) FROM audit_queue").fetch_one(&mut *connection).await?.try_get(0)?;
            report.queued = queued.unsigned_abs();
            Ok::<_, sqlx::Error>(report)
        };
        // Long chains take their time; nobody waits for this one but who asked.
        verified.await.map_err(|error| told(&error))
    }
}

/// What `audit.erase` entries say they erased, those still queued among them.
async fn erasures(connection: &mut AnyConnection) -> Result<Erasures, sqlx::Error> {
    let mut erasures = Erasures::new();
    let told = query(
        "SELECT detail FROM audit WHERE action = 'audit.erase' UNION ALL
         SELECT detail FROM audit_queue WHERE action = 'audit.erase'",
    );
    for row in told.fetch_all(connection).await? {
        let detail: String = row.try_get(0)?;
        let Ok(detail) = serde_json::from_str::<serde_json::Value>(&detail) else { continue };
        for (node, places) in detail["entries"].as_object().into_iter().flatten() {
            if let Ok(places) = serde_json::from_value::<Vec<(u64, String)>>(places.clone()) {
                erasures.entry(node.clone()).or_default().extend(places);
            }
        }
    }
    Ok(erasures)
}

async fn walk(
    connection: &mut AnyConnection,
    node: String,
    erased: &BTreeSet<(u64, String)>,
    noted: &[&AuditHead],
) -> Result<Chain, sqlx::Error> {
    let mut chain = Chain { node, entries: 0, erased: 0, head: String::new(), broken: None };
    let mut before = Hash::default();
    let mut from = i64::MIN;
    loop {
        let links = links(connection, &chain.node, from).await?;
        let to = links.last().map_or(i64::MAX, |link| link.entry.seq.cast_signed());
        let mut fields = fields(connection, &chain.node, from, to).await?;
        for link in &links {
            let seq = chain.entries + 1;
            let own = fields.remove(&seq.cast_signed()).unwrap_or_default();
            let fault = check(link, seq, &before).or_else(|| noted_otherwise(link, noted)).or_else(|| {
                let (count, fault) = check_personal(&link.entry, own, erased);
                chain.erased += count;
                fault
            });
            if fault.is_some() {
                chain.broken = fault;
                return Ok(chain);
            }
            chain.entries = seq;
            chain.head.clone_from(&link.hash);
            before = hash_of(&link.hash).unwrap_or_default();
        }
        // Personal fields of no entry.
        if let Some((seq, own)) = fields.into_iter().min_by_key(|(seq, _)| *seq) {
            let field = own.into_keys().next().unwrap_or_default();
            chain.broken = Some(Break::PersonalInserted(seq.max(0).unsigned_abs(), field));
            return Ok(chain);
        }
        if links.is_empty() {
            break;
        }
        from = to;
    }
    let longest = noted.iter().map(|head| head.seq).filter(|seq| *seq > chain.entries).min();
    chain.broken = longest.map(|_| Break::Truncated(chain.entries + 1));
    Ok(chain)
}

async fn links(connection: &mut AnyConnection, node: &str, after: i64) -> Result<Vec<Link>, sqlx::Error> {
    let rows = query(
        "SELECT seq, id, at, actor, action, object, detail, personal, prev, hash FROM audit
         WHERE node = $1 AND seq > $2 ORDER BY seq LIMIT $3",
    )
    .bind(node.to_owned())
    .bind(after)
    .bind(STRIDE)
    .fetch_all(connection)
    .await?;
    rows.iter().map(|row| link(row, node)).collect()
}

fn link(row: &AnyRow, node: &str) -> Result<Link, sqlx::Error> {
    let seq: i64 = row.try_get(0)?;
    let text: String = row.try_get(7)?;
    let personal: Option<Vec<(String, String)>> = serde_json::from_str(&text).ok();
    // What means the same but is written otherwise was changed too.
    let unread = personal.as_ref().and_then(|personal| serde_json::to_string(personal).ok()) != Some(text);
    Ok(Link {
        id: row.try_get(1)?,
        prev: row.try_get(8)?,
        hash: row.try_get(9)?,
        entry: AuditEntry {
            node: node.to_owned(),
            // Below 1 it is none of ours, and never the one that is expected.
            seq: u64::try_from(seq).unwrap_or(0),
            at: row.try_get(2)?,
            actor: row.try_get(3)?,
            action: row.try_get(4)?,
            object: row.try_get(5)?,
            detail: row.try_get(6)?,
            personal: personal.unwrap_or_default(),
        },
        unread,
    })
}

async fn fields(connection: &mut AnyConnection, node: &str, after: i64, to: i64) -> Result<Fields, sqlx::Error> {
    let rows = query(
        "SELECT seq, field, salt, value FROM audit_personal WHERE node = $1 AND seq > $2 AND seq <= $3 ORDER BY seq",
    )
    .bind(node.to_owned())
    .bind(after)
    .bind(to)
    .fetch_all(connection)
    .await?;
    let mut fields = Fields::new();
    for row in rows {
        let (salt, value): (Option<String>, Option<String>) = (row.try_get(2)?, row.try_get(3)?);
        // One of the two alone is no erasure: it can't fit its hash.
        let kept = match (salt, value) {
            (None, None) => None,
            (salt, value) => Some((salt.unwrap_or_default(), value.unwrap_or_default())),
        };
        fields.entry(row.try_get(0)?).or_default().insert(row.try_get(1)?, kept);
    }
    Ok(fields)
}

/// Whether the entry is the one that belongs at `seq`, behind the one with the hash `before`.
fn check(link: &Link, seq: u64, before: &Hash) -> Option<Break> {
    if link.entry.seq != seq {
        return Some(if link.entry.seq < seq { Break::Inserted(link.entry.seq) } else { Break::Missing(seq) });
    }
    let own = hash_of(&link.prev).map(|prev| hex::encode(chained(&link.entry, &link.id, &prev)));
    let fits = own.as_deref() == Some(link.hash.as_str());
    if link.prev != hex::encode(before) {
        // Whole in itself, but of another chain; or its `prev` was changed alone.
        return Some(if fits { Break::Inserted(seq) } else { Break::Changed(seq) });
    }
    (!fits || link.unread).then_some(Break::Changed(seq))
}

fn noted_otherwise(link: &Link, noted: &[&AuditHead]) -> Option<Break> {
    let other = noted.iter().any(|head| head.seq == link.entry.seq && head.hash != link.hash);
    other.then_some(Break::Rewritten(link.entry.seq))
}

/// How many of its personal fields were erased, and what is wrong with the rest.
fn check_personal(
    entry: &AuditEntry,
    mut own: BTreeMap<String, Option<(String, String)>>,
    erasures: &BTreeSet<(u64, String)>,
) -> (u64, Option<Break>) {
    let (seq, mut erased) = (entry.seq, 0);
    for (field, hash) in &entry.personal {
        match own.remove(field) {
            Some(Some((salt, value))) => {
                let fits = hex::decode(&salt).is_ok_and(|raw| {
                    // The salt as we write it, so that no letter of it can be changed.
                    hex::encode(&raw) == salt && salted(&raw, &value) == *hash
                });
                if !fits {
                    return (erased, Some(Break::PersonalChanged(seq, field.clone())));
                }
            }
            Some(None) if erasures.contains(&(seq, field.clone())) => erased += 1,
            Some(None) | None => return (erased, Some(Break::PersonalMissing(seq, field.clone()))),
        }
    }
    (erased, own.into_keys().next().map(|field| Break::PersonalInserted(seq, field)))
}
