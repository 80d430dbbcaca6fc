//! What pages and the API read: rows as they stand in the database, newest first.
//! Times are epoch milliseconds, UTC; ids and words are the core's.

use hotline_core::audio::quality::LegQuality;

use super::record_quality::quality_from;

/// A page of rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Hand this in to get the next page; `None`: there is none.
    pub next_cursor: Option<String>,
}

/// One call.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct CallRow {
    /// `CallId`.
    pub id: String,
    /// Direction word.
    pub direction: String,
    /// Number rung.
    pub number: String,
    /// Spoken reference.
    pub reference: String,
    /// Caller's number; `None`: withheld.
    pub caller: Option<String>,
    /// `trunk:NAME`, `phone:NAME`, `open`.
    pub source: String,
    /// `CustomerId`.
    pub customer: Option<String>,
    /// Language tag.
    pub language: String,
    /// `AlertId`.
    pub alert_id: Option<String>,
    /// First INVITE.
    pub started_at: i64,
    /// The caller was answered.
    pub answered_at: Option<i64>,
    /// A person accepted.
    pub taken_at: Option<i64>,
    /// Who accepted (`UserId`).
    pub taken_by: Option<String>,
    /// Over.
    pub ended_at: Option<i64>,
    /// Outcome word; `None` while it runs.
    pub outcome: Option<String>,
}

/// One leg of a call.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct LegRow {
    /// `LegId`'s number; 0 is the caller.
    pub leg: i64,
    /// `UserId`.
    pub person: Option<String>,
    /// In words, without full numbers.
    pub destination: String,
    /// Dialled.
    pub started_at: i64,
    /// Answered (perhaps by a mailbox).
    pub answered_at: Option<i64>,
    /// Accepted by a human.
    pub accepted_at: Option<i64>,
    /// Over.
    pub ended_at: Option<i64>,
    /// How, in words (`no answer`, `busy`, `not registered`).
    pub cause: Option<String>,
    /// How it sounded, as JSON.
    pub quality: Option<String>,
}

impl LegRow {
    /// How it sounded.
    pub fn heard(&self) -> Option<LegQuality> {
        quality_from(self.quality.as_deref()?)
    }
}

/// One recording.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct RecordingRow {
    /// `RecordingId`.
    pub id: String,
    /// `CallId`.
    pub call_id: String,
    /// Kind word: `who` … `why`, `voicemail`.
    pub kind: String,
    /// Began.
    pub started_at: i64,
    /// Length; `None` while it runs.
    pub duration_ms: Option<i64>,
    /// 1: speech was heard.
    pub speech: i64,
    /// `RecordingEnd` word.
    pub reason: Option<String>,
    /// `waiting`, `done`, `failed`, `none` (nothing to transcribe).
    pub transcript_state: String,
    /// The words.
    pub transcript: Option<String>,
    /// Why it failed, or which engine made it.
    pub transcript_note: Option<String>,
    /// Since when nothing of it is kept any more: refused, deleted, or past its retention time.
    pub removed_at: Option<i64>,
}

/// One alert.
#[derive(Debug, Clone, Default, PartialEq, sqlx::FromRow)]
pub struct AlertRow {
    /// `AlertId`.
    pub id: String,
    /// Short number: that of its call, or one of its own.
    pub reference: String,
    /// `triggered`, `acknowledged`, `resolved`.
    pub status: String,
    /// P1…P5.
    pub priority: String,
    /// `high`, `low`.
    pub urgency: String,
    /// One line.
    pub title: String,
    /// What the tool says about it. Private.
    pub details: Option<String>,
    /// `CustomerId`.
    pub customer: Option<String>,
    /// `ServiceId`.
    pub service: Option<String>,
    /// `SourceId` of the tool it came from.
    pub source: Option<String>,
    /// The number rung; empty where it came from a tool.
    pub number: String,
    /// The call it came from.
    pub call_id: Option<String>,
    /// Caller's number.
    pub caller: Option<String>,
    /// Opened.
    pub created_at: i64,
    /// When the fault began.
    pub began_at: Option<i64>,
    /// Who knows that (`Origin` word); `None`: the tool.
    pub began_origin: Option<String>,
    /// A page of the tool about it.
    pub link: Option<String>,
    /// When an event or call last added to it.
    pub last_event_at: i64,
    /// Events it has swallowed, the first included.
    pub events: i64,
    /// The tool's key of the fault.
    pub dedup_key: Option<String>,
    /// What groups it.
    pub group_key: Option<String>,
    /// `AlertId` of the alert it was merged into.
    pub merged_into: Option<String>,
    /// `PolicyId` it escalates by.
    pub policy: Option<String>,
    /// `UserId` it was given to.
    pub assigned: Option<String>,
    /// Quiet until then.
    pub snoozed_until: Option<i64>,
    /// Somebody has it since.
    pub acknowledged_at: Option<i64>,
    /// Who, as shown (`engineer-1`, `login admin`).
    pub acknowledged_by: Option<String>,
    /// Over since.
    pub resolved_at: Option<i64>,
    /// Who said so.
    pub resolved_by: Option<String>,
    /// Rounds of ringing so far.
    pub rings: i64,
    /// When people are told next, unless someone has it.
    pub next_ring_at: Option<i64>,
    /// Passes through its policy that were begun.
    pub esc_round: i64,
    /// Index of the next step.
    pub esc_step: i64,
    /// When the escalation looks at it next.
    pub esc_due: Option<i64>,
}

