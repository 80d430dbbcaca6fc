//! Incidents: rules one by one, and random sequences of commands that must never show a customer what is not theirs.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::rules::{Places, fill, template, unknown_place};
use super::*;
use crate::directory::{Customer, Service, User};
use crate::fact::Priority;
use crate::ids::IdSource;
use crate::report::words_kept;
use crate::sla::{Sla, Targets};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).unwrap()
}

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn directory() -> Directory {
    let mut directory = Directory::default();
    for (name, shown) in [("acme", "Acme Logistics"), ("globex", "Globex"), ("initech", "Initech")] {
        let customer = Customer { id: name.into(), name: shown.to_owned(), ..Customer::default() };
        directory.customers.insert(name.into(), customer);
    }
    for (name, shown, owner) in [
        ("mail", "E-Mail", None),
        ("acme-erp", "ERP of Acme", Some("acme")),
        ("globex-shop", "Shop", Some("globex")),
        ("initech-files", "Files", Some("initech")),
    ] {
        let service = Service { name: shown.to_owned(), customer: owner.map(Into::into), ..blank_service(name) };
        directory.services.insert(name.into(), service);
    }
    for name in ["ada", "bob"] {
        directory.users.insert(name.into(), User { id: name.into(), name: name.to_owned(), ..User::default() });
    }
    directory
}

fn blank_service(name: &str) -> Service {
    Service {
        id: name.into(),
        name: name.to_owned(),
        public_name: None,
        customer: None,
        team: None,
        policy: None,
        support: None,
        priority: None,
        depends_on: Vec::new(),
        category: None,
    }
}

fn by(name: &str, role: &str) -> By {
    By { actor: Actor::Login(name.to_owned()), person: Some(name.into()), role: Some(role.to_owned()) }
}

struct World {
    directory: Directory,
    rules: Rules,
    now: Timestamp,
}

impl World {
    fn new() -> Self {
        Self { directory: directory(), rules: Rules::default(), now: at(0) }
    }

