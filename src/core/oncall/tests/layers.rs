//! Layers, hours, skills, absences, swaps and overrides.

use jiff::civil::{Weekday, date, time};

use super::{directory, over, schedule, ts, zone};
use crate::call::flow::HoursWindow;
use crate::directory::{Absence, Directory};
use crate::ids::UserId;
use crate::oncall::*;

const WORKDAYS: [Weekday; 5] =
    [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday];

const PEOPLE: [&str; 6] = ["ann", "bo", "cy", "dee", "eli", "fay"];

fn layer(id: &str, members: &[&str], start: &str, zone_name: &str) -> Layer {
    let members = members.iter().map(|name| Member::from(*name)).collect();
    Layer::new(id, Rotation::new(members, Length::Weeks(1), start.parse().unwrap(), zone(zone_name)))
}

fn day(days: &[Weekday], from: (i8, i8), to: (i8, i8)) -> Restriction {
    Restriction::Day(HoursWindow { days: days.to_vec(), from: time(from.0, from.1, 0, 0), to: time(to.0, to.1, 0, 0) })
}

fn stack(layers: Vec<Layer>) -> Schedule {
    Schedule { layers, time_zone: zone("Europe/Berlin"), ..schedule(&[], "2028-01-03T09:00", "Europe/Berlin") }
}

fn away(directory: &mut Directory, user: &str, from: &str, to: &str) {
    let absence = Absence { from: ts(from), to: ts(to), reason: "holiday".to_owned() };
    directory.users.get_mut(&UserId::from(user)).unwrap().absences.push(absence);
}

fn duty(plan: &Schedule, directory: &Directory, at: &str) -> Vec<String> {
    on_duty(plan, directory, ts(at)).into_iter().map(|duty| duty.user.0).collect()
}

fn people(plan: &Schedule, directory: &Directory, at: &str) -> Vec<String> {
    on_call(plan, directory, ts(at)).people.into_iter().map(|person| person.user.0).collect()
}

#[test]
fn the_first_layer_that_has_somebody_answers() {
    let mut nights = layer("nights", &["ann", "bo"], "2028-01-03T09:00", "Europe/Berlin");
    nights.restrictions = vec![day(&WORKDAYS, (20, 0), (8, 0))];
    let plan = stack(vec![nights, layer("always", &["cy", "dee"], "2028-01-03T09:00", "Europe/Berlin")]);
    let all = directory(&PEOPLE);
    // Monday 2028-05-08 begins an even week of the rotation: ann's and cy's.
    assert_eq!(duty(&plan, &all, "2028-05-08T19:00Z"), ["ann"]);
    assert_eq!(duty(&plan, &all, "2028-05-09T05:59Z"), ["ann"], "Monday's night");
    assert_eq!(duty(&plan, &all, "2028-05-09T06:00Z"), ["cy"]);
    assert_eq!(duty(&plan, &all, "2028-05-13T05:00Z"), ["ann"], "Friday's night belongs to Friday");
    assert_eq!(duty(&plan, &all, "2028-05-13T19:00Z"), ["cy"], "Saturday has none");
    let found = on_call(&plan, &all, ts("2028-05-08T19:00Z"));
    assert_eq!(people(&plan, &all, "2028-05-08T19:00Z"), ["ann", "bo", "cy", "dee"]);
    assert_eq!(found.people.iter().map(|person| person.duty).collect::<Vec<_>>(), [true, false, false, false]);
    assert_eq!(
        found.people[0].why,
        "on call until Tue 2028-05-09 08:00 Europe/Berlin by layer `nights` of schedule `nights`"
    );
    assert_eq!(found.layers.len(), 2);
    assert!(found.layers[0].answers && !found.layers[1].answers);
    assert!(found.layers[1].why.starts_with("behind the layer above, which has somebody; cy on call until"));
    let by_day = on_call(&plan, &all, ts("2028-05-09T10:00Z"));
    assert_eq!(by_day.layers[0].why, "outside its hours until Tue 2028-05-09 20:00 Europe/Berlin");
    assert_eq!(next_change(&plan, &all, ts("2028-05-09T10:00Z")), Some(ts("2028-05-09T18:00Z")));
}

