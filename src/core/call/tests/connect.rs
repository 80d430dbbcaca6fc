//! Calling people while the caller waits.

use std::time::Duration;

use crate::alert::Change;
use crate::audio::Codec;
use crate::audio::machine::Hint;
use crate::audio::quality::LegQuality;
use crate::call::flow::{Connect, ConnectTarget, Node};
use crate::call::people::Callees;
use crate::call::prompt::{Prompt, say};
use crate::call::{Event, Timer};
use crate::directory::Destination;
use crate::fact::{Actor, Fact, LegCause, Outcome};
use crate::ids::LegId;

use super::fixture::{self, connect, flow, number, on_call, secs, speak, with};
use super::line::Line;

fn ada() -> Destination {
    Destination::Phone("ada".into())
}

fn ben() -> Destination {
    Destination::Phone("ben".into())
}

fn knock() -> [Prompt; 2] {
    [speak(say::ENGINEER_KNOCK), Prompt::Silence(Duration::from_secs(2))]
}

fn briefing() -> Vec<Prompt> {
    vec![
        speak(say::ENGINEER_CALL_FROM),
        Prompt::Name("Acme Logistics".into()),
        speak(say::ENGINEER_NOTHING_SAID),
        speak(say::ENGINEER_JOIN),
        Prompt::Silence(Duration::from_secs(4)),
        speak(say::ENGINEER_KEYS),
        speak(say::ENGINEER_JOIN),
    ]
}

fn message() -> [Prompt; 2] {
    [speak(say::VOICEMAIL), Prompt::Beep]
}

fn waiting_in(node: Connect, people: &[&str]) -> Line {
    let mut line = Line::rings(flow([("engineer", Node::Connect(node))]));
    line.answered().hears_all(&[speak(say::CALLING_ENGINEER), speak(say::LEAVE_QUEUE), Prompt::Music]);
    line.on_call(people);
    line
}

fn waiting(people: &[&str]) -> Line {
    waiting_in(connect(), people)
}

fn acknowledged(fact: &Fact) -> bool {
    matches!(fact, Fact::AlertAcknowledged { .. })
}

#[test]
fn one_tells_who_calls_and_one_joins() {
    let mut line = waiting(&["ada", "ben"]);
    line.calls(1, &ada()).because("ada is on call by rota").picks_up(1).leg_hears(1, &knock());
    line.never_kept(|fact| matches!(fact, Fact::LegAccepted { .. }));
    line.at_leg_presses(1, '1').leg_hears(1, &briefing()).at_leg_presses(1, '1').stops_playing(1);
    line.kept(|fact| *fact == Fact::LegAccepted { leg: LegId(1), person: Some("ada".into()) });
    line.never_kept(acknowledged);
    line.hears(&[say::CONNECTING]).leg_hears(1, &[speak(say::ENGINEER_JOINED)]).listens().joins(1);
    line.kept(|fact| *fact == Fact::AlertAcknowledged { by: Actor::Person("ada".into()) });
    let view = line.call.view();
    assert_eq!((view.state.as_str(), view.person), ("with", Some("ada".into())));
    line.waits(secs(7200)).leg_ends(1, LegCause::HungUp).ends_leg(0).is_over(Outcome::Taken);
}

#[test]
fn who_accepts_and_is_gone_before_being_joined_has_nothing() {
    let mut line = waiting(&["ada", "ben"]);
    line.calls(1, &ada()).picks_up(1).leg_hears(1, &knock()).at_leg_presses(1, '1').leg_hears(1, &briefing());
    line.leg_listens(1).at_leg_presses(1, '1').hears(&[say::CONNECTING]).leg_hears(1, &[speak(say::ENGINEER_JOINED)]);
    line.leg_ends(1, LegCause::HungUp).hears_all(&[speak(say::STILL_TRYING), Prompt::Music]).calls(2, &ben());
    line.never_kept(acknowledged);
}

#[test]
fn whoever_hangs_up_the_other_leg_is_ended() {
    let mut line = waiting(&["ada"]);
    line.calls(1, &ada()).picks_up(1).leg_hears(1, &knock()).at_leg_presses(1, '1').leg_hears(1, &briefing());
    line.leg_listens(1).at_leg_presses(1, '1').hears(&[say::CONNECTING]).leg_hears(1, &[speak(say::ENGINEER_JOINED)]);
    line.listens().joins(1).hangs_up().ends_leg(1).is_over(Outcome::Taken);
}

