//! Recordings' files: `recordings/<last two hex digits of the id>/<id>.seg` while it grows, `.wav` afterwards.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::time::Duration;

use hotline_core::ids::RecordingId;

use super::StoreError;
use super::disk::{create_folder, plain, sync_folder};
use super::sound::{Decode, Output, Trouble};

/// Samples of a finished recording per second.
const RATE_HZ: u32 = 8_000;
/// Samples of 20 ms.
const FRAME: usize = 160;
/// A frame is loud above this RMS (about −44 dBFS): well above comfort noise, below quiet speech.
const LOUD_RMS: i64 = 200;
/// So many loud frames (0.2 s) count as speech.
const LOUD_FRAMES: usize = 10;

/// More bytes than this cannot be the unfinished end that a crash leaves (a frame is shorter).
const TORN_BYTES_MAX: u64 = 1_536;

/// The folder of all recordings.
#[derive(Debug, Clone)]
pub(super) struct Recordings {
    folder: PathBuf,
    decode: Decode,
}

/// What a segment held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Finished {
    /// Length of the audio.
    pub duration: Duration,
    /// It is loud enough, for long enough, to hold speech.
    pub speech: bool,
}

impl Recordings {
    /// The data folder that it is in.
    pub fn data_dir(&self) -> PathBuf {
        self.folder.parent().unwrap_or(Path::new(".")).to_owned()
    }

    /// Makes the 256 folders, so that a path can be handed out without touching the disk.
    pub fn create(data_dir: &Path, decode: Decode) -> io::Result<Self> {
        let recordings = Self::at(data_dir, decode);
        for byte in 0..=u8::MAX {
            create_folder(&recordings.folder.join(format!("{byte:02x}")))?;
        }
        Ok(recordings)
    }

    /// Without making folders.
    pub fn at(data_dir: &Path, decode: Decode) -> Self {
        Self { folder: data_dir.join("recordings"), decode }
    }

    pub fn segment(&self, recording: RecordingId) -> PathBuf {
        self.file(recording, "seg")
    }

    pub fn wav(&self, recording: RecordingId) -> PathBuf {
        self.file(recording, "wav")
    }

    fn file(&self, recording: RecordingId, extension: &str) -> PathBuf {
        // The last byte of a UUIDv7 is random: the folders fill evenly.
        let last = recording.0.as_bytes()[15];
        self.folder.join(format!("{last:02x}")).join(format!("{recording}.{extension}"))
    }

    /// Segment to WAV; the segment goes when the WAV is safe. Doing it again is fine.
    pub fn finish(&self, recording: RecordingId) -> Result<Finished, StoreError> {
        let (segment, wav) = (self.segment(recording), self.wav(recording));
        if !segment.exists() {
            return if wav.exists() {
                measure_wav(&wav)
            } else {
                Err(StoreError::Recording(format!("nothing was kept of recording {recording}")))
            };
        }
        let fresh = wav.with_extension("wav.tmp");
        let made = self.make(&segment, &fresh, &wav);
        if made.is_err() {
            let _ = fs::remove_file(&fresh);
        }
        let (finished, torn_bytes) = match made {
            Ok(made) => made,
            Err(Trouble::Damage(reason)) => return Err(self.set_aside(recording, &reason)),
            // Somebody else finished it at the same moment.
            Err(Trouble::Disk(error)) if error.kind() == io::ErrorKind::NotFound && wav.exists() => {
                return measure_wav(&wav);
            }
            Err(Trouble::Disk(error)) => return Err(fault("cannot write the recording", &wav, &error)),
        };
        if torn_bytes > TORN_BYTES_MAX {
            // The WAV has what could be read; the rest may still be of use to a person.
            let told = self.set_aside(recording, &format!("{torn_bytes} bytes cannot be read"));
            tracing::warn!("{told}");
        } else {
            fs::remove_file(&segment).map_err(|error| fault("cannot remove the segment", &segment, &error))?;
        }
        Ok(finished)
    }

    /// Writes under another name, makes it safe, then renames: a WAV that is there is whole.
    fn make(&self, segment: &Path, fresh: &Path, wav: &Path) -> Result<(Finished, u64), Trouble> {
        let mut out = WavOut { path: fresh, writer: None, measure: Measure::default() };
        let torn_bytes = (self.decode)(segment, &mut out)?;
        // Begun, and the caller's packets stopped at that moment: a recording of nothing, and no damage.
        if out.measure.count == 0 && torn_bytes > 0 {
            return Err(Trouble::Damage("it holds no audio".to_owned()));
        }
        let finished = out.finish()?;
        fs::rename(fresh, wav)?;
        sync_folder(wav)?;
        Ok((finished, torn_bytes))
    }

