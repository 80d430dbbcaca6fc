//! One command each. Nothing here decides and nothing waits for a disk or the
//! network, but for the 200, which waits a moment for the journal.

use std::sync::Arc;
use std::time::Duration;

use hotline_core::call::command::{Command, PlayId, RecordLimits, Seat};
use hotline_core::call::prompt::Prompt;
use hotline_core::call::{Event, people};
use hotline_core::directory::{Destination, Language};
use hotline_core::fact::{Actor, Direction, Entry, Fact, LegCause, Outcome, RecordingEnd, RecordingKind};
use hotline_core::ids::{AlertId, LegId, RecordingId, UserId};
use hotline_core::sdp;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;

use super::accept::MEDIA_EVENTS;
use super::leg::{self, Leg};
use super::task::{Handing, Handover, Loaded, Moved, Task};
use super::{Outside, play};
use crate::clock::now;
use crate::rtp::{self, PlayItem, RecordRequest};
use crate::sip::{Dial, LegOrder};

/// How long the 200 waits for the journal. A disk that takes longer must not cost the caller the call.
const JOURNAL_WAIT: Duration = Duration::from_millis(500);
/// What engineers' phones show as the caller: nothing of the customer.
const DISPLAY_NAME: &str = "Hotline";

impl Task {
    /// Does one command.
    pub async fn deed(&mut self, command: Command) {
        match command {
            Command::Answer => self.answer().await,
            Command::Reject { status } => self.order(LegId::CALLER, LegOrder::Reject(status)),
            Command::Keep(entry) => self.last_kept = Some(self.switch.keep(entry)),
            Command::Play { leg, play, prompts, language, until_key } => {
                self.play(leg, play, (prompts, language), until_key);
            }
            Command::StopPlay { leg } => {
                if let Some(leg) = self.legs.get_mut(&leg) {
                    leg.play = None;
                    if let Some(media) = &leg.media {
                        media.stop_play();
                    }
                }
            }
            Command::Record { leg, recording, limits, kind } => self.record(leg, recording, kind, limits),
            Command::StopRecord { leg, reason } => {
                if let Some(media) = self.legs.get(&leg).and_then(|leg| leg.media.as_ref()) {
                    media.stop_record(reason);
                }
            }
            Command::FindOnCall { dial, target } => {
                let callees = people::callees(&target, &self.switch.directory(), now().wall);
                self.pending.push_back(Event::OnCallFound { dial, callees });
            }
            Command::FindKnown { dial, language, caller, customer, colleagues } => {
                let colleagues_of = customer.as_ref().filter(|_| colleagues);
                let report = self.switch.known_report(self.id, caller.as_ref(), colleagues_of);
                let incident =
                    customer.and_then(|customer| self.switch.known_incident(&customer, &language, caller.as_ref()));
                self.pending.push_back(Event::KnownFound { dial, report, incident });
            }
            Command::AddToIncident { incident, recording } => self.switch.add_to_incident(incident, self.id, recording),
            Command::MayBeAbout { incident, alert } => self.switch.may_be_about(incident, alert),
            Command::TellWhenOver { incident, caller } => self.switch.tell_when_over(incident, &caller),
            Command::ListAlerts { dial, language } => self.switch.list_alerts(dial, language, self.told.0.clone()),
            Command::Order { dial, alert, deed, by } => self.switch.order(dial, alert, deed, by, self.told.0.clone()),
            Command::JoinCaller { leg, alerts, person, language } => self.join_caller(leg, &alerts, person, language),
            Command::Answered(answer) => {
                if let Some(answer_to) = self.answer_to.take() {
                    // Whoever asked may have given up.
                    let _ = answer_to.send(answer);
                }
            }
            Command::WrongPin => {
                tracing::warn!(call = %self.id, source = %self.source.0, "a PIN was typed that is no engineer's");
            }
            Command::Dial { leg, destination, person: _ } => self.dial(leg, destination),
            Command::HangUp { leg } => self.order(leg, LegOrder::HangUp),
            Command::Bridge { a, b } => self.bridge(a, b),
            Command::Mix { seats } => self.mix(&seats).await,
            Command::Part { legs } => {
                for media in legs.iter().filter_map(|leg| self.legs.get(leg)?.media.as_ref()) {
                    media.unbridge();
                }
            }
            Command::HoldMusic { leg, plays } => self.hold_music(leg, plays),
            Command::Supervised { leg, answer } => self.supervised(leg, answer),
            Command::End { outcome } => self.end(outcome),
        }
    }

