//! The two languages: which words are fillers, which leave a doubt, and how times and lengths are said.

use jiff::SignedDuration;

use super::numbers::number;
use super::{Clock, Half, Said};
use crate::directory::Language;

/// A language that is understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tongue {
    English,
    German,
}

/// Words around a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Before a time of day: it is the beginning of something.
    Since,
    /// Before a length: the same.
    Long,
    /// Before it: more or less.
    About,
    /// After a length.
    Ago,
}

/// Lower case, without what divides sentences; `9:40` and `9.40` stay whole, `10Uhr` and `3pm` do not.
pub(super) fn words(text: &str) -> Vec<String> {
    let lower = text.to_lowercase().replace(['’', '‘'], "'").replace("a.m.", "am").replace("p.m.", "pm");
    let mut found = Vec::new();
    for word in lower.split(|c: char| c.is_whitespace() || matches!(c, '…' | '–' | '—')) {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        let digits = bare.find(|c: char| !c.is_ascii_digit() && !matches!(c, ':' | '.'));
        match digits {
            Some(at) if at > 0 => {
                let (number, unit) = bare.split_at(at);
                found.extend([number.to_owned(), unit.trim_start_matches('-').to_owned()]);
            }
            Some(_) | None if bare.is_empty() => {}
            Some(_) | None => found.push(bare.to_owned()),
        }
    }
    found
}

const ENGLISH_DOUBT: &[&str] = &[
    "not", "never", "don't", "didn't", "wasn't", "isn't", "maybe", "perhaps", "probably", "possibly", "might", "or",
    "between", "until", "till", "shortly", "sure", "unsure", "know", "idea", "guess", "think", "believe", "suppose",
    "assume", "few", "couple", "several", "some", "many", "least", "most", "latest", "earliest", "next", "tomorrow",
    "other", "than", "almost", "nearly", "over", "under",
];
const GERMAN_DOUBT: &[&str] = &[
    "nicht",
    "nie",
    "vielleicht",
    "wahrscheinlich",
    "vermutlich",
    "möglicherweise",
    "eventuell",
    "könnte",
    "oder",
    "zwischen",
    "bis",
    "bevor",
    "nachdem",
    "kurz",
    "sicher",
    "unsicher",
    "weiß",
    "weiss",
    "ahnung",
    "glaube",
    "glaub",
    "denke",
    "denk",
    "schätze",
    "vermute",
    "meine",
    "paar",
    "einige",
    "einigen",
    "mehrere",
    "mehreren",
    "manche",
    "viele",
    "vielen",
    "mindestens",
    "höchstens",
    "spätestens",
    "frühestens",
    "nächste",
    "nächsten",
    "fast",
    "knapp",
    "gut",
    "über",
    "unter",
];
/// About time, so that what is left of them beside a time that was understood leaves a doubt.
const ENGLISH_TIMELY: &[&str] = &[
    "second",
    "seconds",
    "minute",
    "minutes",
    "hour",
    "hours",
    "day",
    "days",
    "week",
    "weeks",
    "month",
    "months",
    "year",
    "years",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "yesterday",
    "today",
    "tonight",
    "morning",
    "noon",
    "midday",
    "afternoon",
    "evening",
    "night",
    "midnight",
    "o'clock",
    "am",
    "pm",
    "half",
    "quarter",
    "last",
    "ago",
    "since",
    "past",
    "weekend",
    "lunch",
    "earlier",
    "later",
    "before",
    "after",
    "by",
];
const GERMAN_TIMELY: &[&str] = &[
    "sekunde",
    "sekunden",
    "minute",
    "minuten",
    "stunde",
    "stunden",
    "tag",
    "tage",
    "tagen",
    "woche",
    "wochen",
    "monat",
    "monate",
    "monaten",
    "jahr",
    "jahren",
    "montag",
    "dienstag",
    "mittwoch",
    "donnerstag",
    "freitag",
    "samstag",
    "sonnabend",
    "sonntag",
    "gestern",
    "vorgestern",
    "heute",
    "morgen",
    "früh",
    "vormittag",
    "mittag",
    "nachmittag",
    "abend",
    "nacht",
    "mitternacht",
    "morgens",
    "vormittags",
    "mittags",
    "nachmittags",
    "abends",
    "nachts",
    "uhr",
    "halb",
    "viertel",
    "dreiviertel",
    "halbe",
    "halben",
    "viertelstunde",
    "dreiviertelstunde",
    "letzte",
    "letzten",
    "letzter",
    "seit",
    "wochenende",
    "vorhin",
    "eben",
    "früher",
    "später",
    "vor",
    "nach",
];
const ENGLISH_FILLERS: &[&str] = &[
    "uh", "um", "er", "well", "so", "it", "it's", "its", "this", "that's", "has", "been", "is", "was", "down", "the",
    "problem", "started", "began", "happened", "i'd", "say", "exactly", "yes", "yeah", "about", "around", "now",
    "since", "for", "at", "please", "okay", "ok", "already", "and", "we", "have", "had", "just",
];
const GERMAN_FILLERS: &[&str] = &[
    "äh",
    "ähm",
    "hm",
    "also",
    "ja",
    "das",
    "es",
    "ist",
    "war",
    "schon",
    "geht",
    "so",
    "etwa",
    "ungefähr",
    "circa",
    "ca",
    "genau",
    "jetzt",
    "seit",
    "um",
    "gegen",
    "bitte",
    "okay",
    "ok",
    "begonnen",
    "angefangen",
    "hat",
    "haben",
    "wir",
    "das",
    "problem",
    "und",
    "nun",
    "her",
];