    fn with<T>(&self, work: impl FnOnce(&Setting<'_>) -> T) -> T {
        let every = |incident: &Incident, _: &CustomerId, since: Timestamp| {
            let every = self.rules.every(incident.severity)?;
            since.checked_add(every).ok()
        };
        work(&Setting { directory: &self.directory, rules: &self.rules, due: &every, now: self.now })
    }

    fn open(&self, services: &[(&str, Impact)]) -> Incident {
        let mut opening = Opening::new(IncidentId(id(1)), Kind::Fault);
        opening.title = Some("db01 is down".to_owned());
        opening.severity = Some(Severity::Critical);
        opening.affected = affected(services);
        self.with(|setting| open(&opening, "INC-1001".to_owned(), &by("ada", "dispatcher"), setting)).unwrap().incident
    }

    fn say(&self, incident: &Incident, command: Command) -> Result<Incident, Refusal> {
        self.say_by(incident, command, &by("ada", "dispatcher"))
    }

    #[expect(clippy::needless_pass_by_value, reason = "said where it is called")]
    fn say_by(&self, incident: &Incident, command: Command, by: &By) -> Result<Incident, Refusal> {
        self.with(|setting| carry_out(incident, &command, by, setting)).map(|deed| deed.incident)
    }

    fn publish(
        &self,
        incident: &Incident,
        number: u128,
        phase: Phase,
        customers: &[&str],
    ) -> Result<Incident, Refusal> {
        let update = UpdateId(id(number));
        let drafted =
            self.say(incident, Command::Draft(update, draft(phase, &format!("words {number}"), customers)))?;
        self.say(&drafted, Command::Publish(update, Some("Mail is slow".into())))
    }
}

fn affected(services: &[(&str, Impact)]) -> Vec<Affected> {
    services.iter().map(|(service, impact)| Affected { service: (*service).into(), impact: *impact }).collect()
}

fn draft(phase: Phase, text: &str, customers: &[&str]) -> Draft {
    Draft {
        phase,
        heading: None,
        text: text.to_owned(),
        translations: Vec::new(),
        customers: customers.iter().map(|customer| (*customer).into()).collect(),
    }
}

fn alert(number: u128, service: Option<&str>, customer: Option<&str>) -> AlertSeen {
    AlertSeen {
        id: AlertId(id(number)),
        title: "disk 97 %".to_owned(),
        priority: Priority::P2,
        customer: customer.map(Into::into),
        service: service.map(Into::into),
        opened_at: at(-60),
        began: None,
        call: None,
        drill: false,
    }
}

#[test]
fn it_is_opened_from_alerts_with_what_they_know() {
    let world = World::new();
    let mut opening = Opening::new(IncidentId(id(1)), Kind::Fault);
    let began = AlertSeen {
        began: Some(Began { at: at(-600), origin: Origin::Payload }),
        opened_at: at(-300),
        ..alert(1, Some("mail"), None)
    };
    opening.alerts = vec![alert(2, None, Some("acme")), began, alert(3, Some("gone"), Some("nobody"))];
    opening.began = Some(Began { at: at(-900), origin: Origin::Caller });
    let deed = world.with(|setting| open(&opening, "INC-1001".to_owned(), &by("ada", "engineer"), setting)).unwrap();
    let incident = &deed.incident;
    assert_eq!((incident.title.as_str(), incident.severity), ("disk 97 %", Severity::Major));
    assert_eq!(incident.affected, affected(&[("mail", Impact::PartialOutage)]));
    assert_eq!(incident.customers, ["acme".into()], "a customer without a service is named; unknown ones are not");
    // The payload's is better than the caller's.
    assert_eq!(incident.began, Some(Began { at: at(-600), origin: Origin::Payload }));
    assert_eq!(incident.detected_at, at(-300));
    assert_eq!(deed.lines[0].what, "Incident INC-1001 is opened: disk 97 %.");
    assert!(deed.lines.iter().all(|line| !line.why.is_empty()));
    // Nothing that nobody said.
    opening.alerts.truncate(1);
    opening.began = None;
    let deed = world.with(|setting| open(&opening, "INC-1002".to_owned(), &by("ada", "engineer"), setting)).unwrap();
    assert_eq!(deed.incident.began, None);
    opening.alerts.clear();
    let empty = world.with(|setting| open(&opening, "INC-1003".to_owned(), &by("ada", "engineer"), setting));
    assert_eq!(empty, Err(Refusal::Title));
}

#[test]
fn the_beginning_comes_from_the_best_source() {
    let world = World::new();
    let incident = world.open(&[("mail", Impact::MajorOutage)]);
    let began = |at, origin| Command::Began(Began { at, origin });
    let caller = world.say(&incident, began(at(-100), Origin::Caller)).unwrap();
    let second = world.say(&caller, began(at(-200), Origin::Caller)).unwrap();
    assert_eq!(second.began, caller.began, "the first caller's");
    let payload = world.say(&caller, began(at(-300), Origin::Payload)).unwrap();
    assert_eq!(payload.began.as_ref().unwrap().origin, Origin::Payload);
    assert_eq!(world.say(&payload, began(at(-50), Origin::Payload)).unwrap().began, payload.began, "the earlier");
    let person = world.say(&payload, began(at(-10), Origin::Person)).unwrap();
    assert_eq!(person.began, Some(Began { at: at(-10), origin: Origin::Person }));
    assert_eq!(world.say(&person, began(at(-400), Origin::Payload)).unwrap().began, person.began);
    assert_eq!(world.say(&person, began(at(1), Origin::Person)), Err(Refusal::Began));
}

#[test]
fn an_update_needs_words_a_title_readers_and_somebody_who_may() {
    let mut world = World::new();
    let incident = world.open(&[("mail", Impact::MajorOutage)]);
    let (update, phase) = (UpdateId(id(7)), Phase::Identified);
    for empty in ["", "  \n\t", "\u{7}"] {
        let refused = world.say(&incident, Command::Draft(update, draft(phase, empty, &[])));
        assert_eq!(refused, Err(Refusal::Text));
    }
    let wrong = world.say(&incident, Command::Draft(update, draft(Phase::Scheduled, "words", &[])));
    assert_eq!(wrong, Err(Refusal::Phase(Kind::Fault, Phase::Scheduled)));
    let drafted = world.say(&incident, Command::Draft(update, draft(phase, "words", &[]))).unwrap();
    assert_eq!(world.say(&drafted, Command::Publish(update, None)), Err(Refusal::NoPublicTitle));
    let out = Command::Publish(update, Some("Mail".into()));
    assert_eq!(world.say_by(&drafted, out.clone(), &by("bob", "engineer")), Err(Refusal::MayNotPublish));
    let lead = world.say(&drafted, Command::Role("Lead".to_owned(), Some("bob".into()))).unwrap();
    let published = world.say_by(&lead, out.clone(), &by("bob", "engineer")).unwrap();
    assert_eq!((published.phase, published.public_title.as_deref()), (Phase::Identified, Some("Mail")));
    assert_eq!(world.say(&published, Command::Edit(update, draft(phase, "other", &[]))), Err(Refusal::Settled));
    assert_eq!(world.say(&published, Command::Withdraw(update)), Err(Refusal::Settled));
    assert_eq!(world.say(&published, Command::Phase(Phase::Monitoring)), Err(Refusal::NeedsUpdate));
    // Nobody to read it.
    let alone = world.say(&drafted, Command::Affect(Vec::new())).unwrap();
    assert_eq!(world.say(&alone, out), Err(Refusal::NobodyTouched));
    // Not touched.
    world.directory.services.get_mut(&ServiceId::from("mail")).unwrap().customer = Some("acme".into());
    let stranger = world.say(&incident, Command::Draft(UpdateId(id(8)), draft(phase, "words", &["globex"])));
    assert_eq!(stranger, Err(Refusal::NotTouched("globex".into())));
}

#[test]
fn a_second_person_looks_where_the_rules_want_it() {
    let mut world = World::new();
    world.rules.review = vec![Severity::Critical];
    let incident = world.open(&[("mail", Impact::MajorOutage)]);
    let update = UpdateId(id(7));
    let drafted = world.say(&incident, Command::Draft(update, draft(Phase::Identified, "words", &[]))).unwrap();
    let out = Command::Publish(update, Some("Mail".into()));
    assert_eq!(world.say(&drafted, out.clone()), Err(Refusal::NeedsReview));
    let submitted = world.say(&drafted, Command::Submit(update)).unwrap();
    assert_eq!(world.say(&submitted, out.clone()), Err(Refusal::OwnReview));
    // The same person by telephone, or under another login of theirs.
    let same = By { actor: Actor::Person("ada".into()), ..by("ada", "admin") };
    let by_person = world.say_by(&incident, Command::Draft(update, draft(Phase::Identified, "w", &[])), &same).unwrap();
    let by_person = world.say(&by_person, Command::Submit(update)).unwrap();
    assert_eq!(world.say(&by_person, out.clone()), Err(Refusal::OwnReview));
    // Who changes it has written it, and it waits again.
    let bob = by("bob", "dispatcher");
    let edited =
        world.say_by(&submitted, Command::Edit(update, draft(Phase::Identified, "better", &[])), &bob).unwrap();
    assert_eq!(world.say_by(&edited, out.clone(), &bob), Err(Refusal::NeedsReview));
    assert!(world.say_by(&submitted, out, &bob).unwrap().is_published());
}

#[test]
fn what_is_over_takes_comments_and_reopening_only() {
    let world = World::new();
    let incident = world.open(&[("mail", Impact::MajorOutage)]);
    let told = world.publish(&incident, 7, Phase::Investigating, &[]).unwrap();
    let waits = world.say(&told, Command::TellWhenOver("+4915155501".into())).unwrap();
    let over = world.publish(&waits, 8, Phase::Resolved, &[]).unwrap();
    assert_eq!((over.resolved_at, over.update_due), (Some(at(0)), None));
    assert!(over.tell_when_over.is_empty(), "they are told now");
    assert_eq!(world.publish(&over, 9, Phase::Monitoring, &[]), Err(Refusal::Over));
    assert_eq!(world.say(&over, Command::Affect(Vec::new())), Err(Refusal::Over));
    assert!(world.say(&over, Command::Comment("it was the switch".into())).is_ok());
    let again = world.say(&over, Command::Reopen).unwrap();
    assert_eq!((again.phase, again.resolved_at), (Phase::Investigating, None));
    assert_eq!(world.say(&again, Command::Reopen), Err(Refusal::NotOver));
    // Customers read of it with the next update, not before.
    let acme = CustomerId::from("acme");
    assert_eq!(again.seen_by(&acme, &world.directory).unwrap().phase, Phase::Resolved);
    let back = world.publish(&again, 10, Phase::Identified, &[]).unwrap();
    assert_eq!(back.seen_by(&acme, &world.directory).unwrap().phase, Phase::Identified);
}

#[test]
fn each_customer_sees_its_own() {
    let world = World::new();
    let incident = world.open(&[("acme-erp", Impact::MajorOutage), ("globex-shop", Impact::PartialOutage)]);
    let sees = |incident: &Incident, customer: &str| {
        let customer = CustomerId::from(customer);
        incident.seen_by(&customer, &world.directory).map(|seen| {
            let services: Vec<_> = seen.affected.iter().map(|affected| affected.service.0.clone()).collect();
            let texts: Vec<_> = seen.updates.iter().map(|update| update.text.clone()).collect();
            (services, texts)
        })
    };
    assert_eq!(sees(&incident, "acme"), None, "nothing is published");
    let one = world.publish(&incident, 7, Phase::Investigating, &["acme"]).unwrap();
    assert_eq!(sees(&one, "acme"), Some((vec!["acme-erp".to_owned()], vec!["words 7".to_owned()])));
    assert_eq!((sees(&one, "globex"), sees(&one, "initech"), sees(&one, "guessed")), (None, None, None));
    let all = world.publish(&one, 8, Phase::Identified, &[]).unwrap();
    assert_eq!(sees(&all, "globex"), Some((vec!["globex-shop".to_owned()], vec!["words 8".to_owned()])));
    // The end is for all who were told.
    assert_eq!(world.publish(&all, 9, Phase::Resolved, &["acme"]), Err(Refusal::EndIsForAll));
    let drill = Incident { drill: Some(DrillId(id(5))), ..all };
    assert_eq!(sees(&drill, "acme"), None);
}

#[test]
fn whoever_is_added_later_reads_what_goes_out_from_then_on() {
    let mut world = World::new();
    let incident = world.open(&[("acme-erp", Impact::MajorOutage)]);
    let reads = |incident: &Incident, customer: &str| -> Vec<String> {
        let customer = CustomerId::from(customer);
        let seen = incident.seen_by(&customer, &world.directory);
        seen.map(|seen| seen.updates.iter().map(|update| update.text.clone()).collect()).unwrap_or_default()
    };
    let told = world.publish(&incident, 7, Phase::Investigating, &[]).unwrap();
    let touched = affected(&[("acme-erp", Impact::MajorOutage), ("globex-shop", Impact::PartialOutage)]);
    let more = world.say(&told, Command::Affect(touched)).unwrap();
    let more = world.say(&more, Command::Customers(vec!["initech".into()])).unwrap();
    for late in ["globex", "initech"] {
        assert!(more.touches(&late.into(), &world.directory));
        assert_eq!(reads(&more, late), [""; 0], "{late}: not what was said when it was not touched");
    }
    let apart = world.publish(&more, 8, Phase::Identified, &["acme"]).unwrap();
    let next = world.publish(&apart, 9, Phase::Monitoring, &[]).unwrap();
    assert_eq!(reads(&next, "acme"), ["words 7", "words 8", "words 9"]);
    for late in ["globex", "initech"] {
        assert_eq!(reads(&next, late), ["words 9"]);
        let (id, directory) = (CustomerId::from(late), &world.directory);
        assert_eq!(next.seen_by(&id, directory).unwrap().phase, Phase::Monitoring, "the state as it is");
    }
    // A shared service is everybody's from then on.
    let all = world.say(&next, Command::Affect(affected(&[("mail", Impact::MajorOutage)]))).unwrap();
    let all = world.publish(&all, 10, Phase::Identified, &[]).unwrap();
    assert_eq!(reads(&all, "globex"), ["words 9", "words 10"]);
    world.directory.customers.insert("new".into(), Customer { id: "new".into(), ..Customer::default() });
    assert_eq!(all.seen_by(&"new".into(), &world.directory).unwrap().updates.len(), 1);
}

#[test]
fn titles_have_their_languages() {
    let world = World::new();
    let incident = world.open(&[("mail", Impact::MajorOutage)]);
    let german = |title: &str| Command::Titles(vec![(Language("de".to_owned()), title.to_owned())]);
    assert_eq!(world.say(&incident, german("Keine Mails")), Err(Refusal::NoPublicTitle));
    let told = world.publish(&incident, 7, Phase::Investigating, &[]).unwrap();
    assert_eq!(world.say(&told, german(" \t")), Err(Refusal::Title));
    assert_eq!(world.say_by(&told, german("Keine Mails"), &by("bob", "engineer")), Err(Refusal::MayNotPublish));
    let both = world.say(&told, german("Keine  Mails")).unwrap();
    let acme = CustomerId::from("acme");
    let title = |incident: &Incident, tag: &str| {
        incident.seen_by(&acme, &world.directory).unwrap().title_in(&Language(tag.to_owned())).to_owned()
    };
    assert_eq!(
        [title(&both, "de-AT"), title(&both, "en"), title(&both, "fr")],
        ["Keine Mails", "Mail is slow", "Mail is slow"]
    );
    // Another title: what the others say is not true of it any more.
    let other = Command::Describe { title: None, public_title: Some("No mail".to_owned()), severity: None };
    let other = world.say(&both, other).unwrap();
    assert_eq!([title(&other, "de"), title(&other, "en")], ["No mail", "No mail"]);
    let over = world.publish(&both, 8, Phase::Resolved, &[]).unwrap();
    assert_eq!(over.public_titles, both.public_titles, "the same title again changes nothing");
    assert_eq!(world.say(&over, german("Mails")), Err(Refusal::Over));
}

#[test]
fn since_when_is_the_same_everywhere() {
    let mut world = World::new();
    world.now = at(60);
    let incident = Incident { detected_at: at(-60), ..world.open(&[("mail", Impact::MajorOutage)]) };
    assert_eq!(incident.since(None), at(-60), "nobody was told, nothing is known: when it was noticed");
    let told = world.publish(&incident, 7, Phase::Investigating, &[]).unwrap();
    let seen = |incident: &Incident| incident.seen_by(&"acme".into(), &world.directory).unwrap().since();
    assert_eq!(seen(&told), at(60), "the first word");
    let began = |second| world.say(&told, Command::Began(Began { at: at(second), origin: Origin::Caller })).unwrap();
    assert_eq!(seen(&began(-600)), at(-600), "the beginning");
    let later = Incident { began: Some(Began { at: at(70), origin: Origin::Person }), ..told.clone() };
    assert_eq!(seen(&later), at(60), "nothing is told before it begins");
    let planned = Incident { kind: Kind::Maintenance, scheduled: Some((at(900), at(990))), ..told };
    assert_eq!(seen(&planned), at(900));
}

#[test]
fn who_makes_it_milder_does_not_take_the_second_person_away() {
    let mut world = World::new();
    world.rules.review = vec![Severity::Critical];
    let incident = world.open(&[("mail", Impact::MajorOutage)]);
    let severity = |severity| Command::Describe { title: None, public_title: None, severity: Some(severity) };
    let incident = world.say(&incident, severity(Severity::Critical)).unwrap();
    let update = UpdateId(id(7));
    let drafted = world.say(&incident, Command::Draft(update, draft(Phase::Identified, "words", &[]))).unwrap();
    let milder = world.say(&drafted, severity(Severity::Minor)).unwrap();
    let out = Command::Publish(update, Some("Mail".into()));
    assert_eq!(world.say(&milder, out.clone()), Err(Refusal::NeedsReview));
    let submitted = world.say(&milder, Command::Submit(update)).unwrap();
    let released = world.say_by(&submitted, out, &by("bob", "dispatcher")).unwrap();
    assert!(released.is_published());
    // From then on it is a mild one: its title too goes without a second person.
    let title = Command::Describe { title: None, public_title: Some("E-mail".to_owned()), severity: None };
    assert_eq!(world.say(&released, title.clone()).unwrap().public_title.as_deref(), Some("E-mail"));
    let worse = world.say(&released, severity(Severity::Critical)).unwrap();
    assert_eq!(world.say(&worse, title), Err(Refusal::NeedsReview), "a title that customers read is a word to them");
}

#[test]
fn a_title_goes_out_with_its_words_and_to_their_readers_only() {
    let world = World::new();
    let incident = world.open(&[("acme-erp", Impact::MajorOutage), ("globex-shop", Impact::MajorOutage)]);
    let told = world.publish(&incident, 7, Phase::Identified, &[]).unwrap();
    let titled = |text: &str, customers: &[&str], title: &str| Draft {
        heading: Some(title.into()),
        ..draft(Phase::Identified, text, customers)
    };
    let update = UpdateId(id(8));
    let drafted = world.say(&told, Command::Draft(update, titled("about payroll", &["acme"], "Payroll"))).unwrap();
    let title = |incident: &Incident, customer: &str| {
        incident.seen_by(&customer.into(), &world.directory).unwrap().title.to_owned()
    };
    assert_eq!(title(&drafted, "acme"), "Mail is slow", "a draft's title is a draft");
    let out = world.say(&drafted, Command::Publish(update, None)).unwrap();
    assert_eq!((title(&out, "acme"), title(&out, "globex")), ("Payroll".to_owned(), "Mail is slow".to_owned()));
    let all = UpdateId(id(9));
    let drafted = world.say(&out, Command::Draft(all, titled("all is well soon", &[], "Soon well"))).unwrap();
    let out = world.say(&drafted, Command::Publish(all, None)).unwrap();
    assert_eq!((title(&out, "acme"), title(&out, "globex")), ("Soon well".to_owned(), "Soon well".to_owned()));
    // Withdrawn with its title.
    let unwanted = UpdateId(id(10));
    let drafted = world.say(&out, Command::Draft(unwanted, titled("no", &[], "Never"))).unwrap();
    let withdrawn = world.say(&drafted, Command::Withdraw(unwanted)).unwrap();
    assert_eq!(title(&world.publish(&withdrawn, 11, Phase::Monitoring, &[]).unwrap(), "acme"), "Mail is slow");
}

#[test]
fn an_exercise_and_what_is_real_do_not_mix() {
    let world = World::new();
    let real = alert(1, Some("mail"), None);
    let exercise = AlertSeen { drill: true, service: None, ..alert(2, None, None) };
    let opened = |alerts: Vec<AlertSeen>| {
        let opening = Opening { alerts, ..Opening::new(IncidentId(id(1)), Kind::Fault) };
        world.with(|setting| open(&opening, "INC-1001".to_owned(), &by("ada", "dispatcher"), setting))
    };
    let drill = opened(vec![exercise.clone()]).unwrap().incident;
    assert!(drill.drill.is_some());
    assert_eq!(opened(vec![exercise.clone(), real.clone()]), Err(Refusal::DrillAndReal));
    let fault = opened(vec![real.clone()]).unwrap().incident;
    assert_eq!(fault.drill, None);
    assert_eq!(super::join(&fault, &exercise, world.now), Err(Refusal::DrillAndReal));
    assert_eq!(super::join(&drill, &real, world.now), Err(Refusal::DrillAndReal));
    assert!(super::join(&drill, &exercise, world.now).is_ok());
}

#[test]
fn whom_it_was_ever_about_is_not_forgotten() {
    let world = World::new();
    let incident = world.open(&[("acme-erp", Impact::MajorOutage), ("globex-shop", Impact::MajorOutage)]);
    let less = world.say(&incident, Command::Affect(affected(&[("acme-erp", Impact::MajorOutage)]))).unwrap();
    assert_eq!(less.touched(&world.directory), [CustomerId::from("acme")]);
    assert_eq!(less.ever, [CustomerId::from("acme"), CustomerId::from("globex")]);
}

#[test]
fn the_clock_reminds_warns_and_ends() {
    let mut world = World::new();
    let incident = world.open(&[("mail", Impact::MajorOutage)]);
    assert_eq!(incident.update_due, Some(at(1_800)));
    assert_eq!(clock::next_look(&incident, 75), Some(at(1_350)));
    assert_eq!(clock::due(&incident, 75, at(1_349)), None);
    assert_eq!(clock::due(&incident, 75, at(1_350)), Some(clock::Due::Remind));
    let reminded = world.with(|setting| clock::told(&incident, clock::Due::Remind, setting)).incident;
    assert_eq!((clock::due(&reminded, 75, at(1_799)), clock::next_look(&reminded, 75)), (None, Some(at(1_800))));
    assert_eq!(clock::due(&reminded, 75, at(1_800)), Some(clock::Due::Warn));
    let warned = world.with(|setting| clock::told(&reminded, clock::Due::Warn, setting)).incident;
    assert_eq!((clock::due(&warned, 75, at(9_000)), clock::next_look(&warned, 75)), (None, None));
    // A draft is no word to customers; a published update is.
    world.now = at(2_000);
    let update = UpdateId(id(7));
    let drafted = world.say(&warned, Command::Draft(update, draft(Phase::Identified, "words", &[]))).unwrap();
    assert_eq!(drafted.update_due, Some(at(1_800)));
    let told = world.say(&drafted, Command::Publish(update, Some("Mail".into()))).unwrap();
    assert_eq!((told.update_due, told.update_told), (Some(at(3_800)), 0));
    let milder = world
        .say(&told, Command::Describe { title: None, public_title: None, severity: Some(Severity::Major) })
        .unwrap();
    assert_eq!(milder.update_due, Some(at(5_600)));
    assert_eq!(world.publish(&milder, 8, Phase::Resolved, &[]).unwrap().update_due, None);
}

#[test]
fn a_word_to_one_customer_is_none_to_the_others() {
    let mut world = World::new();
    let incident = world.open(&[("acme-erp", Impact::MajorOutage), ("globex-shop", Impact::MajorOutage)]);
    world.now = at(600);
    let acme_told = world.publish(&incident, 7, Phase::Identified, &["acme"]).unwrap();
    assert_eq!(acme_told.update_due, Some(at(1_800)), "Globex still waits");
    world.now = at(900);
    let both_told = world.publish(&acme_told, 8, Phase::Identified, &["globex"]).unwrap();
    assert_eq!(both_told.update_due, Some(at(2_400)), "Acme is next");
}

#[test]
fn planned_work_begins_and_ends_by_itself_if_so_wished() {
    let world = World::new();
    let mut opening = Opening::new(IncidentId(id(1)), Kind::Maintenance);
    opening.title = Some("firmware".to_owned());
    let made = |opening: &Opening| {
        world.with(|setting| open(opening, "INC-1001".to_owned(), &by("ada", "dispatcher"), setting))
    };
    assert_eq!(made(&opening), Err(Refusal::Schedule));
    opening.scheduled = Some((at(100), at(50)));
    assert_eq!(made(&opening), Err(Refusal::Schedule));
    opening.scheduled = Some((at(100), at(200)));
    let by_hand = made(&opening).unwrap().incident;
    assert_eq!((by_hand.phase, by_hand.update_due), (Phase::Scheduled, None));
    assert_eq!(clock::planned_phase(&by_hand, at(150)), None);
    opening.by_itself = true;
    let incident = made(&opening).unwrap().incident;
    let due = |phase, now| clock::planned_phase(&Incident { phase, ..incident.clone() }, at(now));
    assert_eq!(due(Phase::Scheduled, 99), None);
    assert_eq!(due(Phase::Scheduled, 100), Some(Phase::InProgress));
    assert_eq!(due(Phase::InProgress, 199), None);
    assert_eq!(due(Phase::Verifying, 200), Some(Phase::Completed));
    assert_eq!(due(Phase::Completed, 900), None);
}

#[test]
fn the_preview_lists_the_silent_and_the_named() {
    let world = World::new();
    let incident = world.open(&[("acme-erp", Impact::MajorOutage), ("globex-shop", Impact::PartialOutage)]);
    let update = UpdateId(id(7));
    let text = "The Shop of GLOBEX and the globexian ERP are down.";
    let incident = world.say(&incident, Command::Draft(update, draft(Phase::Identified, text, &[]))).unwrap();
    let ways = |customer: &CustomerId| match customer.0.as_str() {
        "acme" => vec![preview::Way::Contact("it".to_owned(), "email")],
        _ => Vec::new(),
    };
    let shown = preview::preview(&incident, incident.update(update).unwrap(), None, &world.directory, &ways);
    assert_eq!(shown.silent, ["globex".into()]);
    let named: Vec<&str> = shown.names.iter().map(|named| named.words.as_str()).collect();
    assert_eq!(named, ["Globex", "Shop"]);
    // Globex may be named to Globex.
    let only = Command::Edit(update, draft(Phase::Identified, text, &["globex"]));
    let incident = world.say(&incident, only).unwrap();
    let shown = preview::preview(&incident, incident.update(update).unwrap(), None, &world.directory, &ways);
    assert_eq!((shown.names, shown.told.len()), (Vec::new(), 1));
}

#[test]
fn templates_are_filled_once() {
    let places = Places { service: "{since} <b>Mail</b>".to_owned(), since: "9:40".to_owned(), ..Places::default() };
    assert_eq!(fill("{service} since {since}. {", &places), "{since} <b>Mail</b> since 9:40. {");
    assert_eq!((unknown_place("{service} {when}"), unknown_place("{service}{{}")), (Some("when"), Some("")));
    let one = |phase, tag: &str| Template {
        id: tag.to_owned(),
        phase,
        language: Language(tag.to_owned()),
        title: None,
        text: tag.to_owned(),
    };
    let all = [one(Phase::Identified, "en"), one(Phase::Identified, "de"), one(Phase::Resolved, "de")];
    let found = |phase, tag: &str| template(&all, phase, &Language(tag.to_owned())).map(|found| found.text.as_str());
    assert_eq!(found(Phase::Identified, "de-AT"), Some("de"));
    assert_eq!(found(Phase::Identified, "fr"), Some("en"));
    assert_eq!((found(Phase::Resolved, "en"), found(Phase::Monitoring, "de")), (Some("de"), None));
}

/// Words that would give away where they came from.
struct Words(u64);

impl Words {
    fn next(&mut self) -> String {
        self.0 += 1;
        format!("word{:05}", self.0)
    }
}

/// What was released to whom, kept apart from the code under test.
#[derive(Default)]
struct Released {
    /// The words, and the customers they were for: those named, else all who were touched at that moment.
    texts: BTreeMap<String, BTreeSet<CustomerId>>,
    titles: BTreeSet<String>,
}

fn pick<'a, T: Copy>(random: &mut IdSource, from: &'a [T]) -> &'a T {
    &from[usize::try_from(random.next_u64() % from.len() as u64).unwrap()]
}

