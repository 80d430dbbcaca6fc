//! Looks ahead in the schedules: alarms gaps before they come, tells people that their shift comes, and hands over what is open.
//!
//! Keeps no state of its own: what was said has its key in the notifications' rows, so a restart or a second node says
//! nothing twice, and what fell due while nobody looked is said late rather than never. Telephones are not rung for this.

use std::collections::BTreeSet;
use std::time::Duration;

use hotline_core::alert::Status;
use hotline_core::directory::{Address, Directory, Language};
use hotline_core::fact::Priority;
use hotline_core::ids::UserId;
use hotline_core::notify::{Kind, Planned, To};
use hotline_core::oncall::handover::{self, Handover, Notice, OpenAlert};
use hotline_core::oncall::{Gap, Member, Schedule, gaps};
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::clock::now;
use crate::store::Store;
use crate::store::read::{AlertFilter, AlertRow};
use crate::switch::Switch;

/// Between two looks.
const TICK: Duration = Duration::from_secs(30);
/// Gaps are looked for once in so many looks.
const GAPS_EVERY: u32 = 10;
/// So far ahead gaps are alarmed.
const AHEAD: SignedDuration = SignedDuration::from_hours(24 * 14);
/// So late a notice or a note may still come (a restart, a database that was away).
const LATE: SignedDuration = SignedDuration::from_mins(30);
/// Gaps of one schedule that are alarmed one by one; the rest is counted.
const GAPS_TOLD: usize = 3;
/// Open alerts that a note looks at.
const ALERTS_MAX: u32 = 200;

/// Until stopped.
pub async fn run(switch: Switch, store: Store, stop: CancellationToken) {
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut looks = 0_u32;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => {}
        }
        look(&switch, &store, now().wall, looks.is_multiple_of(GAPS_EVERY)).await;
        looks = looks.wrapping_add(1);
    }
}

/// One message to one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) planned: Planned,
    pub(super) text: String,
}

/// One look at `at`.
async fn look(switch: &Switch, store: &Store, at: Timestamp, with_gaps: bool) {
    let directory = switch.directory();
    let work = move || {
        let mut said: Vec<Said> = Vec::new();
        let mut warnings = Vec::new();
        let mut handovers: Vec<(Schedule, Handover)> = Vec::new();
        let from = at.checked_sub(LATE).unwrap_or(at);
        for schedule in directory.schedules.values() {
            said.extend(notices(schedule, &directory, from, at));
            let past = handover::handovers(schedule, &directory, from, at);
            handovers.extend(past.into_iter().map(|one| (schedule.clone(), one)));
            if with_gaps {
                let (warning, messages) = alarmed(schedule, &directory, at);
                warnings.extend(warning);
                said.extend(messages);
            }
        }
        (directory, said, warnings, handovers)
    };
    let Ok((directory, mut said, warnings, handovers)) = tokio::task::spawn_blocking(work).await else { return };
    if with_gaps {
        switch.set_schedule_warnings(warnings);
    }
    if !handovers.is_empty() {
        let filter = AlertFilter { open: true, ..Default::default() };
        let Ok(page) = store.alerts(&filter, None, ALERTS_MAX).await else { return };
        for (schedule, handover) in &handovers {
            said.extend(notes(schedule, &directory, handover, &page.items));
        }
    }
    for one in said {
        // The database is away: the next look says it.
        let Ok(new) = store.notify(std::slice::from_ref(&one.planned), Some(&one.text), at).await else { return };
        if !new.is_empty() {
            switch.poke_delivery();
        }
    }
}

