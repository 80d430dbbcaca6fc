//! G.711 (ITU-T G.711, 11/88): mu-law and A-law by table, both ways and across.
//!
//! The laws are written once, as `const fn`, and unrolled into tables when the
//! program is built; the media threads only look up.

/// Which of the two laws.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Law {
    /// Mu-law: North America, Japan.
    Mu,
    /// A-law: everywhere else.
    A,
}

/// Decoded samples by mu-law byte.
pub static MU_TO_LINEAR: [i16; 256] = linear_table(false);
/// Decoded samples by A-law byte.
pub static A_TO_LINEAR: [i16; 256] = linear_table(true);
/// A-law byte that comes closest, by mu-law byte.
pub static MU_TO_A: [u8; 256] = cross_table(false);
/// Mu-law byte that comes closest, by A-law byte.
pub static A_TO_MU: [u8; 256] = cross_table(true);

/// What an idle line sends in mu-law: +0.
pub const MU_SILENCE: u8 = 0xff;
/// What an idle line sends in A-law: the smallest positive value.
pub const A_SILENCE: u8 = 0xd5;

/// Bias that makes each mu-law segment twice as long as the one below, in 14-bit steps.
const MU_BIAS: i32 = 33;

/// A 16-bit sample in mu-law (G.711 table 2a/2b: 14 bits of magnitude and sign).
pub const fn encode_mu(sample: i16) -> u8 {
    let magnitude = if sample < 0 { !sample } else { sample } as i32;
    let biased = (magnitude >> 2) + MU_BIAS;
    let biased = if biased > 0x1fff { 0x1fff } else { biased };
    // The segment is where the highest set bit stands; bit 5 is segment 0.
    let segment = 26 - biased.leading_zeros() as i32;
    let step = (biased >> (segment + 1)) & 0x0f;
    let code = !((segment << 4) | step) as u8 & 0x7f;
    if sample < 0 { code } else { code | 0x80 }
}

/// A mu-law byte as a 16-bit sample.
pub const fn decode_mu(byte: u8) -> i16 {
    let code = !byte;
    let segment = (code >> 4) & 0x07;
    let step = (code & 0x0f) as i32;
    let magnitude = (((step << 1) + MU_BIAS) << segment) - MU_BIAS;
    let sample = (magnitude << 2) as i16;
    if byte & 0x80 == 0 { -sample } else { sample }
}

/// A 16-bit sample in A-law (G.711 table 1a/1b: 13 bits; even bits inverted).
pub const fn encode_a(sample: i16) -> u8 {
    let magnitude = (if sample < 0 { !sample } else { sample } >> 4) as i32;
    let code = if magnitude < 32 {
        magnitude
    } else {
        let segment = 28 - magnitude.leading_zeros() as i32;
        (segment << 4) + ((magnitude >> (segment - 1)) & 0x0f)
    };
    let sign = if sample < 0 { 0 } else { 0x80 };
    (code as u8 | sign) ^ 0x55
}

/// An A-law byte as a 16-bit sample.
pub const fn decode_a(byte: u8) -> i16 {
    let code = byte ^ 0x55;
    let segment = (code >> 4) & 0x07;
    let step = (code & 0x0f) as i32;
    // Half a step is added: the value decoded is the middle of its interval.
    let magnitude = if segment == 0 { (step << 4) + 8 } else { ((step << 4) + 0x108) << (segment - 1) };
    let sample = magnitude as i16;
    if byte & 0x80 == 0 { -sample } else { sample }
}

/// A byte as a sample.
pub fn decode(law: Law, byte: u8) -> i16 {
    match law {
        Law::Mu => MU_TO_LINEAR[usize::from(byte)],
        Law::A => A_TO_LINEAR[usize::from(byte)],
    }
}

/// A sample as a byte.
pub const fn encode(law: Law, sample: i16) -> u8 {
    match law {
        Law::Mu => encode_mu(sample),
        Law::A => encode_a(sample),
    }
}

/// What an idle line sends.
pub const fn silence(law: Law) -> u8 {
    match law {
        Law::Mu => MU_SILENCE,
        Law::A => A_SILENCE,
    }
}

