//! The buttons of an incident: plain forms, carried out as a person's words, then back to its page. What the API can, they can.

use std::collections::HashMap;

use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use hotline_core::directory::Language;
use hotline_core::ids::{AlertId, CustomerId, ServiceId, UpdateId, UserId};
use hotline_core::incident::{
    Affected, Began, Command, Draft, Heading, Impact, Incident, Origin, Phase, Severity, join,
};
use hotline_core::private::Private;
use jiff::Timestamp;
use uuid::Uuid;

use super::deeds::{by_reference, local, zone_of};
use super::incidents::{customers, services};
use super::{Shared, Visitor, error, show_problem};
use crate::http::AppState;
use crate::http::api::incidents::{is_tag, refused, sight, waiting};
use crate::http::auth::{Right, Viewer};
use crate::http::problem::Problem;

/// A form of the page, and who sent it about what.
struct Pressed<'a> {
    state: &'a AppState,
    viewer: &'a Viewer,
    incident: &'a Incident,
    fields: &'a HashMap<String, String>,
}

/// The word stands in the path.
pub async fn act(
    Visitor(viewer): Visitor,
    State(state): Shared,
    Path((id, deed)): Path<(String, String)>,
    Form(fields): Form<HashMap<String, String>>,
) -> Response {
    let incident = match sight::handle(&state, &viewer, &id).await {
        Ok(incident) => incident,
        Err(problem) => return show_problem(&state, &problem),
    };
    let back = format!("/incidents/{}", incident.id);
    let pressed = Pressed { state: &state, viewer: &viewer, incident: &incident, fields: &fields };
    if let waits @ ("waiting" | "answered") = deed.as_str() {
        let done = waiting::set(&state, &viewer, &incident, pressed.field("customer"), waits == "waiting").await;
        return match done {
            // Somebody was faster: the page shows how it stands.
            Err(problem) if problem.status() != StatusCode::CONFLICT => show_problem(&state, &problem),
            Ok(()) | Err(_) => Redirect::to(&format!("{back}#promises")).into_response(),
        };
    }
    let words = match pressed.commands(&deed).await {
        Ok(Some(words)) => words,
        Ok(None) => return error(&state, StatusCode::NOT_FOUND, "There is nothing here", "There is no such button."),
        Err(problem) => return show_problem(&state, &problem),
    };
    let written = words
        .iter()
        .rev()
        .find_map(|word| if let Command::Draft(id, _) | Command::Edit(id, _) = word { Some(*id) } else { None });
    // What the form showed is what is meant: a draft that somebody changed meanwhile does not go out unseen.
    let version = pressed.field("version").and_then(|version| version.parse().ok());
    match state.board().incident_commands(incident.id, words, sight::by(&viewer), version).await {
        // A draft is looked at with everything that its publishing leads to.
        Ok(_) => match written {
            Some(update) => Redirect::to(&format!("{back}?preview={update}#updates")).into_response(),
            None => Redirect::to(&back).into_response(),
        },
        Err(error) => show_problem(&state, &refused(&error)),
    }
}