    /// Removes whatever is kept of a recording; nothing is no error.
    pub fn remove(&self, recording: RecordingId) -> Result<(), StoreError> {
        for extension in ["seg", "wav", "wav.tmp", "seg.damaged"] {
            let path = self.file(recording, extension);
            match fs::remove_file(&path) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(fault("cannot remove a recording", &path, &error)),
            }
        }
        Ok(())
    }

    /// What is in a segment that has no WAV yet: 16-bit mono at 8 kHz, both sides mixed. For what is short.
    pub fn unfinished_sound(&self, recording: RecordingId) -> Option<Vec<i16>> {
        let mut mono = MonoOut { channels: 1, samples: Vec::new() };
        (self.decode)(&self.segment(recording), &mut mono).ok()?;
        Some(mono.samples)
    }

    /// A segment that cannot be read is kept under another name, for a person to look at.
    fn set_aside(&self, recording: RecordingId, reason: &str) -> StoreError {
        let (segment, aside) = (self.segment(recording), self.file(recording, "seg.damaged"));
        match fs::rename(&segment, &aside) {
            Ok(()) => StoreError::Recording(format!(
                "recording {recording} is damaged ({reason}); its segment is kept as {}",
                aside.display()
            )),
            Err(error) => fault("cannot set a damaged segment aside", &segment, &error),
        }
    }

    /// What a segment holds, without touching it; `None` where it cannot be read.
    pub fn measure_segment(&self, recording: RecordingId) -> Option<Finished> {
        let mut measure = Measure::default();
        (self.decode)(&self.segment(recording), &mut measure).ok()?;
        (measure.count > 0).then(|| measure.finish())
    }

    /// Recordings that have a segment and no finished WAV yet.
    pub fn unfinished(&self) -> io::Result<Vec<RecordingId>> {
        let mut found = Vec::new();
        for folder in fs::read_dir(&self.folder)? {
            let folder = folder?.path();
            if !folder.is_dir() {
                continue;
            }
            for file in fs::read_dir(folder)? {
                let path = file?.path();
                let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
                if name.ends_with(".wav.tmp") {
                    fs::remove_file(&path)?;
                } else if let Some(Ok(id)) = name.strip_suffix(".seg").map(str::parse::<RecordingId>) {
                    found.push(id);
                }
            }
        }
        found.sort();
        Ok(found)
    }
}

/// A WAV as it is written.
struct WavOut<'a> {
    path: &'a Path,
    writer: Option<hound::WavWriter<BufWriter<File>>>,
    measure: Measure,
}

impl Output for WavOut<'_> {
    fn begin(&mut self, channels: u16) -> io::Result<()> {
        let spec = hound::WavSpec {
            channels,
            sample_rate: RATE_HZ,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let file = BufWriter::new(File::create(self.path)?);
        self.writer = Some(hound::WavWriter::new(file, spec).map_err(to_io)?);
        self.measure.begin(channels)
    }

    fn samples(&mut self, samples: &[i16]) -> io::Result<()> {
        let writer = self.writer.as_mut().ok_or_else(|| io::Error::other("no channels were told"))?;
        for sample in samples {
            writer.write_sample(*sample).map_err(to_io)?;
        }
        self.measure.samples(samples)
    }
}

impl WavOut<'_> {
    fn finish(self) -> io::Result<Finished> {
        if let Some(writer) = self.writer {
            writer.finalize().map_err(to_io)?;
        }
        File::open(self.path)?.sync_all()?;
        Ok(self.measure.finish())
    }
}

/// Both sides in one.
struct MonoOut {
    channels: usize,
    samples: Vec<i16>,
}

impl Output for MonoOut {
    fn begin(&mut self, channels: u16) -> io::Result<()> {
        self.channels = usize::from(channels.max(1));
        Ok(())
    }

    fn samples(&mut self, samples: &[i16]) -> io::Result<()> {
        let mix = |all: &[i16]| (all.iter().map(|one| i32::from(*one)).sum::<i32>() / all.len() as i32) as i16;
        self.samples.extend(samples.chunks_exact(self.channels).map(mix));
        Ok(())
    }
}

/// How long it is, and whether somebody speaks.
#[derive(Default)]
struct Measure {
    channels: usize,
    /// Samples of all channels.
    count: u64,
    /// Of the frame that is being looked at, by channel.
    energy: [i64; 2],
    loud: usize,
}

impl Output for Measure {
    fn begin(&mut self, channels: u16) -> io::Result<()> {
        self.channels = usize::from(channels.clamp(1, 2));
        Ok(())
    }

    fn samples(&mut self, samples: &[i16]) -> io::Result<()> {
        let frame = (FRAME * self.channels) as u64;
        for sample in samples {
            let channel = self.count as usize % self.channels;
            self.energy[channel] += i64::from(*sample) * i64::from(*sample);
            self.count += 1;
            if self.count.is_multiple_of(frame) {
                let loud = self.energy.iter().any(|energy| *energy > LOUD_RMS * LOUD_RMS * FRAME as i64);
                self.loud += usize::from(loud);
                self.energy = [0; 2];
            }
        }
        Ok(())
    }
}

impl Measure {
    fn finish(&self) -> Finished {
        let each = self.count / self.channels.max(1) as u64;
        Finished {
            duration: Duration::from_micros(each * 1_000_000 / u64::from(RATE_HZ)),
            speech: self.loud >= LOUD_FRAMES,
        }
    }
}

fn to_io(error: hound::Error) -> io::Error {
    if let hound::Error::IoError(error) = error { error } else { io::Error::other(error) }
}

fn fault(what: &str, path: &Path, error: &io::Error) -> StoreError {
    StoreError::Recording(plain(&format!("{what} {}", path.display()), error))
}

fn measure_wav(path: &Path) -> Result<Finished, StoreError> {
    let bad = |error: hound::Error| fault("cannot read the recording", path, &to_io(error));
    let reader = hound::WavReader::open(path).map_err(bad)?;
    let mut measure = Measure { channels: usize::from(reader.spec().channels.clamp(1, 2)), ..Measure::default() };
    for sample in reader.into_samples::<i16>() {
        let measured = measure.samples(&[sample.map_err(bad)?]);
        measured.map_err(|error| fault("cannot measure the recording", path, &error))?;
    }
    Ok(measure.finish())
}
