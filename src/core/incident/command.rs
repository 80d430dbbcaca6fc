//! What people (and the hotline itself) do to an incident.

use jiff::{SignedDuration, Timestamp};

use super::rules::Rules;
use super::{Affected, Began, Change, Draft, Heading, Incident, Kind, Line, Origin, Phase, Refusal, Severity, publish};
use crate::directory::{Directory, Language};
use crate::fact::Actor;
use crate::ids::{AlertId, CallId, CustomerId, RecordingId, UpdateId, UserId};
use crate::private::Private;

/// A word about an incident.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Titles and severity.
    Describe {
        /// The inner title.
        title: Option<String>,
        /// The title for customers.
        public_title: Option<String>,
        /// How bad it is.
        severity: Option<Severity>,
    },
    /// The title for customers in other languages, all of them.
    Titles(Vec<(Language, String)>),
    /// The services that are touched, all of them.
    Affect(Vec<Affected>),
    /// The customers named beside, all of them.
    Customers(Vec<CustomerId>),
    /// Who has a role; `None`: nobody.
    Role(String, Option<UserId>),
    /// Something to do.
    AddTask(String, Option<UserId>),
    /// Who does it.
    GiveTask(u32, Option<UserId>),
    /// It is done, or not after all.
    TickTask(u32, bool),
    /// An alert belongs to it.
    JoinAlert(AlertId),
    /// An alert does not.
    RemoveAlert(AlertId),
    /// An alert may belong to it: its caller had heard of the incident and went on.
    MayConcern(AlertId),
    /// A call was about it.
    JoinCall(CallId),
    /// What a caller said on this call is added to it.
    Add(CallId, RecordingId),
    /// What was understood of that.
    AddWords(RecordingId, Private<String>),
    /// Something to remember. Also what people talk by when the chat is down.
    Comment(Private<String>),
    /// A line that another part puts on the timeline (a runbook's step).
    Note(String, Option<Private<String>>),
    /// When the fault began.
    Began(Began),
    /// When planned work is: from, until, whether it begins and ends by itself.
    Schedule(Timestamp, Timestamp, bool),
    /// A text for customers.
    Draft(UpdateId, Draft),
    /// Another text in its place.
    Edit(UpdateId, Draft),
    /// "Please look at it."
    Submit(UpdateId),
    /// "Out with it"; under another title than the draft's.
    Publish(UpdateId, Option<Heading>),
    /// "Not this one."
    Withdraw(UpdateId),
    /// How far it is, where customers were not told of it.
    Phase(Phase),
    /// It is not over after all.
    Reopen,
    /// A caller wants to be told when it is over: a number for an SMS.
    TellWhenOver(Private<String>),
}

/// Who says it, and what they may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct By {
    /// Who.
    pub actor: Actor,
    /// The person of the directory, if the login has one.
    pub person: Option<UserId>,
    /// The word of the login's role; `None`: the hotline itself, by its rules.
    pub role: Option<String>,
}

/// What a decision is made with.
pub struct Setting<'a> {
    /// What is configured.
    pub directory: &'a Directory,
    /// What may be published by whom.
    pub rules: &'a Rules,
    /// By when this customer must hear again, counted from the moment it last did; `None`: nobody asks for it.
    pub due: &'a (dyn Fn(&Incident, &CustomerId, Timestamp) -> Option<Timestamp> + Send + Sync),
    /// Now.
    pub now: Timestamp,
}

/// What a word leads to.
#[derive(Debug, Clone, PartialEq)]
pub struct Deed {
    /// As it is from now on.
    pub incident: Incident,
    /// What happened, each with its why; empty: it was so already.
    pub changes: Vec<(Change, String)>,
    /// What goes on the timeline.
    pub lines: Vec<Line>,
}

impl By {
    /// The hotline itself.
    pub const SYSTEM: Self = Self { actor: Actor::System, person: None, role: None };

    /// Whether this is the same person as that actor, under whatever name.
    pub fn is(&self, actor: &Actor) -> bool {
        match (actor, &self.person) {
            (Actor::Person(user), Some(person)) if user == person => true,
            (actor, _) => *actor == self.actor,
        }
    }

    /// Whether the rules let them publish.
    pub fn may_publish(&self, incident: &Incident, rules: &Rules) -> bool {
        let Some(role) = &self.role else { return self.actor == Actor::System };
        let has = |wanted: &str| {
            incident.roles.iter().any(|(role, user)| role == wanted && Some(user) == self.person.as_ref())
        };
        rules.publishers.contains(role) || has("lead") || has("communication")
    }
}

