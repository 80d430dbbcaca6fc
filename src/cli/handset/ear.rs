//! Recognises our own prompts in what a phone hears.
//!
//! The hotline sends a prompt's recording byte for byte as it was encoded, so 20 ms of it are as
//! good as a fingerprint. Every offset of the received stream is compared (a rolling hash), so
//! neither the packet time nor where in a packet a prompt begins matters. What was encoded again on
//! the way is not recognised. Pure: no socket, no clock.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

/// Bytes (at 8 kHz: samples) compared at once.
pub const BLOCK: usize = 160;
/// Blocks in one line that make it sure that this prompt is being played.
const SURE: u32 = 3;
/// How much of a prompt may be missing (lost packets) before it counts as cut short, samples.
const PATIENCE: u64 = 10 * BLOCK as u64;
/// No packet for so long: the stream has stopped and time goes on by the clock.
const STOPPED: Duration = Duration::from_millis(200);
/// Length from which a steady tone counts, samples.
const TONE: u32 = 1_600;
/// A block with fewer different bytes is silence, or close to it, and says nothing.
const DIFFERENT_BYTES_MIN: usize = 8;
/// The same for a tone: 1 kHz has no more than five levels at 8 kHz, silence two.
const TONE_BYTES_MIN: usize = 4;

/// A sound that can be recognised.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Heard {
    /// Name of the prompt (`greeting`), `beep` or `music`.
    pub prompt: String,
    /// Whose recording (`en`).
    pub language: String,
}

/// What the ear notices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// It has begun. More than one name: recordings with the same sound.
    Starts(Arc<[Heard]>),
    /// It was heard to its end.
    Ends(Arc<[Heard]>),
    /// Something cut it short.
    Cut(Arc<[Heard]>),
}

/// All sounds in one codec, ready to compare with. Shared by ears.
#[derive(Debug, Default)]
pub struct Index {
    sounds: Vec<Sound>,
    /// Hash of a block that occurs once only: sound and number of the block.
    blocks: HashMap<u64, (usize, u32)>,
    /// Hashes of the steady tone, at every phase.
    tone: HashSet<u64>,
    tone_names: Arc<[Heard]>,
}

#[derive(Debug)]
struct Sound {
    names: Arc<[Heard]>,
    length: u64,
    /// Numbers of the blocks that can be recognised, ascending.
    distinct: Vec<u32>,
}

impl Index {
    /// From encoded recordings. Equal ones become one sound with several names.
    pub fn new(recordings: impl IntoIterator<Item = (Heard, Arc<[u8]>)>) -> Self {
        let mut by_payload: HashMap<Arc<[u8]>, Vec<Heard>> = HashMap::new();
        let mut order = Vec::new();
        for (name, payload) in recordings {
            let names = by_payload.entry(Arc::clone(&payload)).or_default();
            if names.is_empty() {
                order.push(payload);
            }
            names.push(name);
        }
        let mut seen: HashMap<u64, Option<(usize, u32)>> = HashMap::new();
        let mut sounds = Vec::new();
        for (sound, payload) in order.iter().enumerate() {
            for (block, bytes) in
                payload.chunks_exact(BLOCK).enumerate().filter(|(_, bytes)| different(bytes) >= DIFFERENT_BYTES_MIN)
            {
                let place = (sound, u32::try_from(block).unwrap_or(u32::MAX));
                seen.entry(hash(bytes)).and_modify(|known| *known = None).or_insert(Some(place));
            }
            let names = by_payload.remove(payload).unwrap_or_default().into();
            sounds.push(Sound { names, length: payload.len() as u64, distinct: Vec::new() });
        }
        let blocks: HashMap<u64, (usize, u32)> =
            seen.into_iter().filter_map(|(hash, place)| Some((hash, place?))).collect();
        for (sound, block) in blocks.values() {
            sounds[*sound].distinct.push(*block);
        }
        for sound in &mut sounds {
            sound.distinct.sort_unstable();
        }
        Self { sounds, blocks, tone: HashSet::new(), tone_names: Arc::new([]) }
    }

