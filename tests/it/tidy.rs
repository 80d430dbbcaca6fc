//! The house rules that a machine can check: imports run downward, files and the core's
//! functions stay short, the core stays pure, lints are expected and never allowed,
//! every language has every prompt.
//!
//! Reads the sources as text (comments and strings blanked out); knows no type.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Longest file, lines.
const FILE_LINES_MAX: usize = 800;
/// Longest function of the core, lines.
const CORE_FUNCTION_LINES_MAX: usize = 70;

/// Who may name what with `crate::…`; what is not listed is forbidden. `*` stands for every module.
/// Anybody may read the clock and use the core.
const MAY_USE: &[(&str, &[&str])] = &[
    ("clock", &[]),
    ("sip", &[]),
    // Codec libraries; knows nothing but the core's samples.
    ("codec", &[]),
    ("rtp", &["codec"]),
    ("speech", &["codec"]),
    ("store", &["codec"]),
    ("notify", &[]),
    // iCalendar texts, read and written; fetches nothing.
    ("calendar", &[]),
    // Documents as page, Markdown, PDF; knows nothing but the core's.
    ("paper", &[]),
    ("switch", &["sip", "rtp", "codec", "speech", "store", "notify", "paper"]),
    // Payloads of tools become events; its routes stand beside those of `http`.
    ("intake", &["switch", "store"]),
    (
        "http",
        &[
            "store",
            "switch",
            "calendar",
            "paper",
            "rtp::MediaCounters",
            "sip::Registered",
            "sip::SipCounters",
            "sip::TrunkState",
            "sip::Transport",
        ],
    ),
    ("jobs", &["store", "switch", "speech", "paper"]),
    // Turns text into the shells' settings, so it names those and nothing that acts; a node that is not named has the name
    // that its data folder was last used under.
    ("config", &["sip", "rtp", "notify", "calendar", "store::StoreSettings", "store::default_node"]),
    // `serve` runs the app; `user` and `serve --demo` write the logins that http reads.
    (
        "cli",
        &[
            "app",
            "config",
            "switch",
            "sip",
            "rtp",
            "codec",
            "speech",
            "store",
            "http::Records",
            "http::Role",
            "http::fresh_token",
            "http::token_hash",
            "http::password",
        ],
    ),
    ("app", &["*"]),
    ("lib", &["*"]),
    ("main", &["*"]),
];

/// What the core must not contain, and why.
const NOT_IN_CORE: &[(&str, &str)] = &[
    ("tokio", "the core waits for nothing"),
    ("async ", "the core waits for nothing"),
    ("Serialize", "JSON and rows live in the shells"),
    ("FromRow", "JSON and rows live in the shells"),
    ("Instant::now", "time is a parameter"),
    ("Timestamp::now", "time is a parameter"),
    ("Zoned::now", "time is a parameter"),
    ("SystemTime", "time is a parameter"),
    ("std::net::UdpSocket", "the core has no socket"),
    ("std::net::TcpStream", "the core has no socket"),
    ("std::fs", "the core has no files"),
    ("std::thread", "the core has no threads"),
];

#[test]
fn imports_run_downward() {
    let mut faults = String::new();
    for source in sources("src").iter().filter(|source| !source.in_core() && !source.is_test()) {
        let floor = source.floor();
        let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == floor) else {
            let _ = writeln!(faults, "{}: module {floor} has no place in the layout (MAY_USE)", source.name());
            continue;
        };
        for (line, used) in uses(&source.code(), source.depth()) {
            let room = used.split("::").next().unwrap_or_default();
            let fine = room == floor
                || room == "clock"
                || !MAY_USE.iter().any(|(name, _)| *name == room)
                || allowed.iter().any(|entry| *entry == "*" || *entry == room || *entry == used);
            if !fine {
                let _ = writeln!(faults, "{}:{line}: {floor} must not use crate::{used}", source.name());
            }
        }
    }
    assert!(
        faults.is_empty(),
        "imports run main → cli → app → {{http, jobs}} → switch → {{sip, rtp, speech, store}} → core:\n{faults}"
    );
}

#[test]
fn files_are_short() {
    let mut faults = String::new();
    for source in ["src", "tests", "examples"].into_iter().flat_map(sources) {
        let lines = source.text.lines().count();
        if lines > FILE_LINES_MAX {
            let _ = writeln!(faults, "{}: {lines} lines", source.name());
        }
    }
    assert!(faults.is_empty(), "files of more than {FILE_LINES_MAX} lines, to be cut by topic:\n{faults}");
}

