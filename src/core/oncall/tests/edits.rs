//! Editing never restarts a rotation and never changes what was.

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::{over, schedule, ts, zone};
use crate::directory::Directory;
use crate::oncall::edit::*;
use crate::oncall::*;

fn list(members: &[&str]) -> Vec<Member> {
    members.iter().map(|name| Member::from(*name)).collect()
}

fn who(plan: &Schedule, at: &str) -> String {
    user_at(plan, ts(at))
}

fn user_at(plan: &Schedule, at: Timestamp) -> String {
    on_duty(plan, &Directory::default(), at).into_iter().next().map(|duty| duty.user.0).unwrap_or_default()
}

/// The first people of the turns from `at` on.
fn order(plan: &Schedule, at: &str, turns: usize) -> Vec<String> {
    let all = shifts(plan, &Directory::default(), ts(at), ts(at) + SignedDuration::from_hours(24 * 7 * 12));
    all.into_iter().take(turns).map(|shift| shift.user.map(|user| user.0).unwrap_or_default()).collect()
}

fn plan() -> Schedule {
    schedule(&["ann", "bo", "cy"], "2028-05-01T08:00", "Europe/Berlin")
}

#[test]
fn somebody_joins_in_the_middle_of_a_turn() {
    let at = ts("2028-05-10T12:00Z");
    assert_eq!(user_at(&plan(), at), "bo");
    for (members, next) in [
        (list(&["ann", "bo", "cy", "dee"]), ["bo", "cy", "dee", "ann", "bo"]),
        (list(&["dee", "ann", "bo", "cy"]), ["bo", "cy", "dee", "ann", "bo"]),
        (list(&["ann", "bo", "dee", "cy"]), ["bo", "dee", "cy", "ann", "bo"]),
        (list(&["cy", "bo", "ann", "dee"]), ["bo", "ann", "dee", "cy", "bo"]),
    ] {
        let new = edit_members(&plan(), ONLY_LAYER, members, at).unwrap();
        assert_eq!(order(&new, "2028-05-10T12:00Z", 5), next);
        assert_eq!(who(&new, "2028-05-10T11:59Z"), "bo");
        assert_eq!(order(&new, "2028-04-17T12:00Z", 2), ["bo", "cy"], "what was stays");
    }
}

#[test]
fn somebody_leaves_in_the_middle_of_a_turn() {
    let at = ts("2028-05-10T12:00Z");
    let others = edit_members(&plan(), ONLY_LAYER, list(&["bo", "cy"]), at).unwrap();
    assert_eq!(
        order(&others, "2028-05-10T12:00Z", 3),
        ["bo", "cy", "bo"],
        "the person on call stays until the hand-off"
    );
    let own = edit_members(&plan(), ONLY_LAYER, list(&["ann", "cy"]), at).unwrap();
    assert_eq!(who(&own, "2028-05-10T11:59:59Z"), "bo");
    let found = shifts(&own, &Directory::default(), ts("2028-05-10T00:00Z"), ts("2028-05-24T00:00Z"));
    let found: Vec<_> = found.into_iter().map(|shift| (shift.user.unwrap().0, shift.to)).collect();
    assert_eq!(
        found,
        [
            ("bo".to_owned(), at),
            ("cy".to_owned(), ts("2028-05-15T06:00Z")),
            ("ann".to_owned(), ts("2028-05-22T06:00Z")),
            ("cy".to_owned(), ts("2028-05-24T00:00Z")),
        ],
        "the next takes over at once"
    );
    let nobody = edit_members(&plan(), ONLY_LAYER, Vec::new(), at).unwrap();
    assert_eq!(who(&nobody, "2028-05-10T12:00Z"), "");
    let again = edit_members(&nobody, ONLY_LAYER, list(&["eli", "fay"]), at + SignedDuration::from_hours(1)).unwrap();
    assert_eq!(who(&again, "2028-05-10T13:00Z"), "eli");
    assert_eq!(who(&again, "2028-05-09T13:00Z"), "bo");
    assert_eq!(who(&again, "2028-05-10T12:30Z"), "", "that hour had nobody");
}

#[test]
fn many_edits_keep_the_position() {
    let mut new = plan();
    let mut at = ts("2028-05-10T12:00Z");
    for (members, expected) in [
        (list(&["ann", "bo", "cy", "dee"]), "bo"),
        (list(&["ann", "bo", "dee"]), "bo"),
        (list(&["eli", "ann", "bo", "dee"]), "bo"),
        (list(&["eli", "ann", "dee"]), "dee"),
        (list(&["dee", "eli"]), "dee"),
    ] {
        new = edit_members(&new, ONLY_LAYER, members, at).unwrap();
        assert_eq!(user_at(&new, at), expected);
        at += SignedDuration::from_hours(1);
    }
    assert_eq!(order(&new, "2028-05-10T17:00Z", 3), ["dee", "eli", "dee"]);
    assert_eq!(user_at(&new, ts("2028-05-10T12:30Z")), "bo");
}

