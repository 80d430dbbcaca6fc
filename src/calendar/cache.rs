//! Calendars that were read already. All documents are read anew at each write of one; a text that did not change is not spelled
//! out again.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use super::CalendarError;
use super::import::{self, Event};

/// Texts remembered at most, and their events.
const TEXTS_MAX: usize = 10_000;
const EVENTS_MAX: usize = 400_000;

type Read = Result<Arc<Vec<Event>>, CalendarError>;

/// What was read, by the hash of text, zone and window.
#[derive(Default)]
struct Cache {
    read: HashMap<[u8; 32], (Timestamp, Read)>,
    events: usize,
}

static CACHE: LazyLock<Mutex<Cache>> = LazyLock::new(Mutex::default);

/// As [`import::events`]; for the same text, zone and window the same as before, refusals included.
pub(super) fn events(text: &str, zone: &TimeZone, from: Timestamp, to: Timestamp) -> Read {
    let mut hash = Sha256::new();
    for part in [text.to_owned(), format!("{zone:?}"), from.to_string(), to.to_string()] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let key: [u8; 32] = hash.finalize().into();
    if let Some((_, known)) = CACHE.lock().read.get(&key) {
        return known.clone();
    }
    // Without the lock: one that is slow to read holds no other up.
    let read = import::events(text, zone, from, to).map(Arc::new);
    CACHE.lock().keep(key, from, read.clone());
    read
}

fn count(read: &Read) -> usize {
    read.as_ref().map_or(0, |events| events.len())
}

impl Cache {
    fn keep(&mut self, key: [u8; 32], from: Timestamp, read: Read) {
        let more = count(&read);
        if self.is_full(more) {
            // Those of earlier days are not asked for any more.
            self.read.retain(|_, (window, _)| *window >= from);
            self.events = self.read.values().map(|(_, read)| count(read)).sum();
        }
        if self.is_full(more) {
            self.read.clear();
            self.events = 0;
        }
        self.events += more;
        if let Some((_, old)) = self.read.insert(key, (from, read)) {
            self.events = self.events.saturating_sub(count(&old));
        }
    }

    fn is_full(&self, more: usize) -> bool {
        self.read.len() >= TEXTS_MAX || self.events + more > EVENTS_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ts(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_same_text_is_read_once() {
        let text = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:cache\r\nDTSTART;VALUE=DATE:20280101\r\nRRULE:FREQ=MONTHLY\r\n\
                    SUMMARY:x\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
        let (from, to) = (ts("2028-01-01T00:00Z"), ts("2029-01-01T00:00Z"));
        let once = events(text, &TimeZone::UTC, from, to).unwrap();
        assert_eq!(once.len(), 12);
        assert!(Arc::ptr_eq(&once, &events(text, &TimeZone::UTC, from, to).unwrap()), "it was not read again");
        let later = events(text, &TimeZone::UTC, ts("2028-06-01T00:00Z"), to).unwrap();
        assert_eq!(later.len(), 7, "another window is another question");
        let changed = text.replace("MONTHLY", "YEARLY");
        assert_eq!(events(&changed, &TimeZone::UTC, from, to).unwrap().len(), 1);
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        assert_ne!(events(text, &berlin, from, to).unwrap()[1].from, once[1].from, "another zone too");
    }

    #[test]
    fn it_does_not_grow_without_end() {
        let mut cache = Cache::default();
        let event =
            Event { summary: String::new(), from: ts("2028-01-01T00:00Z"), to: ts("2028-01-02T00:00Z"), days: None };
        let large: Read = Ok(Arc::new(vec![event; 150_000]));
        for index in 0..5 {
            cache.keep([index; 32], ts("2028-01-01T00:00Z"), large.clone());
            assert!(cache.events <= EVENTS_MAX && cache.events == cache.read.len() * 150_000);
        }
    }
}
