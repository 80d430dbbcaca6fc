//! A random world around a call: callers, engineers, mailboxes, lost and late
//! answers; and the small reference model that every command is held against.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::alert::{Change, Urgency};
use crate::audio::machine::Hint;
use crate::call::command::PlayId;
use crate::call::flow::Node;
use crate::call::outside::{KnownIncident, LineAlert, NoticeAnswer, OpenReport};
use crate::call::people::Callees;
use crate::call::prompt::{Prompt, say};
use crate::call::{Call, Command, Event};
use crate::directory::{Destination, Directory};
use crate::fact::{Direction, Entry, Fact, LegCause, Outcome, Priority, RecordingEnd, RecordingKind};
use crate::ids::{AlertId, IdSource, LegId, RecordingId};
use crate::now::Now;

use super::fixture::{on_call, secs};

mod together;

/// A leg as the world sees it.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "what was seen of a leg; each is set by itself")]
struct Side {
    up: bool,
    ended: bool,
    hung_up: bool,
    /// What was pressed while it was up.
    keys: String,
    accepted: bool,
    fixed_sip: bool,
    /// A caller whom an engineer rings back.
    rung_back: bool,
    play: Option<PlayId>,
    /// Rung to supervise.
    supervises: bool,
}

/// All that a phone may hear before a key: a mailbox may have answered.
const QUIET: [crate::call::prompt::PromptId; 9] = [
    say::ENGINEER_KNOCK,
    say::ALERT_KNOCK,
    say::NOTICE_KNOCK,
    say::SUPERVISOR_KNOCK,
    say::SUPERVISOR_RECORDED,
    say::TEST_KNOCK,
    say::ENGINEER_DECLINED,
    say::RECORDING_ENGINEER,
    say::RECORDING_OFF,
];

/// See the module.
#[expect(clippy::struct_excessive_bools, reason = "marks of what was seen; each is set by itself")]
pub(super) struct World {
    dice: IdSource,
    directory: Arc<Directory>,
    call: Call,
    pub(super) now: Now,
    began: Instant,
    queue: Vec<(Instant, u64, Event)>,
    number: u64,
    sides: BTreeMap<LegId, Side>,
    /// The recording that runs, and how the caller will end it.
    recording: Option<RecordingId>,
    pub(super) facts: Vec<Entry>,
    pub(super) outcome: Option<Outcome>,
    answered: bool,
    /// The engineer whom the caller was joined with and who did not hand back.
    bridged: Option<LegId>,
    /// Who speaks with the caller's leg.
    talks_with: Option<LegId>,
    /// How often the flow's time began anew, after a conversation.
    restarts: u32,
    /// Somebody whom a notification reached came in by this leg.
    walked_in: Option<LegId>,
    /// Supervisors of whom it was said what came of ringing them.
    supervised: BTreeSet<LegId>,
    /// An open report was found.
    known: bool,
    /// The caller's call belongs to an incident.
    informed: bool,
    /// What a notification said came of it.
    answer: Option<NoticeAnswer>,
    /// Since when the caller is told that the conversation is recorded, and how often somebody refused.
    told_at: Option<Instant>,
    refused: bool,
    /// Time spent in conversation, which no budget limits.
    talked: Duration,
    bridged_at: Option<Instant>,
    /// What was spoken in.
    spoke_mail: bool,
    spoke_answer: bool,
    pub(super) heard: Vec<String>,
    /// What happened, for the message on failure.
    pub(super) story: Vec<String>,
}

impl World {
    pub(super) fn new(call: Call, inbound: bool, directory: Arc<Directory>, seed: u64, now: Now) -> Self {
        let mut sides = BTreeMap::new();
        if inbound {
            sides.insert(LegId::CALLER, Side::default());
        }
        Self {
            dice: IdSource::new(seed ^ 0x5eed),
            directory,
            call,
            now,
            began: now.mono,
            queue: Vec::new(),
            number: 0,
            sides,
            recording: None,
            facts: Vec::new(),
            outcome: None,
            answered: false,
            bridged: None,
            talks_with: None,
            restarts: 0,
            walked_in: None,
            supervised: BTreeSet::new(),
            known: false,
            informed: false,
            answer: None,
            told_at: None,
            refused: false,
            talked: Duration::ZERO,
            bridged_at: None,
            spoke_mail: false,
            spoke_answer: false,
            heard: Vec::new(),
            story: Vec::new(),
        }
    }

