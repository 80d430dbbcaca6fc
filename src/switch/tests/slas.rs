//! Promises to customers: said once, kept by the revision under which they began; signatures.

use std::collections::BTreeMap;

use hotline_core::directory::{Customer, CustomerContact};
use hotline_core::ids::{CustomerId, IncidentId};
use hotline_core::incident::By;
use hotline_core::sla::{Sla, Targets};
use jiff::SignedDuration;
use sha2::{Digest, Sha256};

use super::*;
use crate::store::slas::SignatureRow;
use crate::store::tests::server::new_database;
use crate::switch::incidents::IncidentWaitingError;
use crate::switch::slas::{Signing, WaitingError};

fn contract(response: i64) -> Sla {
    let targets = Targets {
        response: Some(SignedDuration::from_mins(response)),
        resolution: Some(SignedDuration::from_hours(4)),
        update: None,
    };
    Sla {
        id: "gold".into(),
        name: "Gold".to_owned(),
        customer: "acme".into(),
        category: None,
        calendar: None,
        time_zone: None,
        targets: BTreeMap::from([(Priority::P1, targets)]),
        warn_at: vec![50, 75],
        terms: None,
    }
}

/// The usual people, a customer, and what it was promised.
fn with(response: i64) -> Directory {
    let mut directory = directory();
    let lea = CustomerContact { id: "lea".to_owned(), name: "Lea Sommer".into(), ..CustomerContact::default() };
    let acme =
        Customer { id: "acme".into(), name: "Acme <Logistics>".to_owned(), contacts: vec![lea], ..Customer::default() };
    directory.customers.insert("acme".into(), acme);
    directory.slas.insert("gold".into(), contract(response));
    directory
}

impl World {
    async fn sql(&self, sql: String) {
        let mut connection = AnyConnection::connect(&self.database).await.unwrap();
        sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    }

    fn promise(&self, response: i64) {
        self.switch.reload(with(response), Vec::new()).unwrap();
    }

    /// An alert of the customer's.
    async fn of_acme(&self, key: &str) -> AlertId {
        let id = self.alert(key).await;
        self.sql(format!("UPDATE alerts SET customer = 'acme' WHERE id = '{id}'")).await;
        id
    }

    /// Makes its clocks begin so many minutes earlier.
    async fn age(&self, id: AlertId, minutes: i64) {
        let ms = minutes * 60_000;
        self.sql(format!(
            "UPDATE sla_clocks SET started_at = started_at - {ms}, look_at = 0 WHERE id = '{id}' AND ended IS NULL"
        ))
        .await;
    }

    async fn watch(&self) {
        self.switch.watch_promises().await.unwrap();
    }

    /// What was said about promises, in order.
    async fn said(&self, id: AlertId) -> Vec<String> {
        let rows = self.timeline(id).await;
        let told = rows.into_iter().filter(|row| {
            row.kind.starts_with("sla") || matches!(row.kind.as_str(), "waits-for-customer" | "customer-answered")
        });
        told.map(|row| row.what).collect()
    }
}

fn begins(said: &[String], beginnings: &[&str]) {
    assert_eq!(said.len(), beginnings.len(), "{said:#?}");
    for (said, beginning) in said.iter().zip(beginnings) {
        assert!(said.starts_with(beginning), "{said} / {beginning}");
    }
}

#[tokio::test]
async fn each_thing_is_said_once() {
    let world = World::new().await;
    world.promise(15);
    world.watch().await;
    let id = world.of_acme("mail").await;
    let other = world.alert("nobodys").await;
    world.switch.escalate_due().await;
    world.watch().await;
    world.watch().await;
    begins(&world.said(id).await, &["The response is promised by SLA gold, revision 1", "The resolution is promised"]);
    assert_eq!(world.said(other).await, Vec::<String>::new());
    let told = world.notifications(id).await.len();

    world.age(id, 8).await;
    world.watch().await;
    world.age(id, 0).await;
    world.watch().await;
    let said = world.said(id).await;
    begins(&said[2..], &["50 % of the time for the response by SLA gold"]);
    assert_eq!(world.notifications(id).await.len(), told + 1, "the policy's first step is told");

    world.age(id, 8).await;
    world.watch().await;
    world.watch().await;
    let said = world.said(id).await;
    begins(&said[3..], &["The response by SLA gold, revision 1 is overdue: it was due at"]);

    world.switch.command(id, Command::Acknowledge, by("ben")).await.unwrap();
    world.watch().await;
    begins(&world.said(id).await[4..], &["The response by SLA gold, revision 1 came late, after 106 %"]);

    // Whoever has it is told of the rest.
    world.age(id, 110).await;
    world.watch().await;
    begins(&world.said(id).await[5..], &["52 % of the time for the resolution".replace("52", "50").as_str()]);
    let status = world.store.notifications(Some(id), Some(&"ben".into()), None, None, 100).await.unwrap();
    assert_eq!(status.items.iter().filter(|row| row.kind == "status").count(), 1);

    world.switch.command(id, Command::Resolve, by("ben")).await.unwrap();
    world.watch().await;
    world.watch().await;
    begins(&world.said(id).await[6..], &["The resolution by SLA gold, revision 1 was kept, after 52 %"]);
    let stands = world.switch.promises(id).await.unwrap();
    assert_eq!(stands.clocks.iter().map(|clock| clock.state).collect::<Vec<_>>(), ["late", "kept"]);
    world.close().await;
}

