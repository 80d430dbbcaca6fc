//! `/slas`, `/slas/{id}`: contracts and who has signed them. `/sign/{token}`: the page of a mailed link, without login.

use std::collections::HashMap;

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use hotline_core::paper::{Block, Paper};
use hotline_core::sla::document;

use super::views::{Frame, When};
use super::{Shared, Visitor, away, escaped, html, no_such, show_problem};
use crate::http::AppState;
use crate::http::api::{Revision, ask_to_sign, sla_revisions};
use crate::http::auth::{Right, Viewer};
use crate::http::guard::keep_secret;
use crate::http::problem::Problem;
use crate::store::StoreError;
use crate::switch::slas::{NAME_MAX, Sheet, Signing};

/// A contract in the list.
struct Row {
    id: String,
    name: String,
    customer: String,
    category: Option<String>,
    revision: u32,
    since: When,
    /// Who signed the latest revision.
    signed: Option<(String, When)>,
    /// Somebody was asked and has not answered.
    asked: bool,
}

#[derive(Template)]
#[template(path = "slas.html")]
struct List {
    frame: Frame,
    rows: Vec<Row>,
}

pub async fn list(Visitor(viewer): Visitor, State(state): Shared) -> Response {
    match rows(&state, &viewer).await {
        Ok(rows) => html(&List { frame: Frame::of(&state, &viewer, "slas"), rows }),
        Err(error) => away(&state, error),
    }
}

async fn rows(state: &AppState, viewer: &Viewer) -> Result<Vec<Row>, StoreError> {
    let (latest, signatures) = tokio::try_join!(state.records().latest_revisions(), state.records().signatures(None))?;
    let directory = state.board().directory();
    let row = |row: crate::store::slas::RevisionRow| {
        let own = || signatures.iter().filter(|one| one.sla == row.sla && one.number == row.number);
        let signed = own()
            .find_map(|one| Some((one.signed_name.clone()?, When::full(&super::views::alert::iso(one.signed_at?)))));
        let sla = directory.slas.get(&row.sla.as_str().into());
        let customer = directory.customers.get(&row.customer.as_str().into());
        Row {
            name: sla.map_or_else(|| row.sla.clone(), |sla| sla.name.clone()),
            category: sla.and_then(|sla| sla.category.clone()),
            customer: customer.map_or_else(|| row.customer.clone(), |customer| customer.name.clone()),
            revision: row.number,
            since: When::full(&super::views::alert::iso(row.since)),
            asked: own().any(|one| one.signed_at.is_none()),
            signed,
            id: row.sla,
        }
    };
    let seen = latest.into_iter().filter(|one| viewer.sees(Some(&one.customer)));
    // Contracts that are not in force any more are told by their address only.
    let in_force = seen.filter(|one| directory.slas.contains_key(&one.sla.as_str().into()));
    Ok(in_force.map(row).collect())
}

#[derive(Template)]
#[template(path = "sla.html")]
struct One {
    frame: Frame,
    id: String,
    paper: Paper,
    revisions: Vec<RevisionView>,
    /// Whom the latest revision can be sent to: id, name.
    contacts: Vec<(String, String)>,
    latest: u32,
    /// May ask somebody to sign.
    asks: bool,
}

struct RevisionView {
    number: u32,
    since: When,
    by: String,
    sha256: String,
    signatures: Vec<AskedView>,
}

/// Whom: the name, the name that was typed and when, when they were asked.
type AskedView = (String, Option<(String, When)>, When);

impl From<Revision> for RevisionView {
    fn from(revision: Revision) -> Self {
        let signature = |one: crate::http::api::Signature| {
            let signed = one.signed_name.zip(one.signed_at).map(|(name, at)| (name, When::full(&at)));
            (one.name, signed, When::full(&one.requested_at))
        };
        Self {
            number: revision.revision,
            since: When::full(&revision.since),
            by: revision.by,
            sha256: revision.sha256,
            signatures: revision.signatures.into_iter().map(signature).collect(),
        }
    }
}

pub async fn one(Visitor(viewer): Visitor, State(state): Shared, Path(id): Path<String>) -> Response {
    match page(&state, &viewer, id).await {
        Ok(Some(page)) => html(&page),
        Ok(None) => no_such(&state, "contract"),
        Err(problem) if problem.status() == StatusCode::NOT_FOUND => no_such(&state, "contract"),
        Err(problem) => show_problem(&state, &problem),
    }
}

async fn page(state: &AppState, viewer: &Viewer, id: String) -> Result<Option<One>, Problem> {
    let revisions = sla_revisions(state, viewer, &id).await?;
    let Some(latest) = revisions.first() else { return Ok(None) };
    let number = latest.revision;
    let Some(terms) = state.board().terms(&id, number).await? else { return Ok(None) };
    let directory = state.board().directory();
    let customer = directory.customers.get(&latest.customer.id.as_str().into());
    let contacts = customer.map(|customer| customer.contacts.as_slice()).unwrap_or_default();
    let reachable = contacts.iter().filter(|contact| contact.email.is_some());
    Ok(Some(One {
        frame: Frame::of(state, viewer, "slas"),
        paper: document(&terms, &latest.sha256, "en"),
        contacts: reachable.map(|contact| (contact.id.clone(), contact.name.reveal().clone())).collect(),
        latest: number,
        asks: viewer.may(Right::Configure),
        revisions: revisions.into_iter().map(RevisionView::from).collect(),
        id,
    }))
}

