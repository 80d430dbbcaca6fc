//! Prompts, the voice for dynamic words, transcripts.
//!
//! Hands out shared clips and texts; knows nothing of calls. Nothing here is
//! ever waited for by a call: what is not ready is skipped and said.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hotline_core::audio::Clip;
use hotline_core::call::prompt::PromptId;
use hotline_core::directory::Language;
use hotline_core::private::Private;

/// All prompts of all languages, the voice, the music. Clones share them.
#[derive(Debug, Clone)]
pub struct Prompts {}

/// A prompt, WAV or model is not as it should be; the text names the file and the remedy.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {what}")]
pub struct SpeechError {
    /// Which file.
    pub file: PathBuf,
    /// What is wrong and what to do.
    pub what: String,
}

impl Prompts {
    /// Loads the embedded recordings and those of `data_dir/prompts` (theirs win). A recording that is
    /// missing is spoken by TTS and cached below `data_dir/cache/tts`; a faulty WAV or TOML is an error.
    pub fn load(_data_dir: &Path) -> Result<Self, SpeechError> {
        todo!("speech helper")
    }

    /// Languages that have prompts.
    pub fn languages(&self) -> Vec<Language> {
        todo!("speech helper")
    }

    /// A prompt's recording; falls back to English if the language lacks it.
    pub fn clip(&self, _language: &Language, _prompt: &PromptId) -> Option<Arc<Clip>> {
        todo!("speech helper")
    }

    /// A spoken digit (`0`–`9`).
    pub fn digit(&self, _language: &Language, _digit: char) -> Option<Arc<Clip>> {
        todo!("speech helper")
    }

    /// A name spoken by the voice, if it was prepared. Never waits.
    pub fn name(&self, _language: &Language, _text: &str) -> Option<Arc<Clip>> {
        todo!("speech helper")
    }

    /// Speaks these names in the background at idle priority and keeps them on disk.
    pub fn prepare(&self, _names: Vec<(Language, String)>) {
        todo!("speech helper")
    }

    /// Hold music, made to repeat without a click.
    pub fn music(&self) -> Arc<Clip> {
        todo!("speech helper")
    }

    /// The tone after which the caller speaks: 1 kHz, 0.4 s, faded at both ends.
    pub fn beep(&self) -> Arc<Clip> {
        todo!("speech helper")
    }
}

/// Reads a WAV (PCM 16-bit, any rate 8–48 kHz, mono or stereo) as a 16 kHz clip.
pub fn load_wav(_file: &Path) -> Result<Clip, SpeechError> {
    todo!("speech helper")
}

/// What transcripts need.
#[derive(Debug, Clone)]
pub struct TranscriberSettings {
    /// The ggml model; `None`: `~/.cache/hotline/models/ggml-base.bin`.
    pub model: Option<PathBuf>,
    /// The program to run as `PROGRAM transcribe-worker`: ourselves.
    pub program: PathBuf,
    /// Threads for whisper; it runs at idle priority.
    pub threads: usize,
}

/// Runs whisper in a child process. Clones share it.
#[derive(Debug, Clone)]
pub struct Transcriber {}

/// What was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transcript {
    /// The words, empty if there were none.
    pub text: Private<String>,
    /// Used or detected.
    pub language: String,
    /// Engine and model.
    pub engine: String,
}

/// Why there is no transcript.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TranscribeError {
    /// No model: try again when there is one.
    #[error("transcripts are off: {0}")]
    Off(String),
    /// The worker died or took too long; another try may help.
    #[error("the transcription worker failed: {0}")]
    Worker(String),
    /// This audio can't be transcribed.
    #[error("{0}")]
    Audio(String),
}

impl Transcriber {
    /// Looks for the model; the worker is started with the first job and again after it died.
    pub fn start(_settings: TranscriberSettings) -> Self {
        todo!("speech helper")
    }

    /// `None`: ready; else why there are no transcripts and what to do.
    pub fn off(&self) -> Option<String> {
        todo!("speech helper")
    }

    /// Transcribes a WAV. `words`: names that may occur (customer, services). One at a time; the rest queue.
    pub async fn transcribe(
        &self,
        _wav: &Path,
        _language: Option<&Language>,
        _words: &[String],
    ) -> Result<Transcript, TranscribeError> {
        todo!("speech helper")
    }
}
