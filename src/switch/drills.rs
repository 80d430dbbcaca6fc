//! Drills: the alert of an exercise is a real one, so that people are really called; it has no customer and no service, so nobody
//! else ever hears of it.

use hotline_core::alert::intake::{Action, Event, dedup_key};
use hotline_core::directory::Directory;
use hotline_core::drill::{self, Drill, Due, Held, Reached, Replays, Told};
use hotline_core::fact::Priority;
use hotline_core::private::Private;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use uuid::Uuid;

use super::Switch;
use super::events::{Origin, Outcome};
use crate::clock::now;
use crate::store::drills::{DrillRow, DrillRunRow};
use crate::store::notifications::NotificationRow;
use crate::store::{Store, StoreError};

/// Notifications of a drill that are looked at.
const TOLD_MAX: u32 = 200;

/// Why a drill was not begun.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DrillError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its alert could not be kept.
    #[error("the drill's alert could not be kept: {0}")]
    NotKept(String),
}

impl Switch {
    /// Begins what is due; what is overdue for long is left out. Each by one node.
    pub async fn begin_due_drills(&self) -> Result<(), DrillError> {
        let at = now().wall;
        for row in self.0.store.due_drills(at).await? {
            let Some(drill) = read(&row) else { continue };
            let (begins, next) = match drill::due(&drill, at) {
                Due::Wait => continue,
                Due::Begin(next) => (true, next),
                Due::Skip(next) => (false, next),
            };
            if !self.0.store.move_drill(&row, next.map(Timestamp::as_millisecond)).await? {
                continue;
            }
            if begins {
                self.begin_drill(&row, "the hotline").await?;
            } else {
                tracing::warn!(drill = %row.id, "a drill was overdue for long and is left out");
            }
        }
        Ok(())
    }

    /// Opens the drill's alert; from here on the escalation calls people.
    pub async fn begin_drill(&self, row: &DrillRow, by: &str) -> Result<DrillRunRow, DrillError> {
        let at = now().wall;
        let mut run = DrillRunRow {
            id: Uuid::now_v7().to_string(),
            drill: row.id.clone(),
            title: row.title.clone(),
            language: row.language.clone(),
            zone: row.zone.clone(),
            begun_at: at.as_millisecond(),
            begun_by: by.to_owned(),
            alert: None,
        };
        self.0.store.add_drill_run(&run).await?;
        let (origin, event) = event(row, &run);
        match self.receive_from(origin, vec![event]).await {
            Ok(Outcome::Kept(taken)) => {
                run.alert = taken.first().and_then(|taken| taken.alert).map(|alert| alert.to_string());
                self.0.store.add_drill_run(&run).await?;
                Ok(run)
            }
            // It is on disk and follows; its run has no report then.
            Ok(Outcome::Queued) => Ok(run),
            Err(error) => Err(DrillError::NotKept(error.to_string())),
        }
    }
}

/// The alert of a run: most urgent, nobody's, marked.
fn event(row: &DrillRow, run: &DrillRunRow) -> (Origin, Event) {
    let mut origin = Origin::made(drill::SOURCE, drill::mark(&row.language));
    origin.source.policy = row.policy.as_deref().map(Into::into);
    origin.why = Some(format!("{}: an exercise, begun by {}.", drill::mark(&row.language), run.begun_by));
    let words = if row.language.starts_with("de") {
        "Dies ist eine Übung. Kein Kunde ist betroffen; bitte reagieren wie im Ernstfall."
    } else {
        "This is an exercise. No customer is touched; please react as in earnest."
    };
    let details = format!("{words}\n\n{}", row.text);
    let event = Event {
        action: Action::Trigger,
        title: drill::marked(&row.title, &row.language),
        details: Some(Private::from(details.trim())),
        dedup_key: dedup_key(&format!("drill/{}", run.id)),
        group_key: None,
        priority: Some(Priority::P1),
        customer: None,
        service: None,
        began_at: None,
        link: None,
    };
    (origin, event)
}

/// As the core has it; `None`: a later release wrote it.
pub fn read(row: &DrillRow) -> Option<Drill> {
    let replays = match row.replays.split_once(':') {
        Some(("incident", id)) => Replays::Incident(id.parse().ok()?),
        Some(("alert", id)) => Replays::Alert(id.parse().ok()?),
        Some(("call", id)) => Replays::Call(id.parse().ok()?),
        Some(_) => return None,
        None => Replays::Nothing,
    };
    Some(Drill {
        id: row.id.parse().ok()?,
        title: row.title.clone(),
        text: row.text.clone(),
        replays,
        language: row.language.clone(),
        policy: row.policy.as_deref().map(Into::into),
        next_at: row.next_at.and_then(|at| Timestamp::from_millisecond(at).ok()),
        every: drill::Every::from_word(&row.every)?,
        zone: zone(&row.zone),
    })
}

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap_or(TimeZone::UTC)
}

