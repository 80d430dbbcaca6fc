//! iCalendar (RFC 5545): holidays and absences read from other calendars, shifts written for them.
//!
//! Reading is by the clock on the wall: an event that repeats is repeated in its own zone and only then becomes instants,
//! so that no change of the clocks moves it. Fetches nothing; whoever has the text hands it over.

mod cache;
mod export;
mod import;
#[cfg(test)]
mod tests;
mod zones;

pub use export::{Entry, Feed};
#[cfg(test)]
use import::events;
pub use import::{CalendarError, MAX_BYTES, absences, holidays};
