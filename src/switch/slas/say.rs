//! What people are told about a promise, in their language.

use hotline_core::alert::Alert;
use hotline_core::alert::change::PromiseWord;
use hotline_core::directory::Directory;
use hotline_core::notify::To;
use hotline_core::sla::{Measured, Promise};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// One sentence for whoever is told.
pub(super) fn words(
    to: &To,
    alert: &Alert,
    measured: &Measured,
    said: PromiseWord,
    due_at: Option<Timestamp>,
    directory: &Directory,
) -> String {
    let user = match to {
        To::Person { user, .. } => directory.users.get(user),
        To::Channel(_) | To::Outside => None,
    };
    let customer = alert.customer.as_ref().and_then(|customer| directory.customers.get(customer));
    let german = match user {
        Some(user) => user.language.0.starts_with("de"),
        None => customer.and_then(|customer| customer.language.as_ref()).is_some_and(|own| own.0.starts_with("de")),
    };
    let zone = user
        .and_then(|user| user.time_zone.clone())
        .or_else(|| customer.and_then(|customer| customer.time_zone.clone()))
        .unwrap_or(TimeZone::UTC);
    let due = due_at.map_or_else(|| "–".to_owned(), |at| moment(at, &zone));
    let (reference, share, sla) = (&alert.reference, measured.warned, &measured.sla);
    let late = said == PromiseWord::Breached;
    match (german, measured.promise, late) {
        (false, Promise::Response, false) => {
            format!(
                "SLA {sla}: {share} % of the time in which somebody must take alert #{reference} has passed; due {due}."
            )
        }
        (false, Promise::Response, true) => {
            format!("SLA {sla} is broken: nobody had taken alert #{reference} by {due}.")
        }
        (false, Promise::Resolution | Promise::Update, false) => {
            format!("SLA {sla}: {share} % of the time to resolve alert #{reference} has passed; due {due}.")
        }
        (false, Promise::Resolution | Promise::Update, true) => {
            format!("SLA {sla} is broken: alert #{reference} was not resolved by {due}.")
        }
        (true, Promise::Response, false) => format!(
            "SLA {sla}: {share} % der Zeit, in der jemand Alarm #{reference} übernehmen muss, sind um; fällig {due}."
        ),
        (true, Promise::Response, true) => {
            format!("SLA {sla} ist verletzt: Alarm #{reference} war bis {due} nicht übernommen.")
        }
        (true, Promise::Resolution | Promise::Update, false) => {
            format!("SLA {sla}: {share} % der Zeit zur Lösung von Alarm #{reference} sind um; fällig {due}.")
        }
        (true, Promise::Resolution | Promise::Update, true) => {
            format!("SLA {sla} ist verletzt: Alarm #{reference} war bis {due} nicht gelöst.")
        }
    }
}

/// `2026-11-30 09:00 Europe/Berlin`.
fn moment(at: Timestamp, zone: &TimeZone) -> String {
    let local = zone.to_datetime(at);
    format!("{} {}", local.strftime("%Y-%m-%d %H:%M"), zone.iana_name().unwrap_or("UTC"))
}
