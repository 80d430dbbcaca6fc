//! Media: one thread per core (a lane) owning its calls' sockets; playout,
//! recording, relay, digits.
//!
//! Knows nothing of SIP, SDP text, flows or the store. A leg's events go out by
//! a bounded channel; a full one is counted and never blocks media.
//!
//! [`Media`] and [`Leg`] are handles: they prepare an order (encode, allocate,
//! bind) on the caller's thread and hand it to the lane. `lane` is the thread's
//! loop, `orders` its queue, `watch` what it sleeps on, `pace` how deep, `leg` what it does for one leg, `wheel` its clock,
//! `source` whom it hears, `play`, `keys`, `record` what it does, `mix` the room in which several hear each other,
//! `translate` what turns codecs into each other; `writer` is the one
//! thread that writes to the disk, `sync` the one that waits for it.

#[cfg(any(test, fuzzing))]
pub mod bare;
mod inband;
mod keys;
mod lane;
mod leg;
mod mix;
mod orders;
mod pace;
mod packet;
mod play;
mod ports;
mod priority;
mod record;
mod rtcp;
mod source;
mod suspect;
mod sync;
mod translate;
pub mod voice;
mod watch;
mod wheel;
mod writer;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::Sender;
use hotline_core::audio::clip::Form;
use hotline_core::audio::machine::Hint;
use hotline_core::audio::{Clip, Codec, Law};
use hotline_core::call::command::{PlayId, RecordLimits};
use hotline_core::dtmf;
use hotline_core::fact::RecordingEnd;
use hotline_core::ids::RecordingId;
use parking_lot::Mutex;
use tokio::sync::mpsc;

use inband::InBand;
use keys::Keys;
use lane::{LaneLink, Order};
use leg::{Coders, LegState, Peer, Totals};
use mix::{Room, RoomOrder, Seat};
use play::Playing;
use ports::Ports;
use record::Recorder;
use source::Stats;
use suspect::Suspect;
use translate::Translator;
use wheel::LegKey;
use writer::Job;

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

/// Where a leg's packets go to and how they look. `address` is what the other side's SDP says; what we hear
/// from may differ (symmetric RTP): the first valid source is learned and locked until the next `connect`.
pub use hotline_core::sdp::Negotiated as Remote;
pub use priority::may_be_raised;

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
    /// system several times a second, and to the disk so that a power cut costs less than a second.
    pub file: PathBuf,
    /// When it ends by itself.
    pub limits: RecordLimits,
    /// What we send to the leg is recorded as well; then nobody listens for the end of speech.
    pub both: bool,
}

/// What media tells about a leg.
#[derive(Debug, Clone, PartialEq)]
pub enum MediaEvent {
    /// A key by RFC 4733, once per press.
    Digit {
        /// `0`–`9`, `*`, `#`, `A`–`D`.
        digit: char,
    },
    /// A key heard as sound, once per press, and not when RFC 4733 told it.
    Tone {
        /// `0`–`9`, `*`, `#`, `A`–`D`.
        digit: char,
    },
    /// What answered sounds like a mailbox: once at most, after [`Leg::suspect_mailbox`].
    Machine {
        /// What was noticed.
        hint: Hint,
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
    /// What the other side reported of the packets sent; `None`: it reports nothing.
    pub told: Option<Told>,
    /// There and back, ms; `None`: the other side reports nothing.
    pub round_trip_ms: Option<f64>,
}

/// What the other side says about what we send.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Told {
    /// Packets that did not come.
    pub lost: u64,
    /// Interarrival jitter there, ms.
    pub jitter_ms: f64,
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

/// What all legs together counted since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MediaCounters {
    /// Events that found their channel full (`RecordEnded` is tried again and counted by no one).
    pub events_dropped: u64,
    /// Datagrams that are no RTP.
    pub malformed: u64,
    /// Datagrams on the RTCP port that are no RTCP.
    pub rtcp_malformed: u64,
    /// Reports that were not believed: not from the source that is heard, or on the media's port where that was not agreed.
    pub rtcp_strangers: u64,
    /// Packets that the system did not take.
    pub send_failed: u64,
    /// Packets between lanes that found the other one busy.
    pub relay_dropped: u64,
    /// Packets between legs of different codecs that could not be decoded, or came before the coders for a changed codec.
    pub relay_untranslated: u64,
    /// Packets between legs of different codecs that came twice, or after a later one was sent on.
    pub relay_late: u64,
    /// Frames that a tap did not take.
    pub tap_dropped: u64,
    /// Packets missing in recordings because the disk was too slow; each is marked in its file.
    pub recording_gaps: u64,
    /// Faults caught in a leg or lane.
    pub faults: u64,
    /// Times that a lane was more than 200 ms late.
    pub stalls: u64,
    /// Orders that found too many others waiting; each leg concerned was told that it failed.
    pub orders_refused: u64,
}

