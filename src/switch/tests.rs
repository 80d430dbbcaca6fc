//! Commands and escalation with a real store (SQLite), real signalling on a free port, and nobody who answers.

use std::sync::Arc;
use std::time::Duration;

use hotline_core::alert::intake::{self, Action, Event};
use hotline_core::alert::{Alert, Command, Refusal, Status};
use hotline_core::directory::{Address, AlertSource, Contact, Destination, Directory, Language, User};
use hotline_core::escalation::{EscalationPolicy, Step, Target};
use hotline_core::fact::{Actor, Direction, Entry, Fact, Outcome, Priority};
use hotline_core::ids::{AlertId, CallId, PolicyId};
use sqlx::{AnyConnection, Connection, Executor};

use super::commands::CommandError;
use super::{Parts, Switch};
use crate::clock::now;
use crate::notify::{Notifier, NotifySettings};
use crate::rtp::{Media, MediaSettings};
use crate::sip::{Sip, SipSettings, Strangers};
use crate::speech::{Prompts, Transcriber, TranscriberSettings};
use crate::store::alerts::Received;
use crate::store::read::TimelineRow;
use crate::store::{Store, StoreSettings};

mod actions;
mod drills;
mod events;
mod fallback;
mod nodes;
mod since;
mod slas;

struct World {
    switch: Switch,
    store: Store,
    database: String,
    folder: tempfile::TempDir,
}

fn by(name: &str) -> Actor {
    Actor::Person(name.into())
}

fn person(id: &str) -> User {
    User {
        id: id.into(),
        name: id.to_uppercase(),
        contacts: vec![Contact {
            id: "phone".to_owned(),
            address: Address::Call(Destination::Sip(format!("sip:{id}@127.0.0.1:9"))),
            verified: true,
        }],
        ..User::default()
    }
}

/// ada first, ben after a minute, cem after another.
fn directory() -> Directory {
    let mut directory = Directory::default();
    for id in ["ada", "ben", "cem"] {
        directory.users.insert(id.into(), person(id));
    }
    let step = |id: &str| Step {
        targets: vec![Target::User(id.into())],
        wait: Duration::from_mins(1),
        priorities: Vec::new(),
        urgency: None,
    };
    let policy = EscalationPolicy {
        id: "usual".into(),
        name: "Usual".to_owned(),
        steps: vec![step("ada"), step("ben"), step("cem")],
        repeat: 0,
        unacknowledge_after: None,
    };
    directory.policies.insert("usual".into(), policy);
    directory.default_policy = Some(PolicyId::from("usual"));
    directory.sources.insert("monitor".into(), source());
    directory
}

