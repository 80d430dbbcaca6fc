//! The voice for words that have no recording: names, and prompts of a language
//! that nobody recorded yet. Speaks in a thread of its own at idle priority;
//! asking never waits, and what is not spoken yet is simply not there.

mod espeak;
mod piper;
mod program;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
use hotline_core::audio::Clip;
use hotline_core::directory::Language;
use parking_lot::{Mutex, RwLock};
use sha2::{Digest as _, Sha256};
use tracing::{debug, warn};

use super::{texts, wav};

/// Longest name that is spoken, characters.
const NAME_CHARS_MAX: usize = 80;
/// Texts that may wait to be spoken.
const QUEUE_MAX: usize = 2_048;
/// Clips that are kept in memory.
const SPOKEN_MAX: usize = 4_096;
/// Without work for so long, the engines are dropped to free their memory.
const IDLE: Duration = Duration::from_mins(1);
/// Part of the name of what is kept on disk: how we treat what an engine gives.
const TREATMENT: &str = "1";

type Key = (Language, String);

/// Turns text into sound.
trait Engine: Send {
    /// Engine, voice and settings: what a clip on disk was made with.
    fn name(&self) -> &str;
    /// 16 kHz samples.
    fn speak(&mut self, text: &str) -> Result<Vec<i16>, String>;
}

#[derive(Debug, Default)]
struct Spoken {
    clips: RwLock<HashMap<Key, Arc<Clip>>>,
    /// Asked for and not failed; so that nothing is asked twice.
    asked: Mutex<HashSet<Key>>,
}

/// The handle; clones share it. The thread ends with the last one.
#[derive(Debug, Clone)]
pub struct Voice {
    spoken: Arc<Spoken>,
    queue: Sender<Key>,
}

impl Voice {
    /// `cache`: where clips are kept; `piper`: the folder with a Piper voice per language.
    pub fn start(cache: PathBuf, piper: Option<PathBuf>) -> Self {
        let (queue, jobs) = bounded(QUEUE_MAX);
        let spoken = Arc::new(Spoken::default());
        let worker =
            Speaker { spoken: Arc::clone(&spoken), cache, piper, engines: HashMap::new(), warned: HashSet::new() };
        if let Err(error) = std::thread::Builder::new().name("voice".to_owned()).spawn(move || worker.run(&jobs)) {
            warn!(%error, "the voice can't be started; names are not spoken");
        }
        Self { spoken, queue }
    }

    /// A prompt's text, if it was spoken already.
    pub fn spoken(&self, language: &Language, text: &str) -> Option<Arc<Clip>> {
        self.spoken.clips.read().get(&(language.clone(), text.to_owned())).map(Arc::clone)
    }

    /// A name, if it was spoken already.
    pub fn spoken_name(&self, language: &Language, name: &str) -> Option<Arc<Clip>> {
        self.spoken(language, &clean_name(name)?)
    }

    /// Wants a prompt's text spoken.
    pub fn ask(&self, language: &Language, text: &str) {
        let key = (language.clone(), text.to_owned());
        let mut asked = self.spoken.asked.lock();
        if asked.len() >= SPOKEN_MAX || !asked.insert(key.clone()) {
            return;
        }
        match self.queue.try_send(key) {
            Ok(()) => {}
            Err(TrySendError::Full(key) | TrySendError::Disconnected(key)) => {
                asked.remove(&key);
                warn!("too many texts wait to be spoken; one is left out until it is asked for again");
            }
        }
    }

    /// Wants a name spoken.
    pub fn ask_name(&self, language: &Language, name: &str) {
        if let Some(name) = clean_name(name) {
            self.ask(language, &name);
        }
    }
}

/// A name as it may be given to an engine: one line, no mark-up of any engine, not too long.
fn clean_name(name: &str) -> Option<String> {
    let allowed = |c: char| c.is_alphanumeric() || ".,:'’&+-/()%".contains(c);
    let plain: String = name.chars().map(|c| if allowed(c) { c } else { ' ' }).take(NAME_CHARS_MAX).collect();
    let words: Vec<&str> = plain.split_whitespace().collect();
    words.iter().any(|word| word.chars().any(char::is_alphanumeric)).then(|| words.join(" "))
}