#[test]
fn a_planned_edit_waits_for_its_moment() {
    let planned =
        edit_members(&plan(), ONLY_LAYER, list(&["ann", "bo", "cy", "dee"]), ts("2028-06-01T00:00Z")).unwrap();
    assert_eq!(order(&planned, "2028-05-10T12:00Z", 7), ["bo", "cy", "ann", "bo", "cy", "dee", "ann"]);
    let sooner = edit_members(&planned, ONLY_LAYER, list(&["ann", "bo"]), ts("2028-05-10T12:00Z")).unwrap();
    assert_eq!(order(&sooner, "2028-05-10T12:00Z", 3), ["bo", "ann", "bo"], "what was planned is dropped");
}

#[test]
fn another_zone_or_length_keeps_person_and_past() {
    let at = ts("2028-05-10T12:00Z");
    let mut wanted = plan();
    wanted.layers[0].rotations[0].time_zone = zone("America/New_York");
    let moved = edited(&plan(), wanted.clone(), at);
    assert_eq!(who(&moved, "2028-05-10T12:00Z"), "bo");
    assert_eq!(next_change(&moved, &Directory::default(), at), Some(ts("2028-05-15T12:00Z")), "08:00 in New York");
    assert_eq!(who(&moved, "2028-05-15T12:00Z"), "cy");
    assert_eq!(
        next_change(&moved, &Directory::default(), ts("2028-05-02T00:00Z")),
        Some(ts("2028-05-08T06:00Z")),
        "the past"
    );
    wanted.layers[0].rotations[0].length = Length::Days(1);
    let daily = edited(&moved, wanted, ts("2028-05-10T13:00Z"));
    assert_eq!(who(&daily, "2028-05-10T13:00Z"), "bo");
    assert_eq!(who(&daily, "2028-05-11T12:00Z"), "cy");
    assert_eq!(daily.layers[0].rotations.len(), 3);
}

#[test]
fn an_edit_that_says_the_same_makes_no_version() {
    let at = ts("2028-05-10T12:00Z");
    let mut renamed = plan();
    renamed.name = "Other".to_owned();
    assert_eq!(edited(&plan(), renamed.clone(), at), renamed);
    let once = edit_members(&plan(), ONLY_LAYER, list(&["bo", "ann"]), at).unwrap();
    // Written again in the short form, without the versions.
    let mut again = plan();
    again.layers[0].rotations[0].members = list(&["bo", "ann"]);
    assert_eq!(edited(&once, again, ts("2028-05-20T00:00Z")), once);
    assert_eq!(edit_members(&plan(), "other", Vec::new(), at), Err(Fault::NoLayer("other".to_owned())));
}

#[test]
fn what_was_edited_already_is_taken_as_it_is() {
    let at = ts("2028-05-10T12:00Z");
    let planned = edit_members(&plan(), ONLY_LAYER, list(&["cy", "dee"]), ts("2028-06-01T00:00Z")).unwrap();
    assert_eq!(edited(&plan(), planned.clone(), at), planned, "a plan keeps its moment");
    let now = edit_members(&plan(), ONLY_LAYER, list(&["cy", "dee"]), at).unwrap();
    assert_eq!(edited(&plan(), now.clone(), at + SignedDuration::from_millis(40)), now);
    // Somebody writes the document back with other members in the version that rules.
    let mut crude = now.clone();
    crude.layers[0].rotations[1].members = list(&["dee", "eli", "cy"]);
    let later = at + SignedDuration::from_hours(2);
    let kept = edited(&now, crude, later);
    assert_eq!(user_at(&kept, later), user_at(&now, later));
    assert_eq!(user_at(&kept, at), user_at(&now, at));
    assert_eq!(kept.layers[0].rotations.len(), 3);
    // And one that leaves the versions away.
    let mut forgetful = now.clone();
    forgetful.layers[0].rotations.remove(0);
    assert_eq!(edited(&now, forgetful, later), now);
}

