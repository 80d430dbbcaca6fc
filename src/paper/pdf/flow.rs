//! Blocks one under the other, page by page.

use hotline_core::paper::{Block, Chart};

use super::ink::{BOTTOM, Ink, LEFT, RIGHT, TOP};
use crate::paper::drawing::{self, HEIGHT};
use crate::paper::letters::{self, Face};
use crate::paper::{Words, bounded, chart_title};

/// Size of ordinary letters.
const SIZE: f32 = 10.0;
/// From line to line, of the size.
const LEADING: f32 = 1.4;
/// Between blocks.
const GAP: f32 = 8.0;
/// So much of what follows a heading stands on its page.
const KEEP: f32 = 46.0;
/// Pages of one document at most; what is behind them is left out, and said.
const PAGES_MAX: usize = 4_000;
/// Height of a big figure's box.
const FIGURE: f32 = 44.0;
/// Big figures beside each other.
const FIGURES: usize = 4;

/// The page that is being written and those before it.
pub struct Flow<'a> {
    pub(super) words: Words,
    language: &'a str,
    pages: Vec<Ink>,
    pub(super) page: Ink,
    /// What is above it is taken.
    pub(super) y: f32,
    /// Nothing stands on the page yet.
    fresh: bool,
    full: bool,
}

impl<'a> Flow<'a> {
    /// An empty first page.
    pub fn new(words: Words, language: &'a str) -> Self {
        Self { words, language, pages: Vec::new(), page: Ink::new(), y: TOP, fresh: true, full: false }
    }

    /// All pages.
    pub fn finish(mut self) -> Vec<Ink> {
        self.pages.push(self.page);
        self.pages
    }

    /// Title and subtitle.
    pub fn head(&mut self, title: &str, subtitle: &str) {
        self.paragraph(title, Face::Bold, 20.0, LEFT, 0.0);
        if !subtitle.is_empty() {
            self.paragraph(subtitle, Face::Regular, 11.0, LEFT, 0.35);
        }
        self.page.rule(LEFT, RIGHT, self.y - 2.0, 1.0, 0.6);
        self.y -= GAP * 2.0;
    }

    /// One block.
    pub fn put(&mut self, block: &Block) {
        match block {
            Block::Heading(level, text) => self.heading(*level, text),
            Block::Text(text) => {
                self.paragraph(text, Face::Regular, SIZE, LEFT, 0.0);
                self.y -= GAP;
            }
            Block::Note(text) => self.note(text),
            Block::List(items) => {
                for item in items {
                    self.item("•", item);
                }
                self.y -= GAP;
            }
            Block::Numbered(items) => {
                for (place, item) in items.iter().enumerate() {
                    self.item(&format!("{}.", place + 1), item);
                }
                self.y -= GAP;
            }
            Block::Table { head, numbers, rows } => self.table(head, numbers, rows),
            Block::Figures(figures) => self.figures(figures),
            Block::Chart(chart) => self.chart(chart),
            Block::PageBreak => {
                if !self.fresh {
                    self.turn();
                }
            }
        }
    }

    /// On to the next page. `false`: there is none any more.
    pub(super) fn turn(&mut self) -> bool {
        if self.pages.len() + 1 >= PAGES_MAX {
            self.full = true;
            return false;
        }
        self.pages.push(std::mem::replace(&mut self.page, Ink::new()));
        self.y = TOP;
        self.fresh = true;
        true
    }

    /// So much room on this page or the next. `false`: no page is left.
    pub(super) fn room(&mut self, height: f32) -> bool {
        if self.full {
            return false;
        }
        if self.y - height < BOTTOM && !self.fresh && !self.turn() {
            return false;
        }
        self.fresh = false;
        true
    }

    /// Lines of text; the place is beneath them afterwards.
    fn paragraph(&mut self, text: &str, face: Face, size: f32, left: f32, grey: f32) {
        for line in letters::wrapped(&bounded(text), face, size, RIGHT - left) {
            if !self.room(size * LEADING) {
                return;
            }
            self.page.grey(grey);
            self.page.text(left, self.y - size, face, size, &line);
            self.page.grey(0.0);
            self.y -= size * LEADING;
        }
    }

    fn heading(&mut self, level: u8, text: &str) {
        let size = match level {
            0 | 1 => 15.0,
            2 => 12.5,
            _ => 11.0,
        };
        if !self.fresh {
            self.y -= GAP;
        }
        let lines = letters::wrapped(&bounded(text), Face::Bold, size, RIGHT - LEFT).len().min(10);
        if self.room(lines as f32 * size * LEADING + KEEP) {
            self.paragraph(text, Face::Bold, size, LEFT, 0.0);
            self.y -= GAP / 2.0;
        }
    }

    fn note(&mut self, text: &str) {
        for line in letters::wrapped(&bounded(text), Face::Regular, SIZE, RIGHT - LEFT - 18.0) {
            let high = SIZE * LEADING;
            if !self.room(high) {
                return;
            }
            self.page.rect(LEFT, self.y - high, RIGHT - LEFT, high, 0.95);
            self.page.rect(LEFT, self.y - high, 3.0, high, 0.4);
            self.page.text(LEFT + 12.0, self.y - SIZE, Face::Regular, SIZE, &line);
            self.y -= high;
        }
        self.y -= GAP;
    }

    fn item(&mut self, mark: &str, text: &str) {
        if self.room(SIZE * LEADING) {
            self.page.text(LEFT + 4.0, self.y - SIZE, Face::Regular, SIZE, mark);
            self.paragraph(text, Face::Regular, SIZE, LEFT + 16.0, 0.0);
        }
    }

    fn figures(&mut self, figures: &[(String, String)]) {
        for row in figures.chunks(FIGURES) {
            if !self.room(FIGURE) {
                return;
            }
            let wide = (RIGHT - LEFT) / FIGURES as f32;
            for (place, (label, value)) in row.iter().enumerate() {
                let left = LEFT + wide * place as f32;
                self.page.frame(left, self.y - FIGURE, wide - 6.0, FIGURE);
                let value = letters::cut(value, Face::Bold, 16.0, wide - 20.0);
                self.page.text(left + 7.0, self.y - 21.0, Face::Bold, 16.0, &value);
                let label = letters::cut(label, Face::Regular, 8.5, wide - 20.0);
                self.page.grey(0.35);
                self.page.text(left + 7.0, self.y - 36.0, Face::Regular, 8.5, &label);
                self.page.grey(0.0);
            }
            self.y -= FIGURE + 6.0;
        }
        self.y -= GAP;
    }

    fn chart(&mut self, chart: &Chart) {
        if !self.room(HEIGHT + SIZE * LEADING + GAP) {
            return;
        }
        let title = letters::cut(&chart_title(chart), Face::Bold, SIZE, RIGHT - LEFT);
        self.page.text(LEFT, self.y - SIZE, Face::Bold, SIZE, &title);
        self.y -= SIZE * LEADING + 2.0;
        for mark in drawing::marks(chart, self.language) {
            self.page.mark(LEFT, self.y, &mark);
        }
        self.y -= HEIGHT + GAP;
    }
}
