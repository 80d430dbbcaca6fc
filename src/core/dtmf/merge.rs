//! One press that is heard by several ways counts once: as telephone event
//! (RFC 4733), as sound, by SIP INFO.
//!
//! [`Overlap`] puts events and sounds of one stream together by their RTP
//! timestamps, which no jitter moves. [`Merge`] goes by the time at which a key
//! was told, for ways that share no clock.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How a key was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A telephone event in the media (RFC 4733).
    Rtp,
    /// Its sound in the media.
    Tone,
    /// A SIP INFO.
    Info,
}

/// The same key by another way within this time is the same press.
pub const WINDOW: Duration = Duration::from_millis(150);
/// Many phones send their INFO when the key is let go, the sound as long as it is down.
pub const INFO_WINDOW: Duration = Duration::from_millis(1_500);

/// Presses that are remembered at most; a human makes three in a window.
const REMEMBERED: usize = 16;

impl Source {
    const fn bit(self) -> u8 {
        match self {
            Self::Rtp => 1,
            Self::Tone => 2,
            Self::Info => 4,
        }
    }

    /// How far apart the same press may be told by two ways.
    const fn window(self, other: Self) -> Duration {
        match (self, other) {
            (Self::Tone, Self::Info) | (Self::Info, Self::Tone) => INFO_WINDOW,
            (Self::Rtp | Self::Tone, Self::Rtp | Self::Tone)
            | (Self::Rtp, Self::Info)
            | (Self::Info, Self::Rtp | Self::Info) => WINDOW,
        }
    }
}

/// A press that was counted.
#[derive(Debug, Clone, Copy)]
struct Counted {
    first: Source,
    key: char,
    at: Instant,
    /// The ways by which it was heard.
    by: u8,
}

/// Merges the keys of one leg.
#[derive(Debug, Clone, Default)]
pub struct Merge {
    counted: VecDeque<Counted>,
}

impl Merge {
    /// True: count this key. False: it is the echo of one that was counted.
    ///
    /// Each counted press swallows one echo by each other way, so a quick double press that arrives both ways stays a
    /// double press.
    pub fn accept(&mut self, source: Source, digit: char, now: Instant) -> bool {
        self.counted.retain(|press| now.saturating_duration_since(press.at) <= INFO_WINDOW);
        let echo = self.counted.iter_mut().find(|press| {
            press.key == digit
                && press.by & source.bit() == 0
                && now.saturating_duration_since(press.at) <= press.first.window(source)
        });
        if let Some(press) = echo {
            press.by |= source.bit();
            return false;
        }
        if self.counted.len() == REMEMBERED {
            self.counted.pop_front();
        }
        self.counted.push_back(Counted { first: source, key: digit, at: now, by: source.bit() });
        true
    }
}

/// Event and sound of the same press begin and end no further apart, ms.
const APART_MS: u32 = 120;
/// A bit of sound that leaks before an event or behind it reaches no further, ms.
const LEAK_MS: u32 = 40;

/// A press as one of the two ways shows it, in timestamps of its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Press {
    /// `0`–`9`, `*`, `#`, `A`–`D`.
    pub key: char,
    /// The stream.
    pub ssrc: u32,
    /// Where it began.
    pub from: u32,
    /// How far it came.
    pub to: u32,
}

impl Press {
    fn same(&self, other: &Self) -> bool {
        self.key == other.key && self.ssrc == other.ssrc
    }

    fn touches(&self, other: &Self, apart: i32) -> bool {
        let apart = -apart;
        other.to.wrapping_sub(self.from) as i32 >= apart && self.to.wrapping_sub(other.from) as i32 >= apart
    }

    fn within(&self, other: &Self, leak: i32) -> bool {
        self.from.wrapping_sub(other.from) as i32 >= -leak && other.to.wrapping_sub(self.to) as i32 >= -leak
    }
}

/// A press that is remembered, and whether the other way has told it, too.
type Known = (Press, bool);

/// The presses of one way; the oldest makes room.
#[derive(Debug, Clone, Default)]
struct Way {
    known: [Option<Known>; 6],
    next: usize,
}

