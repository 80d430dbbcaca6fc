//! Torn ends and damage: what was whole before stays, and nothing disappears silently.

use std::fs;
use std::path::{Path, PathBuf};

use hotline_core::fact::{Fact, Outcome};

use super::{Story, append_all, connect, everything, open, until};
use crate::store::segments::{Raw, Reader, scan};
use crate::store::{frame, record};

/// The journal's files, oldest first.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(dir.join("journal")).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

fn read_all(folder: &Path) -> (Vec<Raw>, Vec<String>) {
    let mut notes = Vec::new();
    let catalog = scan(folder, &mut notes).unwrap();
    let (mut reader, mut all) = (Reader::default(), Vec::new());
    loop {
        let batch = reader.read(&catalog.segments, 3).unwrap();
        assert_eq!(batch.damage, None);
        all.extend(batch.records);
        if batch.end {
            return (all, notes);
        }
    }
}

/// A segment with the entries of a short story, and where each record begins.
fn segment(scene: &Story) -> (Vec<u8>, Vec<usize>) {
    let mut bytes = frame::header(uuid::Uuid::from_u128(7)).to_vec();
    let mut begins = Vec::new();
    for (number, entry) in (1..).zip(&scene.entries) {
        begins.push(bytes.len());
        frame::push(&mut bytes, number, &record::encode(entry));
    }
    (bytes, begins)
}

#[test]
fn a_torn_end_is_cut_wherever_it_tore() {
    let mut scene = Story::new(1, "1001");
    scene.open_alert().fact(Fact::CallEnded { outcome: Outcome::Reported });
    let (bytes, begins) = segment(&scene);
    for cut in begins[2]..bytes.len() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("node-1-00000003.log");
        fs::write(&file, &bytes[..cut]).unwrap();
        let (records, notes) = read_all(dir.path());
        assert_eq!(records.iter().map(|raw| raw.number).collect::<Vec<_>>(), [1, 2], "cut at {cut}");
        assert!(notes.is_empty());
        assert_eq!(fs::read(&file).unwrap(), bytes[..begins[2]]);
    }
}

#[test]
fn a_file_stopped_at_its_beginning_is_no_damage() {
    let (bytes, begins) = segment(&everything(1));
    for cut in 0..=begins[0] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("node-1-00000001.log"), &bytes[..cut]).unwrap();
        let (records, notes) = read_all(dir.path());
        assert!(records.is_empty() && notes.is_empty(), "cut at {cut}");
    }
}

#[test]
fn damage_in_the_middle_costs_one_record_and_is_told() {
    let scene = everything(1);
    let (bytes, begins) = segment(&scene);
    let count = u64::try_from(begins.len()).unwrap();
    for at in [begins[4], begins[4] + 5, begins[4] + 9, begins[4] + 40] {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("node-1-00000001.log");
        let mut damaged = bytes.clone();
        damaged[at] ^= 0xff;
        fs::write(&file, &damaged).unwrap();
        let (records, notes) = read_all(dir.path());
        let numbers: Vec<_> = records.iter().map(|raw| raw.number).collect();
        let expected: Vec<u64> = (1..=count).filter(|number| *number != 5).collect();
        assert_eq!(numbers, expected, "flipped at {at}");
        assert!(notes.len() == 1 && notes[0].contains("damaged"), "{notes:?}");
        assert_eq!(fs::read(dir.path().join("node-1-00000001.log.damaged")).unwrap(), damaged);
        // The mended file is sound from now on.
        assert_eq!(read_all(dir.path()), (records, Vec::new()));
    }
}

#[test]
fn a_file_without_a_readable_head_still_gives_its_records() {
    let scene = everything(1);
    let (mut bytes, begins) = segment(&scene);
    bytes[..12].fill(0);
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("node-1-00000001.log"), &bytes).unwrap();
    let (records, notes) = read_all(dir.path());
    assert_eq!((records.len(), notes.len()), (begins.len(), 1));
}

#[test]
fn a_file_of_another_kind_is_set_aside_and_its_number_is_not_used_again() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("node-1-00000007.log"), vec![0x55; 500]).unwrap();
    let mut notes = Vec::new();
    let catalog = scan(dir.path(), &mut notes).unwrap();
    assert_eq!((catalog.segments.len(), catalog.next_file, notes.len()), (0, 8, 1));
    assert!(dir.path().join("node-1-00000007.log.damaged").exists());
}

#[tokio::test]
async fn the_store_goes_on_after_damage_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let (store, journal, _) = open(dir.path()).await;
    let mut lock = connect(dir.path()).await;
    until("the database is there", || journal.health().database_fault.is_none()).await;
    sqlx::query("BEGIN EXCLUSIVE").execute(&mut lock).await.unwrap();
    let scene = everything(1);
    for entry in &scene.entries {
        journal.append(entry.clone()).written().await.unwrap();
    }
    store.close().await;
    sqlx::query("ROLLBACK").execute(&mut lock).await.unwrap();

    let file = &files(dir.path())[0];
    let mut bytes = fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(file, &bytes).unwrap();
    let (store, journal, _) = open(dir.path()).await;
    append_all(&journal, &everything(2).entries).await;
    let rows = store.call_timeline(&scene.call.to_string()).await.unwrap();
    assert_eq!(rows.len(), scene.entries.len() - 1);
    assert!(journal.health().notes[0].contains(".damaged"));
    store.close().await;
}

#[tokio::test]
async fn a_file_that_somebody_removes_holds_up_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (store, journal, _) = open(dir.path()).await;
    let mut lock = connect(dir.path()).await;
    sqlx::query("BEGIN EXCLUSIVE").execute(&mut lock).await.unwrap();
    journal.append(everything(1).entries.remove(0)).written().await.unwrap();
    store.close().await;
    sqlx::query("ROLLBACK").execute(&mut lock).await.unwrap();
    sqlx::query("BEGIN EXCLUSIVE").execute(&mut lock).await.unwrap();
    let (store, journal, _) = open(dir.path()).await;
    fs::remove_file(&files(dir.path())[0]).unwrap();
    let receipt = journal.append(everything(2).entries.remove(0));
    sqlx::query("ROLLBACK").execute(&mut lock).await.unwrap();
    receipt.drained(super::PATIENCE).await.unwrap();
    assert!(journal.health().notes[0].contains("gone"), "{:?}", journal.health());
    store.close().await;
}
