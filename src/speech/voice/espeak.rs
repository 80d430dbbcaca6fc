//! The `espeak-ng` program as a voice: not beautiful, but it knows a hundred
//! languages. GPL, so always a program and never linked.

use hotline_core::directory::Language;

use super::{Engine, program};
use crate::speech::wav;

/// `espeak-ng` with the voice of a language.
pub struct Espeak {
    name: String,
    voice: String,
}

impl Espeak {
    /// Checks that the program is there and knows the language.
    pub fn start(language: &Language) -> Result<Self, String> {
        let voice = match language.0.as_str() {
            "en" => "en-us".to_owned(),
            other => other.to_ascii_lowercase(),
        };
        // Names of variants follow a "+": none of the languages has one.
        program::run("espeak-ng", &["-q", "-v", &voice, "--stdin"], "1").map_err(|what| {
            if what.contains("failed") { format!("espeak-ng has no voice for {:?}", language.0) } else { what }
        })?;
        Ok(Self { name: format!("espeak-ng {voice} f2 145"), voice })
    }
}

impl Engine for Espeak {
    fn name(&self) -> &str {
        &self.name
    }

    fn speak(&mut self, text: &str) -> Result<Vec<i16>, String> {
        let voice = format!("{}+f2", self.voice);
        let arguments = ["-v", &voice, "-s", "145", "-p", "42", "-a", "80", "-g", "2", "--stdin", "--stdout"];
        let mut bytes = program::run("espeak-ng", &arguments, text)?;
        repair_lengths(&mut bytes);
        wav::read_bytes(&bytes).map_err(|what| format!("the sound of espeak-ng {what}"))
    }
}

/// A program that writes to a pipe can't know the length when it writes the header.
fn repair_lengths(bytes: &mut [u8]) {
    let Some(data) = bytes.windows(4).position(|tag| tag == b"data") else { return };
    let whole = u32::try_from(bytes.len().saturating_sub(8)).unwrap_or(u32::MAX);
    let samples = u32::try_from(bytes.len().saturating_sub(data + 8)).unwrap_or(u32::MAX) & !1;
    if bytes.len() >= data + 8 {
        bytes[4..8].copy_from_slice(&whole.to_le_bytes());
        bytes[data + 4..data + 8].copy_from_slice(&samples.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_without_length_is_repaired() {
        let mut bytes = wav::to_bytes(&[1, 2, 3]);
        bytes[4..8].copy_from_slice(&0x7fff_f024_u32.to_le_bytes());
        bytes[40..44].copy_from_slice(&0x7fff_f000_u32.to_le_bytes());
        repair_lengths(&mut bytes);
        assert_eq!(wav::read_bytes(&bytes).unwrap(), [1, 2, 3]);
        let mut short = b"data".to_vec();
        repair_lengths(&mut short);
        assert_eq!(short, b"data");
    }
}
