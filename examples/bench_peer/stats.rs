//! Counts and distributions, and the JSON they end in.

use std::time::Duration;

use serde_json::{Value, json};

use crate::media::Phone;
use crate::sip::State;

/// Width of a histogram's bin, microseconds.
const BIN_US: u64 = 10;
/// Bins: up to 400 ms; what is beyond counts in the last.
const BINS: usize = 40_000;

/// A distribution of durations.
#[derive(Debug, Default)]
struct Histogram {
    bins: Vec<u64>,
    count: u64,
    longest: Duration,
}

impl Histogram {
    fn add(&mut self, value: Duration) {
        if self.bins.is_empty() {
            self.bins = vec![0; BINS];
        }
        let bin = usize::try_from(u64::try_from(value.as_micros()).unwrap_or(u64::MAX) / BIN_US).unwrap_or(BINS);
        self.bins[bin.min(BINS - 1)] += 1;
        self.count += 1;
        self.longest = self.longest.max(value);
    }

    /// The value that this part (0–1) of all are not above, ms.
    fn quantile(&self, part: f64) -> f64 {
        let wanted = (self.count as f64 * part).ceil() as u64;
        let mut seen = 0;
        for (bin, count) in self.bins.iter().enumerate() {
            seen += count;
            if seen >= wanted.max(1) {
                return ((bin + 1) as u64 * BIN_US) as f64 / 1_000.0;
            }
        }
        0.0
    }

    fn json(&self) -> Value {
        json!({
            "count": self.count,
            "p50_ms": self.quantile(0.5),
            "p99_ms": self.quantile(0.99),
            "p999_ms": self.quantile(0.999),
            "max_ms": self.longest.as_secs_f64() * 1_000.0,
        })
    }
}

/// What all phones saw together. How late packets are counts only while [`Report::steady`]: all calls are up and none is
/// set up or ended.
#[derive(Debug, Default)]
pub struct Report {
    /// The steady part of the run.
    pub steady: bool,
    /// Numbers typed that the server understood.
    pub understood: usize,
    deviation: Histogram,
    latency: Histogram,
    own_lateness: Histogram,
    set_up: Histogram,
    ended: usize,
    failed: usize,
    callee_ended: usize,
    first_failure: Option<u16>,
}

impl Report {
    /// How far two packets' arrivals are from the distance at which they should be.
    pub fn deviation(&mut self, time: Duration) {
        if self.steady {
            self.deviation.add(time);
        }
    }

    /// From one phone through the server to the other.
    pub fn latency(&mut self, time: Duration) {
        if self.steady {
            self.latency.add(time);
        }
    }

    /// How late we sent ourselves: a machine that makes us late makes the server late too.
    pub fn own_lateness(&mut self, time: Duration) {
        if self.steady {
            self.own_lateness.add(time);
        }
    }

    /// A call was answered after so long.
    pub fn set_up(&mut self, time: Duration) {
        self.set_up.add(time);
    }

    /// How a call ended, or that it did not.
    pub fn count_end(&mut self, ours: bool, state: State) {
        match (ours, state) {
            (true, State::Ended { .. }) => self.ended += 1,
            (false, State::Ended { .. }) => self.callee_ended += 1,
            (true, State::Failed { status }) => {
                self.failed += 1;
                self.first_failure.get_or_insert(status);
            }
            (true, State::Calling | State::Up | State::Ending) => self.failed += 1,
            (false, State::Calling | State::Up | State::Ending | State::Failed { .. }) => {}
        }
    }

    /// All of it.
    pub fn json<'a>(&self, phones: impl Iterator<Item = &'a Phone>) -> Value {
        let (mut received, mut sent, mut lost, mut strange, mut pps_min) = (0, 0, 0, 0, f64::INFINITY);
        let mut heard = 0_usize;
        for phone in phones {
            let stream = phone.heard();
            sent += phone.sent();
            received += stream.received;
            lost += stream.lost();
            strange += stream.restarts;
            if let Some(pps) = stream.packets_per_second() {
                heard += 1;
                pps_min = pps_min.min(pps);
            }
        }
        json!({
            "ok": self.ended,
            "failed": self.failed,
            "first_failure": self.first_failure,
            "callee_ok": self.callee_ended,
            "understood": self.understood,
            "set_up": self.set_up.json(),
            "streams": heard,
            "sent": sent,
            "received": received,
            "lost": lost,
            "renumbered": strange,
            "pps_min": if heard == 0 { Value::Null } else { json!(pps_min) },
            "deviation": self.deviation.json(),
            "latency": self.latency.json(),
            "own_lateness": self.own_lateness.json(),
        })
    }
}
