//! Bearer tokens of the API, by the hash of their secret.

use sqlx::{query, query_as};

use super::pages::in_time;
use super::read::TokenRow;
use super::{Store, StoreError};

const TOKEN: &str = "SELECT id, name, hash, role, customers, teams, created_at, created_by, expires_at FROM tokens";

impl Store {
    /// The token with this hash (SHA-256, hex), expired or not.
    pub async fn token(&self, hash: &str) -> Result<Option<TokenRow>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!("{TOKEN} WHERE hash = $1"));
        in_time(query_as(sql).bind(hash.to_owned()).fetch_optional(&self.shared.pool)).await
    }

    /// All tokens by name. There are few.
    pub async fn tokens(&self) -> Result<Vec<TokenRow>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!("{TOKEN} ORDER BY name LIMIT 1000"));
        in_time(query_as(sql).fetch_all(&self.shared.pool)).await
    }

    /// Keeps a new token; `false`: there is one of this name.
    pub async fn add_token(&self, token: &TokenRow) -> Result<bool, StoreError> {
        let add = query(
            "INSERT INTO tokens (id, name, hash, role, customers, teams, created_at, created_by, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (name) DO NOTHING",
        )
        .bind(token.id.clone())
        .bind(token.name.clone())
        .bind(token.hash.clone())
        .bind(token.role.clone())
        .bind(token.customers.clone())
        .bind(token.teams.clone())
        .bind(token.created_at)
        .bind(token.created_by.clone())
        .bind(token.expires_at);
        in_time(add.execute(&self.shared.pool)).await.map(|done| done.rows_affected() == 1)
    }

    /// Takes a token back; `false`: there was none.
    pub async fn remove_token(&self, id: &str) -> Result<bool, StoreError> {
        let remove = query("DELETE FROM tokens WHERE id = $1").bind(id.to_owned());
        in_time(remove.execute(&self.shared.pool)).await.map(|done| done.rows_affected() == 1)
    }
}
