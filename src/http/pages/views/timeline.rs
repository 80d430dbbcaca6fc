//! A timeline that is read: by days, what follows from a step below that step, many small lines folded.

use hotline_core::directory::Directory;
use hotline_core::ids::UserId;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::When;
use crate::http::api::types::TimelineEntry;

/// So many small lines in a row are folded.
const FOLDED_FROM: usize = 3;

/// A line of the timeline.
pub struct StepView {
    pub at: When,
    pub what: String,
    /// A moment that `what` names, and what follows it.
    pub moment: Option<(When, String)>,
    /// Another alert that it speaks of.
    pub other: Option<String>,
    pub why: String,
    /// What somebody wrote, or an action said.
    pub text: Option<String>,
    /// Colour of its dot.
    pub mood: &'static str,
    /// For the key of the live list.
    pub key: String,
}

/// A line with the small ones that follow from it.
pub struct GroupView {
    /// The day (UTC), where it is another than that of the line before.
    pub day: Option<When>,
    pub head: StepView,
    pub small: Vec<StepView>,
}

impl GroupView {
    /// So many that they are folded.
    pub fn folded(&self) -> bool {
        self.small.len() >= FOLDED_FROM
    }
}

/// Lines that say how something went rather than what was done.
fn is_small(kind: &str) -> bool {
    matches!(
        kind,
        "notified"
            | "leg-ringing"
            | "leg-answered"
            | "recording-started"
            | "recording-ended"
            | "transcribed"
            | "alert-joined"
            | "alert-recovered"
    )
}

/// In groups, oldest first.
pub fn groups(entries: Vec<TimelineEntry>, directory: &Directory) -> Vec<GroupView> {
    let mut groups: Vec<GroupView> = Vec::new();
    let mut day = String::new();
    for entry in entries {
        let small = is_small(&entry.kind);
        let own = entry.at.get(..10).unwrap_or_default().to_owned();
        let at = entry.at.clone();
        let step = StepView::of(entry, directory);
        let new_day = own != day;
        match groups.last_mut() {
            Some(last) if small && !new_day => last.small.push(step),
            _ => {
                groups.push(GroupView { day: new_day.then(|| When::day(&at)), head: step, small: Vec::new() });
                day = own;
            }
        }
    }
    groups
}

fn mood(kind: &str) -> &'static str {
    match kind {
        "leg-accepted" | "bridged" | "alert-acknowledged" | "alert-resolved" | "answers-confirmed" => "good",
        "alert-opened"
        | "alert-received"
        | "alert-rings"
        | "leg-declined"
        | "alert-unacknowledged"
        | "alert-woke"
        | "sla-warned"
        | "waits-for-customer" => "warn",
        "transcript-failed" | "nobody-reached" | "escalation-exhausted" | "sla-breached" => "bad",
        "call-started" | "call-ended" | "call-joined" | "escalation-step" | "alert-escalated" => "live",
        _ => "calm",
    }
}

impl StepView {
    fn of(entry: TimelineEntry, directory: &Directory) -> Self {
        let what = match entry.kind.split_once('-').map_or(entry.kind.as_str(), |(first, _)| first) {
            "alert" | "notified" | "escalation" | "action" => named(&entry.what, entry.kind == "notified", directory),
            _ => entry.what.clone(),
        };
        let (what, other) = other_alert(what);
        let (what, moment) = match moment_in(&what, &entry.at) {
            Some((before, at, after)) => (before, Some((at, after))),
            None => (what, None),
        };
        let digits: String = entry.at.chars().filter(char::is_ascii_digit).collect();
        Self {
            at: When::clock(&entry.at),
            what,
            moment,
            other,
            why: entry.why,
            text: entry.text.filter(|text| !text.is_empty()),
            mood: mood(&entry.kind),
            key: format!("{digits}-{}", entry.seq),
        }
    }
}

/// Ids of people behind `by` and `to` (and, of a notification, at the beginning) become names.
fn named(what: &str, first_too: bool, directory: &Directory) -> String {
    let mut before = if first_too { "to" } else { "" };
    let word = |word: &str, before: &str| {
        let id = word.trim_end_matches(['.', ',', ';', ':']);
        let end = &word[id.len()..];
        let known = directory.users.get(&UserId::from(id)).filter(|_| matches!(before, "by" | "to"));
        known.map_or_else(|| word.to_owned(), |user| format!("{}{end}", user.name))
    };
    let mut words = Vec::new();
    for one in what.split(' ') {
        words.push(word(one, before));
        before = one;
    }
    words.join(" ")
}

