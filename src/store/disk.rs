//! What the journal asks of a disk; a trait, so that tests can let it fail.

use std::fmt::Debug;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

/// Makes files.
pub(super) trait Disk: Debug + Send + Sync {
    /// An empty file at `path` whose name survives a power cut.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
}

/// An open file.
pub(super) trait DiskFile: Debug + Send + Sync {
    /// Writes some of `bytes` at `offset`; says how many.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;
    /// Cuts the file.
    fn set_len(&self, length: u64) -> io::Result<()>;
    /// What was written survives a power cut from now on.
    fn sync_data(&self) -> io::Result<()>;
}

/// The real one.
#[derive(Debug)]
pub(super) struct RealDisk;

impl Disk for RealDisk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        sync_folder(path)?;
        Ok(Arc::new(file))
    }
}

impl DiskFile for File {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        FileExt::write_at(self, bytes, offset)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        Self::set_len(self, length)
    }

    fn sync_data(&self) -> io::Result<()> {
        Self::sync_data(self)
    }
}

/// Makes a folder and those above it, for the service's own eyes. Those that are there stay as they are.
pub(super) fn create_folder(path: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Makes a new, renamed or removed name in the folder of `path` survive a power cut.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// An I/O error in plain words, with the remedy where there is a common one.
#[expect(clippy::wildcard_enum_match_arm, reason = "the enum is not exhaustive; all else speaks for itself")]
pub(super) fn plain(what: &str, error: &io::Error) -> String {
    let reason = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "the disk is full; make room on it".to_owned(),
        io::ErrorKind::FileTooLarge => "the file size limit is reached; raise it (ulimit -f)".to_owned(),
        io::ErrorKind::ReadOnlyFilesystem => "the file system is read-only; remount or repair it".to_owned(),
        io::ErrorKind::PermissionDenied => "no permission; check the owner of the data folder".to_owned(),
        _ => error.to_string(),
    };
    format!("{what}: {reason}")
}

/// Puts a small file in place in one step, for the service's own eyes: it is there whole, or as it was.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = path.with_extension(format!("{}.tmp", std::process::id()));
    let mut out = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    io::Write::write_all(&mut out, bytes)?;
    out.sync_all()?;
    std::fs::rename(&draft, path)?;
    sync_folder(path)
}
