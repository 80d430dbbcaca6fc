//! Who is on call by a schedule, in a few lines.

use hotline_core::directory::Directory;
use hotline_core::oncall::{LayerWhy, OnCall, OnCallPerson};

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
        let why = |person: &OnCallPerson| Self {
            who: directory.name_of(&person.user).to_owned(),
            duty: person.duty,
            why: person.why.clone(),
        };
        on_call.people.iter().map(why).collect()
    }
}

/// What a layer says.
pub struct LayerView {
    pub name: String,
    pub answers: bool,
    pub people: String,
    pub why: String,
}

impl LayerView {
    /// Layer by layer, behind the overrides above them.
    pub fn of(on_call: &OnCall, directory: &Directory) -> Vec<Self> {
        let layer = |layer: &LayerWhy| Self {
            name: layer.name.clone(),
            answers: layer.answers,
            people: layer.people.iter().map(|user| directory.name_of(user)).collect::<Vec<_>>().join(", "),
            why: layer.why.clone(),
        };
        on_call.layers.iter().map(layer).collect()
    }
}
