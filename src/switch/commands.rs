//! What people do to alerts, from page, API, links, SMS, chat and telephone alike.
//!
//! The database decides (its row is locked while the core says what follows). Where it is away, alerts that this node's board knows
//! can still be acknowledged and resolved: by the journal, which the database gets later.

use std::time::Duration;

use hotline_core::alert::command::{Facts, carry_out, merge};
use hotline_core::alert::{Alert, Command, Refusal, Status};
use hotline_core::directory::Contact;
use hotline_core::escalation::{Settled, settle};
use hotline_core::fact::{Actor, Entry, Fact};
use hotline_core::ids::AlertId;
use parking_lot::Mutex;

use super::{Change, Switch};
use crate::clock::now;
use crate::store::StoreError;
use crate::store::alerts::{Audited, Verdict};

/// An alert that a call has just opened may be in the journal only: the database has it within so many looks …
const LOOKS: u32 = 20;
/// … this far apart.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);
/// How long the journal may take.
const JOURNAL_WAIT: Duration = Duration::from_secs(2);

/// Why a command was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// There is no such alert.
    #[error("no such alert")]
    Unknown,
    /// The core says no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Neither database nor journal can keep it now.
    #[error("it can't be kept at the moment: {0}")]
    NotKept(String),
}

/// How a word went with the database.
enum Asked {
    /// Kept, or nothing to keep.
    Done,
    /// The database has no such alert (yet).
    Missing,
    /// It can't be asked now.
    Away(StoreError),
}

impl Switch {
    /// Carries it out and keeps it durably before it returns; stops or restarts the escalation with it; tells the alert's calls and
    /// listeners. `audit` words go into the chain.
    pub async fn command(&self, alert: AlertId, command: Command, by: Actor) -> Result<(), CommandError> {
        let mut looks = 0;
        loop {
            let asked = match &command {
                Command::Merge(into) if *into != alert => self.merge_by_database(alert, *into, &by).await?,
                Command::Acknowledge
                | Command::Resolve
                | Command::HandBack
                | Command::Escalate
                | Command::Assign(_)
                | Command::Snooze(_)
                | Command::Merge(_)
                | Command::Comment(_)
                | Command::Began(_)
                | Command::Describe { .. } => self.ask_database(alert, &command, &by).await?,
            };
            let away = match asked {
                Asked::Done => return Ok(()),
                // The journal is ahead of the database by a second at most.
                Asked::Missing if self.open_alert(alert).is_none() => return Err(CommandError::Unknown),
                Asked::Missing if looks < LOOKS => {
                    looks += 1;
                    tokio::time::sleep(BETWEEN_LOOKS).await;
                    continue;
                }
                Asked::Missing => "the database does not have the alert yet".to_owned(),
                Asked::Away(error) => error.to_string(),
            };
            return self.by_journal(alert, &command, by, &away).await;
        }
    }

    async fn ask_database(&self, id: AlertId, command: &Command, by: &Actor) -> Result<Asked, CommandError> {
        let at = now().wall;
        let (directory, reach) = (self.directory(), self.reaches());
        let told: Mutex<Facts> = Mutex::default();
        let decide = |alert: &Alert| -> Result<Verdict, Refusal> {
            let facts = carry_out(alert, command, by, &directory, at)?;
            let said = settle(alert, facts, &directory, &|contact| reach.reaches(contact), at);
            told.lock().clone_from(&said.facts);
            Ok(verdict(said, id, by))
        };
        match self.0.store.change_alert(id, at, decide).await {
            Ok(None) => Ok(Asked::Missing),
            Ok(Some(Ok(alert))) => {
                self.tell_deeds(&alert, &told.lock(), at);
                Ok(Asked::Done)
            }
            Ok(Some(Err(refusal))) => Err(refusal.into()),
            Err(error) => Ok(Asked::Away(error)),
        }
    }

