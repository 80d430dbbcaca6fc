//! G.722 at 64 kbit/s (ITU-T G.722, 09/2012, mode 1): two bands of 8 kHz, each an adaptive differential coder.
//!
//! Names in brackets are the blocks of the Recommendation's section 6, which say what is computed, bit for bit. The
//! lower band alone is the telephone band at 8 kHz, so what stays inside the house costs one band and no filter.

/// A byte holds so many samples at 16 kHz.
const PAIR: usize = 2;
/// Taps of the band-splitting filter.
const TAPS: usize = 24;
/// Every other coefficient of the filter (table 11, times 8,192); the others are the same, backwards.
const QMF: [i32; TAPS / 2] = [3, -11, 12, 32, -210, 951, 3_876, -805, 362, -156, 53, -11];

/// Decision levels of the lower band's quantizer (table 14).
const Q6: [i32; 29] = [
    35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1_023, 1_121, 1_219, 1_339,
    1_458, 1_612, 1_765, 1_980, 2_195, 2_557, 2_919,
];
/// Code words by interval, for differences below zero and others (table 15).
const ILN: [u8; 30] =
    [63, 62, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4];
const ILP: [u8; 30] = [
    61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43, 42, 41, 40, 39, 38, 37, 36, 35, 34, 33,
    32,
];
/// Quantized differences by code word, 6 bits (table 17).
const QM6: [i32; 64] = [
    -136, -136, -136, -136, -24_808, -21_904, -19_008, -16_704, -14_984, -13_512, -12_280, -11_192, -10_232, -9_360,
    -8_576, -7_856, -7_192, -6_576, -6_000, -5_456, -4_944, -4_464, -4_008, -3_576, -3_168, -2_776, -2_400, -2_032,
    -1_688, -1_360, -1_040, -728, 24_808, 21_904, 19_008, 16_704, 14_984, 13_512, 12_280, 11_192, 10_232, 9_360, 8_576,
    7_856, 7_192, 6_576, 6_000, 5_456, 4_944, 4_464, 4_008, 3_576, 3_168, 2_776, 2_400, 2_032, 1_688, 1_360, 1_040,
    728, 432, 136, -432, -136,
];
/// The same by the upper 4 bits, which the predictor goes by (table 16).
const QM4: [i32; 16] =
    [0, -20_456, -12_896, -8_968, -6_288, -4_240, -2_584, -1_200, 20_456, 12_896, 8_968, 6_288, 4_240, 2_584, 1_200, 0];
/// Steps of the scale factor's logarithm by the upper 4 bits (tables 18 and 19).
const WL: [i32; 16] = [-60, 3_042, 1_198, 538, 334, 172, 58, -30, 3_042, 1_198, 538, 334, 172, 58, -30, -60];
/// The higher band's: differences and steps by code word.
const QM2: [i32; 4] = [-7_408, -1_616, 7_408, 1_616];
const WH: [i32; 4] = [798, -214, 798, -214];
/// Decision level of the higher band's quantizer.
const Q2: i32 = 564;
/// Powers of two in 32 steps (table 21).
const ILB: [i32; 32] = [
    2_048, 2_093, 2_139, 2_186, 2_233, 2_282, 2_332, 2_383, 2_435, 2_489, 2_543, 2_599, 2_656, 2_714, 2_774, 2_834,
    2_896, 2_960, 3_025, 3_091, 3_158, 3_228, 3_298, 3_371, 3_444, 3_520, 3_597, 3_676, 3_756, 3_838, 3_922, 4_008,
];
/// What the higher band is told when there is nothing above 4 kHz: the small positive difference, at which its scale
/// falls to the smallest.
const NOTHING_ABOVE: u8 = 0xc0;

/// Bytes that bring any decoder to rest: from the largest steps to the smallest takes 157 differences of nothing
/// (leakage 127/128 and 60 less each time), and as long that its predictor, which has heard nothing but those, forgets.
pub const SETTLING: usize = 2 * STILL;
/// Of these so many are differences of nothing.
const STILL: usize = 160;

/// Fills `out` with what comes at `from` in those bytes. Whoever goes on with another encoder in the middle of a stream sends
/// them first: else its small steps are heard by the large ones of the encoder before, as a burst. What was heard dies away
/// meanwhile.
pub fn settle(from: usize, out: &mut [u8]) {
    for (at, byte) in (from..).zip(out) {
        *byte = match at {
            // The smallest of both bands, up and down.
            ..STILL if at % 2 == 0 => 0xfd,
            ..STILL => 0x7f,
            // Up and down without a pattern that a predictor could learn.
            _ if (at * at / 7 + at / 3) % 2 == 0 => 0xfb,
            _ => 0x5f,
        };
    }
}