#[test]
fn what_sounds_like_a_mailbox_is_noted_and_changes_nothing() {
    let mut line = waiting(&["ada", "ben"]);
    let beep = |leg| Event::Machine { leg: LegId(leg), hint: Hint::Beep { speech: secs(6) } };
    line.calls(1, &ada()).told(beep(1)).told(beep(0));
    line.never_kept(|fact| matches!(fact, Fact::Step { what, .. } if what.contains("mailbox")));
    line.picks_up(1).leg_hears(1, &knock()).told(beep(1));
    line.kept(|fact| {
        matches!(fact, Fact::Step { what, .. } if what == "leg 1 sounds like a mailbox: a beep after 6 s of speech")
    });
    // A person after all.
    line.at_leg_presses(1, '1').leg_hears(1, &briefing());
}

#[test]
fn how_a_leg_sounded_is_kept() {
    let mut line = waiting(&["ada"]);
    let quality = LegQuality {
        codec: Codec::Pcmu,
        sent: 10,
        received: 10,
        lost: 0,
        jitter_ms: 1.0,
        told: None,
        round_trip_ms: None,
    };
    line.calls(1, &ada()).picks_up(1).leg_hears(1, &knock());
    line.told(Event::LegQuality { leg: LegId(1), quality });
    line.kept(|fact| *fact == Fact::LegQuality { leg: LegId(1), quality });
}

#[test]
fn phones_are_tried_in_order_then_people_then_rounds() {
    let mut line = waiting(&["ada", "ben"]);
    line.calls(1, &ada()).waits(secs(25)).ends_leg(1).because("rang 25 s without an answer");
    line.kept(|fact| *fact == Fact::LegEnded { leg: LegId(1), cause: LegCause::NoAnswer });
    line.calls(2, &number("+491715550001")).leg_ends(2, LegCause::Busy).calls(3, &ben());
    line.leg_ends(3, LegCause::Unreachable { reason: "not registered".to_owned() });
    line.calls(4, &number("+491715550002")).hears_comfort().leg_ends(4, LegCause::Rejected { status: 603 });
    line.on_call(&["ben"]).because("round 2").calls(5, &ben()).leg_ends(5, LegCause::Busy);
    line.calls(6, &number("+491715550002")).leg_ends(6, LegCause::Busy).stops_playing(0);
    line.because("nobody accepted in 2 rounds").hears_all(&message());
}

impl Line {
    /// Half a minute of music, then a word.
    #[track_caller]
    fn hears_comfort(&mut self) -> &mut Self {
        self.waits(secs(5)).hears_all(&[speak(say::STILL_TRYING), Prompt::Music])
    }
}

#[test]
fn who_is_busy_is_tried_again_when_they_may_be_free() {
    let mut line = waiting(&["ben"]);
    line.calls(1, &ben()).leg_ends(1, LegCause::Busy).calls(2, &number("+491715550002"));
    line.leg_ends(2, LegCause::Unreachable { reason: "trunk down".to_owned() }).because("somebody is busy");
    line.waits(secs(25)).on_call(&["ben"]).calls(3, &ben());
}

#[test]
fn a_mailbox_is_not_a_person() {
    let mut line = waiting_in(Connect { accept_wait: secs(12), ..connect() }, &["ada", "ben"]);
    line.calls(1, &ada()).picks_up(1);
    for _knock in 0..4 {
        line.leg_hears(1, &knock()).leg_listens(1);
    }
    line.leg_hears(1, &knock()).leg_listens(1).quiet().next_timer(Timer::Accept, secs(12)).waits(secs(12));
    line.ends_leg(1).because("answered but nobody pressed 1 (a mailbox?)").calls(2, &number("+491715550001"));
    line.never_kept(acknowledged);
}

#[test]
fn two_declines_at_the_knock_or_after_it_and_is_not_called_again() {
    let mut line = waiting(&["ada", "ben"]);
    line.calls(1, &ada()).picks_up(1).leg_hears(1, &knock()).at_leg_presses(1, '2');
    line.leg_hears(1, &[speak(say::ENGINEER_DECLINED)]).calls(2, &ben()).leg_listens(1).ends_leg(1);
    line.kept(|fact| *fact == Fact::LegDeclined { leg: LegId(1), person: Some("ada".into()) });
    line.picks_up(2).leg_hears(2, &knock()).at_leg_presses(2, '1').leg_hears(2, &briefing()).at_leg_presses(2, '2');
    line.leg_hears(2, &[speak(say::ENGINEER_DECLINED)]).stops_playing(0).hears_all(&message());
    line.because("everybody declined").never_kept(acknowledged);
}

