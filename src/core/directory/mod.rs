//! Who and what the installation knows: customers, people and their phones,
//! schedules, numbers and their flows, trunks. A read-only snapshot; the shells
//! build it from `hotline.toml` and swap it as a whole. Only what stands here
//! can be dialled.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::audio::Codec;
use crate::call::flow::Flow;
use crate::dtmf::InBand;
use crate::escalation::EscalationPolicy;
use crate::ids::{
    ActionId, CalendarId, ChannelId, CustomerId, FlowId, HeartbeatId, NumberId, PhoneId, PolicyId, ScheduleId,
    ServiceId, SlaId, SourceId, StatusPageId, TeamId, TrunkId, UserId,
};
use crate::notify::Limits;
use crate::oncall::{Calendar, Schedule};
use crate::private::Private;
use crate::sla::Sla;
use crate::status::StatusPage;

pub mod code;

mod contact;
mod customer;
mod service;
mod source;

pub use contact::{Absence, Address, Channel, Contact, NotifyRule};
pub use customer::{CustomerContact, CustomerReport, Every, domain_of};
pub use service::{Service, Team};
pub use source::{Action, ActionDeed, ActionRule, AlertSource, Heartbeat, MaintenanceWindow};

/// The snapshot that a call keeps from its first moment to its last.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    /// The customers of the MSP.
    pub customers: BTreeMap<CustomerId, Customer>,
    /// The people of the MSP.
    pub users: BTreeMap<UserId, User>,
    /// Rotas.
    pub schedules: BTreeMap<ScheduleId, Schedule>,
    /// The numbers that can be rung, by the name or number dialled.
    pub numbers: BTreeMap<NumberId, Number>,
    /// Call flows.
    pub flows: BTreeMap<FlowId, Arc<Flow>>,
    /// Connections to carriers. Secrets are not here but in the shell's settings.
    pub trunks: BTreeMap<TrunkId, Trunk>,
    /// Accounts that phones may register with.
    pub phones: BTreeMap<PhoneId, Phone>,
    /// What is spoken with phones, first choice first. Empty: everything, the best sound first.
    pub codecs: Vec<Codec>,
    /// The digits of the country's code (`49`), by which national spellings are understood.
    pub country_code: Option<String>,
    /// Callers who are turned away: E.164 numbers or prefixes ended by `*`.
    pub blocklist: Vec<Private<String>>,
    /// What customers use.
    pub services: BTreeMap<ServiceId, Service>,
    /// What was promised to customers.
    pub slas: BTreeMap<SlaId, Sla>,
    /// People who work together.
    pub teams: BTreeMap<TeamId, Team>,
    /// How alerts escalate.
    pub policies: BTreeMap<PolicyId, EscalationPolicy>,
    /// What customers know us by, in contracts and mails.
    pub company: Option<String>,
    /// The policy of alerts that nothing else says one for.
    pub default_policy: Option<PolicyId>,
    /// Business hours and holidays.
    pub calendars: BTreeMap<CalendarId, Calendar>,
    /// Doors of monitoring tools.
    pub sources: BTreeMap<SourceId, AlertSource>,
    /// Monitors that must ping.
    pub heartbeats: BTreeMap<HeartbeatId, Heartbeat>,
    /// Chat rooms, mailboxes, receivers.
    pub channels: BTreeMap<ChannelId, Channel>,
    /// What alerts can start.
    pub actions: BTreeMap<ActionId, Action>,
    /// Planned work.
    pub maintenance: Vec<MaintenanceWindow>,
    /// How often one contact may be used.
    pub limits: Limits,
    /// What customers see of how services are.
    pub status_pages: BTreeMap<StatusPageId, StatusPage>,
    /// Who may publish, what goes by itself.
    pub incident_rules: crate::incident::Rules,
    /// Words for customers that are prepared, in the order in which they were written.
    pub update_templates: Vec<crate::incident::Template>,
}

/// A customer of the MSP.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Customer {
    /// Its configured name.
    pub id: CustomerId,
    /// As spoken and shown ("Acme Logistics").
    pub name: String,
    /// The numbers it calls from, E.164; an entry ended by `*` is a prefix.
    pub caller_ids: Vec<Private<String>>,
    /// The PIN its people may type; leading zeros count.
    pub pin: Option<Private<String>>,
    /// Language tag of the prompts (`en`, `de`).
    pub language: Option<Language>,
    /// Days that audio, transcripts and numbers are kept.
    pub retention_days: u32,
    /// When it is looked after; `None`: always.
    pub support: Option<CalendarId>,
    /// How its alerts escalate; `None`: the default.
    pub policy: Option<PolicyId>,
    /// Its people who are told or asked by name, each name once.
    pub contacts: Vec<CustomerContact>,
    /// The domains of its e-mail addresses, lower case; no other customer has one of them.
    pub domains: Vec<String>,
    /// Where it is; `None`: UTC.
    pub time_zone: Option<jiff::tz::TimeZone>,
    /// What it has bought, as shown ("Gold").
    pub plan: Option<String>,
    /// Reports that it gets by itself, each name once.
    pub reports: Vec<CustomerReport>,
}

