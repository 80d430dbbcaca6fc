//! A call flow as data: a graph of nodes. The configuration builds it,
//! [`check()`] validates it, the call machine runs it: one file per node.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use jiff::civil::Time;

use crate::directory::{Destination, Language};
use crate::fact::{Priority, Question};
use crate::ids::{FlowId, NodeId, PolicyId, ScheduleId, TeamId, UserId};

use super::prompt::Prompt;

pub(super) mod alert_node;
pub(super) mod announce;
pub(super) mod block;
pub mod check;
pub(super) mod choose_language;
pub(super) mod connect;
pub(super) mod engineer;
pub(super) mod goto;
pub(super) mod hangup;
pub(super) mod hours;
pub(super) mod identify;
pub(super) mod incident;
pub(super) mod known;
pub(super) mod menu;
pub(super) mod script;
pub(crate) mod taped;
pub(super) mod voicemail;

pub use check::{Problem, check, longest_wait};

/// A graph of nodes that a call walks through.
#[derive(Debug, Clone, PartialEq)]
pub struct Flow {
    /// Its name.
    pub id: FlowId,
    /// Where calls begin.
    pub start: NodeId,
    /// The nodes by name.
    pub nodes: BTreeMap<NodeId, Node>,
    /// Longest time from the answer until the caller is with a person or at
    /// `last_resort`. When it is over the call goes to `last_resort` at once.
    pub budget: Duration,
    /// A voicemail or hangup node: where a call goes when the budget is over or a node fails.
    pub last_resort: NodeId,
}

/// One step of a flow. `next: None` ends the call with goodbye.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// Plays prompts.
    Announce(Announce),
    /// The caller chooses the language, or it is set.
    ChooseLanguage(ChooseLanguage),
    /// Branches by the time of day.
    Hours(Hours),
    /// Turns blocked callers away.
    Block(Block),
    /// Finds the customer.
    Identify(Identify),
    /// Offers a choice by key.
    Menu(Menu),
    /// Asks the 5-W questions.
    Script(Script),
    /// Walks the people to reach.
    Connect(Connect),
    /// Tells who calls again how far the open report is.
    Known(Known),
    /// The engineers' line.
    Engineer(Engineer),
    /// Takes a message.
    Voicemail(Voicemail),
    /// Sets priority and title of the call's alert.
    Alert(AlertNode),
    /// Goes on elsewhere.
    Goto(NodeId),
    /// Says goodbye (prompts) and ends.
    Hangup(Vec<Prompt>),
}

/// Plays prompts, then goes on.
#[derive(Debug, Clone, PartialEq)]
pub struct Announce {
    /// What is played.
    pub prompts: Vec<Prompt>,
    /// A key cuts it short (and is kept for a following menu).
    pub barge_in: bool,
    /// What follows.
    pub next: Option<NodeId>,
}

/// Lets the caller choose the language by key; no choice keeps the number's.
#[derive(Debug, Clone, PartialEq)]
pub struct ChooseLanguage {
    /// Played once, each in its own language: language and prompt.
    pub offers: Vec<(char, Language)>,
    /// Prompt that offers them (`choose-language`), played in each offered language in turn.
    pub prompt: Prompt,
    /// How long to wait for a key.
    pub wait: Duration,
    /// What follows.
    pub next: Option<NodeId>,
}

/// Open and closed times in a time zone.
#[derive(Debug, Clone, PartialEq)]
pub struct Hours {
    /// IANA zone name (`Europe/Berlin`), checked when the flow is read.
    pub time_zone: jiff::tz::TimeZone,
    /// Opening times; one window a row. `from` == `to` is the whole day.
    pub windows: Vec<HoursWindow>,
    /// Days on which it is closed.
    pub holidays: Vec<jiff::civil::Date>,
    /// Where to go while open.
    pub open: NodeId,
    /// Where to go otherwise.
    pub closed: NodeId,
}

/// One opening window. May run past midnight (`to` ≤ `from`).
#[derive(Debug, Clone, PartialEq)]
pub struct HoursWindow {
    /// Days on which it begins.
    pub days: Vec<jiff::civil::Weekday>,
    /// First minute.
    pub from: Time,
    /// First minute after it.
    pub to: Time,
}

/// Turns away callers on the directory's blocklist, and anonymous ones where asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// Callers without a number are turned away too.
    pub anonymous: bool,
    /// What they hear; empty: refused with 603 before the call is answered.
    pub prompts: Vec<Prompt>,
    /// What follows for everyone else.
    pub next: NodeId,
}

/// Finds the customer by caller ID, or asks for the PIN.
#[derive(Debug, Clone, PartialEq)]
pub struct Identify {
    /// Asks for the PIN when the caller ID tells nothing (prompt `ask-pin`).
    pub ask_pin: bool,
    /// How many tries.
    pub tries: u32,
    /// How long to wait for the first and for each next digit.
    pub wait: Duration,
    /// What follows when the customer is known.
    pub found: NodeId,
    /// What follows otherwise.
    pub unknown: NodeId,
}

