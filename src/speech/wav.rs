//! WAV files in and out, and what brings foreign sound to our measure: 16 kHz
//! mono, speech at −20 dBFS, short fades. Pure sample work apart from reading
//! and writing whole files.

use std::f64::consts::PI;
use std::io::{Cursor, Read};
use std::path::Path;

use hotline_core::audio::Clip;
use hotline_core::audio::resample::resample;

use super::SpeechError;

/// Longest sound that is taken, seconds: a mistake in a path must not fill the memory.
const SECONDS_MAX: u32 = 3_600;
/// Level of speech, linear (−20 dBFS).
const SPEECH_RMS: f64 = 0.1;
/// What makes the right kind of file out of any other.
const REMEDY: &str = "make one with: sox in.wav -r 16000 -c 1 -b 16 out.wav";

/// Reads a WAV file (PCM 16-bit, 8–48 kHz, mono or stereo) as 16 kHz mono samples.
pub fn read_file(file: &Path) -> Result<Vec<i16>, SpeechError> {
    let fault = |what: String| SpeechError { file: file.to_owned(), what };
    let opened = std::fs::File::open(file)
        .map_err(|e| fault(format!("can't be read ({e}); check the name and the permissions")))?;
    decode(std::io::BufReader::new(opened)).map_err(fault)
}

/// The same from bytes in memory.
pub fn read_bytes(bytes: &[u8]) -> Result<Vec<i16>, String> {
    decode(Cursor::new(bytes))
}

/// Length of a WAV file by its header, seconds.
pub fn seconds(file: &Path) -> Result<f64, String> {
    let reader = hound::WavReader::open(file).map_err(|e| explain(&e))?;
    Ok(f64::from(reader.duration()) / f64::from(reader.spec().sample_rate.max(1)))
}

fn decode(source: impl Read) -> Result<Vec<i16>, String> {
    let reader = hound::WavReader::new(source).map_err(|e| explain(&e))?;
    let spec = reader.spec();
    if spec.sample_format != hound::SampleFormat::Int || spec.bits_per_sample != 16 {
        return Err(format!("holds {}-bit samples that are not PCM 16-bit; {REMEDY}", spec.bits_per_sample));
    }
    if !(8_000..=48_000).contains(&spec.sample_rate) {
        return Err(format!("has a sample rate of {} Hz, wanted is 8,000 to 48,000; {REMEDY}", spec.sample_rate));
    }
    if !(1..=2).contains(&spec.channels) {
        return Err(format!("has {} channels, wanted is 1 or 2; {REMEDY}", spec.channels));
    }
    if reader.duration() / spec.sample_rate > SECONDS_MAX {
        return Err(format!("is longer than {SECONDS_MAX} s"));
    }
    let samples = reader
        .into_samples::<i16>()
        .collect::<Result<Vec<i16>, _>>()
        .map_err(|e| format!("is damaged ({e}); {REMEDY}"))?;
    if samples.is_empty() {
        return Err("holds no sound".to_owned());
    }
    let mono = match spec.channels {
        2 => samples.chunks_exact(2).map(|pair| i32::midpoint(i32::from(pair[0]), i32::from(pair[1])) as i16).collect(),
        _ => samples,
    };
    Ok(resample(&mono, spec.sample_rate, Clip::RATE_HZ))
}

fn explain(error: &hound::Error) -> String {
    format!("is no WAV file that can be read ({error}); {REMEDY}")
}

/// A WAV file of 16 kHz mono samples.
pub fn to_bytes(samples: &[i16]) -> Vec<u8> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: Clip::RATE_HZ,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut bytes = Cursor::new(Vec::with_capacity(44 + samples.len() * 2));
    let mut writer = hound::WavWriter::new(&mut bytes, spec).expect("writing to memory can't fail");
    for sample in samples {
        writer.write_sample(*sample).expect("writing to memory can't fail");
    }
    writer.finalize().expect("a clip is far below 4 GB");
    bytes.into_inner()
}

/// RMS of every `frame` samples, linear full scale = 1.
pub fn levels(samples: &[i16], frame: usize) -> Vec<f64> {
    samples
        .chunks_exact(frame)
        .map(|part| {
            let sum: f64 = part.iter().map(|s| (f64::from(*s) / 32_768.0).powi(2)).sum();
            (sum / frame as f64).sqrt()
        })
        .collect()
}

/// RMS of the frames (20 ms) that hold speech: those within 30 dB of the loudest. 0 for silence.
pub fn speech_rms(samples: &[i16]) -> f64 {
    let levels = levels(samples, 320);
    let loudest = levels.iter().copied().fold(0.0, f64::max);
    let speech: Vec<f64> = levels.into_iter().filter(|level| *level > 0.0 && *level > loudest / 31.6).collect();
    if speech.is_empty() {
        return 0.0;
    }
    (speech.iter().map(|level| level * level).sum::<f64>() / speech.len() as f64).sqrt()
}

/// Brings synthesised speech to our measure: silence trimmed, 50 ms before and 130 ms after, −20 dBFS,
/// nothing above −1 dBFS, faded at both ends. `None` if there is nothing to be heard.
pub fn master(samples: &[i16]) -> Option<Vec<i16>> {
    const FINE: usize = 80;
    let fine = levels(samples, FINE);
    let loudest = fine.iter().copied().fold(0.0, f64::max);
    if loudest < 0.001 {
        return None;
    }
    let heard = |level: &f64| *level > loudest / 126.0;
    let first = (fine.iter().position(heard)? * FINE).saturating_sub(160);
    let last = ((fine.iter().rposition(heard)? + 1) * FINE + 480).min(samples.len());
    let body = &samples[first..last];
    let gain = SPEECH_RMS / speech_rms(body).max(1e-4);
    let edge = |index: usize| {
        let opening = index as f64 / 80.0;
        let closing = (body.len() - 1 - index) as f64 / 320.0;
        opening.min(closing).min(1.0)
    };
    let loud = body.iter().enumerate().map(|(index, sample)| {
        let value = f64::from(*sample) / 32_768.0 * gain;
        let bent =
            if value.abs() > 0.6 { value.signum() * (0.6 + 0.28 * ((value.abs() - 0.6) / 0.28).tanh()) } else { value };
        (bent * edge(index) * 32_767.0).round() as i16
    });
    let silence = |ms: usize| std::iter::repeat_n(0_i16, ms * 16);
    Some(silence(50).chain(loud).chain(silence(100)).collect())
}

