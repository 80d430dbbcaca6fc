//! `/schedules`, `/schedules/{id}`, `/people/{id}`: who is on call when, drawn over two weeks, and why.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use hotline_core::directory::{Directory, User};
use hotline_core::ids::{ScheduleId, UserId};
use hotline_core::oncall::Schedule;
use jiff::Timestamp;

use super::rota::{self, Colours, Day, Lane, Percent, Window};
use super::views::alert::iso;
use super::views::duty::{DutyView, LayerView, WhyView};
use super::views::notifications::by;
use super::views::{Frame, When};
use super::{Shared, Visitor, html, no_such, show_problem};
use crate::http::AppState;
use crate::http::api::on_call_now;
use crate::http::auth::{Right, Viewer};
use crate::http::params::Params;
use crate::http::problem::Problem;

/// Days that are drawn.
const DAYS: i64 = 14;
/// Days of a person's page.
const PERSON_DAYS: i64 = 28;
/// So many weeks back and ahead can be looked at.
const WEEKS_MAX: i64 = 520;
/// Shifts told in words.
const TOLD: usize = 12;

/// A schedule drawn.
struct Drawing {
    id: String,
    name: String,
    zone: String,
    days: Vec<Day>,
    lanes: Vec<Lane>,
    now: Option<Percent>,
    gaps: Vec<(String, String)>,
    duty: DutyView,
    /// In words, for those who don't see the drawing.
    told: Vec<String>,
    summary: String,
}

#[derive(Template)]
#[template(path = "schedules.html")]
struct List {
    frame: Frame,
    drawings: Vec<Drawing>,
}

#[derive(Template)]
#[template(path = "schedule.html")]
struct One {
    frame: Frame,
    drawing: Drawing,
    weeks: i64,
    whys: Vec<WhyView>,
    layers: Vec<LayerView>,
    people: Vec<(String, String, String)>,
}

#[derive(Template)]
#[template(path = "person.html")]
struct Person {
    frame: Frame,
    id: String,
    name: String,
    contacts: Vec<(String, &'static str, bool)>,
    skills: String,
    languages: String,
    absences: Vec<(When, When, String)>,
    days: Vec<Day>,
    lanes: Vec<Lane>,
    now: Option<Percent>,
    told: Vec<(String, String)>,
    zone: String,
}

pub async fn list(Visitor(viewer): Visitor, State(state): Shared) -> Response {
    let directory = state.board().directory();
    let now = crate::clock::now().wall;
    let colours = Colours::of(&directory);
    let drawings = seen(&viewer, &directory)
        .filter_map(|schedule| draw(&state, &viewer, &directory, schedule, now, 0, &colours, false))
        .collect();
    html(&List { frame: Frame::of(&state, &viewer, "schedules"), drawings })
}

pub async fn one(
    Visitor(viewer): Visitor,
    State(state): Shared,
    Path(id): Path<String>,
    params: Result<Params, Problem>,
) -> Response {
    let weeks = params.and_then(|mut params| {
        let weeks = params.take("weeks")?.map_or(Some(0), |text| text.parse().ok());
        params.done()?;
        let fits = weeks.filter(|weeks: &i64| weeks.abs() <= WEEKS_MAX);
        fits.ok_or_else(|| {
            Problem::invalid("weeks", format!("weeks must be a whole number from -{WEEKS_MAX} to {WEEKS_MAX}."))
        })
    });
    let weeks = match weeks {
        Ok(weeks) => weeks,
        Err(problem) => return show_problem(&state, &problem),
    };
    let directory = state.board().directory();
    let now = crate::clock::now().wall;
    let colours = Colours::of(&directory);
    let found = seen(&viewer, &directory).find(|schedule| schedule.id.0 == id);
    let drawn = found.and_then(|schedule| {
        let drawing = draw(&state, &viewer, &directory, schedule, now, weeks, &colours, true)?;
        Some((schedule, drawing))
    });
    let Some((schedule, drawing)) = drawn else { return no_such(&state, "schedule") };
    let on_call = state.board().on_call(schedule, &directory, now);
    html(&One {
        frame: Frame::of(&state, &viewer, "schedules"),
        whys: WhyView::of(&on_call, &directory),
        layers: LayerView::of(&on_call, &directory),
        people: legend(schedule, &directory, &colours),
        drawing,
        weeks,
    })
}

/// The schedules that this viewer sees.
fn seen<'a>(viewer: &Viewer, directory: &'a Directory) -> impl Iterator<Item = &'a Schedule> {
    let seen = viewer.schedules(directory);
    let own = move |id: &ScheduleId| seen.as_ref().is_none_or(|seen| seen.contains(id));
    directory.schedules.values().filter(move |schedule| own(&schedule.id))
}

/// Everybody of a schedule with their colour: class, id, name.
fn legend(schedule: &Schedule, directory: &Directory, colours: &Colours) -> Vec<(String, String, String)> {
    rota::people(schedule, directory, crate::clock::now().wall)
        .into_iter()
        .map(|user| (colours.class(&user), user.0.clone(), directory.name_of(&user).to_owned()))
        .collect()
}

