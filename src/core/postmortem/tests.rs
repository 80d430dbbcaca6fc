use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::prose::{Nonsense, Prose, checked};
use super::*;
use crate::directory::{Customer, Directory, Service, User};
use crate::fact::Actor;
use crate::ids::UpdateId;
use crate::incident::{Affected, Began, Impact, Incident, Kind, Phase, Severity, Update, UpdateState};
use crate::paper::Block;

fn at(text: &str) -> Timestamp {
    format!("2026-11-22T{text}:00Z").parse().unwrap()
}

fn id(number: u128) -> uuid::Uuid {
    uuid::Uuid::from_u128(number)
}

fn directory() -> Directory {
    let mut directory = Directory::default();
    for (customer, name) in [("acme", "Acme Logistics"), ("harbour", "Harbour Foods"), ("third", "Third Party")] {
        let customer = Customer { id: customer.into(), name: name.to_owned(), ..Customer::default() };
        directory.customers.insert(customer.id.clone(), customer);
    }
    for (service, customer) in [("acme-mail", "acme"), ("harbour-mail", "harbour")] {
        let service = Service {
            id: service.into(),
            name: format!("Mail of {customer}"),
            customer: Some(customer.into()),
            ..Service::default()
        };
        directory.services.insert(service.id.clone(), service);
    }
    let user = User { id: "ada".into(), name: "Ada Winter".to_owned(), ..User::default() };
    directory.users.insert(user.id.clone(), user);
    directory
}

fn incident() -> Incident {
    let affected = |service: &str| Affected { service: service.into(), impact: Impact::MajorOutage };
    let update = |number, text: &str, customers: &[&str], state| Update {
        id: UpdateId(id(number)),
        at: at("10:05"),
        by: Actor::Login("ada".to_owned()),
        phase: Phase::Identified,
        heading: None,
        text: text.to_owned(),
        translations: Vec::new(),
        customers: customers.iter().map(|customer| (*customer).into()).collect(),
        affected: Vec::new(),
        named: Vec::new(),
        state,
    };
    let out = || UpdateState::Published { at: at("10:05"), by: Actor::Login("ada".to_owned()) };
    Incident {
        id: IncidentId(id(1)),
        reference: "INC-1001".to_owned(),
        kind: Kind::Fault,
        title: "Exchange node stuck".to_owned(),
        public_title: Some("Mail is not available".to_owned()),
        public_titles: Vec::new(),
        severity: Severity::Major,
        worst: Severity::Major,
        phase: Phase::Resolved,
        affected: vec![affected("acme-mail"), affected("harbour-mail")],
        customers: Vec::new(),
        roles: Vec::new(),
        tasks: Vec::new(),
        alerts: vec![crate::ids::AlertId(id(2))],
        calls: Vec::new(),
        updates: vec![
            update(3, "We found the cause.", &["acme"], out()),
            update(4, "For Harbour only.", &["harbour"], out()),
            update(5, "A secret draft.", &[], UpdateState::Draft),
        ],
        began: Some(Began { at: at("09:40"), origin: crate::incident::Origin::Caller }),
        detected_at: at("09:50"),
        opened_at: at("09:52"),
        opened_by: Actor::System,
        resolved_at: Some(at("11:45")),
        scheduled: None,
        by_itself: false,
        drill: None,
        update_due: None,
        update_told: 0,
        tell_when_over: Vec::new(),
        ever: Vec::new(),
        additions: Vec::new(),
        version: 1,
    }
}

fn said() -> Vec<Said> {
    let entry = |time: &str, kind: &str, what: &str| Said {
        at: at(time),
        kind: kind.to_owned(),
        what: what.to_owned(),
        text: None,
    };
    vec![
        entry("09:53", "alert-acknowledged", "Alert acknowledged by login ada."),
        entry("09:50", "alert-opened", "Alert opened, P1: Exchange node stuck; nobody is rung about it."),
        entry("09:51", "leg-ringing", "Phone rings."),
    ]
}