/// A language that prompts exist in, by its tag (`en`, `de`): a folder of `prompts/`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Language(pub String);

impl Default for Language {
    fn default() -> Self {
        Self("en".to_owned())
    }
}

/// A person who can be called.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct User {
    /// Configured name.
    pub id: UserId,
    /// As spoken and shown.
    pub name: String,
    /// Language that the hotline speaks to this person.
    pub language: Language,
    /// Where to ring the person for a caller, in the order to try.
    pub phones: Vec<Destination>,
    /// Where to notify the person. Without own contacts: one of kind `call` for each of `phones`, `phone-1`, `phone-2` …
    pub contacts: Vec<Contact>,
    /// When which contact is used. Empty: [`crate::notify::plan`] has a default.
    pub rules: Vec<NotifyRule>,
    /// What the person can do (`network`, `windows`), lower case.
    pub skills: Vec<String>,
    /// Languages the person speaks.
    pub languages: Vec<Language>,
    /// When the person is away.
    pub absences: Vec<Absence>,
    /// IANA zone for night hours and messages; `None`: the schedule's.
    pub time_zone: Option<jiff::tz::TimeZone>,
    /// The PIN with which the person proves who they are on the telephone.
    pub pin: Option<Private<String>>,
}

/// A place that a call can be sent to. Comes from the directory only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// A phone that registers with us.
    Phone(PhoneId),
    /// A number (E.164) through a trunk.
    Number {
        /// The trunk that carries it.
        trunk: TrunkId,
        /// E.164 number.
        number: Private<String>,
    },
    /// A fixed SIP address named in the configuration (a PBX, the bench's callee).
    Sip(String),
}

/// A hotline number and what happens when it is rung.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "settings; each is made by itself")]
pub struct Number {
    /// As dialled: the user part of the SIP URI or E.164.
    pub id: NumberId,
    /// Other spellings of the same number (without `+`, national).
    pub aliases: Vec<String>,
    /// The flow it belongs to.
    pub flow: FlowId,
    /// Language unless the flow or the customer says otherwise.
    pub language: Language,
    /// The schedule asked when a call to this number finds nobody, and whose
    /// people are rung while its alert is unacknowledged.
    pub schedule: Option<ScheduleId>,
    /// How the alerts of its calls escalate; `None`: the customer's, then `schedule` again and again.
    pub policy: Option<PolicyId>,
    /// A test number: its calls leave a record but no alert (bench, line tests).
    pub test: bool,
    /// Conversations with engineers are recorded, after the caller was told and unless somebody refuses by key.
    pub record_calls: bool,
    /// They are recorded without a word; counts on test numbers only (bench).
    pub record_silently: bool,
    /// The caller gets an SMS when somebody has taken the report, if the number is a mobile one. The callers must
    /// have agreed to that (a sentence of the greeting, a contract).
    pub sms_when_taken: bool,
}

/// A connection to a carrier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trunk {
    /// Configured name.
    pub id: TrunkId,
    /// As shown.
    pub name: String,
    /// The number that our outgoing calls show, E.164.
    pub caller_id: Option<Private<String>>,
    /// P-Asserted-Identity (RFC 3325) from this carrier is believed.
    pub trusted: bool,
    /// Beginnings of numbers (`+49`) that engineers may ring callers back at. Empty: the own country without
    /// numbers that cost extra.
    pub callback_prefixes: Vec<String>,
    /// Whether the sound of its lines is listened to for keys.
    pub inband_digits: InBand,
    /// What is spoken with it, first choice first. Empty: [`Codec::TELEPHONE`], which every carrier takes.
    pub codecs: Vec<Codec>,
}

/// An account that a phone registers with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phone {
    /// The account's name, the user part of its address of record.
    pub id: PhoneId,
    /// Whose phone it is.
    pub user: Option<UserId>,
    /// Whether its sound is listened to for keys.
    pub inband_digits: InBand,
    /// What is spoken with it, first choice first. Empty: as with all phones.
    pub codecs: Vec<Codec>,
}

impl Directory {
    /// A person's name as shown; the id of somebody unknown.
    pub fn name_of<'a>(&'a self, user: &'a UserId) -> &'a str {
        self.users.get(user).map_or(&user.0, |known| &known.name)
    }