impl Tongue {
    pub(super) fn of(language: &Language) -> Option<Self> {
        match language.0.get(..2)?.to_ascii_lowercase().as_str() {
            "en" => Some(Self::English),
            "de" => Some(Self::German),
            _ => None,
        }
    }

    const fn pick<T: Copy>(self, english: T, german: T) -> T {
        match self {
            Self::English => english,
            Self::German => german,
        }
    }

    pub(super) fn is_doubt(self, word: &str) -> bool {
        self.pick(ENGLISH_DOUBT, GERMAN_DOUBT).contains(&word)
    }

    pub(super) fn is_filler(self, word: &str) -> bool {
        self.pick(ENGLISH_FILLERS, GERMAN_FILLERS).contains(&word)
    }

    /// A word that says something about time, or a number.
    pub(super) fn is_timely(self, word: &str) -> bool {
        // "One" and "eine" are as often no numbers.
        let article = matches!(word, "one" | "ein" | "eine" | "einem" | "einer" | "einen");
        self.pick(ENGLISH_TIMELY, GERMAN_TIMELY).contains(&word)
            || word.bytes().any(|byte| byte.is_ascii_digit())
            || (!article && number(&[word], self).is_some())
    }

    /// How many words of this part stand at the beginning.
    pub(super) fn prefix(self, words: &[&str], part: Part) -> usize {
        let one = |known: &[&str]| usize::from(words.first().is_some_and(|word| known.contains(word)));
        match (part, self) {
            (Part::Since, Self::English) => one(&["since", "at", "from"]),
            (Part::Since, Self::German) => one(&["seit", "um", "ab", "gegen"]),
            (Part::Long, Self::English) => one(&["since", "for"]),
            (Part::Long, Self::German) => one(&["seit", "vor"]),
            (Part::About, Self::English) => one(&["about", "around", "roughly", "approximately", "exactly"]),
            (Part::About, Self::German) => one(&["etwa", "ungefähr", "circa", "ca", "rund", "gegen", "genau"]),
            (Part::Ago, Self::English) => one(&["ago", "now"]),
            (Part::Ago, Self::German) => one(&["her"]),
        }
    }

    /// A day by its name: so many days ago.
    pub(super) fn day(self, words: &[&str]) -> Option<(i16, usize)> {
        match (self, words) {
            (Self::English, ["the", "day", "before", "yesterday", ..]) => Some((2, 4)),
            (Self::English, ["yesterday", ..]) | (Self::German, ["gestern", ..]) => Some((1, 1)),
            (Self::German, ["vorgestern", ..]) => Some((2, 1)),
            (Self::English | Self::German, _) => None,
        }
    }

