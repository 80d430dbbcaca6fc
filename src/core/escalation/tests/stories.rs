//! Who is told when, and why.

use std::time::Duration;

use super::fixture::*;
use crate::alert::{Change, Command, Urgency};
use crate::directory::{Absence, Address, Channel, Destination, MaintenanceWindow, NotifyRule, Number, Team};
use crate::escalation::{CALL_PATIENCE, Target, choose, outlook};
use crate::fact::{Actor, Fact, Outcome, Priority};
use crate::ids::CallId;
use crate::notify::To;
use crate::private::Private;

fn told(list: &[(i64, &str)]) -> Vec<(i64, Vec<String>)> {
    list.iter().map(|(at, who)| (*at, vec![(*who).to_owned()])).collect()
}

#[test]
fn step_by_step_round_by_round_then_exhausted_once_and_never_given_up() {
    let mut story = Story::new(directory());
    let steps = story.run(after(3_600));
    let (ada, ben) = ("ADA by schedule first", "BEN by schedule second");
    // 5 + 10 min a round, two rounds; exhausted at 30 min, five minutes' pause, again, a pause after that round too.
    assert_eq!(
        steps,
        told(&[(0, ada), (300, ben), (900, ada), (1_200, ben), (2_100, ada), (2_400, ben), (3_300, ada), (3_600, ben)])
    );
    assert_eq!(story.kinds().iter().filter(|kind| **kind == "escalation-exhausted").count(), 1);
    let first = &story.facts[0].2;
    for part in ["policy `two`", "step 1 of round 1", "nobody has the alert", "ada", "schedule `first`"] {
        assert!(first.contains(part), "`{part}` is missing in: {first}");
    }
    let exhausted = &story.facts.iter().find(|(_, fact, _)| fact.kind() == "escalation-exhausted").unwrap().2;
    assert_eq!(
        exhausted,
        "policy `two`: all its steps are done; high urgency: everybody is tried again at 2026-03-02 22:35 UTC"
    );
}

#[test]
fn steps_are_for_their_priorities_and_urgency_only() {
    let mut directory = directory();
    let policy = directory.policies.get_mut(&"two".into()).unwrap();
    policy.steps[0].priorities = vec![Priority::P1];
    policy.steps[1].urgency = Some(Urgency::High);
    let mut story = Story::new(directory);
    assert_eq!(story.run(after(0)), told(&[(0, "BEN by schedule second")]));

    let mut quiet = Story::new(story.directory.clone());
    quiet.alert.priority = Priority::P5;
    quiet.alert.urgency = Urgency::Low;
    assert!(quiet.run(after(100_000)).is_empty());
    assert_eq!(quiet.kinds(), ["escalation-exhausted"]);
    assert_eq!(quiet.alert.progress.look, None);
    assert!(quiet.facts[0].2.contains("no step for P5 at low urgency"), "{}", quiet.facts[0].2);
}

#[test]
fn a_step_that_reaches_nobody_is_told_and_the_next_one_taken_at_once() {
    let mut directory = directory();
    let policy = directory.policies.get_mut(&"two".into()).unwrap();
    policy.steps.insert(0, step(vec![Target::Schedule("empty".into())], minutes(5)));
    policy.steps.insert(1, step(vec![Target::Team("nobody".into())], minutes(5)));
    policy.steps.insert(2, step(Vec::new(), minutes(5)));
    let mut story = Story::new(directory);
    let said = story.look(start());
    assert_eq!(story.kinds(), ["nobody-reached", "nobody-reached", "nobody-reached", "escalation-step"]);
    let whys: Vec<&str> = said.facts.iter().map(|(_, why)| why.as_str()).collect();
    assert!(whys[0].contains("`empty`") && whys[1].contains("team `nobody`") && whys[2].contains("names nobody"));
    assert_eq!(said.progress.due, Some(after(300)));
}

#[test]
fn a_policy_that_reaches_nobody_is_exhausted_at_once_and_tried_for_ever() {
    let mut directory = directory();
    directory.policies.insert("none".into(), policy("none", vec![step(vec![user("gone")], minutes(1)); 3], u32::MAX));
    let mut story = Story::new(directory);
    story.alert.policy = Some("none".into());
    story.run(after(0));
    assert_eq!(story.kinds(), ["nobody-reached", "nobody-reached", "nobody-reached", "escalation-exhausted"]);
    assert_eq!(story.alert.progress.due, Some(after(300)));
    // A night of that does not fill the timeline, and when somebody is there again they are told.
    story.run(after(12 * 3_600));
    assert!(story.facts.len() < 40, "{} facts", story.facts.len());
    story.directory.users.insert("gone".into(), person("gone"));
    let steps = story.run(after(12 * 3_600 + 300));
    assert_eq!(steps.len(), 1);
    assert_eq!(steps[0].1, ["GONE"]);
}