#[expect(clippy::too_many_arguments, reason = "all of it is what a drawing is made of, and it is called twice")]
fn draw(
    state: &AppState,
    viewer: &Viewer,
    directory: &Directory,
    schedule: &Schedule,
    now: Timestamp,
    weeks: i64,
    colours: &Colours,
    whole: bool,
) -> Option<Drawing> {
    let window = Window::of(now, weeks, DAYS, &rota::zone(schedule))?;
    let mut lanes = rota::final_lanes(schedule, directory, &window, colours);
    let told: Vec<String> = lanes.iter().flat_map(|lane| &lane.blocks).map(|block| block.title.clone()).collect();
    if whole {
        lanes.extend(rota::change_lane(schedule, directory, &window, colours));
        lanes.extend(rota::layer_lanes(schedule, directory, &window, colours));
    }
    let gaps = rota::gaps(schedule, directory, window.from.max(now), window.to);
    let mut duty = DutyView::from(on_call_now(state, directory, schedule, now));
    if !viewer.may(Right::SeeDirectory) {
        duty.phones.clear();
    }
    Some(Drawing {
        id: schedule.id.0.clone(),
        name: schedule.name.clone(),
        zone: window.zone_name(),
        days: window.days(now),
        now: window.place(now),
        gaps: gaps.iter().map(|(from, to)| (window.clock(*from), window.clock(*to))).collect(),
        summary: format!(
            "{}: who is on call from {} to {}",
            schedule.name,
            window.clock(window.from),
            window.clock(window.to)
        ),
        lanes,
        duty,
        told,
    })
}

pub async fn person(Visitor(viewer): Visitor, State(state): Shared, Path(id): Path<String>) -> Response {
    if let Err(problem) = viewer.require(Right::SeeDirectory) {
        return show_problem(&state, &problem);
    }
    let directory = state.board().directory();
    let Some(user) = directory.users.get(&UserId(id)) else { return no_such(&state, "person") };
    let now = crate::clock::now().wall;
    let zone = user.time_zone.clone().or_else(|| directory.schedules.values().next().map(rota::zone));
    let Some(window) = Window::of(now, 0, PERSON_DAYS, &zone.unwrap_or(jiff::tz::TimeZone::UTC)) else {
        return super::error(&state, StatusCode::INTERNAL_SERVER_ERROR, "No such time", "The clock is at its end.");
    };
    html(&of_person(&state, &viewer, &directory, user, &window, now))
}

fn of_person(
    state: &AppState,
    viewer: &Viewer,
    directory: &Directory,
    user: &User,
    window: &Window,
    now: Timestamp,
) -> Person {
    let colours = Colours::of(directory);
    let (mut lanes, mut told) = (Vec::new(), Vec::new());
    for schedule in seen(viewer, directory) {
        let shifts = rota::of_person(schedule, directory, &user.id, window);
        if shifts.is_empty() {
            continue;
        }
        let block =
            |(from, to): &(Timestamp, Timestamp)| window.block(*from, *to, &schedule.name, "", colours.class(&user.id));
        let blocks = shifts.iter().filter_map(block).collect();
        lanes.push(Lane { name: schedule.name.clone(), note: String::new(), main: false, blocks });
        let ahead = shifts.iter().filter(|(_, to)| *to > now);
        told.extend(ahead.map(|(from, to)| {
            (*from, format!("{} – {}", window.clock(*from), window.clock(*to)), schedule.name.clone())
        }));
    }
    let away: Vec<_> = user.absences.iter().filter(|absence| absence.to > now).collect();
    if !away.is_empty() {
        let block = |absence: &&hotline_core::directory::Absence| {
            window.block(absence.from, absence.to, "away", &absence.reason, "off".to_owned())
        };
        let blocks = away.iter().filter_map(block).collect();
        lanes.push(Lane { name: "Away".to_owned(), note: String::new(), main: false, blocks });
    }
    told.sort();
    told.truncate(TOLD);
    let list = |words: &[String]| words.join(", ");
    Person {
        frame: Frame::of(state, viewer, "schedules"),
        id: user.id.0.clone(),
        name: user.name.clone(),
        contacts: contacts(user),
        skills: list(&user.skills),
        languages: user.languages.iter().map(|language| language.0.clone()).collect::<Vec<_>>().join(", "),
        absences: away
            .iter()
            .map(|absence| (When::full(&iso(absence.from)), When::full(&iso(absence.to)), absence.reason.clone()))
            .collect(),
        days: window.days(now),
        now: window.place(now),
        zone: window.zone_name(),
        lanes,
        told: told.into_iter().map(|(_, when, schedule)| (when, schedule)).collect(),
    }
}

/// Ways to reach somebody, without addresses: the contact's name, its kind, whether it is verified.
fn contacts(user: &User) -> Vec<(String, &'static str, bool)> {
    if user.contacts.is_empty() {
        return (1..=user.phones.len()).map(|nth| (format!("phone-{nth}"), by("call"), true)).collect();
    }
    user.contacts.iter().map(|contact| (contact.id.clone(), by(contact.address.kind()), contact.verified)).collect()
}
