//! `hotline simulate`: walks a number's flow as text. Drives the same call machine
//! as real calls do, with a world of text around it: no phone, no socket, no record.

use std::collections::{BTreeMap, VecDeque};
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use hotline_core::alert::Urgency;
use hotline_core::call::command::PlayId;
use hotline_core::call::flow::{check, longest_wait};
use hotline_core::call::outside::{KnownIncident, LineAlert, OpenReport};
use hotline_core::call::prompt::Prompt;
use hotline_core::call::{Call, Command, Event, Incoming, Timer, people};
use hotline_core::directory::{Destination, Directory, Number};
use hotline_core::fact::{Actor, Entry, Fact, LegCause, Outcome, Priority, RecordingEnd, RecordingKind};
use hotline_core::ids::{AlertId, CallId, IdSource, IncidentId, LegId, RecordingId, UserId};
use hotline_core::now::Now;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Every prompt counts as so long.
const PROMPT: Duration = Duration::from_secs(3);
/// An answer to a question, a message.
const SPEECH: Duration = Duration::from_secs(5);
/// From the first ring to picking up.
const PICK_UP: Duration = Duration::from_secs(4);
/// From a prompt to the key.
const REACTION: Duration = Duration::from_secs(1);
/// A conversation.
const TALK: Duration = Duration::from_mins(1);
/// The open report of before was made so long ago.
const BEFORE: Duration = Duration::from_mins(12);
/// As `serve` has it unless it is set otherwise.
const RING_AGAIN: Duration = Duration::from_mins(5);

/// Walks a number's flow as text, without a phone.
#[derive(Debug, clap::Args)]
pub struct SimulateArgs {
    /// The hotline number as dialled (`hotline`, `+4930…`).
    #[arg(long)]
    pub number: String,
    /// When the call comes in: `2026-12-24T03:00` (local), `…Z`, or with a zone: `2026-12-24T03:00[Europe/Berlin]`.
    /// Now if left out.
    #[arg(long)]
    pub at: Option<String>,
    /// The caller's number, E.164; a withheld number if left out.
    #[arg(long)]
    pub caller: Option<String>,
    /// What the caller does, divided by commas: one at each point where the hotline waits for a key or records.
    /// `1` presses 1; `0042#` presses one after the other; `-` does and says nothing; `x` hangs up. At a
    /// recording the caller speaks for 5 s and then presses the key. After the last one the caller
    /// presses nothing more but answers what is asked.
    #[arg(long, allow_hyphen_values = true)]
    pub keys: Option<String>,
    /// What the engineers do when their phones ring.
    #[arg(long, value_enum, default_value_t = Engineer::NoAnswer)]
    pub engineer: Engineer,
    /// Whether the caller has an open report from before, for the node `known`. An engineer on the line (node
    /// `engineer`) hears of it, too.
    #[arg(long, value_enum, default_value_t = Before::None)]
    pub open_report: Before,
    /// The title of an open incident that was published to the caller's customer, for the node `known`.
    #[arg(long)]
    pub incident: Option<String>,
}

/// What the caller reported before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Before {
    /// Nothing that is still open.
    None,
    /// Something that nobody has taken yet.
    Waiting,
    /// Something that an engineer has.
    Taken,
}

/// What an engineer does when the phone rings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Engineer {
    /// Answers, presses 1, listens, presses 1.
    Accept,
    /// Answers and presses 2.
    Decline,
    /// A mailbox answers: nobody presses anything.
    Mailbox,
    /// Lets it ring.
    NoAnswer,
}

/// Prints the walk to standard output.
pub fn run(directory: &Arc<Directory>, args: &SimulateArgs, now: Now) -> anyhow::Result<()> {
    walk(directory, args, now, &mut std::io::stdout().lock())
}

