//! The documents' shapes for the `OpenAPI` file. Read and checked they are by the configuration's own readers, which know
//! every field; these types only describe them.
#![expect(dead_code, reason = "described, never made: bodies are read by the configuration's readers")]

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::ToSchema;

/// A document: its own fields, and those that only answers have.
macro_rules! documents {
    ($($(#[$doc:meta])* $name:ident $example:tt { $($(#[$attr:meta])* $field:ident: $type:ty,)* })+) => {$(
        $(#[$doc])*
        #[derive(ToSchema)]
        #[schema(example = json!($example))]
        pub struct $name {
            $($(#[$attr])* pub $field: $type,)*
            /// Its name, as in the address.
            #[schema(read_only)]
            pub id: Option<String>,
            /// It stands in `hotline.toml` and can only be changed there.
            #[schema(read_only)]
            pub read_only: Option<bool>,
            /// Its version, as in the `ETag`; null: it stands in the file.
            #[schema(read_only)]
            pub version: Option<i64>,
            /// When it was written.
            #[schema(read_only, format = DateTime)]
            pub updated_at: Option<String>,
            /// By whom.
            #[schema(read_only)]
            pub updated_by: Option<String>,
        }
    )+};
}

documents! {
    /// A customer: found by the number it calls from, or by its PIN.
    CustomerDocument {
        "name": "Nordlicht Logistik", "language": "de", "caller_ids": ["+4930123450*"], "pin": "0815",
        "retention_days": 90, "support": "office", "policy": "usual", "domains": ["nordlicht.example"],
        "time_zone": "Europe/Berlin", "plan": "Gold",
        "contacts": [{"id": "lea", "name": "Lea Sommer", "email": "lea@nordlicht.example", "tell": ["email"], "severities": ["critical"]}],
        "reports": [{"id": "monthly", "every": "month", "to": ["lea"]}]
    } {
        /// As spoken and shown.
        name: Option<String>,
        /// Domains of its e-mail addresses; a domain is one customer's.
        domains: Option<Vec<String>>,
        /// IANA name; without: UTC.
        time_zone: Option<String>,
        /// What it has bought, as shown.
        plan: Option<String>,
        /// Its people who are told of incidents or asked by name.
        contacts: Option<Vec<CustomerContactField>>,
        /// Reports that it gets by itself.
        reports: Option<Vec<CustomerReportField>>,
        /// Numbers it calls from, E.164; `*` at the end: a prefix.
        caller_ids: Option<Vec<String>>,
        /// 3 to 12 digits, leading zeros count. Never in an answer (`has_pin` is).
        #[schema(write_only)]
        pin: Option<String>,
        /// It has a PIN.
        #[schema(read_only)]
        has_pin: Option<bool>,
        /// Language tag of its prompts.
        language: Option<String>,
        /// Days that audio, transcripts and numbers are kept.
        #[schema(minimum = 1, maximum = 3650)]
        retention_days: Option<u32>,
        /// Calendar of its support hours; without: always.
        support: Option<String>,
        /// How its alerts escalate.
        policy: Option<String>,
    }

    /// Something a customer uses and we look after.
    ServiceDocument { "name": "Mail", "customer": "nordlicht", "team": "network", "policy": "usual", "priority": "P2" } {
        /// As spoken and shown.
        name: Option<String>,
        /// As customers know it, in mails and on pages; without: as `name`.
        public_name: Option<String>,
        /// Whose it is; without: shared by all.
        customer: Option<String>,
        /// The team that looks after it.
        team: Option<String>,
        /// How its alerts escalate; without: as the customer's.
        policy: Option<String>,
        /// Calendar of its support hours; without: the customer's.
        support: Option<String>,
        /// `P1` to `P5`, where the event names none.
        priority: Option<String>,
        /// Services that it needs to work; never in a circle.
        depends_on: Option<Vec<String>>,
        /// What kind of service it is (`infrastructure`): contracts may differ by it.
        category: Option<String>,
    }

    /// What was promised to a customer. Every change of it is a new revision (`/api/v1/slas/{id}/revisions`).
    SlaDocument {
        "name": "Gold", "customer": "nordlicht", "calendar": "office", "warn_at": [50, 75, 90],
        "targets": [{"priority": "P1", "response": "15m", "resolution": "4h", "update": "15m"}]
    } {
        /// As shown.
        name: Option<String>,
        /// With whom.
        customer: String,
        /// Only for services of this category; without: for whatever has no contract of its own.
        category: Option<String>,
        /// When its clocks run; without: always.
        calendar: Option<String>,
        /// The zone in which the calendar's times are meant; without: the calendar's own.
        time_zone: Option<String>,
        /// What was promised, a priority each.
        targets: Vec<SlaTargetField>,
        /// Shares of a target in hundredths at which people are warned ([50, 75, 90]).
        warn_at: Option<Vec<u32>>,
        /// What else stands in the contract, plain text.
        terms: Option<String>,
    }

    /// People who work together.
    TeamDocument { "name": "Network", "members": ["ada", "ben"] } {
        /// As shown.
        name: Option<String>,
        /// Users, in the order in which they are asked.
        members: Option<Vec<String>>,
    }

    /// A person who is called.
    UserDocument {
        "name": "Ada Berger", "language": "de", "phones": ["phone:ada-desk", "number:+491700000042@sipgate"],
        "contacts": [
            {"id": "mobile", "kind": "sms", "address": "+491700000042"},
            {"id": "desk", "kind": "call", "address": "phone:ada-desk"}
        ],
        "rules": [{"contact": "mobile"}, {"urgency": "high", "after": "2m", "contact": "desk"}],
        "skills": ["network"], "languages": ["de", "en"], "time_zone": "Europe/Berlin",
        "absences": [{"from": "2026-08-01T00:00", "to": "2026-08-15T00:00", "reason": "holiday"}]
    } {
        /// As spoken and shown.
        name: Option<String>,
        /// Language that the hotline speaks to this person.
        language: Option<String>,
        /// Where to ring the person for a caller, in order: `phone:ACCOUNT`, `number:+49…@TRUNK`, `sip:user@host`.
        phones: Option<Vec<String>>,
        /// Where to notify the person; without: a call to each of `phones`.
        contacts: Option<Vec<ContactField>>,
        /// When which contact is used; without: messages at once, calls at once for what is urgent.
        rules: Option<Vec<RuleField>>,
        /// What the person can do.
        skills: Option<Vec<String>>,
        /// Languages that the person speaks.
        languages: Option<Vec<String>>,
        /// When the person is away: local times of `time_zone`, or with an offset.
        absences: Option<Vec<AbsenceField>>,
        /// An iCalendar file's text: its events that block time are absences too.
        absences_ical: Option<String>,
        /// IANA name.
        time_zone: Option<String>,
        /// 6 to 12 digits by which the person is known on the telephone. Never in an answer (`has_pin` is).
        #[schema(write_only)]
        pin: Option<String>,
        /// There is a PIN.
        #[schema(read_only)]
        has_pin: Option<bool>,
        /// The contacts that count, and whether they are verified.
        #[schema(read_only)]
        reached_by: Option<Vec<ReachedBy>>,
    }

    /// A rota: layers of people who take turns, overrides, swaps.
    ScheduleDocument {
        "name": "On call", "members": ["ada", "ben"], "weeks": 1, "start": "2026-01-05T09:00", "time_zone": "Europe/Berlin",
        "overrides": [{"user": "ben", "from": "2026-12-24T18:00", "to": "2026-12-27T09:00", "reason": "holiday"}]
    } {
        /// As shown.
        name: Option<String>,
        /// A simple rotation: users in the order of their turns.
        members: Option<Vec<String>>,
        /// Length of a turn in weeks.
        #[schema(minimum = 1, maximum = 52)]
        weeks: Option<u32>,
        /// Length of a turn instead of `weeks`: `12 hours`, `1 day`, `1 month`, or a list of them.
        length: Option<Value>,
        /// `stack` (the first layer that has somebody) or `together` (the people of all layers).
        mode: Option<String>,
        /// When nobody on call is a fault: `always`, `planned`, `calendar:ID`.
        cover: Option<String>,
        /// The team that is told about gaps; without: the people of the schedule.
        team: Option<String>,
        /// How long before a shift its person is told: `24h`; none: not at all.
        notices: Option<Vec<String>>,
        /// The calendar whose holidays count for weights and the compensation sheet.
        holidays: Option<String>,
        /// What an hour counts in the comparison of burdens.
        weights: Option<WeightsField>,
        /// The first hand-off, local time.
        start: Option<String>,
        /// IANA name.
        time_zone: Option<String>,
        /// Several rotations above each other; fields as in `hotline.example.toml`.
        layers: Option<Vec<BTreeMap<String, Value>>>,
        /// Somebody else for a while.
        overrides: Option<Vec<BTreeMap<String, Value>>>,
        /// Shifts that somebody asks to be relieved of.
        swaps: Option<Vec<BTreeMap<String, Value>>>,
        /// Earlier versions of the rotation, kept so that an edit never restarts it.
        before: Option<Vec<BTreeMap<String, Value>>>,
        /// This version of the rotation counts from here on.
        since: Option<String>,
        /// Whose turn runs at `since`: the place in `members`.
        #[schema(minimum = 1)]
        first: Option<u32>,
    }

    /// Business hours and holidays.
    CalendarDocument {
        "name": "Office", "time_zone": "Europe/Berlin",
        "windows": [{"days": ["mon-fri"], "from": "08:00", "to": "18:00"}], "holidays": ["2026-12-25 Christmas Day"]
    } {
        /// As shown.
        name: Option<String>,
        /// IANA name.
        time_zone: String,
        /// Opening times; without: open all day on every day that is no holiday.
        windows: Option<Vec<WindowField>>,
        /// Days on which it is closed, with or without a name behind.
        holidays: Option<Vec<String>>,
        /// An iCalendar file's text: its all-day events are holidays.
        ical: Option<String>,
    }

    /// A hotline number and what happens when it is rung.
    NumberDocument { "aliases": ["493012345678"], "flow": "standard", "language": "de", "schedule": "on-call", "test": false } {
        /// Other spellings.
        aliases: Option<Vec<String>>,
        /// The flow it belongs to; without: the standard flow.
        flow: Option<String>,
        /// Language tag it begins in.
        language: Option<String>,
        /// Whose people are rung when nobody was reached.
        schedule: Option<String>,
        /// How the alerts of its calls escalate.
        policy: Option<String>,
        /// A test number: its calls raise no alert.
        test: Option<bool>,
        /// Callers with a mobile number get an SMS when somebody has taken their report.
        sms_when_taken: Option<bool>,
        /// Conversations with engineers are recorded, after the caller was told and unless somebody presses 9.
        record_calls: Option<bool>,
        /// False: without a word; on test numbers only.
        record_announcement: Option<bool>,
    }

    /// A call flow: a graph of nodes. `hotline.example.toml` shows every type of node with its fields.
    FlowDocument {
        "start": "greeting", "budget": "15m", "last_resort": "bye",
        "nodes": {
            "greeting": {"type": "announce", "prompts": ["greeting"], "next": "engineer"},
            "engineer": {"type": "connect", "schedule": "on-call", "on_nobody": "bye"},
            "bye": {"type": "hangup", "prompts": ["goodbye"]}
        }
    } {
        /// The first node.
        start: String,
        /// Longest stay; then the caller goes to `last_resort`.
        budget: Option<String>,
        /// A voicemail or hangup node.
        last_resort: Option<String>,
        /// Nodes by name.
        nodes: BTreeMap<String, BTreeMap<String, Value>>,
    }

    /// A carrier.
    TrunkDocument {
        "name": "Carrier", "server": "sip.carrier.example", "transport": "udp", "user": "1234567t0", "password": "a-long-password",
        "caller_id": "+4930123450", "trusted": true
    } {
        /// As shown.
        name: Option<String>,
        /// Host with or without port.
        server: String,
        /// `udp` or `tcp`.
        transport: Option<String>,
        /// To register with.
        user: Option<String>,
        /// Never in an answer (`has_password` is); left out it stays.
        #[schema(write_only)]
        password: Option<String>,
        /// There is a password.
        #[schema(read_only)]
        has_password: Option<bool>,
        /// How long a registration lasts.
        expires: Option<String>,
        /// Addresses or networks its calls come from.
        addresses: Option<Vec<String>>,
        /// Where the dialled number stands: `request-uri`, `to`, `p-called-party-id`, `diversion`.
        number_sources: Option<Vec<String>>,
        /// Its P-Asserted-Identity is believed.
        trusted: Option<bool>,
        /// The number that outgoing calls show.
        caller_id: Option<String>,
        /// What is spoken with it, first choice first: `opus`, `g722`, `pcmu`, `pcma`; without: `pcmu`, `pcma`.
        codecs: Option<Vec<String>>,
        /// Registered, or reachable where it needs no registration.
        #[schema(read_only)]
        up: Option<bool>,
        /// How its connection is, in words.
        #[schema(read_only)]
        status: Option<String>,
    }

    /// An account that a phone registers with.
    PhoneDocument { "user": "ada", "password": "a-long-password" } {
        /// Whose it is.
        user: Option<String>,
        /// What is spoken with it, first choice first: `opus`, `g722`, `pcmu`, `pcma`; without: as the server is set.
        codecs: Option<Vec<String>>,
        /// Never in an answer (`has_password` is); left out it stays.
        #[schema(write_only)]
        password: Option<String>,
        /// There is a password.
        #[schema(read_only)]
        has_password: Option<bool>,
        /// It can be called now.
        #[schema(read_only)]
        registered: Option<bool>,
        /// Where it is registered from.
        #[schema(read_only)]
        registrations: Option<Vec<RegistrationField>>,
    }

    /// How an alert finds somebody.
    EscalationPolicyDocument {
        "name": "Usual", "repeat": 2, "unacknowledge_after": "4h",
        "steps": [
            {"targets": ["schedule:on-call"], "wait": "5m"},
            {"targets": ["team:network", "channel:ops"], "wait": "10m", "priorities": ["P1", "P2"], "urgency": "high"}
        ]
    } {
        /// As shown.
        name: Option<String>,
        /// In order.
        steps: Vec<StepField>,
        /// How many more times all steps are gone through.
        #[schema(maximum = 100)]
        repeat: Option<u32>,
        /// An alert acknowledged so long ago and still open escalates anew.
        unacknowledge_after: Option<String>,
    }

    /// A chat room, mailbox or receiver that is no person.
    ChannelDocument { "name": "Operations", "kind": "slack", "address": "C0123456789" } {
        /// As shown.
        name: Option<String>,
        /// `call`, `sms`, `email`, `ntfy`, `telegram`, `slack`, `teams`, `webhook`.
        kind: String,
        /// Where. A URL is never in an answer (`has_address` is); left out it stays.
        address: Option<String>,
        /// There is an address that is not shown.
        #[schema(read_only)]
        has_address: Option<bool>,
    }

    /// One monitoring tool's door. Its key is made here and told once, in the answer that made it.
    AlertSourceDocument {
        "name": "Probes", "customer": "nordlicht", "service": "mail", "priority": "P3", "group_window": "10m",
        "mapping": {"title": "{{ labels.instance }} is down"}
    } {
        /// As shown.
        name: Option<String>,
        /// Whose alerts these are, unless the payload says so.
        customer: Option<String>,
        /// Of which service, unless the payload says so.
        service: Option<String>,
        /// How they escalate.
        policy: Option<String>,
        /// `P1` to `P5`, where the payload names none.
        priority: Option<String>,
        /// New alerts of one group within this time of an open one join it.
        group_window: Option<String>,
        /// Field of the event → template.
        mapping: Option<BTreeMap<String, String>>,
        /// HMAC-SHA256 secrets of which one must have signed the body. Never in an answer; left out they stay.
        #[schema(write_only)]
        secrets: Option<Vec<String>>,
        /// There are secrets.
        #[schema(read_only)]
        has_secrets: Option<bool>,
        /// Own key to use (16 to 200 letters and digits), or null for a new one; in answers only the one just made.
        key: Option<String>,
        /// With a key just made: where to send events.
        #[schema(read_only)]
        url: Option<String>,
    }

    /// A monitor that must ping. Its key is made here and told once, in the answer that made it.
    HeartbeatDocument { "name": "Backup", "every": "25h", "customer": "nordlicht", "priority": "P3" } {
        /// As shown.
        name: Option<String>,
        /// Longest silence, 25 s to 31 days.
        every: String,
        /// Whose.
        customer: Option<String>,
        /// Of which service.
        service: Option<String>,
        /// How its alert escalates.
        policy: Option<String>,
        /// Priority of its alert.
        priority: Option<String>,
        /// Own key to use, or null for a new one; in answers only the one just made.
        key: Option<String>,
        /// With a key just made: where to ping.
        #[schema(read_only)]
        url: Option<String>,
    }

    /// Planned work: alerts are opened and shown, but wake nobody.
    MaintenanceWindowDocument {
        "name": "New switch", "from": "2026-12-01T20:00", "to": "2026-12-02T06:00", "time_zone": "Europe/Berlin",
        "customers": ["nordlicht"], "services": ["mail"]
    } {
        /// What is done.
        name: Option<String>,
        /// First moment: local time of `time_zone` (UTC), or with an offset.
        from: String,
        /// First moment after it.
        to: String,
        /// IANA name.
        time_zone: Option<String>,
        /// Whose alerts are quiet.
        customers: Option<Vec<String>>,
        /// Which services' alerts are quiet.
        services: Option<Vec<String>>,
    }

    /// What customers see of how services are, at `/status/{id}`.
    StatusPageDocument {
        "title": "Nordlicht status", "customer": "nordlicht", "open": true, "language": "de", "time_zone": "Europe/Berlin",
        "accent": "#0b5394", "support": "mailto:help@example.com",
        "components": [{"service": "mail", "name": "E-Mail", "group": "Büro"}]
    } {
        /// At its top.
        title: Option<String>,
        /// Whose it is; without: see `audience`.
        customer: Option<String>,
        /// `everyone` (shared services only), `customer`, or `visitors` (each sees their own).
        audience: Option<String>,
        /// Strangers may open it. Without: visitors prove themselves first, unless it is for everyone.
        open: Option<bool>,
        /// What it tells about, in its order.
        components: Option<Vec<StatusComponentField>>,
        /// Who speaks.
        name: Option<String>,
        /// A PNG, JPEG or WebP of at most 512 kB, in Base64.
        logo: Option<String>,
        /// Colour of links and band, `#rrggbb`; must be read well on white (4.5:1).
        accent: Option<String>,
        /// The same on the dark background; without: made lighter.
        accent_dark: Option<String>,
        /// `en` or `de`.
        language: Option<String>,
        /// IANA name; without: UTC.
        time_zone: Option<String>,
        /// `https:`, `mailto:` or `tel:` where visitors find help.
        support: Option<String>,
        /// By which portals sign visitors, newest first; at least 32 characters, two at most. Never in an answer.
        #[schema(write_only)]
        secrets: Option<Vec<String>>,
        /// It has such secrets.
        #[schema(read_only)]
        has_secrets: Option<bool>,
    }

    /// Something that an alert can start.
    ActionDocument {
        "name": "Restart the mail service", "command": "restart-mail", "timeout": "30s", "retries": 1,
        "on": {"service": "mail", "title_contains": "queue"}
    } {
        /// As shown.
        name: Option<String>,
        /// URL that gets a signed POST. Never in an answer (`has_webhook` is); left out it stays.
        #[schema(write_only)]
        webhook: Option<String>,
        /// There is a webhook.
        #[schema(read_only)]
        has_webhook: Option<bool>,
        /// Name of one of `[[commands]]` in `hotline.toml`.
        command: Option<String>,
        /// Longest run.
        timeout: Option<String>,
        /// Tries after a failure.
        #[schema(maximum = 10)]
        retries: Option<u32>,
        /// Which alerts start it by themselves; without: by hand only.
        on: Option<OnField>,
    }

    /// Words for customers that are prepared. Places: `{service}`, `{since}`, `{next_update}`, `{reference}`, `{from}`, `{until}`.
    UpdateTemplateDocument {
        "phase": "investigating", "language": "de",
        "title": "Störung: {service}", "text": "{service} ist seit {since} gestört. Wir melden uns bis {next_update}."
    } {
        /// `investigating`, `identified`, `monitoring`, `resolved`, `scheduled`, `in_progress`, `verifying`, `completed`.
        phase: String,
        /// Language tag; without: `en`.
        language: Option<String>,
        /// A title for customers.
        title: Option<String>,
        /// The words.
        text: String,
    }

    /// What stands at the top of the file.
    SettingsDocument { "company": "Beispiel IT GmbH", "default_policy": "usual", "blocklist": ["+4930231250666"], "limits": {"call": ["3 in 15m"], "bundle_from": 3} } {
        /// What customers know us by, in contracts and mails.
        company: Option<String>,
        /// The policy of alerts that nothing else says one for.
        default_policy: Option<String>,
        /// Callers who are turned away.
        blocklist: Option<Vec<String>>,
        /// How often one contact may be used.
        limits: Option<LimitsField>,
        /// Who may publish what about incidents.
        incident_rules: Option<IncidentRulesField>,
    }
}

/// Who may publish what about incidents.
#[derive(ToSchema)]
pub struct IncidentRulesField {
    /// Roles of logins: `admin`, `dispatcher`, `engineer`. Who leads the incident or its communication may as well.
    pub publishers: Option<Vec<String>>,
    /// Severities whose updates a second person looks at first.
    pub review: Option<Vec<String>>,
    /// Services whose alerts open a published incident by themselves, once somebody has taken the alert.
    pub auto_services: Option<Vec<String>>,
    /// Alerts at least as urgent as this do so (`P1`).
    pub auto_priority: Option<String>,
    /// How the service is shown then (`major_outage`).
    pub auto_impact: Option<String>,
    /// Time between two words to customers where no contract says it, by severity.
    pub update_every: Option<UpdateEveryField>,
    /// Reminded when so many percent of that time have passed (75).
    #[schema(minimum = 10, maximum = 99)]
    pub remind_at_percent: Option<u8>,
}

/// Durations such as `30m`.
#[derive(ToSchema)]
pub struct UpdateEveryField {
    /// For critical incidents.
    pub critical: Option<String>,
    /// For major ones.
    pub major: Option<String>,
    /// For minor ones.
    pub minor: Option<String>,
    /// For those that nobody notices.
    pub none: Option<String>,
}

/// One way to reach a person.
#[derive(ToSchema)]
pub struct ContactField {
    /// Unique among the person's contacts.
    pub id: String,
    /// `call`, `sms`, `email`, `ntfy`, `telegram`, `slack`, `teams`, `webhook`.
    pub kind: String,
    /// Where. A URL is never in an answer (`has_address` is); left out it stays.
    pub address: Option<String>,
}

/// A service as visitors know it.
#[derive(ToSchema)]
pub struct StatusComponentField {
    /// Which.
    pub service: String,
    /// What visitors call it; without: as the house does.
    pub name: Option<String>,
    /// Under which heading it stands.
    pub group: Option<String>,
    /// What it is for, in a sentence.
    pub description: Option<String>,
}

/// Somebody at a customer.
#[derive(ToSchema)]
pub struct CustomerContactField {
    /// Unique among the customer's contacts.
    pub id: String,
    /// As written to.
    pub name: Option<String>,
    /// Mailbox.
    pub email: Option<String>,
    /// E.164.
    pub phone: Option<String>,
    /// Language tag; without: the customer's.
    pub language: Option<String>,
    /// How they are told of incidents: `email`, `sms`; without: only asked by name.
    pub tell: Option<Vec<String>>,
    /// Of which incidents: `critical`, `major`, `minor`, `none` (all but `none`).
    pub severities: Option<Vec<String>>,
}

/// A report that a customer gets by itself.
#[derive(ToSchema)]
pub struct CustomerReportField {
    /// Unique among the customer's reports.
    pub id: String,
    /// `week` or `month`.
    pub every: String,
    /// The customer's contacts who get it.
    pub to: Vec<String>,
    /// The document travels with the mail (true), or only a link to it.
    pub attach: Option<bool>,
}

/// What was promised for one priority. Time counts in the contract's hours.
#[derive(ToSchema)]
pub struct SlaTargetField {
    /// `P1` to `P5`; incidents: critical is P1, major P2, minor P3, none P4.
    pub priority: String,
    /// Until somebody has it.
    pub response: Option<String>,
    /// Until it is over.
    pub resolution: Option<String>,
    /// Between two words to the customer.
    pub update: Option<String>,
}

/// What an hour counts, in hundredths.
#[derive(ToSchema)]
pub struct WeightsField {
    /// By day, Monday to Friday (100).
    #[schema(maximum = 1000)]
    pub weekday: Option<u32>,
    /// By night (150).
    #[schema(maximum = 1000)]
    pub night: Option<u32>,
    /// Saturday and Sunday (150).
    #[schema(maximum = 1000)]
    pub weekend: Option<u32>,
    /// On holidays (200).
    #[schema(maximum = 1000)]
    pub holiday: Option<u32>,
    /// First hour of the night (22).
    #[schema(maximum = 23)]
    pub night_from: Option<u32>,
    /// First hour after it (6).
    #[schema(maximum = 23)]
    pub night_to: Option<u32>,
}

/// When a contact is used.
#[derive(ToSchema)]
pub struct RuleField {
    /// `high` or `low`; without: for all alerts.
    pub urgency: Option<String>,
    /// How long after the person's turn came.
    pub after: Option<String>,
    /// Which contact.
    pub contact: String,
}

/// A person is away.
#[derive(ToSchema)]
pub struct AbsenceField {
    /// First moment.
    pub from: String,
    /// First moment after it.
    pub to: String,
    /// As shown to those who plan.
    pub reason: Option<String>,
}

/// A contact that counts.
#[derive(ToSchema)]
pub struct ReachedBy {
    /// Which.
    pub id: String,
    /// Its kind.
    pub kind: String,
    /// Nothing but a code is sent to one that is not.
    pub verified: bool,
}

/// Opening times.
#[derive(ToSchema)]
pub struct WindowField {
    /// `mon`, `mon-fri`, `daily`.
    pub days: Vec<String>,
    /// First minute.
    pub from: String,
    /// First minute after it.
    pub to: String,
}

/// One step of a policy.
#[derive(ToSchema)]
pub struct StepField {
    /// `schedule:…`, `user:…`, `team:…`, `channel:…`, `number:+49…@TRUNK`.
    pub targets: Vec<String>,
    /// How long they have before the next step (5m).
    pub wait: Option<String>,
    /// Only for these priorities.
    pub priorities: Option<Vec<String>>,
    /// Only for `high` or `low`.
    pub urgency: Option<String>,
}

/// Which alerts start an action. All that is said must match.
#[derive(ToSchema)]
pub struct OnField {
    /// Of this customer.
    pub customer: Option<String>,
    /// Of this service.
    pub service: Option<String>,
    /// From this alert source.
    pub source: Option<String>,
    /// Words in the title, any case.
    pub title_contains: Option<String>,
    /// At least so urgent.
    pub priority: Option<String>,
}

/// Rows such as `3 in 15m`.
#[derive(ToSchema)]
pub struct LimitsField {
    /// For calls.
    pub call: Option<Vec<String>>,
    /// For SMS.
    pub sms: Option<Vec<String>>,
    /// For everything else.
    pub other: Option<Vec<String>>,
    /// So many alerts waiting for one contact become one message.
    #[schema(minimum = 2, maximum = 1000)]
    pub bundle_from: Option<u32>,
}

/// One registration of a phone.
#[derive(ToSchema)]
pub struct RegistrationField {
    /// Source address.
    pub address: String,
    /// `udp` or `tcp`.
    pub transport: String,
    /// Until then, unless refreshed.
    #[schema(format = DateTime)]
    pub expires_at: String,
    /// What it calls itself.
    pub user_agent: String,
}
