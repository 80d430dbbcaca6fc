//! A small phone: dials, rings, answers, presses keys, speaks, recognises our prompts, records.
//!
//! The engine of `hotline call` and `hotline phone`, and of the tests that read aloud:
//! `phone.dial("sip:hotline@…")`, `phone.hears("greeting")`, `phone.press("1")`, `phone.say("who.wav")`.
//! One call at a time; a second caller hears busy. Knows nothing of flows or of the hotline behind the line.

pub mod act;
pub mod ear;
mod hearing;
pub mod line;
pub mod log;
pub mod prompts;
pub mod recorder;
pub mod script;
pub mod sound;
pub mod target;
pub mod timeline;

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hotline_core::audio::Codec;
use hotline_core::fact::LegCause;
use hotline_core::private::Private;
use hotline_core::sdp::{self, Local, PayloadTypes};
use tokio::sync::mpsc;

use self::ear::Heard;
use self::line::{Direction, KEY, Line, Order, Parts};
use self::log::{Happening, Log};
use self::prompts::{BEEP, KnownPrompts, MUSIC};
use crate::rtp::{Media, MediaError, MediaSettings};
use crate::sip::{IncomingCall, LegOrder, Sip, SipError, SipSettings, Strangers, Transport};
use crate::speech::{SpeechError, load_wav};

/// Where phones take their RTP ports from: above the hotline's own range.
const PORTS: (u16, u16) = (34_000, 59_998);

/// What a phone needs to know.
#[derive(Debug, Clone)]
pub struct HandsetSettings {
    /// The hotline, or the registrar. Decides which of our addresses is used.
    pub server: SocketAddr,
    /// How requests travel.
    pub transport: Transport,
    /// User part of our From.
    pub name: String,
    /// What it recognises.
    pub prompts: Arc<KnownPrompts>,
    /// How long `hears` and the like wait.
    pub patience: Duration,
    /// What it speaks, first choice first. In Opus it recognises no prompts.
    pub codecs: Vec<Codec>,
}

impl HandsetSettings {
    /// A phone at `server` with the usual settings: UDP, both codecs, 20 s of patience.
    pub fn new(server: SocketAddr, name: &str, prompts: Arc<KnownPrompts>) -> Self {
        Self {
            server,
            transport: Transport::Udp,
            name: name.to_owned(),
            prompts,
            patience: Duration::from_secs(20),
            codecs: vec![Codec::Pcma, Codec::Pcmu],
        }
    }
}

