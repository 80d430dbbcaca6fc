//! What goes by itself: an incident for an acknowledged alert of a service that the rules name, and the phases of planned work. The
//! words come from the templates.

use std::time::Duration;

use hotline_core::directory::Language;
use hotline_core::ids::{AlertId, IncidentId, UpdateId};
use hotline_core::incident::rules::template;
use hotline_core::incident::{Affected, By, Command, Draft, Heading, Incident, Kind, Opening, Phase, clock, usual};
use jiff::Timestamp;
use uuid::Uuid;

use super::super::Switch;
use super::{IncidentError, due};
use crate::clock::now;

/// An alert that a call has just opened may be in the journal only.
const LOOKS: u32 = 20;
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);
/// The language of what goes out by itself; others stand beside it.
const MAIN: &str = "en";

/// Words for customers, ready to be drafted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// A title for them.
    pub title: Option<String>,
    /// The same in the other languages of the templates.
    pub titles: Vec<(Language, String)>,
    /// The words, in English and all other languages of the templates.
    pub draft: Draft,
}

impl Switch {
    /// The words of the templates for this phase, filled.
    pub fn prepared_update(&self, incident: &Incident, phase: Phase, at: Timestamp) -> Option<Prepared> {
        let directory = self.directory();
        let templates = usual::all(&directory);
        let touched = incident.touched(&directory);
        let due = |customer| due(&directory, incident, customer, at);
        let next = if phase.is_over() { None } else { touched.iter().filter_map(due).min() };
        let in_language = |language: &Language| {
            let template = template(&templates, phase, language)?;
            Some((template.language.clone(), usual::filled(incident, template, &directory, next, at)))
        };
        let (main, (title, text)) = in_language(&Language(MAIN.to_owned()))?;
        let mut languages: Vec<&Language> = templates.iter().map(|template| &template.language).collect();
        languages.sort_unstable();
        languages.dedup();
        let others = languages.into_iter().filter(|language| **language != main);
        let (mut translations, mut titles) = (Vec::new(), Vec::new());
        for (language, (title, text)) in others.filter_map(in_language).filter(|(language, _)| *language != main) {
            titles.extend(title.map(|title| (language.clone(), title)));
            translations.push((language, text));
        }
        // The title that stands first is in the customer's language, where it is one.
        let only = match touched.as_slice() {
            [one] => directory.customers.get(one).and_then(|customer| customer.language.clone()),
            _ => None,
        };
        let own = only.and_then(|language| in_language(&language)).filter(|(language, _)| *language != main);
        let title = match own {
            Some((language, (Some(own), _))) => {
                titles.retain(|(other, _)| *other != language);
                titles.extend(title.map(|title| (main, title)));
                Some(own)
            }
            Some((_, (None, _))) | None => title,
        };
        titles.retain(|_| title.is_some());
        Some(Prepared {
            title,
            titles,
            draft: Draft { phase, heading: None, text, translations, customers: Vec::new() },
        })
    }

    /// Somebody has taken this alert: where the rules say so, customers are told at once. Returns at once.
    pub(in crate::switch) fn open_by_rule(&self, alert: AlertId) {
        if self.directory().incident_rules.auto_services.is_empty() {
            return;
        }
        let switch = self.clone();
        self.0.tasks.spawn(async move {
            for _ in 0..LOOKS {
                match switch.open_by_rule_now(alert).await {
                    Ok(()) => return,
                    Err(IncidentError::UnknownAlert(_)) => tokio::time::sleep(BETWEEN_LOOKS).await,
                    Err(error) => {
                        tracing::error!(%alert, %error, "the rules open an incident for this alert, but it could not be kept; open it by hand");
                        return;
                    }
                }
            }
        });
    }

    async fn open_by_rule_now(&self, alert: AlertId) -> Result<(), IncidentError> {
        let seen = self.alert_seen(alert).await?;
        let directory = self.directory();
        let rules = &directory.incident_rules;
        let Some(service) = seen.service.clone().filter(|service| rules.opens_itself(service, seen.priority)) else {
            return Ok(());
        };
        let affects = |incident: &Incident| {
            incident.kind == Kind::Fault
                && incident.drill.is_none()
                && incident.affected.iter().any(|affected| affected.service == service)
        };
        let open = self.open_incidents();
        if let Some(known) = open.iter().find(|incident| affects(incident)) {
            let words = hotline_core::incident::join(known, &seen, now().wall)?;
            self.incident_commands(known.id, words, By::SYSTEM, None).await?;
            return Ok(());
        }
        let id = IncidentId(Uuid::now_v7());
        let affected = vec![Affected { service, impact: rules.auto_impact }];
        let opening = Opening { alerts: vec![seen], affected, ..Opening::new(id, Kind::Fault) };
        let incident = self.open_incident(opening, By::SYSTEM).await?;
        self.publish_by_itself(&incident, Phase::Investigating).await
    }

    /// Drafts and publishes the template's words, in the name of the hotline.
    async fn publish_by_itself(&self, incident: &Incident, phase: Phase) -> Result<(), IncidentError> {
        let Some(Prepared { title, titles, mut draft }) = self.prepared_update(incident, phase, now().wall) else {
            return Ok(());
        };
        let id = UpdateId(Uuid::now_v7());
        let title = title.filter(|_| incident.public_title.is_none());
        draft.heading = title.map(|title| Heading { title, others: titles });
        let words = vec![Command::Draft(id, draft), Command::Publish(id, None)];
        self.incident_commands(incident.id, words, By::SYSTEM, None).await.map(drop)
    }

    /// Planned work comes to its next phase; customers who know of it are told.
    pub(super) async fn go_on_with_plan(&self, id: IncidentId) -> Result<(), IncidentError> {
        let Some(incident) = self.0.store.incident(id).await? else { return Ok(()) };
        let Some(phase) = clock::planned_phase(&incident, now().wall) else {
            // Memory was behind.
            self.remember_incident(&incident);
            return Ok(());
        };
        if !incident.is_published() {
            let version = Some(incident.version);
            self.incident_command(id, Command::Phase(phase), By::SYSTEM, version).await?;
            return Ok(());
        }
        let Some(Prepared { draft, .. }) = self.prepared_update(&incident, phase, now().wall) else { return Ok(()) };
        let update = UpdateId(Uuid::now_v7());
        let words = vec![Command::Draft(update, draft), Command::Publish(update, None)];
        // Another node looks as well: only one of them finds this version.
        self.incident_commands(id, words, By::SYSTEM, Some(incident.version)).await.map(drop)
    }
}
