//! Runbooks and articles: the newest text of each, all versions, the words by which they are found, steps that were ticked.

use jiff::Timestamp;
use sqlx::{AnyConnection, AssertSqlSafe, FromRow, query, query_as};

use super::engine::Kind;
use super::pages::in_time as read_in_time;
use super::writer::{Tries, WriteError, in_time};
use super::{Store, StoreError, postgres, sqlite};

const COLUMNS: &str =
    "id, kind, title, customer, owner, review, version, body, archived, updated_at, updated_by FROM runbooks";
/// Documents that a search looks at most.
const FOUND_MAX: usize = 500;

/// A document as it is now.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct RunbookRow {
    /// Its name.
    pub id: String,
    /// `runbook`, `article`.
    pub kind: String,
    /// Its title.
    pub title: String,
    /// Whose; `None`: everybody's.
    pub customer: Option<String>,
    /// `UserId` of who keeps it right.
    pub owner: Option<String>,
    /// ISO day on which it must be looked at again.
    pub review: Option<String>,
    /// Counts its saves.
    pub version: i64,
    /// Markdown.
    pub body: String,
    /// 1: out of use.
    pub archived: i64,
    /// Epoch ms.
    pub updated_at: i64,
    /// By whom, as shown.
    pub updated_by: String,
}

/// One of its versions.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct VersionRow {
    /// From 1.
    pub version: i64,
    /// Its title then.
    pub title: String,
    /// Markdown.
    pub body: String,
    /// 1: it was taken out of use with it.
    pub archived: i64,
    /// Epoch ms.
    pub saved_at: i64,
    /// By whom, as shown.
    pub saved_by: String,
}

/// A step that was done.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct StepRow {
    /// The runbook's name.
    pub runbook: String,
    /// The step's number.
    pub step: i64,
    /// Of which version.
    pub version: i64,
    /// Epoch ms.
    pub done_at: i64,
    /// By whom, as shown.
    pub done_by: String,
}

/// What a save came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saved {
    /// It is this version now.
    Version(i64),
    /// Somebody else saved before; this is the version that is there (0: none).
    Overtaken(i64),
}

/// Which documents to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunbookFilter {
    /// Beginnings of words that must all be there (`hotline_core::runbook::query`).
    pub words: Vec<String>,
    /// `runbook`, `article`.
    pub kind: Option<String>,
    /// Those out of use, too.
    pub archived: bool,
    /// Only everybody's and these customers'; `None`: all.
    pub customers: Option<Vec<String>>,
}

/// What is saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRunbook {
    /// The document; `version` and `updated_at` are the store's.
    pub row: RunbookRow,
    /// The version that the author saw (0: none); `None`: whatever is there.
    pub seen: Option<i64>,
    /// Its words (`hotline_core::runbook::index`).
    pub words: String,
}

impl Store {
    /// Documents by title.
    pub async fn runbooks(&self, filter: &RunbookFilter) -> Result<Vec<RunbookRow>, StoreError> {
        let mut conditions = vec![if filter.archived { "1 = 1" } else { "archived = 0" }.to_owned()];
        let mut binds = Vec::new();
        let mut place = |word: String| {
            binds.push(word);
            format!("${}", binds.len())
        };
        if !filter.words.is_empty() {
            conditions.push(match self.shared.engine.kind() {
                Kind::Sqlite => sqlite::runbook_words(&filter.words, &mut place),
                Kind::Postgres => postgres::runbook_words(&filter.words, &mut place),
            });
        }
        if let Some(kind) = &filter.kind {
            conditions.push(format!("kind = {}", place(kind.clone())));
        }
        if let Some(customers) = &filter.customers {
            let places: Vec<String> = customers.iter().map(|customer| place(customer.clone())).collect();
            let own =
                if places.is_empty() { String::new() } else { format!(" OR customer IN ({})", places.join(", ")) };
            conditions.push(format!("(customer IS NULL{own})"));
        }
        let sql = format!("SELECT {COLUMNS} WHERE {} ORDER BY title, id LIMIT {FOUND_MAX}", conditions.join(" AND "));
        let mut asked = query_as::<_, RunbookRow>(AssertSqlSafe(sql));
        for word in binds {
            asked = asked.bind(word);
        }
        read_in_time(asked.fetch_all(&self.shared.pool)).await
    }

