//! A [`Paper`] for people: as a page that prints well, as Markdown, as PDF.
//!
//! Knows the core's document and nothing else of the house. Everything is bounded: whatever the texts are, no form
//! panics, overflows or grows without limit; what is left out of a table is said beneath it.

mod drawing;
mod html;
mod letters;
mod markdown;
mod pdf;
#[cfg(test)]
mod tests;

use hotline_core::paper::Paper;

pub use html::{STYLE, fragment, page};
pub use markdown::markdown;
pub use pdf::pdf;

/// Rows of a table at most; the rest is counted.
const ROWS_MAX: usize = 20_000;
/// Bytes of one text at most; the rest is left out behind an ellipsis.
const TEXT_MAX: usize = 2 * 1024 * 1024;

/// The words of the forms themselves.
#[derive(Debug, Clone, Copy)]
struct Words {
    page: &'static str,
    of: &'static str,
    values: &'static str,
    unknown: &'static str,
    left_out_rows: &'static str,
    left_out_columns: &'static str,
    note: &'static str,
}

/// Those of the document's language.
fn words(paper: &Paper) -> Words {
    if paper.language.starts_with("de") {
        Words {
            page: "Seite",
            of: "von",
            values: "Werte",
            unknown: "unbekannt",
            left_out_rows: "weitere Zeilen sind nicht gezeigt",
            left_out_columns: "weitere Spalten sind nicht gezeigt",
            note: "Hinweis",
        }
    } else {
        Words {
            page: "Page",
            of: "of",
            values: "Values",
            unknown: "unknown",
            left_out_rows: "more rows are not shown",
            left_out_columns: "more columns are not shown",
            note: "Note",
        }
    }
}

/// A number with at most two decimals, its sign and point as the language writes them.
fn number(value: f64, language: &str) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    let text = if text == "-0" { "0" } else { text };
    if language.starts_with("de") { text.replace('.', ",") } else { text.to_owned() }
}

/// Not longer than may be.
fn bounded(text: &str) -> std::borrow::Cow<'_, str> {
    if text.len() <= TEXT_MAX {
        return text.into();
    }
    let mut end = TEXT_MAX;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end]).into()
}

/// The heading that stands above a chart's drawing and names its unit.
fn chart_title(chart: &hotline_core::paper::Chart) -> String {
    if chart.unit.is_empty() { chart.title.clone() } else { format!("{} ({})", chart.title, chart.unit) }
}

/// A chart's values as a table: head, rows. For those who can't see the drawing.
fn chart_table(chart: &hotline_core::paper::Chart, words: Words, language: &str) -> (Vec<String>, Vec<Vec<String>>) {
    let series = || chart.series.iter().take(drawing::SERIES_MAX);
    let head = std::iter::once(String::new()).chain(series().map(|(name, _)| name.clone())).collect();
    let row = |(place, label): (usize, &String)| {
        let values = series().map(|(_, values)| match values.get(place).copied().flatten() {
            Some(value) if value.is_finite() => number(value, language),
            Some(_) | None => words.unknown.to_owned(),
        });
        std::iter::once(label.clone()).chain(values).collect()
    };
    (head, chart.labels.iter().take(drawing::PLACES_MAX).enumerate().map(row).collect())
}
