//! Collects mistakes, and reads tables key by key so that none is overlooked.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::tree::{Place, Spot, Value};
use super::words;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The document it stands in (`users/ada`); `None`: the file or the environment.
    pub document: Option<String>,
    /// The field of the document (`contacts[0].address`).
    pub field: Option<String>,
    /// Where, for people: file and line, or the document.
    pub place: String,
    /// What is wrong and what to do.
    pub what: String,
}

impl std::fmt::Display for Mistake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// What was found wrong so far, and what is worth saying.
#[derive(Debug, Default)]
pub(super) struct Report {
    mistakes: RefCell<Vec<(Place, String)>>,
    warnings: RefCell<Vec<String>>,
}

impl Report {
    /// `what` says what is wrong and, after a semicolon, what to do.
    pub fn mistake(&self, place: &Place, what: impl Into<String>) {
        self.mistakes.borrow_mut().push((place.clone(), what.into()));
    }

    /// Not wrong, but worth saying; with the remedy.
    pub fn warn(&self, place: &Place, what: impl AsRef<str>) {
        self.warnings.borrow_mut().push(format!("{place}: {}", what.as_ref()));
    }

    /// How many mistakes so far.
    pub fn count(&self) -> usize {
        self.mistakes.borrow().len()
    }

    /// All mistakes in the order of files and lines, and all warnings.
    pub fn into_parts(self) -> (Vec<Mistake>, Vec<String>) {
        let mut mistakes = self.mistakes.into_inner();
        mistakes.sort_by(|(a, _), (b, _)| (&a.file, a.line).cmp(&(&b.file, b.line)));
        let mut told: Vec<Mistake> = mistakes
            .into_iter()
            .map(|(place, what)| Mistake {
                document: place.field.as_ref().map(|_| place.file.to_string()),
                field: place.field.as_ref().map(ToString::to_string),
                place: place.to_string(),
                what,
            })
            .collect();
        told.dedup();
        (told, self.warnings.into_inner())
    }
}

/// A text and where it stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Word<'a> {
    pub text: &'a str,
    pub place: &'a Place,
}

/// One table of the configuration, read key by key. [`Section::finish`] tells the keys
/// nobody asked for.
pub(super) struct Section<'a> {
    /// For messages: ``[[numbers]] `hotline` ``.
    pub what: String,
    pub place: &'a Place,
    pub report: &'a Report,
    entries: &'a [(String, Spot)],
    asked: RefCell<Vec<&'static str>>,
    forgiven: Cell<bool>,
}

impl<'a> Section<'a> {
    /// `None` (and a mistake) where the value is no table.
    pub fn new(spot: &'a Spot, what: impl Into<String>, report: &'a Report) -> Option<Self> {
        let what = what.into();
        let Value::Table(entries) = &spot.value else {
            report.mistake(
                &spot.place,
                format!(
                    "{what} is {}, a table is needed; write it as [{what}] with lines `key = value` below",
                    spot.value.kind()
                ),
            );
            return None;
        };
        Some(Self { what, place: &spot.place, report, entries, asked: RefCell::default(), forgiven: Cell::new(false) })
    }

