//! What a leg plays: clips one after the other, cut into packets without being
//! copied as a whole.

use std::sync::Arc;

use hotline_core::audio::clip::{Encoded, Form};
use hotline_core::audio::{Codec, opus};
use hotline_core::call::command::PlayId;

use super::PlayItem;
use super::leg::frame_ms;
use crate::codec;

/// Most of a clip's packets in one of ours: 60 ms of 10.
const PACKETS_MAX: usize = 6;

/// A play that goes on.
#[derive(Debug)]
pub(super) struct Playing {
    id: PlayId,
    form: Form,
    items: Vec<Item>,
    place: Place,
    /// Any key stops it.
    stop_on_key: bool,
}

/// Where a play stands.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    index: usize,
    /// How much of the current item is out: bytes, or packets where it has packets.
    position: usize,
}

impl Place {
    /// So much of the current item is out.
    fn advance(&mut self, count: usize, items: &[Item]) {
        self.position += count;
        let Some(item) = items.get(self.index) else { return };
        if self.position >= item.encoded.len() {
            self.position = 0;
            self.index += usize::from(!item.item.repeat);
        }
        self.skip_empty(items);
    }

    fn skip_empty(&mut self, items: &[Item]) {
        while items.get(self.index).is_some_and(|item| item.encoded.is_empty()) {
            self.index += 1;
        }
    }
}

#[derive(Debug)]
struct Item {
    item: PlayItem,
    encoded: Arc<Encoded>,
}

/// What a packet was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Played {
    /// So many bytes; more follows.
    Frame(usize),
    /// That was the last one.
    Last(PlayId, usize),
    /// There was nothing to play at all.
    Nothing(PlayId),
}

impl Playing {
    /// Prepared by whoever gives the order: encodes what was never encoded in this form.
    pub(super) fn new(id: PlayId, items: Vec<PlayItem>, form: Form) -> Self {
        let items: Vec<Item> =
            items.into_iter().map(|item| Item { encoded: codec::encoded(&item.clip, form), item }).collect();
        let mut place = Place::default();
        place.skip_empty(&items);
        Self { id, form, items, place, stop_on_key: false }
    }

    /// Any key stops it, at once.
    pub(super) const fn until_key(mut self) -> Self {
        self.stop_on_key = true;
        self
    }

    /// Which it is.
    pub(super) const fn id(&self) -> PlayId {
        self.id
    }

    /// Any key stops it.
    pub(super) const fn stops_on_key(&self) -> bool {
        self.stop_on_key
    }

    /// The next packet of `samples` (at 8 kHz) in this form; the last one is filled up with silence.
    pub(super) fn frame(&mut self, form: Form, samples: usize, out: &mut [u8]) -> Played {
        if form != self.form {
            self.change(form);
        }
        if self.place.index >= self.items.len() {
            return Played::Nothing(self.id);
        }
        let length = match form {
            Form::Law(_) | Form::G722 => self.bytes(samples, out),
            Form::Opus20 => self.packets(samples / 160, out),
            Form::Opus10 => self.packets(samples / 80, out),
        };
        if self.place.index < self.items.len() { Played::Frame(length) } else { Played::Last(self.id, length) }
    }

    /// A packet of a codec without packets of its own: items follow each other within it, without a seam.
    fn bytes(&mut self, samples: usize, out: &mut [u8]) -> usize {
        let length = samples.min(out.len());
        let mut filled = 0;
        while filled < length {
            let Some(item) = self.items.get(self.place.index) else { break };
            let rest = &item.encoded.bytes()[self.place.position..];
            let count = rest.len().min(length - filled);
            out[filled..filled + count].copy_from_slice(&rest[..count]);
            filled += count;
            self.place.advance(count, &self.items);
        }
        codec::silence(self.form, length - filled, &mut out[filled..length]);
        length
    }

    /// A packet of so many of the clips' packets.
    fn packets(&mut self, count: usize, out: &mut [u8]) -> usize {
        let mut frames: [&[u8]; PACKETS_MAX] = [&[]; PACKETS_MAX];
        let (mut found, mut kind) = (0, None);
        while found < count.min(PACKETS_MAX) {
            let packet = match self.items.get(self.place.index) {
                Some(item) => item.encoded.packet(self.place.position),
                None => Some(codec::silent_packet(self.form)),
            };
            // One packet holds frames of one kind only.
            let Some((first, frame)) = packet.and_then(|packet| packet.split_first()) else { break };
            if kind.is_some_and(|kind| kind != *first) {
                break;
            }
            kind = Some(*first);
            frames[found] = frame;
            found += 1;
            self.place.advance(1, &self.items);
        }
        opus::join(kind.unwrap_or(0), frames[..found].iter().copied(), out)
    }

