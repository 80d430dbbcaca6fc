//! What the phones say: recorded speech with the pauses of a conversation, in G.711.

use std::path::Path;

use anyhow::Context as _;
use hotline_core::audio::{g711, resample};

use crate::media::{Law, Speech};

/// Bytes of a packet.
const FRAME: usize = 160;
/// Pause after each file, samples: who listens must tell speech from silence.
const PAUSE: usize = 6_400;
/// So much is enough, samples: a minute.
const ENOUGH: usize = 60 * 8_000;

/// Speech from the WAV files in a folder, whole packets of it; without a folder, a tone and pauses.
pub fn load(folder: Option<&Path>, law: Law) -> anyhow::Result<Speech> {
    let codec = match law {
        Law::Pcmu => g711::Law::Mu,
        Law::Pcma => g711::Law::A,
    };
    let mut samples = Vec::new();
    if let Some(folder) = folder {
        let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
        let mut files = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
        files.sort();
        for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "wav")) {
            let mut reader = hound::WavReader::open(file).with_context(|| file.display().to_string())?;
            let rate = reader.spec().sample_rate;
            let wave = reader.samples::<i16>().collect::<Result<Vec<_>, _>>()?;
            samples.extend(resample::resample(&wave, rate, 8_000));
            samples.extend(room(PAUSE));
            if samples.len() >= ENOUGH {
                break;
            }
        }
    } else {
        samples.extend((0..8_000).map(|n| if n % 16 < 8 { 6_000 } else { -6_000 }));
        samples.extend(room(PAUSE));
    }
    anyhow::ensure!(samples.len() >= FRAME, "no WAV files to speak");
    samples.truncate(samples.len() / FRAME * FRAME);
    Ok(samples.into_iter().map(|sample| g711::encode(codec, sample)).collect())
}

/// Where a phone begins that is to be so many packets ahead of the first.
pub fn position(speech: &Speech, packets: usize) -> usize {
    packets * FRAME % speech.len()
}

/// A quiet room: noise some 60 dB below full scale.
fn room(samples: usize) -> impl Iterator<Item = i16> {
    (0..samples).map(|n| ((n * 7_919 + n * n * 31) % 61) as i16 - 30)
}
