//! The second look: one channel's packets, put in order, decoded, holes filled, each where its run's curve says.

use std::collections::BTreeMap;

use super::conceal::Concealer;
use super::survey::{Key, LEAP, Plan, Unwrap};
use super::warp::Warp;
use super::{Decode, Stats};
use crate::audio::Codec;
use crate::audio::segment::Place;

/// A hole no longer than this is filled by the codec, if it can (60 ms); what is longer fades out and is silent.
const CODEC_FILLS: i64 = 480;
/// What is certainly a longer hole than the codec fills (80 ms).
const MARGIN: i64 = 640;
/// Samples of the longest packet: 120 ms.
const PACKET_MAX: usize = 960;
/// Made up at a time.
const PIECE: usize = 160;

/// One channel.
#[derive(Debug)]
pub struct Track<D> {
    plan: Plan,
    decoder: D,
    number: u64,
    clocks: Vec<Unwrap>,
    /// Packets that wait until nothing earlier can come, by their place in our time.
    held: BTreeMap<(i64, u64), Held>,
    /// The run that plays, and where its next sample stands in its own time.
    run: Option<(usize, i64)>,
    concealer: Concealer,
    warp: Warp,
    /// Taken off every place, so that a recording of one channel begins with its first packet.
    lead: i64,
    /// Where the last real sample stands.
    end: i64,
    pub(super) out: Vec<i16>,
    pub(super) stats: Stats,
}

#[derive(Debug)]
struct Held {
    run: usize,
    at: i64,
    codec: Codec,
    payload: Vec<u8>,
}

impl<D: Decode> Track<D> {
    pub(super) fn new(plan: Plan, decoder: D, lead_max: i64) -> Self {
        // The first packet's own time is 0.
        let first = plan.runs.first().map_or(0, |run| run.curve.offset(0.0).round() as i64);
        Self {
            plan,
            decoder,
            number: 0,
            clocks: Vec::new(),
            held: BTreeMap::new(),
            run: None,
            concealer: Concealer::default(),
            warp: Warp::new(),
            lead: if first <= lead_max { first } else { 0 },
            end: 0,
            out: Vec::new(),
            stats: Stats::default(),
        }
    }

    /// A packet, in the order of the file.
    pub(super) fn take(&mut self, place: Place, payload: &[u8]) {
        let number = self.number;
        self.number += 1;
        let at = Unwrap::count(&mut self.clocks, place);
        let Some(run) = self.plan.run(Key::of(place), number) else { return };
        let ours = at + self.plan.runs[run].curve.offset(at as f64).round() as i64 - self.lead;
        // In a run of its own it would stand where it came; there were too many.
        if (ours + self.lead - i64::from(place.arrived)).abs() > 2 * LEAP {
            return self.stats.late += 1;
        }
        let held = Held { run, at, codec: place.codec, payload: payload.to_vec() };
        self.held.insert((ours, number), held);
    }

    /// Nothing that belongs before `until` will come any more.
    pub(super) fn settle(&mut self, until: i64) {
        while let Some(entry) = self.held.first_entry() {
            if entry.key().0 >= until {
                break;
            }
            let ((ours, _), held) = entry.remove_entry();
            self.play(ours, &held);
        }
        // A channel that is silent for long must not make the other one wait in memory.
        if until != i64::MAX {
            self.fill(until - MARGIN);
        }
    }

    /// All of it has come. Where the last real sample stands.
    pub(super) fn finish(&mut self) -> i64 {
        self.settle(i64::MAX);
        self.end
    }

    /// Silence, after a soft end, up to here. The run's own time goes on with it.
    pub(super) fn fill(&mut self, until: i64) {
        while self.warp.next() < until {
            let mut piece = [0; PIECE];
            self.concealer.conceal(&mut piece);
            if let Some((_, next)) = &mut self.run {
                *next += PIECE as i64;
            }
            self.warp.push(&piece, until, &mut self.out);
        }
    }

    fn play(&mut self, ours: i64, held: &Held) {
        let next = match self.run {
            Some((run, next)) if run == held.run => next,
            // Of the source before: what it said until then. What comes of it later it says now, whoever spoke between.
            Some((run, _)) if run > held.run && ours < self.end => return self.stats.late += 1,
            Some(_) | None => self.begin(ours, held),
        };
        if held.at > next {
            self.hole(held.at - next, held.codec);
        } else if next - held.at >= PACKET_MAX as i64 {
            return self.stats.late += 1;
        }
        let mut samples = [0; PACKET_MAX];
        let count = self.decoder.decode(held.codec, &held.payload, &mut samples).min(PACKET_MAX);
        // There twice, or too late for a hole that was filled already.
        let known = usize::try_from(next - held.at).unwrap_or(0);
        if known >= count {
            self.stats.late += u64::from(count > 0);
            self.run = Some((held.run, next.max(held.at)));
            return;
        }
        let fresh = &mut samples[known..count];
        self.concealer.received(fresh);
        self.warp.push(fresh, i64::MAX, &mut self.out);
        self.stats.heard += fresh.len() as u64;
        self.end = ours + count as i64;
        self.run = Some((held.run, held.at + count as i64));
    }

    /// Another run: what is between is filled by our clock; where it begins before the one before has ended, its
    /// beginning is left out. Gives where it begins, in its own time.
    fn begin(&mut self, ours: i64, held: &Held) -> i64 {
        let (first, made) = (self.run.is_none(), self.warp.next());
        // Up to the end of what was heard at least: the resampler may still have some of it.
        self.fill(ours.max(self.end));
        if !first || self.warp.next() > made {
            self.concealer.part();
        }
        let at = held.at + (self.warp.next() - ours).max(0);
        self.warp.begin(at, self.plan.runs[held.run].curve.clone().shifted(-self.lead));
        self.run = Some((held.run, at));
        at
    }

    /// A hole in a run, in its own time.
    fn hole(&mut self, length: i64, codec: Codec) {
        let mut left = length;
        self.stats.missing += u64::try_from(length).unwrap_or(0);
        while left > 0 {
            let mut piece = [0; PIECE];
            let count = PIECE.min(usize::try_from(left).unwrap_or(PIECE));
            let piece = &mut piece[..count];
            if length > CODEC_FILLS || !self.decoder.conceal(codec, piece) {
                self.concealer.conceal(piece);
            } else {
                self.concealer.received(piece);
            }
            self.warp.push(piece, i64::MAX, &mut self.out);
            left -= count as i64;
        }
    }
}
