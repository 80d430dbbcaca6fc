//! Many rows in few statements. Rows go in chunks of a few fixed sizes, so that the statements are
//! prepared once and used again.

use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, AssertSqlSafe, query};

/// Rows of a statement; what is left goes in the next smaller size.
const SIZES: [usize; 4] = [128, 32, 8, 1];

/// One value of a row.
#[derive(Debug, Clone)]
pub(super) enum Cell {
    Text(String),
    MaybeText(Option<String>),
    Int(i64),
    MaybeInt(Option<i64>),
}

impl Cell {
    pub fn bind(self, query: Query<'_, Any, AnyArguments>) -> Query<'_, Any, AnyArguments> {
        match self {
            Self::Text(text) => query.bind(storable(text)),
            Self::MaybeText(text) => query.bind(text.map(storable)),
            Self::Int(number) => query.bind(number),
            Self::MaybeInt(number) => query.bind(number),
        }
    }
}

/// `PostgreSQL` takes no NUL in a text, and nobody means one.
pub(super) fn storable(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

/// `before VALUES (…), (…) after` for all rows; each has `columns` cells.
pub(super) async fn values(
    connection: &mut AnyConnection,
    before: &str,
    columns: usize,
    after: &str,
    rows: Vec<Vec<Cell>>,
) -> Result<u64, sqlx::Error> {
    let numbered = connection.backend_name() != "SQLite";
    let mut rows = rows.into_iter();
    let mut affected = 0;
    for size in SIZES {
        if rows.len() < size {
            continue;
        }
        // Only our own words and placeholder numbers go into the text.
        let sql = format!("{before} VALUES {}{after}", places(size, columns, numbered));
        while rows.len() >= size {
            let mut statement = query(AssertSqlSafe(sql.clone()));
            for row in rows.by_ref().take(size) {
                debug_assert_eq!(row.len(), columns, "a cell for each column");
                for cell in row {
                    statement = cell.bind(statement);
                }
            }
            affected += statement.execute(&mut *connection).await?.rows_affected();
        }
    }
    Ok(affected)
}

/// `($1,$2),($3,$4)`; for `SQLite` `(?,?),(?,?)`: it takes `$1` for a name, and looks for each among all others.
fn places(rows: usize, columns: usize, numbered: bool) -> String {
    let place = |number| if numbered { format!("${number}") } else { "?".to_owned() };
    let row = |row: usize| {
        let places: Vec<String> = (1..=columns).map(|column| place(row * columns + column)).collect();
        format!("({})", places.join(","))
    };
    (0..rows).map(row).collect::<Vec<_>>().join(",")
}

/// Words for an `IN (…)` in chunks of few sizes: each chunk padded by repeating its last word, which changes nothing.
pub(super) fn chunks(mut words: Vec<String>) -> Vec<Vec<String>> {
    words.sort_unstable();
    words.dedup();
    let mut all = Vec::new();
    for chunk in words.chunks(256) {
        let size = [1, 8, 32, 256].into_iter().find(|size| *size >= chunk.len()).unwrap_or(256);
        let mut chunk = chunk.to_vec();
        if let Some(last) = chunk.last().cloned() {
            chunk.resize(size, last);
        }
        all.push(chunk);
    }
    all
}

/// `$first, $first+1 …`, `count` of them.
pub(super) fn list(first: usize, count: usize) -> String {
    (first..first + count).map(|place| format!("${place}")).collect::<Vec<_>>().join(", ")
}
