//! Events of tools: collected for a moment, kept together, answered when they are durable.

use hotline_core::alert::intake::Event;
use hotline_core::ids::SourceId;

use super::Switch;
use crate::store::alerts::Taken;

/// Why events were not taken. Nothing of them is kept then, and the tool should come again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IntakeError {
    /// No such source (any more).
    #[error("the source is not known")]
    UnknownSource,
    /// More is coming in than can be kept: come again after so many seconds.
    #[error("too many events at once; come again in a few seconds")]
    Full,
    /// The database is away, and the journal can't take them either.
    #[error("events can't be kept at the moment: {0}")]
    NotKept(String),
}

impl Switch {
    /// Routes, deduplicates, groups and keeps the events; returns when they are durable, with what became of each.
    pub async fn take_events(&self, source: &SourceId, events: Vec<Event>) -> Result<Vec<Taken>, IntakeError> {
        let _ = (source, events);
        todo!("switch/events")
    }
}
