//! Signed links and buttons: whoever has one may do the one thing that it says, to the one alert, until it is too old.
//!
//! ```text
//! link    1 action(1) alert(16) expires(4, minutes since 1970) user(…) mac(16)   base64url, in {public_url}/a/…
//! button  2 action(1) alert(16) expires(4, minutes since 1970)         mac(16)   51 characters; the chat says who pressed
//! ```
//!
//! The key is made once and lies in the database, so that every node knows it. Pressing twice changes nothing.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hotline_core::alert::{Alert, Command, Refusal, Status};
use hotline_core::directory::{Directory, Language};
use hotline_core::fact::Actor;
use hotline_core::ids::{AlertId, UserId};
use hotline_core::private::Private;
use jiff::Timestamp;
use uuid::Uuid;

use super::Switch;
use super::commands::CommandError;
use crate::clock::now;
use crate::notify::texts::{self, Texts};
use crate::notify::{AlertCard, proof};

/// Links and buttons work so long.
const VALID_MINUTES: i64 = 7 * 24 * 60;
/// Bytes of the signature that are kept.
const MAC: usize = 16;
/// Version, action, alert, expiry.
const HEAD: usize = 1 + 1 + 16 + 4;
/// Longest token that is looked at.
const TOKEN_MAX: usize = 400;
const LINK: u8 = 1;
const BUTTON: u8 = 2;

/// What a link or button does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// "I have it."
    Acknowledge,
    /// "It is over."
    Resolve,
}

impl Action {
    const fn byte(self) -> u8 {
        match self {
            Self::Acknowledge => b'a',
            Self::Resolve => b'r',
        }
    }

    const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            b'a' => Some(Self::Acknowledge),
            b'r' => Some(Self::Resolve),
            _ => None,
        }
    }

    pub(super) const fn command(self) -> Command {
        match self {
            Self::Acknowledge => Command::Acknowledge,
            Self::Resolve => Command::Resolve,
        }
    }
}

/// What a token says, once its signature holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ticket {
    pub alert: AlertId,
    /// `None`: a button.
    pub user: Option<UserId>,
    pub action: Action,
}

/// Why a token is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doubt {
    Forged,
    Expired,
}

/// Signs and checks.
#[derive(Debug, Clone)]
pub(super) struct Seal([u8; 32]);

impl Seal {
    pub const fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// The token of a ticket.
    pub fn token(&self, ticket: &Ticket, now: Timestamp) -> String {
        let minutes = now.as_second() / 60 + VALID_MINUTES;
        let mut bytes = vec![if ticket.user.is_some() { LINK } else { BUTTON }, ticket.action.byte()];
        bytes.extend_from_slice(ticket.alert.0.as_bytes());
        // Enough for eight thousand years.
        bytes.extend_from_slice(&u32::try_from(minutes).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend_from_slice(ticket.user.as_ref().map(|user| user.0.as_bytes()).unwrap_or_default());
        bytes.extend_from_slice(&self.mac(&bytes));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// What the token says, if it is ours and not too old.
    pub fn read(&self, token: &str, now: Timestamp) -> Result<Ticket, Doubt> {
        let token = token.trim();
        if token.len() > TOKEN_MAX {
            return Err(Doubt::Forged);
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| Doubt::Forged)?;
        let said = bytes.len().checked_sub(MAC).filter(|length| *length >= HEAD).ok_or(Doubt::Forged)?;
        let (said, mac) = bytes.split_at(said);
        if !proof::same(mac, &self.mac(said)) {
            return Err(Doubt::Forged);
        }
        let (head, user) = said.split_at(HEAD);
        let user = String::from_utf8(user.to_vec()).map_err(|_| Doubt::Forged)?;
        let user = match (head[0], user.is_empty()) {
            (LINK, false) => Some(UserId(user)),
            (BUTTON, true) => None,
            (_, _) => return Err(Doubt::Forged),
        };
        let action = Action::from_byte(head[1]).ok_or(Doubt::Forged)?;
        let alert = Uuid::from_slice(&head[2..18]).map_err(|_| Doubt::Forged)?;
        let expires = u32::from_be_bytes([head[18], head[19], head[20], head[21]]);
        if now.as_second() / 60 > i64::from(expires) {
            return Err(Doubt::Expired);
        }
        Ok(Ticket { alert: AlertId(alert), user, action })
    }

    fn mac(&self, said: &[u8]) -> [u8; MAC] {
        let whole = proof::hmac_sha256(&self.0, &[b"hotline: link", said]);
        let mut mac = [0; MAC];
        mac.copy_from_slice(&whole[..MAC]);
        mac
    }
}

/// What a link's page shows.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkPage {
    /// Which page.
    pub state: LinkState,
    /// What it does.
    pub action: Action,
    /// The alert, where the link is good.
    pub alert: Option<AlertCard>,
    /// For whom the link is, as shown.
    pub person: Option<String>,
    /// The page's language.
    pub texts: &'static Texts,
}

/// Where a link stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    /// A button asks.
    Ask,
    /// Done just now.
    Done,
    /// Somebody has it already (acknowledging only).
    Already,
    /// The alert is over.
    Over,
    /// Too old, or its person is not here any more.
    Expired,
    /// Not ours.
    Forged,
    /// Past its retention time.
    Gone,
    /// The database can't be asked.
    Away,
}

