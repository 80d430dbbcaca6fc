//! Query parameters, read strictly: a misspelt name is told, not ignored.

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::problem::Problem;

/// Rows in a page unless asked otherwise.
pub const LIMIT_DEFAULT: u32 = 50;
/// Rows in a page at most.
pub const LIMIT_MAX: u32 = 200;

/// So many years from now, back and ahead, who is on call can be asked.
pub const PLANNED_YEARS: i64 = 10;
const PLANNED_MAX: SignedDuration = SignedDuration::from_hours(24 * 366 * PLANNED_YEARS);

/// The query, each name taken once.
#[derive(Debug, Default)]
pub struct Params(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Query::<Vec<(String, String)>>::try_from_uri(&parts.uri).map(|Query(pairs)| Self(pairs)).map_err(|_| {
            Problem::invalid("query", "The query is not valid: write name=value&name=value, percent-encoded UTF-8.")
        })
    }
}

impl Params {
    /// The value of `name`; an empty one counts as absent (forms send those).
    pub fn take(&mut self, name: &str) -> Result<Option<String>, Problem> {
        let mut found = None;
        while let Some(at) = self.0.iter().position(|(key, _)| key == name) {
            if found.is_some() {
                return Err(Problem::invalid(name, format!("{name} stands twice in the query; give it once.")));
            }
            found = Some(self.0.remove(at).1);
        }
        Ok(found.filter(|value| !value.is_empty()))
    }

    /// One of some words.
    pub fn word(&mut self, name: &str, known: &[&str]) -> Result<Option<String>, Problem> {
        match self.take(name)? {
            Some(word) if !known.contains(&word.as_str()) => {
                Err(Problem::invalid(name, format!("{name} must be one of {}.", known.join(", "))))
            }
            word => Ok(word),
        }
    }

    /// A configured name: any text of sane length.
    pub fn name(&mut self, name: &str) -> Result<Option<String>, Problem> {
        match self.take(name)? {
            Some(text) if text.len() > 200 || text.chars().any(char::is_control) => {
                Err(Problem::invalid(name, format!("{name} must be a name of at most 200 characters.")))
            }
            text => Ok(text),
        }
    }

    /// A moment, RFC 3339.
    pub fn moment(&mut self, name: &str) -> Result<Option<Timestamp>, Problem> {
        self.take(name)?
            .map(|text| {
                // A plus sign that was not percent-encoded arrives as a space.
                text.replace(' ', "+").parse().map_err(|_| {
                    Problem::invalid(
                        name,
                        format!("{name} must be a time as in 2026-12-24T03:00:00Z or 2026-12-24T04:00:00+01:00; reports take a day too, as in 2026-12-24, or month=2026-12."),
                    )
                })
            })
            .transpose()
    }

    /// Days in `from` and `to`, and a `month`, become the moments at which they begin in this zone; `to` is the first day after the time.
    /// What is a moment already stays.
    pub fn by_days(&mut self, zone: &TimeZone) -> Result<(), Problem> {
        let begins = |day: Date| hotline_core::oncall::first_instant(day.to_datetime(Time::midnight()), zone);
        if let Some(month) = self.take("month")? {
            if self.0.iter().any(|(key, value)| (key == "from" || key == "to") && !value.is_empty()) {
                return Err(Problem::invalid("month", "month stands for from and to; give either it or them."));
            }
            let whole = format!("{month}-01").parse::<Date>().ok().filter(|_| month.len() == "2026-11".len());
            let next = whole.and_then(|first| first.checked_add(jiff::Span::new().months(1)).ok());
            let bounds = whole.and_then(begins).zip(next.and_then(begins));
            let Some((from, to)) = bounds else {
                return Err(Problem::invalid("month", "month must be a year and a month as in 2026-11."));
            };
            self.0.retain(|(key, _)| key != "from" && key != "to");
            self.0.extend([("from".to_owned(), from.to_string()), ("to".to_owned(), to.to_string())]);
        }
        for (_, value) in self.0.iter_mut().filter(|(key, _)| key == "from" || key == "to") {
            let day = Some(&*value).filter(|value| value.len() == "2026-11-01".len());
            if let Some(begin) = day.and_then(|value| value.parse::<Date>().ok()).and_then(begins) {
                *value = begin.to_string();
            }
        }
        Ok(())
    }