#[test]
fn the_stand_in_is_told_where_the_person_on_call_cannot_be_and_nobody_who_is_away() {
    let mut directory = directory();
    directory.schedules.insert("both".into(), schedule("both", &["ada", "ben", "cem"]));
    directory
        .policies
        .insert("both".into(), policy("both", vec![step(vec![Target::Schedule("both".into())], minutes(5))], 0));
    let mut story = Story::new(directory);
    story.alert.policy = Some("both".into());
    // Week 9 of three people beginning with ada: cem's predecessor… whoever is first is told alone.
    let said = story.look(start());
    let first = match &said.notify[0].to {
        To::Person { user, .. } => user.clone(),
        To::Channel(_) | To::Outside => panic!("a person was expected"),
    };
    assert!(said.notify.iter().all(|planned| planned.key.contains(&format!("/{first}/"))));

    let mut story = Story::new(story.directory);
    story.alert.policy = Some("both".into());
    story.directory.users.get_mut(&first).unwrap().absences =
        vec![Absence { from: after(0), to: after(7_200), reason: "holiday".to_owned() }];
    let said = story.look(start());
    let Some(Fact::Alert(Change::Stepped { targets, .. })) = said.facts.first().map(|(fact, _)| fact) else {
        panic!("{:?}", said.facts)
    };
    assert_eq!(targets.len(), 1);
    assert!(!targets[0].starts_with(&first.0.to_uppercase()));
}

#[test]
fn teams_channels_and_outside_numbers_are_told_and_nobody_twice() {
    let mut directory = directory();
    let team = Team { id: "ops".into(), name: "Ops".to_owned(), members: vec!["ada".into(), "ben".into()] };
    directory.teams.insert("ops".into(), team);
    let room = Address::Slack(Private::from("C012345"));
    directory.channels.insert("room".into(), Channel { id: "room".into(), name: "Room".to_owned(), address: room });
    let targets = vec![
        user("ada"),
        Target::Team("ops".into()),
        Target::Channel("room".into()),
        Target::Number(Destination::Sip("sip:partner@127.0.0.1".to_owned())),
    ];
    directory.policies.insert("all".into(), policy("all", vec![step(targets, minutes(5))], 0));
    let mut story = Story::new(directory);
    story.alert.policy = Some("all".into());
    let said = story.look(start());
    // Two contacts for each of two people, a room, a number.
    assert_eq!(said.notify.len(), 6);
    let Fact::Alert(Change::Stepped { targets, .. }) = &said.facts[0].0 else { panic!("{:?}", said.facts) };
    assert_eq!(targets, &["ADA", "BEN of team ops", "channel room", "an external number"]);
    story.dead = vec![Address::Slack(Private::from("C012345"))];
    assert!(said.notify.iter().all(|planned| planned.why.contains("policy `all`")));
}

#[test]
fn an_acknowledged_alert_comes_back_after_the_policys_time() {
    let mut directory = directory();
    directory.policies.get_mut(&"two".into()).unwrap().unacknowledge_after = Some(minutes(30));
    let mut story = Story::new(directory);
    story.run(after(10));
    story.say(&Command::Acknowledge, "ada", after(60));
    assert_eq!(story.alert.progress.look, Some(after(60 + 1_800)));
    assert_eq!(story.run(after(60 + 1_799)), []);
    let steps = story.run(after(60 + 1_800));
    assert_eq!(steps, told(&[(1_860, "ADA by schedule first")]));
    assert!(story.facts.iter().any(|(_, fact, why)| fact.kind() == "alert-unacknowledged"
        && why == "acknowledged 30 min ago and still open: policy `two` begins anew"));
}

