//! `PostgreSQL`: a server that several nodes may share.

use std::str::FromStr;
use std::sync::LazyLock;

use sqlx::migrate::Migrator;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AnyConnection, Row};

use super::engine::Use;
use super::identity::Identity;
use super::{Changed, StoreError};

/// Two adjacent releases work side by side: what a newer one has added does not stop an older one.
pub(super) static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| {
    let mut migrator = sqlx::migrate!("migrations/postgres");
    migrator.set_ignore_missing(true);
    migrator
});

// The statements below say the number of milliseconds themselves.
const _: () = assert!(super::nodes::DEAD.as_millis() == 6_000);

/// The call `c` has not ended, and its node said of late that it is alive (see `nodes::DEAD`).
pub(super) const CALL_RUNS: &str = "c.ended_at IS NULL AND EXISTS (SELECT 1 FROM nodes n WHERE n.name = c.node
    AND n.seen_at > CAST(FLOOR(EXTRACT(EPOCH FROM clock_timestamp()) * 1000) AS BIGINT) - 6000)";

/// Checks the address.
pub(super) fn options(url: &str) -> Result<PgConnectOptions, StoreError> {
    // The error could repeat the address, and with it the password.
    PgConnectOptions::from_str(url).map_err(|_| {
        StoreError::Database(
            "the address of the PostgreSQL database can't be understood; it is written \
             `postgres://user:password@host:5432/database`"
                .to_owned(),
        )
    })
}

/// What a new connection is told: nothing waits for ever, and nobody holds rows while doing nothing.
pub(super) fn settings(what: Use) -> Vec<String> {
    let statement = match what {
        Use::Reader | Use::Checkpoint => "5s",
        Use::Writer => "10s",
        Use::Drain => "30s",
    };
    let mut settings = vec![
        format!("SET statement_timeout = '{statement}'"),
        "SET idle_in_transaction_session_timeout = '30s'".to_owned(),
        "SET application_name = 'hotline'".to_owned(),
    ];
    // Planned anew each time, by how big the tables are. A plan made while they were still empty would read them whole,
    // and would be kept until the server's next look at its statistics: minutes, in a storm. A lookup of 33 keys then
    // walked through all alerts of their source, and half the goal's events took 0.4 s each.
    settings.push("SET plan_cache_mode = force_custom_plan".to_owned());
    if what != Use::Reader {
        // All that writers ask for is by an index. Lists and searches may have none.
        settings.push("SET enable_seqscan = off".to_owned());
    }
    settings
}

/// The server's clock, epoch ms.
pub(super) async fn now(connection: &mut AnyConnection) -> Result<i64, sqlx::Error> {
    let now = sqlx::query("SELECT CAST(FLOOR(EXTRACT(EPOCH FROM clock_timestamp()) * 1000) AS BIGINT)");
    now.fetch_one(connection).await?.try_get(0)
}

/// Any number, the same in all releases.
const CLAIM_LOCK: i64 = 0x686f_746c_696e_6531;

/// Waits until no other node claims notifications; until the transaction ends.
pub(super) async fn claim_turn(connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(CLAIM_LOCK).execute(connection).await.map(|_| ())
}

/// Takes the node's name: it is free, its holder is dead (see `nodes::DEAD`), or it is this data folder's own from before a
/// restart. `false`: another live process has it.
pub(super) async fn claim_name(connection: &mut AnyConnection, own: &Identity) -> Result<bool, sqlx::Error> {
    hold_name(connection, own, "nodes.instance = excluded.instance").await
}

/// Says that this node is alive, by the server's clock. `false`: another live process has taken its name since (this one was
/// held up for long, or its data folder was copied).
pub(super) async fn beat(connection: &mut AnyConnection, own: &Identity) -> Result<bool, sqlx::Error> {
    hold_name(connection, own, "nodes.run = excluded.run").await
}

async fn hold_name(connection: &mut AnyConnection, own: &Identity, ours: &str) -> Result<bool, sqlx::Error> {
    // Releases before this one wrote no `instance`.
    let sql = format!(
        "INSERT INTO nodes (name, seen_at, instance, run)
         VALUES ($1, CAST(FLOOR(EXTRACT(EPOCH FROM clock_timestamp()) * 1000) AS BIGINT), $2, $3)
         ON CONFLICT (name) DO UPDATE SET seen_at = excluded.seen_at, instance = excluded.instance, run = excluded.run
         WHERE {ours} OR nodes.instance IS NULL OR nodes.seen_at <= excluded.seen_at - 6000"
    );
    let held = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(own.node.clone())
        .bind(own.instance.clone())
        .bind(own.run.clone())
        .execute(connection)
        .await?;
    Ok(held.rows_affected() > 0)
}