    /// A day and a part of it before or after a time.
    fn around(self, words: &[&str]) -> (Option<i16>, Option<Half>, usize) {
        let half = |word: &str| match (self, word) {
            (Self::English, "morning") | (Self::German, "früh" | "morgen" | "morgens" | "vormittag" | "vormittags") => {
                Some(Half::Morning)
            }
            (Self::English, "afternoon" | "evening")
            | (Self::German, "nachmittag" | "nachmittags" | "abend" | "abends") => Some(Half::Later),
            (Self::English | Self::German, _) => None,
        };
        let today = self.pick("today", "heute");
        let (day, mut taken) = match words.first() {
            Some(word) if *word == today => (Some(0), 1),
            Some(&"this") if self == Self::English && words.get(1).is_some_and(|next| half(next).is_some()) => {
                (Some(0), 1)
            }
            Some(_) | None => self.day(words).map_or((None, 0), |(days, taken)| (Some(days), taken)),
        };
        let rest = words.get(taken..).unwrap_or_default();
        let lead = match (self, rest) {
            (Self::English, ["in", "the", ..]) => 2,
            (Self::German, ["am", ..]) => 1,
            (Self::English | Self::German, _) => 0,
        };
        let part = rest.get(lead).and_then(|word| half(word));
        if part.is_some() {
            taken += lead + 1;
        }
        (day, part, taken)
    }

    /// A time of day, with the day around it. Without "since" before it, it must be written or said so that it can be nothing else.
    pub(super) fn clock(self, words: &[&str], anchored: bool) -> Option<(Said, usize)> {
        let (day_before, half_before, mut at) = self.around(words);
        let between = usize::from(words.get(at).is_some_and(|word| self.pick(&["at"], &["um"]).contains(word)));
        let anchored = anchored || between > 0;
        at += between;
        at += self.prefix(words.get(at..)?, Part::About);
        let noon = matches!(words.get(at), Some(&"noon" | &"midday"));
        let midnight = matches!(words.get(at), Some(&"midnight" | &"mitternacht"));
        let (hour, minute, clear, taken) = self.time_of_day(words.get(at..)?)?;
        at += taken;
        let mut half = half_before.or(noon.then_some(Half::Later));
        let mut sure = clear;
        if self == Self::English
            && let Some(word @ ("am" | "pm")) = words.get(at).copied()
        {
            half = Some(if word == "am" { Half::Morning } else { Half::Later });
            (sure, at) = (true, at + 1);
        }
        let (day_after, half_after, taken) = self.around(words.get(at..)?);
        at += taken;
        if (day_before.is_some() && day_after.is_some()) || (half.is_some() && half_after.is_some()) {
            return None;
        }
        half = half.or(half_after);
        let day = day_before.or(day_after);
        // The midnight of a day is its beginning to some and its end to others.
        if !(anchored || sure || half.is_some() || day.is_some()) || (midnight && day.is_some()) {
            return None;
        }
        let by_hour = hour == 0 || hour > 12;
        let half = match half {
            // "15 Uhr nachmittags" is fine, "15 Uhr morgens" is not.
            Some(Half::Morning) if hour > 12 => return None,
            Some(_) | None if by_hour => Some(Half::Clear),
            half => half,
        };
        Some((Said::Clock(Clock { hour, minute, half, day }), at))
    }

    /// Hour, minute, whether it can be nothing but a time of day, and how many words it takes.
    fn time_of_day(self, words: &[&str]) -> Option<(i8, i8, bool, usize)> {
        let first = *words.first()?;
        if let Some((hour, minute)) = first.split_once([':', '.']) {
            let two = |text: &str| (1..=2).contains(&text.len()).then(|| text.parse::<i8>().ok()).flatten();
            let (hour, minute) = (two(hour)?, two(minute).filter(|_| minute.len() == 2)?);
            let uhr = usize::from(words.get(1) == Some(&"uhr"));
            return on_clock(hour, minute).map(|(hour, minute)| (hour, minute, true, 1 + uhr));
        }
        match self {
            Self::English => self.english_time(words),
            Self::German => self.german_time(words),
        }
    }

