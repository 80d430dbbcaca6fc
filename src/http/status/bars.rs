//! The last 90 days as bars: one picture a component, with its words for those who can't see it.

use std::fmt::Write as _;

use hotline_core::incident::Impact;
use hotline_core::status::{Day, Tongue, Uptime};

use super::texts::{self, Texts};

/// Width of a bar and of the gap behind it.
const STEP: usize = 7;
const WIDTH: usize = 5;
const HEIGHT: usize = 30;

/// The class of a day's bar.
const fn class(worst: Option<Impact>) -> &'static str {
    match worst {
        None => "u",
        Some(Impact::Operational) => "o",
        Some(Impact::UnderMaintenance) => "m",
        Some(Impact::DegradedPerformance) => "d",
        Some(Impact::PartialOutage) => "p",
        Some(Impact::MajorOutage) => "x",
    }
}

/// In one sentence: how much of the time, and on how many days it did not work.
pub fn words(uptime: &Uptime, t: &Texts, tongue: Tongue) -> String {
    let share = uptime
        .percent
        .map_or_else(|| t.unknown.to_owned(), |percent| format!("{} {}", texts::percent(percent, tongue), t.uptime));
    let bad = uptime.days.iter().filter(|day| day.down_ms > 0).count();
    if bad == 0 { share } else { format!("{share}, {bad} {}", t.bad_days) }
}

/// The picture. Bars of the same kind that stand beside each other are one path: the page stays small.
pub fn svg(uptime: &Uptime, t: &Texts, tongue: Tongue) -> String {
    let days: &[Day] = &uptime.days;
    let width = days.len() * STEP - (STEP - WIDTH);
    let mut out = format!(
        "<svg class=\"bars\" viewBox=\"0 0 {width} {HEIGHT}\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{}\">",
        words(uptime, t, tongue)
    );
    for kind in ["u", "o", "m", "d", "p", "x"] {
        let of_kind = days.iter().enumerate().filter(|(_, day)| class(day.worst) == kind);
        let mut path = String::new();
        for (at, _) in of_kind {
            // Writing to a String cannot fail.
            let _ = write!(path, "M{} 0h{WIDTH}v{HEIGHT}h-{WIDTH}z", at * STEP);
        }
        if !path.is_empty() {
            let _ = write!(out, "<path class=\"{kind}\" d=\"{path}\"/>");
        }
    }
    out.push_str("</svg>");
    out
}
