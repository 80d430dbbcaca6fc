//! One call of a phone: the task that owns its dialog and its media, and the handle to it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Receiver as Frames;
use hotline_core::audio::Clip;
use hotline_core::call::command::PlayId;
use hotline_core::fact::LegCause;
use hotline_core::sdp::{self, Local, Negotiated, SdpError};
use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::ear::Notice;
use super::hearing::Hearing;
use super::log::{Happening, Log};
use super::prompts::KnownPrompts;
use super::recorder::Recorder;
use super::sound::QuietMeter;
use crate::rtp::{self, Frame, MediaEvent, PlayItem, Quality};
use crate::sip::{self, LegEvent, LegOrder};

/// How often packets are looked at. They carry their own time, so this is no playout clock.
const TICK: Duration = Duration::from_millis(10);
/// After hanging up, the dialog's end is waited for so long.
const GOODBYE: Duration = Duration::from_secs(5);
/// Frames that may wait between two looks.
pub(super) const FRAMES_MAX: usize = 1_024;
/// A key takes so long: 100 ms of tone and 80 ms of pause.
pub(super) const KEY: Duration = Duration::from_millis(180);

/// What a phone's owner does.
#[derive(Debug)]
pub(super) enum Order {
    /// Take the call that rings.
    Answer,
    /// Refuse it with this status.
    Refuse(u16),
    /// Press keys.
    Press(String),
    /// Play this file.
    Say(PathBuf, Arc<Clip>),
    /// Write what is heard to this file.
    Record(PathBuf),
    /// Close that file.
    StopRecord,
    /// Put down the receiver.
    HangUp,
}

/// Handle to one call. Dropping it hangs up.
#[derive(Debug)]
pub struct Line {
    /// What happens.
    pub log: Log,
    orders: mpsc::UnboundedSender<Order>,
    quality: Arc<Mutex<Quality>>,
}

impl Line {
    pub(super) fn order(&self, order: Order) {
        // A call that is over does nothing more; its log says so.
        let _ = self.orders.send(order);
    }

    /// How media went so far, and in all once the call has ended.
    pub fn quality(&self) -> Quality {
        *self.quality.lock()
    }
}

/// Which side called.
#[derive(Debug)]
pub(super) enum Direction {
    /// We did; our offer is out.
    Outgoing,
    /// They did, with this offer (`None`: the offer is ours to make).
    Incoming(Option<String>),
}

/// What a call is made of.
#[derive(Debug)]
pub(super) struct Parts {
    pub direction: Direction,
    pub leg: sip::Leg,
    pub media: rtp::Leg,
    pub media_events: mpsc::Receiver<MediaEvent>,
    pub local: Local,
    pub prompts: Arc<KnownPrompts>,
}

/// Starts the call's task.
pub(super) fn start(parts: Parts) -> Line {
    let log = Log::new(crate::clock::now().mono);
    let (orders, orders_in) = mpsc::unbounded_channel();
    let quality = Arc::new(Mutex::new(Quality::default()));
    let (sink, frames) = crossbeam_channel::bounded(FRAMES_MAX);
    parts.media.tap(sink);
    let task = Task {
        log: log.clone(),
        quality: Arc::clone(&quality),
        // A phone is never silent on the wire: its packets open the way through NAT and tell where it is.
        room: Arc::new(Clip::new(vec![0; Clip::RATE_HZ as usize / 5])),
        hearing: None,
        quiet: QuietMeter::default(),
        recorder: None,
        saying: None,
        plays: 0,
        held: false,
        up: false,
        hung_up: None,
        direction: parts.direction,
        control: parts.leg.control,
        media: parts.media,
        local: parts.local,
        prompts: parts.prompts,
    };
    tokio::spawn(task.run(parts.leg.events, parts.media_events, orders_in, frames));
    Line { log, orders, quality }
}

