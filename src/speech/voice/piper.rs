//! Piper voices in process: `espeak-ng` gives the phonemes, the voice's ONNX
//! network (run by rten) turns them into sound.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hotline_core::audio::Clip;
use hotline_core::audio::resample::resample;
use hotline_core::directory::Language;
use rten::{Model, NodeId, RunOptions, ThreadPool};
use rten_tensor::NdTensor;
use rten_tensor::prelude::*;
use serde::Deserialize;

use super::{Engine, program};

/// Largest configuration file of a voice that is read, bytes.
const CONFIG_BYTES_MAX: u64 = 1 << 20;

/// A voice on disk.
pub struct Files {
    /// The network, `….onnx`.
    pub model: PathBuf,
    /// Its settings, `….onnx.json`.
    pub config: PathBuf,
}

/// The first voice in `folder/<language>` that has both files.
pub fn find(folder: &Path, language: &Language) -> Option<Files> {
    let base = language.0.split('-').next().unwrap_or_default();
    [language.0.as_str(), base].into_iter().find_map(|tag| {
        let mut models: Vec<PathBuf> = std::fs::read_dir(folder.join(tag))
            .ok()?
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "onnx"))
            .collect();
        models.sort();
        models.into_iter().find_map(|model| {
            let config = PathBuf::from(format!("{}.json", model.display()));
            config.is_file().then_some(Files { model, config })
        })
    })
}

#[derive(Deserialize)]
struct Config {
    audio: Audio,
    espeak: Espeak,
    inference: Inference,
    phoneme_id_map: HashMap<String, Vec<i32>>,
}

#[derive(Deserialize)]
struct Audio {
    sample_rate: u32,
}

#[derive(Deserialize)]
struct Espeak {
    voice: String,
}

#[derive(Deserialize)]
struct Inference {
    noise_scale: f32,
    length_scale: f32,
    noise_w: f32,
}

/// A loaded voice.
pub struct Piper {
    name: String,
    config: Config,
    model: Model,
    inputs: Inputs,
    threads: Arc<ThreadPool>,
}

struct Inputs {
    phonemes: NodeId,
    length: NodeId,
    scales: NodeId,
    /// Only in voices with several speakers; the first one speaks.
    speaker: Option<NodeId>,
    output: NodeId,
}

impl Piper {
    /// Loads the network; some 60 MB.
    pub fn load(files: &Files) -> Result<Self, String> {
        let size = std::fs::metadata(&files.config).map_err(|e| format!("the settings can't be read ({e})"))?.len();
        if size > CONFIG_BYTES_MAX {
            return Err("the settings are larger than 1 MB".to_owned());
        }
        let text = std::fs::read(&files.config).map_err(|e| format!("the settings can't be read ({e})"))?;
        let config: Config =
            serde_json::from_slice(&text).map_err(|e| format!("the settings are no Piper settings ({e})"))?;
        let voice = &config.espeak.voice;
        if voice.starts_with('-') || !voice.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
            return Err("the settings name no voice of espeak-ng".to_owned());
        }
        if !(8_000..=48_000).contains(&config.audio.sample_rate) {
            return Err(format!("the voice has a sample rate of {} Hz", config.audio.sample_rate));
        }
        let model = Model::load_file(&files.model).map_err(|e| format!("the voice can't be loaded ({e})"))?;
        let node = |name: &str| model.find_node(name).ok_or_else(|| format!("is no Piper voice (no {name:?})"));
        let inputs = Inputs {
            phonemes: node("input")?,
            length: node("input_lengths")?,
            scales: node("scales")?,
            speaker: model.find_node("sid"),
            output: *model.output_ids().first().ok_or("is no Piper voice (no output)")?,
        };
        let stem = files.model.file_stem().unwrap_or_default().to_string_lossy();
        Ok(Self {
            name: format!("piper {stem}"),
            config,
            model,
            inputs,
            // One thread of ours, started here so that it inherits our low priority.
            threads: Arc::new(ThreadPool::with_num_threads(1)),
        })
    }

    fn phonemes(&self, clause: &str) -> Result<String, String> {
        let out = program::run("espeak-ng", &["-q", "--ipa", "-v", &self.config.espeak.voice, "--stdin"], clause)?;
        let out = String::from_utf8(out).map_err(|_| "espeak-ng wrote no UTF-8".to_owned())?;
        // "(en)" and "(de)" mark words that espeak-ng takes for another language's.
        let mut depth = 0_u32;
        let mut plain = String::new();
        for c in out.chars() {
            match c {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                '\n' => plain.push(' '),
                _ if depth == 0 => plain.push(c),
                _ => {}
            }
        }
        Ok(plain.trim().to_owned())
    }

    fn ids(&self, text: &str) -> Result<Vec<i32>, String> {
        let map = &self.config.phoneme_id_map;
        let id = |symbol: &str| map.get(symbol).cloned().unwrap_or_default();
        let pause = id("_");
        let mut ids = id("^");
        ids.extend(&pause);
        for (words, mark) in clauses(text) {
            let phonemes = self.phonemes(words)?;
            for symbol in phonemes.chars().flat_map(decompose).chain(mark) {
                let known = id(symbol.encode_utf8(&mut [0; 4]));
                if !known.is_empty() {
                    ids.extend(known);
                    ids.extend(&pause);
                }
            }
            if mark.is_some_and(|mark| mark != ' ') {
                ids.extend(id(" "));
                ids.extend(&pause);
            }
        }
        ids.extend(id("$"));
        Ok(ids)
    }
}

