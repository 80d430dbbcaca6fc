//! A supervisor on a running call, with real softphones that speak in tones: what each phone recorded says who heard
//! whom.

use std::f64::consts::TAU;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::baresip::Baresip;
use crate::harness::{Hotline, TOKEN, ended, kinds, tells};
use crate::{house, incidents, phone};

/// Whole waves fit into 10 ms, and none lies near another's harmonics.
const CALLER: (f64, f64) = (500.0, 3_000.0);
const ENGINEER: (f64, f64) = (400.0, 3_000.0);
const BOSS: (f64, f64) = (2_300.0, 16_000.0);
/// Samples looked at together: 20 ms.
const PIECE: usize = 160;

/// A WAV of this tone, longer than any of these calls.
fn tone(folder: &Path, (hz, amplitude): (f64, f64)) -> PathBuf {
    let file = folder.join(format!("{hz}.wav"));
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(&file, spec).expect("a file");
    for n in 0..110 * 8_000 {
        let sample = (f64::from(n) * hz / 8_000.0 * TAU).sin() * amplitude;
        writer.write_sample(sample as i16).expect("a sample");
    }
    writer.finalize().expect("a file");
    file
}

/// The amplitude of a frequency in each 20 ms (Goertzel).
fn levels(samples: &[i16], (hz, _): (f64, f64)) -> Vec<f64> {
    let turn = 2.0 * (hz / 8_000.0 * TAU).cos();
    let level = |piece: &[i16]| {
        let (mut one, mut two) = (0.0, 0.0);
        for sample in piece {
            (one, two) = (f64::from(*sample) + turn * one - two, one);
        }
        let power: f64 = one * one + two * two - turn * one * two;
        power.max(0.0).sqrt() * 2.0 / PIECE as f64
    };
    samples.chunks_exact(PIECE).map(level).collect()
}

/// For how long a voice was heard, of what was recorded.
fn heard(samples: &[i16], voice: (f64, f64)) -> Duration {
    let pieces = levels(samples, voice).into_iter().filter(|level| *level > voice.1 * 0.5).count();
    Duration::from_millis(pieces as u64 * 20)
}

/// What was recorded from the moment at which this voice was there for a third of a second.
fn from_when(samples: &[i16], voice: (f64, f64)) -> &[i16] {
    let there: Vec<bool> = levels(samples, voice).into_iter().map(|level| level > voice.1 * 0.5).collect();
    let begin = there.windows(16).position(|pieces| pieces.iter().all(|piece| *piece));
    &samples[begin.expect("the voice is heard") * PIECE..]
}

struct Three {
    hotline: Hotline,
    caller: Baresip,
    engineer: Baresip,
    boss: Baresip,
    call: String,
}

impl Three {
    /// The caller and an engineer talk; the supervisor's phone is registered.
    async fn talking() -> Self {
        let hotline = Hotline::start(&house::engineers(&[&["phone:ada"], &["phone:ben"]])).await;
        let data = hotline.data();
        let mut engineer = Baresip::engineer(hotline.sip(), "ada", house::PASSWORD, &tone(&data, ENGINEER)).await;
        let boss = Baresip::engineer(hotline.sip(), "ben", house::PASSWORD, &tone(&data, BOSS)).await;
        let mut caller = Baresip::caller(&tone(&data, CALLER)).await;
        caller.dial(&phone::number(&hotline, "quick")).await;
        hotline.call_when("inbound", |call| tells(call, "offers a choice")).await;
        caller.press('2').await;
        engineer.answer().await;
        hotline.call_when("inbound", |call| kinds(call).contains(&"leg-answered")).await;
        engineer.press('1').await;
        hotline.call_when("inbound", |call| tells(call, "engineer-1 listens")).await;
        engineer.press('1').await;
        let call = hotline.call_when("inbound", |call| kinds(call).contains(&"bridged")).await;
        let call = call["id"].as_str().expect("an id").to_owned();
        Self { hotline, caller, engineer, boss, call }
    }

    async fn ask(&self, role: &str, phone: &str) -> (u16, Value) {
        let path = format!("/calls/{}/{role}", self.call);
        incidents::send(&self.hotline, "POST", &path, TOKEN, &json!({ "phone": phone })).await
    }

