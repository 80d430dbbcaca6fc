//! The one task that keeps events: in the database, or on disk while it is away.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use hotline_core::alert::intake::{Decision, Open, decide};
use hotline_core::ids::{AlertId, SourceId};
use tokio_util::sync::CancellationToken;

use super::news::News;
use super::spool::{Mark, Waiting};
use super::{BATCH, Body, IntakeError, Origin, Outcome, routed, waiting};
use crate::clock::now;
use crate::store::alerts::{Received, Taken};
use crate::switch::{Change, Switch};

/// What came within this of the first is kept with it.
const GATHER: Duration = Duration::from_millis(4);
/// A transaction that takes longer: the database counts as away.
const PATIENCE: Duration = Duration::from_secs(4);
/// Between two looks whether the database is back.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// After so many failures of a database that answers otherwise, the events themselves are suspected.
const STUCK: u32 = 5;

/// What the task knows from batch to batch.
struct Keeper<'a> {
    switch: &'a Switch,
    news: News,
    /// The database did not take events; it is asked again then.
    away_until: Option<Instant>,
    /// Failures of the batch that is read from disk while the database answered otherwise.
    stuck: u32,
}

/// Why a batch was not taken.
#[derive(Debug)]
enum Failed {
    /// The database.
    Away(String),
    /// Ours: it panicked, or answered nonsense.
    Fault,
}

type Origins = HashMap<SourceId, Arc<Origin>>;

impl Switch {
    /// Keeps what comes, until stopped and nothing waits any more. One task runs this.
    pub async fn keep_events(&self, stop: &CancellationToken) {
        self.0.events.bodies.lock().closed = false;
        let mut keeper = Keeper { switch: self, news: News::default(), away_until: None, stuck: 0 };
        while let Some(batch) = keeper.next_batch(stop).await {
            keeper.keep_batch(batch).await;
            keeper.drain().await;
        }
    }
}

