//! `/metrics`: what others count through the `metrics` facade, and gauges read when asked.
//!
//! Labels are few and fixed (outcomes, directions, statuses, configured trunks): no ids, no numbers.

use std::fmt::Write;
use std::sync::OnceLock;

use hotline_core::directory::Address;
use hotline_core::fact::{Direction, Outcome};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use super::AppState;
use super::events::soon;
use crate::switch::notified::{NOTIFICATIONS_TOTAL, SENT};
use crate::switch::quality::{LEG_JITTER, LEG_LOSS, LEG_MOS, LEG_ROUND_TRIP};

/// Counts ended calls; labels `direction` and `outcome`.
pub const CALLS_TOTAL: &str = "hotline_calls_total";

/// The process's recorder; installed with the first use.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl Default for Metrics {
    fn default() -> Self {
        static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
        let handle = HANDLE.get_or_init(|| {
            let recorder = LEG_BUCKETS.iter().fold(PrometheusBuilder::new(), buckets).build_recorder();
            let handle = recorder.handle();
            if metrics::set_global_recorder(recorder).is_err() {
                tracing::warn!("another metrics recorder is installed; /metrics shows gauges only");
            }
            metrics::describe_counter!(CALLS_TOTAL, "Calls that ended since the start, by direction and outcome.");
            for direction in [Direction::Inbound, Direction::AlertRing] {
                for outcome in Outcome::ALL {
                    metrics::counter!(CALLS_TOTAL, "direction" => direction.word(), "outcome" => outcome.word())
                        .increment(0);
                }
            }
            metrics::describe_histogram!(LEG_MOS, "Opinion scores (E-model, 1-4.5) of legs that ended.");
            metrics::describe_histogram!(LEG_LOSS, "Part of the packets lost on legs that ended.");
            metrics::describe_histogram!(LEG_JITTER, "Interarrival jitter of legs that ended.");
            metrics::describe_histogram!(LEG_ROUND_TRIP, "Round trip on the network of legs that ended.");
            metrics::describe_counter!(
                NOTIFICATIONS_TOTAL,
                "Notifications that this node brought to an end since the start, by kind and outcome."
            );
            for by in Address::KINDS {
                for outcome in SENT {
                    metrics::counter!(NOTIFICATIONS_TOTAL, "by" => by, "outcome" => outcome.word()).increment(0);
                }
            }
            handle
        });
        Self(handle.clone())
    }
}

/// Upper ends of the histograms' steps.
const LEG_BUCKETS: [(&str, &[f64]); 4] = [
    (LEG_MOS, &[1.5, 2.6, 3.1, 3.6, 4.0, 4.2, 4.3, 4.5]),
    (LEG_LOSS, &[0.0, 0.001, 0.005, 0.01, 0.03, 0.1, 0.3, 1.0]),
    (LEG_JITTER, &[0.001, 0.005, 0.01, 0.02, 0.04, 0.08, 0.2]),
    (LEG_ROUND_TRIP, &[0.005, 0.02, 0.05, 0.1, 0.2, 0.4, 1.0]),
];

fn buckets(builder: PrometheusBuilder, (name, steps): &(&str, &[f64])) -> PrometheusBuilder {
    let set = builder.set_buckets_for_metric(Matcher::Full((*name).to_owned()), steps);
    set.expect("the steps stand above and are not empty")
}

/// Counts a call that has ended. Words that are none of ours are not counted: labels stay few.
pub(super) fn call_ended(direction: &str, outcome: &str) {
    if let (Some(direction), Some(outcome)) = (Direction::from_word(direction), Outcome::from_word(outcome)) {
        metrics::counter!(CALLS_TOTAL, "direction" => direction.word(), "outcome" => outcome.word()).increment(1);
    }
}

impl Metrics {
    /// Everything as Prometheus text.
    pub(super) async fn render(&self, state: &AppState) -> String {
        let mut text = self.0.render();
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        gauges(&mut text, state);
        alerts(&mut text, state).await;
        text
    }
}

fn put(text: &mut String, kind: &str, name: &str, help: &str, value: impl std::fmt::Display) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
}