/// The contact by which somebody is told of shifts: the first proven one that is no telephone, SMS only if there is no other.
fn contact<'a>(directory: &'a Directory, user: &UserId) -> Option<(&'a str, &'a Address, &'a Language)> {
    let person = directory.users.get(user)?;
    let rank = |address: &Address| match address {
        Address::Call(_) => None,
        Address::Sms(_) => Some(1),
        Address::Email(_)
        | Address::Ntfy(_)
        | Address::Telegram(_)
        | Address::Slack(_)
        | Address::Teams(_)
        | Address::Webhook(_) => Some(0),
    };
    let usable = person.contacts.iter().filter(|contact| contact.verified);
    let best = usable.filter_map(|contact| Some((rank(&contact.address)?, contact))).min_by_key(|(rank, _)| *rank);
    best.map(|(_, contact)| (contact.id.as_str(), &contact.address, &person.language))
}

/// A message to somebody, if there is a way. `deed`: what makes it this message, whoever plans it.
pub(super) fn message(
    directory: &Directory,
    user: &UserId,
    deed: &str,
    due: Timestamp,
    why: &str,
    text: impl FnOnce(&Language) -> String,
) -> Option<Said> {
    let (contact, address, language) = contact(directory, user)?;
    let planned = Planned {
        key: format!("{deed}/{user}"),
        alert: None,
        to: To::Person { user: user.clone(), contact: contact.to_owned() },
        address: address.clone(),
        due,
        kind: Kind::OnCall,
        why: why.to_owned(),
    };
    Some(Said { planned, text: text(language) })
}

/// Notices that fell due in `(from, at]` and whose shift has not begun.
fn notices(schedule: &Schedule, directory: &Directory, from: Timestamp, at: Timestamp) -> Vec<Said> {
    let to = at.checked_add(SignedDuration::from_secs(1)).unwrap_or(at);
    let due = handover::notices(schedule, directory, from, to);
    let told = |notice: Notice| {
        let minutes = notice.before.as_secs() / 60;
        let deed = format!("shift/{}/{}/{minutes}", schedule.id, notice.stint.from.as_second());
        let why = format!("their shift by schedule `{}` begins in {minutes} minutes", schedule.id);
        message(directory, &notice.stint.user, &deed, notice.due, &why, |language| {
            handover::notice_text(&notice, schedule, directory, language)
        })
    };
    due.into_iter().filter(|notice| notice.stint.from > at).filter_map(told).collect()
}

/// The note of a hand-over, to those who go and those who come.
fn notes(schedule: &Schedule, directory: &Directory, handover: &Handover, alerts: &[AlertRow]) -> Vec<Said> {
    let open: Vec<OpenAlert> = alerts
        .iter()
        .filter(|row| concerns(schedule, directory, row))
        .filter_map(|row| open_alert(directory, row))
        .collect();
    let both: BTreeSet<&UserId> = handover.leaving.iter().chain(&handover.coming).collect();
    let told = |user: &UserId| {
        let deed = format!("handover/{}/{}", schedule.id, handover.at.as_second());
        let why = format!("hand-over of schedule `{}`", schedule.id);
        message(directory, user, &deed, handover.at, &why, |language| {
            handover::note(handover, schedule, directory, user, &open, language)
        })
    };
    both.into_iter().filter_map(told).collect()
}

/// Whether the schedule's people look after the alert: by its number or by a step of its policy. One that is nobody's is everybody's.
fn concerns(schedule: &Schedule, directory: &Directory, row: &AlertRow) -> bool {
    use hotline_core::escalation::Target;
    let number = directory.number(&row.number).and_then(|number| number.schedule.as_ref());
    let policy = row.policy.as_deref().map(hotline_core::ids::PolicyId::from);
    let policy = policy.and_then(|policy| directory.policies.get(&policy));
    let steps = policy.map(|policy| {
        policy
            .steps
            .iter()
            .flat_map(|step| &step.targets)
            .any(|target| *target == Target::Schedule(schedule.id.clone()))
    });
    match (number, steps) {
        (None, None) => true,
        (number, steps) => number == Some(&schedule.id) || steps == Some(true),
    }
}

