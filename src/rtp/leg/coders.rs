//! Coders for a leg that has changed its codec: made by whoever changed it, put to their places here.

use hotline_core::audio::Codec;

use super::LegState;
use crate::codec::{Decoder, Encoder};

/// What a leg needs anew.
#[derive(Debug)]
pub(in crate::rtp) struct Coders {
    seat: Option<(Decoder, Encoder)>,
    recorder: Option<Decoder>,
}

impl Coders {
    /// For a leg that sits in a room, or whose recording somebody listens to.
    pub(in crate::rtp) fn new(codec: Codec, seated: bool, listens: bool) -> Self {
        Self {
            seat: seated.then(|| (Decoder::new(codec), Encoder::new(codec))),
            recorder: listens.then(|| Decoder::new(codec)),
        }
    }
}

impl LegState {
    /// The codec has changed.
    pub(in crate::rtp) fn take_coders(&mut self, coders: Coders) {
        if let (Some(seat), Some((decoder, encoder))) = (&mut self.seat, coders.seat) {
            seat.speaks(decoder, encoder);
        }
        let recorder = self.recorder.as_mut().or(self.recorder_waits.as_mut());
        if let (Some(recorder), Some(decoder)) = (recorder, coders.recorder) {
            recorder.listen_by(decoder);
        }
    }
}
