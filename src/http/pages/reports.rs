//! `/reports`: how soon, how well, how often, with charts; `/readiness`: what would fail if it happened tonight.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use hotline_core::directory::Directory;
use hotline_core::ids::{CustomerId, ScheduleId, ServiceId, SlaId, SourceId, StatusPageId, UserId};
use hotline_core::report::Missing;

use super::views::Frame;
use super::{Shared, Visitor, html, show_problem};
use crate::http::AppState;
use crate::http::api::{Asked, Calls, Kepts, Report, Times, make_report, missing};
use crate::http::auth::Viewer;
use crate::http::params::Params;
use crate::http::problem::Problem;

/// Sources of noise that are shown.
const NOISY: usize = 12;
/// Width and height of a chart's field, in its own units.
const WIDE: f64 = 600.0;
const HIGH: f64 = 120.0;

/// A time of the three, in words.
struct TimesRow {
    name: &'static str,
    known: usize,
    unknown: usize,
    median: String,
    p90: String,
    longest: String,
}

/// A bar: where, how high, and what it says.
struct Bar {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
    says: String,
}

/// Bars over the periods.
struct ChartView {
    title: &'static str,
    bars: Vec<Bar>,
    first: String,
    last: String,
    most: String,
    /// There was nothing of it at all.
    all_zero: bool,
    /// What is seen, for those who can't see it.
    rows: Vec<(String, String)>,
}

/// A row of a table by customer.
struct CustomerRow {
    id: Option<String>,
    name: String,
    alerts: usize,
    median: String,
    promises: String,
    broken: usize,
}

#[derive(Template)]
#[template(path = "reports.html")]
struct Page {
    frame: Frame,
    from: String,
    to: String,
    period: &'static str,
    customers: Vec<(String, String)>,
    customer: String,
    times: Vec<TimesRow>,
    promises: Kepts,
    rate: String,
    calls: Calls,
    to_person: String,
    rows: Vec<CustomerRow>,
    charts: Vec<ChartView>,
    noise: Vec<(String, usize, usize)>,
    /// What the same as a table is asked for.
    query: String,
}

pub async fn show(Visitor(viewer): Visitor, State(state): Shared, mut params: Params) -> Response {
    let asked = Asked::of(&state, &viewer, &mut params).and_then(|asked| params.done().map(|()| asked));
    let page = match asked {
        Ok(asked) => page(&state, &viewer, &asked).await,
        Err(problem) => Err(problem),
    };
    match page {
        Ok(page) => html(&page),
        Err(problem) => show_problem(&state, &problem),
    }
}