fn open_alert(directory: &Directory, row: &AlertRow) -> Option<OpenAlert> {
    let customer = row.customer.as_deref().map(hotline_core::ids::CustomerId::from);
    let customer = customer.and_then(|id| directory.customers.get(&id)).map(|customer| customer.name.clone());
    Some(OpenAlert {
        reference: row.reference.clone(),
        priority: Priority::from_word(&row.priority)?,
        status: Status::from_word(&row.status)?,
        title: row.title.clone(),
        customer,
        opened_at: Timestamp::from_millisecond(row.created_at).ok()?,
        taken_by: row.acknowledged_by.clone(),
    })
}

/// What is to be shown and said about gaps that are there or come within two weeks.
fn alarmed(schedule: &Schedule, directory: &Directory, at: Timestamp) -> (Option<String>, Vec<Said>) {
    let (Ok(from), Ok(to)) = (at.checked_sub(AHEAD), at.checked_add(AHEAD)) else { return (None, Vec::new()) };
    // From before, so that a gap that has begun keeps its beginning, and its key with it.
    let coming: Vec<Gap> = gaps(schedule, directory, from, to).into_iter().filter(|gap| gap.to > at).collect();
    let Some(first) = coming.first() else { return (None, Vec::new()) };
    let zone = schedule.time_zone.iana_name().unwrap_or("UTC");
    let moment = |moment: Timestamp| {
        let local = moment.to_zoned(schedule.time_zone.clone());
        format!("{} {zone}", local.strftime("%a %Y-%m-%d %H:%M"))
    };
    let span = |gap: &Gap| match (gap.from <= at, gap.to >= to) {
        (true, true) => "now and as far as can be seen".to_owned(),
        (true, false) => format!("now and until {}", moment(gap.to)),
        (false, true) => format!("from {} on", moment(gap.from)),
        (false, false) => format!("from {} until {}", moment(gap.from), moment(gap.to)),
    };
    let more = match coming.len() {
        1 => String::new(),
        count => format!(" (and {} more gaps within two weeks)", count - 1),
    };
    let warning = format!(
        "schedule {} has nobody on call {}{more}: add an override, members or a layer, or say in `cover` that this is meant",
        schedule.id,
        span(first)
    );
    let mut said = Vec::new();
    for gap in coming.iter().take(GAPS_TOLD) {
        let key = match (gap.from > from, gap.to < to) {
            (true, _) => gap.from.as_second().to_string(),
            (false, true) => format!("to-{}", gap.to.as_second()),
            (false, false) => "always".to_owned(),
        };
        let deed = format!("gap/{}/{key}", schedule.id);
        let why = format!("schedule `{}` has a gap", schedule.id);
        said.extend(told_of_gaps(schedule, directory, at).iter().filter_map(|user| {
            message(directory, user, &deed, at, &why, |language| gap_text(schedule, &span(gap), &gap.why, language))
        }));
    }
    (Some(warning), said)
}

fn gap_text(schedule: &Schedule, span: &str, why: &str, language: &Language) -> String {
    if language.0 == "de" {
        format!("Lücke im Bereitschaftsplan „{}“: niemand hat Bereitschaft, {span}. Grund: {why}", schedule.name)
    } else {
        format!("A gap in the schedule \"{}\": nobody is on call {span}. Why: {why}", schedule.name)
    }
}

/// The schedule's team, else its people.
fn told_of_gaps(schedule: &Schedule, directory: &Directory, at: Timestamp) -> Vec<UserId> {
    if let Some(team) = schedule.team.as_ref().and_then(|team| directory.teams.get(team)) {
        return team.members.clone();
    }
    let mut people: Vec<UserId> = Vec::new();
    for layer in &schedule.layers {
        let own = layer.people(directory, at);
        people.extend(own.into_iter().filter(|user| !user.0.is_empty()));
    }
    for layer in schedule.layers.iter().filter_map(|layer| layer.current()) {
        people.extend(
            layer
                .members
                .iter()
                .filter_map(|member| if let Member::User(user) = member { Some(user.clone()) } else { None }),
        );
    }
    people.sort();
    people.dedup();
    people
}

#[cfg(test)]
mod tests {
    use super::*;