fn walk(directory: &Arc<Directory>, args: &SimulateArgs, now: Now, out: &mut dyn Write) -> anyhow::Result<()> {
    let number = directory.number(&args.number).ok_or_else(|| unknown(directory, &args.number))?;
    let flow = directory.flows.get(&number.flow).with_context(|| {
        format!("the number {} names the flow {}, which does not exist; add it or name another", number.id, number.flow)
    })?;
    let wall = args.at.as_deref().map_or(Ok(now.wall), moment)?;
    let now = Now { wall, ..now };
    writeln!(out, "{} rings {} at {wall}", args.caller.as_deref().unwrap_or("A withheld number"), number.id)?;
    for problem in check(flow, directory) {
        let node = problem.node.map_or_else(|| "the flow".to_owned(), |node| format!("node {node}"));
        writeln!(out, "warning: {node}: {}", problem.text)?;
    }
    let mut world = World::new(directory, number, args, now);
    world.run(out)?;
    world.conclude(out)?;
    writeln!(out, "longest possible wait without a conversation: {}", spell(longest_wait(flow, number.record_calls)))?;
    Ok(())
}

fn unknown(directory: &Directory, dialled: &str) -> anyhow::Error {
    let known: Vec<&str> = directory.numbers.keys().map(|id| id.0.as_str()).collect();
    if known.is_empty() {
        return anyhow!(
            "no number {dialled}: none is configured; add one to [[numbers]] in hotline.toml, or use --demo"
        );
    }
    anyhow!("no number {dialled}; there are: {}", known.join(", "))
}

fn moment(text: &str) -> anyhow::Result<Timestamp> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    if let Ok(at) = text.parse::<jiff::Zoned>() {
        return Ok(at.timestamp());
    }
    let Ok(local) = text.parse::<jiff::civil::DateTime>() else {
        bail!("--at {text} is no time; write e.g. 2026-12-24T03:00 or 2026-12-24T03:00[Europe/Berlin]");
    };
    let at = TimeZone::system().to_timestamp(local);
    at.with_context(|| format!("--at {text} does not exist in this machine's time zone"))
}

/// The text around the call.
struct World<'a> {
    directory: &'a Directory,
    call: Call,
    began: Instant,
    now: Now,
    queue: Vec<(Instant, Event)>,
    keys: VecDeque<String>,
    engineer: Engineer,
    /// What the caller reported before.
    report: Option<OpenReport>,
    /// What customers know of.
    incident: Option<KnownIncident>,
    /// Who is at a leg.
    people: BTreeMap<LegId, String>,
    plays: BTreeMap<LegId, PlayId>,
    recording: Option<RecordingId>,
    alert: Option<(String, Priority, Option<Timestamp>)>,
    taken_by: Option<String>,
    outcome: Option<Outcome>,
}

impl<'a> World<'a> {
    fn new(directory: &'a Arc<Directory>, number: &Number, args: &SimulateArgs, now: Now) -> Self {
        let mut ids = IdSource::new(1);
        let incoming = Incoming {
            call: CallId(ids.uuid(now.wall)),
            alert: AlertId(ids.uuid(now.wall)),
            reference: "1234".to_owned(),
            number: number.id.clone(),
            caller: args.caller.clone().map(Into::into),
            source: "simulation".to_owned(),
            directory: Arc::clone(directory),
            seed: 1,
            ring_again: RING_AGAIN,
            wrong_pins: 0,
        };
        let report = OpenReport {
            alert: AlertId(ids.uuid(now.wall)),
            reference: "1230".to_owned(),
            opened: now.wall.checked_sub(BEFORE).unwrap_or(now.wall),
            taken: args.open_report == Before::Taken,
            by: None,
            recordings: Vec::new(),
        };
        let keys = args.keys.as_deref().unwrap_or_default().split(',');
        Self {
            directory,
            call: Call::incoming(incoming, now),
            began: now.mono,
            now,
            queue: Vec::new(),
            keys: keys.map(str::trim).filter(|key| !key.is_empty()).map(str::to_owned).collect(),
            engineer: args.engineer,
            report: (args.open_report != Before::None).then_some(report),
            incident: args.incident.as_ref().map(|title| KnownIncident {
                id: IncidentId(ids.uuid(now.wall)),
                reference: "INC-1001".to_owned(),
                title: vec![title.clone().into()],
                since: now.wall.checked_sub(BEFORE).unwrap_or(now.wall),
                update: vec![format!("{title}.").into()],
                can_tell: args.caller.is_some(),
            }),
            people: BTreeMap::new(),
            plays: BTreeMap::new(),
            recording: None,
            alert: None,
            taken_by: None,
            outcome: None,
        }
    }

