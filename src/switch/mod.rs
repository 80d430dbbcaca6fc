//! The only place where commands become deeds: one task per call, the registry
//! of running calls, the board of open alerts and its feed.
//!
//! | file | does |
//! |---|---|
//! | `accept` | an INVITE: number known? codec common? then a call's task |
//! | `task` | the loop of one call: inputs in, commands out, timers |
//! | `deeds` | one command each: answer, play, record, dial, bridge, hang up |
//! | `leg` | one leg: dialog, media and what was negotiated between them |
//! | `play` | from prompts to clips |
//! | `commands` | what people say about alerts, kept by the database |
//! | `escalate` | the steps that are due, many in one transaction |
//! | `slas` | contracts revision by revision, the clocks of promises |
//! | `nodes` | what other nodes do to alerts |
//! | `reach` | which contacts can be reached now |
//! | `board` | open alerts of calls, in memory |
//! | `ring` | without the database: starts calls about alerts that nobody has |
//! | `events` | what tools send: kept in batches, on disk while the database is away |
//! | `actions` | what alerts start: webhooks and commands |
//! | `deliver` | notifications that are due: sent, rung, tried again, told by the next contact |
//! | `library` | runbooks and articles in force, in memory |
//! | `notified` | counts what became of notifications |
//! | `links`, `replies` | signed links; what people answer by SMS and in chats |
//! | `phone` | a notification by telephone: one call of our own to one phone |
//! | `outside` | what a call asks of the house: open reports, alerts, people's words; phones that make way |
//! | `supervise` | somebody listens, whispers or speaks on a running call |
//! | `taken` | the SMS to a caller whose report somebody has taken |
//! | `status` | status pages: the snapshot of what visitors see, subscribers |
//! | `recover` | ends the calls that a crash cut off |
//! | `incidents` | incidents: words and rules, the clock of updates, what calls know |
//! | `health` | what is wrong and how to mend it |
//!
//! `http` and `jobs` reach calls and alerts only through [`Switch`]. Nothing here
//! decides: that is `hotline_core::call::Call`'s part.

mod accept;
pub mod actions;
mod board;
pub mod commands;
mod deeds;
mod deliver;
pub mod documents;
pub mod drills;
mod escalate;
pub mod events;
mod health;
mod heartbeats;
pub mod incidents;
mod leg;
pub mod library;
pub mod links;
mod nodes;
pub mod notified;
mod outside;
pub mod phone;
mod pins;
mod play;
mod prose;
pub mod quality;
mod reach;
mod recover;
pub mod replies;
mod ring;
pub mod schedules;
mod secrets;
mod since;
pub mod slas;
pub mod status;
mod strict;
pub mod supervise;
mod taken;
mod task;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use hotline_core::alert::Command;
use hotline_core::call::CallView;
use hotline_core::directory::{Destination, Directory};
use hotline_core::fact::{Actor, Entry, Fact};
use hotline_core::ids::{AlertId, CallId, IdSource, LegId};
use parking_lot::Mutex;
use tokio::sync::{broadcast, mpsc};
use tokio_util::task::TaskTracker;

use crate::notify::Notifier;
use crate::rtp::{Media, MediaCounters};
use crate::sip::{Registered, Sip, SipCounters, TrunkState};
use crate::speech::{Prompts, SpeechError, Transcriber};
use crate::store::{Journal, OpenAlert, Receipt, Recovered, Store};

pub use health::{AlertError, Health};

/// Changes that a slow listener may be behind before it must look everything up again.
const FEED_CAPACITY: usize = 1_024;
/// Inputs from outside that a call may be behind.
const INBOX_CAPACITY: usize = 16;
/// The reference numbers spoken to callers: short, and none twice among the recent ones.
const REFERENCES: std::ops::RangeInclusive<u32> = 1_001..=99_999;

/// Does something for one call or alert; a fault in it is told and costs no other.
fn guarded<T>(what: &str, deed: impl FnOnce() -> T) -> Option<T> {
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(deed)).ok();
    if done.is_none() {
        tracing::error!("a fault of ours while {what}; everything else goes on");
    }
    done
}

/// Handle to everything that is going on. Clones share it.
#[derive(Debug, Clone)]
pub struct Switch(Arc<Inner>);

