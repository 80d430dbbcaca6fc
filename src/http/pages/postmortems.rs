//! `/postmortems`: drafted, written in a plain form, reviewed, published.

use std::collections::HashMap;

use askama::Template;
use axum::Router;
use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use hotline_core::postmortem::{Origin, Postmortem};

use super::views::{Frame, When};
use super::{Shared, Visitor, html, show_problem};
use crate::http::AppState;
use crate::http::api::postmortems::{
    ActionText, BlameFinding, Known, PostmortemSummary, PostmortemText, SectionTexts, blame, drafted, known, listed,
    moved, saved,
};
use crate::http::auth::{Right, Viewer};
use crate::http::params::rfc3339;
use crate::http::problem::Problem;

/// Empty rows for new actions in the form.
const NEW_ACTIONS: usize = 3;

/// The pages' routes.
pub fn router() -> Router<AppState> {
    Router::new()
        .route("/postmortems", get(list).post(draft))
        .route("/postmortems/{id}", get(show))
        .route("/postmortems/{id}/state", post(state_of))
}

/// Those with large bodies.
pub fn large_router() -> Router<AppState> {
    Router::new().route("/postmortems/{id}/save", post(save))
}

#[derive(Template)]
#[template(path = "postmortems.html")]
struct ListPage {
    frame: Frame,
    rows: Vec<(PostmortemSummary, When)>,
    /// Incidents of late: id, what they are called.
    incidents: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "postmortem.html")]
