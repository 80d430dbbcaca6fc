//! `/status-pages`: which pages there are, what they say now, how many people are told. They are changed in `hotline.toml` or
//! through the API.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use hotline_core::directory::Directory;
use hotline_core::status::{Audience, Indicator, StatusPage, Tongue, Visitor as Looking};

use super::views::Frame;
use super::{Shared, Visitor, html, show_problem};
use crate::http::auth::{Right, Viewer};
use crate::http::problem::Problem;
use crate::switch::status::words;

#[derive(Template)]
#[template(path = "status_pages.html")]
struct Page {
    frame: Frame,
    pages: Vec<Row>,
    /// The numbers of subscribers could not be read.
    away: bool,
}

struct Row {
    id: String,
    title: String,
    audience: String,
    open: bool,
    /// `good`, or why not.
    mood: &'static str,
    state: &'static str,
    components: Vec<String>,
    facts: Vec<String>,
    /// As whom it can be looked at: name, query.
    previews: Vec<(String, String)>,
}

pub async fn show(Visitor(viewer): Visitor, State(state): Shared) -> Response {
    if let Err(problem) = viewer.require(Right::SeeDirectory) {
        return show_problem(&state, &problem);
    }
    let desk = match state.status_desk() {
        Ok(desk) => desk,
        Err(problem) => return show_problem(&state, &problem),
    };
    let Some(snapshot) = desk.snapshot() else {
        let away = Problem::from(crate::store::StoreError::Timeout);
        return show_problem(&state, &away);
    };
    let counts = desk.subscribers().await;
    let at = crate::clock::now().wall;
    let directory = &snapshot.directory;
    let mut pages = Vec::new();
    for page in directory.status_pages.values().filter(|page| may_see(&viewer, page)) {
        let view = snapshot.view(page, &Looking::House, at);
        let Some(view) = view else { continue };
        let language = match page.language {
            Tongue::En => "in English",
            Tongue::De => "in German",
        };
        let mut facts = vec![language.to_owned()];
        facts.push(format!("times in {}", page.time_zone.iana_name().unwrap_or("UTC")));
        let [mails, hooks, off] =
            counts.as_ref().ok().and_then(|counts| counts.get(&page.id)).copied().unwrap_or_default();
        if mails + hooks == 0 {
            facts.push("nobody has subscribed".to_owned());
        } else {
            facts.push(format!("told: {mails} by e-mail, {hooks} by webhook"));
        }
        if off > 0 {
            facts.push(format!("{off} switched off after failures"));
        }
        pages.push(Row {
            id: page.id.0.clone(),
            title: page.title.clone(),
            audience: audience(page, directory),
            open: page.open,
            mood: match view.indicator {
                Indicator::None => "good",
                Indicator::Minor | Indicator::Maintenance => "warn",
                Indicator::Major | Indicator::Critical => "bad",
            },
            state: words::indicator(view.indicator, Tongue::En),
            components: page.components.iter().map(|component| component.name.clone()).collect(),
            facts,
            previews: previews(page, directory, &viewer),
        });
    }
    html(&Page { frame: Frame::of(&state, &viewer, "status-pages"), pages, away: counts.is_err() })
}

/// Who sees some customers' things only sees those customers' pages.
fn may_see(viewer: &Viewer, page: &StatusPage) -> bool {
    match &page.audience {
        Audience::Everyone => true,
        Audience::Customer(customer) => viewer.sees(Some(&customer.0)),
        Audience::Visitors => viewer.customers.is_none(),
    }
}

fn audience(page: &StatusPage, directory: &Directory) -> String {
    match &page.audience {
        Audience::Everyone => "for everyone: shared services".to_owned(),
        Audience::Customer(id) => {
            format!("for {}", directory.customers.get(id).map_or(&id.0, |customer| &customer.name))
        }
        Audience::Visitors => "for visitors: each sees their own".to_owned(),
    }
}

fn previews(page: &StatusPage, directory: &Directory, viewer: &Viewer) -> Vec<(String, String)> {
    if page.audience != Audience::Visitors || viewer.customers.is_some() {
        return Vec::new();
    }
    let as_customer = |customer: &hotline_core::directory::Customer| {
        (customer.name.clone(), format!("?as={}", super::escaped(&customer.id.0)))
    };
    directory.customers.values().take(50).map(as_customer).collect()
}
