//! What templates show: the API's types, put into words for people.

pub mod alert;
pub mod duty;
pub mod notifications;
pub mod timeline;

use std::fmt;

use askama::filters::HtmlSafe;

use super::assets;
use crate::http::AppState;
use crate::http::api::types::{CallSummary, Leg, Named, Recording};
use crate::http::auth::{Right, Viewer};
use crate::http::health::{Trouble, troubles};

/// What every page has around it.
#[expect(clippy::struct_excessive_bools, reason = "each is a right of its own, asked by templates")]
pub struct Frame {
    pub user: Option<String>,
    /// May see calls.
    pub calls: bool,
    /// May do something about alerts.
    pub handles: bool,
    /// May see how the installation is set up.
    pub setup: bool,
    /// May read the audit chain.
    pub audit: bool,
    pub section: &'static str,
    pub assets: &'static str,
    pub version: String,
    pub demo: bool,
}

impl Frame {
    pub fn of(state: &AppState, viewer: &Viewer, section: &'static str) -> Self {
        Self {
            user: Some(viewer.name.clone()),
            calls: viewer.may(Right::SeeCalls),
            handles: viewer.may(Right::HandleAlerts),
            setup: viewer.may(Right::SeeDirectory),
            audit: viewer.may(Right::ReadAudit),
            section,
            ..Self::bare(state)
        }
    }

    /// For pages that are shown to anybody.
    pub fn bare(state: &AppState) -> Self {
        let settings = state.settings();
        Self {
            user: None,
            calls: false,
            handles: false,
            setup: false,
            audit: false,
            section: "",
            assets: &assets::VERSION,
            version: settings.version.clone(),
            demo: settings.demo,
        }
    }
}

/// How a moment is shown by the script, in the browser's zone; without it, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Full,
    /// The date alone.
    Day,
    Clock,
    Relative,
    /// A moment to come; once it is past, `now`.
    Due,
}

/// A moment as a `time` element.
#[derive(Debug, Clone)]
pub struct When {
    iso: String,
    style: Style,
}

impl When {
    /// Date and time.
    pub fn full(iso: &str) -> Self {
        Self { iso: iso.to_owned(), style: Style::Full }
    }

    /// The date.
    pub fn day(iso: &str) -> Self {
        Self { iso: iso.to_owned(), style: Style::Day }
    }

    /// Time with seconds.
    pub fn clock(iso: &str) -> Self {
        Self { iso: iso.to_owned(), style: Style::Clock }
    }

    /// `3 min ago`, `in 2 min`.
    pub fn relative(iso: &str) -> Self {
        Self { iso: iso.to_owned(), style: Style::Relative }
    }

    /// `in 2 min`, then `now`.
    pub fn due(iso: &str) -> Self {
        Self { iso: iso.to_owned(), style: Style::Due }
    }
}

/// Holds digits and punctuation of our own making only.
impl HtmlSafe for When {}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = self.iso.get(..10).unwrap_or_default();
        let minute = self.iso.get(11..16).unwrap_or_default();
        let second = self.iso.get(11..19).unwrap_or_default();
        let (style, text) = match self.style {
            Style::Full => ("full", format!("{date} {minute} UTC")),
            Style::Day => ("day", date.to_owned()),
            Style::Clock => ("clock", format!("{second} UTC")),
            Style::Due => ("due", relative(&self.iso, true).unwrap_or_else(|| format!("{date} {minute} UTC"))),
            Style::Relative => {
                ("relative", relative(&self.iso, false).unwrap_or_else(|| format!("{date} {minute} UTC")))
            }
        };
        write!(f, "<time datetime=\"{}\" data-time=\"{style}\" title=\"{date} {second} UTC\">{text}</time>", self.iso)
    }
}

fn relative(iso: &str, due: bool) -> Option<String> {
    let moment: jiff::Timestamp = iso.parse().ok()?;
    let seconds = (moment.as_millisecond() - crate::clock::now().wall.as_millisecond()) / 1000;
    let text = span(seconds.unsigned_abs());
    Some(match seconds {
        -9..=9 => "now".to_owned(),
        _ if seconds < 0 && due => "now".to_owned(),
        _ if seconds < 0 => format!("{text} ago"),
        _ => format!("in {text}"),
    })
}

/// A length in the largest unit that tells enough. The script says it the same way.
fn span(seconds: u64) -> String {
    match seconds {
        0..90 => format!("{seconds} s"),
        90..5_400 => format!("{} min", (seconds + 30) / 60),
        5_400..129_600 => format!("{} h", (seconds + 1_800) / 3_600),
        _ => format!("{} days", (seconds + 43_200) / 86_400),
    }
}

