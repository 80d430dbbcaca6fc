//! Who is on call by a schedule, in a few lines.

use hotline_core::directory::Directory;
use hotline_core::oncall::OnCall;

use super::{When, name};
use crate::http::api::OnCallNow;

/// Who is on call by a schedule.
pub struct DutyView {
    pub id: String,
    pub schedule: String,
    pub now: Option<String>,
    pub phones: String,
    pub until: Option<When>,
    pub next: Option<String>,
    pub then: String,
    pub why: String,
}

impl From<OnCallNow> for DutyView {
    fn from(duty: OnCallNow) -> Self {
        Self {
            id: duty.schedule.id,
            schedule: duty.schedule.name,
            now: name(duty.now.as_ref()),
            phones: duty.phones.join(", then "),
            until: duty.until.as_deref().map(When::full),
            next: name(duty.next.as_ref()),
            then: duty.then.into_iter().map(|person| person.name).collect::<Vec<_>>().join(", then "),
            why: duty.why,
        }
    }
}

/// Why somebody is called, and in which place.
pub struct WhyView {
    pub who: String,
    pub duty: bool,
    pub why: String,
}

impl WhyView {
    /// Everybody who would be called, first choice first.
    pub fn of(on_call: &OnCall, directory: &Directory) -> Vec<Self> {
        let people = on_call.people.iter().enumerate();
        people
            .map(|(place, person)| Self {
                who: directory.name_of(&person.user).to_owned(),
                duty: place == 0,
                why: person.why.clone(),
            })
            .collect()
    }
}
