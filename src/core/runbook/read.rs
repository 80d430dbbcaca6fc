//! From text to document.

use jiff::civil::Date;

use super::{Document, Fault, Kind, Part, Rule, STEPS_MAX, Step, TEXT_MAX};
use crate::ids::ActionId;

/// Characters of a title at most.
const TITLE_MAX: usize = 200;
/// Entries of one list of the front matter at most.
const LIST_MAX: usize = 50;
/// What the front matter may say.
const KEYS: [&str; 10] =
    ["title", "kind", "owner", "review", "customer", "services", "customers", "categories", "words", "sources"];

/// A section that means something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Section {
    Detection,
    Contacts,
    Steps(Part),
    Other,
}

impl Section {
    fn named(heading: &str) -> Self {
        let heading = heading.trim().trim_end_matches(':').to_lowercase();
        match heading.as_str() {
            "detection" | "symptoms" | "erkennung" | "symptome" => Self::Detection,
            "contacts" | "kontakte" | "ansprechpartner" => Self::Contacts,
            "recovery" | "recovery steps" | "steps" | "wiederherstellung" | "schritte" | "behebung" => {
                Self::Steps(Part::Recovery)
            }
            "verification" | "check" | "prüfung" | "überprüfung" | "kontrolle" => Self::Steps(Part::Verification),
            _ => Self::Other,
        }
    }
}

/// A document while it is read.
#[derive(Default)]
struct Reading {
    faults: Vec<Fault>,
    given: Vec<(String, usize)>,
    title: Option<String>,
    kind: Option<Kind>,
    owner: Option<String>,
    review: Option<Date>,
    customer: Option<String>,
    rule: Rule,
    detection: String,
    contacts: String,
    steps: Vec<Step>,
    /// The line of a recovery section.
    recovery: Option<usize>,
}

/// Reads a document; all that is wrong with it, in the order of its lines.
pub fn read(text: &str) -> Result<Document, Vec<Fault>> {
    let mut reading = Reading::default();
    if text.len() > TEXT_MAX {
        reading.fault(1, format!("the text is longer than {} KiB; divide it", TEXT_MAX / 1024));
        return Err(reading.faults);
    }
    let lines: Vec<&str> = text.lines().collect();
    let body = reading.front_matter(&lines);
    reading.body(&lines, body);
    reading.document(body)
}

impl Reading {
    fn fault(&mut self, line: usize, what: impl Into<String>) {
        self.faults.push(Fault { line, what: what.into() });
    }