    async fn merge_by_database(&self, from: AlertId, into: AlertId, by: &Actor) -> Result<Asked, CommandError> {
        let at = now().wall;
        let (directory, reach) = (self.directory(), self.reaches());
        let told: Mutex<Option<(Settled, Settled)>> = Mutex::default();
        let decide = |one: &Alert, other: &Alert| -> Result<(Verdict, Verdict), Refusal> {
            let (of_one, of_other) = merge(one, other, by)?;
            let reach = |contact: &Contact| reach.reaches(contact);
            let said = (settle(one, of_one, &directory, &reach, at), settle(other, of_other, &directory, &reach, at));
            *told.lock() = Some(said.clone());
            Ok((verdict(said.0, from, by), verdict(said.1, into, by)))
        };
        match self.0.store.change_two((from, into), at, decide).await {
            Ok(None) => Ok(Asked::Missing),
            Ok(Some(Ok(()))) => {
                if let Some((one, other)) = told.lock().take() {
                    self.tell_deeds(&one.alert, &one.facts, at);
                    self.tell_deeds(&other.alert, &other.facts, at);
                }
                Ok(Asked::Done)
            }
            Ok(Some(Err(refusal))) => Err(refusal.into()),
            Err(error) => Ok(Asked::Away(error)),
        }
    }

    /// Lets board, calls and listeners know what the database keeps now.
    pub(super) fn tell_deeds(&self, alert: &Alert, facts: &Facts, at: jiff::Timestamp) {
        if facts.is_empty() {
            return;
        }
        {
            let mut board = self.0.board.lock();
            for (fact, why) in facts {
                let entry = Entry { at, call: None, alert: Some(alert.id), fact: fact.clone(), why: why.clone() };
                board.apply(&entry);
            }
        }
        if facts.iter().any(|(fact, _)| matches!(fact, Fact::AlertAcknowledged { .. })) {
            self.tell_caller(alert.id);
            self.open_by_rule(alert.id);
        }
        if alert.status != Status::Triggered {
            self.tell_calls_of(alert.id);
        }
        self.tell(Change::Alert(alert.id));
        self.wake_escalation();
        self.poke_delivery();
    }

    /// Without the database: what must not wait for it, about alerts that the board knows.
    async fn by_journal(&self, alert: AlertId, command: &Command, by: Actor, away: &str) -> Result<(), CommandError> {
        let known = self.open_alert(alert).map(|open| open.acknowledged);
        let fact = match (command, known) {
            (Command::Acknowledge, Some(false)) => Fact::AlertAcknowledged { by },
            (Command::Acknowledge, Some(true)) => return Ok(()),
            (Command::Resolve, Some(_)) => Fact::AlertResolved { by },
            (Command::Acknowledge | Command::Resolve, None) => {
                return Err(CommandError::NotKept(format!("{away}; and this node does not know the alert")));
            }
            (
                Command::HandBack
                | Command::Escalate
                | Command::Assign(_)
                | Command::Snooze(_)
                | Command::Merge(_)
                | Command::Comment(_)
                | Command::Began(_)
                | Command::Describe { .. },
                _,
            ) => {
                return Err(CommandError::NotKept(format!("{away}; only acknowledge and resolve go without it")));
            }
        };
        let why = format!("by hand; kept in the journal, because: {away}");
        let receipt = self.keep(Entry { at: now().wall, call: None, alert: Some(alert), fact, why });
        self.tell_calls_of(alert);
        match tokio::time::timeout(JOURNAL_WAIT, receipt.written()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(CommandError::NotKept(error.to_string())),
            Err(_) => {
                Err(CommandError::NotKept("the disk does not take it; it counts until the service stops".to_owned()))
            }
        }
    }
}

/// What the store is to keep of it.
pub(super) fn verdict(said: Settled, alert: AlertId, by: &Actor) -> Verdict {
    if said.facts.is_empty() {
        return Verdict::default();
    }
    let audit = said.facts.iter().map(|(fact, why)| audited(alert, fact, why, by)).collect();
    Verdict { progress: Some(said.alert.progress), notify: said.notify, cancel: said.cancel, audit, facts: said.facts }
}

/// A fact's place in the audit chain. Who it was about and why names people, so that is erasable.
pub(super) fn audited(alert: AlertId, fact: &Fact, why: &str, by: &Actor) -> Audited {
    Audited {
        actor: by.shown(),
        action: fact.kind().to_owned(),
        object: format!("alert:{alert}"),
        detail: "{}".to_owned(),
        personal: vec![("what".to_owned(), fact.sentence()), ("why".to_owned(), why.to_owned())],
    }
}
