//! Keys: named telephone events (RFC 4733), and one press that is heard twice.

pub mod event;
pub mod inband;
pub mod merge;

pub use event::{Receiver, TelephoneEvent};
pub use merge::{Merge, Source};

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