#[test]
fn a_person_who_listens_and_does_not_decide_is_given_up() {
    let mut line = waiting(&["ada", "ben"]);
    line.calls(1, &ada()).picks_up(1).leg_hears(1, &knock()).at_leg_presses(1, '1').leg_hears(1, &briefing());
    line.leg_listens(1).waits(secs(20)).ends_leg(1).because("pressed neither 1 nor 2").calls(2, &ben());
}

#[test]
fn a_caller_who_hangs_up_leaves_the_alert_open_and_the_engineer_is_told() {
    let mut line = waiting(&["ada"]);
    line.calls(1, &ada()).picks_up(1).leg_hears(1, &knock()).at_leg_presses(1, '1').leg_hears(1, &briefing());
    line.hangs_up().leg_hears(1, &[speak(say::ENGINEER_CALLER_GONE)]).leg_listens(1).ends_leg(1);
    line.never_kept(acknowledged).is_over(Outcome::Abandoned);
    // Before the first key it may be a mailbox: nothing more is said.
    let mut line = waiting(&["ada"]);
    line.calls(1, &ada()).picks_up(1).leg_hears(1, &knock()).hangs_up().ends_leg(1).is_over(Outcome::Abandoned);
    let mut line = waiting(&["ada"]);
    line.calls(1, &ada()).hangs_up().ends_leg(1).is_over(Outcome::Abandoned);
}

#[test]
fn a_caller_who_hangs_up_while_being_joined_leaves_the_alert_with_the_engineer() {
    let mut line = waiting(&["ada"]);
    line.calls(1, &ada()).picks_up(1).leg_hears(1, &knock()).at_leg_presses(1, '1').leg_hears(1, &briefing());
    line.at_leg_presses(1, '1').stops_playing(1).hears(&[say::CONNECTING]).leg_hears(1, &[speak(say::ENGINEER_JOINED)]);
    line.hangs_up().leg_hears(1, &[speak(say::ENGINEER_CALLER_GONE), speak(say::ALERT_ACKNOWLEDGED)]);
    line.leg_listens(1).ends_leg(1).kept(acknowledged).is_over(Outcome::Abandoned);
}

#[test]
fn an_engineer_who_is_gone_before_being_joined_is_followed_by_the_next() {
    let mut line = waiting(&["ada", "ben"]);
    line.calls(1, &ada()).picks_up(1).leg_hears(1, &knock()).at_leg_presses(1, '1').leg_hears(1, &briefing());
    line.at_leg_presses(1, '1').stops_playing(1).hears(&[say::CONNECTING]).leg_hears(1, &[speak(say::ENGINEER_JOINED)]);
    line.leg_ends(1, LegCause::HungUp).hears_all(&[speak(say::STILL_TRYING), Prompt::Music]).calls(2, &ben());
}

#[test]
fn the_caller_may_leave_the_queue() {
    let mut line = waiting(&["ada"]);
    line.calls(1, &ada()).presses("5").presses("#").ends_leg(1).stops_playing(0).hears_all(&message());
    line.because("pressed #: leaves the queue");
}

#[test]
fn answered_while_being_cancelled_is_hung_up_as_well() {
    let mut line = waiting(&["ada"]);
    line.calls(1, &ada()).waits(secs(24)).waits(secs(1));
    line.does(&crate::call::Command::HangUp { leg: LegId(1) }).calls(2, &number("+491715550001"));
    line.told(Event::LegAnswered { leg: LegId(1) }).ends_leg(1).because("while it was being cancelled");
    line.told(Event::Digit { leg: LegId(1), digit: '1' }).quiet();
}

#[test]
fn the_alert_taken_elsewhere_does_not_leave_the_caller_alone() {
    let mut line = waiting(&["ada"]);
    line.calls(1, &ada()).told(Event::AlertTaken).because("the caller still waits").quiet();
    line.picks_up(1).leg_hears(1, &knock());
}

#[test]
fn the_nodes_own_time_waits_for_the_person_who_listens() {
    let node = Connect { budget: secs(40), ..connect() };
    let mut line = waiting_in(node.clone(), &["ada", "ben"]);
    line.calls(1, &ada()).waits(secs(25)).ends_leg(1).calls(2, &number("+491715550001")).picks_up(2);
    line.leg_hears(2, &knock()).at_leg_presses(2, '1').leg_hears(2, &briefing()).hears_comfort().waits(secs(10));
    line.because("waits for the person who listens")
        .at_leg_presses(2, '2')
        .leg_hears(2, &[speak(say::ENGINEER_DECLINED)]);
    line.stops_playing(0).hears_all(&message());
    let mut line = waiting_in(node, &["ada"]);
    line.calls(1, &ada()).waits(secs(25)).ends_leg(1).calls(2, &number("+491715550001")).hears_comfort();
    line.waits(secs(10)).ends_leg(2).stops_playing(0).hears_all(&message()).because("nobody accepted within 40 s");
}

