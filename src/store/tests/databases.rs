//! The same test on both databases: `for_each_db! { async fn name(db: Database) { … } }`.

use sqlx::any::AnyConnectOptions;
use sqlx::{AnyConnection, AssertSqlSafe, ConnectOptions, Row};

use super::{open_at, quick, server};
use crate::store::{Journal, Recovered, Store, StoreSettings};

/// A database of the test's own.
pub(super) struct Database {
    dir: tempfile::TempDir,
    url: String,
}

impl Database {
    pub fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/hotline.db", dir.path().display());
        Self { dir, url }
    }

    pub async fn postgres() -> Self {
        let url = tokio::task::spawn_blocking(server::new_database).await.unwrap();
        Self { dir: tempfile::tempdir().unwrap(), url }
    }

    /// At this address.
    pub fn at(url: String) -> Self {
        Self { dir: tempfile::tempdir().unwrap(), url }
    }

    pub fn is_shared(&self) -> bool {
        self.url.starts_with("postgres")
    }

    pub fn settings(&self, node: &str) -> StoreSettings {
        // Each node has a folder of its own.
        let data_dir = if self.is_shared() { self.dir.path().join(node) } else { self.dir.path().to_owned() };
        StoreSettings { data_dir, database_url: self.url.clone(), node: node.to_owned() }
    }

    pub async fn open(&self) -> (Store, Journal, Recovered) {
        self.open_node("node-1").await
    }

    pub async fn open_node(&self, node: &str) -> (Store, Journal, Recovered) {
        open_at(self.settings(node), quick()).await
    }

    /// A connection of one's own.
    pub async fn connect(&self) -> AnyConnection {
        sqlx::any::install_default_drivers();
        let options: AnyConnectOptions = self.url.parse().unwrap();
        options.connect().await.unwrap()
    }

    pub async fn count(&self, table: &str) -> i64 {
        self.number(&format!("SELECT COUNT(*) FROM {table}")).await
    }

    pub async fn number(&self, sql: &str) -> i64 {
        let mut connection = self.connect().await;
        sqlx::query(AssertSqlSafe(sql.to_owned())).fetch_one(&mut connection).await.unwrap().get(0)
    }

    pub async fn execute(&self, sql: &str) {
        let mut connection = self.connect().await;
        sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
    }
}

/// Each test runs on both.
macro_rules! for_each_db {
    ($(async fn $name:ident($db:ident: Database) $body:block)*) => { $(
        mod $name {
            use super::*;

            async fn test($db: Database) $body

            #[tokio::test]
            async fn on_sqlite() {
                test(Database::sqlite()).await;
            }

            #[tokio::test]
            async fn on_postgres() {
                test(Database::postgres().await).await;
            }
        }
    )* };
}

pub(super) use for_each_db;
