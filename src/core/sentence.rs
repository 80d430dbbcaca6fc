//! Facts in words: the stable word of each, and one plain sentence for the timeline.
//! Nothing private is in them: a telephone number shows its last two digits only,
//! and what a caller said is not repeated.

use crate::fact::{Actor, Direction, Fact, LegCause, Outcome, RecordingEnd, RecordingKind};
use crate::ids::{LegId, UserId};

/// A run of so many digits counts as a telephone number and is shortened.
const NUMBER_DIGITS: usize = 7;

impl Fact {
    /// Stable kebab-case word of the fact, used by the timeline and the API.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::CallStarted { .. } => "call-started",
            Self::CustomerIdentified { .. } => "customer-identified",
            Self::LanguageChosen { .. } => "language-chosen",
            Self::Step { .. } => "step",
            Self::LegStarted { .. } => "leg-started",
            Self::LegRinging { .. } => "leg-ringing",
            Self::LegAnswered { .. } => "leg-answered",
            Self::LegAccepted { .. } => "leg-accepted",
            Self::LegDeclined { .. } => "leg-declined",
            Self::Bridged { .. } => "bridged",
            Self::LegEnded { .. } => "leg-ended",
            Self::LegQuality { .. } => "leg-quality",
            Self::RecordingStarted { .. } => "recording-started",
            Self::RecordingEnded { .. } => "recording-ended",
            Self::RecordingRefused { .. } => "recording-refused",
            Self::AnswersConfirmed => "answers-confirmed",
            Self::AlertOpened { .. } => "alert-opened",
            Self::AlertUpdated { .. } => "alert-updated",
            Self::AlertAcknowledged { .. } => "alert-acknowledged",
            Self::AlertResolved { .. } => "alert-resolved",
            Self::AlertRings { .. } => "alert-rings",
            Self::Alert(change) => change.kind(),
            Self::Transcribed { .. } => "transcribed",
            Self::TranscriptFailed { .. } => "transcript-failed",
            Self::CallEnded { .. } => "call-ended",
        }
    }

    /// One plain English sentence. Telephone numbers in it are shortened to `…42`.
    pub fn sentence(&self) -> String {
        without_numbers(&match self {
            Self::LegStarted { .. }
            | Self::LegRinging { .. }
            | Self::LegAnswered { .. }
            | Self::LegAccepted { .. }
            | Self::LegDeclined { .. }
            | Self::Bridged { .. }
            | Self::LegEnded { .. }
            | Self::LegQuality { .. } => self.leg_sentence(),
            Self::AlertOpened { .. }
            | Self::AlertUpdated { .. }
            | Self::AlertAcknowledged { .. }
            | Self::AlertResolved { .. }
            | Self::AlertRings { .. } => self.alert_sentence(),
            Self::Alert(change) => change.sentence(),
            Self::CallStarted { .. }
            | Self::CustomerIdentified { .. }
            | Self::LanguageChosen { .. }
            | Self::Step { .. }
            | Self::RecordingStarted { .. }
            | Self::RecordingEnded { .. }
            | Self::RecordingRefused { .. }
            | Self::AnswersConfirmed
            | Self::Transcribed { .. }
            | Self::TranscriptFailed { .. }
            | Self::CallEnded { .. } => self.call_sentence(),
        })
    }

    fn call_sentence(&self) -> String {
        match self {
            Self::CallStarted { direction: Direction::Inbound, number, reference, caller, source, .. } => {
                let caller = match caller {
                    None => "a withheld number".to_owned(),
                    Some(caller)
                        if caller.reveal().trim_start_matches('+').starts_with(|c: char| c.is_ascii_digit()) =>
                    {
                        format!("{caller:?}")
                    }
                    Some(_) => "a SIP address".to_owned(),
                };
                format!("Call from {caller} to {number}, {}; reference {reference}.", came_in(source))
            }
            Self::CallStarted { direction: Direction::AlertRing, number, reference, .. } => {
                format!("The people behind {number} are called about alert {reference}.")
            }
            Self::CallStarted { direction: Direction::Notification, reference, .. } if reference.is_empty() => {
                "A phone is rung for a message.".to_owned()
            }
            Self::CallStarted { direction: Direction::Notification, reference, .. } => {
                format!("A phone is rung about alert {reference}.")
            }
            Self::CustomerIdentified { customer } => format!("The customer is {customer}."),
            Self::LanguageChosen { language } => format!("The caller is spoken to in {}.", language_name(&language.0)),
            Self::Step { node, what } if what.is_empty() => format!("{}.", capital(node)),
            Self::Step { node, what } => format!("{}: {}.", capital(node), what.trim_end_matches('.')),
            Self::RecordingStarted { kind, .. } => format!("Recording {} began.", kind.words()),
            Self::RecordingEnded { duration, speech, reason, .. } => format!(
                "Recording ended after {}.{} s: {}{}.",
                duration.as_secs(),
                duration.subsec_millis() / 100,
                reason.words(),
                match (speech, reason) {
                    (true, _) | (false, RecordingEnd::NoSpeech) => "",
                    (false, _) => "; no speech was heard",
                },
            ),
            Self::RecordingRefused { leg, recording } => format!(
                "{} does not want the conversation to be recorded{}.",
                if *leg == LegId::CALLER { "The caller" } else { "Whoever is joined with the caller" },
                if recording.is_some() { "; what was kept is deleted" } else { "" },
            ),
            Self::AnswersConfirmed => "The caller confirmed the answers.".to_owned(),
            Self::Transcribed { text, language, engine, .. } if text.reveal().trim().is_empty() => {
                format!("Transcript made by {engine} ({language}): no words were understood.")
            }
            Self::Transcribed { language, engine, .. } => format!("Transcript made by {engine} ({language})."),
            Self::TranscriptFailed { reason, .. } => {
                format!("No transcript: {}.", reason.trim_end_matches('.'))
            }
            Self::CallEnded { outcome } => format!("Call ended: {}.", outcome.words()),
            Self::LegStarted { .. }
            | Self::LegRinging { .. }
            | Self::LegAnswered { .. }
            | Self::LegAccepted { .. }
            | Self::LegDeclined { .. }
            | Self::Bridged { .. }
            | Self::LegEnded { .. }
            | Self::LegQuality { .. }
            | Self::AlertOpened { .. }
            | Self::AlertUpdated { .. }
            | Self::AlertAcknowledged { .. }
            | Self::AlertResolved { .. }
            | Self::AlertRings { .. }
            | Self::Alert(_) => self.kind().to_owned(),
        }
    }

    fn leg_sentence(&self) -> String {
        match self {
            Self::LegStarted { leg: LegId::CALLER, destination, .. } => {
                format!("The caller's line is being set up, {}.", came_in(destination))
            }
            Self::LegStarted { leg, person: Some(person), destination } => {
                format!("Calling {} ({leg}) at {destination}.", person.0)
            }
            // A fixed address of the flow, or a supervisor's phone: the reason says which.
            Self::LegStarted { leg, person: None, destination } => format!("Calling {destination} ({leg})."),
            Self::LegRinging { leg } => format!("The phone of {} rings.", who(*leg)),
            Self::LegAnswered { leg: LegId::CALLER } => "The caller was answered.".to_owned(),
            Self::LegAnswered { leg } => {
                format!("The phone of {leg} was answered, by a person or a mailbox: that alone accepts nothing.")
            }
            Self::LegAccepted { leg, person } => {
                format!("{} accepted the call ({leg}).", person_or(person.as_ref(), "The person called"))
            }
            Self::LegDeclined { leg, person } => {
                format!("{} declined the call ({leg}).", person_or(person.as_ref(), "The person called"))
            }
            Self::Bridged { a, b } => format!("{} and {} hear each other.", capital(&who(*a)), who(*b)),
            Self::LegEnded { leg: LegId::CALLER, cause: LegCause::HungUp } => "The caller hung up.".to_owned(),
            Self::LegEnded { leg: LegId::CALLER, cause: LegCause::Released } => {
                "The hotline ended the caller's line.".to_owned()
            }
            Self::LegEnded { leg, cause: LegCause::HungUp } => format!("{} hung up.", capital(&who(*leg))),
            Self::LegEnded { leg, cause } => {
                let cause = cause.words();
                let end = if cause.ends_with(['.', '?']) { "" } else { "." };
                format!("The call to {} is over: {cause}{end}", who(*leg))
            }
            Self::LegQuality { leg: LegId::CALLER, quality } => {
                format!("Sound of the caller's line: {}.", quality.words())
            }
            Self::LegQuality { leg, quality } => format!("Sound of {leg}: {}.", quality.words()),
            Self::CallStarted { .. }
            | Self::CustomerIdentified { .. }
            | Self::LanguageChosen { .. }
            | Self::Step { .. }
            | Self::RecordingStarted { .. }
            | Self::RecordingEnded { .. }
            | Self::RecordingRefused { .. }
            | Self::AnswersConfirmed
            | Self::AlertOpened { .. }
            | Self::AlertUpdated { .. }
            | Self::AlertAcknowledged { .. }
            | Self::AlertResolved { .. }
            | Self::AlertRings { .. }
            | Self::Alert(_)
            | Self::Transcribed { .. }
            | Self::TranscriptFailed { .. }
            | Self::CallEnded { .. } => self.kind().to_owned(),
        }
    }

    fn alert_sentence(&self) -> String {
        match self {
            Self::AlertOpened { title, priority, ring_at } => {
                let ring = ring_at.map_or_else(
                    || "nobody is rung about it".to_owned(),
                    |at| format!("people are rung at {} UTC at the latest, unless someone has it", time_of_day(at)),
                );
                format!("Alert opened, {}: {}; {ring}.", priority.word(), title.trim_end_matches('.'))
            }
            Self::AlertUpdated { title, priority } => match (title, priority) {
                (Some(title), Some(priority)) => {
                    format!("Alert is now {}: {}.", priority.word(), title.trim_end_matches('.'))
                }
                (Some(title), None) => format!("Alert is now called: {}.", title.trim_end_matches('.')),
                (None, Some(priority)) => format!("Alert is now {}.", priority.word()),
                (None, None) => "Alert looked at, nothing changed.".to_owned(),
            },
            Self::AlertAcknowledged { by } => format!("Alert acknowledged by {}.", by.shown()),
            Self::AlertResolved { by } => format!("Alert resolved by {}.", by.shown()),
            Self::AlertRings { round, next_at } => format!(
                "People are rung about the alert, for the {} time; again at {} UTC unless someone has it.",
                ordinal(*round),
                time_of_day(*next_at),
            ),
            Self::CallStarted { .. }
            | Self::CustomerIdentified { .. }
            | Self::LanguageChosen { .. }
            | Self::Step { .. }
            | Self::LegStarted { .. }
            | Self::LegRinging { .. }
            | Self::LegAnswered { .. }
            | Self::LegAccepted { .. }
            | Self::LegDeclined { .. }
            | Self::Bridged { .. }
            | Self::LegEnded { .. }
            | Self::LegQuality { .. }
            | Self::RecordingStarted { .. }
            | Self::RecordingEnded { .. }
            | Self::RecordingRefused { .. }
            | Self::AnswersConfirmed
            | Self::Alert(_)
            | Self::Transcribed { .. }
            | Self::TranscriptFailed { .. }
            | Self::CallEnded { .. } => self.kind().to_owned(),
        }
    }
}