impl Way {
    /// The press is the same as one of this way. Each stands for one press, but for bits of sound within it.
    fn claims(&mut self, press: &Press, per_ms: u32) -> bool {
        let (apart, leak) = ((APART_MS * per_ms) as i32, (LEAK_MS * per_ms) as i32);
        let inside = |known: &Press| press.within(known, leak) || known.within(press, leak);
        let mut all = self.known.iter_mut().flatten();
        let claimed = all
            .find(|(known, paired)| known.same(press) && (inside(known) || (!*paired && known.touches(press, apart))));
        claimed.is_some_and(|(_, paired)| {
            *paired = true;
            true
        })
    }

    fn add(&mut self, press: Press, paired: bool) {
        self.known[self.next] = Some((press, paired));
        self.next = (self.next + 1) % self.known.len();
    }

    /// A press that is known goes on.
    fn lasts(&mut self, key: char, ssrc: u32, to: u32) {
        let newest = (self.next + self.known.len() - 1) % self.known.len();
        if let Some((press, _)) = &mut self.known[newest]
            && (press.key, press.ssrc) == (key, ssrc)
            && to.wrapping_sub(press.to) as i32 > 0
        {
            press.to = to;
        }
    }
}

/// Puts the two ways of one leg together.
#[derive(Debug, Clone, Default)]
pub struct Overlap {
    events: Way,
    tones: Way,
}

impl Overlap {
    /// A press began by telephone event. True: count it. `per_ms`: timestamps in a millisecond.
    pub fn event(&mut self, press: Press, per_ms: u32) -> bool {
        let claimed = self.tones.claims(&press, per_ms);
        self.events.add(press, claimed);
        !claimed
    }

    /// That press goes on.
    pub fn event_lasts(&mut self, key: char, ssrc: u32, to: u32) {
        self.events.lasts(key, ssrc, to);
    }

    /// A press was heard as sound. True: count it.
    pub fn tone(&mut self, press: Press, per_ms: u32) -> bool {
        let claimed = self.events.claims(&press, per_ms);
        self.tones.add(press, claimed);
        !claimed
    }

    /// That press goes on.
    pub fn tone_lasts(&mut self, key: char, ssrc: u32, to: u32) {
        self.tones.lasts(key, ssrc, to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "any instant will do as a start")]
    fn start() -> Instant {
        Instant::now()
    }

    /// Feeds (source, key, ms) and gives back the keys counted.
    fn counted(presses: &[(Source, char, u64)]) -> String {
        let (mut merge, start) = (Merge::default(), start());
        let accept = |(source, key, ms): &(Source, char, u64)| {
            merge.accept(*source, *key, start + Duration::from_millis(*ms)).then_some(*key)
        };
        presses.iter().filter_map(accept).collect()
    }

    #[test]
    fn both_ways_count_once_whichever_is_first() {
        assert_eq!(counted(&[(Source::Rtp, '1', 0), (Source::Info, '1', 149)]), "1");
        assert_eq!(counted(&[(Source::Info, '1', 0), (Source::Rtp, '1', 30)]), "1");
        assert_eq!(counted(&[(Source::Tone, '1', 0), (Source::Rtp, '1', 30)]), "1");
    }

    #[test]
    fn three_ways_count_once() {
        assert_eq!(counted(&[(Source::Rtp, '1', 0), (Source::Tone, '1', 40), (Source::Info, '1', 60)]), "1");
        assert_eq!(counted(&[(Source::Tone, '1', 0), (Source::Info, '1', 900), (Source::Info, '1', 1_000)]), "11");
    }

    #[test]
    fn one_way_alone_is_never_swallowed() {
        assert_eq!(counted(&[(Source::Rtp, '1', 0), (Source::Rtp, '1', 60)]), "11");
        assert_eq!(counted(&[(Source::Info, '7', 0), (Source::Info, '7', 60)]), "77");
        assert_eq!(counted(&[(Source::Tone, '7', 0), (Source::Tone, '7', 80)]), "77");
    }

