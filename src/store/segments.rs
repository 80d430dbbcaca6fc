//! The journal's files: found and mended at the start, listed while it runs, read in order.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::disk::sync_folder;
use super::frame::{self, Frame};

/// How much of a segment is read at a time.
const CHUNK: u64 = 256 << 10;

/// One file of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    /// Counts the files up; part of the name.
    pub file: u64,
    /// Where.
    pub path: PathBuf,
    /// The run that wrote it.
    pub run: Uuid,
    /// Bytes that hold whole records (and the header).
    pub length: u64,
    /// Number of its first record.
    pub first: u64,
    /// Number of its last record.
    pub last: u64,
}

/// All files, oldest first. The last one may grow.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    /// The files that hold records.
    pub segments: Vec<Segment>,
    /// Number of the next file.
    pub next_file: u64,
    /// Number of the next record.
    pub next_number: u64,
    /// How far the database has each run's records.
    pub drained: HashMap<Uuid, u64>,
}

impl Catalog {
    /// Records that the database does not have yet.
    pub fn undrained(&self) -> u64 {
        self.segments.iter().map(|segment| segment.last.saturating_sub(self.seen(segment))).sum()
    }

    /// The number of the last record of `segment` that is drained, or the one before its first.
    fn seen(&self, segment: &Segment) -> u64 {
        let before = segment.first.saturating_sub(1);
        self.drained.get(&segment.run).copied().unwrap_or(0).max(before)
    }

    /// Whether all of it is in the database.
    pub fn is_drained(&self, segment: &Segment) -> bool {
        self.seen(segment) >= segment.last
    }
}

/// One record as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Raw {
    /// The run that wrote it.
    pub run: Uuid,
    /// Its number.
    pub number: u64,
    /// Its JSON.
    pub json: Vec<u8>,
}

/// Finds the journal's files in `folder`, cuts torn tails, sets damaged files aside (their whole
/// records are kept). Says in `notes` what an operator must know.
pub(super) fn scan(folder: &Path, notes: &mut Vec<String>) -> io::Result<Catalog> {
    let mut found = Vec::new();
    let mut catalog = Catalog { next_file: 1, next_number: 1, ..Catalog::default() };
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if let Some(file) = file_number(&path) {
            catalog.next_file = catalog.next_file.max(file + 1);
            if path.extension().is_some_and(|extension| extension == "log") {
                found.push((file, path));
            }
        }
    }
    found.sort();
    let newest = found.len();
    for (index, (file, path)) in found.into_iter().enumerate() {
        if let Some(segment) = scan_file(file, &path, index + 1 == newest, notes)? {
            catalog.next_number = catalog.next_number.max(segment.last + 1);
            catalog.segments.push(segment);
        }
    }
    Ok(catalog)
}

/// `node-00000012.log` (or `.log.damaged`): 12.
fn file_number(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?;
    let stem = name.strip_suffix(".damaged").unwrap_or(name).strip_suffix(".log")?;
    stem.rsplit_once('-')?.1.parse().ok()
}

/// The name of file number `file`.
pub(super) fn path_of(folder: &Path, node: &str, file: u64) -> PathBuf {
    let safe: String =
        node.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' || c == '.' { c } else { '-' }).collect();
    folder.join(format!("{safe}-{file:08}.log"))
}

fn scan_file(file: u64, path: &Path, newest: bool, notes: &mut Vec<String>) -> io::Result<Option<Segment>> {
    let bytes = fs::read(path)?;
    let run = frame::run_of(&bytes);
    if bytes.len() <= frame::HEADER && (newest || bytes.is_empty() || run.is_some()) {
        // Stopped while it was being created: no record can be in it.
        fs::remove_file(path)?;
        return Ok(None);
    }
    let mut good = Vec::new();
    let mut at = if run.is_some() { frame::HEADER } else { 0 };
    let mut torn = None;
    let mut damaged = run.is_none();
    while at < bytes.len() {
        if let Frame::Whole { number, size, .. } = frame::first(&bytes[at..]) {
            good.push((number, at, size));
            at += size;
        } else if let Some(skip) = frame::next_whole(&bytes[at..]) {
            damaged = true;
            at += skip;
        } else {
            torn = Some(at);
            break;
        }
    }
    // A crash tears the end of the newest file only; elsewhere it is damage.
    damaged |= torn.is_some() && !newest;
    if damaged {
        return set_aside(file, path, &bytes, run, &good, notes);
    }
    let length = torn.unwrap_or(bytes.len());
    if torn.is_some() {
        tracing::warn!(bytes = bytes.len() - length, "journal: cut the unfinished end of the newest file");
        let file = fs::OpenOptions::new().write(true).open(path)?;
        file.set_len(length as u64)?;
        file.sync_all()?;
    }
    let (Some(run), Some(first), Some(last)) = (run, good.first(), good.last()) else {
        fs::remove_file(path)?;
        return Ok(None);
    };
    Ok(Some(Segment { file, path: path.to_owned(), run, length: length as u64, first: first.0, last: last.0 }))
}

