//! From the policy's step to the receiver and back, with a real store and receivers of ours.

use std::sync::Arc;

use hotline_core::alert::intake::{self, Action as Deed, Event};
use hotline_core::alert::{Command, Status};
use hotline_core::directory::{AlertSource, Language};
use hotline_core::fact::Actor;
use hotline_core::network::Network;
use hotline_core::notify::Planned;

use super::*;
use crate::notify::tests::receiver::{Receiver, Say};
use crate::notify::{Notifier, NotifySettings, SmsProvider};
use crate::rtp::{Media, MediaSettings};
use crate::sip::{Sip, SipSettings, Strangers};
use crate::speech::{Prompts, Transcriber, TranscriberSettings};
use crate::store::alerts::Received;
use crate::store::notifications::NotificationRow;
use crate::store::{Store, StoreSettings};
use crate::switch::links::LinkState;
use crate::switch::replies::Presser;
use crate::switch::{Parts, Switch};

struct World {
    switch: Switch,
    store: Store,
    /// ntfy, Telegram.
    push: Receiver,
    /// The SMS gateway.
    gateway: Receiver,
    _folder: tempfile::TempDir,
}

/// Gina: ntfy, then SMS, then Telegram; the policy tells her by the first.
fn people() -> Directory {
    let mut directory = directory();
    let gina = User {
        contacts: vec![
            contact("push", Address::Ntfy(Private::from("gina-topic")), true),
            contact("mobile", mobile(), true),
            contact("chat", Address::Telegram(Private::from("77")), true),
        ],
        rules: vec![hotline_core::directory::NotifyRule {
            urgency: None,
            after: Duration::ZERO,
            contact: "push".to_owned(),
        }],
        ..gina()
    };
    directory.users.insert("gina".into(), gina);
    let step = Step {
        targets: vec![Target::User("gina".into())],
        wait: Duration::from_mins(30),
        priorities: Vec::new(),
        urgency: None,
    };
    let policy = EscalationPolicy {
        id: "usual".into(),
        name: "Usual".to_owned(),
        steps: vec![step],
        repeat: 0,
        unacknowledge_after: None,
    };
    directory.policies.insert("usual".into(), policy);
    directory.default_policy = Some("usual".into());
    directory.sources.insert("monitor".into(), source());
    directory
}

fn source() -> AlertSource {
    AlertSource {
        id: "monitor".into(),
        name: "Monitor".to_owned(),
        key_sha256: [0; 32],
        secrets: Vec::new(),
        customer: Some("acme".into()),
        service: None,
        policy: None,
        priority: Some(Priority::P1),
        mapping: Vec::new(),
        group_window: None,
    }
}

impl World {
    async fn new() -> Self {
        let (push, gateway) = (Receiver::start().await, Receiver::start().await);
        let settings = NotifySettings {
            ntfy: Some((push.url("/"), None)),
            telegram: Some((Private::from("12:bot"), Some(push.url("")))),
            sms: Some(SmsProvider::Http {
                url: gateway.url("/send"),
                headers: Vec::new(),
                body: "{{ to }} {{ text }}".to_owned(),
                content_type: "text/plain".to_owned(),
                from: String::new(),
            }),
            allow_networks: vec![Network::parse("127.0.0.0/8").unwrap()],
            timeout: Duration::from_secs(30),
            ..NotifySettings::default()
        };
        let folder = tempfile::tempdir().unwrap();
        let database_url = format!("sqlite://{}", folder.path().join("hotline.db").display());
        let (store, journal, recovered) =
            Store::open(StoreSettings { data_dir: folder.path().to_owned(), database_url, node: "node-1".to_owned() })
                .await
                .unwrap();
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
        let media = MediaSettings { bind: "127.0.0.1".parse().unwrap(), ports: (41_000, 41_100), lanes: 1 };
        let transcriber = TranscriberSettings { model: None, program: folder.path().join("none"), threads: 1 };
        let parts = Parts {
            directory: Arc::new(people()),
            sip: Sip::start(sip, sender).await.unwrap(),
            media: Media::start(media).unwrap(),
            rtp_address: None,
            prompts: Prompts::load(folder.path()).unwrap(),
            transcriber: Transcriber::start(transcriber),
            store: store.clone(),
            journal,
            ring_again: Duration::from_mins(5),
            notifier: Notifier::new(settings),
            public_url: Some("https://ring.example/".to_owned()),
            in_force: crate::switch::documents::InForce::default(),
            compose: crate::switch::documents::Compose(Arc::new(|_| Err(Vec::new()))),
            seal: crate::store::seal::Seal::at(folder.path(), None).unwrap(),
            data_dir: folder.path().to_owned(),
            node: "node-1".to_owned(),
            warnings: Vec::new(),
        };
        let switch = Switch::start(parts, recovered).unwrap();
        Self { switch, store, push, gateway, _folder: folder }
    }

