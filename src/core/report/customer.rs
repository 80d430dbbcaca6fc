//! The report that a customer gets: a document with figures, tables and charts, in the customer's language. It holds what is the customer's
//! only, and no words of ours: no titles of alerts, no people.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::directory::{Directory, Language};
use crate::fact::Outcome;
use crate::ids::CustomerId;
use crate::incident::{Incident, Kind};

use super::{Case, Compliance, Kept, Measure, Rung, Stats, Step, by, compliance, hotline, periods, priorities, stats};
use crate::paper::{Block, Chart, Form, Paper};
use crate::sla::Promise;

/// Broken promises that are named at most; the rest is counted.
const BROKEN_MAX: usize = 100;

/// What the report is made from. All of it is this customer's.
#[derive(Debug, Clone)]
pub struct Facts<'a> {
    /// The customer's name.
    pub customer: &'a str,
    /// Alerts that were opened in the period.
    pub cases: &'a [Case],
    /// Promises whose clocks began in the period, each with the short number of what it is about.
    pub promises: &'a [(String, Kept)],
    /// Calls that came in the period.
    pub calls: &'a [Rung],
    /// First moment.
    pub from: Timestamp,
    /// First moment after it.
    pub to: Timestamp,
    /// The customer's zone.
    pub zone: &'a TimeZone,
    /// When it is made.
    pub now: Timestamp,
    /// Names of services by their ids.
    pub services: &'a [(String, String)],
    /// Faults and planned work of which this customer was told, the oldest first ([`told`]).
    pub incidents: &'a [Told],
    /// Who gives the report.
    pub company: Option<&'a str>,
}

/// A fault or planned work as a customer was told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// `INC-1001`.
    pub reference: String,
    /// The title for customers.
    pub title: String,
    /// Planned work.
    pub planned: bool,
    /// Since when.
    pub from: Timestamp,
    /// Until when; `None`: it goes on, as far as they were told.
    pub until: Option<Timestamp>,
    /// Words that went out about it.
    pub updates: usize,
}

/// What this customer was told of and what overlaps `[from, to)`, the oldest first; nothing of drills, drafts and what others were told.
pub fn told<'a>(
    incidents: impl IntoIterator<Item = &'a Incident>,
    customer: &CustomerId,
    directory: &Directory,
    (from, to): (Timestamp, Timestamp),
    language: &Language,
) -> Vec<Told> {
    let one = |incident: &Incident| {
        let seen = incident.seen_by(customer, directory)?;
        let planned = seen.kind() == Kind::Maintenance;
        let until = seen.over_at();
        let began = seen.since();
        (began < to && until.is_none_or(|until| until >= from)).then(|| Told {
            reference: seen.reference().to_owned(),
            title: seen.title_in(language).to_owned(),
            planned,
            from: began,
            until,
            updates: seen.updates.len(),
        })
    };
    let mut all: Vec<Told> = incidents.into_iter().filter_map(one).collect();
    all.sort_by(|a, b| (a.from, &a.reference).cmp(&(b.from, &b.reference)));
    all
}