/// One line of a timeline.
#[derive(Debug, Clone, Default, PartialEq, sqlx::FromRow)]
pub struct TimelineRow {
    /// Order.
    pub seq: i64,
    /// `CallId`.
    pub call_id: Option<String>,
    /// `AlertId`.
    pub alert_id: Option<String>,
    /// When.
    pub at: i64,
    /// Stable word of the fact (`leg-started`).
    pub kind: String,
    /// One sentence.
    pub what: String,
    /// Why.
    pub why: String,
    /// What somebody wrote, or an action said. Private.
    pub text: Option<String>,
}

/// A login of the console.
#[derive(Debug, Clone, Default, PartialEq, sqlx::FromRow)]
pub struct LoginRow {
    /// Login name.
    pub name: String,
    /// argon2id PHC string.
    pub password_hash: String,
    /// `admin`, `dispatcher`, `engineer`, `stakeholder`.
    pub role: String,
    /// The person of the directory, if it is one (`UserId`).
    pub user_id: Option<String>,
    /// Only these customers' things are seen (`CustomerId`s divided by spaces); with `teams` both `None`: all.
    pub customers: Option<String>,
    /// And those whose services these teams look after.
    pub teams: Option<String>,
}

/// A bearer token of the API. The token itself is not kept.
#[derive(Debug, Clone, Default, PartialEq, sqlx::FromRow)]
pub struct TokenRow {
    /// Which (UUID).
    pub id: String,
    /// As it is shown on timelines (`token NAME`).
    pub name: String,
    /// SHA-256 of the token, hex.
    pub hash: String,
    /// Role word.
    pub role: String,
    /// As of a login.
    pub customers: Option<String>,
    /// As of a login.
    pub teams: Option<String>,
    /// Made.
    pub created_at: i64,
    /// By whom, as shown.
    pub created_by: String,
    /// Worth nothing from then on.
    pub expires_at: Option<i64>,
}

/// Which alerts to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertFilter {
    /// Status word.
    pub status: Option<String>,
    /// Only those that are not resolved.
    pub open: bool,
    /// Priority word.
    pub priority: Option<String>,
    /// Urgency word.
    pub urgency: Option<String>,
    /// `CustomerId`.
    pub customer: Option<String>,
    /// Only of these customers, whatever else is asked for: who may see no others. `None`: may see all.
    pub customers: Option<Vec<String>>,
    /// `ServiceId`.
    pub service: Option<String>,
    /// `SourceId`.
    pub source: Option<String>,
    /// `UserId` it was given to.
    pub assigned: Option<String>,
    /// Words in the title in any case, or the whole reference.
    pub search: Option<String>,
    /// In which order.
    pub order: AlertOrder,
}

/// In which order alerts are listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AlertOrder {
    /// The newest first.
    #[default]
    Newest,
    /// Open ones only: by priority, the longest open first.
    Urgent,
}

/// Which calls to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallFilter {
    /// Number rung.
    pub number: Option<String>,
    /// Outcome word.
    pub outcome: Option<String>,
    /// `CustomerId`.
    pub customer: Option<String>,
    /// Direction word.
    pub direction: Option<String>,
    /// Only of these customers: who may see no others. `None`: may see all.
    pub customers: Option<Vec<String>>,
}
