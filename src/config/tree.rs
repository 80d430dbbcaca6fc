//! TOML and JSON as one tree whose values know where they stand.
//!
//! A derived deserializer stops at the first mistake; whoever writes a configuration wants to
//! see all of them, each with its line. So the text is parsed here and judged by hand elsewhere.

use std::fmt;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Deepest nesting that is read; beyond it the value is called a mistake.
const DEPTH_MAX: usize = 32;

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// As it is told to people.
    pub file: Arc<str>,
    /// Counts from 1; 0: the place has no lines (the environment, a document).
    pub line: usize,
    /// In a document: which field (`contacts[0].address`; empty: the whole).
    pub field: Option<Arc<str>>,
}

impl Place {
    pub fn new(file: &str, line: usize) -> Self {
        Self { file: file.into(), line, field: None }
    }

    /// A field of a document that was written through the API.
    pub fn field(file: &Arc<str>, field: &str) -> Self {
        Self { file: Arc::clone(file), line: 0, field: Some(field.into()) }
    }

    /// The place where `key` of this table would stand.
    pub fn within(&self, key: &str) -> Self {
        let field =
            self.field.as_ref().map(|own| if own.is_empty() { key.into() } else { format!("{own}.{key}").into() });
        Self { field, ..self.clone() }
    }

    /// It came through the API: it may name no file of this machine.
    pub const fn is_document(&self) -> bool {
        self.field.is_some()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.file),
            line => write!(f, "{}:{line}", self.file),
        }
    }
}

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Spot {
    pub place: Place,
    pub value: Value,
}

#[derive(Debug, Clone)]
pub(super) enum Value {
    Text(String),
    Whole(i64),
    /// No setting is one; kept to be told.
    Float,
    Flag(bool),
    /// A date or time, as RFC 3339 writes it.
    Moment(String),
    List(Vec<Spot>),
    /// In the order of the lines.
    Table(Vec<(String, Spot)>),
    /// JSON's `null`.
    Nothing,
}

impl Value {
    /// For messages.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Whole(_) | Self::Float => "a number",
            Self::Flag(_) => "true or false",
            Self::Moment(_) => "a date or time",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Nothing => "null",
        }
    }
}

/// Reads TOML; all mistakes of syntax come back with what could be read.
pub(super) fn toml(text: &str, file: &str) -> (Spot, Vec<(Place, String)>) {
    let lines = Lines { file: file.into(), starts: line_starts(text) };
    let (root, errors) = DeTable::parse_recoverable(text);
    let told = errors
        .iter()
        .map(|error| {
            let at = error.span().map_or(0, |span| span.start);
            (
                lines.place(at),
                format!("{}; mend the TOML there (texts need \"quotes\", tables [brackets])", error.message()),
            )
        })
        .collect();
    let mut root = table(root.get_ref(), &lines, lines.place(0), 0);
    root.place.line = 1;
    (root, told)
}

struct Lines {
    file: Arc<str>,
    starts: Vec<usize>,
}

impl Lines {
    fn place(&self, offset: usize) -> Place {
        let line = self.starts.partition_point(|start| *start <= offset);
        Place { file: Arc::clone(&self.file), line, field: None }
    }
}

fn line_starts(text: &str) -> Vec<usize> {
    std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect()
}

fn table(entries: &DeTable<'_>, lines: &Lines, place: Place, depth: usize) -> Spot {
    let mut own: Vec<(String, Spot)> = entries
        .iter()
        .map(|(key, value)| (key.get_ref().to_string(), spot(value, lines, lines.place(key.span().start), depth + 1)))
        .collect();
    own.sort_by_key(|(_, spot)| spot.place.line);
    Spot { place, value: Value::Table(own) }
}

fn spot(value: &Spanned<DeValue<'_>>, lines: &Lines, place: Place, depth: usize) -> Spot {
    if depth > DEPTH_MAX {
        return Spot { place, value: Value::Nothing };
    }
    let value = match value.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(whole) => {
            // Beyond 64 bits it is no number of ours; any range check will say so.
            Value::Whole(i64::from_str_radix(whole.as_str(), whole.radix()).unwrap_or(i64::MAX))
        }
        DeValue::Float(_) => Value::Float,
        DeValue::Boolean(flag) => Value::Flag(*flag),
        DeValue::Datetime(moment) => Value::Moment(moment.to_string()),
        DeValue::Array(items) => {
            Value::List(items.iter().map(|item| spot(item, lines, lines.place(item.span().start), depth + 1)).collect())
        }
        DeValue::Table(entries) => return table(entries, lines, place, depth),
    };
    Spot { place, value }
}

/// A document that was written through the API; `file` names it in messages. What is `null` is left out.
pub(super) fn document(body: &serde_json::Value, file: &str) -> Spot {
    from_json(body, &file.into(), "", 0)
}

