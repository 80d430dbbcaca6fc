//! A person's contacts: proven by a code before they are used, and tested.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use hotline_core::call::callback::contact_allowed;
use hotline_core::directory::{Address, Contact, Destination, code};
use hotline_core::ids::UserId;
use hotline_core::notify::{Kind, Planned, To};
use rand::Rng;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::http::AppState;
use crate::http::auth::{Right, Viewer};
use crate::http::problem::Problem;
use crate::store::alerts::Audited;
use crate::switch::documents::address_hash;

/// Between two tests of one contact.
const PAUSE_MS: i64 = 60_000;

/// The contact, if it is there and the viewer may: their own, or an admin's doing.
fn contact(state: &AppState, viewer: &Viewer, user: &UserId, id: &str) -> Result<Contact, Problem> {
    if viewer.user.as_ref() != Some(user) {
        viewer.require(Right::Configure)?;
    }
    let directory = state.board().directory();
    let person = directory.users.get(user).ok_or_else(|| Problem::not_found("user"))?;
    let found = person.contacts.iter().find(|contact| contact.id == id).cloned();
    found.ok_or_else(|| Problem::not_found("contact"))
}

/// What was written before a rule was there, or before a trunk's prefixes changed, is not dialled either. A person's
/// phones are an admin's word.
fn may_be_reached(state: &AppState, user: &UserId, contact: &Contact) -> Result<(), Problem> {
    let directory = state.board().directory();
    let phone = |phone: &Destination| contact.address == Address::Call(phone.clone());
    if directory.users.get(user).is_some_and(|person| person.phones.iter().any(phone)) {
        return Ok(());
    }
    contact_allowed(&directory, &contact.address).map_err(|why| {
        Problem::new(StatusCode::CONFLICT, "not-allowed", "The contact may not be reached", format!("{why}."))
    })
}

fn code_hash(user: &UserId, contact: &str, code: &str) -> String {
    hex::encode(Sha256::digest(format!("{user}\0{contact}\0{code}")))
}

fn planned(user: &UserId, contact: &Contact, kind: Kind, why: &str) -> Planned {
    let now = crate::clock::now().wall;
    Planned {
        key: format!("{}/{user}/{}/{}", kind.word(), contact.id, now.as_millisecond()),
        alert: None,
        to: To::Person { user: user.clone(), contact: contact.id.clone() },
        address: contact.address.clone(),
        due: now,
        kind,
        why: why.to_owned(),
    }
}

fn too_soon(wait_ms: i64) -> Problem {
    let seconds = (wait_ms / 1_000).max(1);
    Problem::new(
        StatusCode::TOO_MANY_REQUESTS,
        "too-soon",
        "Too soon after the last one",
        format!("One a minute goes to a person and to an address, and none for ten minutes after five wrong codes; try again in {seconds} s."),
    )
    .with(header::RETRY_AFTER, seconds.to_string())
}

