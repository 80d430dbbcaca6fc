//! Numbers as they are said: 0 to 59.

use super::tongue::Tongue;

const ENGLISH: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const ENGLISH_TENS: [&str; 4] = ["twenty", "thirty", "forty", "fifty"];
const GERMAN: [&str; 20] = [
    "null",
    "eins",
    "zwei",
    "drei",
    "vier",
    "fünf",
    "sechs",
    "sieben",
    "acht",
    "neun",
    "zehn",
    "elf",
    "zwölf",
    "dreizehn",
    "vierzehn",
    "fünfzehn",
    "sechzehn",
    "siebzehn",
    "achtzehn",
    "neunzehn",
];
const GERMAN_TENS: [&str; 4] = ["zwanzig", "dreißig", "vierzig", "fünfzig"];

/// The number at the beginning of these words, and how many of them it takes.
pub(super) fn number(words: &[&str], tongue: Tongue) -> Option<(i64, usize)> {
    let first = *words.first()?;
    if (1..=3).contains(&first.len()) && first.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some((first.parse().ok()?, 1));
    }
    match tongue {
        Tongue::English => english(words),
        Tongue::German => german(first).map(|number| (number, 1)),
    }
}

fn place(all: &[&str], word: &str) -> Option<i64> {
    i64::try_from(all.iter().position(|known| *known == word)?).ok()
}

fn english(words: &[&str]) -> Option<(i64, usize)> {
    let first = *words.first()?;
    if let Some(number) = place(&ENGLISH, first) {
        return Some((number, 1));
    }
    let (tens, ones) = first.split_once('-').map_or((first, None), |(tens, ones)| (tens, Some(ones)));
    let tens = (place(&ENGLISH_TENS, tens)? + 2) * 10;
    let unit = |word: &str| place(&ENGLISH, word).filter(|number| (1..10).contains(number));
    match (ones, words.get(1)) {
        (Some(ones), _) => Some((tens + unit(ones)?, 1)),
        (None, Some(next)) => Some(unit(next).map_or((tens, 1), |ones| (tens + ones, 2))),
        (None, None) => Some((tens, 1)),
    }
}

fn german(word: &str) -> Option<i64> {
    let word = word.replace("ue", "ü").replace("oe", "ö").replace("dreissig", "dreißig");
    let word = word.as_str();
    if matches!(word, "ein" | "eine" | "einem" | "einer" | "einen") {
        return Some(1);
    }
    if let Some(number) = place(&GERMAN, word) {
        return Some(number);
    }
    let ten = GERMAN_TENS.iter().position(|tens| word.ends_with(tens))?;
    let tens = (i64::try_from(ten).ok()? + 2) * 10;
    let before = word.strip_suffix(GERMAN_TENS.get(ten)?)?;
    if before.is_empty() {
        return Some(tens);
    }
    let ones = before.strip_suffix("und")?;
    let ones = if ones == "ein" { 1 } else { place(&GERMAN, ones).filter(|number| (2..10).contains(number))? };
    Some(tens + ones)
}
