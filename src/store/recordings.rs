//! Recordings' files: `recordings/<last two hex digits of the id>/<id>.seg` while it grows, `.wav` afterwards.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use hotline_core::ids::RecordingId;

use super::StoreError;
use super::disk::{create_folder, plain, sync_folder};

/// Samples of a finished recording per second.
const RATE_HZ: u32 = 8_000;
/// Samples of 20 ms.
const FRAME: usize = 160;
/// A frame is loud above this RMS (about −44 dBFS): well above comfort noise, below quiet speech.
const LOUD_RMS: i64 = 200;
/// So many loud frames (0.2 s) count as speech.
const LOUD_FRAMES: usize = 10;

/// More bytes than this cannot be the unfinished end that a crash leaves (a frame of 60 ms is shorter).
const TORN_BYTES_MAX: usize = 1_024;

/// Makes audio of a segment's bytes.
pub(super) type Decode = fn(&[u8]) -> Result<Audio, String>;

/// A decoded segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Audio {
    /// 8 kHz mono.
    pub samples: Vec<i16>,
    /// Bytes at the end that could not be read.
    pub torn_bytes: usize,
}

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
        let bytes = match fs::read(&segment) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound && wav.exists() => return measure_wav(&wav),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(StoreError::Recording(format!("nothing was kept of recording {recording}")));
            }
            Err(error) => return Err(fault("cannot read the segment", &segment, &error)),
        };
        let Audio { samples, torn_bytes } = match (self.decode)(&bytes) {
            // Begun, and the caller's packets stopped at that moment: a recording of nothing, and no damage.
            Ok(audio) if !audio.samples.is_empty() || audio.torn_bytes == 0 => audio,
            Ok(_) => return Err(self.set_aside(recording, "it holds no audio")),
            Err(reason) => return Err(self.set_aside(recording, &reason)),
        };
        drop(bytes);
        write_wav(&wav, &samples)?;
        if torn_bytes > TORN_BYTES_MAX {
            // The WAV has what could be read; the rest may still be of use to a person.
            let told = self.set_aside(recording, &format!("{torn_bytes} bytes cannot be read"));
            tracing::warn!("{told}");
        } else {
            fs::remove_file(&segment).map_err(|error| fault("cannot remove the segment", &segment, &error))?;
        }
        Ok(measure(&samples))
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
        let Audio { samples, .. } = (self.decode)(&fs::read(self.segment(recording)).ok()?).ok()?;
        (!samples.is_empty()).then(|| measure(&samples))
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

/// Writes under another name, makes it safe, then renames: a WAV that is there is whole.
fn write_wav(wav: &Path, samples: &[i16]) -> Result<(), StoreError> {
    let fresh = wav.with_extension("wav.tmp");
    let written = write_and_sync(&fresh, samples).and_then(|()| {
        fs::rename(&fresh, wav)?;
        sync_folder(wav)
    });
    written.map_err(|error| {
        let _ = fs::remove_file(&fresh);
        fault("cannot write the recording", wav, &error)
    })
}

fn write_and_sync(path: &Path, samples: &[i16]) -> io::Result<()> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: RATE_HZ,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let file = File::create(path)?;
    let mut buffer = BufWriter::new(&file);
    let mut writer = hound::WavWriter::new(&mut buffer, spec).map_err(to_io)?;
    for sample in samples {
        writer.write_sample(*sample).map_err(to_io)?;
    }
    writer.finalize().map_err(to_io)?;
    buffer.flush()?;
    drop(buffer);
    file.sync_all()
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
    let samples = reader.into_samples::<i16>().collect::<Result<Vec<_>, _>>().map_err(bad)?;
    Ok(measure(&samples))
}

fn measure(samples: &[i16]) -> Finished {
    let loud = samples.chunks_exact(FRAME).filter(|frame| {
        let energy: i64 = frame.iter().map(|sample| i64::from(*sample) * i64::from(*sample)).sum();
        energy > LOUD_RMS * LOUD_RMS * FRAME as i64
    });
    Finished {
        duration: Duration::from_micros(samples.len() as u64 * 1_000_000 / u64::from(RATE_HZ)),
        speech: loud.count() >= LOUD_FRAMES,
    }
}

/// The audio of a recording's segment.
pub(super) fn decode_segment(bytes: &[u8]) -> Result<Audio, String> {
    let decoded = hotline_core::audio::segment::decode(bytes).map_err(|error| error.to_string())?;
    Ok(Audio { samples: decoded.samples, torn_bytes: decoded.torn_bytes })
}
