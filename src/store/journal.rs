//! The journal at run time: a queue in memory, one thread that writes, one that syncs.
//!
//! `append` puts an entry into the queue and returns. The writer thread hands everything queued to the
//! operating system in one write (from then on it survives kill -9); the syncer thread makes it survive
//! a power cut at most [`Tuning::sync_every`] later. They are two threads so that a slow `fdatasync` does
//! not hold up the 200 OK of the next call.
//!
//! A disk that is full or broken: entries stay in memory up to [`Tuning::queue_bytes_max`] and are tried
//! again; what was written in part is cut off again. Beyond that they are counted as lost.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tokio::sync::watch;
use uuid::Uuid;

use super::disk::{Disk, DiskFile, RealDisk, plain};
use super::identity::Identity;
use super::nodes::name_taken;
use super::segments::{Catalog, Segment, path_of};
use super::{StoreHealth, frame};

/// Sizes and intervals; tests use smaller ones.
#[derive(Debug, Clone)]
pub(super) struct Tuning {
    /// Bytes that wait in memory at most.
    pub queue_bytes_max: usize,
    /// A file is full at so many bytes.
    pub segment_bytes: u64,
    /// Bytes of one write at most.
    pub write_bytes: usize,
    /// What is written is synced at most so much later.
    pub sync_every: Duration,
    /// A failed write is tried again after so long.
    pub retry_every: Duration,
    /// Drained files are kept up to so many bytes: what a start without database goes by.
    pub retain_bytes: u64,
    /// And no longer than that: they hold callers' numbers and words. A file is begun every day, so that it can go.
    pub retain_age: Duration,
    /// The disk.
    pub disk: Arc<dyn Disk>,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            queue_bytes_max: 64 << 20,
            segment_bytes: 16 << 20,
            write_bytes: 1 << 20,
            sync_every: Duration::from_millis(500),
            retry_every: Duration::from_millis(500),
            retain_bytes: 32 << 20,
            retain_age: Duration::from_hours(7 * 24),
            disk: Arc::new(RealDisk),
        }
    }
}

/// What `append`, the threads and the drain share.
#[derive(Debug)]
pub(super) struct Shared {
    pub tuning: Tuning,
    /// `data_dir/journal`.
    pub folder: PathBuf,
    /// Which node this is.
    pub identity: Identity,
    claim: Mutex<Claim>,
    /// This start of the service.
    pub run: Uuid,
    queue: Mutex<Queue>,
    /// Something was queued, or it is time to stop.
    queued: Condvar,
    unsynced: Mutex<Unsynced>,
    /// Something was written, or it is time to stop.
    dirty: Condvar,
    pub catalog: Mutex<Catalog>,
    faults: Mutex<Faults>,
    lost: AtomicU64,
    /// Set after a failed sync or an I/O error: begin a new file.
    pub rotate: AtomicBool,
    /// Number of the last record that survives kill -9.
    written: watch::Sender<u64>,
    /// The writer has ended.
    ended: watch::Sender<bool>,
    /// Number of the last record of this run that is in the database.
    pub drained: watch::Sender<u64>,
    /// Numbers that the database refused, newest last (bounded).
    refused: Mutex<BTreeSet<u64>>,
    /// Held while the service uses the folder.
    lock: Mutex<Option<std::fs::File>>,
}

#[derive(Debug, Default)]
struct Queue {
    entries: VecDeque<(u64, Vec<u8>)>,
    next_number: u64,
    /// Bytes queued or being written.
    bytes: usize,
    stop: bool,
}

#[derive(Debug, Default)]
struct Unsynced {
    files: Vec<Arc<dyn DiskFile>>,
    stop: bool,
}

#[derive(Debug, Default)]
struct Faults {
    write: Option<String>,
    sync: Option<String>,
    database: Option<String>,
    notes: Vec<String>,
}

/// Whether this process holds its node's name on the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Claim {
    /// The database was not asked yet.
    #[default]
    Open,
    /// It does.
    Held,
    /// Another live process does.
    Refused,
}

/// What became of an entry handed to [`Shared::append`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Appended {
    /// Queued under this number.
    Queued(u64),
    /// Neither disk nor memory could hold it.
    Lost,
}