#[test]
fn overrides_begin_now_at_the_earliest_and_end_now() {
    let at = ts("2028-05-10T12:00Z");
    let with_id = |id: &str, from, to| Override { id: id.to_owned(), ..over("dee", from, to) };
    let new = add_override(&plan(), with_id("a", "2028-05-01T00:00Z", "2028-05-12T00:00Z"), at).unwrap();
    assert_eq!((who(&new, "2028-05-10T11:00Z"), who(&new, "2028-05-10T12:00Z")), ("bo".to_owned(), "dee".to_owned()));
    assert_eq!(add_override(&plan(), with_id("a", "2028-05-01T00:00Z", "2028-05-10T12:00Z"), at), Err(Fault::Past));
    assert_eq!(
        add_override(&plan(), with_id("a", "2028-06-02T00:00Z", "2028-06-02T00:00Z"), at),
        Err(Fault::Backwards)
    );
    let unknown = Override { layers: vec!["x".to_owned()], ..with_id("a", "2028-06-02T00:00Z", "2028-06-03T00:00Z") };
    assert_eq!(add_override(&plan(), unknown, at), Err(Fault::NoLayer("x".to_owned())));
    let later = ts("2028-05-11T00:00Z");
    let ended = remove_override(&new, "a", later).unwrap();
    assert_eq!(
        (who(&ended, "2028-05-10T23:00Z"), who(&ended, "2028-05-11T00:00Z")),
        ("dee".to_owned(), "bo".to_owned())
    );
    assert_eq!(remove_override(&ended, "a", later), Err(Fault::Past));
    assert_eq!(remove_override(&ended, "b", later), Err(Fault::NotThere("b".to_owned())));
    let planned = add_override(&plan(), with_id("c", "2028-05-20T00:00Z", "2028-05-21T00:00Z"), at).unwrap();
    assert_eq!(remove_override(&planned, "c", later).unwrap(), plan());
}

#[test]
fn a_swap_is_asked_for_and_taken() {
    let at = ts("2028-05-02T12:00Z");
    let swap = Swap {
        id: "s".to_owned(),
        giver: "ann".into(),
        taker: None,
        from: ts("2028-05-03T00:00Z"),
        to: ts("2028-05-05T00:00Z"),
        reason: String::new(),
    };
    let asked = ask_swap(&plan(), swap.clone(), at).unwrap();
    assert_eq!(take_swap(&asked, "s", &"ann".into(), at), Err(Fault::Own));
    assert_eq!(take_swap(&asked, "s", &"cy".into(), ts("2028-05-03T00:00Z")), Err(Fault::PastDue));
    let taken = take_swap(&asked, "s", &"cy".into(), at).unwrap();
    assert_eq!(who(&taken, "2028-05-04T00:00Z"), "cy");
    assert_eq!(take_swap(&taken, "s", &"bo".into(), at), Err(Fault::Taken));
    let back = remove_swap(&taken, "s", ts("2028-05-04T00:00Z")).unwrap();
    assert_eq!((who(&back, "2028-05-03T23:00Z"), who(&back, "2028-05-04T00:00Z")), ("cy".to_owned(), "ann".to_owned()));
    assert_eq!(ask_swap(&plan(), swap, ts("2028-05-05T00:00Z")), Err(Fault::Past));
    assert_eq!(remove_swap(&asked, "s", at).unwrap(), plan());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, rng_seed: RngSeed::Fixed(2_031), ..ProptestConfig::default() })]

    /// Whatever is done to the list: who is on call and still in it stays until the hand-off, and nothing before the edit changes.
    #[test]
    fn edits_never_restart(
        edits in prop::collection::vec((prop::collection::vec(0..6_usize, 1..5), 1_i64..400), 1..6),
        length in prop::sample::select(vec![Length::Hours(5), Length::Days(1), Length::Weeks(1), Length::Months(1)]),
    ) {
        let people = ["ann", "bo", "cy", "dee", "eli", "fay"];
        let mut plan = plan();
        plan.layers[0].rotations[0].length = length;
        let mut at = ts("2028-03-20T12:00Z");
        for (members, hours) in edits {
            at += SignedDuration::from_hours(hours);
            let before = user_at(&plan, at);
            let mut members: Vec<&str> = members.into_iter().map(|index| people[index]).collect();
            members.dedup();
            let new = edit_members(&plan, ONLY_LAYER, list(&members), at).unwrap();
            if members.contains(&before.as_str()) {
                prop_assert_eq!(user_at(&new, at), before.clone());
                let rotation = new.layers[0].rotation_at(at).unwrap();
                let end = rotation.turn_end(rotation.turn(at)).unwrap();
                prop_assert_eq!(user_at(&new, end - SignedDuration::from_secs(1)), before);
                let index = rotation.place(rotation.turn(at)).unwrap();
                let next = &rotation.members[(index + 1) % rotation.members.len()];
                prop_assert_eq!(Member::from(user_at(&new, end).as_str()), next.clone());
            }
            for back in 1..60 {
                let then = at - SignedDuration::from_hours(back * 7);
                prop_assert_eq!(user_at(&new, then), user_at(&plan, then));
            }
            plan = new;
        }
    }
}