    /// One of them.
    pub async fn runbook(&self, id: &str) -> Result<Option<RunbookRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} WHERE id = $1");
        let asked = query_as(AssertSqlSafe(sql)).bind(id.to_owned()).fetch_optional(&self.shared.pool);
        read_in_time(asked).await
    }

    /// Its versions, newest first.
    pub async fn runbook_versions(&self, id: &str) -> Result<Vec<VersionRow>, StoreError> {
        let asked = query_as(
            "SELECT version, title, body, archived, saved_at, saved_by FROM runbook_versions WHERE runbook = $1
             ORDER BY version DESC LIMIT 1000",
        );
        read_in_time(asked.bind(id.to_owned()).fetch_all(&self.shared.pool)).await
    }

    /// Saves a version; the document is it from now on.
    pub async fn save_runbook(&self, new: &NewRunbook, at: Timestamp) -> Result<Saved, StoreError> {
        let mut tries = Tries::default();
        in_time(async {
            loop {
                match self.save_runbook_once(new, at).await {
                    Ok(saved) => return Ok(saved),
                    Err(error) => tries.again(error).await?,
                }
            }
        })
        .await
    }

    async fn save_runbook_once(&self, new: &NewRunbook, at: Timestamp) -> Result<Saved, WriteError> {
        let inner = &*self.shared;
        let mut writer = inner.writers.writer().await?;
        let mut transaction = writer.begin().await?;
        let sql = format!("SELECT version FROM runbooks WHERE id = $1{}", inner.engine.for_update());
        let held: Option<(i64,)> =
            query_as(AssertSqlSafe(sql)).bind(new.row.id.clone()).fetch_optional(&mut *transaction).await?;
        let held = held.map_or(0, |(version,)| version);
        if new.seen.is_some_and(|seen| seen != held) {
            return Ok(Saved::Overtaken(held));
        }
        let version = held + 1;
        keep(&mut transaction, new, version, at).await?;
        if inner.engine.kind() == Kind::Sqlite {
            sqlite::keep_runbook_words(&mut transaction, &new.row.id, &new.words).await?;
        }
        transaction.commit().await?;
        writer.keep();
        Ok(Saved::Version(version))
    }

    /// Whether this was not made yet; says from now on that it was.
    pub async fn make_once(&self, what: &str, at: Timestamp) -> Result<bool, StoreError> {
        let made = query("INSERT INTO made_once (what, at) VALUES ($1, $2) ON CONFLICT (what) DO NOTHING")
            .bind(what.to_owned())
            .bind(at.as_millisecond());
        Ok(read_in_time(made.execute(&self.shared.pool)).await?.rows_affected() == 1)
    }

    /// It was not made after all.
    pub async fn unmake(&self, what: &str) -> Result<(), StoreError> {
        let unmade = query("DELETE FROM made_once WHERE what = $1").bind(what.to_owned());
        read_in_time(unmade.execute(&self.shared.pool)).await.map(|_| ())
    }

    /// Steps that were done for `alert:ID` or `incident:ID`.
    pub async fn steps_done(&self, subject: &str) -> Result<Vec<StepRow>, StoreError> {
        let asked = query_as(
            "SELECT runbook, step, version, done_at, done_by FROM runbook_steps WHERE subject = $1 ORDER BY done_at",
        );
        read_in_time(asked.bind(subject.to_owned()).fetch_all(&self.shared.pool)).await
    }

    /// A step is done; `false`: it was already.
    pub async fn step_done(&self, subject: &str, step: &StepRow) -> Result<bool, StoreError> {
        let done = query(
            "INSERT INTO runbook_steps (subject, runbook, step, version, done_at, done_by)
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (subject, runbook, step) DO NOTHING",
        )
        .bind(subject.to_owned())
        .bind(step.runbook.clone())
        .bind(step.step)
        .bind(step.version)
        .bind(step.done_at)
        .bind(step.done_by.clone());
        Ok(read_in_time(done.execute(&self.shared.pool)).await?.rows_affected() == 1)
    }

    /// A step is not done; `false`: it was not.
    pub async fn step_undone(&self, subject: &str, runbook: &str, step: i64) -> Result<bool, StoreError> {
        let undone = query("DELETE FROM runbook_steps WHERE subject = $1 AND runbook = $2 AND step = $3")
            .bind(subject.to_owned())
            .bind(runbook.to_owned())
            .bind(step);
        Ok(read_in_time(undone.execute(&self.shared.pool)).await?.rows_affected() == 1)
    }
}

async fn keep(
    connection: &mut AnyConnection,
    new: &NewRunbook,
    version: i64,
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    let row = &new.row;
    query(
        "INSERT INTO runbooks (id, kind, title, customer, owner, review, version, body, words, archived, updated_at, updated_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
         ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, title = excluded.title, customer = excluded.customer,
         owner = excluded.owner, review = excluded.review, version = excluded.version, body = excluded.body,
         words = excluded.words, archived = excluded.archived, updated_at = excluded.updated_at,
         updated_by = excluded.updated_by",
    )
    .bind(row.id.clone())
    .bind(row.kind.clone())
    .bind(row.title.clone())
    .bind(row.customer.clone())
    .bind(row.owner.clone())
    .bind(row.review.clone())
    .bind(version)
    .bind(row.body.clone())
    .bind(new.words.clone())
    .bind(row.archived)
    .bind(at.as_millisecond())
    .bind(row.updated_by.clone())
    .execute(&mut *connection)
    .await?;
    query(
        "INSERT INTO runbook_versions (runbook, version, title, body, archived, saved_at, saved_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(row.id.clone())
    .bind(version)
    .bind(row.title.clone())
    .bind(row.body.clone())
    .bind(row.archived)
    .bind(at.as_millisecond())
    .bind(row.updated_by.clone())
    .execute(connection)
    .await
    .map(|_| ())
}
