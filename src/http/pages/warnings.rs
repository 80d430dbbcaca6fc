//! What must not be overlooked: nobody on call now, gaps to come, alerts that nobody was reached about.

use hotline_core::directory::Directory;
use hotline_core::ids::{AlertId, ScheduleId};
use jiff::{SignedDuration, Timestamp};

use super::rota;
use super::views::When;
use super::views::alert::{AlertView, iso};
use crate::http::AppState;
use crate::http::auth::Viewer;

/// Gaps are told so far ahead.
const AHEAD: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A warning at the top of the board.
pub struct Warning {
    /// `bad`: somebody must act now; `warn`: soon.
    pub mood: &'static str,
    pub text: String,
    /// A moment that `text` ends with, and what follows it.
    pub at: Option<(When, String)>,
    pub link: Option<(String, String)>,
}

/// Schedules of which nobody is on call, now or soon; only those that the viewer sees.
pub fn of_schedules(state: &AppState, viewer: &Viewer, directory: &Directory, now: Timestamp) -> Vec<Warning> {
    let seen = viewer.schedules(directory);
    let seen = |id: &ScheduleId| seen.as_ref().is_none_or(|seen| seen.contains(id));
    let mut warnings = Vec::new();
    for schedule in directory.schedules.values().filter(|schedule| seen(&schedule.id)) {
        let link = Some((format!("/schedules/{}", super::escaped(&schedule.id.0)), "Show the schedule".to_owned()));
        let end = now.checked_add(AHEAD).unwrap_or(now);
        let gaps = rota::gaps(schedule, directory, now, end);
        let Some(gap) = gaps.first() else { continue };
        let more =
            if gaps.len() > 1 { format!(" {} more gaps follow within a week.", gaps.len() - 1) } else { String::new() };
        if gap.0 <= now {
            let nobody = state.board().on_call(schedule, directory, now).people.is_empty();
            let then = if nobody { "Alerts that need it reach nobody." } else { "Others are called in its place." };
            warnings.push(Warning {
                mood: "bad",
                text: format!("Nobody is on call by {} now. {then}{more}", schedule.name),
                at: None,
                link,
            });
        } else {
            warnings.push(Warning {
                mood: "warn",
                text: format!("Nobody will be on call by {} from", schedule.name),
                at: Some((When::full(&iso(gap.0)), format!(".{more}"))),
                link,
            });
        }
    }
    warnings
}

/// Alerts that nobody has and of which the last step reached nobody, or that have no step left.
pub async fn of_alerts(state: &AppState, alerts: &mut [AlertView]) -> Vec<Warning> {
    let waiting: Vec<AlertId> =
        alerts.iter().filter(|alert| alert.waiting()).filter_map(|alert| alert.id.parse().ok()).take(100).collect();
    if waiting.is_empty() {
        return Vec::new();
    }
    // Away: the banner says so already.
    let found = state.records().unreached(&waiting).await.unwrap_or_default();
    let mut warnings = Vec::new();
    for (id, kind) in found {
        let id = id.to_string();
        let Some(alert) = alerts.iter_mut().find(|alert| alert.id == id) else { continue };
        let (mark, text) = if kind == "escalation-exhausted" {
            ("The escalation is at its end", "everybody was told, nobody took it, and nobody else will be told")
        } else {
            ("Nobody was reached", "the last step of its escalation reached nobody")
        };
        if let Some(more) = &mut alert.more {
            more.warning = Some(mark);
        }
        warnings.push(Warning {
            mood: "bad",
            text: format!("{} alert #{}: {text}.", alert.priority, alert.reference),
            at: None,
            link: Some((format!("/alerts/{id}"), alert.title.clone())),
        });
    }
    warnings
}