/// Offers a choice by key.
#[derive(Debug, Clone, PartialEq)]
pub struct Menu {
    /// What is said; a key cuts it short.
    pub prompts: Vec<Prompt>,
    /// Keys (or several digits: a code) and where they lead. A single key acts at once unless a longer code
    /// begins with it; a code ends with `end` (not part of it) or, where there is no such key, as soon as it can
    /// be no other. A code whose end never comes counts after a pause of 4 s.
    pub options: BTreeMap<String, NodeId>,
    /// The key that ends a code.
    pub end: Option<char>,
    /// How long to wait for a key after the prompts.
    pub wait: Duration,
    /// Said when nothing was pressed.
    pub no_input: Vec<Prompt>,
    /// Said when the key means nothing here.
    pub no_match: Vec<Prompt>,
    /// How often the menu is offered in all.
    pub tries: u32,
    /// Where callers go who never press a right key.
    pub give_up: NodeId,
}

/// The 5-W script: asks, records, plays back, lets the caller confirm.
#[derive(Debug, Clone, PartialEq)]
pub struct Script {
    /// What is asked, in order.
    pub questions: Vec<Question>,
    /// Longest answer.
    pub answer_max: Duration,
    /// Silence that ends an answer.
    pub end_silence: Duration,
    /// Give up waiting for a first word.
    pub no_speech: Duration,
    /// How often a question without an answer is asked in all.
    pub tries: u32,
    /// How often the caller may answer all again (2 at the confirmation).
    pub corrections: u32,
    /// How long to wait for 1 or 2 at the confirmation; then it counts as confirmed, and the timeline says so.
    pub confirm_wait: Duration,
    /// What follows.
    pub next: Option<NodeId>,
}

/// Walks the people to reach, one after the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Connect {
    /// Whom.
    pub target: ConnectTarget,
    /// How long each phone rings.
    pub ring: Duration,
    /// How often the whole list is walked.
    pub rounds: u32,
    /// Longest time in this node while nobody has accepted.
    pub budget: Duration,
    /// Whether the person must press 1 before being joined. Always so for people; may be
    /// off only for a fixed SIP address (a PBX queue, the bench).
    pub confirm: bool,
    /// How long an answered phone may be without a key before the next one is tried.
    pub accept_wait: Duration,
    /// A word to the waiting caller every so often.
    pub comfort_every: Duration,
    /// What is said may be recorded where the number asks for it (`record_calls`); false: not by this node.
    pub record: bool,
    /// The caller may leave the queue with this key, to `on_nobody`.
    pub leave_key: Option<char>,
    /// What follows when nobody accepts.
    pub on_nobody: NodeId,
}

/// Whom a `connect` node calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectTarget {
    /// Who is on call by this rota, then the others of it.
    Schedule(ScheduleId),
    /// The people of a policy's steps, step by step; those of one step at once.
    Policy(PolicyId),
    /// One person.
    User(UserId),
    /// The members of a team, one after the other.
    Team(TeamId),
    /// A fixed place of the configuration.
    Fixed(Destination),
}

impl fmt::Display for ConnectTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Schedule(id) => write!(f, "schedule {id}"),
            Self::Policy(id) => write!(f, "policy {id}"),
            Self::User(id) => write!(f, "user {id}"),
            Self::Team(id) => write!(f, "team {id}"),
            Self::Fixed(_) => f.write_str("a fixed address"),
        }
    }
}

/// Whose customer is touched by an open incident hears of it; who calls again about an open report hears how far it is, and may add to
/// it. Others notice nothing of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// What they hear first: the call is answered with it, so it should say what is recorded.
    pub prompts: Vec<Prompt>,
    /// How long to wait for a key after the words; then the call counts as something new.
    pub wait: Duration,
    /// Reports that other numbers of the same customer made are told as well, not only the caller's own.
    pub colleagues: bool,
    /// What follows for a call about the open report, and for who heard of an incident and wants a person.
    pub join: NodeId,
    /// What follows for who heard about the report or the incident and calls about something new.
    pub something_new: NodeId,
    /// What follows for all others.
    pub next: NodeId,
}

/// The engineers' line: whoever proves to be an engineer hears the open alerts and can take them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Engineer {
    /// How many wrong PINs before the call is ended, and how often an alert is repeated to somebody silent.
    pub tries: u32,
    /// How long to wait for a key.
    pub wait: Duration,
    /// Where whoever types no PIN goes.
    pub give_up: NodeId,
}

/// Takes a message.
#[derive(Debug, Clone, PartialEq)]
pub struct Voicemail {
    /// What is said before the beep.
    pub prompts: Vec<Prompt>,
    /// Longest message.
    pub max: Duration,
    /// Silence that ends it.
    pub end_silence: Option<Duration>,
    /// Give up waiting for a first word.
    pub no_speech: Option<Duration>,
    /// What is said after it.
    pub thanks: Vec<Prompt>,
    /// What follows.
    pub next: Option<NodeId>,
}

/// Sets what the call's alert says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertNode {
    /// New priority.
    pub priority: Option<Priority>,
    /// New title.
    pub title: Option<String>,
    /// What follows.
    pub next: Option<NodeId>,
}
