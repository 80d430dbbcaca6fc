//! The caller learns by SMS that somebody has taken the report, where the number's callers have agreed to that.

use hotline_core::directory::Address;
use hotline_core::ids::AlertId;
use hotline_core::notify::{Kind, Planned, To};

use super::Switch;
use crate::clock::now;

/// Beginnings of mobile numbers, after `+`.
const MOBILE: [&str; 19] = [
    "4915", "4916", "4917", "4365", "4366", "4367", "4368", "4369", "4175", "4176", "4177", "4178", "4179", "447",
    "336", "337", "316", "352621", "352691",
];

/// Whether an SMS can reach this number (E.164), as far as its beginning tells.
pub(super) fn is_mobile(number: &str) -> bool {
    let digits = number.strip_prefix('+').unwrap_or_default();
    digits.bytes().all(|byte| byte.is_ascii_digit()) && MOBILE.iter().any(|beginning| digits.starts_with(beginning))
}

impl Switch {
    /// Somebody has taken this alert: its caller gets an SMS, once, if the number says so. Returns at once.
    pub(super) fn tell_caller(&self, alert: AlertId) {
        let Some(open) = self.0.board.lock().anywhere(alert).cloned() else { return };
        let directory = self.directory();
        let wanted = directory.numbers.get(&open.number).is_some_and(|number| number.sms_when_taken);
        let Some(caller) = open.caller.filter(|caller| wanted && is_mobile(caller.reveal())) else { return };
        if open.call.is_none() {
            return;
        }
        let planned = Planned {
            // The same for the same report, whoever takes it and however often.
            key: format!("{alert}/caller/taken"),
            alert: Some(alert),
            to: To::Outside,
            address: Address::Sms(caller),
            due: now().wall,
            kind: Kind::Caller,
            why: format!("the number {} tells callers by SMS when somebody has taken their report", open.number),
        };
        let switch = self.clone();
        self.0.tasks.spawn(async move {
            match switch.0.store.notify(&[planned], None, now().wall).await {
                Ok(_) => switch.poke_delivery(),
                Err(error) => tracing::warn!(%alert, %error, "the caller's SMS could not be kept, so none is sent"),
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::is_mobile;

    #[test]
    fn mobile_numbers_are_told_by_their_beginning() {
        assert!(is_mobile("+4915155501") && is_mobile("+447700900123"));
        assert!(!is_mobile("+493055501") && !is_mobile("acme") && !is_mobile("+4915x") && !is_mobile(""));
    }
}
