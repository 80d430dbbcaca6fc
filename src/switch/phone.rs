//! A notification by telephone: one call of our own to one phone.

use std::time::Duration;

use hotline_core::call::outside::{NoticeAlert, NoticeAnswer, NoticeTo};
use hotline_core::call::{Call, Notice, notice};
use hotline_core::directory::{Destination, Language};
use hotline_core::fact::Priority;
use hotline_core::ids::{AlertId, CallId, RecordingId, UserId};
use tokio::sync::oneshot;

use super::{Switch, task};
use crate::clock::now;

/// What a person is rung about.
#[derive(Debug, Clone, PartialEq)]
pub struct PhoneNotice {
    /// Whom.
    pub user: Option<UserId>,
    /// Where.
    pub destination: Destination,
    /// In which language.
    pub language: Language,
    /// The alerts it is about, the carrier first. Empty: a test or a code.
    pub alerts: Vec<SpokenAlert>,
    /// Said after the key, where it is not about alerts (a verification code's digits, "this is a test").
    pub text: Option<String>,
}

/// What is said about an alert after the key.
#[derive(Debug, Clone, PartialEq)]
pub struct SpokenAlert {
    /// Which.
    pub id: AlertId,
    /// Spoken.
    pub reference: String,
    /// Spoken by the voice (title, priority, customer), in the receiver's language where prompts exist.
    pub title: String,
    /// `P1` …
    pub priority: String,
    /// Spoken.
    pub customer: Option<String>,
    /// Which runbook helps, spoken.
    pub runbook: Option<String>,
    /// What its caller said.
    pub recordings: Vec<RecordingId>,
}

/// What came of the call. Answered is not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PhoneAnswer {
    /// 1: they have it.
    Acknowledged,
    /// 2: the next step, please.
    Escalate,
    /// 3: they were joined to the caller who was waiting (and have it).
    Joined,
    /// A key was pressed (test, code heard), but nothing taken.
    Heard,
    /// Rung, not answered, or answered by whatever presses no key.
    NoAnswer,
    /// Busy.
    Busy,
    /// Not registered, trunk down: with the remedy, no numbers.
    Unreachable(String),
}

/// A call to a phone ends by itself before that; whoever waits for it does not wait for ever even if it does not.
const PATIENCE: Duration = Duration::from_secs(200);

impl Switch {
    /// Rings and waits for what comes of it; as long as a phone rings and a person listens, at most three minutes. Acknowledging and escalating
    /// is done by the caller of this (`deliver`), through `Switch::command`.
    pub async fn phone(&self, notice: PhoneNotice) -> PhoneAnswer {
        if let Err(why) = self.can_dial(&notice.destination) {
            return PhoneAnswer::Unreachable(why);
        }
        let of_alert = |alert: &SpokenAlert| {
            let names = [alert.customer.clone(), Some(alert.title.clone()), alert.runbook.clone()];
            names.into_iter().flatten().collect::<Vec<_>>()
        };
        let names = notice.alerts.iter().flat_map(of_alert);
        let words = notice.text.iter().filter(|text| notice::code_in(text).is_none()).cloned();
        self.make_ready(&notice.language, names.chain(words).collect()).await;
        let (sender, answer) = oneshot::channel();
        task::spawn_notice(self, self.notice_call(notice), sender);
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(Ok(answer)) => said(answer),
            Ok(Err(_)) => {
                PhoneAnswer::Unreachable("a fault of ours ended the call; the log has the details".to_owned())
            }
            Err(_) => PhoneAnswer::NoAnswer,
        }
    }

    fn notice_call(&self, notice: PhoneNotice) -> Call {
        let moment = now();
        let ids: Vec<AlertId> = notice.alerts.iter().map(|alert| alert.id).collect();
        let caller_waits = self.waiting_caller(&ids).is_some();
        let number = ids.first().and_then(|id| self.open_alert(*id)).map(|open| open.number).unwrap_or_default();
        let told = |alert: SpokenAlert| NoticeAlert {
            id: alert.id,
            reference: alert.reference,
            title: alert.title,
            priority: Priority::from_word(&alert.priority),
            customer: alert.customer,
            runbook: alert.runbook,
            recordings: alert.recordings,
        };
        let notice = Notice {
            call: CallId(self.0.ids.lock().uuid(moment.wall)),
            number,
            to: NoticeTo {
                person: notice.user,
                destination: notice.destination,
                language: notice.language,
                alerts: notice.alerts.into_iter().map(told).collect(),
                text: notice.text.map(Into::into),
                caller_waits,
            },
            directory: self.directory(),
            seed: rand::random(),
        };
        Call::notice(notice, moment)
    }

    /// Whether this destination can be dialled from this node now; else why not.
    pub fn can_dial(&self, destination: &Destination) -> Result<(), String> {
        match destination {
            Destination::Phone(phone) if self.registered().iter().any(|entry| entry.phone == *phone) => Ok(()),
            Destination::Phone(phone) => Err(format!("phone {phone} is not registered here; switch it on")),
            Destination::Number { trunk, .. } => match self.trunks().into_iter().find(|state| state.trunk == *trunk) {
                Some(state) if state.up => Ok(()),
                Some(state) => Err(format!("trunk {trunk} is down: {}", state.status)),
                None => Err(format!("trunk {trunk} is not configured any more")),
            },
            Destination::Sip(_) => Ok(()),
        }
    }
}

fn said(answer: NoticeAnswer) -> PhoneAnswer {
    match answer {
        NoticeAnswer::Acknowledged => PhoneAnswer::Acknowledged,
        NoticeAnswer::Escalate => PhoneAnswer::Escalate,
        NoticeAnswer::Joined => PhoneAnswer::Joined,
        NoticeAnswer::Heard => PhoneAnswer::Heard,
        NoticeAnswer::NoAnswer => PhoneAnswer::NoAnswer,
        NoticeAnswer::Busy => PhoneAnswer::Busy,
        NoticeAnswer::Unreachable(why) => PhoneAnswer::Unreachable(why),
    }
}
