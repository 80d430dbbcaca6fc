//! `PUT postmortems/{id}`: texts and actions as people write them. A change of a reviewed one makes it a draft again; of a published one
//! the customers' text goes with it, until it is published again.

use axum::Json;
use axum::extract::{Path, State};
use hotline_core::directory::Directory;
use hotline_core::ids::UserId;
use hotline_core::postmortem::{ACTIONS_MAX, Action, SECTION_MAX, Sections, State as Stage};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::list::{PostmortemJson, shown};
use super::{known, overtaken, store};
use crate::http::AppState;
use crate::http::api::alerts::Said;
use crate::http::auth::Viewer;
use crate::http::params::rfc3339;
use crate::http::problem::Problem;
use crate::store::postmortems;
use crate::store::runbooks::Saved;

/// Characters of a title or of an action at most.
const LINE_MAX: usize = 500;

/// The texts, each Markdown of at most 40 KiB.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SectionTexts {
    /// What happened, in short.
    pub summary: String,
    /// Whom it touched, how long.
    pub impact: String,
    /// How it was noticed.
    pub detection: String,
    /// Why it happened.
    pub root_cause: String,
    /// What went well.
    pub went_well: String,
    /// What customers may read once it is published: no names of people, customers or systems.
    pub public: String,
}

impl SectionTexts {
    pub(super) fn of(sections: &Sections) -> Self {
        let Sections { summary, impact, detection, root_cause, went_well, public } = sections.clone();
        Self { summary, impact, detection, root_cause, went_well, public }
    }

    fn checked(self) -> Result<Sections, Problem> {
        let Self { summary, impact, detection, root_cause, went_well, public } = self;
        let sections = Sections { summary, impact, detection, root_cause, went_well, public };
        for (name, text) in sections.named() {
            if text.len() > SECTION_MAX || text.contains('\0') {
                return Err(Problem::invalid(name, format!("{name} has at most 40 KiB, no NUL among them.")));
            }
        }
        Ok(sections)
    }
}

/// Something to be done.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"number": 1, "text": "Alert on queue length", "owner": "engineer-1", "due": "2026-12-24", "done_at": null}))]
pub struct ActionText {
    /// Its number; without one it is new.
    pub number: Option<u32>,
    /// What.
    pub text: String,
    /// Id of the user who does it.
    pub owner: Option<String>,
    /// Until when; its owner is reminded when that day is over.
    #[schema(format = Date)]
    pub due: Option<String>,
    /// When it was done.
    #[schema(format = DateTime)]
    pub done_at: Option<String>,
}

impl ActionText {
    pub(super) fn of(action: &Action) -> Self {
        Self {
            number: Some(action.number),
            text: action.text.clone(),
            owner: action.owner.as_ref().map(|owner| owner.0.clone()),
            due: action.due.map(|day| day.to_string()),
            done_at: action.done.map(|at| rfc3339(at.as_millisecond())),
        }
    }
}

/// What is saved.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PostmortemText {
    /// The version that it is made from.
    pub version: i64,
    /// One line.
    pub title: String,
    /// The texts.
    pub sections: SectionTexts,
    /// All actions; one that is missing is taken away.
    #[serde(default)]
    pub actions: Vec<ActionText>,
}

