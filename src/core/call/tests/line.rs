//! A call that reads aloud: each line of a scenario is what happens next, and
//! whatever the call does beyond it fails.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::call::command::PlayId;
use crate::call::flow::{ConnectTarget, Flow};
use crate::call::outside::{KnownIncident, NoticeAnswer, OpenReport};
use crate::call::people::Callees;
use crate::call::prompt::{Prompt, PromptId};
use crate::call::supervise::{NotSupervised, Supervise, Supervised};
use crate::call::{Call, Command, Event, Notice, Timer};
use crate::directory::{Destination, Directory};
use crate::fact::{Actor, Entry, Fact, LegCause, Outcome, RecordingEnd, RecordingKind};
use crate::ids::{LegId, RecordingId};
use crate::now::Now;

use super::fixture::{self, alert_ring, incoming, on_call, secs, start, with};

/// See the module.
pub(super) struct Line {
    pub(super) call: Call,
    directory: Arc<Directory>,
    now: Now,
    deeds: VecDeque<Command>,
    pub(super) facts: Vec<Entry>,
    plays: std::collections::BTreeMap<LegId, PlayId>,
    recording: Option<RecordingId>,
}

impl Line {
    /// Somebody rings the number with this flow; known as Acme by the number.
    pub(super) fn rings(flow: Flow) -> Self {
        Self::from(with(flow), Some("+49305550101"))
    }

    pub(super) fn from(directory: Directory, caller: Option<&str>) -> Self {
        Self::at(directory, caller, start())
    }

    pub(super) fn at(directory: Directory, caller: Option<&str>, now: Now) -> Self {
        let directory = Arc::new(directory);
        let call = Call::incoming(incoming(Arc::clone(&directory), caller, 7), now);
        Self::around(call, directory, now)
    }

    /// People are rung about an alert.
    pub(super) fn alert(directory: Directory) -> Self {
        let (directory, now) = (Arc::new(directory), start());
        let call = Call::alert_ring(alert_ring(Arc::clone(&directory), 7), now);
        Self::around(call, directory, now)
    }

    /// One phone is rung to notify somebody.
    pub(super) fn notice(notice: Notice) -> Self {
        let (directory, now) = (Arc::clone(&notice.directory), start());
        Self::around(Call::notice(notice, now), directory, now)
    }

    pub(super) fn around(call: Call, directory: Arc<Directory>, now: Now) -> Self {
        let mut line = Self {
            call,
            directory,
            now,
            deeds: VecDeque::new(),
            facts: Vec::new(),
            plays: std::collections::BTreeMap::new(),
            recording: None,
        };
        line.drain();
        line
    }

    fn drain(&mut self) {
        while let Some(command) = self.call.poll_command() {
            match command {
                Command::Keep(entry) => self.facts.push(entry),
                deed => self.deeds.push_back(deed),
            }
        }
    }

    #[track_caller]
    fn next(&mut self) -> Command {
        self.deeds.pop_front().expect("the call does nothing")
    }

    /// What the call did before must have been told by the scenario.
    #[track_caller]
    pub(super) fn quiet(&mut self) -> &mut Self {
        assert_eq!(self.deeds, [], "unexpected");
        self
    }

    #[track_caller]
    pub(super) fn told(&mut self, event: Event) -> &mut Self {
        self.quiet();
        self.call.handle(event, self.now);
        self.drain();
        self
    }

    // What happens to it.

    #[track_caller]
    pub(super) fn answered(&mut self) -> &mut Self {
        assert_eq!(self.next(), Command::Answer);
        self.told(Event::CallerAnswered)
    }

    #[track_caller]
    pub(super) fn presses(&mut self, keys: &str) -> &mut Self {
        for digit in keys.chars() {
            self.told(Event::Digit { leg: LegId::CALLER, digit });
        }
        self
    }

    #[track_caller]
    pub(super) fn at_leg_presses(&mut self, leg: u32, digit: char) -> &mut Self {
        self.told(Event::Digit { leg: LegId(leg), digit })
    }

    /// What plays to the caller comes to its end.
    #[track_caller]
    pub(super) fn listens(&mut self) -> &mut Self {
        self.leg_listens(0)
    }

    #[track_caller]
    pub(super) fn leg_listens(&mut self, leg: u32) -> &mut Self {
        let play = self.plays.remove(&LegId(leg)).expect("nothing plays");
        self.told(Event::PlayEnded { leg: LegId(leg), play })
    }

    #[track_caller]
    pub(super) fn speaks(&mut self) -> &mut Self {
        self.record_ends(true, RecordingEnd::Silence)
    }

    #[track_caller]
    pub(super) fn is_silent(&mut self) -> &mut Self {
        self.record_ends(false, RecordingEnd::NoSpeech)
    }