/// What became of a run: whom it told, who took it.
pub async fn held(store: &Store, directory: &Directory, run: &DrillRunRow) -> Result<Held, StoreError> {
    let moment = |ms: i64| Timestamp::from_millisecond(ms).unwrap_or_default();
    let mut held = Held {
        title: run.title.clone(),
        language: run.language.clone(),
        begun: moment(run.begun_at),
        ended: None,
        told: Vec::new(),
        taken: None,
        joined: Vec::new(),
        zone: zone(&run.zone),
    };
    let Some(alert) = &run.alert else { return Ok(held) };
    if let Ok(id) = alert.parse() {
        let rows = store.notifications(Some(id), None, None, None, TOLD_MAX).await?;
        let mut rows = rows.items;
        // What was told together with others came to whatever end the message had that carried it.
        for row in rows.iter_mut().filter(|row| row.state == "limited") {
            if let Some(carrier) = store.carrier(&row.id).await? {
                (row.state, row.finished_at) = (carrier.state, carrier.finished_at);
            }
        }
        held.told = rows.iter().rev().filter_map(told).collect();
    }
    let Some(row) = store.alert(alert).await? else { return Ok(held) };
    held.ended = row.resolved_at.map(moment);
    if let Some(at) = row.acknowledged_at {
        let by = row.acknowledged_by.as_deref().unwrap_or_default();
        held.taken = Some((person(store, directory, by).await?, moment(at)));
    }
    Ok(held)
}

fn told(row: &NotificationRow) -> Option<Told> {
    let end = row.finished_at.and_then(|at| Timestamp::from_millisecond(at).ok());
    let reached = match row.state.as_str() {
        "answered" => Reached::Answered,
        "delivered" => Reached::Delivered,
        // Somebody had it before it was due.
        "skipped" => return None,
        _ => Reached::No,
    };
    Some(Told {
        user: row.user_id.as_deref()?.into(),
        at: Timestamp::from_millisecond(row.created_at.max(row.due_at)).ok()?,
        by: row.by.clone(),
        end: end.map(|at| (at, reached)),
    })
}

/// The person behind what a timeline shows (`engineer-1`, `login ann`).
async fn person(
    store: &Store,
    directory: &Directory,
    shown: &str,
) -> Result<Option<hotline_core::ids::UserId>, StoreError> {
    let id = match shown.strip_prefix("login ") {
        Some(login) => store.login(login).await?.and_then(|row| row.user_id),
        None => Some(shown.to_owned()),
    };
    Ok(id.map(hotline_core::ids::UserId).filter(|user| directory.users.contains_key(user)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_alert_is_marked_and_nobodys() {
        let row = DrillRow {
            id: Uuid::from_u128(1).to_string(),
            title: "Mail down for <b>Acme</b>".to_owned(),
            text: "What happened then".to_owned(),
            replays: "nothing".to_owned(),
            language: "de".to_owned(),
            policy: Some("night".to_owned()),
            next_at: None,
            every: "once".to_owned(),
            zone: "Europe/Berlin".to_owned(),
            created_at: 0,
            created_by: "login ann".to_owned(),
        };
        let run = DrillRunRow {
            id: "r-1".to_owned(),
            drill: row.id.clone(),
            title: row.title.clone(),
            language: "de".to_owned(),
            zone: row.zone.clone(),
            begun_at: 0,
            begun_by: "login ann".to_owned(),
            alert: None,
        };
        let (origin, event) = event(&row, &run);
        assert_eq!((event.customer, event.service, event.priority), (None, None, Some(Priority::P1)));
        assert_eq!(event.title, "ÜBUNG: Mail down for <b>Acme</b>");
        assert!(event.details.unwrap().reveal().starts_with("Dies ist eine Übung."));
        assert!(drill::is_drill(Some(&origin.source.id.0)));
        assert_eq!(origin.source.policy, Some("night".into()));
        assert!(read(&row).is_some() && read(&DrillRow { replays: "moon:1".to_owned(), ..row }).is_none());
    }
}