impl LegCause {
    /// How a leg ended, in a few words (`no answer`, `busy`, the reason).
    pub fn words(&self) -> String {
        match self {
            Self::HungUp => "hung up".to_owned(),
            Self::Released => "released by the hotline".to_owned(),
            Self::NoAnswer => "no answer".to_owned(),
            Self::Busy => "busy".to_owned(),
            Self::Rejected { status } => format!("refused ({status})"),
            Self::Unreachable { reason } => without_numbers(reason.trim_end_matches('.')),
            Self::Failed { reason } => format!("failed: {}", without_numbers(reason.trim_end_matches('.'))),
        }
    }
}

impl Actor {
    /// Who, as shown on pages: `engineer-1`, `login admin`, `token ci`, `the hotline`.
    pub fn shown(&self) -> String {
        match self {
            Self::Person(user) => user.0.clone(),
            Self::Login(name) => format!("login {name}"),
            Self::Token(name) => format!("token {name}"),
            Self::System => "the hotline".to_owned(),
        }
    }
}

impl RecordingKind {
    const fn words(self) -> &'static str {
        match self {
            Self::Answer(question) => match question {
                crate::fact::Question::Who => "the answer to who",
                crate::fact::Question::What => "the answer to what",
                crate::fact::Question::When => "the answer to when",
                crate::fact::Question::Where => "the answer to where",
                crate::fact::Question::Why => "the answer to why",
            },
            Self::Voicemail => "a message",
            Self::Conversation => "the conversation",
        }
    }
}

