//! By property: nothing of the other customer, nothing unpublished, no trace of either.

use proptest::prelude::*;
use uuid::Uuid;

use super::fixture::{CUSTOMERS, SERVICES, at, directory, incident, lesson, of, page, since, view};
use crate::directory::{Directory, Language};
use crate::fact::Actor;
use crate::ids::{CustomerId, DrillId, UpdateId};
use crate::incident::{Affected, Began, Impact, Incident, Kind, Origin, Phase, Severity, Update, UpdateState};
use crate::status::{Audience, StatusPage, View, Visitor};

fn some_affected() -> impl Strategy<Value = Vec<Affected>> {
    proptest::collection::btree_map(0..SERVICES.len(), 0..Impact::ALL.len(), 0..4).prop_map(|picked| {
        picked
            .into_iter()
            .map(|(service, impact)| Affected { service: SERVICES[service].0.into(), impact: Impact::ALL[impact] })
            .collect()
    })
}

fn some_customers() -> impl Strategy<Value = Vec<CustomerId>> {
    prop_oneof![
        3 => Just(Vec::new()),
        1 => Just(vec![CUSTOMERS[0].into()]),
        1 => Just(vec![CUSTOMERS[1].into()]),
        1 => Just(CUSTOMERS.map(CustomerId::from).to_vec()),
    ]
}

fn some_update() -> impl Strategy<Value = Update> {
    (any::<u64>(), 0..50_i64, 0..Phase::ALL.len(), (some_customers(), some_customers()), some_affected(), 0..6_u8)
        .prop_map(|(id, minutes, phase, (customers, named), affected, state)| Update {
            id: UpdateId(Uuid::from_u128(id.into())),
            at: at(minutes),
            by: Actor::Login("secret writer".to_owned()),
            phase: Phase::ALL[phase],
            heading: None,
            text: format!("text {id}."),
            translations: vec![(Language("de".to_owned()), format!("Wort {id}."))],
            customers,
            affected,
            named,
            state: match state {
                0 => UpdateState::Draft,
                1 => UpdateState::Review,
                2 => UpdateState::Withdrawn { by: Actor::System },
                _ => UpdateState::Published { at: at(minutes), by: Actor::Login("secret releaser".to_owned()) },
            },
        })
}

fn some_incident() -> impl Strategy<Value = Incident> {
    let parts = (any::<u64>(), any::<bool>(), 0..4_usize, some_affected(), some_customers(), any::<bool>());
    (parts, proptest::collection::vec(some_update(), 0..5), 0..8_u8, proptest::option::of(-30..40_i64)).prop_map(
        |((id, planned, severity, affected, customers, over), updates, odd, began)| Incident {
            kind: if planned { Kind::Maintenance } else { Kind::Fault },
            public_title: (odd != 1).then(|| format!("title {id}.")),
            public_titles: vec![(Language("de".to_owned()), format!("Titel {id}."))],
            title: "secret title".to_owned(),
            severity: Severity::ALL[severity],
            phase: if over { Phase::Resolved } else { Phase::Identified },
            resolved_at: over.then(|| at(55)),
            drill: (odd == 0).then(|| DrillId(Uuid::from_u128(1))),
            began: began.map(|minutes| Began { at: at(minutes), origin: Origin::Person }),
            scheduled: planned.then(|| (at(-5), at(70))),
            affected,
            customers,
            updates,
            ..incident(id.into())
        },
    )
}

fn owner(service: &str) -> Option<&'static str> {
    SERVICES.iter().find(|(id, _)| *id == service).and_then(|(_, owner)| *owner)
}

/// `None`: eyes of nobody.
fn is_seen(service: &str, own: Option<&str>) -> bool {
    owner(service).is_none_or(|owner| Some(owner) == own)
}

/// The incident as if the house had only ever had what this customer may know; `None`: nothing. Says the rule a second time, the
/// long way.
fn cut_down(incident: &Incident, own: Option<&str>) -> Option<Incident> {
    incident.public_title.as_ref().filter(|_| incident.drill.is_none())?;
    let is_own = |customers: &[CustomerId]| customers.iter().any(|customer| Some(customer.0.as_str()) == own);
    let mut updates: Vec<Update> = incident
        .updates
        .iter()
        .filter(|update| matches!(update.state, UpdateState::Published { .. }))
        .cloned()
        .collect();
    updates.sort_by_key(|update| (update.at, update.id));
    let mut before = false;
    updates.retain(|update| {
        let by_service = update.affected.iter().any(|one| is_seen(&one.service.0, own));
        let silent_and_told_before = update.affected.is_empty() && before;
        let touched = by_service || silent_and_told_before || is_own(&update.named);
        let reads = is_own(&update.customers) || (update.customers.is_empty() && touched);
        before |= reads;
        reads
    });
    for update in &mut updates {
        update.affected.retain(|one| is_seen(&one.service.0, own));
        // Whom else it was for is nobody's business; that it was for them stays.
        update.customers.retain(|customer| Some(customer.0.as_str()) == own);
        update.named.retain(|customer| Some(customer.0.as_str()) == own);
    }
    (!updates.is_empty()).then(|| Incident {
        updates,
        // Whom it touches by now is no part of what was told.
        affected: Vec::new(),
        customers: Vec::new(),
        title: "other".to_owned(),
        reference: "INC-0".to_owned(),
        ..incident.clone()
    })
}

