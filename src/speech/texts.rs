//! The wording: `prompts/<language>/*.toml`, ours (embedded) and the
//! installation's (`data_dir/prompts`). Knows nothing of sound.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hotline_core::directory::Language;
use rust_embed::RustEmbed;
use toml::Spanned;

use super::SpeechError;

/// Longest text of a prompt, characters.
const TEXT_CHARS_MAX: usize = 500;

#[derive(RustEmbed)]
#[folder = "prompts/"]
struct OurTexts;

/// Texts by language and prompt name.
pub type Texts = BTreeMap<Language, BTreeMap<String, String>>;

/// The texts in the binary.
pub fn embedded() -> Result<Texts, SpeechError> {
    let mut texts = Texts::new();
    for name in OurTexts::iter().filter(|name| name.ends_with(".toml")) {
        let file = PathBuf::from("prompts").join(name.as_ref());
        let Some((language, _)) = name.split_once('/') else { continue };
        let content = OurTexts::get(&name).expect("the iterator names what is there").data;
        let content = std::str::from_utf8(&content)
            .map_err(|_| SpeechError { file: file.clone(), what: "is not UTF-8".to_owned() })?;
        texts.entry(Language(language.to_owned())).or_default().extend(parse(&file, content)?);
    }
    Ok(texts)
}

/// Reads one file of texts: lines of `name = "text"`.
pub fn parse(file: &Path, content: &str) -> Result<BTreeMap<String, String>, SpeechError> {
    let fault = |what: String| SpeechError { file: file.to_owned(), what };
    let entries: BTreeMap<String, Spanned<String>> = toml::from_str(content).map_err(|e| {
        let line = e.span().map_or(0, |span| line_of(content, span.start));
        fault(format!("line {line}: {}; wanted are lines like: greeting = \"Welcome.\"", e.message()))
    })?;
    let mut texts = BTreeMap::new();
    for (name, text) in entries {
        let line = line_of(content, text.span().start);
        let text = text.into_inner();
        if text.trim().is_empty() {
            return Err(fault(format!("line {line}: {name} is empty; give it a text or remove the line")));
        }
        if text.chars().count() > TEXT_CHARS_MAX {
            return Err(fault(format!("line {line}: {name} is longer than {TEXT_CHARS_MAX} characters")));
        }
        texts.insert(name, text);
    }
    Ok(texts)
}

fn line_of(content: &str, offset: usize) -> usize {
    content.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count() + 1
}

/// The pieces of a text by the language they are to be spoken in:
/// `For English, press 1. [de] Für Deutsch drücken Sie die 2.`
pub fn pieces(language: &Language, text: &str) -> Vec<(Language, String)> {
    let mut pieces = Vec::new();
    let (mut tongue, mut rest) = (language.clone(), text);
    let mut push = |tongue: &Language, words: &str| {
        if !words.trim().is_empty() {
            pieces.push((tongue.clone(), words.trim().to_owned()));
        }
    };
    let mut from = 0;
    while let Some(open) = rest[from..].find('[').map(|at| at + from) {
        let close = rest[open..].find(']').map(|at| at + open);
        match close.filter(|close| is_language_tag(&rest[open + 1..*close])) {
            Some(close) => {
                push(&tongue, &rest[..open]);
                tongue = Language(rest[open + 1..close].to_owned());
                rest = &rest[close + 1..];
                from = 0;
            }
            None => from = open + 1,
        }
    }
    push(&tongue, rest);
    pieces
}

/// `en`, `de`, `pt-BR`: what a folder of prompts may be called.
pub fn is_language_tag(tag: &str) -> bool {
    let mut parts = tag.split('-');
    let first = parts.next().unwrap_or_default();
    (2..=3).contains(&first.len())
        && first.bytes().all(|b| b.is_ascii_lowercase())
        && parts.all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hotline_core::call::prompt::say;

    #[test]
    fn every_language_of_ours_has_every_text() {
        let texts = embedded().unwrap();
        assert_eq!(texts.keys().map(|l| l.0.as_str()).collect::<Vec<_>>(), ["de", "en"]);
        for (language, texts) in &texts {
            let names = say::ALL.iter().map(|prompt| prompt.0.to_string());
            for name in names.chain((0..10).map(|digit| format!("digit-{digit}"))) {
                assert!(texts.contains_key(&name), "{}: {name}", language.0);
            }
        }
    }

    #[test]
    fn a_mistake_is_named_with_its_line() {
        for (content, says) in [
            ("greeting = \"Hi\"\nmenu = 5\n", "line 2"),
            ("a = \"b\"\n\ngreeting \"Hi\"\n", "line 3"),
            ("greeting = \"Hi\"\nmenu = \"  \"\n", "line 2: menu is empty"),
            ("[section]\ngreeting = \"Hi\"\n", "line 1"),
        ] {
            let error = parse(Path::new("prompts/en/own.toml"), content).unwrap_err().to_string();
            assert!(error.starts_with("prompts/en/own.toml: ") && error.contains(says), "{error}");
        }
        let long = format!("a = \"{}\"", "x".repeat(501));
        assert!(parse(Path::new("a.toml"), &long).is_err());
    }

    #[test]
    fn a_text_may_change_its_language() {
        let of = |text| {
            pieces(&Language("en".into()), text).into_iter().map(|(l, t)| format!("{}={t}", l.0)).collect::<Vec<_>>()
        };
        assert_eq!(of("One. [de] Zwei. [en] Three."), ["en=One.", "de=Zwei.", "en=Three."]);
        assert_eq!(of("[de] Zwei."), ["de=Zwei."]);
        assert_eq!(of("Plain [not a tag] text [ open"), ["en=Plain [not a tag] text [ open"]);
        assert_eq!(of(" "), Vec::<String>::new());
    }

    #[test]
    fn language_tags() {
        for tag in ["en", "de", "pt-BR", "gsw"] {
            assert!(is_language_tag(tag), "{tag}");
        }
        for tag in ["", "e", "DE", "../de", "-v", "backup", "de-", "de_DE"] {
            assert!(!is_language_tag(tag), "{tag}");
        }
    }
}
