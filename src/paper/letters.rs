//! How wide text is in the two faces that every PDF reader has (Helvetica and its bold), and how it is written in them.
//!
//! Both are used without being embedded, in `WinAnsiEncoding` (ISO 32000-1 Annex D): German, the euro sign and Western
//! Europe are complete. Of other letters the nearest is drawn; what the text was goes along for copying and searching.

use std::borrow::Cow;

/// A face.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Face {
    /// Upright.
    Regular,
    /// For heads and figures.
    Bold,
}

/// Width of a text at this size, in the unit of the size.
pub fn width(text: &str, face: Face, size: f32) -> f32 {
    let units: u32 = text.chars().flat_map(bytes_of).map(|byte| u32::from(units(byte, face))).sum();
    units as f32 * size / 1_000.0
}

/// Width of one letter at this size.
pub fn letter(letter: char, face: Face, size: f32) -> f32 {
    bytes_of(letter).map(|byte| u32::from(units(byte, face))).sum::<u32>() as f32 * size / 1_000.0
}

/// Thousandths of the size.
const fn units(byte: u8, face: Face) -> u16 {
    let table = match face {
        Face::Regular => &REGULAR,
        Face::Bold => &BOLD,
    };
    if byte < 32 { 0 } else { table[byte as usize - 32] }
}

/// The widths of all codes from 32, for the font's dictionary.
pub const fn widths(face: Face) -> &'static [u16; 224] {
    match face {
        Face::Regular => &REGULAR,
        Face::Bold => &BOLD,
    }
}

/// As it is written into the file, and whether a letter had to be replaced.
pub fn encoded(text: &str) -> (Vec<u8>, bool) {
    let mut replaced = false;
    let bytes = text
        .chars()
        .flat_map(|letter| {
            replaced |= exactly(letter).is_none() && !is_mute(letter);
            bytes_of(letter)
        })
        .collect();
    (bytes, replaced)
}

/// Control letters and marks without a width are left out, tabs and odd spaces become spaces.
pub fn tidied(text: &str) -> Cow<'_, str> {
    let odd = |letter: char| letter != ' ' && (letter.is_whitespace() || letter.is_control() || is_mute(letter));
    if !text.contains(odd) {
        return Cow::Borrowed(text);
    }
    let spaced = text.chars().map(|letter| if letter.is_whitespace() { ' ' } else { letter });
    Cow::Owned(spaced.filter(|letter| !letter.is_control() && !is_mute(*letter)).collect())
}

