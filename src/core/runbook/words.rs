//! The words by which documents are found. They are folded and shortened here, so that every database finds the same: `Störungen`
//! is found by `stoerung`, `disks` by `disk`.

/// Letters of a word that are looked at.
const LETTERS_MAX: usize = 40;
/// Words of a query that count.
const QUERY_MAX: usize = 8;
/// Endings that are taken off, the longest first; what is left has four letters at least.
const ENDINGS: [&str; 13] = ["ungen", "ings", "ing", "ung", "ern", "ies", "en", "er", "es", "em", "e", "n", "s"];
/// Letters that must be left.
const STEM_MIN: usize = 4;

/// All words of a text, divided by spaces: what a database indexes.
pub fn index(text: &str) -> String {
    let mut all = String::with_capacity(text.len());
    for word in folded(text) {
        if !all.is_empty() {
            all.push(' ');
        }
        all.push_str(stem(&word));
    }
    all
}

/// The words of a question, each the beginning of a word that must be there. Empty: nothing can be looked for.
pub fn query(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in folded(text) {
        let word = stem(&word).to_owned();
        if !words.contains(&word) && words.len() < QUERY_MAX {
            words.push(word);
        }
    }
    words
}

/// How well a document answers: words in the title count most.
pub fn rank(query: &[String], title: &str, body: &str) -> u32 {
    let found = |words: &str, word: &str| words.split(' ').filter(|one| one.starts_with(word)).count().min(9) as u32;
    let (title, body) = (index(title), index(body));
    query.iter().map(|word| found(&title, word) * 20 + found(&body, word)).sum()
}

/// A word without its ending.
pub(super) fn stem(word: &str) -> &str {
    let cut = |ending: &&str| word.strip_suffix(*ending).filter(|rest| rest.len() >= STEM_MIN);
    ENDINGS.iter().find_map(cut).unwrap_or(word)
}

/// Lower case, umlauts and accents written out; letters and digits only.
pub(super) fn folded(text: &str) -> impl Iterator<Item = String> {
    text.split(|letter: char| !letter.is_alphanumeric() && letter != '\u{308}').filter_map(|word| {
        let mut plain = String::new();
        for letter in word.chars().flat_map(char::to_lowercase).take(LETTERS_MAX) {
            match letter {
                'ä' | 'æ' => plain.push_str("ae"),
                'ö' | 'œ' => plain.push_str("oe"),
                'ü' => plain.push_str("ue"),
                'ß' => plain.push_str("ss"),
                'à' | 'á' | 'â' | 'ã' | 'å' => plain.push('a'),
                // An umlaut may come in two parts (macOS).
                'è' | 'é' | 'ê' | 'ë' | '\u{308}' => plain.push('e'),
                'ì' | 'í' | 'î' | 'ï' => plain.push('i'),
                'ò' | 'ó' | 'ô' | 'õ' | 'ø' => plain.push('o'),
                'ù' | 'ú' | 'û' => plain.push('u'),
                'ç' => plain.push('c'),
                'ñ' => plain.push('n'),
                other => plain.push(other),
            }
        }
        (!plain.is_empty()).then_some(plain)
    })
}
