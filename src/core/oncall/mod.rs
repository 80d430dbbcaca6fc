//! Who is on call: pure functions of a schedule, the directory and a moment.
//!
//! A [`Schedule`] is a list of [`Layer`]s, each a [`Rotation`] that counts at certain hours and for people with certain
//! skills. At a moment each layer names its people: those whose turn it is, or, where these are away or lack a skill,
//! the next in the order of turns who can. Then swaps and overrides are laid over it. `stack`: the first layer in the list
//! that has somebody answers (ilert's order); `together`: the people of all layers are on call (Opsgenie's).
//!
//! Nobody who is absent is on call, whatever else is said: an override or a swap to somebody who is away is passed over
//! and told. The past of a rotation is fixed: an edit makes a new version ([`edit`]) and the person on call stays.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::directory::{Destination, Language};
use crate::ids::{CalendarId, ScheduleId, TeamId, UserId};

mod calendar;
pub mod edit;
mod explain;
pub mod handover;
pub mod hours;
mod layer;
mod resolve;
mod rotation;
mod shifts;
#[cfg(test)]
mod tests;
mod windows;

pub use calendar::Calendar;
pub use explain::on_call;
pub use layer::{CalendarRule, Layer, Restriction};
pub use resolve::{Cause, Duty, Passed, on_duty};
pub use rotation::{Length, Member, Rotation, first_instant};
pub use shifts::{Gap, Shift, gaps, handoffs, layer_shifts, next_change, next_on_call, shifts, turns};
pub use windows::WeekWindow;

/// The only layer of a schedule that was written in the short form.
pub const ONLY_LAYER: &str = "main";

/// A rota.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// Configured name.
    pub id: ScheduleId,
    /// As shown.
    pub name: String,
    /// Zone in which it is shown and explained; layers have their own.
    pub time_zone: TimeZone,
    /// How the layers go together.
    pub mode: Mode,
    /// In order: in a stack the first that has somebody answers.
    pub layers: Vec<Layer>,
    /// Somebody else for a while; where two overlap the later in the list wins.
    pub overrides: Vec<Override>,
    /// Shifts given away, in the order in which they were agreed.
    pub swaps: Vec<Swap>,
    /// Who is told about gaps; `None`: the people of the schedule.
    pub team: Option<TeamId>,
    /// When nobody on call is a fault.
    pub cover: Cover,
    /// How long before a shift its person is told; empty: not at all.
    pub notices: Vec<Duration>,
    /// Whose holidays count for weights and the compensation sheet.
    pub holidays: Option<CalendarId>,
    /// What an hour counts in the comparison of burdens.
    pub weights: Weights,
}

/// How the layers go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Mode {
    /// The first layer in the list that has somebody answers; those below stand in.
    #[default]
    Stack,
    /// The people of all layers are on call.
    Together,
}

crate::fact::words!(Mode { Stack = "stack", Together = "together" });

/// When a schedule must have somebody: a gap is such a moment without.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Cover {
    /// Round the clock.
    #[default]
    Always,
    /// Whenever some layer is within its hours.
    Planned,
    /// While this calendar is open.
    Calendar(CalendarId),
}

/// What an hour counts, in hundredths, in the comparison of burdens; and when it is night.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weights {
    /// An hour of a working day.
    pub weekday: u32,
    /// An hour of the night, Monday to Friday.
    pub night: u32,
    /// An hour of Saturday or Sunday, day or night.
    pub weekend: u32,
    /// An hour of a holiday, day or night.
    pub holiday: u32,
    /// Local hours `[first, last)` of the night, over midnight.
    pub night_hours: (u8, u8),
}

impl Default for Weights {
    fn default() -> Self {
        Self { weekday: 100, night: 150, weekend: 150, holiday: 200, night_hours: (22, 6) }
    }
}

/// Somebody else for a while: `[from, to)`. It is a person's decision, so skills are not asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Override {
    /// Unique in the schedule; empty in files that give none.
    pub id: String,
    /// Who takes over, is there too, or is off.
    pub user: UserId,
    /// What is done with `user`.
    pub deed: OverrideDeed,
    /// Which layers (`Layer::id`) it is for, within their hours; empty: the whole schedule.
    pub layers: Vec<String>,
    /// First moment.
    pub from: Timestamp,
    /// First moment after it.
    pub to: Timestamp,
    /// Why, as the operator wrote it.
    pub reason: String,
}

