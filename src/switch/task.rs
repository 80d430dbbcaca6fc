//! The loop of one call: one input in, all commands out, the next timer. A panic
//! in here ends this call and no other; its record and alert say so.

use std::collections::{HashMap, HashSet, VecDeque};
use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use hotline_core::call::outside::NoticeAnswer;
use hotline_core::call::supervise::{NotSupervised, SupervisorAnswer};
use hotline_core::call::{Call, Event};
use hotline_core::directory::{Destination, Language};
use hotline_core::fact::{Direction, Entry, Fact, LegCause, Outcome, Priority, RecordingEnd};
use hotline_core::ids::{AlertId, CallId, LegId, UserId};
use hotline_core::now::Now;
use hotline_core::sdp::Negotiated;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{StreamExt, StreamMap};

use super::leg::Leg;
use super::{Change, INBOX_CAPACITY, Outside, Running, Switch, pins, quality};
use crate::clock::now;
use crate::rtp::{MediaEvent, PlayItem};
use crate::sip::LegEvent;
use crate::store::Receipt;

/// Commands that one input may lead to. More is a circle in the machine.
const COMMANDS_AT_ONCE: usize = 1_000;

/// The caller's leg as the INVITE made it.
#[derive(Debug)]
pub struct CallerLeg {
    pub leg: Leg,
    /// `None`: the offer is ours and the answer comes with the ACK.
    pub negotiated: Option<Negotiated>,
    /// The SDP for the 200.
    pub body: String,
    pub sip_events: mpsc::Receiver<LegEvent>,
    pub media_events: mpsc::Receiver<MediaEvent>,
    /// What wrong PINs are counted by.
    pub source: (String, String),
}

/// Clips that had to be read from disk are there.
#[derive(Debug)]
pub struct Loaded {
    pub leg: LegId,
    pub play: hotline_core::call::command::PlayId,
    pub items: Vec<PlayItem>,
    /// Any key stops it.
    pub until_key: bool,
}

/// A leg on its way from a notification call to the caller who waits.
#[derive(Debug)]
pub struct Handover {
    pub person: Option<UserId>,
    pub language: Language,
    pub moved: Moved,
    /// `None`: it was taken; else it comes back.
    pub reply: oneshot::Sender<Option<Moved>>,
}

/// Everything that belongs to a leg.
#[derive(Debug)]
pub struct Moved {
    pub leg: Leg,
    pub sip_events: ReceiverStream<LegEvent>,
    pub media_events: ReceiverStream<MediaEvent>,
}

/// A leg whose phone may be dialled now.
pub type WayFree = (LegId, Destination);

/// What came of a hand-over.
enum Handed {
    /// The other call has the leg.
    Over,
    /// It goes on here.
    Back(Box<Moved>),
    /// The other call is gone, and the leg with it.
    Gone,
}

/// A hand-over whose answer is awaited.
#[derive(Debug)]
pub struct Handing {
    pub leg: LegId,
    pub alert: AlertId,
    pub reply: oneshot::Receiver<Option<Moved>>,
}

/// How long after a key its sound may come back from the line of whom its leg is joined with.
const ECHO: std::time::Duration = std::time::Duration::from_millis(500);

/// A call and everything it holds.
pub struct Task {
    pub switch: Switch,
    pub call: Call,
    pub id: CallId,
    pub legs: HashMap<LegId, Leg>,
    /// SDP for the 200 and what was agreed, until the caller is answered.
    pub answer: Option<(String, Option<Negotiated>)>,
    pub sip_events: StreamMap<LegId, ReceiverStream<LegEvent>>,
    pub media_events: StreamMap<LegId, ReceiverStream<MediaEvent>>,
    pub loaded: (mpsc::Sender<Loaded>, mpsc::Receiver<Loaded>),
    /// Answers that are there at once.
    pub pending: VecDeque<Event>,
    /// Answers of the house that take a moment.
    pub told: (mpsc::Sender<Event>, mpsc::Receiver<Event>),
    /// Phones that may be dialled now, as calls of our own have made way; and those that wait for that.
    pub ready: (mpsc::Sender<WayFree>, mpsc::Receiver<WayFree>),
    pub held_back: HashSet<LegId>,
    /// A leg that is being handed over to another call.
    pub handing: Option<Handing>,
    /// Who waits for what comes of ringing a supervisor.
    pub asked: HashMap<LegId, oneshot::Sender<Result<SupervisorAnswer, NotSupervised>>>,
    /// Who waits for what comes of a notification.
    pub answer_to: Option<oneshot::Sender<NoticeAnswer>>,
    /// Where the call came from, for wrong PINs.
    pub source: (String, String),
    /// The last fact kept, for the 200 that must not leave before it is written.
    pub last_kept: Option<Receipt>,
    /// The last key of any leg: the sound of the one's key comes back as an echo on the other's line.
    pub last_key: Option<(LegId, char, std::time::Instant)>,
    /// Two legs are joined: from then on no timer of the flow ends the call.
    pub bridged: bool,
    /// `End` was the last command.
    pub ended: Option<Outcome>,
}