/// A length with minutes and seconds.
fn length(millis: i64) -> String {
    let seconds = (millis.max(0) + 500) / 1000;
    if seconds < 60 { format!("{seconds} s") } else { format!("{}:{:02} min", seconds / 60, seconds % 60) }
}

fn name(named: Option<&Named>) -> Option<String> {
    named.map(|named| named.name.clone())
}

/// What is wrong, for the banner.
pub fn banner(state: &AppState) -> Vec<Trouble> {
    troubles(&state.board().health())
}

/// A call on a row or a page's head.
pub struct CallView {
    pub id: String,
    pub reference: String,
    pub ring: bool,
    pub number: String,
    pub caller: Option<String>,
    pub customer: Option<String>,
    pub source: Option<String>,
    pub language: Option<String>,
    pub alert_id: Option<String>,
    pub started: When,
    pub age: When,
    pub answered: Option<When>,
    pub taken: Option<When>,
    pub ended: Option<When>,
    pub length: Option<String>,
    /// What is going on, or what came of it.
    pub state: String,
    /// Colour: `good`, `calm`, `warn`, `bad`, `live`.
    pub mood: &'static str,
}

impl From<CallSummary> for CallView {
    fn from(call: CallSummary) -> Self {
        let person = name(call.person.as_ref());
        let taker = name(call.taken_by.as_ref());
        let (state, mood) = match (&call.outcome, &call.state) {
            (Some(outcome), _) => came_of_it(outcome, taker),
            (None, Some(state)) => (going_on(state, person), "live"),
            (None, None) => ("not finished".to_owned(), "warn"),
        };
        let millis = |iso: &Option<String>| {
            iso.as_ref().and_then(|iso| iso.parse::<jiff::Timestamp>().ok()).map(jiff::Timestamp::as_millisecond)
        };
        let started = millis(&Some(call.started_at.clone()));
        Self {
            length: millis(&call.ended_at).zip(started).map(|(ended, started)| length(ended - started)),
            started: When::full(&call.started_at),
            age: When::relative(&call.started_at),
            answered: call.answered_at.as_deref().map(When::full),
            taken: call.taken_at.as_deref().map(When::full),
            ended: call.ended_at.as_deref().map(When::full),
            ring: call.direction == "alert-ring",
            customer: name(call.customer.as_ref()),
            id: call.id,
            reference: call.reference,
            number: call.number,
            caller: call.caller,
            source: call.source,
            language: call.language,
            alert_id: call.alert_id,
            state,
            mood,
        }
    }
}

impl CallView {
    /// Who calls, or why we do.
    pub fn who(&self) -> String {
        if self.ring {
            return format!("Ringing about #{}", self.reference);
        }
        self.customer.clone().or_else(|| self.caller.clone()).unwrap_or_else(|| "number withheld".to_owned())
    }
}

fn came_of_it(outcome: &str, taker: Option<String>) -> (String, &'static str) {
    let (text, mood) = match outcome {
        "taken" => return (taker.map_or_else(|| "taken".to_owned(), |taker| format!("taken by {taker}")), "good"),
        "voicemail" => ("voicemail", "calm"),
        "reported" => ("report recorded", "calm"),
        "abandoned" => ("caller hung up", "warn"),
        "blocked" => ("turned away", "calm"),
        "completed" => ("ended by the flow", "calm"),
        "failed" => ("failed", "bad"),
        "unanswered" => ("nobody reached", "warn"),
        other => (other, "calm"),
    };
    (text.to_owned(), mood)
}

fn going_on(state: &str, person: Option<String>) -> String {
    match (state, person) {
        ("calling" | "with", Some(person)) => format!("{state} {person}"),
        _ => state.to_owned(),
    }
}

/// A recording with its player and transcript.
pub struct RecordingView {
    pub id: String,
    pub label: String,
    pub started: When,
    pub length: Option<String>,
    /// Address of the audio, on the host that the page came from.
    pub audio: Option<String>,
    pub running: bool,
    pub note: Option<&'static str>,
    pub transcript: String,
    /// `done`, `waiting`, `quiet`.
    pub transcript_mood: &'static str,
}

