//! The prompts that a phone can recognise, ready for its ear.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use hotline_core::audio::clip::Form;
use hotline_core::audio::{Clip, Codec};
use hotline_core::call::prompt::say;

use super::ear::{Heard, Index};
use crate::speech::{Prompts, SpeechError};

/// What the tone before a message is called.
pub const BEEP: &str = "beep";
/// What the hold music is called.
pub const MUSIC: &str = "music";

/// All prompts by name, indexed once for each codec. Share it between phones.
#[derive(Debug, Default)]
pub struct KnownPrompts {
    clips: Vec<(Heard, Arc<Clip>)>,
    beep: Option<Arc<Clip>>,
    indexes: [OnceLock<Arc<Index>>; Codec::ALL.len()],
}

impl KnownPrompts {
    /// The recordings of all languages, as a hotline with this data directory plays them.
    pub fn load(data_dir: &Path) -> Result<Self, SpeechError> {
        Ok(Self::from_prompts(&Prompts::load(data_dir)?))
    }

    /// From prompts that are loaded already.
    pub fn from_prompts(prompts: &Prompts) -> Self {
        let mut clips = Vec::new();
        for language in prompts.languages() {
            let heard = |prompt: String| Heard { prompt, language: language.0.clone() };
            let said = say::ALL.iter().filter_map(|id| Some((heard(id.0.to_string()), prompts.clip(&language, id)?)));
            clips.extend(said);
            let digits = ('0'..='9')
                .filter_map(|digit| Some((heard(format!("digit-{digit}")), prompts.digit(&language, digit)?)));
            clips.extend(digits);
        }
        clips.push((Heard { prompt: MUSIC.to_owned(), language: String::new() }, prompts.music()));
        Self { clips, beep: Some(prompts.beep()), ..Self::default() }
    }

    /// From any sounds: what a test plays, or another server's prompts.
    pub fn from_clips(clips: Vec<(Heard, Arc<Clip>)>) -> Self {
        Self { clips, ..Self::default() }
    }

    /// A phone that recognises nothing.
    pub fn none() -> Self {
        Self::default()
    }

    /// Whether there is a prompt of this name.
    pub fn knows(&self, prompt: &str) -> bool {
        (prompt == BEEP && self.beep.is_some()) || self.clips.iter().any(|(heard, _)| heard.prompt == prompt)
    }

    /// Every sound with its name; the beep too.
    pub fn sounds(&self) -> impl Iterator<Item = (Heard, &Arc<Clip>)> {
        let beep = self.beep.iter().map(|clip| (Heard { prompt: BEEP.to_owned(), language: String::new() }, clip));
        self.clips.iter().map(|(heard, clip)| (heard.clone(), clip)).chain(beep)
    }

    /// All names, each once.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.clips.iter().map(|(heard, _)| heard.prompt.as_str()).collect();
        names.extend(self.beep.as_ref().map(|_| BEEP));
        names.sort_unstable();
        names.dedup();
        names
    }

    /// What an ear compares with. Takes up to a second the first time.
    pub fn index(&self, codec: Codec) -> Arc<Index> {
        if codec == Codec::Opus {
            // Its packets depend on those before them: the same sound has other bytes each time.
            return Arc::default();
        }
        let cell = &self.indexes[codec as usize];
        let payload = |clip: &Clip| Arc::clone(crate::codec::encoded(clip, Form::new(codec, 20)).bytes());
        Arc::clone(cell.get_or_init(|| {
            let index = Index::new(self.clips.iter().map(|(heard, clip)| (heard.clone(), payload(clip))));
            Arc::new(match &self.beep {
                Some(beep) => {
                    let name = Heard { prompt: BEEP.to_owned(), language: String::new() };
                    index.with_tone(name, &payload(beep))
                }
                None => index,
            })
        }))
    }
}