#[test]
fn the_flows_budget_ends_the_hunt_but_not_the_conversation() {
    let mut nodes = flow([("engineer", Node::Connect(Connect { comfort_every: secs(0), ..connect() }))]);
    nodes.budget = secs(10);
    let mut line = Line::rings(nodes.clone());
    line.answered().hears_all(&[speak(say::CALLING_ENGINEER), speak(say::LEAVE_QUEUE), Prompt::Music]);
    line.on_call(&["ada"]).calls(1, &ada()).waits(secs(10)).stops_playing(0).ends_leg(1).hears_all(&message());
    let mut line = Line::rings(nodes);
    line.answered().hears_all(&[speak(say::CALLING_ENGINEER), speak(say::LEAVE_QUEUE), Prompt::Music]);
    line.on_call(&["ada"]).calls(1, &ada()).picks_up(1).leg_hears(1, &knock()).at_leg_presses(1, '1');
    line.leg_hears(1, &briefing()).at_leg_presses(1, '1').stops_playing(1).hears(&[say::CONNECTING]);
    line.leg_hears(1, &[speak(say::ENGINEER_JOINED)])
        .waits(secs(10))
        .quiet()
        .listens()
        .joins(1)
        .waits(secs(9000))
        .quiet();
}

#[test]
fn nobody_on_call_leads_to_a_message_at_once() {
    let mut line = waiting(&[]);
    line.stops_playing(0).because("the rota rota is empty").hears_all(&message());
}

#[test]
fn a_lost_answer_who_is_on_call_leads_on() {
    let mut line = Line::rings(flow([("engineer", Node::Connect(connect()))]));
    line.answered().hears_all(&[speak(say::CALLING_ENGINEER), speak(say::LEAVE_QUEUE), Prompt::Music]);
    assert!(matches!(line.call.poll_timeout(), Some((_, Timer::Stuck))));
    line.forgets_a_question().waits(secs(5)).stops_playing(0).hears_all(&message()).because("not answered within 5 s");
}

#[test]
fn a_hang_up_that_is_never_confirmed_does_not_keep_the_call() {
    let mut line = waiting(&["ada"]);
    line.calls(1, &ada()).hangs_up().does(&crate::call::Command::HangUp { leg: LegId(1) }).waits(secs(10));
    line.is_over(Outcome::Abandoned);
}

fn fixed(target: Destination) -> Line {
    let node = Connect { target: ConnectTarget::Fixed(target), confirm: false, leave_key: None, ..connect() };
    let mut line = Line::from(with(flow([("pbx", Node::Connect(node))])), Some("+49305550101"));
    line.answered();
    line
}

#[test]
fn a_fixed_sip_address_may_be_joined_when_it_answers() {
    let target = Destination::Sip("sip:queue@192.0.2.9".to_owned());
    let mut line = fixed(target.clone());
    line.hears_all(&[Prompt::Music]).calls(1, &target).picks_up(1).joins(1).never_kept(acknowledged);
    line.leg_ends(1, LegCause::HungUp).ends_leg(0).is_over(Outcome::Taken);
}

#[test]
fn a_persons_phone_is_never_joined_without_a_key_whatever_the_flow_says() {
    let mut line = fixed(ada());
    line.hears_all(&[speak(say::CALLING_ENGINEER), Prompt::Music]).calls(1, &ada()).picks_up(1).leg_hears(1, &knock());
}

/// Ada has the caller.
fn in_conversation(people: &[&str]) -> Line {
    let mut line = waiting(people);
    line.calls(1, &ada()).picks_up(1).leg_hears(1, &knock()).at_leg_presses(1, '1').leg_hears(1, &briefing());
    line.leg_listens(1).at_leg_presses(1, '1').hears(&[say::CONNECTING]).leg_hears(1, &[speak(say::ENGINEER_JOINED)]);
    line.listens().joins(1);
    line
}

fn star(line: &mut Line, leg: u32, digit: char) {
    line.at_leg_presses(leg, '*').at_leg_presses(leg, digit);
}