fn some_command(random: &mut IdSource, words: &mut Words, incident: &Incident) -> Command {
    let services = ["mail", "acme-erp", "globex-shop", "initech-files"];
    let customers: [&[&str]; 5] = [&[], &["acme"], &["globex"], &["acme", "initech"], &["initech"]];
    let phases = [Phase::Investigating, Phase::Identified, Phase::Monitoring, Phase::Resolved];
    let known: Vec<UpdateId> = incident.updates.iter().map(|update| update.id).chain([UpdateId(id(0))]).collect();
    let update = *pick(random, &known);
    let readers = *pick(random, &customers);
    let title = random.next_u64().is_multiple_of(3).then(|| words.next().as_str().into());
    let new = Draft { heading: title, ..draft(*pick(random, &phases), &words.next(), readers) };
    match random.next_u64() % 16 {
        0 => Command::Describe { title: Some(words.next()), public_title: None, severity: None },
        1 => Command::Describe { title: None, public_title: Some(words.next()), severity: None },
        2 => {
            let one = (*pick(random, &services), Impact::MajorOutage);
            let other = (*pick(random, &services), Impact::DegradedPerformance);
            Command::Affect(affected(&[one, other]))
        }
        3 => Command::Customers((*pick(random, &customers)).iter().map(|customer| (*customer).into()).collect()),
        4 => Command::Comment(words.next().into()),
        5 => Command::AddTask(words.next(), None),
        6 => Command::Note(words.next(), Some(words.next().into())),
        7 | 8 => Command::Draft(UpdateId(id(u128::from(random.next_u64()))), new),
        9 => Command::Edit(update, new),
        10 => Command::Submit(update),
        11 | 12 => {
            Command::Publish(update, (random.next_u64().is_multiple_of(2)).then(|| words.next().as_str().into()))
        }
        13 => Command::Withdraw(update),
        14 => Command::Phase(*pick(random, &phases)),
        _ => Command::Reopen,
    }
}

