//! The report that a customer gets: rows of the store, names of the directory, words of the core.

use hotline_core::directory::{Customer, CustomerReport, Every, Language};
use hotline_core::ids::CustomerId;
use hotline_core::incident::Incident;
use hotline_core::paper::Paper;
use hotline_core::private::Private;
use hotline_core::report::{Facts, Kept, Rung, Step, Wording, once, paper, periods, told, words_kept};
use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span};

use super::super::Switch;
use crate::clock::now;
use crate::notify::SendError;
use crate::notify::letter::{Attachment, Letter};
use crate::store::StoreError;
use crate::store::clocks::ClockOf;
use crate::store::incidents::IncidentFilter;
use crate::store::reports::ROWS_MAX;

/// Reports go out at this hour of the customer's first day after the period.
const HOUR: i8 = 6;
/// A report that could not be sent (the service was down, the template is new) is made up for within so long.
const LATE_WEEK: SignedDuration = SignedDuration::from_hours(3 * 24);
const LATE_MONTH: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Incidents are read by pages, so many at most: those of years.
const PAGE: u32 = 200;
const PAGES_MAX: usize = 100;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// No such customer.
    #[error("there is no such customer")]
    Unknown,
    /// A part would not be the whole.
    #[error("there are more than {ROWS_MAX} alerts or calls in this time; choose a shorter one")]
    TooMuch,
    /// Not now.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A report that is due to one of a customer's people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Whose.
    pub customer: CustomerId,
    /// Which of its templates.
    pub report: String,
    /// To which contact.
    pub contact: String,
    /// The document travels with the mail.
    pub attach: bool,
    /// First day of the period.
    pub period: Date,
    /// First moment.
    pub from: Timestamp,
    /// First moment after it.
    pub to: Timestamp,
}

/// The zone of a customer.
fn zone_of(customer: &Customer) -> TimeZone {
    customer.time_zone.clone().unwrap_or(TimeZone::UTC)
}

impl Switch {
    /// What happened to a customer in `[from, to)`, in `language` (else the customer's).
    pub async fn customer_report(
        &self,
        id: &CustomerId,
        from: Timestamp,
        to: Timestamp,
        language: Option<&str>,
    ) -> Result<Paper, ReportError> {
        let directory = self.directory();
        let customer = directory.customers.get(id).ok_or(ReportError::Unknown)?;
        let store = &self.0.store;
        let (cases, clocks, calls) = tokio::try_join!(
            store.report_cases(from, to, Some(&id.0)),
            store.clocks_between(from, to, Some(&id.0)),
            store.report_calls(from, to, Some(&id.0)),
        )?;
        if [cases.len(), clocks.len(), calls.len()].iter().any(|rows| *rows > ROWS_MAX) {
            return Err(ReportError::TooMuch);
        }
        let tests = |number: &str| directory.number(number).is_some_and(|number| number.test);
        let calls: Vec<Rung> = calls.into_iter().filter(|(number, _)| !tests(number)).map(|(_, call)| call).collect();
        let clocks: Vec<(String, Kept)> = clocks.into_iter().map(ClockOf::counted).collect();
        let mut promises = once(&clocks, from, to);
        // Of services only those that this customer may see have a name here.
        let own = directory.services.values().filter(|one| one.customer.as_ref().is_none_or(|owner| owner == id));
        let services: Vec<(String, String)> = own.map(|one| (one.id.0.clone(), one.name.clone())).collect();
        let own = customer.language.as_ref().map_or("en", |language| language.0.as_str());
        let tongue = Language(language.unwrap_or(own).to_owned());
        let all = self.incidents_for_reports().await?;
        let incidents = told(&all, id, &directory, (from, to), &tongue);
        let words = words_kept(&all, &directory, (from, to), now().wall);
        promises.extend(words.into_iter().filter(|(_, kept)| kept.customer == id.0));
        Ok(paper(
            &Facts {
                customer: &customer.name,
                cases: &cases,
                promises: &promises,
                calls: &calls,
                from,
                to,
                zone: &zone_of(customer),
                now: now().wall,
                services: &services,
                incidents: &incidents,
                company: directory.company.as_deref(),
            },
            Wording::of(language.unwrap_or(own)),
        ))
    }