impl Pressed<'_> {
    fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(|text| text.trim()).filter(|text| !text.is_empty())
    }

    fn text(&self, name: &str) -> String {
        self.field(name).unwrap_or_default().to_owned()
    }

    fn update(&self) -> Result<UpdateId, Problem> {
        self.field("update").and_then(|id| id.parse().ok()).ok_or_else(|| Problem::not_found("update"))
    }

    fn number(&self) -> Result<u32, Problem> {
        self.field("number").and_then(|number| number.parse().ok()).ok_or_else(|| Problem::not_found("task"))
    }

    /// A field for date and time, in the zone that stands beside it.
    fn moment(&self, name: &str) -> Result<Timestamp, Problem> {
        let zone = zone_of(self.viewer, &self.state.board().directory());
        let at = self.field(name).and_then(|text| local(text, &zone));
        at.ok_or_else(|| Problem::invalid(name, "Write a date and a time."))
    }

    /// What a button means; `Ok(None)`: there is no such button.
    async fn commands(&self, deed: &str) -> Result<Option<Vec<Command>>, Problem> {
        Ok(Some(match deed {
            "comment" => vec![Command::Comment(Private::from(self.text("text")))],
            "describe" => vec![Command::Describe {
                title: self.field("title").map(str::to_owned),
                public_title: self.field("public_title").map(str::to_owned),
                severity: self.field("severity").and_then(Severity::from_word),
            }],
            "services" => vec![Command::Affect(self.affected())],
            "customers" => vec![Command::Customers(self.customers("named:", &self.incident.customers))],
            "began" => vec![Command::Began(Began { at: self.moment("at")?, origin: Origin::Person })],
            "schedule" => {
                self.viewer.require(Right::Plan)?;
                let by_itself = self.field("by_itself").is_some();
                vec![Command::Schedule(self.moment("from")?, self.moment("until")?, by_itself)]
            }
            "role" => vec![Command::Role(self.text("role"), self.field("user").map(UserId::from))],
            "task" => vec![Command::AddTask(self.text("text"), self.field("owner").map(UserId::from))],
            "give" => vec![Command::GiveTask(self.number()?, self.field("owner").map(UserId::from))],
            "tick" => vec![Command::TickTask(self.number()?, true)],
            "untick" => vec![Command::TickTask(self.number()?, false)],
            "join" => self.joined().await?,
            "leave" => {
                let alert = self.field("alert").and_then(|id| id.parse::<AlertId>().ok());
                vec![Command::RemoveAlert(alert.ok_or_else(|| Problem::not_found("alert"))?)]
            }
            "draft" => vec![Command::Draft(UpdateId(Uuid::now_v7()), self.draft(self.incident.phase))],
            "edit" => {
                let id = self.update()?;
                let known = self.incident.update(id).ok_or_else(|| Problem::not_found("update"))?;
                vec![Command::Edit(id, self.draft(known.phase))]
            }
            "submit" => vec![Command::Submit(self.update()?)],
            "publish" => vec![Command::Publish(self.update()?, None)],
            "withdraw" => vec![Command::Withdraw(self.update()?)],
            "phase" => {
                let phase = self.field("phase").and_then(Phase::from_word);
                vec![Command::Phase(phase.ok_or_else(|| Problem::invalid("phase", "Choose a phase."))?)]
            }
            "reopen" => vec![Command::Reopen],
            _ => return Ok(None),
        }))
    }

    /// An alert by its number, with what is known of its beginning.
    async fn joined(&self) -> Result<Vec<Command>, Problem> {
        let number = self.field("alert").map(|text| text.trim_start_matches('#'));
        let number = number.ok_or_else(|| Problem::invalid("alert", "Write the alert's number."))?;
        let alert = by_reference(self.state, self.viewer, number).await?;
        let alert = alert.ok_or_else(|| {
            Problem::invalid("alert", "No open alert that you see has this number; it stands behind the # of an alert.")
        })?;
        let seen = self.state.board().alert_seen(alert).await.map_err(|error| refused(&error))?;
        join(self.incident, &seen, crate::clock::now().wall).map_err(|error| refused(&error.into()))
    }

    /// The form's fields `KIND:LANGUAGE` that say something.
    fn in_languages(&self, kind: &str) -> Vec<(Language, String)> {
        let other = |(name, words): (&String, &String)| {
            let tag = name.strip_prefix(kind)?.strip_prefix(':').filter(|tag| is_tag(tag))?;
            Some((Language(tag.to_owned()), words.trim().to_owned())).filter(|(_, words)| !words.is_empty())
        };
        let mut all: Vec<(Language, String)> = self.fields.iter().filter_map(other).collect();
        all.sort_unstable();
        all
    }

    /// The words of the form with their title, in other languages too (`text:TAG`, `title:TAG`), for some customers only (`for:ID`).
    fn draft(&self, phase: Phase) -> Draft {
        let title = self.field("public_title").map(str::to_owned);
        Draft {
            phase: self.field("phase").and_then(Phase::from_word).unwrap_or(phase),
            heading: title.map(|title| Heading { title, others: self.in_languages("title") }),
            text: self.text("text"),
            translations: self.in_languages("text"),
            customers: self.customers("for:", &[]),
        }
    }

    /// As the fields `impact:SERVICE` say; services that the viewer does not see stay as they are.
    fn affected(&self) -> Vec<Affected> {
        let named: Vec<(String, String)> = services(self.state, self.viewer);
        let seen = |id: &ServiceId| named.iter().any(|(known, _)| *known == id.0);
        let mut all: Vec<Affected> =
            self.incident.affected.iter().filter(|affected| !seen(&affected.service)).cloned().collect();
        for (id, _) in &named {
            if let Some(impact) = self.fields.get(&format!("impact:{id}")).and_then(|word| Impact::from_word(word)) {
                all.push(Affected { service: ServiceId(id.clone()), impact });
            }
        }
        all
    }

    /// The customers whose boxes (`PREFIX` and id) are ticked; of `known` those that the viewer does not see stay.
    fn customers(&self, prefix: &str, known: &[CustomerId]) -> Vec<CustomerId> {
        let named = customers(self.state, self.viewer);
        let mut all: Vec<CustomerId> =
            known.iter().filter(|id| !named.iter().any(|(seen, _)| *seen == id.0)).cloned().collect();
        let ticked = named.into_iter().filter(|(id, _)| self.fields.contains_key(&format!("{prefix}{id}")));
        all.extend(ticked.map(|(id, _)| CustomerId(id)));
        all
    }
}