    #[test]
    fn a_quick_double_press_heard_both_ways_stays_double() {
        let presses =
            [(Source::Rtp, '5', 0), (Source::Info, '5', 20), (Source::Rtp, '5', 100), (Source::Info, '5', 120)];
        assert_eq!(counted(&presses), "55");
        let presses =
            [(Source::Rtp, '5', 0), (Source::Rtp, '5', 90), (Source::Info, '5', 95), (Source::Info, '5', 140)];
        assert_eq!(counted(&presses), "55");
        let presses =
            [(Source::Tone, '5', 0), (Source::Info, '5', 200), (Source::Tone, '5', 400), (Source::Info, '5', 600)];
        assert_eq!(counted(&presses), "55");
    }

    #[test]
    fn another_key_or_a_later_one_is_another_press() {
        assert_eq!(counted(&[(Source::Rtp, '1', 0), (Source::Info, '2', 10)]), "12");
        assert_eq!(counted(&[(Source::Rtp, '1', 0), (Source::Info, '1', 151)]), "11");
        assert_eq!(counted(&[(Source::Tone, '1', 0), (Source::Rtp, '1', 151)]), "11");
    }

    /// Events (`e`) and tones (`t`) as they become known: (way, key, from, to, ms); a known one that goes on is told again.
    fn together(told: &[(char, char, u32, u32)]) -> String {
        // Near the wrap, at 8 kHz.
        let at = |ms: u32| 0xffff_f000_u32.wrapping_add(ms * 8);
        let (mut overlap, mut out) = (Overlap::default(), String::new());
        for (way, key, from, to) in told {
            let press = Press { key: *key, ssrc: 9, from: at(*from), to: at(*to) };
            let count = match way {
                'e' => overlap.event(press, 8),
                't' => overlap.tone(press, 8),
                'E' => {
                    overlap.event_lasts(*key, 9, press.to);
                    false
                }
                _ => {
                    overlap.tone_lasts(*key, 9, press.to);
                    false
                }
            };
            out.extend(count.then_some(*key));
        }
        out
    }

    #[test]
    fn event_and_sound_of_one_press_count_once_whichever_is_known_first() {
        assert_eq!(together(&[('e', '4', 0, 20), ('E', '4', 0, 100), ('t', '4', 5, 45)]), "4");
        assert_eq!(together(&[('t', '4', 0, 40), ('e', '4', 50, 70)]), "4", "the gateway noticed late");
        assert_eq!(together(&[('t', '4', 0, 40), ('T', '4', 0, 700), ('e', '4', 600, 700)]), "4", "when let go");
    }

    #[test]
    fn bits_of_sound_before_and_behind_a_long_event_are_its_own() {
        let told = [
            ('t', '1', 0, 40),
            ('e', '1', 30, 50),
            ('E', '1', 30, 1_000),
            ('t', '1', 960, 1_010),
            ('t', '1', 500, 545),
        ];
        assert_eq!(together(&told), "1");
    }

    #[test]
    fn quick_double_presses_stay_double_both_ways() {
        let told = [
            ('e', '1', 0, 20),
            ('t', '1', 0, 45),
            ('E', '1', 0, 60),
            ('T', '1', 0, 60),
            ('e', '1', 120, 140),
            ('t', '1', 120, 165),
            ('E', '1', 120, 180),
            ('e', '1', 240, 260),
            ('t', '1', 240, 285),
        ];
        assert_eq!(together(&told), "111");
        assert_eq!(together(&[('t', '1', 0, 45), ('t', '1', 90, 135), ('t', '2', 140, 180)]), "112", "sound alone");
    }

    #[test]
    fn another_key_stream_or_time_is_another_press() {
        assert_eq!(together(&[('e', '1', 0, 100), ('t', '2', 0, 45)]), "12");
        assert_eq!(together(&[('e', '1', 0, 100), ('t', '1', 300, 345)]), "11");
        let mut overlap = Overlap::default();
        let press = Press { key: '1', ssrc: 1, from: 0, to: 400 };
        assert!(overlap.event(press, 8) && overlap.tone(Press { ssrc: 2, ..press }, 8));
    }
}