/// Registers the call and runs it in a task of its own.
pub fn spawn(switch: &Switch, call: Call, caller: Option<CallerLeg>) {
    spawn_with(switch, call, caller, None);
}

/// The same for a notification; what comes of it is told once.
pub fn spawn_notice(switch: &Switch, call: Call, answer_to: oneshot::Sender<NoticeAnswer>) {
    spawn_with(switch, call, None, Some(answer_to));
}

fn spawn_with(
    switch: &Switch,
    call: Call,
    caller: Option<CallerLeg>,
    answer_to: Option<oneshot::Sender<NoticeAnswer>>,
) {
    let view = call.view();
    let id = view.id;
    let (sender, inbox) = mpsc::channel(INBOX_CAPACITY);
    switch.0.calls.lock().insert(id, Running { view, inbox: sender, rings: Vec::new() });
    let mut task = Task {
        switch: switch.clone(),
        call,
        id,
        legs: HashMap::new(),
        answer: None,
        sip_events: StreamMap::new(),
        media_events: StreamMap::new(),
        loaded: mpsc::channel(8),
        told: mpsc::channel(4),
        ready: mpsc::channel(4),
        held_back: HashSet::new(),
        handing: None,
        asked: HashMap::new(),
        answer_to,
        source: (String::new(), String::new()),
        pending: VecDeque::new(),
        last_kept: None,
        last_key: None,
        bridged: false,
        ended: None,
    };
    if let Some(caller) = caller {
        task.source = caller.source;
        task.answer = Some((caller.body, caller.negotiated));
        task.legs.insert(LegId::CALLER, caller.leg);
        task.sip_events.insert(LegId::CALLER, ReceiverStream::new(caller.sip_events));
        task.media_events.insert(LegId::CALLER, ReceiverStream::new(caller.media_events));
    }
    let switch = switch.clone();
    let tracker = switch.0.tasks.clone();
    tracker.spawn(async move {
        let ended = AssertUnwindSafe(task.run(inbox)).catch_unwind().await;
        if ended.is_err() {
            keep_fault(&switch, id);
        }
        switch.0.calls.lock().remove(&id);
        switch.tell(Change::Call(id));
    });
}

/// The machine or a deed panicked: the legs are gone with the task (BYE by drop), the record says so.
fn keep_fault(switch: &Switch, id: CallId) {
    tracing::error!(call = %id, "a call failed inside; it is ended, its alert rings, other calls go on");
    let view = switch.0.calls.lock().get(&id).map(|running| running.view.clone());
    let Some(view) = view else { return };
    let at = now().wall;
    let why = "a fault of ours ended this call; the log has the details";
    let entry = |alert, fact| Entry { at, call: Some(id), alert, fact, why: why.to_owned() };
    let test = switch.directory().numbers.get(&view.number).is_some_and(|number| number.test);
    let mut alert = view.alert;
    if alert.is_none() && view.direction == Direction::Inbound && !test {
        let new = hotline_core::ids::AlertId(switch.0.ids.lock().uuid(at));
        let title = format!("Call to {} failed inside", view.number);
        switch.keep(entry(Some(new), Fact::AlertOpened { title, priority: Priority::P3, ring_at: Some(at) }));
        alert = Some(new);
    }
    switch.keep(entry(alert, Fact::CallEnded { outcome: Outcome::Failed }));
}

impl Task {
    async fn run(&mut self, mut inbox: mpsc::Receiver<Outside>) {
        loop {
            self.do_commands().await;
            if self.ended.is_some() {
                return;
            }
            self.publish();
            if let Some(event) = self.pending.pop_front() {
                self.handle(event, now());
                continue;
            }
            let timeout = self.call.poll_timeout().map(|(at, _)| at);
            tokio::select! {
                biased;
                Some((leg, event)) = self.sip_events.next() => self.on_sip(leg, event),
                Some((leg, event)) = self.media_events.next() => self.on_media(leg, event),
                Some(loaded) = self.loaded.1.recv() => self.on_loaded(loaded),
                Some(event) = self.told.1.recv() => self.handle(event, now()),
                Some((leg, destination)) = self.ready.1.recv() => self.on_way_free(leg, destination),
                answer = handed(&mut self.handing) => self.on_handed(answer),
                Some(outside) = inbox.recv() => self.on_outside(outside),
                () = sleep_until(timeout) => self.turn(|call| call.handle_timeout(now())),
            }
        }
    }

