//! Sends customers their reports, each period once, with the document.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock::now;
use crate::paper;
use crate::store::reports::SendingKey;
use crate::store::{Store, StoreError};
use crate::switch::Switch;
use crate::switch::slas::{Due, ReportError};

/// Between two looks.
const EVERY: Duration = Duration::from_mins(1);

/// Until stopped.
pub async fn run(switch: Switch, store: Store, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            sent = send(&switch, &store) => if let Err(error) = sent {
                tracing::debug!(%error, "customers' reports can't be looked at now; it is tried again");
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// Sends what is due; how many.
pub async fn send(switch: &Switch, store: &Store) -> Result<usize, StoreError> {
    let mut sent = 0;
    let known = store.reports_known(&switch.reports(), now().wall).await?;
    for due in switch.due_reports(now().wall) {
        // A period that was over before anybody asked for the report is not made up for: the first is the one that runs then.
        let since = known.get(&(due.customer.0.clone(), due.report.clone()));
        if since.is_none_or(|since| due.to <= *since) {
            continue;
        }
        let period = due.period.to_string();
        let key = SendingKey { customer: &due.customer.0, report: &due.report, period: &period, contact: &due.contact };
        if !store.claim_report(&key, now().wall).await? {
            continue;
        }
        let outcome = one(switch, &due).await;
        match &outcome {
            Ok(()) => {
                sent += 1;
                tracing::info!(customer = %due.customer, report = %due.report, %period, "a report was sent to the customer");
            }
            Err(Some(why)) => {
                tracing::warn!(customer = %due.customer, report = %due.report, %period, why, "a report can't be sent to the customer");
            }
            Err(None) => {}
        }
        store.finish_report(&key, outcome.as_ref().copied().map_err(|why| why.as_deref()), now().wall).await?;
    }
    Ok(sent)
}

/// `Err(None)`: later; `Err(Some)`: never, and why.
async fn one(switch: &Switch, due: &Due) -> Result<(), Option<String>> {
    let report = switch.customer_report(&due.customer, due.from, due.to, None).await.map_err(|error| match error {
        ReportError::Store(_) => None,
        ReportError::Unknown | ReportError::TooMuch => Some(error.to_string()),
    })?;
    let attach = due.attach;
    let made = tokio::task::spawn_blocking(move || {
        let document = if attach { paper::pdf(&report) } else { Vec::new() };
        (report, document)
    });
    let (report, document) = made.await.map_err(|_| Some("the document can't be made".to_owned()))?;
    switch.send_report(due, &report, document).await
}
