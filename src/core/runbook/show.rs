//! Markdown as blocks, for page and paper: headings, paragraphs, lists, code. What else Markdown knows stays as it was written;
//! nothing of it is ever markup of ours.

use super::read::{heading, is_numbered, item};
use crate::paper::Block;

/// The blocks of a text, without front matter and without the heading that is the title.
pub fn blocks(text: &str) -> Vec<Block> {
    let lines: Vec<&str> = text.lines().collect();
    let front = lines.first().is_some_and(|line| line.trim_end() == "---");
    let end = lines.iter().skip(1).position(|line| line.trim_end() == "---").filter(|_| front);
    let mut showing = Showing::default();
    let mut titled = false;
    for line in lines.into_iter().skip(end.map_or(0, |end| end + 2)) {
        match heading(line) {
            Some((1, _)) if !titled && showing.fence.is_none() => titled = true,
            Some(_) | None => showing.line(line),
        }
    }
    showing.end();
    showing.blocks
}

#[derive(Default)]
struct Showing {
    blocks: Vec<Block>,
    paragraph: Vec<String>,
    items: Vec<String>,
    /// The items have numbers.
    numbered: bool,
    /// Code between fences.
    fence: Option<Vec<String>>,
}

impl Showing {
    fn line(&mut self, line: &str) {
        if line.trim_start().starts_with("```") {
            if let Some(code) = self.fence.take() {
                self.blocks.push(Block::Note(code.join("\n")));
            } else {
                self.end();
                self.fence = Some(Vec::new());
            }
        } else if let Some(code) = &mut self.fence {
            code.push(line.to_owned());
        } else if let Some((level, text)) = heading(line) {
            self.end();
            self.blocks.push(Block::Heading(level.saturating_sub(1).clamp(1, 3) as u8, plain(text)));
        } else if line.trim().is_empty() {
            self.end();
        } else if let Some(text) = item(line) {
            let numbered = is_numbered(line);
            if numbered == self.numbered {
                self.end_paragraph();
            } else {
                self.end();
            }
            self.numbered = numbered;
            self.items.push(plain(text));
        } else if let Some(last) = self.items.last_mut() {
            last.push(' ');
            last.push_str(&plain(line.trim()));
        } else if let Some(said) = line.trim().strip_prefix('>') {
            self.end();
            self.blocks.push(Block::Note(plain(said.trim())));
        } else {
            self.paragraph.push(plain(line.trim()));
        }
    }

    fn end_paragraph(&mut self) {
        if !self.paragraph.is_empty() {
            self.blocks.push(Block::Text(std::mem::take(&mut self.paragraph).join(" ")));
        }
    }

    fn end(&mut self) {
        self.end_paragraph();
        if !self.items.is_empty() {
            let items = std::mem::take(&mut self.items);
            self.blocks.push(if self.numbered { Block::Numbered(items) } else { Block::List(items) });
        }
        if let Some(code) = self.fence.take() {
            self.blocks.push(Block::Note(code.join("\n")));
        }
    }
}

/// Without the marks of emphasis, which a plain text does not need, and with links written out.
fn plain(text: &str) -> String {
    links(text).replace("**", "").replace("__", "").replace('`', "")
}

/// `[the graph](https://…)` → `the graph (https://…)`.
fn links(text: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(middle) = rest.find("](http") {
        let (before, after) = (&rest[..middle], &rest[middle + 2..]);
        let (Some(begin), Some(end)) = (before.rfind('['), after.find(')')) else { break };
        out.push_str(&before[..begin]);
        out.push_str(&before[begin + 1..]);
        out.push_str(" (");
        out.push_str(&after[..=end]);
        rest = &after[end + 1..];
    }
    out.push_str(rest);
    out
}