impl Shared {
    pub fn new(
        tuning: Tuning,
        folder: PathBuf,
        identity: Identity,
        catalog: Catalog,
        notes: Vec<String>,
        lock: std::fs::File,
    ) -> Arc<Self> {
        let before = catalog.next_number - 1;
        Arc::new(Self {
            tuning,
            folder,
            identity,
            claim: Mutex::default(),
            run: Uuid::now_v7(),
            queue: Mutex::new(Queue { next_number: catalog.next_number, ..Queue::default() }),
            queued: Condvar::new(),
            unsynced: Mutex::default(),
            dirty: Condvar::new(),
            catalog: Mutex::new(catalog),
            faults: Mutex::new(Faults { notes, ..Faults::default() }),
            lost: AtomicU64::new(0),
            rotate: AtomicBool::new(false),
            written: watch::Sender::new(before),
            ended: watch::Sender::new(false),
            drained: watch::Sender::new(0),
            refused: Mutex::default(),
            lock: Mutex::new(Some(lock)),
        })
    }

    /// Queues a record. Never waits for the disk.
    pub fn append(&self, json: Vec<u8>) -> Appended {
        let size = json.len() + frame::PREFIX;
        let mut queue = self.queue.lock();
        if queue.stop || json.len() > frame::JSON_MAX || queue.bytes + size > self.tuning.queue_bytes_max {
            drop(queue);
            if self.lost.fetch_add(1, Ordering::Relaxed) == 0 {
                tracing::error!("journal: an entry is lost, neither disk nor memory can hold it");
            }
            return Appended::Lost;
        }
        let number = queue.next_number;
        queue.next_number += 1;
        queue.bytes += size;
        queue.entries.push_back((number, json));
        drop(queue);
        self.queued.notify_one();
        Appended::Queued(number)
    }

    pub fn written(&self) -> watch::Receiver<u64> {
        self.written.subscribe()
    }

    pub fn ended(&self) -> watch::Receiver<bool> {
        self.ended.subscribe()
    }

    /// Whether the database has all that earlier runs wrote.
    pub fn earlier_runs_are_drained(&self) -> bool {
        let catalog = self.catalog.lock();
        catalog.segments.iter().filter(|segment| segment.run != self.run).all(|segment| catalog.is_drained(segment))
    }

    pub fn health(&self) -> StoreHealth {
        let undrained = {
            let queued = self.queue.lock().next_number;
            let catalog = self.catalog.lock();
            // What was queued meanwhile may be written already.
            catalog.undrained() + queued.saturating_sub(catalog.next_number)
        };
        let faults = self.faults.lock();
        StoreHealth {
            journal_fault: faults.write.clone().or_else(|| faults.sync.clone()),
            database_fault: faults.database.clone(),
            undrained,
            lost: self.lost.load(Ordering::Relaxed),
            notes: faults.notes.clone(),
        }
    }

    pub fn set_database_fault(&self, fault: Option<String>) {
        let mut faults = self.faults.lock();
        match (&faults.database, &fault) {
            (None, Some(text)) => tracing::error!("database: {text}; calls go on, the journal keeps everything"),
            (Some(_), None) => tracing::info!("database: written again"),
            (None, None) | (Some(_), Some(_)) => {}
        }
        faults.database = fault;
    }

    /// Whether the node's name is this process's.
    pub fn claim(&self) -> Claim {
        *self.claim.lock()
    }

    /// What the database said about the node's name.
    pub fn set_claim(&self, held: bool) {
        let claim = if held { Claim::Held } else { Claim::Refused };
        let before = std::mem::replace(&mut *self.claim.lock(), claim);
        if claim == Claim::Refused && before != claim {
            self.note(name_taken(&self.identity));
        } else if claim == Claim::Held && before == Claim::Refused {
            let taken = name_taken(&self.identity);
            self.faults.lock().notes.retain(|note| *note != taken);
        }
    }

    /// Adds a sentence to what an operator must know; the same one only once.
    pub fn note(&self, note: String) {
        let mut faults = self.faults.lock();
        if !faults.notes.contains(&note) && faults.notes.len() < 100 {
            tracing::error!("{note}");
            faults.notes.push(note);
        }
    }

    /// Replaces the note that begins with `begin`, or adds it.
    pub fn note_once(&self, begin: &str, note: String) {
        let mut faults = self.faults.lock();
        faults.notes.retain(|old| !old.starts_with(begin));
        faults.notes.push(note);
    }

    pub fn refuse(&self, number: u64) {
        let mut refused = self.refused.lock();
        refused.insert(number);
        if refused.len() > 1_000 {
            refused.pop_first();
        }
    }

    pub fn is_refused(&self, number: u64) -> bool {
        self.refused.lock().contains(&number)
    }

    /// No more entries; the threads end when all is written (or cannot be).
    pub fn stop(&self) {
        self.queue.lock().stop = true;
        self.queued.notify_all();
    }

