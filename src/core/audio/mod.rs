//! Sample work: G.711, G.722, Opus packets' outside, levels, resampling, shared clips, the form in which
//! recordings grow, end of speech, the jitter buffer, concealment, comfort noise.

pub mod clip;
pub mod conceal;
pub mod endpoint;
pub mod g711;
pub mod g722;
pub mod jitter;
pub mod level;
pub mod machine;
pub mod noise;
pub mod opus;
pub mod quality;
pub mod resample;
pub mod restore;
pub mod segment;

pub use clip::Clip;
pub use g711::Law;

/// A codec that a leg can speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Codec {
    /// G.711 mu-law, static payload type 0 (RFC 3551 section 4.5.14).
    Pcmu,
    /// G.711 A-law, static payload type 8.
    Pcma,
    /// G.722 at 64 kbit/s, static payload type 9.
    G722,
    /// Opus (RFC 6716), dynamic payload type (RFC 7587).
    Opus,
}

impl Codec {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Pcmu, Self::Pcma, Self::G722, Self::Opus];
    /// What every telephone network carries.
    pub const TELEPHONE: [Self; 2] = [Self::Pcmu, Self::Pcma];
    /// All of them, the best sound first.
    pub const BEST_FIRST: [Self; 4] = [Self::Opus, Self::G722, Self::Pcmu, Self::Pcma];

    /// Encoding name as written in `a=rtpmap`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
            Self::G722 => "G722",
            Self::Opus => "opus",
        }
    }

    /// As configured.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pcmu => "pcmu",
            Self::Pcma => "pcma",
            Self::G722 => "g722",
            Self::Opus => "opus",
        }
    }

    /// The codec of this name, in whatever letters.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|codec| codec.name().eq_ignore_ascii_case(name))
    }

    /// RTP clock, Hz. G.722's is 8,000 by an old mistake that stands (RFC 3551 section 4.5.2); Opus counts at 48,000
    /// whatever it carries (RFC 7587 section 4.1).
    pub const fn clock_hz(self) -> u32 {
        match self {
            Self::Pcmu | Self::Pcma | Self::G722 => 8_000,
            Self::Opus => 48_000,
        }
    }

    /// Steps of the RTP clock in one of 8 kHz, at which everything inside is counted.
    pub const fn clock_ratio(self) -> u32 {
        self.clock_hz() / 8_000
    }

    /// Rate at which what we play is encoded, Hz.
    pub const fn sample_rate_hz(self) -> u32 {
        match self {
            Self::Pcmu | Self::Pcma => 8_000,
            Self::G722 | Self::Opus => 16_000,
        }
    }

    /// RFC 3551 section 6; `None`: dynamic.
    pub const fn static_payload_type(self) -> Option<u8> {
        match self {
            Self::Pcmu => Some(0),
            Self::Pcma => Some(8),
            Self::G722 => Some(9),
            Self::Opus => None,
        }
    }

    /// Which of G.711's laws it is; `None`: another codec.
    pub const fn law(self) -> Option<Law> {
        match self {
            Self::Pcmu => Some(Law::Mu),
            Self::Pcma => Some(Law::A),
            Self::G722 | Self::Opus => None,
        }
    }

    /// The time that a payload holds, in samples at 8 kHz. What can't be read holds none.
    pub fn samples(self, payload: &[u8]) -> usize {
        match self {
            // 64 kbit/s each: a byte every 125 µs.
            Self::Pcmu | Self::Pcma | Self::G722 => payload.len(),
            Self::Opus => opus::samples(payload).unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_those_of_the_rfcs() {
        let known: Vec<_> = Codec::ALL.iter().map(|c| (c.name(), c.clock_hz(), c.static_payload_type())).collect();
        let want =
            [("PCMU", 8_000, Some(0)), ("PCMA", 8_000, Some(8)), ("G722", 8_000, Some(9)), ("opus", 48_000, None)];
        assert_eq!(known, want);
        assert_eq!(Codec::from_name("OPUS"), Some(Codec::Opus));
        assert_eq!(Codec::from_name("g722"), Some(Codec::G722));
        assert_eq!(Codec::from_name("G729"), None);
    }
}