#[test]
fn functions_of_the_core_are_short() {
    let mut faults = String::new();
    for source in sources("src/core").iter().filter(|source| !source.is_test()) {
        for (name, line, lines) in functions(&source.code()) {
            if lines > CORE_FUNCTION_LINES_MAX {
                let _ = writeln!(faults, "{}:{line}: fn {name}: {lines} lines", source.name());
            }
        }
    }
    assert!(faults.is_empty(), "functions of the core of more than {CORE_FUNCTION_LINES_MAX} lines:\n{faults}");
}

#[test]
fn the_core_is_pure() {
    let mut faults = String::new();
    for source in sources("src/core").iter().filter(|source| !source.is_test()) {
        for (number, line) in source.code().lines().enumerate() {
            for (word, why) in NOT_IN_CORE {
                if has_word(line, word) {
                    let _ = writeln!(faults, "{}:{}: {}: {why}", source.name(), number + 1, word.trim());
                }
            }
        }
    }
    let manifest = read(&root().join("src/core/Cargo.toml"));
    let dependencies = manifest.split("[dev-dependencies]").next().unwrap_or_default();
    for krate in ["tokio", "sqlx", "axum", "rsipstack", "mio", "rand", "tracing"] {
        if dependencies.lines().any(|line| line.starts_with(krate)) {
            let _ = writeln!(faults, "src/core/Cargo.toml: the core must not depend on {krate}");
        }
    }
    assert!(faults.is_empty(), "{faults}");
}

#[test]
fn lints_are_expected_with_a_reason_and_never_allowed() {
    // Put together here, so that this file does not find itself.
    let (allow, expect) = (["allow", "("].concat(), ["expect", "("].concat());
    let mut faults = String::new();
    for source in ["src", "tests", "examples"].into_iter().flat_map(sources) {
        let code = source.code();
        for (at, attribute) in attributes(&code) {
            let line = code[..at].lines().count().max(1);
            if attribute.contains(&allow) {
                let _ = writeln!(faults, "{}:{line}: use #[expect(…, reason = \"…\")]", source.name());
            }
            if attribute.starts_with(&expect) && !attribute.contains("reason") {
                let _ = writeln!(faults, "{}:{line}: #[expect] without a reason", source.name());
            }
        }
    }
    assert!(faults.is_empty(), "{faults}");
}

#[test]
fn every_language_has_every_prompt() {
    let mut wanted: BTreeSet<String> =
        hotline_core::call::prompt::say::ALL.iter().map(|prompt| prompt.0.to_string()).collect();
    let languages: Vec<PathBuf> = entries(&root().join("prompts")).into_iter().filter(|path| path.is_dir()).collect();
    let texts: BTreeMap<String, BTreeSet<String>> =
        languages.iter().map(|folder| (stem(folder), prompt_texts(folder))).collect();
    assert!(texts.contains_key("en") && texts.contains_key("de"), "prompts/en and prompts/de are there");
    // What one language says, all say.
    wanted.extend(texts.values().flatten().cloned());
    let mut faults = String::new();
    for (language, has) in &texts {
        for missing in wanted.difference(has) {
            let _ = writeln!(faults, "prompts/{language}: no text {missing}");
        }
        let recorded: BTreeSet<String> =
            entries(&root().join("audio").join(language)).iter().map(|f| stem(f)).collect();
        // Only these two are promised as recordings; a third language may be spoken by TTS.
        if language == "en" || language == "de" {
            for missing in wanted.difference(&recorded) {
                let _ = writeln!(faults, "audio/{language}: no recording {missing}.wav (scripts/record-prompts)");
            }
        }
        for orphan in recorded.difference(has) {
            let _ = writeln!(faults, "audio/{language}/{orphan}.wav: no text in prompts/{language}");
        }
    }
    assert!(faults.is_empty(), "{faults}");
}

/// The names in a language's TOML files: every key of every table that holds a text.
fn prompt_texts(folder: &Path) -> BTreeSet<String> {
    fn collect(table: &toml::Table, into: &mut BTreeSet<String>) {
        for (key, value) in table {
            match value {
                toml::Value::String(_) => drop(into.insert(key.clone())),
                toml::Value::Table(inner) if inner.get("text").is_some_and(toml::Value::is_str) => {
                    into.insert(key.clone());
                }
                toml::Value::Table(inner) => collect(inner, into),
                toml::Value::Integer(_)
                | toml::Value::Float(_)
                | toml::Value::Boolean(_)
                | toml::Value::Datetime(_)
                | toml::Value::Array(_) => {}
            }
        }
    }
    let mut names = BTreeSet::new();
    for file in entries(folder).iter().filter(|file| file.extension().is_some_and(|e| e == "toml")) {
        let table: toml::Table = read(file).parse().unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        collect(&table, &mut names);
    }
    names
}

