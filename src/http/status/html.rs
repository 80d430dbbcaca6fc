//! The pages: made on the server, read without script, small.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hotline_core::ids::IncidentId;
use hotline_core::incident::Impact;
use hotline_core::paper::Block;
use hotline_core::postmortem::Published;
use hotline_core::runbook;
use hotline_core::status::{IncidentView, Indicator, StatusPage, Tongue, View};
use jiff::SignedDuration;
use sha2::{Digest, Sha256};

use super::admit::{Admitted, refused};
use super::bars;
use super::render::{Made, Material, What, answer, dress, knows};
use super::texts::{self, Moment, Texts, moment};
use crate::http::AppState;
use crate::paper;
use crate::switch::status::words;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = include_str!("status.css");
/// Letters of a postmortem that stand with its incident; its own page has the rest.
const LEAD_MAX: usize = 300;
/// So far back the page itself tells; the history tells the rest.
const LATELY: SignedDuration = SignedDuration::from_hours(24 * 14);

/// What every page has.
pub struct Frame {
    pub t: &'static Texts,
    pub slug: String,
    pub title: String,
    pub speaker: Option<String>,
    pub logo: Option<String>,
    pub style: String,
    pub support: Option<String>,
    pub zone: String,
    /// `?lang=…`, where it is not the page's own.
    pub lang: String,
    pub other_lang: String,
}

/// How the whole of it, or one component, is.
pub struct StateView {
    pub class: &'static str,
    pub words: &'static str,
}

struct GroupView {
    name: Option<String>,
    components: Vec<ComponentRow>,
}

struct ComponentRow {
    name: String,
    description: Option<String>,
    state: StateView,
    bars: String,
    uptime: String,
}

pub struct IncidentRow {
    id: String,
    title: String,
    class: &'static str,
    phase: &'static str,
    started: Moment,
    ended: Option<Moment>,
    planned_until: Option<Moment>,
    /// Names; what they are like where that is not as usual.
    affected: Vec<(String, Option<StateView>)>,
    updates: Vec<UpdateRow>,
    learned: Option<LearnedRow>,
}

/// A postmortem in short.
struct LearnedRow {
    at: Moment,
    /// Its language, where that is not the page's.
    lang: Option<String>,
    /// How it begins.
    lead: String,
}

struct UpdateRow {
    phase: &'static str,
    at: Moment,
    text: String,
}

#[derive(Template)]
#[template(path = "status/page.html")]
struct Page {
    frame: Frame,
    overall: StateView,
    groups: Vec<GroupView>,
    incidents: Vec<IncidentRow>,
    planned: Vec<IncidentRow>,
    past: Vec<IncidentRow>,
}

#[derive(Template)]
#[template(path = "status/history.html")]
struct History {
    frame: Frame,
    past: Vec<IncidentRow>,
}

#[derive(Template)]
#[template(path = "status/incident.html")]
struct Story {
    frame: Frame,
    incident: IncidentRow,
    /// The whole postmortem, as HTML.
    learned: Option<String>,
}

/// Classes of colours.
const fn class(impact: Impact) -> &'static str {
    match impact {
        Impact::Operational => "good",
        Impact::UnderMaintenance => "work",
        Impact::DegradedPerformance => "slow",
        Impact::PartialOutage => "part",
        Impact::MajorOutage => "down",
    }
}

fn state(impact: Impact, tongue: Tongue) -> StateView {
    StateView { class: class(impact), words: words::impact(impact, tongue) }
}

/// What every page of this visitor has.
pub fn frame(admitted: &Admitted) -> Frame {
    let page = admitted.page();
    let t = texts::of(admitted.tongue);
    let is_own = admitted.tongue == page.language;
    let slug = crate::http::pages::escaped(&page.id.0);
    Frame {
        t,
        title: page.title.clone(),
        speaker: page.brand.name.clone(),
        logo: page.brand.logo.as_ref().map(|logo| format!("/status/{slug}/logo?v={}", fingerprint(&logo.bytes))),
        style: format!("/status/{slug}/style.css?v={}", fingerprint(style_of(page).as_bytes())),
        support: page.support.clone(),
        zone: page.time_zone.iana_name().unwrap_or("UTC").to_owned(),
        lang: if is_own { String::new() } else { format!("?lang={}", t.tag) },
        other_lang: if is_own { format!("?lang={}", t.other_tag) } else { String::new() },
        slug,
    }
}

