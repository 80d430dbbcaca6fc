//! The last 90 days of a component: a day's worst state, and the share of time that it worked.
//!
//! A major outage counts whole, a partial one 0.3, everything else not at all; what lasted less than a minute is left
//! out. Time before the service existed is unknown, not good.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use crate::incident::Impact;

/// How many days are told, today among them.
pub const DAYS: i32 = 90;
/// Of less time no share is told.
const KNOWN_MIN: SignedDuration = SignedDuration::from_hours(24);
/// Shorter outages are left out.
const SHORTEST: SignedDuration = SignedDuration::from_mins(1);

/// A stretch of time in a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Since.
    pub from: Timestamp,
    /// Until.
    pub to: Timestamp,
    /// What it was like.
    pub impact: Impact,
}

/// The last [`DAYS`] days.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Uptime {
    /// Oldest first.
    pub days: Vec<Day>,
    /// Of the time that is known, per cent; `None`: less than a whole day is known, of which a share would say more than it knows.
    pub percent: Option<f64>,
    /// Since which day, where that is within the days told; `None`: since before them, or nobody knows.
    pub since: Option<Date>,
}

/// One day by the page's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Day {
    /// Which.
    pub date: Date,
    /// The worst that happened; `None`: the service did not exist yet.
    pub worst: Option<Impact>,
    /// How long it did not work at all or in part, ms.
    pub down_ms: i64,
}

/// Tenths of the time that count as down.
const fn weight(impact: Impact) -> i64 {
    match impact {
        Impact::Operational | Impact::UnderMaintenance | Impact::DegradedPerformance => 0,
        Impact::PartialOutage => 3,
        Impact::MajorOutage => 10,
    }
}

impl Uptime {
    /// From these spans (they may overlap: the worst counts) of a service that exists since `since`.
    pub fn of(spans: &[Span], since: Timestamp, zone: &TimeZone, now: Timestamp) -> Self {
        let spans = without_short(flattened(spans));
        let today = now.to_zoned(zone.clone()).date();
        let (mut known_ms, mut down_tenths) = (0, 0);
        let mut days = Vec::new();
        for back in (0..DAYS).rev() {
            let Ok(date) = today.checked_sub(back.days()) else { continue };
            let Some((begins, ends)) = bounds(date, zone) else { continue };
            let (from, to) = (begins.max(since), ends.min(now));
            if from >= to {
                // Before the service existed; the very first moment of today counts as good.
                let worst = (since <= begins).then_some(Impact::Operational);
                days.push(Day { date, worst, down_ms: 0 });
                continue;
            }
            known_ms += length(from, to);
            let mut day = Day { date, worst: Some(Impact::Operational), down_ms: 0 };
            for span in &spans {
                let within = length(span.from.max(from), span.to.min(to));
                if within <= 0 {
                    continue;
                }
                day.worst = day.worst.max(Some(span.impact));
                down_tenths += within * weight(span.impact);
                if weight(span.impact) > 0 {
                    day.down_ms += within;
                }
            }
            days.push(day);
        }
        let enough = i128::from(known_ms) >= KNOWN_MIN.as_millis();
        let percent = enough.then(|| 100.0 * (1.0 - down_tenths as f64 / 10.0 / known_ms as f64));
        let began = since.to_zoned(zone.clone()).date();
        let since = days.first().is_some_and(|day| day.date < began).then_some(began);
        Self { days, percent, since }
    }
}

fn length(from: Timestamp, to: Timestamp) -> i64 {
    to.as_millisecond() - from.as_millisecond()
}

/// A day's first moment and the next day's: 23 to 25 hours apart.
fn bounds(date: Date, zone: &TimeZone) -> Option<(Timestamp, Timestamp)> {
    let begins = date.to_zoned(zone.clone()).ok()?.timestamp();
    let ends = date.tomorrow().ok()?.to_zoned(zone.clone()).ok()?.timestamp();
    Some((begins, ends))
}

/// The worst at every moment, without overlaps, in order.
fn flattened(spans: &[Span]) -> Vec<Span> {
    let mut edges: Vec<Timestamp> = spans.iter().flat_map(|span| [span.from, span.to]).collect();
    edges.sort_unstable();
    edges.dedup();
    let mut flat: Vec<Span> = Vec::new();
    for pair in edges.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        let covering = spans.iter().filter(|span| span.from <= from && span.to >= to);
        let Some(impact) = covering.map(|span| span.impact).max() else { continue };
        match flat.last_mut() {
            Some(last) if last.to == from && last.impact == impact => last.to = to,
            Some(_) | None => flat.push(Span { from, to, impact }),
        }
    }
    flat
}

/// Without outages (in whatever states) of less than a minute. What goes on is as long as it is by now.
fn without_short(flat: Vec<Span>) -> Vec<Span> {
    let mut kept = Vec::new();
    let mut outage: Vec<Span> = Vec::new();
    let settle = |outage: &mut Vec<Span>, kept: &mut Vec<Span>| {
        if let (Some(first), Some(last)) = (outage.first(), outage.last())
            && last.to.duration_since(first.from) >= SHORTEST
        {
            kept.append(outage);
        }
        outage.clear();
    };
    for span in flat {
        let goes_on = outage.last().is_some_and(|last| last.to == span.from);
        if weight(span.impact) == 0 {
            settle(&mut outage, &mut kept);
            kept.push(span);
        } else {
            if !goes_on {
                settle(&mut outage, &mut kept);
            }
            outage.push(span);
        }
    }
    settle(&mut outage, &mut kept);
    kept
}
