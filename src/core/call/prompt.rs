//! What can be played to a leg.

use std::borrow::Cow;
use std::time::Duration;

use crate::ids::RecordingId;
use crate::private::Private;

/// The name of a text in `prompts/<language>/*.toml` and of its recording.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PromptId(pub Cow<'static, str>);

impl PromptId {
    /// A prompt that our own code names.
    pub const fn new(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }
}

/// One piece of a play.
#[derive(Debug, Clone, PartialEq)]
pub enum Prompt {
    /// A recorded text of ours.
    Say(PromptId),
    /// Digits, one by one (`4711`: "four, seven, one, one"). `+` is skipped.
    Digits(Private<String>),
    /// A name or word that is spoken by the voice; must have been prepared, is
    /// skipped where it was not.
    Name(Private<String>),
    /// What somebody said before on this call.
    Recording(RecordingId),
    /// A WAV file named in the configuration (checked at start).
    File(String),
    /// The tone after which the caller speaks (1 kHz, 0.4 s).
    Beep,
    /// A pause.
    Silence(Duration),
    /// Hold music, without end.
    Music,
}

/// A number as people say it where we have it recorded (up to 59), else digit by digit.
pub fn number(number: i64) -> Prompt {
    match number {
        10..=59 => Prompt::Say(PromptId(format!("number-{number}").into())),
        ..10 | 60.. => Prompt::Digits(number.to_string().into()),
    }
}

/// How long ago something was: "42 minutes".
pub fn age(minutes: i64) -> Vec<Prompt> {
    match minutes {
        ..2 => vec![Prompt::Say(say::ONE_MINUTE)],
        2..60 => vec![number(minutes), Prompt::Say(say::MINUTES)],
        60..120 => vec![Prompt::Say(say::OVER_AN_HOUR)],
        120..2_880 => vec![number(minutes / 60), Prompt::Say(say::HOURS)],
        2_880.. => vec![number(minutes / 1_440), Prompt::Say(say::DAYS)],
    }
}

/// The prompts that our own code and demo flows name, with what they say (the
/// wording stands in `prompts/<language>/*.toml`). Every language has all of them.
pub mod say {
    use super::PromptId;

