//! `reports/{report}`: how soon, how well, how often; as JSON or CSV. Who sees only some customers' things gets figures of those only.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use hotline_core::directory::Directory;
use hotline_core::incident::Incident;
use hotline_core::report::{
    self, Case, Compliance, Hotline, Kept, Measure, Rung, Stats, Step, compliance, hotline, noise, periods, priorities,
    stats,
};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::types::Named;
use crate::clock::now;
use crate::http::AppState;
use crate::http::auth::{Right, Viewer};
use crate::http::params::{Params, rfc3339};
use crate::http::problem::Problem;
use crate::store::clocks::ClockOf;
use crate::store::incidents::IncidentFilter;
use crate::store::reports::ROWS_MAX;

/// A report may be about so many days.
const DAYS_MAX: i64 = 400;
/// Days that it is about where nothing is said.
const DAYS: i64 = 28;
/// Promises of one report that were broken and are listed.
const BROKEN_MAX: usize = 1_000;

/// Incidents read in one go.
const INCIDENTS_AT_ONCE: u32 = 200;

/// The reports.
const REPORTS: [&str; 6] = ["mttd", "mtta", "mttr", "sla", "hotline", "noise"];

/// The routes.
pub fn documented() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(report))
}

/// A report.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Report {
    /// `mttd`, `mtta`, `mttr`.
    Times(TimesReport),
    /// `sla`.
    Sla(SlaReport),
    /// `hotline`.
    Hotline(HotlineReport),
    /// `noise`.
    Noise(NoiseReport),
}

/// Times, summed up. What is unknown is in none of the figures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct Times {
    /// Times that are known.
    pub known: usize,
    /// Alerts of which it is not known, or that have not come to it yet.
    pub unknown: usize,
    /// All together by their number; null: nothing is known.
    pub mean_seconds: Option<f64>,
    /// As many are longer as shorter.
    pub median_seconds: Option<f64>,
    /// Nine of ten are not longer.
    pub p90_seconds: Option<f64>,
    /// The longest.
    pub longest_seconds: Option<f64>,
}

impl Times {
    fn of(sum: Stats) -> Self {
        let secs = |time: Option<SignedDuration>| time.map(|time| time.as_secs_f64());
        Self {
            known: sum.known,
            unknown: sum.unknown,
            mean_seconds: secs(sum.mean),
            median_seconds: secs(sum.median),
            p90_seconds: secs(sum.p90),
            longest_seconds: secs(sum.longest),
        }
    }

    fn cells(&self) -> Vec<String> {
        let secs = |time: Option<f64>| time.map(|time| format!("{time:.3}")).unwrap_or_default();
        vec![
            self.known.to_string(),
            self.unknown.to_string(),
            secs(self.mean_seconds),
            secs(self.median_seconds),
            secs(self.p90_seconds),
            secs(self.longest_seconds),
        ]
    }
}

/// How soon: `mttd` from the beginning of a fault until it was known here, `mtta` until somebody had it, `mttr` until it was over.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TimesReport {
    /// `mttd`, `mtta`, `mttr`.
    pub report: String,
    /// What it is about.
    #[serde(flatten)]
    pub about: About,
    /// All of it.
    pub all: Times,
    /// By customer; of alerts without one: null.
    pub by_customer: Vec<OfCustomer<Times>>,
    /// By priority.
    pub by_priority: Vec<OfPriority<Times>>,
    /// By period; periods without an alert are there too.
    pub by_period: Vec<OfPeriod<Times>>,
}

/// What a report is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct About {
    /// First moment.
    #[schema(format = DateTime)]
    pub from: String,
    /// First moment after it.
    #[schema(format = DateTime)]
    pub to: String,
    /// Only this customer; null: all that the viewer sees.
    pub customer: Option<Named>,
    /// Zone in which periods begin.
    pub time_zone: String,
}

/// Of one customer.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct OfCustomer<T> {
    /// Which; null: of none.
    pub customer: Option<Named>,
    /// Its figures.
    #[serde(flatten)]
    pub figures: T,
}

/// Of one priority.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct OfPriority<T> {
    /// `P1` to `P5`.
    pub priority: String,
    /// Its figures.
    #[serde(flatten)]
    pub figures: T,
}

/// Of one period.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct OfPeriod<T> {
    /// Its first day.
    #[schema(format = Date)]
    pub period: String,
    /// Its figures.
    #[serde(flatten)]
    pub figures: T,
}