/// What the switch is built from.
#[derive(Debug)]
pub struct Parts {
    /// Customers, people, numbers, flows.
    pub directory: Arc<Directory>,
    /// As they were written, and what goes with it.
    pub in_force: documents::InForce,
    /// Puts the directory together anew.
    pub compose: documents::Compose,
    /// Seals secrets before they are kept.
    pub seal: crate::store::seal::Seal,
    /// Signalling.
    pub sip: Sip,
    /// Media.
    pub media: Media,
    /// The address for SDP where media binds to all or sits behind NAT.
    pub rtp_address: Option<std::net::IpAddr>,
    /// Prompts and voice.
    pub prompts: Prompts,
    /// Transcripts; the switch only tells how they are.
    pub transcriber: Transcriber,
    /// Recordings and rows.
    pub store: Store,
    /// What must survive.
    pub journal: Journal,
    /// How often people are rung about an alert that nobody has.
    pub ring_again: Duration,
    /// Out to people's devices.
    pub notifier: Notifier,
    /// What links begin with; `None`: messages have no links.
    pub public_url: Option<String>,
    /// Said at the start and in `doctor`, shown on the page.
    pub warnings: Vec<String>,
    /// Events wait below it while the database is away.
    pub data_dir: std::path::PathBuf,
    /// This node's name.
    pub node: String,
}

#[derive(Debug)]
struct Inner {
    directory: ArcSwap<Directory>,
    in_force: ArcSwap<documents::InForce>,
    compose: ArcSwap<documents::Compose>,
    seal: crate::store::seal::Seal,
    writing: tokio::sync::Mutex<()>,
    files: ArcSwap<play::Files>,
    warnings: ArcSwap<Vec<String>>,
    sip: Sip,
    media: Media,
    rtp_address: Option<std::net::IpAddr>,
    prompts: Prompts,
    transcriber: Transcriber,
    store: Store,
    journal: Journal,
    ring_again: Duration,
    notifier: Notifier,
    public_url: Option<String>,
    /// Messages on their way out.
    delivery: deliver::Delivery,
    /// Status pages.
    status: status::Pages,
    calls: Mutex<HashMap<CallId, Running>>,
    board: Mutex<board::Board>,
    /// Alerts whose last round found no phone that could be reached.
    unreached: Mutex<BTreeSet<AlertId>>,
    /// Since when the database can't be used: then the board's own alerts ring without it.
    away_since: Mutex<Option<std::time::Instant>>,
    escalating: Mutex<escalate::Escalating>,
    contracts: slas::Contracts,
    escalation_woken: tokio::sync::Notify,
    ids: Mutex<IdSource>,
    reference: AtomicU32,
    draining: AtomicBool,
    transcripts_waiting: AtomicU64,
    /// Wrong PINs of engineers, by source.
    pins: Mutex<pins::Pins>,
    /// Gaps that are there or come.
    schedule_warnings: ArcSwap<Vec<String>>,
    /// Phones and trunks of other nodes by name, each with its node.
    lines_elsewhere: ArcSwap<HashMap<String, String>>,
    feed: broadcast::Sender<Change>,
    tasks: TaskTracker,
    events: events::Queue,
    actions: actions::Actions,
    pings: heartbeats::Pings,
    /// Open ones, for calls and clocks.
    incidents: incidents::Memory,
    node: String,
    library: library::Library,
}

/// A running call as the others see it.
#[derive(Debug)]
struct Running {
    view: CallView,
    inbox: mpsc::Sender<Outside>,
    /// Phones that it rings, or that were answered and not given up yet.
    rings: Vec<(LegId, Destination)>,
}

/// What may reach a call from outside its legs.
#[derive(Debug)]
enum Outside {
    /// Somebody acknowledged or resolved its alert.
    AlertTaken,
    /// The service stops and its patience is at an end.
    Shutdown,
    /// A live caller needs the phone that this leg rings.
    MakeWay(LegId),
    /// Somebody whom a notification reached wants to be joined with the caller.
    WalkIn(Box<task::Handover>),
    /// Somebody wants to supervise the call, or to do so no longer.
    Asked(Box<supervise::Asked>),
}

/// Something changed; look it up. Sent when the change is in the journal (the
/// database follows within a second).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// A call began, moved on or ended.
    Call(CallId),
    /// An alert was opened or changed.
    Alert(AlertId),
    /// An incident was opened or changed; the database has it already.
    Incident(hotline_core::ids::IncidentId),
    /// Health changed (disk, database, trunks, phones).
    Health,
}

impl Switch {
    /// How often people are rung about an alert that nobody has and no policy takes care of.
    pub fn ring_again(&self) -> Duration {
        self.0.ring_again
    }

