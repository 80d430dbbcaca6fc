//! What is asked of a person's document by who writes it: phones that are not theirs, and PINs tried out.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use axum::http::{StatusCode, header};
use hotline_core::directory::{Address, Destination, Directory};
use hotline_core::ids::{PhoneId, UserId};
use parking_lot::Mutex;
use serde_json::{Map, Value};

use crate::http::AppState;
use crate::http::auth::{Right, Viewer};
use crate::http::problem::{FieldError, Problem};

/// PINs that somebody may try to set in [`DAY`].
const CHANGES: usize = 5;
const DAY: Duration = Duration::from_hours(24);

/// Who set PINs lately, refused ones too: an answer tells whether somebody else has the PIN. In memory, each node its own.
#[derive(Debug, Default)]
pub struct PinChanges(Mutex<HashMap<String, Vec<Instant>>>);

impl PinChanges {
    /// Counts one; `Err`: there were too many, the next is free in so long.
    fn count(&self, who: &str, now: Instant) -> Result<(), Duration> {
        let mut known = self.0.lock();
        known.retain(|_, times| {
            times.retain(|at| now.saturating_duration_since(*at) < DAY);
            !times.is_empty()
        });
        let times = known.entry(who.to_owned()).or_default();
        if let Some(first) = times.first().filter(|_| times.len() >= CHANGES) {
            return Err((*first + DAY).saturating_duration_since(now));
        }
        times.push(now);
        Ok(())
    }
}

/// Before anything about the document is answered.
pub(super) fn check(state: &AppState, viewer: &Viewer, id: &str, fields: &Map<String, Value>) -> Result<(), Problem> {
    if !viewer.may(Right::Configure) {
        own_phones(&state.board().directory(), id, fields)?;
    }
    let Some(pin) = fields.get("pin").filter(|pin| !pin.is_null()) else { return Ok(()) };
    let in_force = state.board().in_force();
    let known = in_force.things.get("users").and_then(|users| users.get(id)).and_then(|user| user.body.get("pin"));
    if known == Some(pin) {
        return Ok(());
    }
    // A person counts as one, by whichever login.
    let who = viewer.user.as_ref().map_or_else(|| viewer.shown(), |user| format!("user {user}"));
    state.0.pin_changes.count(&who, crate::clock::now().mono).map_err(|wait| {
        let seconds = wait.as_secs().max(1);
        Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too-many-pins",
            "Too many PINs",
            format!(
                "{CHANGES} PINs may be set a day, refused ones count too; try again in {} h. The rest can be written without `pin`.",
                seconds.div_ceil(3_600)
            ),
        )
        .with(header::RETRY_AFTER, seconds.to_string())
    })
}

/// Who is no admin has only their own phones as contacts; what an admin gave them stays.
fn own_phones(directory: &Directory, id: &str, fields: &Map<String, Value>) -> Result<(), Problem> {
    let person = directory.users.get(&UserId::from(id));
    let theirs = |account: &str| {
        let phone = Destination::Phone(PhoneId::from(account));
        let registered = directory.phones.get(&PhoneId::from(account)).and_then(|phone| phone.user.as_ref());
        let listed = person.is_some_and(|person| {
            let contact = Address::Call(phone.clone());
            person.phones.contains(&phone) || person.contacts.iter().any(|known| known.address == contact)
        });
        listed || registered.is_some_and(|user| user.0 == id)
    };
    let contacts = fields.get("contacts").and_then(Value::as_array);
    for (at, contact) in contacts.into_iter().flatten().enumerate() {
        let Some(address) = contact.get("address").and_then(Value::as_str) else { continue };
        let Some(account) = address.trim().strip_prefix("phone:").filter(|account| !theirs(account)) else { continue };
        let what = format!("phone:{account} is not this person's phone; write one of their own, or ask an admin");
        let mut problem = Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid-document",
            "The document is not valid",
            what.clone(),
        );
        problem.errors = [FieldError { field: format!("contacts[{at}].address"), detail: what }].into();
        problem.field = problem.errors.first().map(|error| error.field.as_str().into());
        return Err(problem);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_a_day() {
        let changes = PinChanges::default();
        let start = crate::clock::now().mono;
        for n in 0..5 {
            assert_eq!(changes.count("ada", start + Duration::from_hours(n)), Ok(()));
        }
        assert_eq!(changes.count("ada", start + Duration::from_hours(5)), Err(Duration::from_hours(19)));
        assert_eq!(changes.count("ben", start + Duration::from_hours(5)), Ok(()));
        assert_eq!(changes.count("ada", start + DAY), Ok(()));
        assert!(changes.count("ada", start + DAY).is_err(), "one was free, four are not a day old");
    }
}