#[test]
fn together_all_layers_are_on_call() {
    let mut plan = stack(vec![
        layer("first", &["ann", "bo"], "2028-01-03T09:00", "Europe/Berlin"),
        layer("second", &["cy"], "2028-01-03T09:00", "Europe/Berlin"),
        layer("third", &["ann"], "2028-01-03T09:00", "Europe/Berlin"),
    ]);
    plan.mode = Mode::Together;
    let all = directory(&PEOPLE);
    assert_eq!(duty(&plan, &all, "2028-05-08T19:00Z"), ["ann", "cy"], "nobody twice");
    assert_eq!(duty(&plan, &all, "2028-05-15T19:00Z"), ["bo", "cy", "ann"]);
    let found = shifts(&plan, &all, ts("2028-05-08T19:00Z"), ts("2028-05-20T19:00Z"));
    let who: Vec<_> = found.iter().map(|shift| (shift.user.clone().unwrap().0, shift.to)).collect();
    let change = ts("2028-05-15T07:00Z");
    let end = ts("2028-05-20T19:00Z");
    assert_eq!(
        who,
        [("ann".to_owned(), change), ("cy".to_owned(), end), ("bo".to_owned(), end), ("ann".to_owned(), end)]
    );
}

#[test]
fn whoever_is_away_is_passed_over_and_that_is_told() {
    let plan = schedule(&["ann", "bo", "cy"], "2028-05-01T08:00", "Europe/Berlin");
    let mut all = directory(&PEOPLE);
    away(&mut all, "ann", "2028-05-03T00:00Z", "2028-05-05T12:00Z");
    away(&mut all, "bo", "2028-05-04T00:00Z", "2028-05-04T10:00Z");
    assert_eq!(duty(&plan, &all, "2028-05-02T00:00Z"), ["ann"]);
    assert_eq!(duty(&plan, &all, "2028-05-03T00:00Z"), ["bo"]);
    assert_eq!(duty(&plan, &all, "2028-05-04T00:00Z"), ["cy"]);
    assert_eq!(duty(&plan, &all, "2028-05-05T12:00Z"), ["ann"], "back again");
    assert_eq!(duty(&plan, &all, "2028-05-08T06:00Z"), ["bo"], "bo's own turn stays bo's");
    let found = on_call(&plan, &all, ts("2028-05-03T06:00Z"));
    assert_eq!(
        found.people[0].why,
        "on call until Fri 2028-05-05 14:00 Europe/Berlin by schedule `nights`: stands in for ann, who is away until Fri \
         2028-05-05 14:00 Europe/Berlin (holiday)"
    );
    assert!(found.people.iter().all(|person| person.user.0 != "ann"), "who is away is not called");
    assert!(
        found.layers[0]
            .why
            .ends_with("passed over: ann, who is away until Fri 2028-05-05 14:00 Europe/Berlin (holiday)")
    );
    assert_eq!(next_change(&plan, &all, ts("2028-05-02T00:00Z")), Some(ts("2028-05-03T00:00Z")));
}

#[test]
fn all_on_leave_is_a_gap() {
    let plan = schedule(&["ann", "bo"], "2028-05-01T08:00", "Europe/Berlin");
    let mut all = directory(&PEOPLE);
    away(&mut all, "ann", "2028-05-20T00:00Z", "2028-06-03T00:00Z");
    away(&mut all, "bo", "2028-05-28T00:00Z", "2028-06-10T00:00Z");
    let found = gaps(&plan, &all, ts("2028-05-10T00:00Z"), ts("2028-06-20T00:00Z"));
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].from, found[0].to), (ts("2028-05-28T00:00Z"), ts("2028-06-03T00:00Z")));
    assert!(found[0].why.contains("nobody of it can; passed over: bo, who is away"), "{}", found[0].why);
    let then = on_call(&plan, &all, ts("2028-05-30T00:00Z"));
    assert!(then.people.is_empty() && then.why.starts_with("nobody is on call by schedule `nights`"));
    assert!(gaps(&plan, &directory(&PEOPLE), ts("2028-05-10T00:00Z"), ts("2028-06-20T00:00Z")).is_empty());
}