    /// A tool says that something is wrong, and the policy's step is taken.
    async fn alert(&self, key: &str) -> AlertId {
        let (directory, source, at) = (self.switch.directory(), source(), now().wall);
        let event = Event {
            action: Deed::Trigger,
            title: format!("{key} is down"),
            details: None,
            dedup_key: Some(key.to_owned()),
            group_key: None,
            priority: None,
            customer: None,
            service: None,
            began_at: None,
            link: None,
        };
        let route = intake::route(&event, &source, &directory, at);
        let received = Received { source: source.id.clone(), event, route, own_key: None, at };
        let decide = |received: &Received, open: intake::Open<'_>, reference: &str| {
            intake::decide(&received.event, &received.route, &source, open, reference, at)
        };
        let taken = self.store.take_events(&[received], &decide).await.unwrap();
        self.switch.escalate_due().await;
        taken[0].alert.unwrap()
    }

    async fn rows(&self, alert: AlertId) -> Vec<NotificationRow> {
        self.store.notifications(Some(alert), None, None, None, 100).await.unwrap().items
    }

    /// Delivers until the alert's notifications stand so: `ntfy delivered, sms failed`, in order of kind.
    async fn until(&self, alert: AlertId, wanted: &str) -> Vec<NotificationRow> {
        let mut seen = String::new();
        for _ in 0..3_000 {
            self.switch.deliver_due().await;
            let rows = self.rows(alert).await;
            let mut states: Vec<String> = rows.iter().map(|row| format!("{} {}", row.by, row.state)).collect();
            states.sort();
            seen = states.join(", ");
            if seen == wanted {
                return rows;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{seen} instead of {wanted}");
    }

    async fn state(&self, alert: AlertId) -> Alert {
        self.store.alert_state(alert).await.unwrap().unwrap()
    }

    async fn timeline(&self, alert: AlertId) -> Vec<String> {
        let rows = self.store.alert_timeline(&alert.to_string()).await.unwrap();
        rows.into_iter().map(|row| format!("{} {} {}", row.kind, row.what, row.why)).collect()
    }
}

fn english() -> Language {
    Language("en".to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_from_the_push_takes_the_alert() {
    let world = World::new().await;
    let alert = world.alert("db-7").await;
    world.until(alert, "ntfy delivered").await;
    let body = world.push.one().json();
    assert_eq!(body["topic"], "gina-topic");
    let reference = world.state(alert).await.reference;
    assert!(body["message"].as_str().unwrap().contains(&format!("#{reference}")), "{body}");
    let url = body["actions"][0]["url"].as_str().unwrap();
    let token = url.strip_prefix("https://ring.example/a/").unwrap();
    // A scanner looks, and nothing happens.
    let page = world.switch.look_link(token, &english()).await;
    assert_eq!((page.state, page.texts.tag), (LinkState::Ask, "de"));
    assert_eq!(world.state(alert).await.status, Status::Triggered);
    let page = world.switch.press_link(token, &english()).await;
    assert_eq!((page.state, page.person.as_deref()), (LinkState::Done, Some("Gina")));
    assert_eq!(world.state(alert).await.status, Status::Acknowledged);
    assert_eq!(world.switch.press_link(token, &english()).await.state, LinkState::Already);
    let told = world.timeline(alert).await;
    assert!(told.iter().any(|line| line.starts_with("notified gina by ntfy: delivered.")), "{told:#?}");
    assert!(told.iter().any(|line| line.starts_with("alert-acknowledged") && line.contains("gina")), "{told:#?}");
    world.switch.command(alert, Command::Resolve, Actor::System).await.unwrap();
    assert_eq!(world.switch.press_link(token, &english()).await.state, LinkState::Over);
    let forged = format!("{}A", &token[..token.len() - 1]);
    assert_eq!(world.switch.press_link(&forged, &english()).await.state, LinkState::Forged);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_for_good_is_told_by_the_next_contact() {
    let world = World::new().await;
    world.push.says([Say::Status(404, "")]);
    world.gateway.says([Say::Status(400, "")]);
    let alert = world.alert("db-8").await;
    let rows = world.until(alert, "ntfy failed, sms failed, telegram delivered").await;
    let push = rows.iter().find(|row| row.by == "ntfy").unwrap();
    assert_eq!(push.note.as_deref(), Some("ntfy: answered 404; told by mobile instead, at once"));
    let sms = rows.iter().find(|row| row.by == "sms").unwrap();
    assert_eq!(sms.why, "push could not be reached (ntfy: answered 404).");
    assert_eq!(world.push.seen()[1].uri.path(), "/bot12:bot/sendMessage");
    let told = world.timeline(alert).await.join("\n");
    assert!(told.contains("told by mobile instead, at once") && told.contains("told by chat instead"), "{told}");
    assert!(!told.contains("4369912345678") && !told.contains("gina-topic"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_all_contacts_fail_none_is_asked_twice() {
    let world = World::new().await;
    world.push.says([Say::Status(404, ""), Say::Status(403, "")]);
    world.gateway.says([Say::Status(400, "")]);
    let alert = world.alert("db-15").await;
    world.until(alert, "ntfy failed, sms failed, telegram failed").await;
    for _ in 0..10 {
        world.switch.deliver_due().await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(world.rows(alert).await.len(), 3);
    assert_eq!((world.push.seen().len(), world.gateway.seen().len()), (2, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_for_now_waits_and_keeps_its_reason() {
    let world = World::new().await;
    world.push.says([Say::With(429, "retry-after", "40".to_owned(), "")]);
    let alert = world.alert("db-9").await;
    let before = now().wall;
    let rows = loop {
        world.switch.deliver_due().await;
        let rows = world.rows(alert).await;
        if rows[0].attempts == 1 && rows[0].state == "waiting" {
            break rows;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(rows[0].note.as_deref(), Some("ntfy: answered 429"));
    assert!(rows[0].due_at >= (before + Duration::from_secs(40)).as_millisecond(), "{rows:?}");
    assert_eq!(rows.len(), 1, "after one failure the next contact is not told yet");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_provider_holds_up_nobody_else() {
    let world = World::new().await;
    world.push.says([Say::Never]);
    let slow = world.alert("slow").await;
    world.until(slow, "ntfy sending").await;
    let planned = Planned {
        key: "a test".to_owned(),
        alert: None,
        to: to_gina("mobile"),
        address: mobile(),
        due: now().wall,
        kind: Kind::Test,
        why: "Asked for.".to_owned(),
    };
    world.store.notify(&[planned], None, now().wall).await.unwrap();
    for _ in 0..1_000 {
        world.switch.deliver_due().await;
        if !world.gateway.seen().is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(world.gateway.one().text(), "+4369912345678 Dies ist ein Test der Hotline. Es ist nichts zu tun.");
    assert_eq!(world.rows(slow).await[0].state, "sending", "it still waits for its answer");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_taken_meanwhile_is_not_sent() {
    let world = World::new().await;
    let alert = world.alert("db-10").await;
    world.switch.command(alert, Command::Acknowledge, Actor::System).await.unwrap();
    world.until(alert, "ntfy skipped").await;
    assert!(world.push.seen().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replies_by_sms_take_alerts() {
    let world = World::new().await;
    let reply = async |text: &str| world.switch.reply_by_sms("4369912345678", text).await.unwrap().text;
    assert_eq!(reply("1").await, "Kein Alarm wartet auf Sie. Es ist nichts geschehen.");
    world.push.says([Say::Status(404, ""), Say::Status(404, "")]);
    let (first, second) = (world.alert("db-11").await, world.alert("db-12").await);
    world.until(first, "ntfy failed, sms delivered").await;
    world.until(second, "ntfy failed, sms delivered").await;
    let references = [world.state(first).await.reference, world.state(second).await.reference];
    let text = world.gateway.seen()[0].text();
    assert!(text.contains("Antwort 1 übernimmt.\nhttps://ring.example/a/"), "{text}");

    assert_eq!(world.switch.reply_by_sms("+4369900000000", "1").await, None, "a stranger");
    assert!(reply("STOP").await.contains("per SMS lässt sich das nicht abstellen"));
    assert!(reply("hello?").await.starts_with("Nicht verstanden."));
    assert_eq!(reply("1 99999").await, "Einen offenen Alarm 99999 haben Sie nicht bekommen. Es ist nichts geschehen.");
    assert_eq!(world.state(first).await.status, Status::Triggered);

    assert_eq!(reply(&format!("1 {}", references[0])).await, format!("Sie haben Alarm {} übernommen.", references[0]));
    assert_eq!(world.state(first).await.status, Status::Acknowledged);
    let latest = reply("1").await;
    assert_eq!(latest, format!("Sie haben Alarm {} übernommen.", references[1]));
    assert!(reply("1").await.contains("ist schon übernommen"), "pressed twice is harmless");

    // The answer goes out as an SMS, once.
    let answer = world.switch.reply_by_sms("+4369912345678", "1").await.unwrap();
    world.switch.answer_by_sms(&answer, "in-7").await;
    world.switch.answer_by_sms(&answer, "in-7").await;
    for _ in 0..1_000 {
        world.switch.deliver_due().await;
        if world.gateway.seen().len() > 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let answers = world.gateway.seen().split_off(2);
    assert_eq!(
        answers.iter().map(crate::notify::tests::receiver::Seen::text).collect::<Vec<_>>(),
        [format!("+4369912345678 {}", answer.text)]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn buttons_in_chats_act_for_those_we_know() {
    let world = World::new().await;
    world.push.says([Say::Status(404, "")]);
    world.gateway.says([Say::Status(404, "")]);
    let alert = world.alert("db-13").await;
    world.until(alert, "ntfy failed, sms failed, telegram delivered").await;
    let keyboard = world.push.seen()[1].json()["reply_markup"]["inline_keyboard"][0].clone();
    let token = |index: usize| keyboard[index]["callback_data"].as_str().unwrap().to_owned();
    let press = async |id: &str, token: &str| world.switch.press_button(Presser::Telegram(id), token, &english()).await;
    assert!(press("78", &token(0)).await.starts_with("This account belongs to nobody"));
    assert!(press("77", "nonsense").await.starts_with("Dieser Knopf gilt nicht mehr."));
    assert_eq!(world.state(alert).await.status, Status::Triggered);
    assert!(press("77", &token(0)).await.contains("übernommen"));
    assert_eq!(world.state(alert).await.status, Status::Acknowledged);
    assert!(press("77", &token(1)).await.ends_with("ist erledigt."));
    assert_eq!(world.state(alert).await.status, Status::Resolved);
    // A link names its person: it is no button.
    let link = world.switch.link(alert, &"gina".into(), crate::switch::links::Action::Acknowledge).await.unwrap();
    let link = link.rsplit('/').next().unwrap();
    assert!(press("77", link).await.starts_with("Dieser Knopf gilt nicht mehr."));
    assert_eq!(world.switch.press_link(&token(0), &english()).await.state, LinkState::Forged);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_that_it_did_not_arrive_leads_to_the_next_contact() {
    let world = World::new().await;
    world.push.says([Say::Status(404, "")]);
    let alert = world.alert("db-14").await;
    let rows = world.until(alert, "ntfy failed, sms delivered").await;
    let sms: NotificationId = rows.iter().find(|row| row.by == "sms").unwrap().id.parse().unwrap();
    world.switch.not_arrived(sms, "30003; drop table").await.unwrap();
    world.switch.not_arrived(sms, "30003").await.unwrap();
    world.until(alert, "ntfy failed, sms failed, telegram delivered").await;
    let told = world.timeline(alert).await;
    let wanted = "the carrier could not deliver it (30003droptab); told by chat instead, at once";
    assert_eq!(told.iter().filter(|line| line.contains(wanted)).count(), 1, "{told:#?}");
    let nobody = NotificationId(uuid::Uuid::from_u128(5));
    world.switch.not_arrived(nobody, "x").await.unwrap();
}