/// The words of a language.
#[derive(Debug, Clone, Copy)]
pub struct Wording {
    tag: &'static str,
    title: &'static str,
    until: &'static str,
    made: &'static str,
    glance: &'static str,
    alerts: &'static str,
    answer: &'static str,
    solve: &'static str,
    promises: &'static str,
    none: &'static str,
    nothing: &'static str,
    no_promises: &'static str,
    head_promises: [&'static str; 6],
    response: &'static str,
    resolution: &'static str,
    update: &'static str,
    broken: &'static str,
    more_broken: &'static str,
    head_broken: [&'static str; 6],
    times: &'static str,
    times_head: [&'static str; 6],
    detect: &'static str,
    unknown: &'static str,
    no_beginning: &'static str,
    by_period: [&'static str; 3],
    answer_chart: &'static str,
    median: &'static str,
    by_service: &'static str,
    service_head: [&'static str; 3],
    no_service: &'static str,
    hotline: &'static str,
    calls: &'static str,
    answered: &'static str,
    to_person: &'static str,
    left_word: &'static str,
    abandoned: &'static str,
    announced: &'static str,
    other: &'static str,
    calls_note: &'static str,
    incidents: &'static str,
    head_incidents: [&'static str; 6],
    fault: &'static str,
    planned: &'static str,
    goes_on: &'static str,
    no_incidents: &'static str,
    day: &'static str,
    short_day: &'static str,
    days: &'static str,
    comma: bool,
}

const ENGLISH: Wording = Wording {
    tag: "en",
    title: "Service report",
    until: "to",
    made: "Made by hotline on",
    glance: "At a glance",
    alerts: "Alerts",
    answer: "Taken (median)",
    solve: "Solved (median)",
    promises: "Promises kept",
    none: "–",
    nothing: "There was no alert in this time.",
    no_promises: "No service level agreement was in force for these alerts.",
    head_promises: ["Promise", "Priority", "Promised", "Kept", "Broken", "Share kept"],
    response: "Somebody takes it",
    resolution: "It is solved",
    update: "You hear of it again",
    broken: "Promises that were not kept",
    more_broken: "more are not listed here",
    head_broken: ["Alert", "Since", "Priority", "Promise", "Promised", "It took"],
    times: "How long it took",
    times_head: ["Time", "Known", "Unknown", "Median", "9 of 10 within", "Longest"],
    detect: "From the beginning of a fault until we knew of it",
    unknown: "Unknown is what has not come to its end, or what nobody knows. It is in none of the figures.",
    no_beginning: "The beginning of a fault is known from the monitoring, from callers, or from people who looked it up.",
    by_period: ["Alerts by day", "Alerts by week", "Alerts by month"],
    answer_chart: "Time until somebody took an alert",
    median: "Median",
    by_service: "Alerts by service",
    service_head: ["Service", "Alerts", "Solved within (median)"],
    no_service: "None named",
    hotline: "The hotline",
    calls: "Calls",
    answered: "Answered by a person",
    to_person: "To a person (median)",
    left_word: "Message left",
    abandoned: "Hung up before",
    announced: "Answered by announcement",
    other: "Other",
    calls_note: "Every call is counted once. Answered by announcement: the caller heard what was known, such as an incident, and needed nobody. Other: blocked numbers, lost connections.",
    incidents: "Incidents and planned work",
    head_incidents: ["Number", "What", "Kind", "From", "Until", "Updates"],
    fault: "Incident",
    planned: "Planned work",
    goes_on: "goes on",
    no_incidents: "There was no incident and no planned work of which you were told.",
    day: "%Y-%m-%d",
    short_day: "%m-%d",
    days: "d",
    comma: false,
};

const GERMAN: Wording = Wording {
    tag: "de",
    title: "Servicebericht",
    until: "bis",
    made: "Erstellt von hotline am",
    glance: "Auf einen Blick",
    alerts: "Alarme",
    answer: "Übernommen (Median)",
    solve: "Gelöst (Median)",
    promises: "Zusagen gehalten",
    none: "–",
    nothing: "In dieser Zeit gab es keinen Alarm.",
    no_promises: "Für diese Alarme galt keine Servicevereinbarung.",
    head_promises: ["Zusage", "Priorität", "Zugesagt", "Gehalten", "Verletzt", "Anteil gehalten"],
    response: "Jemand übernimmt",
    resolution: "Die Störung ist behoben",
    update: "Sie hören wieder davon",
    broken: "Zusagen, die nicht gehalten wurden",
    more_broken: "weitere sind hier nicht aufgeführt",
    head_broken: ["Alarm", "Seit", "Priorität", "Zusage", "Zugesagt", "Gedauert hat es"],
    times: "Wie lange es gedauert hat",
    times_head: ["Zeit", "Bekannt", "Unbekannt", "Median", "9 von 10 binnen", "Längste"],
    detect: "Vom Beginn einer Störung, bis wir davon wussten",
    unknown: "Unbekannt ist, was noch nicht zu Ende ist oder was niemand weiß. Es ist in keiner der Zahlen enthalten.",
    no_beginning: "Der Beginn einer Störung ist aus der Überwachung bekannt, von Anrufern oder von Menschen, die nachgesehen haben.",
    by_period: ["Alarme nach Tag", "Alarme nach Woche", "Alarme nach Monat"],
    answer_chart: "Zeit, bis jemand einen Alarm übernahm",
    median: "Median",
    by_service: "Alarme nach Leistung",
    service_head: ["Leistung", "Alarme", "Gelöst nach (Median)"],
    no_service: "Keine genannt",
    hotline: "Die Hotline",
    calls: "Anrufe",
    answered: "Persönlich angenommen",
    to_person: "Bis zum Menschen (Med.)",
    left_word: "Nachricht hinterlassen",
    abandoned: "Vorher aufgelegt",
    announced: "Durch Ansage beantwortet",
    other: "Sonstige",
    calls_note: "Jeder Anruf zählt einmal. Durch Ansage beantwortet: Der Anrufer hörte, was bekannt war, etwa eine Störung, und brauchte niemanden. Sonstige: gesperrte Nummern, abgerissene Verbindungen.",
    incidents: "Störungen und geplante Arbeiten",
    head_incidents: ["Nummer", "Was", "Art", "Von", "Bis", "Meldungen"],
    fault: "Störung",
    planned: "Geplante Arbeit",
    goes_on: "dauert an",
    no_incidents: "Es gab keine Störung und keine geplante Arbeit, von der Sie unterrichtet wurden.",
    day: "%d.%m.%Y",
    short_day: "%d.%m.",
    days: "T",
    comma: true,
};

impl Wording {
    /// German where it is asked for, else English.
    pub fn of(language: &str) -> &'static Self {
        if language.starts_with("de") { &GERMAN } else { &ENGLISH }
    }

    /// `35 s`, `12 min`, `3 h 5 min`, `2 d 4 h`.
    fn time(&self, length: Option<SignedDuration>) -> String {
        let Some(length) = length else { return self.none.to_owned() };
        let seconds = length.as_secs();
        let two = |large: i64, unit: &str, small: i64, small_unit: &str| match small {
            0 => format!("{large} {unit}"),
            small => format!("{large} {unit} {small} {small_unit}"),
        };
        match seconds {
            ..60 => format!("{seconds} s"),
            60..3_600 => two(seconds / 60, "min", 0, ""),
            3_600..172_800 => two(seconds / 3_600, "h", seconds % 3_600 / 60, "min"),
            172_800.. => two(seconds / 86_400, self.days, seconds % 86_400 / 3_600, "h"),
        }
    }

    fn moment(&self, at: Timestamp, zone: &TimeZone) -> String {
        let local = zone.to_datetime(at);
        format!("{} {}", local.strftime(self.day), local.strftime("%H:%M"))
    }

    /// `98.3 %`, rounded down so that 100 % is all of them.
    fn rate(&self, sum: &Compliance) -> String {
        sum.rate().map_or_else(
            || self.none.to_owned(),
            |rate| {
                let text = format!("{}.{} %", rate / 100, rate % 100 / 10);
                if self.comma { text.replace('.', ",") } else { text }
            },
        )
    }

    const fn promise(&self, promise: Promise) -> &'static str {
        match promise {
            Promise::Response => self.response,
            Promise::Resolution => self.resolution,
            Promise::Update => self.update,
        }
    }
}

/// The document.
pub fn paper(facts: &Facts<'_>, words: &Wording) -> Paper {
    let day = |at: Timestamp| facts.zone.to_datetime(at).strftime(words.day).to_string();
    let last = facts.to.checked_sub(SignedDuration::from_secs(1)).unwrap_or(facts.to);
    // What was merged is counted by the alert that goes on.
    let cases: Vec<Case> = facts.cases.iter().filter(|case| !case.merged).cloned().collect();
    let mut blocks = vec![Block::Heading(1, words.glance.to_owned()), glance(facts, &cases, words)];
    if cases.is_empty() {
        blocks.push(Block::Text(words.nothing.to_owned()));
    } else {
        blocks.push(Block::Chart(alerts_chart(facts, &cases, words)));
    }
    blocks.extend(incidents(facts, words));
    blocks.extend(promises(facts, &cases, words));
    if !cases.is_empty() {
        blocks.extend(times(facts, &cases, words));
        blocks.extend(services(facts, &cases, words));
    }
    blocks.extend(calls(facts, words));
    Paper {
        title: words.title.to_owned(),
        subtitle: format!("{}, {} {} {}", facts.customer, day(facts.from), words.until, day(last)),
        language: words.tag.to_owned(),
        foot: format!(
            "{}{} {} ({})",
            facts.company.map_or_else(String::new, |company| format!("{company} · ")),
            words.made,
            words.moment(facts.now, facts.zone),
            facts.zone.iana_name().unwrap_or("UTC")
        ),
        blocks,
    }
}

fn measured(cases: &[Case], measure: Measure) -> Stats {
    stats(cases.iter().map(|case| measure.of(case)))
}

fn glance(facts: &Facts<'_>, cases: &[Case], words: &Wording) -> Block {
    let sum = compliance(facts.promises.iter().map(|(_, kept)| kept));
    let calls = hotline(facts.calls);
    let mut figures = vec![
        (words.alerts.to_owned(), cases.len().to_string()),
        (words.answer.to_owned(), words.time(measured(cases, Measure::Acknowledge).median)),
        (words.solve.to_owned(), words.time(measured(cases, Measure::Resolve).median)),
        (words.promises.to_owned(), words.rate(&sum)),
    ];
    if calls.calls > 0 {
        figures.push((words.calls.to_owned(), calls.calls.to_string()));
    }
    Block::Figures(figures)
}

/// Days for a fortnight, weeks for half a year, else months.
fn step(facts: &Facts<'_>) -> Step {
    match facts.from.duration_until(facts.to).as_hours() / 24 {
        ..=31 => Step::Day,
        32..=190 => Step::Week,
        191.. => Step::Month,
    }
}

fn places(facts: &Facts<'_>, words: &Wording) -> (Vec<String>, Vec<(Timestamp, Timestamp)>) {
    let step = step(facts);
    let found = periods(step, facts.from, facts.to, facts.zone);
    let label = |day: jiff::civil::Date| match step {
        Step::Day | Step::Week => day.strftime(words.short_day).to_string(),
        Step::Month => day.strftime("%Y-%m").to_string(),
    };
    found.into_iter().map(|(day, begin, end)| (label(day), (begin, end))).unzip()
}

fn alerts_chart(facts: &Facts<'_>, cases: &[Case], words: &Wording) -> Chart {
    let (labels, spans) = places(facts, words);
    let title = match step(facts) {
        Step::Day => words.by_period[0],
        Step::Week => words.by_period[1],
        Step::Month => words.by_period[2],
    };
    let count = |of: &[&Case], (begin, end): (Timestamp, Timestamp)| {
        let inside = of.iter().filter(|case| begin <= case.opened && case.opened < end).count();
        // Charts draw real numbers; a count of alerts is exact in one.
        Some(inside as f64)
    };
    let series = priorities(cases, |case| case.priority)
        .into_iter()
        .map(|(priority, of)| {
            (priority.word().to_owned(), spans.iter().map(|span| count(&of, *span)).collect::<Vec<_>>())
        })
        .collect();
    Chart { title: title.to_owned(), form: Form::Bars, unit: String::new(), labels, series }
}

fn promises(facts: &Facts<'_>, cases: &[Case], words: &Wording) -> Vec<Block> {
    let mut blocks = vec![Block::Heading(1, words.promises.to_owned())];
    if facts.promises.is_empty() {
        if cases.is_empty() {
            blocks.pop();
        } else {
            blocks.push(Block::Text(words.no_promises.to_owned()));
        }
        return blocks;
    }
    let groups = by(facts.promises, |(_, kept)| (kept.promise, kept.priority, kept.target));
    let rows = groups
        .into_iter()
        .map(|((promise, priority, target), found)| {
            let sum = compliance(found.into_iter().map(|(_, kept)| kept));
            vec![
                words.promise(promise).to_owned(),
                priority.word().to_owned(),
                words.time(Some(target)),
                sum.kept.to_string(),
                sum.broken.to_string(),
                words.rate(&sum),
            ]
        })
        .collect();
    let head = words.head_promises.map(str::to_owned).to_vec();
    blocks.push(Block::Table { head, numbers: vec![2, 3, 4, 5], rows });
    let broken: Vec<&(String, Kept)> =
        facts.promises.iter().filter(|(_, kept)| kept.verdict() == Some(false)).collect();
    if !broken.is_empty() {
        blocks.push(Block::Heading(2, words.broken.to_owned()));
        blocks.push(broken_table(facts, &broken, words));
        if let Some(more) = broken.len().checked_sub(BROKEN_MAX).filter(|more| *more > 0) {
            blocks.push(Block::Note(format!("{more} {}.", words.more_broken)));
        }
    }
    blocks
}

fn broken_table(facts: &Facts<'_>, broken: &[&(String, Kept)], words: &Wording) -> Block {
    let row = |(reference, kept): &(String, Kept)| {
        vec![
            format!("#{reference}"),
            words.moment(kept.started, facts.zone),
            kept.priority.word().to_owned(),
            words.promise(kept.promise).to_owned(),
            words.time(Some(kept.target)),
            words.time(Some(kept.elapsed)),
        ]
    };
    Block::Table {
        head: words.head_broken.map(str::to_owned).to_vec(),
        numbers: vec![4, 5],
        rows: broken.iter().take(BROKEN_MAX).map(|one| row(one)).collect(),
    }
}

fn times(facts: &Facts<'_>, cases: &[Case], words: &Wording) -> Vec<Block> {
    let row = |name: &str, sum: Stats| {
        vec![
            name.to_owned(),
            sum.known.to_string(),
            sum.unknown.to_string(),
            words.time(sum.median),
            words.time(sum.p90),
            words.time(sum.longest),
        ]
    };
    let rows = vec![
        row(words.detect, measured(cases, Measure::Detect)),
        row(words.response, measured(cases, Measure::Acknowledge)),
        row(words.resolution, measured(cases, Measure::Resolve)),
    ];
    let (labels, spans) = places(facts, words);
    let median = |(begin, end): (Timestamp, Timestamp)| {
        let inside = cases.iter().filter(|case| begin <= case.opened && case.opened < end);
        let median = stats(inside.map(|case| Measure::Acknowledge.of(case))).median;
        median.map(|median| (median.as_secs_f64() / 6.0).round() / 10.0)
    };
    // A day on which nobody took anything has no time, and no row.
    let known: Vec<(String, Option<f64>)> =
        labels.into_iter().zip(spans.into_iter().map(median)).filter(|(_, median)| median.is_some()).collect();
    let (labels, medians) = known.into_iter().unzip();
    let chart = Chart {
        title: words.answer_chart.to_owned(),
        form: Form::Line,
        unit: "min".to_owned(),
        labels,
        series: vec![(words.median.to_owned(), medians)],
    };
    let mut blocks = vec![
        Block::Heading(1, words.times.to_owned()),
        Block::Table { head: words.times_head.map(str::to_owned).to_vec(), numbers: vec![1, 2, 3, 4, 5], rows },
        Block::Note(format!("{} {}", words.unknown, words.no_beginning)),
    ];
    // One point is no line; the table says it already.
    if chart.labels.len() > 1 {
        blocks.push(Block::Chart(chart));
    }
    blocks
}

fn services(facts: &Facts<'_>, cases: &[Case], words: &Wording) -> Vec<Block> {
    let name = |id: &str| {
        let known = facts.services.iter().find(|(known, _)| known == id).map(|(_, name)| name.clone());
        if id.is_empty() { words.no_service.to_owned() } else { known.unwrap_or_else(|| id.to_owned()) }
    };
    let mut rows: Vec<(usize, Vec<String>)> = by(cases, |case| case.service.as_str())
        .into_iter()
        .map(|(id, of)| {
            let solved = stats(of.iter().map(|case| Measure::Resolve.of(case))).median;
            (of.len(), vec![name(id), of.len().to_string(), words.time(solved)])
        })
        .collect();
    rows.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    let rows = rows.into_iter().map(|(_, row)| row).collect();
    vec![
        Block::Heading(1, words.by_service.to_owned()),
        Block::Table { head: words.service_head.map(str::to_owned).to_vec(), numbers: vec![1, 2], rows },
    ]
}

/// What the customer was told of, by its own numbers and titles.
fn incidents(facts: &Facts<'_>, words: &Wording) -> Vec<Block> {
    let mut blocks = vec![Block::Heading(1, words.incidents.to_owned())];
    if facts.incidents.is_empty() {
        blocks.push(Block::Text(words.no_incidents.to_owned()));
        return blocks;
    }
    let row = |told: &Told| {
        vec![
            told.reference.clone(),
            told.title.clone(),
            if told.planned { words.planned } else { words.fault }.to_owned(),
            words.moment(told.from, facts.zone),
            told.until.map_or_else(|| words.goes_on.to_owned(), |until| words.moment(until, facts.zone)),
            told.updates.to_string(),
        ]
    };
    blocks.push(Block::Table {
        head: words.head_incidents.map(str::to_owned).to_vec(),
        numbers: vec![5],
        rows: facts.incidents.iter().map(row).collect(),
    });
    blocks
}

fn calls(facts: &Facts<'_>, words: &Wording) -> Vec<Block> {
    let sum = hotline(facts.calls);
    if sum.calls == 0 {
        return Vec::new();
    }
    let ended = |call: &&Rung| call.taken.is_none() && call.outcome == Some(Outcome::Completed);
    let announced = facts.calls.iter().filter(ended).count();
    let other = sum.blocked + sum.other - announced;
    let mut figures = vec![
        (words.calls.to_owned(), sum.calls.to_string()),
        (words.answered.to_owned(), sum.answered.to_string()),
        (words.left_word.to_owned(), sum.left_word.to_string()),
        (words.announced.to_owned(), announced.to_string()),
        (words.abandoned.to_owned(), sum.abandoned.to_string()),
    ];
    if other > 0 {
        figures.push((words.other.to_owned(), other.to_string()));
    }
    if sum.answered > 0 {
        figures.push((words.to_person.to_owned(), words.time(sum.to_person.median)));
    }
    vec![Block::Heading(1, words.hotline.to_owned()), Block::Figures(figures), Block::Note(words.calls_note.to_owned())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_in_words() {
        let time = |secs: i64| ENGLISH.time(Some(SignedDuration::from_secs(secs)));
        assert_eq!(
            [0, 59, 60, 3_599, 3_600, 11_100, 172_800, 187_200].map(time),
            ["0 s", "59 s", "1 min", "59 min", "1 h", "3 h 5 min", "2 d", "2 d 4 h"]
        );
        assert_eq!(GERMAN.time(None), "–");
        let sum = Compliance { kept: 999, broken: 1, open: 7, void: 2 };
        assert_eq!((ENGLISH.rate(&sum), GERMAN.rate(&sum)), ("99.9 %".to_owned(), "99,9 %".to_owned()));
        assert_eq!(ENGLISH.rate(&Compliance { broken: 0, ..sum }), "100.0 %");
        assert_eq!(ENGLISH.rate(&Compliance { open: 3, ..Compliance::default() }), "–");
    }
}