impl std::fmt::Debug for Setting<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Setting").field("now", &self.now).finish_non_exhaustive()
    }
}

/// Most of everything.
pub(super) const MANY: usize = 500;
/// Characters of a title.
const TITLE_MAX: usize = 200;
/// Characters of a comment or update.
pub(super) const TEXT_MAX: usize = 4_000;
const TASK_MAX: usize = 500;
const ROLE_MAX: usize = 40;
/// A beginning further back is a slip of the pen.
const BEGAN_MAX: SignedDuration = SignedDuration::from_hours(366 * 24);
const SCHEDULE_MAX: SignedDuration = SignedDuration::from_hours(31 * 24);

/// What the word leads to; nothing, where it is so already. An incident that is over takes comments and [`Command::Reopen`] only.
pub fn carry_out(incident: &Incident, command: &Command, by: &By, setting: &Setting<'_>) -> Result<Deed, Refusal> {
    if !incident.is_open() && !is_fine_when_over(command) {
        return Err(Refusal::Over);
    }
    let changes = decide(incident, command, by, setting)?;
    Ok(deed(incident, changes, by, setting))
}

/// Applies the changes, and what follows for the clock of updates.
pub(super) fn deed(incident: &Incident, changes: Vec<(Change, String)>, by: &By, setting: &Setting<'_>) -> Deed {
    let mut now = incident.clone();
    let mut lines = Vec::new();
    let mut done = Vec::new();
    let mut take = |now: &mut Incident, change: Change, why: String, actor: &Actor| {
        change.apply(now, actor, setting.now);
        lines.push(Line {
            at: setting.now,
            by: actor.clone(),
            kind: change.kind(),
            what: change.sentence(now),
            why: why.clone(),
            text: change.text(),
        });
        done.push((change, why));
    };
    for (change, why) in changes {
        take(&mut now, change, why, &by.actor);
    }
    if !now.is_open() && !now.tell_when_over.is_empty() {
        let told = Change::CallersTold(now.tell_when_over.len());
        take(&mut now, told, "They asked for it.".to_owned(), &Actor::System);
    }
    if let Some((change, why)) = super::clock::follow(incident, &now, setting) {
        take(&mut now, change, why, &Actor::System);
    }
    remember(&mut now, setting.directory);
    Deed { incident: now, changes: done, lines }
}

/// Whoever is touched or told now stays among those whom it is about.
fn remember(incident: &mut Incident, directory: &Directory) {
    let told = incident.updates.iter().flat_map(|update| update.customers.iter().chain(&update.named)).cloned();
    let mut all = incident.touched(directory);
    all.extend(told);
    all.append(&mut incident.ever);
    all.sort_unstable();
    all.dedup();
    incident.ever = all;
}

const fn is_fine_when_over(command: &Command) -> bool {
    match command {
        // What a caller says may come in just when it ends.
        Command::Comment(_) | Command::Reopen | Command::Note(..) | Command::Add(..) | Command::AddWords(..) => true,
        Command::Describe { .. }
        | Command::Titles(_)
        | Command::Affect(_)
        | Command::Customers(_)
        | Command::Role(..)
        | Command::AddTask(..)
        | Command::GiveTask(..)
        | Command::TickTask(..)
        | Command::JoinAlert(_)
        | Command::RemoveAlert(_)
        | Command::MayConcern(_)
        | Command::JoinCall(_)
        | Command::Began(_)
        | Command::Schedule(..)
        | Command::Draft(..)
        | Command::Edit(..)
        | Command::Submit(_)
        | Command::Publish(..)
        | Command::Withdraw(_)
        | Command::Phase(_)
        | Command::TellWhenOver(_) => false,
    }
}

type Changes = Vec<(Change, String)>;