    /// The other side changed its codec while this plays: goes on at the same time. The leg's handle has encoded what
    /// plays, so that nothing is encoded here.
    fn change(&mut self, form: Form) {
        let time = self.place.position * unit(self.form);
        self.form = form;
        for item in &mut self.items {
            item.encoded = codec::encoded(&item.item.clip, form);
        }
        self.place.position = time / unit(form);
        self.place.advance(0, &self.items);
    }
}

/// Samples at 8 kHz that one step of the position stands for.
const fn unit(form: Form) -> usize {
    match form {
        Form::Law(_) | Form::G722 => 1,
        Form::Opus20 => 160,
        Form::Opus10 => 80,
    }
}

/// Encodes a clip for a leg that speaks this.
pub(super) fn prepare(item: &PlayItem, codec: Codec, ptime_ms: u8) {
    codec::encoded(&item.clip, Form::new(codec, frame_ms(ptime_ms)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use hotline_core::audio::{Clip, Law, g711};

    const A: Form = Form::Law(Law::A);

    /// A clip of so many samples at 8 kHz.
    fn item(samples: usize, repeat: bool) -> PlayItem {
        let wave = (0..samples * 2).map(|i| ((i * 37) % 4_001) as i16 - 2_000).collect();
        PlayItem { clip: Arc::new(Clip::new(wave)), repeat }
    }

    fn frames(playing: &mut Playing, most: usize) -> (Vec<u8>, Option<PlayId>) {
        let (mut out, mut frame) = (Vec::new(), [0; 480]);
        for _ in 0..most {
            let (length, end) = match playing.frame(A, 160, &mut frame) {
                Played::Frame(length) => (length, None),
                Played::Last(play, length) => (length, Some(play)),
                Played::Nothing(play) => (0, Some(play)),
            };
            out.extend_from_slice(&frame[..length]);
            if end.is_some() {
                return (out, end);
            }
        }
        (out, None)
    }

    #[test]
    fn items_follow_each_other_without_a_gap() {
        let (a, b) = (item(400, false), item(170, false));
        let mut playing = Playing::new(PlayId(1), vec![a.clone(), item(0, false), b.clone()], A);
        let (out, end) = frames(&mut playing, 100);
        assert_eq!(end, Some(PlayId(1)));
        let mut want = a.clip.payload(Law::A).to_vec();
        want.extend_from_slice(&b.clip.payload(Law::A));
        want.extend_from_slice(&[g711::A_SILENCE; 70]);
        assert_eq!(out, want);
    }

    #[test]
    fn a_repeated_item_has_no_seam() {
        for samples in [250, 100, 160, 7] {
            let music = item(samples, true);
            let mut playing = Playing::new(PlayId(1), vec![music.clone()], A);
            let (out, end) = frames(&mut playing, 10);
            assert_eq!(end, None);
            let want: Vec<u8> = music.clip.payload(Law::A).iter().copied().cycle().take(1_600).collect();
            assert_eq!(out, want, "{samples} samples");
        }
    }

    #[test]
    fn nothing_to_play_ends_at_once_even_if_repeated() {
        for items in [vec![], vec![item(0, true)], vec![item(0, false), item(0, true)]] {
            let (out, end) = frames(&mut Playing::new(PlayId(1), items, A), 3);
            assert_eq!((out.len(), end), (0, Some(PlayId(1))));
        }
    }

    #[test]
    fn a_change_of_codec_goes_on_at_the_same_place() {
        let a = item(480, false);
        let mut playing = Playing::new(PlayId(1), vec![a.clone()], A);
        let mut frame = [0; 160];
        assert_eq!(playing.frame(A, 160, &mut frame), Played::Frame(160));
        assert_eq!(playing.frame(Form::Law(Law::Mu), 160, &mut frame), Played::Frame(160));
        assert_eq!(frame, a.clip.payload(Law::Mu)[160..320]);
        assert_eq!(playing.frame(Form::G722, 160, &mut frame), Played::Last(PlayId(1), 160));
        assert_eq!(frame, codec::encoded(&a.clip, Form::G722).bytes()[320..]);
    }
}