#[tokio::test]
async fn a_change_of_the_contract_does_not_touch_what_runs() {
    let world = World::new().await;
    world.promise(15);
    world.watch().await;
    let before = world.of_acme("mail").await;
    world.watch().await;
    tokio::time::sleep(Duration::from_millis(5)).await;
    world.promise(60);
    world.watch().await;
    tokio::time::sleep(Duration::from_millis(5)).await;
    let after = world.of_acme("web").await;
    world.watch().await;
    let response = async |id| {
        let stands = world.switch.promises(id).await.unwrap().clocks.remove(0);
        (stands.row.measured.revision, stands.row.measured.target.as_mins())
    };
    assert_eq!((response(before).await, response(after).await), ((1, 15), (2, 60)));
    world.age(before, 16).await;
    world.age(after, 16).await;
    world.watch().await;
    begins(&world.said(before).await[2..], &["The response by SLA gold, revision 1 is overdue"]);
    assert_eq!(world.said(after).await.len(), 2);
    assert_eq!(world.store.revisions("gold").await.unwrap().len(), 2);
    world.close().await;
}

#[tokio::test]
async fn while_the_customer_is_waited_for_nothing_is_due() {
    let world = World::new().await;
    world.promise(15);
    world.watch().await;
    let id = world.of_acme("mail").await;
    world.watch().await;
    world.switch.set_waiting(id, true, &by("ada")).await.unwrap();
    world.switch.set_waiting(id, true, &by("ada")).await.unwrap();
    let said = world.said(id).await;
    begins(&said[2..], &["The customer is waited for, says ada"]);
    let stands = world.switch.promises(id).await.unwrap();
    assert!(
        stands.waiting_since.is_some()
            && stands.clocks.iter().all(|clock| clock.state == "paused" && clock.due_at.is_none())
    );
    // A day later, all of it waiting.
    let day = 86_400_000;
    world.sql(format!("UPDATE sla_clocks SET started_at = started_at - {day}, look_at = 0 WHERE id = '{id}'")).await;
    world.sql(format!("UPDATE sla_pauses SET from_at = from_at - {day} WHERE id = '{id}'")).await;
    world.watch().await;
    assert_eq!(world.said(id).await.len(), 3);
    world.switch.set_waiting(id, false, &by("ben")).await.unwrap();
    begins(&world.said(id).await[3..], &["The customer is not waited for any more, says ben"]);
    let stands = world.switch.promises(id).await.unwrap();
    assert!(
        stands.waiting_since.is_none()
            && stands.clocks.iter().all(|clock| clock.state == "running" && clock.due_at.is_some())
    );
    world.switch.command(id, Command::Resolve, by("ben")).await.unwrap();
    assert!(matches!(world.switch.set_waiting(id, true, &by("ben")).await, Err(WaitingError::Resolved)));
    let unknown = AlertId(uuid::Uuid::now_v7());
    assert!(matches!(world.switch.set_waiting(unknown, true, &by("ben")).await, Err(WaitingError::Unknown)));
    world.close().await;
}

