//! When a fault began, from a caller's answer to "since when?": English and German, careful. Whatever leaves a doubt is not understood:
//! a beginning that nobody knows is better than one that was guessed.
//!
//! What is understood: a length ("for twenty minutes", "vor einer halben Stunde"), a time of day ("since about ten o'clock", "seit halb
//! zehn") with or without the day ("yesterday at 3 pm", "gestern Abend um acht"), and "since yesterday" alone, which counts from the
//! midnight after: the latest moment that it can mean, so a fault is never made longer than it was.
//! What is not: two times in one answer, "maybe", "not", "between", "shortly after", a time that lies before us or fits twice.

mod numbers;
#[cfg(test)]
mod tests;
mod tongue;

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use crate::directory::Language;
use crate::oncall::first_instant;
use tongue::{Part, Tongue};

/// Words of an answer that are looked at; a longer one is a story, not a time.
const WORDS_MAX: usize = 60;
/// Lengths that are believed.
const LENGTH_MAX: SignedDuration = SignedDuration::from_hours(7 * 24);
/// A time of day that would be in so short a while was meant as that, not as the one half a day ago.
const SOON: SignedDuration = SignedDuration::from_mins(30);
/// A time in the small hours that was said without "in the morning" is believed so long afterwards.
const SMALL_HOURS: SignedDuration = SignedDuration::from_hours(4);
/// The first hour that is not small.
const MORNING: i8 = 6;

/// A time as it was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    /// So long ago.
    Length(SignedDuration),
    /// So many days ago, by the calendar.
    Days(i16),
    /// At this time of that day.
    Clock(Clock),
    /// Some time on a day so many days ago.
    Day(i16),
}

/// A time of day as it was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Clock {
    hour: i8,
    minute: i8,
    /// Which half of the day; `None`: not said.
    half: Option<Half>,
    /// So many days ago; `None`: not said.
    day: Option<i16>,
}

/// Half of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Half {
    Morning,
    /// Noon to midnight.
    Later,
    /// The hour says it (15, 22, 0): written or said with twenty-four hours.
    Clear,
}

/// When the fault began, by this answer, which was given at `said_at` in `language`. Without the caller's `zone` only lengths of time are
/// understood. `None`: not understood, or in doubt.
pub fn since(text: &str, language: &Language, said_at: Timestamp, zone: Option<&TimeZone>) -> Option<Timestamp> {
    let tongue = Tongue::of(language)?;
    let words = tongue::words(text);
    if words.is_empty() || words.len() > WORDS_MAX {
        return None;
    }
    let began = match tongue.understood(&words)? {
        Said::Length(length) if length <= LENGTH_MAX => said_at.checked_sub(length).ok()?,
        Said::Length(_) => return None,
        Said::Days(days) => days_ago(days, said_at, zone)?,
        Said::Day(days) => {
            let day = zone?.to_datetime(said_at).date().checked_sub(days.days()).ok()?;
            first_instant(day.tomorrow().ok()?.to_datetime(Time::midnight()), zone?)?
        }
        Said::Clock(clock) => at(clock, said_at, zone?)?,
    };
    (began <= said_at).then_some(began)
}

fn days_ago(days: i16, said_at: Timestamp, zone: Option<&TimeZone>) -> Option<Timestamp> {
    if SignedDuration::from_hours(24).checked_mul(days.into())? > LENGTH_MAX {
        return None;
    }
    let zone = zone.cloned().unwrap_or(TimeZone::UTC);
    said_at.to_zoned(zone).checked_sub(days.days()).ok().map(|then| then.timestamp())
}

/// The one moment that a time of day can mean; `None`: there is none, or there are two.
fn at(clock: Clock, said_at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let today = zone.to_datetime(said_at).date();
    let day = today.checked_sub(clock.day.unwrap_or(0).days()).ok()?;
    let on = |day: Date, hour: i8| first_instant(day.at(hour, clock.minute, 0, 0), zone);
    let (early, late) = (clock.hour % 12, clock.hour % 12 + 12);
    match clock.half {
        Some(Half::Clear) => on(day, clock.hour).filter(|at| *at <= said_at),
        Some(Half::Morning) => on(day, early).filter(|at| *at <= said_at),
        Some(Half::Later) => on(day, late).filter(|at| *at <= said_at),
        // Of another day both halves are past: which one was meant nobody knows.
        None if clock.day.is_some_and(|days| days > 0) => None,
        None => {
            let (early, late) = (on(day, early)?, on(day, late)?);
            let small = zone.to_datetime(early).time().hour() < MORNING;
            let far = said_at.duration_since(early) > SMALL_HOURS;
            let early = Some(early).filter(|at| *at <= said_at && !(small && far));
            match (early, late <= said_at) {
                (None, true) => Some(late),
                (Some(early), false) if late > said_at.checked_add(SOON).ok()? => Some(early),
                (Some(_), true | false) | (None, false) => None,
            }
        }
    }
}

impl Tongue {
    /// The one time that the words tell; `None`: none, several, or words that leave a doubt.
    fn understood(self, words: &[String]) -> Option<Said> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        if words.iter().any(|word| self.is_doubt(word)) {
            return None;
        }
        let (mut found, mut place) = (None, 0);
        while let Some(rest) = words.get(place..).filter(|rest| !rest.is_empty()) {
            // Alone: nothing but fillers beside it, so it needs no "since".
            let alone = words.get(..place)?.iter().all(|word| self.is_filler(word));
            let (said, taken) = match self.time(rest, alone) {
                Some((said, taken)) => (Some(said), taken),
                None => (None, 1),
            };
            match (said, found) {
                (Some(_), Some(_)) => return None,
                (Some(said), None) => found = Some(said),
                (None, _) if rest.first().is_some_and(|word| self.is_timely(word)) => return None,
                (None, _) => {}
            }
            place += taken;
        }
        found
    }

    /// A time at the beginning of these words, and how many of them it takes.
    fn time(self, words: &[&str], alone: bool) -> Option<(Said, usize)> {
        let lead = |part: Part| {
            let before = self.prefix(words, part);
            let about = words.get(before..).map_or(0, |rest| self.prefix(rest, Part::About));
            (before > 0, before + about)
        };
        let (anchored, lead_in) = lead(Part::Since);
        let rest = words.get(lead_in..)?;
        if let Some((said, taken)) = self.clock(rest, anchored) {
            return Some((said, lead_in + taken));
        }
        if let Some((days, taken)) = self.day(rest) {
            // "Yesterday" by the way says little; "since yesterday" is an answer.
            let last = rest.len() == taken;
            return (anchored || (alone && last)).then_some((Said::Day(days), lead_in + taken));
        }
        let (anchored, lead_in) = lead(Part::Long);
        let (said, taken) = self.length(words.get(lead_in..)?)?;
        let rest = words.get(lead_in + taken..)?;
        let ago = self.prefix(rest, Part::Ago);
        let whole = alone && rest.iter().all(|word| self.is_filler(word));
        (anchored || ago > 0 || whole).then_some((said, lead_in + taken + ago))
    }
}
