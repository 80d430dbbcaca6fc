//! A disk that fails: entries wait, health tells, nothing already kept is damaged.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use super::{PATIENCE, connect, everything, open, open_with, until, with_disk};
use crate::store::StoreError;
use crate::store::disk::{Disk, DiskFile, RealDisk};
use crate::store::journal::Tuning;

/// A disk with so much room, and faults on demand.
#[derive(Debug, Default)]
struct Faulty {
    /// No file can be longer.
    room: AtomicU64,
    /// Every write fails with EIO after writing half.
    broken: AtomicBool,
    /// Syncs fail.
    no_sync: AtomicBool,
    /// Cutting fails.
    no_cut: AtomicBool,
    created: AtomicUsize,
    synced: AtomicUsize,
}

#[derive(Debug)]
struct Disks(Arc<Faulty>);

#[derive(Debug)]
struct FaultyFile {
    disk: Arc<Faulty>,
    real: Arc<dyn DiskFile>,
}

impl Disk for Disks {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.0.created.fetch_add(1, Ordering::Relaxed);
        Ok(Arc::new(FaultyFile { disk: Arc::clone(&self.0), real: RealDisk.create(path)? }))
    }
}

impl DiskFile for FaultyFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        if self.disk.broken.load(Ordering::Relaxed) {
            self.real.write_at(&bytes[..bytes.len() / 2], offset)?;
            return Err(io::Error::from_raw_os_error(5));
        }
        // Never more than 50 bytes at a time: short writes are the rule here.
        let room = self.disk.room.load(Ordering::Relaxed).saturating_sub(offset);
        let count = bytes.len().min(50).min(usize::try_from(room).unwrap_or(usize::MAX));
        if count == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.real.write_at(&bytes[..count], offset)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        if self.disk.no_cut.load(Ordering::Relaxed) {
            return Err(io::Error::from_raw_os_error(5));
        }
        self.real.set_len(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        if self.disk.no_sync.load(Ordering::Relaxed) {
            return Err(io::Error::from_raw_os_error(5));
        }
        self.disk.synced.fetch_add(1, Ordering::Relaxed);
        self.real.sync_data()
    }
}

fn faulty(room: u64) -> (Arc<Faulty>, Tuning) {
    let disk = Arc::new(Faulty { room: AtomicU64::new(room), ..Faulty::default() });
    (Arc::clone(&disk), with_disk(Arc::new(Disks(disk))))
}

#[tokio::test]
async fn a_full_disk_is_told_and_survived() {
    let dir = tempfile::tempdir().unwrap();
    let (disk, tuning) = faulty(3_000);
    let (store, journal, _) = open_with(dir.path(), tuning).await;
    let scene = everything(1);
    let receipts: Vec<_> = scene.entries.iter().map(|entry| journal.append(entry.clone())).collect();
    let mut told = None;
    until("the disk is full", || {
        told = journal.health().journal_fault;
        told.is_some()
    })
    .await;
    assert!(told.unwrap().contains("the disk is full"));
    assert_eq!(journal.health().lost, 0);
    // What fits is whole and in the database; the rest waits.
    let call = scene.call.to_string();
    let fitting = async {
        while store.call_timeline(&call).await.unwrap().len() < 4 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, fitting).await.unwrap();
    assert!(store.call_timeline(&call).await.unwrap().len() < scene.entries.len());

    disk.room.store(u64::MAX / 2, Ordering::Relaxed);
    for receipt in receipts {
        receipt.written().await.unwrap();
    }
    until("all is drained", || journal.health().undrained == 0 && journal.health().journal_fault.is_none()).await;
    let rows = store.call_timeline(&call).await.unwrap();
    assert!(rows.iter().zip(&scene.entries).all(|(row, entry)| row.kind == entry.fact.kind()));
    assert_eq!(rows.len(), scene.entries.len());
    assert_eq!(disk.created.load(Ordering::Relaxed), 1, "lack of room is no reason for another file");
    store.close().await;
    let (store, journal, _) = open(dir.path()).await;
    assert!(journal.health().notes.is_empty(), "{:?}", journal.health().notes);
    store.close().await;
}