/// How promises were kept.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct Kepts {
    /// In time.
    pub kept: usize,
    /// Too late, or overdue and still open.
    pub broken: usize,
    /// Not due yet.
    pub open: usize,
    /// Counted no more: merged, or another priority without a promise.
    pub void: usize,
    /// Kept of those of which it is known, in percent, rounded down; null: of none.
    pub rate: Option<f64>,
}

impl Kepts {
    fn of(sum: Compliance) -> Self {
        let rate = sum.rate().map(|rate| f64::from(rate) / 100.0);
        Self { kept: sum.kept, broken: sum.broken, open: sum.open, void: sum.void, rate }
    }

    fn cells(&self) -> Vec<String> {
        let rate = self.rate.map(|rate| format!("{rate:.2}")).unwrap_or_default();
        let mut cells: Vec<String> =
            [self.kept, self.broken, self.open, self.void].iter().map(usize::to_string).collect();
        cells.push(rate);
        cells
    }
}

/// How promises were kept: those whose clocks began in the time.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SlaReport {
    /// `sla`.
    pub report: String,
    /// What it is about.
    #[serde(flatten)]
    pub about: About,
    /// All of it.
    pub all: Kepts,
    /// By customer.
    pub by_customer: Vec<OfCustomer<Kepts>>,
    /// By contract, promise, priority and target.
    pub by_promise: Vec<OfPromise>,
    /// By period.
    pub by_period: Vec<OfPeriod<Kepts>>,
    /// Those that were broken, oldest first, at most 1,000.
    pub breaches: Vec<Breach>,
}

/// Of one promise of one contract.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct OfPromise {
    /// Whose.
    pub customer: Named,
    /// By which contract.
    pub sla: String,
    /// `response`, `resolution`, `update`.
    pub promise: String,
    /// `P1` to `P5`.
    pub priority: String,
    /// What was promised.
    pub target_seconds: i64,
    /// Its figures.
    #[serde(flatten)]
    pub figures: Kepts,
}

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Breach {
    /// Id of the alert (or incident).
    pub id: String,
    /// Its short number.
    pub reference: String,
    /// Whose.
    pub customer: Named,
    /// By which contract.
    pub sla: String,
    /// `response`, `resolution`, `update`.
    pub promise: String,
    /// `P1` to `P5`.
    pub priority: String,
    /// What was promised.
    pub target_seconds: i64,
    /// What has counted; of those that are still open: when it was last looked at.
    pub elapsed_seconds: i64,
    /// Since when.
    #[schema(format = DateTime)]
    pub started_at: String,
    /// It is over; else it is still open.
    pub over: bool,
}

/// What the hotline did.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct HotlineReport {
    /// `hotline`.
    pub report: String,
    /// What it is about.
    #[serde(flatten)]
    pub about: About,
    /// All of it.
    pub all: Calls,
    /// By customer; callers who were not known: null.
    pub by_customer: Vec<OfCustomer<Calls>>,
    /// By period.
    pub by_period: Vec<OfPeriod<Calls>>,
}

/// Calls that came in and are over; test numbers are left out.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct Calls {
    /// All.
    pub calls: usize,
    /// A person had the caller.
    pub answered: usize,
    /// The caller hung up before anything was said.
    pub abandoned: usize,
    /// The caller left a message or a report.
    pub left_word: usize,
    /// Turned away.
    pub blocked: usize,
    /// Came to nothing for another reason.
    pub other: usize,
    /// From the beginning of the call until a person had the caller.
    pub to_person: Times,
}

impl Calls {
    fn of(sum: &Hotline) -> Self {
        Self {
            calls: sum.calls,
            answered: sum.answered,
            abandoned: sum.abandoned,
            left_word: sum.left_word,
            blocked: sum.blocked,
            other: sum.other,
            to_person: Times::of(sum.to_person),
        }
    }

    fn cells(&self) -> Vec<String> {
        let counts = [self.calls, self.answered, self.abandoned, self.left_word, self.blocked, self.other];
        let time = |time: Option<f64>| time.map(|time| format!("{time:.3}")).unwrap_or_default();
        let times = [self.to_person.mean_seconds, self.to_person.median_seconds, self.to_person.p90_seconds].map(time);
        counts.iter().map(usize::to_string).chain(times).collect()
    }
}