fn cut_down_page(page: &StatusPage, own: Option<&str>) -> (StatusPage, Directory) {
    let (mut page, mut directory) = (page.clone(), directory());
    page.components.retain(|component| is_seen(&component.service.0, own));
    directory.services.retain(|id, _| is_seen(&id.0, own));
    directory.customers.retain(|id, _| Some(id.0.as_str()) == own);
    (page, directory)
}

fn all_of(view: &View) -> String {
    format!("{view:?}")
}

/// Every page with every visitor who may open it, and as whom.
fn looks() -> Vec<(StatusPage, Visitor, Option<&'static str>)> {
    let mut looks = vec![
        (page("all", Audience::Everyone), Visitor::Nobody, None),
        (page("all", Audience::Everyone), of("acme"), None),
        (page("visitors", Audience::Visitors), Visitor::House, None),
    ];
    for own in CUSTOMERS {
        looks.push((page("visitors", Audience::Visitors), of(own), Some(own)));
        looks.push((page(own, Audience::Customer(own.into())), of(own), Some(own)));
    }
    looks
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// A page looks the same as if the other customer's things had never been: no text, name, id, number, colour or time of
    /// theirs can be in it.
    #[test]
    fn the_others_leave_no_trace(incidents in proptest::collection::vec(some_incident(), 0..6)) {
        for (page, visitor, own) in looks() {
            let seen = view(&page, &visitor, &incidents, &directory(), &since(), at(60)).unwrap();
            let less: Vec<Incident> = incidents.iter().filter_map(|incident| cut_down(incident, own)).collect();
            let (less_page, less_directory) = cut_down_page(&page, own);
            let same = view(&less_page, &visitor, &less, &less_directory, &since(), at(60)).unwrap();
            prop_assert_eq!(&seen, &same);
        }
    }

    /// And by words: each text is there exactly where it may be; nothing of the house is anywhere.
    #[test]
    fn words_are_where_they_may_be(incidents in proptest::collection::vec(some_incident(), 0..6)) {
        for (page, visitor, own) in looks() {
            let seen = view(&page, &visitor, &incidents, &directory(), &since(), at(60)).unwrap();
            let words = all_of(&seen);
            for other in CUSTOMERS.into_iter().filter(|other| Some(*other) != own) {
                prop_assert!(!words.contains(other), "{other} in {words}");
            }
            prop_assert!(!words.contains("secret") && !words.contains("internal") && !words.contains("INC-"));
            for incident in &incidents {
                let may_read = cut_down(incident, own).map(|less| less.updates).unwrap_or_default();
                let shown = seen.past.iter().find(|shown| shown.id == incident.id);
                prop_assert_eq!(shown.and_then(|shown| shown.postmortem.clone()), shown.map(|_| lesson(incident)));
                let learned = words.contains(&lesson(incident).text);
                prop_assert_eq!(learned, shown.is_some(), "a postmortem stands with what is over, and nowhere else");
                prop_assert!(!learned || !may_read.is_empty(), "only they were told who learn what was learned");
                for title in ["title", "Titel"] {
                    let told = words.contains(&format!("\"{title} {}.\"", incident.id.0.as_u128()));
                    prop_assert_eq!(told, !may_read.is_empty(), "{}", title);
                }
                for update in &incident.updates {
                    let may = may_read.iter().any(|one| one.text == update.text);
                    for text in [&update.text, &update.translations[0].1] {
                        prop_assert_eq!(words.contains(&format!("\"{text}\"")), may, "{} in {}", text, words);
                    }
                }
            }
        }
    }

    /// Whoever is nobody, or somebody else's, sees nothing at all of a customer's own page.
    #[test]
    fn a_page_of_others_is_no_page(incidents in proptest::collection::vec(some_incident(), 0..3)) {
        let own = page("acme", Audience::Customer("acme".into()));
        for visitor in [Visitor::Nobody, of("harbour"), of("ACME"), of(""), of("acme ")] {
            prop_assert!(view(&own, &visitor, &incidents, &directory(), &since(), at(60)).is_none());
        }
    }
}