    async fn do_commands(&mut self) {
        for _ in 0..COMMANDS_AT_ONCE {
            let Some(command) = self.call.poll_command() else { return };
            self.deed(command).await;
        }
        panic!("the call machine gave {COMMANDS_AT_ONCE} commands for one input");
    }

    fn handle(&mut self, event: Event, moment: Now) {
        self.turn(|call| call.handle(event, moment));
    }

    /// The machine's turn. A call that came in learns what its source typed in other calls before it judges another PIN, and
    /// nobody else's call does so meanwhile.
    fn turn(&mut self, step: impl FnOnce(&mut Call)) {
        if self.source.0.is_empty() {
            return step(&mut self.call);
        }
        let call = &mut self.call;
        pins::turn(&self.switch.0.pins, &self.source, now().mono, |wrong| {
            call.set_wrong_pins(wrong);
            step(call);
            call.wrong_pins()
        });
    }

    /// Lets the others see where this call stands.
    fn publish(&self) {
        let view = self.call.view();
        let mut calls = self.switch.0.calls.lock();
        if let Some(running) = calls.get_mut(&self.id)
            && running.view != view
        {
            running.view = view;
            drop(calls);
            self.switch.tell(Change::Call(self.id));
        }
    }

    fn on_sip(&mut self, id: LegId, event: LegEvent) {
        let moment = now();
        let Some(leg) = self.legs.get_mut(&id) else { return };
        match event {
            LegEvent::Ringing => self.handle(Event::LegRinging { leg: id }, moment),
            LegEvent::Answered(answer) => match leg.accept_answer(&answer) {
                Ok(()) => self.handle(Event::LegAnswered { leg: id }, moment),
                Err(error) => self.fail_leg(id, &error.to_string()),
            },
            LegEvent::Confirmed(Some(answer)) if leg.awaits_answer => {
                let first = leg.remote.is_none();
                match leg.accept_answer(&answer) {
                    Ok(()) if first => self.handle(Event::CallerAnswered, moment),
                    Ok(()) => self.look_at_hold(id),
                    Err(error) => self.fail_leg(id, &error.to_string()),
                }
            }
            LegEvent::Confirmed(_) if leg.remote.is_none() => {
                self.fail_leg(id, "the answer to our offer did not come with the ACK");
            }
            LegEvent::Confirmed(_) => {}
            LegEvent::Reoffer(offer) => {
                leg.answer_reoffer(offer.as_deref());
                self.look_at_hold(id);
            }
            LegEvent::Digit { digit } => {
                if !leg.keys_by_rtp && leg.digits.accept(hotline_core::dtmf::Source::Info, digit, moment.mono) {
                    self.handle(Event::Digit { leg: id, digit }, moment);
                }
            }
            LegEvent::Ended(cause) => self.leg_ended(id, cause),
        }
    }

    fn on_media(&mut self, id: LegId, event: MediaEvent) {
        let moment = now();
        let Some(leg) = self.legs.get_mut(&id) else { return };
        match event {
            MediaEvent::Digit { digit } => {
                leg.keys_by_rtp = true;
                if leg.digits.accept(hotline_core::dtmf::Source::Rtp, digit, moment.mono) {
                    self.handle(Event::Digit { leg: id, digit }, moment);
                }
            }
            MediaEvent::Tone { digit } => {
                let echo = self.last_key.is_some_and(|(other, key, at)| {
                    self.bridged && other != id && key == digit && moment.mono.saturating_duration_since(at) < ECHO
                });
                if leg.digits.accept(hotline_core::dtmf::Source::Tone, digit, moment.mono) && !echo {
                    self.last_key = Some((id, digit, moment.mono));
                    self.handle(Event::Digit { leg: id, digit }, moment);
                }
            }
            MediaEvent::Machine { hint } => self.handle(Event::Machine { leg: id, hint }, moment),
            MediaEvent::PlayEnded { play } => {
                if leg.play == Some(play) {
                    leg.play = None;
                }
                self.handle(Event::PlayEnded { leg: id, play }, moment);
            }
            MediaEvent::RecordEnded { recording, duration, speech, reason } => {
                if leg.recording == Some(recording) {
                    leg.recording = None;
                }
                if leg.ended {
                    leg.media = None;
                }
                if reason == RecordingEnd::Refused {
                    self.remove_recording(recording);
                } else {
                    self.finish_recording(recording);
                }
                self.handle(Event::RecordEnded { leg: id, recording, duration, speech, reason }, moment);
            }
            MediaEvent::Silent => self.on_silent(id),
            MediaEvent::Failed { reason } => self.fail_leg(id, &reason),
        }
    }

