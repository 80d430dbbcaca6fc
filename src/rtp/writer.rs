//! The one thread that writes recordings. Lanes hand it filled buffers and get
//! empty ones back; they never wait for a disk. What it has written `sync` brings
//! safely to the disk.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use hotline_core::fact::RecordingEnd;
use hotline_core::ids::RecordingId;

use super::sync::{self, Dirty, Disk, Growing, RealDisk};
use super::{MediaEvent, MediaEvents};

/// Buffers on their way to the disk, of all recordings together: about a thousand recordings with 4 s each.
const QUEUE: usize = 16_384;
/// So long the writer lets jobs gather: being woken for each buffer would cost it, and the lane that wakes it, more than
/// the writing.
pub(super) const GATHER: Duration = Duration::from_millis(25);
/// How often an event is offered again to a full channel, and how many times: 10 s in all.
const AGAIN: Duration = Duration::from_millis(50);
const AGAIN_MAX: u32 = 200;

/// A recording's file and whom to tell about it. Shared by lane and writer.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) recording: RecordingId,
    pub(super) path: PathBuf,
    pub(super) events: MediaEvents,
    /// Empty buffers go back here.
    pub(super) free: Sender<BytesMut>,
    /// Speech was heard; set by the lane.
    pub(super) speech: AtomicBool,
    /// The writer gave up; the lane need not go on.
    pub(super) failed: AtomicBool,
}

/// What the writer is told.
#[derive(Debug)]
pub(super) enum Job {
    /// Append these bytes; whole frames, the last of which ends at sample `end`.
    Append { target: Arc<Target>, bytes: BytesMut, end: u32 },
    /// Append the rest and close. Answered by `RecordEnded`.
    Close { target: Arc<Target>, bytes: BytesMut, end: u32, reason: RecordingEnd },
    /// Close everything and stop.
    Stop,
}

/// Starts the writer.
pub(super) fn start() -> std::io::Result<(Sender<Job>, std::thread::JoinHandle<()>)> {
    start_on(Box::new(RealDisk))
}

fn start_on(disk: Box<dyn Disk>) -> std::io::Result<(Sender<Job>, std::thread::JoinHandle<()>)> {
    let (sender, jobs) = crossbeam_channel::bounded(QUEUE);
    let (dirty, syncing) = sync::start()?;
    let writer = Writer { disk, dirty, files: HashMap::new(), owed: Vec::new() };
    let thread = std::thread::Builder::new().name("hotline-writer".into()).spawn(move || {
        writer.run(&jobs);
        if syncing.join().is_err() {
            tracing::error!("the thread that syncs recordings ended by a fault");
        }
    })?;
    Ok((sender, thread))
}

struct Writer {
    disk: Box<dyn Disk>,
    /// What was written to, for `sync`.
    dirty: Sender<Dirty>,
    files: HashMap<RecordingId, Open>,
    /// Events that found their channel full.
    owed: Vec<(MediaEvents, MediaEvent, u32)>,
}

struct Open {
    target: Arc<Target>,
    /// `None`: failed, and said so.
    file: Option<Arc<dyn Growing>>,
    /// Bytes and samples that are surely in the file.
    bytes: u64,
    end: u32,
}

impl Writer {
    fn run(mut self, jobs: &Receiver<Job>) {
        loop {
            let job = if self.owed.is_empty() {
                jobs.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                jobs.recv_timeout(AGAIN)
            };
            self.pay();
            match job {
                Ok(Job::Append { target, bytes, end }) => self.append(&target, bytes, end),
                Ok(Job::Close { target, bytes, end, reason }) => self.close(&target, bytes, end, reason),
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Job::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            }
            if jobs.is_empty() {
                std::thread::sleep(GATHER);
            }
        }
    }

    fn append(&mut self, target: &Arc<Target>, mut bytes: BytesMut, end: u32) {
        let open = self.files.entry(target.recording).or_insert_with(|| Open::create(target, self.disk.as_ref()));
        let result = open.write(&bytes, end);
        if let Some(file) = &open.file {
            // A full queue is a disk that takes nothing any more: the next write tells it again.
            let _told = self.dirty.try_send((target.recording, Arc::clone(file)));
        }
        bytes.clear();
        // The lane may be gone already; then the buffer is too.
        let _returned = target.free.try_send(bytes);
        if let Err(error) = result {
            let ended = open.fail(&error);
            self.tell(&target.events, ended);
        }
    }

