//! What words and events lead to.

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use uuid::Uuid;

use super::command::{carry_out, merge};
use super::intake::{Action, Decision, Event, Faults, Open, decide, dedup_key, route};
use super::urgency::urgency;
use super::{Alert, Change, Command, Refusal, Status, Urgency};
use crate::directory::{AlertSource, Customer, Directory, Heartbeat, MaintenanceWindow, Service, User};
use crate::escalation::{EscalationPolicy, Progress};
use crate::fact::{Actor, Fact, Priority};
use crate::ids::AlertId;
use crate::incident::{Began, Origin};
use crate::private::Private;

fn now() -> Timestamp {
    "2026-03-02T22:00:00Z".parse().unwrap()
}

fn later(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

fn alert(number: u128) -> Alert {
    Alert {
        id: AlertId(Uuid::from_u128(number)),
        reference: number.to_string(),
        status: Status::Triggered,
        priority: Priority::P3,
        urgency: Urgency::High,
        title: "Disk is full".to_owned(),
        customer: None,
        service: None,
        number: None,
        call: None,
        call_running: false,
        caller: None,
        source: Some("monitor".into()),
        dedup_key: Some("disk".to_owned()),
        group_key: None,
        merged_into: None,
        events: 1,
        assigned: None,
        snoozed_until: None,
        policy: None,
        began: None,
        opened_at: now(),
        acknowledged_at: None,
        last_event_at: now(),
        progress: Progress::default(),
    }
}

fn directory() -> Directory {
    let mut directory = Directory::default();
    for id in ["ada", "ben"] {
        directory.users.insert(id.into(), User { id: id.into(), ..User::default() });
    }
    for id in ["acme", "bolt"] {
        directory.customers.insert(id.into(), Customer { id: id.into(), ..Customer::default() });
    }
    let mail = Service {
        id: "mail".into(),
        name: "Mail".to_owned(),
        customer: Some("acme".into()),
        team: None,
        policy: None,
        support: None,
        priority: Some(Priority::P2),
        ..Default::default()
    };
    directory.services.insert("mail".into(), mail);
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
        priority: None,
        mapping: Vec::new(),
        group_window: None,
    }
}

fn event(action: Action) -> Event {
    Event {
        action,
        title: "Disk is full".to_owned(),
        details: None,
        dedup_key: Some("disk".to_owned()),
        group_key: None,
        priority: None,
        customer: None,
        service: None,
        began_at: None,
        link: None,
    }
}

#[test]
fn the_beginning_of_a_fault_is_the_best_that_is_known() {
    let began = |seconds: i64, origin| Command::Began(Began { at: later(seconds), origin });
    let mut one = alert(1);
    assert_eq!(say(&mut one, &began(1, Origin::Person)), Err(Refusal::Began), "it was known before it began");
    assert_eq!(say(&mut one, &began(-400 * 86_400, Origin::Person)), Err(Refusal::Began), "a slip of the pen");
    assert_eq!(say(&mut one, &began(-600, Origin::Caller)), Ok(vec!["alert-began"]));
    assert_eq!(say(&mut one, &began(-900, Origin::Caller)), Ok(vec![]), "the first caller counts");
    assert_eq!(say(&mut one, &began(-300, Origin::Payload)), Ok(vec!["alert-began"]), "a tool knows better");
    assert_eq!(say(&mut one, &Command::Resolve).map(|kinds| kinds.len()), Ok(1));
    assert_eq!(say(&mut one, &began(-700, Origin::Person)), Ok(vec!["alert-began"]), "looked up afterwards");
    assert_eq!(say(&mut one, &began(-800, Origin::Payload)), Ok(vec![]), "a person has said it");
    assert_eq!(one.began, Some(Began { at: later(-700), origin: Origin::Person }));
    assert_eq!(one.status, Status::Resolved);
}

fn by() -> Actor {
    Actor::Login("admin".to_owned())
}

fn say(alert: &mut Alert, command: &Command) -> Result<Vec<&'static str>, Refusal> {
    let facts = carry_out(alert, command, &by(), &directory(), now())?;
    for (fact, _) in &facts {
        alert.apply(fact, now());
    }
    Ok(facts.iter().map(|(fact, _)| fact.kind()).collect())
}

#[test]
fn every_word_said_twice_is_said_once() {
    let commands = [
        Command::Acknowledge,
        Command::Assign("ada".into()),
        Command::Snooze(later(60)),
        Command::Describe { priority: Some(Priority::P1), title: Some("Disk full on two".to_owned()) },
        Command::Began(Began { at: later(-600), origin: Origin::Caller }),
        Command::Merge(AlertId(Uuid::from_u128(2))),
        Command::Resolve,
    ];
    for command in commands {
        let mut one = alert(1);
        assert!(!say(&mut one, &command).unwrap().is_empty(), "{command:?}");
        assert_eq!(say(&mut one, &command), Ok(Vec::new()), "{command:?}");
    }
}

