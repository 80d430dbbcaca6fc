//! Random facts: what goes through the journal is what is applied directly, and what a start finds in the
//! database is what it finds in the journal.

use std::time::Duration;

use hotline_core::audio::Codec;
use hotline_core::audio::quality::{LegQuality, Told};
use hotline_core::directory::Language;
use hotline_core::fact::{
    Actor, Direction, Entry, Fact, LegCause, Outcome, Priority, Question, RecordingEnd, RecordingKind,
};
use hotline_core::ids::{AlertId, CallId, LegId, RecordingId};
use hotline_core::private::Private;
use jiff::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use uuid::Uuid;

use super::{PATIENCE, dump, open};
use crate::store::apply::{Place, apply};
use crate::store::engine::Engine;
use crate::store::recover::Fold;
use crate::store::{record, recover};

/// 2026-09-21.
const BEGIN_MS: i64 = 1_790_000_000_000;

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[a-z ]{1,12}", Just("Zoë's ‘db’ \"x\"; DROP--\u{0}\n😀".to_owned())]
}

fn moment() -> impl Strategy<Value = Timestamp> {
    (0_i64..100_000).prop_map(|ms| Timestamp::from_millisecond(BEGIN_MS + ms).unwrap())
}

fn recording() -> impl Strategy<Value = RecordingId> {
    (1_u128..4).prop_map(|n| RecordingId(Uuid::from_u128(n)))
}

fn leg() -> impl Strategy<Value = LegId> {
    (0_u32..3).prop_map(LegId)
}

fn person() -> impl Strategy<Value = Option<hotline_core::ids::UserId>> {
    prop_oneof![Just(None), Just(Some("engineer-1".into()))]
}

fn actor() -> impl Strategy<Value = Actor> {
    prop_oneof![
        Just(Actor::Person("engineer-1".into())),
        text().prop_map(Actor::Login),
        text().prop_map(Actor::Token),
        Just(Actor::System)
    ]
}

fn cause() -> impl Strategy<Value = LegCause> {
    prop_oneof![
        Just(LegCause::HungUp),
        Just(LegCause::Busy),
        any::<u16>().prop_map(|status| LegCause::Rejected { status }),
        text().prop_map(|reason| LegCause::Unreachable { reason }),
    ]
}

fn started() -> impl Strategy<Value = Fact> {
    let of = (any::<bool>(), 1_001_u32..1_100, proptest::option::of(text()), text());
    of.prop_map(|(ring, reference, caller, source)| Fact::CallStarted {
        direction: if ring { Direction::AlertRing } else { Direction::Inbound },
        number: "hotline".into(),
        reference: reference.to_string(),
        caller: caller.map(Private::new),
        source,
        language: Language::default(),
    })
}

fn quality((leg, [sent, received, lost], round_trip): (LegId, [u32; 3], Option<u32>)) -> Fact {
    let quality = LegQuality {
        codec: Codec::Pcma,
        sent: sent.into(),
        received: received.into(),
        lost: lost.into(),
        jitter_ms: f64::from(lost % 100) / 4.0,
        told: round_trip.map(|ms| Told { lost: ms.into(), jitter_ms: 0.5 }),
        round_trip_ms: round_trip.map(f64::from),
    };
    Fact::LegQuality { leg, quality }
}