#[test]
fn support_hours_or_the_end_of_maintenance_make_it_loud_and_everybody_is_told_anew() {
    let mut directory = directory();
    directory.maintenance = vec![MaintenanceWindow {
        id: "move".to_owned(),
        name: "Move".to_owned(),
        from: start(),
        to: after(7_200),
        customers: vec!["acme".into()],
        services: Vec::new(),
    }];
    let mut story = Story::new(directory);
    story.alert.customer = Some("acme".into());
    story.alert.urgency = Urgency::Low;
    let quiet = story.run(after(7_199));
    assert_eq!(quiet.len(), 4, "told by mail, two rounds: {quiet:?}");
    assert!(story.keys.iter().all(|key| key.ends_with("/mail")));
    let loud = story.run(after(7_200));
    assert_eq!(loud, told(&[(7_200, "ADA by schedule first")]));
    assert!(story.keys.iter().any(|key| key.ends_with("ada/call")));
    assert!(story.kinds().contains(&"alert-urgency"));
}

#[test]
fn a_calls_alert_waits_for_its_call_then_is_routed_with_its_reasons() {
    let mut directory = directory();
    directory.numbers.insert(
        "hotline".into(),
        Number {
            id: "hotline".into(),
            policy: Some("two".into()),
            schedule: Some("first".into()),
            ..Number::default()
        },
    );
    let mut story = Story::new(directory);
    story.alert.source = None;
    story.alert.number = Some("hotline".into());
    story.alert.call = Some(CallId(uuid::Uuid::from_u128(1)));
    story.alert.call_running = true;
    story.alert.policy = None;
    assert_eq!(story.run(after(60)), []);
    assert_eq!(story.alert.progress.look, start().checked_add(CALL_PATIENCE).ok());
    let mut stuck = Story { alert: story.alert.clone(), ..Story::new(story.directory.clone()) };
    assert_eq!(stuck.run(after(CALL_PATIENCE.as_secs())).len(), 1, "a call that never ends holds nothing up for ever");

    story.alert.apply(&Fact::CallEnded { outcome: Outcome::Voicemail }, after(61));
    story.alert.progress.look = Some(after(61));
    assert_eq!(story.run(after(61)), told(&[(61, "ADA by schedule first")]));
    assert_eq!(story.kinds(), ["alert-routed", "escalation-step"]);
    assert!(story.facts[0].2.starts_with("policy `two` by number `hotline`; urgency high"), "{}", story.facts[0].2);
}

#[test]
fn without_policy_a_numbers_schedule_is_told_again_and_again() {
    let mut directory = directory();
    directory
        .numbers
        .insert("hotline".into(), Number { id: "hotline".into(), schedule: Some("first".into()), ..Number::default() });
    directory.default_policy = Some("two".into());
    let mut story = Story::new(directory);
    story.alert.source = None;
    story.alert.number = Some("hotline".into());
    story.alert.policy = None;
    let steps = story.run(after(1_500));
    assert_eq!(steps.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [0, 300, 600, 900, 1_200, 1_500]);
    assert!(!story.kinds().contains(&"escalation-exhausted"));
}

#[test]
fn an_alert_that_nothing_routes_says_so_until_somebody_mends_it() {
    let mut directory = directory();
    directory.policies.clear();
    let mut story = Story::new(directory);
    story.run(after(1_000));
    assert_eq!(story.kinds(), ["alert-routed", "escalation-exhausted"]);
    assert!(story.facts[0].2.starts_with("policy `two` is not there any more; no policy"), "{}", story.facts[0].2);
    story.directory.policies.insert("new".into(), policy("new", vec![step(vec![user("cem")], minutes(5))], 0));
    story.directory.default_policy = Some("new".into());
    assert_eq!(story.run(after(1_300)), told(&[(1_200, "CEM")]));
    assert!(story.facts.iter().any(|(_, _, why)| why.starts_with("policy `new` by default")));
}

#[test]
fn the_choice_goes_by_number_source_service_customer_default() {
    let mut directory = directory();
    for id in ["n", "s", "c", "d"] {
        directory.policies.insert(id.into(), policy(id, Vec::new(), 0));
    }
    directory.numbers.insert("num".into(), Number { id: "num".into(), policy: Some("n".into()), ..Number::default() });
    let customer = crate::directory::Customer { id: "acme".into(), policy: Some("c".into()), ..Default::default() };
    directory.customers.insert("acme".into(), customer);
    let service = |policy: Option<&str>| crate::directory::Service {
        id: "mail".into(),
        name: "Mail".to_owned(),
        customer: Some("acme".into()),
        team: None,
        policy: policy.map(Into::into),
        support: None,
        priority: None,
        ..Default::default()
    };
    directory.services.insert("mail".into(), service(Some("s")));
    directory.default_policy = Some("d".into());
    let mut one = alert();
    one.policy = None;
    one.service = Some("mail".into());
    one.number = Some("num".into());
    assert_eq!(choose(&one, &directory), (Some("n".into()), "policy `n` by number `num`".to_owned()));
    one.number = None;
    assert_eq!(choose(&one, &directory).1, "policy `s` by service `mail`");
    directory.services.insert("mail".into(), service(None));
    assert_eq!(choose(&one, &directory).1, "policy `c` by customer `acme`");
    directory.policies.remove(&"c".into());
    assert_eq!(choose(&one, &directory).1, "policy `d` by default; policy `c` by customer `acme` is not there");
}

