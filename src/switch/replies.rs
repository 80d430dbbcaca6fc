//! What people answer: an SMS with "1", a button in a chat; and what providers report later. Who it is is known by the contact
//! that the directory has as proven; the proof that the request is the provider's is [`Switch::prove`]'s.

use hotline_core::alert::{Alert, Refusal, Status};
use hotline_core::directory::{Address, Directory, Language, User};
use hotline_core::fact::{Actor, Fact};
use hotline_core::ids::{AlertId, NotificationId};
use hotline_core::notify::{Kind, Planned, To, contacts};
use jiff::Timestamp;

use super::Switch;
use super::commands::CommandError;
use super::links::{Action, Doubt};
use crate::clock::now;
use crate::notify::texts::{self, ReplyTexts};
pub use crate::notify::{Claim, Proof};
use crate::store::StoreError;

/// References that a text names.
const NAMED_MAX: usize = 10;
/// Longest SMS that is read.
const TEXT_MAX: usize = 200;

/// Who pressed a button.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presser<'a> {
    /// By their Telegram id.
    Telegram(&'a str),
    /// By their Slack member id.
    Slack(&'a str),
}

/// An answer to a person whom we know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Who.
    pub user: hotline_core::ids::UserId,
    /// By which contact they wrote.
    pub contact: String,
    /// What is said.
    pub text: String,
}

/// What an SMS says.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Said {
    /// "1", perhaps with a reference.
    Take(Option<String>),
    /// "STOP" and the like.
    Stop,
    /// Something else.
    Unknown,
}

impl Said {
    fn read(text: &str) -> Self {
        let text: String = text.chars().take(TEXT_MAX).collect();
        let mut words = text.split(|c: char| c.is_whitespace() || "#,.;:!\"'()".contains(c)).filter(|w| !w.is_empty());
        let first = words.next().unwrap_or_default().to_lowercase();
        match first.as_str() {
            "1" | "ok" | "ack" => match (words.next(), words.next()) {
                (None, _) => Self::Take(None),
                (Some(reference), None) if reference.len() <= 12 && reference.bytes().all(|b| b.is_ascii_digit()) => {
                    Self::Take(Some(reference.to_owned()))
                }
                (Some(_), _) => Self::Unknown,
            },
            "stop" | "stopp" | "stopall" | "unsubscribe" | "cancel" | "end" | "quit" | "abmelden" => Self::Stop,
            _ => Self::Unknown,
        }
    }
}

/// The person one of whose proven contacts this is, and which.
fn owner(directory: &Directory, is: impl Fn(&Address) -> bool) -> Option<(&User, String)> {
    directory.users.values().find_map(|user| {
        let own = contacts(user);
        let contact = own.iter().find(|contact| contact.verified && is(&contact.address))?;
        Some((user, contact.id.clone()))
    })
}

fn filled(text: &str, reference: &str) -> String {
    text.replace("{}", reference)
}

impl Switch {
    /// Whether a request from outside is from whom it says.
    pub fn prove(&self, claim: Claim<'_>) -> Proof {
        self.0.notifier.prove(claim, now().wall)
    }

    /// An SMS came in. `None`: from nobody whom we know; nothing was done, and nothing is answered (that would cost money and tell
    /// strangers of us).
    pub async fn reply_by_sms(&self, from: &str, text: &str) -> Option<Answer> {
        let directory = self.directory();
        // Providers leave the `+` out, or put it in.
        let digits = from.trim().trim_start_matches('+');
        let numbers = [directory.caller(from.trim()), format!("+{digits}")];
        let is = |address: &Address| matches!(address, Address::Sms(own) if numbers.contains(own.reveal()));
        let (user, contact) = owner(&directory, is)?;
        let t = &texts::of(&user.language).reply;
        let text = match Said::read(text) {
            Said::Stop => t.stop.to_owned(),
            Said::Unknown => t.help.to_owned(),
            Said::Take(reference) => self.take(user, reference.as_deref(), t).await.unwrap_or_else(|error| {
                tracing::warn!(%error, "a reply by SMS could not be carried out");
                t.away.to_owned()
            }),
        };
        Some(Answer { user: user.id.clone(), contact, text })
    }