fn fact() -> impl Strategy<Value = Fact> {
    let kind = prop_oneof![
        Just(RecordingKind::Voicemail),
        proptest::sample::select(&Question::ALL[..]).prop_map(RecordingKind::Answer)
    ];
    let end = proptest::sample::select(vec![RecordingEnd::Silence, RecordingEnd::Failed, RecordingEnd::Key]);
    let call = prop_oneof![
        started(),
        Just(Fact::CustomerIdentified { customer: "acme".into() }),
        text().prop_map(|tag| Fact::LanguageChosen { language: Language(tag) }),
        (text(), text()).prop_map(|(node, what)| Fact::Step { node, what }),
        Just(Fact::AnswersConfirmed),
        Just(Fact::CallEnded { outcome: Outcome::Reported }),
    ];
    let legs = prop_oneof![
        (leg(), person(), text()).prop_map(|(leg, person, destination)| Fact::LegStarted { leg, person, destination }),
        leg().prop_map(|leg| Fact::LegAnswered { leg }),
        (leg(), person()).prop_map(|(leg, person)| Fact::LegAccepted { leg, person }),
        (leg(), cause()).prop_map(|(leg, cause)| Fact::LegEnded { leg, cause }),
        (leg(), any::<[u32; 3]>(), proptest::option::of(0_u32..9_000)).prop_map(quality),
    ];
    let recordings = prop_oneof![
        (recording(), leg(), kind).prop_map(|(recording, leg, kind)| Fact::RecordingStarted { recording, leg, kind }),
        (recording(), 0_u64..3_000, any::<bool>(), end).prop_map(|(recording, ms, speech, reason)| {
            Fact::RecordingEnded { recording, duration: Duration::from_millis(ms), speech, reason }
        }),
        (recording(), text()).prop_map(|(recording, words)| Fact::Transcribed {
            recording,
            text: Private::new(words),
            language: "en".to_owned(),
            engine: "e".to_owned(),
        }),
        (recording(), text()).prop_map(|(recording, reason)| Fact::TranscriptFailed { recording, reason }),
    ];
    let alerts = prop_oneof![
        (text(), proptest::option::of(moment())).prop_map(|(title, ring_at)| Fact::AlertOpened {
            title,
            priority: Priority::P2,
            ring_at
        }),
        proptest::option::of(text()).prop_map(|title| Fact::AlertUpdated { title, priority: Some(Priority::P1) }),
        actor().prop_map(|by| Fact::AlertAcknowledged { by }),
        actor().prop_map(|by| Fact::AlertResolved { by }),
        (1_u32..9, moment()).prop_map(|(round, next_at)| Fact::AlertRings { round, next_at }),
    ];
    prop_oneof![call, legs, recordings, alerts]
}

fn entry() -> impl Strategy<Value = Entry> {
    let id = || proptest::option::weighted(0.9, 1_u128..4);
    (moment(), id(), id(), fact(), text()).prop_map(|(at, call, alert, fact, why)| Entry {
        at,
        call: call.map(|n| CallId(Uuid::from_u128(0x100 + n))),
        alert: alert.map(|n| AlertId(Uuid::from_u128(0x200 + n))),
        fact,
        why,
    })
}

/// The same sequences at every run; a failure prints the one that failed.
fn runner(cases: u32) -> TestRunner {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

#[test]
fn any_entry_comes_back_from_its_record() {
    runner(500)
        .run(&entry(), |entry| {
            prop_assert_eq!(record::decode(&record::encode(&entry)), Ok(entry));
            Ok(())
        })
        .unwrap();
}

#[test]
fn the_journals_way_and_the_direct_way_lead_to_the_same_rows() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runner(8)
        .run(&proptest::collection::vec(entry(), 1..60), |entries| {
            let (journalled, direct) = runtime.block_on(both_ways(&entries));
            prop_assert_eq!(journalled, direct);
            Ok(())
        })
        .unwrap();
}

async fn both_ways(entries: &[Entry]) -> (Vec<String>, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    let (store, journal, _) = open(dir.path()).await;
    let mut last = None;
    for entry in entries {
        last = Some(journal.append(entry.clone()));
        tokio::task::yield_now().await;
    }
    // The last one may be refused for what it lacks; then it is drained all the same.
    let _ = last.unwrap().drained(PATIENCE).await;
    store.close().await;

    let other = tempfile::tempdir().unwrap();
    let engine = Engine::new(&super::settings(other.path()).database_url).unwrap();
    let mut connection = engine.connect_drain().await.unwrap();
    for (seq, entry) in (1..).zip(entries) {
        // A refused entry leaves no row.
        let _ = apply(&mut connection, entry, Place { journal: "direct", seq, node: "node-1", engine: &engine }).await;
    }
    drop(connection);
    let without_rejects =
        |lines: Vec<String>| lines.into_iter().filter(|line| !line.starts_with("journal_rejects")).collect();
    (without_rejects(dump(dir.path()).await), without_rejects(dump(other.path()).await))
}