fn source() -> AlertSource {
    AlertSource {
        id: "monitor".into(),
        name: "Monitor".to_owned(),
        key_sha256: [0; 32],
        secrets: Vec::new(),
        customer: None,
        service: None,
        policy: None,
        priority: Some(Priority::P1),
        mapping: Vec::new(),
        group_window: None,
    }
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = format!("sqlite://{}", folder.path().join("hotline.db").display());
        Self::within(folder, database, "node-1").await
    }

    /// A node of a database that it may share.
    async fn at(database: String, node: &str) -> Self {
        Self::within(tempfile::tempdir().unwrap(), database, node).await
    }

    async fn within(folder: tempfile::TempDir, database: String, node: &str) -> Self {
        let settings =
            StoreSettings { data_dir: folder.path().to_owned(), database_url: database.clone(), node: node.to_owned() };
        let (store, journal, recovered) = Store::open(settings).await.unwrap();
        let (sender, _incoming) = tokio::sync::mpsc::channel(1);
        let sip = SipSettings {
            listen: "127.0.0.1:0".parse().unwrap(),
            public_host: None,
            open: true,
            strangers: Strangers::Forbid,
            realm: "test".to_owned(),
            phones: std::collections::BTreeMap::new(),
            trunks: std::collections::BTreeMap::new(),
            requests_per_second: 100,
        };
        let media = MediaSettings { bind: "127.0.0.1".parse().unwrap(), ports: (40_000, 40_100), lanes: 1 };
        let prompts = Prompts::load(folder.path()).unwrap();
        let transcriber = TranscriberSettings { model: None, program: folder.path().join("none"), threads: 1 };
        let parts = Parts {
            directory: Arc::new(directory()),
            sip: Sip::start(sip, sender).await.unwrap(),
            media: Media::start(media).unwrap(),
            rtp_address: None,
            prompts,
            transcriber: Transcriber::start(transcriber),
            store: store.clone(),
            journal,
            ring_again: Duration::from_mins(5),
            notifier: Notifier::new(NotifySettings::default()),
            public_url: None,
            in_force: crate::switch::documents::InForce::default(),
            compose: crate::switch::documents::Compose(Arc::new(|_| Err(Vec::new()))),
            seal: crate::store::seal::Seal::at(folder.path(), None).unwrap(),
            data_dir: folder.path().to_owned(),
            node: node.to_owned(),
            warnings: Vec::new(),
        };
        let switch = Switch::start(parts, recovered).unwrap();
        Self { switch, store, database, folder }
    }

    /// A tool says that something is wrong.
    async fn alert(&self, key: &str) -> AlertId {
        self.alerts(&[key.to_owned()]).await[0]
    }

    async fn alerts(&self, keys: &[String]) -> Vec<AlertId> {
        let (directory, source, at) = (self.switch.directory(), source(), now().wall);
        let received: Vec<Received> = keys
            .iter()
            .map(|key| {
                let event = Event {
                    action: Action::Trigger,
                    title: format!("{key} is down"),
                    details: None,
                    dedup_key: Some(key.clone()),
                    group_key: None,
                    priority: None,
                    customer: None,
                    service: None,
                    began_at: None,
                    link: None,
                };
                let route = intake::route(&event, &source, &directory, at);
                Received { source: source.id.clone(), event, route, own_key: None, at }
            })
            .collect();
        let decide = |received: &Received, open: intake::Open<'_>, reference: &str| {
            intake::decide(&received.event, &received.route, &source, open, reference, at)
        };
        let taken = self.store.take_events(&received, &decide).await.unwrap();
        taken.into_iter().map(|taken| taken.alert.unwrap()).collect()
    }

    async fn state(&self, id: AlertId) -> Alert {
        self.store.alert_state(id).await.unwrap().unwrap()
    }

    async fn timeline(&self, id: AlertId) -> Vec<TimelineRow> {
        self.store.alert_timeline(&id.to_string()).await.unwrap()
    }

    async fn kinds(&self, id: AlertId) -> Vec<String> {
        self.timeline(id).await.into_iter().map(|row| row.kind).collect()
    }

    async fn notifications(&self, id: AlertId) -> Vec<(Option<String>, String)> {
        let page = self.store.notifications(Some(id), None, None, None, 100).await.unwrap();
        let mut rows: Vec<_> = page.items.into_iter().map(|row| (row.user_id, row.state)).collect();
        rows.sort();
        rows
    }

    /// A caller's call opened an alert and is over.
    async fn call(&self) -> AlertId {
        self.call_that("is over", true).await
    }

    /// A caller's call opened an alert.
    async fn call_that(&self, why: &str, ends: bool) -> AlertId {
        let at = now().wall;
        let (call, alert) = {
            let mut ids = self.switch.0.ids.lock();
            (CallId(ids.uuid(at)), AlertId(ids.uuid(at)))
        };
        let keep = |alert, fact| {
            self.switch.keep(Entry { at, call: Some(call), alert, fact, why: format!("a test: it {why}") })
        };
        let started = Fact::CallStarted {
            direction: Direction::Inbound,
            number: "hotline".into(),
            reference: "1001".to_owned(),
            caller: None,
            source: "open".to_owned(),
            language: Language::default(),
        };
        keep(None, started);
        let ring_at = at.checked_add(Duration::from_mins(5)).ok();
        let mut last =
            keep(Some(alert), Fact::AlertOpened { title: "Call".to_owned(), priority: Priority::P1, ring_at });
        if ends {
            last = keep(Some(alert), Fact::CallEnded { outcome: Outcome::Voicemail });
        }
        last.drained(Duration::from_secs(10)).await.unwrap();
        alert
    }

    /// The database can't be used until the connection is dropped.
    async fn lock_database(&self) -> AnyConnection {
        sqlx::any::install_default_drivers();
        let mut connection = AnyConnection::connect(&self.database).await.unwrap();
        connection.execute("PRAGMA busy_timeout = 5000").await.unwrap();
        connection.execute("BEGIN EXCLUSIVE").await.unwrap();
        connection
    }

    async fn close(self) {
        self.store.close().await;
        self.switch.0.media.stop();
        self.switch.0.sip.stop().await;
        drop(self.folder);
    }
}