/// What only made noise, the noisiest first.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct NoiseReport {
    /// `noise`.
    pub report: String,
    /// What it is about.
    #[serde(flatten)]
    pub about: About,
    /// By source and service.
    pub sources: Vec<NoiseRow>,
}

/// What a source of alerts is worth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct NoiseRow {
    /// The tool; null: calls and alerts by hand.
    pub source: Option<String>,
    /// Of which service; null: of none.
    pub service: Option<Named>,
    /// Alerts.
    pub alerts: usize,
    /// Events that they swallowed.
    pub events: u64,
    /// Over within five minutes without anybody having had it.
    pub short: usize,
    /// Over without anybody having had it, later than that.
    pub untouched: usize,
    /// Merged into others.
    pub merged: usize,
    /// Alerts that nobody had to do anything about.
    pub needless: usize,
}

/// What a report is asked for.
pub struct Asked {
    /// First moment.
    pub from: Timestamp,
    /// First moment after it.
    pub to: Timestamp,
    /// Only this customer.
    pub customer: Option<String>,
    /// Whose things the viewer sees; `None`: all.
    pub seen: Option<Vec<String>>,
    /// How long a period is.
    pub step: Step,
    /// Where periods begin.
    pub zone: TimeZone,
}

impl Asked {
    /// `from`, `to`, `customer`, `period` of a query. 404 for a customer that the viewer does not see.
    pub fn of(state: &AppState, viewer: &Viewer, params: &mut Params) -> Result<Self, Problem> {
        viewer.require(Right::SeeAlerts)?;
        let directory = state.board().directory();
        let customer = params.name("customer")?;
        if let Some(customer) = &customer
            && (!viewer.sees(Some(customer)) || !directory.customers.contains_key(&customer.as_str().into()))
        {
            return Err(Problem::not_found("customer"));
        }
        let own = customer.as_ref().and_then(|id| directory.customers.get(&id.as_str().into())?.time_zone.clone());
        let zone = own.or_else(|| house(&directory)).unwrap_or(TimeZone::UTC);
        let (from, to) = span(params, &zone)?;
        let words = Step::ALL.map(Step::word);
        let step = params.word("period", &words)?.and_then(|word| Step::from_word(&word)).unwrap_or(Step::Week);
        Ok(Self { from, to, customer, seen: viewer.customers.clone(), step, zone })
    }

    fn sees(&self, customer: &str) -> bool {
        self.seen.as_ref().is_none_or(|seen| seen.iter().any(|one| one == customer))
    }

    /// The alerts of it.
    pub async fn cases(&self, state: &AppState) -> Result<Vec<Case>, Problem> {
        let mut cases = state.records().report_cases(self.from, self.to, self.customer.as_deref()).await?;
        bounded(cases.len())?;
        cases.retain(|case| self.sees(&case.customer));
        Ok(cases)
    }

    /// The promises of it, each with the short number of what it is about.
    pub async fn promises(&self, state: &AppState) -> Result<Vec<(String, Kept)>, Problem> {
        let mut clocks = state.records().clocks_between(self.from, self.to, self.customer.as_deref()).await?;
        bounded(clocks.len())?;
        clocks.retain(|clock| self.sees(&clock.row.customer));
        let clocks: Vec<(String, Kept)> = clocks.into_iter().map(ClockOf::counted).collect();
        let mut all = report::once(&clocks, self.from, self.to);
        let incidents = incidents(state).await?;
        let directory = state.board().directory();
        let mut words = report::words_kept(&incidents, &directory, (self.from, self.to), now().wall);
        words.retain(|(_, kept)| {
            self.sees(&kept.customer) && self.customer.as_ref().is_none_or(|own| *own == kept.customer)
        });
        all.extend(words);
        bounded(all.len())?;
        all.sort_by_key(|(_, kept)| kept.counts_at);
        Ok(all)
    }

    /// The calls of it.
    pub async fn calls(&self, state: &AppState) -> Result<Vec<Rung>, Problem> {
        let calls = state.records().report_calls(self.from, self.to, self.customer.as_deref()).await?;
        bounded(calls.len())?;
        let directory = state.board().directory();
        let tests = |number: &str| directory.number(number).is_some_and(|number| number.test);
        let counts = |(number, call): &(String, Rung)| !tests(number) && self.sees(&call.customer);
        Ok(calls.into_iter().filter(counts).map(|(_, call)| call).collect())
    }