/// This process stops: the name is free, and nothing can be rung from here.
pub(super) async fn leave(connection: &mut AnyConnection, own: &Identity) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE nodes SET seen_at = 0, lines = '' WHERE name = $1 AND run = $2")
        .bind(own.node.clone())
        .bind(own.run.clone())
        .execute(connection)
        .await
        .map(|_| ())
}

/// Another node said of late that it is alive (see `nodes::DEAD`).
pub(super) async fn has_other_node(connection: &mut AnyConnection, node: &str) -> Result<bool, sqlx::Error> {
    let row = sqlx::query(
        "SELECT COUNT(*) FROM nodes WHERE name <> $1
         AND seen_at > CAST(FLOOR(EXTRACT(EPOCH FROM clock_timestamp()) * 1000) AS BIGINT) - 6000",
    )
    .bind(node.to_owned())
    .fetch_one(connection)
    .await?;
    Ok(row.try_get::<i64, _>(0)? > 0)
}

/// 22 a value it can't take, 23 a constraint, 42 a faulty statement (but for 42501, missing rights: that is nobody's
/// record). Where the whole database is at fault, keeping the reject fails too.
pub(super) fn is_blamed(state: &str) -> bool {
    state != "42501" && matches!(&state[..2], "22" | "23" | "42")
}

/// Serialization failure, deadlock, lock not available.
pub(super) fn is_conflict(state: &str) -> bool {
    matches!(state, "40001" | "40P01" | "55P03")
}

/// In plain words, with the remedy where there is a common one.
pub(super) fn plain(state: &str, error: &sqlx::Error) -> Option<String> {
    Some(match state {
        "28P01" | "28000" => "PostgreSQL refuses the login; check user and password in DATABASE_URL".to_owned(),
        "3D000" => "the database does not exist on the server; create it (`createdb`)".to_owned(),
        "42501" => "the user lacks rights on the database; make it the owner".to_owned(),
        "53100" => "the server's disk is full; make room on it".to_owned(),
        "53200" => "the server is out of memory".to_owned(),
        "53300" => "the server has no free connection; raise max_connections".to_owned(),
        "25006" => "the server is read-only (a standby?); point DATABASE_URL to the primary".to_owned(),
        "57P01" | "57P02" | "57P03" => "the server is starting or stopping".to_owned(),
        "57014" => "a statement took too long and was cancelled".to_owned(),
        "40001" | "40P01" | "55P03" => "other writers were at the same rows again and again".to_owned(),
        "XX001" | "XX002" => format!("the server's files are damaged; restore them from a backup ({error})"),
        _ => return None,
    })
}

/// The connection itself.
#[expect(clippy::wildcard_enum_match_arm, reason = "the enum is not exhaustive; the rest speaks for itself")]
pub(super) fn plain_connection(error: &sqlx::Error) -> Option<String> {
    Some(match error {
        sqlx::Error::Io(error) => format!("the server can't be reached ({error}); check the address in DATABASE_URL"),
        sqlx::Error::Tls(error) => format!("no secure connection to the server ({error})"),
        sqlx::Error::PoolTimedOut => "no connection was free in time".to_owned(),
        _ => return None,
    })
}

/// The channel that nodes tell each other by.
pub(super) const CHANNEL: &str = "hotline";
/// A message has less than 8,000 bytes; an id has 36.
const IDS: usize = 200;

/// Tells the other nodes, when the transaction commits: `node|kind|id,id…`.
pub(super) async fn tell(connection: &mut AnyConnection, node: &str, changed: &[Changed]) -> Result<(), sqlx::Error> {
    let ids = |of: fn(&Changed) -> Option<String>| changed.iter().filter_map(of).collect::<Vec<_>>();
    let alerts = ids(|changed| if let Changed::Alert(id) = changed { Some(id.to_string()) } else { None });
    let calls = ids(|changed| if let Changed::Call(id) = changed { Some(id.to_string()) } else { None });
    let incidents = ids(|changed| if let Changed::Incident(id) = changed { Some(id.to_string()) } else { None });
    let mut messages = Vec::new();
    for (kind, ids) in [("alert", alerts), ("call", calls), ("incident", incidents)] {
        messages.extend(ids.chunks(IDS).map(|ids| format!("{node}|{kind}|{}", ids.join(","))));
    }
    // `All` is what a listener concludes; nobody sends it.
    if changed.contains(&Changed::Directory) {
        messages.push(format!("{node}|directory|"));
    }
    for message in messages {
        let tell = sqlx::query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(message);
        tell.execute(&mut *connection).await?;
    }
    Ok(())
}

/// The condition that all these beginnings of words are in a runbook. The words are letters and digits only; the expression is that of
/// the index.
pub(super) fn runbook_words(words: &[String], place: &mut impl FnMut(String) -> String) -> String {
    let asked: Vec<String> = words.iter().map(|word| format!("'{word}':*")).collect();
    let place = place(asked.join(" & "));
    format!("array_to_tsvector(string_to_array(words, ' ')) @@ CAST({place} AS tsquery)")
}
