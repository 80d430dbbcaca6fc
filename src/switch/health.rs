//! What is wrong, in plain words with the remedy: for `/readyz`, the page and `doctor`.

use std::sync::atomic::Ordering;

use hotline_core::directory::Destination;

use super::Switch;
use crate::store::StoreHealth;

/// Below this much free space the page warns before the disk is full.
const LOW_DISK_BYTES: u64 = 500 * 1024 * 1024;

/// Why an alert could not be acknowledged or resolved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AlertError {
    /// No such alert among the open ones (it may be long resolved).
    #[error("no open alert has this id")]
    NotOpen,
    /// It could not be kept on disk.
    #[error("the journal could not keep it: {0}")]
    NotKept(String),
}

impl From<super::commands::CommandError> for AlertError {
    fn from(error: super::commands::CommandError) -> Self {
        match error {
            super::commands::CommandError::Unknown | super::commands::CommandError::Refused(_) => Self::NotOpen,
            super::commands::CommandError::NotKept(why) => Self::NotKept(why),
        }
    }
}

/// How the service is, for `/readyz`, the page and `doctor`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// False: no new calls should be sent here (shutting down).
    pub takes_calls: bool,
    /// Journal and database.
    pub store: StoreHealth,
    /// What is wrong, one plain sentence each with the remedy; empty: all is well.
    pub warnings: Vec<String>,
    /// Calls running now.
    pub calls: usize,
    /// Recordings that wait for their transcript.
    pub transcripts_waiting: u64,
    /// `None`: transcripts are made; else why not and what to do.
    pub transcripts_off: Option<String>,
}

impl Switch {
    /// How the service is.
    pub fn health(&self) -> Health {
        let store = self.0.journal.health();
        let transcripts_off = self.0.transcriber.off();
        let mut warnings = Vec::clone(&self.0.warnings.load());
        if let Some(fault) = &store.journal_fault {
            warnings.push(format!(
                "what happens can't be written to disk ({fault}): calls still reach people, but recordings and \
                 records are lost if the service stops now; free space or mend the disk"
            ));
        }
        if store.lost > 0 {
            warnings.push(format!("{} records could not be kept at all while the disk failed", store.lost));
        }
        if let Some(fault) = &store.database_fault {
            warnings.push(format!(
                "the database can't be written ({fault}): {} records wait in the journal and follow by themselves; \
                 lists here may be behind",
                store.undrained
            ));
        }
        if let Some(off) = &transcripts_off {
            warnings.push(format!("transcripts are off: {off}"));
        }
        let on_disk = self.0.events.waiting_on_disk();
        if on_disk > 0 {
            warnings.push(format!(
                "{on_disk} events of tools wait on disk (data folder, spool/) until the database takes them"
            ));
        }
        warnings.extend(self.low_disk());
        warnings.extend(self.unreachable_people());
        warnings.extend(self.0.schedule_warnings.load().iter().cloned());
        warnings.extend(
            self.trunks()
                .into_iter()
                .filter(|trunk| !trunk.up)
                .map(|trunk| format!("trunk {} is down: {}", trunk.trunk, trunk.status)),
        );
        Health {
            takes_calls: !self.0.draining.load(Ordering::Relaxed),
            store,
            warnings,
            calls: self.0.calls.lock().len(),
            transcripts_waiting: self.0.transcripts_waiting.load(Ordering::Relaxed),
            transcripts_off,
        }
    }

    fn low_disk(&self) -> Option<String> {
        let nil = hotline_core::ids::RecordingId(uuid::Uuid::nil());
        let path = self.0.store.wav_path(nil);
        let stat = rustix::fs::statvfs(path.parent()?).ok()?;
        let free = stat.f_bavail.saturating_mul(stat.f_frsize);
        (free < LOW_DISK_BYTES).then(|| {
            format!("only {} MB are free where recordings are kept: make room before it is full", free / 1_048_576)
        })
    }

    /// Tells for a phone whether a call of this node could reach it now.
    pub(super) fn reachable(&self) -> impl Fn(&Destination) -> bool + use<> {
        let registered = self.registered();
        let trunks = self.trunks();
        move |destination| match destination {
            Destination::Phone(phone) => registered.iter().any(|entry| entry.phone == *phone),
            Destination::Number { trunk, .. } => trunks.iter().any(|state| state.trunk == *trunk && state.up),
            Destination::Sip(_) => true,
        }
    }

    /// Schedules whose person on call has no phone that a call, of whichever node, could reach now.
    fn unreachable_people(&self) -> Vec<String> {
        let directory = self.directory();
        let reaches = self.reaches();
        let reachable = |destination: &Destination| reaches.can_ring(destination);
        let at = crate::clock::now().wall;
        let mut warnings = Vec::new();
        for schedule in directory.schedules.values() {
            let on_call = hotline_core::oncall::on_call(schedule, &directory, at);
            match on_call.people.first() {
                None => warnings
                    .push(format!("nobody is on call by schedule {}: give it members, or an override", schedule.id)),
                Some(first) if !first.phones.iter().any(&reachable) => {
                    let others = on_call.people.iter().skip(1).any(|person| person.phones.iter().any(&reachable));
                    warnings.push(format!(
                        "{} is on call by schedule {} but none of their phones can be reached now{}: register the \
                         phone, or mend the trunk",
                        first.user,
                        schedule.id,
                        if others { " (others can)" } else { ", nor anybody else's" }
                    ));
                }
                Some(_) => {}
            }
        }
        warnings
    }
}