    fn run(&mut self, out: &mut dyn Write) -> anyhow::Result<()> {
        self.obey_all(out)?;
        while self.outcome.is_none() {
            let timer = self.call.poll_timeout();
            let next = self.queue.iter().enumerate().min_by_key(|(place, (at, _))| (*at, *place));
            match (timer, next.map(|(place, (at, _))| (place, *at))) {
                (timer, Some((place, at))) if timer.is_none_or(|(wakes, _)| at <= wakes) => {
                    let (_, event) = self.queue.remove(place);
                    self.advance(at);
                    self.deliver(event, out)?;
                }
                (Some((at, _)), _) => {
                    self.advance(at);
                    self.call.handle_timeout(self.now);
                }
                (None, _) => bail!("the call waits for nothing and does not end; please report this flow"),
            }
            self.obey_all(out)?;
        }
        Ok(())
    }

    fn advance(&mut self, at: Instant) {
        self.now = self.now.after(at.saturating_duration_since(self.now.mono));
    }

    fn later(&mut self, wait: Duration, event: Event) {
        self.queue.push((self.now.mono + wait, event));
    }

    fn say(&self, out: &mut dyn Write, verb: &str, text: &str) -> anyhow::Result<()> {
        let tenths = (self.now.mono - self.began).as_millis() / 100;
        let (minutes, seconds, tenth) = (tenths / 600, tenths / 10 % 60, tenths % 10);
        writeln!(out, "{minutes:02}:{seconds:02}.{tenth}  {verb:<9} {text}")?;
        Ok(())
    }