#[test]
fn no_sequence_of_commands_shows_a_customer_what_is_not_published_to_it() {
    let mut shown = 0_u32;
    for seed in 0..400 {
        let (mut random, mut words) = (IdSource::new(seed), Words(0));
        let mut world = World::new();
        if seed % 3 == 0 {
            world.rules.review = vec![Severity::Critical];
        }
        let mut incident = world.open(&[("acme-erp", Impact::MajorOutage)]);
        let mut released = Released::default();
        for step in 0..60 {
            world.now = at(step);
            let command = some_command(&mut random, &mut words, &incident);
            let who = if random.next_u64().is_multiple_of(2) { by("ada", "dispatcher") } else { by("bob", "engineer") };
            let Ok(after) = world.say_by(&incident, command.clone(), &who) else { continue };
            assert!(incident.is_open() || is_said_when_over(&command), "seed {seed}: {command:?}");
            if let Command::Publish(update, title) = &command {
                assert!(who.may_publish(&incident, &world.rules), "seed {seed}");
                let update = incident.update(*update).unwrap();
                let meant = Some(update.customers.clone()).filter(|named| !named.is_empty());
                let meant = meant.unwrap_or_else(|| incident.touched(&world.directory));
                released.texts.insert(update.text.clone(), meant.into_iter().collect());
                let own = title.as_ref().or(update.heading.as_ref()).map(|heading| heading.title.clone());
                released.titles.extend(own.or_else(|| incident.public_title.clone()));
            }
            if let (Command::Describe { public_title: Some(title), .. }, true) = (&command, incident.is_published()) {
                released.titles.insert(title.clone());
            }
            incident = after;
            shown += check(&world, &incident, &released, seed);
        }
    }
    assert!(shown > 3_000, "the sequences publish something: {shown}");
}