fn decide(incident: &Incident, command: &Command, by: &By, setting: &Setting<'_>) -> Result<Changes, Refusal> {
    let directory = setting.directory;
    let says = |what: &str| format!("{} {what}", by.actor.shown());
    Ok(match command {
        Command::Describe { title, public_title, severity } => {
            // Customers read the new title at once, where something is out.
            if public_title.is_some() {
                may_retitle(incident, by, setting.rules)?;
            }
            describe(incident, title.as_deref(), public_title.as_deref(), *severity, by)?
        }
        Command::Titles(titles) => retitle(incident, titles, by, setting.rules)?,
        Command::Affect(affected) => {
            let affected = services(affected, directory)?;
            one(affected != incident.affected, Change::Affected(affected), says("says which services are affected"))
        }
        Command::Customers(customers) => {
            let customers = known_customers(customers, directory)?;
            one(customers != incident.customers, Change::Customers(customers), says("names them"))
        }
        Command::Role(role, user) => give_role(incident, role, user.as_ref(), by, directory)?,
        Command::AddTask(text, owner) => add_task(incident, text, owner.as_ref(), by, directory)?,
        Command::GiveTask(number, owner) => {
            let task = incident.task(*number).ok_or(Refusal::UnknownTask(*number))?;
            person(owner.as_ref(), directory)?;
            one(task.owner != *owner, Change::TaskGiven(*number, owner.clone()), says("gives it"))
        }
        Command::TickTask(number, done) => {
            let task = incident.task(*number).ok_or(Refusal::UnknownTask(*number))?;
            let change = if *done { Change::TaskDone(*number) } else { Change::TaskUndone(*number) };
            one(task.done.is_some() != *done, change, says("says so"))
        }
        Command::JoinAlert(alert) => {
            bounded(incident.alerts.len())?;
            one(!incident.alerts.contains(alert), Change::AlertJoined(*alert), says("says it is the same fault"))
        }
        Command::RemoveAlert(alert) => {
            one(incident.alerts.contains(alert), Change::AlertLeft(*alert), says("says it is another fault"))
        }
        Command::MayConcern(alert) => may_concern(incident, *alert)?,
        Command::Add(call, recording) => add(incident, *call, *recording)?,
        Command::AddWords(recording, words) => add_words(incident, *recording, words),
        Command::JoinCall(call) => {
            bounded(incident.calls.len())?;
            one(!incident.calls.contains(call), Change::CallJoined(*call), says("says so"))
        }
        Command::Comment(text) => {
            let text = text_of(text.reveal(), TEXT_MAX).ok_or(Refusal::Comment)?;
            vec![(Change::Commented(Private::new(text)), says("writes it down"))]
        }
        Command::Note(what, text) => vec![(Change::Noted { what: what.clone(), text: text.clone() }, String::new())],
        Command::Began(began) => start(incident, began, by, setting.now)?,
        Command::Schedule(from, until, by_itself) => schedule(incident, *from, *until, *by_itself, by, setting.now)?,
        Command::Draft(id, draft) => publish::draft(incident, *id, draft, by, setting)?,
        Command::Edit(id, draft) => publish::edit(incident, *id, draft, by, setting)?,
        Command::Submit(id) => publish::submit(incident, *id, by)?,
        Command::Publish(id, heading) => publish::publish(incident, *id, heading.as_ref(), by, setting)?,
        Command::Withdraw(id) => publish::withdraw(incident, *id, by)?,
        Command::Phase(phase) => phase_by_hand(incident, *phase, by)?,
        Command::Reopen => reopen(incident, by)?,
        Command::TellWhenOver(number) => {
            bounded(incident.tell_when_over.len())?;
            let new = !incident.tell_when_over.contains(number);
            one(new, Change::CallerWaits(number.clone()), "The caller pressed the key for it.".to_owned())
        }
    })
}

fn one(wanted: bool, change: Change, why: String) -> Changes {
    if wanted { vec![(change, why)] } else { Vec::new() }
}

fn add_task(
    incident: &Incident,
    text: &str,
    owner: Option<&UserId>,
    by: &By,
    directory: &Directory,
) -> Result<Changes, Refusal> {
    let number = incident.tasks.iter().map(|task| task.number).max().unwrap_or(0) + 1;
    let text = text_of(text, TASK_MAX).ok_or(Refusal::Task)?;
    bounded(incident.tasks.len())?;
    person(owner, directory)?;
    let why = format!("{} asks for it", by.actor.shown());
    Ok(vec![(Change::TaskAdded { number, text, owner: owner.cloned() }, why)])
}

fn may_concern(incident: &Incident, alert: AlertId) -> Result<Changes, Refusal> {
    bounded(incident.alerts.len())?;
    let why = "It may be about it: its caller had heard of the incident and went on.".to_owned();
    Ok(one(!incident.alerts.contains(&alert), Change::AlertJoined(alert), why))
}

fn add_words(incident: &Incident, recording: RecordingId, words: &Private<String>) -> Changes {
    let waits = incident.additions.iter().any(|one| one.recording == recording && !one.heard);
    let words = text_of(words.reveal(), TEXT_MAX).filter(|_| waits);
    let heard = |words| (Change::AddedWords(recording, Private::new(words)), String::new());
    words.map(heard).into_iter().collect()
}

