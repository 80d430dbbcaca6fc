//! Codecs: payload in, samples at 8 kHz out, and back.
//!
//! The one room that knows codec libraries. Knows nothing of packets, sockets and calls. What is inside the house is
//! 8 kHz mono; only clips are encoded from 16 kHz where the codec can carry it. Nothing here allocates after `new`.

mod clip;
mod conceal;
mod decode;
mod encode;
#[cfg(test)]
pub(crate) mod tests;

pub use clip::{encoded, noise, prepare, silence, silent_packet};
pub use decode::Decoder;
pub use encode::Encoder;

/// Longest piece that one payload decodes to, samples at 8 kHz (120 ms, an Opus packet's most).
pub const SAMPLES_MAX: usize = 960;
/// Longest payload that is made here, bytes.
pub const PAYLOAD_MAX: usize = 1_275;