    fn about(&self, state: &AppState) -> About {
        let directory = state.board().directory();
        About {
            from: rfc3339(self.from.as_millisecond()),
            to: rfc3339(self.to.as_millisecond()),
            customer: self.customer.as_ref().map(|id| Named::customer(&directory, id)),
            time_zone: self.zone.iana_name().unwrap_or("UTC").to_owned(),
        }
    }

    fn by_period<T, F>(
        &self,
        all: &[T],
        at: impl Fn(&T) -> Timestamp,
        figures: impl Fn(&[&T]) -> F,
    ) -> Vec<OfPeriod<F>> {
        periods(self.step, self.from, self.to, &self.zone)
            .into_iter()
            .map(|(day, begin, end)| {
                let inside: Vec<&T> = all.iter().filter(|one| begin <= at(one) && at(one) < end).collect();
                OfPeriod { period: day.to_string(), figures: figures(&inside) }
            })
            .collect()
    }
}

/// Every incident of which customers may have to hear.
async fn incidents(state: &AppState) -> Result<Vec<Incident>, Problem> {
    let filter = IncidentFilter { no_drills: true, ..IncidentFilter::default() };
    let (mut all, mut cursor) = (Vec::new(), None);
    loop {
        let page = state.records().incidents(&filter, cursor.as_deref(), INCIDENTS_AT_ONCE).await?;
        all.extend(page.items);
        bounded(all.len())?;
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(all);
        }
    }
}

/// A part is never taken for the whole.
fn bounded(rows: usize) -> Result<(), Problem> {
    if rows <= ROWS_MAX {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "too-much",
        "That is too much for one report",
        format!("There are more than {ROWS_MAX} of them in this time; choose a shorter one, or one customer."),
    ))
}

/// The house's zone: that of its first rota.
pub(super) fn house(directory: &Directory) -> Option<TimeZone> {
    directory.schedules.values().next().map(|schedule| schedule.time_zone.clone())
}

/// `from` and `to` (moments, or days in `zone`), or `month`: the last four weeks unless said otherwise.
pub(super) fn span(params: &mut Params, zone: &TimeZone) -> Result<(Timestamp, Timestamp), Problem> {
    params.by_days(zone)?;
    let (from, to) = (params.moment("from")?, params.moment("to")?);
    let days = |days: i64| SignedDuration::from_hours(24 * days);
    let now = crate::clock::now().wall;
    let (from, to) = match (from, to) {
        (Some(from), Some(to)) => (from, to),
        (Some(from), None) => (from, from.checked_add(days(DAYS)).unwrap_or(Timestamp::MAX)),
        (None, to) => {
            let to = to.unwrap_or(now);
            (to.checked_sub(days(DAYS)).unwrap_or(Timestamp::MIN), to)
        }
    };
    if from >= to {
        return Err(Problem::invalid("to", "to must be later than from."));
    }
    if from.duration_until(to) > days(DAYS_MAX) {
        return Err(Problem::invalid("to", format!("to must be at most {DAYS_MAX} days after from.")));
    }
    Ok((from, to))
}