#[test]
fn skills_are_asked_for() {
    let mut plan = schedule(&["ann", "bo", "cy"], "2028-05-01T08:00", "Europe/Berlin");
    plan.layers[0].skills = vec!["network".to_owned()];
    let mut all = directory(&PEOPLE);
    for user in ["bo", "cy"] {
        all.users.get_mut(&UserId::from(user)).unwrap().skills = vec!["network".to_owned(), "mail".to_owned()];
    }
    assert_eq!(people(&plan, &all, "2028-05-02T00:00Z"), ["bo", "cy"]);
    let found = on_call(&plan, &all, ts("2028-05-02T00:00Z"));
    assert!(found.people[0].why.ends_with("stands in for ann, who lacks network"));
    assert_eq!(people(&plan, &Directory::default(), "2028-05-02T00:00Z"), Vec::<String>::new());
}

#[test]
fn a_team_takes_its_turn_together() {
    let mut plan = schedule(&["ann"], "2028-05-01T08:00", "Europe/Berlin");
    plan.layers[0].rotations[0].members = vec![Member::Team("net".into()), Member::from("fay")];
    let mut all = directory(&PEOPLE);
    let team = crate::directory::Team {
        id: "net".into(),
        name: "Network".to_owned(),
        members: vec!["dee".into(), "eli".into()],
    };
    all.teams.insert(team.id.clone(), team);
    assert_eq!(duty(&plan, &all, "2028-05-02T00:00Z"), ["dee", "eli"]);
    assert_eq!(people(&plan, &all, "2028-05-09T00:00Z"), ["fay", "dee", "eli"]);
    away(&mut all, "dee", "2028-05-02T00:00Z", "2028-05-03T00:00Z");
    assert_eq!(duty(&plan, &all, "2028-05-02T00:00Z"), ["eli"]);
    away(&mut all, "eli", "2028-05-02T00:00Z", "2028-05-03T00:00Z");
    assert_eq!(duty(&plan, &all, "2028-05-02T00:00Z"), ["fay"], "the whole team is away");
}

#[test]
fn a_turn_may_be_left_to_nobody() {
    let mut plan = stack(vec![
        layer("first", &["ann"], "2028-05-01T08:00", "Europe/Berlin"),
        layer("second", &["cy"], "2028-05-01T08:00", "Europe/Berlin"),
    ]);
    plan.layers[0].rotations[0].members.push(Member::Nobody);
    let all = directory(&PEOPLE);
    assert_eq!(duty(&plan, &all, "2028-05-02T00:00Z"), ["ann"]);
    assert_eq!(duty(&plan, &all, "2028-05-09T00:00Z"), ["cy"]);
    assert_eq!(on_call(&plan, &all, ts("2028-05-09T00:00Z")).layers[0].why, "the turn is left to nobody on purpose");
}

#[test]
fn a_layer_has_a_beginning_and_an_end() {
    let mut plan = stack(vec![
        layer("project", &["ann"], "2028-05-01T08:00", "Europe/Berlin"),
        layer("always", &["cy"], "2028-05-01T08:00", "Europe/Berlin"),
    ]);
    (plan.layers[0].from, plan.layers[0].until) = (Some(ts("2028-05-03T00:00Z")), Some(ts("2028-05-04T00:00Z")));
    let all = directory(&PEOPLE);
    for (at, who) in [("2028-05-02T23:59Z", "cy"), ("2028-05-03T00:00Z", "ann"), ("2028-05-04T00:00Z", "cy")] {
        assert_eq!(duty(&plan, &all, at), [who]);
    }
    assert!(on_call(&plan, &all, ts("2028-05-02T00:00Z")).layers[0].why.starts_with("begins on Wed"));
    assert!(on_call(&plan, &all, ts("2028-05-12T00:00Z")).layers[0].why.starts_with("ended on Thu"));
}

