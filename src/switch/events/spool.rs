//! Events on disk while the database is away: appended and synced before they are answered, read again in order.
//!
//! A folder of files of lines `CRC JSON`. A new file at every start, so that a torn line is the last of its file; a damaged line
//! is skipped and told. How far they are in the database stands in `position`; after a crash the last batch may be handed over
//! again, where its keys let it join what it opened.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use hotline_core::alert::intake::{Action, Event};
use hotline_core::fact::Priority;
use hotline_core::ids::SourceId;
use hotline_core::private::Private;
use jiff::Timestamp;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// A file is closed at this size.
const FILE_MAX: u64 = 16 * 1024 * 1024;
/// All files together.
const ALL_MAX: u64 = 1024 * 1024 * 1024;
/// A longer line is damage.
const LINE_MAX: usize = 256 * 1024;

/// An event that waits, with where it came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Waiting {
    /// From where.
    pub source: SourceId,
    /// How it escalates, where the door itself says so.
    pub policy: Option<String>,
    /// Said before the reasons of its route.
    pub why: Option<String>,
    /// When it came.
    pub at: Timestamp,
    /// What.
    pub event: Event,
}

/// The files. All of it blocks on the disk.
#[derive(Debug)]
pub struct Spool {
    folder: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Oldest first.
    files: VecDeque<PathBuf>,
    /// The last of them, open; none before the first write of this run.
    writing: Option<(File, u64)>,
    /// Where in the first file the next unread line begins.
    read: u64,
    /// Bytes of all files.
    bytes: u64,
    /// Events in them that are not in the database yet.
    waiting: u64,
}

/// How far a reader is; handed to [`Spool::done`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    file: PathBuf,
    offset: u64,
    events: u64,
}

impl Spool {
    /// Finds what a run before left. A folder that can't be read is empty, and told when something is to be written.
    pub fn open(data_dir: &Path) -> Self {
        let folder = data_dir.join("spool");
        let mut state = State::default();
        let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
            .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
            .unwrap_or_default();
        files.retain(|path| path.extension().is_some_and(|end| end == "events"));
        files.sort();
        state.files = files.into();
        state.bytes = state.files.iter().filter_map(|path| path.metadata().ok()).map(|data| data.len()).sum();
        let position = std::fs::read_to_string(folder.join("position")).unwrap_or_default();
        if let Some((name, offset)) = position.trim().split_once(' ')
            && state
                .files
                .front()
                .and_then(|path| path.file_name())
                .is_some_and(|first| first.to_string_lossy() == name)
        {
            state.read = offset.parse().unwrap_or(0);
        }
        let spool = Self { folder, state: Mutex::new(state) };
        spool.state.lock().waiting = spool.count();
        spool
    }

    fn count(&self) -> u64 {
        let state = self.state.lock();
        let lines = |path: &PathBuf, from: u64| {
            let mut bytes = Vec::new();
            let read = File::open(path).and_then(|mut file| {
                file.seek(SeekFrom::Start(from))?;
                file.read_to_end(&mut bytes)
            });
            read.map_or(0, |_| bytes.split(|byte| *byte == b'\n').count() as u64 - 1)
        };
        state.files.iter().enumerate().map(|(place, path)| lines(path, if place == 0 { state.read } else { 0 })).sum()
    }

    /// Events that are not in the database yet.
    pub fn waiting(&self) -> u64 {
        self.state.lock().waiting
    }

    /// Nothing waits.
    pub fn is_empty(&self) -> bool {
        self.state.lock().files.is_empty()
    }

    /// Appends; when it returns, a power cut can't take them. An error: none of them counts.
    pub fn append(&self, events: &[Waiting]) -> io::Result<()> {
        let mut bytes = Vec::new();
        for event in events {
            let json = serde_json::to_string(&Record::of(event)).map_err(io::Error::other)?;
            writeln!(bytes, "{:08x} {json}", crc32fast::hash(json.as_bytes()))?;
        }
        let mut state = self.state.lock();
        if state.bytes + bytes.len() as u64 > ALL_MAX {
            return Err(io::Error::other("the events on disk would grow over 1 GiB"));
        }
        if state.writing.as_ref().is_none_or(|(_, length)| *length >= FILE_MAX) {
            let (path, file) = self.create(state.files.back())?;
            state.files.push_back(path);
            state.writing = Some((file, 0));
        }
        let Some((file, length)) = state.writing.as_mut() else {
            return Err(io::Error::other("there is no file to write to"));
        };
        if let Err(error) = file.write_all(&bytes).and_then(|()| file.sync_data()) {
            // What was written in part must not stand in the middle: cut it off, else go on in a new file.
            if file.set_len(*length).and_then(|()| file.seek(SeekFrom::Start(*length))).is_err() {
                state.writing = None;
            }
            return Err(error);
        }
        *length += bytes.len() as u64;
        state.bytes += bytes.len() as u64;
        state.waiting += events.len() as u64;
        Ok(())
    }