    /// Gives an event to the call, unless it was overtaken; then the caller may press a key.
    fn deliver(&mut self, event: Event, out: &mut dyn Write) -> anyhow::Result<()> {
        match &event {
            Event::PlayEnded { leg, play } => {
                if self.plays.get(leg) != Some(play) {
                    return Ok(());
                }
                self.plays.remove(leg);
            }
            Event::RecordEnded { recording, .. } if self.recording.take() != Some(*recording) => return Ok(()),
            Event::Digit { leg, digit } => {
                let who = self.who(*leg);
                self.say(out, "presses", &format!("{digit}  ({who})"))?;
            }
            Event::LegEnded { leg, cause: LegCause::HungUp } => {
                let who = self.who(*leg);
                self.say(out, "hangs up", &who)?;
            }
            Event::LegAnswered { leg } => {
                let who = self.who(*leg);
                self.say(out, "answers", &who)?;
            }
            Event::CallerAnswered
            | Event::RecordEnded { .. }
            | Event::LegRinging { .. }
            | Event::LegEnded { .. }
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
        let prompted = matches!(event, Event::PlayEnded { leg: LegId::CALLER, .. });
        self.call.handle(event, self.now);
        self.obey_all(out)?;
        let waits = self.call.poll_timeout().is_some_and(|(_, timer)| timer == Timer::NoInput);
        if prompted
            && waits
            && let Some(keys) = self.keys.pop_front()
        {
            self.press(&keys);
        }
        Ok(())
    }

    /// What the caller does at a point where a key is awaited.
    fn press(&mut self, keys: &str) {
        if keys == "x" {
            return self.later(REACTION, Event::LegEnded { leg: LegId::CALLER, cause: LegCause::HungUp });
        }
        let mut wait = REACTION;
        for digit in keys.chars().filter(|key| *key != '-') {
            self.later(wait, Event::Digit { leg: LegId::CALLER, digit });
            wait += Duration::from_millis(400);
        }
    }

    fn who(&self, leg: LegId) -> String {
        if leg == LegId::CALLER {
            return "the caller".to_owned();
        }
        self.people.get(&leg).cloned().unwrap_or_else(|| leg.to_string())
    }

    fn obey_all(&mut self, out: &mut dyn Write) -> anyhow::Result<()> {
        while let Some(command) = self.call.poll_command() {
            self.obey(command, out)?;
        }
        Ok(())
    }

    fn obey(&mut self, command: Command, out: &mut dyn Write) -> anyhow::Result<()> {
        match command {
            Command::Answer => {
                self.later(Duration::ZERO, Event::CallerAnswered);
                self.say(out, "answered", "")?;
            }
            Command::Reject { status } => {
                self.later(Duration::ZERO, Event::LegEnded { leg: LegId::CALLER, cause: LegCause::Released });
                self.say(out, "refused", &format!("with SIP status {status}"))?;
            }
            Command::Keep(entry) => self.keep(&entry, out)?,
            Command::Play { leg, play, prompts, language, until_key: _ } => {
                let text: Vec<String> = prompts.iter().map(word).collect();
                let to = if leg == LegId::CALLER { String::new() } else { format!("  ({})", self.who(leg)) };
                self.say(out, "hears", &format!("{}  [{}]{to}", text.join(", "), language.0))?;
                self.plays.insert(leg, play);
                if !prompts.contains(&Prompt::Music) {
                    self.later(length(&prompts), Event::PlayEnded { leg, play });
                }
                self.engineer_acts(leg, &prompts);
            }
            Command::StopPlay { leg } => {
                self.plays.remove(&leg);
            }
            Command::Record { leg, recording, kind, limits } => {
                self.recording = Some(recording);
                self.say(out, "records", &format!("{}, at most {}", kind.word(), spell(limits.max)))?;
                // A conversation has its own length.
                if kind != RecordingKind::Conversation {
                    self.speak(leg, recording, limits.max, limits.no_speech);
                }
            }
            Command::StopRecord { leg, reason } => {
                if let Some(recording) = self.recording {
                    self.ended(Duration::ZERO, leg, recording, true, reason);
                }
            }
            Command::FindOnCall { dial, target } => {
                let callees = people::callees(&target, self.directory, self.now.wall);
                self.later(Duration::ZERO, Event::OnCallFound { dial, callees });
            }
            Command::FindKnown { dial, .. } => {
                let report = self.report.clone();
                let incident = self.incident.clone();
                self.later(Duration::ZERO, Event::KnownFound { dial, report, incident });
            }
            Command::AddToIncident { recording, .. } => {
                let what = if recording.is_some() { "what was said" } else { "the call" };
                self.say(out, "adds to the incident", what)?;
            }
            Command::MayBeAbout { .. } => self.say(out, "notes", "the alert may be about the incident")?,
            Command::TellWhenOver { .. } => self.say(out, "notes", "an SMS when the incident is over")?,
            Command::ListAlerts { dial, .. } => {
                let alerts = Some(self.report.iter().map(listed).collect());
                self.later(Duration::ZERO, Event::OpenAlertsFound { dial, alerts });
            }
            Command::Order { dial, deed, .. } => {
                self.say(out, "orders", &format!("{deed:?}"))?;
                self.later(Duration::ZERO, Event::Ordered { dial, done: true });
            }
            // Nobody supervises a rehearsal, and no phone holds.
            Command::WrongPin => self.say(out, "noted", "a PIN that is no engineer's")?,
            // Of notifications only, and those are not simulated.
            Command::JoinCaller { leg, .. } => self.later(Duration::ZERO, Event::JoinAnswered { leg, alert: None }),
            Command::Answered(_)
            | Command::Mix { .. }
            | Command::Part { .. }
            | Command::HoldMusic { .. }
            | Command::Supervised { .. } => {}
            Command::Dial { leg, destination, person } => self.dial(leg, &destination, person.as_ref(), out)?,
            Command::HangUp { leg } => {
                let who = self.who(leg);
                self.say(out, "ends", &who)?;
                self.plays.remove(&leg);
                self.queue.retain(|(_, event)| !concerns(event, leg));
                self.later(Duration::ZERO, Event::LegEnded { leg, cause: LegCause::Released });
            }
            Command::Bridge { a, b } => {
                self.plays.clear();
                self.say(out, "joined", &format!("the caller and {}, for {} here", self.who(b), spell(TALK)))?;
                self.later(TALK, Event::LegEnded { leg: a, cause: LegCause::HungUp });
            }
            Command::End { outcome } => self.outcome = Some(outcome),
        }
        Ok(())
    }

    fn dial(
        &mut self,
        leg: LegId,
        destination: &Destination,
        person: Option<&UserId>,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        let who = person.map_or_else(|| "the fixed address".to_owned(), ToString::to_string);
        self.people.insert(leg, who);
        let place = match destination {
            Destination::Phone(phone) => format!("phone {phone}"),
            Destination::Number { trunk, number } => format!("number {number:?} via {trunk}"),
            Destination::Sip(address) => address.clone(),
        };
        self.say(out, "calls", &format!("{} at {place}", self.who(leg)))?;
        self.later(Duration::from_millis(200), Event::LegRinging { leg });
        match self.engineer {
            Engineer::Accept | Engineer::Decline | Engineer::Mailbox => {
                self.later(PICK_UP, Event::LegAnswered { leg });
            }
            Engineer::NoAnswer => {}
        }
        Ok(())
    }

    /// An engineer presses the key once the words have been heard.
    fn engineer_acts(&mut self, leg: LegId, prompts: &[Prompt]) {
        let digit = match self.engineer {
            Engineer::Accept => '1',
            Engineer::Decline => '2',
            Engineer::Mailbox | Engineer::NoAnswer => return,
        };
        let acted = self.queue.iter().any(|(_, event)| matches!(event, Event::Digit { leg: who, .. } if *who == leg));
        if leg != LegId::CALLER && !acted {
            let wait = length(prompts).saturating_sub(REACTION);
            self.later(wait, Event::Digit { leg, digit });
        }
    }

    /// What the caller does at a recording.
    fn speak(&mut self, leg: LegId, recording: RecordingId, max: Duration, no_speech: Option<Duration>) {
        let keys = self.keys.pop_front();
        let speech = SPEECH.min(max);
        match keys.as_deref() {
            Some("-") => {
                let wait = no_speech.unwrap_or(max).min(max);
                self.ended(wait, leg, recording, false, RecordingEnd::NoSpeech);
            }
            Some("x") => self.later(speech, Event::LegEnded { leg, cause: LegCause::HungUp }),
            Some(keys) => {
                for digit in keys.chars() {
                    self.later(speech, Event::Digit { leg, digit });
                }
                self.ended(speech + PROMPT, leg, recording, true, RecordingEnd::Silence);
            }
            None => self.ended(speech, leg, recording, true, RecordingEnd::Silence),
        }
    }

    fn ended(&mut self, wait: Duration, leg: LegId, recording: RecordingId, speech: bool, reason: RecordingEnd) {
        let duration = if wait.is_zero() { SPEECH } else { wait };
        self.later(wait, Event::RecordEnded { leg, recording, duration, speech, reason });
    }

    fn keep(&mut self, entry: &Entry, out: &mut dyn Write) -> anyhow::Result<()> {
        let because = if entry.why.is_empty() { String::new() } else { format!("  ({})", entry.why) };
        match &entry.fact {
            Fact::Step { node, what } => self.say(out, "step", &format!("{node}: {what}{because}"))?,
            Fact::CustomerIdentified { customer } => self.say(out, "customer", &format!("{customer}{because}"))?,
            Fact::LanguageChosen { language } => self.say(out, "language", &format!("{}{because}", language.0))?,
            Fact::AlertOpened { title, priority, ring_at } => {
                self.say(out, "alert", &format!("{} \"{title}\"", priority.word()))?;
                self.alert = Some((title.clone(), *priority, *ring_at));
            }
            Fact::AlertUpdated { title, priority } => {
                if let Some((known, urgency, _)) = &mut self.alert {
                    *known = title.clone().unwrap_or_else(|| known.clone());
                    *urgency = priority.unwrap_or(*urgency);
                    let text = format!("{} \"{known}\"{because}", urgency.word());
                    self.say(out, "alert", &text)?;
                }
            }
            Fact::AlertAcknowledged { by } => {
                let by = match by {
                    Actor::Person(user) => user.to_string(),
                    Actor::Login(name) | Actor::Token(name) => name.clone(),
                    Actor::System => "the hotline itself".to_owned(),
                };
                self.say(out, "alert", &format!("acknowledged by {by}"))?;
                self.taken_by = Some(by);
            }
            Fact::LegAccepted { leg, .. } => self.say(out, "accepts", &self.who(*leg))?,
            Fact::LegDeclined { leg, .. } => self.say(out, "declines", &self.who(*leg))?,
            Fact::AnswersConfirmed => self.say(out, "confirmed", &because)?,
            Fact::CallEnded { outcome } => self.say(out, "over", &format!("{}{because}", outcome.word()))?,
            Fact::LegEnded { leg, .. } if !entry.why.is_empty() && *leg != LegId::CALLER => {
                self.say(out, "gone", &format!("{}{because}", self.who(*leg)))?;
            }
            Fact::CallStarted { .. }
            | Fact::LegStarted { .. }
            | Fact::LegRinging { .. }
            | Fact::LegAnswered { .. }
            | Fact::LegEnded { .. }
            | Fact::LegQuality { .. }
            | Fact::Bridged { .. }
            | Fact::Alert(_)
            | Fact::RecordingStarted { .. }
            | Fact::RecordingRefused { .. }
            | Fact::RecordingEnded { .. }
            | Fact::AlertResolved { .. }
            | Fact::AlertRings { .. }
            | Fact::Transcribed { .. }
            | Fact::TranscriptFailed { .. } => {}
        }
        Ok(())
    }

    fn conclude(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        writeln!(out)?;
        if let Some(outcome) = self.outcome {
            writeln!(out, "outcome: {}", outcome.word())?;
        }
        match (&self.alert, &self.taken_by) {
            (None, _) => writeln!(out, "alert: none")?,
            (Some((title, priority, _)), Some(by)) => {
                writeln!(out, "alert: {} \"{title}\", acknowledged by {by}", priority.word())?;
            }
            (Some((title, priority, ring_at)), None) => {
                let rings = ring_at.map_or_else(String::new, |at| format!("; rings people at {at} at the latest"));
                writeln!(out, "alert: {} \"{title}\", nobody has it{rings}", priority.word())?;
            }
        }
        Ok(())
    }
}

/// The open report as an engineer on the line hears it.
fn listed(report: &OpenReport) -> LineAlert {
    LineAlert {
        id: report.alert,
        reference: report.reference.clone(),
        title: "Call of before".to_owned(),
        priority: Priority::P3,
        urgency: Urgency::High,
        customer: None,
        taken: report.taken,
        opened: report.opened,
        runbook: None,
        recordings: Vec::new(),
        callback: Err("a simulation rings nobody back".to_owned()),
    }
}

fn concerns(event: &Event, leg: LegId) -> bool {
    match event {
        Event::Digit { leg: own, .. }
        | Event::PlayEnded { leg: own, .. }
        | Event::LegRinging { leg: own }
        | Event::LegAnswered { leg: own }
        | Event::JoinAnswered { leg: own, .. }
        | Event::MakeWay { leg: own }
        | Event::Held { leg: own, .. }
        | Event::LegQuality { leg: own, .. }
        | Event::Machine { leg: own, .. }
        | Event::LegEnded { leg: own, .. } => *own == leg,
        Event::KnownFound { .. }
        | Event::OpenAlertsFound { .. }
        | Event::Ordered { .. }
        | Event::CallerAnswered
        | Event::RecordEnded { .. }
        | Event::OnCallFound { .. }
        | Event::AlertTaken
        | Event::Shutdown => false,
    }
}

fn length(prompts: &[Prompt]) -> Duration {
    let one = |prompt: &Prompt| match prompt {
        Prompt::Silence(length) => *length,
        Prompt::Beep => Duration::from_millis(400),
        Prompt::Recording(_) => SPEECH,
        Prompt::Say(_) | Prompt::Digits(_) | Prompt::Name(_) | Prompt::File(_) | Prompt::Music => PROMPT,
    };
    prompts.iter().map(one).sum()
}

fn word(prompt: &Prompt) -> String {
    match prompt {
        Prompt::Say(id) => id.0.to_string(),
        Prompt::Digits(digits) => format!("digits {}", digits.reveal()),
        Prompt::Name(name) => format!("\"{}\"", name.reveal()),
        Prompt::Recording(_) => "own words".to_owned(),
        Prompt::File(file) => format!("file {file}"),
        Prompt::Beep => "beep".to_owned(),
        Prompt::Silence(length) => format!("silence {}", spell(*length)),
        Prompt::Music => "music".to_owned(),
    }
}

fn spell(duration: Duration) -> String {
    let (minutes, seconds) = (duration.as_secs() / 60, duration.as_secs() % 60);
    match (minutes, seconds) {
        (0, 0) => format!("{} ms", duration.as_millis()),
        (0, seconds) => format!("{seconds} s"),
        (minutes, 0) => format!("{minutes} min"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}

#[cfg(test)]
mod tests;