/// The button that asks somebody to sign.
pub async fn ask(
    Visitor(viewer): Visitor,
    State(state): Shared,
    Path((id, number)): Path<(String, String)>,
    Form(fields): Form<HashMap<String, String>>,
) -> Response {
    let contact = fields.get("contact").map(String::as_str).unwrap_or_default();
    match ask_to_sign(&state, &viewer, &id, &number, contact).await {
        Ok(_) => Redirect::to(&format!("/slas/{}", escaped(&id))).into_response(),
        Err(problem) => show_problem(&state, &problem),
    }
}

/// The words of the public page.
struct Words {
    ask: &'static str,
    hint: &'static str,
    name: &'static str,
    confirm: &'static str,
    button: &'static str,
    signed: &'static str,
    signed_by: &'static str,
    gone: &'static str,
    gone_text: &'static str,
    missing: &'static str,
}

const ENGLISH: Words = Words {
    ask: "Please read and sign",
    hint: "This page is for",
    name: "Your first and last name",
    confirm: "I have read the agreement and accept it",
    button: "Sign",
    signed: "Signed",
    signed_by: "Signed by",
    gone: "This link is not valid any more",
    gone_text: "It is too old, was replaced by a newer one, or was cut off. Ask for another one. Nothing has happened.",
    missing: "Write your name (2 to 120 characters) and confirm that you have read the agreement.",
};

const GERMAN: Words = Words {
    ask: "Bitte lesen und unterschreiben",
    hint: "Diese Seite ist für",
    name: "Ihr Vor- und Nachname",
    confirm: "Ich habe die Vereinbarung gelesen und nehme sie an",
    button: "Unterschreiben",
    signed: "Unterschrieben",
    signed_by: "Unterschrieben von",
    gone: "Dieser Link gilt nicht mehr",
    gone_text: "Er ist zu alt, wurde durch einen neueren ersetzt oder ist unvollständig. Lassen Sie sich einen neuen schicken. Es ist nichts geschehen.",
    missing: "Schreiben Sie Ihren Namen (2 bis 120 Zeichen) und bestätigen Sie, dass Sie die Vereinbarung gelesen haben.",
};

#[derive(Template)]
#[template(path = "sign.html")]
struct Sign {
    frame: Frame,
    words: &'static Words,
    tag: &'static str,
    token: String,
    sheet: Option<Box<Sheet>>,
    signed: Option<(String, String)>,
    wrong: bool,
}

/// Opening the page does nothing: mail scanners open links.
pub async fn look(State(state): Shared, Path(token): Path<String>) -> Response {
    match state.board().look_signing(&token).await {
        Ok(signing) => signed_page(&state, token, signing, false),
        Err(error) => away(&state, error),
    }
}

pub async fn press(
    State(state): Shared,
    Path(token): Path<String>,
    Form(fields): Form<HashMap<String, String>>,
) -> Response {
    let name: String =
        fields.get("name").map(|name| name.split_whitespace().collect::<Vec<_>>().join(" ")).unwrap_or_default();
    let fits = (2..=NAME_MAX).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    let right = fits && fields.contains_key("confirm");
    let signing =
        if right { state.board().sign(&token, &name).await } else { state.board().look_signing(&token).await };
    match signing {
        Ok(signing) => signed_page(&state, token, signing, !right),
        Err(error) => away(&state, error),
    }
}

fn signed_page(state: &AppState, token: String, signing: Signing, wrong: bool) -> Response {
    let (status, sheet, signed) = match signing {
        Signing::Ask(sheet) if wrong => (StatusCode::UNPROCESSABLE_ENTITY, Some(sheet), None),
        Signing::Ask(sheet) => (StatusCode::OK, Some(sheet), None),
        Signing::Signed(sheet) => {
            let row = &sheet.signature;
            let at = row.signed_at.map(|at| at.to_zoned(sheet.zone.clone()).strftime("%Y-%m-%d %H:%M %Z").to_string());
            let at = at.unwrap_or_default();
            let signed = (row.signed_name.clone().unwrap_or_default(), at);
            (StatusCode::OK, Some(sheet), Some(signed))
        }
        Signing::Gone => (StatusCode::GONE, None, None),
    };
    let german = sheet.as_ref().is_some_and(|sheet| sheet.paper.language == "de");
    let (words, tag) = if german { (&GERMAN, "de") } else { (&ENGLISH, "en") };
    let wrong = wrong && signed.is_none() && sheet.is_some();
    let mut response = html(&Sign { frame: Frame::bare(state), words, tag, token, sheet, signed, wrong });
    *response.status_mut() = status;
    // The link is a key.
    keep_secret(&mut response);
    response
}