/// 1 kHz for 0.4 s at −15 dBFS, faded over 20 ms at both ends.
pub fn beep() -> Vec<i16> {
    const LENGTH: usize = 6_400;
    const FADE: f64 = 320.0;
    (0..LENGTH)
        .map(|index| {
            let edge = (index.min(LENGTH - 1 - index) as f64 / FADE).min(1.0);
            let sine = (2.0 * PI * 1_000.0 * index as f64 / f64::from(Clip::RATE_HZ)).sin();
            (sine * edge * 0.178 * 2_f64.sqrt() * 32_767.0).round() as i16
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(hz: f64, rate: u32, seconds: f64) -> Vec<i16> {
        let count = (seconds * f64::from(rate)) as usize;
        (0..count).map(|i| ((2.0 * PI * hz * i as f64 / f64::from(rate)).sin() * 10_000.0) as i16).collect()
    }

    fn file(rate: u32, channels: u16, bits: u16, samples: &[i16]) -> Vec<u8> {
        let spec = hound::WavSpec {
            channels,
            sample_rate: rate,
            bits_per_sample: bits,
            sample_format: hound::SampleFormat::Int,
        };
        let mut bytes = Cursor::new(Vec::new());
        let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
        for sample in samples {
            writer.write_sample(*sample).unwrap();
        }
        writer.finalize().unwrap();
        bytes.into_inner()
    }

    /// Share of the energy that is not the sine of `hz` which `samples` should be.
    fn error_share(samples: &[i16], hz: f64) -> f64 {
        let inner = &samples[400..samples.len() - 400];
        let (mut sin, mut cos, mut all) = (0.0, 0.0, 0.0);
        for (i, s) in inner.iter().enumerate() {
            let angle = 2.0 * PI * hz * i as f64 / 16_000.0;
            sin += angle.sin() * f64::from(*s);
            cos += angle.cos() * f64::from(*s);
            all += f64::from(*s).powi(2);
        }
        1.0 - 2.0 * (sin * sin + cos * cos) / inner.len() as f64 / all
    }

    #[test]
    fn reads_every_rate_as_16_khz() {
        for rate in [8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000] {
            // A whole number of periods in the window that is measured would need 1 kHz steps.
            let samples = read_bytes(&file(rate, 1, 16, &sine(1_000.0, rate, 1.05))).unwrap();
            assert!((samples.len() as i64 - 16_800).abs() < 3, "{rate}: {}", samples.len());
            let share = error_share(&samples[..16_800 - 16], 1_000.0);
            assert!(share.abs() < 0.002, "{rate}: {share}");
        }
    }

    #[test]
    fn stereo_is_mixed_and_a_round_trip_is_exact() {
        assert_eq!(read_bytes(&file(16_000, 2, 16, &[100, 300, -5, 5])).unwrap(), [200, 0]);
        let samples = sine(440.0, 16_000, 0.1);
        assert_eq!(read_bytes(&to_bytes(&samples)).unwrap(), samples);
    }

    #[test]
    fn faulty_files_are_named_with_a_remedy() {
        for (bytes, says) in [
            (b"no sound at all".to_vec(), "sox"),
            (file(16_000, 1, 24, &[1, 2]), "24-bit"),
            (file(96_000, 1, 16, &[1, 2]), "96000 Hz"),
            (file(16_000, 3, 16, &[1, 2, 3]), "3 channels"),
            (file(16_000, 1, 16, &[]), "no sound"),
            (file(16_000, 1, 16, &[1; 400])[..200].to_vec(), "damaged"),
        ] {
            let what = read_bytes(&bytes).unwrap_err();
            assert!(what.contains(says), "{what}");
        }
        let error = read_file(Path::new("/nonexistent/a.wav")).unwrap_err();
        assert!(error.to_string().starts_with("/nonexistent/a.wav: can't be read"), "{error}");
    }

    #[test]
    fn speech_is_trimmed_levelled_and_faded() {
        let mut raw = vec![3_i16; 8_000];
        raw.extend(sine(300.0, 16_000, 1.0).iter().map(|s| s / 8));
        raw.extend(vec![0; 8_000]);
        let clip = master(&raw).unwrap();
        assert!((speech_rms(&clip) - 0.1).abs() < 0.01, "{}", speech_rms(&clip));
        assert!((18_000..20_000).contains(&clip.len()), "{}", clip.len());
        assert!(clip[..800].iter().all(|s| *s == 0) && clip[clip.len() - 1_600..].iter().all(|s| *s == 0));
        assert_eq!(master(&[0; 5_000]), None);
        assert_eq!(master(&[]), None);
    }

    #[test]
    fn the_beep_is_one_kilohertz_and_starts_and_ends_softly() {
        let beep = beep();
        assert_eq!(beep.len(), 6_400);
        assert_eq!((beep[0], beep[6_399].abs() < 3), (0, true));
        assert!(error_share(&beep, 1_000.0).abs() < 0.001);
    }
}
