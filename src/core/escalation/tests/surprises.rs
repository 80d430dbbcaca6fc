//! What other systems' users complain about must not happen here.

use proptest::prelude::*;

use super::fixture::*;
use crate::alert::{Change, Command, Status};
use crate::escalation::settle;
use crate::fact::{Actor, Fact};

#[test]
fn no_page_after_an_acknowledge_nor_after_a_resolve() {
    let mut story = Story::new(directory());
    story.run(after(10));
    story.say(&Command::Acknowledge, "ada", after(11));
    assert_eq!(story.run(after(1_000_000)), []);
    // Looks that nothing asked for change nothing.
    for second in [12, 300, 900, 5_000] {
        let said = story.look(after(second));
        assert!(said.facts.is_empty() && said.notify.is_empty());
    }
    assert_eq!(story.say(&Command::Acknowledge, "ben", after(20)), 0);
    story.say(&Command::Resolve, "ada", after(30));
    assert_eq!(story.say(&Command::Resolve, "ben", after(31)), 0);
    assert_eq!(story.run(after(2_000_000)), []);
    assert!(story.look(after(40)).facts.is_empty());
}

#[test]
fn the_wait_is_honoured_however_often_somebody_looks() {
    let mut story = Story::new(directory());
    story.look(start());
    for second in 1..300 {
        let said = story.look(after(second));
        assert!(said.facts.is_empty() && said.notify.is_empty(), "at {second} s: {said:?}");
    }
    assert_eq!(story.look(after(300)).facts.len(), 1);
    // An event or comment from outside asks for a look only.
    story.alert.progress.look = Some(after(301));
    assert_eq!(story.run(after(899)), []);
    assert_eq!(story.run(after(900)).len(), 1);
}

#[test]
fn a_snoozed_alert_goes_on_where_it_was() {
    let mut story = Story::new(directory());
    story.run(after(10));
    story.say(&Command::Snooze(after(3_600)), "ada", after(20));
    assert_eq!(story.say(&Command::Snooze(after(3_600)), "ada", after(21)), 0);
    assert_eq!(story.run(after(3_599)), []);
    assert_eq!(story.run(after(3_600)), [(3_600, vec!["BEN by schedule second".to_owned()])]);
    assert!(story.kinds().contains(&"alert-woke"));
    // Taken while it was quiet: it stays with who has it.
    story.say(&Command::Snooze(after(9_000)), "ada", after(4_000));
    story.say(&Command::Acknowledge, "ada", after(4_010));
    assert_eq!(story.run(after(100_000)), []);
    assert_eq!(story.alert.status, Status::Acknowledged);
    // Put off although somebody had it: everybody hears of it when its time has come.
    story.say(&Command::Snooze(after(200_000)), "ada", after(100_000));
    assert_eq!(story.alert.status, Status::Triggered);
    assert_eq!(story.run(after(199_999)), []);
    assert_eq!(story.run(after(200_000)).len(), 1);
}

#[test]
fn an_acknowledge_on_the_telephone_during_a_snooze_is_not_undone_by_its_end() {
    let mut story = Story::new(directory());
    story.run(after(10));
    story.say(&Command::Snooze(after(600)), "ada", after(20));
    // By the journal: no command was asked.
    story.alert.apply(&Fact::AlertAcknowledged { by: Actor::Person("ben".into()) }, after(30));
    assert_eq!(story.run(after(10_000)), []);
    assert_eq!((story.alert.status, story.alert.snoozed_until), (Status::Acknowledged, None));
}

#[test]
fn handed_back_it_goes_to_those_behind_and_round_again() {
    let mut story = Story::new(directory());
    story.run(after(10));
    story.say(&Command::Acknowledge, "ada", after(20));
    story.say(&Command::HandBack, "ada", after(60));
    assert_eq!(story.run(after(60)), [(60, vec!["BEN by schedule second".to_owned()])]);
    // After the very last step it begins anew instead of ending.
    story.run(after(1_300));
    story.say(&Command::Acknowledge, "ada", after(1_400));
    story.say(&Command::HandBack, "ada", after(1_500));
    assert_eq!(story.run(after(1_500)), [(1_500, vec!["ADA by schedule first".to_owned()])]);
}