#[test]
fn given_to_somebody_they_are_told_and_have_their_time() {
    let mut story = Story::new(directory());
    story.run(after(10));
    assert_eq!(story.say(&Command::Assign("cem".into()), "ada", after(20)), 1);
    assert!(story.keys.iter().any(|key| key.contains("/cem/call")));
    assert_eq!(story.run(after(20 + 299)), []);
    assert_eq!(story.run(after(20 + 300)), told(&[(320, "BEN by schedule second")]));
    assert_eq!(story.say(&Command::Assign("cem".into()), "ada", after(400)), 0, "said twice");
    // To somebody who can't be told: the next step is taken at once.
    story.directory.users.get_mut(&"ben".into()).unwrap().contacts.clear();
    story.say(&Command::Assign("ben".into()), "ada", after(400));
    assert_eq!(story.alert.progress.look, Some(after(400)));
    // To oneself: it is taken.
    story.say(&Command::Assign("ada".into()), "ada", after(410));
    assert_eq!(story.alert.status, crate::alert::Status::Acknowledged);
}

#[test]
fn what_comes_next_is_said_in_words() {
    let mut story = Story::new(directory());
    let say = |story: &Story, now| outlook(&story.alert, &story.directory, AGAIN, now).0;
    assert_eq!(say(&story, start()), "step 1 of round 1 by policy `two`, ADA by schedule `first`, now");
    story.look(start());
    assert_eq!(
        say(&story, after(10)),
        "step 2 of round 1 by policy `two`, BEN by schedule `second`, at 2026-03-02 22:05 UTC"
    );
    story.run(after(300));
    assert_eq!(
        say(&story, after(310)),
        "step 1 of round 2 by policy `two`, ADA by schedule `first`, at 2026-03-02 22:15 UTC"
    );
    story.run(after(1_200));
    assert!(say(&story, after(1_210)).starts_with("policy `two` is at its end at 2026-03-02 22:30 UTC"));
    story.say(&Command::Acknowledge, "ada", after(1_300));
    assert_eq!(say(&story, after(1_310)), "nothing by itself: somebody has it");
    story.say(&Command::Resolve, "ada", after(1_320));
    assert_eq!(outlook(&story.alert, &story.directory, AGAIN, after(1_330)), ("nothing: it is over".to_owned(), None));
}

#[test]
fn own_rules_say_by_what_and_when() {
    let mut directory = directory();
    let ada = directory.users.get_mut(&"ada".into()).unwrap();
    ada.contacts.push(contact("sms", Address::Sms(Private::from("+4915100000001"))));
    let rule = |contact: &str, after: u64, urgency| NotifyRule {
        urgency,
        after: Duration::from_secs(after),
        contact: contact.to_owned(),
    };
    ada.rules = vec![rule("call", 120, Some(Urgency::High)), rule("sms", 0, None), rule("call", 240, None)];
    let mut story = Story::new(directory);
    let said = story.look(start());
    let due: Vec<_> =
        said.notify.iter().map(|one| (one.address.kind(), one.due.duration_since(start()).as_secs())).collect();
    assert_eq!(due, [("sms", 0), ("call", 120), ("call", 240)]);
    assert!(said.notify[1].why.ends_with("call by their own rule, 2 min later"), "{}", said.notify[1].why);
    // Rules that reach nothing give way where it is loud.
    let dead = vec![
        Address::Sms(Private::from("+4915100000001")),
        Address::Call(Destination::Sip("sip:ada@127.0.0.1".to_owned())),
    ];
    let mut story = Story { dead, ..Story::new(story.directory) };
    let said = story.look(start());
    assert_eq!(said.notify.iter().map(|one| one.address.kind()).collect::<Vec<_>>(), ["email"]);
    assert!(said.notify[0].why.contains("left out: sms can't be reached now, call can't be reached now"));
    let _ = Actor::System;
}
