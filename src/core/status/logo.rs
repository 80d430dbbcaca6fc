//! Logos: pictures that are known by their bytes. SVG is none of them: it can hold script.

use std::fmt;
use std::sync::Arc;

/// Largest logo, bytes.
pub const LOGO_MAX: usize = 512 * 1024;

/// A picture that was looked at.
#[derive(Clone, PartialEq, Eq)]
pub struct Logo {
    /// What it is.
    pub kind: LogoKind,
    /// Its file.
    pub bytes: Arc<[u8]>,
}

impl fmt::Debug for Logo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Logo({:?}, {} bytes)", self.kind, self.bytes.len())
    }
}

/// What browsers show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogoKind {
    /// PNG.
    Png,
    /// JPEG.
    Jpeg,
    /// WebP.
    Webp,
}

impl LogoKind {
    /// Its media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
        }
    }
}

/// Why a file is no logo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LogoFault {
    /// Larger than [`LOGO_MAX`].
    #[error("the logo has {0} bytes, at most {LOGO_MAX} (512 kB) are taken; make it smaller")]
    TooLarge(usize),
    /// Neither PNG nor JPEG nor WebP.
    #[error("the logo is no PNG, JPEG or WebP by its bytes; convert it (SVG is not taken: it can hold script)")]
    Unknown,
    /// It ends too early.
    #[error("the logo's file is cut off or damaged; send it whole")]
    Damaged,
}

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
/// The last chunk with its length and checksum.
const PNG_END: &[u8] = b"\0\0\0\0IEND\xae\x42\x60\x82";

impl Logo {
    /// Looks at the bytes; the name of a file or a header says nothing.
    pub fn read(bytes: &[u8]) -> Result<Self, LogoFault> {
        if bytes.len() > LOGO_MAX {
            return Err(LogoFault::TooLarge(bytes.len()));
        }
        let (kind, whole) = if bytes.starts_with(PNG) {
            (LogoKind::Png, bytes.get(12..16) == Some(b"IHDR") && bytes.ends_with(PNG_END))
        } else if bytes.starts_with(b"\xff\xd8\xff") {
            (LogoKind::Jpeg, bytes.ends_with(b"\xff\xd9"))
        } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
            let said = bytes.get(4..8).and_then(|size| size.try_into().ok()).map(u32::from_le_bytes);
            // RIFF counts what follows its own 8 bytes.
            (LogoKind::Webp, said.and_then(|said| usize::try_from(said).ok()) == Some(bytes.len() - 8))
        } else {
            return Err(LogoFault::Unknown);
        };
        if whole { Ok(Self { kind, bytes: bytes.into() }) } else { Err(LogoFault::Damaged) }
    }
}