/// All lanes. Clones share them.
#[derive(Debug, Clone)]
pub struct Media {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    ports: Arc<Ports>,
    lanes: Vec<Arc<LaneLink>>,
    next_leg: AtomicU64,
    totals: Arc<Totals>,
    writer: Sender<Job>,
    threads: Mutex<Threads>,
}

#[derive(Debug)]
struct Threads {
    lanes: Vec<JoinHandle<()>>,
    writer: Option<JoinHandle<()>>,
}

impl Media {
    /// Starts the media threads and the recording writer.
    #[expect(clippy::needless_pass_by_value, reason = "the settings are media's from here on")]
    pub fn start(settings: MediaSettings) -> Result<Self, MediaError> {
        crate::codec::prepare();
        let totals = Arc::new(Totals::default());
        let (writer, writer_thread) = writer::start()?;
        let count = match settings.lanes {
            0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            lanes => lanes,
        };
        if !may_be_raised() {
            tracing::info!(
                "media threads run at normal priority: other work may make packets late (manual: \"Priority\")"
            );
        }
        let mut lanes = Vec::with_capacity(count);
        let mut threads = Vec::with_capacity(count);
        for number in 0..count {
            let (lane, thread) = lane::start(number, writer.clone(), Arc::clone(&totals))?;
            lanes.push(lane);
            threads.push(thread);
        }
        Ok(Self {
            shared: Arc::new(Shared {
                ports: Ports::new(settings.bind, settings.ports),
                lanes,
                next_leg: AtomicU64::new(1),
                totals,
                writer,
                threads: Mutex::new(Threads { lanes: threads, writer: Some(writer_thread) }),
            }),
        })
    }

    /// Opens a leg: binds a port pair on a lane. Nothing is sent before `connect`.
    pub fn open(&self, events: MediaEvents) -> Result<Leg, MediaError> {
        self.open_with(events, None)
    }

    /// As [`Media::open`], on the lane of `near`: a call's legs belong together, so that a bridge stays on one lane.
    pub fn open_with(&self, events: MediaEvents, near: Option<&Leg>) -> Result<Leg, MediaError> {
        let now = crate::clock::now().mono;
        let pair = self.shared.ports.open(now)?;
        let key = self.shared.next_leg.fetch_add(1, Ordering::Relaxed);
        let lane = match near {
            Some(leg) => Arc::clone(&leg.lane),
            None => Arc::clone(self.shared.roomy()),
        };
        let stats = Arc::new(Stats::default());
        let local = pair.local;
        let shares = (events.clone(), Arc::clone(&stats), Arc::clone(&self.shared.totals));
        let opened = Box::new(LegState::new(key, pair, shares, now));
        if lane.order(Order::Open(opened)).is_err() {
            return Err(std::io::Error::other("media is stopped, or its lanes can't keep up").into());
        }
        lane.legs.fetch_add(1, Ordering::Relaxed);
        let memo = Mutex::new(Memo {
            codec: Codec::Pcma,
            ptime_ms: 20,
            items: Vec::new(),
            keys: dtmf::InBand::Auto,
            ear: None,
            suspects: false,
            peer: None,
            seated: false,
            listens: false,
        });
        Ok(Leg { key, lane, local, stats, events, writer: self.shared.writer.clone(), memo: Arc::new(memo) })
    }

    /// What all legs together counted.
    pub fn counters(&self) -> MediaCounters {
        let totals = &self.shared.totals;
        let load = |cell: &AtomicU64| cell.load(Ordering::Relaxed);
        MediaCounters {
            events_dropped: load(&totals.events_dropped),
            malformed: load(&totals.malformed),
            rtcp_malformed: load(&totals.rtcp_malformed),
            rtcp_strangers: load(&totals.rtcp_strangers),
            send_failed: load(&totals.send_failed),
            relay_dropped: load(&totals.relay_dropped),
            relay_untranslated: load(&totals.relay_untranslated),
            relay_late: load(&totals.relay_late),
            tap_dropped: load(&totals.tap_dropped),
            recording_gaps: load(&totals.recording_gaps),
            faults: load(&totals.faults),
            stalls: load(&totals.stalls),
            orders_refused: load(&totals.orders_refused),
        }
    }

