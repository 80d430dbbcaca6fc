//! Customers' tables, contracts and promises in memory: part of the fake.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use hotline_core::fact::{Actor, Outcome, Priority};
use hotline_core::ids::{AlertId, CustomerId};
use hotline_core::paper::Paper;
use hotline_core::report::{Case, Facts, Rung, Wording, paper};
use hotline_core::sla::{End, Measured, Parties, Promise, Sla, Targets, Terms, document};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::super::hotline::http::{SlaDesk, SlaRecords};
use super::super::hotline::store::StoreError;
use super::super::hotline::store::clocks::{ClockOf, ClockRow};
use super::super::hotline::store::read::{AlertRow, CallRow};
use super::super::hotline::store::slas::{RevisionRow, SignatureRow};
use super::super::hotline::switch::documents::{Became, DocumentError, Expect, InForce, Write};
use super::super::hotline::switch::slas::{Promises, ReportError, Sheet, SignError, Signing, Standing, WaitingError};
use super::{ALERT_WAITING, Fake, id, shown, things};

/// The secret of the one link to sign.
pub const SIGN_TOKEN: &str = "4f3c2b1a4f3c2b1a4f3c2b1a4f3c2b1a4f3c2b1a4f3c2b1a";

const HASH: &str = "9c56cc51b374c3ba189210d5b6d4bf57790d351c96c47c02190ecf1e430635ab";

/// One contract of each customer, two revisions of the first.
fn terms(sla: &str, revision: u32) -> Option<Terms> {
    let (customer, name) = match sla {
        "gold" => ("acme", "Gold"),
        "silber" => ("muster", "Silber"),
        _ => return None,
    };
    let minutes = |count| Some(SignedDuration::from_mins(count));
    let targets = Targets { response: minutes(15), resolution: minutes(240), update: minutes(30) };
    let sla = Sla {
        id: sla.into(),
        name: name.to_owned(),
        customer: customer.into(),
        category: None,
        calendar: None,
        time_zone: None,
        targets: BTreeMap::from([(Priority::P1, targets)]),
        warn_at: vec![50, 75, 90],
        terms: Some("<b>Spare parts</b> are not included.".to_owned()),
    };
    let between = Parties { provider: Some("Example IT".to_owned()), customer: "Acme Logistics".to_owned() };
    Some(Terms { sla, between, revision, hours: None })
}

impl Fake {
    fn revision_rows(&self) -> Vec<RevisionRow> {
        let row = |sla: &str, number: u32, customer: &str, days: i64| RevisionRow {
            sla: sla.to_owned(),
            number,
            customer: customer.to_owned(),
            since: self.now - SignedDuration::from_hours(24 * days),
            body: json!({ "customer": customer, "sla": sla, "targets": { "P1": { "response": 900 } } }).to_string(),
            sha256: HASH.to_owned(),
            created_by: "login admin".to_owned(),
        };
        vec![row("gold", 2, "acme", 20), row("gold", 1, "acme", 90), row("silber", 1, "muster", 60)]
    }

    fn signature_row(&self, signed: bool) -> SignatureRow {
        SignatureRow {
            id: id(700).to_string(),
            sla: "gold".to_owned(),
            number: 2,
            sha256: HASH.to_owned(),
            contact: "lea".to_owned(),
            contact_name: "Lea Sommer".to_owned(),
            requested_at: self.now - SignedDuration::from_hours(48),
            requested_by: "login admin".to_owned(),
            expires_at: self.now + SignedDuration::from_hours(28 * 24),
            signed_at: signed.then(|| self.now - SignedDuration::from_hours(24)),
            signed_name: signed.then(|| "Lea Sommer".to_owned()),
        }
    }

    fn sheet(&self, signed: Option<&str>) -> Sheet {
        let terms = terms("gold", 2).expect("it is one of the two");
        let mut signature = self.signature_row(signed.is_some());
        signature.signed_name = signed.map(str::to_owned);
        Sheet { paper: document(&terms, HASH, "en"), zone: jiff::tz::TimeZone::UTC, signature }
    }
}