    async fn take(&self, user: &User, reference: Option<&str>, t: &ReplyTexts) -> Result<String, StoreError> {
        let store = &self.0.store;
        let alert = match reference {
            Some(reference) => match store.told_by_reference(&user.id, reference).await? {
                Some(alert) => alert,
                None => return Ok(filled(t.unknown, reference)),
            },
            None => match store.last_told(&user.id, "sms").await?.as_slice() {
                [] => return Ok(t.nothing.to_owned()),
                [one] => *one,
                several => return self.which(several, t).await,
            },
        };
        Ok(self.act(alert, Action::Acknowledge, user, t).await)
    }

    /// The message spoke of several: which one?
    async fn which(&self, alerts: &[AlertId], t: &ReplyTexts) -> Result<String, StoreError> {
        let mut waiting = Vec::new();
        for alert in alerts.iter().take(NAMED_MAX) {
            let found = self.0.store.alert_state(*alert).await?;
            waiting.extend(found.filter(|alert| alert.status == Status::Triggered).map(|alert| alert.reference));
        }
        Ok(if waiting.is_empty() { t.nothing.to_owned() } else { filled(t.which, &waiting.join(", ")) })
    }

    /// Does it in this person's name; what is answered.
    async fn act(&self, alert: AlertId, action: Action, user: &User, t: &ReplyTexts) -> String {
        let before: Alert = match self.0.store.alert_state(alert).await {
            Ok(Some(alert)) => alert,
            Ok(None) => return t.stale.to_owned(),
            Err(error) => {
                tracing::warn!(%error, "an alert can't be read for a reply");
                return t.away.to_owned();
            }
        };
        let text = match (before.status, action) {
            (Status::Resolved, _) => t.over,
            (Status::Acknowledged, Action::Acknowledge) => t.held,
            (Status::Triggered, _) | (Status::Acknowledged, Action::Resolve) => {
                match self.command(alert, action.command(), Actor::Person(user.id.clone())).await {
                    Ok(()) if action == Action::Resolve => t.resolved,
                    Ok(()) => t.taken,
                    Err(CommandError::Refused(Refusal::Resolved)) => t.over,
                    Err(CommandError::Unknown | CommandError::Refused(_)) => t.stale,
                    Err(CommandError::NotKept(_)) => t.away,
                }
            }
        };
        filled(text, &before.reference)
    }

    /// Sends the answer to an SMS as an SMS, where the provider can't take it with its own answer. `incoming`: the provider's id of the
    /// SMS that came in, so that one that is reported twice is answered once.
    pub async fn answer_by_sms(&self, answer: &Answer, incoming: &str) {
        let at = now().wall;
        let directory = self.directory();
        let Some(user) = directory.users.get(&answer.user) else { return };
        let Some(contact) = contacts(user).iter().find(|own| own.id == answer.contact).cloned() else { return };
        let planned = Planned {
            key: format!("answer/{}/{incoming}", answer.user),
            alert: None,
            to: To::Person { user: answer.user.clone(), contact: answer.contact.clone() },
            address: contact.address,
            due: at,
            kind: Kind::Status,
            why: "An answer to their SMS.".to_owned(),
        };
        match self.0.store.notify(&[planned], Some(&answer.text), at).await {
            Ok(_) => self.poke_delivery(),
            Err(error) => tracing::warn!(%error, "an SMS can't be answered"),
        }
    }

