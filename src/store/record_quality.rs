//! How a leg went, as JSON: in the journal and in the leg's row.

use hotline_core::audio::Codec;
use hotline_core::audio::quality::{LegQuality, Told};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub(super) struct QualityRecord {
    codec: String,
    sent: u64,
    received: u64,
    lost: u64,
    jitter_ms: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    told: Option<ToldRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    round_trip_ms: Option<f64>,
}

#[derive(Serialize, Deserialize)]
struct ToldRecord {
    lost: u64,
    jitter_ms: f64,
}

pub(super) fn to_quality(quality: &LegQuality) -> QualityRecord {
    QualityRecord {
        codec: quality.codec.name().to_owned(),
        sent: quality.sent,
        received: quality.received,
        lost: quality.lost,
        jitter_ms: hundredths(quality.jitter_ms),
        told: quality.told.map(|told| ToldRecord { lost: told.lost, jitter_ms: hundredths(told.jitter_ms) }),
        round_trip_ms: quality.round_trip_ms.map(hundredths),
    }
}

pub(super) fn from_quality(record: QualityRecord) -> Result<LegQuality, String> {
    let codec = Codec::from_name(&record.codec).ok_or_else(|| format!("unknown codec `{}`", record.codec))?;
    Ok(LegQuality {
        codec,
        sent: record.sent,
        received: record.received,
        lost: record.lost,
        jitter_ms: record.jitter_ms,
        told: record.told.map(|told| Told { lost: told.lost, jitter_ms: told.jitter_ms }),
        round_trip_ms: record.round_trip_ms,
    })
}

/// For the leg's row.
pub(super) fn quality_text(quality: &LegQuality) -> String {
    serde_json::to_string(&to_quality(quality)).expect("plain structs and finite numbers always become JSON")
}

/// What a leg's row says, if it can be read.
pub(crate) fn quality_from(json: &str) -> Option<LegQuality> {
    from_quality(serde_json::from_str(json).ok()?).ok()
}

/// JSON knows no endless numbers, and nobody wants more places.
fn hundredths(ms: f64) -> f64 {
    if ms.is_finite() { (ms * 100.0).round() / 100.0 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_back_as_it_was() {
        let whole = LegQuality {
            codec: Codec::Pcmu,
            sent: 1_500,
            received: 1_490,
            lost: 10,
            jitter_ms: 3.25,
            told: Some(Told { lost: 2, jitter_ms: 1.5 }),
            round_trip_ms: Some(24.75),
        };
        for quality in [whole, LegQuality { told: None, round_trip_ms: None, ..whole }] {
            assert_eq!(quality_from(&quality_text(&quality)), Some(quality));
        }
        assert_eq!(quality_from("{}"), None);
        assert_eq!(quality_from(&quality_text(&whole).replace("PCMU", "G729")), None);
        assert!(quality_text(&LegQuality { jitter_ms: f64::NAN, ..whole }).contains("\"jitter_ms\":0.0"));
    }
}