#[test]
fn refusals_say_what_to_do() {
    let mut one = alert(1);
    assert_eq!(say(&mut one, &Command::HandBack), Err(Refusal::NotTaken));
    assert_eq!(say(&mut one, &Command::Assign("zoe".into())), Err(Refusal::UnknownUser("zoe".into())));
    for until in [now(), later(-1), later(31 * 86_400 + 1)] {
        assert_eq!(say(&mut one, &Command::Snooze(until)), Err(Refusal::Snooze));
    }
    for text in [String::new(), "  \n".to_owned(), "x".repeat(4_001)] {
        assert_eq!(say(&mut one, &Command::Comment(Private::from(text))), Err(Refusal::Comment));
    }
    let own = Command::Merge(one.id);
    assert_eq!(say(&mut one, &own), Err(Refusal::Merge));
    say(&mut one, &Command::Resolve).unwrap();
    for command in [Command::Acknowledge, Command::Escalate, Command::HandBack, Command::Snooze(later(9))] {
        assert_eq!(say(&mut one, &command), Err(Refusal::Resolved));
    }
    assert_eq!(say(&mut one, &Command::Comment(Private::from("was the fan"))), Ok(vec!["alert-commented"]));
}

#[test]
fn merging_ends_one_and_tells_the_other() {
    let (mut from, into) = (alert(1), alert(2));
    let (left, right) = merge(&from, &into, &by()).unwrap();
    for (fact, _) in &left {
        from.apply(fact, now());
    }
    assert_eq!((from.status, from.merged_into), (Status::Resolved, Some(into.id)));
    assert_eq!(right[0].0, Fact::Alert(Change::Took { from: from.id }));
    assert_eq!(merge(&from, &into, &by()), Ok((Vec::new(), Vec::new())));
    assert_eq!(merge(&into, &from, &by()), Err(Refusal::Merge));
    assert_eq!(merge(&from, &alert(3), &by()), Err(Refusal::Resolved));
    assert_eq!(merge(&into, &into, &by()), Err(Refusal::Merge));
}

fn open<'a>(same: Option<&'a Alert>, group: Option<&'a Alert>) -> Open<'a> {
    static ONE: std::sync::LazyLock<Faults> = std::sync::LazyLock::new(Faults::default);
    Open { same, faults: &ONE, group }
}

#[test]
fn an_event_opens_joins_or_ends() {
    let directory = directory();
    let source = AlertSource { group_window: Some(std::time::Duration::from_hours(1)), ..source() };
    let routed = |event: &Event| route(event, &source, &directory, now());
    let does = |event: &Event, same: Option<&Alert>, group: Option<&Alert>| {
        decide(event, &routed(event), &source, open(same, group), "1001", now())
    };
    let Decision::Open { facts } = does(&event(Action::Trigger), None, None) else { panic!("opens") };
    let Fact::Alert(Change::Received { reference, dedup_key, .. }) = &facts[0].0 else { panic!("received first") };
    assert_eq!((reference.as_str(), dedup_key.as_deref()), ("1001", Some("disk")));
    assert_eq!(does(&event(Action::Resolve), None, None), Decision::Nothing);
    assert_eq!(does(&event(Action::Acknowledge), None, Some(&alert(1))), Decision::Nothing);
    assert!(matches!(does(&event(Action::Resolve), Some(&alert(1)), None), Decision::Settle { .. }));
    let mut taken = alert(1);
    taken.status = Status::Acknowledged;
    assert_eq!(does(&event(Action::Acknowledge), Some(&taken), None), Decision::Nothing);
    let over = Alert { status: Status::Resolved, ..alert(1) };
    assert!(matches!(does(&event(Action::Trigger), Some(&over), None), Decision::Open { .. }));
    let joined = |same, group| match does(&event(Action::Trigger), same, group) {
        Decision::Join { alert, facts } => (alert, facts),
        other @ (Decision::Open { .. } | Decision::Settle { .. } | Decision::Nothing) => {
            panic!("{other:?}")
        }
    };
    let group = alert(2);
    assert_eq!(joined(Some(&taken), Some(&group)).0, taken.id, "the same fault before the group");
    assert!(matches!(joined(None, Some(&group)).1[0].0, Fact::Alert(Change::Joined { grouped: true, events: 2, .. })));
}