/// What an override does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum OverrideDeed {
    /// The user is on call instead of everybody; also where nobody would be.
    #[default]
    Replace,
    /// The user takes this person's place wherever they are on call.
    InsteadOf(UserId),
    /// The user is on call too.
    Add,
    /// The user is off; nobody moves up within the layer.
    Remove,
}

/// Somebody gives their shifts in `[from, to)` away. Open until somebody takes it; then the taker stands wherever the giver would.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Swap {
    /// Unique in the schedule.
    pub id: String,
    /// Who asks to be relieved.
    pub giver: UserId,
    /// Who does it; `None`: open.
    pub taker: Option<UserId>,
    /// First moment.
    pub from: Timestamp,
    /// First moment after it.
    pub to: Timestamp,
    /// Why, as the giver wrote it.
    pub reason: String,
}

/// Where a swap stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SwapState {
    /// Nobody has taken it.
    Open,
    /// Somebody has.
    Taken,
    /// It began before anybody took it; it can't be taken any more.
    PastDue,
}

crate::fact::words!(SwapState { Open = "open", Taken = "taken", PastDue = "past-due" });

/// Who is to be called now: those on duty first, then the rest in the order in which they would have to stand in.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OnCall {
    /// First choice first.
    pub people: Vec<OnCallPerson>,
    /// Why these, or why nobody: which schedule, which rule, since when.
    pub why: String,
    /// Layer by layer in the schedule's order, behind those overrides that stand above all layers.
    pub layers: Vec<LayerWhy>,
}

/// One person to call.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OnCallPerson {
    /// Who.
    pub user: UserId,
    /// Where, in the order to try.
    pub phones: Vec<Destination>,
    /// Language that the hotline speaks to this person.
    pub language: Language,
    /// Why this person stands here ("on call until Mon 2026-11-30 09:00 Europe/Berlin by schedule `on-call`").
    pub why: String,
    /// On duty; else a stand-in if those on duty can't be reached.
    pub duty: bool,
}

/// What a layer (or an override above all layers) says at a moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LayerWhy {
    /// `Layer::id`; `override` for one above all layers.
    pub layer: String,
    /// As shown.
    pub name: String,
    /// Its people are on duty.
    pub answers: bool,
    /// Whom it names.
    pub people: Vec<UserId>,
    /// Why these, who was passed over and why, or what rules it out.
    pub why: String,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            id: ScheduleId::default(),
            name: String::new(),
            time_zone: TimeZone::UTC,
            mode: Mode::default(),
            layers: Vec::new(),
            overrides: Vec::new(),
            swaps: Vec::new(),
            team: None,
            cover: Cover::default(),
            notices: Vec::new(),
            holidays: None,
            weights: Weights::default(),
        }
    }
}

impl Schedule {
    /// A schedule of one layer, [`ONLY_LAYER`].
    pub fn single(id: &str, name: &str, rotation: Rotation) -> Self {
        Self {
            id: id.into(),
            name: name.to_owned(),
            time_zone: rotation.time_zone.clone(),
            layers: vec![Layer::new(ONLY_LAYER, rotation)],
            ..Default::default()
        }
    }

    /// A layer by its id.
    pub fn layer(&self, id: &str) -> Option<&Layer> {
        self.layers.iter().find(|layer| layer.id == id)
    }

    /// Nobody can ever be on call by it: no layer's current rotation has members and there is no override.
    pub fn has_nobody(&self) -> bool {
        self.overrides.is_empty()
            && self.layers.iter().all(|layer| {
                layer.current().is_none_or(|turns| turns.members.iter().all(|member| *member == Member::Nobody))
            })
    }
}

impl Swap {
    /// Where it stands at `at`.
    pub fn state(&self, at: Timestamp) -> SwapState {
        match &self.taker {
            Some(_) => SwapState::Taken,
            None if at < self.from => SwapState::Open,
            None => SwapState::PastDue,
        }
    }
}