    #[track_caller]
    pub(super) fn record_ends(&mut self, speech: bool, reason: RecordingEnd) -> &mut Self {
        let recording = self.recording.take().expect("nothing is recorded");
        self.told(Event::RecordEnded { leg: LegId::CALLER, recording, duration: secs(5), speech, reason })
    }

    #[track_caller]
    pub(super) fn hangs_up(&mut self) -> &mut Self {
        self.leg_ends(0, LegCause::HungUp)
    }

    #[track_caller]
    pub(super) fn leg_ends(&mut self, leg: u32, cause: LegCause) -> &mut Self {
        self.told(Event::LegEnded { leg: LegId(leg), cause })
    }

    #[track_caller]
    pub(super) fn picks_up(&mut self, leg: u32) -> &mut Self {
        self.told(Event::LegRinging { leg: LegId(leg) });
        self.told(Event::LegAnswered { leg: LegId(leg) })
    }

    /// The rota says so.
    #[track_caller]
    pub(super) fn on_call(&mut self, people: &[&str]) -> &mut Self {
        let Command::FindOnCall { dial, target } = self.next() else { panic!("nobody asks who is on call") };
        assert_eq!(target, ConnectTarget::Schedule("rota".into()));
        let callees = on_call(&self.directory, people).into();
        self.told(Event::OnCallFound { dial, callees })
    }

    /// Whoever is asked for is found.
    #[track_caller]
    pub(super) fn finds(&mut self, callees: Callees) -> &mut Self {
        let Command::FindOnCall { dial, .. } = self.next() else { panic!("nobody asks who is on call") };
        self.told(Event::OnCallFound { dial, callees })
    }

    /// What it does next, if anything.
    pub(super) fn next_deed(&mut self) -> Option<Command> {
        self.deeds.pop_front()
    }

    /// The caller's open report is looked for.
    #[track_caller]
    pub(super) fn looks_for_report(&mut self, report: Option<OpenReport>) -> &mut Self {
        let Command::FindKnown { dial, .. } = self.next() else { panic!("no open report is looked for") };
        self.told(Event::KnownFound { dial, report, incident: None })
    }

    /// The same; there is no report, but an incident.
    #[track_caller]
    pub(super) fn looks_for_incident(&mut self, incident: Option<KnownIncident>) -> &mut Self {
        self.looks_for_both(None, incident)
    }

    /// The same; whatever there is.
    #[track_caller]
    pub(super) fn looks_for_both(&mut self, report: Option<OpenReport>, incident: Option<KnownIncident>) -> &mut Self {
        let Command::FindKnown { dial, .. } = self.next() else { panic!("no incident is looked for") };
        self.told(Event::KnownFound { dial, report, incident })
    }

    /// It says what came of the notification.
    #[track_caller]
    pub(super) fn answers(&mut self, expected: &NoticeAnswer) -> &mut Self {
        assert_eq!(self.next(), Command::Answered(expected.clone()));
        self
    }

    /// Somebody whom a notification reached wants to be joined with the caller.
    #[track_caller]
    pub(super) fn walks_in(&mut self, person: &str) -> Option<LegId> {
        self.quiet();
        let leg = self.call.walk_in(Some(person.into()), &fixture::language("en"), self.now);
        self.drain();
        leg
    }

    /// Somebody wants to be on the line.
    #[track_caller]
    pub(super) fn supervises(&mut self, ask: Supervise) -> Result<Supervised, NotSupervised> {
        let asked = self.call.supervise(ask, self.now);
        self.drain();
        asked
    }

    /// A supervisor is sent away.
    #[track_caller]
    pub(super) fn dismisses(&mut self, phone: &str) -> bool {
        self.quiet();
        let gone = self.call.dismiss(&phone.into(), &Actor::Login("lea".to_owned()), self.now);
        self.drain();
        gone
    }

    /// Time passes; timers wake the call. It must have done all that was told.
    #[track_caller]
    pub(super) fn waits(&mut self, wait: Duration) -> &mut Self {
        self.quiet();
        let until = self.now.after(wait);
        while let Some((at, _)) = self.call.poll_timeout().filter(|(at, _)| *at <= until.mono) {
            self.now = self.now.after(at - self.now.mono);
            self.call.handle_timeout(self.now);
            self.drain();
        }
        self.now = until;
        self
    }

    #[track_caller]
    pub(super) fn next_timer(&mut self, timer: Timer, wait: Duration) -> &mut Self {
        let (at, name) = self.call.poll_timeout().expect("a timer");
        assert_eq!((name, at - self.now.mono), (timer, wait));
        self
    }

    /// The question who is on call gets no answer.
    #[track_caller]
    pub(super) fn forgets_a_question(&mut self) -> &mut Self {
        assert!(matches!(self.next(), Command::FindOnCall { .. }));
        self
    }

    // What it does.

    #[track_caller]
    pub(super) fn hears(&mut self, prompts: &[PromptId]) -> &mut Self {
        let prompts: Vec<Prompt> = prompts.iter().cloned().map(Prompt::Say).collect();
        self.leg_hears(0, &prompts)
    }

