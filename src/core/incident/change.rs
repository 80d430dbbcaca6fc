//! What can happen to an incident, and what it makes of it.

use jiff::Timestamp;

use super::{Addition, Affected, Began, Draft, Heading, Incident, Phase, Severity, Task, Update, UpdateState};
use crate::directory::Language;
use crate::fact::Actor;
use crate::ids::{AlertId, CallId, CustomerId, RecordingId, UpdateId, UserId};
use crate::private::Private;

/// One thing that happened to it.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// It was opened; it is in this state.
    Opened,
    /// The inner title.
    Titled(String),
    /// The title for customers.
    PublicTitled(String),
    /// The same title in other languages, all of them.
    PublicTitles(Vec<(Language, String)>),
    /// How bad it is.
    Severity(Severity),
    /// Which services are touched.
    Affected(Vec<Affected>),
    /// Which customers are touched beside.
    Customers(Vec<CustomerId>),
    /// Who has a role; `None`: nobody any more.
    Role(String, Option<UserId>),
    /// Something is to be done.
    TaskAdded {
        /// Its number.
        number: u32,
        /// What.
        text: String,
        /// Who.
        owner: Option<UserId>,
    },
    /// Who does it.
    TaskGiven(u32, Option<UserId>),
    /// It is done.
    TaskDone(u32),
    /// It is not done after all.
    TaskUndone(u32),
    /// An alert belongs to it.
    AlertJoined(AlertId),
    /// An alert does not belong to it.
    AlertLeft(AlertId),
    /// A call was about it.
    CallJoined(CallId),
    /// A caller added something.
    Added(CallId, RecordingId),
    /// What was understood of it.
    AddedWords(RecordingId, Private<String>),
    /// Somebody wrote something down.
    Commented(Private<String>),
    /// Something else happened that belongs on the timeline.
    Noted {
        /// One sentence without private data.
        what: String,
        /// What somebody wrote.
        text: Option<Private<String>>,
    },
    /// When the fault began.
    Began(Began),
    /// When planned work is: from, until, and whether it begins and ends by itself.
    Scheduled(Timestamp, Timestamp, bool),
    /// A text for customers was drafted.
    Drafted(Box<Update>),
    /// A draft says something else now.
    Edited(UpdateId, Box<Draft>),
    /// The title that goes out with an update for some customers.
    Headed(UpdateId, Heading),
    /// A draft waits for a second person.
    Submitted(UpdateId),
    /// An update is out.
    Published(UpdateId),
    /// An update does not go out.
    Withdrawn(UpdateId),
    /// How far it is.
    Phase(Phase),
    /// It is not over after all.
    Reopened,
    /// When customers must be told something again.
    UpdateDue(Option<Timestamp>),
    /// Somebody was reminded of that.
    Reminded,
    /// It is overdue, and somebody was warned.
    Overdue,
    /// A caller wants to be told when it is over.
    CallerWaits(Private<String>),
    /// They were told.
    CallersTold(usize),
}