fn add(incident: &Incident, call: CallId, recording: RecordingId) -> Result<Changes, Refusal> {
    bounded(incident.additions.len())?;
    let known = incident.additions.iter().any(|one| one.recording == recording);
    let why = "The caller heard of it and wanted to add something.".to_owned();
    // Whoever has many callers keeps what they say all the same.
    let joins = !incident.calls.contains(&call) && incident.calls.len() < MANY;
    let joined = one(joins, Change::CallJoined(call), why.clone());
    Ok(joined.into_iter().chain(one(!known, Change::Added(call, recording), why)).collect())
}

fn describe(
    incident: &Incident,
    title: Option<&str>,
    public_title: Option<&str>,
    severity: Option<Severity>,
    by: &By,
) -> Result<Changes, Refusal> {
    let why = format!("{} says so", by.actor.shown());
    let mut changes = Vec::new();
    if let Some(title) = title {
        let title = title_of(title)?;
        changes.extend(one(title != incident.title, Change::Titled(title), why.clone()));
    }
    if let Some(title) = public_title {
        let title = title_of(title)?;
        let new = incident.public_title.as_ref() != Some(&title);
        changes.extend(if new { titled(incident, title, &why) } else { Vec::new() });
    }
    if let Some(severity) = severity {
        changes.extend(one(severity != incident.severity, Change::Severity(severity), why));
    }
    Ok(changes)
}

/// Another title. Those in other languages said what the former one did: they are gone with it.
fn titled(incident: &Incident, title: String, why: &str) -> Changes {
    let mut changes = vec![(Change::PublicTitled(title), why.to_owned())];
    if !incident.public_titles.is_empty() {
        changes.push((Change::PublicTitles(Vec::new()), "Its title for customers is another one.".to_owned()));
    }
    changes
}

/// Where customers read the title, it is a word to them like any other.
fn may_retitle(incident: &Incident, by: &By, rules: &Rules) -> Result<(), Refusal> {
    if !incident.is_published() {
        return Ok(());
    }
    if !by.may_publish(incident, rules) {
        return Err(Refusal::MayNotPublish);
    }
    if by.role.is_some() && incident.needs_review(rules) { Err(Refusal::NeedsReview) } else { Ok(()) }
}

fn retitle(incident: &Incident, titles: &[(Language, String)], by: &By, rules: &Rules) -> Result<Changes, Refusal> {
    if incident.public_title.is_none() {
        return Err(Refusal::NoPublicTitle);
    }
    may_retitle(incident, by, rules)?;
    let titles = titles_of(titles)?;
    let why = format!("{} says so", by.actor.shown());
    Ok(one(titles != incident.public_titles, Change::PublicTitles(titles), why))
}

/// Each language once.
pub(super) fn titles_of(titles: &[(Language, String)]) -> Result<Vec<(Language, String)>, Refusal> {
    let mut all: Vec<(Language, String)> = Vec::new();
    for (language, title) in titles {
        let title = title_of(title)?;
        bounded(all.len())?;
        all.retain(|(known, _)| known != language);
        all.push((language.clone(), title));
    }
    Ok(all)
}

fn give_role(
    incident: &Incident,
    role: &str,
    user: Option<&UserId>,
    by: &By,
    directory: &Directory,
) -> Result<Changes, Refusal> {
    let role = role.trim().to_lowercase();
    let fine = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | ' ');
    if role.is_empty() || role.chars().count() > ROLE_MAX || !role.chars().all(fine) {
        return Err(Refusal::Role);
    }
    person(user, directory)?;
    let has = incident.roles.iter().find(|(known, _)| *known == role).map(|(_, user)| user);
    if has.is_none() {
        bounded(incident.roles.len())?;
    }
    let why = format!("{} says so", by.actor.shown());
    Ok(one(has != user, Change::Role(role, user.cloned()), why))
}

/// Whether this beginning takes the place of the one that is known: a payload's time is better than a caller's, and a person who writes
/// one down overrules both. The earlier of two payloads counts, the first of two callers.
pub fn is_better(began: &Began, known: Option<&Began>) -> bool {
    let better = match (began.origin, known.map(|known| known.origin)) {
        (Origin::Person, _) | (Origin::Payload | Origin::Caller, None) | (Origin::Payload, Some(Origin::Caller)) => {
            true
        }
        (Origin::Payload, Some(Origin::Payload)) => known.is_some_and(|known| began.at < known.at),
        (Origin::Payload, Some(Origin::Person)) | (Origin::Caller, Some(_)) => false,
    };
    better && known != Some(began)
}

