//! What the phones say: recorded speech with the pauses of a conversation.

use std::path::Path;

use anyhow::Context as _;
use hotline::codec::Encoder;
use hotline_core::audio::{Codec, resample};

use crate::media::{Law, PAYLOAD_MAX, Speech};

/// Samples of a packet.
const FRAME: usize = 160;
/// Pause after each file, samples: who listens must tell speech from silence.
const PAUSE: usize = 6_400;
/// So much is enough, samples: a minute.
const ENOUGH: usize = 60 * 8_000;

/// Speech from the WAV files in a folder, whole packets of it; without a folder, a tone and pauses.
pub fn load(folder: Option<&Path>, law: Law) -> anyhow::Result<Speech> {
    let codec = match law {
        Law::Pcmu => Codec::Pcmu,
        Law::Pcma => Codec::Pcma,
        Law::Opus => Codec::Opus,
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
    let mut encoder = Encoder::new(codec);
    let packet = |samples: &[i16]| {
        let mut packet = [0; PAYLOAD_MAX];
        let length = encoder.encode(samples, &mut packet);
        Box::from(&packet[..length])
    };
    Ok(samples.chunks_exact(FRAME).map(packet).collect())
}

/// Where a phone begins that is to be so many packets ahead of the first.
pub fn position(speech: &Speech, packets: usize) -> usize {
    packets % speech.len()
}

/// A quiet room: noise some 60 dB below full scale.
fn room(samples: usize) -> impl Iterator<Item = i16> {
    (0..samples).map(|n| ((n * 7_919 + n * n * 31) % 61) as i16 - 30)
}