    fn english_time(self, words: &[&str]) -> Option<(i8, i8, bool, usize)> {
        match words {
            ["noon" | "midday", ..] => return Some((12, 0, true, 1)),
            ["midnight", ..] => return Some((0, 0, true, 1)),
            ["half", "past", rest @ ..] => return self.hour(rest).map(|(hour, taken)| (hour, 30, true, 2 + taken)),
            ["quarter", "past", rest @ ..] => return self.hour(rest).map(|(hour, taken)| (hour, 15, true, 2 + taken)),
            ["quarter", "to", rest @ ..] => {
                return self.hour(rest).map(|(hour, taken)| (before(hour), 45, true, 2 + taken));
            }
            [..] => {}
        }
        let (first, taken) = number(words, self)?;
        let first = i8::try_from(first).ok()?;
        let rest = words.get(taken..)?;
        let skip = usize::from(matches!(rest, ["minutes", "past" | "to", ..]));
        let (rest, taken) = (rest.get(skip..)?, taken + skip);
        match rest {
            ["past", rest @ ..] if (1..30).contains(&first) => {
                self.hour(rest).map(|(hour, more)| (hour, first, true, taken + 1 + more))
            }
            ["to", rest @ ..] if (1..30).contains(&first) => {
                self.hour(rest).map(|(hour, more)| (before(hour), 60 - first, true, taken + 1 + more))
            }
            ["o'clock", ..] => on_clock(first, 0).map(|(hour, minute)| (hour, minute, true, taken + 1)),
            [..] => {
                if let Some((minute, more)) = number(rest, self)
                    && (10..60).contains(&minute)
                    && rest.get(more).is_none_or(|word| self.unit(word).is_none())
                {
                    let (hour, minute) = on_clock(first, i8::try_from(minute).ok()?)?;
                    return Some((hour, minute, false, taken + more));
                }
                self.bare(first, rest).map(|hour| (hour, 0, false, taken))
            }
        }
    }

    fn german_time(self, words: &[&str]) -> Option<(i8, i8, bool, usize)> {
        match words {
            ["mitternacht", ..] => return Some((0, 0, true, 1)),
            ["halb", rest @ ..] => return self.hour(rest).map(|(hour, taken)| (before(hour), 30, true, 1 + taken)),
            ["viertel", "nach", rest @ ..] => {
                return self.hour(rest).map(|(hour, taken)| (hour, 15, true, 2 + taken));
            }
            ["viertel", "vor", rest @ ..] => {
                return self.hour(rest).map(|(hour, taken)| (before(hour), 45, true, 2 + taken));
            }
            ["dreiviertel", rest @ ..] => {
                return self.hour(rest).map(|(hour, taken)| (before(hour), 45, true, 1 + taken));
            }
            // "Viertel zehn" is 9:15 in one half of the country and 10:15 in the other.
            ["viertel", ..] => return None,
            [..] => {}
        }
        let (first, taken) = number(words, self)?;
        let first = i8::try_from(first).ok()?;
        let rest = words.get(taken..)?;
        let skip = usize::from(matches!(rest, ["minuten", "nach" | "vor", ..]));
        let (rest, taken) = (rest.get(skip..)?, taken + skip);
        match rest {
            ["nach", rest @ ..] if (1..30).contains(&first) => {
                self.hour(rest).map(|(hour, more)| (hour, first, true, taken + 1 + more))
            }
            ["vor", rest @ ..] if (1..30).contains(&first) => {
                self.hour(rest).map(|(hour, more)| (before(hour), 60 - first, true, taken + 1 + more))
            }
            ["uhr", rest @ ..] => {
                let minute = number(rest, self).filter(|(minute, more)| {
                    *minute < 60 && rest.get(*more).is_none_or(|word| self.unit(word).is_none())
                });
                let (minute, more) = minute.unwrap_or((0, 0));
                let (hour, minute) = on_clock(first, i8::try_from(minute).ok()?)?;
                Some((hour, minute, true, taken + 1 + more))
            }
            // "Seit einer" begins a length.
            [..] if words.first().is_some_and(|word| word.starts_with("ein") && *word != "eins") => None,
            [..] => self.bare(first, rest).map(|hour| (hour, 0, false, taken)),
        }
    }

    /// The hour of "ten past ten", with what may stand behind it.
    fn hour(self, words: &[&str]) -> Option<(i8, usize)> {
        let (hour, taken) = number(words, self)?;
        let hour = i8::try_from(hour).ok().filter(|hour| (1..=12).contains(hour))?;
        let after = usize::from(words.get(taken).is_some_and(|word| self.pick(&["o'clock"], &["uhr"]).contains(word)));
        Some((hour, taken + after))
    }

    /// A number alone as an hour, where no unit follows that makes it a length.
    fn bare(self, hour: i8, rest: &[&str]) -> Option<i8> {
        let length = rest.first().is_some_and(|word| {
            self.unit(word).is_some() || self.is_part_of_length(word) || number(&[word], self).is_some()
        });
        (!length && (1..=12).contains(&hour)).then_some(hour)
    }

