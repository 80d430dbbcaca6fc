//! How loud samples are.

/// Level of an empty or silent piece, dBFS.
pub const SILENT_DBFS: f32 = -96.0;

/// Samples at or beyond this count as clipped.
const CLIP: u16 = 32_760;

/// What was measured over a piece.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// Root mean square, dB below a full-scale square wave.
    pub rms_dbfs: f32,
    /// Largest sample, dB below full scale.
    pub peak_dbfs: f32,
    /// Samples that touch the end of the scale.
    pub clipped: usize,
}

/// Measures a piece.
pub fn measure(samples: &[i16]) -> Level {
    let peak = samples.iter().map(|s| s.unsigned_abs()).max().unwrap_or(0);
    let clipped = samples.iter().filter(|s| s.unsigned_abs() >= CLIP).count();
    Level { rms_dbfs: rms_dbfs(samples), peak_dbfs: dbfs(f32::from(peak)), clipped }
}

/// Root mean square level, dBFS; [`SILENT_DBFS`] for nothing.
pub fn rms_dbfs(samples: &[i16]) -> f32 {
    if samples.is_empty() {
        return SILENT_DBFS;
    }
    // In whole numbers the sum is exact, and the compiler may take several samples at a time.
    let sum: u64 = samples.iter().map(|s| u64::from(i32::from(*s).pow(2).unsigned_abs())).sum();
    dbfs((sum as f64 / samples.len() as f64).sqrt() as f32)
}

fn dbfs(amplitude: f32) -> f32 {
    if amplitude < 0.5 { SILENT_DBFS } else { 20.0 * (amplitude / 32_768.0).log10() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_square_wave_at_half_scale_is_six_db_down() {
        let square: Vec<i16> = (0..800).map(|i| if i % 16 < 8 { 16_384 } else { -16_384 }).collect();
        let level = measure(&square);
        assert!((level.rms_dbfs + 6.02).abs() < 0.01, "{level:?}");
        assert!((level.peak_dbfs + 6.02).abs() < 0.01, "{level:?}");
        assert_eq!(level.clipped, 0);
    }

    #[test]
    fn silence_and_clipping_are_seen() {
        assert_eq!(measure(&[]), Level { rms_dbfs: SILENT_DBFS, peak_dbfs: SILENT_DBFS, clipped: 0 });
        assert_eq!(measure(&[0, i16::MIN, i16::MAX, 100]).clipped, 2);
    }
}
