//! Why something can't be done to an incident: a stable word for the API, and a sentence that says what to do.

use crate::ids::{CustomerId, ServiceId, UserId};

use super::{Kind, Phase};

/// Why a command is not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is over.
    #[error("the incident is over; comment on it, or reopen it first")]
    Over,
    /// It goes on.
    #[error("the incident is not over, so it can't be reopened")]
    NotOver,
    /// Somebody else changed it.
    #[error("the incident was changed meanwhile; look at it again and repeat with its new version")]
    Changed,
    /// Empty or too long.
    #[error("a title has 1 to 200 characters")]
    Title,
    /// Empty or too long.
    #[error("an update needs its words: 1 to 4,000 characters")]
    Text,
    /// Empty or too long.
    #[error("a comment has 1 to 4,000 characters")]
    Comment,
    /// Empty or too long.
    #[error("a task has 1 to 500 characters")]
    Task,
    /// No such task.
    #[error("there is no task {0}; look at the incident's tasks")]
    UnknownTask(u32),
    /// Not in the directory.
    #[error("`{0}` is no service here; see /api/v1/services")]
    UnknownService(ServiceId),
    /// Not in the directory.
    #[error("`{0}` is no customer here; see /api/v1/customers")]
    UnknownCustomer(CustomerId),
    /// Not in the directory.
    #[error("`{0}` is no user here; see /api/v1/users")]
    UnknownUser(UserId),
    /// A role's name.
    #[error("a role is a short word such as `lead`, `communication` or `scribe`")]
    Role,
    /// A phase of the other kind.
    #[error("`{}` is no phase of {}", .1.word(), if matches!(.0, Kind::Fault) { "a fault: investigating, identified, monitoring, resolved" } else { "planned work: scheduled, in_progress, verifying, completed" })]
    Phase(Kind, Phase),
    /// Customers know a phase that this would contradict.
    #[error("customers were told of it; publish an update that says the new phase")]
    NeedsUpdate,
    /// No such update.
    #[error("there is no such update; look at the incident's updates")]
    UnknownUpdate,
    /// It is published or withdrawn.
    #[error("this update is out or withdrawn and stays as it is; write a new one")]
    Settled,
    /// Rules.
    #[error("publishing is not among your rights ([incident_rules] publishers); submit it for review")]
    MayNotPublish,
    /// Rules.
    #[error("incidents of this severity need a second person: submit the update for review first")]
    NeedsReview,
    /// Rules.
    #[error("who wrote the update can't be its second person; somebody else has to publish it")]
    OwnReview,
    /// Nothing to head it.
    #[error("customers need a title: give `public_title` first, or with the publishing")]
    NoPublicTitle,
    /// Nobody would read it.
    #[error("no customer is touched: name affected services or customers first")]
    NobodyTouched,
    /// Named, but not touched.
    #[error("`{0}` is not touched by the incident; name a service of theirs or themselves first")]
    NotTouched(CustomerId),
    /// The end is for everybody.
    #[error("customers who were told of it must be told of its end: publish the last update to all of them")]
    EndIsForAll,
    /// Times of planned work.
    #[error("planned work needs `from` before `until`, at most 31 days, and `until` in the future")]
    Schedule,
    /// Faults have no plan.
    #[error("only planned work (kind maintenance) has times")]
    NotPlanned,
    /// In the future, or years ago.
    #[error("the beginning lies in the past, at most a year ago")]
    Began,
    /// A better source says something else.
    #[error("the beginning is known from a better source; say it as a person to overrule it")]
    BeganKnown,
    /// An exercise stays among ourselves.
    #[error("an exercise and a real fault can't be one incident; open an incident of its own for the real one")]
    DrillAndReal,
    /// Bounds.
    #[error("an incident has at most {0} of these; open another one")]
    Full(usize),
}

impl Refusal {
    /// Stable word.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Over => "incident-over",
            Self::NotOver => "incident-not-over",
            Self::Changed => "changed",
            Self::Title => "title",
            Self::Text => "update-without-text",
            Self::Comment => "comment",
            Self::Task => "task",
            Self::UnknownTask(_) => "unknown-task",
            Self::UnknownService(_) => "unknown-service",
            Self::UnknownCustomer(_) => "unknown-customer",
            Self::UnknownUser(_) => "unknown-user",
            Self::Role => "role",
            Self::Phase(..) => "phase",
            Self::NeedsUpdate => "needs-update",
            Self::UnknownUpdate => "unknown-update",
            Self::Settled => "update-settled",
            Self::MayNotPublish => "may-not-publish",
            Self::NeedsReview => "needs-review",
            Self::OwnReview => "own-review",
            Self::NoPublicTitle => "no-public-title",
            Self::NobodyTouched => "nobody-touched",
            Self::NotTouched(_) => "not-touched",
            Self::EndIsForAll => "end-is-for-all",
            Self::Schedule => "schedule",
            Self::NotPlanned => "not-planned",
            Self::Began => "began",
            Self::BeganKnown => "began-known",
            Self::DrillAndReal => "drill-and-real",
            Self::Full(_) => "full",
        }
    }
}