#[test]
fn a_grouped_alert_is_over_when_its_last_fault_is() {
    let (directory, source) = (directory(), source());
    let (event, group) = (event(Action::Resolve), alert(1));
    let route = route(&event, &source, &directory, now());
    let does =
        |faults: &Faults| decide(&event, &route, &source, Open { same: Some(&group), faults, group: None }, "", now());
    let others = |others: u32, titles: &[&str]| Faults {
        title: Some("Disk".to_owned()),
        others,
        titles: titles.iter().map(|title| (*title).to_owned()).collect(),
        ..Faults::default()
    };
    let told = |faults: &Faults| match does(faults) {
        Decision::Settle { alert, facts } if alert == group.id => {
            facts.into_iter().map(|(fact, _)| fact.sentence()).collect::<Vec<_>>()
        }
        other @ (Decision::Open { .. } | Decision::Join { .. } | Decision::Settle { .. } | Decision::Nothing) => {
            panic!("{other:?}")
        }
    };
    assert_eq!(told(&others(1, &["Mail"])), ["Over: Disk; 1 other still fires: Mail."]);
    assert_eq!(told(&others(4, &["Mail", "Web"])), ["Over: Disk; 4 others still fire: Mail, Web and 2 more."]);
    assert_eq!(told(&others(1_000, &[])), Vec::<String>::new(), "a storm does not fill the timeline");
    assert_eq!(told(&others(1_024, &[])), ["Over: Disk; 1024 others still fire."]);
    assert_eq!(does(&Faults { recovered: true, ..others(2, &[]) }), Decision::Nothing, "said before");
    assert!(told(&others(0, &[]))[0].contains("resolved"), "{:?}", told(&others(0, &[])));
}

#[test]
fn an_alert_of_the_group_takes_events_within_the_window() {
    let directory = directory();
    let source = AlertSource { group_window: Some(std::time::Duration::from_mins(5)), ..source() };
    let (event, group) = (event(Action::Trigger), alert(1));
    let route = route(&event, &source, &directory, now());
    let after = |seconds: i64| {
        let at = group.last_event_at + SignedDuration::from_secs(seconds);
        decide(&event, &route, &source, open(None, Some(&group)), "1001", at)
    };
    assert!(matches!(after(300), Decision::Join { .. }));
    assert!(matches!(after(301), Decision::Open { .. }), "long ago");
    let same = decide(
        &event,
        &route,
        &source,
        open(Some(&group), None),
        "",
        group.last_event_at + SignedDuration::from_hours(9),
    );
    assert!(matches!(same, Decision::Join { .. }), "the same fault, however long ago");
}

#[test]
fn a_storm_does_not_fill_the_timeline_and_worse_is_told() {
    let (directory, source) = (directory(), source());
    let mut one = alert(1);
    let mut told = 0;
    for _ in 0..10_000 {
        let event = event(Action::Trigger);
        let route = route(&event, &source, &directory, now());
        let Decision::Join { facts, .. } = decide(&event, &route, &source, open(Some(&one), None), "", now()) else {
            panic!("joins")
        };
        told += facts.len();
        one.events += 1;
    }
    assert_eq!(told, 13, "the 2nd, 4th … 8192nd");
    let worse = Event { priority: Some(Priority::P1), ..event(Action::Trigger) };
    let known = route(&worse, &source, &directory, now());
    let Decision::Join { facts, .. } = decide(&worse, &known, &source, open(Some(&one), None), "", now()) else {
        panic!("joins")
    };
    assert_eq!(facts[0].0, Fact::AlertUpdated { title: None, priority: Some(Priority::P1) });
}

#[test]
fn routes_say_whose_it_is_and_why() {
    let directory = directory();
    let from = |change: &dyn Fn(&mut Event, &mut AlertSource)| {
        let (mut event, mut source) = (event(Action::Trigger), source());
        change(&mut event, &mut source);
        route(&event, &source, &directory, now())
    };
    let plain = from(&|_, _| {});
    assert_eq!((plain.priority, plain.group_key, plain.policy), (Priority::P3, None, None));
    let by_service = from(&|event, _| event.service = Some("mail".into()));
    assert_eq!(by_service.customer, Some("acme".into()));
    assert_eq!(by_service.priority, Priority::P2);
    let foreign = from(&|event, source| {
        event.customer = Some("bolt".into());
        source.service = Some("mail".into());
    });
    assert_eq!((foreign.customer, foreign.service), (Some("bolt".into()), None));
    assert!(foreign.why.contains("belongs to another customer"));
    let grouped = from(&|event, source| {
        event.group_key = Some("rack-7".to_owned());
        source.group_window = Some(std::time::Duration::from_mins(5));
    });
    assert_eq!(grouped.group_key.as_deref(), Some("source monitor: rack-7"));
    let of_acme = from(&|event, source| {
        event.group_key = Some("rack-7".to_owned());
        event.customer = Some("acme".into());
        source.group_window = Some(std::time::Duration::from_mins(5));
    });
    assert_eq!(of_acme.group_key.as_deref(), Some("source monitor of customer acme: rack-7"), "nobody else's");
    let by_customer = from(&|event, source| {
        event.service = Some("mail".into());
        source.group_window = Some(std::time::Duration::from_mins(5));
    });
    assert_eq!(by_customer.group_key.as_deref(), Some("customer acme, service mail"));
}