    fn order(&mut self, leg: LegId, order: LegOrder) {
        if let Some(leg) = self.legs.get(&leg) {
            return leg.sip.order(order);
        }
        self.held_back.remove(&leg);
        self.pending.push_back(Event::LegEnded { leg, cause: LegCause::Released });
    }

    /// 200 OK, after the journal holds everything kept so far. A failing disk delays it by half a second at most.
    async fn answer(&mut self) {
        if let Some(receipt) = self.last_kept.take() {
            match tokio::time::timeout(JOURNAL_WAIT, receipt.written()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(call = %self.id, %error, "answered without a record on disk"),
                Err(_) => tracing::error!(call = %self.id, "answered although the journal is slow"),
            }
        }
        let Some((body, negotiated)) = self.answer.take() else { return };
        let Some(caller) = self.legs.get_mut(&LegId::CALLER) else { return };
        caller.sip.order(LegOrder::Answer(body));
        if let Some(negotiated) = negotiated {
            caller.agree(negotiated);
            self.pending.push_back(Event::CallerAnswered);
        }
    }

    fn play(&mut self, id: LegId, play: PlayId, (prompts, language): (Vec<Prompt>, Language), until_key: bool) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.play = Some(play);
        let inner = Arc::clone(&self.switch.0);
        if !play::needs_disk(&prompts) {
            let files = inner.files.load();
            let (items, missing) = play::items(&prompts, &language, &inner.prompts, &files, &inner.store);
            say_missing(self.id, &missing);
            self.start_play(id, play, items, until_key);
            return;
        }
        if let Some(media) = &leg.media {
            media.stop_play();
        }
        let (sender, call) = (self.loaded.0.clone(), self.id);
        tokio::task::spawn_blocking(move || {
            let files = inner.files.load();
            let (items, missing) = play::items(&prompts, &language, &inner.prompts, &files, &inner.store);
            say_missing(call, &missing);
            // The call may be over by now.
            let _ = sender.blocking_send(Loaded { leg: id, play, items, until_key });
        });
    }

    /// Hands the clips to media; nothing to play is a play that has ended.
    pub fn start_play(&mut self, id: LegId, play: PlayId, items: Vec<PlayItem>, until_key: bool) {
        match self.legs.get(&id).and_then(|leg| leg.media.as_ref()) {
            Some(media) if !items.is_empty() && until_key => media.play_until_key(play, items),
            Some(media) if !items.is_empty() => media.play(play, items),
            _ => self.pending.push_back(Event::PlayEnded { leg: id, play }),
        }
    }

    fn record(&mut self, id: LegId, recording: RecordingId, kind: RecordingKind, limits: RecordLimits) {
        let file = self.switch.0.store.segment_path(recording);
        match self.legs.get_mut(&id) {
            Some(Leg { media: Some(media), recording: current, .. }) => {
                *current = Some(recording);
                let both = kind == RecordingKind::Conversation;
                media.record(RecordRequest { recording, file, limits, both });
            }
            _ => self.pending.push_back(Event::RecordEnded {
                leg: id,
                recording,
                duration: Duration::ZERO,
                speech: false,
                reason: RecordingEnd::Failed,
            }),
        }
    }

    /// Segment to WAV, off the call's path.
    pub fn finish_recording(&self, recording: RecordingId) {
        let store = self.switch.0.store.clone();
        tokio::task::spawn_blocking(move || {
            if let Err(error) = store.finish_recording(recording) {
                tracing::error!(%recording, %error, "a recording could not be finished; its segment is kept");
            }
        });
    }

    /// Nothing of a recording is kept. Should the service be stopped before it is done, the purge does it.
    pub fn remove_recording(&self, recording: RecordingId) {
        let store = self.switch.0.store.clone();
        tokio::task::spawn_blocking(move || {
            if let Err(error) = store.remove_recording(recording) {
                tracing::error!(%recording, %error, "a recording that was refused could not be removed; it is tried again");
            }
        });
    }

    /// Hands a leg over to the caller who waits about one of these alerts.
    fn join_caller(&mut self, id: LegId, alerts: &[AlertId], person: Option<UserId>, language: Language) {
        let no = Event::JoinAnswered { leg: id, alert: None };
        let Some((alert, inbox)) = self.switch.waiting_caller(alerts) else { return self.pending.push_back(no) };
        let parts = (self.legs.remove(&id), self.sip_events.remove(&id), self.media_events.remove(&id));
        let (Some(mut leg), Some(sip_events), Some(media_events)) = parts else { return self.pending.push_back(no) };
        leg.play = None;
        if let Some(media) = &leg.media {
            media.stop_play();
        }
        let (reply, answer) = oneshot::channel();
        let moved = Moved { leg, sip_events, media_events };
        let handover = Handover { person, language, moved, reply };
        match inbox.try_send(Outside::WalkIn(Box::new(handover))) {
            Ok(()) => self.handing = Some(Handing { leg: id, alert, reply: answer }),
            Err(refused) => {
                if let Outside::WalkIn(handover) = refused.into_inner() {
                    self.put(id, handover.moved);
                }
                self.pending.push_back(no);
            }
        }
    }

    /// Dials; for a live caller the phone first becomes free of our own calls that nobody has accepted. Not for a supervisor:
    /// what rings there may be an alert.
    fn dial(&mut self, id: LegId, destination: Destination) {
        let view = self.call.view();
        let supervises = view.supervisors.iter().any(|there| there.leg == id);
        if view.direction != Direction::Inbound {
            if let Some(running) = self.switch.0.calls.lock().get_mut(&self.id) {
                running.rings.push((id, destination.clone()));
            }
        } else if !supervises && self.switch.make_way(&destination) {
            self.held_back.insert(id);
            return self.switch.when_free(id, destination, self.ready.0.clone());
        }
        self.dial_now(id, destination);
    }

    /// The phone is free, or had time enough to be.
    pub fn on_way_free(&mut self, id: LegId, destination: Destination) {
        if self.held_back.remove(&id) {
            self.dial_now(id, destination);
        }
    }

    /// The leg is over, or not to be given up for a caller any more.
    pub fn rings_no_more(&self, id: LegId) {
        if let Some(running) = self.switch.0.calls.lock().get_mut(&self.id) {
            running.rings.retain(|(leg, _)| *leg != id);
        }
    }

    fn dial_now(&mut self, id: LegId, destination: Destination) {
        let inner = Arc::clone(&self.switch.0);
        let (sender, media_events) = mpsc::channel(MEDIA_EVENTS);
        let near = self.legs.get(&LegId::CALLER).and_then(|leg| leg.media.as_ref());
        let media = match inner.media.open_with(sender, near) {
            Ok(media) => media,
            Err(error) => {
                let cause = LegCause::Failed { reason: error.to_string() };
                self.pending.push_back(Event::LegEnded { leg: id, cause });
                return;
            }
        };
        let directory = self.switch.directory();
        media.suspect_mailbox();
        let (trunk, phone) = match &destination {
            Destination::Phone(phone) => (None, Some(phone)),
            Destination::Number { trunk, .. } => (Some(trunk), None),
            Destination::Sip(_) => (None, None),
        };
        media.listen_for_keys(directory.inband_digits(trunk, phone));
        let address = inner.rtp_address.unwrap_or_else(|| {
            let bound = media.local().ip();
            if bound.is_unspecified() { inner.sip.media_address(&destination) } else { bound }
        });
        let codec = self.legs.get(&LegId::CALLER).and_then(|leg| leg.remote.as_ref()).map(|remote| remote.codec);
        let codecs = leg::for_caller(directory.codecs(trunk, phone), codec);
        let local = leg::local(address, &media, codecs);
        let dialog = inner.sip.dial(Dial {
            destination,
            offer: sdp::offer(&local),
            display_name: Some(DISPLAY_NAME.to_owned()),
        });
        self.legs.insert(id, Leg::new(dialog.control.clone(), media, local));
        self.sip_events.insert(id, ReceiverStream::new(dialog.events));
        self.media_events.insert(id, ReceiverStream::new(media_events));
    }

    fn bridge(&mut self, a: LegId, b: LegId) {
        for id in [a, b] {
            if let Some(leg) = self.legs.get_mut(&id) {
                leg.play = None;
            }
        }
        let media = |id| self.legs.get(&id).and_then(|leg: &Leg| leg.media.as_ref());
        if let (Some(a), Some(b)) = (media(a), media(b)) {
            a.bridge(b);
        }
        self.bridged = true;
    }

    /// Several legs hear each other. One that came from another call may be on another lane: it comes over first.
    async fn mix(&mut self, seats: &[Seat]) {
        for seat in seats.iter().filter(|seat| seat.leg != LegId::CALLER) {
            let Some(mut media) = self.legs.get_mut(&seat.leg).and_then(|leg| leg.media.take()) else { continue };
            if let Some(near) = self.legs.get(&LegId::CALLER).and_then(|leg| leg.media.as_ref()) {
                media.move_to(near).await;
            }
            if let Some(leg) = self.legs.get_mut(&seat.leg) {
                leg.media = Some(media);
            }
        }
        let place = |leg: &LegId| seats.iter().position(|seat| seat.leg == *leg);
        let hears = |seat: &Seat| seat.hears.iter().filter_map(place).fold(0_u8, |all, place| all | 1 << place);
        let parts: Vec<(&rtp::Leg, u8)> =
            seats.iter().filter_map(|seat| Some((self.legs.get(&seat.leg)?.media.as_ref()?, hears(seat)))).collect();
        // A leg that has just ended is told to the machine in a moment, and the room is arranged again.
        if parts.len() == seats.len() && !rtp::Leg::mix(&parts) {
            tracing::error!(call = %self.id, "a supervisor can't hear the conversation: its media is elsewhere");
        }
    }

    /// What a leg hears while the other side holds the call.
    fn hold_music(&self, id: LegId, plays: bool) {
        let Some(media) = self.legs.get(&id).and_then(|leg| leg.media.as_ref()) else { return };
        let inner = &self.switch.0;
        let files = inner.files.load();
        let language = Language::default();
        let (items, missing) = play::items(&[Prompt::Music], &language, &inner.prompts, &files, &inner.store);
        say_missing(self.id, &missing);
        media.hold(items.into_iter().next().filter(|_| plays));
    }

    fn end(&mut self, outcome: Outcome) {
        let view = self.call.view();
        if let Some(alert) = view.alert
            && outcome == Outcome::Blocked
        {
            self.switch.keep(Entry {
                at: now().wall,
                call: Some(self.id),
                alert: Some(alert),
                fact: Fact::AlertResolved { by: Actor::System },
                why: "the flow turned this caller away".to_owned(),
            });
        }
        self.ended = Some(outcome);
    }
}

fn say_missing(call: hotline_core::ids::CallId, missing: &[String]) {
    if !missing.is_empty() {
        tracing::warn!(%call, missing = missing.join(", "), "left out of what was played");
    }
}