/// One file of ours.
struct Source {
    /// Below the repository.
    path: PathBuf,
    text: String,
}

impl Source {
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn in_core(&self) -> bool {
        self.path.starts_with("src/core")
    }

    /// A file that is only compiled for tests.
    fn is_test(&self) -> bool {
        self.path.components().any(|part| part.as_os_str() == "tests")
            || self.path.file_stem().is_some_and(|stem| stem == "tests" || stem.to_string_lossy().ends_with("_tests"))
    }

    /// The module right below the crate's root that the file belongs to.
    fn floor(&self) -> String {
        let below = self.path.strip_prefix("src").expect("only files of src have a floor");
        stem(Path::new(below.components().next().expect("a file has a name").as_os_str()))
    }

    /// How many modules deep the file's own module lies: `src/sip/mod.rs` 1, `src/sip/gate.rs` 2.
    fn depth(&self) -> usize {
        let below = self.path.strip_prefix("src").expect("only files of src have a depth");
        let parts = below.components().count();
        match stem(below).as_str() {
            "mod" | "main" | "lib" => parts - 1,
            _ => parts,
        }
    }

    /// The text with comments, strings and the tests at its end blanked out; every line stays in its place.
    fn code(&self) -> String {
        let blank = blanked(&self.text);
        match blank.find("#[cfg(test)]\nmod ") {
            Some(at) if blank[at..].lines().nth(1).is_some_and(|line| line.ends_with('{')) => blank[..at].to_owned(),
            Some(_) | None => blank,
        }
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

/// What lies in a folder, in order; nothing if there is no such folder.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("the folder can be read").path()).collect();
    paths.sort();
    paths
}

/// All Rust files below a folder of the repository.
fn sources(folder: &str) -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for path in entries(&folder) {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if path.is_dir() && !matches!(name.as_str(), "node_modules" | "target" | "dist") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = read(&path);
                let path = path.strip_prefix(root()).expect("it lies below the root").to_path_buf();
                found.push(Source { path, text });
            }
        }
    }
    found
}

/// `text` with the insides of comments, strings and character literals replaced by spaces.
fn blanked(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = literal_end(&chars, at);
        if end > at {
            out.extend(chars[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
            at = end;
        } else {
            out.push(chars[at]);
            at += 1;
        }
    }
    out
}

/// Where the comment, string or character literal that begins at `at` ends; `at` itself if none begins there.
fn literal_end(chars: &[char], at: usize) -> usize {
    let here = |offset: usize| chars.get(at + offset).copied();
    let after =
        |from: usize, test: &dyn Fn(usize) -> bool| (from..chars.len()).find(|i| test(*i)).unwrap_or(chars.len());
    let in_word = at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
    match (here(0), here(1)) {
        (Some('/'), Some('/')) => after(at, &|i| chars[i] == '\n'),
        (Some('/'), Some('*')) => {
            let (mut depth, mut i) = (0_usize, at);
            while i < chars.len() {
                match (chars[i], chars.get(i + 1)) {
                    ('/', Some('*')) => (depth, i) = (depth + 1, i + 2),
                    ('*', Some('/')) => (depth, i) = (depth - 1, i + 2),
                    (_, _) => i += 1,
                }
                if depth == 0 {
                    break;
                }
            }
            i
        }
        (Some('r'), Some('"' | '#')) if !in_word => {
            let hashes = chars[at + 1..].iter().take_while(|c| **c == '#').count();
            if here(1 + hashes) != Some('"') {
                return at;
            }
            let close =
                |i: usize| chars[i] == '"' && chars[i + 1..].iter().take_while(|c| **c == '#').count() >= hashes;
            (after(at + 2 + hashes, &close) + 1 + hashes).min(chars.len())
        }
        (Some('"'), _) => {
            let mut i = at + 1;
            while i < chars.len() && chars[i] != '"' {
                i += if chars[i] == '\\' { 2 } else { 1 };
            }
            (i + 1).min(chars.len())
        }
        // A lifetime has no closing quote.
        (Some('\''), Some('\\')) => (after(at + 3, &|i| chars[i] == '\'') + 1).min(chars.len()),
        (Some('\''), Some(_)) if here(2) == Some('\'') => at + 3,
        (_, _) => at,
    }
}

/// What the code names below the crate's root (`sip`, `sip::Leg`), with the line. `depth`: how deep its module lies.
fn uses(code: &str, depth: usize) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let from_root = ["crate::".to_owned(), "super::".repeat(depth.max(1))];
    for prefix in from_root {
        for (at, _) in code.match_indices(&prefix) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            let line = code[..at].matches('\n').count() + 1;
            found.extend(paths(&code[at + prefix.len()..]).into_iter().map(|path| (line, path)));
        }
    }
    found
}