    use hotline_core::directory::{Contact, User};
    use hotline_core::oncall::{Length, Rotation};

    fn ts(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn world() -> (Schedule, Directory) {
        let mut directory = Directory::default();
        for (name, language) in [("ann", "de"), ("bo", "en"), ("cy", "en")] {
            let mail = Contact {
                id: "mail".to_owned(),
                address: Address::Email(format!("{name}@example.com").into()),
                verified: name != "cy",
            };
            let user = User {
                id: name.into(),
                name: name.to_uppercase(),
                language: Language(language.to_owned()),
                contacts: vec![mail],
                ..Default::default()
            };
            directory.users.insert(name.into(), user);
        }
        let members = vec![Member::from("ann"), Member::from("bo"), Member::from("cy")];
        let zone = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
        let rotation = Rotation::new(members, Length::Weeks(1), "2028-05-01T08:00".parse().unwrap(), zone);
        let notices = vec![Duration::from_hours(24), Duration::from_hours(1)];
        (Schedule { notices, ..Schedule::single("nights", "Nights", rotation) }, directory)
    }

    #[test]
    fn a_shift_is_announced_once_and_not_after_it_began() {
        let (schedule, directory) = world();
        let at = |at: &str| notices(&schedule, &directory, ts(at) - LATE, ts(at));
        assert!(at("2028-05-07T05:59:00Z").is_empty());
        let first = at("2028-05-07T06:00:00Z");
        assert_eq!(first.len(), 1);
        assert_eq!(first[0].planned.kind, Kind::OnCall);
        assert!(
            first[0].text.starts_with("Your time on call for \"Nights\" begins Mon 2028-05-08 08:00 Europe/Berlin")
        );
        assert_eq!(
            at("2028-05-07T06:20:00Z")[0].planned.key,
            first[0].planned.key,
            "the same message, whoever looks when"
        );
        assert!(at("2028-05-07T06:31:00Z").is_empty());
        assert_eq!(at("2028-05-08T05:00:10Z").len(), 1);
        assert!(at("2028-05-15T05:00:10Z").is_empty(), "cy's contact is not proven");
        assert!(at("2028-05-08T06:00:00Z").is_empty(), "it has begun");
    }

    #[test]
    fn a_note_goes_to_both() {
        let (schedule, directory) = world();
        let handovers =
            handover::handovers(&schedule, &directory, ts("2028-05-08T05:40:00Z"), ts("2028-05-08T06:10:00Z"));
        let said = notes(&schedule, &directory, &handovers[0], &[]);
        let keys: Vec<&str> = said.iter().map(|one| one.planned.key.as_str()).collect();
        let moment = ts("2028-05-08T06:00:00Z").as_second();
        assert_eq!(keys, [format!("handover/nights/{moment}/ann"), format!("handover/nights/{moment}/bo")]);
        assert!(said[0].text.starts_with("Übergabe der Bereitschaft „Nights“"));
        assert!(said[1].text.ends_with("No alert is open."));
    }

    #[test]
    fn gaps_are_alarmed_beforehand_with_the_same_key_all_along() {
        let (mut schedule, directory) = world();
        schedule.layers[0].until = Some(ts("2028-06-01T00:00:00Z"));
        assert_eq!(alarmed(&schedule, &directory, ts("2028-05-10T00:00:00Z")).0, None);
        let (warning, said) = alarmed(&schedule, &directory, ts("2028-05-20T00:00:00Z"));
        assert!(
            warning
                .unwrap()
                .starts_with("schedule nights has nobody on call from Thu 2028-06-01 02:00 Europe/Berlin on")
        );
        assert_eq!(said.len(), 2, "ann and bo; cy has no proven contact");
        let later = alarmed(&schedule, &directory, ts("2028-06-03T00:00:00Z"));
        assert_eq!(later.1[0].planned.key, said[0].planned.key, "no second message when it has come");
        assert!(later.0.unwrap().contains("now and as far as can be seen"));
    }
}