#[test]
fn a_layer_obeys_a_calendar() {
    let mut plan = stack(vec![layer("outside", &["ann"], "2028-05-01T08:00", "Europe/Berlin")]);
    plan.layers[0].calendar = Some(CalendarRule { calendar: "office".into(), open: false });
    let mut all = directory(&PEOPLE);
    let office = Calendar {
        id: "office".into(),
        name: "Office".to_owned(),
        time_zone: zone("Europe/Berlin"),
        windows: vec![HoursWindow { days: WORKDAYS.to_vec(), from: time(8, 0, 0, 0), to: time(18, 0, 0, 0) }],
        holidays: vec![(date(2028, 5, 25), "Ascension".to_owned())],
    };
    assert_eq!(duty(&plan, &all, "2028-05-24T10:00Z"), ["ann"], "a calendar that is not there rules nothing out");
    assert!(on_call(&plan, &all, ts("2028-05-24T10:00Z")).layers[0].why.contains("calendar `office` is not there"));
    all.calendars.insert(office.id.clone(), office);
    assert!(duty(&plan, &all, "2028-05-24T10:00Z").is_empty());
    assert_eq!(duty(&plan, &all, "2028-05-25T10:00Z"), ["ann"], "a holiday");
    assert_eq!(next_change(&plan, &all, ts("2028-05-24T16:30Z")), Some(ts("2028-05-26T06:00Z")));
    plan.cover = Cover::Calendar("office".into());
    assert_eq!(gaps(&plan, &all, ts("2028-05-25T00:00Z"), ts("2028-05-27T00:00Z")).len(), 1, "Friday's office hours");
    plan.cover = Cover::Planned;
    assert!(gaps(&plan, &all, ts("2028-05-25T00:00Z"), ts("2028-05-27T00:00Z")).is_empty());
}

#[test]
fn from_friday_evening_to_monday_morning() {
    let mut plan = stack(vec![layer("weekend", &["ann"], "2028-01-03T09:00", "Europe/Berlin")]);
    let window = WeekWindow {
        from_day: Weekday::Friday,
        from: time(17, 0, 0, 0),
        to_day: Weekday::Monday,
        to: time(8, 0, 0, 0),
    };
    plan.layers[0].restrictions = vec![Restriction::Week(window)];
    let all = directory(&PEOPLE);
    for (at, on) in [
        ("2028-05-12T14:59Z", false),
        ("2028-05-12T15:00Z", true),
        ("2028-05-14T23:00Z", true),
        ("2028-05-15T05:59Z", true),
        ("2028-05-15T06:00Z", false),
        ("2028-05-17T06:00Z", false),
    ] {
        assert_eq!(!duty(&plan, &all, at).is_empty(), on, "{at}");
    }
    // Over the change of 2028-10-29 it is an hour longer.
    let found = shifts(&plan, &all, ts("2028-10-27T00:00Z"), ts("2028-10-31T00:00Z"));
    let shift = found.iter().find(|shift| shift.user.is_some()).unwrap();
    assert_eq!(shift.to.duration_since(shift.from).as_hours(), 64);
    let whole = WeekWindow { to_day: Weekday::Friday, to: time(17, 0, 0, 0), ..window };
    plan.layers[0].restrictions = vec![Restriction::Week(whole)];
    assert!(gaps(&plan, &all, ts("2028-10-01T00:00Z"), ts("2028-11-30T00:00Z")).is_empty(), "the whole week");
}

#[test]
fn hours_that_meet_leave_no_hole() {
    let mut plan = stack(vec![layer("days", &["ann"], "2028-01-03T09:00", "Europe/Berlin")]);
    plan.layers[0].restrictions = vec![day(&WORKDAYS, (8, 0), (8, 0))];
    let all = directory(&PEOPLE);
    assert_eq!(duty(&plan, &all, "2028-05-13T05:30Z"), ["ann"], "Saturday 07:30 is still Friday's");
    assert!(duty(&plan, &all, "2028-05-13T06:00Z").is_empty());
    let found = gaps(&plan, &all, ts("2028-05-08T06:00Z"), ts("2028-05-20T06:00Z"));
    assert_eq!(
        found.iter().map(|gap| (gap.from, gap.to)).collect::<Vec<_>>(),
        [(ts("2028-05-13T06:00Z"), ts("2028-05-15T06:00Z"))]
    );
}