fn seen() -> Vec<Seen> {
    vec![
        Seen { at: at("09:51"), by: Noticed::Call("1042".to_owned()) },
        Seen { at: at("09:50"), by: Noticed::Monitoring("Icinga Vienna".to_owned()) },
    ]
}

fn known() -> Facts {
    facts(&incident(), &Known { said: &said(), seen: &seen(), sent: &[] }, &directory(), &TimeZone::UTC, "en")
}

fn postmortem(state: State) -> Postmortem {
    Postmortem {
        id: PostmortemId(id(9)),
        incident: IncidentId(id(1)),
        title: "Mail outage".to_owned(),
        language: "en".to_owned(),
        state,
        origin: Origin::Facts(None),
        sections: Sections { root_cause: "The disk was full.".to_owned(), ..draft(&known(), "en") },
        timeline: known().timeline,
        actions: Vec::new(),
        created_at: at("12:00"),
        version: 1,
    }
}

#[test]
fn a_draft_says_what_the_facts_say() {
    let facts = known();
    let texts = draft(&facts, "en");
    assert_eq!(
        texts.summary,
        "Incident INC-1001: Exchange node stuck. Severity major, affected: Mail of acme and Mail of harbour. It began at \
         2026-11-22 09:40 (says the caller). It was over at 2026-11-22 11:45 after 2 h 5 min."
    );
    assert!(texts.impact.contains("Customers: Acme Logistics and Harbour Foods. The disturbance lasted 2 h 5 min."));
    assert_eq!(
        texts.detection,
        "It was noticed at 2026-11-22 09:50 by the monitoring (Icinga Vienna). That was 10 min after the beginning. The first person had \
         it after 3 min."
    );
    assert!(has_question(&texts.root_cause) && has_question(&draft(&facts, "de").root_cause));
    assert_eq!(texts.public, "Mail is not available. The disturbance lasted 2 h 5 min and is over.");
    let told: Vec<&str> = facts.timeline.iter().map(|moment| moment.what.as_str()).collect();
    assert_eq!(
        told,
        [
            "The fault begins.",
            "Alert opened, P1: Exchange node stuck.",
            "A caller reports it (call 1042).",
            "Alert acknowledged by Ada Winter.",
            "Customers are told (identified): “We found the cause.”",
            "Customers are told (identified): “For Harbour only.”",
        ],
        "ringing is not worth telling"
    );
    assert!(facts.bare.iter().all(|moment| !moment.what.contains("Ada") && !moment.what.contains("Harbour")));
}

#[test]
fn who_noticed_first_is_said_by_when_it_was() {
    let by = |seen: &[Seen], incident: &Incident| {
        let facts = facts(incident, &Known { seen, ..Known::default() }, &directory(), &TimeZone::UTC, "de");
        draft(&facts, "de").detection
    };
    let with_call = Incident { calls: vec![crate::ids::CallId(id(7))], ..incident() };
    let said = by(&seen(), &with_call);
    assert!(said.starts_with("Bemerkt um 22.11.2026 09:50 durch die Überwachung (Icinga Vienna)."), "{said}");
    let call_first = [
        Seen { at: at("09:47"), by: Noticed::Call("1041".to_owned()) },
        Seen { at: at("09:50"), by: Noticed::Monitoring("Icinga Vienna".to_owned()) },
    ];
    let said = by(&call_first, &with_call);
    assert!(said.starts_with("Bemerkt um 22.11.2026 09:47 durch einen Anruf (1041)."), "{said}");
    let by_hand = Incident { opened_by: Actor::Login("ada".to_owned()), ..with_call };
    let later = [Seen { at: at("10:20"), by: Noticed::Call("1050".to_owned()) }];
    let said = by(&later, &by_hand);
    assert!(said.starts_with("Bemerkt um 22.11.2026 09:50 durch eine Person"), "{said}");
}