/// Turns samples into bytes.
#[derive(Debug, Clone)]
pub struct Encoder {
    low: Band,
    high: Band,
    history: [i32; TAPS],
}

/// Turns bytes into samples.
#[derive(Debug, Clone)]
pub struct Decoder {
    low: Band,
    high: Band,
    history: [i32; TAPS],
}

impl Default for Encoder {
    fn default() -> Self {
        Self { low: Band::new(Band::LOW_START), high: Band::new(Band::HIGH_START), history: [0; TAPS] }
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self { low: Band::new(Band::LOW_START), high: Band::new(Band::HIGH_START), history: [0; TAPS] }
    }
}

impl Encoder {
    /// Two samples at 16 kHz.
    pub fn wide(&mut self, pair: [i16; PAIR]) -> u8 {
        let history = &mut self.history;
        history.copy_within(PAIR.., 0);
        history[TAPS - 2] = i32::from(pair[0]);
        history[TAPS - 1] = i32::from(pair[1]);
        let [odd, even] = split(history);
        // 15 bits from here on.
        let low = (even + odd) >> 14;
        let high = (even - odd) >> 14;
        self.high.encode_high(limit(high)) << 6 | self.low.encode_low(limit(low))
    }

    /// A sample at 8 kHz: the lower band is that, the higher one empty.
    pub fn narrow(&mut self, sample: i16) -> u8 {
        NOTHING_ABOVE | self.low.encode_low(i32::from(sample) >> 1)
    }
}

impl Decoder {
    /// Two samples at 16 kHz.
    pub fn wide(&mut self, byte: u8) -> [i16; PAIR] {
        let low = self.low.decode_low(byte & 0x3f);
        let high = self.high.decode_high(byte >> 6);
        let history = &mut self.history;
        history.copy_within(PAIR.., 0);
        history[TAPS - 2] = low + high;
        history[TAPS - 1] = low - high;
        let [odd, even] = split(history);
        [saturate(even >> 11) as i16, saturate(odd >> 11) as i16]
    }

    /// A sample at 8 kHz: the lower band alone.
    pub fn narrow(&mut self, byte: u8) -> i16 {
        (self.low.decode_low(byte & 0x3f) << 1) as i16
    }
}

/// The two halves of the filter over what was last put in.
fn split(history: &[i32; TAPS]) -> [i32; 2] {
    let mut sums = [0; 2];
    for tap in 0..TAPS / 2 {
        sums[0] += history[2 * tap] * QMF[tap];
        sums[1] += history[2 * tap + 1] * QMF[TAPS / 2 - 1 - tap];
    }
    sums
}

/// One band's predictor and scale, alike in both directions.
#[derive(Debug, Clone)]
struct Band {
    /// The prediction (SL, SH) and the zero section's part of it (SZL, SZH).
    predicted: i32,
    predicted_zero: i32,
    /// Scale factor (DETL, DETH) and its logarithm (NBL, NBH).
    scale: i32,
    scale_log: i32,
    /// Reconstructed signal, partly and as a whole, of the two samples before.
    whole: [i32; 2],
    part: [i32; 2],
    /// Coefficients of the pole section.
    poles: [i32; 2],
    /// Coefficients of the zero section and the differences that they stand at.
    zeros: [i32; 6],
    differences: [i32; 6],
}

impl Band {
    const LOW_START: i32 = 32;
    const HIGH_START: i32 = 8;
    const LOW_LOG_MAX: i32 = 18_432;
    const HIGH_LOG_MAX: i32 = 22_528;

    const fn new(scale: i32) -> Self {
        Self {
            predicted: 0,
            predicted_zero: 0,
            scale,
            scale_log: 0,
            whole: [0; 2],
            part: [0; 2],
            poles: [0; 2],
            zeros: [0; 6],
            differences: [0; 6],
        }
    }

    fn encode_low(&mut self, sample: i32) -> u8 {
        // [SUBTRA, QUANTL]
        let difference = saturate(sample - self.predicted);
        let magnitude = if difference < 0 { !difference } else { difference };
        let scale = self.scale;
        let interval = Q6.partition_point(|level| magnitude >= (level * scale) >> 12);
        let code = if difference < 0 { ILN[interval] } else { ILP[interval] };
        self.follow_low(code >> 2);
        code
    }