#[async_trait]
impl SlaRecords for Fake {
    async fn revisions(&self, sla: &str) -> Result<Vec<RevisionRow>, StoreError> {
        self.read(|_| self.revision_rows().into_iter().filter(|row| row.sla == sla).collect())
    }
    async fn latest_revisions(&self) -> Result<Vec<RevisionRow>, StoreError> {
        self.read(|_| self.revision_rows().into_iter().filter(|row| row.sla != "gold" || row.number == 2).collect())
    }
    async fn report_cases(
        &self,
        from: Timestamp,
        to: Timestamp,
        customer: Option<&str>,
    ) -> Result<Vec<Case>, StoreError> {
        let at = |ms: i64| Timestamp::from_millisecond(ms).expect("a moment of the fake's");
        self.read(|kept| {
            let inside = kept.alerts.iter().filter(|row| from <= at(row.created_at) && at(row.created_at) < to);
            let mine = inside.filter(|row| customer.is_none() || row.customer.as_deref() == customer);
            let case = |row: &AlertRow| Case {
                reference: row.reference.clone(),
                customer: row.customer.clone().unwrap_or_default(),
                service: row.service.clone().unwrap_or_default(),
                source: row.source.clone().unwrap_or_default(),
                priority: Priority::from_word(&row.priority).expect("a priority"),
                began: row.began_at.map(at),
                opened: at(row.created_at),
                answered: row.acknowledged_at.map(at),
                over: row.resolved_at.map(at),
                events: 1,
                merged: row.merged_into.is_some(),
            };
            mine.map(case).collect()
        })
    }
    async fn report_calls(
        &self,
        from: Timestamp,
        to: Timestamp,
        customer: Option<&str>,
    ) -> Result<Vec<(String, Rung)>, StoreError> {
        let at = |ms: i64| Timestamp::from_millisecond(ms).expect("a moment of the fake's");
        self.read(|kept| {
            let inside = kept.calls.iter().filter(|row| from <= at(row.started_at) && at(row.started_at) < to);
            let mine = inside.filter(|row| customer.is_none() || row.customer.as_deref() == customer);
            let call = |row: &CallRow| {
                let call = Rung {
                    customer: row.customer.clone().unwrap_or_default(),
                    started: at(row.started_at),
                    taken: row.taken_at.map(at),
                    outcome: row.outcome.as_deref().and_then(Outcome::from_word),
                };
                (row.number.clone(), call)
            };
            mine.map(call).collect()
        })
    }
    async fn clocks_between(
        &self,
        _: Timestamp,
        to: Timestamp,
        customer: Option<&str>,
    ) -> Result<Vec<ClockOf>, StoreError> {
        let clock = |customer: &str, reference: &str, end: End| {
            let started = to - SignedDuration::from_hours(30);
            let measured = Measured {
                promise: Promise::Response,
                sla: if customer == "acme" { "gold" } else { "silber" }.into(),
                revision: 1,
                priority: Priority::P1,
                target: SignedDuration::from_mins(15),
                started,
                stopped: Some(to),
                warned: 75,
                breached: None,
                end: Some(end),
            };
            let row = ClockRow {
                id: id(ALERT_WAITING).to_string(),
                customer: customer.to_owned(),
                service: None,
                measured,
                due_at: None,
                look_at: None,
                elapsed: SignedDuration::from_mins(20),
            };
            ClockOf { subject: "alert".to_owned(), reference: reference.to_owned(), fault: reference.to_owned(), row }
        };
        self.read(|_| {
            let all = [
                clock("acme", "1001", End::Late),
                clock("acme", "1002", End::Kept),
                clock("muster", "1003", End::Late),
            ];
            all.into_iter().filter(|clock| customer.is_none_or(|own| own == clock.row.customer)).collect()
        })
    }
    async fn signatures(&self, sla: Option<&str>) -> Result<Vec<SignatureRow>, StoreError> {
        let wanted = sla.is_none_or(|sla| sla == "gold");
        self.read(|_| if wanted { vec![self.signature_row(true)] } else { Vec::new() })
    }
}