/// A story in a plausible order, cut anywhere: started, things happen, perhaps ended.
fn stories() -> impl Strategy<Value = Vec<Entry>> {
    let one = (proptest::collection::vec(fact(), 0..25), any::<bool>(), any::<bool>());
    proptest::collection::vec(one, 1..4).prop_map(|stories| {
        let mut entries = Vec::new();
        for (n, (facts, alerts, ends)) in (1_u128..).zip(stories) {
            let (call, alert) = (CallId(Uuid::from_u128(0x100 + n)), AlertId(Uuid::from_u128(0x200 + n)));
            let mut add = |fact| {
                let at = Timestamp::from_millisecond(BEGIN_MS + i64::try_from(entries.len()).unwrap()).unwrap();
                let fact = own(fact, n);
                entries.push(Entry { at, call: Some(call), alert: Some(alert), fact, why: String::new() });
            };
            add(Fact::CallStarted {
                direction: Direction::Inbound,
                number: "hotline".into(),
                reference: (1_000 + n).to_string(),
                caller: Some(Private::from("+491511234")),
                source: "open".to_owned(),
                language: Language::default(),
            });
            if alerts {
                add(Fact::AlertOpened { title: "t".to_owned(), priority: Priority::P3, ring_at: None });
            }
            for fact in facts {
                let misplaced =
                    matches!(fact, Fact::CallStarted { .. } | Fact::CallEnded { .. } | Fact::AlertOpened { .. });
                if !misplaced {
                    add(fact);
                }
            }
            if ends {
                add(Fact::CallEnded { outcome: Outcome::Abandoned });
            }
        }
        entries
    })
}

/// Recordings are a call's own.
fn own(mut fact: Fact, call: u128) -> Fact {
    if let Fact::RecordingStarted { recording, .. }
    | Fact::RecordingEnded { recording, .. }
    | Fact::Transcribed { recording, .. }
    | Fact::TranscriptFailed { recording, .. } = &mut fact
    {
        *recording = RecordingId(Uuid::from_u128(recording.0.as_u128() + 16 * call));
    }
    fact
}

#[test]
fn a_start_finds_the_same_in_the_journal_and_in_the_database() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runner(12)
        .run(&(stories(), 0.0..1.0), |(entries, part)| {
            let drained = (entries.len() as f64 * part) as usize;
            let (journal, database, mixed) = runtime.block_on(three_ways(&entries, drained));
            prop_assert_eq!(&journal, &database);
            prop_assert_eq!(&journal, &mixed);
            Ok(())
        })
        .unwrap();
}

/// From the journal alone, from the database alone, and from the database with the rest of the journal on top.
async fn three_ways(entries: &[Entry], drained: usize) -> (String, String, String) {
    let mut journal = Fold::default();
    for entry in entries {
        journal.apply(entry);
    }
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::new(&super::settings(dir.path()).database_url).unwrap();
    let mut connection = engine.connect_drain().await.unwrap();
    let mut mixed = Fold::default();
    for (seq, entry) in (1..).zip(entries) {
        if seq == drained as i64 + 1 {
            mixed = recover::from_database(&mut connection, None).await.unwrap();
        }
        apply(&mut connection, entry, Place { journal: "j", seq, node: "node-1", engine: &engine }).await.unwrap();
    }
    if drained == entries.len() {
        mixed = recover::from_database(&mut connection, None).await.unwrap();
    }
    for entry in &entries[drained..] {
        mixed.apply(entry);
    }
    let database = recover::from_database(&mut connection, None).await.unwrap();
    let shown = |fold: Fold| format!("{:?} {:#?}", fold.open_recordings(), fold.finish());
    (shown(journal), shown(database), shown(mixed))
}
