//! Events of tools: collected for a moment, kept together, answered when they are durable.
//!
//! One task keeps them ([`Switch::keep_events`]): what came within a few milliseconds is one transaction. While the
//! database is away they go to a file on disk, synced, and into the database in order when it is back.

mod keeper;
mod news;
mod spool;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use hotline_core::alert::intake::{Event, dedup_key, route};
use hotline_core::directory::{AlertSource, Directory};
use hotline_core::ids::{HeartbeatId, SourceId};
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

use self::spool::{Spool, Waiting};
use super::Switch;
use crate::clock::now;
use crate::store::alerts::{Received, Taken};

/// Events of one transaction; a body's events are never divided.
const BATCH: usize = 500;
/// Events that wait for their transaction; more are sent away.
const QUEUE: usize = 20_000;

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

/// What became of events that were taken; they are durable either way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// In the database, with what became of each.
    Kept(Vec<Taken>),
    /// On disk: the database is away, they follow in order.
    Queued,
}

/// Where events come from.
#[derive(Debug, Clone)]
pub struct Origin {
    /// A configured source, or one made up for heartbeats, gaps and what people open by hand ([`Origin::made`]).
    pub source: AlertSource,
    /// Said on the timeline before the reasons of the route (`Opened by login ada.`).
    pub why: Option<String>,
}

impl Origin {
    /// A source that nobody configured: no key, no templates, no grouping.
    pub fn made(id: &str, name: &str) -> Self {
        let source = AlertSource {
            id: SourceId::from(id),
            name: name.to_owned(),
            key_sha256: [0; 32],
            secrets: Vec::new(),
            customer: None,
            service: None,
            policy: None,
            priority: None,
            mapping: Vec::new(),
            group_window: None,
        };
        Self { source, why: None }
    }

    /// The source that a heartbeat's alert comes from.
    pub fn heartbeat(id: &HeartbeatId, directory: &Directory) -> Self {
        let name = directory.heartbeats.get(id).map_or(id.0.as_str(), |heartbeat| &heartbeat.name);
        let mut origin = Self::made(&format!("{HEARTBEAT}{id}"), name);
        if let Some(heartbeat) = directory.heartbeats.get(id) {
            origin.source.customer.clone_from(&heartbeat.customer);
            origin.source.service.clone_from(&heartbeat.service);
            origin.source.policy.clone_from(&heartbeat.policy);
            origin.source.priority = Some(heartbeat.priority);
        }
        origin
    }

    /// The source of an event that waited on disk, as it is configured by now.
    fn again(waiting: &Waiting, directory: &Directory) -> Self {
        let id = &waiting.source;
        let mut origin = match (directory.sources.get(id), id.0.strip_prefix(HEARTBEAT)) {
            (Some(source), _) => Self { source: source.clone(), why: None },
            (None, Some(heartbeat)) => Self::heartbeat(&HeartbeatId::from(heartbeat), directory),
            (None, None) => Self::made(&id.0, &id.0),
        };
        if let Some(policy) = &waiting.policy {
            origin.source.policy = Some(policy.as_str().into());
        }
        origin.why.clone_from(&waiting.why);
        origin
    }
}

/// Before a heartbeat's name in the id of its source.
const HEARTBEAT: &str = "heartbeat:";

/// What waits for its transaction.
#[derive(Debug)]
pub(super) struct Queue {
    bodies: Mutex<Bodies>,
    came: Notify,
    spool: Arc<Spool>,
}

#[derive(Debug, Default)]
struct Bodies {
    waiting: VecDeque<Body>,
    events: usize,
    /// The task that keeps them has ended: nothing is taken any more.
    closed: bool,
}

/// The events of one request.
#[derive(Debug)]
struct Body {
    origin: Arc<Origin>,
    received: Vec<Received>,
    since: Instant,
    answer: oneshot::Sender<Result<Outcome, IntakeError>>,
}

impl Queue {
    /// Finds what a run before left on disk.
    pub fn open(data_dir: &Path) -> Self {
        Self { bodies: Mutex::default(), came: Notify::new(), spool: Arc::new(Spool::open(data_dir)) }
    }