    fn is_part_of_length(self, word: &str) -> bool {
        self.pick(
            &["and", "a", "weeks", "week", "months", "month", "years"][..],
            &["einhalb", "und", "wochen", "woche"],
        )
        .contains(&word)
    }

    fn unit(self, word: &str) -> Option<Unit> {
        match (self, word) {
            (Self::English, "minute" | "minutes" | "min" | "mins") | (Self::German, "minute" | "minuten" | "min") => {
                Some(Unit::Minutes)
            }
            (Self::English, "hour" | "hours") | (Self::German, "stunde" | "stunden" | "std") => Some(Unit::Hours),
            (Self::English, "day" | "days") | (Self::German, "tag" | "tage" | "tagen") => Some(Unit::Days),
            (Self::English | Self::German, _) => None,
        }
    }

    /// A length of time.
    pub(super) fn length(self, words: &[&str]) -> Option<(Said, usize)> {
        let minutes = |minutes: i64, taken: usize| Some((Said::Length(SignedDuration::from_mins(minutes)), taken));
        match (self, words) {
            (Self::English, ["half", "an", "hour", ..] | ["a", "half", "hour", ..])
            | (Self::German, ["einer" | "eine", "halben" | "halbe", "stunde", ..]) => return minutes(30, 3),
            (Self::English, ["a", "quarter", "of", "an", "hour", ..]) => return minutes(15, 5),
            (Self::English, ["an" | "one", "hour", "and", "a", "half", ..]) => return minutes(90, 5),
            (Self::English, ["an", "hour", ..]) => return minutes(60, 2),
            (Self::English, ["a", "minute", ..]) => return minutes(1, 2),
            (Self::English, ["a", "day", ..]) => return Some((Said::Days(1), 2)),
            (Self::German, ["einer" | "eine", "viertelstunde", ..]) => return minutes(15, 2),
            (Self::German, ["einer" | "eine", "dreiviertelstunde", ..]) => return minutes(45, 2),
            (Self::German, ["anderthalb" | "eineinhalb", "stunden", ..]) => return minutes(90, 2),
            (Self::English | Self::German, _) => {}
        }
        if self == Self::German
            && let [halves, "stunden", ..] = words
            && let Some(whole) = halves.strip_suffix("einhalb")
        {
            let (hours, _) = number(&[whole], self)?;
            return minutes(hours * 60 + 30, 2);
        }
        let (count, mut taken) = number(words, self)?;
        let half = match (self, words.get(taken..)?) {
            (Self::English, ["and", "a", "half", ..]) => 3,
            (Self::English | Self::German, _) => 0,
        };
        taken += half;
        let unit = self.unit(words.get(taken)?)?;
        taken += 1;
        match (unit, half > 0) {
            (_, _) if count == 0 => None,
            (Unit::Minutes, false) => minutes(count, taken),
            (Unit::Hours, true) => minutes(count * 60 + 30, taken),
            (Unit::Hours, false) => {
                let (more, extra) = self.and_minutes(words.get(taken..)?);
                minutes(count * 60 + more, taken + extra)
            }
            (Unit::Days, false) => Some((Said::Days(i16::try_from(count).ok()?), taken)),
            (Unit::Minutes | Unit::Days, true) => None,
        }
    }

    /// "and ten minutes" after hours.
    fn and_minutes(self, words: &[&str]) -> (i64, usize) {
        let and = usize::from(words.first().is_some_and(|word| matches!(*word, "and" | "und")));
        let rest = words.get(and..).unwrap_or_default();
        let found = number(rest, self)
            .filter(|(_, taken)| rest.get(*taken).is_some_and(|word| self.unit(word) == Some(Unit::Minutes)));
        found.map_or((0, 0), |(minutes, taken)| (minutes, and + taken + 1))
    }
}

/// What a length is counted in. Weeks and more are too vague.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Minutes,
    Hours,
    Days,
}

fn on_clock(hour: i8, minute: i8) -> Option<(i8, i8)> {
    ((0..=24).contains(&hour) && (0..60).contains(&minute) && (hour < 24 || minute == 0)).then_some((hour % 24, minute))
}

/// The hour before; of the twelve that are said.
const fn before(hour: i8) -> i8 {
    if hour == 1 { 12 } else { hour - 1 }
}