    /// The number that was dialled, by its own name or one of its spellings.
    pub fn number(&self, dialled: &str) -> Option<&Number> {
        let digits = |text: &str| text.trim_start_matches('+').to_owned();
        self.numbers.get(&NumberId(dialled.to_owned())).or_else(|| {
            self.numbers.values().find(|number| {
                number.aliases.iter().any(|alias| alias == dialled)
                    || (dialled.len() > 4
                        && dialled.chars().all(|c| c.is_ascii_digit() || c == '+')
                        && digits(&number.id.0) == digits(dialled))
            })
        })
    }

    /// The caller's number as the directory spells it: E.164 where it is a telephone number, else as it came.
    pub fn caller(&self, sent: &str) -> String {
        e164(sent, self.country_code.as_deref()).unwrap_or_else(|| sent.to_owned())
    }

    /// Whether the sound of a call from or to there is listened to for keys.
    pub fn inband_digits(&self, trunk: Option<&TrunkId>, phone: Option<&PhoneId>) -> InBand {
        let trunk = trunk.and_then(|id| self.trunks.get(id)).map(|trunk| trunk.inband_digits);
        trunk.or_else(|| phone.and_then(|id| self.phones.get(id)).map(|phone| phone.inband_digits)).unwrap_or_default()
    }

    /// What we speak with a call from or to there, first choice first; with neither it is a phone that nobody configured.
    pub fn codecs(&self, trunk: Option<&TrunkId>, phone: Option<&PhoneId>) -> &[Codec] {
        let (own, usual) = match trunk {
            Some(id) => (self.trunks.get(id).map(|trunk| &trunk.codecs), &Codec::TELEPHONE[..]),
            None if self.codecs.is_empty() => (self.phone_codecs(phone), &Codec::BEST_FIRST[..]),
            None => (self.phone_codecs(phone), &self.codecs[..]),
        };
        own.map(Vec::as_slice).filter(|own| !own.is_empty()).unwrap_or(usual)
    }

    fn phone_codecs(&self, phone: Option<&PhoneId>) -> Option<&Vec<Codec>> {
        phone.and_then(|id| self.phones.get(id)).map(|phone| &phone.codecs)
    }

    /// The customer who calls from `caller` (E.164). The most exact entry wins.
    pub fn customer_by_caller(&self, caller: &str) -> Option<&Customer> {
        let rank = |pattern: &Private<String>| match pattern.reveal().strip_suffix('*') {
            Some(prefix) => caller.starts_with(prefix).then_some(prefix.len()),
            None => (pattern.reveal() == caller).then_some(usize::MAX),
        };
        self.customers
            .values()
            .filter_map(|customer| Some((customer.caller_ids.iter().filter_map(rank).max()?, customer)))
            .max_by_key(|(length, _)| *length)
            .map(|(_, customer)| customer)
    }

    /// The customer whose PIN this is; leading zeros count.
    pub fn customer_by_pin(&self, pin: &str) -> Option<&Customer> {
        self.customers.values().find(|customer| customer.pin.as_ref().is_some_and(|own| own.reveal() == pin))
    }

    /// The person whose PIN this is; leading zeros count. Two people with the same PIN are nobody.
    pub fn user_by_pin(&self, pin: &str) -> Option<&User> {
        let mut found = self.users.values().filter(|user| user.pin.as_ref().is_some_and(|own| own.reveal() == pin));
        found.next().filter(|_| found.next().is_none())
    }

    /// Whether callers from this number are turned away.
    pub fn is_blocked(&self, caller: &str) -> bool {
        self.blocklist.iter().any(|entry| match entry.reveal().strip_suffix('*') {
            Some(prefix) => caller.starts_with(prefix),
            None => entry.reveal() == caller,
        })
    }
}

/// A telephone number in E.164 (`+4930…`), if the text is one beyond doubt. Spaces and `-./()` are
/// skipped; `00…` is international, `0…` national where the country code is known, and digits
/// that begin with the country code are taken for a number without its `+`.
pub fn e164(text: &str, country_code: Option<&str>) -> Option<String> {
    let plain: String = text.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '/' | '(' | ')' | '\u{a0}')).collect();
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let digits = if let Some(rest) = plain.strip_prefix('+') {
        rest.to_owned()
    } else if let Some(rest) = plain.strip_prefix("00") {
        rest.to_owned()
    } else if let Some(rest) = plain.strip_prefix('0') {
        format!("{}{rest}", country_code?)
    } else {
        country_code.filter(|code| plain.len() >= 10 && plain.starts_with(code))?;
        plain
    };
    // ITU-T E.164: at most 15 digits, and no country code begins with 0.
    (all_digits(&digits) && (7..=15).contains(&digits.len()) && !digits.starts_with('0')).then(|| format!("+{digits}"))
}
