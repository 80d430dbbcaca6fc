//! Prompts, the voice for dynamic words, transcripts.
//!
//! Hands out shared clips and texts; knows nothing of calls. Nothing here is
//! ever waited for by a call: what is not ready is skipped and said.

use std::path::{Path, PathBuf};

use hotline_core::audio::Clip;

mod models;
mod prompts;
mod texts;
mod transcribe;
mod voice;
mod wav;

pub use models::{Progress, fetch_models, whisper_model};
pub use prompts::Prompts;
pub use transcribe::worker::{WorkerSettings, run_worker};
pub use transcribe::{TranscribeError, Transcriber, TranscriberSettings};

#[cfg(test)]
mod tests;

/// A prompt, WAV or model is not as it should be; the text names the file and the remedy.
#[derive(Debug, thiserror::Error)]
#[error("{}: {what}", file.display())]
pub struct SpeechError {
    /// Which file.
    pub file: PathBuf,
    /// What is wrong and what to do.
    pub what: String,
}

/// Reads a WAV (PCM 16-bit, any rate 8–48 kHz, mono or stereo) as a 16 kHz clip.
pub fn load_wav(file: &Path) -> Result<Clip, SpeechError> {
    wav::read_file(file).map(Clip::new)
}
