//! One page's contents: texts, lines, rectangles. Origin below and left, points.

use pdf_writer::{Content, Name, Str, TextStr};

use crate::paper::drawing::{Anchor, Colour, LETTERS, Mark};
use crate::paper::letters::{self, Face};

/// A4.
pub const PAGE_WIDTH: f32 = 595.0;
/// A4.
pub const PAGE_HEIGHT: f32 = 842.0;
/// Where lines begin.
pub const LEFT: f32 = 50.0;
/// Where they end.
pub const RIGHT: f32 = PAGE_WIDTH - 50.0;
/// The highest base line's upper edge.
pub const TOP: f32 = PAGE_HEIGHT - 50.0;
/// Nothing but the foot below it.
pub const BOTTOM: f32 = 54.0;
/// Names of the fonts in a page's resources.
pub const REGULAR: Name<'static> = Name(b"F1");
/// The bold one.
pub const BOLD: Name<'static> = Name(b"F2");

/// What a page is written with.
pub struct Ink(Content);

impl Ink {
    /// An empty page.
    pub fn new() -> Self {
        Self(Content::new())
    }

    /// The bytes, not packed.
    pub fn finish(self) -> Vec<u8> {
        self.0.finish().to_vec()
    }

    /// A line of text.
    pub fn text(&mut self, x: f32, y: f32, face: Face, size: f32, text: &str) {
        let text = letters::tidied(text);
        let (bytes, replaced) = letters::encoded(&text);
        if bytes.is_empty() {
            return;
        }
        if replaced {
            self.0.begin_marked_content_with_properties(Name(b"Span")).properties().actual_text(TextStr(&text));
        }
        let font = match face {
            Face::Regular => REGULAR,
            Face::Bold => BOLD,
        };
        self.0.begin_text().set_font(font, size).next_line(x, y).show(Str(&bytes)).end_text();
        if replaced {
            self.0.end_marked_content();
        }
    }

    /// What is filled from now on, texts too.
    pub fn grey(&mut self, share: f32) {
        self.0.set_fill_gray(share);
    }

    /// A filled rectangle; what is filled after it is black.
    pub fn rect(&mut self, x: f32, y: f32, width: f32, height: f32, grey: f32) {
        self.0.set_fill_gray(grey).rect(x, y, width, height).fill_nonzero();
        self.0.set_fill_gray(0.0);
    }

    /// A rectangle's edge.
    pub fn frame(&mut self, x: f32, y: f32, width: f32, height: f32) {
        self.0.set_stroke_gray(0.75).set_line_width(0.7).rect(x, y, width, height).stroke();
    }

    /// A line across.
    pub fn rule(&mut self, from: f32, to: f32, y: f32, thick: f32, grey: f32) {
        self.0.set_stroke_gray(grey).set_line_width(thick).move_to(from, y).line_to(to, y).stroke();
    }

    /// A chart's mark; `left` and `top` are where its box begins.
    pub fn mark(&mut self, left: f32, top: f32, mark: &Mark) {
        match mark {
            Mark::Bar { x, y, width, height, colour } => {
                let (red, green, blue) = shares(*colour);
                self.0.set_fill_rgb(red, green, blue);
                self.0.rect(left + x, top - y - height, *width, *height).fill_nonzero();
                self.0.set_fill_gray(0.0);
            }
            Mark::Path { points, width, colour, dash } => {
                let Some(((x, y), rest)) = points.split_first() else { return };
                let (red, green, blue) = shares(*colour);
                self.0.set_stroke_rgb(red, green, blue).set_line_width(*width);
                self.0.set_dash_pattern(*dash, 0.0);
                self.0.move_to(left + x, top - y);
                for (x, y) in rest {
                    self.0.line_to(left + x, top - y);
                }
                self.0.stroke();
                self.0.set_dash_pattern(None::<f32>, 0.0);
            }
            Mark::Text { x, y, text, anchor } => {
                let wide = letters::width(text, Face::Regular, LETTERS);
                let back = match anchor {
                    Anchor::Start => 0.0,
                    Anchor::Middle => wide / 2.0,
                    Anchor::End => wide,
                };
                self.grey(0.2);
                self.text(left + x - back, top - y, Face::Regular, LETTERS, text);
                self.grey(0.0);
            }
        }
    }
}

fn shares(Colour(red, green, blue): Colour) -> (f32, f32, f32) {
    (f32::from(red) / 255.0, f32::from(green) / 255.0, f32::from(blue) / 255.0)
}