    /// Events on disk that the database does not have yet.
    pub fn waiting_on_disk(&self) -> u64 {
        self.spool.waiting()
    }
}

impl Switch {
    /// Routes, deduplicates, groups and keeps the events; returns when they are durable, with what became of each. While the
    /// database is away: nothing is known yet of any, they are kept on disk ([`Switch::receive_events`] tells the two apart).
    pub async fn take_events(&self, source: &SourceId, events: Vec<Event>) -> Result<Vec<Taken>, IntakeError> {
        let count = events.len();
        Ok(match self.receive_events(source, events).await? {
            Outcome::Kept(taken) => taken,
            Outcome::Queued => vec![Taken { alert: None, opened: false }; count],
        })
    }

    /// Takes events of a configured source; returns when they are durable.
    pub async fn receive_events(&self, source: &SourceId, events: Vec<Event>) -> Result<Outcome, IntakeError> {
        let directory = self.directory();
        let source = directory.sources.get(source).ok_or(IntakeError::UnknownSource)?.clone();
        self.receive_from(Origin { source, why: None }, events).await
    }

    /// Takes events of any origin; returns when they are durable.
    pub async fn receive_from(&self, origin: Origin, events: Vec<Event>) -> Result<Outcome, IntakeError> {
        if events.is_empty() {
            return Ok(Outcome::Kept(Vec::new()));
        }
        let (directory, at) = (self.directory(), now());
        let received = events.into_iter().map(|event| routed(event, &origin, &directory, at.wall, at.wall)).collect();
        let (answer, answered) = oneshot::channel();
        self.enqueue(Body { origin: Arc::new(origin), received, since: at.mono, answer })?;
        // Dropped unanswered: a fault of ours in the task, which begins again.
        answered.await.unwrap_or_else(|_| Err(IntakeError::NotKept("a fault of ours".to_owned())))
    }

    fn enqueue(&self, body: Body) -> Result<(), IntakeError> {
        let queue = &self.0.events;
        let first_or_full = {
            let mut bodies = queue.bodies.lock();
            if bodies.closed {
                return Err(IntakeError::NotKept("the service stops".to_owned()));
            }
            if bodies.events + body.received.len() > QUEUE && bodies.events > 0 {
                return Err(IntakeError::Full);
            }
            let before = bodies.events;
            bodies.events += body.received.len();
            bodies.waiting.push_back(body);
            before == 0 || (before < BATCH && bodies.events >= BATCH)
        };
        // In between the task has a time of its own to look.
        if first_or_full {
            queue.came.notify_one();
        }
        Ok(())
    }
}

impl Bodies {
    /// The oldest, as many as fit; at least one.
    fn batch(&mut self) -> Vec<Body> {
        let mut batch = Vec::new();
        let mut events = 0;
        while let Some(next) = self.waiting.front().map(|body| body.received.len()) {
            if !batch.is_empty() && events + next > BATCH {
                break;
            }
            events += next;
            batch.extend(self.waiting.pop_front());
        }
        self.events -= events;
        batch
    }
}

fn routed(event: Event, origin: &Origin, directory: &Directory, now: jiff::Timestamp, at: jiff::Timestamp) -> Received {
    let mut route = route(&event, &origin.source, directory, now);
    if let Some(why) = &origin.why {
        route.why = format!("{why} {}", route.why);
    }
    let shared = origin.source.customer.is_none() && origin.source.service.is_none();
    let own_key = match (&event.dedup_key, &route.customer) {
        (Some(key), Some(customer)) if shared => dedup_key(&format!("{customer}/{key}")),
        (Some(_) | None, Some(_) | None) => None,
    };
    Received { source: origin.source.id.clone(), event, route, own_key, at }
}

fn waiting(body: &Body) -> impl Iterator<Item = Waiting> {
    body.received.iter().map(|one| Waiting {
        source: one.source.clone(),
        policy: body.origin.source.policy.as_ref().map(|policy| policy.0.clone()),
        why: body.origin.why.clone(),
        at: one.at,
        event: one.event.clone(),
    })
}