/// Sends a code to the contact.
pub async fn verify(
    viewer: Viewer,
    State(state): State<AppState>,
    Path((user, id)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let user = UserId(user);
    let contact = contact(&state, &viewer, &user, &id)?;
    if contact.verified {
        return Ok(Json(json!({ "state": "verified" })).into_response());
    }
    may_be_reached(&state, &user, &contact)?;
    let now = crate::clock::now().wall;
    let code = format!("{:06}", rand::rng().random_range(0..1_000_000_u32));
    let (address, hash) = (address_hash(&contact.address), code_hash(&user, &id, &code));
    if let Some(wait) = state.records().put_contact_code(&user, &id, &address, &hash, now).await? {
        return Err(too_soon(wait));
    }
    let planned = planned(&user, &contact, Kind::Verification, "to prove that this contact is theirs");
    // A voice spells digits; a message has a sentence around them.
    let text = match contact.address {
        Address::Call(Destination::Phone(_) | Destination::Number { .. } | Destination::Sip(_)) => code,
        Address::Sms(_)
        | Address::Email(_)
        | Address::Ntfy(_)
        | Address::Telegram(_)
        | Address::Slack(_)
        | Address::Teams(_)
        | Address::Webhook(_) => format!("{code} is your hotline code. It is good for 10 minutes."),
    };
    state.records().notify(&[planned], Some(&text), now).await?;
    let body = json!({ "state": "sent", "expires_at": crate::http::params::rfc3339(now.as_millisecond() + code::GOOD_FOR_MS) });
    Ok((StatusCode::ACCEPTED, Json(body)).into_response())
}

/// The code that came.
pub async fn confirm(
    viewer: Viewer,
    State(state): State<AppState>,
    Path((user, id)): Path<(String, String)>,
    body: Bytes,
) -> Result<Response, Problem> {
    let user = UserId(user);
    let contact = contact(&state, &viewer, &user, &id)?;
    let sent: Value = serde_json::from_slice(&body).unwrap_or_default();
    let code = sent.get("code").and_then(Value::as_str).map(str::trim);
    let code = code.filter(|code| code.len() == 6 && code.bytes().all(|b| b.is_ascii_digit()));
    let code =
        code.ok_or_else(|| Problem::invalid("code", "Send {\"code\": \"123456\"}: the six digits that came."))?;
    let none = |detail: &str| Problem::new(StatusCode::CONFLICT, "no-code", "No code is waited for", detail);
    let now = crate::clock::now().wall;
    let kept = state.records().contact_code(&user, &id).await?;
    let Some(kept) = kept.filter(|kept| kept.code.is_some() && kept.address == address_hash(&contact.address)) else {
        return Err(none("Ask for one with POST …/verify; a changed address needs a new one."));
    };
    if kept.sent_at.is_none_or(|sent| now.as_millisecond() > sent + code::GOOD_FOR_MS) {
        return Err(none("The code is older than 10 minutes. Ask for a new one with POST …/verify."));
    }
    let Some(left) = state.records().count_code_try(&user, &id, &kept.address, now).await? else {
        return Err(none(
            "Five wrong tries: no code is worth anything any more. Ask for a new one in ten minutes with POST …/verify.",
        ));
    };
    let hash = code_hash(&user, &id, code);
    if kept.code.as_deref() != Some(hash.as_str()) {
        let detail = format!("This is not the code that was sent. {left} tries are left.");
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "wrong-code", "The code is wrong", detail));
    }
    let audited = Audited {
        actor: viewer.shown(),
        action: "contact.verify".to_owned(),
        object: format!("user:{user}"),
        detail: json!({ "contact": id, "kind": contact.address.kind() }).to_string(),
        personal: Vec::new(),
    };
    if !state.records().verify_contact(&user, &id, &hash, &[audited], now).await? {
        return Err(none("It was used already."));
    }
    state.board().follow_documents().await?;
    Ok(Json(json!({ "state": "verified" })).into_response())
}

/// "Test my phone": a notification that is nothing but a test.
pub async fn test(
    viewer: Viewer,
    State(state): State<AppState>,
    Path((user, id)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let user = UserId(user);
    let contact = contact(&state, &viewer, &user, &id)?;
    if !contact.verified {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "not-verified",
            "The contact is not verified",
            "Nothing but a code is sent to it before. Ask for one with POST …/verify, and send it to …/confirm.",
        ));
    }
    let now = crate::clock::now().wall;
    // The same key within a minute: one test, however often it is asked for.
    let planned = Planned {
        key: format!("test/{user}/{id}/{}", now.as_millisecond() / PAUSE_MS),
        ..planned(&user, &contact, Kind::Test, &format!("asked for by {}", viewer.shown()))
    };
    let made = state.records().notify(&[planned], None, now).await?;
    if made.is_empty() {
        return Err(too_soon(PAUSE_MS - now.as_millisecond() % PAUSE_MS));
    }
    let ids: Vec<String> = made.iter().map(ToString::to_string).collect();
    Ok((StatusCode::ACCEPTED, Json(json!({ "state": "sent", "notifications": ids }))).into_response())
}