/// Joiners, direction marks, variation selectors, combining accents, byte order marks: nothing to be drawn by themselves.
const fn is_mute(letter: char) -> bool {
    matches!(letter, '\u{ad}' | '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
}

fn bytes_of(letter: char) -> impl Iterator<Item = u8> {
    let (one, more) = match exactly(letter) {
        Some(byte) => (Some(byte), ""),
        None if is_mute(letter) || letter.is_control() => (None, ""),
        None => (None, nearest(letter)),
    };
    // What stands in `nearest` is ASCII.
    one.into_iter().chain(more.bytes())
}

/// The code in `WinAnsiEncoding`, if the letter has one.
const fn exactly(letter: char) -> Option<u8> {
    Some(match letter {
        ' '..='~' | '\u{a0}'..='\u{ac}' | '\u{ae}'..='\u{ff}' => letter as u8,
        '€' => 0x80,
        '‚' => 0x82,
        'ƒ' => 0x83,
        '„' => 0x84,
        '…' => 0x85,
        '†' => 0x86,
        '‡' => 0x87,
        'ˆ' => 0x88,
        '‰' => 0x89,
        'Š' => 0x8a,
        '‹' => 0x8b,
        'Œ' => 0x8c,
        'Ž' => 0x8e,
        '‘' => 0x91,
        '’' => 0x92,
        '“' => 0x93,
        '”' => 0x94,
        '•' => 0x95,
        '–' => 0x96,
        '—' => 0x97,
        '˜' => 0x98,
        '™' => 0x99,
        'š' => 0x9a,
        '›' => 0x9b,
        'œ' => 0x9c,
        'ž' => 0x9e,
        'Ÿ' => 0x9f,
        _ => return None,
    })
}

/// What comes nearest, in ASCII.
const fn nearest(letter: char) -> &'static str {
    match letter {
        'Ā' | 'Ă' | 'Ą' | 'Α' => "A",
        'ā' | 'ă' | 'ą' => "a",
        'Ć' | 'Ĉ' | 'Ċ' | 'Č' => "C",
        'ć' | 'ĉ' | 'ċ' | 'č' => "c",
        'Ď' | 'Đ' => "D",
        'ď' | 'đ' => "d",
        'Ē' | 'Ĕ' | 'Ė' | 'Ę' | 'Ě' => "E",
        'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' => "e",
        'Ĝ' | 'Ğ' | 'Ġ' | 'Ģ' => "G",
        'ĝ' | 'ğ' | 'ġ' | 'ģ' => "g",
        'Ĥ' | 'Ħ' => "H",
        'ĥ' | 'ħ' => "h",
        'Ĩ' | 'Ī' | 'Ĭ' | 'Į' | 'İ' => "I",
        'ĩ' | 'ī' | 'ĭ' | 'į' | 'ı' => "i",
        'Ĵ' => "J",
        'ĵ' => "j",
        'Ķ' => "K",
        'ķ' => "k",
        'Ĺ' | 'Ļ' | 'Ľ' | 'Ł' => "L",
        'ĺ' | 'ļ' | 'ľ' | 'ł' => "l",
        'Ń' | 'Ņ' | 'Ň' => "N",
        'ń' | 'ņ' | 'ň' => "n",
        'Ō' | 'Ŏ' | 'Ő' => "O",
        'ō' | 'ŏ' | 'ő' => "o",
        'Ŕ' | 'Ŗ' | 'Ř' => "R",
        'ŕ' | 'ŗ' | 'ř' => "r",
        'Ś' | 'Ŝ' | 'Ş' | 'Ș' => "S",
        'ś' | 'ŝ' | 'ş' | 'ș' => "s",
        'Ţ' | 'Ť' | 'Ț' => "T",
        'ţ' | 'ť' | 'ț' => "t",
        'Ũ' | 'Ū' | 'Ŭ' | 'Ů' | 'Ű' | 'Ų' => "U",
        'ũ' | 'ū' | 'ŭ' | 'ů' | 'ű' | 'ų' => "u",
        'Ŵ' => "W",
        'ŵ' => "w",
        'Ŷ' => "Y",
        'ŷ' => "y",
        'Ź' | 'Ż' => "Z",
        'ź' | 'ż' => "z",
        'ẞ' => "SS",
        '→' | '⇒' => "->",
        '←' | '⇐' => "<-",
        '≤' => "<=",
        '≥' => ">=",
        '≠' => "!=",
        '≈' => "~",
        '−' | '‐' | '‑' | '‒' => "-",
        '′' => "'",
        '″' => "\"",
        '✓' | '✔' | '☑' => "[x]",
        '☐' => "[ ]",
        '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => " ",
        _ => "?",
    }
}

/// Lines that are no wider than `wide`. A word that is too wide is broken; each line has one letter at least.
pub fn wrapped(text: &str, face: Face, size: f32, wide: f32) -> Vec<String> {
    text.split('\n').flat_map(|line| wrapped_line(&tidied(line), face, size, wide)).collect()
}

fn wrapped_line(text: &str, face: Face, size: f32, wide: f32) -> Vec<String> {
    let space = letter(' ', face, size);
    let (mut lines, mut line, mut used) = (Vec::new(), String::new(), 0.0_f32);
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let own = width(word, face, size);
        if !line.is_empty() && used + space + own <= wide {
            line.push(' ');
            line.push_str(word);
            used += space + own;
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
            used = 0.0;
        }
        if own <= wide {
            line.push_str(word);
            used = own;
            continue;
        }
        for one in word.chars() {
            let own = letter(one, face, size);
            if !line.is_empty() && used + own > wide {
                lines.push(std::mem::take(&mut line));
                used = 0.0;
            }
            line.push(one);
            used += own;
        }
    }
    lines.push(line);
    lines
}

/// Cut to this width, with an ellipsis where something is left out.
pub fn cut(text: &str, face: Face, size: f32, wide: f32) -> String {
    let text = tidied(text);
    let dots = letter('…', face, size);
    let (mut used, mut fits) = (0.0, 0);
    for (place, one) in text.char_indices() {
        used += letter(one, face, size);
        if used <= wide - dots {
            fits = place + one.len_utf8();
        }
        if used > wide {
            return format!("{}…", text[..fits].trim_end());
        }
    }
    text.into_owned()
}

