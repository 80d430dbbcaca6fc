//! Runbooks and knowledge: Markdown that people write, read by one format.
//!
//! A document begins with front matter (`key: value` between two lines of `---`) or with its title as a heading. Of a runbook four
//! sections have a meaning, in English or German: detection, contacts, recovery, verification; the list items of the latter
//! two are its steps. An article is free text. Mistakes are told with their line.
//!
//! | file | does |
//! |---|---|
//! | `read` | text → [`Document`], or what is wrong with it |
//! | `fit` | which documents belong to an alert |
//! | `words` | the words by which they are found, the same on every database |
//! | `diff` | what changed between two versions |
//! | `show` | Markdown → blocks of a [`crate::paper::Paper`] |

mod diff;
mod fit;
mod read;
mod show;
#[cfg(test)]
mod tests;
mod tick;
mod words;

use jiff::civil::Date;

use crate::directory::Directory;
use crate::ids::{ActionId, CustomerId, ServiceId, UserId};

pub use diff::{Line, diff};
pub use fit::{Subject, fits, matching};
pub use read::read;
pub use show::blocks;
pub use tick::{Ticked, each_once, ticked};
pub use words::{index, query, rank};

/// Bytes of a document at most.
pub const TEXT_MAX: usize = 200 * 1024;
/// Steps of a runbook at most.
pub const STEPS_MAX: usize = 200;

/// What a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Steps to be taken.
    Runbook,
    /// Something to know: a known error, a customer's environment.
    Article,
}
crate::fact::words!(Kind { Runbook = "runbook", Article = "article" });

/// A document as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// What it is.
    pub kind: Kind,
    /// Its title, on one line.
    pub title: String,
    /// Who keeps it right.
    pub owner: Option<UserId>,
    /// When it must be looked at again.
    pub review: Option<Date>,
    /// Whose it is: nobody who does not see this customer sees it. `None`: everybody's.
    pub customer: Option<CustomerId>,
    /// Which alerts it belongs to.
    pub rule: Rule,
    /// Markdown by which the fault is recognised.
    pub detection: String,
    /// Markdown: whom to ask.
    pub contacts: String,
    /// What is to be done, in order; empty for an article.
    pub steps: Vec<Step>,
}

/// Which alerts a document belongs to. What is said must all fit; one of each list is enough. Nothing said: none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rule {
    /// Services.
    pub services: Vec<ServiceId>,
    /// Customers.
    pub customers: Vec<CustomerId>,
    /// Categories of services, any case.
    pub categories: Vec<String>,
    /// Words or phrases in the title.
    pub words: Vec<String>,
    /// Alert sources, by id.
    pub sources: Vec<String>,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its number within the document, from 1.
    pub number: u32,
    /// Whether it repairs or checks.
    pub part: Part,
    /// The words, Markdown.
    pub text: String,
    /// The action that may be started from it.
    pub action: Option<ActionId>,
}

/// Where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// It repairs.
    Recovery,
    /// It shows that all is well.
    Verification,
}
crate::fact::words!(Part { Recovery = "recovery", Verification = "verification" });

/// Something that is wrong with a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong and what to do.
    pub what: String,
}

impl Document {
    /// The day on which it should have been looked at is over.
    pub fn is_overdue(&self, today: Date) -> bool {
        self.review.is_some_and(|review| review < today)
    }

    /// What it names that is not configured, with the line in `text` that names it.
    pub fn unknown_names(&self, text: &str, directory: &Directory) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut tell = |name: &str, what: &str| {
            let line = text.lines().position(|line| line.contains(name)).map_or(1, |line| line + 1);
            faults.push(Fault { line, what: format!("there is no {what} `{name}`") });
        };
        for service in self.rule.services.iter().filter(|id| !directory.services.contains_key(*id)) {
            tell(&service.0, "service");
        }
        let customers = self.rule.customers.iter().chain(&self.customer);
        for customer in customers.filter(|id| !directory.customers.contains_key(*id)) {
            tell(&customer.0, "customer");
        }
        for owner in self.owner.iter().filter(|id| !directory.users.contains_key(*id)) {
            tell(&owner.0, "user");
        }
        let actions = self.steps.iter().filter_map(|step| step.action.as_ref());
        for action in actions.filter(|id| !directory.actions.contains_key(*id)) {
            tell(&action.0, "action");
        }
        faults
    }
}
