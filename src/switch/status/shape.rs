//! statuspage.io's JSON, for the page's API and for webhooks. Times are by the page's clock, words English: programs read it.

use hotline_core::incident::Impact;
use hotline_core::postmortem::Published;
use hotline_core::status::{ComponentView, IncidentView, StatusPage, Tongue, UpdateView, View};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::words;

/// The state of an incident of which a postmortem is published, and of the update that tells it.
const POSTMORTEM: &str = "postmortem";

/// A page as one visitor sees it.
#[derive(Debug, Clone, Copy)]
pub struct Shape<'a> {
    /// The page.
    pub page: &'a StatusPage,
    /// What is seen.
    pub view: &'a View,
    /// What links begin with.
    pub base: &'a str,
}

impl Shape<'_> {
    /// `/status/{slug}` and what follows, as a link.
    pub fn link(&self, rest: &str) -> String {
        format!("{}/status/{}{rest}", self.base.trim_end_matches('/'), self.page.id)
    }

    fn time(&self, at: Timestamp) -> Value {
        at.to_zoned(self.page.time_zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string().into()
    }

    fn time_of(&self, at: Option<Timestamp>) -> Value {
        at.map_or(Value::Null, |at| self.time(at))
    }

    /// When anything that is seen changed: by what was published, else since it is there.
    pub fn updated_at(&self) -> Timestamp {
        let there = self.view.components.iter().filter_map(|component| component.since).max();
        self.view.updated_at.or(there).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// `page`.
    pub fn page(&self) -> Value {
        json!({
            "id": self.page.id.0,
            "name": self.page.title,
            "url": self.link(""),
            "time_zone": self.page.time_zone.iana_name().unwrap_or("UTC"),
            "updated_at": self.time(self.updated_at()),
        })
    }

    /// `status`.
    pub fn status(&self) -> Value {
        json!({
            "indicator": self.view.indicator.word(),
            "description": words::indicator(self.view.indicator, Tongue::En),
        })
    }

    fn group_id(&self, name: &str) -> String {
        hex::encode(&Sha256::digest(format!("group\n{}\n{name}", self.page.id))[..6])
    }

    /// One of `components`.
    pub fn component(&self, place: usize) -> Value {
        let component = &self.view.components[place];
        self.component_as(place, component, component.impact)
    }

    fn component_as(&self, place: usize, component: &ComponentView, impact: Impact) -> Value {
        json!({
            "id": component.id,
            "name": component.name,
            "status": impact.word(),
            "created_at": self.time_of(component.since),
            "updated_at": self.time_of(component.changed_at.or(component.since)),
            "position": place + 1,
            "description": component.description,
            "showcase": true,
            "start_date": component.since.map(|at| at.to_zoned(self.page.time_zone.clone()).date().to_string()),
            "group_id": component.group.as_deref().map(|group| self.group_id(group)),
            "page_id": self.page.id.0,
            "group": false,
            "only_show_if_degraded": false,
        })
    }

    /// `components`, headings among them.
    pub fn components(&self) -> Value {
        let view = self.view;
        let mut out: Vec<Value> = (0..view.components.len()).map(|place| self.component(place)).collect();
        let mut told: Vec<&str> = Vec::new();
        for group in view.components.iter().filter_map(|component| component.group.as_deref()) {
            if told.contains(&group) {
                continue;
            }
            told.push(group);
            let members = || view.components.iter().filter(|component| component.group.as_deref() == Some(group));
            let worst = members().map(|component| component.impact).max().unwrap_or(Impact::Operational);
            out.push(json!({
                "id": self.group_id(group),
                "name": group,
                "status": worst.word(),
                "created_at": self.time_of(members().filter_map(|component| component.since).min()),
                "updated_at": self.time_of(members().filter_map(|one| one.changed_at.or(one.since)).max()),
                "position": view.components.len() + told.len(),
                "description": null,
                "showcase": false,
                "start_date": null,
                "group_id": null,
                "page_id": self.page.id.0,
                "group": true,
                "only_show_if_degraded": false,
                "components": members().map(|component| component.id.as_str()).collect::<Vec<_>>(),
            }));
        }
        out.into()
    }

    /// One of `incident_updates`.
    pub fn update(&self, incident: &IncidentView, update: &UpdateView) -> Value {
        let changes: Vec<Value> = update
            .changes
            .iter()
            .map(|change| {
                let component = &self.view.components[change.component];
                json!({
                    "code": component.id, "name": component.name,
                    "old_status": change.old.word(), "new_status": change.new.word(),
                })
            })
            .collect();
        json!({
            "id": update.id.to_string(),
            "status": update.phase.word(),
            "body": update.text_in(self.page.language),
            "incident_id": incident.id.to_string(),
            "created_at": self.time(update.at),
            "updated_at": self.time(update.at),
            "display_at": self.time(update.at),
            "affected_components": if changes.is_empty() { Value::Null } else { changes.into() },
            "deliver_notifications": true,
            "custom_tweet": null,
            "tweet_id": null,
        })
    }

    /// One of `incidents` or `scheduled_maintenances`.
    pub fn incident(&self, incident: &IncidentView) -> Value {
        let updates: Vec<Value> = incident.updates.iter().rev().map(|update| self.update(incident, update)).collect();
        let touched = incident.components.iter();
        let components: Vec<Value> = touched.map(|(place, _)| self.component(*place)).collect();
        let mut out = json!({
            "id": incident.id.to_string(),
            "name": incident.title_in(self.page.language),
            "status": incident.phase.word(),
            "created_at": self.time(incident.created_at),
            "updated_at": self.time(incident.changed_at()),
            "monitoring_at": self.time_of(incident.monitoring_at),
            "resolved_at": self.time_of(incident.resolved_at),
            "impact": incident.impact.word(),
            "shortlink": self.link(&format!("/incidents/{}", incident.id)),
            "started_at": self.time(incident.started_at),
            "page_id": self.page.id.0,
            "incident_updates": updates,
            "components": components,
        });
        if let (true, Some((from, until))) = (incident.planned, incident.scheduled) {
            out["scheduled_for"] = self.time(from);
            out["scheduled_until"] = self.time(until);
        }
        if let Some(learned) = &incident.postmortem {
            // As statuspage.io does it: the last state, told by an update of its own.
            out["status"] = POSTMORTEM.into();
            out["postmortem_body"] = learned.text.as_str().into();
            for key in ["postmortem_body_last_updated_at", "postmortem_published_at"] {
                out[key] = self.time(learned.at);
            }
            if let Some(updates) = out["incident_updates"].as_array_mut() {
                updates.insert(0, self.learned(incident, learned));
            }
        }
        out
    }

    fn learned(&self, incident: &IncidentView, learned: &Published) -> Value {
        json!({
            "id": learned.id.to_string(),
            "status": POSTMORTEM,
            "body": learned.text,
            "incident_id": incident.id.to_string(),
            "created_at": self.time(learned.at),
            "updated_at": self.time(learned.at),
            "display_at": self.time(learned.at),
            "affected_components": null,
            "deliver_notifications": false,
            "custom_tweet": null,
            "tweet_id": null,
        })
    }

    fn meta(&self, unsubscribe: &str) -> Value {
        json!({
            "unsubscribe": unsubscribe,
            "documentation": self.link("/subscribe"),
            "generated_at": self.time(crate::clock::now().wall),
        })
    }

    fn short_page(&self) -> Value {
        json!({
            "id": self.page.id.0,
            "status_indicator": self.view.indicator.word(),
            "status_description": words::indicator(self.view.indicator, Tongue::En),
        })
    }

    /// What a subscriber's webhook gets about an update of an incident.
    pub fn incident_webhook(&self, incident: &IncidentView, unsubscribe: &str) -> Value {
        let mut told = self.incident(incident);
        let planned = incident.scheduled.filter(|_| incident.planned);
        for (key, value) in [
            ("scheduled_for", self.time_of(planned.map(|(from, _)| from))),
            ("scheduled_until", self.time_of(planned.map(|(_, until)| until))),
            ("backfilled", Value::Bool(false)),
            ("impact_override", Value::Null),
        ] {
            told[key] = value;
        }
        for key in ["postmortem_body", "postmortem_body_last_updated_at", "postmortem_published_at"] {
            if told.get(key).is_none() {
                told[key] = Value::Null;
            }
        }
        json!({ "meta": self.meta(unsubscribe), "page": self.short_page(), "incident": told })
    }

    /// What it gets about a component that changed with an update.
    pub fn component_webhook(&self, update: &UpdateView, place: usize, unsubscribe: &str) -> Option<Value> {
        let change = update.changes.iter().find(|change| change.component == place)?;
        let component = self.view.components.get(place)?;
        let id = Sha256::digest(format!("{}\n{}", update.id, component.id));
        Some(json!({
            "meta": self.meta(unsubscribe),
            "page": self.short_page(),
            "component": self.component(place),
            "component_update": {
                "old_status": change.old.word(),
                "new_status": change.new.word(),
                "created_at": self.time(update.at),
                "component_type": "Component",
                "id": hex::encode(&id[..6]),
                "component_id": component.id,
            },
        }))
    }
}
