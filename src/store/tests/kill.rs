//! kill -9: this test binary starts itself again as a child, which writes until it is killed.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use hotline_core::fact::{Fact, Outcome, RecordingKind};
use hotline_core::ids::LegId;

use super::{PATIENCE, Story, dump, everything, open, until};

/// Set for the child only: the folder.
const FOLDER: &str = "HOTLINE_TEST_KILLED_STORE";

/// What the child does; in the parent's run it is an empty test.
#[test]
fn child() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (store, journal, _) = open(std::path::Path::new(&folder)).await;
        // The database is locked from the outside: what survives, survives in the journal.
        for seed in 1.. {
            let mut scene = everything(seed);
            if seed == 3 {
                scene = interrupted(&store);
            }
            for entry in scene.entries {
                journal.append(entry).written().await.unwrap();
                println!("written {seed}");
            }
        }
    });
}

/// A call in the middle of its voicemail.
fn interrupted(store: &crate::store::Store) -> Story {
    let mut scene = Story::new(3, "4711");
    scene.open_alert();
    let recording = scene.recording();
    scene.fact(Fact::RecordingStarted { recording, leg: LegId::CALLER, kind: RecordingKind::Voicemail });
    let samples: Vec<u8> = (0..16_000_i32).flat_map(|n| i16::try_from((n % 40) * 200).unwrap().to_le_bytes()).collect();
    std::fs::write(store.segment_path(recording), samples).unwrap();
    scene
}

#[tokio::test]
async fn what_was_written_survives_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _, _) = open(dir.path()).await;
    store.close().await;
    let mut lock = super::connect(dir.path()).await;
    sqlx::query("BEGIN EXCLUSIVE").execute(&mut lock).await.unwrap();

    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store::tests::kill::child", "--nocapture", "--test-threads=1"])
        .env(FOLDER, dir.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let mut written = 0;
    for line in output.lines() {
        written += usize::from(line.unwrap().contains("written"));
        if written == 300 {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(written >= 300, "the child ended by itself");
    sqlx::query("ROLLBACK").execute(&mut lock).await.unwrap();

    let (store, journal, recovered) = open(dir.path()).await;
    until("the journal is replayed", || journal.health().undrained == 0).await;
    let kept = dump(dir.path()).await.iter().filter(|line| line.starts_with("timeline")).count();
    assert!(kept > written, "{kept} of {written} kept (and the end of the recording)");
    let cut = recovered.cut_off.iter().find(|call| call.reference == "4711").unwrap();
    let alert = recovered.open_alerts.iter().find(|alert| alert.reference == "4711").unwrap();
    assert_eq!(cut.alert, Some(alert.id));
    assert_eq!(cut.recordings, alert.recordings, "the message is on the alert");
    let row = store.recording(&cut.recordings[0].to_string()).await.unwrap().unwrap();
    assert_eq!((row.reason.as_deref(), row.duration_ms), (Some("recovered"), Some(2_000)));
    assert_eq!((row.speech, row.transcript_state.as_str()), (1, "waiting"));
    assert!(store.wav_path(cut.recordings[0]).exists());
    // The switch ends the call; the next start finds nothing cut off but the one that was running.
    for cut in &recovered.cut_off {
        let entry = hotline_core::fact::Entry {
            at: crate::clock::now().wall,
            call: Some(cut.call),
            alert: cut.alert,
            fact: Fact::CallEnded { outcome: Outcome::Failed },
            why: "The service stopped in the middle of the call.".to_owned(),
        };
        journal.append(entry).drained(PATIENCE).await.unwrap();
    }
    store.close().await;
    let (store, _, recovered) = open(dir.path()).await;
    assert!(recovered.cut_off.is_empty());
    store.close().await;
}
