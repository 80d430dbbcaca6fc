//! The thread that brings recordings safely to the disk, all that grew together. The writer never waits for it, so
//! that a slow disk costs no packet.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};
use hotline_core::ids::RecordingId;

/// How long what was written may wait for the disk.
pub(super) const SYNC: Duration = Duration::from_millis(400);
/// With more files than these one call for the whole file system is cheaper than one for each.
const EACH_MAX: usize = 12;
/// Files that were written to and wait.
const QUEUE: usize = 16_384;

// What a power cut costs: the lane's buffer and its turn, the writer's rest, then the wait here; the rest of a second is
// the disk's.
const _: () = {
    let written = super::record::FLUSH.as_millis() + 60 + super::writer::GATHER.as_millis();
    assert!(written + SYNC.as_millis() <= 700);
};

/// A growing file.
pub(super) trait Growing: Send + Sync + std::fmt::Debug {
    /// At its end.
    fn append(&self, bytes: &[u8]) -> io::Result<()>;
    /// Down to this length.
    fn cut(&self, length: u64) -> io::Result<()>;
    /// What was appended survives a power cut afterwards.
    fn sync(&self) -> io::Result<()>;
    /// The same for every file of its file system; an error: that is not possible here.
    fn sync_all(&self) -> io::Result<()>;
}

/// Makes files.
pub(super) trait Disk: Send + Sync + std::fmt::Debug {
    /// A new, empty one; that it is there survives a power cut once it was synced.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn Growing>>;
}

/// The real one.
#[derive(Debug, Clone, Copy)]
pub(super) struct RealDisk;

#[derive(Debug)]
struct RealFile {
    file: File,
    folder: Option<File>,
    /// Its name is on the disk.
    named: std::sync::atomic::AtomicBool,
}

impl Disk for RealDisk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn Growing>> {
        let file = File::create(path)?;
        let folder = path.parent().and_then(|folder| File::open(folder).ok());
        Ok(Arc::new(RealFile { file, folder, named: false.into() }))
    }
}

impl Growing for RealFile {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        (&self.file).write_all(bytes)
    }

    fn cut(&self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        use std::sync::atomic::Ordering::Relaxed;
        self.file.sync_data()?;
        if let (false, Some(folder)) = (self.named.load(Relaxed), &self.folder) {
            folder.sync_all()?;
            self.named.store(true, Relaxed);
        }
        Ok(())
    }

    fn sync_all(&self) -> io::Result<()> {
        rustix::fs::syncfs(&self.file)?;
        Ok(())
    }
}

/// A file that was written to.
pub(super) type Dirty = (RecordingId, Arc<dyn Growing>);

/// Starts the thread. It ends when nobody can tell it anything any more, after a last round.
pub(super) fn start() -> io::Result<(Sender<Dirty>, JoinHandle<()>)> {
    let (sender, dirty) = crossbeam_channel::bounded(QUEUE);
    let thread = std::thread::Builder::new().name("hotline-sync".into()).spawn(move || run(&dirty, SYNC))?;
    Ok((sender, thread))
}

fn run(dirty: &Receiver<Dirty>, wait: Duration) {
    let mut failing = false;
    while let Ok(first) = dirty.recv() {
        std::thread::sleep(wait);
        let mut files = vec![first];
        files.extend(dirty.try_iter());
        match round(files) {
            Ok(()) => failing = false,
            Err(error) if !failing => {
                failing = true;
                tracing::error!(%error, "recordings can't be brought safely to the disk; a power cut would cost more than a second");
            }
            Err(_) => {}
        }
    }
}

/// Brings these files to the disk, each once.
fn round(mut files: Vec<Dirty>) -> io::Result<()> {
    files.sort_by_key(|(recording, _)| *recording);
    files.dedup_by_key(|(recording, _)| *recording);
    if let [(_, any), _, ..] = files.as_slice()
        && files.len() > EACH_MAX
        && any.sync_all().is_ok()
    {
        return Ok(());
    }
    // All are tried, the first fault is told.
    files.iter().map(|(_, file)| file.sync()).fold(Ok(()), Result::and)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use parking_lot::Mutex;

    /// A disk that knows what a power cut would leave.
    #[derive(Debug, Default, Clone)]
    pub(in crate::rtp) struct TestDisk {
        pub(in crate::rtp) files: Arc<Mutex<Vec<Arc<TestFile>>>>,
        /// Held by a test while the disk is to be stuck.
        pub(in crate::rtp) stuck: Arc<Mutex<()>>,
    }

    #[derive(Debug, Default)]
    pub(in crate::rtp) struct TestFile {
        state: Mutex<(Vec<u8>, usize)>,
        syncs: Mutex<(u32, u32)>,
        stuck: Arc<Mutex<()>>,
    }

    impl TestFile {
        /// What a power cut now would leave at least.
        pub(in crate::rtp) fn safe(&self) -> Vec<u8> {
            let state = self.state.lock();
            state.0[..state.1].to_vec()
        }

        pub(in crate::rtp) fn written(&self) -> usize {
            self.state.lock().0.len()
        }
    }

    impl Disk for TestDisk {
        fn create(&self, _path: &Path) -> io::Result<Arc<dyn Growing>> {
            let file = Arc::new(TestFile { stuck: Arc::clone(&self.stuck), ..TestFile::default() });
            self.files.lock().push(Arc::clone(&file));
            Ok(file)
        }
    }

    impl Growing for TestFile {
        fn append(&self, bytes: &[u8]) -> io::Result<()> {
            self.state.lock().0.extend_from_slice(bytes);
            Ok(())
        }

        fn cut(&self, length: u64) -> io::Result<()> {
            self.state.lock().0.truncate(usize::try_from(length).unwrap_or(usize::MAX));
            Ok(())
        }

        fn sync(&self) -> io::Result<()> {
            drop(self.stuck.lock());
            let mut state = self.state.lock();
            state.1 = state.0.len();
            self.syncs.lock().0 += 1;
            Ok(())
        }

        fn sync_all(&self) -> io::Result<()> {
            self.syncs.lock().1 += 1;
            Ok(())
        }
    }

    fn dirty(number: u128, file: &Arc<TestFile>) -> Dirty {
        (RecordingId(uuid::Uuid::from_u128(number)), Arc::clone(file) as Arc<dyn Growing>)
    }

    #[test]
    fn each_file_once_and_many_by_one_call() {
        let files: Vec<Arc<TestFile>> = (0..40).map(|_| Arc::default()).collect();
        let few = |round: usize| dirty((round % 3) as u128, &files[round % 3]);
        round((0..30).map(few).collect()).unwrap();
        assert!(files[..3].iter().all(|file| *file.syncs.lock() == (1, 0)));
        round((0..40).map(|n| dirty(n as u128, &files[n])).collect()).unwrap();
        assert_eq!(files.iter().map(|file| file.syncs.lock().1).sum::<u32>(), 1);
        assert_eq!(files.iter().map(|file| file.syncs.lock().0).sum::<u32>(), 3);
    }

    #[test]
    fn the_real_one_syncs_files_and_file_systems() {
        let folder = tempfile::tempdir().unwrap();
        let file = RealDisk.create(&folder.path().join("a.seg")).unwrap();
        file.append(b"abc").unwrap();
        file.sync().unwrap();
        file.append(b"def").unwrap();
        file.sync_all().unwrap();
        file.cut(4).unwrap();
        assert_eq!(std::fs::read(folder.path().join("a.seg")).unwrap(), b"abcd");
    }
}
