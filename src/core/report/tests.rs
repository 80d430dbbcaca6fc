use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::{
    Case, Facts, Kept, Measure, Rung, Step, Told, Wording, compliance, hotline, noise, once, paper, periods, stats,
};
use crate::fact::{Outcome, Priority};
use crate::paper::{Block, Form};
use crate::sla::{End, Promise};

fn ts(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn minutes(count: i64) -> SignedDuration {
    SignedDuration::from_mins(count)
}

fn case(opened: &str, answered: Option<i64>, over: Option<i64>) -> Case {
    let opened = ts(opened);
    Case {
        reference: "100001".to_owned(),
        customer: "acme".to_owned(),
        service: "mail".to_owned(),
        source: "probe".to_owned(),
        priority: Priority::P2,
        began: None,
        opened,
        answered: answered.map(|after| opened + minutes(after)),
        over: over.map(|after| opened + minutes(after)),
        events: 1,
        merged: false,
    }
}

#[test]
fn what_is_unknown_is_in_no_figure() {
    let times = [Some(10), None, Some(20), Some(40), None].map(|time| time.map(minutes));
    let sum = stats(times);
    assert_eq!((sum.known, sum.unknown), (3, 2));
    assert_eq!(sum.mean, Some(SignedDuration::from_secs(1_400)));
    assert_eq!((sum.median, sum.p90, sum.longest), (Some(minutes(20)), Some(minutes(40)), Some(minutes(40))));
    let nothing = stats([None, None]);
    assert_eq!((nothing.known, nothing.unknown, nothing.mean, nothing.median, nothing.p90), (0, 2, None, None, None));
    assert_eq!(stats([Some(minutes(1)), Some(minutes(2))]).median, Some(SignedDuration::from_secs(90)));
    let ten = stats((1..=10).map(|count| Some(minutes(count))));
    assert_eq!((ten.p90, ten.median), (Some(minutes(9)), Some(SignedDuration::from_secs(330))));
}

#[test]
fn times_of_a_case() {
    let mut one = case("2028-05-05T10:00:00Z", Some(4), Some(90));
    assert_eq!(Measure::Detect.of(&one), None, "nobody knows when it began: not at once");
    one.began = Some(ts("2028-05-05T09:48:00Z"));
    assert_eq!(Measure::Detect.of(&one), Some(minutes(12)));
    one.began = Some(ts("2028-05-05T10:30:00Z"));
    assert_eq!(Measure::Detect.of(&one), None, "a clock goes wrong somewhere");
    assert_eq!((Measure::Acknowledge.of(&one), Measure::Resolve.of(&one)), (Some(minutes(4)), Some(minutes(90))));
    let open = case("2028-05-05T10:00:00Z", None, None);
    assert_eq!((Measure::Acknowledge.of(&open), Measure::Resolve.of(&open)), (None, None));
}

fn promise(end: Option<End>, breached: bool) -> Kept {
    Kept {
        id: "a".to_owned(),
        fault: "a".to_owned(),
        customer: "acme".to_owned(),
        sla: "gold".to_owned(),
        promise: Promise::Response,
        priority: Priority::P1,
        target: minutes(15),
        elapsed: minutes(20),
        started: ts("2028-05-05T10:00:00Z"),
        counts_at: ts("2028-05-05T10:00:00Z"),
        end,
        breached,
    }
}

#[test]
fn an_overdue_promise_is_broken_before_its_end() {
    let all = [
        promise(Some(End::Kept), false),
        promise(Some(End::Late), true),
        promise(None, true),
        promise(None, false),
        promise(Some(End::Void), true),
    ];
    let sum = compliance(&all);
    assert_eq!((sum.kept, sum.broken, sum.open, sum.void), (1, 2, 1, 1));
    assert_eq!(sum.rate(), Some(3_333));
    assert_eq!(compliance(&all[3..]).rate(), None, "of none is not zero");
}

/// A clock of fault `f`: its id, when it began (minutes after ten), how it stands.
fn clock(id: &str, started: i64, end: Option<End>, breached: bool) -> (String, Kept) {
    let started = ts("2028-05-05T10:00:00Z") + minutes(started);
    let kept = Kept { id: id.to_owned(), fault: "f".to_owned(), started, counts_at: started, ..promise(end, breached) };
    (id.to_uppercase(), kept)
}

fn counted(all: &[(String, Kept)]) -> Vec<(String, Timestamp)> {
    let found = once(all, ts("2028-05-05T00:00:00Z"), ts("2028-05-06T00:00:00Z"));
    found.into_iter().map(|(reference, kept)| (reference, kept.counts_at)).collect()
}

#[test]
fn one_fault_counts_once_for_a_promise() {
    let ten = ts("2028-05-05T10:00:00Z");
    let (kept, late, void) = (Some(End::Kept), Some(End::Late), Some(End::Void));
    let one = |name: &str| vec![(name.to_owned(), ten)];
    // An alert and its incident.
    assert_eq!(counted(&[clock("alert", 0, kept, false), clock("incident", 5, kept, false)]), one("ALERT"));
    assert_eq!(counted(&[clock("alert", 0, kept, false), clock("incident", 5, late, true)]), one("INCIDENT"));
    // An incident that is opened after the breach does not wipe it out.
    assert_eq!(counted(&[clock("alert", 0, late, true), clock("incident", 90, kept, false)]), one("ALERT"));
    assert_eq!(counted(&[clock("alert", 0, None, true), clock("incident", 90, kept, false)]), one("ALERT"));
    assert_eq!(counted(&[clock("alert", 0, kept, false), clock("incident", 5, None, false)]), one("INCIDENT"));
    // What counts no more decides nothing, unless there is nothing else.
    assert_eq!(counted(&[clock("alert", -30, void, true), clock("incident", 0, kept, false)]), one("INCIDENT"));
    assert_eq!(counted(&[clock("alert", 0, void, false), clock("incident", 5, void, false)]), one("ALERT"));
}

#[test]
fn other_promises_customers_contracts_and_faults_count_beside() {
    let first = clock("a", 0, Some(End::Kept), false);
    let mut all = vec![first.clone()];
    let beside: [fn(&mut Kept); 4] = [
        |kept| kept.promise = Promise::Resolution,
        |kept| kept.customer = "globex".to_owned(),
        |kept| kept.sla = "silver".to_owned(),
        |kept| kept.fault = "another".to_owned(),
    ];
    for change in beside {
        let mut other = first.clone();
        change(&mut other.1);
        all.push(other);
    }
    assert_eq!(counted(&all).len(), 5);
}

#[test]
fn a_fault_counts_in_the_period_in_which_it_began() {
    let all = [clock("alert", 0, Some(End::Kept), false), clock("incident", 24 * 60, Some(End::Late), true)];
    let (day, next) = (ts("2028-05-05T00:00:00Z"), ts("2028-05-06T00:00:00Z"));
    let found = once(&all, day, next);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].0.as_str(), found[0].1.verdict()), ("INCIDENT", Some(false)));
    assert_eq!(once(&all, next, ts("2028-05-07T00:00:00Z")), []);
}