fn fingerprint(bytes: &[u8]) -> String {
    hex::encode(&Sha256::digest(bytes)[..6])
}

fn row(incident: &IncidentView, view: &View, page: &StatusPage, tongue: Tongue) -> IncidentRow {
    let at = |time| moment(time, &page.time_zone, tongue);
    let affected = incident.components.iter().filter_map(|(place, impact)| {
        let component = view.components.get(*place)?;
        let unusual = (*impact != Impact::Operational).then(|| state(*impact, tongue));
        Some((component.name.clone(), unusual))
    });
    let updates = incident.updates.iter().rev().map(|update| UpdateRow {
        phase: words::phase(update.phase, tongue),
        at: at(update.at),
        text: update.text_in(tongue).to_owned(),
    });
    let class = match (incident.phase.is_over(), incident.planned) {
        (true, _) => "over",
        (false, true) => "work",
        (false, false) => match incident.impact {
            Indicator::None | Indicator::Maintenance => "work",
            Indicator::Minor => "slow",
            Indicator::Major => "part",
            Indicator::Critical => "down",
        },
    };
    IncidentRow {
        id: incident.id.to_string(),
        title: incident.title_in(tongue).to_owned(),
        class,
        phase: words::phase(incident.phase, tongue),
        started: at(incident.started_at),
        ended: incident.resolved_at.map(at),
        planned_until: incident.scheduled.filter(|_| incident.planned).map(|(_, until)| at(until)),
        affected: affected.collect(),
        updates: updates.collect(),
        learned: incident.postmortem.as_ref().map(|learned| LearnedRow {
            at: at(learned.at),
            lang: Some(learned.language.clone()).filter(|tag| !tag.starts_with(tongue.word())),
            lead: lead(&learned.text),
        }),
    }
}

/// The first words of a text in Markdown.
fn lead(text: &str) -> String {
    let first = runbook::blocks(text).into_iter().find_map(|block| match block {
        Block::Text(text) | Block::Note(text) => Some(text),
        Block::List(items) | Block::Numbered(items) => items.into_iter().next(),
        Block::Heading(..) | Block::Table { .. } | Block::Figures(_) | Block::Chart(_) | Block::PageBreak => None,
    });
    let first = first.unwrap_or_default();
    match first.char_indices().nth(LEAD_MAX) {
        Some((end, _)) => format!("{}…", first[..end].trim_end()),
        None => first,
    }
}

/// The whole of it: its headings stand below the page's and its own.
fn whole(learned: &Published) -> String {
    let mut blocks = runbook::blocks(&learned.text);
    for block in &mut blocks {
        if let Block::Heading(level, _) = block {
            *level += 1;
        }
    }
    paper::fragment(&blocks, &learned.language)
}

fn groups(view: &View, t: &Texts, tongue: Tongue) -> Vec<GroupView> {
    let mut groups: Vec<GroupView> = Vec::new();
    for component in &view.components {
        let row = ComponentRow {
            name: component.name.clone(),
            description: component.description.clone(),
            state: state(component.impact, tongue),
            bars: bars::svg(&component.uptime, t, tongue),
            uptime: bars::short(&component.uptime, t, tongue),
        };
        match groups.iter_mut().find(|group| group.name == component.group) {
            Some(group) => group.components.push(row),
            None => groups.push(GroupView { name: component.group.clone(), components: vec![row] }),
        }
    }
    groups
}

fn overall(view: &View, tongue: Tongue) -> StateView {
    let class = match view.indicator {
        Indicator::None => "good",
        Indicator::Maintenance => "work",
        Indicator::Minor => "slow",
        Indicator::Major => "part",
        Indicator::Critical => "down",
    };
    StateView { class, words: words::indicator(view.indicator, tongue) }
}

