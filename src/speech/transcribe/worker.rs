//! The child process: reads jobs from its parent, lets whisper hear, answers.
//! Ends when the parent does. What it hears is never logged, and a crash leaves
//! no core file with it.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};
use whisper_rs::{FullParams, SamplingStrategy, WhisperContext, WhisperContextParameters};

use super::listen::{self, Heard};
use super::protocol::{self, Answer, Job};
use super::{artefacts, wav};

/// Address space, bytes, for a model of the usual size.
const MEMORY_MIN: u64 = 2 << 30;
/// Whisper hears 50 positions a second; a little more than the clip keeps the end of the last word.
const POSITIONS_PER_SECOND: f64 = 50.0;
const POSITIONS_SPARE: usize = 128;
/// In a smaller window whisper repeats single words again and again.
const POSITIONS_MIN: usize = 512;
const POSITIONS_MAX: usize = 1_500;
/// Tokens for each second of speech, and in addition: whisper notices only after 32 that it repeats itself.
const TOKENS_PER_SECOND: usize = 10;
const TOKENS_SPARE: usize = 40;
/// Names given to whisper beforehand, characters; its prompt holds 224 tokens.
const WORDS_CHARS_MAX: usize = 400;

/// How a worker is run.
#[derive(Debug, Clone)]
pub struct WorkerSettings {
    /// The ggml model.
    pub model: PathBuf,
    /// Threads for whisper. More than one do not pay on a busy machine: at idle priority they wait for each other,
    /// and whisper.cpp waits by spinning.
    pub threads: usize,
}

/// Does jobs from standard input until it ends.
pub fn run_worker(settings: &WorkerSettings) -> Result<(), String> {
    serve(settings, std::io::stdin(), std::io::stdout())
}

/// The same with other pipes.
pub(in crate::speech) fn serve(
    settings: &WorkerSettings,
    mut input: impl Read + Send + 'static,
    mut output: impl Write,
) -> Result<(), String> {
    limit_ourselves(&settings.model);
    whisper_rs::install_logging_hooks();
    // Jobs are read in a thread of their own, so that the parent's end is noticed in the middle of one.
    let (jobs, todo) = mpsc::channel::<Job>();
    let reading = std::thread::Builder::new().name("parent".to_owned()).spawn(move || {
        while let Ok(job) = protocol::read(&mut input) {
            if jobs.send(job).is_err() {
                break;
            }
        }
        std::process::exit(0);
    });
    reading.map_err(|e| format!("no thread for the parent's jobs ({e})"))?;
    let mut context = None;
    for job in todo {
        allow_cpu(job.cpu_seconds);
        let answer = handle(&job, settings, &mut context);
        protocol::write(&mut output, &answer).map_err(|e| format!("the parent does not listen ({e})"))?;
    }
    Ok(())
}

fn limit_ourselves(model: &Path) {
    // Where a limit can't be set the work is done without it.
    let _ = rustix::process::setpriority_process(None, 19);
    let size = std::fs::metadata(model).map_or(0, |data| data.len());
    let memory = MEMORY_MIN.max(size * 4 + (1 << 30));
    for (resource, value) in [(Resource::As, memory), (Resource::Core, 0)] {
        let maximum = getrlimit(resource).maximum.map_or(value, |old| old.min(value));
        let _ = setrlimit(resource, Rlimit { current: Some(maximum), maximum: Some(maximum) });
    }
}

/// Lets the system end us (SIGXCPU) when the job takes more CPU time than this.
fn allow_cpu(seconds: u64) {
    let used = clock_gettime(ClockId::ProcessCPUTime).tv_sec.unsigned_abs();
    let maximum = getrlimit(Resource::Cpu).maximum;
    let _ = setrlimit(Resource::Cpu, Rlimit { current: Some(used + seconds), maximum });
}

fn handle(job: &Job, settings: &WorkerSettings, context: &mut Option<WhisperContext>) -> Answer {
    let samples = match wav::read_file(&job.wav) {
        Ok(samples) => samples,
        Err(error) => return Answer::Audio { what: error.to_string() },
    };
    let heard = listen::listen(&samples);
    if heard.pieces.is_empty() {
        return Answer::Heard { text: String::new(), language: job.language.clone().unwrap_or_default() };
    }
    match understand(job, settings, context, &heard) {
        Ok((text, language)) => Answer::Heard { text: artefacts::clean(&text, heard.speech_seconds), language },
        Err(what) => Answer::Failed { what },
    }
}

