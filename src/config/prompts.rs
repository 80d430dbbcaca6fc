//! Prompts as the configuration writes them, checked against what there is.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hotline_core::call::prompt::{Prompt, PromptId, say};
use hotline_core::private::Private;

use super::report::{Report, Word, hint};
use super::words;

/// Longest pause within a prompt.
const SILENCE_MAX: Duration = Duration::from_hours(2);

/// The prompts that exist: ours, and those that the operator added below the data folder.
#[derive(Debug)]
pub(super) struct KnownPrompts {
    names: BTreeSet<String>,
}

impl KnownPrompts {
    /// Looks into `data_dir/prompts/LANGUAGE/`: the keys of the TOML files and the names of the WAV files.
    pub fn find(data_dir: &Path) -> Self {
        let mut names: BTreeSet<String> = say::ALL.iter().map(|id| id.0.to_string()).collect();
        let languages = std::fs::read_dir(data_dir.join("prompts")).into_iter().flatten().flatten();
        let files = languages.filter_map(|language| std::fs::read_dir(language.path()).ok()).flatten().flatten();
        for file in files.map(|file| file.path()) {
            let extension = file.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
            match extension {
                "wav" => names.extend(file.file_stem().map(|stem| stem.to_string_lossy().into_owned())),
                "toml" => names.extend(toml_keys(&file)),
                _ => {}
            }
        }
        Self { names }
    }

    /// `say:greeting` (or `greeting`), `file:path.wav`, `digits:4711`, `name:Acme`, `beep`, `music`,
    /// `silence:2s`. Files belong to the folder `base`.
    pub fn read(&self, word: Word<'_>, base: &Path, report: &Report) -> Option<Prompt> {
        let (kind, rest) = word.text.split_once(':').unwrap_or(("", word.text));
        let wrong = |what: String| {
            report.mistake(word.place, what);
            None
        };
        match (kind, rest) {
            ("", "beep") => Some(Prompt::Beep),
            ("", "music") => Some(Prompt::Music),
            ("" | "say", id) => {
                if self.names.contains(id) {
                    return Some(Prompt::Say(PromptId(id.to_owned().into())));
                }
                let hint = hint(id, self.names.iter().map(String::as_str));
                wrong(format!("there is no prompt `{id}`; {hint}"))
            }
            ("digits", digits) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit() || b == b'+') => {
                Some(Prompt::Digits(Private::from(digits)))
            }
            ("digits", _) => wrong("`digits:` takes digits only, such as \"digits:4711\"; mend it".to_owned()),
            ("name", name) if !name.trim().is_empty() => Some(Prompt::Name(Private::from(name.trim()))),
            ("silence", text) => match words::duration(text).filter(|pause| *pause <= SILENCE_MAX) {
                Some(pause) => Some(Prompt::Silence(pause)),
                None => wrong(format!("`silence:{text}` is no pause up to 2h; write it like \"silence:2s\"")),
            },
            ("file", path) => {
                let file = base.join(path);
                match check_wav(&file) {
                    Ok(()) => Some(Prompt::File(file.to_string_lossy().into_owned())),
                    Err(what) => wrong(format!("{}: {what}", file.display())),
                }
            }
            (_, _) => wrong(format!(
                "`{}` is no prompt; write a name such as \"greeting\", or \"file:PATH.wav\", \"digits:4711\", \"name:Acme\", \"silence:2s\", \"beep\", \"music\"",
                word.text
            )),
        }
    }
}

/// Names that a prompt file gives, at any depth.
fn toml_keys(file: &Path) -> Vec<String> {
    fn walk(table: &toml::Table, into: &mut Vec<String>) {
        for (key, value) in table {
            into.push(key.clone());
            if let toml::Value::Table(inner) = value {
                walk(inner, into);
            }
        }
    }
    let mut keys = Vec::new();
    // A file that can't be read is the speech engine's to complain about.
    if let Some(table) = std::fs::read_to_string(file).ok().and_then(|text| text.parse::<toml::Table>().ok()) {
        walk(&table, &mut keys);
    }
    keys
}

/// Whether this file can be played: WAV, PCM 16-bit, 8–48 kHz, mono or stereo. The text says what to do.
fn check_wav(file: &PathBuf) -> Result<(), String> {
    const REMEDY: &str = "convert it: sox IN.wav -b 16 -c 1 -r 16000 OUT.wav";
    let reader = match hound::WavReader::open(file) {
        Ok(reader) => reader,
        Err(hound::Error::IoError(error)) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(
                "there is no such file; put it there or mend the path (relative paths begin at this file's folder)"
                    .to_owned(),
            );
        }
        Err(error) => return Err(format!("this is no WAV file that can be played ({error}); {REMEDY}")),
    };
    let spec = reader.spec();
    if spec.sample_format != hound::SampleFormat::Int || spec.bits_per_sample != 16 {
        return Err(format!(
            "its samples are {}-bit {:?}, 16-bit PCM is needed; {REMEDY}",
            spec.bits_per_sample, spec.sample_format
        ));
    }
    if !(8_000..=48_000).contains(&spec.sample_rate) {
        return Err(format!("its rate is {} Hz, 8000 to 48000 is needed; {REMEDY}", spec.sample_rate));
    }
    if !(1..=2).contains(&spec.channels) {
        return Err(format!("it has {} channels, one or two are needed; {REMEDY}", spec.channels));
    }
    if reader.duration() == 0 {
        return Err("it holds no sound; record it again".to_owned());
    }
    Ok(())
}