proptest! {
    #[test]
    fn whatever_the_clocks_each_fault_is_counted_once_and_a_breach_is_never_lost(
        clocks in prop::collection::vec((0_u8..4, 0_u8..3, 0_i64..2_000, 0_u8..5), 0..30),
    ) {
        let all: Vec<(String, Kept)> = clocks.iter().enumerate().map(|(number, (fault, customer, started, state))| {
            let (end, breached) = match state {
                0 => (Some(End::Kept), false),
                1 => (Some(End::Late), true),
                2 => (None, true),
                3 => (None, false),
                _ => (Some(End::Void), false),
            };
            let (reference, kept) = clock(&number.to_string(), *started, end, breached);
            (reference, Kept { fault: fault.to_string(), customer: customer.to_string(), ..kept })
        }).collect();
        let keys = |all: &[(String, Kept)], broken: bool| {
            let counts = all.iter().filter(|(_, kept)| !broken || kept.verdict() == Some(false));
            counts.map(|(_, kept)| (kept.fault.clone(), kept.customer.clone())).collect::<std::collections::BTreeSet<_>>()
        };
        let (from, to) = (ts("2028-05-05T00:00:00Z"), ts("2028-05-10T00:00:00Z"));
        let found = once(&all, from, to);
        prop_assert_eq!(found.len(), keys(&all, false).len());
        prop_assert_eq!(keys(&found, false), keys(&all, false));
        prop_assert_eq!(keys(&found, true), keys(&all, true));
        // Cut in two anywhere, nothing is counted twice or lost.
        let middle = ts("2028-05-06T00:00:00Z");
        let halves = once(&all, from, middle).len() + once(&all, middle, to).len();
        prop_assert_eq!(halves, found.len());
    }
}