    /// A moment to plan by: RFC 3339, at most [`PLANNED_YEARS`] away from now. Farther away a rotation is long to compute, and
    /// nobody plans there.
    pub fn planned(&mut self, name: &str) -> Result<Option<Timestamp>, Problem> {
        let moment = self.moment(name)?;
        let now = crate::clock::now().wall;
        if moment.is_some_and(|moment| moment.duration_since(now).abs() > PLANNED_MAX) {
            let what = format!("{name} must be at most {PLANNED_YEARS} years away from now.");
            return Err(Problem::invalid(name, what));
        }
        Ok(moment)
    }

    /// `limit` and `cursor`.
    pub fn page(&mut self) -> Result<(u32, Option<String>), Problem> {
        let limit = match self.take("limit")? {
            None => LIMIT_DEFAULT,
            Some(text) => text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit)).ok_or_else(|| {
                Problem::invalid("limit", format!("limit must be a whole number from 1 to {LIMIT_MAX}."))
            })?,
        };
        let cursor = self.take("cursor")?;
        if cursor.as_deref().is_some_and(|cursor| cursor.len() > 200 || cursor.chars().any(char::is_control)) {
            return Err(bad_cursor());
        }
        Ok((limit, cursor))
    }

    /// Where the query does not say `name`, it says `usual`.
    pub fn or(&mut self, name: &str, usual: impl FnOnce() -> String) {
        if self.0.iter().all(|(key, value)| key != name || value.is_empty()) {
            self.0.retain(|(key, _)| key != name);
            self.0.push((name.to_owned(), usual()));
        }
    }

    /// Nothing may be left over.
    pub fn done(self) -> Result<(), Problem> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => {
                let name: String = name.chars().take(60).collect();
                Err(Problem::invalid(
                    &name,
                    format!("{name} is not a parameter of this path; /api/openapi.json lists them."),
                ))
            }
        }
    }
}

/// 400 for a cursor that is not one of ours.
pub fn bad_cursor() -> Problem {
    Problem::invalid(
        "cursor",
        "cursor must be a next_cursor of the same list, unchanged. Leave it out for the first page.",
    )
}

/// Epoch milliseconds as RFC 3339 with milliseconds, UTC.
pub fn rfc3339(millis: i64) -> String {
    let moment = Timestamp::from_millisecond(millis).unwrap_or(Timestamp::UNIX_EPOCH);
    format!("{moment:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<(String, String), String> {
        let mut params = Params(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect());
        let vienna = TimeZone::get("Europe/Vienna").unwrap();
        let both = params.by_days(&vienna).and_then(|()| Ok((params.moment("from")?, params.moment("to")?)));
        let (from, to) = both.map_err(|problem| format!("{problem:?}"))?;
        params.done().map_err(|problem| format!("{problem:?}"))?;
        Ok((from.map(|at| at.to_string()).unwrap_or_default(), to.map(|at| at.to_string()).unwrap_or_default()))
    }

    #[test]
    fn days_and_months_begin_by_the_zones_clock() {
        let november = Ok(("2026-10-31T23:00:00Z".to_owned(), "2026-11-30T23:00:00Z".to_owned()));
        assert_eq!(read(&[("from", "2026-11-01"), ("to", "2026-12-01")]), november);
        assert_eq!(read(&[("month", "2026-11"), ("from", "")]), november);
        let mixed = read(&[("from", "2026-07-01"), ("to", "2026-07-02T00:00:00Z")]).unwrap();
        assert_eq!(mixed, ("2026-06-30T22:00:00Z".to_owned(), "2026-07-02T00:00:00Z".to_owned()));
        for (pairs, said) in [
            (vec![("month", "2026-13")], "2026-11"),
            (vec![("month", "11/2026")], "2026-11"),
            (vec![("month", "2026-11"), ("from", "2026-11-01")], "either it or them"),
            (vec![("from", "2026-02-30")], "2026-12-24T03:00:00Z"),
        ] {
            let problem = read(&pairs).unwrap_err();
            assert!(problem.contains(said), "{pairs:?}: {problem}");
        }
    }
}
