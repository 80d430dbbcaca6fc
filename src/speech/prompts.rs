//! All prompts of all languages: recordings embedded in the binary, those of the
//! installation, and what the voice speaks for texts that have none.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hotline_core::audio::Clip;
use hotline_core::call::prompt::PromptId;
use hotline_core::directory::Language;
use rust_embed::RustEmbed;
use tracing::{info, warn};

use super::texts::{self, Texts};
use super::voice::Voice;
use super::{SpeechError, models, wav};

#[derive(RustEmbed)]
#[folder = "audio/"]
struct OurRecordings;

type Recordings = HashMap<Language, HashMap<String, Recording>>;

#[derive(Debug)]
struct Recording {
    clip: Arc<Clip>,
    /// The installation changed the wording; the recording says the old one.
    outdated: bool,
}

#[derive(Debug)]
struct Shared {
    recordings: Recordings,
    texts: Texts,
    voice: Voice,
    music: Arc<Clip>,
    beep: Arc<Clip>,
}

/// All prompts of all languages, the voice, the music. Clones share them.
#[derive(Debug, Clone)]
pub struct Prompts {
    shared: Arc<Shared>,
}

impl Prompts {
    /// Loads the embedded recordings and those of `data_dir/prompts` (theirs win). A recording that is
    /// missing is spoken by TTS and cached below `data_dir/cache/tts`; a faulty WAV or TOML is an error.
    ///
    /// `data_dir/prompts/<language>/<id>.wav` replaces a recording, `data_dir/prompts/<language>/*.toml` a
    /// text (then spoken by the voice), `data_dir/prompts/music.wav` the hold music.
    pub fn load(data_dir: &Path) -> Result<Self, SpeechError> {
        Self::load_with(data_dir, models::models_dir().as_deref())
    }

    /// The same with the folder of models named.
    pub(crate) fn load_with(data_dir: &Path, models_dir: Option<&Path>) -> Result<Self, SpeechError> {
        let mut texts = texts::embedded()?;
        let (mut recordings, mut music) = embedded()?;
        add_own(&data_dir.join("prompts"), &mut texts, &mut recordings, &mut music)?;
        let music = music.ok_or_else(|| SpeechError {
            file: PathBuf::from("audio/music.wav"),
            what: "is missing in this build; make it with scripts/record-prompts --music".to_owned(),
        })?;
        let voice = Voice::start(data_dir.join("cache").join("tts"), models_dir.map(|dir| dir.join("piper")));
        let beep = Arc::new(Clip::new(wav::beep()));
        let prompts = Self { shared: Arc::new(Shared { recordings, texts, voice, music, beep }) };
        prompts.speak_missing();
        Ok(prompts)
    }

    fn speak_missing(&self) {
        for (language, texts) in &self.shared.texts {
            let recorded = self.shared.recordings.get(language);
            let missing = texts
                .iter()
                .filter(|(name, _)| recorded.and_then(|of| of.get(*name)).is_none_or(|recording| recording.outdated));
            let mut count = 0;
            for (_, text) in missing {
                self.shared.voice.ask(language, text);
                count += 1;
            }
            if count > 0 {
                info!(language = language.0, count, "prompts without a recording are spoken by the voice");
            }
        }
    }

    /// Languages that have prompts.
    pub fn languages(&self) -> Vec<Language> {
        let mut languages: Vec<Language> =
            self.shared.texts.keys().chain(self.shared.recordings.keys()).cloned().collect();
        languages.sort();
        languages.dedup();
        languages
    }

    /// A prompt's recording; falls back to English if the language lacks it.
    pub fn clip(&self, language: &Language, prompt: &PromptId) -> Option<Arc<Clip>> {
        let english = Language::default();
        let base = language.0.split('-').next().map(|base| Language(base.to_owned()));
        std::iter::once(language)
            .chain(base.as_ref())
            .chain([&english])
            .find_map(|language| self.clip_in(language, prompt.0.as_ref()))
    }

    fn clip_in(&self, language: &Language, name: &str) -> Option<Arc<Clip>> {
        let recording = self.shared.recordings.get(language).and_then(|of| of.get(name));
        if let Some(recording) = recording.filter(|recording| !recording.outdated) {
            return Some(Arc::clone(&recording.clip));
        }
        let text = self.shared.texts.get(language).and_then(|of| of.get(name));
        text.and_then(|text| self.shared.voice.spoken(language, text))
            .or_else(|| recording.map(|recording| Arc::clone(&recording.clip)))
    }