#[tokio::test]
async fn another_priority_has_another_target() {
    let world = World::new().await;
    let mut directory = with(15);
    let half = Targets { response: Some(SignedDuration::from_mins(30)), ..Targets::default() };
    directory.slas.get_mut(&"gold".into()).unwrap().targets.insert(Priority::P3, half);
    world.switch.reload(directory, Vec::new()).unwrap();
    world.watch().await;
    let id = world.of_acme("mail").await;
    world.watch().await;
    world.age(id, 16).await;
    world.watch().await;
    let describe = Command::Describe { priority: Some(Priority::P3), title: None };
    world.switch.command(id, describe, by("ada")).await.unwrap();
    world.watch().await;
    let said = world.said(id).await;
    begins(
        &said[2..],
        &[
            "The response by SLA gold, revision 1 is overdue",
            "The response by SLA gold, revision 1 has another target now",
            "The resolution by SLA gold, revision 1 counts no more",
        ],
    );
    let stands = world.switch.promises(id).await.unwrap();
    assert_eq!(stands.clocks.iter().map(|clock| clock.state).collect::<Vec<_>>(), ["running", "void"]);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_say_it_once() {
    let database = tokio::task::spawn_blocking(new_database).await.unwrap();
    let (alpha, beta) = (World::at(database.clone(), "alpha").await, World::at(database, "beta").await);
    for world in [&alpha, &beta] {
        world.promise(15);
    }
    tokio::join!(alpha.watch(), beta.watch());
    assert_eq!(alpha.store.revisions("gold").await.unwrap().len(), 1);
    let id = alpha.of_acme("mail").await;
    alpha.switch.escalate_due().await;
    for minutes in [0, 8, 8] {
        alpha.age(id, minutes).await;
        for _ in 0..3 {
            tokio::join!(alpha.watch(), beta.watch());
        }
    }
    begins(
        &beta.said(id).await,
        &[
            "The response is promised",
            "The resolution is promised",
            "50 % of the time for the response",
            "The response by SLA gold, revision 1 is overdue",
        ],
    );
    let told = beta.store.notifications(Some(id), None, None, None, 100).await.unwrap();
    assert_eq!(told.items.iter().filter(|row| row.kind == "status").count(), 2);
    alpha.close().await;
    beta.close().await;
}

#[tokio::test]
async fn a_contract_is_signed_by_its_link() {
    let world = World::new().await;
    world.promise(15);
    world.watch().await;
    let revision = world.store.revisions("gold").await.unwrap().remove(0);
    let token = "0123456789abcdef0123456789abcdef";
    let at = now().wall;
    let row = SignatureRow {
        id: String::new(),
        sla: "gold".to_owned(),
        number: 1,
        sha256: revision.sha256.clone(),
        contact: "lea".to_owned(),
        contact_name: "Lea Sommer".to_owned(),
        requested_at: at,
        requested_by: "login admin".to_owned(),
        expires_at: at + SignedDuration::from_hours(1),
        signed_at: None,
        signed_name: None,
    };
    let other = SignatureRow { contact: "max".to_owned(), ..row.clone() };
    let deed = crate::store::alerts::Audited {
        actor: "login admin".to_owned(),
        action: "sla.request-signature".to_owned(),
        object: "slas/gold".to_owned(),
        detail: "{}".to_owned(),
        personal: Vec::new(),
    };
    let hash = hex::encode(Sha256::digest(token.as_bytes()));
    world.store.request_signature(&row, &hash, &deed).await.unwrap();
    assert_eq!(world.switch.look_signing(&hash).await.unwrap(), Signing::Gone, "the hash opens nothing");
    let Signing::Ask(sheet) = world.switch.look_signing(token).await.unwrap() else { panic!() };
    assert!(sheet.paper.subtitle.contains("Acme <Logistics>") && sheet.paper.foot.contains(&revision.sha256));
    let late = "fedcba9876543210fedcba9876543210";
    world.store.request_signature(&other, &hex::encode(Sha256::digest(late.as_bytes())), &deed).await.unwrap();
    assert!(matches!(world.switch.look_signing(late).await.unwrap(), Signing::Ask(_)));
    let Signing::Signed(sheet) = world.switch.sign(token, "Lea Sommer").await.unwrap() else { panic!() };
    assert_eq!((sheet.signature.number, sheet.signature.signed_name.as_deref()), (1, Some("Lea Sommer")));
    let Signing::Signed(again) = world.switch.sign(token, "Eve").await.unwrap() else { panic!() };
    assert_eq!(again.signature.signed_name.as_deref(), Some("Lea Sommer"));
    // The contract changes: what was signed stays as it was, what was not can't be signed any more.
    world.promise(60);
    world.watch().await;
    assert_eq!(world.switch.look_signing(late).await.unwrap(), Signing::Gone);
    assert_eq!(world.switch.sign(late, "Lea Sommer").await.unwrap(), Signing::Gone);
    assert!(
        matches!(world.switch.look_signing(token).await.unwrap(), Signing::Signed(sheet) if sheet.signature.number == 1)
    );
    world.close().await;
}

/// Acme is waited for, twice, and answers; Nord was promised nothing.
async fn wait_for_acme_alone(world: &World, id: IncidentId) {
    let waits = async |customer: Option<&str>, waits: bool| {
        let customer = customer.map(CustomerId::from);
        world.switch.set_incident_waiting(id, customer.as_ref(), waits, &by_hand()).await
    };
    let stands = async || {
        let mut found = world.switch.incident_promises(id).await.unwrap();
        assert_eq!(found.len(), 1);
        let found = found.remove(0);
        assert_eq!(found.customer, CustomerId::from("acme"));
        found.promises
    };
    assert!(matches!(waits(Some("nord"), true).await, Err(IncidentWaitingError::NothingPromised)));
    let nowhere = IncidentId(uuid::Uuid::now_v7());
    let asked = world.switch.set_incident_waiting(nowhere, None, true, &by_hand()).await;
    assert!(matches!(asked, Err(IncidentWaitingError::Unknown)));
    let before = stands().await;
    assert!(before.waiting_since.is_none() && before.clocks.iter().all(|clock| clock.state == "running"));
    waits(Some("acme"), true).await.unwrap();
    waits(None, true).await.unwrap();
    let paused = stands().await;
    assert!(paused.waiting_since.is_some());
    assert!(paused.clocks.iter().all(|clock| clock.state == "paused" && clock.due_at.is_none()), "{paused:#?}");
    // Long overdue, if it were not for the pause: nothing is said.
    world.sql(format!("UPDATE sla_pauses SET from_at = from_at - 7200000 WHERE id LIKE '{id}/%'")).await;
    world
        .sql(format!("UPDATE sla_clocks SET started_at = started_at - 7200000, look_at = 0 WHERE id LIKE '{id}/%'"))
        .await;
    world.watch().await;
    waits(None, false).await.unwrap();
    waits(Some("acme"), false).await.unwrap();
    world.sql(format!("UPDATE sla_clocks SET started_at = started_at + 7200000 WHERE id LIKE '{id}/%'")).await;
    world.sql(format!("UPDATE sla_pauses SET from_at = from_at + 7200000 WHERE id LIKE '{id}/%'")).await;
    let after = stands().await;
    assert!(after.waiting_since.is_none() && after.clocks.iter().all(|clock| clock.state == "running"), "{after:#?}");
    assert!(after.clocks.iter().zip(&before.clocks).all(|(after, before)| after.due_at >= before.due_at));
    let rows = world.store.incident_timeline(id).await.unwrap();
    let lines: Vec<_> = rows
        .iter()
        .filter(|row| row.kind == "incident.waits-for-customer" || row.kind == "incident.customer-answered")
        .map(|row| (row.what.as_str(), row.actor.as_str()))
        .collect();
    assert_eq!(
        lines,
        [
            ("Acme <Logistics> is waited for: the clocks of its contract stand still.", "ben"),
            ("Acme <Logistics> is not waited for any more: the clocks of its contract run.", "ben"),
        ]
    );
}

fn by_hand() -> By {
    By { actor: by("ben"), person: Some("ben".into()), role: Some("dispatcher".to_owned()) }
}

#[tokio::test]
async fn each_touched_customer_has_its_own_clocks_about_an_incident() {
    use hotline_core::directory::Service;
    use hotline_core::incident::{Affected, Impact, Severity};
    let world = World::new().await;
    let mut directory = with(15);
    directory
        .customers
        .insert("nord".into(), Customer { id: "nord".into(), name: "Nord".to_owned(), ..Customer::default() });
    let cloud = Service { id: "cloud".into(), name: "Cloud".to_owned(), ..Service::default() };
    directory.services.insert("cloud".into(), cloud);
    world.switch.reload(directory, Vec::new()).unwrap();
    world.watch().await;
    let opening = hotline_core::incident::Opening {
        id: hotline_core::ids::IncidentId(uuid::Uuid::now_v7()),
        kind: hotline_core::incident::Kind::Fault,
        title: Some("The cloud is away".to_owned()),
        public_title: None,
        public_titles: Vec::new(),
        severity: Some(Severity::Critical),
        affected: vec![Affected { service: "cloud".into(), impact: Impact::MajorOutage }],
        customers: Vec::new(),
        alerts: Vec::new(),
        calls: Vec::new(),
        began: None,
        scheduled: None,
        by_itself: false,
        drill: None,
    };
    let incident = world.switch.open_incident(opening, hotline_core::incident::By::SYSTEM).await.unwrap();
    world.watch().await;
    world.watch().await;
    let said = async || {
        let rows = world.store.incident_timeline(incident.id).await.unwrap();
        rows.into_iter().filter(|row| row.kind == "incident.sla").map(|row| row.what).collect::<Vec<_>>()
    };
    begins(
        &said().await,
        &[
            "The first word is promised to Acme <Logistics> by SLA gold, revision 1",
            "The end is promised to Acme <Logistics>",
        ],
    );
    let id = incident.id;
    wait_for_acme_alone(&world, id).await;
    world
        .sql(format!("UPDATE sla_clocks SET started_at = started_at - 960000, look_at = 0 WHERE id LIKE '{id}/%'"))
        .await;
    world.watch().await;
    world.watch().await;
    begins(&said().await[2..], &["The first word for Acme <Logistics> by SLA gold, revision 1 is overdue"]);
    let between =
        world.store.clocks_between(now().wall - SignedDuration::from_hours(1), now().wall, None).await.unwrap();
    assert_eq!(between.len(), 2, "nothing was promised to Nord");
    assert!(
        between
            .iter()
            .all(|one| one.subject == "incident" && one.reference == incident.reference && one.row.customer == "acme")
    );
    world.close().await;
}