fn page_of(material: &Material<'_>) -> Result<Made, askama::Error> {
    let (view, tongue, own) = (material.view, material.admitted.tongue, material.admitted.page());
    let rows = |list: &[IncidentView]| list.iter().map(|one| row(one, view, own, tongue)).collect::<Vec<_>>();
    let horizon = crate::clock::now().wall - LATELY;
    let lately = |one: &&IncidentView| one.resolved_at.is_some_and(|at| at >= horizon);
    let page = Page {
        frame: frame(material.admitted),
        overall: overall(view, tongue),
        groups: groups(view, texts::of(tongue), tongue),
        incidents: rows(&view.incidents),
        planned: rows(&view.maintenances),
        past: view.past.iter().filter(lately).map(|one| row(one, view, own, tongue)).collect(),
    };
    Ok(Some((page.render()?, HTML)))
}

pub async fn page(State(state): State<AppState>, headers: HeaderMap, admitted: Admitted) -> Response {
    answer(&state, &headers, &admitted, What::Page, page_of)
}

pub async fn history(State(state): State<AppState>, headers: HeaderMap, admitted: Admitted) -> Response {
    answer(&state, &headers, &admitted, What::History, |material| {
        let (view, tongue, own) = (material.view, material.admitted.tongue, material.admitted.page());
        let all = view.incidents.iter().chain(&view.maintenances).chain(&view.past);
        let past = all.map(|one| row(one, view, own, tongue)).collect();
        Ok(Some((History { frame: frame(material.admitted), past }.render()?, HTML)))
    })
}

pub async fn incident(State(state): State<AppState>, headers: HeaderMap, admitted: Admitted) -> Response {
    let id = admitted.rest.first().and_then(|id| id.parse::<IncidentId>().ok());
    let Some(id) = id else {
        return refused(&state, &headers, &format!("/status/{}", admitted.slug), &admitted.slug.0);
    };
    answer(&state, &headers, &admitted, What::Incident(id), |material| {
        let (view, tongue, own) = (material.view, material.admitted.tongue, material.admitted.page());
        let mut all = view.incidents.iter().chain(&view.maintenances).chain(&view.past);
        let Some(found) = all.find(|one| one.id == id) else { return Ok(None) };
        let (incident, learned) = (row(found, view, own, tongue), found.postmortem.as_ref().map(whole));
        Ok(Some((Story { frame: frame(material.admitted), incident, learned }.render()?, HTML)))
    })
}

fn style_of(page: &StatusPage) -> String {
    let (light, dark) = (page.brand.accent, page.brand.accent_dark);
    format!(
        ":root{{--accent:{light};--on-accent:{}}}@media(prefers-color-scheme:dark){{:root{{--accent:{dark};--on-accent:{}}}}}\n{CSS}",
        light.text_on(),
        dark.text_on()
    )
}

pub async fn style(State(state): State<AppState>, headers: HeaderMap, admitted: Admitted) -> Response {
    answer(&state, &headers, &admitted, What::Style, |material| {
        Ok(Some((style_of(material.admitted.page()), "text/css; charset=utf-8")))
    })
}

pub async fn logo(State(state): State<AppState>, headers: HeaderMap, admitted: Admitted) -> Response {
    let Some(logo) = &admitted.page().brand.logo else {
        return refused(&state, &headers, &format!("/status/{}", admitted.slug), &admitted.slug.0);
    };
    let tag = HeaderValue::from_str(&format!("\"{}\"", fingerprint(&logo.bytes)));
    let tag = tag.unwrap_or_else(|_| HeaderValue::from_static("\"\""));
    let mut response = if knows(&headers, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let kind = HeaderValue::from_static(logo.kind.media_type());
        ([(header::CONTENT_TYPE, kind)], logo.bytes.to_vec()).into_response()
    };
    response.headers_mut().insert(header::ETAG, tag);
    dress(&mut response, &admitted);
    response
}
