//! The document as Markdown (`CommonMark` with tables), for tickets and wikis. Charts become tables.

use std::fmt::Write as _;

use hotline_core::paper::{Block, Paper};

use super::{ROWS_MAX, Words, bounded, chart_table, chart_title, words};

/// The whole text.
pub fn markdown(paper: &Paper) -> String {
    let words = words(paper);
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(out, "# {}", line(&paper.title));
    if !paper.subtitle.is_empty() {
        let _ = writeln!(out, "\n{}", line(&paper.subtitle));
    }
    for block in &paper.blocks {
        out.push('\n');
        put(&mut out, block, words, &paper.language);
    }
    if !paper.foot.is_empty() {
        let _ = writeln!(out, "\n---\n\n{}", line(&paper.foot));
    }
    out
}

fn put(out: &mut String, block: &Block, words: Words, language: &str) {
    match block {
        Block::Heading(level, text) => {
            let marks = "#".repeat(usize::from((*level).clamp(1, 3)) + 1);
            let _ = writeln!(out, "{marks} {}", line(text));
        }
        Block::Text(text) => {
            let _ = writeln!(out, "{}", paragraph(text));
        }
        Block::Note(text) => {
            let _ = writeln!(out, "> **{}:** {}", words.note, paragraph(text).replace('\n', "\n> "));
        }
        Block::List(items) => {
            for item in items {
                let _ = writeln!(out, "- {}", paragraph(item).replace('\n', "\n  "));
            }
        }
        Block::Numbered(items) => {
            for (place, item) in items.iter().enumerate() {
                let _ = writeln!(out, "{}. {}", place + 1, paragraph(item).replace('\n', "\n   "));
            }
        }
        Block::Table { head, numbers, rows } => table(out, head, numbers, rows, words),
        Block::Figures(figures) => {
            for (label, value) in figures {
                let _ = writeln!(out, "- {}: **{}**", line(label), line(value));
            }
        }
        Block::Chart(chart) => {
            let _ = writeln!(out, "**{}**\n", line(&chart_title(chart)));
            let (head, rows) = chart_table(chart, words, language);
            let numbers: Vec<usize> = (1..head.len()).collect();
            table(out, &head, &numbers, &rows, words);
        }
        Block::PageBreak => out.push_str("---\n"),
    }
}

fn table(out: &mut String, head: &[String], numbers: &[usize], rows: &[Vec<String>], words: Words) {
    if head.is_empty() {
        return;
    }
    out.push('|');
    for text in head {
        let _ = write!(out, " {} |", line(text));
    }
    out.push_str("\n|");
    for column in 0..head.len() {
        out.push_str(if numbers.contains(&column) { " ---: |" } else { " --- |" });
    }
    out.push('\n');
    for row in rows.iter().take(ROWS_MAX) {
        out.push('|');
        for column in 0..head.len() {
            let _ = write!(out, " {} |", line(row.get(column).map_or("", String::as_str)));
        }
        out.push('\n');
    }
    if let Some(more) = rows.len().checked_sub(ROWS_MAX).filter(|more| *more > 0) {
        let _ = writeln!(out, "\n> {more} {}", words.left_out_rows);
    }
}

/// On one line.
fn line(text: &str) -> String {
    escaped(&bounded(text).split_whitespace().collect::<Vec<_>>().join(" "), true)
}

/// Lines stay lines; what begins one as a list, heading or quotation is told apart.
fn paragraph(text: &str) -> String {
    let lines = bounded(text);
    let lines = lines.trim().lines().map(|line| escaped(line.trim_end(), true));
    lines.collect::<Vec<_>>().join("  \n")
}

/// Nothing in a text becomes markup or HTML.
fn escaped(text: &str, begins: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let text = if begins { text.trim_start() } else { text };
    let ordered = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let numbered = ordered.len() < text.len() && ordered.starts_with(['.', ')']);
    for (place, letter) in text.char_indices() {
        match letter {
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' => {
                out.push('\\');
                out.push(letter);
            }
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '#' | '+' | '-' | '=' if begins && place == 0 => {
                out.push('\\');
                out.push(letter);
            }
            '.' | ')' if numbered && place + ordered.len() == text.len() => {
                out.push('\\');
                out.push(letter);
            }
            other if other.is_control() && other != '\t' => {}
            other => out.push(other),
        }
    }
    out
}