/// Keeps the damaged file as `….damaged` and writes its whole records anew under the old name.
fn set_aside(
    file: u64,
    path: &Path,
    bytes: &[u8],
    run: Option<Uuid>,
    good: &[(u64, usize, usize)],
    notes: &mut Vec<String>,
) -> io::Result<Option<Segment>> {
    let aside = aside_path(path);
    let note = format!(
        "the journal file {} was damaged: {} whole records were kept, the file is set aside as {}; check the disk",
        path.display(),
        good.len(),
        aside.display(),
    );
    tracing::error!("{note}");
    notes.push(note);
    let (Some(first), Some(last)) = (good.first(), good.last()) else {
        fs::rename(path, &aside)?;
        return Ok(None);
    };
    // Without a readable header the run is unknown: a run of its own lets the database take all of it.
    // A record it has already changes no row when applied again.
    let run = run.unwrap_or_else(Uuid::now_v7);
    let mut whole = frame::header(run).to_vec();
    for (_, at, size) in good {
        whole.extend_from_slice(&bytes[*at..at + size]);
    }
    let fresh = path.with_extension("log.tmp");
    fs::write(&fresh, &whole)?;
    File::open(&fresh)?.sync_all()?;
    fs::copy(path, &aside)?;
    File::open(&aside)?.sync_all()?;
    fs::rename(&fresh, path)?;
    sync_folder(path)?;
    Ok(Some(Segment { file, path: path.to_owned(), run, length: whole.len() as u64, first: first.0, last: last.0 }))
}

/// Where a damaged file is kept.
pub(super) fn aside_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".damaged");
    PathBuf::from(name)
}

/// Reads records in order, from the oldest file on.
#[derive(Debug, Clone, Default)]
pub(super) struct Reader {
    file: u64,
    offset: u64,
}

/// What one reading step found.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Records in order; may be empty although there are more (see `end`).
    pub records: Vec<Raw>,
    /// Nothing more is there now.
    pub end: bool,
    /// Damage met on the way.
    pub damage: Option<String>,
}

impl Reader {
    /// The next records, at most about `CHUNK` bytes and `max` records. `segments` is the catalog's list as it
    /// is now. Reading again after an error begins at the same place.
    pub fn read(&mut self, segments: &[Segment], max: usize) -> io::Result<Batch> {
        let next = segments
            .iter()
            .find(|segment| segment.file > self.file || (segment.file == self.file && segment.length > self.offset));
        let Some(segment) = next else { return Ok(Batch { end: true, ..Batch::default() }) };
        if segment.file != self.file {
            (self.file, self.offset) = (segment.file, frame::HEADER as u64);
        }
        let mut batch = Batch::default();
        let mut bytes = match read_range(&segment.path, self.offset, (self.offset + CHUNK).min(segment.length)) {
            Ok(bytes) if !bytes.is_empty() => bytes,
            Ok(_) => return Ok(self.skip_rest(segment)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(self.skip_rest(segment)),
            Err(error) => return Err(error),
        };
        let mut at = 0;
        while batch.records.len() < max && at < bytes.len() {
            match frame::first(&bytes[at..]) {
                Frame::Whole { number, json, size } => {
                    batch.records.push(Raw { run: segment.run, number, json: json.to_vec() });
                    at += size;
                }
                Frame::Short(size) if self.offset + (at + size) as u64 <= segment.length => {
                    if at > 0 {
                        break; // The next step begins with it.
                    }
                    bytes = read_range(&segment.path, self.offset, self.offset + size as u64)?;
                    if bytes.len() < size {
                        return Ok(self.skip_rest(segment));
                    }
                }
                Frame::Short(_) | Frame::Bad => {
                    let rest = read_range(&segment.path, self.offset + at as u64, segment.length)?;
                    let skip = frame::next_whole(&rest).unwrap_or(rest.len());
                    batch.damage = Some(format!(
                        "{skip} bytes of the journal file {} cannot be read; check the disk",
                        segment.path.display()
                    ));
                    at += skip;
                    break;
                }
            }
        }
        self.offset += at as u64;
        Ok(batch)
    }

    /// The file is shorter than what was written to it, or gone: somebody else was at it.
    fn skip_rest(&mut self, segment: &Segment) -> Batch {
        let missing = segment.length - self.offset;
        self.offset = segment.length;
        let path = segment.path.display();
        Batch {
            damage: Some(format!("{missing} bytes of the journal file {path} are gone; keep other programs off it")),
            ..Batch::default()
        }
    }
}

fn read_range(path: &Path, from: u64, to: u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::with_capacity(usize::try_from(to - from).unwrap_or(0));
    file.take(to - from).read_to_end(&mut bytes)?;
    Ok(bytes)
}