#[test]
fn a_german_timeline_is_german_and_keeps_no_books() {
    use crate::alert::Change as OfAlert;
    use crate::alert::change::{NotifyOutcome, PromiseWord};
    use crate::incident::Change;
    use crate::private::Private;
    let (ada, login) = (Actor::Person("ada".into()), Actor::Login("ada".to_owned()));
    let mut full = incident();
    full.tasks.push(crate::incident::Task { number: 1, text: "Call Microsoft".to_owned(), owner: None, done: None });
    full.updates.truncate(1);
    let of_incident = |change: &Change| (change.kind(), change.sentence(&full), change.text());
    let alert = |change: OfAlert| (change.kind(), change.sentence(), None);
    let promised = |said, share| OfAlert::Promised {
        sla: "gold".into(),
        revision: 1,
        promise: crate::sla::Promise::Response,
        said,
        share,
        due_at: Some(at("10:00")),
    };
    let notified = |outcome| OfAlert::Notified {
        notification: crate::ids::NotificationId(id(6)),
        user: Some("ada".into()),
        by: "sms".to_owned(),
        outcome,
    };
    let said = [
        of_incident(&Change::Opened),
        of_incident(&Change::UpdateDue(None)),
        of_incident(&Change::UpdateDue(Some(at("10:30")))),
        of_incident(&Change::CallJoined(crate::ids::CallId(id(7)))),
        of_incident(&Change::AlertJoined(crate::ids::AlertId(id(2)))),
        of_incident(&Change::Commented(Private::from("Node 3 hangs,\nrestarting."))),
        of_incident(&Change::Noted {
            what: "Runbook \"Mail is stuck\", step 2 done.".to_owned(),
            text: Some(Private::from("Restart the node")),
        }),
        of_incident(&Change::Severity(Severity::Critical)),
        of_incident(&Change::Affected(full.affected.clone())),
        of_incident(&Change::Phase(Phase::Monitoring)),
        of_incident(&Change::Role("lead".to_owned(), Some("ada".into()))),
        of_incident(&Change::TaskDone(1)),
        of_incident(&Change::Began(full.began.clone().unwrap())),
        of_incident(&Change::CallersTold(2)),
        alert(OfAlert::Snoozed { until: at("12:00"), by: login.clone() }),
        alert(promised(PromiseWord::Runs, 0)),
        alert(promised(PromiseWord::Warned, 75)),
        alert(promised(PromiseWord::Breached, 100)),
        alert(notified(NotifyOutcome::Delivered)),
        alert(notified(NotifyOutcome::Failed)),
        alert(OfAlert::EscalateNow { by: ada.clone() }),
    ];
    let said: Vec<Said> = said
        .into_iter()
        .zip(0..)
        .map(|((kind, what, text), minute)| Said {
            at: at("09:50") + jiff::SignedDuration::from_secs(minute),
            kind: kind.to_owned(),
            what,
            text,
        })
        .collect();
    let sent = [
        Sent { update: Some(UpdateId(id(3))), to_caller: false, failed: true },
        Sent { update: Some(UpdateId(id(3))), to_caller: false, failed: false },
        Sent { update: None, to_caller: true, failed: true },
    ];
    let vienna = TimeZone::get("Europe/Vienna").unwrap();
    let facts = facts(&full, &Known { said: &said, seen: &[], sent: &sent }, &directory(), &vienna, "de");
    let told: Vec<&str> = facts.timeline.iter().map(|moment| moment.what.as_str()).collect();
    assert_eq!(
        told,
        [
            "Die Störung beginnt.",
            "INC-1001 wird eröffnet: Exchange node stuck.",
            "Kommentar: „Node 3 hangs, restarting.“",
            "Runbook „Mail is stuck“, Schritt 2 erledigt: „Restart the node“",
            "Schwere: kritisch.",
            "Betroffen: Mail of acme (Ausfall), Mail of harbour (Ausfall).",
            "Stand: unter Beobachtung.",
            "Leitung: Ada Winter.",
            "Aufgabe 1 erledigt: „Call Microsoft“",
            "Als Beginn der Störung wird 22.11.2026 10:40 bekannt (laut Anrufer).",
            "Anrufer, die darum baten, konnten nicht erreicht werden: Es ist vorbei.",
            "Alarm stummgeschaltet bis 22.11.2026 13:00.",
            "75 % der vereinbarten Zeit sind vergangen (Reaktion).",
            "Die vereinbarte Zeit ist überschritten (Reaktion).",
            "Nachricht an Ada Winter (sms) nicht zugestellt.",
            "Sofort eskaliert von Ada Winter.",
            "Kunden werden informiert (Ursache gefunden): „We found the cause.“ 1 von 2 Nachrichten dazu waren nicht zustellbar.",
        ]
    );
    assert!(draft(&facts, "de").went_well.contains("insgesamt 1-mal (1 Nachrichten kamen nicht an)"));
}