/// Why a phone could not do what it was told, with what happened on the call so far.
#[derive(Debug, thiserror::Error)]
pub enum HandsetError {
    /// Signalling did not start, or the registrar refused.
    #[error(transparent)]
    Sip(#[from] SipError),
    /// Media did not start.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// A file can't be played.
    #[error(transparent)]
    Audio(#[from] SpeechError),
    /// No network, no address.
    #[error("{0}")]
    Network(String),
    /// There is no call.
    #[error("no call to do that on")]
    NoCall,
    /// Something else was heard.
    #[error("expected {wanted}, but heard {heard}\n{log}")]
    Unexpected {
        /// What was expected.
        wanted: String,
        /// What came.
        heard: String,
        /// The call so far.
        log: String,
    },
    /// The call ended before.
    #[error("expected {wanted}, but {ended}\n{log}")]
    Ended {
        /// What was expected.
        wanted: String,
        /// How it ended.
        ended: String,
        /// The call so far.
        log: String,
    },
    /// It did not come in time.
    #[error("expected {wanted}, waited {seconds} s\n{log}")]
    TooLate {
        /// What was expected.
        wanted: String,
        /// How long.
        seconds: u64,
        /// The call so far.
        log: String,
    },
}

/// Who rings.
#[derive(Debug, Clone)]
pub struct Ring {
    /// Number or name of address.
    pub caller: Option<Private<String>>,
    /// Display name.
    pub display_name: Option<Private<String>>,
    /// What was dialled, best guess first.
    pub dialled: Vec<String>,
}

/// A phone.
#[derive(Debug)]
pub struct Handset {
    sip: Sip,
    media: Media,
    address: IpAddr,
    settings: HandsetSettings,
    incoming: mpsc::Receiver<IncomingCall>,
    /// A call is up or ringing: others hear busy.
    busy: Arc<AtomicBool>,
    line: Option<Line>,
    /// Lines of the log that were waited for already.
    read: usize,
}

impl Handset {
    /// Switches the phone on. It listens on a free port of the address that leads to the server.
    pub async fn start(settings: HandsetSettings) -> Result<Self, HandsetError> {
        let address = address_towards(settings.server)?;
        let (incoming_out, arriving) = mpsc::channel(16);
        let sip = Sip::start(
            SipSettings {
                listen: SocketAddr::new(address, 0),
                public_host: None,
                open: true,
                strangers: Strangers::Forbid,
                realm: "phone".to_owned(),
                phones: std::collections::BTreeMap::new(),
                trunks: std::collections::BTreeMap::new(),
                requests_per_second: 1_000,
            },
            incoming_out,
        )
        .await?;
        let media = Media::start(MediaSettings { bind: address, ports: PORTS, lanes: 1 })?;
        for codec in settings.codecs.clone() {
            // Ready before the first call: an ear that is still being made misses a short first prompt.
            let prompts = Arc::clone(&settings.prompts);
            let made = tokio::task::spawn_blocking(move || drop(prompts.index(codec))).await;
            made.expect("making an index does not panic");
        }
        let busy = Arc::new(AtomicBool::new(false));
        let incoming = engaged(arriving, Arc::clone(&busy));
        Ok(Self { sip, media, address, settings, incoming, busy, line: None, read: 0 })
    }

    /// Registers with the server; refreshed for as long as the phone lives. Resolves with the first answer.
    pub async fn register(&self, account: &str, password: Private<String>) -> Result<(), HandsetError> {
        let Self { sip, settings, .. } = self;
        Ok(sip.register_as_phone(settings.server, settings.transport, account, password).await?)
    }

    /// Where the phone takes calls.
    pub fn local(&self) -> SocketAddr {
        self.sip.local()
    }

    /// Calls and waits until the call is up.
    pub async fn dial(&mut self, uri: &str) -> Result<(), HandsetError> {
        self.call(uri)?;
        self.connected().await
    }

    /// Waits until the call is up.
    pub async fn connected(&mut self) -> Result<(), HandsetError> {
        self.find("an answer", |happening| matches!(happening, Happening::Answered { .. }).then_some(Ok(()))).await
    }

    /// Calls and does not wait; a call that is up is hung up.
    pub fn call(&mut self, uri: &str) -> Result<(), HandsetError> {
        let (media, media_events, local) = self.open_media()?;
        let mut uri = uri.to_owned();
        if self.settings.transport == Transport::Tcp && !uri.contains(";transport=") {
            uri.push_str(";transport=tcp");
        }
        let leg = self.sip.dial_uri(&uri, &self.settings.name, sdp::offer(&local));
        let prompts = Arc::clone(&self.settings.prompts);
        self.take(Parts { direction: Direction::Outgoing, leg, media, media_events, local, prompts });
        Ok(())
    }

    /// Waits for a call to come in. It rings until [`Handset::answer`] or [`Handset::refuse`].
    pub async fn rings(&mut self) -> Result<Ring, HandsetError> {
        let patience = self.settings.patience;
        match tokio::time::timeout(patience, self.next_ring()).await {
            Ok(ring) => ring,
            Err(_) => Err(HandsetError::TooLate {
                wanted: "a call to come in".to_owned(),
                seconds: patience.as_secs(),
                log: String::new(),
            }),
        }
    }

    /// Like [`Handset::rings`], however long it takes.
    pub async fn next_ring(&mut self) -> Result<Ring, HandsetError> {
        // The receiver is down now, whatever became of the last call.
        self.busy.store(false, Ordering::Release);
        let call =
            self.incoming.recv().await.ok_or_else(|| HandsetError::Network("signalling has stopped".to_owned()))?;
        let ring = Ring { caller: call.caller, display_name: call.display_name, dialled: call.dialled };
        let (media, media_events, local) = self.open_media()?;
        call.leg.control.order(LegOrder::Ring);
        let prompts = Arc::clone(&self.settings.prompts);
        let direction = Direction::Incoming(call.offer);
        self.take(Parts { direction, leg: call.leg, media, media_events, local, prompts });
        Ok(ring)
    }

    /// Takes the call that rings and waits until it is up.
    pub async fn answer(&mut self) -> Result<(), HandsetError> {
        self.pick_up()?;
        self.connected().await
    }

    /// Takes the call that rings and does not wait.
    pub fn pick_up(&self) -> Result<(), HandsetError> {
        self.line()?.order(Order::Answer);
        Ok(())
    }

    /// Refuses the call that rings: 486 busy, 603 declined.
    pub fn refuse(&self, status: u16) -> Result<(), HandsetError> {
        self.line()?.order(Order::Refuse(status));
        // Whoever rings next may be quicker than whoever waits for the end of this.
        self.busy.store(false, Ordering::Release);
        Ok(())
    }

    /// Presses keys, one after the other; resolves when the last is out.
    pub async fn press(&self, keys: &str) -> Result<(), HandsetError> {
        self.line()?.order(Order::Press(keys.to_owned()));
        tokio::time::sleep(KEY * u32::try_from(keys.chars().count()).unwrap_or(1)).await;
        Ok(())
    }

    /// Plays a WAV to the other side; resolves when it is out.
    pub async fn say(&self, file: impl AsRef<Path>) -> Result<(), HandsetError> {
        let file = file.as_ref();
        let clip = Arc::new(load_wav(file)?);
        let limit = clip.duration() + self.settings.patience;
        let line = self.line()?;
        let mut from = line.log.entries().len();
        line.order(Order::Say(file.to_owned(), clip));
        let played = async {
            while let Some(entry) = line.log.entry(from).await {
                from += 1;
                if matches!(&entry.happening, Happening::SayEnds(ended) if ended == file) {
                    return true;
                }
            }
            false
        };
        let wanted = || format!("{} to be played", file.display());
        match tokio::time::timeout(limit, played).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.ended_early(&wanted())),
            Err(_) => Err(self.too_late(&wanted())),
        }
    }

