mod whole;

use std::time::Duration;

use hotline_core::alert::change::NotifyOutcome;
use hotline_core::alert::{Alert, Status, Urgency};
use hotline_core::directory::{Address, Channel, Contact, Customer, Destination, Directory, Language, User};
use hotline_core::escalation::{EscalationPolicy, Progress, Step, Target};
use hotline_core::fact::Priority;
use hotline_core::ids::{AlertId, NotificationId};
use hotline_core::notify::{Kind, To};
use hotline_core::private::Private;
use jiff::Timestamp;

use super::super::phone::PhoneAnswer;
use super::address::{current, next_contact};
use super::message::language;
use super::outcome::{Came, after, of_call};
use super::*;

fn at() -> Timestamp {
    "2026-11-22T03:00:00Z".parse().unwrap()
}

fn phone(name: &str) -> Address {
    Address::Call(Destination::Phone(name.into()))
}

fn mobile() -> Address {
    Address::Sms(Private::from("+4369912345678"))
}

fn contact(id: &str, address: Address, verified: bool) -> Contact {
    Contact { id: id.to_owned(), address, verified }
}

fn gina() -> User {
    User {
        id: "gina".into(),
        name: "Gina".to_owned(),
        language: Language("de".to_owned()),
        contacts: vec![
            contact("chat", Address::Telegram(Private::from("77")), true),
            contact("mobile", mobile(), true),
            contact("new", Address::Email(Private::from("g@h.example")), false),
            contact("desk", phone("gina"), true),
        ],
        ..User::default()
    }
}

fn directory() -> Directory {
    let mut directory = Directory::default();
    directory.users.insert("gina".into(), gina());
    let room = Channel {
        id: "room".into(),
        name: "Room".to_owned(),
        address: Address::Teams(Private::from("https://teams.example/1")),
    };
    directory.channels.insert("room".into(), room);
    let partner = Target::Number(Destination::Sip("sip:partner@pbx.example".to_owned()));
    let step = Step { targets: vec![partner], wait: Duration::from_mins(1), priorities: Vec::new(), urgency: None };
    let policy = EscalationPolicy {
        id: "night".into(),
        name: "Night".to_owned(),
        steps: vec![step],
        repeat: 0,
        unacknowledge_after: None,
    };
    directory.policies.insert("night".into(), policy);
    let acme = Customer { id: "acme".into(), language: Some(Language("de".to_owned())), ..Customer::default() };
    directory.customers.insert("acme".into(), acme);
    directory.country_code = Some("43".to_owned());
    directory
}

fn alert() -> Alert {
    Alert {
        id: AlertId(uuid::Uuid::from_u128(9)),
        reference: "1042".to_owned(),
        status: Status::Triggered,
        priority: Priority::P2,
        urgency: Urgency::High,
        title: "db-7 is full".to_owned(),
        customer: Some("acme".into()),
        service: None,
        number: None,
        call: None,
        call_running: false,
        caller: Some(Private::from("0660 1234567")),
        source: None,
        dedup_key: None,
        group_key: None,
        merged_into: None,
        events: 1,
        assigned: None,
        snoozed_until: None,
        policy: None,
        began: None,
        opened_at: at(),
        acknowledged_at: None,
        last_event_at: at(),
        progress: Progress::default(),
    }
}

fn notification(to: To, address: Address, kind: Kind) -> Notification {
    Notification {
        id: NotificationId(uuid::Uuid::from_u128(1)),
        alert: None,
        alerts: Vec::new(),
        to,
        address,
        kind,
        text: None,
        why: String::new(),
        attempts: 1,
    }
}

fn to_gina(contact: &str) -> To {
    To::Person { user: "gina".into(), contact: contact.to_owned() }
}

#[test]
fn only_what_the_directory_has_now_is_written_to() {
    let directory = directory();
    let now = |to: To, planned: Address, kind| current(&notification(to, planned, kind), &directory, &[alert()]);
    // The number was changed since it was planned: the new one counts.
    let old = Address::Sms(Private::from("+43111111111"));
    assert_eq!(now(to_gina("mobile"), old.clone(), Kind::Alert), Ok(mobile()));
    assert!(now(to_gina("pager"), old.clone(), Kind::Alert).is_err());
    assert!(now(to_gina("new"), old.clone(), Kind::Test).unwrap_err().contains("not verified"));
    assert!(now(to_gina("new"), old.clone(), Kind::Verification).is_ok());
    let ben = To::Person { user: "ben".into(), contact: "mobile".to_owned() };
    assert!(now(ben, old.clone(), Kind::Alert).is_err());
    assert!(now(To::Channel("room".into()), old.clone(), Kind::Alert).is_ok());
    assert!(now(To::Channel("gone".into()), old.clone(), Kind::Alert).is_err());
    let partner = |uri: &str| Address::Call(Destination::Sip(uri.to_owned()));
    assert!(now(To::Outside, partner("sip:partner@pbx.example"), Kind::Alert).is_ok());
    assert!(now(To::Outside, partner("sip:premium@evil.example"), Kind::Alert).is_err());
    let caller = Address::Sms(Private::from("+436601234567"));
    assert!(now(To::Outside, caller.clone(), Kind::Caller).is_ok(), "the alert's caller, otherwise spelled");
    assert!(now(To::Outside, old, Kind::Caller).is_err());
    assert!(now(To::Outside, caller, Kind::Status).is_err());
}