#[test]
fn star_two_hands_the_caller_back_to_the_next() {
    let mut line = in_conversation(&["ada", "ben"]);
    star(&mut line, 1, '2');
    line.leg_hears(1, &[speak(say::ENGINEER_HANDED_BACK)]).hears_all(&[speak(say::HANDED_BACK), Prompt::Music]);
    let by = Actor::Person("ada".into());
    line.kept(|fact| *fact == Fact::Alert(Change::Unacknowledged { by: by.clone() }));
    line.calls(2, &ben()).leg_listens(1).ends_leg(1).picks_up(2).leg_hears(2, &knock()).at_leg_presses(2, '1');
    line.leg_hears(2, &briefing()).at_leg_presses(2, '1').stops_playing(2).hears(&[say::CONNECTING]);
    line.leg_hears(2, &[speak(say::ENGINEER_JOINED)]).listens().joins(2);
    line.kept(|fact| *fact == Fact::AlertAcknowledged { by: Actor::Person("ben".into()) });
    line.leg_ends(2, LegCause::HungUp).ends_leg(0).is_over(Outcome::Taken);
}

#[test]
fn handed_back_to_nobody_leads_to_a_message_and_is_not_taken() {
    let mut line = in_conversation(&["ada"]);
    star(&mut line, 1, '2');
    line.leg_hears(1, &[speak(say::ENGINEER_HANDED_BACK)]).hears_all(&[speak(say::HANDED_BACK), Prompt::Music]);
    line.because("everybody declined").stops_playing(0).hears_all(&message());
    line.leg_listens(1).ends_leg(1).hangs_up().is_over(Outcome::Abandoned);
}

#[test]
fn the_budget_counts_again_after_a_conversation_of_hours() {
    let mut line = in_conversation(&["ada", "ben"]);
    line.waits(secs(7200)).quiet();
    star(&mut line, 1, '2');
    line.leg_hears(1, &[speak(say::ENGINEER_HANDED_BACK)]).hears_all(&[speak(say::HANDED_BACK), Prompt::Music]);
    line.calls(2, &ben()).leg_listens(1).ends_leg(1).waits(secs(25)).ends_leg(2).calls(3, &number("+491715550002"));
}

#[test]
fn star_one_brings_in_the_next_level_while_the_two_talk() {
    let mut line = in_conversation(&["ada", "ben"]);
    star(&mut line, 1, '1');
    line.leg_hears(1, &[speak(say::ENGINEER_NEXT_CALLED)]).calls(2, &ben()).picks_up(2).leg_hears(2, &knock());
    line.at_leg_presses(2, '1').leg_hears(2, &briefing()).at_leg_presses(2, '1').stops_playing(2).joins(2);
    line.leg_hears(1, &[speak(say::ENGINEER_NEXT_THERE)]);
    let assigned = Change::Assigned { to: "ben".into(), by: Actor::Person("ada".into()) };
    line.kept(|fact| *fact == Fact::Alert(assigned.clone())).leg_listens(1).ends_leg(1);
    assert_eq!(line.call.view().person, Some("ben".into()));
    line.hangs_up().ends_leg(2).is_over(Outcome::Taken);
}

#[test]
fn star_one_without_a_next_level_leaves_the_two_talking() {
    let mut line = in_conversation(&["ada"]);
    star(&mut line, 1, '1');
    line.leg_hears(1, &[speak(say::ENGINEER_NEXT_CALLED)]).leg_hears(1, &[speak(say::ENGINEER_NEXT_NOBODY)]);
    line.because("the two talk on").leg_listens(1).leg_ends(1, LegCause::HungUp).ends_leg(0).is_over(Outcome::Taken);
}

#[test]
fn who_hangs_up_while_the_next_level_is_called_leaves_the_caller_waiting_for_it() {
    let mut line = in_conversation(&["ada", "ben"]);
    star(&mut line, 1, '1');
    line.leg_hears(1, &[speak(say::ENGINEER_NEXT_CALLED)]).calls(2, &ben()).leg_ends(1, LegCause::HungUp);
    line.hears_all(&[speak(say::STILL_TRYING), Prompt::Music]).picks_up(2).leg_hears(2, &knock());
    line.kept(|fact| matches!(fact, Fact::Alert(Change::Unacknowledged { .. })));
}

