//! The document as one HTML file: nothing is fetched, no script, prints on A4, light whatever the reader's theme is.
//! Presentation is in one style element and in attributes of SVG, so that a content security policy can name it by its hash.

use std::fmt::Write as _;

use hotline_core::paper::{Block, Chart, Paper};

use super::drawing::{self, Anchor, Colour, HEIGHT, LETTERS, Mark, WIDTH};
use super::{ROWS_MAX, Words, bounded, chart_table, chart_title, words};

/// The contents of the style element.
pub const STYLE: &str = "
:root { color-scheme: light; }
body { background: #fff; color: #1d1d1f; font: 15px/1.5 system-ui, Helvetica, Arial, sans-serif; margin: 0 auto; max-width: 60rem; padding: 1.5rem; overflow-wrap: anywhere; }
h1 { font-size: 1.8rem; line-height: 1.2; margin: 0; }
h2 { font-size: 1.3rem; margin: 2rem 0 .5rem; border-bottom: 1px solid #ccc; }
h3 { font-size: 1.05rem; margin: 1.5rem 0 .4rem; }
h4 { font-size: 1rem; margin: 1.2rem 0 .3rem; }
.sub { color: #555; margin: .2rem 0 1.5rem; }
.note { background: #f3f5f8; border-left: 4px solid #5b6b7f; padding: .5rem .8rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin: .8rem 0; font-size: .9rem; }
th, td { text-align: left; vertical-align: top; padding: .25rem .5rem; border-bottom: 1px solid #ddd; overflow-wrap: break-word; }
th { border-bottom: 2px solid #888; }
.n { text-align: right; font-variant-numeric: tabular-nums; }
dl.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: .8rem; margin: 1rem 0; }
dl.figures div { border: 1px solid #ccc; border-radius: .4rem; padding: .6rem .9rem; display: flex; flex-direction: column-reverse; }
dl.figures dt { color: #555; font-size: .85rem; }
dl.figures dd { margin: 0; font-size: 1.6rem; font-weight: 600; }
figure { margin: 1rem 0; }
figcaption { font-weight: 600; margin-bottom: .3rem; }
svg { width: 100%; height: auto; }
summary { color: #444; cursor: pointer; font-size: .85rem; }
footer { border-top: 1px solid #ccc; color: #555; font-size: .85rem; margin-top: 2rem; padding-top: .5rem; }
.break { break-before: page; }
@media screen and (max-width: 40rem) {
  body { padding: 1rem; }
  dl.figures { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  table { font-size: .82rem; }
  th, td { padding: .25rem .35rem; }
  figure .wide svg { width: 40rem; }
}
@page { size: A4; margin: 18mm 16mm; }
@media print {
  body { max-width: none; padding: 0; font-size: 10.5pt; }
  thead { display: table-header-group; }
  tr, figure, dl.figures div, .note { break-inside: avoid; }
  h1, h2, h3, h4 { break-after: avoid; }
  details { display: none; }
  .wide { overflow: visible; }
}
";

/// The whole file.
pub fn page(paper: &Paper) -> String {
    let words = words(paper);
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n<header>\n<h1>{}</h1>\n",
        escaped(if paper.language.is_empty() { "en" } else { &paper.language }),
        escaped(&paper.title),
        escaped(&paper.title),
    );
    if !paper.subtitle.is_empty() {
        let _ = writeln!(out, "<p class=\"sub\">{}</p>", escaped(&paper.subtitle));
    }
    out.push_str("</header>\n");
    for block in &paper.blocks {
        put(&mut out, block, words, &paper.language);
    }
    out.push_str("</main>\n");
    if !paper.foot.is_empty() {
        let _ = writeln!(out, "<footer>{}</footer>", lines(&paper.foot));
    }
    out.push_str("</body>\n</html>\n");
    out
}

/// Blocks alone, to stand in a page of its own making: escaped, its headings from `h2` on.
pub fn fragment(blocks: &[Block], language: &str) -> String {
    let words = words(&Paper { language: language.to_owned(), ..Paper::default() });
    let mut out = String::new();
    for block in blocks {
        put(&mut out, block, words, language);
    }
    out
}

fn put(out: &mut String, block: &Block, words: Words, language: &str) {
    match block {
        Block::Heading(level, text) => {
            // The title is the only first level.
            let level = (*level).clamp(1, 3) + 1;
            let _ = writeln!(out, "<h{level}>{}</h{level}>", escaped(text));
        }
        Block::Text(text) => {
            let _ = writeln!(out, "<p>{}</p>", lines(text));
        }
        Block::Note(text) => {
            let _ = writeln!(out, "<p class=\"note\">{}</p>", lines(text));
        }
        Block::List(items) => list(out, "ul", items),
        Block::Numbered(items) => list(out, "ol", items),
        Block::Table { head, numbers, rows } => table(out, head, numbers, rows, words),
        Block::Figures(figures) => {
            out.push_str("<dl class=\"figures\">\n");
            for (label, value) in figures {
                let _ = writeln!(out, "<div><dt>{}</dt><dd>{}</dd></div>", escaped(label), escaped(value));
            }
            out.push_str("</dl>\n");
        }
        Block::Chart(chart) => figure(out, chart, words, language),
        Block::PageBreak => out.push_str("<div class=\"break\"></div>\n"),
    }
}

fn list(out: &mut String, tag: &str, items: &[String]) {
    let _ = writeln!(out, "<{tag}>");
    for item in items {
        let _ = writeln!(out, "<li>{}</li>", lines(item));
    }
    let _ = writeln!(out, "</{tag}>");
}

fn table(out: &mut String, head: &[String], numbers: &[usize], rows: &[Vec<String>], words: Words) {
    let class = |column: usize| if numbers.contains(&column) { " class=\"n\"" } else { "" };
    out.push_str("<div class=\"wide\" tabindex=\"0\"><table>\n<thead><tr>");
    for (column, text) in head.iter().enumerate() {
        let _ = write!(out, "<th scope=\"col\"{}>{}</th>", class(column), escaped(text));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for row in rows.iter().take(ROWS_MAX) {
        out.push_str("<tr>");
        for column in 0..head.len() {
            let text = row.get(column).map_or("", String::as_str);
            let _ = write!(out, "<td{}>{}</td>", class(column), lines(text));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table></div>\n");
    if let Some(more) = rows.len().checked_sub(ROWS_MAX).filter(|more| *more > 0) {
        let _ = writeln!(out, "<p class=\"note\">{more} {}</p>", words.left_out_rows);
    }
}

fn figure(out: &mut String, chart: &Chart, words: Words, language: &str) {
    let title = escaped(&chart_title(chart));
    let _ = writeln!(
        out,
        "<figure>\n<figcaption>{title}</figcaption>\n<div class=\"wide\" tabindex=\"0\"><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\" font-family=\"Helvetica, Arial, sans-serif\" font-size=\"{LETTERS}\">"
    );
    for mark in drawing::marks(chart, language) {
        draw(out, &mark);
    }
    let _ = writeln!(out, "</svg></div>\n<details><summary>{}</summary>", words.values);
    let (head, rows) = chart_table(chart, words, language);
    let numbers: Vec<usize> = (1..head.len()).collect();
    table(out, &head, &numbers, &rows, words);
    out.push_str("</details>\n</figure>\n");
}

fn draw(out: &mut String, mark: &Mark) {
    match mark {
        Mark::Bar { x, y, width, height, colour } => {
            let _ = writeln!(
                out,
                "<rect x=\"{x:.2}\" y=\"{y:.2}\" width=\"{width:.2}\" height=\"{height:.2}\" fill=\"{}\"/>",
                hex(*colour)
            );
        }
        Mark::Path { points, width, colour, dash } => {
            out.push_str("<polyline points=\"");
            for (x, y) in points {
                let _ = write!(out, "{x:.2},{y:.2} ");
            }
            let _ = write!(out, "\" fill=\"none\" stroke=\"{}\" stroke-width=\"{width}\"", hex(*colour));
            if let Some(dash) = dash {
                let _ = write!(out, " stroke-dasharray=\"{dash}\"");
            }
            out.push_str("/>\n");
        }
        Mark::Text { x, y, text, anchor } => {
            let anchor = match anchor {
                Anchor::Start => "start",
                Anchor::Middle => "middle",
                Anchor::End => "end",
            };
            let ink = hex(drawing::INK);
            let _ = writeln!(
                out,
                "<text x=\"{x:.2}\" y=\"{y:.2}\" text-anchor=\"{anchor}\" fill=\"{ink}\">{}</text>",
                escaped(text)
            );
        }
    }
}

fn hex(Colour(red, green, blue): Colour) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// Lines of a text, escaped.
fn lines(text: &str) -> String {
    escaped(text).replace('\n', "<br>\n")
}

/// What may stand in HTML; letters that no document may have are left out.
fn escaped(text: &str) -> String {
    let text = bounded(text);
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(letter),
            // Direction overrides would turn what stands around them.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            other if other.is_control() => {}
            other => out.push(other),
        }
    }
    out
}
