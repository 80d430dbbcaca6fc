//! Stories: what a page shows.

use super::fixture::{affected, at, directory, incident, lesson, look, of, page, since, update, view};
use crate::fact::Actor;
use crate::ids::DrillId;
use crate::incident::{Began, Impact, Incident, Kind, Origin, Phase, UpdateState};
use crate::status::{Audience, Eyes, Indicator, Tongue, View, Visitor};

fn mail_is_down() -> Incident {
    let mut incident = incident(1);
    incident.updates = vec![
        update(1, 0, Phase::Investigating, "we look", &[("mail", Impact::MajorOutage)]),
        update(2, 10, Phase::Identified, "a disk", &[("mail", Impact::MajorOutage)]),
        update(3, 20, Phase::Monitoring, "new disk", &[("mail", Impact::DegradedPerformance)]),
    ];
    incident.phase = Phase::Monitoring;
    incident.affected = affected(&[("mail", Impact::DegradedPerformance)]);
    incident
}

fn everyone(incidents: &[Incident]) -> View {
    look(&page("all", Audience::Everyone), &Visitor::Nobody, incidents).unwrap()
}

#[test]
fn a_fault_is_told_from_its_first_word_to_its_last() {
    let view = everyone(&[mail_is_down()]);
    assert_eq!(
        view.components.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(),
        ["public name of mail", "public name of backup"]
    );
    assert_eq!(view.indicator, Indicator::Minor);
    let shown = &view.incidents[0];
    assert_eq!((shown.impact, shown.phase), (Indicator::Critical, Phase::Monitoring));
    assert_eq!((shown.started_at, shown.updated_at, shown.monitoring_at), (at(0), at(20), Some(at(20))));
    assert_eq!(shown.components, [(0, Impact::DegradedPerformance)]);
    let changes: Vec<_> = shown.updates.iter().map(|one| (one.changes[0].old, one.changes[0].new)).collect();
    let (well, down, slow) = (Impact::Operational, Impact::MajorOutage, Impact::DegradedPerformance);
    assert_eq!(changes, [(well, down), (down, down), (down, slow)]);
    let today = view.components[0].uptime.days.last().unwrap();
    assert_eq!((today.worst, today.down_ms), (Some(Impact::MajorOutage), 20 * 60_000));
}

#[test]
fn what_is_over_is_over_whoever_was_told() {
    let mut over = mail_is_down();
    (over.phase, over.resolved_at) = (Phase::Resolved, Some(at(30)));
    let mut last = update(4, 30, Phase::Resolved, "for acme only", &[("mail", Impact::Operational)]);
    last.customers = vec!["acme".into()];
    over.updates.push(last);
    let view = everyone(&[over]);
    assert_eq!(
        (view.indicator, view.incidents.len(), view.components[0].impact),
        (Indicator::None, 0, Impact::Operational)
    );
    let past = &view.past[0];
    assert_eq!((past.resolved_at, past.phase, past.updates.len()), (Some(at(30)), Phase::Resolved, 3));
    assert_eq!(view.components[0].uptime.days.last().unwrap().down_ms, 20 * 60_000);
}

#[test]
fn a_known_beginning_counts() {
    let mut known = mail_is_down();
    known.began = Some(Began { at: at(-15), origin: Origin::Payload });
    let view = everyone(&[known]);
    assert_eq!(view.incidents[0].started_at, at(-15));
    assert_eq!(view.components[0].uptime.days.last().unwrap().down_ms, 35 * 60_000);
}

