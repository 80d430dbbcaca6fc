//! The ends of the chain noted outside the database: whoever cuts the chain's end off, or writes it anew, would have to
//! change these files too (and yesterday's log).

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::AuditHead;
use crate::store::disk::{create_folder, plain};
use crate::store::{Store, StoreError};

/// The end now.
const LATEST: &str = "audit-head";
/// One line a day.
const DAILY: &str = "audit-heads.log";
const DAY_S: i64 = 86_400;

impl Store {
    /// Notes where the chain ends: in `audit-head`, and once a day as a line of `audit-heads.log`. True: it is a day
    /// since the last line, so it goes into the log as well. Blocks on the disk.
    pub fn audit_note(&self, head: &AuditHead, at: Timestamp) -> Result<bool, StoreError> {
        let folder = self.shared.recordings.data_dir();
        note(&folder, head, at).map_err(|error| {
            StoreError::Journal(plain(&format!("the audit chain's end can't be noted in {}", folder.display()), &error))
        })
    }

    /// The ends noted in this node's data folder. Blocks on the disk. What can't be read there is left out.
    pub fn audit_noted(&self) -> Vec<AuditHead> {
        let folder = self.shared.recordings.data_dir();
        let lines = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
        lines(DAILY).lines().chain(lines(LATEST).lines()).filter_map(|line| read(line).map(|(_, head)| head)).collect()
    }
}

fn note(folder: &Path, head: &AuditHead, at: Timestamp) -> io::Result<bool> {
    let line = format!("{at:.0} {} {} {}\n", head.seq, head.hash, head.node);
    create_folder(folder)?;
    let (latest, beside) = (folder.join(LATEST), folder.join(format!("{LATEST}.new")));
    write(&beside, &line, false)?;
    fs::rename(&beside, &latest)?;
    let daily = folder.join(DAILY);
    let last = match fs::read_to_string(&daily) {
        Ok(text) => text.lines().rev().find_map(|line| read(line).map(|(at, _)| at)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let due = last.is_none_or(|last| at.as_second() - last.as_second() >= DAY_S);
    if due {
        write(&daily, &line, true)?;
    }
    Ok(due)
}

fn write(path: &PathBuf, line: &str, append: bool) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().create(true).write(true).append(append).truncate(!append).open(path)?;
    file.write_all(line.as_bytes())?;
    file.sync_data()
}

/// `2026-11-22T03:04:05Z 17 9f86… node-1`
fn read(line: &str) -> Option<(Timestamp, AuditHead)> {
    let mut words = line.splitn(4, ' ');
    let (at, seq, hash, node) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let head = AuditHead { node: node.to_owned(), seq: seq.parse().ok()?, hash: hash.to_owned() };
    Some((at.parse().ok()?, head))
}