impl LinkState {
    /// What an alert's state makes of a link that is good.
    const fn of(alert: &Alert, action: Action) -> Self {
        match (alert.status, action) {
            (Status::Resolved, _) => Self::Over,
            (Status::Acknowledged, Action::Acknowledge) => Self::Already,
            (Status::Triggered, _) | (Status::Acknowledged, Action::Resolve) => Self::Ask,
        }
    }
}

impl LinkPage {
    /// The heading and the sentence below it.
    pub fn words(&self) -> (&'static str, &'static str) {
        let page = &self.texts.page;
        match (self.state, self.action) {
            (LinkState::Ask, Action::Acknowledge) => (page.ask_acknowledge, ""),
            (LinkState::Ask, Action::Resolve) => (page.ask_resolve, ""),
            (LinkState::Done, Action::Acknowledge) => (page.taken, page.taken_text),
            (LinkState::Already, _) => (page.already, page.taken_text),
            (LinkState::Done, Action::Resolve) | (LinkState::Over, _) => (page.over, page.over_text),
            (LinkState::Expired, _) => (page.expired, page.expired_text),
            (LinkState::Forged, _) => (page.forged, page.forged_text),
            (LinkState::Gone, _) => (page.gone, page.gone_text),
            (LinkState::Away, _) => (page.away, page.away_text),
        }
    }

    /// The button's word, where there is a button.
    pub const fn button(&self) -> Option<&'static str> {
        match (self.state, self.action) {
            (LinkState::Ask, Action::Acknowledge) => Some(self.texts.acknowledge),
            (LinkState::Ask, Action::Resolve) => Some(self.texts.resolve),
            (
                LinkState::Done
                | LinkState::Already
                | LinkState::Over
                | LinkState::Expired
                | LinkState::Forged
                | LinkState::Gone
                | LinkState::Away,
                _,
            ) => None,
        }
    }
}

impl Switch {
    /// The key, asked for once.
    pub(super) async fn seal(&self) -> Option<Seal> {
        let made = self.0.delivery.seal.get_or_try_init(|| async {
            let candidate = Private::new(hex::encode(rand::random::<[u8; 32]>()));
            let kept = self.0.store.shared_secret("links", &candidate).await.map_err(|error| {
                tracing::warn!(%error, "the key of signed links can't be read; messages go without links meanwhile");
            })?;
            let mut key = [0; 32];
            hex::decode_to_slice(kept.reveal(), &mut key).map_err(|_| {
                tracing::error!("the key of signed links (table secrets) is damaged; remove its row");
            })?;
            Ok::<Seal, ()>(Seal::new(key))
        });
        made.await.ok().cloned()
    }

    /// The address that lets this person do it; `None`: no public address is configured, or the key can't be had.
    pub async fn link(&self, alert: AlertId, user: &UserId, action: Action) -> Option<String> {
        let base = self.0.public_url.as_deref()?.trim_end_matches('/');
        let ticket = Ticket { alert, user: Some(user.clone()), action };
        Some(format!("{base}/a/{}", self.seal().await?.token(&ticket, now().wall)))
    }

    /// What a link's page shows before anything is pressed. Changes nothing: mail scanners open links.
    /// `language`: of the browser, for links that name nobody.
    pub async fn look_link(&self, token: &str, language: &Language) -> LinkPage {
        self.open_link(token, language).await.0
    }

    /// The page's button was pressed.
    pub async fn press_link(&self, token: &str, language: &Language) -> LinkPage {
        let (mut page, ticket) = self.open_link(token, language).await;
        let (LinkState::Ask, Some(Ticket { alert, user: Some(user), action })) = (page.state, ticket) else {
            return page;
        };
        page.state = match self.command(alert, action.command(), Actor::Person(user)).await {
            Ok(()) => LinkState::Done,
            Err(CommandError::Unknown) => LinkState::Gone,
            Err(CommandError::Refused(Refusal::Resolved)) => LinkState::Over,
            Err(CommandError::Refused(_)) => LinkState::Already,
            Err(CommandError::NotKept(_)) => LinkState::Away,
        };
        if let Some(card) = page.alert.as_mut().filter(|_| page.state == LinkState::Done) {
            let status = match action {
                Action::Acknowledge => Status::Acknowledged,
                Action::Resolve => Status::Resolved,
            };
            status.word().clone_into(&mut card.status);
        }
        page
    }