    /// The next prompt is this one, and it is heard to its end. Digits, the beep and music are passed over
    /// unless asked for.
    pub async fn hears(&mut self, prompt: &str) -> Result<(), HandsetError> {
        self.begins_to_hear(prompt).await?;
        self.find(&format!("the end of {prompt}"), |happening| {
            if happening.ends().is_some_and(|names| is_named(names, prompt)) {
                return Some(Ok(()));
            }
            let cut = happening.cut().is_some_and(|names| is_named(names, prompt));
            cut.then(|| Err(format!("{prompt} cut short")))
        })
        .await
    }

    /// The next prompt is this one; does not wait for its end.
    pub async fn begins_to_hear(&mut self, prompt: &str) -> Result<(), HandsetError> {
        self.find(prompt, |happening| {
            let names = happening.starts()?;
            if is_named(names, prompt) {
                return Some(Ok(()));
            }
            (!names.iter().any(is_by_the_way)).then(|| Err(in_words(names)))
        })
        .await
    }

    /// This prompt is heard to its end some time, whatever comes before.
    pub async fn waits_for(&mut self, prompt: &str) -> Result<(), HandsetError> {
        self.find(prompt, |happening| is_named(happening.ends()?, prompt).then_some(Ok(()))).await
    }

    /// Writes down so many spoken digits.
    pub async fn hears_digits(&mut self, count: usize) -> Result<String, HandsetError> {
        let mut digits = String::new();
        while digits.chars().count() < count {
            let wanted = format!("digit {} of {count}", digits.len() + 1);
            let digit = self.find(&wanted, |happening| {
                let names = happening.starts()?;
                let digit = names.iter().find_map(|heard| heard.prompt.strip_prefix("digit-")?.chars().next());
                Some(digit.ok_or_else(|| in_words(names)))
            });
            digits.push(digit.await?);
        }
        Ok(digits)
    }

    /// The other side has said something and gone quiet.
    pub async fn waits_for_quiet(&mut self) -> Result<(), HandsetError> {
        self.find("a quiet moment", |happening| (*happening == Happening::Quiet).then_some(Ok(()))).await
    }

    /// The other side presses a key.
    pub async fn gets_digit(&mut self) -> Result<char, HandsetError> {
        self.find("a key", |happening| {
            let Happening::Digit { digit } = happening else { return None };
            Some(Ok(*digit))
        })
        .await
    }

    /// Writes what is heard from now on to a WAV, until [`Handset::stop_record`] or the call's end.
    pub fn record(&self, file: impl AsRef<Path>) -> Result<(), HandsetError> {
        self.line()?.order(Order::Record(file.as_ref().to_owned()));
        Ok(())
    }

    /// Closes the recording; resolves when the file is whole, with its length.
    pub async fn stop_record(&mut self) -> Result<Duration, HandsetError> {
        self.line()?.order(Order::StopRecord);
        self.find("the recording", |happening| {
            let Happening::Recorded { length, .. } = happening else { return None };
            Some(Ok(*length))
        })
        .await
    }

    /// Puts down the receiver and waits for the end.
    pub async fn hang_up(&mut self) -> Result<LegCause, HandsetError> {
        self.line()?.order(Order::HangUp);
        self.ends().await
    }

    /// Waits for the end, whoever hangs up.
    pub async fn ends(&mut self) -> Result<LegCause, HandsetError> {
        let cause = self
            .find("the end of the call", |happening| {
                let Happening::Ended(cause) = happening else { return None };
                Some(Ok(cause.clone()))
            })
            .await?;
        // The next caller may be quicker than whoever waits for him.
        self.busy.store(false, Ordering::Release);
        Ok(cause)
    }

    /// The call that is up, rings, or was the last.
    pub fn line(&self) -> Result<&Line, HandsetError> {
        self.line.as_ref().ok_or(HandsetError::NoCall)
    }

