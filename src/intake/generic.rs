//! `POST /intake/generic/{key}`: events of any tool.

use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hotline_core::alert::intake::Action;
use hotline_core::directory::{AlertSource, Directory};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::fields::{self, Around, Understood};
use super::problem::Fault;
use super::{Intake, body, by_key, signature};
use crate::clock::now;
use crate::store::alerts::Taken;
use crate::switch::events::{IntakeError, Outcome};

/// Characters of a delivery's id at most.
const DELIVERY_MAX: usize = 200;

/// Takes one body; answers 202 when its events are durable.
pub async fn take(State(intake): State<Intake>, Path(key): Path<String>, request: Request) -> Result<Response, Fault> {
    let (parts, sent) = request.into_parts();
    let directory = intake.0.door.directory();
    let source =
        by_key(&key, directory.sources.values(), |source| &source.key_sha256).ok_or_else(Fault::unknown_key)?;
    // Before the body is read: who has the wrong clock need not send it.
    let claimed = signature::claimed(source, &parts.headers, now().wall)?;
    let bytes = body::read(&parts.headers, sent).await?;
    if let Some(claimed) = &claimed {
        claimed.verify(source, &bytes)?;
    }
    let signed = claimed.map(|claimed| format!("signed:{}", claimed.digest(&bytes)));
    let named = delivery(&parts.headers)?;
    let deliveries: Vec<String> = [named, signed].into_iter().flatten().collect();

    // Whoever comes with the same delivery at the same time waits for us. The order of the two is the same for all.
    let mut turns = Vec::new();
    for delivery in &deliveries {
        let turn = intake.0.deliveries.turn(&source.id, delivery, now().mono).await;
        let known = match &*turn {
            Some(answer) => Some(answer.clone()),
            None => intake.0.door.answered(&source.id, delivery).await,
        };
        if let Some(answer) = known {
            return Ok(told(StatusCode::OK, answer));
        }
        turns.push(turn);
    }

    let payload = body::parse(&parts.headers, &bytes)?;
    intake.0.rates.take(&source.id, payload.events.len().max(1), now().mono).map_err(Fault::too_many)?;
    let understood = understand(&intake, source, &directory, &payload, deliveries.first());
    let taken = keep(&intake, source, &understood).await?;
    let answer = answer(&understood, taken.as_deref(), payload.single).to_string();
    for turn in &mut turns {
        **turn = Some(answer.clone());
    }
    if !deliveries.is_empty() {
        intake.0.door.remember(&source.id, &deliveries, &answer, now().wall).await;
    }
    Ok(told(StatusCode::ACCEPTED, answer))
}

/// `X-Hotline-Delivery`, where the tool sends one.
fn delivery(headers: &HeaderMap) -> Result<Option<String>, Fault> {
    let Some(value) = headers.get("x-hotline-delivery") else { return Ok(None) };
    let id = value.to_str().ok().map(str::trim).filter(|id| (1..=DELIVERY_MAX).contains(&id.len()));
    id.map(|id| Some(format!("id:{id}"))).ok_or_else(|| {
        Fault::new(
            StatusCode::BAD_REQUEST,
            "delivery-malformed",
            "X-Hotline-Delivery can't be read",
            "It must have 1 to 200 visible ASCII characters, another for each delivery, the same when one is sent again.",
        )
    })
}

fn understand(
    intake: &Intake,
    source: &AlertSource,
    directory: &Directory,
    payload: &body::Payload,
    delivery: Option<&String>,
) -> Vec<Understood> {
    let each = payload.events.iter().enumerate().map(|(place, value)| {
        let around = Around {
            source,
            directory,
            mapped: intake.0.mappings.run(source, value),
            mended: payload.mended,
            delivery: delivery.map(|delivery| (delivery.as_str(), place)),
        };
        fields::understand(value, around)
    });
    each.collect()
}

/// Hands on what can do something; the answers are in the order of all. `None`: queued.
async fn keep(intake: &Intake, source: &AlertSource, understood: &[Understood]) -> Result<Option<Vec<Taken>>, Fault> {
    let events: Vec<_> = understood.iter().filter(|one| !one.pointless).map(|one| one.event.clone()).collect();
    if events.is_empty() {
        return Ok(Some(vec![Taken { alert: None, opened: false }; understood.len()]));
    }
    let taken = match intake.0.door.take(&source.id, events).await {
        Ok(Outcome::Kept(taken)) => taken,
        Ok(Outcome::Queued) => return Ok(None),
        // Removed at this very moment.
        Err(IntakeError::UnknownSource) => return Err(Fault::unknown_key()),
        Err(error @ IntakeError::Full) => {
            return Err(Fault::unavailable("too-busy", format!("{error}. Nothing of this body was taken.")));
        }
        Err(error @ IntakeError::NotKept(_)) => {
            tracing::error!(source = %source.id, %error, "events were refused");
            return Err(Fault::unavailable(
                "not-kept",
                "Neither the database nor the disk takes events. Nothing of this body was taken; send it again.",
            ));
        }
    };
    let mut taken = taken.into_iter();
    let nothing = Taken { alert: None, opened: false };
    let all = understood
        .iter()
        .map(|one| if one.pointless { nothing.clone() } else { taken.next().unwrap_or(nothing.clone()) });
    Ok(Some(all.collect()))
}

fn answer(understood: &[Understood], taken: Option<&[Taken]>, single: bool) -> Value {
    let mut results: Vec<Value> =
        understood.iter().enumerate().map(|(place, one)| result(one, taken.map(|taken| &taken[place]))).collect();
    match results.pop() {
        Some(only) if single => only,
        last => {
            results.extend(last);
            let status = if taken.is_none() { "queued" } else { "accepted" };
            json!({ "status": status, "count": results.len(), "results": results })
        }
    }
}

fn result(one: &Understood, taken: Option<&Taken>) -> Value {
    let trigger = one.event.action == Action::Trigger;
    let (status, message) = match taken {
        _ if one.pointless => ("ignored", "Nothing was done: without a dedup_key no alert can be found."),
        None => ("queued", "Safely kept on disk; it becomes an alert as soon as the database is back."),
        Some(taken) if taken.opened => ("opened", "An alert was opened."),
        Some(Taken { alert: Some(_), .. }) if trigger => ("joined", "It joined an open alert."),
        Some(Taken { alert: Some(_), .. }) if one.event.action == Action::Resolve => {
            ("resolved", "The alert is resolved.")
        }
        Some(Taken { alert: Some(_), .. }) => ("acknowledged", "The alert is acknowledged."),
        Some(_) => ("nothing-open", "No open alert has this dedup_key; nothing was to be done."),
    };
    let mut result = json!({
        "status": status, "message": message,
        "alert": taken.and_then(|taken| taken.alert).map(|alert| alert.to_string()),
        "dedup_key": one.event.dedup_key, "opened": taken.is_some_and(|taken| taken.opened),
    });
    if !one.warnings.is_empty() {
        result["warnings"] = one.warnings.clone().into();
    }
    result
}

fn told(status: StatusCode, answer: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], answer).into_response()
}

impl signature::Claimed<'_> {
    /// What was signed, the same whichever secret signed it.
    fn digest(&self, body: &[u8]) -> String {
        let mut hash = Sha256::new();
        hash.update(self.moment().as_bytes());
        hash.update(b".");
        hash.update(body);
        hex::encode(hash.finalize())
    }
}