    async fn open_link(&self, token: &str, language: &Language) -> (LinkPage, Option<Ticket>) {
        let bare = |state| LinkPage {
            state,
            action: Action::Acknowledge,
            alert: None,
            person: None,
            texts: texts::of(language),
        };
        let Some(seal) = self.seal().await else { return (bare(LinkState::Away), None) };
        let ticket = match seal.read(token, now().wall) {
            Ok(ticket) => ticket,
            Err(Doubt::Forged) => return (bare(LinkState::Forged), None),
            Err(Doubt::Expired) => return (bare(LinkState::Expired), None),
        };
        let directory = self.directory();
        // Buttons are no links; who has left has no say.
        let Some(user) = ticket.user.as_ref() else { return (bare(LinkState::Forged), None) };
        let Some(user) = directory.users.get(user) else { return (bare(LinkState::Expired), None) };
        let found = self.0.store.alert_state(ticket.alert).await;
        let mut page = LinkPage {
            action: ticket.action,
            person: Some(user.name.clone()),
            texts: texts::of(&user.language),
            ..bare(LinkState::Away)
        };
        match found {
            Err(error) => tracing::warn!(%error, "an alert can't be read for a link"),
            Ok(None) => page.state = LinkState::Gone,
            Ok(Some(alert)) => {
                page.state = LinkState::of(&alert, ticket.action);
                page.alert = Some(card(&alert, &directory));
            }
        }
        (page, Some(ticket))
    }
}

/// An alert with its names, without links.
pub(super) fn card(alert: &Alert, directory: &Directory) -> AlertCard {
    let customer = alert.customer.as_ref().map(|id| directory.customers.get(id).map_or(&id.0, |known| &known.name));
    let service = alert.service.as_ref().map(|id| directory.services.get(id).map_or(&id.0, |known| &known.name));
    AlertCard {
        id: alert.id.to_string(),
        reference: alert.reference.clone(),
        title: alert.title.clone(),
        priority: alert.priority.word().to_owned(),
        status: alert.status.word().to_owned(),
        customer: customer.cloned(),
        service: service.cloned(),
        url: None,
        acknowledge_url: None,
        acknowledge_token: None,
        resolve_token: None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at() -> Timestamp {
        "2026-11-22T03:00:00Z".parse().unwrap()
    }

    fn ticket(user: Option<&str>, action: Action) -> Ticket {
        let alert = "019aab2c-7d11-7000-8000-00000000abcd".parse().unwrap();
        Ticket { alert, user: user.map(UserId::from), action }
    }

    #[test]
    fn what_was_sealed_is_read() {
        let seal = Seal::new([7; 32]);
        for ticket in [ticket(Some("gina"), Action::Acknowledge), ticket(Some("Jürgen Ö."), Action::Resolve)] {
            assert_eq!(seal.read(&seal.token(&ticket, at()), at()), Ok(ticket));
        }
        let button = seal.token(&ticket(None, Action::Resolve), at());
        assert!(button.len() <= 64, "Telegram takes no more: {}", button.len());
        assert_eq!(seal.read(&button, at()), Ok(ticket(None, Action::Resolve)));
    }

    #[test]
    fn links_end_after_seven_days() {
        let seal = Seal::new([7; 32]);
        let token = seal.token(&ticket(Some("gina"), Action::Acknowledge), at());
        let later = |days: u64, minutes: u64| at() + Duration::from_secs((days * 24 * 60 + minutes) * 60);
        assert!(seal.read(&token, later(6, 1_439)).is_ok());
        assert_eq!(seal.read(&token, later(7, 1)), Err(Doubt::Expired));
    }

    #[test]
    fn nothing_else_is_believed() {
        let seal = Seal::new([7; 32]);
        let token = seal.token(&ticket(Some("gina"), Action::Acknowledge), at());
        assert_eq!(Seal::new([8; 32]).read(&token, at()), Err(Doubt::Forged));
        // Every bit counts.
        let bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut other = bytes.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(seal.read(&URL_SAFE_NO_PAD.encode(other), at()), Err(Doubt::Forged), "bit {bit}");
        }
        // A person's link cut down to a button, or a longer name, has another signature.
        let shorter = [&bytes[..HEAD], &bytes[bytes.len() - MAC..]].concat();
        assert_eq!(seal.read(&URL_SAFE_NO_PAD.encode(shorter), at()), Err(Doubt::Forged));
        for text in ["", "x", "not base64 !", &token[..token.len() - 1], &"A".repeat(10_000), "AAAA", "ä"] {
            assert_eq!(seal.read(text, at()), Err(Doubt::Forged), "{text}");
        }
    }
}