    /// A steady tone, which has no blocks of its own kind.
    #[must_use]
    pub fn with_tone(mut self, name: Heard, payload: &[u8]) -> Self {
        // Its fades are left out.
        let steady = payload.get(2 * BLOCK..payload.len().saturating_sub(2 * BLOCK)).unwrap_or_default();
        self.tone = steady.windows(BLOCK).filter(|bytes| different(bytes) >= TONE_BYTES_MIN).map(hash).collect();
        self.tone_names = Arc::new([name]);
        self
    }

    /// Whether this prompt can be recognised at all.
    pub fn knows(&self, prompt: &str) -> bool {
        let named = |names: &[Heard]| names.iter().any(|heard| heard.prompt == prompt);
        self.sounds.iter().any(|sound| named(&sound.names) && sound.distinct.len() >= SURE as usize)
            || (!self.tone.is_empty() && named(&self.tone_names))
    }
}

/// One sound that is, or may be, playing now. Where it began names it together with the sound.
#[derive(Debug)]
struct Playing {
    sound: usize,
    /// Samples into the stream; before its start if the first packets were missed.
    begin: i64,
    blocks: u32,
    last: u32,
    announced: bool,
}

/// Listens to one stream.
#[derive(Debug)]
pub struct Ear {
    index: Arc<Index>,
    roll: Roll,
    /// Samples into the stream.
    position: u64,
    /// When the last packet came, since the begin of the call.
    heard_at: Duration,
    playing: Vec<Playing>,
    tone_run: u32,
    tone_on: bool,
}

impl Ear {
    /// Compares with `index`.
    pub fn new(index: Arc<Index>) -> Self {
        Self {
            index,
            roll: Roll::default(),
            position: 0,
            heard_at: Duration::ZERO,
            playing: Vec::new(),
            tone_run: 0,
            tone_on: false,
        }
    }

    /// A packet's payload that belongs at `position` (samples into the stream), received at `now`.
    pub fn listen(&mut self, position: u64, payload: &[u8], now: Duration) -> Vec<Notice> {
        let mut notices = Vec::new();
        self.heard_at = now;
        if position < self.position {
            // Late: its place in the stream is gone. What it held counts as lost.
            return notices;
        }
        if position > self.position {
            self.roll = Roll::default();
            self.tone_run = 0;
            self.position = position;
            self.settle(position, &mut notices);
        }
        for byte in payload {
            self.position += 1;
            let Some(hash) = self.roll.push(*byte) else { continue };
            self.tone_step(hash, &mut notices);
            if let Some((sound, block)) = self.index.blocks.get(&hash).copied() {
                self.matched(sound, block, &mut notices);
            }
        }
        self.settle(self.position, &mut notices);
        notices
    }

    /// Time goes on without a packet: a stream that stopped ends what was playing.
    pub fn tick(&mut self, now: Duration) -> Vec<Notice> {
        let mut notices = Vec::new();
        let silent = now.saturating_sub(self.heard_at);
        if silent > STOPPED {
            let passed = u64::try_from(silent.as_millis()).unwrap_or(u64::MAX).saturating_mul(8);
            self.settle(self.position.saturating_add(passed), &mut notices);
            if std::mem::take(&mut self.tone_on) {
                notices.push(Notice::Ends(Arc::clone(&self.index.tone_names)));
            }
            self.tone_run = 0;
        }
        notices
    }

