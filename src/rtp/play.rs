//! What a leg plays: clips one after the other, cut into frames without being
//! copied as a whole.

use std::sync::Arc;

use hotline_core::audio::{Codec, g711};
use hotline_core::call::command::PlayId;

use super::PlayItem;

/// A play that goes on.
#[derive(Debug)]
pub(super) struct Playing {
    id: PlayId,
    codec: Codec,
    items: Vec<Item>,
    index: usize,
    /// Bytes of the current item that are out.
    position: usize,
    /// Any key stops it.
    stop_on_key: bool,
}

#[derive(Debug)]
struct Item {
    item: PlayItem,
    payload: Arc<[u8]>,
}

/// What a frame was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Played {
    /// More follows.
    Frame,
    /// That was the last one.
    Last(PlayId),
    /// There was nothing to play at all.
    Nothing(PlayId),
}

impl Playing {
    /// Prepared by whoever gives the order: encodes what was never encoded in `codec`.
    pub(super) fn new(id: PlayId, items: Vec<PlayItem>, codec: Codec) -> Self {
        let items = items.into_iter().map(|item| Item { payload: item.clip.payload(codec), item }).collect();
        Self { id, codec, items, index: 0, position: 0, stop_on_key: false }
    }

    /// Any key stops it, at once.
    pub(super) const fn until_key(mut self) -> Self {
        self.stop_on_key = true;
        self
    }

    /// Any key stops it.
    pub(super) const fn stops_on_key(&self) -> bool {
        self.stop_on_key
    }

    /// The next frame in `codec`: fills `out`. One item follows the other (and a repeated one itself) within the frame,
    /// so that there is neither a gap nor a seam; only the end of the last one is padded with silence.
    pub(super) fn frame(&mut self, codec: Codec, out: &mut [u8]) -> Played {
        if codec != self.codec {
            self.change(codec);
        }
        self.skip_empty();
        if self.index >= self.items.len() {
            return Played::Nothing(self.id);
        }
        let mut filled = 0;
        while filled < out.len() {
            let Some(item) = self.items.get(self.index) else { break };
            let rest = &item.payload[self.position..];
            let length = rest.len().min(out.len() - filled);
            out[filled..filled + length].copy_from_slice(&rest[..length]);
            filled += length;
            self.position += length;
            if self.position == item.payload.len() {
                self.position = 0;
                self.index += usize::from(!item.item.repeat);
                self.skip_empty();
            }
        }
        out[filled..].fill(g711::silence(codec));
        if self.index < self.items.len() { Played::Frame } else { Played::Last(self.id) }
    }

    fn skip_empty(&mut self) {
        while self.items.get(self.index).is_some_and(|item| item.payload.is_empty()) {
            self.index += 1;
        }
    }

    /// The other side changed its codec while this plays. G.711 has one byte a sample either way.
    fn change(&mut self, codec: Codec) {
        self.codec = codec;
        for item in &mut self.items {
            item.payload = item.item.clip.payload(codec);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hotline_core::audio::Clip;

    /// A clip of `frames` frames of 20 ms and `samples` more (8 kHz).
    fn item(samples: usize, repeat: bool) -> PlayItem {
        let wave = (0..samples * 2).map(|i| ((i * 37) % 4_001) as i16 - 2_000).collect();
        PlayItem { clip: Arc::new(Clip::new(wave)), repeat }
    }

    fn frames(playing: &mut Playing, most: usize) -> (Vec<u8>, Option<Played>) {
        let (mut out, mut frame) = (Vec::new(), [0; 160]);
        for _ in 0..most {
            let played = playing.frame(Codec::Pcma, &mut frame);
            if played != Played::Nothing(PlayId(1)) {
                out.extend_from_slice(&frame);
            }
            if played != Played::Frame {
                return (out, Some(played));
            }
        }
        (out, None)
    }

    #[test]
    fn items_follow_each_other_within_a_frame() {
        let (a, b) = (item(400, false), item(160, false));
        let mut playing = Playing::new(PlayId(1), vec![a.clone(), item(0, false), b.clone()], Codec::Pcma);
        let (out, end) = frames(&mut playing, 100);
        assert_eq!(end, Some(Played::Last(PlayId(1))));
        let mut want = a.clip.payload(Codec::Pcma).to_vec();
        want.extend_from_slice(&b.clip.payload(Codec::Pcma));
        want.extend_from_slice(&[g711::A_SILENCE; 80]);
        assert_eq!(out, want);
    }

    #[test]
    fn a_repeated_item_has_no_seam() {
        for samples in [250, 100, 160, 7] {
            let music = item(samples, true);
            let mut playing = Playing::new(PlayId(1), vec![music.clone()], Codec::Pcma);
            let (out, end) = frames(&mut playing, 10);
            assert_eq!(end, None);
            let want: Vec<u8> = music.clip.payload(Codec::Pcma).iter().copied().cycle().take(1_600).collect();
            assert_eq!(out, want, "{samples} samples");
        }
    }

    #[test]
    fn nothing_to_play_ends_at_once_even_if_repeated() {
        for items in [vec![], vec![item(0, true)], vec![item(0, false), item(0, true)]] {
            let (out, end) = frames(&mut Playing::new(PlayId(1), items, Codec::Pcma), 3);
            assert_eq!((out.len(), end), (0, Some(Played::Nothing(PlayId(1)))));
        }
    }

    #[test]
    fn a_change_of_codec_goes_on_at_the_same_place() {
        let a = item(480, false);
        let mut playing = Playing::new(PlayId(1), vec![a.clone()], Codec::Pcma);
        let mut frame = [0; 160];
        playing.frame(Codec::Pcma, &mut frame);
        playing.frame(Codec::Pcmu, &mut frame);
        assert_eq!(frame, a.clip.payload(Codec::Pcmu)[160..320]);
    }
}