struct OnePage {
    frame: Frame,
    id: String,
    incident: String,
    reference: String,
    title: String,
    state: &'static str,
    version: i64,
    changed: When,
    changed_by: String,
    source: String,
    /// Name in the form, heading, hint, text.
    sections: Vec<(&'static str, &'static str, &'static str, String)>,
    actions: Vec<ActionText>,
    people: Vec<(String, String)>,
    timeline: Vec<(When, String)>,
    blame: Vec<BlameFinding>,
    plans: bool,
    problem: Option<String>,
    /// By whose clock the texts tell times.
    zone: String,
}

async fn list(Visitor(viewer): Visitor, State(state): Shared) -> Response {
    let both =
        async { Ok::<_, Problem>((listed(&state, &viewer).await?, super::incidents::of_late(&state, &viewer).await?)) };
    match both.await {
        Ok((rows, incidents)) => html(&ListPage {
            frame: Frame::of(&state, &viewer, "knowledge"),
            incidents,
            rows: rows.into_iter().map(|row| (row.clone(), When::full(&row.updated_at))).collect(),
        }),
        Err(problem) => show_problem(&state, &problem),
    }
}

async fn draft(
    Visitor(viewer): Visitor,
    State(state): Shared,
    Form(fields): Form<HashMap<String, String>>,
) -> Response {
    let incident = fields.get("incident").map(|id| id.trim()).unwrap_or_default();
    match drafted(&state, &viewer, incident, fields.get("language").map(String::as_str)).await {
        Ok(made) => Redirect::to(&format!("/postmortems/{}", made.about.id)).into_response(),
        // There is one: that is what was asked for.
        Err(problem) if problem.status == 409 => Redirect::to(&format!("/postmortems/{incident}")).into_response(),
        Err(problem) => show_problem(&state, &problem),
    }
}

async fn show(Visitor(viewer): Visitor, State(state): Shared, Path(id): Path<String>) -> Response {
    match known(&state, &viewer, &id).await {
        Ok(known) => html(&page(&state, &viewer, known, None)),
        Err(problem) => show_problem(&state, &problem),
    }
}

fn page(state: &AppState, viewer: &Viewer, known: Known, problem: Option<String>) -> OnePage {
    let Known { row, postmortem, facts, .. } = known;
    let directory = state.board().directory();
    let mut people: Vec<(String, String)> =
        directory.users.values().map(|user| (user.id.0.clone(), user.name.clone())).collect();
    people.sort_by_key(|(_, name)| name.to_lowercase());
    let blank = || ActionText { number: None, text: String::new(), owner: None, due: None, done_at: None };
    let mut actions: Vec<ActionText> = postmortem.actions.iter().map(of_action).collect();
    actions.extend(std::iter::repeat_with(blank).take(NEW_ACTIONS));
    OnePage {
        frame: Frame::of(state, viewer, "knowledge"),
        id: row.id,
        incident: row.incident,
        reference: facts.reference,
        title: postmortem.title.clone(),
        state: postmortem.state.word(),
        version: row.version,
        changed: When::full(&rfc3339(row.updated_at)),
        changed_by: row.updated_by,
        source: match &postmortem.origin {
            Origin::Model(name) => format!(
                "Summary, impact and detection were first written by a language model ({name}) from the facts. Check them."
            ),
            Origin::Facts(Some(why)) => format!("Drafted from the facts alone: {why}."),
            Origin::Facts(None) => "Drafted from the facts.".to_owned(),
        },
        sections: sections(&postmortem),
        timeline: postmortem
            .timeline
            .iter()
            .map(|one| (When::full(&rfc3339(one.at.as_millisecond())), one.what.clone()))
            .collect(),
        blame: blame(&postmortem, &directory),
        actions,
        people,
        plans: viewer.may(Right::Plan),
        problem,
        zone: facts.zone.iana_name().unwrap_or("UTC").to_owned(),
    }
}

fn of_action(action: &hotline_core::postmortem::Action) -> ActionText {
    ActionText {
        number: Some(action.number),
        text: action.text.clone(),
        owner: action.owner.as_ref().map(|owner| owner.0.clone()),
        due: action.due.map(|day| day.to_string()),
        done_at: action.done.map(|at| rfc3339(at.as_millisecond())),
    }
}

impl OnePage {
    /// A section's heading by its name in the form.
    fn heading(&self, name: &str) -> String {
        let known = self.sections.iter().find(|(known, ..)| *known == name);
        known.map_or_else(|| super::incidents::words(name), |(_, heading, ..)| (*heading).to_owned())
    }
}

fn sections(postmortem: &Postmortem) -> Vec<(&'static str, &'static str, &'static str, String)> {
    let sections = postmortem.sections.clone();
    vec![
        ("summary", "Summary", "What happened, in short.", sections.summary),
        ("impact", "Impact", "Whom it touched, how, how long.", sections.impact),
        ("detection", "Detection", "How it was noticed, and what would have noticed it sooner.", sections.detection),
        ("root_cause", "Root cause", "Conditions, not persons.", sections.root_cause),
        ("went_well", "What went well", "What helped.", sections.went_well),
        (
            "public",
            "For customers",
            "Shown on the status page of those who were touched once it is published: no names, no systems.",
            sections.public,
        ),
    ]
}

async fn save(
    Visitor(viewer): Visitor,
    State(state): Shared,
    Path(id): Path<String>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Response {
    let said = read(&fields);
    match saved(&state, &viewer, &id, said).await {
        Ok(_) => Redirect::to(&format!("/postmortems/{}", super::escaped(&id))).into_response(),
        Err(problem) if problem.status == 409 || problem.status == 400 => {
            again(&state, &viewer, &id, &fields, &problem).await
        }
        Err(problem) => show_problem(&state, &problem),
    }
}

/// The form again with what was written, and what is wrong with it.
async fn again(
    state: &AppState,
    viewer: &Viewer,
    id: &str,
    fields: &[(String, String)],
    problem: &Problem,
) -> Response {
    let known = match known(state, viewer, id).await {
        Ok(known) => known,
        Err(problem) => return show_problem(state, &problem),
    };
    let mut page = page(state, viewer, known, Some(format!("{}: {}", problem.title, problem.detail)));
    let said = read(fields);
    for (name, _, _, text) in &mut page.sections {
        if let Some((_, written)) = fields.iter().find(|(key, _)| key == name) {
            text.clone_from(written);
        }
    }
    page.title = said.title;
    page.actions = said.actions;
    let mut response = html(&page);
    *response.status_mut() = problem.status();
    response
}

/// What the form says; rows without a text are no actions.
fn read(fields: &[(String, String)]) -> PostmortemText {
    let field = |name: &str| {
        fields.iter().find(|(key, _)| key == name).map(|(_, text)| text.replace("\r\n", "\n")).unwrap_or_default()
    };
    let actions = (0..200).map_while(|row| {
        let own = |name: &str| field(&format!("action{row}_{name}"));
        let there = fields.iter().any(|(key, _)| *key == format!("action{row}_text"));
        let done = own("done");
        there.then(|| ActionText {
            number: own("number").parse().ok(),
            text: own("text"),
            owner: Some(own("owner")).filter(|owner| !owner.is_empty()),
            due: Some(own("due")).filter(|due| !due.is_empty()),
            done_at: match done.as_str() {
                "" => None,
                "now" => Some(rfc3339(crate::clock::now().wall.as_millisecond())),
                at => Some(at.to_owned()),
            },
        })
    });
    PostmortemText {
        version: field("version").parse().unwrap_or(0),
        title: field("title"),
        sections: SectionTexts {
            summary: field("summary"),
            impact: field("impact"),
            detection: field("detection"),
            root_cause: field("root_cause"),
            went_well: field("went_well"),
            public: field("public"),
        },
        actions: actions.filter(|action| !action.text.trim().is_empty()).collect(),
    }
}

async fn state_of(
    Visitor(viewer): Visitor,
    State(state): Shared,
    Path(id): Path<String>,
    Form(fields): Form<HashMap<String, String>>,
) -> Response {
    let version = fields.get("version").and_then(|version| version.parse().ok()).unwrap_or(0);
    let word = fields.get("state").map(String::as_str).unwrap_or_default();
    match moved(&state, &viewer, &id, word, version).await {
        Ok(_) => Redirect::to(&format!("/postmortems/{}", super::escaped(&id))).into_response(),
        Err(problem) => show_problem(&state, &problem),
    }
}