struct Task {
    log: Log,
    quality: Arc<Mutex<Quality>>,
    direction: Direction,
    control: sip::LegControl,
    media: rtp::Leg,
    local: Local,
    prompts: Arc<KnownPrompts>,
    room: Arc<Clip>,
    hearing: Option<Hearing>,
    quiet: QuietMeter,
    recorder: Option<(PathBuf, Recorder)>,
    saying: Option<(PlayId, PathBuf)>,
    plays: u32,
    held: bool,
    up: bool,
    hung_up: Option<Duration>,
}

impl Task {
    async fn run(
        mut self,
        mut events: mpsc::Receiver<LegEvent>,
        mut media_events: mpsc::Receiver<MediaEvent>,
        mut orders: mpsc::UnboundedReceiver<Order>,
        frames: Frames<Frame>,
    ) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let cause = loop {
            tokio::select! {
                event = events.recv() => match event {
                    Some(LegEvent::Ended(cause)) => break cause,
                    Some(event) => self.on_signal(event),
                    None => break LegCause::Failed { reason: "signalling has stopped".to_owned() },
                },
                Some(event) = media_events.recv() => self.on_media(event),
                order = orders.recv(), if self.hung_up.is_none() => self.on_order(order.unwrap_or(Order::HangUp)),
                _ = tick.tick() => {
                    self.listen(&frames);
                    if self.hung_up.is_some_and(|at| self.log.now() > at + GOODBYE) {
                        break LegCause::Released;
                    }
                }
            }
        };
        self.listen(&frames);
        self.stop_recording();
        *self.quality.lock() = self.media.quality();
        self.log.add(Happening::Ended(cause));
    }

    fn on_signal(&mut self, event: LegEvent) {
        match event {
            LegEvent::Ringing => self.log.add(Happening::Ringing),
            LegEvent::Answered(answer) => self.on_answer(&answer),
            LegEvent::Confirmed(answer) => match answer {
                Some(answer) => self.on_answer(&answer),
                None => self.is_up(),
            },
            LegEvent::Reoffer(offer) => {
                self.local.version += 1;
                let answer = match offer {
                    Some(offer) => self.answer_to(&offer),
                    None => Ok(sdp::offer(&self.local)),
                };
                self.control.order(LegOrder::AnswerReoffer(answer));
            }
            LegEvent::Digit { digit } => self.log.add(Happening::Digit { digit }),
            LegEvent::Ended(_) => {}
        }
    }

    fn on_media(&mut self, event: MediaEvent) {
        match event {
            MediaEvent::Digit { digit } | MediaEvent::Tone { digit } => self.log.add(Happening::Digit { digit }),
            MediaEvent::PlayEnded { play } => {
                if self.saying.as_ref().is_some_and(|(saying, _)| *saying == play) {
                    self.stop_saying();
                    self.be_quiet();
                }
            }
            MediaEvent::Silent => {
                self.log.add(Happening::Fault(format!("no packets for {} s", rtp::MEDIA_TIMEOUT.as_secs())));
            }
            MediaEvent::Failed { reason } => self.log.add(Happening::Fault(reason)),
            // The phone writes its own recordings.
            MediaEvent::RecordEnded { .. } | MediaEvent::Machine { .. } => {}
        }
    }

    fn on_order(&mut self, order: Order) {
        match order {
            Order::Answer => self.answer(),
            Order::Refuse(status) => self.control.order(LegOrder::Reject(status)),
            Order::Press(keys) => {
                self.media.send_digits(&keys);
                self.log.add(Happening::Pressed(keys));
            }
            Order::Say(file, clip) => {
                self.stop_saying();
                self.log.add(Happening::SayStarts(file.clone()));
                let play = self.play(clip, false);
                self.saying = Some((play, file));
            }
            Order::Record(file) => {
                self.stop_recording();
                match Recorder::create(&file) {
                    Ok(recorder) => self.recorder = Some((file, recorder)),
                    Err(error) => self.log.add(Happening::Fault(format!("{}: {error}", file.display()))),
                }
            }
            Order::StopRecord => self.stop_recording(),
            Order::HangUp => {
                self.hung_up = Some(self.log.now());
                self.control.order(LegOrder::HangUp);
            }
        }
    }

    /// Takes the call that came in.
    fn answer(&mut self) {
        let Direction::Incoming(offer) = &self.direction else { return };
        let answer = match offer.clone() {
            Some(offer) => self.answer_to(&offer),
            None => Ok(sdp::offer(&self.local)),
        };
        self.control.order(match answer {
            Ok(answer) => LegOrder::Answer(answer),
            Err(status) => LegOrder::Reject(status),
        });
    }

    /// Our answer to an offer, media connected to what it says; or the status that refuses it.
    fn answer_to(&mut self, offer: &str) -> Result<String, u16> {
        match sdp::answer(offer, &self.local) {
            Ok((answer, agreed)) => {
                self.connect(&agreed);
                Ok(answer)
            }
            Err(error) => {
                self.log.add(Happening::Fault(error.to_string()));
                Err(match error {
                    SdpError::NoCommonCodec => 488,
                    SdpError::Malformed(_) => 400,
                })
            }
        }
    }

    /// Their answer to our offer.
    fn on_answer(&mut self, answer: &str) {
        match sdp::accept(answer, &self.local) {
            Ok(agreed) => {
                self.connect(&agreed);
                self.is_up();
            }
            Err(error) => {
                self.log.add(Happening::Fault(error.to_string()));
                self.on_order(Order::HangUp);
            }
        }
    }

    fn is_up(&mut self) {
        if let (false, Some(hearing)) = (self.up, &self.hearing) {
            self.up = true;
            self.log.add(Happening::Answered { codec: hearing.codec() });
        }
    }

    fn connect(&mut self, agreed: &Negotiated) {
        self.media.connect(agreed.clone());
        self.local.payload_types.keep(agreed);
        if self.held == agreed.receive {
            self.held = !agreed.receive;
            self.log.add(Happening::Held(self.held));
        }
        let first = self.hearing.is_none();
        if self.hearing.as_ref().is_none_or(|hearing| hearing.codec() != agreed.codec) {
            self.hearing = Some(match self.hearing.take() {
                Some(hearing) => hearing.changed(agreed.codec, &self.prompts),
                None => Hearing::new(agreed.codec, &self.prompts),
            });
        }
        if first {
            self.be_quiet();
        }
    }

    fn play(&mut self, clip: Arc<Clip>, repeat: bool) -> PlayId {
        self.plays += 1;
        let play = PlayId(self.plays);
        self.media.play(play, vec![PlayItem { clip, repeat }]);
        play
    }

    fn be_quiet(&mut self) {
        let room = Arc::clone(&self.room);
        self.play(room, true);
    }

    fn stop_saying(&mut self) {
        if let Some((_, file)) = self.saying.take() {
            self.log.add(Happening::SayEnds(file));
        }
    }

    fn stop_recording(&mut self) {
        let Some((file, recorder)) = self.recorder.take() else { return };
        self.log.add(match recorder.finish() {
            Ok(length) => Happening::Recorded { file, length },
            Err(error) => Happening::Fault(format!("{}: {error}", file.display())),
        });
    }

    /// Takes in what has come since the last look.
    fn listen(&mut self, frames: &Frames<Frame>) {
        let Some(hearing) = &mut self.hearing else { return };
        let now = self.log.now();
        let mut notices = Vec::new();
        for frame in frames.try_iter() {
            let (position, samples) = hearing.listen(&frame, now, &mut notices);
            self.quiet.listen(&samples, now);
            if let Some((_, recorder)) = &mut self.recorder {
                recorder.write(position, &samples);
            }
        }
        notices.extend(hearing.tick(now));
        for notice in notices {
            self.log.add(match notice {
                Notice::Starts(names) => Happening::PromptStarts(names),
                Notice::Ends(names) => Happening::PromptEnds(names),
                Notice::Cut(names) => Happening::PromptCut(names),
            });
        }
        // While we speak ourselves it is not our turn to notice.
        if self.saying.is_none() && self.quiet.gone_quiet(now) {
            self.log.add(Happening::Quiet);
        }
        *self.quality.lock() = self.media.quality();
    }
}