    /// A button was pressed; what is shown to whoever pressed it. `language`: of the chat, for strangers.
    pub async fn press_button(&self, who: Presser<'_>, token: &str, language: &Language) -> String {
        let directory = self.directory();
        let is = |address: &Address| match (address, who) {
            (Address::Telegram(own), Presser::Telegram(id)) | (Address::Slack(own), Presser::Slack(id)) => {
                own.reveal() == id
            }
            (
                Address::Call(_)
                | Address::Sms(_)
                | Address::Email(_)
                | Address::Ntfy(_)
                | Address::Telegram(_)
                | Address::Slack(_)
                | Address::Teams(_)
                | Address::Webhook(_),
                Presser::Telegram(_) | Presser::Slack(_),
            ) => false,
        };
        let Some((user, _)) = owner(&directory, is) else {
            return texts::of(language).reply.stranger.to_owned();
        };
        let t = &texts::of(&user.language).reply;
        let Some(seal) = self.seal().await else { return t.away.to_owned() };
        match seal.read(token, now().wall) {
            // A link's token names a person; it is no button.
            Ok(ticket) if ticket.user.is_none() => self.act(ticket.alert, ticket.action, user, t).await,
            Ok(_) | Err(Doubt::Forged | Doubt::Expired) => t.stale.to_owned(),
        }
    }

    /// Tells Slack, beside the request that it waits for.
    pub fn answer_slack(&self, response_url: String, text: String) {
        let switch = self.clone();
        self.0.tasks.spawn(async move {
            if let Err(error) = switch.0.notifier.answer_slack(&response_url, &text).await {
                tracing::warn!(%error, "a pressed button can't be answered");
            }
        });
    }

    /// A provider says that a message which it took did not arrive: told on the timeline, and by the person's next contact.
    /// `word`: the provider's code, a few plain characters.
    pub async fn not_arrived(&self, id: NotificationId, word: &str) -> Result<(), StoreError> {
        let word: String = word.chars().filter(char::is_ascii_alphanumeric).take(12).collect();
        let note = format!("the carrier could not deliver it ({word})");
        let Some(receiver) = self.0.store.not_arrived(id, &note).await? else { return Ok(()) };
        let at = now().wall;
        let (Some(alert), Some(user)) = (receiver.alert, receiver.user) else { return Ok(()) };
        let fact = Fact::Alert(hotline_core::alert::Change::Notified {
            notification: id,
            user: Some(user.clone()),
            by: "sms".to_owned(),
            outcome: hotline_core::alert::change::NotifyOutcome::Failed,
        });
        let told = self.next_after(id, alert, &user, receiver.contact.as_deref(), &note, at).await;
        let why = match told {
            Some(next) => format!("{note}; told by {next} instead, at once"),
            None => note,
        };
        let verdict =
            || crate::store::alerts::Verdict { facts: vec![(fact.clone(), why.clone())], ..Default::default() };
        self.0.store.change_alert(alert, at, |_| Ok::<_, std::convert::Infallible>(verdict())).await?;
        self.tell(super::Change::Alert(alert));
        self.poke_delivery();
        Ok(())
    }

    async fn next_after(
        &self,
        id: NotificationId,
        alert: AlertId,
        user: &hotline_core::ids::UserId,
        contact: Option<&str>,
        note: &str,
        at: Timestamp,
    ) -> Option<String> {
        let open = self.0.store.alert_state(alert).await.ok().flatten()?;
        if open.status != Status::Triggered {
            return None;
        }
        self.instead_of(id, &[alert], user, contact?, note, at).await
    }
}

#[cfg(test)]
mod tests {
    use super::Said;

    #[test]
    fn what_people_write_is_understood() {
        let take = |reference: &str| Said::Take(Some(reference.to_owned()));
        for text in ["1", " 1 ", "1.", "\"1\"", "OK", "ok!", "Ack", "1\n"] {
            assert_eq!(Said::read(text), Said::Take(None), "{text}");
        }
        for text in ["1 1042", "1 #1042", "1, 1042", "1#1042", "ack 1042", "1\n1042"] {
            assert_eq!(Said::read(text), take("1042"), "{text}");
        }
        for text in ["STOP", "stop.", "Unsubscribe", "Abmelden bitte"] {
            assert_eq!(Said::read(text), Said::Stop, "{text}");
        }
        for text in ["", "11042", "2", "1 1042 1043", "1 eins", "who is this?", "1042", "１", &"1 ".repeat(4_000)] {
            assert_eq!(Said::read(text), Said::Unknown, "{text}");
        }
    }
}