    /// Puts the parts together and ends what a crash cut off. INVITEs are taken once
    /// [`Switch::take_calls`] is given the channel.
    pub fn start(parts: Parts, recovered: Recovered) -> Result<Self, SpeechError> {
        let files = play::load_files(&parts.directory)?;
        let switch = Self(Arc::new(Inner {
            files: ArcSwap::from_pointee(files),
            directory: ArcSwap::new(parts.directory),
            in_force: ArcSwap::from_pointee(parts.in_force),
            compose: ArcSwap::from_pointee(parts.compose),
            seal: parts.seal,
            writing: tokio::sync::Mutex::default(),
            warnings: ArcSwap::from_pointee(parts.warnings),
            sip: parts.sip,
            media: parts.media,
            rtp_address: parts.rtp_address,
            prompts: parts.prompts,
            transcriber: parts.transcriber,
            store: parts.store,
            journal: parts.journal,
            ring_again: parts.ring_again,
            notifier: parts.notifier,
            public_url: parts.public_url,
            delivery: deliver::Delivery::default(),
            status: status::Pages::default(),
            calls: Mutex::default(),
            board: Mutex::new(board::Board::new(recovered.open_alerts)),
            unreached: Mutex::default(),
            away_since: Mutex::default(),
            escalating: Mutex::default(),
            contracts: slas::Contracts::default(),
            escalation_woken: tokio::sync::Notify::new(),
            ids: Mutex::new(IdSource::new(rand::random())),
            reference: AtomicU32::new(recovered.next_reference),
            draining: AtomicBool::new(false),
            transcripts_waiting: AtomicU64::new(0),
            pins: Mutex::default(),
            schedule_warnings: ArcSwap::default(),
            lines_elsewhere: ArcSwap::default(),
            feed: broadcast::Sender::new(FEED_CAPACITY),
            tasks: TaskTracker::new(),
            events: events::Queue::open(&parts.data_dir),
            actions: actions::Actions::default(),
            pings: heartbeats::Pings::default(),
            incidents: incidents::Memory::default(),
            node: parts.node,
            library: library::Library::default(),
        }));
        switch.prepare_names();
        switch.end_cut_off(recovered.cut_off);
        Ok(switch)
    }

    /// Takes INVITEs from signalling until the channel closes.
    pub fn take_calls(&self, incoming: mpsc::Receiver<crate::sip::IncomingCall>) {
        self.0.tasks.spawn(accept::run(self.clone(), incoming));
    }

    /// The snapshot in force.
    pub fn directory(&self) -> Arc<Directory> {
        self.0.directory.load_full()
    }

    /// A new snapshot. Running calls keep theirs. Blocking: flows may name files.
    pub fn reload(&self, directory: Directory, warnings: Vec<String>) -> Result<(), SpeechError> {
        let files = play::load_files(&directory)?;
        self.0.files.store(Arc::new(files));
        self.0.directory.store(Arc::new(directory));
        self.0.warnings.store(Arc::new(warnings));
        self.prepare_names();
        self.tell(Change::Health);
        Ok(())
    }

    /// The calls running now, oldest first.
    pub fn calls(&self) -> Vec<CallView> {
        let mut views: Vec<_> = self.0.calls.lock().values().map(|running| running.view.clone()).collect();
        views.sort_by_key(|view| (view.started, view.id));
        views
    }

    /// Open alerts: (unacknowledged, acknowledged).
    pub fn open_alerts(&self) -> (usize, usize) {
        self.0.board.lock().count()
    }

    /// The open alerts, newest first, from memory.
    pub fn open_alert_list(&self) -> Vec<OpenAlert> {
        self.0.board.lock().open_alerts()
    }