#[test]
fn escalated_twice_in_a_moment_is_one_step() {
    let mut story = Story::new(directory());
    story.run(after(10));
    assert_eq!(story.say(&Command::Escalate, "ada", after(20)), 1);
    assert_eq!(story.say(&Command::Escalate, "ada", after(20)), 0);
    assert_eq!(story.run(after(20)), [(20, vec!["BEN by schedule second".to_owned()])]);
    // Who has it and wants the next level gives it up.
    story.say(&Command::Acknowledge, "ben", after(30));
    story.say(&Command::Escalate, "ben", after(40));
    assert_eq!(story.alert.status, Status::Triggered);
    assert_eq!(story.run(after(40)).len(), 1);
}

#[test]
fn rung_while_the_database_was_away_it_waits_its_time() {
    let mut story = Story::new(directory());
    let rings = Fact::AlertRings { round: 1, next_at: after(300) };
    story.alert.apply(&rings, after(5));
    assert_eq!(story.run(after(299)), []);
    assert_eq!(story.run(after(300)).len(), 1);
}

#[test]
fn a_clock_that_was_set_back_does_not_silence_anybody() {
    let mut story = Story::new(directory());
    story.alert.progress.due = Some(after(86_400));
    story.alert.progress.round = 1;
    assert_eq!(story.look(start()).facts.len(), 1);
}

#[test]
fn settle_says_what_is_not_needed_any_more() {
    let base = alert();
    let reach = |_: &crate::directory::Contact| true;
    let by = Actor::Login("admin".to_owned());
    let run = |fact: Fact| settle(&base, vec![(fact, String::new())], &directory(), &reach, after(5));
    assert!(run(Fact::AlertAcknowledged { by: by.clone() }).cancel);
    assert!(run(Fact::AlertResolved { by: by.clone() }).cancel);
    assert!(run(Fact::Alert(Change::Snoozed { until: after(900), by: by.clone() })).cancel);
    assert!(!run(Fact::Alert(Change::EscalateNow { by })).cancel);
}

proptest! {
    /// Whatever a policy looks like: a look ends, says why, and says when to look again unless nothing is to be done.
    #[test]
    fn a_look_at_any_policy_ends(
        steps in proptest::collection::vec((0_u8..6, 0_u64..600, 0_u8..3), 0..8),
        repeat in prop_oneof![0_u32..5, Just(u32::MAX)],
        round in prop_oneof![0_u32..9, Just(u32::MAX)],
        step in prop_oneof![0_u32..9, Just(u32::MAX)],
        due in proptest::option::of(0_u64..10_000),
        priority in 0_usize..5,
        loud in any::<bool>(),
    ) {
        let mut directory = directory();
        let steps = steps.into_iter().map(|(kind, wait, rule)| {
            let targets = match kind {
                0 => vec![user("ada")],
                1 => vec![user("gone")],
                2 => Vec::new(),
                3 => vec![crate::escalation::Target::Schedule("empty".into())],
                4 => vec![crate::escalation::Target::Schedule("first".into()), user("ben")],
                _ => vec![crate::escalation::Target::Team("gone".into()), crate::escalation::Target::Channel("gone".into())],
            };
            let mut made = super::fixture::step(targets, std::time::Duration::from_secs(wait));
            match rule {
                0 => {}
                1 => made.urgency = Some(crate::alert::Urgency::High),
                _ => made.priorities = vec![crate::fact::Priority::P1, crate::fact::Priority::P2],
            }
            made
        }).collect();
        directory.policies.insert("any".into(), policy("any", steps, repeat));
        let mut story = Story::new(directory);
        story.alert.policy = Some("any".into());
        story.alert.priority = crate::fact::Priority::ALL[priority];
        story.alert.urgency = if loud { crate::alert::Urgency::High } else { crate::alert::Urgency::Low };
        story.alert.progress.round = round;
        story.alert.progress.step = step;
        story.alert.progress.due = due.map(after);
        let said = story.look(after(5_000));
        prop_assert!(said.facts.len() <= 12, "{} facts", said.facts.len());
        if loud {
            let look = said.progress.look.expect("a loud alert is looked at again");
            prop_assert!(look > after(5_000) && look <= after(5_000 + 600 + 300));
        }
        for (_, why) in &said.facts {
            prop_assert!(!why.is_empty());
        }
        let again = story.look(after(5_000));
        prop_assert!(again.facts.is_empty() && again.notify.is_empty(), "asked twice, it says it twice: {again:?}");
    }
}