#[async_trait]
impl SlaDesk for Fake {
    async fn write_documents(
        &self,
        kind: &str,
        patches: &[(String, Value)],
        keep: bool,
        by: &Actor,
    ) -> Result<Vec<Became>, DocumentError> {
        let mut held = self.in_force.lock();
        let mut now = InForce::clone(&held);
        let mut became = Vec::new();
        for (id, body) in patches {
            let there = now.things.get(kind).is_some_and(|things| things.contains_key(id));
            let write = if there { Write::Patch(body.clone()) } else { Write::Put(body.clone()) };
            things::write(&mut now, kind, id, write, &Expect::Anything, &shown(by))?;
            became.push(if there { Became::Changed } else { Became::Created });
        }
        if keep {
            *held = Arc::new(now);
        }
        Ok(became)
    }

    async fn promises(&self, alert: AlertId) -> Result<Promises, StoreError> {
        self.read(|kept| {
            let row = kept.alerts.iter().find(|row| row.id == alert.to_string() && alert.0 == id(ALERT_WAITING));
            let started = row.and_then(|row| Timestamp::from_millisecond(row.created_at).ok());
            let Some(started) = started else { return Promises::default() };
            let target = SignedDuration::from_mins(240);
            let due_at = started + target;
            let measured = Measured {
                promise: Promise::Resolution,
                sla: "gold".into(),
                revision: 2,
                priority: Priority::P1,
                target,
                started,
                stopped: None,
                warned: 0,
                breached: None,
                end: None,
            };
            let elapsed = SignedDuration::from_mins(60);
            let row = ClockRow {
                id: alert.to_string(),
                customer: "acme".to_owned(),
                service: None,
                measured,
                due_at: Some(due_at),
                look_at: None,
                elapsed,
            };
            let clocks = vec![Standing {
                row,
                name: "Gold".to_owned(),
                elapsed,
                share: 25,
                due_at: Some(due_at),
                state: "running",
            }];
            Promises { waiting_since: None, clocks }
        })
    }

    async fn set_waiting(&self, alert: AlertId, _: bool, _: &Actor) -> Result<(), WaitingError> {
        let status =
            self.read(|kept| kept.alerts.iter().find(|row| row.id == alert.to_string()).map(|row| row.status.clone()))?;
        match status.as_deref() {
            None => Err(WaitingError::Unknown),
            Some("resolved") => Err(WaitingError::Resolved),
            Some(_) => Ok(()),
        }
    }

    async fn terms(&self, sla: &str, revision: u32) -> Result<Option<Arc<Terms>>, StoreError> {
        self.read(|_| terms(sla, revision).map(Arc::new))
    }

    async fn customer_report(
        &self,
        id: &CustomerId,
        from: Timestamp,
        to: Timestamp,
        language: Option<&str>,
    ) -> Result<Paper, ReportError> {
        let cases = self.report_cases(from, to, Some(&id.0)).await?;
        let directory = super::things::directory();
        let customer = directory.customers.get(id).ok_or(ReportError::Unknown)?;
        let facts = Facts {
            customer: &customer.name,
            cases: &cases,
            promises: &[],
            calls: &[],
            from,
            to,
            zone: &jiff::tz::TimeZone::UTC,
            now: self.now,
            incidents: &[],
            company: None,
            services: &[],
        };
        Ok(paper(&facts, Wording::of(language.unwrap_or("en"))))
    }

    async fn request_signature(
        &self,
        sla: &str,
        number: u32,
        contact: &str,
        _: &Actor,
    ) -> Result<SignatureRow, SignError> {
        if terms(sla, number).is_none() {
            return Err(SignError::Unknown("revision"));
        }
        match contact {
            "lea" => Ok(self.signature_row(false)),
            "nomail" => Err(SignError::Unable("contact `nomail` has no `email`; add it".to_owned())),
            _ => Err(SignError::Unknown("contact")),
        }
    }

    async fn look_signing(&self, token: &str) -> Result<Signing, StoreError> {
        self.read(|_| if token == SIGN_TOKEN { Signing::Ask(Box::new(self.sheet(None))) } else { Signing::Gone })
    }

    async fn sign(&self, token: &str, name: &str) -> Result<Signing, StoreError> {
        self.read(
            |_| if token == SIGN_TOKEN { Signing::Signed(Box::new(self.sheet(Some(name)))) } else { Signing::Gone },
        )
    }
}