    /// A spoken digit (`0`–`9`).
    pub fn digit(&self, language: &Language, digit: char) -> Option<Arc<Clip>> {
        const DIGITS: [PromptId; 10] = [
            PromptId::new("digit-0"),
            PromptId::new("digit-1"),
            PromptId::new("digit-2"),
            PromptId::new("digit-3"),
            PromptId::new("digit-4"),
            PromptId::new("digit-5"),
            PromptId::new("digit-6"),
            PromptId::new("digit-7"),
            PromptId::new("digit-8"),
            PromptId::new("digit-9"),
        ];
        self.clip(language, &DIGITS[digit.to_digit(10)? as usize])
    }

    /// A name spoken by the voice, if it was prepared. Never waits.
    pub fn name(&self, language: &Language, text: &str) -> Option<Arc<Clip>> {
        self.shared.voice.spoken_name(language, text)
    }

    /// Speaks these names in the background at idle priority and keeps them on disk.
    pub fn prepare(&self, names: Vec<(Language, String)>) {
        for (language, name) in names {
            self.shared.voice.ask_name(&language, &name);
        }
    }

    /// Hold music, made to repeat without a click.
    pub fn music(&self) -> Arc<Clip> {
        Arc::clone(&self.shared.music)
    }

    /// The tone after which the caller speaks: 1 kHz, 0.4 s, faded at both ends.
    pub fn beep(&self) -> Arc<Clip> {
        Arc::clone(&self.shared.beep)
    }
}

fn embedded() -> Result<(Recordings, Option<Arc<Clip>>), SpeechError> {
    let (mut recordings, mut music) = (Recordings::new(), None);
    for name in OurRecordings::iter().filter(|name| name.ends_with(".wav")) {
        let bytes = OurRecordings::get(&name).expect("the iterator names what is there").data;
        let samples = wav::read_bytes(&bytes)
            .map_err(|what| SpeechError { file: PathBuf::from("audio").join(name.as_ref()), what })?;
        let clip = Arc::new(Clip::new(samples));
        match name.trim_end_matches(".wav").split_once('/') {
            Some((language, id)) => {
                let of = recordings.entry(Language(language.to_owned())).or_default();
                of.insert(id.to_owned(), Recording { clip, outdated: false });
            }
            None if name == "music.wav" => music = Some(clip),
            None => {}
        }
    }
    Ok((recordings, music))
}

/// Lays the installation's own texts and recordings over ours.
fn add_own(
    folder: &Path,
    texts: &mut Texts,
    recordings: &mut Recordings,
    music: &mut Option<Arc<Clip>>,
) -> Result<(), SpeechError> {
    for path in entries(folder)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if !texts::is_language_tag(&name) {
                let what = "is no language tag; name the folder like en, de or pt-BR, or move it away".to_owned();
                return Err(SpeechError { file: path, what });
            }
            add_language(&path, &Language(name), texts, recordings)?;
        } else if name == "music.wav" {
            *music = Some(Arc::new(Clip::new(wav::read_file(&path)?)));
        } else {
            warn!(file = %path.display(), "is not used; prompts are <language>/<id>.wav and <language>/*.toml");
        }
    }
    Ok(())
}

fn add_language(
    folder: &Path,
    language: &Language,
    texts: &mut Texts,
    recordings: &mut Recordings,
) -> Result<(), SpeechError> {
    let mut own = BTreeMap::new();
    let mut files = Vec::new();
    for path in entries(folder)? {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("toml") => {
                let content = std::fs::read_to_string(&path).map_err(|e| SpeechError {
                    file: path.clone(),
                    what: format!("can't be read ({e}); it must be UTF-8 text that we may read"),
                })?;
                own.extend(texts::parse(&path, &content)?);
            }
            Some("wav") => files.push(path),
            _ => warn!(file = %path.display(), "is not used; prompts are <id>.wav and *.toml"),
        }
    }
    let texts = texts.entry(language.clone()).or_default();
    let recordings = recordings.entry(language.clone()).or_default();
    for (name, text) in own {
        let changed = texts.get(&name) != Some(&text);
        if let Some(recording) = recordings.get_mut(&name) {
            recording.outdated |= changed;
        }
        texts.insert(name, text);
    }
    for path in files {
        let clip = Arc::new(Clip::new(wav::read_file(&path)?));
        let id = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        recordings.insert(id, Recording { clip, outdated: false });
    }
    Ok(())
}

/// What a folder holds, sorted, without hidden files; nothing if there is no such folder.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, SpeechError> {
    let fault = |e: std::io::Error| SpeechError {
        file: folder.to_owned(),
        what: format!("can't be listed ({e}); check the permissions"),
    };
    let list = match std::fs::read_dir(folder) {
        Ok(list) => list,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(fault(e)),
    };
    let mut paths = Vec::new();
    for entry in list {
        let path = entry.map_err(fault)?.path();
        if !path.file_name().unwrap_or_default().to_string_lossy().starts_with('.') {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}
