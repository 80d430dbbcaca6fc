//! Loading, overriding, falling back.

use std::path::Path;

use hotline_core::call::prompt::{self, Prompt, PromptId, say};
use hotline_core::directory::Language;

use crate::speech::{Prompts, load_wav, wav};

fn load(data_dir: &Path) -> Prompts {
    Prompts::load_with(data_dir, None).unwrap()
}

fn language(tag: &str) -> Language {
    Language(tag.to_owned())
}

fn write(folder: &Path, name: &str, content: &[u8]) {
    let file = folder.join("prompts").join(name);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, content).unwrap();
}

#[test]
fn all_prompts_and_digits_are_there_in_both_languages() {
    let folder = tempfile::tempdir().unwrap();
    let prompts = load(folder.path());
    assert_eq!(prompts.languages(), [language("de"), language("en")]);
    for tag in ["de", "en"] {
        for prompt in say::ALL {
            assert!(prompts.clip(&language(tag), prompt).is_some(), "{tag}: {prompt:?}");
        }
        for number in 10..60 {
            let Prompt::Say(prompt) = prompt::number(number) else { panic!("{number} is spoken digit by digit") };
            assert!(
                prompts.clip(&language(tag), &prompt).is_some_and(|clip| !clip.samples().is_empty()),
                "{tag}: {number}"
            );
        }
        for digit in '0'..='9' {
            assert!(prompts.digit(&language(tag), digit).is_some(), "{tag}: {digit}");
        }
    }
    let length = |tag: &str, prompt: &PromptId| prompts.clip(&language(tag), prompt).unwrap().samples().len();
    assert_ne!(length("de", &say::MENU), length("en", &say::MENU));
    // A language that has none: English; a region of one that has: that one.
    assert_eq!(length("fr", &say::MENU), length("en", &say::MENU));
    assert_eq!(length("de-AT", &say::MENU), length("de", &say::MENU));
    assert!(prompts.clip(&language("en"), &PromptId::new("no-such-prompt")).is_none());
    assert!(prompts.digit(&language("en"), '#').is_none());
    assert!(prompts.name(&language("en"), "Acme").is_none());
    assert_eq!(prompts.beep().duration().as_millis(), 400);
    assert!(prompts.music().duration().as_secs() >= 24);
    // Nothing had to be spoken.
    assert!(!folder.path().join("cache").exists());
}

#[test]
fn recordings_of_the_installation_win() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "en/greeting.wav", &wav::to_bytes(&[7; 3_200]));
    write(folder.path(), "en/greeting.toml", b"greeting = \"Our own words.\"\n");
    write(folder.path(), "fr/menu.wav", &wav::to_bytes(&[8; 1_600]));
    write(folder.path(), "music.wav", &wav::to_bytes(&[9; 1_600]));
    let prompts = load(folder.path());
    assert_eq!(prompts.clip(&language("en"), &say::GREETING).unwrap().samples(), [7; 3_200]);
    assert_eq!(prompts.clip(&language("fr"), &say::MENU).unwrap().samples(), [8; 1_600]);
    assert_eq!(prompts.music().samples(), [9; 1_600]);
    assert!(prompts.languages().contains(&language("fr")));
}

#[test]
fn mistakes_of_the_installation_are_named_with_file_and_remedy() {
    for (name, content, says) in [
        ("en/greeting.wav", &b"not a sound"[..], "sox"),
        ("en/own.toml", b"greeting = \"a\"\nmenu = [1]\n", "line 2"),
        ("English/greeting.wav", b"", "language tag"),
        ("music.wav", b"RIFF", "sox"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), name, content);
        let error = Prompts::load_with(folder.path(), None).unwrap_err().to_string();
        let file = name.split('/').next().unwrap();
        assert!(error.contains(file) && error.contains(says), "{name}: {error}");
    }
}

#[test]
fn a_wav_file_becomes_a_clip() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.wav");
    std::fs::write(&file, wav::to_bytes(&[5; 160])).unwrap();
    assert_eq!(load_wav(&file).unwrap().samples(), [5; 160]);
    assert!(load_wav(&folder.path().join("b.wav")).unwrap_err().to_string().contains("b.wav"));
}