    async fn incidents_for_reports(&self) -> Result<Vec<Incident>, ReportError> {
        let filter = IncidentFilter { no_drills: true, ..IncidentFilter::default() };
        let (mut all, mut cursor) = (Vec::new(), None);
        for _ in 0..PAGES_MAX {
            let page = self.0.store.incidents(&filter, cursor.as_deref(), PAGE).await?;
            all.extend(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() {
                return Ok(all);
            }
        }
        Err(ReportError::TooMuch)
    }

    /// Every report that goes out by itself, by customer and name.
    pub fn reports(&self) -> Vec<(String, String)> {
        let directory = self.directory();
        let of = |customer: &Customer| {
            let id = customer.id.0.clone();
            customer.reports.iter().map(move |report| (id.clone(), report.id.clone())).collect::<Vec<_>>()
        };
        directory.customers.values().flat_map(of).collect()
    }

    /// The reports that are due now: those of the last week or month, from six in the morning of the day after it on.
    pub fn due_reports(&self, at: Timestamp) -> Vec<Due> {
        let directory = self.directory();
        let mut due = Vec::new();
        for customer in directory.customers.values() {
            for report in &customer.reports {
                let Some((period, from, to)) = last_period(report.every, &zone_of(customer), at) else { continue };
                due.extend(report.to.iter().map(|contact| of(customer, report, contact, period, from, to)));
            }
        }
        due
    }

    /// Mails a report to its contact; `document`: the PDF. A second delivery after a crash is the same mail. `Err(None)`: it may go
    /// later; `Err(Some)`: never, and why.
    pub async fn send_report(&self, due: &Due, paper: &Paper, document: Vec<u8>) -> Result<(), Option<String>> {
        self.mail_report(due, paper, document).await.map_err(|error| match error {
            SendError::Never(why) => Some(why),
            SendError::Later { .. } => None,
        })
    }

    async fn mail_report(&self, due: &Due, paper: &Paper, document: Vec<u8>) -> Result<(), SendError> {
        let directory = self.directory();
        let never = |what: &str| SendError::Never(what.to_owned());
        let customer = directory.customers.get(&due.customer).ok_or_else(|| never("the customer is gone"))?;
        let contact = customer.contacts.iter().find(|own| own.id == due.contact);
        let contact = contact.ok_or_else(|| never("the contact is not there any more"))?;
        let to: &Private<String> = contact.email.as_ref().ok_or_else(|| never("the contact has no mailbox"))?;
        let german = contact.language(customer).is_some_and(|language| language.0.starts_with("de"));
        let link = self.0.public_url.as_deref().filter(|_| !due.attach).map(|url| {
            format!(
                "{}/api/v1/reports/customer/{}?from={}&to={}",
                url.trim_end_matches('/'),
                due.customer,
                due.from,
                due.to
            )
        });
        let name = contact.name.reveal();
        let mut text = match (german, due.attach) {
            (true, true) => format!("Guten Tag {name},\n\nanbei der Bericht: {}, {}.", paper.title, paper.subtitle),
            (true, false) => format!("Guten Tag {name},\n\nder Bericht ist da: {}, {}.", paper.title, paper.subtitle),
            (false, true) => format!("Hello {name},\n\nhere is the report: {}, {}.", paper.title, paper.subtitle),
            (false, false) => format!("Hello {name},\n\nthe report is ready: {}, {}.", paper.title, paper.subtitle),
        };
        if let Some(link) = &link {
            text = format!("{text}\n\n{link}");
        }
        let shown = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\n', "<br>");
        let letter = Letter {
            id: format!("report.{}.{}.{}.{}", due.customer, due.report, due.period, due.contact),
            thread: Some(format!("reports.{}.{}", due.customer, due.report)),
            subject: format!("{}: {}", paper.title, paper.subtitle),
            html: format!(
                "<!doctype html><html lang=\"{}\"><body style=\"font:15px sans-serif\"><p>{shown}</p></body></html>",
                paper.language
            ),
            text,
            from_name: None,
            unsubscribe: None,
        };
        let attached = due.attach.then(|| Attachment {
            name: format!("report-{}-{}.pdf", due.customer, due.period),
            kind: "application/pdf".to_owned(),
            bytes: document,
        });
        self.0.notifier.send_letter_with(to, &letter, attached.as_ref()).await
    }
}

fn of(
    customer: &Customer,
    report: &CustomerReport,
    contact: &str,
    period: Date,
    from: Timestamp,
    to: Timestamp,
) -> Due {
    Due {
        customer: customer.id.clone(),
        report: report.id.clone(),
        contact: contact.to_owned(),
        attach: report.attach,
        period,
        from,
        to,
    }
}

/// The last whole week or month in `zone`, if its report is due at `at` and not too old.
fn last_period(every: Every, zone: &TimeZone, at: Timestamp) -> Option<(Date, Timestamp, Timestamp)> {
    let (step, late) = match every {
        Every::Week => (Step::Week, LATE_WEEK),
        Every::Month => (Step::Month, LATE_MONTH),
    };
    let this = step.first_day(zone.to_datetime(at).date());
    let before = step.first_day(this.checked_sub(Span::new().days(1)).ok()?);
    let begin = hotline_core::oncall::first_instant(before.to_datetime(Time::midnight()), zone)?;
    let due = hotline_core::oncall::first_instant(this.to_datetime(Time::constant(HOUR, 0, 0, 0)), zone)?;
    let whole = periods(step, begin, begin.checked_add(SignedDuration::from_secs(1)).ok()?, zone).pop()?;
    (due <= at && due.duration_until(at) < late).then_some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_due_at_six_in_the_morning_after_its_period() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let due = |every, at: &str| {
            let (day, from, to) = last_period(every, &zone, at.parse().unwrap())?;
            Some(format!("{day} {from} {to}"))
        };
        // 2028-05-01 is a Monday.
        assert_eq!(due(Every::Month, "2028-05-01T03:59:59Z"), None);
        let april = "2028-04-01 2028-03-31T22:00:00Z 2028-04-30T22:00:00Z";
        assert_eq!(due(Every::Month, "2028-05-01T04:00:00Z").as_deref(), Some(april));
        assert_eq!(due(Every::Month, "2028-05-08T03:59:59Z").as_deref(), Some(april));
        assert_eq!(due(Every::Month, "2028-05-08T04:00:00Z"), None, "too old");
        let week = "2028-04-24 2028-04-23T22:00:00Z 2028-04-30T22:00:00Z";
        assert_eq!(due(Every::Week, "2028-05-03T12:00:00Z").as_deref(), Some(week));
        assert_eq!(due(Every::Week, "2028-05-04T12:00:00Z"), None);
        // The week in which the clock goes forward has an hour less.
        let spring = "2028-03-20 2028-03-19T23:00:00Z 2028-03-26T22:00:00Z";
        assert_eq!(due(Every::Week, "2028-03-27T06:00:00Z").as_deref(), Some(spring));
    }
}