    /// The supervisor's phone rings, is answered, and somebody presses 1 on it.
    async fn boss_comes(&mut self, role: &str) {
        let (status, answer) = self.ask(role, "ben").await;
        assert_eq!(status, 200, "{answer:#}");
        assert_eq!(answer, json!({"phone": "ben", "role": role, "state": "ringing"}));
        self.boss.answer().await;
        // Answered is not on the line: the tone of this phone reaches nobody yet.
        tokio::time::sleep(Duration::from_millis(800)).await;
        let call = self.hotline.call_when("inbound", |call| !call["supervisors"].is_null()).await;
        assert_eq!(call["supervisors"][0]["state"], "ringing", "{call:#}");
        self.boss.press('1').await;
        self.hotline.call_when("inbound", |call| call["supervisors"][0]["state"] == "on").await;
    }

    /// The caller hangs up; the call as it is on the record.
    async fn ends(&mut self) -> Value {
        self.caller.hang_up().await;
        self.engineer.is_hung_up().await;
        self.hotline.call_when("inbound", ended("taken")).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_callers_phone_records_nothing_of_a_whisper() -> anyhow::Result<()> {
    let mut three = Three::talking().await;
    three.boss_comes("whisper").await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    let (status, answer) = three.ask("listen", "ben").await;
    assert_eq!((status, &answer["state"]), (200, &json!("on")), "{answer:#}");
    tokio::time::sleep(Duration::from_secs(1)).await;
    let call = three.ends().await;
    three.boss.is_hung_up().await;
    assert!(tells(&call, "whispers: hears both, is heard by the engineer only"), "{call:#}");
    assert!(tells(&call, "asked for by token"), "{call:#}");
    assert!(tells(&call, "1 was pressed there; a supervisor accepts nothing"), "{call:#}");
    let caller = three.caller.heard();
    let talk = from_when(&caller, ENGINEER);
    assert!(heard(talk, ENGINEER) > Duration::from_secs(4), "the two talked: {:?}", heard(talk, ENGINEER));
    let most = levels(talk, BOSS).into_iter().fold(0.0, f64::max);
    // A join of a phone's own buffer is a little of every frequency; a whisper would be a hundred times that.
    assert!(most < BOSS.1 / 100.0, "the caller's phone recorded the whisper at {most} of {}", BOSS.1);
    let engineer = three.engineer.heard();
    assert!(heard(&engineer, BOSS) > Duration::from_secs(3), "the engineer heard it for {:?}", heard(&engineer, BOSS));
    let boss = three.boss.heard();
    for voice in [CALLER, ENGINEER] {
        assert!(heard(&boss, voice) > Duration::from_secs(3), "{voice:?}: {:?}", heard(&boss, voice));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_is_heard_by_nobody_then_by_both_and_is_sent_away() -> anyhow::Result<()> {
    let mut three = Three::talking().await;
    assert_eq!(three.ask("listen", "ada").await.1["code"], "phone-on-call");
    assert_eq!(three.ask("listen", "nobody").await.0, 400);
    three.boss_comes("listen").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(three.ask("barge", "ben").await.1["role"], "barge");
    tokio::time::sleep(Duration::from_secs(3)).await;
    let away = format!("/calls/{}/supervisors/ben", three.call);
    let (status, answer) = incidents::send(&three.hotline, "DELETE", &away, TOKEN, &Value::Null).await;
    assert_eq!(status, 204, "{answer:#}");
    three.boss.is_hung_up().await;
    // The reason stands there once the phone has confirmed it.
    let away = |call: &Value| call["supervisors"].is_null() && tells(call, "sent away by token");
    three.hotline.call_when("inbound", away).await;
    // The two talk on.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(three.ask("listen", "ada").await.0, 409);
    three.ends().await;
    for (who, other, samples) in
        [("caller", ENGINEER, three.caller.heard()), ("engineer", CALLER, three.engineer.heard())]
    {
        let aloud = heard(&samples, BOSS);
        assert!(aloud > Duration::from_millis(1_500), "the {who} heard the supervisor for {aloud:?}");
        let last = &samples[samples.len().saturating_sub(8_000)..];
        assert!(heard(last, BOSS).is_zero(), "the {who} still hears the supervisor");
        assert!(
            heard(last, other) > Duration::from_millis(500),
            "the {who} hears the other no more: {:?}",
            heard(last, other)
        );
    }
    Ok(())
}