#[test]
fn the_next_contact_is_the_next_that_can_be_reached() {
    let gina = gina();
    let next = |failed: &str, told: &[&str], dead: &str| {
        let told: Vec<String> = told.iter().map(|id| (*id).to_owned()).collect();
        let reach = |contact: &Contact| contact.address.kind() != dead;
        next_contact(&gina, failed, &told, &reach).map(|contact| contact.id)
    };
    assert_eq!(next("chat", &["chat"], ""), Some("mobile".to_owned()));
    assert_eq!(next("mobile", &["mobile"], ""), Some("desk".to_owned()), "one that is not verified is left out");
    assert_eq!(next("desk", &["desk"], ""), Some("chat".to_owned()), "round the list");
    assert_eq!(next("chat", &["chat", "mobile"], ""), Some("desk".to_owned()));
    assert_eq!(next("chat", &["chat"], "sms"), Some("desk".to_owned()));
    assert_eq!(next("chat", &["chat", "mobile", "desk"], ""), None);
    assert_eq!(next("gone", &[], ""), Some("chat".to_owned()));
}

#[test]
fn failures_wait_longer_and_longer_and_end() {
    let later = |attempts, asked| after(Came::Later("sms: answered 503".to_owned(), asked), &mobile(), attempts, at());
    let wait = |tried: Tried| match tried {
        Tried::Again(then, _) => u64::try_from(then.duration_since(at()).as_secs()).unwrap(),
        Tried::Done(..) | Tried::Elsewhere(_) => panic!("{tried:?}"),
    };
    assert_eq!((wait(later(1, None)), wait(later(2, None))), (10, 20));
    assert_eq!(wait(later(1, Some(Duration::from_mins(5)))), 300, "what the other side asked for");
    assert_eq!(wait(later(3, Some(Duration::from_secs(1)))), 40, "never sooner than our own wait");
    let Tried::Done(NotifyOutcome::Failed, note) = later(8, None) else { panic!() };
    assert_eq!(note, "sms: answered 503; given up after 8 tries");
    let gone = after(Came::Failed("sms: answered 404".to_owned()), &mobile(), 1, at());
    assert_eq!(gone, Tried::Done(NotifyOutcome::Failed, "sms: answered 404".to_owned()));
    let hook = Address::Webhook(Private::from("https://h.example"));
    assert!(matches!(after(Came::Later("x".to_owned(), None), &hook, 50, at()), Tried::Again(..)));
}

#[test]
fn a_call_is_taken_by_a_key_alone() {
    let over = |answer| match of_call(answer, 1) {
        Came::Over(outcome, _) => outcome,
        came @ (Came::Failed(_) | Came::Later(..) | Came::Elsewhere(_)) => panic!("{came:?}"),
    };
    for answer in [PhoneAnswer::Acknowledged, PhoneAnswer::Escalate, PhoneAnswer::Joined, PhoneAnswer::Heard] {
        assert_eq!(over(answer), NotifyOutcome::Answered);
    }
    for answer in [PhoneAnswer::NoAnswer, PhoneAnswer::Busy] {
        assert_eq!(over(answer), NotifyOutcome::NoAnswer);
    }
    let unreachable = || PhoneAnswer::Unreachable("not registered".to_owned());
    assert_eq!(of_call(unreachable(), 1), Came::Elsewhere("not registered".to_owned()));
    assert_eq!(of_call(unreachable(), 2), Came::Failed("not registered".to_owned()));
}

#[test]
fn everybody_is_told_in_their_language() {
    let matter = Matter { directory: std::sync::Arc::new(directory()), alerts: vec![alert()] };
    let of = |to: To| language(&notification(to, mobile(), Kind::Alert), &matter).0;
    assert_eq!(of(to_gina("mobile")), "de");
    assert_eq!(of(To::Channel("room".into())), "de", "the customer's");
    let nothing = Matter { directory: std::sync::Arc::new(directory()), alerts: Vec::new() };
    let status = notification(To::Channel("room".into()), mobile(), Kind::Status);
    assert_eq!(language(&status, &nothing).0, "en");
}

#[test]
fn a_full_lane_keeps_others_free() {
    let delivery = Delivery::default();
    let mail = Address::Email(Private::from("g@h.example"));
    let lane = delivery.lane(&mail);
    let under_way: Vec<_> = (0..lane.count * 3).map(|_| UnderWay::begin(lane)).collect();
    assert!(delivery.lane(&mail).is_full() && !delivery.lane(&mobile()).is_full());
    drop(under_way);
    assert!(!delivery.lane(&mail).is_full());
}
