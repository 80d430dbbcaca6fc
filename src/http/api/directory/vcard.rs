//! `hotline.vcf`: all numbers that the hotline calls from and is called at, as one contact. On a telephone whose
//! Do-Not-Disturb lets this contact through, the hotline wakes its person.

use std::collections::BTreeSet;
use std::fmt::Write;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use hotline_core::private::Private;

use crate::http::AppState;
use crate::http::auth::{Right, Viewer};
use crate::http::problem::Problem;

/// The hotline's numbers as vCard 4.0 (RFC 6350).
pub async fn vcard(viewer: Viewer, State(state): State<AppState>) -> Result<Response, Problem> {
    viewer.require(Right::SeeAlerts)?;
    if viewer.customers.as_ref().is_some_and(Vec::is_empty) {
        return Err(Problem::forbidden("role-not-enough", "This login sees no customer, so it is called by nobody."));
    }
    let directory = state.board().directory();
    let from = directory.trunks.values().filter_map(|trunk| trunk.caller_id.as_ref().map(Private::reveal));
    let at = directory.numbers.values().filter(|number| !number.test).map(|number| &number.id.0);
    let numbers: BTreeSet<&String> = from.chain(at).filter(|number| number.starts_with('+')).collect();
    let mut card = String::from("BEGIN:VCARD\r\nVERSION:4.0\r\nKIND:org\r\nFN:Hotline\r\nORG:Hotline\r\n");
    for number in numbers {
        // Writing to a String cannot fail.
        let _ = write!(card, "TEL;VALUE=uri;TYPE=\"voice,work\":tel:{number}\r\n");
    }
    if let Some(url) = &state.settings().public_url {
        let _ = write!(card, "URL:{}\r\n", url.replace(['\r', '\n'], ""));
    }
    card.push_str("NOTE:Let this contact through Do Not Disturb.\r\nEND:VCARD\r\n");
    let name = "attachment; filename=\"hotline.vcf\"";
    let headers = [(header::CONTENT_TYPE, "text/vcard; charset=utf-8"), (header::CONTENT_DISPOSITION, name)];
    Ok((headers, card).into_response())
}