impl RecordingEnd {
    const fn words(self) -> &'static str {
        match self {
            Self::Silence => "the caller had finished",
            Self::NoSpeech => "nothing was said",
            Self::Key => "the caller pressed a key",
            Self::MaxLength => "the longest time was reached",
            Self::CallEnded => "the call or the conversation ended",
            Self::Failed => "it could not be kept",
            Self::Refused => "somebody did not want it",
            Self::Recovered => "found after a crash and made whole",
        }
    }
}

impl Outcome {
    const fn words(self) -> &'static str {
        match self {
            Self::Taken => "a person took it",
            Self::Voicemail => "the caller left a message",
            Self::Reported => "the report was recorded, nobody took the call",
            Self::Abandoned => "the caller hung up early",
            Self::Blocked => "the caller was turned away",
            Self::Completed => "the flow came to its end",
            Self::Failed => "it could not be carried out",
            Self::Unanswered => "nobody was reached",
        }
    }
}

/// Where a caller's line comes from: `open`, `trunk:NAME`, `phone:NAME`.
fn came_in(source: &str) -> String {
    match source.split_once(':') {
        Some(("trunk", name)) => format!("through trunk {name}"),
        Some(("phone", name)) => format!("from phone {name}"),
        None if source == "open" => "from an address not known here".to_owned(),
        Some(_) | None => format!("by {source}"),
    }
}