/// One of the reports: `mttd`, `mtta`, `mttr` (how soon), `sla` (promises kept and broken), `hotline` (calls), `noise` (alerts that nobody had to
/// do anything about). Alerts merged into others are counted by those. Without `customer` of everything that the viewer sees.
#[utoipa::path(
    get, path = "/api/v1/reports/{report}", tag = "slas", security(("token" = []), ("session" = [])),
    params(
        ("report" = String, Path, description = "`mttd`, `mtta`, `mttr`, `sla`, `hotline`, `noise`"),
        ("from" = Option<String>, Query, description = "First moment, RFC 3339, or a day in the customer's zone (four weeks ago)"),
        ("to" = Option<String>, Query, description = "First moment (or day) after it (four weeks after `from`), at most 400 days later"),
        ("month" = Option<String>, Query, description = "Instead of both: a month as in `2026-11`"),
        ("customer" = Option<String>, Query, description = "Id of a customer"),
        ("period" = Option<String>, Query, description = "`day`, `week` (usual), `month`"),
        ("format" = Option<String>, Query, description = "`json` (usual) or `csv`"),
    ),
    responses(
        (status = 200, description = "The report", body = Report),
        (status = 400, description = "A parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such report or customer", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Too much for one report", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn report(
    viewer: Viewer,
    State(state): State<AppState>,
    Path(name): Path<String>,
    mut params: Params,
) -> Result<Response, Problem> {
    if !REPORTS.contains(&name.as_str()) {
        return Err(Problem::not_found("report"));
    }
    let asked = Asked::of(&state, &viewer, &mut params)?;
    let csv = params.word("format", &["json", "csv"])?.is_some_and(|format| format == "csv");
    params.done()?;
    let made = make(&state, &asked, &name).await?;
    if !csv {
        return Ok(Json(made).into_response());
    }
    let detail = serde_json::json!({
        "report": name, "customer": asked.customer, "from": asked.from.to_string(), "to": asked.to.to_string(),
    });
    super::note_export(&state, &viewer, "report.export", &name, &detail, Vec::new()).await?;
    table(&name, &made)
}

/// Makes a report; used by the page too.
pub async fn make(state: &AppState, asked: &Asked, name: &str) -> Result<Report, Problem> {
    let about = asked.about(state);
    let directory = state.board().directory();
    let named = |id: &str| (!id.is_empty()).then(|| Named::customer(&directory, id));
    if let Some(measure) = Measure::from_word(name) {
        let mut cases = asked.cases(state).await?;
        cases.retain(|case| !case.merged);
        let times = |of: &[&Case]| Times::of(stats(of.iter().map(|case| measure.of(case))));
        let all: Vec<&Case> = cases.iter().collect();
        let by_customer = report::by(&cases, |case| case.customer.as_str());
        return Ok(Report::Times(TimesReport {
            report: name.to_owned(),
            about,
            all: times(&all),
            by_customer: by_customer
                .into_iter()
                .map(|(id, of)| OfCustomer { customer: named(id), figures: times(&of) })
                .collect(),
            by_priority: priorities(&cases, |case| case.priority)
                .into_iter()
                .map(|(priority, of)| OfPriority { priority: priority.word().to_owned(), figures: times(&of) })
                .collect(),
            by_period: asked.by_period(&cases, |case| case.opened, times),
        }));
    }
    Ok(match name {
        "sla" => Report::Sla(promises(asked, about, &asked.promises(state).await?, &directory)),
        "hotline" => {
            let calls = asked.calls(state).await?;
            let sum = |of: &[&Rung]| Calls::of(&hotline(of.iter().copied()));
            let all: Vec<&Rung> = calls.iter().collect();
            let by_customer = report::by(&calls, |call| call.customer.as_str());
            Report::Hotline(HotlineReport {
                report: name.to_owned(),
                about,
                all: sum(&all),
                by_customer: by_customer
                    .into_iter()
                    .map(|(id, of)| OfCustomer { customer: named(id), figures: sum(&of) })
                    .collect(),
                by_period: asked.by_period(&calls, |call| call.started, sum),
            })
        }
        _ => {
            let cases = asked.cases(state).await?;
            let row = |row: report::Noise| NoiseRow {
                needless: row.needless(),
                source: (!row.source.is_empty()).then_some(row.source),
                service: (!row.service.is_empty()).then(|| Named::service(&directory, &row.service)),
                alerts: row.alerts,
                events: row.events,
                short: row.short,
                untouched: row.untouched,
                merged: row.merged,
            };
            Report::Noise(NoiseReport {
                report: name.to_owned(),
                about,
                sources: noise(&cases).into_iter().map(row).collect(),
            })
        }
    })
}

fn promises(asked: &Asked, about: About, all: &[(String, Kept)], directory: &Directory) -> SlaReport {
    let sum = |of: &[&(String, Kept)]| Kepts::of(compliance(of.iter().map(|(_, kept)| kept)));
    let whole: Vec<&(String, Kept)> = all.iter().collect();
    let by_promise = report::by(all, |(_, kept)| {
        (kept.customer.as_str(), kept.sla.as_str(), kept.promise, kept.priority, kept.target)
    });
    let broken = all.iter().filter(|(_, kept)| kept.verdict() == Some(false)).take(BROKEN_MAX);
    SlaReport {
        report: "sla".to_owned(),
        about,
        all: sum(&whole),
        by_customer: report::by(all, |(_, kept)| kept.customer.as_str())
            .into_iter()
            .map(|(id, of)| OfCustomer { customer: Some(Named::customer(directory, id)), figures: sum(&of) })
            .collect(),
        by_promise: by_promise
            .into_iter()
            .map(|((customer, sla, promise, priority, target), of)| OfPromise {
                customer: Named::customer(directory, customer),
                sla: sla.to_owned(),
                promise: promise.word().to_owned(),
                priority: priority.word().to_owned(),
                target_seconds: target.as_secs(),
                figures: sum(&of),
            })
            .collect(),
        by_period: asked.by_period(all, |(_, kept)| kept.counts_at, sum),
        breaches: broken
            .map(|(reference, kept)| Breach {
                id: kept.id.clone(),
                reference: reference.clone(),
                customer: Named::customer(directory, &kept.customer),
                sla: kept.sla.clone(),
                promise: kept.promise.word().to_owned(),
                priority: kept.priority.word().to_owned(),
                target_seconds: kept.target.as_secs(),
                elapsed_seconds: kept.elapsed.as_secs(),
                started_at: rfc3339(kept.started.as_millisecond()),
                over: kept.end.is_some(),
            })
            .collect(),
    }
}

/// Lines of a table, grouped: `all`, `customer`, `priority`, `period`.
fn grouped<T>(
    all: &T,
    customers: &[OfCustomer<T>],
    priorities: &[OfPriority<T>],
    periods: &[OfPeriod<T>],
    cells: impl Fn(&T) -> Vec<String>,
) -> Vec<Vec<String>> {
    let line = |group: &str, of: &str, figures: &T| {
        let mut line = vec![group.to_owned(), harmless(of)];
        line.extend(cells(figures));
        line
    };
    let customer =
        |one: &OfCustomer<T>| line("customer", one.customer.as_ref().map_or("", |customer| &customer.id), &one.figures);
    let mut lines = vec![line("all", "", all)];
    lines.extend(customers.iter().map(customer));
    lines.extend(priorities.iter().map(|one| line("priority", &one.priority, &one.figures)));
    lines.extend(periods.iter().map(|one| line("period", &one.period, &one.figures)));
    lines
}

/// As CSV (RFC 4180, UTF-8).
fn table(name: &str, report: &Report) -> Result<Response, Problem> {
    const TIMES: [&str; 8] =
        ["group", "of", "known", "unknown", "mean_seconds", "median_seconds", "p90_seconds", "longest_seconds"];
    const KEPT: [&str; 10] =
        ["customer", "sla", "promise", "priority", "target_seconds", "kept", "broken", "open", "void", "rate"];
    const CALLS: [&str; 11] = [
        "group",
        "of",
        "calls",
        "answered",
        "abandoned",
        "left_word",
        "blocked",
        "other",
        "to_person_mean_seconds",
        "to_person_median_seconds",
        "to_person_p90_seconds",
    ];
    const NOISE: [&str; 8] = ["source", "service", "alerts", "events", "short", "untouched", "merged", "needless"];
    let (head, lines): (&[&str], Vec<Vec<String>>) = match report {
        Report::Times(one) => {
            (&TIMES, grouped(&one.all, &one.by_customer, &one.by_priority, &one.by_period, Times::cells))
        }
        Report::Sla(one) => {
            let line = |of: &OfPromise| {
                let mut line = vec![
                    harmless(&of.customer.id),
                    harmless(&of.sla),
                    of.promise.clone(),
                    of.priority.clone(),
                    of.target_seconds.to_string(),
                ];
                line.extend(of.figures.cells());
                line
            };
            (&KEPT, one.by_promise.iter().map(line).collect())
        }
        Report::Hotline(one) => (&CALLS, grouped(&one.all, &one.by_customer, &[], &one.by_period, Calls::cells)),
        Report::Noise(one) => {
            let line = |row: &NoiseRow| {
                vec![
                    harmless(row.source.as_deref().unwrap_or_default()),
                    harmless(row.service.as_ref().map_or("", |service| &service.id)),
                    row.alerts.to_string(),
                    row.events.to_string(),
                    row.short.to_string(),
                    row.untouched.to_string(),
                    row.merged.to_string(),
                    row.needless.to_string(),
                ]
            };
            (&NOISE, one.sources.iter().map(line).collect())
        }
    };
    let mut out = csv::Writer::from_writer(Vec::new());
    let written = out
        .write_record(head)
        .and_then(|()| lines.iter().try_for_each(|line| out.write_record(line)))
        .map_err(|_| Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR));
    written?;
    let bytes = out.into_inner().map_err(|_| Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR))?;
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}.csv\"")),
    ];
    Ok((headers, bytes).into_response())
}

/// Spreadsheets take what begins like a formula for one.
fn harmless(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}
