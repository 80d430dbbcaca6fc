//! Media: one thread per core (a lane) owning its calls' sockets; playout,
//! recording, relay, digits.
//!
//! Knows nothing of SIP, SDP text, flows or the store. A leg's events go out by
//! a bounded channel; a full one is counted and never blocks media.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hotline_core::audio::{Clip, Codec};
use hotline_core::call::command::{PlayId, RecordLimits};
use hotline_core::fact::RecordingEnd;
use hotline_core::ids::RecordingId;
use tokio::sync::mpsc;

/// What media needs to know.
#[derive(Debug, Clone)]
pub struct MediaSettings {
    /// The address our sockets bind to.
    pub bind: std::net::IpAddr,
    /// First and last UDP port of ours; RTP on even ports, RTCP on the next.
    pub ports: (u16, u16),
    /// Media threads; 0: one per core.
    pub lanes: usize,
}

/// Where a leg's packets go to and how they look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// From the other side's SDP. What we hear from may differ (symmetric RTP): the first valid
    /// source is learned and locked until the next `connect`.
    pub address: SocketAddr,
    /// What we send and expect.
    pub codec: Codec,
    /// Payload type that we send `codec` with (theirs).
    pub payload_type: u8,
    /// Payload type that we receive `codec` with (ours).
    pub receive_payload_type: u8,
    /// `telephone-event` payload types: (theirs, to send; ours, to receive).
    pub events: Option<(u8, u8)>,
    /// Milliseconds of audio in each packet we send, 10–60.
    pub ptime_ms: u8,
    /// We may send to them (not held by them).
    pub send: bool,
    /// They send to us.
    pub receive: bool,
}

/// A piece to play: the clip and whether it repeats without end.
#[derive(Debug, Clone)]
pub struct PlayItem {
    /// Encoded once per codec, shared.
    pub clip: Arc<Clip>,
    /// Again and again until stopped or replaced.
    pub repeat: bool,
}

/// What to record.
#[derive(Debug, Clone)]
pub struct RecordRequest {
    /// Its identity.
    pub recording: RecordingId,
    /// The append-only file it grows in: raw payload with timestamps (`NAME.seg`). Flushed to the
    /// system at least twice a second.
    pub file: PathBuf,
    /// When it ends by itself.
    pub limits: RecordLimits,
}

/// What media tells about a leg.
#[derive(Debug, Clone, PartialEq)]
pub enum MediaEvent {
    /// A key by RFC 4733, once per press.
    Digit {
        /// `0`–`9`, `*`, `#`, `A`–`D`.
        digit: char,
    },
    /// The last item of a play is out.
    PlayEnded {
        /// Which.
        play: PlayId,
    },
    /// A recording is over; its segment is written and closed.
    RecordEnded {
        /// Which.
        recording: RecordingId,
        /// Audio kept.
        duration: Duration,
        /// Speech was heard.
        speech: bool,
        /// Why.
        reason: RecordingEnd,
    },
    /// Nothing was received for `MEDIA_TIMEOUT` although the other side should send.
    Silent,
    /// The lane failed this leg; it plays and records no more.
    Failed {
        /// What happened.
        reason: String,
    },
}

/// How media went on a leg.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Quality {
    /// Packets sent.
    pub sent: u64,
    /// Packets received in sequence or not.
    pub received: u64,
    /// Holes in the sequence numbers received.
    pub lost: u64,
    /// Interarrival jitter (RFC 3550 section 6.4.1), ms.
    pub jitter_ms: f64,
    /// Packets dropped because they came from another source than the locked one.
    pub strangers: u64,
}

/// Why a leg could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// All ports of the range are taken or draining.
    #[error("no free RTP port in {0}-{1}; widen HOTLINE_RTP_PORTS")]
    NoPort(u16, u16),
    /// The system refused.
    #[error("media: {0}")]
    Io(#[from] std::io::Error),
}

/// The sending side of a leg's events.
pub type MediaEvents = mpsc::Sender<MediaEvent>;

/// A leg hears nothing for so long: `MediaEvent::Silent`.
pub const MEDIA_TIMEOUT: Duration = Duration::from_secs(30);

/// All lanes. Clones share them.
#[derive(Debug, Clone)]
pub struct Media {}

impl Media {
    /// Starts the media threads and the recording writer.
    pub fn start(_settings: MediaSettings) -> Result<Self, MediaError> {
        todo!("media helper")
    }

    /// Opens a leg: binds a port pair on a lane. Nothing is sent before `connect`.
    pub fn open(&self, _events: MediaEvents) -> Result<Leg, MediaError> {
        todo!("media helper")
    }

    /// Stops the threads; recordings are closed and flushed.
    pub fn stop(&self) {
        todo!("media helper")
    }
}

/// One leg's media. All orders return at once. Dropping it closes the leg; the port drains before reuse.
#[derive(Debug)]
pub struct Leg {}

impl Leg {
    /// Where the other side shall send to; host is `MediaSettings::bind`.
    pub fn local(&self) -> SocketAddr {
        todo!("media helper")
    }

    /// Sets or changes the other side; unlocks the learned source.
    pub fn connect(&self, _remote: Remote) {
        todo!("media helper")
    }

    /// Plays items one after the other without a gap; replaces what plays. `PlayEnded` after the last, if it ends.
    pub fn play(&self, _play: PlayId, _items: Vec<PlayItem>) {
        todo!("media helper")
    }

    /// Stops playing within one packet; no event.
    pub fn stop_play(&self) {
        todo!("media helper")
    }

    /// Records what is received. Replaces (ends) a running one. Always answered by `RecordEnded`.
    pub fn record(&self, _request: RecordRequest) {
        todo!("media helper")
    }

    /// Ends the recording, `RecordEnded` with this reason; nothing if none runs.
    pub fn stop_record(&self, _reason: RecordingEnd) {
        todo!("media helper")
    }

    /// What this leg receives goes to `other` and back: packets go out when they come in, own SSRC, sequence and
    /// timestamps; transcoded between mu- and A-law where the codecs differ. Digits are events and not relayed.
    pub fn bridge(&self, _other: &Leg) {
        todo!("media helper")
    }

    /// Ends the bridge on both sides.
    pub fn unbridge(&self) {
        todo!("media helper")
    }

    /// Sends keys by RFC 4733, 100 ms each with 80 ms between (small phone only).
    pub fn send_digits(&self, _digits: &str) {
        todo!("media helper")
    }

    /// Copies each received packet's payload (codec as connected, RTP timestamp with it) into a bounded channel, for the
    /// small phone: at most 160 bytes a frame; a full channel drops frames and counts them.
    pub fn tap(&self, _sink: crossbeam_channel::Sender<Frame>) {
        todo!("media helper")
    }

    /// How it went so far.
    pub fn quality(&self) -> Quality {
        todo!("media helper")
    }
}

/// A received packet's audio, for a tap.
#[derive(Debug, Clone, Copy)]
pub struct Frame {
    /// RTP timestamp.
    pub timestamp: u32,
    /// Bytes used of `payload`.
    pub length: u16,
    /// Payload in the leg's codec, up to 60 ms.
    pub payload: [u8; 480],
}