    /// The value as it stands.
    pub fn spot(&self, key: &'static str) -> Option<&'a Spot> {
        self.asked.borrow_mut().push(key);
        self.entries.iter().find(|(own, _)| own == key).map(|(_, spot)| spot)
    }

    /// The path of a file of this machine. What came through the API may name none.
    pub fn file(&self, key: &'static str) -> Option<Word<'a>> {
        let word = self.text(key)?;
        if word.place.is_document() {
            let what =
                format!("`{key}` can only stand in hotline.toml: it names a file of the server; send the value itself");
            self.report.mistake(word.place, what);
            return None;
        }
        Some(word)
    }

    /// All entries, for tables whose keys are names.
    pub const fn entries(&self) -> &'a [(String, Spot)] {
        self.entries
    }

    fn wrong(&self, spot: &Spot, key: &str, need: &str) {
        let what = format!("`{key}` of {} is {}, but {need} is needed", self.what, spot.value.kind());
        self.report.mistake(&spot.place, what);
    }

    /// A text.
    pub fn text(&self, key: &'static str) -> Option<Word<'a>> {
        let spot = self.spot(key)?;
        match &spot.value {
            Value::Text(text) if !text.trim().is_empty() => Some(Word { text: text.trim(), place: &spot.place }),
            Value::Text(_) => {
                self.report.mistake(
                    &spot.place,
                    format!("`{key}` of {} is empty; write a value or remove the line", self.what),
                );
                None
            }
            Value::Moment(text) => Some(Word { text, place: &spot.place }),
            Value::Whole(_) | Value::Float | Value::Flag(_) | Value::List(_) | Value::Table(_) | Value::Nothing => {
                self.wrong(spot, key, "a text in \"quotes\"");
                None
            }
        }
    }

    /// A text that must be there.
    pub fn need(&self, key: &'static str, example: &str) -> Option<Word<'a>> {
        if self.has(key, example) { self.text(key) } else { None }
    }

    /// Whether the key is there; if not, that is a mistake.
    pub fn has(&self, key: &'static str, example: &str) -> bool {
        let there = self.spot(key).is_some();
        if !there {
            let what = if self.place.is_document() {
                format!("{} has no `{key}`; add it, such as {example}", self.what)
            } else {
                format!("{} has no `{key}`; add a line such as {key} = {example}", self.what)
            };
            self.report.mistake(&self.place.within(key), what);
        }
        there
    }

    /// A list of texts; a single text counts as a list of one. `None`: the key is not there.
    pub fn texts(&self, key: &'static str) -> Option<Vec<Word<'a>>> {
        let spot = self.spot(key)?;
        match &spot.value {
            Value::List(items) => Some(
                items
                    .iter()
                    .filter_map(|item| match &item.value {
                        Value::Text(text) => Some(Word { text: text.trim(), place: &item.place }),
                        Value::Moment(text) => Some(Word { text, place: &item.place }),
                        Value::Whole(_)
                        | Value::Float
                        | Value::Flag(_)
                        | Value::List(_)
                        | Value::Table(_)
                        | Value::Nothing => {
                            self.wrong(item, key, "a list of texts [\"…\", \"…\"]");
                            None
                        }
                    })
                    .collect(),
            ),
            Value::Text(_) | Value::Moment(_) => Some(self.text(key).into_iter().collect()),
            Value::Whole(_) | Value::Float | Value::Flag(_) | Value::Table(_) | Value::Nothing => {
                self.wrong(spot, key, "a list of texts [\"…\", \"…\"]");
                None
            }
        }
    }

    /// A whole number within a range.
    pub fn whole(&self, key: &'static str, range: &RangeInclusive<i64>) -> Option<i64> {
        let spot = self.spot(key)?;
        match spot.value {
            Value::Whole(whole) if range.contains(&whole) => Some(whole),
            Value::Whole(_) => {
                let what = format!(
                    "`{key}` of {} must be between {} and {}; change the number",
                    self.what,
                    range.start(),
                    range.end()
                );
                self.report.mistake(&spot.place, what);
                None
            }
            Value::Text(_)
            | Value::Float
            | Value::Flag(_)
            | Value::Moment(_)
            | Value::List(_)
            | Value::Table(_)
            | Value::Nothing => {
                self.wrong(spot, key, "a whole number without quotes");
                None
            }
        }
    }

    /// `true` or `false`.
    pub fn flag(&self, key: &'static str) -> Option<bool> {
        let spot = self.spot(key)?;
        if let Value::Flag(flag) = spot.value {
            return Some(flag);
        }
        self.wrong(spot, key, "true or false without quotes");
        None
    }

    /// A duration such as `"25s"` within a range.
    pub fn duration(&self, key: &'static str, range: &RangeInclusive<Duration>) -> Option<Duration> {
        if let Some(spot) = self.spot(key)
            && !matches!(spot.value, Value::Text(_))
        {
            self.wrong(spot, key, "a duration in quotes such as \"25s\", \"1500ms\" or \"2m\"");
            return None;
        }
        let word = self.text(key)?;
        let Some(duration) = words::duration(word.text) else {
            let what = format!(
                "`{key}` of {}: `{}` is no duration; write it like \"25s\", \"1500ms\", \"2m\" or \"1h30m\"",
                self.what, word.text
            );
            self.report.mistake(word.place, what);
            return None;
        };
        if !range.contains(&duration) {
            let (from, to) = (words::spell(*range.start()), words::spell(*range.end()));
            self.report
                .mistake(word.place, format!("`{key}` of {} must be between {from} and {to}; change it", self.what));
            return None;
        }
        Some(duration)
    }

    /// The tables of a list (`[[key]]`).
    pub fn tables(&self, key: &'static str) -> &'a [Spot] {
        let Some(spot) = self.spot(key) else { return &[] };
        if let Value::List(items) = &spot.value {
            return items;
        }
        self.wrong(spot, key, &format!("a list of tables, each headed [[{key}]],"));
        &[]
    }

    /// Leaves the other keys aside: what they mean can't be known.
    pub fn forgive(&self) {
        self.forgiven.set(true);
    }

    /// Tells every key nobody asked for.
    pub fn finish(&self) {
        if self.forgiven.get() {
            return;
        }
        let asked = self.asked.borrow();
        for (key, spot) in self.entries.iter().filter(|(key, _)| !asked.contains(&key.as_str())) {
            let known = asked.iter().copied();
            let remedy = if let Some(near) = closest(key, known.clone()) {
                format!("did you mean `{near}`?")
            } else {
                let mut all: Vec<&str> = known.collect();
                let mut told = HashSet::new();
                all.retain(|key| told.insert(*key));
                format!("remove it (known: {})", all.join(", "))
            };
            self.report.mistake(&spot.place, format!("{} knows no `{key}`; {remedy}", self.what));
        }
    }
}

/// The known word that was probably meant.
pub(super) fn closest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let word = word.to_lowercase();
    known
        .into_iter()
        .map(|candidate| (distance(&word, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.chars().count() / 3).clamp(1, 3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `; did you mean …?`, or a list of what there is.
pub(super) fn hint<'k>(word: &str, known: impl IntoIterator<Item = &'k str> + Clone) -> String {
    if let Some(near) = closest(word, known.clone()) {
        return format!("did you mean `{near}`?");
    }
    let all: Vec<&str> = known.into_iter().take(20).collect();
    if all.is_empty() { "there is none so far, add it".to_owned() } else { format!("there are: {}", all.join(", ")) }
}

/// Edits from one word to the other: insert, remove, replace, swap neighbours.
fn distance(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().take(64).collect(), to.chars().take(64).collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in to.iter().enumerate() {
            let swap = i > 0 && j > 0 && *a == to[j - 1] && from[i - 1] == *b;
            let mut edits = (last[j] + usize::from(a != b)).min(last[j + 1] + 1).min(row[j] + 1);
            if swap {
                edits = edits.min(before[j - 1] + 1);
            }
            row.push(edits);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[to.len()]
}

#[cfg(test)]
mod tests {
    use super::{closest, distance};

    #[test]
    fn near_words_are_found() {
        assert_eq!(distance("phones", "phnoes"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(closest("shedule", ["schedule", "members"]), Some("schedule"));
        assert_eq!(closest("xyz", ["schedule", "members"]), None);
    }
}