    /// A leg that sends nothing may be muted; when both sides of a conversation are gone without a BYE, nobody
    /// would ever end it. Before they are joined it is no fault to only listen (phones with silence suppression
    /// send nothing then), and the flow's own limits end the call.
    fn on_silent(&mut self, id: LegId) {
        let received = |leg: &Leg| leg.media.as_ref().map_or(0, |media| media.quality().received);
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.silent_at = Some(received(leg));
        }
        // A supervisor's leg keeps no conversation up.
        let supervisors = self.call.view().supervisors;
        let talks = |id: &LegId| supervisors.iter().all(|supervisor| supervisor.leg != *id);
        let live: Vec<_> = self.legs.iter().filter(|(id, leg)| !leg.ended && talks(id)).map(|(_, leg)| leg).collect();
        let all_silent = self.bridged && live.iter().all(|leg| leg.silent_at == Some(received(leg)));
        if all_silent {
            tracing::warn!(call = %self.id, "no media from any side for {:?}: hanging up", crate::rtp::MEDIA_TIMEOUT);
            for leg in live {
                leg.sip.order(crate::sip::LegOrder::HangUp);
            }
        }
    }

    /// A phone that wants to hear nothing holds the call.
    fn look_at_hold(&mut self, id: LegId) {
        let held = self.legs.get(&id).and_then(|leg| leg.remote.as_ref()).is_some_and(|remote| !remote.send);
        self.handle(Event::Held { leg: id, held }, now());
    }

    fn on_outside(&mut self, outside: Outside) {
        match outside {
            Outside::AlertTaken => self.handle(Event::AlertTaken, now()),
            Outside::Shutdown => self.handle(Event::Shutdown, now()),
            Outside::MakeWay(leg) => self.handle(Event::MakeWay { leg }, now()),
            Outside::WalkIn(handover) => self.on_walk_in(*handover),
            Outside::Asked(asked) => self.on_asked(*asked),
        }
    }

    /// Somebody whom a notification reached comes into this call, or goes back.
    fn on_walk_in(&mut self, handover: Handover) {
        let Handover { person, language, moved, reply } = handover;
        let back = match self.call.walk_in(person, &language, now()) {
            Some(leg) => {
                self.put(leg, moved);
                None
            }
            None => Some(moved),
        };
        // Dropped with its call: then the leg ends with it.
        let _ = reply.send(back);
    }

    pub fn put(&mut self, id: LegId, moved: Moved) {
        self.legs.insert(id, moved.leg);
        self.sip_events.insert(id, moved.sip_events);
        self.media_events.insert(id, moved.media_events);
    }

    fn on_handed(&mut self, answer: Handed) {
        let Some(Handing { leg, alert, .. }) = self.handing.take() else { return };
        let event = match answer {
            Handed::Over => Event::JoinAnswered { leg, alert: Some(alert) },
            Handed::Back(moved) => {
                self.put(leg, *moved);
                Event::JoinAnswered { leg, alert: None }
            }
            Handed::Gone => {
                Event::LegEnded { leg, cause: LegCause::Failed { reason: "the caller's call ended".to_owned() } }
            }
        };
        self.handle(event, now());
    }

    fn on_loaded(&mut self, loaded: Loaded) {
        let Some(leg) = self.legs.get_mut(&loaded.leg) else { return };
        // Stopped or replaced while the disk was read: forget it.
        if leg.play != Some(loaded.play) {
            return;
        }
        self.start_play(loaded.leg, loaded.play, loaded.items, loaded.until_key);
    }

    /// Tells the machine once; the dialog is ended if it is still up.
    pub fn fail_leg(&mut self, id: LegId, reason: &str) {
        if let Some(leg) = self.legs.get(&id) {
            leg.sip.order(crate::sip::LegOrder::HangUp);
        }
        self.leg_ended(id, LegCause::Failed { reason: reason.to_owned() });
    }

    fn leg_ended(&mut self, id: LegId, cause: LegCause) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        if leg.ended {
            return;
        }
        let quality = quality::of(leg);
        leg.end();
        self.rings_no_more(id);
        if let Some(quality) = quality {
            quality::count(&quality);
            self.handle(Event::LegQuality { leg: id, quality }, now());
        }
        self.handle(Event::LegEnded { leg: id, cause }, now());
    }
}

/// The answer to a hand-over; never without one.
async fn handed(handing: &mut Option<Handing>) -> Handed {
    match handing {
        Some(handing) => match (&mut handing.reply).await {
            Ok(None) => Handed::Over,
            Ok(Some(moved)) => Handed::Back(Box::new(moved)),
            Err(_) => Handed::Gone,
        },
        None => std::future::pending().await,
    }
}

async fn sleep_until(at: Option<std::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