#[test]
fn what_is_unknown_is_said_to_be() {
    let open = Incident { began: None, resolved_at: None, phase: Phase::Investigating, updates: vec![], ..incident() };
    let facts = facts(&open, &Known::default(), &directory(), &TimeZone::UTC, "de");
    let texts = draft(&facts, "de");
    assert!(texts.summary.contains("Der Beginn ist nicht bekannt. Sie ist noch nicht vorbei."), "{}", texts.summary);
    assert!(texts.detection.contains("Niemand hat einen Alarm dazu übernommen."));
    assert!(texts.went_well.contains("steht nichts dazu"));
    assert_eq!((facts.duration(), facts.taken), (None, None));
}

#[test]
fn blame_is_found_with_its_place() {
    let people = ["Ada Winter".to_owned(), "Ada".to_owned()];
    let check = |text: &'static str, language| {
        let found = blame::check([("summary".to_owned(), text)], &people, language);
        found.into_iter().map(|one| (one.line, one.column, one.words)).collect::<Vec<_>>()
    };
    let words = |found: Vec<(usize, usize, String)>| found.into_iter().map(|(_, _, words)| words).collect::<Vec<_>>();
    assert_eq!(
        check("All well.\nThen Ada Winter failed to look.", "en"),
        [(2, 6, "Ada Winter".to_owned()), (2, 17, "failed to".to_owned())]
    );
    assert_eq!(
        words(check("You forgot the backup; it was the fault of the night shift.", "en")),
        ["You forgot", "fault of"]
    );
    assert_eq!(
        check("Ärger: Er hätte das Band wechseln müssen.", "de")[0],
        (1, 11, "hätte das Band wechseln müssen".to_owned())
    );
    assert_eq!(
        words(check("Du hast es vergessen. Die Schuld liegt bei der Schicht.", "de")),
        ["Du hast", "vergessen", "Schuld"]
    );
    assert!(check("The server was full. Adapters were unaffected; the default of 80 % was too high.", "en").is_empty());
    assert!(check("Der Server war voll, die Prüfung fehlte. Unschön, aber behoben.", "de").is_empty());
    let found = blame::check([("summary".to_owned(), "Ada did it")], &people, "de");
    assert!(found[0].suggestion.contains("Rolle"));
}

#[test]
fn a_models_prose_is_used_only_if_it_is_in_the_facts() {
    let (facts, drafted) = (known(), draft(&known(), "en"));
    let known = ["Ada Winter".to_owned(), "Third Party".to_owned(), "Acme Logistics".to_owned()];
    let good = Prose {
        summary: "Mail stood still from 09:40 until 11:45 because of a stuck node.".to_owned(),
        impact: "Acme Logistics and Harbour Foods had no mail for 2 h 5 min.".to_owned(),
        detection: "It was noticed at 09:50 by the monitoring.".to_owned(),
    };
    assert_eq!(checked(&good, &facts, &drafted, &known), Ok(()));
    let with =
        |summary: &str| checked(&Prose { summary: summary.to_owned(), ..good.clone() }, &facts, &drafted, &known);
    assert_eq!(with(" "), Err(Nonsense::Empty("summary")));
    assert_eq!(with("It began at 08:15."), Err(Nonsense::Number("08:15".to_owned())));
    assert_eq!(with("About 40 customers were hit."), Err(Nonsense::Number("40".to_owned())));
    assert_eq!(with("Then Ada Winter came."), Err(Nonsense::Name("Ada Winter".to_owned())));
    assert_eq!(with("The firm Third Party was hit."), Err(Nonsense::Name("Third Party".to_owned())));
    assert_eq!(with("Then a certain Bob Smith came."), Err(Nonsense::Name("Bob Smith".to_owned())));
    assert_eq!(with("I cannot help with that."), Err(Nonsense::Refusal));
    assert_eq!(with(&"a ".repeat(prose::TEXT_MAX)), Err(Nonsense::Long("summary")));
}