fn is_said_when_over(command: &Command) -> bool {
    matches!(command, Command::Comment(_) | Command::Note(..) | Command::Reopen)
}

/// Every word that a customer can read was released to it; how many there were.
fn check(world: &World, incident: &Incident, released: &Released, seed: u64) -> u32 {
    let mut count = 0;
    for customer in world.directory.customers.keys() {
        let Some(shown) = incident.seen_by(customer, &world.directory) else { continue };
        assert!(incident.touched(&world.directory).contains(customer), "seed {seed}");
        assert!(released.titles.contains(shown.title), "seed {seed}: the title {} was not released", shown.title);
        for (place, update) in shown.updates.iter().enumerate() {
            let readers = released.texts.get(&update.text);
            let readers = readers.unwrap_or_else(|| panic!("seed {seed}: {} was not released", update.text));
            // A word about no service is for those too who read one before.
            let follows = place > 0 && update.customers.is_empty() && update.affected.is_empty();
            assert!(readers.contains(customer) || follows, "seed {seed}: not for {customer}");
            count += 1;
        }
        assert_eq!(shown.phase, shown.updates.last().unwrap().phase, "seed {seed}");
        for affected in &shown.affected {
            let owner = &world.directory.services[&affected.service].customer;
            assert!(owner.as_ref().is_none_or(|owner| owner == customer), "seed {seed}: {}", affected.service);
        }
    }
    count
}