    fn close(&mut self, target: &Arc<Target>, bytes: BytesMut, end: u32, reason: RecordingEnd) {
        self.append(target, bytes, end);
        let Some(open) = self.files.remove(&target.recording) else { return };
        if open.file.is_none() {
            return; // Its end was told when it failed.
        }
        let ended = open.ended(reason);
        drop(open);
        self.tell(&target.events, ended);
    }

    fn tell(&mut self, events: &MediaEvents, event: MediaEvent) {
        if let Err(tokio::sync::mpsc::error::TrySendError::Full(event)) = events.try_send(event) {
            self.owed.push((events.clone(), event, 0));
        }
    }

    fn pay(&mut self) {
        for (events, event, tries) in std::mem::take(&mut self.owed) {
            match events.try_send(event) {
                Err(tokio::sync::mpsc::error::TrySendError::Full(event)) if tries < AGAIN_MAX => {
                    self.owed.push((events, event, tries + 1));
                }
                Err(tokio::sync::mpsc::error::TrySendError::Full(_)) => {
                    tracing::error!("a leg did not take the end of its recording for 10 s");
                }
                Ok(()) | Err(tokio::sync::mpsc::error::TrySendError::Closed(_)) => {}
            }
        }
    }
}

impl Open {
    fn create(target: &Arc<Target>, disk: &dyn Disk) -> Self {
        let mut open = Self { target: Arc::clone(target), file: None, bytes: 0, end: 0 };
        match disk.create(&target.path) {
            Ok(file) => open.file = Some(file),
            // Said at the first write.
            Err(error) => tracing::error!(recording = %target.recording, %error, "can't create the recording's file"),
        }
        open
    }

    fn write(&mut self, bytes: &[u8], end: u32) -> std::io::Result<()> {
        if self.target.failed.load(Ordering::Relaxed) {
            return Ok(());
        }
        let Some(file) = &self.file else {
            return Err(std::io::Error::other("the file could not be created"));
        };
        file.append(bytes)?;
        self.bytes += bytes.len() as u64;
        self.end = self.end.max(end);
        Ok(())
    }

    /// Keeps what is whole and gives up.
    fn fail(&mut self, error: &std::io::Error) -> MediaEvent {
        tracing::error!(recording = %self.target.recording, %error, "a recording can't be written; what is kept so far stays");
        if let Some(file) = self.file.take()
            && let Err(error) = file.cut(self.bytes)
        {
            // The reader cuts a torn tail by itself.
            tracing::warn!(%error, "can't cut the recording's half-written end");
        }
        self.target.failed.store(true, Ordering::Relaxed);
        self.ended(RecordingEnd::Failed)
    }