#[test]
fn states_follow_each_other() {
    let step_to = |state, to, same, drill, names: &[String]| may_become(&postmortem(state), to, same, drill, names);
    assert_eq!(step_to(State::Draft, State::Reviewed, false, false, &[]), Ok(()));
    assert_eq!(step_to(State::Draft, State::Reviewed, true, false, &[]), Err(Refusal::OwnReview));
    assert!(matches!(step_to(State::Draft, State::Published, false, false, &[]), Err(Refusal::NotYet(_))));
    let names = ["Ada Winter".to_owned()];
    assert_eq!(step_to(State::Reviewed, State::Published, false, false, &names), Err(Refusal::Names(names.to_vec())));
    assert_eq!(step_to(State::Reviewed, State::Published, false, true, &[]), Err(Refusal::Drill));
    assert_eq!(step_to(State::Reviewed, State::Published, true, false, &[]), Ok(()));
    let mut open = postmortem(State::Draft);
    open.sections.root_cause = draft(&known(), "de").root_cause;
    assert!(matches!(may_become(&open, State::Reviewed, false, false, &[]), Err(Refusal::NotYet(_))));
}

#[test]
fn customers_read_the_public_text_once_it_is_published_and_nothing_else() {
    let out = postmortem(State::Published).published(at("13:00")).unwrap();
    assert_eq!(out.text, "Mail is not available. The disturbance lasted 2 h 5 min and is over.");
    assert_eq!((out.at, out.language.as_str()), (at("13:00"), "en"));
    for state in [State::Draft, State::Reviewed] {
        assert_eq!(postmortem(state).published(at("13:00")), None);
    }
    let mut silent = postmortem(State::Published);
    silent.sections.public = " \n".to_owned();
    assert_eq!(silent.published(at("13:00")), None);
}

#[test]
fn a_public_text_names_nobody() {
    let names = |text| internal_names(text, &incident(), &directory());
    assert_eq!(
        names("Winter restarted it for Harbour Foods (INC-1001)."),
        ["Harbour Foods", "INC-1001", "Winter", "harbour"]
    );
    assert!(names("Mail was not available for two hours.").is_empty());
}

#[test]
fn the_paper_has_all_parts() {
    let mut full = postmortem(State::Reviewed);
    full.origin = Origin::Model("gemma".to_owned());
    full.actions.push(Action {
        number: 1,
        text: "Add a check".to_owned(),
        owner: Some("ada".into()),
        due: Some("2026-12-01".parse().unwrap()),
        done: None,
    });
    let paper = paper(&full, &known(), &directory(), "foot");
    let heads: Vec<&str> = paper
        .blocks
        .iter()
        .filter_map(|block| if let Block::Heading(_, text) = block { Some(text.as_str()) } else { None })
        .collect();
    assert_eq!(heads, ["Summary", "Impact", "Detection", "Timeline", "Root cause", "What went well", "Actions"]);
    assert!(matches!(&paper.blocks[0], Block::Note(text) if text.contains("language model (gemma)")));
    let day = |text: &str| text.parse::<jiff::civil::Date>().unwrap();
    assert!(full.actions[0].is_overdue(day("2026-12-02")) && !full.actions[0].is_overdue(day("2026-12-01")));
}
