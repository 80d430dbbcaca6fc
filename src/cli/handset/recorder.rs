//! Writes what is heard as WAV: 8 kHz, 16 bit, mono; every packet at its place, gaps as silence.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use hound::{SampleFormat, WavSpec, WavWriter};

/// Samples kept back for packets that come out of order: one second.
const KEPT_BACK: usize = 8_000;

/// A WAV file that grows.
pub struct Recorder {
    file: PathBuf,
    writer: Option<WavWriter<BufWriter<File>>>,
    /// The end of the recording, not yet written.
    tail: Vec<i16>,
    /// Samples written before it.
    written: u64,
    /// Stream position of the first sample.
    begin: Option<u64>,
    /// The first fault, told at the end.
    fault: Option<hound::Error>,
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder").field("file", &self.file).field("written", &self.written).finish_non_exhaustive()
    }
}

impl Recorder {
    /// Creates (or overwrites) the file.
    pub fn create(file: &Path) -> Result<Self, hound::Error> {
        let spec = WavSpec { channels: 1, sample_rate: 8_000, bits_per_sample: 16, sample_format: SampleFormat::Int };
        let writer = Some(WavWriter::create(file, spec)?);
        Ok(Self { file: file.to_owned(), writer, tail: Vec::new(), written: 0, begin: None, fault: None })
    }

    /// Samples that belong at `position` of the stream. What is too late for its place is left out.
    pub fn write(&mut self, position: u64, samples: &[i16]) {
        let begin = *self.begin.get_or_insert(position);
        let Some(at) = position.checked_sub(begin).and_then(|at| at.checked_sub(self.written)) else { return };
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        let end = at.saturating_add(samples.len());
        if self.tail.len() < end {
            self.tail.resize(end, 0);
        }
        self.tail[at..end].copy_from_slice(samples);
        if self.tail.len() > 2 * KEPT_BACK {
            self.put(self.tail.len() - KEPT_BACK);
        }
    }

    /// Writes the rest and closes the file; its length, or what went wrong.
    pub fn finish(mut self) -> Result<std::time::Duration, hound::Error> {
        self.put(self.tail.len());
        if let Some(writer) = self.writer.take() {
            writer.finalize()?;
        }
        match self.fault {
            Some(fault) => Err(fault),
            None => Ok(std::time::Duration::from_micros(self.written * 125)),
        }
    }

    fn put(&mut self, samples: usize) {
        let Some(writer) = &mut self.writer else { return };
        for sample in self.tail.drain(..samples) {
            if let Err(fault) = writer.write_sample(sample) {
                self.fault.get_or_insert(fault);
            }
        }
        // The header's length is right at any moment, should the phone be killed.
        if let Err(fault) = writer.flush() {
            self.fault.get_or_insert(fault);
        }
        self.written += samples as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_packet_lands_in_its_place() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("heard.wav");
        let mut recorder = Recorder::create(&file).expect("the file can be written");
        recorder.write(5_000, &[1; 160]);
        recorder.write(5_480, &[4; 160]);
        recorder.write(5_320, &[3; 160]);
        recorder.write(45_000, &[9; 160]);
        recorder.write(5_160, &[2; 160]);
        let length = recorder.finish().expect("it was written");
        assert_eq!(length.as_micros(), (40_160_u128) * 125);
        let samples: Vec<i16> =
            hound::WavReader::open(&file).expect("a WAV").samples().map(|sample| sample.expect("a sample")).collect();
        assert_eq!(samples.len(), 40_160);
        assert_eq!(
            [samples[0], samples[159], samples[160], samples[320], samples[480]],
            [1, 1, 0, 3, 4],
            "the last was too late"
        );
        assert_eq!([samples[640], samples[39_999], samples[40_000]], [0, 0, 9]);
    }
}