/// The first two segments of the path, or of each path of the group, that `text` begins with.
fn paths(text: &str) -> Vec<String> {
    let text = text.trim_start();
    if let Some(group) = text.strip_prefix('{') {
        return group_items(group).into_iter().flat_map(paths).collect();
    }
    let room: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    if room.is_empty() {
        return Vec::new();
    }
    let Some(rest) = text[room.len()..].strip_prefix("::") else { return vec![room] };
    if let Some(group) = rest.strip_prefix('{') {
        return group_items(group).into_iter().flat_map(paths).map(|item| format!("{room}::{item}")).collect();
    }
    let item: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    vec![format!("{room}::{item}")]
}

/// The comma separated items of a group whose opening brace is gone.
fn group_items(group: &str) -> Vec<&str> {
    let (mut items, mut depth, mut from) = (Vec::new(), 0_usize, 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                items.push(&group[from..at]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                items.push(&group[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    items
}

/// Each function with a body: its name, its line, how many lines it has.
fn functions(code: &str) -> Vec<(String, usize, usize)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        if code[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = &code[at + 3..];
        let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let Some(open) = rest.find(['{', ';']).filter(|open| rest[*open..].starts_with('{')) else { continue };
        let mut depth = 0_usize;
        let close = rest[open..].char_indices().find_map(|(i, c)| {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            (depth == 0).then_some(open + i)
        });
        if let (false, Some(close)) = (name.is_empty(), close) {
            let lines = rest[..close].matches('\n').count() + 1;
            found.push((name, code[..at].matches('\n').count() + 1, lines));
        }
    }
    found
}

/// The attributes of the code, without their brackets, with where they begin.
fn attributes(code: &str) -> Vec<(usize, &str)> {
    let starts = code.match_indices("#[").chain(code.match_indices("#!["));
    starts
        .filter_map(|(at, mark)| {
            let inside = &code[at + mark.len()..];
            let mut depth = 1_usize;
            let end = inside.char_indices().find_map(|(i, c)| {
                match c {
                    '[' => depth += 1,
                    ']' => depth -= 1,
                    _ => {}
                }
                (depth == 0).then_some(i)
            })?;
            Some((at, &inside[..end]))
        })
        .collect()
}

/// Whether the word stands in the line on its own.
fn has_word(line: &str, word: &str) -> bool {
    let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(word).any(|(at, _)| {
        !part(line[..at].chars().next_back()) && (word.ends_with(' ') || !part(line[at + word.len()..].chars().next()))
    })
}

#[test]
fn tidy_itself_sees_what_it_should() {
    let code = blanked(
        "use crate::{sip::Leg, rtp::{Media, Frame}};\n// crate::http\nlet s = \"crate::jobs\";\nsuper::store::x();\n",
    );
    let found: Vec<String> = uses(&code, 1).into_iter().map(|(line, path)| format!("{line} {path}")).collect();
    assert_eq!(found, ["1 sip::Leg", "1 rtp::Media", "1 rtp::Frame", "4 store::x"]);
    let hard = "'a' 'b: &'a str r#\"x\"y\"# '\\'' b\"q\" /* a /* b */ c */ d";
    assert_eq!(blanked(hard).len(), hard.len());
    assert_eq!(blanked(hard).split_whitespace().collect::<Vec<_>>(), ["'b:", "&'a", "str", "b", "d"]);
    assert_eq!(
        functions("fn one() {\n}\nfn none();\nfn two(a: u8)\nwhere A: B {\n {\n}\n}\n"),
        [("one".to_owned(), 1, 2), ("two".to_owned(), 4, 5)]
    );
    assert_eq!(
        attributes("#[expect(x[0])]\n#![deny(y)]").into_iter().map(|(_, text)| text).collect::<Vec<_>>(),
        ["expect(x[0])", "deny(y)"]
    );
    assert!(has_word("x: Serialize,", "Serialize") && !has_word("Deserialize", "Serialize"));
}
