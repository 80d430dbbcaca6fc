//! What whisper says when it heard nothing: end credits of the videos that it
//! learned from. Only believed to be such when there was hardly any speech.

/// Below so much speech these sentences are not believed, seconds.
const SPEECH_MIN_SECONDS: f64 = 0.5;

/// Beginnings, in lower case.
const ARTEFACTS: [&str; 17] = [
    "thanks for watching",
    "thank you for watching",
    "thank you very much for watching",
    "please subscribe",
    "subscribe to",
    "subtitles by",
    "subtitles made by",
    "transcription by",
    "untertitel",
    "untertitelung",
    "vielen dank fürs zuschauen",
    "vielen dank für's zuschauen",
    "danke fürs zuschauen",
    "das war's für heute",
    "copyright wdr",
    "swr 20",
    "amara.org",
];

/// The text without what nobody said: marks like `[BLANK_AUDIO]` and `(music)` always, credits if there was hardly
/// any speech.
pub fn clean(text: &str, speech_seconds: f64) -> String {
    let text = without_marks(text);
    let plain = text.trim_start_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    if speech_seconds < SPEECH_MIN_SECONDS && ARTEFACTS.iter().any(|known| plain.starts_with(known)) {
        return String::new();
    }
    if text.chars().any(char::is_alphanumeric) { text } else { String::new() }
}

/// Takes out `[…]`, `(…)`, `*…*` and ♪; people do not speak in brackets.
fn without_marks(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut closing = None;
    for c in text.chars() {
        match (closing, c) {
            (Some(end), c) if c == end => closing = None,
            (Some(_), _) | (None, '♪') => {}
            (None, '[') => closing = Some(']'),
            (None, '(') => closing = Some(')'),
            (None, '*') => closing = Some('*'),
            (None, c) => plain.push(c),
        }
    }
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credits_are_dropped_only_without_speech() {
        for text in [" Thanks for watching!", "Untertitel der Amara.org-Community", "Vielen Dank fürs Zuschauen."] {
            assert_eq!(clean(text, 0.3), "", "{text}");
            assert_eq!(clean(text, 1.2), text.trim(), "{text}");
        }
        assert_eq!(clean(" The server is down. ", 0.3), "The server is down.");
    }

    #[test]
    fn marks_are_not_words() {
        assert_eq!(clean("[BLANK_AUDIO]", 9.0), "");
        assert_eq!(clean(" (keyboard clicking) Hello *sighs* there ♪ ", 9.0), "Hello there");
        assert_eq!(clean(" ... ", 9.0), "");
    }
}