    fn decode_low(&mut self, code: u8) -> i32 {
        // [INVQBL, RECONS, LIMIT]
        let difference = (self.scale * QM6[usize::from(code & 0x3f)]) >> 15;
        let sample = limit(self.predicted + difference);
        self.follow_low(code >> 2);
        sample
    }

    /// What encoder and decoder do alike with the upper 4 bits of a code word.
    fn follow_low(&mut self, code: u8) {
        let code = usize::from(code & 0x0f);
        // [INVQAL, LOGSCL, SCALEL]
        let difference = (self.scale * QM4[code]) >> 15;
        self.scale_log = (((self.scale_log * 127) >> 7) + WL[code]).clamp(0, Self::LOW_LOG_MAX);
        self.scale = scale(self.scale_log, 8);
        self.predict(difference);
    }

    fn encode_high(&mut self, sample: i32) -> u8 {
        // [SUBTRA, QUANTH]
        let difference = saturate(sample - self.predicted);
        let magnitude = if difference < 0 { !difference } else { difference };
        let far = magnitude >= (Q2 * self.scale) >> 12;
        let code = (u8::from(difference >= 0) << 1) | u8::from(!far);
        self.follow_high(code);
        code
    }

    fn decode_high(&mut self, code: u8) -> i32 {
        let predicted = self.predicted;
        limit(predicted + self.follow_high(code))
    }

    fn follow_high(&mut self, code: u8) -> i32 {
        let code = usize::from(code & 0x03);
        // [INVQAH, LOGSCH, SCALEH]
        let difference = (self.scale * QM2[code]) >> 15;
        self.scale_log = (((self.scale_log * 127) >> 7) + WH[code]).clamp(0, Self::HIGH_LOG_MAX);
        self.scale = scale(self.scale_log, 10);
        self.predict(difference);
        difference
    }

    /// Adapts the predictor to a difference and predicts the next sample.
    fn predict(&mut self, difference: i32) {
        // [RECONS, PARREC]
        let whole = saturate(self.predicted + difference);
        let part = saturate(self.predicted_zero + difference);
        let (same, same_before) = ((part ^ self.part[0]) >= 0, (part ^ self.part[1]) >= 0);
        // [UPPOL2]
        let pull = saturate(self.poles[0] << 2);
        let pull = if same { (-pull).min(32_767) } else { pull };
        let step = if same_before { 128 } else { -128 };
        let second = ((pull >> 7) + step + ((self.poles[1] * 32_512) >> 15)).clamp(-12_288, 12_288);
        // [UPPOL1]
        let most = 15_360 - second;
        let step = if same { 192 } else { -192 };
        let first = (step + ((self.poles[0] * 32_640) >> 15)).clamp(-most, most);
        // [UPZERO, DELAYA]
        let step = if difference == 0 { 0 } else { 128 };
        for (zero, before) in self.zeros.iter_mut().zip(&self.differences) {
            let toward = if (before ^ difference) >= 0 { step } else { -step };
            *zero = saturate(toward + ((*zero * 32_640) >> 15));
        }
        self.differences.copy_within(..5, 1);
        self.differences[0] = difference;
        self.whole = [whole, self.whole[0]];
        self.part = [part, self.part[0]];
        self.poles = [first, second];
        // [FILTEP, FILTEZ, PREDIC]
        let by_poles: i32 = (0..2).map(|n| (self.poles[n] * saturate(self.whole[n] * 2)) >> 15).sum();
        let by_zeros: i32 = (0..6).map(|n| (self.zeros[n] * saturate(self.differences[n] * 2)) >> 15).sum();
        self.predicted_zero = saturate(by_zeros);
        self.predicted = saturate(saturate(by_poles) + self.predicted_zero);
    }
}

/// The scale factor whose logarithm that is.
fn scale(log: i32, shift: i32) -> i32 {
    let fraction = ILB[((log >> 6) & 31) as usize];
    let shift = shift - (log >> 11);
    let value = if shift < 0 { fraction << -shift } else { fraction >> shift };
    value << 2
}

/// 16 bits.
fn saturate(value: i32) -> i32 {
    value.clamp(-32_768, 32_767)
}

/// 15 bits: what a band holds.
fn limit(value: i32) -> i32 {
    value.clamp(-16_384, 16_383)
}

#[cfg(test)]
#[path = "tests/g722.rs"]
mod tests;
