//! Colours that can be read: contrast by WCAG 2.2 (1.4.3, at least 4.5:1 for text).

use std::fmt;

/// What text needs (level AA).
pub const ENOUGH: f64 = 4.5;
/// What light pages are drawn on.
pub const BACKGROUND: Colour = Colour(0xff, 0xff, 0xff);
/// What dark pages are drawn on.
pub const BACKGROUND_DARK: Colour = Colour(0x15, 0x18, 0x1e);
const BLACK: Colour = Colour(0, 0, 0);

/// Red, green, blue in sRGB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour(pub u8, pub u8, pub u8);

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }
}

impl Colour {
    /// Reads `#0b5394`.
    pub fn read(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii())?;
        let part = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
        // `from_str_radix` takes a sign.
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        Some(Self(part(0)?, part(2)?, part(4)?))
    }

    /// Relative luminance, 0 to 1.
    fn luminance(self) -> f64 {
        let linear = |part: u8| {
            let part = f64::from(part) / 255.0;
            if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(self.0) + 0.7152 * linear(self.1) + 0.0722 * linear(self.2)
    }

    /// How well one is read on the other: 1 (not at all) to 21 (black on white).
    pub fn contrast(self, other: Self) -> f64 {
        let (a, b) = (self.luminance() + 0.05, other.luminance() + 0.05);
        if a > b { a / b } else { b / a }
    }

    /// Whether it can be read as text on this background.
    pub fn is_legible_on(self, background: Self) -> bool {
        self.contrast(background) >= ENOUGH
    }

    /// Black or white, whichever is read better on it.
    pub fn text_on(self) -> Self {
        if self.contrast(BACKGROUND) >= self.contrast(BLACK) { BACKGROUND } else { BLACK }
    }

    /// The same colour, made as much lighter as it takes to be read on a dark page.
    pub fn for_dark(self) -> Self {
        let towards_white = |step: u16| {
            let part = |part: u8| {
                let lighter = u16::from(part) + (255 - u16::from(part)) * step / 32;
                u8::try_from(lighter).unwrap_or(u8::MAX)
            };
            Self(part(self.0), part(self.1), part(self.2))
        };
        (0..32).map(towards_white).find(|colour| colour.is_legible_on(BACKGROUND_DARK)).unwrap_or(BACKGROUND)
    }
}
