//! Sample work: G.711, levels, resampling, shared clips, the form in which
//! recordings grow, end of speech.

pub mod clip;
pub mod endpoint;
pub mod g711;
pub mod level;
pub mod machine;
pub mod quality;
pub mod resample;
pub mod segment;

pub use clip::Clip;

/// A codec that a leg can speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// G.711 mu-law, static payload type 0 (RFC 3551 section 4.5.14).
    Pcmu,
    /// G.711 A-law, static payload type 8.
    Pcma,
}

impl Codec {
    /// Encoding name as written in `a=rtpmap`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
        }
    }

    /// RTP clock, Hz.
    pub const fn clock_hz(self) -> u32 {
        8_000
    }
}