#[tokio::test]
async fn a_write_torn_by_a_fault_damages_nothing() {
    for no_cut in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let (disk, tuning) = faulty(u64::MAX / 2);
        let (store, journal, _) = open_with(dir.path(), tuning).await;
        let scene = everything(1);
        let (first, rest) = scene.entries.split_at(10);
        for entry in first {
            journal.append(entry.clone()).written().await.unwrap();
        }
        disk.no_cut.store(no_cut, Ordering::Relaxed);
        disk.broken.store(true, Ordering::Relaxed);
        let receipts: Vec<_> = rest.iter().map(|entry| journal.append(entry.clone())).collect();
        until("the fault is told", || journal.health().journal_fault.is_some()).await;
        disk.broken.store(false, Ordering::Relaxed);
        for receipt in receipts {
            receipt.drained(PATIENCE).await.unwrap();
        }
        assert_eq!(store.call_timeline(&scene.call.to_string()).await.unwrap().len(), scene.entries.len());
        assert!(disk.created.load(Ordering::Relaxed) >= 2, "a broken file is left for a new one");
        store.close().await;
    }
}

#[tokio::test]
async fn beyond_memory_entries_are_counted_as_lost() {
    let dir = tempfile::tempdir().unwrap();
    let (disk, tuning) = faulty(0);
    let (store, journal, _) = open_with(dir.path(), Tuning { queue_bytes_max: 2_000, ..tuning }).await;
    let scene = everything(1);
    let receipts: Vec<_> = scene.entries.iter().map(|entry| journal.append(entry.clone())).collect();
    let lost = journal.health().lost;
    assert!(lost > 0);
    disk.room.store(u64::MAX / 2, Ordering::Relaxed);
    let mut told = 0;
    for receipt in receipts {
        match receipt.written().await {
            Ok(()) => {}
            Err(StoreError::Journal(_)) => told += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(told, lost);
    until("the rest is drained", || journal.health().undrained == 0).await;
    let rows = store.call_timeline(&scene.call.to_string()).await.unwrap();
    assert_eq!(rows.len() as u64 + lost, scene.entries.len() as u64);
    store.close().await;
}

#[tokio::test]
async fn what_is_written_is_synced_soon_and_a_failing_sync_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let (disk, tuning) = faulty(u64::MAX / 2);
    let (store, journal, _) = open_with(dir.path(), tuning).await;
    let scene = everything(1);
    journal.append(scene.entries[0].clone()).written().await.unwrap();
    until("it is synced", || disk.synced.load(Ordering::Relaxed) > 0).await;

    disk.no_sync.store(true, Ordering::Relaxed);
    journal.append(scene.entries[1].clone()).written().await.unwrap();
    until("the fault is told", || journal.health().journal_fault.is_some()).await;
    assert!(journal.health().journal_fault.unwrap().contains("power cut"));
    disk.no_sync.store(false, Ordering::Relaxed);
    until("it is mended", || journal.health().journal_fault.is_none()).await;
    journal.append(scene.entries[2].clone()).written().await.unwrap();
    assert_eq!(disk.created.load(Ordering::Relaxed), 2, "after a failed sync a new file begins");
    store.close().await;
}

#[tokio::test]
async fn a_stop_with_a_dead_disk_ends_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let (_, tuning) = faulty(0);
    let (store, journal, _) = open_with(dir.path(), tuning).await;
    let receipt = journal.append(everything(1).entries.remove(0));
    tokio::time::timeout(PATIENCE, store.close()).await.unwrap();
    assert!(matches!(receipt.written().await, Err(StoreError::Journal(_))));
    assert_eq!(journal.health().lost, 1);
    let late = journal.append(everything(1).entries.remove(0));
    assert!(late.written().await.is_err());
    assert_eq!(journal.health().lost, 2);
}

#[tokio::test]
async fn a_slow_sync_and_a_busy_reader_hold_up_no_append() {
    let dir = tempfile::tempdir().unwrap();
    let tuning = Tuning { sync_every: Duration::from_hours(1), ..super::quick() };
    let (store, journal, _) = open_with(dir.path(), tuning).await;
    let mut reader = connect(dir.path()).await;
    sqlx::query("BEGIN").execute(&mut reader).await.unwrap();
    sqlx::query("SELECT COUNT(*) FROM calls").fetch_one(&mut reader).await.unwrap();
    let mut receipts = Vec::new();
    for seed in 1..=30 {
        receipts.extend(everything(seed).entries.iter().map(|entry| journal.append(entry.clone())));
    }
    for receipt in receipts {
        receipt.drained(PATIENCE).await.unwrap();
    }
    store.close().await;
}

#[tokio::test]
async fn the_database_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let (store, _journal, _) = open(dir.path()).await;
    let shared: Vec<_> = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("hotline.db"))
        .filter(|entry| entry.metadata().unwrap().permissions().mode() & 0o077 != 0)
        .collect();
    assert!(shared.is_empty(), "{shared:?}");
    store.close().await;
}