#[test]
fn planned_work_is_announced_goes_on_and_ends() {
    let mut work = incident(2);
    (work.kind, work.phase, work.scheduled) = (Kind::Maintenance, Phase::Scheduled, Some((at(40), at(90))));
    let list = [("mail", Impact::UnderMaintenance)];
    work.updates = vec![update(1, 0, Phase::Scheduled, "tonight", &list)];
    let view = everyone(std::slice::from_ref(&work));
    assert_eq!((view.indicator, view.components[0].impact), (Indicator::None, Impact::Operational));
    assert_eq!((view.maintenances[0].phase, view.maintenances[0].started_at), (Phase::Scheduled, at(40)));
    work.phase = Phase::InProgress;
    work.updates.push(update(2, 41, Phase::InProgress, "we begin", &list));
    let view = everyone(std::slice::from_ref(&work));
    assert_eq!((view.indicator, view.components[0].impact), (Indicator::Maintenance, Impact::UnderMaintenance));
    (work.phase, work.resolved_at) = (Phase::Completed, Some(at(55)));
    work.updates.push(update(3, 55, Phase::Completed, "done", &[]));
    let view = everyone(&[work]);
    assert_eq!((view.indicator, view.maintenances.len(), view.past[0].phase), (Indicator::None, 0, Phase::Completed));
    assert_eq!(view.components[0].uptime.percent, Some(100.0));
}

#[test]
fn drafts_drills_and_what_has_no_public_title_are_not_there() {
    let mut draft = mail_is_down();
    for one in &mut draft.updates {
        one.state = UpdateState::Review;
    }
    let mut drill = mail_is_down();
    drill.drill = Some(DrillId(uuid::Uuid::from_u128(1)));
    let mut nameless = mail_is_down();
    nameless.public_title = None;
    let mut withdrawn = mail_is_down();
    for one in &mut withdrawn.updates {
        one.state = UpdateState::Withdrawn { by: Actor::System };
    }
    let view = everyone(&[draft, drill, nameless, withdrawn]);
    assert_eq!(view, everyone(&[]));
    assert_eq!((view.indicator, view.updated_at), (Indicator::None, None));
}

#[test]
fn states_that_were_not_published_are_not_shown() {
    let mut worse = mail_is_down();
    worse.affected = affected(&[("mail", Impact::MajorOutage), ("backup", Impact::MajorOutage)]);
    worse.updates.push(crate::incident::Update {
        state: UpdateState::Draft,
        ..update(9, 50, Phase::Identified, "worse", &[("backup", Impact::MajorOutage)])
    });
    assert_eq!(everyone(&[worse]), everyone(&[mail_is_down()]));
}

#[test]
fn who_may_open_what() {
    let own = page("own", Audience::Customer("acme".into()));
    let visitors = page("visitors", Audience::Visitors);
    let open = |mut page: crate::status::StatusPage| {
        page.open = true;
        page
    };
    let acme = Some(Eyes::Of("acme".into()));
    assert_eq!([own.eyes(&Visitor::Nobody), own.eyes(&of("harbour"))], [None, None]);
    assert_eq!([own.eyes(&of("acme")), own.eyes(&Visitor::House)], [acme.clone(), acme.clone()]);
    assert_eq!(visitors.eyes(&Visitor::Nobody), None);
    assert_eq!(visitors.eyes(&of("acme")), acme);
    assert_eq!(open(visitors.clone()).eyes(&Visitor::Nobody), Some(Eyes::Shared));
    assert_eq!(open(own.clone()).eyes(&of("harbour")), acme);
    assert!(open(own.clone()).is_public(&Eyes::Of("acme".into())) && !own.is_public(&Eyes::Of("acme".into())));
    assert!(!open(visitors).is_public(&Eyes::Of("acme".into())));
    assert_eq!(look(&own, &of("harbour"), &[mail_is_down()]), None);
}

#[test]
fn a_named_customer_sees_what_touches_no_service_of_the_page() {
    let mut named = incident(3);
    named.updates = vec![update(1, 0, Phase::Investigating, "telephone", &[("harbour-radio", Impact::PartialOutage)])];
    named.updates[0].named = vec!["acme".into()];
    let page = page("visitors", Audience::Visitors);
    let seen = look(&page, &of("acme"), std::slice::from_ref(&named)).unwrap();
    assert_eq!((seen.incidents.len(), seen.indicator), (1, Indicator::Major));
    assert_eq!(seen.incidents[0].components, []);
    // Named by now is not named when it went out.
    named.updates[0].named = Vec::new();
    named.customers = vec!["acme".into()];
    assert_eq!(look(&page, &of("acme"), &[named]).unwrap().incidents, []);
}