impl Change {
    /// Stable word.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Opened => "incident.open",
            Self::Titled(_) => "incident.title",
            Self::PublicTitled(_) => "incident.public-title",
            Self::PublicTitles(_) => "incident.public-titles",
            Self::Severity(_) => "incident.severity",
            Self::Affected(_) => "incident.affected",
            Self::Customers(_) => "incident.customers",
            Self::Role(..) => "incident.role",
            Self::TaskAdded { .. } => "incident.task-added",
            Self::TaskGiven(..) => "incident.task-given",
            Self::TaskDone(_) => "incident.task-done",
            Self::TaskUndone(_) => "incident.task-undone",
            Self::AlertJoined(_) => "incident.alert-joined",
            Self::AlertLeft(_) => "incident.alert-left",
            Self::CallJoined(_) => "incident.call-joined",
            Self::Added(..) => "incident.added",
            Self::AddedWords(..) => "incident.added-words",
            Self::Commented(_) => "incident.comment",
            Self::Noted { .. } => "incident.note",
            Self::Began(_) => "incident.began",
            Self::Scheduled(..) => "incident.scheduled",
            Self::Drafted(_) => "incident.update-drafted",
            Self::Edited(..) => "incident.update-edited",
            Self::Headed(..) => "incident.update-headed",
            Self::Submitted(_) => "incident.update-submitted",
            Self::Published(_) => "incident.update-published",
            Self::Withdrawn(_) => "incident.update-withdrawn",
            Self::Phase(_) => "incident.phase",
            Self::Reopened => "incident.reopened",
            Self::UpdateDue(_) => "incident.update-due",
            Self::Reminded => "incident.update-reminded",
            Self::Overdue => "incident.update-overdue",
            Self::CallerWaits(_) => "incident.caller-waits",
            Self::CallersTold(_) => "incident.callers-told",
        }
    }

    /// What happened, one sentence; `incident` is as it is afterwards.
    pub fn sentence(&self, incident: &Incident) -> String {
        match self {
            Self::Opened => format!("{} {} is opened: {}.", kind_name(incident), incident.reference, incident.title),
            Self::Titled(title) => format!("It is called “{title}” now."),
            Self::PublicTitled(title) => format!("Customers read “{title}” as its title."),
            Self::PublicTitles(titles) => in_other_languages(titles),
            Self::Severity(severity) => format!("Its severity is {}.", severity.word()),
            Self::Affected(affected) => {
                let one = |one: &Affected| format!("{} ({})", one.service, one.impact.word().replace('_', " "));
                match affected.as_slice() {
                    [] => "No service is affected any more.".to_owned(),
                    some => format!("Affected: {}.", some.iter().map(one).collect::<Vec<_>>().join(", ")),
                }
            }
            Self::Customers(customers) => match customers.as_slice() {
                [] => "No customer is named beside the services' own.".to_owned(),
                some => {
                    let names = some.iter().map(|customer| customer.0.as_str()).collect::<Vec<_>>();
                    format!("Customers named: {}.", names.join(", "))
                }
            },
            Self::Role(role, Some(user)) => format!("{user} is {role}."),
            Self::Role(role, None) => format!("Nobody is {role} any more."),
            Self::TaskAdded { number, owner: Some(owner), .. } => format!("Task {number} is added, for {owner}."),
            Self::TaskAdded { number, owner: None, .. } => format!("Task {number} is added."),
            Self::TaskGiven(number, Some(owner)) => format!("Task {number} is {owner}'s."),
            Self::TaskGiven(number, None) => format!("Task {number} is nobody's."),
            Self::TaskDone(number) => format!("Task {number} is done."),
            Self::TaskUndone(number) => format!("Task {number} is open again."),
            Self::AlertJoined(alert) => format!("Alert {} belongs to it.", place(&incident.alerts, alert)),
            Self::AlertLeft(_) => "An alert does not belong to it after all.".to_owned(),
            Self::CallJoined(call) => format!("Call {} is about it.", place(&incident.calls, call)),
            Self::Added(_, one) => format!("A caller adds something (addition {}).", addition(incident, *one)),
            Self::AddedWords(one, _) => format!("What was understood of addition {}.", addition(incident, *one)),
            Self::Commented(_) => "A comment.".to_owned(),
            Self::Noted { what, .. } => what.clone(),
            Self::Began(began) => format!(
                "The fault began at {}; {} told it.",
                began.at.strftime("%Y-%m-%d %H:%M:%S UTC"),
                began.origin.whose()
            ),
            Self::Scheduled(from, until, by_itself) => {
                let how = if *by_itself { "by itself" } else { "by hand" };
                format!("The work is planned from {from:.0} to {until:.0}; it begins and ends {how}.")
            }
            Self::Drafted(update) => {
                format!("An update is drafted: {}{}.", shown(update.phase), for_whom(&update.customers))
            }
            Self::Edited(_, draft) => {
                format!("A draft is changed: {}{}.", shown(draft.phase), for_whom(&draft.customers))
            }
            Self::Headed(_, heading) => format!("Its readers read “{}” as the title.", heading.title),
            Self::Submitted(_) => "An update waits for a second person.".to_owned(),
            Self::Published(id) => published(incident, *id),
            Self::Withdrawn(_) => "An update is withdrawn; it does not go out.".to_owned(),
            Self::Phase(phase) => format!("It is {} now.", shown(*phase)),
            Self::Reopened => "It is open again.".to_owned(),
            Self::UpdateDue(Some(due)) => format!("Customers are to be told something by {due:.0}."),
            Self::UpdateDue(None) => "No update is due.".to_owned(),
            Self::Reminded => "The next update is due soon; somebody is reminded.".to_owned(),
            Self::Overdue => "The next update is overdue; somebody is warned.".to_owned(),
            Self::CallerWaits(_) => "A caller wants to be told when it is over.".to_owned(),
            Self::CallersTold(1) => "The caller who asked for it is told that it is over.".to_owned(),
            Self::CallersTold(count) => format!("{count} callers who asked for it are told that it is over."),
        }
    }

    /// What somebody wrote; kept apart from the sentence.
    pub fn text(&self) -> Option<Private<String>> {
        match self {
            Self::Commented(text) => Some(text.clone()),
            Self::Noted { text, .. } => text.clone(),
            Self::AddedWords(_, words) => Some(words.clone()),
            Self::TaskAdded { text, .. } => Some(Private::new(text.clone())),
            Self::Edited(_, draft) => Some(Private::new(draft.text.clone())),
            Self::Drafted(update) => Some(Private::new(update.text.clone())),
            Self::Opened
            | Self::Titled(_)
            | Self::PublicTitled(_)
            | Self::PublicTitles(_)
            | Self::Severity(_)
            | Self::Affected(_)
            | Self::Customers(_)
            | Self::Role(..)
            | Self::TaskGiven(..)
            | Self::TaskDone(_)
            | Self::TaskUndone(_)
            | Self::AlertJoined(_)
            | Self::AlertLeft(_)
            | Self::CallJoined(_)
            | Self::Added(..)
            | Self::Began(_)
            | Self::Scheduled(..)
            | Self::Headed(..)
            | Self::Submitted(_)
            | Self::Published(_)
            | Self::Withdrawn(_)
            | Self::Phase(_)
            | Self::Reopened
            | Self::UpdateDue(_)
            | Self::Reminded
            | Self::Overdue
            | Self::CallerWaits(_)
            | Self::CallersTold(_) => None,
        }
    }

    /// Makes it so.
    pub fn apply(&self, incident: &mut Incident, by: &Actor, at: Timestamp) {
        match self {
            Self::Opened | Self::Commented(_) | Self::Noted { .. } => {}
            Self::Titled(title) => incident.title.clone_from(title),
            Self::PublicTitled(title) => incident.public_title = Some(title.clone()),
            Self::PublicTitles(titles) => incident.public_titles.clone_from(titles),
            Self::Severity(severity) => {
                incident.severity = *severity;
                incident.worst = incident.worst.min(*severity);
            }
            Self::Affected(affected) => incident.affected.clone_from(affected),
            Self::Customers(customers) => incident.customers.clone_from(customers),
            Self::Role(role, user) => {
                incident.roles.retain(|(known, _)| known != role);
                incident.roles.extend(user.clone().map(|user| (role.clone(), user)));
            }
            Self::TaskAdded { number, text, owner } => {
                incident.tasks.push(Task { number: *number, text: text.clone(), owner: owner.clone(), done: None });
            }
            Self::TaskGiven(number, owner) => on_task(incident, *number, |task| task.owner.clone_from(owner)),
            Self::TaskDone(number) => on_task(incident, *number, |task| task.done = Some((at, by.clone()))),
            Self::TaskUndone(number) => on_task(incident, *number, |task| task.done = None),
            Self::AlertJoined(alert) => incident.alerts.push(*alert),
            Self::AlertLeft(alert) => incident.alerts.retain(|known| known != alert),
            Self::CallJoined(call) => incident.calls.push(*call),
            Self::Added(call, recording) => {
                incident.additions.push(Addition { recording: *recording, call: *call, heard: false });
            }
            Self::AddedWords(recording, _) => {
                let said = incident.additions.iter_mut().find(|one| one.recording == *recording);
                if let Some(one) = said {
                    one.heard = true;
                }
            }
            Self::Began(began) => incident.began = Some(began.clone()),
            Self::Scheduled(from, until, by_itself) => {
                incident.scheduled = Some((*from, *until));
                incident.by_itself = *by_itself;
            }
            Self::Drafted(update) => incident.updates.push((**update).clone()),
            Self::Edited(..) | Self::Headed(..) | Self::Submitted(_) | Self::Published(_) | Self::Withdrawn(_) => {
                self.apply_to_update(incident, by, at);
            }
            Self::Phase(phase) => {
                incident.phase = *phase;
                incident.resolved_at = phase.is_over().then_some(at);
            }
            Self::Reopened => incident.resolved_at = None,
            Self::UpdateDue(due) => {
                incident.update_due = *due;
                incident.update_told = 0;
            }
            Self::Reminded => incident.update_told = 1,
            Self::Overdue => incident.update_told = 2,
            Self::CallerWaits(number) => incident.tell_when_over.push(number.clone()),
            Self::CallersTold(_) => incident.tell_when_over.clear(),
        }
    }

    fn apply_to_update(&self, incident: &mut Incident, by: &Actor, at: Timestamp) {
        let (now_affected, now_named) = (incident.affected.clone(), incident.customers.clone());
        match self {
            Self::Headed(id, heading) => on_update(incident, *id, |update| update.heading = Some(heading.clone())),
            Self::Edited(id, draft) => on_update(incident, *id, |update| {
                update.phase = draft.phase;
                update.heading.clone_from(&draft.heading);
                update.text.clone_from(&draft.text);
                update.translations.clone_from(&draft.translations);
                update.customers.clone_from(&draft.customers);
                // Whoever wrote it last can't be the second person who looks at it.
                update.by = by.clone();
                update.at = at;
                update.state = UpdateState::Draft;
            }),
            Self::Submitted(id) => on_update(incident, *id, |update| update.state = UpdateState::Review),
            Self::Published(id) => {
                incident.worst = incident.severity;
                on_update(incident, *id, |update| {
                    update.state = UpdateState::Published { at, by: by.clone() };
                    update.at = at;
                    update.affected = now_affected;
                    update.named = now_named;
                });
                // The latest word stands last.
                if let Some(place) = incident.updates.iter().position(|update| update.id == *id) {
                    let published = incident.updates.remove(place);
                    incident.updates.push(published);
                }
            }
            Self::Withdrawn(id) => {
                on_update(incident, *id, |update| update.state = UpdateState::Withdrawn { by: by.clone() });
            }
            Self::Opened
            | Self::Titled(_)
            | Self::PublicTitled(_)
            | Self::PublicTitles(_)
            | Self::Severity(_)
            | Self::Affected(_)
            | Self::Customers(_)
            | Self::Role(..)
            | Self::TaskAdded { .. }
            | Self::TaskGiven(..)
            | Self::TaskDone(_)
            | Self::TaskUndone(_)
            | Self::AlertJoined(_)
            | Self::AlertLeft(_)
            | Self::CallJoined(_)
            | Self::Added(..)
            | Self::AddedWords(..)
            | Self::Commented(_)
            | Self::Noted { .. }
            | Self::Began(_)
            | Self::Scheduled(..)
            | Self::Drafted(_)
            | Self::Phase(_)
            | Self::Reopened
            | Self::UpdateDue(_)
            | Self::Reminded
            | Self::Overdue
            | Self::CallerWaits(_)
            | Self::CallersTold(_) => {}
        }
    }
}

