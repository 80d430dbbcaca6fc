//! What is heard, as samples: G.711 decoded, loud or quiet.
//!
//! Decodes by the text of ITU-T G.711 and not with the hotline's own tables, so that the phone does
//! not share a mistake with what it tests. Pure.

use std::time::Duration;

use hotline_core::audio::Law;

/// The other side has finished when it was quiet for so long.
pub const QUIET: Duration = Duration::from_millis(800);
/// What was not at least so long is a click and no speech, ms.
const SOUND_MS_MIN: u64 = 300;
/// Mean amplitude of a packet (of 32,767) from which it is not quiet: about −46 dBFS.
const LOUD: u64 = 160;

/// The sample of one G.711 byte.
pub fn decode(law: Law, byte: u8) -> i16 {
    match law {
        Law::Mu => {
            let byte = !byte;
            let magnitude = (((i16::from(byte & 0x0f) << 3) + 0x84) << ((byte >> 4) & 7)) - 0x84;
            if byte & 0x80 == 0 { magnitude } else { -magnitude }
        }
        Law::A => {
            let byte = byte ^ 0x55;
            let (segment, step) = ((byte >> 4) & 7, i16::from(byte & 0x0f));
            let magnitude = match segment {
                0 => (step << 4) + 8,
                _ => ((step << 4) + 0x108) << (segment - 1),
            };
            if byte & 0x80 == 0 { -magnitude } else { magnitude }
        }
    }
}

/// Notices when the other side has said something and then goes quiet.
#[derive(Debug, Default)]
pub struct QuietMeter {
    sound_ms: u64,
    loud_at: Option<Duration>,
}

impl QuietMeter {
    /// A packet of samples, received at `now`.
    pub fn listen(&mut self, samples: &[i16], now: Duration) {
        let sum: u64 = samples.iter().map(|sample| u64::from(sample.unsigned_abs())).sum();
        if !samples.is_empty() && sum / samples.len() as u64 >= LOUD {
            self.sound_ms += samples.len() as u64 / 8;
            self.loud_at = Some(now);
        }
    }

    /// True once after each time that something was said and [`QUIET`] has passed since.
    pub fn gone_quiet(&mut self, now: Duration) -> bool {
        let quiet = self.loud_at.is_some_and(|at| now.saturating_sub(at) >= QUIET);
        if !quiet {
            return false;
        }
        let said_something = self.sound_ms >= SOUND_MS_MIN;
        *self = Self::default();
        said_something
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_what_g711_says() {
        // ITU-T G.711 table 2a (mu-law) and 1a (A-law), scaled to 16 bits.
        let mu = [(0xff, 0), (0x7f, 0), (0x80, 32_124), (0x00, -32_124), (0xfe, 8), (0xef, 132), (0x8f, 16_764)];
        for (byte, sample) in mu {
            assert_eq!(decode(Law::Mu, byte), sample, "mu {byte:02x}");
        }
        let a = [(0xd5, 8), (0x55, -8), (0xaa, 32_256), (0x2a, -32_256), (0xd4, 24), (0xc5, 264)];
        for (byte, sample) in a {
            assert_eq!(decode(Law::A, byte), sample, "A {byte:02x}");
        }
    }

    #[test]
    fn quiet_comes_after_speech_and_once() {
        let ms = Duration::from_millis;
        let mut meter = QuietMeter::default();
        assert!(!meter.gone_quiet(ms(5_000)), "nothing was said");
        for n in 0..50 {
            meter.listen(&[4_000; 160], ms(n * 20));
            meter.listen(&[20; 160], ms(n * 20 + 10));
            assert!(!meter.gone_quiet(ms(n * 20 + 10)));
        }
        assert!(!meter.gone_quiet(ms(1_700)));
        assert!(meter.gone_quiet(ms(1_800)));
        assert!(!meter.gone_quiet(ms(9_000)));
        meter.listen(&[4_000; 160], ms(10_000));
        assert!(!meter.gone_quiet(ms(11_000)), "a click");
    }
}