/// All recordings of a page; a question answered twice says so.
pub fn recordings(all: &[Recording]) -> Vec<RecordingView> {
    let mut views: Vec<RecordingView> = Vec::new();
    for (at, recording) in all.iter().enumerate() {
        let takes = all.iter().filter(|other| other.kind == recording.kind).count();
        let take = all[..=at].iter().filter(|other| other.kind == recording.kind).count();
        let mut label = question(&recording.kind);
        if takes > 1 {
            label = format!("{label} (take {take} of {takes})");
        }
        let (transcript, transcript_mood) = words(recording);
        views.push(RecordingView {
            id: recording.id.clone(),
            label,
            started: When::clock(&recording.started_at),
            length: recording.duration_ms.map(length),
            audio: recording.audio_url.is_some().then(|| format!("/api/v1/recordings/{}/audio", recording.id)),
            running: recording.running,
            note: note(recording),
            transcript,
            transcript_mood,
        });
    }
    views
}

fn question(kind: &str) -> String {
    match kind {
        "who" => "Who is calling?",
        "what" => "What has happened?",
        "when" => "Since when?",
        "where" => "Where?",
        "why" => "Why is it urgent?",
        "voicemail" => "Voicemail",
        "conversation" => "Conversation (left the caller, right what the caller heard)",
        other => other,
    }
    .to_owned()
}

fn note(recording: &Recording) -> Option<&'static str> {
    if recording.removed_at.is_some() {
        return Some(match recording.ended_because.as_deref() {
            Some("refused") => "removed: somebody did not want it",
            _ => "removed",
        });
    }
    match recording.ended_because.as_deref()? {
        "no-speech" => Some("nothing was said"),
        "max-length" => Some("cut at the length limit"),
        "call-ended" if recording.kind == "conversation" => None,
        "call-ended" => Some("the caller hung up here"),
        "failed" => Some("could not be kept"),
        "recovered" => Some("recovered after a crash"),
        _ => None,
    }
}

fn words(recording: &Recording) -> (String, &'static str) {
    let transcript = &recording.transcript;
    let note = transcript.note.as_deref().unwrap_or("no reason was given");
    if recording.removed_at.is_some() {
        return ("Nothing of it is kept.".to_owned(), "quiet");
    }
    match (transcript.state.as_str(), &transcript.text) {
        (_, Some(text)) => (text.clone(), "done"),
        ("recording", None) => ("Still being recorded …".to_owned(), "waiting"),
        ("waiting", None) => ("The transcript is being made …".to_owned(), "waiting"),
        ("off", None) => (format!("No transcript: transcripts are off. {note}"), "quiet"),
        ("failed", None) => (format!("No transcript: {note}"), "quiet"),
        _ => ("Nothing was said.".to_owned(), "quiet"),
    }
}

/// A leg of a call.
pub struct LegView {
    pub who: String,
    pub destination: String,
    pub started: When,
    pub state: String,
    pub mood: &'static str,
    /// How it sounded, in words.
    pub sound: Option<String>,
}

impl From<Leg> for LegView {
    fn from(leg: Leg) -> Self {
        let who = match (&leg.person, leg.leg) {
            (Some(person), _) => person.name.clone(),
            (None, 0) => "Caller".to_owned(),
            (None, _) => "Fixed destination".to_owned(),
        };
        let (state, mood) = match (&leg.accepted_at, &leg.answered_at, &leg.cause) {
            (Some(_), _, Some(cause)) => (format!("accepted, then {cause}"), "good"),
            (Some(_), _, None) => ("accepted".to_owned(), "good"),
            (None, Some(_), Some(cause)) => (format!("answered, then {cause}"), "calm"),
            (None, Some(_), None) => ("answered".to_owned(), "live"),
            (None, None, Some(cause)) => (cause.clone(), "warn"),
            (None, None, None) => ("being called".to_owned(), "live"),
        };
        let sound = leg.quality.map(|quality| quality.words);
        Self { who, destination: leg.destination, started: When::clock(&leg.started_at), state, mood, sound }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_shown_in_utc_without_script() {
        let shown = When::full("2026-11-22T03:04:05.678Z").to_string();
        assert_eq!(
            shown,
            "<time datetime=\"2026-11-22T03:04:05.678Z\" data-time=\"full\" title=\"2026-11-22 03:04:05 UTC\">2026-11-22 03:04 UTC</time>"
        );
        assert!(When::clock("2026-11-22T03:04:05.678Z").to_string().contains(">03:04:05 UTC<"));
    }

    #[test]
    fn lengths_read_well() {
        assert_eq!(length(4_180), "4 s");
        assert_eq!(length(125_600), "2:06 min");
        assert_eq!(
            (span(89), span(90), span(5_400), span(200_000)),
            ("89 s".into(), "2 min".into(), "2 h".into(), "2 days".into())
        );
    }
}