    /// Stops the threads; recordings are closed and flushed. Waits for both; a second call does nothing.
    pub fn stop(&self) {
        self.shared.stop();
    }
}

/// Legs that a lane is given before the next one: a lane that wakes for one packet wakes for its neighbours too. Some
/// tenth of a core in a bridge of G.711, half of one with Opus.
const LANE_FIRST: usize = if cfg!(test) { 1 } else { 400 };

impl Shared {
    /// The lane for a new call: the first that has few legs, else the one that has fewest.
    fn roomy(&self) -> &Arc<LaneLink> {
        let legs = |lane: &&Arc<LaneLink>| lane.legs.load(Ordering::Relaxed);
        let first = self.lanes.iter().find(|lane| legs(lane) < LANE_FIRST);
        first.or_else(|| self.lanes.iter().min_by_key(legs)).unwrap_or(&self.lanes[0])
    }

    fn stop(&self) {
        let mut threads = self.threads.lock();
        for lane in &self.lanes {
            // One that has ended needs no order.
            let _stopped = lane.order(Order::Stop);
        }
        for thread in threads.lanes.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a media lane ended by a fault");
            }
        }
        if let Some(writer) = threads.writer.take() {
            let stopped = self.writer.send(Job::Stop);
            if stopped.is_err() || writer.join().is_err() {
                tracing::error!("the recording writer ended by a fault");
            }
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.stop();
    }
}

/// One leg's media. All orders return at once. Dropping it closes the leg; the port drains before reuse.
#[derive(Debug)]
pub struct Leg {
    key: LegKey,
    lane: Arc<LaneLink>,
    local: SocketAddr,
    stats: Arc<Stats>,
    events: MediaEvents,
    writer: Sender<Job>,
    memo: Arc<Mutex<Memo>>,
}

/// What the handle remembers, so that clips are encoded and coders made on the caller's thread and never on the lane.
#[derive(Debug)]
struct Memo {
    codec: Codec,
    ptime_ms: u8,
    items: Vec<PlayItem>,
    /// Whether sound is listened to for keys, and the codec that the lane listens with.
    keys: dtmf::InBand,
    ear: Option<Codec>,
    /// Whether a mailbox may answer.
    suspects: bool,
    /// Whom it is bridged with, or was.
    peer: Option<Bridged>,
    /// It sits in a room, or did.
    seated: bool,
    /// Somebody listens to what is recorded, or did.
    listens: bool,
}

/// The other leg of a bridge: a change of codec concerns it as well.
#[derive(Debug, Clone)]
struct Bridged {
    key: LegKey,
    lane: Arc<LaneLink>,
    memo: Weak<Mutex<Memo>>,
}

impl Memo {
    /// The order that gives the lane another ear than it has, or none; `None`: it has the right one.
    fn ear_for(&mut self, leg: LegKey, remote: &Remote) -> Option<Order> {
        let wanted = self.keys.listens(remote.events.is_some()).then_some(remote.codec);
        if wanted == self.ear {
            return None;
        }
        self.ear = wanted;
        Some(Order::Listen(leg, wanted.map(|codec| Box::new(InBand::new(codec)))))
    }
}

impl Leg {
    /// Where the other side shall send to; host is `MediaSettings::bind`.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Sets or changes the other side; unlocks the learned source. While `send` is off nothing is sent and what plays
    /// runs on unheard.
    pub fn connect(&self, remote: Remote) {
        let codec = remote.codec;
        let (before, items) = {
            let mut memo = self.memo.lock();
            let before = memo.codec;
            let changed = (before, memo.ptime_ms) != (codec, remote.ptime_ms);
            (memo.codec, memo.ptime_ms) = (codec, remote.ptime_ms);
            (before, if changed { memo.items.clone() } else { Vec::new() })
        };
        for item in items {
            play::prepare(&item, remote.codec, remote.ptime_ms);
        }
        let (ear, suspects) = {
            let mut memo = self.memo.lock();
            // Once: a call that is held and taken back has been answered long ago.
            (memo.ear_for(self.key, &remote), std::mem::take(&mut memo.suspects))
        };
        let suspect = suspects.then(|| Box::new(Suspect::new(remote.codec)));
        self.order(Order::Connect(self.key, remote));
        if let Some(suspect) = suspect {
            self.order(Order::Suspect(self.key, suspect));
        }
        if let Some(ear) = ear {
            self.order(ear);
        }
        if before != codec {
            self.make_coders(codec);
        }
    }