fn language_name(code: &str) -> &str {
    match code {
        "en" => "English",
        "de" => "German",
        code => code,
    }
}

fn ordinal(number: u32) -> String {
    let ending = match (number % 100, number % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

fn who(leg: LegId) -> String {
    if leg == LegId::CALLER { "the caller".to_owned() } else { leg.to_string() }
}

fn person_or(person: Option<&UserId>, otherwise: &str) -> String {
    person.map_or_else(|| otherwise.to_owned(), |user| user.0.clone())
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn time_of_day(at: jiff::Timestamp) -> String {
    at.strftime("%H:%M:%S").to_string()
}

/// The text with every telephone number (a run of at least seven digits, `+` before it or not)
/// shortened to its last two digits. A safety net: who writes a text should have left them out.
pub fn without_numbers(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut run = String::new();
    for c in text.chars().chain(std::iter::once('\0')) {
        let begins = c == '+' && run.is_empty();
        if c.is_ascii_digit() || begins {
            run.push(c);
            continue;
        }
        if run.chars().filter(char::is_ascii_digit).count() >= NUMBER_DIGITS {
            out.push('…');
            out.push_str(&run[run.len() - 2..]);
        } else {
            out.push_str(&run);
        }
        run.clear();
        if c == '+' {
            run.push(c);
        } else if c != '\0' {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::without_numbers;
    use crate::directory::Language;
    use crate::fact::{Actor, Direction, Fact, LegCause};
    use crate::ids::{LegId, RecordingId, UserId};
    use crate::private::Private;

    #[test]
    fn a_call_tells_no_full_number() {
        let started = Fact::CallStarted {
            direction: Direction::Inbound,
            number: "+493012345699".into(),
            reference: "1042".to_owned(),
            caller: Some(Private::from("+4915112345642")),
            source: "trunk:4930555000777".to_owned(),
            language: Language::default(),
        };
        assert_eq!(started.kind(), "call-started");
        assert_eq!(started.sentence(), "Call from …42 to …99, through trunk …77; reference 1042.");
    }

    #[test]
    fn words_of_a_caller_are_not_repeated() {
        let transcribed = Fact::Transcribed {
            recording: RecordingId(uuid::Uuid::nil()),
            text: Private::from("my name is Jo Example"),
            language: "en".to_owned(),
            engine: "whisper ggml-base.bin".to_owned(),
        };
        assert_eq!(transcribed.sentence(), "Transcript made by whisper ggml-base.bin (en).");
    }

    #[test]
    fn legs_and_people() {
        let ended = Fact::LegEnded { leg: LegId(2), cause: LegCause::Rejected { status: 603 } };
        assert_eq!(ended.sentence(), "The call to leg 2 is over: refused (603).");
        let accepted = Fact::LegAccepted { leg: LegId(1), person: Some(UserId::from("engineer-1")) };
        assert_eq!(accepted.sentence(), "engineer-1 accepted the call (leg 1).");
        let bridged = Fact::Bridged { a: LegId::CALLER, b: LegId(1) };
        assert_eq!(bridged.sentence(), "The caller and leg 1 hear each other.");
        let acknowledged = Fact::AlertAcknowledged { by: Actor::Login("admin".to_owned()) };
        assert_eq!(acknowledged.sentence(), "Alert acknowledged by login admin.");
    }

    #[test]
    fn only_long_runs_are_shortened() {
        assert_eq!(without_numbers("call +4930123456 or 0049-1, ref 12345"), "call …56 or 0049-1, ref 12345");
        assert_eq!(without_numbers("++4930123456"), "+…56");
        assert_eq!(without_numbers("1234567"), "…67");
        assert_eq!(without_numbers("+"), "+");
        assert_eq!(without_numbers(""), "");
    }
}
