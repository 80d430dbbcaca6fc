//! The last 90 days as bars: one picture a component, with its words for those who can't see it.

use std::fmt::Write as _;

use hotline_core::incident::Impact;
use hotline_core::status::{Day, Tongue, Uptime};

use super::texts::{self, Texts};

/// Width of a bar with the gap behind it, and without; the style sheet says the same numbers.
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
    let share = match (uptime.percent, uptime.since) {
        (Some(percent), Some(day)) => {
            format!("{} {} {}", texts::percent(percent, tongue), t.uptime_since, texts::date(day, tongue))
        }
        (Some(percent), None) => format!("{} {}", texts::percent(percent, tongue), t.uptime),
        (None, _) => short(uptime, t, tongue),
    };
    let bad = uptime.days.iter().filter(|day| day.down_ms > 0).count();
    if bad == 0 { share } else { format!("{share}, {bad} {}", t.bad_days) }
}

/// The share as it stands below the picture, with the day it counts from where that is not the first; without a share: that day.
pub fn short(uptime: &Uptime, t: &Texts, tongue: Tongue) -> String {
    let since = uptime.since.map(|day| format!("{} {}", t.since_day, texts::date(day, tongue)));
    match (uptime.percent, since) {
        (Some(percent), None) => format!("{} {}", texts::percent(percent, tongue), t.available),
        (Some(percent), Some(since)) => format!("{} {} {since}", texts::percent(percent, tongue), t.available),
        (None, Some(since)) => format!("– ({since})"),
        (None, None) => t.unknown.to_owned(),
    }
}

/// The picture. Bars of the same kind that stand beside each other are one dashed line (dashes of a bar's width, as high as the
/// picture, in the style sheet): the page stays small.
pub fn svg(uptime: &Uptime, t: &Texts, tongue: Tongue) -> String {
    let days: &[Day] = &uptime.days;
    let width = days.len() * STEP - (STEP - WIDTH);
    let mut out = format!(
        "<svg class=\"bars\" viewBox=\"0 0 {width} {HEIGHT}\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{}\">",
        words(uptime, t, tongue)
    );
    for kind in ["u", "o", "m", "d", "p", "x"] {
        let mut path = String::new();
        let mut at = 0;
        for run in days.chunk_by(|a, b| class(a.worst) == class(b.worst)) {
            if class(run[0].worst) == kind {
                // Writing to a String cannot fail.
                let _ = write!(path, "M{} {}h{}", at * STEP, HEIGHT / 2, run.len() * STEP - (STEP - WIDTH));
            }
            at += run.len();
        }
        if !path.is_empty() {
            let _ = write!(out, "<path class=\"{kind}\" d=\"{path}\"/>");
        }
    }
    out.push_str("</svg>");
    out
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_run_is_one_line_and_a_day_a_dash() {
        let day = |n: i8, worst| Day { date: date(2026, 11, n), worst, down_ms: 0 };
        let days = [None, None, Some(Impact::Operational), Some(Impact::MajorOutage), Some(Impact::Operational)];
        let days = days.into_iter().enumerate().map(|(at, worst)| day(i8::try_from(at).unwrap() + 1, worst)).collect();
        let svg = svg(&Uptime { days, percent: Some(66.666), since: None }, texts::of(Tongue::En), Tongue::En);
        for part in [
            "viewBox=\"0 0 33 30\"",
            "aria-label=\"66.66% available in 90 days\"",
            "<path class=\"u\" d=\"M0 15h12\"/>",
            "<path class=\"o\" d=\"M14 15h5M28 15h5\"/>",
            "<path class=\"x\" d=\"M21 15h5\"/>",
        ] {
            assert!(svg.contains(part), "{part} in {svg}");
        }
    }

    #[test]
    fn a_share_is_told_with_the_day_it_counts_from() {
        let said = |percent, since| {
            let uptime = Uptime { days: Vec::new(), percent, since };
            (short(&uptime, texts::of(Tongue::De), Tongue::De), words(&uptime, texts::of(Tongue::En), Tongue::En))
        };
        let day = Some(date(2026, 11, 23));
        assert_eq!(said(None, day), ("– (seit 23. November 2026)".to_owned(), "– (since 23 November 2026)".to_owned()));
        assert_eq!(said(Some(99.5), day).1, "99.50% available since 23 November 2026");
        assert_eq!(said(Some(99.5), None).0, "99,50 % verfügbar");
    }
}