#[test]
fn calls_are_counted_once() {
    let started = ts("2028-05-05T10:00:00Z");
    let call = |taken: Option<i64>, outcome| Rung {
        customer: "acme".to_owned(),
        started,
        taken: taken.map(|secs| started + SignedDuration::from_secs(secs)),
        outcome,
    };
    let calls = [
        call(Some(20), Some(Outcome::Taken)),
        call(Some(40), Some(Outcome::Taken)),
        call(None, Some(Outcome::Abandoned)),
        call(None, Some(Outcome::Voicemail)),
        call(None, Some(Outcome::Reported)),
        call(None, Some(Outcome::Blocked)),
        call(None, Some(Outcome::Failed)),
        call(None, None),
    ];
    let sum = hotline(&calls);
    assert_eq!((sum.calls, sum.answered, sum.abandoned, sum.left_word, sum.blocked, sum.other), (7, 2, 1, 2, 1, 1));
    assert_eq!(sum.to_person.median, Some(SignedDuration::from_secs(30)));
}

#[test]
fn the_noisiest_comes_first() {
    let mut merged = case("2028-05-05T10:00:00Z", None, Some(1));
    merged.merged = true;
    let mut other = case("2028-05-05T10:00:00Z", Some(1), Some(2));
    other.source = "backup".to_owned();
    other.events = 7;
    let cases = [
        other.clone(),
        other,
        case("2028-05-05T10:00:00Z", None, Some(4)),
        case("2028-05-05T10:00:00Z", None, Some(5)),
        case("2028-05-05T10:00:00Z", None, None),
        merged,
    ];
    let rows = noise(&cases);
    let told: Vec<_> = rows
        .iter()
        .map(|row| (row.source.as_str(), row.alerts, row.events, row.short, row.untouched, row.merged))
        .collect();
    assert_eq!(told, [("probe", 4, 4, 1, 1, 1), ("backup", 2, 14, 0, 0, 0)]);
}