    /// The codec has changed: whoever mixes, listens to a recording or is bridged gets coders for it.
    fn make_coders(&self, codec: Codec) {
        let (seated, listens, peer) = {
            let memo = self.memo.lock();
            (memo.seated, memo.listens, memo.peer.clone())
        };
        if seated || listens {
            self.order(Order::Coders(self.key, Box::new(Coders::new(codec, seated, listens))));
        }
        let Some(peer) = peer else { return };
        let Some(theirs) = peer.memo.upgrade().map(|memo| memo.lock().codec) else { return };
        self.order(Order::Translate { leg: self.key, peer: peer.key, by: Translator::between(theirs, codec) });
        let back = Order::Translate { leg: peer.key, peer: self.key, by: Translator::between(codec, theirs) };
        if peer.lane.order(back).is_err() {
            self.failed();
        }
    }

    /// Whether what is received is listened to for keys as sound: from the next [`Leg::connect`] on.
    pub fn listen_for_keys(&self, how: dtmf::InBand) {
        self.memo.lock().keys = how;
    }

    /// Listens whether a mailbox answers: from the next [`Leg::connect`] on, until a key is pressed, the leg is bridged, or half a minute of it was heard.
    pub fn suspect_mailbox(&self) {
        self.memo.lock().suspects = true;
    }

    /// Plays items one after the other without a gap; replaces what plays. `PlayEnded` after the last, if it ends.
    pub fn play(&self, play: PlayId, items: Vec<PlayItem>) {
        let playing = self.prepare(play, items);
        self.order(Order::Play(self.key, Some(playing)));
    }

    /// The same; a key by RFC 4733 stops it at once, before anybody decides anything. No event but the key's.
    pub fn play_until_key(&self, play: PlayId, items: Vec<PlayItem>) {
        let playing = self.prepare(play, items).until_key();
        self.order(Order::Play(self.key, Some(playing)));
    }

    /// What this leg hears of its peer while that holds the call and sends nothing of its own; `None`: it holds no
    /// longer. In a room the music goes on below what others say.
    pub fn hold(&self, music: Option<PlayItem>) {
        // Its end is told to nobody: it has none. In a room it is mixed from G.711.
        let playing = music.map(|item| {
            crate::codec::encoded(&item.clip, Form::Law(Law::Mu));
            self.prepare(PlayId(0), vec![item])
        });
        self.order(Order::Hold(self.key, playing));
    }

    fn prepare(&self, play: PlayId, items: Vec<PlayItem>) -> Playing {
        let form = {
            let mut memo = self.memo.lock();
            memo.items.clone_from(&items);
            Form::new(memo.codec, leg::frame_ms(memo.ptime_ms))
        };
        Playing::new(play, items, form)
    }

    /// Stops playing within one packet; no event.
    pub fn stop_play(&self) {
        self.memo.lock().items.clear();
        self.order(Order::Play(self.key, None));
    }

    /// Records what is received, and what is sent if the request says so. Replaces (ends) a running one. Always answered by `RecordEnded`. Before `connect` it
    /// waits for it.
    pub fn record(&self, request: RecordRequest) {
        let recording = request.recording;
        let now = crate::clock::now().mono;
        let codec = {
            let mut memo = self.memo.lock();
            memo.listens |= !request.both;
            memo.codec
        };
        let recorder = Recorder::new(request, codec, self.events.clone(), self.writer.clone(), now);
        let order = Order::Record(self.key, Box::new(recorder));
        if self.lane.order(order).is_err() {
            let (duration, speech, reason) = (Duration::ZERO, false, RecordingEnd::Failed);
            let ended = MediaEvent::RecordEnded { recording, duration, speech, reason };
            if self.events.try_send(ended).is_err() {
                tracing::warn!("nobody hears that media is stopped");
            }
        }
    }

    /// Ends the recording, `RecordEnded` with this reason; nothing if none runs.
    pub fn stop_record(&self, reason: RecordingEnd) {
        self.order(Order::StopRecord(self.key, reason));
    }

