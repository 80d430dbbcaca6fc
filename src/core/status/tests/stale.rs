//! Pages that tell too little or too late, as the readiness report says it.

use super::fixture::{affected, at, directory, incident, page, update};
use crate::ids::DrillId;
use crate::incident::{Impact, Incident, Kind, Phase};
use crate::report::stale_pages;
use crate::status::Audience;

fn mail_is_down() -> Incident {
    let list = [("mail", Impact::MajorOutage)];
    Incident {
        updates: vec![update(1, 0, Phase::Investigating, "we look", &list)],
        affected: affected(&list),
        ..incident(1)
    }
}

#[test]
fn pages_that_tell_too_little_or_too_late_are_named() {
    let mut directory = directory();
    let told = |directory: &crate::directory::Directory, incident: &Incident, minutes: i64| {
        stale_pages(directory, std::slice::from_ref(incident), at(minutes))
    };
    let mut all = page("all", Audience::Everyone);
    directory.status_pages.insert("all".into(), all.clone());
    let mut acmes = page("acmes", Audience::Customer("acme".into()));
    acmes.components.retain(|component| component.service.0 == "acme-erp");
    directory.status_pages.insert("acmes".into(), acmes);
    let fresh = Incident { update_due: Some(at(30)), ..mail_is_down() };
    assert_eq!(told(&directory, &fresh, 29), []);
    // The one page lists the service, the other's customer is told of it because it is everybody's.
    let late = told(&directory, &fresh, 30);
    let words =
        "it shows INC-1, of which customers should have heard again by Sun 2026-11-22 09:30 UTC; publish an update";
    assert_eq!(late, ["acmes", "all"].map(|page| (page.to_owned(), words.to_owned())));
    // Over, an exercise, or never published: no page shows it.
    let over = Incident { phase: Phase::Resolved, ..fresh.clone() };
    let drill = Incident { drill: Some(DrillId(uuid::Uuid::from_u128(1))), ..fresh.clone() };
    let silent = Incident { updates: Vec::new(), ..fresh.clone() };
    for unseen in [&over, &drill, &silent] {
        assert_eq!(told(&directory, unseen, 90), []);
    }
    // Another customer's, which neither page lists.
    let list = [("harbour-radio", Impact::MajorOutage)];
    let updates = vec![update(1, 0, Phase::Investigating, "we look", &list)];
    let others = Incident { updates, affected: affected(&list), ..fresh.clone() };
    all.components.retain(|component| component.service.0 == "mail");
    directory.status_pages.insert("all".into(), all.clone());
    assert_eq!(told(&directory, &others, 90), []);
    // Without a clock a day of silence is too long; planned work has its end.
    let unclocked = Incident { update_due: None, ..fresh.clone() };
    assert_eq!(told(&directory, &unclocked, 60 * 24 - 1), []);
    assert!(told(&directory, &unclocked, 60 * 24)[0].1.contains("nothing was said since Sun 2026-11-22 09:00 UTC"));
    let work = Incident { kind: Kind::Maintenance, scheduled: Some((at(10), at(50))), ..unclocked };
    assert_eq!(told(&directory, &work, 49), []);
    assert!(told(&directory, &work, 50)[1].1.contains("work that was to end by Sun 2026-11-22 09:50 UTC"));
    // Nothing to tell about, and something that is gone.
    directory.services.remove(&"mail".into());
    let mut empty = page("empty", Audience::Everyone);
    empty.components.clear();
    directory.status_pages.insert("empty".into(), empty);
    let lacks = told(&directory, &over, 90);
    let said: Vec<(&str, bool)> = lacks.iter().map(|(page, what)| (page.as_str(), what.contains("is gone"))).collect();
    assert_eq!(said, [("all", true), ("empty", false)], "{lacks:?}");
}