/// Saves it.
#[utoipa::path(
    put, path = "/api/v1/postmortems/{id}", tag = "knowledge", security(("token" = []), ("session" = [])),
    params(("id" = String, Path, description = "Id of a postmortem or of its incident")),
    request_body = PostmortemText,
    responses(
        (status = 200, description = "Saved; `blame` names wording about persons", body = PostmortemJson),
        (status = 400, description = "A field is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role is not enough", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such postmortem", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Somebody else saved it meanwhile", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn save(
    viewer: Viewer,
    State(state): State<AppState>,
    Path(id): Path<String>,
    Said(said): Said<PostmortemText>,
) -> Result<Json<PostmortemJson>, Problem> {
    saved(&state, &viewer, &id, said).await.map(Json)
}

/// Saves it for a viewer, from API and page.
pub async fn saved(
    state: &AppState,
    viewer: &Viewer,
    id: &str,
    said: PostmortemText,
) -> Result<PostmortemJson, Problem> {
    let known = known(state, viewer, id).await?;
    if said.version != known.row.version {
        return Err(overtaken(known.row.version));
    }
    let mut postmortem = known.postmortem;
    let title = said.title.split_whitespace().collect::<Vec<_>>().join(" ");
    if !(1..=LINE_MAX).contains(&title.chars().count()) || title.contains('\0') {
        return Err(Problem::invalid("title", "title must be one line of 1 to 500 characters."));
    }
    let sections = said.sections.checked()?;
    let directory = state.board().directory();
    let (actions, ticked_only) = (
        actions(said.actions, &postmortem.actions, &directory)?,
        title == postmortem.title && sections == postmortem.sections,
    );
    postmortem.title = title;
    postmortem.sections = sections;
    postmortem.actions = actions;
    // That an action is done changes no word of what was reviewed.
    if !ticked_only {
        postmortem.state = Stage::Draft;
    }
    let published = known.row.published_at.filter(|_| postmortem.state == Stage::Published);
    let mut row = postmortems::row(&postmortem, viewer.shown(), published);
    let rows = postmortems::actions(&postmortem, &known.actions);
    let now = crate::clock::now().wall;
    match store(state)?.save_postmortem(&row, &rows, now).await? {
        Saved::Version(version) => row.version = version,
        Saved::Overtaken(version) => return Err(overtaken(version)),
    }
    row.updated_at = now.as_millisecond();
    Ok(shown(state, &row, &known.facts.reference, &postmortem))
}

fn actions(said: Vec<ActionText>, before: &[Action], directory: &Directory) -> Result<Vec<Action>, Problem> {
    if said.len() > ACTIONS_MAX {
        return Err(Problem::invalid("actions", format!("There are at most {ACTIONS_MAX} actions.")));
    }
    let mut next = before.iter().map(|action| action.number).max().unwrap_or(0);
    let mut actions: Vec<Action> = Vec::with_capacity(said.len());
    for (place, one) in said.into_iter().enumerate() {
        let field = |name: &str| format!("actions[{place}].{name}");
        let wrong = |name: &str, what: &str| Problem::invalid(&field(name), what);
        let text = one.text.split_whitespace().collect::<Vec<_>>().join(" ");
        if !(1..=LINE_MAX).contains(&text.chars().count()) || text.contains('\0') {
            return Err(wrong("text", "An action is one line of 1 to 500 characters."));
        }
        let owner = one.owner.filter(|owner| !owner.is_empty()).map(UserId);
        if owner.as_ref().is_some_and(|owner| !directory.users.contains_key(owner)) {
            return Err(wrong("owner", "There is no such user; /api/v1/users lists them."));
        }
        let due = one.due.filter(|day| !day.is_empty()).map(|day| day.parse());
        let due = due.transpose().map_err(|_| wrong("due", "due must be a day as in 2026-12-24."))?;
        let done = one.done_at.filter(|at| !at.is_empty()).map(|at| at.parse::<Timestamp>());
        let done =
            done.transpose().map_err(|_| wrong("done_at", "done_at must be a time as in 2026-12-24T03:00:00Z."))?;
        let number = match one.number {
            Some(number) if before.iter().any(|action| action.number == number) => number,
            Some(_) => return Err(wrong("number", "There is no action of this number; leave it out for a new one.")),
            None => {
                next += 1;
                next
            }
        };
        if actions.iter().any(|action| action.number == number) {
            return Err(wrong("number", "This number stands there twice."));
        }
        actions.push(Action { number, text, owner, due, done });
    }
    Ok(actions)
}
