//! How the fake cuts its lists.

use super::super::hotline::store::StoreError;
use super::super::hotline::store::read::Page;

/// Pages by offset; the real store's cursors look different, and nobody may care.
pub fn page<T>(rows: Vec<T>, cursor: Option<&str>, limit: u32) -> Result<Page<T>, StoreError> {
    let from: usize = match cursor {
        None => 0,
        Some(cursor) => cursor.strip_prefix("at").and_then(|at| at.parse().ok()).ok_or(StoreError::Cursor)?,
    };
    let total = rows.len();
    let items: Vec<T> = rows.into_iter().skip(from).take(limit as usize).collect();
    let next = from + items.len();
    Ok(Page { next_cursor: (next < total).then(|| format!("at{next}")), items })
}

/// Wanted, or nothing is.
pub fn fits(wanted: Option<&String>, value: Option<&str>) -> bool {
    wanted.is_none_or(|wanted| value == Some(wanted.as_str()))
}

/// One of these customers', or all are seen.
pub fn among(customers: Option<&[String]>, value: Option<&str>) -> bool {
    customers.is_none_or(|customers| value.is_some_and(|value| customers.iter().any(|one| one == value)))
}