impl Keeper<'_> {
    /// What came; empty: something else is to be looked at. `None`: stopped, and nothing waits.
    async fn next_batch(&mut self, stop: &CancellationToken) -> Option<Vec<Body>> {
        let queue = &self.switch.0.events;
        let mut looked = false;
        loop {
            let at = now().mono;
            for alert in self.news.due(at) {
                self.switch.tell(Change::Alert(alert));
            }
            let wait = {
                let mut bodies = queue.bodies.lock();
                match bodies.waiting.front().map(|body| at.saturating_duration_since(body.since)) {
                    Some(age) if age >= GATHER || bodies.events >= BATCH || stop.is_cancelled() => {
                        return Some(bodies.batch());
                    }
                    Some(age) => GATHER.saturating_sub(age),
                    None if stop.is_cancelled() => {
                        bodies.closed = true;
                        return None;
                    }
                    None if looked && !queue.spool.is_empty() => return Some(Vec::new()),
                    None => LOOK_AGAIN,
                }
            };
            let wait = self.news.next().map_or(wait, |next| wait.min(next.saturating_duration_since(at)));
            tokio::select! {
                () = queue.came.notified() => looked = true,
                () = stop.cancelled(), if !stop.is_cancelled() => {}
                () = tokio::time::sleep(wait) => looked = true,
            }
        }
    }

    fn away(&self) -> bool {
        self.away_until.is_some_and(|until| until > now().mono)
    }

    async fn keep_batch(&mut self, batch: Vec<Body>) {
        if batch.is_empty() {
            return;
        }
        // Behind what waits on disk, or the order would be lost.
        if !self.switch.0.events.spool.is_empty() || self.away() {
            return self.put_on_disk(batch).await;
        }
        match self.take_batch(&batch).await {
            Ok(taken) => {
                self.away_until = None;
                self.answer(batch, taken);
            }
            Err(Failed::Away(why)) => {
                tracing::warn!(%why, "events go to disk: the database does not take them");
                self.away_until = Some(now().mono + LOOK_AGAIN);
                self.put_on_disk(batch).await;
            }
            Err(Failed::Fault) => self.one_by_one(batch).await,
        }
    }

    /// One transaction for all of them.
    async fn take_batch(&self, batch: &[Body]) -> Result<Vec<Taken>, Failed> {
        let received: Vec<Received> = batch.iter().flat_map(|body| body.received.iter().cloned()).collect();
        let origins = batch.iter().map(|body| (body.origin.source.id.clone(), Arc::clone(&body.origin))).collect();
        self.take(&received, &origins).await
    }

    async fn take(&self, received: &[Received], origins: &Origins) -> Result<Vec<Taken>, Failed> {
        let decided = |one: &Received, open: Open<'_>, reference: &str| -> Decision {
            match origins.get(&one.source) {
                Some(origin) => decide(&one.event, &one.route, &origin.source, open, reference, one.at),
                // Every one of them came with its origin.
                None => Decision::Nothing,
            }
        };
        let taking = AssertUnwindSafe(self.switch.0.store.take_events(received, &decided)).catch_unwind();
        match tokio::time::timeout(PATIENCE, taking).await {
            Ok(Ok(Ok(taken))) if taken.len() == received.len() => Ok(taken),
            Ok(Ok(Ok(_)) | Err(_)) => Err(Failed::Fault),
            Ok(Ok(Err(error))) => Err(Failed::Away(error.to_string())),
            Err(_) => Err(Failed::Away("it did not answer in time".to_owned())),
        }
    }

    /// A fault of ours over one event must not cost the others.
    async fn one_by_one(&mut self, batch: Vec<Body>) {
        for body in batch {
            let one = [body];
            match self.take_batch(&one).await {
                Ok(taken) => self.answer(one.into(), taken),
                Err(Failed::Away(_)) => self.put_on_disk(one.into()).await,
                Err(Failed::Fault) => {
                    let [body] = one;
                    tracing::error!(source = %body.origin.source.id, "a fault of ours over events; they are put aside in the spool folder");
                    for event in waiting(&body) {
                        self.reject(event, "a fault of ours").await;
                    }
                    // Who asked may have gone away; so below.
                    let _ = body.answer.send(Err(IntakeError::NotKept("a fault of ours".to_owned())));
                }
            }
        }
    }

    async fn put_on_disk(&self, batch: Vec<Body>) {
        let events: Vec<Waiting> = batch.iter().flat_map(waiting).collect();
        let spool = Arc::clone(&self.switch.0.events.spool);
        let outcome = match tokio::task::spawn_blocking(move || spool.append(&events)).await {
            Ok(Ok(())) => Ok(Outcome::Queued),
            Ok(Err(error)) => Err(IntakeError::NotKept(error.to_string())),
            Err(_) => Err(IntakeError::NotKept("a fault of ours".to_owned())),
        };
        for body in batch {
            let _ = body.answer.send(outcome.clone());
        }
    }

    fn answer(&mut self, batch: Vec<Body>, taken: Vec<Taken>) {
        self.told(&taken);
        let mut taken = taken.into_iter();
        for body in batch {
            let own = taken.by_ref().take(body.received.len()).collect();
            let _ = body.answer.send(Ok(Outcome::Kept(own)));
        }
    }

    /// Who must know of it: listeners, actions, the escalation.
    fn told(&mut self, taken: &[Taken]) {
        let mut changed: Vec<AlertId> = taken.iter().filter_map(|one| one.alert).collect();
        changed.sort_unstable();
        changed.dedup();
        for alert in self.news.now(changed.into_iter(), now().mono) {
            self.switch.tell(Change::Alert(alert));
        }
        let opened: Vec<AlertId> = taken.iter().filter(|one| one.opened).filter_map(|one| one.alert).collect();
        self.switch.opened(opened);
        self.switch.wake_escalation();
    }

    /// Brings a part of what waits on disk into the database; new events wait no longer than that.
    async fn drain(&mut self) {
        if self.switch.0.events.spool.is_empty() || self.away() {
            return;
        }
        let reading = Arc::clone(&self.switch.0.events.spool);
        let (events, mark) = match tokio::task::spawn_blocking(move || reading.peek(BATCH)).await {
            Ok(Ok(Some(found))) => found,
            Ok(Ok(None)) | Err(_) => return,
            Ok(Err(error)) => {
                tracing::error!(%error, "events on disk can't be read at the moment");
                self.away_until = Some(now().mono + LOOK_AGAIN);
                return;
            }
        };
        let (received, origins) = self.routed_again(&events);
        let done = match self.take(&received, &origins).await {
            Ok(taken) => {
                self.told(&taken);
                true
            }
            Err(Failed::Fault) => self.each(&received, events, &origins).await,
            Err(Failed::Away(_)) => {
                let answers = self.switch.0.store.next_escalation().await.is_ok();
                self.stuck = if answers { self.stuck + 1 } else { 0 };
                self.stuck >= STUCK && self.each(&received, events, &origins).await
            }
        };
        if done {
            self.stuck = 0;
            self.away_until = None;
            self.mark(mark).await;
            // The rest at once.
            self.switch.0.events.came.notify_one();
        } else {
            self.away_until = Some(now().mono + LOOK_AGAIN);
        }
    }

    /// What waited on disk, by the directory as it is now.
    fn routed_again(&self, events: &[Waiting]) -> (Vec<Received>, Origins) {
        let (directory, at) = (self.switch.directory(), now().wall);
        let mut origins = Origins::new();
        let mut received = Vec::new();
        for one in events {
            let origin = Origin::again(one, &directory);
            received.push(routed(one.event.clone(), &origin, &directory, at, one.at));
            origins.insert(one.source.clone(), Arc::new(origin));
        }
        (received, origins)
    }

    /// One after the other; what is never taken is put aside. False: the database went away over it.
    async fn each(&mut self, received: &[Received], events: Vec<Waiting>, origins: &Origins) -> bool {
        for (one, event) in received.iter().zip(events) {
            match self.take(std::slice::from_ref(one), origins).await {
                Ok(taken) => self.told(&taken),
                Err(Failed::Fault) => self.reject(event, "a fault of ours").await,
                Err(Failed::Away(why)) => {
                    if self.switch.0.store.next_escalation().await.is_err() {
                        return false;
                    }
                    self.reject(event, &why).await;
                }
            }
        }
        true
    }

    async fn reject(&self, event: Waiting, why: &str) {
        let (spool, why) = (Arc::clone(&self.switch.0.events.spool), why.to_owned());
        tracing::error!(source = %event.source, %why, "an event can't be kept; it is put aside in spool/rejected.jsonl");
        let kept = tokio::task::spawn_blocking(move || spool.reject(&event, &why)).await;
        if !matches!(kept, Ok(Ok(()))) {
            tracing::error!("an event that can't be kept could not be put aside either");
        }
    }

    async fn mark(&self, mark: Mark) {
        let spool = Arc::clone(&self.switch.0.events.spool);
        let marked = tokio::task::spawn_blocking(move || spool.done(&mark)).await;
        if !matches!(marked, Ok(Ok(()))) {
            tracing::warn!("how far the events on disk are could not be kept; after a crash some may count twice");
        }
    }
}
