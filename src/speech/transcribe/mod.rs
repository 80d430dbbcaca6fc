//! Speech to text: whisper in a child process (ggml ends the whole process when
//! it fails), limited in time and memory, at idle priority, started when there
//! is something to do and ended when there is nothing. Never logs what was said.

mod artefacts;
mod listen;
mod protocol;
pub mod worker;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hotline_core::directory::Language;
use hotline_core::private::Private;
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::Mutex;
use tracing::warn;

use super::{models, texts, wav};
use crate::clock;
use protocol::{Answer, Job};

/// CPU time that a job may take at least.
const CPU_MIN: Duration = Duration::from_secs(30);
/// CPU time for each second of audio.
const CPU_PER_SECOND: f64 = 6.0;
/// At idle priority on a busy machine, wall time is much more than CPU time; after this factor it hangs.
const WALL_PER_CPU: u32 = 10;
/// Longest wait after the worker died again and again.
const BACK_OFF_MAX: Duration = Duration::from_mins(1);
/// A worker without work is ended to free its memory.
const IDLE: Duration = Duration::from_mins(5);
/// How every ggml model begins (little endian).
const GGML_MAGIC: [u8; 4] = *b"lmgg";
/// Kept of what a dying worker says (its library's own words, never what was heard).
const LAST_WORDS_MAX: usize = 300;

/// What transcripts need.
#[derive(Debug, Clone)]
pub struct TranscriberSettings {
    /// The ggml model; `None`: `~/.cache/hotline/models/ggml-base.bin`.
    pub model: Option<PathBuf>,
    /// The program to run as `PROGRAM transcribe-worker`: ourselves.
    pub program: PathBuf,
    /// Threads for whisper; it runs at idle priority. One is right: more wait for each other by spinning and were
    /// ten times slower on a busy machine (measured), and hardly faster on an idle one.
    pub threads: usize,
}

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

/// Runs whisper in a child process. Clones share it.
#[derive(Debug, Clone)]
pub struct Transcriber {
    settings: Arc<TranscriberSettings>,
    /// Held during a job: one at a time, the others queue in order.
    seat: Arc<Mutex<Seat>>,
    idle: Duration,
}

#[derive(Debug, Default)]
struct Seat {
    worker: Option<Worker>,
    /// Deaths in a row.
    deaths: u32,
    /// After a death: not before.
    next_start: Option<Instant>,
    /// Jobs so far; tells an idle timer whether there was another.
    jobs: u64,
}

#[derive(Debug)]
struct Worker {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
    errors: ChildStderr,
}

impl Transcriber {
    /// Looks for the model; the worker is started with the first job and again after it died.
    pub fn start(settings: TranscriberSettings) -> Self {
        let transcriber = Self { settings: Arc::new(settings), seat: Arc::default(), idle: IDLE };
        if let Some(why) = transcriber.off() {
            warn!("transcripts are off: {why}");
        }
        transcriber
    }

    /// `None`: ready; else why there are no transcripts and what to do.
    pub fn off(&self) -> Option<String> {
        self.model().err()
    }

