//! Keys: named telephone events (RFC 4733), their sound, and one press that is heard twice.

pub mod event;
pub mod inband;
pub mod merge;

pub use event::{Receiver, TelephoneEvent};
pub use merge::{Merge, Overlap, Press, Source};

/// Whether the sound of a line is listened to for keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InBand {
    /// If the other side did not agree to send them as telephone events.
    #[default]
    Auto,
    /// In any case.
    Always,
    /// Never.
    Never,
}

impl InBand {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Auto, Self::Always, Self::Never];

    /// As configured.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Always => "always",
            Self::Never => "never",
        }
    }

    /// The value behind a word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.word() == word)
    }

    /// Whether to listen, with telephone events agreed on or not.
    pub const fn listens(self, events: bool) -> bool {
        match self {
            Self::Auto => !events,
            Self::Always => true,
            Self::Never => false,
        }
    }
}

/// The sixteen keys in the order of their event codes (RFC 4733 section 3.2).
const KEYS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D'];

/// The key of an event code; `None` for codes that are no key (16 is a hook flash).
pub fn key_of(code: u8) -> Option<char> {
    KEYS.get(usize::from(code)).copied()
}

/// The event code of a key; letters of either case.
pub fn code_of(key: char) -> Option<u8> {
    let key = key.to_ascii_uppercase();
    KEYS.iter().position(|k| *k == key).map(|code| code as u8)
}
