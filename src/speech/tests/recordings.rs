//! The recordings in `audio/` are what `prompts/` says, and sound as they should.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::speech::{texts, wav};

#[derive(Deserialize)]
struct Entry {
    text: String,
    wav: String,
}

fn audio() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("audio")
}

fn manifest() -> BTreeMap<String, Entry> {
    let text = std::fs::read_to_string(audio().join("recordings.toml")).unwrap();
    toml::from_str(&text).unwrap()
}

#[test]
fn every_text_has_its_recording_and_it_was_made_from_this_text() {
    let manifest = manifest();
    let mut wanted = BTreeSet::new();
    for (language, texts) in texts::embedded().unwrap() {
        for (name, text) in texts {
            let key = format!("{}/{name}", language.0);
            let entry =
                manifest.get(&key).unwrap_or_else(|| panic!("{key} is not recorded: run scripts/record-prompts"));
            let digest = hex::encode(Sha256::digest(text.as_bytes()));
            assert_eq!(entry.text, digest, "{key} was changed since: run scripts/record-prompts");
            let bytes = std::fs::read(audio().join(format!("{key}.wav"))).unwrap();
            assert_eq!(entry.wav, hex::encode(Sha256::digest(&bytes)), "{key}.wav is not the one recorded");
            wanted.insert(key);
        }
    }
    assert_eq!(wanted, manifest.into_keys().collect(), "recordings without a text");
}

#[test]
fn recordings_have_the_agreed_shape_and_level() {
    for key in manifest().keys() {
        let file = audio().join(format!("{key}.wav"));
        let reader = hound::WavReader::open(&file).unwrap();
        let spec = reader.spec();
        assert_eq!((spec.sample_rate, spec.channels, spec.bits_per_sample), (16_000, 1, 16), "{key}");
        let samples = wav::read_file(&file).unwrap();
        let peak = samples.iter().map(|sample| i32::from(*sample).abs()).max().unwrap();
        assert!(peak < 29_300, "{key}: peak {peak}");
        let level = 20.0 * wav::speech_rms(&samples).log10();
        assert!((-21.5..-18.5).contains(&level), "{key}: {level:.1} dBFS");
        let quiet = |samples: &[i16]| samples.iter().all(|sample| sample.abs() < 300);
        assert!(quiet(&samples[..800]), "{key}: no lead-in");
        let tail = samples.iter().rev().take_while(|sample| sample.abs() < 60).count();
        assert!((1_600..=2_600).contains(&tail), "{key}: a tail of {tail} samples");
    }
}

#[test]
fn a_greeting_is_short() {
    for language in ["en", "de"] {
        let seconds = wav::seconds(&audio().join(language).join("greeting.wav")).unwrap();
        assert!((3.0..9.0).contains(&seconds), "{language}: {seconds}");
    }
}

#[test]
fn the_music_repeats_without_a_click_and_does_not_shout() {
    let samples = wav::read_file(&audio().join("music.wav")).unwrap();
    assert!((24 * 16_000..=32 * 16_000).contains(&samples.len()));
    let rms = (samples.iter().map(|s| (f64::from(*s) / 32_768.0).powi(2)).sum::<f64>() / samples.len() as f64).sqrt();
    assert!((20.0 * rms.log10() + 23.0).abs() < 1.0, "{rms}");
    let step = |a: i16, b: i16| (i32::from(a) - i32::from(b)).abs();
    let largest = samples.windows(2).map(|pair| step(pair[0], pair[1])).max().unwrap();
    assert!(step(samples[0], *samples.last().unwrap()) <= largest / 2);
}