/// Alerts by hand and of heartbeats come from sources that nobody configured; what they say of their policy counts.
#[test]
fn a_policy_named_with_the_event_counts() {
    let mut directory = directory();
    for id in ["own", "usual"] {
        let policy = EscalationPolicy {
            id: id.into(),
            name: id.to_owned(),
            steps: Vec::new(),
            repeat: 0,
            unacknowledge_after: None,
        };
        directory.policies.insert(id.into(), policy);
    }
    directory.default_policy = Some("usual".into());
    let by_hand = AlertSource { id: "by-hand".into(), policy: Some("own".into()), ..source() };
    let chosen = route(&event(Action::Trigger), &by_hand, &directory, now());
    assert_eq!(chosen.policy, Some("own".into()));
    assert!(chosen.why.contains("policy `own` by source `by-hand`"), "{}", chosen.why);
    let plain = AlertSource { policy: None, ..by_hand };
    assert_eq!(route(&event(Action::Trigger), &plain, &directory, now()).policy, Some("usual".into()));

    // Later the alert has only the source's name.
    let heartbeat = Heartbeat {
        id: "backup".into(),
        name: "Backup".to_owned(),
        key_sha256: [0; 32],
        every: std::time::Duration::from_mins(5),
        customer: None,
        service: None,
        policy: Some("own".into()),
        priority: Priority::P3,
    };
    directory.heartbeats.insert("backup".into(), heartbeat);
    let silent = Alert { source: Some("heartbeat:backup".into()), ..alert(1) };
    assert_eq!(crate::escalation::choose(&silent, &directory).0, Some("own".into()));
}

#[test]
fn planned_work_is_quiet_and_ends_by_itself() {
    let mut directory = directory();
    directory.maintenance.push(MaintenanceWindow {
        id: "move".to_owned(),
        name: "Move".to_owned(),
        from: later(0),
        to: later(3_600),
        customers: vec!["acme".into()],
        services: vec!["mail".into()],
    });
    let ask = |priority, customer: &str, service: Option<&str>, at| {
        let (customer, service) = (customer.into(), service.map(Into::into));
        let (loud, next, _) = urgency(priority, Some(&customer), service.as_ref(), &directory, at);
        (loud, next)
    };
    assert_eq!(ask(Priority::P1, "acme", Some("mail"), later(-10)), (Urgency::High, Some(later(0))));
    assert_eq!(ask(Priority::P1, "acme", Some("mail"), later(0)), (Urgency::Low, Some(later(3_600))));
    assert_eq!(ask(Priority::P1, "acme", Some("mail"), later(3_600)), (Urgency::High, None));
    assert_eq!(ask(Priority::P1, "acme", None, later(10)), (Urgency::High, None));
    assert_eq!(ask(Priority::P1, "bolt", Some("mail"), later(10)), (Urgency::High, None));
    assert_eq!(ask(Priority::P5, "acme", Some("mail"), later(10)), (Urgency::Low, None));
}

proptest! {
    #[test]
    fn dedup_keys_are_short_trimmed_and_stable(text in "\\PC{0,400}") {
        if let Some(key) = dedup_key(&text) {
            prop_assert!(key.chars().count() <= 255 && !key.is_empty());
        } else {
            prop_assert!(text.trim().is_empty());
        }
    }

    /// Whatever is said in whatever order: resolved stays resolved, and who has it, nobody is asked about.
    #[test]
    fn words_in_any_order_lead_to_a_state_that_makes_sense(words in proptest::collection::vec(0_u8..9, 0..30)) {
        let mut one = alert(1);
        for word in words {
            let command = match word {
                0 => Command::Acknowledge,
                1 => Command::HandBack,
                2 => Command::Escalate,
                3 => Command::Assign("ada".into()),
                4 => Command::Assign("ben".into()),
                5 => Command::Snooze(later(600)),
                6 => Command::Describe { priority: Some(Priority::P1), title: None },
                7 => Command::Comment(Private::from("looking")),
                _ => if one.events == 1 { Command::Acknowledge } else { Command::Resolve },
            };
            one.events += 1;
            let resolved = one.status == Status::Resolved;
            let said = say(&mut one, &command);
            prop_assert!(!resolved || matches!((&command, said), (Command::Comment(_) | Command::Resolve, Ok(_)) | (_, Err(Refusal::Resolved))));
            prop_assert_eq!(one.status == Status::Acknowledged, one.acknowledged_at.is_some() && one.status != Status::Resolved);
            prop_assert!(one.status != Status::Acknowledged || one.snoozed_until.is_none());
        }
    }
}