    pub fn is_stopped(&self) -> bool {
        self.queue.lock().stop
    }

    pub fn unlock(&self) {
        self.lock.lock().take();
    }

    fn stop_syncer(&self) {
        self.unsynced.lock().stop = true;
        self.dirty.notify_all();
    }

    fn set_write_fault(&self, fault: Option<String>) {
        let mut faults = self.faults.lock();
        match (&faults.write, &fault) {
            (None, Some(text)) => tracing::error!("journal: {text}; entries wait in memory"),
            (Some(_), None) => tracing::info!("journal: written again"),
            (None, None) | (Some(_), Some(_)) => {}
        }
        faults.write = fault;
    }
}

/// What journals and stores hold: when the last one is dropped, threads and drain end by themselves.
#[derive(Debug)]
pub(super) struct Handle {
    pub shared: Arc<Shared>,
    /// Tells the drain to end when all is drained.
    pub finish: watch::Sender<bool>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.stop();
        self.finish.send_replace(true);
    }
}

/// Starts the two threads; they end after [`Shared::stop`].
pub(super) fn start(shared: &Arc<Shared>) -> io::Result<Vec<std::thread::JoinHandle<()>>> {
    let (for_writer, for_syncer) = (Arc::clone(shared), Arc::clone(shared));
    let syncer = std::thread::Builder::new().name("journal-sync".to_owned()).spawn(move || sync(&for_syncer))?;
    let writer = std::thread::Builder::new()
        .name("journal".to_owned())
        .spawn(move || Writer::new(for_writer).run())
        .inspect_err(|_| shared.stop_syncer())?;
    Ok(vec![writer, syncer])
}

/// The thread that writes.
struct Writer {
    shared: Arc<Shared>,
    pending: VecDeque<(u64, Vec<u8>)>,
    file: Option<Open>,
    /// Bytes of the next write at most; one record after a failure, growing again with success.
    write_bytes: usize,
}

/// The file being written.
struct Open {
    number: u64,
    path: PathBuf,
    handle: Arc<dyn DiskFile>,
    /// Bytes that hold whole records; 0: not even the header is there.
    length: u64,
}

/// However the thread ends: who waits for an entry is told, and a fault of ours is not silent.
impl Drop for Writer {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.shared.set_write_fault(Some("the journal stopped by a fault of ours; restart the service".to_owned()));
            self.shared.stop();
        }
        self.shared.stop_syncer();
        self.shared.ended.send_replace(true);
    }
}

impl Writer {
    fn new(shared: Arc<Shared>) -> Self {
        let write_bytes = shared.tuning.write_bytes;
        Self { shared, pending: VecDeque::new(), file: None, write_bytes }
    }

    fn run(mut self) {
        let mut failures_after_stop = 0;
        while self.take() {
            match self.write() {
                Ok(()) => self.shared.set_write_fault(None),
                Err(text) => {
                    self.shared.set_write_fault(Some(text));
                    if self.shared.is_stopped() {
                        failures_after_stop += 1;
                        if failures_after_stop > 20 {
                            break;
                        }
                    }
                    self.pause();
                }
            }
        }
        let left = self.pending.len() as u64;
        if left > 0 {
            tracing::error!(entries = left, "journal: stopped before they could be written");
            self.shared.lost.fetch_add(left, Ordering::Relaxed);
        }
    }

    /// Waits for something to write. False: all is written and it is time to stop.
    fn take(&mut self) -> bool {
        let mut queue = self.shared.queue.lock();
        loop {
            self.pending.append(&mut queue.entries);
            if !self.pending.is_empty() {
                return true;
            }
            if queue.stop {
                return false;
            }
            self.shared.queued.wait(&mut queue);
        }
    }

