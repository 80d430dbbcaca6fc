//! The desk of alerts in memory: part of the fake.

use std::sync::atomic::Ordering;

use async_trait::async_trait;
use hotline_core::alert::intake::{Action, Event};
use hotline_core::alert::{Alert, Command, Refusal, Status, Urgency};
use hotline_core::escalation::Progress;
use hotline_core::fact::{Actor, Priority};
use hotline_core::ids::{ActionId, AlertId, HeartbeatId, UserId};
use hotline_core::oncall::hours::Interruption;
use hotline_core::private::Private;
use jiff::Timestamp;

use super::super::hotline::http::{
    AlertDesk, AlertRecords, Board, IncidentDesk, IncidentRecords, NotificationFilter, PlanRecords,
};
use super::super::hotline::store::StoreError;
use super::super::hotline::store::alerts::Taken;
use super::super::hotline::store::intake::{ActionRunRow, HeartbeatRow};
use super::super::hotline::store::notifications::NotificationRow;
use super::super::hotline::store::read::{AlertRow, Page};
use super::super::hotline::switch::AlertError;
use super::super::hotline::switch::actions::ActionError;
use super::super::hotline::switch::commands::CommandError;
use super::super::hotline::switch::events::{IntakeError, Origin, Outcome};
use super::{ALERT_TAKEN, ALERT_WAITING, Fake, id};

const MINUTE: i64 = 60_000;

#[async_trait]
impl AlertRecords for Fake {
    async fn alert_state(&self, id: AlertId) -> Result<Option<Alert>, StoreError> {
        self.read(|kept| kept.alerts.iter().find(|row| row.id == id.to_string()).map(state))
    }

    async fn notifications(
        &self,
        filter: &NotificationFilter,
        _: Option<&str>,
        _: u32,
    ) -> Result<Page<NotificationRow>, StoreError> {
        let now = self.now.as_millisecond();
        let mine = self.read(|_| ())?;
        let () = mine;
        let items = [(ALERT_WAITING, "no-answer", 5), (ALERT_TAKEN, "answered", 95)]
            .into_iter()
            .filter(|(alert, ..)| filter.alert.is_none_or(|wanted| wanted.0 == id(*alert)))
            .filter(|(_, state, _)| filter.state.as_ref().is_none_or(|wanted| wanted == state))
            .map(|(alert, state, minutes)| NotificationRow {
                id: id(alert + 300).to_string(),
                alert_id: Some(id(alert).to_string()),
                user_id: Some("engineer-1".to_owned()),
                channel: None,
                by: "call".to_owned(),
                kind: "alert".to_owned(),
                state: state.to_owned(),
                due_at: now - minutes * MINUTE,
                attempts: 1,
                note: None,
                why: "On call by schedule `on-call`.".to_owned(),
                created_at: now - minutes * MINUTE,
                finished_at: Some(now - (minutes - 1) * MINUTE),
            })
            .filter(|row| filter.user.as_ref().is_none_or(|user| row.user_id.as_ref() == Some(&user.0)))
            .collect();
        Ok(Page { items, next_cursor: None })
    }

    async fn action_runs(&self, alert: AlertId) -> Result<Vec<ActionRunRow>, StoreError> {
        self.read(|_| {
            vec![ActionRunRow {
                id: id(500).to_string(),
                action: "restart".to_owned(),
                alert_id: alert.to_string(),
                started_by: "login:ann".to_owned(),
                state: "done".to_owned(),
                attempts: 1,
                due_at: 0,
                created_at: 0,
                finished_at: Some(1_000),
                output: Some("restarted".to_owned()),
            }]
        })
    }

    async fn heartbeat(&self, id: &HeartbeatId) -> Result<Option<HeartbeatRow>, StoreError> {
        let now = self.now.as_millisecond();
        self.read(|_| {
            (id.0 == "backup").then(|| HeartbeatRow {
                id: id.0.clone(),
                first_ping: now - 90 * MINUTE,
                last_ping: now - 2 * MINUTE,
                state: "healthy".to_owned(),
                changed_at: now - 90 * MINUTE,
            })
        })
    }
}

#[async_trait]
impl AlertDesk for Fake {
    async fn command(&self, alert: AlertId, command: Command, by: Actor) -> Result<(), CommandError> {
        self.said.lock().push((alert, command.clone()));
        let known =
            self.kept.lock().alerts.iter().find(|row| row.id == alert.to_string()).map(|row| row.status.clone());
        let Some(status) = known else { return Err(CommandError::Unknown) };
        let over = status == "resolved";
        let done = match command {
            Command::Comment(text) if (1..=4_000).contains(&text.reveal().trim().chars().count()) => return Ok(()),
            Command::Comment(_) => return Err(Refusal::Comment.into()),
            Command::Began(began) => self.change_alert(alert, |row| {
                row.began_at = Some(began.at.as_millisecond());
                row.began_origin = Some(began.origin.word().to_owned());
            }),
            _ if over => return Err(Refusal::Resolved.into()),
            Command::Acknowledge => self.acknowledge(alert, by).await,
            Command::Resolve => self.resolve(alert, by).await,
            Command::HandBack if status == "triggered" => return Err(Refusal::NotTaken.into()),
            Command::HandBack => self.change_alert(alert, |row| "triggered".clone_into(&mut row.status)),
            Command::Escalate => Ok(()),
            Command::Assign(user) if !self.directory.users.contains_key(&user) => {
                return Err(Refusal::UnknownUser(user).into());
            }
            Command::Assign(user) => self.change_alert(alert, |row| row.assigned = Some(user.0)),
            Command::Snooze(until) => self.change_alert(alert, |row| row.snoozed_until = Some(until.as_millisecond())),
            Command::Merge(into) if into == alert => return Err(Refusal::Merge.into()),
            Command::Merge(into) => self.change_alert(alert, |row| {
                row.merged_into = Some(into.to_string());
                "resolved".clone_into(&mut row.status);
            }),
            Command::Describe { priority, title } => self.change_alert(alert, |row| {
                if let Some(priority) = priority {
                    priority.word().clone_into(&mut row.priority);
                }
                row.title = title.unwrap_or_else(|| row.title.clone());
            }),
        };
        done.map_err(|error| match error {
            AlertError::NotOpen => CommandError::Unknown,
            AlertError::NotKept(why) => CommandError::NotKept(why),
        })
    }