#[test]
fn star_three_closes_the_report() {
    let mut line = in_conversation(&["ada"]);
    star(&mut line, 1, '3');
    line.leg_hears(1, &[speak(say::ENGINEER_RESOLVED)]).hears(&[say::REPORT_CLOSED]);
    line.kept(|fact| *fact == Fact::AlertResolved { by: Actor::Person("ada".into()) });
    line.leg_listens(1).ends_leg(1).listens().ends_leg(0).is_over(Outcome::Taken);
}

#[test]
fn keys_without_a_star_or_long_after_it_do_nothing() {
    let mut line = in_conversation(&["ada", "ben"]);
    line.at_leg_presses(1, '2').at_leg_presses(1, '*').waits(secs(4)).at_leg_presses(1, '2').presses("*2").quiet();
    line.at_leg_presses(1, '*').at_leg_presses(1, '9').at_leg_presses(1, '2').quiet();
}

/// Those of the first step are rung at once.
fn policy() -> Line {
    let node = Connect { target: ConnectTarget::Policy("urgent".into()), ..connect() };
    let mut line = Line::from(with(flow([("engineer", Node::Connect(node))])), Some("+49305550101"));
    line.answered().hears_all(&[speak(say::CALLING_ENGINEER), speak(say::LEAVE_QUEUE), Prompt::Music]);
    let callees = on_call(&fixture::directory(), &["ada", "ben"]);
    let mut callees = Callees::from(callees);
    callees.groups = vec![callees.groups.into_iter().flatten().collect()];
    line.finds(callees).calls(1, &ada()).calls(2, &ben());
    line
}

#[test]
fn of_those_rung_at_once_the_first_to_accept_has_it_and_the_others_are_released() {
    let mut line = policy();
    line.picks_up(1).leg_hears(1, &knock()).picks_up(2).leg_hears(2, &knock()).at_leg_presses(1, '1');
    line.leg_hears(1, &briefing()).at_leg_presses(2, '1').leg_hears(2, &briefing()).at_leg_presses(2, '1');
    line.stops_playing(2).leg_hears(1, &[speak(say::ENGINEER_TAKEN)]).hears(&[say::CONNECTING]);
    line.leg_hears(2, &[speak(say::ENGINEER_JOINED)]).leg_listens(1).ends_leg(1).listens().joins(2);
    assert_eq!(line.call.view().person, Some("ben".into()));
}

#[test]
fn each_of_those_rung_at_once_has_their_own_time_and_their_own_phones() {
    let mut line = policy();
    line.waits(secs(10)).leg_ends(2, LegCause::Busy).calls(3, &number("+491715550002")).waits(secs(15)).ends_leg(1);
    line.calls(4, &number("+491715550001")).hears_comfort().waits(secs(5)).ends_leg(3).waits(secs(15)).ends_leg(4);
    // Somebody was busy, and the round has lasted long enough: the second begins at once.
    line.finds(Callees::default()).calls(5, &ada()).calls(6, &ben());
}

#[test]
fn a_phone_that_a_caller_needs_makes_way_only_in_calls_about_alerts() {
    let mut line = waiting(&["ada", "ben"]);
    line.calls(1, &ada()).hangs_up().ends_leg(1).is_over(Outcome::Abandoned);
    let mut line = Line::alert(with(flow([("engineer", Node::Connect(connect()))])));
    line.on_call(&["ada", "ben"]).calls(1, &ada()).told(Event::MakeWay { leg: LegId(1) }).ends_leg(1);
    line.calls(2, &number("+491715550001"))
        .picks_up(2)
        .leg_hears(2, &[speak(say::ALERT_KNOCK), Prompt::Silence(Duration::from_secs(2))]);
    line.at_leg_presses(2, '1');
    assert_eq!(line.call.view().state, "telling");
    line.call.handle(Event::MakeWay { leg: LegId(2) }, fixture::start());
    line.never_kept(|fact| matches!(fact, Fact::LegEnded { leg: LegId(2), .. }));
}

#[test]
fn somebody_who_was_notified_may_walk_in() {
    let mut line = waiting(&["ada"]);
    line.calls(1, &ada());
    let leg = line.walks_in("ben").expect("the caller waits");
    assert_eq!(leg, LegId(2));
    line.does(&crate::call::Command::HangUp { leg: LegId(1) }).hears(&[say::CONNECTING]);
    line.leg_hears(2, &[speak(say::ENGINEER_JOINED)]).leg_ends(1, LegCause::Released).listens().joins(2);
    line.kept(|fact| *fact == Fact::AlertAcknowledged { by: Actor::Person("ben".into()) });
    assert_eq!(line.walks_in("ada"), None, "nobody waits any more");
}