#[test]
fn nights_over_both_changes() {
    let mut plan = stack(vec![layer("nights", &["ann"], "2028-01-03T09:00", "Europe/Berlin")]);
    plan.layers[0].restrictions = vec![day(&[Weekday::Saturday], (22, 0), (6, 0))];
    let all = directory(&PEOPLE);
    for (from, to, hours) in [
        ("2028-03-25T00:00Z", "2028-03-27T00:00Z", 7),
        ("2028-10-28T00:00Z", "2028-10-30T00:00Z", 9),
        ("2028-06-03T00:00Z", "2028-06-05T00:00Z", 8),
    ] {
        let found = shifts(&plan, &all, ts(from), ts(to));
        let shift = found.iter().find(|shift| shift.user.is_some()).unwrap();
        assert_eq!(shift.to.duration_since(shift.from).as_hours(), hours);
    }
    plan.layers[0].restrictions = vec![day(&[Weekday::Sunday], (2, 5), (2, 55))];
    assert!(duty(&plan, &all, "2028-03-26T01:00Z").is_empty(), "these hours vanish that night");
    assert!(layer_shifts(&plan, &plan.layers[0], &all, ts("2028-03-25T00:00Z"), ts("2028-03-28T00:00Z")).is_empty());
}

#[test]
fn follow_the_sun_in_three_zones() {
    let sun = |id, member, zone_name| {
        let mut layer = layer(id, &[member], "2028-01-03T09:00", zone_name);
        layer.restrictions = vec![day(
            &[
                Weekday::Monday,
                Weekday::Tuesday,
                Weekday::Wednesday,
                Weekday::Thursday,
                Weekday::Friday,
                Weekday::Saturday,
                Weekday::Sunday,
            ],
            (9, 0),
            (17, 0),
        )];
        layer
    };
    let mut plan = stack(vec![
        sun("berlin", "ann", "Europe/Berlin"),
        sun("new-york", "bo", "America/New_York"),
        sun("sydney", "cy", "Australia/Sydney"),
    ]);
    plan.mode = Mode::Together;
    let all = directory(&PEOPLE);
    // Winter: 08–16, 14–22, 22–06 UTC. Uncovered: 06–08.
    let found = gaps(&plan, &all, ts("2028-01-10T00:00Z"), ts("2028-01-11T00:00Z"));
    assert_eq!(
        found.iter().map(|gap| (gap.from, gap.to)).collect::<Vec<_>>(),
        [(ts("2028-01-10T06:00Z"), ts("2028-01-10T08:00Z"))]
    );
    assert_eq!(duty(&plan, &all, "2028-01-10T15:00Z"), ["ann", "bo"]);
    // The two weeks in March in which New York has summer time and Berlin not: 08–16, 13–21, 22–06. A second hole.
    let march = gaps(&plan, &all, ts("2028-03-20T00:00Z"), ts("2028-03-21T00:00Z"));
    assert_eq!(
        march.iter().map(|gap| (gap.from, gap.to)).collect::<Vec<_>>(),
        [(ts("2028-03-20T06:00Z"), ts("2028-03-20T08:00Z")), (ts("2028-03-20T21:00Z"), ts("2028-03-20T22:00Z"))]
    );
    // Then Berlin follows (07–15), and Sydney goes back (23–07 from April on).
    assert_eq!(duty(&plan, &all, "2028-03-27T07:00Z"), ["ann"]);
    assert_eq!(duty(&plan, &all, "2028-04-04T06:30Z"), ["cy"]);
}