    fn matched(&mut self, sound: usize, block: u32, notices: &mut Vec<Notice>) {
        let begin = signed(self.position) - after(block);
        let known = self.playing.iter().position(|playing| playing.sound == sound && playing.begin == begin);
        let at = known.unwrap_or_else(|| {
            self.playing.push(Playing { sound, begin, blocks: 0, last: block, announced: false });
            self.playing.len() - 1
        });
        let playing = &mut self.playing[at];
        playing.blocks += 1;
        playing.last = block;
        if playing.blocks == SURE && !playing.announced {
            playing.announced = true;
            // One voice at a time: whatever was playing is not any more.
            for other in std::mem::take(&mut self.playing) {
                if other.sound == sound && other.begin == begin {
                    self.playing.push(other);
                } else if other.announced {
                    notices.push(self.finish(&other));
                }
            }
            notices.push(Notice::Starts(Arc::clone(&self.index.sounds[sound].names)));
        }
    }

    /// Ends what must be over when the stream has come to `position`.
    fn settle(&mut self, position: u64, notices: &mut Vec<Notice>) {
        for playing in std::mem::take(&mut self.playing) {
            let sound = &self.index.sounds[playing.sound];
            let next = sound.distinct.partition_point(|block| *block <= playing.last);
            let deadline = match sound.distinct.get(next) {
                // The next block that must come, if it is still playing.
                Some(block) => playing.begin + after(*block) + signed(PATIENCE),
                None => playing.begin + signed(sound.length),
            };
            if signed(position) < deadline {
                self.playing.push(playing);
            } else if playing.announced {
                notices.push(self.finish(&playing));
            }
        }
    }

    /// Whether a sound that is over was heard to its end: nothing, or next to nothing, was to come.
    fn finish(&self, playing: &Playing) -> Notice {
        let sound = &self.index.sounds[playing.sound];
        let last = sound.distinct.last().copied().unwrap_or(0);
        let missing = u64::from(last.saturating_sub(playing.last)) * BLOCK as u64;
        let names = Arc::clone(&sound.names);
        if missing <= PATIENCE / 2 { Notice::Ends(names) } else { Notice::Cut(names) }
    }

    fn tone_step(&mut self, hash: u64, notices: &mut Vec<Notice>) {
        if self.index.tone.contains(&hash) {
            self.tone_run += 1;
            if self.tone_run == TONE && !self.tone_on {
                self.tone_on = true;
                notices.push(Notice::Starts(Arc::clone(&self.index.tone_names)));
            }
        } else {
            // The window is a block long: a tone that is over left it one block ago at least.
            self.tone_run = 0;
            if std::mem::take(&mut self.tone_on) {
                notices.push(Notice::Ends(Arc::clone(&self.index.tone_names)));
            }
        }
    }
}

/// Samples from a sound's begin to the end of this block.
fn after(block: u32) -> i64 {
    (i64::from(block) + 1) * BLOCK as i64
}

/// A position that can be compared with one before the stream's start.
fn signed(position: u64) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}

/// The hash of the last [`BLOCK`] bytes, moved on byte by byte (Rabin-Karp).
#[derive(Debug)]
struct Roll {
    hash: u64,
    window: [u8; BLOCK],
    pushed: usize,
}

/// Odd, so that no byte is ever shifted out of 64 bits.
const BASE: u64 = 0x9e37_79b9_7f4a_7c15;
/// What the oldest byte of a full window is multiplied by.
const OLDEST: u64 = {
    let (mut power, mut i) = (1_u64, 0);
    while i < BLOCK - 1 {
        power = power.wrapping_mul(BASE);
        i += 1;
    }
    power
};

impl Default for Roll {
    fn default() -> Self {
        Self { hash: 0, window: [0; BLOCK], pushed: 0 }
    }
}

impl Roll {
    /// The hash, once the window is full.
    fn push(&mut self, byte: u8) -> Option<u64> {
        let slot = self.pushed % BLOCK;
        if self.pushed >= BLOCK {
            self.hash = self.hash.wrapping_sub(digit(self.window[slot]).wrapping_mul(OLDEST));
        }
        self.window[slot] = byte;
        self.hash = self.hash.wrapping_mul(BASE).wrapping_add(digit(byte));
        self.pushed += 1;
        (self.pushed >= BLOCK).then_some(self.hash)
    }
}