    /// Feed of changes from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Change> {
        self.0.feed.subscribe()
    }

    /// Phones registered now.
    pub fn registered(&self) -> Vec<Registered> {
        self.0.sip.registered()
    }

    /// The carriers' state.
    pub fn trunks(&self) -> Vec<TrunkState> {
        self.0.sip.trunks()
    }

    /// What media counted.
    pub fn media_counters(&self) -> MediaCounters {
        self.0.media.counters()
    }

    /// What the gate counted.
    pub fn sip_counters(&self) -> SipCounters {
        self.0.sip.counters()
    }

    /// Somebody has it: no more ringing. Kept before it returns; acknowledging an acknowledged alert changes nothing
    /// and is fine.
    pub async fn acknowledge(&self, alert: AlertId, by: Actor) -> Result<(), AlertError> {
        Ok(self.command(alert, Command::Acknowledge, by).await?)
    }

    /// It is over. Kept before it returns; resolving a resolved alert changes nothing and is fine.
    pub async fn resolve(&self, alert: AlertId, by: Actor) -> Result<(), AlertError> {
        Ok(self.command(alert, Command::Resolve, by).await?)
    }

    /// Appends what a job found out (transcripts).
    pub fn keep_from_job(&self, entry: Entry) -> Receipt {
        self.keep(entry)
    }

    /// Keeps one fact: board, journal, feed, in this order.
    fn keep(&self, entry: Entry) -> Receipt {
        let (call, alert) = (entry.call, entry.alert);
        let taken = alert.filter(|_| matches!(entry.fact, Fact::AlertAcknowledged { .. }));
        let touches_alert = !matches!(entry.fact, Fact::Step { .. } | Fact::LegRinging { .. });
        // One lock around both, so that board and journal agree on the order.
        let receipt = {
            let mut board = self.0.board.lock();
            board.apply(&entry);
            self.0.journal.append(entry)
        };
        if let Some(call) = call {
            self.tell(Change::Call(call));
        }
        if let Some(alert) = taken {
            self.tell_caller(alert);
            self.open_by_rule(alert);
        }
        if let Some(alert) = alert.filter(|_| touches_alert) {
            self.tell(Change::Alert(alert));
            self.wake_escalation();
        }
        receipt
    }

    /// The escalation has something to look at, now.
    pub fn wake_escalation(&self) {
        self.0.escalation_woken.notify_one();
    }

    /// Resolves when [`Switch::wake_escalation`] was called since the last look. For the one job that escalates.
    pub async fn escalation_woken(&self) {
        self.0.escalation_woken.notified().await;
    }

    /// What happens to an alert next if nobody does anything, in words, and when.
    pub fn next_of(
        &self,
        alert: &hotline_core::alert::Alert,
        now: jiff::Timestamp,
    ) -> (String, Option<jiff::Timestamp>) {
        hotline_core::escalation::outlook(alert, &self.directory(), self.0.ring_again, now)
    }

    /// Changes that have no listener are nobody's loss.
    fn tell(&self, change: Change) {
        let _ = self.0.feed.send(change);
    }

    fn tell_calls_of(&self, alert: AlertId) {
        for running in self.0.calls.lock().values().filter(|running| running.view.alert == Some(alert)) {
            // A call that is 16 inputs behind is ending anyway.
            let _ = running.inbox.try_send(Outside::AlertTaken);
        }
    }

    fn open_alert(&self, alert: AlertId) -> Option<OpenAlert> {
        self.0.board.lock().alert(alert).cloned()
    }

    /// The next reference number, digits only.
    fn next_reference(&self) -> String {
        if let Some(reserved) = self.0.store.call_reference() {
            return reserved.to_string();
        }
        if self.0.store.is_shared() {
            // The database has been away for long, and nobody can say which numbers the other nodes gave out.
            return rand::random_range(REFERENCES).to_string();
        }
        let span = REFERENCES.end() - REFERENCES.start() + 1;
        let count = self.0.reference.fetch_add(1, Ordering::Relaxed);
        (REFERENCES.start() + count.wrapping_sub(*REFERENCES.start()) % span).to_string()
    }

    /// What is said about gaps in the schedules, found by a job.
    pub fn set_schedule_warnings(&self, warnings: Vec<String>) {
        self.0.schedule_warnings.store(Arc::new(warnings));
    }

    /// How many recordings wait for their transcript, by the job's count.
    pub fn set_transcripts_waiting(&self, count: u64) {
        self.0.transcripts_waiting.store(count, Ordering::Relaxed);
    }

    /// Tells listeners to look at health again.
    pub fn health_changed(&self) {
        self.tell(Change::Health);
    }

    /// No new calls; running ones go on until they are over or `patience` is. Then they are told to
    /// end, and get a last few seconds for that.
    pub async fn drain_until(&self, patience: impl Future<Output = ()>) {
        const LAST_SECONDS: Duration = Duration::from_secs(5);
        self.0.draining.store(true, Ordering::Relaxed);
        self.tell(Change::Health);
        self.0.sip.drain();
        tokio::select! {
            () = self.all_calls_over() => return,
            () = patience => {}
        }
        for call in self.0.calls.lock().values() {
            // A call that is 16 inputs behind is ending anyway.
            let _ = call.inbox.try_send(Outside::Shutdown);
        }
        let _ = tokio::time::timeout(LAST_SECONDS, self.all_calls_over()).await;
    }

    async fn all_calls_over(&self) {
        while !self.0.calls.lock().is_empty() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn prepare_names(&self) {
        let directory = self.directory();
        let languages = self.0.prompts.languages();
        let names = directory
            .customers
            .values()
            .flat_map(|customer| languages.iter().map(|language| (language.clone(), customer.name.clone())))
            .collect();
        self.0.prompts.prepare(names);
    }
}

#[cfg(test)]
mod faults {
    use super::guarded;

    #[test]
    fn a_fault_over_one_costs_no_other() {
        let done: Vec<Option<u8>> = [1, 0, 2]
            .map(|n| {
                guarded("testing", || {
                    assert_ne!(n, 0, "asked for by a test");
                    n
                })
            })
            .into();
        assert_eq!(done, [Some(1), None, Some(2)]);
    }
}