    #[track_caller]
    pub(super) fn hears_all(&mut self, prompts: &[Prompt]) -> &mut Self {
        self.leg_hears(0, prompts)
    }

    /// What the caller hears next, whatever it is.
    #[track_caller]
    pub(super) fn hears_something(&mut self) -> Vec<Prompt> {
        let Command::Play { leg: LegId::CALLER, play, prompts, .. } = self.next() else { panic!("nothing is played") };
        self.plays.insert(LegId::CALLER, play);
        prompts
    }

    /// What a leg hears next, whatever it is.
    #[track_caller]
    pub(super) fn hears_something_at(&mut self, leg: u32) -> &mut Self {
        let Command::Play { leg: on, play, .. } = self.next() else { panic!("nothing is played") };
        assert_eq!(on, LegId(leg));
        self.plays.insert(on, play);
        self
    }

    #[track_caller]
    pub(super) fn leg_hears(&mut self, leg: u32, expected: &[Prompt]) -> &mut Self {
        let Command::Play { leg: on, play, prompts, .. } = self.next() else { panic!("nothing is played") };
        assert_eq!((on, prompts.as_slice()), (LegId(leg), expected));
        self.plays.insert(on, play);
        self
    }

    #[track_caller]
    pub(super) fn stops_playing(&mut self, leg: u32) -> &mut Self {
        assert_eq!(self.next(), Command::StopPlay { leg: LegId(leg) });
        self
    }

    #[track_caller]
    pub(super) fn records(&mut self, expected: RecordingKind) -> &mut Self {
        let Command::Record { recording, kind, .. } = self.next() else { panic!("nothing is recorded") };
        assert_eq!(kind, expected);
        self.recording = Some(recording);
        self
    }

    #[track_caller]
    pub(super) fn stops_recording(&mut self, expected: RecordingEnd) -> &mut Self {
        assert_eq!(self.next(), Command::StopRecord { leg: LegId::CALLER, reason: expected });
        self
    }

    #[track_caller]
    pub(super) fn calls(&mut self, leg: u32, expected: &Destination) -> &mut Self {
        let Command::Dial { leg: on, destination, .. } = self.next() else { panic!("nobody is called") };
        assert_eq!((on, &destination), (LegId(leg), expected));
        self
    }

    /// It hangs a leg up, and the leg ends. What it does at once besides may follow.
    #[track_caller]
    pub(super) fn ends_leg(&mut self, leg: u32) -> &mut Self {
        assert_eq!(self.next(), Command::HangUp { leg: LegId(leg) });
        self.call.handle(Event::LegEnded { leg: LegId(leg), cause: LegCause::Released }, self.now);
        self.drain();
        self
    }

    #[track_caller]
    pub(super) fn joins(&mut self, leg: u32) -> &mut Self {
        assert_eq!(self.next(), Command::Bridge { a: LegId::CALLER, b: LegId(leg) });
        self
    }

    #[track_caller]
    pub(super) fn does(&mut self, expected: &Command) -> &mut Self {
        assert_eq!(self.next(), *expected);
        self
    }

    #[track_caller]
    pub(super) fn is_over(&mut self, expected: Outcome) {
        assert_eq!(self.next(), Command::End { outcome: expected });
        self.quiet();
        assert_eq!(self.call.poll_timeout(), None);
        let last = self.facts.last().map(|entry| entry.fact.clone());
        assert_eq!(last, Some(Fact::CallEnded { outcome: expected }));
    }

    // What is on the record.

    /// All recordings, in order.
    pub(super) fn recordings(&self) -> Vec<RecordingId> {
        let started = |entry: &Entry| match &entry.fact {
            Fact::RecordingStarted { recording, .. } => Some(*recording),
            _ => None,
        };
        self.facts.iter().filter_map(started).collect()
    }

    /// Some fact is there.
    #[track_caller]
    pub(super) fn kept(&mut self, what: impl Fn(&Fact) -> bool) -> &mut Self {
        assert!(self.facts.iter().any(|entry| what(&entry.fact)), "not on the record: {:#?}", self.facts);
        self
    }

    #[track_caller]
    pub(super) fn never_kept(&mut self, what: impl Fn(&Fact) -> bool) -> &mut Self {
        assert!(!self.facts.iter().any(|entry| what(&entry.fact)), "on the record: {:#?}", self.facts);
        self
    }

    /// Some reason or step says so.
    #[track_caller]
    pub(super) fn because(&mut self, words: &str) -> &mut Self {
        let says = |entry: &Entry| {
            entry.why.contains(words) || matches!(&entry.fact, Fact::Step { what, .. } if what.contains(words))
        };
        assert!(self.facts.iter().any(says), "nothing says {words:?}: {:#?}", self.facts);
        self
    }
}