    /// Waits before the next try; new entries pile up in the queue meanwhile.
    fn pause(&self) {
        let until = crate::clock::now().mono + self.shared.tuning.retry_every;
        let mut queue = self.shared.queue.lock();
        while !queue.stop && !self.shared.queued.wait_until(&mut queue, until).timed_out() {}
        drop(queue);
        if self.shared.is_stopped() {
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Writes the next of what is pending, all of it or nothing.
    fn write(&mut self) -> Result<(), String> {
        self.rotate_if_due();
        if self.file.is_none() {
            self.file = Some(self.create()?);
        }
        let shared = Arc::clone(&self.shared);
        let file = self.file.as_mut().expect("created above where it was missing");
        let mut bytes = if file.length == 0 { frame::header(shared.run).to_vec() } else { Vec::new() };
        let (mut count, mut queued_bytes) = (0, 0);
        for (number, json) in &self.pending {
            if count > 0 && bytes.len() + json.len() > self.write_bytes {
                break;
            }
            frame::push(&mut bytes, *number, json);
            queued_bytes += json.len() + frame::PREFIX;
            count += 1;
        }
        if let Err(error) = write_all(&*file.handle, &bytes, file.length) {
            // What was written of it must not stand before what comes next. If the cut fails too,
            // the next write begins at the same place and a restart cuts it.
            let cut = file.handle.set_len(file.length);
            if cut.is_err() || !is_lack_of_room(&error) {
                shared.rotate.store(true, Ordering::Relaxed);
            }
            self.write_bytes = 1;
            return Err(plain("the journal cannot be written", &error));
        }
        file.length += bytes.len() as u64;
        self.write_bytes = (self.write_bytes * 2).clamp(4_096, shared.tuning.write_bytes.max(4_096));
        let first = self.pending.front().map_or(0, |(number, _)| *number);
        let last = self.pending.drain(..count).next_back().map_or(0, |(number, _)| number);
        enlist(&shared, file, first, last);
        shared.queue.lock().bytes -= queued_bytes;
        shared.written.send_replace(last);
        shared.unsynced.lock().add(&file.handle);
        shared.dirty.notify_one();
        Ok(())
    }

    fn rotate_if_due(&mut self) {
        let asked = self.shared.rotate.swap(false, Ordering::Relaxed);
        let full = self.file.as_ref().is_some_and(|file| file.length >= self.shared.tuning.segment_bytes);
        if !(asked || full) {
            return;
        }
        if let Some(file) = self.file.take()
            && file.length == 0
        {
            // Nothing is in it: the next try makes it anew, so that a bad disk does not fill with empty files.
            self.shared.catalog.lock().next_file = file.number;
        }
    }

    fn create(&self) -> Result<Open, String> {
        let number = {
            let mut catalog = self.shared.catalog.lock();
            let number = catalog.next_file;
            catalog.next_file += 1;
            number
        };
        let path = path_of(&self.shared.folder, &self.shared.identity.node, number);
        match self.shared.tuning.disk.create(&path) {
            Ok(handle) => Ok(Open { number, path, handle, length: 0 }),
            Err(error) => {
                // The number goes to the next try: a full disk must not use them up.
                self.shared.catalog.lock().next_file = number;
                Err(plain("the journal cannot begin a file", &error))
            }
        }
    }
}

/// Lists what was just written for the drain.
fn enlist(shared: &Shared, file: &Open, first: u64, last: u64) {
    let mut catalog = shared.catalog.lock();
    catalog.next_number = last + 1;
    match catalog.segments.last_mut() {
        Some(segment) if segment.file == file.number => {
            segment.length = file.length;
            segment.last = last;
        }
        Some(_) | None => catalog.segments.push(Segment {
            file: file.number,
            path: file.path.clone(),
            run: shared.run,
            length: file.length,
            first,
            last,
        }),
    }
}

impl Unsynced {
    fn add(&mut self, file: &Arc<dyn DiskFile>) {
        if !self.files.iter().any(|known| Arc::ptr_eq(known, file)) {
            self.files.push(Arc::clone(file));
        }
    }
}

fn write_all(file: &dyn DiskFile, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write_at(bytes, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                bytes = &bytes[count..];
                offset += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The file itself is fine; it only cannot grow now.
fn is_lack_of_room(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge
            | io::ErrorKind::WriteZero
    )
}

/// The thread that syncs.
fn sync(shared: &Shared) {
    loop {
        let mut unsynced = shared.unsynced.lock();
        while unsynced.files.is_empty() && !unsynced.stop {
            shared.dirty.wait(&mut unsynced);
        }
        // What is written in the meantime shares the sync.
        let until = crate::clock::now().mono + shared.tuning.sync_every;
        while !unsynced.stop && !shared.dirty.wait_until(&mut unsynced, until).timed_out() {}
        let (files, stop) = (std::mem::take(&mut unsynced.files), unsynced.stop);
        drop(unsynced);
        let mut fault = None;
        for file in &files {
            if let Err(error) = file.sync_data() {
                fault = Some(plain("the journal cannot be made safe against a power cut", &error));
                // The kernel may have dropped what it could not write, and says so only once: go on in a new file.
                shared.rotate.store(true, Ordering::Relaxed);
                shared.unsynced.lock().add(file);
            }
        }
        if let Some(text) = &fault {
            tracing::error!("journal: {text}");
        }
        shared.faults.lock().sync = fault;
        if stop {
            return;
        }
    }
}