    /// Switches the phone off.
    pub async fn stop(mut self) {
        if let Some(line) = self.line.take().filter(|line| line.log.ended().is_none()) {
            line.order(Order::HangUp);
            self.line = Some(line);
            // Whether the BYE was answered matters to nobody any more.
            let _ = self.ends().await;
        }
        self.sip.stop().await;
        self.media.stop();
    }

    fn open_media(&self) -> Result<(crate::rtp::Leg, mpsc::Receiver<crate::rtp::MediaEvent>, Local), HandsetError> {
        let (events_out, events) = mpsc::channel(256);
        let media = self.media.open(events_out)?;
        let local = Local {
            address: self.address,
            port: media.local().port(),
            session: rand::random::<u32>().into(),
            version: 1,
            codecs: self.settings.codecs.clone(),
            payload_types: PayloadTypes::default(),
        };
        Ok((media, events, local))
    }

    fn take(&mut self, parts: Parts) {
        self.busy.store(true, Ordering::Release);
        self.read = 0;
        self.line = Some(line::start(parts));
    }

    /// Reads on in the log until `matches` says what it found, or that it is something else.
    async fn find<T>(
        &mut self,
        wanted: &str,
        matches: impl Fn(&Happening) -> Option<Result<T, String>>,
    ) -> Result<T, HandsetError> {
        let log = self.line()?.log.clone();
        let patience = tokio::time::sleep(self.settings.patience);
        tokio::pin!(patience);
        loop {
            let entry = tokio::select! {
                entry = log.entry(self.read) => entry,
                () = &mut patience => return Err(self.too_late(wanted)),
            };
            let Some(entry) = entry else { return Err(self.ended_early(wanted)) };
            self.read += 1;
            match matches(&entry.happening) {
                Some(Ok(found)) => return Ok(found),
                Some(Err(heard)) => {
                    return Err(HandsetError::Unexpected { wanted: wanted.to_owned(), heard, log: tell(&log) });
                }
                None => {}
            }
        }
    }

    fn too_late(&self, wanted: &str) -> HandsetError {
        let log = self.line.as_ref().map(|line| tell(&line.log)).unwrap_or_default();
        HandsetError::TooLate { wanted: wanted.to_owned(), seconds: self.settings.patience.as_secs(), log }
    }

    fn ended_early(&self, wanted: &str) -> HandsetError {
        let Some(line) = &self.line else { return HandsetError::NoCall };
        let ended = line.log.ended().map(|cause| log::cause_in_words(&cause)).unwrap_or_default();
        HandsetError::Ended { wanted: wanted.to_owned(), ended, log: tell(&line.log) }
    }
}

/// Calls that come in while the phone is busy hear so; the others go on.
fn engaged(mut arriving: mpsc::Receiver<IncomingCall>, busy: Arc<AtomicBool>) -> mpsc::Receiver<IncomingCall> {
    let (out, incoming) = mpsc::channel(1);
    tokio::spawn(async move {
        while let Some(call) = arriving.recv().await {
            if busy.load(Ordering::Acquire) {
                call.leg.control.order(LegOrder::Reject(486));
            } else if out.send(call).await.is_err() {
                break;
            }
        }
    });
    incoming
}

/// The address of ours that packets to `server` leave from.
fn address_towards(server: SocketAddr) -> Result<IpAddr, HandsetError> {
    let any: IpAddr = if server.is_ipv4() { [0; 4].into() } else { [0_u16; 8].into() };
    let local = std::net::UdpSocket::bind((any, 0)).and_then(|socket| {
        socket.connect(server)?;
        socket.local_addr()
    });
    local.map(|local| local.ip()).map_err(|error| HandsetError::Network(format!("no way to {server}: {error}")))
}

fn is_named(names: &[Heard], prompt: &str) -> bool {
    names.iter().any(|heard| heard.prompt == prompt)
}

/// Heard often and in between; no step of a conversation.
fn is_by_the_way(heard: &Heard) -> bool {
    heard.prompt == BEEP || heard.prompt == MUSIC || heard.prompt.starts_with("digit-")
}

fn in_words(names: &[Heard]) -> String {
    names.iter().map(|heard| heard.prompt.as_str()).collect::<Vec<_>>().join(" or ")
}

/// The call so far, a line for each happening.
fn tell(log: &Log) -> String {
    let line = |entry: log::Entry| format!("  {} {}\n", clock(entry.at), entry.happening);
    log.entries().into_iter().map(line).collect()
}

/// `01:02.3`.
pub fn clock(at: Duration) -> String {
    let tenths = at.as_millis() / 100;
    format!("{:02}:{:02}.{}", tenths / 600, tenths / 10 % 60, tenths % 10)
}

#[cfg(test)]
mod tests;
