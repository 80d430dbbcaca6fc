//! The steps of the waiting alert's call, and the calls that run.

use hotline_core::call::CallView;
use hotline_core::fact::Direction;
use hotline_core::ids::{CallId, NumberId, UserId};
use hotline_core::private::Private;
use jiff::Timestamp;

use super::super::hotline::store::read::{LegRow, TimelineRow};
use super::{ALERT_HOSTILE, ALERT_WAITING, CALL_HOSTILE, CALL_LIVE, CALL_VOICEMAIL, HOSTILE, Kept, id};

/// What a leg's row says of its sound.
const QUALITY: &str = r#"{"codec":"PCMA","sent":5500,"received":5489,"lost":11,"jitter_ms":3.4,"told":{"lost":210,"jitter_ms":9.5},"round_trip_ms":41.2}"#;

impl Kept {
    pub fn steps(&mut self, at: i64) {
        let leg =
            |leg, person: Option<&str>, destination: &str, from: i64, answered: Option<i64>, cause: &str| LegRow {
                leg,
                person: person.map(str::to_owned),
                destination: destination.to_owned(),
                started_at: at + from,
                answered_at: answered.map(|answered| at + answered),
                accepted_at: None,
                ended_at: Some(at + 154_000),
                cause: Some(cause.to_owned()),
                quality: answered.map(|_| QUALITY.to_owned()),
            };
        let call = id(CALL_VOICEMAIL).to_string();
        self.legs.push((call.clone(), leg(0, None, "trunk:carrier", 0, Some(300), "hung up")));
        self.legs.push((call.clone(), leg(1, Some("engineer-1"), "phone engineer-1", 75_000, None, "no answer")));
        self.legs.push((
            call,
            leg(2, Some("engineer-2"), "number …42 via carrier", 101_000, Some(112_000), "mailbox: nobody pressed 1"),
        ));
        let lines = [
            (
                0,
                "call-started",
                "Call from +442011122334 to hotline",
                "the number is configured and belongs to flow hotline",
            ),
            (120, "customer-identified", "Customer: Acme Logistics", "the caller's number begins with +44201112"),
            (
                300,
                "alert-opened",
                "Alert opened: Fault reported by Acme Logistics on hotline",
                "an alert exists from the first second, whatever happens to the call",
            ),
            (400, "step", "Greeting", ""),
            (9_000, "step", "Menu: the caller pressed 1", "1 is: report a fault"),
            (20_000, "recording-started", "Asking: who is calling?", ""),
            (36_000, "recording-started", "Asking again: what has happened?", "the caller pressed 2 to answer again"),
            (66_000, "answers-confirmed", "The caller confirmed the answers", "key 1"),
            (75_000, "leg-started", "Calling Ada Winter on phone engineer-1", "on call by on-call until Thu 00:00 UTC"),
            (100_000, "leg-ended", "Ada Winter: no answer", "rang 25 s"),
            (101_000, "leg-started", "Calling Ben Sommer on number …42 via carrier", "second in rotation on-call"),
            (112_000, "leg-answered", "Ben Sommer's phone was answered", "answered is not accepted: waiting for key 1"),
            (131_000, "leg-declined", "No key was pressed on Ben Sommer's phone", "it may have been a mailbox"),
            (
                154_000,
                "call-ended",
                "The call ended: report recorded",
                "nobody accepted; the caller was told that somebody calls back",
            ),
            (300_000, "alert-rings", "People are rung, round 1", "nobody has acknowledged the alert for 5 min"),
        ];
        for (seq, (after, kind, what, why)) in lines.into_iter().enumerate() {
            self.timeline.push(TimelineRow {
                seq: seq as i64 + 1,
                call_id: Some(id(CALL_VOICEMAIL).to_string()),
                alert_id: Some(id(ALERT_WAITING).to_string()),
                at: at + after,
                kind: kind.to_owned(),
                what: what.to_owned(),
                why: why.to_owned(),
                text: None,
            });
        }
        self.timeline.push(TimelineRow {
            seq: 90,
            call_id: Some(id(CALL_HOSTILE).to_string()),
            alert_id: Some(id(ALERT_HOSTILE).to_string()),
            at,
            kind: "call-started".to_owned(),
            what: format!("Call from {HOSTILE} to hotline"),
            why: HOSTILE.to_owned(),
            text: None,
        });
    }

    pub fn live(&mut self, now: i64) {
        let view =
            |number, customer: Option<&str>, caller: Option<&str>, ago: i64, state: &str, person: Option<&str>| {
                CallView {
                    id: CallId(id(number)),
                    alert: None,
                    direction: Direction::Inbound,
                    number: NumberId::from("hotline"),
                    reference: format!("{}", 4_710 + number),
                    caller: caller.map(Private::from),
                    customer: customer.map(Into::into),
                    started: Timestamp::from_millisecond(now - ago).expect("a time"),
                    state: state.to_owned(),
                    person: person.map(UserId::from),
                    talks: state == "with",
                    supervisors: Vec::new(),
                }
            };
        self.live.push(view(CALL_LIVE, Some("muster"), Some("+493099900017"), 48_000, "asking what", None));
        self.live.push(view(CALL_LIVE + 2, None, Some(HOSTILE), 95_000, "calling", Some("engineer-1")));
    }
}
