//! What a start finds.

use hotline_core::directory::Language;
use hotline_core::fact::{Actor, Direction, Entry, Fact, Outcome, Question, RecordingKind};
use hotline_core::ids::{CallId, LegId};

use super::{PATIENCE, Story, append_all, connect, everything, open, open_with, quick, until};
use crate::store::StoreError;
use crate::store::journal::Tuning;

fn tone(seconds: u32, loud: i16) -> Vec<u8> {
    (0..seconds * 8_000).flat_map(|n| (if n % 20 < 10 { loud } else { -loud }).to_le_bytes()).collect()
}

#[tokio::test]
async fn a_crash_leaves_calls_alerts_and_recordings_whole() {
    for drained in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let (store, journal, first) = open(dir.path()).await;
        assert_eq!((first.next_reference, first.cut_off.len(), first.open_alerts.len()), (1_001, 0, 0));
        let mut lock = connect(dir.path()).await;
        if !drained {
            sqlx::query("BEGIN EXCLUSIVE").execute(&mut lock).await.unwrap();
        }
        let mut scene = Story::new(9, "1077");
        scene.open_alert().fact(Fact::CustomerIdentified { customer: "acme".into() });
        let who = scene.record(RecordingKind::Answer(Question::Who), true);
        scene.record(RecordingKind::Answer(Question::What), false);
        scene.fact(Fact::LanguageChosen { language: Language("de".to_owned()) });
        let message = scene.recording();
        scene.fact(Fact::RecordingStarted { recording: message, leg: LegId::CALLER, kind: RecordingKind::Voicemail });
        let lost = scene.recording();
        scene.fact(Fact::RecordingStarted { recording: lost, leg: LegId(1), kind: RecordingKind::Voicemail });
        std::fs::write(store.segment_path(message), tone(3, 3_000)).unwrap();
        let done = everything(1);
        for entry in scene.entries.iter().chain(&done.entries) {
            journal.append(entry.clone()).written().await.unwrap();
        }
        if drained {
            until("it is drained", || journal.health().undrained == 0).await;
        }
        store.close().await;
        if !drained {
            sqlx::query("ROLLBACK").execute(&mut lock).await.unwrap();
        }

        let (store, journal, found) = open(dir.path()).await;
        assert_eq!(found.next_reference, 1_078);
        let [cut] = &found.cut_off[..] else { panic!("{:?}", found.cut_off) };
        assert_eq!((cut.call, cut.alert, cut.taken), (scene.call, Some(scene.alert), false));
        assert_eq!((&cut.recordings[..], cut.direction), (&[message, lost][..], Direction::Inbound));
        let [alert] = &found.open_alerts[..] else { panic!("{:?}", found.open_alerts) };
        assert_eq!((alert.id, alert.call, alert.acknowledged), (scene.alert, Some(scene.call), false));
        assert_eq!((alert.reference.as_str(), alert.language.0.as_str()), ("1077", "de"));
        assert_eq!(alert.customer, Some("acme".into()));
        assert_eq!(alert.caller.as_ref().map(|caller| caller.reveal().as_str()), Some("+4915112345642"));
        assert_eq!(alert.recordings, [who, message]);
        assert!(alert.next_ring_at.is_some());
        until("it is drained", || journal.health().undrained == 0).await;
        let rows = store.recordings(&scene.call.to_string()).await.unwrap();
        let ends: Vec<_> = rows.iter().map(|row| (row.reason.as_deref().unwrap(), row.duration_ms.unwrap())).collect();
        assert_eq!(ends[2..], [("recovered", 3_000), ("failed", 0)]);
        assert_eq!(rows[3].transcript_state, "none");
        assert!(store.wav_path(message).exists() && !store.segment_path(message).exists());
        let job = store.next_transcript().await.unwrap().unwrap();
        assert_eq!((job.call, job.alert), (scene.call, Some(scene.alert)));
        store.close().await;
        // The recordings are ended now; a second start ends none again.
        let (store, _, again) = open(dir.path()).await;
        assert_eq!((again.cut_off.len(), again.cut_off[0].recordings.len()), (1, 0));
        assert_eq!(again.open_alerts[0].recordings, [who, message]);
        store.close().await;
    }
}

#[tokio::test]
async fn alert_rings_are_remembered_and_a_cut_off_ring_belongs_to_its_alert() {
    let dir = tempfile::tempdir().unwrap();
    let (store, journal, _) = open(dir.path()).await;
    let mut scene = Story::new(2, "1500");
    scene.open_alert().fact(Fact::CallEnded { outcome: Outcome::Reported });
    let next_at = jiff::Timestamp::from_millisecond(1_790_000_900_000).unwrap();
    scene.fact(Fact::AlertRings { round: 2, next_at });
    let ring = CallId(scene.ids.uuid(next_at));
    let started = Fact::CallStarted {
        direction: Direction::AlertRing,
        number: "hotline".into(),
        reference: "1500".to_owned(),
        caller: None,
        source: "alert".to_owned(),
        language: Language::default(),
    };
    let on_ring = |fact| Entry { at: next_at, call: Some(ring), alert: Some(scene.alert), fact, why: String::new() };
    append_all(&journal, &scene.entries).await;
    let person = Some("engineer-1".into());
    append_all(&journal, &[on_ring(started), on_ring(Fact::LegAccepted { leg: LegId(1), person })]).await;
    store.close().await;

    let (store, journal, found) = open(dir.path()).await;
    let alert = &found.open_alerts[0];
    assert_eq!((alert.rings, alert.next_ring_at), (2, Some(next_at)));
    let cut = &found.cut_off[0];
    assert_eq!((cut.call, cut.alert, cut.taken), (ring, Some(scene.alert), true));
    assert_eq!(found.next_reference, 1_501, "a ring uses no reference up");
    let timeline = store.alert_timeline(&scene.alert.to_string()).await.unwrap();
    assert_eq!(timeline.len(), 6);
    let outside = |fact| Entry { at: next_at, call: None, alert: Some(scene.alert), fact, why: String::new() };
    append_all(&journal, &[outside(Fact::AlertAcknowledged { by: Actor::Login("admin".to_owned()) })]).await;
    store.close().await;

    let (store, journal, found) = open(dir.path()).await;
    assert_eq!((found.open_alerts[0].acknowledged, found.open_alerts[0].next_ring_at), (true, None));
    append_all(&journal, &[outside(Fact::AlertResolved { by: Actor::System })]).await;
    store.close().await;
    let (store, _, found) = open(dir.path()).await;
    assert!(found.open_alerts.is_empty());
    store.close().await;
}

