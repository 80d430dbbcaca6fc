//! How a leg sounded: from media's counts to the record and to `/metrics`.

use hotline_core::audio::quality::{LegQuality, Told};

use super::leg::Leg;

/// Opinion scores of legs that ended; labels `codec` and `side` (`heard` by us, `there` at the phone).
pub const LEG_MOS: &str = "hotline_leg_mos";
/// Part of the packets lost on legs that ended; labels as above.
pub const LEG_LOSS: &str = "hotline_leg_loss_ratio";
/// Interarrival jitter of legs that ended; labels as above.
pub const LEG_JITTER: &str = "hotline_leg_jitter_seconds";
/// Round trip of legs that ended; label `codec`.
pub const LEG_ROUND_TRIP: &str = "hotline_leg_round_trip_seconds";

/// How this leg's media went so far; `None`: there was none.
pub(super) fn of(leg: &Leg) -> Option<LegQuality> {
    let (media, remote) = (leg.media.as_ref()?, leg.remote.as_ref()?);
    let quality = media.quality();
    (quality.sent > 0 || quality.received > 0).then(|| LegQuality {
        codec: remote.codec,
        sent: quality.sent,
        received: quality.received,
        lost: quality.lost,
        jitter_ms: quality.jitter_ms,
        told: quality.told.map(|told| Told { lost: told.lost, jitter_ms: told.jitter_ms }),
        round_trip_ms: quality.round_trip_ms,
    })
}

/// Counts a leg that has ended.
pub(super) fn count(leg: &LegQuality) {
    let codec = leg.codec.name();
    let side = |side: &'static str, mos: Option<f64>, lost: u64, all: u64, jitter_ms: f64| {
        let Some(mos) = mos else { return };
        metrics::histogram!(LEG_MOS, "codec" => codec, "side" => side).record(mos);
        metrics::histogram!(LEG_LOSS, "codec" => codec, "side" => side).record(lost as f64 / all.max(1) as f64);
        metrics::histogram!(LEG_JITTER, "codec" => codec, "side" => side).record(jitter_ms / 1_000.0);
    };
    side("heard", leg.mos_heard(), leg.lost, leg.received + leg.lost, leg.jitter_ms);
    if let Some(told) = leg.told {
        side("there", leg.mos_there(), told.lost, leg.sent, told.jitter_ms);
    }
    if let Some(ms) = leg.round_trip_ms {
        metrics::histogram!(LEG_ROUND_TRIP, "codec" => codec).record(ms / 1_000.0);
    }
}