#[test]
fn every_change_explains_itself() {
    let world = World::new();
    let incident = world.open(&[("mail", Impact::MajorOutage)]);
    let deed = world.with(|setting| {
        let command = Command::AddTask("ring Ada Berger".to_owned(), Some("bob".into()));
        carry_out(&incident, &command, &by("ada", "engineer"), setting).unwrap()
    });
    let line = &deed.lines[0];
    assert_eq!((line.kind, line.what.as_str()), ("incident.task-added", "Task 1 is added, for bob."));
    assert_eq!(line.text.as_ref().unwrap().reveal(), "ring Ada Berger");
    assert!(!line.why.is_empty());
    let nobody = world.say(&incident, Command::GiveTask(9, None));
    assert_eq!(nobody, Err(Refusal::UnknownTask(9)));
    let unknown = world.say(&incident, Command::Role("lead".to_owned(), Some("eve".into())));
    assert_eq!(unknown, Err(Refusal::UnknownUser("eve".into())));
}

#[test]
fn what_callers_add_is_kept_once_with_its_words() {
    let world = World::new();
    let incident = world.open(&[("mail", Impact::MajorOutage)]);
    let (call, recording) = (CallId(id(31)), RecordingId(id(32)));
    let deed = |incident: &Incident, command| {
        world.with(|setting| carry_out(incident, &command, &By::SYSTEM, setting)).unwrap()
    };
    let added = deed(&incident, Command::Add(call, recording));
    let kinds: Vec<_> = added.lines.iter().map(|line| line.kind).collect();
    assert_eq!(kinds, ["incident.call-joined", "incident.added"]);
    assert!(added.lines.iter().all(|line| !line.what.contains(&call.to_string()) && line.text.is_none()));
    assert!(deed(&added.incident, Command::Add(call, recording)).lines.is_empty(), "once");
    // Its words, once there are some; others' recordings are none of it.
    let words = |recording, words: &str| Command::AddWords(recording, words.into());
    assert!(deed(&added.incident, words(RecordingId(id(33)), "elsewhere")).lines.is_empty());
    assert!(deed(&added.incident, words(recording, "  ")).lines.is_empty());
    let heard = deed(&added.incident, words(recording, "the scanner too"));
    assert_eq!(heard.lines[0].text, Some("the scanner too".into()));
    assert!(deed(&heard.incident, words(recording, "the scanner too")).lines.is_empty(), "once");
    // Also when it is over meanwhile.
    let told = world.publish(&added.incident, 7, Phase::Investigating, &[]).unwrap();
    let over = world.publish(&told, 8, Phase::Resolved, &[]).unwrap();
    assert_eq!(deed(&over, words(recording, "late")).lines.len(), 1);
    assert_eq!(deed(&over, Command::Add(call, RecordingId(id(34)))).incident.additions.len(), 2);
}