/// A byte as a digit; never 0, so that leading zeros count.
const fn digit(byte: u8) -> u64 {
    byte as u64 + 1
}

fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |hash: u64, byte| hash.wrapping_mul(BASE).wrapping_add(digit(*byte)))
}

/// How many different bytes there are.
fn different(bytes: &[u8]) -> usize {
    let mut seen = [false; 256];
    bytes.iter().filter(|byte| !std::mem::replace(&mut seen[usize::from(**byte)], true)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(prompt: &str) -> Heard {
        Heard { prompt: prompt.to_owned(), language: "en".to_owned() }
    }

    /// A recording like no other: `blocks` blocks of noise from a seed, with half a second of silence inside.
    fn recording(seed: u64, blocks: usize) -> Arc<[u8]> {
        let mut state = seed;
        let mut bytes: Vec<u8> = (0..blocks * BLOCK)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 56) as u8
            })
            .collect();
        bytes[20 * BLOCK..45 * BLOCK].fill(0xff);
        bytes.into()
    }

    fn ear() -> (Ear, Arc<[u8]>, Arc<[u8]>) {
        let (greeting, menu) = (recording(1, 100), recording(2, 80));
        let index = Index::new([
            (named("greeting"), Arc::clone(&greeting)),
            (named("menu"), Arc::clone(&menu)),
            (named("menu-again"), Arc::clone(&menu)),
        ]);
        assert!(index.knows("greeting") && index.knows("menu-again") && !index.knows("goodbye"));
        (Ear::new(Arc::new(index)), greeting, menu)
    }

    /// Plays bytes in packets of `size`, without those that `lost` names; tells what was noticed and when (ms).
    fn play(ear: &mut Ear, from: u64, bytes: &[u8], size: usize, lost: &[usize]) -> Vec<(u64, String)> {
        let mut out = Vec::new();
        for (number, packet) in bytes.chunks(size).enumerate().filter(|(number, _)| !lost.contains(number)) {
            let position = from + (number * size) as u64;
            let ms = position / 8;
            let notices = ear.listen(position, packet, Duration::from_millis(ms));
            out.extend(notices.into_iter().map(|notice| (ms, tell(&notice))));
        }
        out
    }

    fn tell(notice: &Notice) -> String {
        let (verb, names) = match notice {
            Notice::Starts(names) => ("starts", names),
            Notice::Ends(names) => ("ends", names),
            Notice::Cut(names) => ("cut", names),
        };
        format!("{verb} {}", names.iter().map(|heard| heard.prompt.as_str()).collect::<Vec<_>>().join("/"))
    }

    fn words(noticed: &[(u64, String)]) -> Vec<&str> {
        noticed.iter().map(|(_, words)| words.as_str()).collect()
    }

    #[test]
    fn hears_one_prompt_after_the_other_to_the_end() {
        let (mut ear, greeting, menu) = ear();
        let stream: Vec<u8> = [&greeting[..], &menu[..], &[0xff; 800]].concat();
        let noticed = play(&mut ear, 0, &stream, 160, &[]);
        assert_eq!(
            words(&noticed),
            ["starts greeting", "ends greeting", "starts menu/menu-again", "ends menu/menu-again"]
        );
        // Known after three blocks, over when the last byte was played.
        assert_eq!(noticed.iter().map(|(ms, _)| *ms).collect::<Vec<_>>(), [40, 1_980, 2_040, 3_580]);
    }

    #[test]
    fn hears_it_at_any_offset_and_packet_time() {
        for (lead, size) in [(1, 160), (77, 240), (159, 80), (200, 480)] {
            let (mut ear, greeting, _) = ear();
            let stream: Vec<u8> = [&vec![0xd5; lead][..], &greeting[..], &[0xd5; 960]].concat();
            assert_eq!(
                words(&play(&mut ear, 1_000, &stream, size, &[])),
                ["starts greeting", "ends greeting"],
                "{lead}"
            );
        }
    }

    #[test]
    fn lost_packets_do_not_cut_it_short() {
        let (mut ear, greeting, _) = ear();
        let lost = [0, 1, 7, 8, 50, 51, 52, 53, 98, 99];
        let stream: Vec<u8> = [&greeting[..], &[0xff; 1_600]].concat();
        assert_eq!(words(&play(&mut ear, 0, &stream, 160, &lost)), ["starts greeting", "ends greeting"]);
    }

    #[test]
    fn a_prompt_whose_first_packets_were_missed_is_heard() {
        let (mut ear, greeting, _) = ear();
        let stream: Vec<u8> = [&greeting[2 * BLOCK + 40..], &[0xff; 1_600]].concat();
        assert_eq!(words(&play(&mut ear, 0, &stream, 160, &[])), ["starts greeting", "ends greeting"]);
    }

    #[test]
    fn a_key_cuts_it_short() {
        let (mut ear, greeting, menu) = ear();
        let stream: Vec<u8> = [&greeting[..60 * BLOCK], &menu[..], &[0xff; 160]].concat();
        assert_eq!(
            words(&play(&mut ear, 0, &stream, 160, &[])),
            ["starts greeting", "cut greeting", "starts menu/menu-again", "ends menu/menu-again"]
        );
    }

    #[test]
    fn silence_instead_cuts_it_short() {
        let (mut ear, greeting, _) = ear();
        let stream: Vec<u8> = [&greeting[..60 * BLOCK], &[0xff; 40 * BLOCK]].concat();
        let noticed = play(&mut ear, 0, &stream, 160, &[]);
        assert_eq!(words(&noticed), ["starts greeting", "cut greeting"]);
    }

    #[test]
    fn a_stream_that_stops_ends_by_the_clock() {
        let (mut ear, greeting, _) = ear();
        assert_eq!(words(&play(&mut ear, 0, &greeting[..99 * BLOCK], 160, &[])), ["starts greeting"]);
        assert_eq!(ear.tick(Duration::from_secs(2)), []);
        let noticed = ear.tick(Duration::from_millis(2_400));
        assert_eq!(noticed.iter().map(tell).collect::<Vec<_>>(), ["ends greeting"]);
    }

    #[test]
    fn the_same_prompt_again_is_heard_again() {
        let (mut ear, _, menu) = ear();
        let stream: Vec<u8> = [&menu[..], &[0xff; 1_000], &menu[..], &[0xff; 320]].concat();
        let noticed = play(&mut ear, 0, &stream, 160, &[]);
        assert_eq!(
            words(&noticed),
            ["starts menu/menu-again", "ends menu/menu-again", "starts menu/menu-again", "ends menu/menu-again"]
        );
    }

    #[test]
    fn a_late_packet_and_noise_are_nothing() {
        let (mut ear, greeting, _) = ear();
        let noise = recording(99, 100);
        assert!(play(&mut ear, 0, &noise, 160, &[]).is_empty());
        assert_eq!(ear.listen(0, &greeting[..160], Duration::ZERO), []);
        assert!(play(&mut ear, 16_000, &[0xff; 16_000], 160, &[]).is_empty());
    }

    #[test]
    fn the_tone_is_heard_from_a_fifth_of_a_second_on() {
        let tone: Vec<u8> = (0..3_200).map(|i| [0xff, 0x8e, 0x88, 0x8e, 0xff, 0x0e, 0x08, 0x0e][i % 8]).collect();
        let index = Index::new([]).with_tone(named("beep"), &tone);
        assert!(index.knows("beep"));
        let mut ear = Ear::new(Arc::new(index));
        let stream: Vec<u8> = [&[0xff; 333], &tone[..], &[0xff; 1_600]].concat();
        let noticed = play(&mut ear, 0, &stream, 160, &[]);
        assert_eq!(words(&noticed), ["starts beep", "ends beep"]);
        assert!(noticed[1].0 >= 440 && noticed[1].0 <= 480, "{noticed:?}");
    }
}