    /// The names sort by their age; one made in the same millisecond as the last comes behind it all the same.
    fn create(&self, last: Option<&PathBuf>) -> io::Result<(PathBuf, File)> {
        if !self.folder.is_dir() {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        }
        let number = |path: &PathBuf| path.file_stem()?.to_str()?.parse::<i64>().ok();
        let now = crate::clock::now().wall.as_millisecond();
        let name = last.and_then(number).map_or(now, |last| now.max(last + 1));
        let path = self.folder.join(format!("{name:015}.events"));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        // The name must survive, too.
        File::open(&self.folder)?.sync_all()?;
        Ok((path, file))
    }

    /// The oldest events, at most so many, and how far that is. Nothing, where nothing waits.
    pub fn peek(&self, most: usize) -> io::Result<Option<(Vec<Waiting>, Mark)>> {
        let mut state = self.state.lock();
        loop {
            let Some(path) = state.files.front().cloned() else { return Ok(None) };
            let mut file = File::open(&path)?;
            file.seek(SeekFrom::Start(state.read))?;
            let (events, offset, lines) = lines(&mut io::BufReader::new(file), state.read, most)?;
            if lines > 0 {
                return Ok(Some((events, Mark { file: path, offset, events: lines })));
            }
            // At its end (or at a torn last line, which was never answered).
            self.remove_first(&mut state)?;
        }
    }

    /// The database has all up to there.
    pub fn done(&self, mark: &Mark) -> io::Result<()> {
        let mut state = self.state.lock();
        if state.files.front() != Some(&mark.file) {
            return Ok(());
        }
        state.read = mark.offset;
        state.waiting = state.waiting.saturating_sub(mark.events);
        let open = state.files.len() == 1 && state.writing.is_some();
        let length =
            if open { state.writing.as_ref().map_or(0, |(_, length)| *length) } else { mark.file.metadata()?.len() };
        if mark.offset >= length {
            return self.remove_first(&mut state);
        }
        let (name, new) = (self.folder.join("position"), self.folder.join("position.new"));
        let text = format!("{} {}\n", mark.file.file_name().unwrap_or_default().to_string_lossy(), mark.offset);
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_data()?;
        std::fs::rename(new, name)
    }

    fn remove_first(&self, state: &mut State) -> io::Result<()> {
        let Some(path) = state.files.pop_front() else { return Ok(()) };
        state.read = 0;
        if state.files.is_empty() {
            state.writing = None;
            state.waiting = 0;
        }
        state.bytes = state.bytes.saturating_sub(path.metadata().map_or(0, |data| data.len()));
        std::fs::remove_file(path)?;
        File::open(&self.folder)?.sync_all()
    }

    /// Puts aside what the database will never take, for people to look at.
    pub fn reject(&self, event: &Waiting, why: &str) -> io::Result<()> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let path = self.folder.join("rejected.jsonl");
        let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        let json = serde_json::json!({ "why": why, "event": Record::of(event) });
        writeln!(file, "{json}")?;
        file.sync_data()
    }
}

/// Whole lines from here on: the events, where the next line begins, how many lines (damaged ones count).
fn lines(reader: &mut impl io::BufRead, from: u64, most: usize) -> io::Result<(Vec<Waiting>, u64, u64)> {
    let (mut events, mut offset, mut count) = (Vec::new(), from, 0);
    let mut line = Vec::new();
    while events.len() < most {
        line.clear();
        let read = reader.take(LINE_MAX as u64).read_until(b'\n', &mut line)?;
        if line.last() != Some(&b'\n') {
            break;
        }
        offset += read as u64;
        count += 1;
        if let Some(event) = event(&line) {
            events.push(event);
        } else {
            tracing::error!(offset, "a damaged event was found on disk and is left out");
        }
    }
    Ok((events, offset, count))
}

fn event(line: &[u8]) -> Option<Waiting> {
    let (sum, json) = std::str::from_utf8(line).ok()?.trim_end_matches('\n').split_once(' ')?;
    let fits = u32::from_str_radix(sum, 16).ok()? == crc32fast::hash(json.as_bytes());
    fits.then(|| serde_json::from_str::<Record>(json).ok()?.event())?
}

/// As it stands in a file; a field added later is optional.
#[derive(Serialize, Deserialize)]
struct Record {
    source: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    policy: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    at: Timestamp,
    action: String,
    title: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    details: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dedup_key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group_key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    priority: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    customer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    service: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    began_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    link: Option<String>,
}