#[test]
fn an_alert_of_a_caller_who_went_on_may_be_about_it() {
    let world = World::new();
    let incident = world.open(&[("mail", Impact::MajorOutage)]);
    let concerns = Command::MayConcern(AlertId(id(41)));
    let deed = world.with(|setting| carry_out(&incident, &concerns, &By::SYSTEM, setting)).unwrap();
    assert_eq!((deed.incident.alerts.as_slice(), deed.lines.len()), (&[AlertId(id(41))][..], 1));
    assert!(deed.lines[0].why.contains("may be about it"), "{:?}", deed.lines);
    let without = world.say(&deed.incident, Command::RemoveAlert(AlertId(id(41)))).unwrap();
    assert!(without.alerts.is_empty(), "a person says that it is not");
}

#[test]
fn customers_read_the_names_that_they_know() {
    let mut world = World::new();
    world.directory.services.get_mut(&"mail".into()).unwrap().public_name = Some("Post".to_owned());
    let incident = world.open(&[("mail", Impact::MajorOutage)]);
    for template in usual::all(&world.directory).iter().filter(|template| !template.phase.is_over()) {
        let (title, text) = usual::filled(&incident, template, &world.directory, None, at(0));
        let said = format!("{} {text}", title.unwrap_or_default());
        assert!(said.contains("Post") && !said.contains("E-Mail"), "{said}");
    }
}