    fn ended(&self, reason: RecordingEnd) -> MediaEvent {
        MediaEvent::RecordEnded {
            recording: self.target.recording,
            duration: Duration::from_micros(u64::from(self.end) * 125),
            speech: self.target.speech.load(Ordering::Relaxed),
            reason,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use tokio::sync::mpsc;

    fn target(path: &Path, events: MediaEvents) -> Arc<Target> {
        let (free, _) = crossbeam_channel::bounded(4);
        Arc::new(Target {
            recording: RecordingId(uuid::Uuid::from_u128(7)),
            path: path.to_owned(),
            events,
            free,
            speech: AtomicBool::new(true),
            failed: AtomicBool::new(false),
        })
    }

    fn run(target: &Arc<Target>) {
        let (jobs, thread) = start().unwrap();
        jobs.send(Job::Append { target: Arc::clone(target), bytes: b"head"[..].into(), end: 0 }).unwrap();
        jobs.send(Job::Append { target: Arc::clone(target), bytes: b"audio"[..].into(), end: 8_000 }).unwrap();
        let reason = RecordingEnd::Key;
        jobs.send(Job::Close { target: Arc::clone(target), bytes: b"!"[..].into(), end: 12_000, reason }).unwrap();
        jobs.send(Job::Stop).unwrap();
        thread.join().unwrap();
    }

    #[test]
    fn writes_in_order_and_tells_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let (events, mut told) = mpsc::channel(4);
        let target = target(&folder.path().join("a.seg"), events);
        run(&target);
        assert_eq!(std::fs::read(&target.path).unwrap(), b"headaudio!");
        let MediaEvent::RecordEnded { duration, speech, reason, .. } = told.try_recv().unwrap() else { panic!() };
        assert_eq!((duration, speech, reason), (Duration::from_millis(1_500), true, RecordingEnd::Key));
    }

    #[test]
    fn a_file_that_cannot_be_made_ends_once_as_failed() {
        let folder = tempfile::tempdir().unwrap();
        let (events, mut told) = mpsc::channel(4);
        let target = target(&folder.path().join("missing/a.seg"), events);
        run(&target);
        let MediaEvent::RecordEnded { duration, reason, .. } = told.try_recv().unwrap() else { panic!() };
        assert_eq!((duration, reason), (Duration::ZERO, RecordingEnd::Failed));
        assert!(told.try_recv().is_err(), "told once");
    }

    /// `/dev/full` answers each write with "no space left on device".
    #[test]
    fn a_full_disk_ends_as_failed() {
        let (events, mut told) = mpsc::channel(4);
        let target = target(Path::new("/dev/full"), events);
        run(&target);
        let MediaEvent::RecordEnded { duration, reason, .. } = told.try_recv().unwrap() else { panic!() };
        assert_eq!((duration, reason), (Duration::ZERO, RecordingEnd::Failed));
        assert!(target.failed.load(Ordering::Relaxed));
    }

    use super::sync::tests::TestDisk;
    use hotline_core::audio::Codec;
    use hotline_core::audio::restore::{self, G711};
    use hotline_core::audio::segment::{self, Channel, Place};

    /// A second of conversation as the lane hands it over, both ways.
    fn second(number: u32) -> BytesMut {
        let mut bytes = BytesMut::new();
        if number == 0 {
            bytes.extend_from_slice(&segment::header(true, 1));
        }
        for (n, channel) in (0..50).flat_map(|n| [(n, Channel::Received), (n, Channel::Sent)]) {
            let at = number * 8_000 + n * 160;
            let place = Place { channel, codec: Codec::Pcma, source: 0, rtp: at, arrived: at };
            bytes.extend_from_slice(&segment::audio(place, &[0xd4; 160]));
            bytes.extend_from_slice(&[0xd4; 160]);
        }
        bytes
    }

    fn wait(what: &str, mut so: impl FnMut() -> bool) {
        for _ in 0..2_000 {
            if so() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("never: {what}");
    }

    /// What is not synced is not counted on: only what the disk was told to keep is looked at.
    #[test]
    fn what_was_written_is_safe_soon_without_another_word() {
        let (disk, (events, _told)) = (TestDisk::default(), mpsc::channel(4));
        let (jobs, thread) = start_on(Box::new(disk.clone())).unwrap();
        let target = target(Path::new("unused"), events);
        for number in 0..3 {
            let bytes = second(number);
            jobs.send(Job::Append { target: Arc::clone(&target), bytes, end: (number + 1) * 8_000 }).unwrap();
            wait("the file", || !disk.files.lock().is_empty());
            let file = Arc::clone(&disk.files.lock()[0]);
            wait("all of it is safe", || {
                let sound = restore::sound(&file.safe(), G711::default);
                sound.is_ok_and(|sound| sound.samples.len() == 2 * 8_000 * (number as usize + 1))
            });
        }
        jobs.send(Job::Stop).unwrap();
        thread.join().unwrap();
    }

    #[test]
    fn a_disk_that_is_stuck_in_a_sync_keeps_nobody_from_writing() {
        let (disk, (events, mut told)) = (TestDisk::default(), mpsc::channel(4));
        let (jobs, thread) = start_on(Box::new(disk.clone())).unwrap();
        let target = target(Path::new("unused"), events);
        let stuck = disk.stuck.lock();
        for number in 0..20 {
            let bytes = second(number);
            jobs.send(Job::Append { target: Arc::clone(&target), bytes, end: 8_000 * number }).unwrap();
        }
        let reason = RecordingEnd::Key;
        jobs.send(Job::Close { target, bytes: second(20), end: 8_000 * 21, reason }).unwrap();
        wait("the end is told", || told.try_recv().is_ok());
        let file = Arc::clone(&disk.files.lock()[0]);
        assert!(file.safe().len() < file.written());
        drop(stuck);
        jobs.send(Job::Stop).unwrap();
        thread.join().unwrap();
        assert_eq!(file.safe().len(), file.written(), "stopping waits for the disk");
    }
}