fn gauges(text: &mut String, state: &AppState) {
    let health = state.board().health();
    let sip = state.board().sip_counters();
    let version = escaped(&state.settings().version);
    let _ = writeln!(
        text,
        "# HELP hotline_build_info Version of the program.\n# TYPE hotline_build_info gauge\nhotline_build_info{{version=\"{version}\"}} 1"
    );
    put(text, "gauge", "hotline_takes_calls", "1: new calls are taken.", u8::from(health.takes_calls));
    put(text, "gauge", "hotline_calls_running", "Calls running now.", health.calls);
    put(
        text,
        "gauge",
        "hotline_warnings",
        "Things that want attention; /readyz names them.",
        super::health::troubles(&health).len(),
    );
    put(text, "gauge", "hotline_journal_undrained", "Journal entries not yet in the database.", health.store.undrained);
    put(
        text,
        "counter",
        "hotline_journal_lost_total",
        "Journal entries that neither disk nor memory could hold.",
        health.store.lost,
    );
    put(
        text,
        "gauge",
        "hotline_journal_fault",
        "1: the journal can't be written to disk.",
        u8::from(health.store.journal_fault.is_some()),
    );
    put(
        text,
        "gauge",
        "hotline_database_fault",
        "1: the database can't be written.",
        u8::from(health.store.database_fault.is_some()),
    );
    put(
        text,
        "gauge",
        "hotline_transcripts_waiting",
        "Recordings that wait for their transcript.",
        health.transcripts_waiting,
    );
    put(
        text,
        "gauge",
        "hotline_transcripts_off",
        "1: no transcripts are made.",
        u8::from(health.transcripts_off.is_some()),
    );
    put(text, "gauge", "hotline_phones_registered", "Registrations of phones.", state.board().registered().len());
    put(text, "counter", "hotline_sip_received_total", "SIP messages read.", sip.received);
    put(text, "counter", "hotline_sip_garbage_total", "Dropped: not SIP, broken framing, too large.", sip.garbage);
    put(text, "counter", "hotline_sip_refused_total", "Answered with an error by the gate.", sip.refused);
    put(text, "counter", "hotline_sip_strangers_total", "Dropped or refused: from nobody we know.", sip.strangers);
    put(text, "counter", "hotline_sip_flooded_total", "Dropped: the source sent too much.", sip.flooded);
    put(text, "counter", "hotline_sip_panics_total", "Panics caught while handling a message.", sip.panics);
    media(text, state);
    let trunks = state.board().trunks();
    if !trunks.is_empty() {
        let _ = writeln!(text, "# HELP hotline_trunk_up 1: the carrier can be used.\n# TYPE hotline_trunk_up gauge");
    }
    for trunk in trunks {
        let _ = writeln!(text, "hotline_trunk_up{{trunk=\"{}\"}} {}", escaped(&trunk.trunk.0), u8::from(trunk.up));
    }
}

fn media(text: &mut String, state: &AppState) {
    let media = state.board().media_counters();
    for (name, help, value) in [
        ("malformed", "Datagrams on media ports that are no RTP.", media.malformed),
        ("rtcp_malformed", "Datagrams on RTCP ports that are no RTCP.", media.rtcp_malformed),
        ("rtcp_strangers", "Reports not believed: not from the source that is heard.", media.rtcp_strangers),
        ("send_failed", "Packets that the system did not take.", media.send_failed),
        ("events_dropped", "Events that found their call too busy.", media.events_dropped),
        ("relay_dropped", "Packets between lanes that found the other one busy.", media.relay_dropped),
        (
            "relay_untranslated",
            "Packets between legs of different codecs that could not be decoded, or came before the coders for a changed one.",
            media.relay_untranslated,
        ),
        (
            "relay_late",
            "Packets between legs of different codecs that came twice, or after a later one was sent on.",
            media.relay_late,
        ),
        ("recording_gaps", "Packets missing in recordings because the disk was too slow.", media.recording_gaps),
        ("faults", "Faults caught in a leg or lane.", media.faults),
        ("stalls", "Times that a lane was more than 200 ms late.", media.stalls),
    ] {
        put(text, "counter", &format!("hotline_media_{name}_total"), help, value);
    }
}

/// Label values escape backslash, quote and line feed.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// Open alerts by status. The database has all; the switch's memory those of callers, also while the database is away.
async fn alerts(text: &mut String, state: &AppState) {
    let open = state.board().open_alerts();
    let acknowledged = open.iter().filter(|alert| alert.acknowledged).count() as u64;
    let triggered = open.len() as u64 - acknowledged;
    let kept = soon(state.records().open_glance(None, 1)).await.unwrap_or_default();
    let _ = writeln!(
        text,
        "# HELP hotline_alerts_open Alerts that are not resolved, by status.\n# TYPE hotline_alerts_open gauge"
    );
    for (status, count) in
        [("triggered", triggered.max(kept.waiting)), ("acknowledged", acknowledged.max(kept.acknowledged))]
    {
        let _ = writeln!(text, "hotline_alerts_open{{status=\"{status}\"}} {count}");
    }
}