// Widths of the codes 32 to 255, thousandths of the size.
#[rustfmt::skip]
const REGULAR: [u16; 224] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278,
    556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556,
    1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778,
    667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556,
    333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556,
    556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584, 350,
    556, 350, 222, 556, 333, 1000, 556, 556, 333, 1000, 667, 333, 1000, 350, 611, 350,
    350, 222, 222, 333, 333, 350, 556, 1000, 333, 1000, 500, 333, 944, 350, 500, 667,
    278, 333, 556, 556, 556, 556, 260, 556, 333, 737, 370, 556, 584, 333, 737, 333,
    400, 584, 333, 333, 333, 556, 537, 278, 333, 333, 365, 556, 834, 834, 834, 611,
    667, 667, 667, 667, 667, 667, 1000, 722, 667, 667, 667, 667, 278, 278, 278, 278,
    722, 722, 778, 778, 778, 778, 778, 584, 778, 722, 722, 722, 722, 667, 667, 611,
    556, 556, 556, 556, 556, 556, 889, 500, 556, 556, 556, 556, 278, 278, 278, 278,
    556, 556, 556, 556, 556, 556, 556, 584, 611, 556, 556, 556, 556, 500, 556, 500,
];
#[rustfmt::skip]
const BOLD: [u16; 224] = [
    278, 333, 474, 556, 556, 889, 722, 238, 333, 333, 389, 584, 278, 333, 278, 278,
    556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 333, 333, 584, 584, 584, 611,
    975, 722, 722, 722, 722, 667, 611, 778, 722, 278, 556, 722, 611, 833, 722, 778,
    667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 333, 278, 333, 584, 556,
    333, 556, 611, 556, 611, 556, 333, 611, 611, 278, 278, 556, 278, 889, 611, 611,
    611, 611, 389, 556, 333, 611, 556, 778, 556, 556, 500, 389, 280, 389, 584, 350,
    556, 350, 278, 556, 500, 1000, 556, 556, 333, 1000, 667, 333, 1000, 350, 611, 350,
    350, 278, 278, 500, 500, 350, 556, 1000, 333, 1000, 556, 333, 944, 350, 500, 667,
    278, 333, 556, 556, 556, 556, 280, 556, 333, 737, 370, 556, 584, 333, 737, 333,
    400, 584, 333, 333, 333, 611, 556, 278, 333, 333, 365, 556, 834, 834, 834, 611,
    722, 722, 722, 722, 722, 722, 1000, 722, 667, 667, 667, 667, 278, 278, 278, 278,
    722, 722, 778, 778, 778, 778, 778, 584, 778, 722, 722, 722, 722, 667, 667, 611,
    556, 556, 556, 556, 556, 556, 889, 556, 556, 556, 556, 556, 278, 278, 278, 278,
    611, 611, 611, 611, 611, 611, 611, 584, 611, 611, 611, 611, 611, 556, 611, 556,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn umlauts_and_the_euro_sign_are_exact() {
        let (bytes, replaced) = encoded("Größe: 5 € „ja“ – ŠŽœ");
        assert_eq!(bytes, b"Gr\xf6\xdfe: 5 \x80 \x84ja\x93 \x96 \x8a\x8e\x9c");
        assert!(!replaced);
        let (bytes, replaced) = encoded("Łódź → 漢\u{301}");
        assert_eq!((bytes.as_slice(), replaced), (b"L\xf3dz -> ?".as_slice(), true));
    }

    #[test]
    fn lines_are_no_wider_than_asked_and_lose_nothing() {
        let text = "Ein Satz mit einem Wortungeheuerohnejedenzwischenraumdaszulangist und mehr";
        let lines = wrapped(text, Face::Regular, 10.0, 80.0);
        assert!(lines.iter().all(|line| width(line, Face::Regular, 10.0) <= 80.0), "{lines:?}");
        let joined: String = lines.concat().chars().filter(|one| *one != ' ').collect();
        assert_eq!(joined, text.replace(' ', ""));
        // No room at all: one letter a line.
        assert_eq!(wrapped("abc", Face::Bold, 10.0, 0.0), ["a", "b", "c"]);
        assert_eq!(wrapped("", Face::Bold, 10.0, 10.0), [""]);
    }

    #[test]
    fn what_is_cut_fits() {
        let text = cut("Ein recht langer Titel", Face::Regular, 9.0, 50.0);
        assert!(text.ends_with('…') && width(&text, Face::Regular, 9.0) <= 50.0, "{text}");
        assert_eq!(cut("kurz", Face::Regular, 9.0, 50.0), "kurz");
    }
}