fn understand(
    job: &Job,
    settings: &WorkerSettings,
    context: &mut Option<WhisperContext>,
    heard: &Heard,
) -> Result<(String, String), String> {
    let context = if let Some(context) = context {
        context
    } else {
        let model = &settings.model;
        let loaded = WhisperContext::new_with_params(model, WhisperContextParameters::default());
        context.insert(loaded.map_err(|e| format!("{} can't be loaded ({e})", model.display()))?)
    };
    let mut state = context.create_state().map_err(|e| format!("whisper gives no state ({e})"))?;
    let known = job.language.as_deref().filter(|tag| whisper_rs::get_lang_id(tag).is_some());
    let mut language = known.map(str::to_owned);
    let words = words_prompt(&job.words);
    let mut text = String::new();
    for piece in &heard.pieces {
        // What was said before helps with what is said next.
        let prompt = format!("{words}{}", tail(&text, WORDS_CHARS_MAX));
        let parameters = parameters(language.as_deref(), &prompt, piece.len(), settings.threads);
        state.full(parameters, piece).map_err(|e| format!("whisper failed ({e})"))?;
        for segment in state.as_iter() {
            // A token may end in the middle of a character.
            text.push_str(&segment.to_str_lossy().map_err(|e| format!("whisper's text can't be read ({e})"))?);
        }
        if language.is_none() {
            language = whisper_rs::get_lang_str(state.full_lang_id_from_state()).map(str::to_owned);
        }
    }
    Ok((text.trim().to_owned(), language.unwrap_or_default()))
}

fn parameters<'a>(language: Option<&'a str>, prompt: &str, samples: usize, threads: usize) -> FullParams<'a, 'a> {
    let mut parameters = FullParams::new(SamplingStrategy::Greedy { best_of: 2 });
    parameters.set_n_threads(i32::try_from(threads.max(1)).unwrap_or(1));
    parameters.set_language(Some(language.unwrap_or("auto")));
    parameters.set_audio_ctx(positions(samples) as i32);
    if !prompt.is_empty() {
        parameters.set_initial_prompt(prompt);
    }
    parameters.set_no_context(true);
    parameters.set_no_timestamps(true);
    parameters.set_single_segment(true);
    parameters.set_suppress_blank(true);
    parameters.set_suppress_nst(true);
    // Where it repeats itself it must end: nobody says more than this in the time.
    parameters.set_max_tokens((TOKENS_SPARE + samples / 16_000 * TOKENS_PER_SECOND) as i32);
    parameters.set_temperature(0.0);
    // At most two more tries.
    parameters.set_temperature_inc(0.4);
    parameters.set_print_special(false);
    parameters.set_print_progress(false);
    parameters.set_print_realtime(false);
    parameters.set_print_timestamps(false);
    parameters
}

/// Whisper's window cut to the clip: half the time, and the same words.
fn positions(samples: usize) -> usize {
    let clip = (samples as f64 / 16_000.0 * POSITIONS_PER_SECOND).ceil() as usize;
    ((clip + POSITIONS_SPARE).div_ceil(64) * 64).clamp(POSITIONS_MIN, POSITIONS_MAX)
}

/// The names as whisper's beginning of the text: "Acme, Exchange. "
fn words_prompt(words: &[String]) -> String {
    let mut list = String::new();
    for word in words {
        let word: String = word.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let word = word.trim();
        if word.is_empty() || list.len() + word.len() > WORDS_CHARS_MAX {
            continue;
        }
        if !list.is_empty() {
            list.push_str(", ");
        }
        list.push_str(word);
    }
    if list.is_empty() { list } else { list + ". " }
}

fn tail(text: &str, characters: usize) -> &str {
    let skip = text.chars().count().saturating_sub(characters);
    text.char_indices().nth(skip).map_or("", |(at, _)| &text[at..]).trim_start_matches('\0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whispers_window_follows_the_clip() {
        assert_eq!(positions(16_000), 512);
        assert_eq!(positions(16_000 * 10), 640);
        assert_eq!(positions(16_000 * 28), 1_500);
    }

    #[test]
    fn names_become_a_prompt_without_control_characters() {
        assert_eq!(words_prompt(&["Acme".into(), "Ex\0change".into(), " ".into()]), "Acme, Ex change. ");
        assert_eq!(words_prompt(&[]), "");
        assert!(words_prompt(&vec!["a-rather-long-word".to_owned(); 99]).len() < WORDS_CHARS_MAX + 60);
    }

    #[test]
    fn the_tail_of_a_text_ends_at_characters() {
        assert_eq!(tail("Grüße", 3), "üße");
        assert_eq!(tail("ab", 5), "ab");
        assert_eq!(tail("", 5), "");
    }
}