fn stepped(kinds: &[String]) -> usize {
    kinds.iter().filter(|kind| *kind == "escalation-step").count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_is_done_once_however_many_look_and_says_why() {
    let world = World::new().await;
    let id = world.alert("web").await;
    futures::future::join_all((0..8).map(|_| world.switch.escalate_due())).await;
    world.switch.escalate_due().await;
    assert_eq!(world.notifications(id).await, [(Some("ada".to_owned()), "waiting".to_owned())]);
    let timeline = world.timeline(id).await;
    let step = timeline.iter().filter(|row| row.kind == "escalation-step").collect::<Vec<_>>();
    assert_eq!(step.len(), 1);
    assert!(step[0].why.contains("policy `usual`, step 1 of round 1"), "{}", step[0].why);
    // Nothing more is due for a minute.
    assert!(world.store.due_escalations(now().wall, 10).await.unwrap().is_empty());
    world.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acknowledge_stops_it_once_whoever_says_it_how_often() {
    let world = World::new().await;
    let id = world.alert("web").await;
    world.switch.escalate_due().await;
    let mut feed = world.switch.subscribe();
    let said = futures::future::join_all(
        (0..10).map(|n| world.switch.command(id, Command::Acknowledge, by(if n % 2 == 0 { "ada" } else { "ben" }))),
    )
    .await;
    assert!(said.iter().all(Result::is_ok), "{said:?}");
    assert!(matches!(feed.try_recv(), Ok(super::Change::Alert(told)) if told == id));
    assert_eq!(world.kinds(id).await.iter().filter(|kind| *kind == "alert-acknowledged").count(), 1);
    let waiting = world.notifications(id).await;
    assert!(waiting.iter().all(|(_, state)| state != "waiting"), "{waiting:?}");
    assert_eq!(world.state(id).await.progress.look, None);
    world.switch.escalate_due().await;
    assert_eq!(stepped(&world.kinds(id).await), 1);
    // Handed back: those behind are asked at once.
    world.switch.command(id, Command::HandBack, by("ada")).await.unwrap();
    world.switch.escalate_due().await;
    assert_eq!(stepped(&world.kinds(id).await), 2);
    assert!(world.notifications(id).await.contains(&(Some("ben".to_owned()), "waiting".to_owned())));
    world.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_word_has_its_way_and_its_refusal() {
    let world = World::new().await;
    let nobody = AlertId(uuid::Uuid::from_u128(1));
    assert_eq!(world.switch.command(nobody, Command::Resolve, by("ada")).await, Err(CommandError::Unknown));
    let (one, other) = (world.alert("web").await, world.alert("mail").await);
    let refused = |refusal| Err(CommandError::Refused(refusal));
    assert_eq!(world.switch.command(one, Command::HandBack, by("ada")).await, refused(Refusal::NotTaken));
    assert_eq!(world.switch.command(one, Command::Merge(one), by("ada")).await, refused(Refusal::Merge));
    let until = now().wall.checked_add(Duration::from_mins(30)).unwrap();
    world.switch.command(one, Command::Snooze(until), by("ada")).await.unwrap();
    world.switch.escalate_due().await;
    assert_eq!(stepped(&world.kinds(one).await), 0);
    world.switch.command(one, Command::Assign("cem".into()), by("ada")).await.unwrap();
    assert_eq!(world.notifications(one).await, [(Some("cem".to_owned()), "waiting".to_owned())]);
    world.switch.command(one, Command::Comment("looking".into()), by("cem")).await.unwrap();
    world.switch.command(one, Command::Escalate, by("cem")).await.unwrap();
    world.switch.escalate_due().await;
    assert_eq!(stepped(&world.kinds(one).await), 1);
    world.switch.command(one, Command::Merge(other), by("ada")).await.unwrap();
    world.switch.command(one, Command::Merge(other), by("ada")).await.unwrap();
    let merged = world.state(one).await;
    assert_eq!((merged.status, merged.merged_into), (Status::Resolved, Some(other)));
    assert_eq!(world.state(other).await.events, 2);
    assert_eq!(world.switch.command(one, Command::Acknowledge, by("ada")).await, refused(Refusal::Resolved));
    assert_eq!(world.switch.command(one, Command::Resolve, by("ada")).await, Ok(()));
    for row in world.timeline(one).await.iter().filter(|row| row.kind != "alert-commented") {
        assert!(!row.why.is_empty(), "{}: without a why", row.kind);
    }
    world.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_calls_alert_goes_by_the_database_and_the_board_knows() {
    let world = World::new().await;
    let id = world.call().await;
    world.switch.escalate_due().await;
    let kinds = world.kinds(id).await;
    assert!(kinds.contains(&"alert-routed".to_owned()), "{kinds:?}");
    assert_eq!(stepped(&kinds), 1);
    assert_eq!(world.switch.open_alerts(), (1, 0));
    world.switch.acknowledge(id, by("ada")).await.unwrap();
    assert_eq!(world.switch.open_alerts(), (0, 1));
    world.switch.command(id, Command::HandBack, by("ada")).await.unwrap();
    assert_eq!(world.switch.open_alerts(), (1, 0));
    world.switch.resolve(id, by("ada")).await.unwrap();
    assert_eq!(world.switch.open_alerts(), (0, 0));
    world.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_database_a_calls_alert_is_taken_by_the_journal_and_nobody_is_told_afterwards() {
    let world = World::new().await;
    let (id, tool) = (world.call().await, world.alert("web").await);
    let lock = world.lock_database().await;
    world.switch.command(id, Command::Acknowledge, by("ada")).await.unwrap();
    assert_eq!(world.switch.open_alerts(), (0, 1));
    assert!(matches!(world.switch.command(tool, Command::Acknowledge, by("ada")).await, Err(CommandError::NotKept(_))));
    assert!(matches!(world.switch.command(id, Command::Escalate, by("ada")).await, Err(CommandError::NotKept(_))));
    drop(lock);
    for _ in 0..100 {
        world.switch.escalate_due().await;
        if world.state(id).await.status == Status::Acknowledged {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(world.state(id).await.status, Status::Acknowledged);
    world.switch.escalate_due().await;
    assert_eq!(stepped(&world.kinds(id).await), 0);
    assert!(world.notifications(id).await.is_empty());
    world.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_are_done_and_a_new_one_goes_before_the_old() {
    let world = World::new().await;
    let keys: Vec<String> = (0..300).map(|n| format!("host-{n}")).collect();
    let old = world.alerts(&keys).await;
    world.switch.escalate_due().await;
    for id in [old[0], old[150], old[299]] {
        assert_eq!(stepped(&world.kinds(id).await), 1);
    }
    // All of them want their next step, and one is new.
    for id in &old {
        world.switch.command(*id, Command::Escalate, by("ada")).await.unwrap();
    }
    let new = world.alert("new").await;
    assert_eq!(world.switch.escalate_batch().await, Some(32));
    assert_eq!(stepped(&world.kinds(new).await), 1, "the new one is in the first batch");
    world.switch.escalate_due().await;
    for id in [old[0], old[150], old[299]] {
        assert_eq!(stepped(&world.kinds(id).await), 2);
    }
    world.close().await;
}