    async fn open_alert(&self, origin: Origin, event: Event) -> Result<Outcome, IntakeError> {
        assert_eq!(event.action, Action::Trigger);
        if self.full.load(Ordering::SeqCst) {
            return Err(IntakeError::NotKept("no space left on device".to_owned()));
        }
        if self.away.load(Ordering::SeqCst) {
            return Ok(Outcome::Queued);
        }
        let mut kept = self.kept.lock();
        let open = kept.alerts.iter().find(|row| row.dedup_key == event.dedup_key && row.status != "resolved");
        if let Some(row) = open {
            let alert = row.id.parse().ok();
            return Ok(Outcome::Kept(vec![Taken { alert, opened: false }]));
        }
        let new = AlertId(id(900 + kept.alerts.len() as u128));
        kept.alerts.push(AlertRow {
            id: new.to_string(),
            reference: "100001".to_owned(),
            status: "triggered".to_owned(),
            priority: event.priority.map_or("P3", Priority::word).to_owned(),
            urgency: "high".to_owned(),
            title: event.title,
            details: event.details.map(Private::into_inner),
            customer: event.customer.map(|customer| customer.0),
            service: event.service.map(|service| service.0),
            source: Some(origin.source.id.0),
            policy: origin.source.policy.map(|policy| policy.0),
            dedup_key: event.dedup_key,
            link: event.link,
            created_at: self.now.as_millisecond(),
            last_event_at: self.now.as_millisecond(),
            events: 1,
            ..AlertRow::default()
        });
        Ok(Outcome::Kept(vec![Taken { alert: Some(new), opened: true }]))
    }

    async fn start_action(
        &self,
        _: AlertId,
        action: &ActionId,
        _: &Actor,
        once: Option<&str>,
    ) -> Result<(String, bool), ActionError> {
        if action.0 != "restart" {
            return Err(ActionError::UnknownAction);
        }
        Ok((id(500).to_string(), once != Some("known")))
    }

    fn next_of(&self, alert: &Alert, _: Timestamp) -> (String, Option<Timestamp>) {
        if let Some(told) = self.outlook(alert) {
            return told;
        }
        match alert.status {
            Status::Triggered => ("step 2 at 03:03:00 UTC".to_owned(), alert.progress.due),
            Status::Acknowledged | Status::Resolved => ("nothing by itself: somebody has it".to_owned(), None),
        }
    }
}

/// What decides of a row, as far as pages show it.
fn state(row: &AlertRow) -> Alert {
    let at = |millis: i64| Timestamp::from_millisecond(millis).expect("a moment");
    Alert {
        id: row.id.parse().expect("an id"),
        reference: row.reference.clone(),
        status: Status::from_word(&row.status).expect("a status"),
        priority: Priority::from_word(&row.priority).expect("a priority"),
        urgency: Urgency::High,
        title: row.title.clone(),
        customer: row.customer.as_deref().map(Into::into),
        service: row.service.as_deref().map(Into::into),
        number: Some(row.number.as_str().into()),
        call: row.call_id.as_ref().and_then(|id| id.parse().ok()),
        call_running: false,
        caller: None,
        source: None,
        dedup_key: row.dedup_key.clone(),
        group_key: None,
        merged_into: None,
        events: 1,
        assigned: row.assigned.as_deref().map(UserId::from),
        snoozed_until: None,
        policy: None,
        began: None,
        opened_at: at(row.created_at),
        acknowledged_at: row.acknowledged_at.map(at),
        last_event_at: at(row.created_at),
        progress: Progress { due: row.next_ring_at.map(at), ..Progress::default() },
    }
}

#[async_trait]
impl PlanRecords for Fake {
    async fn add_feed(&self, hash: &str, kind: &str, object: &str, _: Timestamp, _: &str) -> Result<(), StoreError> {
        self.read(|_| ())?;
        self.feeds.lock().push((hash.to_owned(), kind.to_owned(), object.to_owned()));
        Ok(())
    }
    async fn feed_is(&self, hash: &str, kind: &str, object: &str) -> Result<bool, StoreError> {
        self.read(|_| ())?;
        Ok(self.feeds.lock().contains(&(hash.to_owned(), kind.to_owned(), object.to_owned())))
    }
    async fn remove_feeds(&self, kind: &str, object: &str) -> Result<u64, StoreError> {
        self.read(|_| ())?;
        self.feeds.lock().retain(|(_, own, of)| own != kind || of != object);
        Ok(1)
    }
    async fn interruptions(&self, from: Timestamp, to: Timestamp) -> Result<Vec<Interruption>, StoreError> {
        self.read(|_| ())?;
        let one = Interruption { user: UserId::from("engineer-1"), at: self.now };
        Ok([one].into_iter().filter(|one| from <= one.at && one.at < to).collect())
    }
}

/// The preview and its tests have no incidents.
impl IncidentRecords for Fake {}
impl IncidentDesk for Fake {}