    /// The front matter, if there is one; the index of the first line behind it.
    fn front_matter(&mut self, lines: &[&str]) -> usize {
        if lines.first().is_none_or(|line| line.trim_end() != "---") {
            return 0;
        }
        let Some(end) = lines.iter().skip(1).position(|line| line.trim_end() == "---") else {
            self.fault(1, "the front matter has no end; write a line `---` behind it");
            return lines.len();
        };
        for (index, line) in lines.iter().enumerate().take(end + 1).skip(1) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match line.split_once(':') {
                Some((key, value)) => self.entry(key.trim(), unquoted(value.trim()), index + 1),
                None => self.fault(index + 1, format!("`{line}` is no entry; write `key: value`")),
            }
        }
        end + 2
    }

    fn entry(&mut self, key: &str, value: &str, line: usize) {
        if let Some((_, first)) = self.given.iter().find(|(given, _)| given == key) {
            let first = *first;
            self.fault(line, format!("`{key}` stands in line {first} already"));
            return;
        }
        self.given.push((key.to_owned(), line));
        if value.is_empty() {
            return self.fault(line, format!("`{key}` has no value; write one or leave the line out"));
        }
        match key {
            "title" => self.title = Some(value.to_owned()),
            "kind" => match Kind::from_word(value) {
                Some(kind) => self.kind = Some(kind),
                None => self.fault(line, format!("`kind` is `runbook` or `article`, not `{value}`")),
            },
            "owner" => self.owner = Some(value.to_owned()),
            "review" => match value.parse() {
                Ok(day) => self.review = Some(day),
                Err(_) => self.fault(line, format!("`review` is a day as in 2027-01-31, not `{value}`")),
            },
            "customer" => self.customer = Some(value.to_owned()),
            "services" => self.rule.services = self.list(value, line).into_iter().map(Into::into).collect(),
            "customers" => self.rule.customers = self.list(value, line).into_iter().map(Into::into).collect(),
            "categories" => self.rule.categories = self.owned(value, line),
            "words" => self.rule.words = self.owned(value, line),
            "sources" => self.rule.sources = self.owned(value, line),
            other => self.fault(line, format!("`{other}` is not known; there are {}", KEYS.join(", "))),
        }
    }

    fn owned(&mut self, value: &str, line: usize) -> Vec<String> {
        self.list(value, line).into_iter().map(str::to_owned).collect()
    }

    /// `a, b` or `[a, b]`.
    fn list<'a>(&mut self, value: &'a str, line: usize) -> Vec<&'a str> {
        let value = value.strip_prefix('[').and_then(|value| value.strip_suffix(']')).unwrap_or(value);
        let entries = value.split(',').map(|entry| unquoted(entry.trim())).filter(|entry| !entry.is_empty());
        let entries: Vec<&str> = entries.collect();
        if entries.len() > LIST_MAX {
            self.fault(line, format!("a list has {LIST_MAX} entries at most"));
        }
        entries
    }

    fn body(&mut self, lines: &[&str], from: usize) {
        let (mut section, mut fenced, mut in_step) = (Section::Other, false, false);
        for (index, line) in lines.iter().enumerate().skip(from) {
            let fence = line.trim_start().starts_with("```");
            fenced ^= fence;
            if !fenced
                && !fence
                && let Some((level, heading)) = heading(line)
            {
                in_step = false;
                section = self.heading(level, heading, index + 1, section);
                continue;
            }
            match section {
                Section::Detection => push_line(&mut self.detection, line),
                Section::Contacts => push_line(&mut self.contacts, line),
                Section::Steps(part) => in_step = self.step_line(line, part, index + 1, in_step, fenced || fence),
                Section::Other => {}
            }
        }
    }

    fn heading(&mut self, level: usize, heading: &str, line: usize, before: Section) -> Section {
        if level == 1 {
            if self.title.is_none() {
                self.title = Some(heading.to_owned());
                self.given.push(("title".to_owned(), line));
            }
            return Section::Other;
        }
        // A deeper heading divides a section, it ends none.
        if level > 2 {
            return before;
        }
        let section = Section::named(heading);
        if section == Section::Steps(Part::Recovery) {
            self.recovery = Some(line);
        }
        section
    }

    /// Whether the next line may go on with this step.
    fn step_line(&mut self, line: &str, part: Part, number: usize, in_step: bool, fenced: bool) -> bool {
        let item = if fenced || line.starts_with([' ', '\t']) { None } else { item(line) };
        let Some(text) = item else {
            let goes_on = in_step && (fenced || line.starts_with([' ', '\t']) || line.trim().is_empty());
            if goes_on && let Some(step) = self.steps.last_mut() {
                step.text.push('\n');
                step.text.push_str(if fenced { line } else { line.trim() });
            }
            return goes_on;
        };
        let (text, action) = match with_action(text) {
            Ok(found) => found,
            Err(what) => {
                self.fault(number, what);
                (text.to_owned(), None)
            }
        };
        if text.is_empty() && action.is_none() {
            self.fault(number, "the step says nothing; write what is to be done");
        }
        if self.steps.len() == STEPS_MAX {
            self.fault(number, format!("a runbook has {STEPS_MAX} steps at most; divide it"));
        }
        if self.steps.len() < STEPS_MAX {
            let number = self.steps.len() as u32 + 1;
            self.steps.push(Step { number, part, text, action });
        }
        true
    }

    fn document(mut self, body: usize) -> Result<Document, Vec<Fault>> {
        let line_of = |given: &[(String, usize)], key: &str| {
            given.iter().find(|(name, _)| name == key).map_or(body.max(1), |(_, line)| *line)
        };
        let title = self.title.take().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
        if title.is_empty() {
            self.fault(body.max(1), "there is no title; write `title: …` or begin with `# …`");
        } else if title.chars().count() > TITLE_MAX {
            let line = line_of(&self.given, "title");
            self.fault(line, format!("the title is longer than {TITLE_MAX} characters"));
        }
        let kind = self.kind.unwrap_or(if self.recovery.is_some() { Kind::Runbook } else { Kind::Article });
        if kind == Kind::Runbook && !self.steps.iter().any(|step| step.part == Part::Recovery) {
            let line = self.recovery.unwrap_or_else(|| line_of(&self.given, "kind"));
            self.fault(line, "a runbook needs a section `## Recovery` with a list of steps");
        }
        if !self.faults.is_empty() {
            self.faults.sort_by_key(|fault| fault.line);
            return Err(self.faults);
        }
        let mut steps = if kind == Kind::Runbook { self.steps } else { Vec::new() };
        for step in &mut steps {
            step.text.truncate(step.text.trim_end().len());
        }
        Ok(Document {
            kind,
            title,
            owner: self.owner.as_deref().map(Into::into),
            review: self.review,
            customer: self.customer.as_deref().map(Into::into),
            rule: self.rule,
            detection: self.detection.trim().to_owned(),
            contacts: self.contacts.trim().to_owned(),
            steps,
        })
    }
}

