//! Sends a WAV file (16 bit) over a made-up bad line, records it as the hotline does, and writes what the
//! recording sounds like; beside it what the line would have carried unharmed. For listening and for transcripts:
//!
//!     cargo run --example impaired_recording -- in.wav clean.wav impaired.wav [seed]
//!
//! 1 % of the packets are lost, each of the others is up to 40 ms late (so that they overtake each other), and the
//! speaker's clock is 100 ppm off.

use std::path::Path;

use hotline_core::audio::resample::resample;
use hotline_core::audio::restore::{self, G711};
use hotline_core::audio::segment::{self, Channel, Place};
use hotline_core::audio::{Codec, g711};
use hotline_core::ids::IdSource;

const LOSS: f64 = 0.01;
const JITTER_MS: f64 = 40.0;
const DRIFT: f64 = 100e-6;

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [input, clean, impaired, rest @ ..] = args.as_slice() else {
        anyhow::bail!("usage: impaired_recording IN.wav CLEAN.wav IMPAIRED.wav [SEED]");
    };
    let seed = rest.first().map_or(Ok(1), |seed| seed.parse())?;
    let mut reader = hound::WavReader::open(input)?;
    let (rate, channels) = (reader.spec().sample_rate, usize::from(reader.spec().channels));
    // The first channel of several.
    let samples = reader.samples::<i16>().step_by(channels.max(1)).collect::<Result<Vec<i16>, _>>()?;
    let narrow = resample(&samples, rate, 8_000);
    let bytes: Vec<u8> = narrow.iter().map(|sample| g711::encode_a(*sample)).collect();
    write(Path::new(clean), &bytes.iter().map(|byte| g711::decode_a(*byte)).collect::<Vec<_>>())?;

    let mut dice = IdSource::new(seed);
    let mut unit = || (dice.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
    let mut packets = Vec::new();
    for (number, payload) in (0_u32..).zip(bytes.chunks(160)) {
        let spoken = f64::from(number + 1) * 160.0 / (8_000.0 * (1.0 + DRIFT));
        let (late, lost) = (unit() * JITTER_MS / 1_000.0, unit() < LOSS);
        if !lost {
            packets.push((spoken + late, number, payload));
        }
    }
    packets.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut file = segment::header(false, 0).to_vec();
    for (arrived, number, payload) in packets {
        let arrived = (arrived * 8_000.0) as u32;
        let place =
            Place { channel: Channel::Received, codec: Codec::Pcma, source: 0, rtp: number.wrapping_mul(160), arrived };
        file.extend_from_slice(&segment::audio(place, payload));
        file.extend_from_slice(payload);
    }
    let sound = restore::sound(&file, G711::default)?;
    println!("{:?}", sound.stats[0]);
    write(Path::new(impaired), &sound.samples)
}

fn write(file: &Path, samples: &[i16]) -> anyhow::Result<()> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(file, spec)?;
    for sample in samples {
        writer.write_sample(*sample)?;
    }
    Ok(writer.finalize()?)
}
