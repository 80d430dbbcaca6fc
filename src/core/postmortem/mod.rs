//! Postmortems: what an incident teaches, drafted from its facts, without blame.
//!
//! A draft holds nothing that the facts do not say; what nobody can know yet (the cause) is left open with a question. Prose of
//! a language model is taken only if it names no time, number or name that is not in the facts ([`prose`]).
//!
//! | file | does |
//! |---|---|
//! | `facts` | an incident and its timeline → [`Facts`] |
//! | `telling` | lines of the records → a timeline worth reading, in its language |
//! | `draft` | facts → the sections |
//! | `blame` | wording about persons, with a suggestion |
//! | `prose` | what a language model is asked, and whether its answer may be used |
//! | `show` | the document; what customers may read of it |

pub mod blame;
mod draft;
mod facts;
pub mod prose;
mod show;
mod telling;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::ids::{IncidentId, PostmortemId, UserId};

pub use draft::draft;
pub use facts::{Facts, Known, Moment, Noticed, Said, Seen, Sent, facts, length};
pub use show::{Published, internal_names, paper};

/// Bytes of one section at most.
pub const SECTION_MAX: usize = 40 * 1024;
/// Actions of one postmortem at most.
pub const ACTIONS_MAX: usize = 100;

/// What was learned from an incident.
#[derive(Debug, Clone, PartialEq)]
pub struct Postmortem {
    /// Its identity.
    pub id: PostmortemId,
    /// Of which incident.
    pub incident: IncidentId,
    /// One line.
    pub title: String,
    /// Language tag of its texts.
    pub language: String,
    /// How far it is.
    pub state: State,
    /// Where the prose came from at first.
    pub origin: Origin,
    /// The texts.
    pub sections: Sections,
    /// What happened, oldest first; taken from the incident when it was drafted.
    pub timeline: Vec<Moment>,
    /// What is to be done so that it does not happen again.
    pub actions: Vec<Action>,
    /// When it was drafted.
    pub created_at: Timestamp,
    /// Counts every change.
    pub version: i64,
}

/// How far it is. Each follows the one before; a change of a reviewed one makes it a draft again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Being written.
    Draft,
    /// Another person has read it.
    Reviewed,
    /// Customers who were touched can read its public text.
    Published,
}
crate::fact::words!(State { Draft = "draft", Reviewed = "reviewed", Published = "published" });

/// Where prose came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// From the facts alone; `Some`: a language model was asked, and why its answer was not used.
    Facts(Option<String>),
    /// From a language model (its name), checked against the facts.
    Model(String),
}

/// The texts, each Markdown without headings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sections {
    /// What happened, in short.
    pub summary: String,
    /// Whom it touched, how, how long.
    pub impact: String,
    /// How it was noticed.
    pub detection: String,
    /// Why it happened.
    pub root_cause: String,
    /// What went well.
    pub went_well: String,
    /// What customers may read once it is published.
    pub public: String,
}

impl Sections {
    /// Their words and texts.
    pub fn named(&self) -> [(&'static str, &str); 6] {
        [
            ("summary", &self.summary),
            ("impact", &self.impact),
            ("detection", &self.detection),
            ("root_cause", &self.root_cause),
            ("went_well", &self.went_well),
            ("public", &self.public),
        ]
    }
}

/// Something to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// Its number, from 1; never used twice.
    pub number: u32,
    /// What.
    pub text: String,
    /// Who.
    pub owner: Option<UserId>,
    /// Until when.
    pub due: Option<Date>,
    /// When it was done.
    pub done: Option<Timestamp>,
}

impl Action {
    /// Not done, and its day is over.
    pub fn is_overdue(&self, today: Date) -> bool {
        self.done.is_none() && self.due.is_some_and(|due| due < today)
    }
}

/// Why a postmortem does not come into a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// There is something to be done first.
    NotYet(&'static str),
    /// The author can't review their own.
    OwnReview,
    /// The public text names what customers must not read.
    Names(Vec<String>),
    /// An exercise is nobody's business outside.
    Drill,
}

/// Whether it may come into `to`. `same_person`: who asks wrote the last change; `names`: see [`internal_names`].
pub fn may_become(
    postmortem: &Postmortem,
    to: State,
    same_person: bool,
    drill: bool,
    names: &[String],
) -> Result<(), Refusal> {
    match (postmortem.state, to) {
        (State::Draft | State::Reviewed, State::Reviewed) if postmortem.sections.root_cause.trim().is_empty() => {
            Err(Refusal::NotYet("the root cause is empty; write it, or that it is not known"))
        }
        (State::Draft | State::Reviewed, State::Reviewed) if has_question(&postmortem.sections.root_cause) => {
            Err(Refusal::NotYet("the root cause is still the question of the draft; answer it"))
        }
        (State::Draft, State::Reviewed) if same_person => Err(Refusal::OwnReview),
        (State::Draft, State::Published) => Err(Refusal::NotYet("it was not reviewed yet")),
        (State::Reviewed, State::Published) if drill => Err(Refusal::Drill),
        (State::Reviewed, State::Published) if postmortem.sections.public.trim().is_empty() => {
            Err(Refusal::NotYet("the public text is empty; write what customers may read"))
        }
        (State::Reviewed, State::Published) if !names.is_empty() => Err(Refusal::Names(names.to_vec())),
        (_, State::Draft | State::Reviewed) | (State::Reviewed | State::Published, State::Published) => Ok(()),
    }
}

/// Whether the draft's question still stands there.
fn has_question(text: &str) -> bool {
    ["en", "de"].iter().any(|language| text.contains(draft::question(language)))
}
