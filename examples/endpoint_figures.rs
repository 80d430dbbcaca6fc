//! How well the end of speech is found, on recorded speech made into telephone
//! calls: `cargo run --example endpoint_figures -- FOLDER-WITH-WAV-FILES…`.
//!
//! Answers are made of one to four pieces of the recordings, joined by pauses
//! of 0.2–0.9 s, on noise, band-limited to the telephone, through mu-law. An
//! answer is *cut off* when the end is declared before its last word is over,
//! *late* when it is not declared within 1.5 s after.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use hotline::rtp::voice::{Score, Voice};
use hotline_core::audio::endpoint::{Endpoint, EndpointLimits, Verdict};
use hotline_core::audio::{g711, level, resample};
use hotline_core::ids::IdSource;

const RATE: usize = 8_000;
const END_SILENCES_MS: [u64; 4] = [1_200, 1_250, 1_300, 1_350];

/// A stretch of speech at 8 kHz with no long pause in it.
struct Speech {
    samples: Vec<i16>,
}

/// What is heard beside the caller, so many dB below.
#[derive(Clone, Copy)]
enum Room {
    Quiet,
    Noise(f32),
    Babble(f32),
}

struct Answer {
    scores: Vec<Score>,
    /// End of the last word, samples.
    last_word: usize,
}

#[derive(Default)]
struct Tally {
    answers: usize,
    cut: usize,
    late: usize,
    never: usize,
    delays_ms: Vec<u64>,
}

fn main() -> anyhow::Result<()> {
    let folders: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    anyhow::ensure!(!folders.is_empty(), "name the folders that hold WAV files with speech");
    let mut files = Vec::new();
    for folder in &folders {
        find_wavs(folder, &mut files)?;
    }
    files.sort();
    let mut speech = Vec::new();
    for file in &files {
        speech.extend(load(file)?);
    }
    let seconds = speech.iter().map(|s| s.samples.len()).sum::<usize>() / RATE;
    println!("{} recordings, {} pieces, {seconds} s of speech", files.len(), speech.len());
    let mut scores_by: BTreeMap<(u64, &str), Tally> = BTreeMap::new();
    let (mut asked, mut frames) = (0, 0);
    let variants: [(&str, f32, Room); 8] = [
        ("clean", 0.0, Room::Quiet),
        ("noise 20 dB", 0.0, Room::Noise(20.0)),
        ("-10 dB, noise 20 dB", -10.0, Room::Noise(20.0)),
        ("-30 dB", -30.0, Room::Quiet),
        ("-30 dB, noise 20 dB", -30.0, Room::Noise(20.0)),
        ("noise 10 dB", 0.0, Room::Noise(10.0)),
        ("babble 25 dB", 0.0, Room::Babble(25.0)),
        ("babble 20 dB", 0.0, Room::Babble(20.0)),
    ];
    for (name, gain_db, room) in variants {
        let mut random = IdSource::new(7);
        for first in 0..speech.len() * 3 {
            let answer = answer(&speech, first % speech.len(), gain_db, room, &mut random);
            asked += answer.scores.iter().filter(|score| score.asked).count();
            frames += answer.scores.len();
            for end_silence in END_SILENCES_MS {
                scores_by.entry((end_silence, name)).or_default().add(&answer, end_silence);
            }
        }
    }
    println!("the detector was asked for {:.1}% of all frames", 100.0 * asked as f64 / frames as f64);
    println!("end_silence  variant               answers  cut off  late  never  delay p50/p95/max ms");
    for ((end_silence, name), mut score) in scores_by {
        score.delays_ms.sort_unstable();
        let at = |part: usize| score.delays_ms.get(score.delays_ms.len() * part / 100).copied().unwrap_or(0);
        println!(
            "{end_silence:>8} ms  {name:<20} {:>8} {:>7.1}% {:>4.1}% {:>6}  {}/{}/{}",
            score.answers,
            100.0 * score.cut as f64 / score.answers as f64,
            100.0 * score.late as f64 / score.answers as f64,
            score.never,
            at(50),
            at(95),
            score.delays_ms.last().copied().unwrap_or(0)
        );
    }
    noise_alone();
    Ok(())
}