/// `alert 019aab2c-…` in a sentence: the sentence says "another alert", with its id beside it.
fn other_alert(what: String) -> (String, Option<String>) {
    let lower = what.to_lowercase();
    let found = lower.match_indices("alert ").find_map(|(at, _)| {
        let id = lower.get(at + 6..at + 42)?;
        uuid::Uuid::parse_str(id).ok().map(|uuid| (at, uuid.to_string()))
    });
    match found {
        Some((at, id)) => {
            let another = if at == 0 { "Another alert" } else { "another alert" };
            (format!("{}{another}{}", &what[..at], &what[at + 42..]), Some(id))
        }
        None => (what, None),
    }
}

/// `17:42:04 UTC` or `2026-11-22 17:42:04 UTC` in a sentence told at `told`; without a day the first such moment after that.
/// Shown in the reader's zone.
fn moment_in(what: &str, told: &str) -> Option<(String, When, String)> {
    let (before, after) = what.split_once(" UTC")?;
    let from = before.len().checked_sub(8)?;
    let time: jiff::civil::Time = before.get(from..)?.parse().ok()?;
    let utc = |day: jiff::civil::Date| Some(day.to_datetime(time).to_zoned(TimeZone::UTC).ok()?.timestamp());
    let dated = from.checked_sub(11).and_then(|start| {
        let day: jiff::civil::Date = before.get(start..from)?.trim_end().parse().ok()?;
        Some((start, utc(day)?))
    });
    if let Some((start, moment)) = dated {
        return Some((before[..start].to_owned(), When::full(&moment.to_string()), after.to_owned()));
    }
    let told: Timestamp = told.parse().ok()?;
    let day = told.to_zoned(TimeZone::UTC).date();
    let mut moment = utc(day)?;
    if moment.as_second() < told.as_second() {
        moment = utc(day.tomorrow().ok()?)?;
    }
    Some((before[..from].to_owned(), When::clock(&moment.to_string()), after.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::fake::Fake;

    #[test]
    fn a_moment_in_a_sentence_is_shown_as_one() {
        let (before, at, after) = moment_in("Rung again at 00:03:20 UTC unless …", "2026-11-22T23:58:20.5Z").unwrap();
        assert_eq!((before.as_str(), after.as_str()), ("Rung again at ", " unless …"));
        assert!(at.to_string().contains("datetime=\"2026-11-23T00:03:20Z\""), "{at}");
        assert!(moment_in("Nothing at all UTC", "2026-11-22T23:58:20.5Z").is_none());
        assert!(moment_in("ä UTC", "2026-11-22T23:58:20.5Z").is_none());
        let (before, at, after) = moment_in("Until 2026-12-01 07:00:00 UTC by ann.", "2026-11-22T23:58:20Z").unwrap();
        assert_eq!((before.as_str(), after.as_str()), ("Until ", " by ann."));
        assert!(at.to_string().contains("datetime=\"2026-12-01T07:00:00Z\""), "{at}");
    }

    #[test]
    fn ids_become_names_and_links() {
        let directory = Fake::empty().directory.clone();
        assert_eq!(
            named("Assigned to engineer-2 by engineer-1.", false, &directory),
            "Assigned to Ben Sommer by Ada Winter."
        );
        assert_eq!(named("engineer-1 by sms: delivered.", true, &directory), "Ada Winter by sms: delivered.");
        assert_eq!(named("Alert from engineer-1, P1: x.", false, &directory), "Alert from engineer-1, P1: x.");
        let id = "019aab2c-7d11-7000-8000-000000000065";
        let (what, other) = other_alert(format!("Merged into alert {id} by ann."));
        assert_eq!((what.as_str(), other.as_deref()), ("Merged into another alert by ann.", Some(id)));
        assert_eq!(other_alert("Alert ä".to_owned()).1, None);
    }

    #[test]
    fn small_lines_stand_below_what_they_follow_from() {
        let line = |seq, at: &str, kind: &str| TimelineEntry {
            seq,
            at: at.to_owned(),
            call_id: None,
            alert_id: None,
            kind: kind.to_owned(),
            what: "x".to_owned(),
            why: String::new(),
            text: None,
        };
        let shown = groups(
            vec![
                line(1, "2026-11-22T23:58:20.000Z", "escalation-step"),
                line(2, "2026-11-22T23:58:21.000Z", "notified"),
                line(3, "2026-11-22T23:58:22.000Z", "notified"),
                line(4, "2026-11-22T23:58:23.000Z", "notified"),
                line(5, "2026-11-23T00:00:01.000Z", "notified"),
                line(6, "2026-11-23T00:00:02.000Z", "alert-acknowledged"),
            ],
            &Fake::empty().directory,
        );
        let shape: Vec<_> =
            shown.iter().map(|group| (group.day.is_some(), group.small.len(), group.folded())).collect();
        assert_eq!(shape, [(true, 3, true), (true, 0, false), (false, 0, false)]);
    }
}