async fn page(state: &AppState, viewer: &Viewer, asked: &Asked) -> Result<Page, Problem> {
    let (mut times, mut alerts, mut rows, mut charts) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (name, words) in [
        ("mttd", "From the beginning of a fault until it was known"),
        ("mtta", "From then until somebody had it"),
        ("mttr", "From then until it was over"),
    ] {
        let Report::Times(report) = make_report(state, asked, name).await? else { continue };
        times.push(times_row(words, &report.all));
        if name == "mtta" {
            let counts =
                report.by_period.iter().map(|one| (one.period.clone(), one.figures.known + one.figures.unknown));
            charts.push(chart("Alerts", counts.map(|(day, count)| (day, Some(count as f64), count.to_string()))));
            let medians = report.by_period.iter().map(|one| {
                let median = one.figures.median_seconds;
                (one.period.clone(), median, words_of(median))
            });
            charts.push(chart("Time until somebody had an alert (median)", medians));
            alerts = report.by_customer;
        }
    }
    let (mut promises, mut rate) = (None, String::new());
    if let Report::Sla(report) = make_report(state, asked, "sla").await? {
        rate = percent(&report.all);
        for one in &alerts {
            let own = report.by_customer.iter().find(|of| of.customer == one.customer);
            rows.push(CustomerRow {
                id: one.customer.as_ref().map(|customer| customer.id.clone()),
                name: one
                    .customer
                    .as_ref()
                    .map_or_else(|| "Of no customer".to_owned(), |customer| customer.name.clone()),
                alerts: one.figures.known + one.figures.unknown,
                median: words_of(one.figures.median_seconds),
                promises: own.map_or_else(|| "–".to_owned(), |own| percent(&own.figures)),
                broken: own.map_or(0, |own| own.figures.broken),
            });
        }
        let broken = report.by_period.iter().map(|one| (one.period.clone(), one.figures.broken));
        charts.push(chart(
            "Promises that were broken",
            broken.map(|(day, count)| (day, Some(count as f64), count.to_string())),
        ));
        promises = Some(report.all);
    }
    let Report::Hotline(hotline) = make_report(state, asked, "hotline").await? else {
        return Err(Problem::not_found("report"));
    };
    let Report::Noise(noise) = make_report(state, asked, "noise").await? else {
        return Err(Problem::not_found("report"));
    };
    let directory = state.board().directory();
    let noise = noise.sources.into_iter().filter(|row| row.needless > 0).take(NOISY).map(|row| {
        let source =
            row.source.map_or_else(|| "calls".to_owned(), |id| super::views::alert::source(&directory, &SourceId(id)));
        let name = row.service.map_or_else(|| source.clone(), |service| format!("{source}: {}", service.name));
        (name, row.alerts, row.needless)
    });
    let seen = directory.customers.values().filter(|customer| viewer.sees(Some(&customer.id.0)));
    let customer = asked.customer.clone().unwrap_or_default();
    let day = |at| asked.zone.to_datetime(at).date().to_string();
    Ok(Page {
        frame: Frame::of(state, viewer, "reports"),
        from: day(asked.from),
        to: day(asked.to),
        period: asked.step.word(),
        customers: seen.map(|customer| (customer.id.0.clone(), customer.name.clone())).collect(),
        times,
        rate,
        promises: promises.ok_or_else(|| Problem::not_found("report"))?,
        to_person: words_of(hotline.all.to_person.median_seconds),
        calls: hotline.all,
        rows,
        charts,
        noise: noise.collect(),
        query: format!(
            "from={}&to={}&period={}{}&format=csv",
            asked.from,
            asked.to,
            asked.step.word(),
            if customer.is_empty() { String::new() } else { format!("&customer={}", super::escaped(&customer)) },
        ),
        customer,
    })
}

fn times_row(name: &'static str, times: &Times) -> TimesRow {
    TimesRow {
        name,
        known: times.known,
        unknown: times.unknown,
        median: words_of(times.median_seconds),
        p90: words_of(times.p90_seconds),
        longest: words_of(times.longest_seconds),
    }
}

/// `35 s`, `12 min`, `3 h 5 min`; unknown is a dash.
fn words_of(seconds: Option<f64>) -> String {
    let Some(seconds) = seconds else { return "–".to_owned() };
    let whole = seconds.round() as u64;
    match whole {
        0..60 => format!("{whole} s"),
        60..3_600 => format!("{} min", whole / 60),
        _ if whole % 3_600 < 60 => format!("{} h", whole / 3_600),
        _ => format!("{} h {} min", whole / 3_600, whole % 3_600 / 60),
    }
}

fn percent(kepts: &Kepts) -> String {
    kepts.rate.map_or_else(|| "–".to_owned(), |rate| format!("{rate:.1} %"))
}

/// Bars from the bottom; of what is unknown there is none.
fn chart(title: &'static str, values: impl Iterator<Item = (String, Option<f64>, String)>) -> ChartView {
    let values: Vec<(String, Option<f64>, String)> = values.collect();
    let highest = values.iter().filter_map(|(_, value, _)| *value).fold(0.0, f64::max);
    let most = values.iter().find(|(_, value, _)| *value == Some(highest)).map(|(_, _, words)| words.clone());
    let step = WIDE / values.len().max(1) as f64;
    let bars = values
        .iter()
        .enumerate()
        .filter_map(|(place, (label, value, words))| {
            let share = if highest > 0.0 { (*value)? / highest } else { 0.0 };
            let height = (share * HIGH * 10.0).round() / 10.0;
            let round = |length: f64| (length * 10.0).round() / 10.0;
            Some(Bar {
                x: round(step * place as f64 + step * 0.1),
                y: HIGH - height,
                width: round(step * 0.8),
                height,
                says: format!("{label}: {words}"),
            })
        })
        .collect();
    ChartView {
        title,
        bars,
        first: values.first().map(|(label, ..)| label.clone()).unwrap_or_default(),
        last: values.last().map(|(label, ..)| label.clone()).unwrap_or_default(),
        most: most.unwrap_or_default(),
        all_zero: highest <= 0.0,
        rows: values.into_iter().map(|(label, _, words)| (label, words)).collect(),
    }
}