    fn roll(&mut self, sides: u64) -> u64 {
        self.dice.next_u64() % sides
    }

    fn percent(&mut self, chance: u64) -> bool {
        self.roll(100) < chance
    }

    fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.roll(to - from + 1))
    }

    fn later(&mut self, wait: Duration, event: Event) {
        self.number += 1;
        self.queue.push((self.now.mono + wait, self.number, event));
    }

    /// What comes from outside whatever the call does.
    pub(super) fn weather(&mut self) {
        if self.percent(50) && self.sides.contains_key(&LegId::CALLER) {
            let wait = self.millis(0, 400_000);
            let cause =
                if self.percent(90) { LegCause::HungUp } else { LegCause::Failed { reason: "no media".to_owned() } };
            self.later(wait, Event::LegEnded { leg: LegId::CALLER, cause });
        }
        if self.percent(8) {
            let wait = self.millis(0, 300_000);
            self.later(wait, Event::AlertTaken);
        }
        if self.percent(3) {
            let wait = self.millis(0, 300_000);
            self.later(wait, Event::Shutdown);
        }
        for _stray in 0..self.roll(3) {
            let wait = self.millis(0, 200_000);
            let leg = LegId(self.roll(4) as u32 + 7);
            let stray = match self.roll(4) {
                0 => Event::Digit { leg, digit: '1' },
                1 => Event::LegAnswered { leg },
                2 => Event::PlayEnded { leg: LegId::CALLER, play: PlayId(99_999) },
                _ => Event::LegEnded { leg, cause: LegCause::Busy },
            };
            self.later(wait, stray);
        }
    }

    /// Runs the call to its end.
    pub(super) fn run(&mut self) {
        self.drain();
        for _step in 0..100_000 {
            if self.outcome.is_some() {
                return;
            }
            let timer = self.call.poll_timeout();
            let event = self.queue.iter().enumerate().min_by_key(|(_, (at, number, _))| (*at, *number));
            match (timer, event.map(|(place, (at, ..))| (place, *at))) {
                (None, None) => panic!("the call hangs: nothing is awaited and it has not ended"),
                (Some((at, name)), other) if other.is_none_or(|(_, event)| at <= event) => {
                    self.advance(at);
                    self.story.push(format!("{:?} timer {name:?}", self.elapsed()));
                    self.call.handle_timeout(self.now);
                }
                (_, Some((place, at))) => {
                    let (_, _, event) = self.queue.swap_remove(place);
                    self.advance(at);
                    self.deliver(event);
                }
                (Some(_), None) => unreachable!("the timer is next where there is no event"),
            }
            self.drain();
            if self.percent(1) && self.sides.contains_key(&LegId::CALLER) {
                self.somebody_walks_in();
                self.drain();
            }
            if self.call.view().talks && self.percent(25) {
                self.somebody_supervises();
                self.drain();
            }
        }
        panic!("the call does not end: 100,000 steps");
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.now.mono - self.began
    }

    /// From the beginning to the end, without the conversations; for each time that the flow's time began.
    pub(super) fn waited(&self) -> Duration {
        self.elapsed().saturating_sub(self.talked) / (1 + self.restarts)
    }

    fn advance(&mut self, at: Instant) {
        self.now = self.now.after(at.saturating_duration_since(self.now.mono));
    }

    /// Gives an event to the call if the world would send it now.
    fn deliver(&mut self, event: Event) {
        match &event {
            Event::CallerAnswered => {
                let side = self.sides.get_mut(&LegId::CALLER).expect("the caller is there");
                if side.ended {
                    return;
                }
                side.up = true;
                self.answered = true;
            }
            Event::Digit { leg, digit } => {
                if let Some(side) = self.sides.get_mut(leg) {
                    if !side.up || side.ended {
                        return;
                    }
                    side.keys.push(*digit);
                }
            }
            Event::PlayEnded { leg, play } => {
                if let Some(side) = self.sides.get_mut(leg)
                    && play.0 < 90_000
                {
                    if side.play != Some(*play) || side.ended {
                        return;
                    }
                    side.play = None;
                }
            }
            Event::RecordEnded { recording, speech, .. } => {
                if self.recording != Some(*recording) {
                    return;
                }
                self.recording = None;
                self.note_speech(*recording, *speech);
            }
            Event::LegAnswered { leg } => {
                if let Some(side) = self.sides.get_mut(leg) {
                    if side.ended {
                        return;
                    }
                    side.up = true;
                    // A CANCEL that came too late ends nothing: this one needs a BYE.
                    side.hung_up = false;
                }
            }
            Event::LegEnded { leg, .. } => {
                if let Some(side) = self.sides.get_mut(leg) {
                    if side.ended {
                        return;
                    }
                    side.ended = true;
                    side.up = false;
                }
                self.hung_up_in_talk(*leg);
            }
            Event::JoinAnswered { leg, alert: Some(_) } => {
                let side = self.sides.get_mut(leg).expect("it was dialled");
                if side.ended {
                    return;
                }
                // Another call has it now.
                (side.ended, side.up) = (true, false);
            }
            Event::LegRinging { .. }
            | Event::OnCallFound { .. }
            | Event::KnownFound { .. }
            | Event::OpenAlertsFound { .. }
            | Event::Ordered { .. }
            | Event::JoinAnswered { .. }
            | Event::MakeWay { .. }
            | Event::Held { .. }
            | Event::LegQuality { .. }
            | Event::Machine { .. }
            | Event::AlertTaken
            | Event::Shutdown => {}
        }
        self.story.push(format!("{:?} {event:?}", self.elapsed()));
        self.call.handle(event, self.now);
    }

    fn hung_up_in_talk(&mut self, leg: LegId) {
        if self.talks_with == Some(leg) || leg == LegId::CALLER {
            self.parted();
        }
    }

    fn parted(&mut self) {
        self.talks_with = None;
        if let Some(since) = self.bridged_at.take() {
            self.talked += self.now.mono - since;
        }
    }

    fn note_speech(&mut self, recording: RecordingId, speech: bool) {
        let kind = self.facts.iter().find_map(|entry| match &entry.fact {
            Fact::RecordingStarted { recording: known, kind, .. } if *known == recording => Some(*kind),
            _ => None,
        });
        match kind.expect("a recording begins on the record") {
            RecordingKind::Voicemail => self.spoke_mail |= speech,
            RecordingKind::Answer(_) => self.spoke_answer |= speech,
            RecordingKind::Conversation => {}
        }
    }

    fn drain(&mut self) {
        while let Some(command) = self.call.poll_command() {
            assert!(self.outcome.is_none(), "a command after End: {command:?}");
            self.story.push(format!("{:?}     {command:?}", self.elapsed()));
            self.obey(command);
        }
    }

    fn side(&mut self, leg: LegId) -> &mut Side {
        self.sides.get_mut(&leg).unwrap_or_else(|| panic!("{leg} does not exist"))
    }

    // Commands: each is held against the model, then done, lost or done badly.

    fn obey(&mut self, command: Command) {
        match command {
            Command::Answer => self.obey_answer(),
            Command::Reject { status } => {
                assert!((400..700).contains(&status) && !self.answered);
                self.side(LegId::CALLER).hung_up = true;
                self.later(secs(0), Event::LegEnded { leg: LegId::CALLER, cause: LegCause::Released });
            }
            Command::Keep(entry) => self.obey_keep(entry),
            Command::Play { leg, play, prompts, .. } => self.obey_play(leg, play, &prompts),
            Command::StopPlay { leg } => {
                assert!(self.side(leg).play.is_some() || self.side(leg).up, "nothing can play on {leg}");
                self.side(leg).play = None;
            }
            Command::Record { recording, kind: RecordingKind::Conversation, .. } => {
                let heard = self.told_at.take().map(|at| self.now.mono - at);
                assert!(heard.is_some_and(|heard| heard >= secs(2)), "the caller was not told: {heard:?}");
                assert!(!self.refused && self.bridged.is_some(), "recorded against somebody's will, or alone");
                self.recording = Some(recording);
            }
            Command::Record { leg, recording, limits, .. } => {
                assert!(leg == LegId::CALLER && self.side(leg).up && !self.side(leg).ended);
                assert!(limits.max > Duration::ZERO);
                self.recording = Some(recording);
                self.caller_speaks(recording, limits.max);
            }
            Command::StopRecord { leg, reason } => {
                assert_eq!(leg, LegId::CALLER);
                if let Some(recording) = self.recording
                    && !self.percent(2)
                {
                    let speech = self.percent(60);
                    let wait = self.millis(0, 200);
                    self.later(wait, Event::RecordEnded { leg, recording, duration: secs(4), speech, reason });
                }
            }
            Command::FindOnCall { dial, .. } => {
                let pick: &[&str] = match self.roll(6) {
                    0 => &[],
                    1 => &["ben"],
                    2 => &["ben", "ada"],
                    _ => &["ada", "ben"],
                };
                let mut callees = Callees::from(on_call(&self.directory, pick));
                if self.percent(25) {
                    // On duty at once.
                    callees.groups = vec![callees.groups.into_iter().flatten().collect()];
                }
                let wait = if self.percent(95) { self.millis(0, 100) } else { self.millis(0, 9_000) };
                if !self.percent(3) {
                    self.later(wait, Event::OnCallFound { dial, callees });
                }
            }
            Command::Dial { leg, destination, .. } => self.obey_dial(leg, &destination),
            Command::HangUp { leg } => self.obey_hang_up(leg),
            Command::Bridge { a, b } => self.obey_bridge(a, b),
            Command::Mix { seats } => self.obey_mix(&seats),
            Command::Part { legs } => assert!(legs.len() > 2, "nobody supervises"),
            Command::HoldMusic { leg, .. } => assert!(self.sides.contains_key(&leg)),
            Command::Supervised { leg, .. } => assert!(self.side(leg).supervises && self.supervised.insert(leg)),
            Command::FindKnown { .. }
            | Command::AddToIncident { .. }
            | Command::MayBeAbout { .. }
            | Command::TellWhenOver { .. }
            | Command::ListAlerts { .. }
            | Command::Order { .. }
            | Command::JoinCaller { .. }
            | Command::Answered(_)
            | Command::WrongPin => self.ask_house(command),
            Command::End { outcome } => self.obey_end(outcome),
        }
    }

    /// Questions to the rest of the house.
    fn ask_house(&mut self, command: Command) {
        match command {
            Command::FindKnown { dial, .. } => {
                let report = self.percent(50).then(|| OpenReport {
                    alert: AlertId(uuid::Uuid::from_u128(77)),
                    reference: "1234".to_owned(),
                    opened: self.now.wall,
                    taken: self.percent(50),
                    by: self.percent(30).then(|| "ben".into()),
                    recordings: Vec::new(),
                });
                let incident = self.percent(40).then(|| KnownIncident {
                    id: crate::ids::IncidentId(uuid::Uuid::from_u128(88)),
                    reference: "INC-1001".to_owned(),
                    title: vec!["Mail is slow".into()],
                    since: self.now.wall,
                    update: vec!["We are on it.".into()],
                    can_tell: self.percent(50),
                });
                self.known |= report.is_some() || incident.is_some();
                let wait = if self.percent(97) { self.millis(0, 20) } else { self.millis(0, 9_000) };
                if !self.percent(3) {
                    self.later(wait, Event::KnownFound { dial, report, incident });
                }
            }
            Command::AddToIncident { .. } | Command::TellWhenOver { .. } => self.informed = true,
            Command::MayBeAbout { alert, .. } => {
                let opened =
                    |entry: &Entry| entry.alert == Some(alert) && matches!(entry.fact, Fact::AlertOpened { .. });
                assert!(self.informed && self.facts.iter().any(opened), "there is no such alert");
            }
            Command::ListAlerts { dial, .. } => {
                let alerts = self.percent(90).then(|| (0..self.roll(4)).map(|place| self.line_alert(place)).collect());
                let wait = self.millis(0, 3_000);
                if !self.percent(3) {
                    self.later(wait, Event::OpenAlertsFound { dial, alerts });
                }
            }
            Command::Order { dial, .. } => {
                let (wait, done) = (self.millis(0, 8_000), self.percent(90));
                if !self.percent(3) {
                    self.later(wait, Event::Ordered { dial, done });
                }
            }
            Command::JoinCaller { leg, alerts, .. } => {
                assert!(self.side(leg).up && !self.side(leg).ended && self.side(leg).keys.contains('3'));
                let alert = self.percent(50).then(|| alerts[0]);
                let wait = self.millis(0, 500);
                if alert.is_some() || !self.percent(5) {
                    self.later(wait, Event::JoinAnswered { leg, alert });
                }
            }
            Command::Answered(answer) => {
                assert_eq!(self.answer, None, "what came of it is said once");
                self.answer = Some(answer);
            }
            Command::WrongPin => assert!(self.heard.iter().any(|words| words == "line-pin")),
            other => unreachable!("no question to the house: {other:?}"),
        }
    }

    /// What is worth counting, so that a simulation that never comes there is noticed.
    pub(super) fn marks(&self) -> Vec<String> {
        let mark = |entry: &Entry| match &entry.fact {
            Fact::Alert(change) => Some(change.kind().to_owned()),
            Fact::AlertResolved { .. } => Some("resolved".to_owned()),
            Fact::Step { what, .. }
                if [
                    "the caller waits again",
                    "brings in the next level",
                    "nobody else is there; the two talk on",
                    "an engineer is on the line",
                    "asks to be joined with the caller",
                    "the caller can't be rung back",
                ]
                .contains(&what.as_str()) =>
            {
                Some(what.clone())
            }
            _ => None,
        };
        let mut marks: Vec<String> = self.facts.iter().filter_map(mark).collect();
        marks.extend(self.walked_in.map(|_| "walked in".to_owned()));
        marks.extend(self.sides.values().any(|side| side.rung_back).then(|| "rung back".to_owned()));
        marks.extend(self.answer.as_ref().map(|answer| format!("notice {answer:?}")));
        marks
    }

    fn line_alert(&mut self, place: u64) -> LineAlert {
        LineAlert {
            id: AlertId(uuid::Uuid::from_u128(100 + u128::from(place))),
            reference: format!("{}", 5_000 + place),
            title: "Disk full".to_owned(),
            priority: Priority::P2,
            urgency: if self.percent(50) { Urgency::High } else { Urgency::Low },
            customer: self.percent(50).then(|| "Acme Logistics".to_owned()),
            taken: self.percent(30),
            opened: self.now.wall,
            runbook: None,
            recordings: Vec::new(),
            callback: if self.percent(70) {
                Ok(super::fixture::number("+49305550199"))
            } else {
                Err("the caller's number is withheld".to_owned())
            },
        }
    }

    /// What an engineer does with the keys in a conversation.
    fn engineer_keys(&mut self, leg: LegId) {
        let mut at = Duration::ZERO;
        while self.percent(40) {
            at += self.millis(1_000, 60_000);
            let digit = ['1', '2', '3', '1', '2', '9'][self.roll(6) as usize];
            self.later(at, Event::Digit { leg, digit: '*' });
            let pause = self.millis(100, 5_000);
            self.later(at + pause, Event::Digit { leg, digit });
        }
    }

    fn obey_answer(&mut self) {
        let kept = self.facts.iter().any(|entry| matches!(entry.fact, Fact::AlertOpened { .. }));
        let number = self.directory.numbers.values().next().expect("one number");
        let blocked = self.facts.iter().any(|entry| entry.why.contains("blocklist"));
        let line = self.has_line();
        assert!(
            kept || number.test || blocked || self.known || line || self.is_turned_away(),
            "answered without an alert"
        );
        let wait = self.millis(0, 300);
        match self.roll(100) {
            0..3 => {}
            3..6 => self.later(wait, Event::LegEnded { leg: LegId::CALLER, cause: LegCause::HungUp }),
            _ => self.later(wait, Event::CallerAnswered),
        }
    }

    /// The flow has an engineers' line: calls to it are nobody's report.
    fn has_line(&self) -> bool {
        self.directory.flows.values().any(|flow| flow.nodes.values().any(|node| matches!(node, Node::Engineer(_))))
    }

    /// The call needs no alert of its own: it joined another, an engineer made it, or it came no further than the
    /// engineers' line.
    fn is_excused(&self) -> bool {
        let mut on_line = false;
        for entry in &self.facts {
            match &entry.fact {
                Fact::Alert(Change::CallJoined { .. }) => return true,
                Fact::Step { what, .. } if what == "an engineer is on the line" => return true,
                Fact::Step { node, .. } => {
                    let node = self.directory.flows.values().find_map(|flow| flow.nodes.get(&node.as_str().into()));
                    on_line = matches!(node, Some(Node::Engineer(_)));
                }
                _ => {}
            }
        }
        // Nothing was entered yet: the caller hung up while being answered.
        let nothing = !self.facts.iter().any(|entry| matches!(entry.fact, Fact::Step { .. }));
        on_line || (nothing && self.has_line())
    }

    fn is_turned_away(&self) -> bool {
        self.facts
            .iter()
            .any(|entry| matches!(&entry.fact, Fact::Step { what, .. } if what == "looks at the blocklist"))
    }

    fn obey_keep(&mut self, entry: Entry) {
        assert_eq!(self.facts.is_empty(), matches!(entry.fact, Fact::CallStarted { .. }), "CallStarted comes first");
        let ended = self.facts.last().is_some_and(|last| matches!(last.fact, Fact::CallEnded { .. }));
        assert!(!ended, "CallEnded comes last");
        self.refused |= matches!(entry.fact, Fact::RecordingRefused { .. });
        if let Fact::LegAccepted { leg, .. } = &entry.fact {
            let ones = self.side(*leg).keys.chars().filter(|key| *key == '1').count();
            let joins = ones >= 1 && self.side(*leg).keys.contains('3');
            assert!(self.walked_in == Some(*leg) || ones >= 2 || joins, "accepted without two keys");
            self.side(*leg).accepted = true;
        }
        if matches!(&entry.fact, Fact::Step { what, .. } if what == "the caller waits again") {
            self.parted();
            self.bridged = None;
            self.restarts += 1;
        }
        self.facts.push(entry);
    }

    fn obey_play(&mut self, leg: LegId, play: PlayId, prompts: &[Prompt]) {
        let side = self.side(leg);
        assert!(side.up && !side.ended && !side.hung_up, "a play on {leg}, which is dead");
        side.play = Some(play);
        if leg == LegId::CALLER {
            if prompts.contains(&Prompt::Say(say::RECORDING_CALLER)) {
                self.told_at = Some(self.now.mono);
            }
            let words = prompts.iter().filter_map(|prompt| match prompt {
                Prompt::Say(id) => Some(id.0.to_string()),
                _ => None,
            });
            self.heard.extend(words);
        } else if !self.side(leg).keys.contains('1') {
            let silent = |prompt: &Prompt| match prompt {
                Prompt::Say(id) => QUIET.contains(id),
                Prompt::Silence(_) => true,
                _ => false,
            };
            let walked_in = self.walked_in == Some(leg);
            assert!(walked_in || prompts.iter().all(silent), "a phone that may be a mailbox hears {prompts:?}");
        }
        let endless = prompts.contains(&Prompt::Music);
        let length = secs(3) * prompts.len() as u32;
        // A caller has two hands: not more keys than these at a time.
        let keys = self.queue.iter().filter(|(.., event)| matches!(event, Event::Digit { .. })).count();
        if leg == LegId::CALLER && keys < 4 && self.percent(60) {
            for _key in 0..=self.roll(3) {
                let digit = ['1', '2', '3', '#', '1', '4', '7', '2', '9'][self.roll(9) as usize];
                let wait = self.millis(0, length.as_millis() as u64 + 8_000);
                self.later(wait, Event::Digit { leg, digit });
            }
        }
        if leg == LegId::CALLER && prompts.contains(&Prompt::Say(say::LINE_PIN)) && self.percent(60) {
            let pin = if self.percent(70) { "2468#" } else { "1111#" };
            for (place, digit) in (0..).zip(pin.chars()) {
                self.later(length + secs(1) + Duration::from_millis(300 * place), Event::Digit { leg, digit });
            }
        }
        if !endless && !self.percent(1) {
            self.later(length, Event::PlayEnded { leg, play });
        }
    }

    fn caller_speaks(&mut self, recording: RecordingId, max: Duration) {
        use RecordingEnd::{Failed, MaxLength, NoSpeech, Silence};
        let (wait, speech, reason) = match self.roll(20) {
            0 => return,
            1 => (secs(0), false, Failed),
            2 => (max / 2, true, Failed),
            3 | 4 => (max, true, MaxLength),
            5..8 => (secs(6).min(max), false, NoSpeech),
            _ => (self.millis(500, 20_000).min(max), true, Silence),
        };
        let event = Event::RecordEnded { leg: LegId::CALLER, recording, duration: wait, speech, reason };
        self.later(wait, event);
        if self.percent(30) {
            let wait = self.millis(100, 10_000);
            self.later(wait, Event::Digit { leg: LegId::CALLER, digit: '#' });
        }
    }

    fn obey_dial(&mut self, leg: LegId, destination: &Destination) {
        let fixed_sip = matches!(destination, Destination::Sip(_));
        let staff =
            |entry: &Entry| matches!(&entry.fact, Fact::Step { what, .. } if what == "an engineer is on the line");
        let rung_back = self.facts.iter().any(staff);
        let desk = matches!(destination, Destination::Phone(phone) if phone.0.ends_with("-desk"));
        let (supervises, rung_back) = (desk, rung_back && !desk);
        let known = self.sides.insert(leg, Side { fixed_sip, rung_back, supervises, ..Side::default() });
        assert!(known.is_none(), "{leg} was dialled twice");
        let pick = self.millis(500, 20_000);
        let ringing = self.millis(0, 400);
        let ended = |cause| Event::LegEnded { leg, cause };
        match self.roll(12) {
            0 => return self.later(secs(0), ended(LegCause::Unreachable { reason: "not registered".to_owned() })),
            1 => return self.later(ringing, ended(LegCause::Busy)),
            2 => return self.later(pick, ended(LegCause::Rejected { status: 603 })),
            3 => {}
            4 => return,
            // Just when it is given up.
            5 => self.later(secs(25), Event::LegAnswered { leg }),
            6 => self.later(pick, Event::LegAnswered { leg }),
            7 => {
                self.later(pick, Event::LegAnswered { leg });
                let wait = pick + self.millis(0, 30_000);
                self.later(wait, ended(LegCause::HungUp));
            }
            _ => {
                self.later(pick, Event::LegAnswered { leg });
                let mut at = pick;
                for _key in 0..=self.roll(4) {
                    at += self.millis(200, 15_000);
                    let digit = ['1', '1', '1', '1', '2', '3'][self.roll(6) as usize];
                    self.later(at, Event::Digit { leg, digit });
                }
            }
        }
        if self.percent(20) {
            // Whatever it sounds like: only keys decide.
            let (wait, hint) = (pick + self.millis(0, 8_000), Hint::Greeting { speech: secs(4) });
            self.later(wait, Event::Machine { leg, hint });
        }
        if self.percent(5) {
            let wait = self.millis(0, 40_000);
            self.later(wait, Event::MakeWay { leg });
        }
        self.later(ringing, Event::LegRinging { leg });
    }

    fn obey_hang_up(&mut self, leg: LegId) {
        assert!(!self.side(leg).ended, "{leg} has ended already");
        self.side(leg).hung_up = true;
        self.side(leg).play = None;
        self.hung_up_in_talk(leg);
        if !self.side(leg).up && leg != LegId::CALLER && self.percent(10) {
            self.later(secs(0), Event::LegAnswered { leg });
            return;
        }
        let wait = self.millis(0, 500);
        if !self.percent(3) {
            self.later(wait, Event::LegEnded { leg, cause: LegCause::Released });
        }
    }

    // The end, held against the model.

    fn obey_end(&mut self, outcome: Outcome) {
        self.outcome = Some(outcome);
        let last = self.facts.last().map(|entry| entry.fact.clone());
        assert_eq!(last, Some(Fact::CallEnded { outcome }), "CallEnded is the last fact");
        for (leg, side) in &self.sides {
            assert!(side.ended || side.hung_up, "{leg} was left alive");
        }
        assert_eq!(self.call.poll_timeout(), None, "a timer after the end");
        self.call.handle(Event::Digit { leg: LegId::CALLER, digit: '1' }, self.now);
        self.call.handle(Event::Shutdown, self.now);
        self.call.handle_timeout(self.now.after(secs(10_000)));
        assert_eq!(self.call.poll_command(), None, "the call goes on after its end");
        let opened = self.facts.iter().any(|entry| matches!(entry.fact, Fact::AlertOpened { .. }));
        let test = self.directory.numbers.values().next().is_some_and(|number| number.test);
        let inbound = self.sides.contains_key(&LegId::CALLER);
        if inbound {
            assert_eq!(outcome == Outcome::Taken, self.bridged.is_some(), "taken means joined");
            let goodbye = !self.heard.is_empty() || !self.answered || test || outcome == Outcome::Blocked;
            assert!(
                self.bridged.is_some() || opened || goodbye || self.informed || self.is_excused(),
                "neither a person, an alert nor a goodbye"
            );
            // Heard of an incident, and left nothing else: the call belongs to that, and nobody is woken.
            let went_on = self.facts.iter().any(|entry| {
                matches!(&entry.fact, Fact::Step { what, .. } if what == "goes on after hearing of the incident")
            });
            let informed = self.informed && !went_on && outcome == Outcome::Completed;
            let closed = self.facts.iter().any(|entry| matches!(entry.fact, Fact::AlertResolved { .. }));
            assert!(!informed || !opened || closed || self.is_excused(), "an alert for who only heard of an incident");
            let excused = opened || test || outcome == Outcome::Blocked || informed || self.is_excused();
            assert!(!self.answered || excused, "answered without an alert");
            if self.bridged.is_none() && outcome != Outcome::Blocked && !informed {
                assert_eq!(outcome == Outcome::Voicemail, self.spoke_mail);
                assert_eq!(outcome == Outcome::Reported, self.spoke_answer && !self.spoke_mail);
            }
        } else if let Some(answer) = &self.answer {
            let taken = matches!(answer, NoticeAnswer::Acknowledged | NoticeAnswer::Joined);
            assert_eq!(outcome == Outcome::Taken, taken, "{answer:?}");
            let keys: String = self.sides.values().map(|side| side.keys.as_str()).collect();
            let pressed = |wanted: &[char]| keys.starts_with('1') || keys.contains(wanted);
            match answer {
                NoticeAnswer::Acknowledged => assert!(keys.matches('1').count() >= 2),
                NoticeAnswer::Escalate => assert!(pressed(&['2'])),
                NoticeAnswer::Joined => assert!(pressed(&['3'])),
                NoticeAnswer::Heard => assert!(keys.contains('1'), "a mailbox hears nothing"),
                NoticeAnswer::NoAnswer | NoticeAnswer::Busy | NoticeAnswer::Unreachable(_) => {}
            }
            assert!(self.elapsed() <= secs(200), "a notification of {:?}", self.elapsed());
        } else {
            let notice = matches!(&self.facts[0].fact, Fact::CallStarted { direction: Direction::Notification, .. });
            assert!(!notice, "nobody was told what came of it");
            let acknowledged = self.facts.iter().any(|entry| matches!(entry.fact, Fact::AlertAcknowledged { .. }));
            assert_eq!(outcome == Outcome::Taken, acknowledged);
        }
    }
}
