//! Tables: columns as wide as what stands in them needs, rows that go on over the page's end, heads on every page.

use super::flow::Flow;
use super::ink::{LEFT, RIGHT};
use crate::paper::letters::{self, Face};
use crate::paper::{ROWS_MAX, bounded};

/// Columns at most: more can't be read on paper.
const COLUMNS_MAX: usize = 24;
/// The widths are found by so many rows.
const MEASURED: usize = 400;
/// Of a cell so many letters are measured.
const LETTERS_MEASURED: usize = 120;
/// Between the edge of a cell and its text.
const INSET: f32 = 4.0;
/// Above and below a row's text.
const AIR: f32 = 2.5;
/// Lines of a head at most.
const HEAD_LINES: usize = 6;

struct Grid {
    /// Left edge and width of each column.
    columns: Vec<(f32, f32)>,
    numbers: Vec<bool>,
    size: f32,
    head: Vec<Vec<String>>,
}

impl Grid {
    fn line(&self) -> f32 {
        self.size * 1.3
    }

    fn head_height(&self) -> f32 {
        let lines = self.head.iter().map(Vec::len).max().unwrap_or(1);
        lines as f32 * self.line() + 2.0 * AIR
    }

    fn wrapped(&self, column: usize, text: &str) -> Vec<String> {
        let wide = self.columns[column].1 - 2.0 * INSET;
        letters::wrapped(&bounded(text), Face::Regular, self.size, wide)
    }
}

impl Flow<'_> {
    /// A table.
    pub(super) fn table(&mut self, head: &[String], numbers: &[usize], rows: &[Vec<String>]) {
        if head.is_empty() {
            return;
        }
        let shown = head.len().min(COLUMNS_MAX);
        let grid = measured(&head[..shown], numbers, rows);
        if !self.room(grid.head_height() + 2.0 * grid.line() + 2.0 * AIR) {
            return;
        }
        self.heads(&grid);
        for row in rows.iter().take(ROWS_MAX) {
            if !self.row(&grid, row) {
                return;
            }
        }
        self.y -= 8.0;
        let out = [
            (rows.len().saturating_sub(ROWS_MAX), self.words.left_out_rows),
            (head.len() - shown, self.words.left_out_columns),
        ];
        for (more, what) in out.into_iter().filter(|(more, _)| *more > 0) {
            self.put(&hotline_core::paper::Block::Note(format!("{more} {what}")));
        }
    }

    fn heads(&mut self, grid: &Grid) {
        let high = grid.head_height();
        self.page.rect(LEFT, self.y - high, RIGHT - LEFT, high, 0.93);
        for (column, lines) in grid.head.iter().enumerate() {
            self.cell(grid, column, lines, Face::Bold);
        }
        self.y -= high;
        self.page.rule(LEFT, RIGHT, self.y, 0.8, 0.5);
    }

    /// Its lines, as many as the page has room for, the rest on the next. `false`: no page is left.
    fn row(&mut self, grid: &Grid, row: &[String]) -> bool {
        let cells: Vec<Vec<String>> = (0..grid.columns.len())
            .map(|column| grid.wrapped(column, row.get(column).map_or("", String::as_str)))
            .collect();
        let lines = cells.iter().map(Vec::len).max().unwrap_or(1);
        let mut told = 0;
        while told < lines {
            // A short row is not torn apart; of a long one some lines stand together.
            let together = (lines - told).min(4) as f32 * grid.line() + 2.0 * AIR;
            if self.y - together < super::ink::BOTTOM {
                if !self.turn() {
                    return false;
                }
                self.room(grid.head_height());
                self.heads(grid);
            }
            let fits = ((self.y - super::ink::BOTTOM - 2.0 * AIR) / grid.line()).floor().max(1.0) as usize;
            let until = (told + fits).min(lines);
            for (column, cell) in cells.iter().enumerate() {
                let part = cell.get(told..until.min(cell.len())).unwrap_or_default();
                self.cell(grid, column, part, Face::Regular);
            }
            self.y -= (until - told) as f32 * grid.line() + 2.0 * AIR;
            self.page.rule(LEFT, RIGHT, self.y, 0.4, 0.8);
            told = until;
        }
        true
    }

    fn cell(&mut self, grid: &Grid, column: usize, lines: &[String], face: Face) {
        let (left, wide) = grid.columns[column];
        for (number, line) in lines.iter().enumerate() {
            let y = self.y - AIR - grid.size - number as f32 * grid.line();
            let x = if grid.numbers[column] {
                left + wide - INSET - letters::width(line, face, grid.size)
            } else {
                left + INSET
            };
            self.page.text(x, y, face, grid.size, line);
        }
    }
}

fn measured(head: &[String], numbers: &[usize], rows: &[Vec<String>]) -> Grid {
    let size = match head.len() {
        0..=6 => 9.0,
        7..=9 => 8.0,
        10..=14 => 7.0,
        _ => 5.0,
    };
    let whole = RIGHT - LEFT;
    // The longest word decides how narrow a column may be, its whole text how wide it wants to be.
    let wishes: Vec<(f32, f32)> = (0..head.len())
        .map(|column| {
            // Spread over the whole table: numbers grow towards its end.
            let every = rows.len().div_ceil(MEASURED).max(1);
            let spread = rows.iter().rev().step_by(every).chain(rows.first());
            let cells = spread.filter_map(|row| row.get(column));
            let cells = cells.map(|text| (text.as_str(), Face::Regular));
            let all = std::iter::once((head[column].as_str(), Face::Bold)).chain(cells);
            all.fold((12.0_f32, 12.0_f32), |(least, most), (text, face)| {
                let text: String = text.chars().take(LETTERS_MEASURED).collect();
                let word = text.split_whitespace().map(|word| letters::width(word, face, size)).fold(0.0, f32::max);
                (least.max(word.min(whole / 4.0)), most.max(letters::width(&text, face, size)))
            })
        })
        .map(|(least, most)| (least + 2.0 * INSET + 0.5, most.max(least) + 2.0 * INSET + 0.5))
        .collect();
    let least: f32 = wishes.iter().map(|(least, _)| least).sum();
    let most: f32 = wishes.iter().map(|(_, most)| most).sum();
    let widths: Vec<f32> = if most <= whole {
        wishes.iter().map(|(_, own)| own * whole / most).collect()
    } else if least < whole {
        let share = (whole - least) / (most - least).max(0.01);
        wishes.iter().map(|(least, most)| least + (most - least) * share).collect()
    } else {
        wishes.iter().map(|(least_own, _)| least_own * whole / least).collect()
    };
    let mut left = LEFT;
    let mut columns = Vec::with_capacity(widths.len());
    for width in widths {
        columns.push((left, width));
        left += width;
    }
    let head = head
        .iter()
        .zip(&columns)
        .map(|(text, (_, wide))| {
            let mut lines = letters::wrapped(&bounded(text), Face::Bold, size, wide - 2.0 * INSET);
            lines.truncate(HEAD_LINES);
            lines
        })
        .collect::<Vec<_>>();
    let numbers = (0..head.len()).map(|column| numbers.contains(&column)).collect();
    Grid { columns, numbers, size, head }
}