fn published(incident: &Incident, id: UpdateId) -> String {
    match incident.update(id) {
        Some(update) => {
            format!("An update is published: {}{}.", shown(update.phase), for_whom(&update.customers))
        }
        None => "An update is published.".to_owned(),
    }
}

/// The number under which people see it.
fn place<T: PartialEq>(all: &[T], one: &T) -> usize {
    all.iter().position(|known| known == one).map_or(all.len(), |place| place + 1)
}

fn addition(incident: &Incident, recording: RecordingId) -> usize {
    let place = incident.additions.iter().position(|one| one.recording == recording);
    place.map_or(incident.additions.len(), |place| place + 1)
}

fn on_task(incident: &mut Incident, number: u32, deed: impl FnOnce(&mut Task)) {
    if let Some(task) = incident.tasks.iter_mut().find(|task| task.number == number) {
        deed(task);
    }
}

fn on_update(incident: &mut Incident, id: UpdateId, deed: impl FnOnce(&mut Update)) {
    if let Some(update) = incident.updates.iter_mut().find(|update| update.id == id) {
        deed(update);
    }
}

fn in_other_languages(titles: &[(Language, String)]) -> String {
    if titles.is_empty() {
        return "Its title for customers stands in one language only.".to_owned();
    }
    let one = |(language, title): &(Language, String)| format!("“{title}” ({})", language.0);
    let shown: Vec<String> = titles.iter().map(one).collect();
    format!("In other languages customers read {} as its title.", shown.join(", "))
}

const fn kind_name(incident: &Incident) -> &'static str {
    match incident.kind {
        super::Kind::Fault => "Incident",
        super::Kind::Maintenance => "Maintenance",
    }
}

fn shown(phase: Phase) -> String {
    phase.word().replace('_', " ")
}

fn for_whom(customers: &[CustomerId]) -> String {
    if customers.is_empty() {
        return String::new();
    }
    let names: Vec<&str> = customers.iter().map(|customer| customer.0.as_str()).collect();
    format!(", for {} only", names.join(", "))
}