#[tokio::test]
async fn a_segment_becomes_a_wav_and_damage_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _, _) = open_with(dir.path(), Tuning::default()).await;
    let mut scene = Story::new(1, "1001");
    let (good, bad, empty, missing) = (scene.recording(), scene.recording(), scene.recording(), scene.recording());
    std::fs::write(store.segment_path(good), tone(1, 77)).unwrap();
    std::fs::write(store.segment_path(bad), [1, 2, 3]).unwrap();
    std::fs::write(store.segment_path(empty), []).unwrap();

    for _ in 0..2 {
        store.finish_recording(good).unwrap();
    }
    assert!(!store.segment_path(good).exists());
    let mut wav = hound::WavReader::open(store.wav_path(good)).unwrap();
    assert_eq!((wav.spec().sample_rate, wav.spec().channels, wav.spec().bits_per_sample), (8_000, 1, 16));
    let samples: Vec<i16> = wav.samples().map(Result::unwrap).collect();
    assert_eq!((samples.len(), samples[0], samples[15]), (8_000, 77, -77));

    // Begun, and nothing came: no damage.
    store.finish_recording(empty).unwrap();
    assert_eq!(hound::WavReader::open(store.wav_path(empty)).unwrap().duration(), 0);

    for (recording, word) in [(bad, "half a sample"), (missing, "nothing was kept")] {
        let Err(StoreError::Recording(told)) = store.finish_recording(recording) else { panic!("{word}") };
        assert!(told.contains(word), "{told}");
        assert!(!store.wav_path(recording).exists());
    }
    assert!(store.segment_path(bad).with_extension("seg.damaged").exists());

    for (garbage, kept) in [(20, false), (5_000, true)] {
        let cut = scene.recording();
        let bytes = [tone(1, 9), b"torn".to_vec(), vec![7; garbage]].concat();
        std::fs::write(store.segment_path(cut), bytes).unwrap();
        store.finish_recording(cut).unwrap();
        assert_eq!(hound::WavReader::open(store.wav_path(cut)).unwrap().len(), 8_000);
        assert_eq!(store.segment_path(cut).with_extension("seg.damaged").exists(), kept);
    }
    store.close().await;
}

#[tokio::test]
async fn segments_left_by_a_crash_after_their_end_are_finished_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _, _) = open(dir.path()).await;
    let mut scene = Story::new(1, "1001");
    let (left, half) = (scene.recording(), scene.recording());
    std::fs::write(store.segment_path(left), tone(1, 500)).unwrap();
    std::fs::write(store.segment_path(half), [9, 9, 9]).unwrap();
    let unfinished = store.wav_path(left).with_extension("wav.tmp");
    std::fs::write(&unfinished, b"RIFF").unwrap();
    store.close().await;
    let (store, journal, _) = open_with(dir.path(), quick()).await;
    assert!(store.wav_path(left).exists() && !unfinished.exists());
    let notes = journal.health().notes;
    assert!(notes.len() == 1 && notes[0].contains("damaged"), "{notes:?}");
    store.close().await;
    assert!(tokio::time::timeout(PATIENCE, store.close()).await.is_ok(), "closing twice is fine");
}

#[tokio::test]
async fn alerts_that_only_a_locked_database_knows_follow() {
    let dir = tempfile::tempdir().unwrap();
    let (store, journal, recovered) = open(dir.path()).await;
    assert!(!recovered.incomplete);
    let mut told = Story::new(1, "1001");
    told.open_alert();
    append_all(&journal, &told.entries).await;
    store.close().await;
    // The journal's old files go once the database has them for good.
    std::fs::remove_dir_all(dir.path().join("journal")).unwrap();

    let mut other = connect(dir.path()).await;
    for statement in ["PRAGMA locking_mode = EXCLUSIVE", "BEGIN EXCLUSIVE"] {
        sqlx::query(statement).execute(&mut other).await.unwrap();
    }
    let (store, _journal, recovered) = open(dir.path()).await;
    assert!(recovered.incomplete && recovered.open_alerts.is_empty());
    assert_ne!(recovered.next_reference, 1_001);
    sqlx::Connection::close(other).await.unwrap();
    let open = store.open_alerts().await.unwrap();
    assert_eq!(open.iter().map(|alert| alert.id).collect::<Vec<_>>(), [told.alert]);
    // And its call, which was cut off, does not run for ever.
    let ended = async {
        while store.call(&told.call.to_string()).await.unwrap().unwrap().outcome.is_none() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, ended).await.unwrap();
    let call = store.call(&told.call.to_string()).await.unwrap().unwrap();
    assert_eq!(call.outcome.as_deref(), Some("failed"));
    store.close().await;
}