    macro_rules! prompts {
        ($($(#[$doc:meta])* $constant:ident = $name:literal),+ $(,)?) => {
            $($(#[$doc])* pub const $constant: PromptId = PromptId::new($name);)+
            /// All of them.
            pub const ALL: &[PromptId] = &[$($constant),+];
        };
    }

    prompts! {
        /// Welcome; what you say to our questions and messages is recorded.
        GREETING = "greeting",
        /// To report a fault press 1, to speak to the engineer on call 2, to leave a message 3.
        MENU = "menu",
        /// I did not hear a key.
        NO_INPUT = "no-input",
        /// That key means nothing here.
        NO_MATCH = "no-match",
        /// For English press 1 (in English); für Deutsch die 2 (in German).
        CHOOSE_LANGUAGE = "choose-language",
        /// Please type your customer PIN and then the hash key.
        ASK_PIN = "ask-pin",
        /// That PIN is not known here.
        PIN_UNKNOWN = "pin-unknown",
        /// Introduces the five questions; press hash when you have finished an answer.
        SCRIPT_INTRO = "script-intro",
        /// Who is calling?
        ASK_WHO = "ask-who",
        /// What has happened?
        ASK_WHAT = "ask-what",
        /// Since when?
        ASK_WHEN = "ask-when",
        /// Where: which site, which system?
        ASK_WHERE = "ask-where",
        /// Why is it urgent?
        ASK_WHY = "ask-why",
        /// I did not hear anything. (before asking again)
        NOT_HEARD = "not-heard",
        /// This is what I have noted.
        READ_BACK = "read-back",
        /// Press 1 if that is right, 2 to answer again.
        CONFIRM = "confirm",
        /// Your reference number is … (digits follow)
        REFERENCE = "reference",
        /// We are calling the engineer on call; please stay on the line.
        CALLING_ENGINEER = "calling-engineer",
        /// We are still trying; thank you for waiting.
        STILL_TRYING = "still-trying",
        /// At any time press hash to leave a message instead. (said once where the key is on)
        LEAVE_QUEUE = "leave-queue",
        /// We are connecting you now. (to the caller)
        CONNECTING = "connecting",
        /// We are connecting you now; what you say to each other is recorded, 9 if you do not want that.
        RECORDING_CALLER = "recording-caller",
        /// You are joined; it is recorded, 9 stops that.
        RECORDING_ENGINEER = "recording-engineer",
        /// It is not recorded; what was kept is deleted.
        RECORDING_OFF = "recording-off",
        /// Nobody could be reached so far; we keep calling them.
        NOBODY_REACHED = "nobody-reached",
        /// Please leave a message after the tone; press hash when you have finished.
        VOICEMAIL = "voicemail",
        /// Thank you. Your message is recorded and the engineers are told.
        VOICEMAIL_THANKS = "voicemail-thanks",
        /// No message was heard; the engineers are told that you called.
        VOICEMAIL_EMPTY = "voicemail-empty",
        /// Goodbye.
        GOODBYE = "goodbye",
        /// This number does not take your call.
        BLOCKED = "blocked",
        /// We are closed now.
        CLOSED = "closed",
        /// A fault on our side; your call is noted and the engineers are told.
        SORRY_FAULT = "sorry-fault",
        /// To the engineer, before any key: "Urgent hotline call. Press 1."
        ENGINEER_KNOCK = "engineer-knock",
        /// A call from … (customer's name follows, if known)
        ENGINEER_CALL_FROM = "engineer-call-from",
        /// A caller who is not known to us. The number is … (digits may follow)
        ENGINEER_UNKNOWN_CALLER = "engineer-unknown-caller",
        /// The caller said: (the recordings follow)
        ENGINEER_CALLER_SAID = "engineer-caller-said",
        /// Nothing was said so far.
        ENGINEER_NOTHING_SAID = "engineer-nothing-said",
        /// Press 1 to be joined with the caller, 2 to decline.
        ENGINEER_JOIN = "engineer-join",
        /// You are joined.
        ENGINEER_JOINED = "engineer-joined",
        /// You have declined; the next engineer is called.
        ENGINEER_DECLINED = "engineer-declined",
        /// The caller has hung up; the alert stays open until someone acknowledges it.
        ENGINEER_CALLER_GONE = "engineer-caller-gone",
        /// To the engineer about an alert nobody has, before any key: "Urgent hotline alert. Press 1."
        ALERT_KNOCK = "alert-knock",
        /// This alert is still open; reference … (digits follow)
        ALERT_OPEN = "alert-open",
        /// Press 1 to acknowledge, 2 to decline.
        ALERT_ACKNOWLEDGE = "alert-acknowledge",
        /// Thank you. The alert is yours.
        ALERT_ACKNOWLEDGED = "alert-acknowledged",
        /// Your call is passed on. (handed back by the engineer)
        HANDED_BACK = "handed-back",
        /// Your report has been closed.
        REPORT_CLOSED = "report-closed",
        /// You have an open report; reference … (digits follow)
        KNOWN_REPORT = "known-report",
        /// It was made this long ago: (digits and a unit follow)
        KNOWN_OPENED = "known-opened",
        /// One minute.
        ONE_MINUTE = "one-minute",
        /// … minutes.
        MINUTES = "minutes",
        /// More than one hour.
        OVER_AN_HOUR = "over-an-hour",
        /// … hours.
        HOURS = "hours",
        /// … days.
        DAYS = "days",
        /// Nobody has taken it yet.
        KNOWN_NOBODY = "known-nobody",
        /// An engineer has it.
        KNOWN_TAKEN = "known-taken",
        /// Press 1 to add to it and speak to an engineer, 2 for something new.
        KNOWN_CHOICE = "known-choice",
        /// This call belongs to your report now.
        KNOWN_JOINED = "known-joined",
        /// We know of a disturbance that touches you: (its title follows, where the voice has it)
        INCIDENT_KNOWN = "incident-known",
        /// It has been going on for: (digits and a unit follow)
        INCIDENT_SINCE = "incident-since",
        /// 1 the latest news, 2 add something, 3 a person, 4 an SMS when it is over.
        INCIDENT_CHOICE = "incident-choice",
        /// The same without the SMS, where none can be sent.
        INCIDENT_CHOICE_NO_SMS = "incident-choice-no-sms",
        /// The latest news: (the update follows)
        INCIDENT_UPDATE = "incident-update",
        /// Say what you want to add after the tone, then hash. (the tone follows)
        INCIDENT_ADD = "incident-add",
        /// It was added.
        INCIDENT_ADDED = "incident-added",
        /// You get an SMS when it is over.
        INCIDENT_WILL_TELL = "incident-will-tell",
        /// No SMS can be sent to your number.
        INCIDENT_NO_SMS = "incident-no-sms",
        /// The keys during the conversation: star 1, star 2, star 3.
        ENGINEER_KEYS = "engineer-keys",
        /// Somebody else was quicker. (several phones rang at once)
        ENGINEER_TAKEN = "engineer-taken",
        /// After star 1: the next level is called; go on talking.
        ENGINEER_NEXT_CALLED = "engineer-next-called",
        /// The next engineer takes over.
        ENGINEER_NEXT_THERE = "engineer-next-there",
        /// Nobody else could be reached.
        ENGINEER_NEXT_NOBODY = "engineer-next-nobody",
        /// After star 2: handed back.
        ENGINEER_HANDED_BACK = "engineer-handed-back",
        /// After star 3: closed.
        ENGINEER_RESOLVED = "engineer-resolved",
        /// To a phone, before any key: "The hotline has a message for you. Press 1."
        NOTICE_KNOCK = "notice-knock",
        /// To a supervisor's phone, before any key: "A call can be listened to now. Press 1."
        SUPERVISOR_KNOCK = "supervisor-knock",
        /// After it, where that is so: the conversation is recorded.
        SUPERVISOR_RECORDED = "supervisor-recorded",
        /// To a phone, before any key: "This is a test call. Press 1."
        TEST_KNOCK = "test-knock",
        /// This was a test.
        TEST_HEARD = "test-heard",
        /// Your code is: (digits follow)
        CODE_IS = "code-is",
        /// So many alerts need someone: (digits follow)
        NOTICE_MANY = "notice-many",
        /// This is an exercise.
        NOTICE_DRILL = "notice-drill",
        /// An alert with the reference … (digits follow)
        NOTICE_ALERT = "notice-alert",
        /// Priority one.
        PRIORITY_1 = "priority-1",
        /// Priority two.
        PRIORITY_2 = "priority-2",
        /// Priority three.
        PRIORITY_3 = "priority-3",
        /// Priority four.
        PRIORITY_4 = "priority-4",
        /// Priority five.
        PRIORITY_5 = "priority-5",
        /// The customer is: (name follows)
        NOTICE_CUSTOMER = "notice-customer",
        /// Press 1 to acknowledge, 2 for the next level.
        NOTICE_CHOICE = "notice-choice",
        /// The same for several alerts.
        NOTICE_CHOICE_ALL = "notice-choice-all",
        /// Press 3 to be joined with the caller who waits.
        NOTICE_JOIN = "notice-join",
        /// The next level is told.
        NOTICE_ESCALATED = "notice-escalated",
        /// Somebody else has it.
        NOTICE_TAKEN = "notice-taken",
        /// No caller waits (any more).
        NOTICE_NO_CALLER = "notice-no-caller",
        /// Engineer's line: your own PIN, then hash.
        LINE_PIN = "line-pin",
        /// Too many wrong PINs.
        LINE_LOCKED = "line-locked",
        /// So many alerts are open: (digits follow)
        LINE_OPEN = "line-open",
        /// No alert is open.
        LINE_NONE = "line-none",
        /// They can't be looked up.
        LINE_UNKNOWN = "line-unknown",
        /// Nobody has it.
        LINE_UNTAKEN = "line-untaken",
        /// Somebody has it.
        LINE_TAKEN = "line-taken",
        /// 1 acknowledge, 2 next, 3 ring back, 4 close.
        LINE_CHOICE = "line-choice",
        /// Done.
        LINE_DONE = "line-done",
        /// It could not be kept.
        LINE_FAILED = "line-failed",
        /// The caller is rung back; hash stops it.
        LINE_CALLING_BACK = "line-calling-back",
        /// This caller can't be rung back.
        LINE_NO_CALLBACK = "line-no-callback",
        /// The call back is over.
        LINE_CALLBACK_OVER = "line-callback-over",
    }
}