#[test]
fn whoever_is_touched_later_reads_what_goes_out_from_then_on() {
    let mut late = incident(4);
    late.updates = vec![
        update(1, 0, Phase::Investigating, "the cranes of acme", &[("acme-erp", Impact::MajorOutage)]),
        update(
            2,
            10,
            Phase::Identified,
            "a disk",
            &[("acme-erp", Impact::MajorOutage), ("harbour-radio", Impact::PartialOutage)],
        ),
    ];
    late.affected = late.updates[1].affected.clone();
    let page = page("visitors", Audience::Visitors);
    let seen = look(&page, &of("harbour"), std::slice::from_ref(&late)).unwrap();
    let shown = &seen.incidents[0];
    assert_eq!(shown.updates.iter().map(|one| one.text.as_str()).collect::<Vec<_>>(), ["a disk"]);
    assert_eq!((shown.phase, shown.created_at, shown.started_at), (Phase::Identified, at(10), at(10)));
    assert_eq!(shown.impact, Indicator::Major, "the state as it is, of its own");
    let first = look(&page, &of("acme"), &[late]).unwrap();
    assert_eq!((first.incidents[0].updates.len(), first.incidents[0].started_at), (2, at(0)));
}

#[test]
fn titles_and_words_are_read_in_the_language_that_there_is() {
    let mut both = mail_is_down();
    both.public_titles = vec![(crate::directory::Language("de-AT".to_owned()), "Keine Mails".to_owned())];
    both.updates[0].translations = vec![(crate::directory::Language("de".to_owned()), "wir suchen".to_owned())];
    let view = everyone(&[both]);
    let shown = &view.incidents[0];
    assert_eq!((shown.title_in(Tongue::De), shown.title_in(Tongue::En)), ("Keine Mails", "Incident 1"));
    assert_eq!((shown.updates[0].text_in(Tongue::De), shown.updates[1].text_in(Tongue::De)), ("wir suchen", "a disk"));
}

#[test]
fn what_was_learned_is_shown_with_what_is_over() {
    let mut over = mail_is_down();
    assert_eq!(everyone(std::slice::from_ref(&over)).incidents[0].postmortem, None, "it goes on");
    (over.phase, over.resolved_at) = (Phase::Resolved, Some(at(30)));
    let view = everyone(std::slice::from_ref(&over));
    assert_eq!(view.past[0].postmortem, Some(lesson(&over)));
    assert_eq!((view.past[0].changed_at(), view.updated_at), (at(58), Some(at(58))), "its publishing is news");
    let mut acmes = over.clone();
    for update in &mut acmes.updates {
        update.customers = vec!["acme".into()];
    }
    let visitors = page("visitors", Audience::Visitors);
    let seen = |customer: &str| look(&visitors, &of(customer), std::slice::from_ref(&acmes)).unwrap().past;
    assert_eq!(seen("acme")[0].postmortem, Some(lesson(&acmes)));
    assert_eq!(seen("harbour"), [], "who was told nothing learns nothing");
}

#[test]
fn old_things_go_and_nothing_is_known_of_a_service_that_was_not_there() {
    let mut old = mail_is_down();
    (old.phase, old.resolved_at) = (Phase::Resolved, Some(at(30)));
    let much_later = at(30 + 91 * 24 * 60);
    let page = page("all", Audience::Everyone);
    let seen = view(&page, &Visitor::Nobody, &[old], &directory(), &since(), much_later).unwrap();
    assert_eq!((seen.past.len(), seen.updated_at), (0, None));
    let now = view(&page, &Visitor::Nobody, &[], &directory(), &since(), at(0)).unwrap();
    let known = now.components[0].uptime.days.iter().filter(|day| day.worst.is_some()).count();
    assert_eq!((known, now.components[0].uptime.days.len()), (11, 90));
    let none = view(&page, &Visitor::Nobody, &[], &directory(), &crate::status::Existence::new(), at(0)).unwrap();
    assert_eq!(none.components[0].uptime.percent, None);
    assert!(none.components[0].uptime.days.iter().all(|day| day.worst.is_none()));
}