    /// What this leg receives goes to `other` and back: packets go out when they come in, own SSRC, sequence and
    /// timestamps; where the codecs differ it is decoded and encoded anew, in packets of the length that the other side
    /// asks for. Digits are events and not relayed. Stops what plays on both; what is played later goes before what is
    /// relayed.
    pub fn bridge(&self, other: &Leg) {
        // Not both at once: somebody else may bridge them the other way round.
        let codecs = [self, other].map(|leg| leg.memo.lock().codec);
        for (one, two, [to, from]) in [(self, other, codecs), (other, self, [codecs[1], codecs[0]])] {
            let bridged = Bridged { key: two.key, lane: Arc::clone(&two.lane), memo: Arc::downgrade(&two.memo) };
            {
                let mut memo = one.memo.lock();
                memo.items.clear();
                memo.peer = Some(bridged);
                memo.seated = false;
            }
            let peer = if Arc::ptr_eq(&one.lane, &two.lane) {
                Peer::Here(two.key)
            } else {
                Peer::There(Arc::clone(&two.lane), two.key)
            };
            one.order(Order::Bridge(one.key, peer, Translator::between(from, to)));
        }
    }

    /// Puts up to four legs of one lane into a room in which each hears those that `hears` names by their place (bit 0 is
    /// the first). From a bridge and back ([`Leg::bridge`]) no sound breaks off, numbers and timestamps run on. Asked again
    /// with another matrix the sound goes on; who is not named any more hears nobody. False: they are not on one lane.
    pub fn mix(parts: &[(&Self, u8)]) -> bool {
        let Some((first, _)) = parts.first() else { return false };
        if parts.len() > mix::MEMBERS || parts.iter().any(|(leg, _)| !Arc::ptr_eq(&leg.lane, &first.lane)) {
            return false;
        }
        let key = mix::room_key(first.key);
        for (leg, _) in parts {
            leg.memo.lock().seated = true;
        }
        let parts = parts.iter().map(|(leg, hears)| (leg.key, *hears, Seat::new(key, leg.memo.lock().codec))).collect();
        first.order(Order::Room(Box::new(RoomOrder { key, parts, room: Box::new(Room::default()) })));
        true
    }

    /// Comes over to the lane of `near`, with its sockets; nothing if it is there already. What it sends and hears goes on.
    pub async fn move_to(&mut self, near: &Self) {
        if Arc::ptr_eq(&self.lane, &near.lane) {
            return;
        }
        let (sender, moved) = tokio::sync::oneshot::channel();
        self.order(Order::Leave(self.key, sender));
        // A lane that has ended, or a leg out of service: there is nothing to move.
        let Ok(leg) = moved.await else { return };
        self.lane.legs.fetch_sub(1, Ordering::Relaxed);
        near.lane.legs.fetch_add(1, Ordering::Relaxed);
        self.lane = Arc::clone(&near.lane);
        self.order(Order::Open(leg));
    }

    /// Ends the bridge on both sides; a leg in a room leaves it.
    pub fn unbridge(&self) {
        self.memo.lock().peer = None;
        self.order(Order::Unbridge(self.key));
    }

    /// Sends keys by RFC 4733, 100 ms each with 80 ms between (small phone only).
    pub fn send_digits(&self, digits: &str) {
        self.order(Order::Digits(self.key, Keys::codes(digits)));
    }

    /// Copies each received packet's payload (codec as connected, RTP timestamp with it) into a bounded channel, for the
    /// small phone; a full channel drops frames and counts them.
    pub fn tap(&self, sink: Sender<Frame>) {
        self.order(Order::Tap(self.key, sink));
    }

    /// How it went so far.
    pub fn quality(&self) -> Quality {
        self.stats.quality()
    }

    fn order(&self, order: Order) {
        if self.lane.order(order).is_err() {
            self.failed();
        }
    }

    /// Half obeyed is worse than failed: a call that waits for a prompt's end would wait for ever.
    fn failed(&self) {
        let reason = "media takes no more orders".to_owned();
        if self.events.try_send(MediaEvent::Failed { reason }).is_err() {
            tracing::debug!("an order to a media lane that takes no more, from a leg that nobody listens to");
        }
    }
}

impl Drop for Leg {
    fn drop(&mut self) {
        self.lane.legs.fetch_sub(1, Ordering::Relaxed);
        self.order(Order::Close(self.key));
    }
}

/// A received packet's audio, for a tap.
#[derive(Debug, Clone, Copy)]
pub struct Frame {
    /// RTP timestamp.
    pub timestamp: u32,
    /// Bytes used of `payload`.
    pub length: u16,
    /// Payload in the leg's codec.
    pub payload: [u8; packet::PAYLOAD_MAX],
}