#[test]
fn a_waiting_caller_reads_whose_disturbance_is_over() {
    let mut world = World::new();
    let incident = world.publish(&world.open(&[("mail", Impact::MajorOutage)]), 7, Phase::Resolved, &[]).unwrap();
    let over = |incident: &Incident, directory: &Directory, tag: &str| {
        message::over(incident, None, &Language(tag.to_owned()), directory).unwrap()
    };
    assert_eq!(
        over(&incident, &world.directory, "en"),
        "The disturbance \"Mail is slow\" is over. You asked us to let you know."
    );
    world.directory.company = Some("Example IT".to_owned());
    assert_eq!(
        over(&incident, &world.directory, "de"),
        "Example IT: Die Störung \"Mail is slow\" ist behoben. Sie wollten Bescheid bekommen."
    );
    let planned = Incident { kind: Kind::Maintenance, ..incident.clone() };
    let words = over(&planned, &world.directory, "de-AT");
    assert!(words.starts_with("Example IT: Die geplanten Arbeiten"), "{words}");
}

#[test]
fn reports_count_each_wait_for_a_word() {
    let mut world = World::new();
    let hour = Targets { update: Some(SignedDuration::from_hours(1)), ..Targets::default() };
    let contract = Sla {
        id: "acme-gold".into(),
        name: "Gold".to_owned(),
        customer: "acme".into(),
        category: None,
        calendar: None,
        time_zone: None,
        targets: [(Priority::P1, hour)].into(),
        warn_at: Vec::new(),
        terms: None,
    };
    world.directory.slas.insert("acme-gold".into(), contract);
    let first = world.open(&[("acme-erp", Impact::MajorOutage), ("globex-shop", Impact::MajorOutage)]);
    let counted = |world: &World, incident: &Incident, now: i64| -> Vec<(i64, Option<bool>)> {
        let all = words_kept([incident], &world.directory, (at(-10), at(90_000)), at(now));
        assert!(all.iter().all(|(_, kept)| kept.customer == "acme"), "nothing was promised to Globex");
        all.into_iter().map(|(_, kept)| (kept.started.duration_since(at(0)).as_secs(), kept.verdict())).collect()
    };
    assert_eq!(counted(&world, &first, 3_600), [(0, None)]);
    assert_eq!(counted(&world, &first, 3_601), [(0, Some(false))]);
    world.now = at(3_000);
    let told = world.publish(&first, 7, Phase::Identified, &[]).unwrap();
    assert_eq!(counted(&world, &told, 3_100), [(0, Some(true)), (3_000, None)]);
    world.now = at(4_000);
    let others = world.publish(&told, 8, Phase::Identified, &["globex"]).unwrap();
    assert_eq!(counted(&world, &others, 6_600), [(0, Some(true)), (3_000, None)], "a word to Globex is none to Acme");
    world.now = at(6_700);
    let over = world.publish(&others, 9, Phase::Resolved, &[]).unwrap();
    assert_eq!(
        counted(&world, &over, 80_000),
        [(0, Some(true)), (3_000, Some(false))],
        "nothing is owed after the end"
    );
    let later = words_kept([&over], &world.directory, (at(1), at(90_000)), at(80_000));
    assert_eq!(later.len(), 1, "a wait counts in the period in which it began");
}
