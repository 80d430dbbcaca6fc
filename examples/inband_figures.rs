//! How well keys are heard in sound, and how seldom in speech:
//!
//! `cargo run --example inband_figures -- labels LABELS.tsv FOLDER` reads recordings of keys; the first two columns of the
//! table are the file (below FOLDER) and the keys in it. Each is heard as it is and through both laws of G.711.
//!
//! `cargo run --example inband_figures -- speech MINUTES FOLDERS…` makes so many minutes of telephone speech of the
//! recordings: at other speeds and levels, through mu-law, and says every key that is heard in it.
//!
//! `cargo run --example inband_figures -- cost` says what listening costs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use hotline_core::audio::{g711, level, resample};
use hotline_core::dtmf::inband::{Detector, Tone};

const RATE: u32 = 8_000;

/// What a line does to a sample.
type Line = fn(i16) -> i16;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["labels", table, folder] => labels(Path::new(table), Path::new(folder)),
        ["speech", minutes, folders @ ..] if !folders.is_empty() => speech(minutes.parse()?, folders),
        ["cost"] => {
            cost();
            Ok(())
        }
        _ => anyhow::bail!("labels LABELS.tsv FOLDER | speech MINUTES FOLDERS… | cost"),
    }
}

fn labels(table: &Path, folder: &Path) -> anyhow::Result<()> {
    let lines: [(&str, Line); 3] = [
        ("as recorded", |sample| sample),
        ("mu-law", |sample| g711::decode_mu(g711::encode_mu(sample))),
        ("A-law", |sample| g711::decode_a(g711::encode_a(sample))),
    ];
    let text = std::fs::read_to_string(table).with_context(|| table.display().to_string())?;
    for (name, line) in lines {
        let (mut files, mut whole, mut digits, mut wrong) = (0, 0, 0, 0);
        for row in text.lines().skip(1) {
            let mut columns = row.split('\t');
            let (Some(file), Some(keys)) = (columns.next(), columns.next()) else { continue };
            let path = folder.join(file);
            if !path.exists() {
                continue;
            }
            let samples: Vec<i16> = load(&path)?.into_iter().map(line).collect();
            let heard: String = tones(&samples).iter().map(|tone| tone.key).collect();
            let errors = distance(keys, &heard);
            (files, digits, wrong) = (files + 1, digits + keys.chars().count(), wrong + errors);
            whole += usize::from(errors == 0);
            if errors > 0 {
                println!("{name}: {file}: {heard} ({errors} wrong)");
            }
        }
        let right = 100.0 * (1.0 - f64::from(wrong as u32) / f64::from(digits.max(1) as u32));
        println!(
            "{name}: {files} files, {whole} without a mistake; {digits} digits, {wrong} wrong: {right:.2} % right"
        );
    }
    Ok(())
}

fn speech(minutes: u64, folders: &[&str]) -> anyhow::Result<()> {
    let mut files = Vec::new();
    for folder in folders {
        find_wavs(Path::new(folder), &mut files)?;
    }
    files.sort();
    let recordings: Vec<(PathBuf, Vec<i16>)> =
        files.into_iter().map(|file| load(&file).map(|samples| (file, samples))).collect::<Result<_, _>>()?;
    let once: usize = recordings.iter().map(|(_, samples)| samples.len()).sum();
    println!("{} recordings, {} s of speech", recordings.len(), once / RATE as usize);
    let wanted = minutes * 60 * u64::from(RATE);
    let (mut listened, mut found, mut round) = (0, 0, 0_u32);
    'all: loop {
        // Another pitch and another level each round; the first is the speech as it is.
        let speed = [100, 93, 108, 86, 116, 97, 104, 80, 124, 90, 112, 95, 106, 84, 119][round as usize % 15];
        let loudness = [-20.0, -14.0, -28.0][round as usize / 15 % 3];
        for (file, samples) in &recordings {
            let other = resample::resample(samples, RATE * speed / 100, RATE);
            let gain = 10_f32.powf((loudness - level::rms_dbfs(&other)) / 20.0);
            let line = |sample: &i16| {
                let sample = (f32::from(*sample) * gain).clamp(-32_768.0, 32_767.0) as i16;
                g711::decode_mu(g711::encode_mu(sample))
            };
            let heard: Vec<i16> = other.iter().map(line).collect();
            listened += heard.len() as u64;
            for tone in tones(&heard) {
                found += 1;
                let at = tone.began as f64 / f64::from(RATE);
                println!("{} at {at:.2} s of {} (speed {speed} %, {loudness} dBFS)", tone.key, file.display());
            }
            if listened >= wanted {
                break 'all;
            }
        }
        round += 1;
    }
    println!("{found} keys heard in {} minutes of speech", listened / 60 / u64::from(RATE));
    Ok(())
}

/// CPU time for a minute of loud noise, the dearest there is, and for silence.
fn cost() {
    let mut state = 1_u32;
    let noise: Vec<i16> = (0..RATE * 60)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) as i16 / 4
        })
        .collect();
    for (name, samples) in [("speech-loud noise", noise), ("silence", vec![0; RATE as usize * 60])] {
        let rounds: Vec<Duration> = (0..5)
            .map(|_| {
                let begin = hotline::clock::now().mono;
                let found = tones(&samples).len();
                assert_eq!(found, 0, "noise is no key");
                hotline::clock::now().mono - begin
            })
            .collect();
        let best = rounds.iter().min().copied().unwrap_or_default();
        println!("{name}: {best:?} for a minute");
    }
}

fn tones(samples: &[i16]) -> Vec<Tone> {
    let (mut detector, mut heard) = (Detector::default(), Vec::new());
    for packet in samples.chunks(160) {
        detector.push(packet, |tone| heard.push(tone));
    }
    heard
}

/// Keys to be put in, taken out or changed (Levenshtein).
fn distance(wanted: &str, heard: &str) -> usize {
    let heard: Vec<char> = heard.chars().collect();
    let mut row: Vec<usize> = (0..=heard.len()).collect();
    for (n, key) in wanted.chars().enumerate() {
        let mut corner = row[0];
        row[0] = n + 1;
        for (m, other) in heard.iter().enumerate() {
            let changed = corner + usize::from(key != *other);
            corner = row[m + 1];
            row[m + 1] = changed.min(row[m] + 1).min(corner + 1);
        }
    }
    row[heard.len()]
}

fn find_wavs(folder: &Path, into: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            find_wavs(&path, into)?;
        } else if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("wav")) {
            into.push(path);
        }
    }
    Ok(())
}

/// The first channel at 8 kHz.
fn load(file: &Path) -> anyhow::Result<Vec<i16>> {
    let mut reader = hound::WavReader::open(file).with_context(|| file.display().to_string())?;
    let spec = reader.spec();
    let samples: Vec<i16> = reader.samples::<i16>().step_by(usize::from(spec.channels)).collect::<Result<_, _>>()?;
    Ok(resample::resample(&samples, spec.sample_rate, RATE))
}