#[test]
fn periods_follow_the_zone() {
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let days = |step, from: &str, to: &str| {
        let found = periods(step, ts(from), ts(to), &zone);
        for pair in found.windows(2) {
            assert_eq!(pair[0].2, pair[1].1, "without holes");
        }
        found.iter().map(|(day, ..)| day.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(
        days(Step::Week, "2028-03-22T12:00:00Z", "2028-04-03T12:00:00Z"),
        ["2028-03-20", "2028-03-27", "2028-04-03"]
    );
    // 23:30 UTC is the next day in Berlin.
    assert_eq!(days(Step::Day, "2028-02-28T23:30:00Z", "2028-02-29T22:59:00Z"), ["2028-02-29"]);
    assert_eq!(days(Step::Month, "2028-01-31T23:00:00Z", "2028-02-29T23:00:00Z"), ["2028-02-01"]);
    let spring = periods(Step::Day, ts("2028-03-25T23:00:00Z"), ts("2028-03-26T12:00:00Z"), &zone);
    assert_eq!(spring[0].1.duration_until(spring[0].2).as_hours(), 23);
}

#[test]
fn a_report_says_what_is_known_and_names_nobody() {
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let cases = [
        case("2028-05-02T10:00:00Z", Some(6), Some(60)),
        case("2028-05-03T10:00:00Z", Some(12), Some(120)),
        Case { merged: true, ..case("2028-05-03T10:00:00Z", None, Some(1)) },
    ];
    let promises =
        [("100001".to_owned(), promise(Some(End::Kept), false)), ("100002".to_owned(), promise(Some(End::Late), true))];
    let services = [("mail".to_owned(), "E-Mail".to_owned())];
    let facts = Facts {
        customer: "Nordlicht GmbH",
        cases: &cases,
        promises: &promises,
        calls: &[],
        from: ts("2028-04-30T22:00:00Z"),
        to: ts("2028-05-31T22:00:00Z"),
        zone: &zone,
        now: ts("2028-06-01T06:00:00Z"),
        services: &services,
        incidents: &[Told {
            reference: "INC-1001".to_owned(),
            title: "E-Mail gestört".to_owned(),
            planned: false,
            from: ts("2028-05-03T09:00:00Z"),
            until: Some(ts("2028-05-03T11:30:00Z")),
            updates: 3,
        }],
        company: Some("Muster IT"),
    };
    let paper = paper(&facts, Wording::of("de-AT"));
    assert_eq!((paper.language.as_str(), paper.title.as_str()), ("de", "Servicebericht"));
    assert_eq!(paper.subtitle, "Nordlicht GmbH, 01.05.2028 bis 31.05.2028");
    assert_eq!(paper.foot, "Muster IT · Erstellt von hotline am 01.06.2028 08:00 (Europe/Berlin)");
    let figures = paper
        .blocks
        .iter()
        .find_map(|block| if let Block::Figures(figures) = block { Some(figures.clone()) } else { None });
    let figures: Vec<String> = figures.unwrap().into_iter().map(|(_, value)| value).collect();
    assert_eq!(figures, ["2", "9 min", "1 h 30 min", "50,0 %"]);
    let charts: Vec<_> = paper
        .blocks
        .iter()
        .filter_map(|block| if let Block::Chart(chart) = block { Some(chart) } else { None })
        .collect();
    assert_eq!(charts.len(), 2);
    assert_eq!((charts[0].labels.len(), charts[0].series[0].0.as_str()), (31, "P2"));
    assert_eq!(charts[0].series[0].1[1], Some(1.0));
    assert_eq!(charts[1].form, Form::Line);
    assert_eq!(
        charts[1].series[0].1,
        [Some(6.0), Some(12.0)],
        "days without an alert are neither zero minutes nor rows"
    );
    assert_eq!(charts[1].labels, ["02.05.", "03.05."]);
    let rows: Vec<&Vec<String>> = paper
        .blocks
        .iter()
        .flat_map(|block| if let Block::Table { rows, .. } = block { rows.iter().collect() } else { vec![] })
        .collect();
    assert_eq!(rows[0][..], ["INC-1001", "E-Mail gestört", "Störung", "03.05.2028 11:00", "03.05.2028 13:30", "3"]);
    for block in &paper.blocks {
        if let Block::Table { head, rows, .. } = block {
            assert!(rows.iter().all(|row| row.len() == head.len()), "{block:?}");
        }
    }
    let broken = format!("{:?}", paper.blocks);
    assert!(broken.contains("#100002") && !broken.contains("#100001") && broken.contains("E-Mail"), "{broken}");
}

#[test]
fn calls_add_up() {
    let call = |outcome, taken: Option<&str>| Rung {
        customer: "acme".to_owned(),
        started: ts("2028-05-02T10:00:00Z"),
        taken: taken.map(ts),
        outcome: Some(outcome),
    };
    let calls = [
        call(Outcome::Taken, Some("2028-05-02T10:01:00Z")),
        call(Outcome::Voicemail, None),
        call(Outcome::Completed, None),
        call(Outcome::Abandoned, None),
        call(Outcome::Blocked, None),
        call(Outcome::Failed, None),
    ];
    let facts = Facts {
        customer: "Acme",
        cases: &[],
        promises: &[],
        calls: &calls,
        from: ts("2028-05-01T00:00:00Z"),
        to: ts("2028-06-01T00:00:00Z"),
        zone: &TimeZone::UTC,
        now: ts("2028-06-01T06:00:00Z"),
        services: &[],
        incidents: &[],
        company: None,
    };
    let paper = paper(&facts, Wording::of("en"));
    let figures =
        paper.blocks.iter().rev().find_map(|block| if let Block::Figures(all) = block { Some(all) } else { None });
    let figures: Vec<usize> = figures.unwrap().iter().filter_map(|(_, value)| value.parse().ok()).collect();
    assert_eq!(figures, [6, 1, 1, 1, 1, 2], "all, a person, a message, an announcement, hung up, other");
}

#[test]
fn an_empty_month_is_no_fault() {
    let facts = Facts {
        customer: "Acme",
        cases: &[],
        promises: &[],
        calls: &[],
        from: ts("2028-05-01T00:00:00Z"),
        to: ts("2028-06-01T00:00:00Z"),
        zone: &TimeZone::UTC,
        now: ts("2028-06-01T06:00:00Z"),
        services: &[],
        incidents: &[],
        company: None,
    };
    let paper = paper(&facts, Wording::of("en"));
    assert!(paper.blocks.contains(&Block::Text("There was no alert in this time.".to_owned())));
    assert!(!paper.blocks.iter().any(|block| matches!(block, Block::Chart(_) | Block::Table { .. })));
}

#[test]
fn what_is_missing_is_told_with_its_remedy() {
    use crate::directory::{Address, Contact, Customer, Directory, Service, User};
    use crate::oncall::{Length, Member, Rotation, Schedule};
    let mut directory = Directory::default();
    for id in ["acme", "nord"] {
        directory
            .customers
            .insert(id.into(), Customer { id: id.into(), name: id.to_uppercase(), ..Customer::default() });
    }
    let mail =
        Service { id: "mail".into(), name: "Mail".to_owned(), customer: Some("acme".into()), ..Service::default() };
    directory.services.insert("mail".into(), mail);
    for (id, verified) in [("ada", true), ("ben", false)] {
        let contact = Contact { id: "mobile".to_owned(), address: Address::Sms("+491701234567".into()), verified };
        let user = User { id: id.into(), name: id.to_uppercase(), contacts: vec![contact], ..User::default() };
        directory.users.insert(id.into(), user);
    }
    let now = ts("2028-05-02T06:00:00Z");
    let turns = |until: Option<&str>| {
        let members = vec![Member::from("ada"), Member::from("ben")];
        let rotation = Rotation::new(members, Length::Weeks(1), "2028-05-01T08:00".parse().unwrap(), TimeZone::UTC);
        let mut schedule = Schedule::single("week", "The week", rotation);
        schedule.layers[0].until = until.map(ts);
        schedule
    };
    directory.schedules.insert("week".into(), turns(None));
    let told = |directory: &Directory, known: &super::Known<'_>| {
        let all = super::readiness(directory, known, now);
        all.into_iter().map(|one| format!("{} {}", one.lack.word(), one.object)).collect::<Vec<_>>()
    };
    let usual = ["no-contract customers/acme", "unverified-phone users/ben", "unreachable users/ben"];
    assert_eq!(told(&directory, &super::Known::default()), usual, "nothing is said of what nobody knows");
    directory.schedules.insert("week".into(), turns(Some("2028-05-10T00:00:00Z")));
    let (none, pages) = (std::collections::BTreeSet::new(), [("acme".to_owned(), "old".to_owned())]);
    let warned = ["action mend has no secret; set it".to_owned()];
    let known =
        super::Known { runbooks: Some(&none), stale_pages: Some(&pages), warnings: &warned, ..super::Known::default() };
    let all = told(&directory, &known);
    assert_eq!(all[1], "gap schedules/week");
    assert_eq!(&all[4..], ["no-runbook services/mail", "warning health", "stale-page status-pages/acme"]);
    let gap = super::readiness(&directory, &known, now).remove(1);
    assert!(gap.what.contains("The week from Wed 2028-05-10 00:00"), "{}", gap.what);
}

proptest! {
    #[test]
    fn figures_as_by_hand(times in proptest::collection::vec(proptest::option::of(0_i64..1_000_000), 0..60)) {
        let sum = stats(times.iter().map(|time| time.map(SignedDuration::from_millis)));
        let mut known: Vec<i64> = times.iter().flatten().copied().collect();
        known.sort_unstable();
        prop_assert_eq!(sum.known + sum.unknown, times.len());
        prop_assert_eq!(sum.longest.map(|time| time.as_millis()), known.last().map(|time| i128::from(*time)));
        if let (Some(median), Some(p90)) = (sum.median, sum.p90) {
            let below = known.iter().filter(|time| i128::from(**time) <= median.as_millis()).count();
            let above = known.iter().filter(|time| i128::from(**time) >= median.as_millis()).count();
            prop_assert!(below * 2 >= known.len() && above * 2 >= known.len());
            let within = known.iter().filter(|time| i128::from(**time) <= p90.as_millis()).count();
            prop_assert!(within * 10 >= known.len() * 9);
            let before = known.iter().filter(|time| i128::from(**time) < p90.as_millis()).count();
            prop_assert!(before * 10 < known.len() * 9, "the shortest such time");
        }
    }
}