    fn model(&self) -> Result<PathBuf, String> {
        const REMEDY: &str = "run: hotline models fetch";
        let configured = self.settings.model.clone();
        let Some(model) = configured.or_else(models::whisper_model) else {
            return Err(format!("there is no home folder for the speech model; set XDG_CACHE_HOME and {REMEDY}"));
        };
        let mut head = [0; 4];
        let read = std::fs::File::open(&model).and_then(|mut file| std::io::Read::read_exact(&mut file, &mut head));
        match read {
            Ok(()) if head == GGML_MAGIC => Ok(model),
            Ok(()) => Err(format!("{} is no ggml model; {REMEDY}", model.display())),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                Err(format!("the speech model {} is missing; {REMEDY}", model.display()))
            }
            Err(e) => Err(format!("the speech model {} can't be read ({e}); {REMEDY}", model.display())),
        }
    }

    /// Transcribes a WAV. `words`: names that may occur (customer, services). One at a time; the rest queue.
    pub async fn transcribe(
        &self,
        wav: &Path,
        language: Option<&Language>,
        words: &[String],
    ) -> Result<Transcript, TranscribeError> {
        let seconds = wav::seconds(wav).map_err(|what| TranscribeError::Audio(format!("{}: {what}", wav.display())))?;
        let cpu = CPU_MIN.max(Duration::from_secs_f64(seconds * CPU_PER_SECOND));
        let language = language.map(|language| language.0.split('-').next().unwrap_or_default().to_owned());
        let job = Job {
            wav: wav.to_owned(),
            language: language.filter(|tag| texts::is_language_tag(tag)),
            words: words.to_vec(),
            cpu_seconds: cpu.as_secs() + 1,
        };
        let mut seat = self.seat.lock().await;
        let model = self.model().map_err(TranscribeError::Off)?;
        if let Some(at) = seat.next_start {
            tokio::time::sleep(at.saturating_duration_since(clock::now().mono)).await;
        }
        seat.jobs += 1;
        // Out of its seat: if this future is dropped half-way, so is the worker, with the answer nobody wants.
        let worker = match seat.worker.take() {
            Some(worker) => Ok(worker),
            None => self.spawn(&model),
        };
        let outcome = match worker {
            Ok(mut worker) => match tokio::time::timeout(cpu * WALL_PER_CPU, worker.ask(&job)).await {
                Ok(Ok(answer)) => Ok((worker, answer)),
                Ok(Err(error)) => Err(format!("{error}{}", worker.last_words().await)),
                Err(_) => Err(format!("it took longer than {} s", (cpu * WALL_PER_CPU).as_secs())),
            },
            Err(what) => Err(what),
        };
        match outcome {
            Ok((worker, answer)) => {
                seat.worker = Some(worker);
                seat.deaths = 0;
                seat.next_start = None;
                self.end_when_idle(seat.jobs);
                transcript(answer, &model)
            }
            Err(what) => {
                seat.deaths += 1;
                let wait = Duration::from_secs(1 << (seat.deaths - 1).min(6)).min(BACK_OFF_MAX);
                seat.next_start = Some(clock::now().mono + wait);
                warn!(deaths = seat.deaths, "the transcription worker failed: {what}");
                Err(TranscribeError::Worker(what))
            }
        }
    }

    fn spawn(&self, model: &Path) -> Result<Worker, String> {
        let mut child = Command::new(&self.settings.program)
            .arg("transcribe-worker")
            .arg("--model")
            .arg(model)
            .arg("--threads")
            .arg(self.settings.threads.max(1).to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|e| format!("{} can't be started ({e})", self.settings.program.display()))?;
        let (input, output, errors) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        match (input, output, errors) {
            (Some(input), Some(output), Some(errors)) => Ok(Worker { child, input, output, errors }),
            _ => Err("it has no pipes".to_owned()),
        }
    }

    /// Ends the worker unless another job comes meanwhile.
    fn end_when_idle(&self, jobs: u64) {
        let (seat, idle) = (Arc::clone(&self.seat), self.idle);
        tokio::spawn(async move {
            tokio::time::sleep(idle).await;
            let mut seat = seat.lock().await;
            if seat.jobs == jobs {
                seat.worker = None;
            }
        });
    }
}

fn transcript(answer: Answer, model: &Path) -> Result<Transcript, TranscribeError> {
    match answer {
        Answer::Heard { text, language } => {
            let model = model.file_stem().unwrap_or_default().to_string_lossy();
            Ok(Transcript { text: Private::new(text), language, engine: format!("whisper.cpp {model}") })
        }
        Answer::Audio { what } => Err(TranscribeError::Audio(what)),
        Answer::Failed { what } => Err(TranscribeError::Worker(what)),
    }
}

impl Worker {
    async fn ask(&mut self, job: &Job) -> std::io::Result<Answer> {
        protocol::send(&mut self.input, job).await?;
        protocol::receive(&mut self.output).await
    }

    /// How it ended, and what its library said at that.
    async fn last_words(&mut self) -> String {
        let ended = tokio::time::timeout(Duration::from_secs(2), self.child.wait()).await;
        let mut said = Vec::new();
        // Whatever can be read; it is only for the log.
        let mut errors = (&mut self.errors).take(64 << 10);
        let _ = tokio::time::timeout(Duration::from_secs(1), errors.read_to_end(&mut said)).await;
        drop(errors);
        let said = String::from_utf8_lossy(&said);
        let last: String = said.trim().lines().last().unwrap_or_default().chars().take(LAST_WORDS_MAX).collect();
        match ended {
            Ok(Ok(status)) if last.is_empty() => format!(" ({status})"),
            Ok(Ok(status)) => format!(" ({status}: {last})"),
            _ => String::new(),
        }
    }
}

#[cfg(test)]
impl Transcriber {
    /// With another time until an idle worker is ended.
    pub(super) fn with_idle(mut self, idle: Duration) -> Self {
        self.idle = idle;
        self
    }

    /// Whether a worker waits for work.
    pub(super) async fn has_worker(&self) -> bool {
        self.seat.lock().await.worker.is_some()
    }
}