/// Rewrites a payload in place from one law to the other; nothing if they are the same.
pub fn transcode(from: Law, to: Law, payload: &mut [u8]) {
    let table = match (from, to) {
        (Law::Mu, Law::A) => &MU_TO_A,
        (Law::A, Law::Mu) => &A_TO_MU,
        (Law::Mu, Law::Mu) | (Law::A, Law::A) => return,
    };
    for byte in payload {
        *byte = table[usize::from(*byte)];
    }
}

const fn linear_table(a_law: bool) -> [i16; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = if a_law { decode_a(byte as u8) } else { decode_mu(byte as u8) };
        byte += 1;
    }
    table
}

const fn cross_table(from_a: bool) -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = if from_a { encode_mu(decode_a(byte as u8)) } else { encode_a(decode_mu(byte as u8)) };
        byte += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decoded values at each segment's ends, worked out by hand from G.711 tables 1 and 2
    /// (14-bit values times 4, 13-bit values times 8).
    #[test]
    fn decodes_the_segment_ends_of_the_recommendation() {
        let mu = [(0xff, 0), (0xfe, 8), (0xf0, 120), (0xef, 132), (0xdf, 396), (0xcf, 924), (0xbf, 1_980)];
        for (byte, sample) in mu {
            assert_eq!(decode_mu(byte), sample, "mu {byte:#x}");
            assert_eq!(decode_mu(byte & 0x7f), -sample, "mu {byte:#x} negative");
        }
        assert_eq!((decode_mu(0x80), decode_mu(0x00)), (32_124, -32_124));
        let a = [(0xd5, 8), (0xd4, 24), (0xda, 248), (0xc5, 264), (0xf5, 528), (0xe5, 1_056), (0xaa, 32_256)];
        for (byte, sample) in a {
            assert_eq!(decode_a(byte), sample, "A {byte:#x}");
            assert_eq!(decode_a(byte & 0x7f), -sample, "A {byte:#x} negative");
        }
    }

    #[test]
    fn every_byte_survives_the_round_trip() {
        for byte in 0..=255_u8 {
            // Mu-law has two zeros; the negative one comes back as the positive.
            let mu = if byte == 0x7f { 0xff } else { byte };
            assert_eq!(encode_mu(decode_mu(byte)), mu);
            assert_eq!(encode_a(decode_a(byte)), byte);
            assert_eq!(decode(Law::Mu, byte), decode_mu(byte));
            assert_eq!(decode(Law::A, byte), decode_a(byte));
        }
    }

    /// The encoder takes the interval that the sample lies in: no other byte of the same sign decodes nearer than
    /// half the step of that segment, and order is kept.
    #[test]
    fn all_65_536_samples_encode_to_their_interval() {
        for law in [Law::Mu, Law::A] {
            let mut before = i16::MIN;
            for sample in i16::MIN..=i16::MAX {
                let decoded = decode(law, encode(law, sample));
                assert!(decoded >= before, "{law:?} keeps the order at {sample}");
                before = decoded;
                let error = (i32::from(decoded) - i32::from(sample)).abs();
                let magnitude = i32::from(sample).abs();
                // Half a step is 1/32 of the segment's lower end; beyond the last segment it clips.
                let allowed = (magnitude / 32 + 8).max(i32::from(magnitude > 32_124) * 644);
                assert!(error <= allowed, "{law:?} {sample} -> {decoded}");
            }
        }
    }

    #[test]
    fn crossing_over_and_back_settles() {
        for byte in 0..=255_u8 {
            let once = MU_TO_A[usize::from(byte)];
            let back = A_TO_MU[usize::from(once)];
            assert_eq!(MU_TO_A[usize::from(back)], once, "a second crossing adds no loss");
        }
        let mut payload = [MU_SILENCE, 0x80, 0x00];
        transcode(Law::Mu, Law::A, &mut payload);
        assert_eq!(payload, [A_SILENCE, 0xaa, 0x2a]);
    }
}