impl Tally {
    fn add(&mut self, answer: &Answer, end_silence: u64) {
        let limits = EndpointLimits { end_silence: Some(Duration::from_millis(end_silence)), no_speech: None };
        let mut endpoint = Endpoint::new(limits);
        self.answers += 1;
        for (n, score) in answer.scores.iter().enumerate() {
            if endpoint.push(score.voice, score.dbfs, Score::MS) == Verdict::Finished {
                let end = (n + 1) * 128;
                if end <= answer.last_word {
                    self.cut += 1;
                    return;
                }
                let delay = ((end - answer.last_word) / 8) as u64;
                self.delays_ms.push(delay);
                self.late += usize::from(delay > 1_500);
                return;
            }
        }
        self.never += 1;
        self.late += 1;
    }
}

/// Noise must neither count as speech nor hold a recording open.
fn noise_alone() {
    let mut random = IdSource::new(3);
    for level_db in [-60.0_f32, -50.0, -40.0, -30.0] {
        let limits = EndpointLimits { end_silence: None, no_speech: Some(Duration::from_secs(6)) };
        let heard = (0..50).filter(|_| {
            let mut endpoint = Endpoint::new(limits);
            let samples: Vec<i16> = noise(RATE * 8, level_db, &mut random).into_iter().map(through_line).collect();
            for score in scores(&samples) {
                endpoint.push(score.voice, score.dbfs, Score::MS);
            }
            endpoint.speech()
        });
        println!("noise alone at {level_db} dBFS, 50 times 8 s: taken for speech {} times", heard.count());
    }
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

fn load(file: &Path) -> anyhow::Result<Vec<Speech>> {
    let mut reader = hound::WavReader::open(file).with_context(|| file.display().to_string())?;
    let spec = reader.spec();
    let channels = usize::from(spec.channels);
    let samples: Vec<i16> = reader.samples::<i16>().step_by(channels).collect::<Result<_, _>>()?;
    Ok(pieces(&resample::resample(&samples, spec.sample_rate, RATE as u32)))
}

/// A recording cut at its own pauses of 0.3 s and more, so that the pauses of an answer are those that we put in and the
/// end of its last word is known. By level alone, the detector has no say in it: speech is what lies within 30 dB of the
/// loudest and 10 dB above the recording's own noise.
fn pieces(samples: &[i16]) -> Vec<Speech> {
    const FRAME: usize = 160;
    let levels: Vec<f32> = samples.chunks(FRAME).map(level::rms_dbfs).collect();
    let mut sorted = levels.clone();
    sorted.sort_by(f32::total_cmp);
    let loudest = sorted.last().copied().unwrap_or(0.0);
    let quiet = sorted.get(sorted.len() / 20).copied().unwrap_or(0.0);
    let threshold = (loudest - 30.0).max((quiet + 10.0).min(loudest - 15.0));
    let mut out = Vec::new();
    let (mut begin, mut last) = (None, 0);
    for (n, level) in levels.iter().chain([&f32::MIN; 16]).enumerate() {
        if *level > threshold {
            begin.get_or_insert(n);
            last = n;
        } else if let Some(first) = begin
            && n - last > 15
        {
            begin = None;
            let end = ((last + 1) * FRAME).min(samples.len());
            // Less than 0.3 s is no word of an answer, it is a click or a breath.
            if end - first * FRAME >= RATE * 3 / 10 {
                out.push(Speech { samples: samples[first * FRAME..end].to_vec() });
            }
        }
    }
    out
}

fn answer(speech: &[Speech], first: usize, gain_db: f32, room: Room, random: &mut IdSource) -> Answer {
    let mut wave = vec![0.0; RATE * 6 / 10];
    let pieces = 1 + random.next_u64() as usize % 4;
    for n in 0..pieces {
        let which = if n == 0 { first } else { random.next_u64() as usize % speech.len() };
        if n > 0 {
            let pause = 200 + random.next_u64() as usize % 700;
            wave.extend(std::iter::repeat_n(0.0, pause * RATE / 1_000));
        }
        wave.extend(speech[which].samples.iter().map(|s| f32::from(*s)));
    }
    let last_word = wave.len();
    wave.extend(std::iter::repeat_n(0.0, RATE * 5));
    // Telephone speech lies about 20 dB below full scale.
    let spoken: Vec<i16> = wave[..last_word].iter().map(|s| *s as i16).collect();
    let gain = 10_f32.powf((-20.0 - active_dbfs(&spoken) + gain_db) / 20.0);
    let noise = match room {
        Room::Quiet => noise(wave.len(), -75.0, random),
        Room::Noise(below) => noise(wave.len(), -20.0 + gain_db - below, random),
        Room::Babble(below) => babble(speech, wave.len(), -20.0 + gain_db - below, random),
    };
    let samples: Vec<i16> = wave.iter().zip(noise).map(|(s, n)| through_line(s * gain + n)).collect();
    Answer { scores: scores(&samples), last_word }
}

/// What is found about each frame by one who waits for two seconds of silence and listens on all the same. What the
/// detector is asked hardly depends on that length while it is short.
fn scores(samples: &[i16]) -> Vec<Score> {
    let mut voice = Voice::new(EndpointLimits { end_silence: Some(Duration::from_secs(2)), no_speech: None });
    samples.iter().filter_map(|sample| voice.sample(*sample)).map(|(score, _)| score).collect()
}

/// Level of the parts that are spoken.
fn active_dbfs(samples: &[i16]) -> f32 {
    let levels: Vec<f32> = samples.chunks(160).map(level::rms_dbfs).collect();
    let loudest = levels.iter().copied().fold(f32::MIN, f32::max);
    let active: Vec<f32> = levels.into_iter().filter(|l| *l > loudest - 30.0).collect();
    let power: f32 = active.iter().map(|l| 10_f32.powf(l / 10.0)).sum::<f32>() / active.len().max(1) as f32;
    10.0 * power.log10()
}

/// Six people who talk at once.
fn babble(speech: &[Speech], length: usize, dbfs: f32, random: &mut IdSource) -> Vec<f32> {
    let mut all = vec![0.0; length];
    for _ in 0..6 {
        let mut at = 0;
        while at < length {
            let piece = &speech[random.next_u64() as usize % speech.len()].samples;
            let gain = 1_000.0 / 10_f32.powf((active_dbfs(piece) + 90.0) / 20.0);
            for (sum, sample) in all[at..].iter_mut().zip(piece) {
                *sum += f32::from(*sample) * gain;
            }
            at += piece.len() + RATE / 10;
        }
    }
    let power = all.iter().map(|s| s * s).sum::<f32>() / length.max(1) as f32;
    let gain = 32_768.0 * 10_f32.powf(dbfs / 20.0) / power.sqrt().max(1e-6);
    all.into_iter().map(|s| s * gain).collect()
}

/// Room noise: falls towards high frequencies, as fans and streets do.
fn noise(length: usize, dbfs: f32, random: &mut IdSource) -> Vec<f32> {
    let mut low = 0.0;
    let raw: Vec<f32> = (0..length)
        .map(|_| {
            let white = (random.next_u64() >> 40) as f32 / 8_388_608.0 - 1.0;
            low = 0.85 * low + white;
            low
        })
        .collect();
    let power = raw.iter().map(|s| s * s).sum::<f32>() / length.max(1) as f32;
    let gain = 32_768.0 * 10_f32.powf(dbfs / 20.0) / power.sqrt();
    raw.into_iter().map(|s| s * gain).collect()
}

fn through_line(sample: f32) -> i16 {
    g711::decode_mu(g711::encode_mu(sample.clamp(-32_768.0, 32_767.0) as i16))
}