impl Engine for Piper {
    fn name(&self) -> &str {
        &self.name
    }

    fn speak(&mut self, text: &str) -> Result<Vec<i16>, String> {
        let ids = self.ids(text)?;
        let count = ids.len();
        let Inference { noise_scale, length_scale, noise_w } = self.config.inference;
        let mut inputs = vec![
            (self.inputs.phonemes, NdTensor::from_data([1, count], ids).into()),
            (self.inputs.length, NdTensor::from_data([1], vec![count as i32]).into()),
            (self.inputs.scales, NdTensor::from_data([3], vec![noise_scale, length_scale, noise_w]).into()),
        ];
        if let Some(speaker) = self.inputs.speaker {
            inputs.push((speaker, NdTensor::from_data([1], vec![0_i32]).into()));
        }
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(&self.threads)));
        let outputs = self
            .model
            .run(inputs, &[self.inputs.output], Some(options))
            .map_err(|e| format!("the voice failed ({e})"))?;
        let sound: NdTensor<f32, 4> = outputs
            .into_iter()
            .next()
            .and_then(|value| value.try_into().ok())
            .ok_or_else(|| "the voice gave no sound".to_owned())?;
        let peak = sound.iter().fold(0.01_f32, |peak, sample| peak.max(sample.abs()));
        let samples: Vec<i16> = sound.iter().map(|sample| (sample / peak * 29_000.0) as i16).collect();
        Ok(resample(&samples, self.config.audio.sample_rate, Clip::RATE_HZ))
    }
}

/// Splits at punctuation that the voice breathes at: espeak-ng's program leaves it out.
fn clauses(text: &str) -> Vec<(&str, Option<char>)> {
    let mut clauses = Vec::new();
    let mut start = 0;
    let mut characters = text.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        let ends = characters.peek().is_none_or(|(_, next)| next.is_whitespace());
        if ",.;:!?".contains(c) && ends {
            clauses.push((&text[start..at], Some(c)));
            start = at + c.len_utf8();
        }
    }
    clauses.push((&text[start..], None));
    clauses.retain(|(words, _)| words.chars().any(char::is_alphanumeric));
    clauses
}

/// Voices are trained on decomposed phonemes (NFD); these are the ones that IPA has composed.
fn decompose(symbol: char) -> impl Iterator<Item = char> {
    let (base, mark) = match symbol {
        'ç' => ('c', Some('\u{327}')),
        'ã' => ('a', Some('\u{303}')),
        'ẽ' => ('e', Some('\u{303}')),
        'ĩ' => ('i', Some('\u{303}')),
        'õ' => ('o', Some('\u{303}')),
        'ũ' => ('u', Some('\u{303}')),
        'ñ' => ('n', Some('\u{303}')),
        other => (other, None),
    };
    std::iter::once(base).chain(mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clauses_keep_their_punctuation() {
        assert_eq!(
            clauses("Acme, Inc. is 1.5 km off"),
            [("Acme", Some(',')), (" Inc", Some('.')), (" is 1.5 km off", None)]
        );
        assert_eq!(clauses("Ready?"), [("Ready", Some('?'))]);
        assert!(clauses(" . ").is_empty());
    }

    #[test]
    fn composed_phonemes_are_taken_apart() {
        assert_eq!("ɪç".chars().flat_map(decompose).collect::<String>(), "ɪc\u{327}");
    }

    #[test]
    fn a_voice_is_found_by_language_and_only_with_both_files() {
        let folder = tempfile::tempdir().unwrap();
        let de = folder.path().join("de");
        std::fs::create_dir(&de).unwrap();
        std::fs::write(de.join("a.onnx"), "").unwrap();
        assert!(find(folder.path(), &Language("de".into())).is_none());
        std::fs::write(de.join("b.onnx"), "").unwrap();
        std::fs::write(de.join("b.onnx.json"), "{}").unwrap();
        let files = find(folder.path(), &Language("de-AT".into())).unwrap();
        assert!(files.model.ends_with("de/b.onnx"));
        assert!(find(folder.path(), &Language("fr".into())).is_none());
        let Err(what) = Piper::load(&files) else { panic!("an empty voice was loaded") };
        assert!(what.contains("no Piper settings"), "{what}");
    }
}