#[test]
fn an_override_of_named_layers_only() {
    let mut nights = layer("nights", &["ann"], "2028-01-03T09:00", "Europe/Berlin");
    nights.restrictions = vec![day(&WORKDAYS, (20, 0), (8, 0))];
    let mut plan = stack(vec![nights, layer("always", &["cy"], "2028-01-03T09:00", "Europe/Berlin")]);
    plan.overrides
        .push(Override { layers: vec!["nights".to_owned()], ..over("dee", "2028-05-08T00:00Z", "2028-05-12T00:00Z") });
    let all = directory(&PEOPLE);
    assert_eq!(duty(&plan, &all, "2028-05-08T19:00Z"), ["dee"]);
    assert_eq!(duty(&plan, &all, "2028-05-09T12:00Z"), ["cy"], "outside the layer's hours it says nothing");
    plan.overrides
        .push(Override { deed: OverrideDeed::Remove, ..over("dee", "2028-05-08T00:00Z", "2028-05-12T00:00Z") });
    assert_eq!(duty(&plan, &all, "2028-05-08T19:00Z"), ["cy"], "off: the next layer answers");
    let found = on_call(&plan, &all, ts("2028-05-08T19:00Z"));
    assert!(
        found.layers[0].why.contains("passed over: dee, who is taken off by an override (dee steps in)"),
        "{}",
        found.layers[0].why
    );
}

#[test]
fn add_remove_and_instead_of() {
    let mut plan = stack(vec![
        layer("first", &["ann"], "2028-01-03T09:00", "Europe/Berlin"),
        layer("second", &["bo"], "2028-01-03T09:00", "Europe/Berlin"),
        layer("third", &["cy"], "2028-01-03T09:00", "Europe/Berlin"),
    ]);
    plan.mode = Mode::Together;
    let (from, to) = ("2028-05-08T00:00Z", "2028-05-12T00:00Z");
    plan.overrides = vec![
        Override { deed: OverrideDeed::Add, ..over("fay", from, to) },
        Override { deed: OverrideDeed::InsteadOf("ann".into()), ..over("eli", from, to) },
        Override { deed: OverrideDeed::Remove, ..over("bo", from, to) },
    ];
    let all = directory(&PEOPLE);
    assert_eq!(duty(&plan, &all, "2028-05-07T23:59Z"), ["ann", "bo", "cy"]);
    assert_eq!(duty(&plan, &all, "2028-05-09T00:00Z"), ["eli", "cy", "fay"]);
    plan.overrides.push(over("dee", from, to));
    assert_eq!(duty(&plan, &all, "2028-05-09T00:00Z"), ["dee"], "later in the list: instead of everybody");
}

#[test]
fn an_override_by_somebody_who_is_away_counts_for_nothing() {
    let mut plan = schedule(&["ann"], "2028-05-01T08:00", "Europe/Berlin");
    plan.overrides.push(over("bo", "2028-05-02T00:00Z", "2028-05-06T00:00Z"));
    let mut all = directory(&PEOPLE);
    away(&mut all, "bo", "2028-05-03T00:00Z", "2028-05-04T00:00Z");
    assert_eq!(duty(&plan, &all, "2028-05-02T12:00Z"), ["bo"]);
    assert_eq!(duty(&plan, &all, "2028-05-03T12:00Z"), ["ann"]);
    let found = on_call(&plan, &all, ts("2028-05-03T12:00Z"));
    assert_eq!(found.layers[0].layer, "override");
    assert!(found.layers[0].why.contains("bo, who was to step in, but is away until Thu"), "{}", found.layers[0].why);
    assert_eq!(next_change(&plan, &all, ts("2028-05-02T12:00Z")), Some(ts("2028-05-03T00:00Z")));
}