fn from_json(value: &serde_json::Value, file: &Arc<str>, field: &str, depth: usize) -> Spot {
    use serde_json::Value as Json;
    let place = Place::field(file, field);
    if depth > DEPTH_MAX {
        return Spot { place, value: Value::Nothing };
    }
    let value = match value {
        Json::Null => Value::Nothing,
        Json::Bool(flag) => Value::Flag(*flag),
        Json::Number(number) => number.as_i64().map_or(Value::Float, Value::Whole),
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(items) => Value::List(
            items
                .iter()
                .enumerate()
                .map(|(at, item)| from_json(item, file, &format!("{field}[{at}]"), depth + 1))
                .collect(),
        ),
        Json::Object(entries) => Value::Table(
            entries
                .iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| {
                    let within = place.within(key);
                    (key.clone(), from_json(value, file, within.field.as_deref().unwrap_or_default(), depth + 1))
                })
                .collect(),
        ),
    };
    Spot { place, value }
}

impl Spot {
    /// As the API shows it.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match &self.value {
            Value::Text(text) | Value::Moment(text) => Json::from(text.as_str()),
            Value::Whole(whole) => Json::from(*whole),
            Value::Flag(flag) => Json::from(*flag),
            Value::List(items) => items.iter().map(Self::to_json).collect(),
            Value::Table(entries) => {
                Json::Object(entries.iter().map(|(key, spot)| (key.clone(), spot.to_json())).collect())
            }
            Value::Float | Value::Nothing => Json::Null,
        }
    }
}

/// Reads JSON.
pub(super) fn json(text: &str, file: &str) -> Result<Spot, (Place, String)> {
    // serde_json judges the syntax (and the depth); the walk below only finds the lines.
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text) {
        return Err((Place::new(file, error.line()), format!("{error}; mend the JSON there")));
    }
    let mut walk = JsonWalk { rest: text, line: 1, file: file.into() };
    walk.value(0)
        .ok_or_else(|| (Place::new(file, walk.line), "this JSON is nested too deeply; make it flatter".to_owned()))
}

/// Walks JSON that is known to be well formed.
struct JsonWalk<'a> {
    rest: &'a str,
    line: usize,
    file: Arc<str>,
}

impl JsonWalk<'_> {
    fn value(&mut self, depth: usize) -> Option<Spot> {
        self.space();
        let place = Place { file: Arc::clone(&self.file), line: self.line, field: None };
        if depth > DEPTH_MAX {
            return None;
        }
        let value = match self.rest.as_bytes().first()? {
            b'{' => self.object(depth)?,
            b'[' => self.array(depth)?,
            b'"' => Value::Text(self.text()?),
            _ => self.word()?,
        };
        Some(Spot { place, value })
    }

    fn object(&mut self, depth: usize) -> Option<Value> {
        let mut own = Vec::new();
        self.skip(1);
        loop {
            self.space();
            match self.rest.as_bytes().first()? {
                b'}' => break self.skip(1),
                b',' => self.skip(1),
                _ => {
                    let line = self.line;
                    let key = self.text()?;
                    self.space();
                    self.skip(1);
                    let mut spot = self.value(depth + 1)?;
                    spot.place.line = line;
                    own.push((key, spot));
                }
            }
        }
        Some(Value::Table(own))
    }

    fn array(&mut self, depth: usize) -> Option<Value> {
        let mut own = Vec::new();
        self.skip(1);
        loop {
            self.space();
            match self.rest.as_bytes().first()? {
                b']' => break self.skip(1),
                b',' => self.skip(1),
                _ => own.push(self.value(depth + 1)?),
            }
        }
        Some(Value::List(own))
    }

    fn text(&mut self) -> Option<String> {
        let mut escaped = false;
        let end = self.rest.bytes().skip(1).position(|byte| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends
        })? + 2;
        let text = serde_json::from_str(self.rest.get(..end)?).ok()?;
        self.skip(end);
        Some(text)
    }

    fn word(&mut self) -> Option<Value> {
        let end = self.rest.find([',', ']', '}', ' ', '\t', '\r', '\n']).unwrap_or(self.rest.len());
        let word = self.rest.get(..end)?;
        self.skip(end);
        Some(match word {
            "true" => Value::Flag(true),
            "false" => Value::Flag(false),
            "null" => Value::Nothing,
            number => match number.parse() {
                Ok(whole) => Value::Whole(whole),
                Err(_) => Value::Float,
            },
        })
    }

    fn space(&mut self) {
        let rest = self.rest.trim_start();
        self.line += self.rest[..self.rest.len() - rest.len()].matches('\n').count();
        self.rest = rest;
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }
}
