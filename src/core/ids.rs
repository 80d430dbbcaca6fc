//! Identities, each its own type. UUIDv7 for what is made at run time (sorts by
//! time), names for what the operator configures.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

uuid_id!(
    /// One call: from the first INVITE to the last BYE, with all its legs.
    CallId
);
uuid_id!(
    /// Something that someone must take care of.
    AlertId
);
uuid_id!(
    /// One stretch of recorded audio.
    RecordingId
);
uuid_id!(
    /// One message or call to one person (or channel) about something.
    NotificationId
);
uuid_id!(
    /// A disturbance (or planned work) that customers are told about.
    IncidentId
);
uuid_id!(
    /// One text to customers about an incident.
    UpdateId
);
uuid_id!(
    /// What was learned from an incident.
    PostmortemId
);
uuid_id!(
    /// An exercise.
    DrillId
);
uuid_id!(
    /// Somebody wants to be told what a status page says.
    SubscriptionId
);

macro_rules! name_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
        pub struct $name(pub String);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }
    };
}

name_id!(
    /// A customer of the MSP, by its configured name (`acme`).
    CustomerId
);
name_id!(
    /// A person of the MSP (`engineer-1`).
    UserId
);
name_id!(
    /// A rota of people (`on-call`).
    ScheduleId
);
name_id!(
    /// A hotline number as dialled: `hotline`, `+4930…`.
    NumberId
);
name_id!(
    /// A connection to a carrier.
    TrunkId
);
name_id!(
    /// The account with which a phone registers.
    PhoneId
);
name_id!(
    /// A call flow.
    FlowId
);
name_id!(
    /// A node within its flow.
    NodeId
);
name_id!(
    /// Something a customer uses and we look after (`mail`).
    ServiceId
);
name_id!(
    /// People who work together.
    TeamId
);
name_id!(
    /// What was promised to a customer: a contract of service levels.
    SlaId
);
name_id!(
    /// A status page; its name is the `{slug}` of `/status/{slug}`.
    StatusPageId
);
name_id!(
    /// A runbook or an article of knowledge.
    RunbookId
);
name_id!(
    /// An escalation policy.
    PolicyId
);
name_id!(
    /// Business hours and holidays.
    CalendarId
);
name_id!(
    /// Where alerts come from: one monitoring tool's door, with its secret key.
    SourceId
);
name_id!(
    /// A monitor that must ping.
    HeartbeatId
);
name_id!(
    /// A chat room, mailbox or receiver that is no person.
    ChannelId
);
name_id!(
    /// Something that an alert can start: a webhook, a command.
    ActionId
);

/// A leg within its call: 0 is the caller, the others count up in the order of
/// dialling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LegId(pub u32);

impl LegId {
    /// The leg of whoever rang the hotline.
    pub const CALLER: Self = Self(0);
}

impl fmt::Display for LegId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "leg {}", self.0)
    }
}

/// Makes ids from the time passed in and a seed passed in, so that a simulation
/// makes the same ones again. Splitmix64; not for secrets.
#[derive(Debug, Clone)]
pub struct IdSource(u64);

impl IdSource {
    /// `seed` comes from the shell (random) or from a test (fixed).
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 pseudo-random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A UUIDv7 (RFC 9562 section 5.7) for the moment `wall`.
    pub fn uuid(&mut self, wall: jiff::Timestamp) -> Uuid {
        let millis = u64::try_from(wall.as_millisecond()).unwrap_or(0);
        let (high, low) = (self.next_u64(), self.next_u64());
        let mut bytes = [0_u8; 10];
        bytes[..8].copy_from_slice(&high.to_be_bytes());
        bytes[8..].copy_from_slice(&low.to_be_bytes()[..2]);
        uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid()
    }
}