#[test]
fn swaps_open_taken_and_taken_back() {
    let mut plan = schedule(&["ann", "bo"], "2028-05-01T08:00", "Europe/Berlin");
    let swap = |id: &str, giver: &str, taker: Option<&str>| Swap {
        id: id.to_owned(),
        giver: giver.into(),
        taker: taker.map(UserId::from),
        from: ts("2028-05-03T00:00Z"),
        to: ts("2028-05-10T00:00Z"),
        reason: "wedding".to_owned(),
    };
    let mut all = directory(&PEOPLE);
    plan.swaps = vec![swap("1", "ann", None)];
    assert_eq!(plan.swaps[0].state(ts("2028-05-02T00:00Z")), SwapState::Open);
    assert_eq!(plan.swaps[0].state(ts("2028-05-03T00:00Z")), SwapState::PastDue);
    assert_eq!(duty(&plan, &all, "2028-05-04T00:00Z"), ["ann"], "open: it stays");
    plan.swaps = vec![swap("1", "ann", Some("cy"))];
    assert_eq!(duty(&plan, &all, "2028-05-02T23:59Z"), ["ann"]);
    assert_eq!(duty(&plan, &all, "2028-05-04T00:00Z"), ["cy"]);
    assert_eq!(duty(&plan, &all, "2028-05-09T00:00Z"), ["bo"], "bo's own turn is bo's");
    assert!(on_call(&plan, &all, ts("2028-05-04T00:00Z")).people[0].why.ends_with("took the shift of ann (wedding)"));
    plan.swaps.push(swap("2", "cy", Some("ann")));
    assert_eq!(duty(&plan, &all, "2028-05-04T00:00Z"), ["ann"], "swapped twice: as it was");
    plan.swaps.push(swap("3", "ann", Some("bo")));
    assert_eq!(duty(&plan, &all, "2028-05-04T00:00Z"), ["bo"]);
    away(&mut all, "bo", "2028-05-04T00:00Z", "2028-05-05T00:00Z");
    assert_eq!(duty(&plan, &all, "2028-05-04T00:00Z"), ["ann"], "the taker is away: the giver stays");
}

#[test]
fn who_gave_the_shift_away_and_is_away_has_a_taker() {
    let mut plan = schedule(&["ann", "bo"], "2028-05-01T08:00", "Europe/Berlin");
    let mut all = directory(&PEOPLE);
    away(&mut all, "ann", "2028-05-03T00:00Z", "2028-05-06T00:00Z");
    plan.swaps.push(Swap {
        id: "s".to_owned(),
        giver: "ann".into(),
        taker: Some("fay".into()),
        from: ts("2028-05-03T00:00Z"),
        to: ts("2028-05-05T00:00Z"),
        reason: String::new(),
    });
    let found = shifts(&plan, &all, ts("2028-05-02T00:00Z"), ts("2028-05-08T00:00Z"));
    let who: Vec<_> = found.iter().map(|shift| (shift.user.clone().unwrap().0, shift.from)).collect();
    assert_eq!(
        who,
        [
            ("ann".to_owned(), ts("2028-05-02T00:00Z")),
            ("fay".to_owned(), ts("2028-05-03T00:00Z")),
            ("bo".to_owned(), ts("2028-05-05T00:00Z")),
            ("ann".to_owned(), ts("2028-05-06T00:00Z")),
        ]
    );
    assert_eq!(found[2].cause, Cause::StandsIn("ann".into()));
}

#[test]
fn ones_next_shift() {
    let plan = schedule(&["ann", "bo"], "2028-05-01T08:00", "Europe/Berlin");
    let all = directory(&PEOPLE);
    let next = |user: &str| next_on_call(&plan, &all, &user.into(), ts("2028-05-02T00:00Z"));
    assert_eq!(next("bo"), Some((ts("2028-05-08T06:00Z"), ts("2028-05-15T06:00Z"))));
    assert_eq!(next("ann"), Some((ts("2028-05-15T06:00Z"), ts("2028-05-22T06:00Z"))));
    assert_eq!(next("eli"), None);
}

#[test]
fn a_feed_ends_shifts_at_hand_offs() {
    let plan = schedule(&["ann"], "2028-05-01T08:00", "Europe/Berlin");
    let all = directory(&PEOPLE);
    let found = turns(&plan, &all, ts("2028-05-03T00:00Z"), ts("2028-05-17T00:00Z"));
    let ends: Vec<_> = found.iter().map(|shift| shift.to).collect();
    assert_eq!(ends, [ts("2028-05-08T06:00Z"), ts("2028-05-15T06:00Z"), ts("2028-05-17T00:00Z")]);
    assert_eq!(shifts(&plan, &all, ts("2028-05-03T00:00Z"), ts("2028-05-17T00:00Z")).len(), 1);
}