impl Record {
    fn of(waiting: &Waiting) -> Self {
        let event = &waiting.event;
        Self {
            source: waiting.source.0.clone(),
            policy: waiting.policy.clone(),
            why: waiting.why.clone(),
            at: waiting.at,
            action: event.action.word().to_owned(),
            title: event.title.clone(),
            details: event.details.as_ref().map(|details| details.reveal().clone()),
            dedup_key: event.dedup_key.clone(),
            group_key: event.group_key.clone(),
            priority: event.priority.map(|priority| priority.word().to_owned()),
            customer: event.customer.as_ref().map(|id| id.0.clone()),
            service: event.service.as_ref().map(|id| id.0.clone()),
            began_at: event.began_at,
            link: event.link.clone(),
        }
    }

    fn event(self) -> Option<Waiting> {
        let event = Event {
            action: Action::from_word(&self.action)?,
            title: self.title,
            details: self.details.map(Private::new),
            dedup_key: self.dedup_key,
            group_key: self.group_key,
            priority: self.priority.as_deref().and_then(Priority::from_word),
            customer: self.customer.as_deref().map(Into::into),
            service: self.service.as_deref().map(Into::into),
            began_at: self.began_at,
            link: self.link,
        };
        Some(Waiting { source: SourceId(self.source), policy: self.policy, why: self.why, at: self.at, event })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(number: u32) -> Waiting {
        let event = Event {
            action: Action::Trigger,
            title: format!("fault {number} \n äöü"),
            details: Some(Private::from("words\nand more")),
            dedup_key: Some(number.to_string()),
            group_key: None,
            priority: Some(Priority::P2),
            customer: Some("acme".into()),
            service: None,
            began_at: Some("2026-03-29T01:30:00Z".parse().unwrap()),
            link: Some("https://mon.example/".to_owned()),
        };
        Waiting {
            source: "mon".into(),
            policy: Some("p".to_owned()),
            why: None,
            at: "2026-03-29T01:31:00Z".parse().unwrap(),
            event,
        }
    }

    fn all(spool: &Spool) -> Vec<String> {
        let mut keys = Vec::new();
        while let Some((events, mark)) = spool.peek(2).unwrap() {
            keys.extend(events.into_iter().filter_map(|waiting| waiting.event.dedup_key));
            spool.done(&mark).unwrap();
        }
        keys
    }

    #[test]
    fn what_is_appended_is_read_in_order_once() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::open(dir.path());
        assert!(spool.is_empty() && spool.peek(5).unwrap().is_none());
        spool.append(&[waiting(1), waiting(2), waiting(3)]).unwrap();
        let (events, _) = spool.peek(1).unwrap().unwrap();
        assert_eq!(events, [waiting(1)]);
        spool.append(&[waiting(4)]).unwrap();
        assert_eq!(
            (all(&spool), spool.waiting(), spool.is_empty()),
            (vec!["1".into(), "2".into(), "3".into(), "4".into()], 0, true)
        );
        spool.append(&[waiting(5)]).unwrap();
        assert_eq!(all(&spool), ["5"]);
    }

    #[test]
    fn another_run_goes_on_where_it_was() {
        let dir = tempfile::tempdir().unwrap();
        {
            let spool = Spool::open(dir.path());
            spool.append(&[waiting(1), waiting(2), waiting(3)]).unwrap();
            let (_, mark) = spool.peek(1).unwrap().unwrap();
            spool.done(&mark).unwrap();
        }
        let spool = Spool::open(dir.path());
        assert_eq!(spool.waiting(), 2);
        spool.append(&[waiting(4)]).unwrap();
        assert_eq!(all(&spool), ["2", "3", "4"]);
    }

    #[test]
    fn a_torn_end_and_damage_cost_only_themselves() {
        let dir = tempfile::tempdir().unwrap();
        Spool::open(dir.path()).append(&[waiting(1), waiting(2), waiting(3)]).unwrap();
        let path = Spool::open(dir.path()).state.lock().files[0].clone();
        let mut text = std::fs::read_to_string(&path).unwrap().replacen("fault 2", "fault 9", 1);
        text.push_str("0badbad0 {\"source\":\"half");
        std::fs::write(&path, text).unwrap();
        let spool = Spool::open(dir.path());
        spool.append(&[waiting(4)]).unwrap();
        assert_eq!(all(&spool), ["1", "3", "4"]);
        assert!(spool.is_empty());
    }

    #[test]
    fn a_disk_that_takes_nothing_is_told() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("spool"), b"in the way").unwrap();
        let spool = Spool::open(dir.path());
        assert!(spool.append(&[waiting(1)]).is_err());
        assert!(spool.is_empty());
    }

    #[test]
    fn the_private_words_are_for_the_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::open(dir.path());
        spool.append(&[waiting(1)]).unwrap();
        let mode = spool.state.lock().files[0].metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