fn unquoted(text: &str) -> &str {
    let quoted = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    quoted('"').or_else(|| quoted('\'')).unwrap_or(text)
}

fn push_line(to: &mut String, line: &str) {
    to.push_str(line);
    to.push('\n');
}

/// `## Heading` → its level and text.
pub(super) fn heading(line: &str) -> Option<(usize, &str)> {
    let level = line.chars().take_while(|letter| *letter == '#').count();
    let text = line.get(level..)?;
    ((1..=6).contains(&level) && (text.is_empty() || text.starts_with(' '))).then(|| (level, text.trim()))
}

/// Whether an item has a number.
pub(super) fn is_numbered(line: &str) -> bool {
    line.trim_start().starts_with(|letter: char| letter.is_ascii_digit())
}

/// `- item`, `* [ ] item`, `3. item` → its text.
pub(super) fn item(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let bullet = ["- ", "* ", "+ "].iter().find_map(|mark| line.strip_prefix(mark));
    let rest = bullet.or_else(|| {
        let digits = line.chars().take_while(char::is_ascii_digit).count();
        let rest = line.get(digits..)?;
        (1..=9).contains(&digits).then(|| rest.strip_prefix(". ").or_else(|| rest.strip_prefix(") ")))?
    });
    let rest = rest.or_else(|| matches!(line, "-" | "*" | "+").then_some(""))?.trim();
    Some(["[ ]", "[x]", "[X]"].iter().find_map(|mark| rest.strip_prefix(mark)).unwrap_or(rest).trim())
}

/// `Restart it {action: restart-mail}` → the words and the action.
fn with_action(text: &str) -> Result<(String, Option<ActionId>), String> {
    let Some((before, rest)) = text.split_once("{action:") else { return Ok((text.to_owned(), None)) };
    let Some((name, after)) = rest.split_once('}') else {
        return Err("`{action:` has no end; write `{action: NAME}`".to_owned());
    };
    let name = name.trim();
    if name.is_empty() || after.contains("{action:") {
        return Err("a step starts one action; write `{action: NAME}` once".to_owned());
    }
    let words = format!("{} {}", before.trim_end(), after.trim_start());
    Ok((words.trim().to_owned(), Some(name.into())))
}