#[derive(Template)]
#[template(path = "readiness.html")]
struct ReadinessPage {
    frame: Frame,
    groups: Vec<(&'static str, Vec<Missing>)>,
    directory: Arc<Directory>,
}

impl ReadinessPage {
    /// What people call it that has the lack.
    fn name(&self, one: &Missing) -> String {
        let known = one.object.split_once('/').and_then(|(kind, id)| {
            let directory = &self.directory;
            match kind {
                "slas" => {
                    let sla = directory.slas.get(&SlaId::from(id))?;
                    let customer = directory.customers.get(&sla.customer)?;
                    Some(format!("{} ({})", sla.name, customer.name))
                }
                "customers" => directory.customers.get(&CustomerId::from(id)).map(|one| one.name.clone()),
                "services" => directory.services.get(&ServiceId::from(id)).map(|one| one.name.clone()),
                "schedules" => directory.schedules.get(&ScheduleId::from(id)).map(|one| one.name.clone()),
                "users" => directory.users.get(&UserId::from(id)).map(|one| one.name.clone()),
                "status-pages" => directory.status_pages.get(&StatusPageId::from(id)).map(|one| one.title.clone()),
                _ => None,
            }
        });
        known.unwrap_or_else(|| one.object.clone())
    }
}

pub async fn readiness(Visitor(viewer): Visitor, State(state): Shared) -> Response {
    let all = match missing(&state, &viewer).await {
        Ok(all) => all,
        Err(problem) => return show_problem(&state, &problem),
    };
    let mut groups: Vec<(&'static str, Vec<Missing>)> = Vec::new();
    for one in all {
        let head = head_of(&one);
        match groups.last_mut() {
            Some((before, list)) if *before == head => list.push(one),
            Some(_) | None => groups.push((head, vec![one])),
        }
    }
    html(&ReadinessPage { frame: Frame::of(&state, &viewer, "reports"), groups, directory: state.board().directory() })
}

const fn head_of(one: &Missing) -> &'static str {
    use hotline_core::report::Lack;
    match one.lack {
        Lack::UnsignedSla => "Contracts that are not signed",
        Lack::NoContract => "Customers without a contract",
        Lack::Gap => "Gaps in rotas",
        Lack::UnverifiedPhone => "Telephones that nobody has proven",
        Lack::Unreachable => "On call, but not to be reached",
        Lack::NoRunbook => "Services without a runbook",
        Lack::Warning => "What the board warns of now",
        Lack::StalePage => "Stale status pages",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_has_no_bar() {
        let values = [("a", Some(10.0)), ("b", None), ("c", Some(5.0)), ("d", Some(0.0))];
        let values = values.map(|(label, value)| (label.to_owned(), value, words_of(value)));
        let chart = chart("x", values.into_iter());
        assert_eq!(
            chart.bars.iter().map(|bar| (bar.x, bar.height)).collect::<Vec<_>>(),
            [(15.0, 120.0), (315.0, 60.0), (465.0, 0.0)]
        );
        assert_eq!(chart.rows[1], ("b".to_owned(), "–".to_owned()));
        assert_eq!((chart.most.as_str(), chart.bars[1].says.as_str()), ("10 s", "c: 5 s"));
        assert!(super::chart("x", std::iter::empty()).bars.is_empty());
    }

    #[test]
    fn times_in_words() {
        let words = [Some(0.4), Some(59.4), Some(61.0), Some(7_200.0), Some(11_100.0), None].map(words_of);
        assert_eq!(words, ["0 s", "59 s", "1 min", "2 h", "3 h 5 min", "–"]);
    }
}