struct Speaker {
    spoken: Arc<Spoken>,
    cache: PathBuf,
    piper: Option<PathBuf>,
    engines: HashMap<Language, Box<dyn Engine>>,
    warned: HashSet<String>,
}

impl Speaker {
    fn run(mut self, jobs: &Receiver<Key>) {
        // Threads that an engine starts inherit this. Audio comes first on a small machine.
        if let Err(error) = rustix::process::setpriority_process(None, 19) {
            debug!(%error, "the voice runs at normal priority");
        }
        loop {
            match jobs.recv_timeout(IDLE) {
                Ok(key) => self.handle(key),
                Err(RecvTimeoutError::Timeout) => {
                    self.engines.clear();
                    // Nothing is due until someone asks.
                    let Ok(key) = jobs.recv() else { return };
                    self.handle(key);
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn handle(&mut self, key: Key) {
        match self.speak(&key) {
            Ok(samples) => {
                self.spoken.clips.write().insert(key, Arc::new(Clip::new(samples)));
            }
            Err(what) => {
                // May be asked again: the remedy may have been applied by then.
                self.spoken.asked.lock().remove(&key);
                if self.warned.insert(what.clone()) {
                    warn!(language = key.0.0, "{what}; words without a recording are skipped");
                }
            }
        }
    }

    fn speak(&mut self, (language, text): &Key) -> Result<Vec<i16>, String> {
        let pieces = texts::pieces(language, text);
        let mut engines = Vec::new();
        for (tongue, _) in &pieces {
            engines.push(self.engine(tongue)?.name().to_owned());
        }
        let file = self.cache.join(format!("{}.wav", cache_name(&engines, language, text)));
        if let Ok(samples) = wav::read_file(&file) {
            return Ok(samples);
        }
        let mut samples = Vec::new();
        for (tongue, words) in &pieces {
            let raw = self.engine(tongue)?.speak(words)?;
            samples.extend(wav::master(&raw).unwrap_or_default());
        }
        if samples.is_empty() {
            return Err("the voice gave no sound".to_owned());
        }
        if let Err(error) = keep(&file, &samples) {
            let what = format!("{} can't be written ({error}); words are spoken anew at each start", file.display());
            if self.warned.insert("cache".to_owned()) {
                warn!("{what}");
            }
        }
        Ok(samples)
    }

    fn engine(&mut self, language: &Language) -> Result<&mut Box<dyn Engine>, String> {
        if !self.engines.contains_key(language) {
            let engine = choose(language, self.piper.as_deref())?;
            debug!(language = language.0, engine = engine.name(), "voice");
            self.engines.insert(language.clone(), engine);
        }
        Ok(self.engines.get_mut(language).expect("inserted above"))
    }
}

/// The best engine there is for a language.
fn choose(language: &Language, piper: Option<&Path>) -> Result<Box<dyn Engine>, String> {
    if !texts::is_language_tag(&language.0) {
        return Err(format!("{:?} is no language tag", language.0));
    }
    if let Some(files) = piper.and_then(|folder| piper::find(folder, language)) {
        match piper::Piper::load(&files) {
            Ok(engine) => return Ok(Box::new(engine)),
            Err(what) => warn!(file = %files.model.display(), "{what}; speaking with espeak-ng instead"),
        }
    }
    espeak::Espeak::start(language).map(|engine| Box::new(engine) as Box<dyn Engine>)
}

fn cache_name(engines: &[String], language: &Language, text: &str) -> String {
    let mut hash = Sha256::new();
    for part in engines.iter().map(String::as_str).chain([TREATMENT, &language.0, text]) {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hex::encode(&hash.finalize()[..16])
}

/// Written under another name first: a half-written clip is never read.
fn keep(file: &Path, samples: &[i16]) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let part = file.with_extension("part");
    std::fs::write(&part, wav::to_bytes(samples))?;
    std::fs::rename(&part, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Beeper(&'static str);

    impl Engine for Beeper {
        fn name(&self) -> &str {
            self.0
        }

        fn speak(&mut self, text: &str) -> Result<Vec<i16>, String> {
            match text {
                "silence" => Ok(vec![0; 1_000]),
                _ => Ok(wav::beep()),
            }
        }
    }

    fn speaker(cache: &Path) -> Speaker {
        let engine: Box<dyn Engine> = Box::new(Beeper("beeper"));
        Speaker {
            spoken: Arc::default(),
            cache: cache.to_owned(),
            piper: None,
            engines: HashMap::from([(Language("en".into()), engine)]),
            warned: HashSet::new(),
        }
    }

    fn key(text: &str) -> Key {
        (Language("en".into()), text.to_owned())
    }

    #[test]
    fn names_lose_mark_up_and_length() {
        for (name, clean) in [
            ("Acme Logistics", Some("Acme Logistics")),
            ("  <speak>Acme</speak>\n[[x]] ", Some("speak Acme /speak x")),
            ("Müller & Söhne (Köln)", Some("Müller & Söhne (Köln)")),
            ("\u{1b}[31m", Some("31m")),
            ("!!! --- ...", None),
            ("", None),
        ] {
            assert_eq!(clean_name(name).as_deref(), clean, "{name:?}");
        }
        assert_eq!(clean_name(&"ab ".repeat(100)).unwrap().chars().count(), 80);
    }

    #[test]
    fn what_was_spoken_is_kept_on_disk_and_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut first = speaker(folder.path());
        let samples = first.speak(&key("Acme")).unwrap();
        assert!((wav::speech_rms(&samples) - 0.1).abs() < 0.01);
        let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().path()).collect();
        assert_eq!(files.len(), 1, "{files:?}");
        // Shorter than what the engine would give: it came from the disk.
        std::fs::write(&files[0], wav::to_bytes(&[9; 500])).unwrap();
        assert_eq!(speaker(folder.path()).speak(&key("Acme")).unwrap(), [9; 500]);
        // A damaged file is made anew.
        std::fs::write(&files[0], b"RIFF").unwrap();
        assert_eq!(speaker(folder.path()).speak(&key("Acme")).unwrap(), samples);
    }

    #[test]
    fn a_failure_is_forgotten_so_that_it_can_be_asked_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut speaker = speaker(folder.path());
        speaker.spoken.asked.lock().insert(key("silence"));
        speaker.handle(key("silence"));
        assert!(speaker.spoken.asked.lock().is_empty());
        assert!(speaker.spoken.clips.read().is_empty());
        speaker.handle(key("Acme"));
        assert!(speaker.spoken.clips.read().contains_key(&key("Acme")));
    }

    #[test]
    fn other_words_engines_and_languages_have_other_files() {
        let name = |engine: &str, language: &str, text: &str| {
            cache_name(&[engine.to_owned()], &Language(language.to_owned()), text)
        };
        let names: HashSet<_> =
            [("a", "en", "x"), ("b", "en", "x"), ("a", "de", "x"), ("a", "en", "y"), ("ae", "n", "x")]
                .into_iter()
                .map(|(engine, language, text)| name(engine, language, text))
                .collect();
        assert_eq!(names.len(), 5);
    }

    #[test]
    fn asking_never_waits_and_the_queue_is_bounded() {
        let (queue, jobs) = bounded(2);
        let voice = Voice { spoken: Arc::default(), queue };
        for text in ["one", "one", "two", "three"] {
            voice.ask_name(&Language("en".into()), text);
        }
        assert_eq!(jobs.len(), 2);
        assert_eq!(voice.spoken.asked.lock().len(), 2);
        assert!(voice.spoken_name(&Language("en".into()), "one").is_none());
    }
}