fn start(incident: &Incident, began: &Began, by: &By, now: Timestamp) -> Result<Changes, Refusal> {
    if began.at > now || now.duration_since(began.at) > BEGAN_MAX {
        return Err(Refusal::Began);
    }
    if incident.kind == Kind::Maintenance {
        return Err(Refusal::Began);
    }
    let why = match began.origin {
        Origin::Payload => "The monitoring tool's event says so.".to_owned(),
        Origin::Caller => "A caller said so.".to_owned(),
        Origin::Person => format!("{} says so", by.actor.shown()),
    };
    Ok(one(is_better(began, incident.began.as_ref()), Change::Began(began.clone()), why))
}

pub(super) fn fits_plan(from: Timestamp, until: Timestamp, now: Timestamp) -> bool {
    from < until && until > now && until.duration_since(from) <= SCHEDULE_MAX
}

fn schedule(
    incident: &Incident,
    from: Timestamp,
    until: Timestamp,
    by_itself: bool,
    by: &By,
    now: Timestamp,
) -> Result<Changes, Refusal> {
    if incident.kind != Kind::Maintenance {
        return Err(Refusal::NotPlanned);
    }
    if !fits_plan(from, until, now) {
        return Err(Refusal::Schedule);
    }
    let new = incident.scheduled != Some((from, until)) || incident.by_itself != by_itself;
    Ok(one(new, Change::Scheduled(from, until, by_itself), format!("{} plans it so", by.actor.shown())))
}

/// Where customers know a phase, only a published update may tell another.
fn phase_by_hand(incident: &Incident, phase: Phase, by: &By) -> Result<Changes, Refusal> {
    if !phase.is_of(incident.kind) {
        return Err(Refusal::Phase(incident.kind, phase));
    }
    if phase == incident.phase {
        return Ok(Vec::new());
    }
    if incident.is_published() {
        return Err(Refusal::NeedsUpdate);
    }
    Ok(vec![(Change::Phase(phase), format!("{} says so", by.actor.shown()))])
}

fn reopen(incident: &Incident, by: &By) -> Result<Changes, Refusal> {
    if incident.is_open() {
        return Err(Refusal::NotOver);
    }
    let phase = match incident.kind {
        Kind::Fault => Phase::Investigating,
        Kind::Maintenance => Phase::InProgress,
    };
    let why = format!("{} says it is not over; customers read so with the next update", by.actor.shown());
    Ok(vec![(Change::Reopened, why), (Change::Phase(phase), "It was reopened.".to_owned())])
}

/// Trimmed, without control characters; `None`: empty or too long.
pub(super) fn text_of(text: &str, max: usize) -> Option<String> {
    let text: String = text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
    let text = text.trim();
    (!text.is_empty() && text.chars().count() <= max).then(|| text.to_owned())
}

/// One line.
pub(super) fn title_of(title: &str) -> Result<String, Refusal> {
    let line = title.split_whitespace().collect::<Vec<_>>().join(" ");
    text_of(&line, TITLE_MAX).ok_or(Refusal::Title)
}

pub(super) const fn bounded(count: usize) -> Result<(), Refusal> {
    if count < MANY { Ok(()) } else { Err(Refusal::Full(MANY)) }
}

/// Each once, by name; all known.
pub(super) fn services(affected: &[Affected], directory: &Directory) -> Result<Vec<Affected>, Refusal> {
    let mut services = affected.to_vec();
    services.sort_by(|a, b| (&a.service, std::cmp::Reverse(a.impact)).cmp(&(&b.service, std::cmp::Reverse(b.impact))));
    // Named twice: the worse counts.
    services.dedup_by(|b, a| a.service == b.service);
    bounded(services.len().saturating_sub(1))?;
    match services.iter().find(|affected| !directory.services.contains_key(&affected.service)) {
        Some(unknown) => Err(Refusal::UnknownService(unknown.service.clone())),
        None => Ok(services),
    }
}

pub(super) fn known_customers(customers: &[CustomerId], directory: &Directory) -> Result<Vec<CustomerId>, Refusal> {
    let mut customers = customers.to_vec();
    customers.sort_unstable();
    customers.dedup();
    match customers.iter().find(|customer| !directory.customers.contains_key(*customer)) {
        Some(unknown) => Err(Refusal::UnknownCustomer(unknown.clone())),
        None => Ok(customers),
    }
}

pub(super) fn person(user: Option<&UserId>, directory: &Directory) -> Result<(), Refusal> {
    match user {
        Some(user) if !directory.users.contains_key(user) => Err(Refusal::UnknownUser(user.clone())),
        Some(_) | None => Ok(()),
    }
}
