//! Changes to a schedule as pure functions: from the old one to the one that is to be kept.
//!
//! Editing never restarts a rotation and never rewrites what was: each edit of a layer's rotation adds a version that
//! begins at the moment of the edit and says whose turn runs then. The person on call stays until the hand-off, and the
//! order that follows is the new list's from there on; if the person was taken out, the next of the old order who is still
//! there takes over at once (as `GoAlert` does).

use jiff::{SignedDuration, Timestamp};

use crate::ids::UserId;

use super::{Layer, Member, Override, Rotation, Schedule, Swap, SwapState};

/// Versions that ended longer ago are forgotten: nobody asks who was on call then.
const KEPT: SignedDuration = SignedDuration::from_hours(24 * 800);

/// A version that begins so shortly before it is kept was made for that.
const RECENTLY: SignedDuration = SignedDuration::from_secs(60);

/// Why a change is not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// No such layer.
    #[error("there is no layer `{0}` in this schedule; its layers are named in `layers`")]
    NoLayer(String),
    /// No such override or swap.
    #[error("there is none with the id `{0}` in this schedule")]
    NotThere(String),
    /// It ends before it begins, or both at once.
    #[error("it ends before it begins; `to` must be later than `from`")]
    Backwards,
    /// It lies in the past, which is fixed.
    #[error("it is over; what was can't be changed")]
    Past,
    /// The swap was taken by this person.
    #[error("somebody has taken it already")]
    Taken,
    /// It began before anybody took it.
    #[error("it has begun, so it can't be taken any more; make an override instead")]
    PastDue,
    /// One's own swap.
    #[error("nobody can take their own shift")]
    Own,
}

/// A layer's members from `at` on. Versions that were planned for later are dropped. An empty list: nobody from `at` on.
pub fn edit_members(old: &Schedule, layer: &str, members: Vec<Member>, at: Timestamp) -> Result<Schedule, Fault> {
    let mut new = old.clone();
    let found = new.layers.iter_mut().find(|own| own.id == layer).ok_or_else(|| Fault::NoLayer(layer.to_owned()))?;
    let mut rotation = found.current().cloned().unwrap_or_else(|| Rotation {
        members: Vec::new(),
        length: super::Length::Weeks(1),
        start: new.time_zone.to_datetime(at),
        time_zone: new.time_zone.clone(),
        since: None,
        first: 0,
    });
    rotation.members = members;
    found.rotations = versions(&found.rotations, rotation, at);
    Ok(new)
}

/// The schedule to be kept when somebody has written `new` (with one version of each rotation, or with those that `old` has) over
/// `old` at `at`: layers with the same id keep their versions and positions. A layer with another id begins afresh at its `start`.
pub fn edited(old: &Schedule, mut new: Schedule, at: Timestamp) -> Schedule {
    for layer in &mut new.layers {
        let Some(before) = old.layers.iter().find(|before| before.id == layer.id) else { continue };
        if goes_on(&before.rotations, &layer.rotations, at) {
            continue;
        }
        let Some(wanted) = layer.rotations.last().cloned() else { continue };
        let unchanged = before.current().is_some_and(|current| same(current, &wanted));
        layer.rotations = if unchanged { before.rotations.clone() } else { versions(&before.rotations, wanted, at) };
    }
    new
}

/// Whether `new` only adds to `old`, from (nearly) `at` on: then its writer has kept the positions already, as [`edit_members`] does.
fn goes_on(old: &[Rotation], new: &[Rotation], at: Timestamp) -> bool {
    let begins = |version: &Rotation| version.since.unwrap_or(Timestamp::MIN);
    let recently = at.checked_sub(RECENTLY).unwrap_or(Timestamp::MIN);
    let forgotten = at.checked_sub(KEPT).unwrap_or(Timestamp::MIN);
    let past = |versions: &[Rotation]| versions.iter().filter(|version| begins(version) < recently).count();
    let (old_past, new_past) = (&old[..past(old)], &new[..past(new)]);
    let Some(dropped) = old_past.len().checked_sub(new_past.len()) else { return false };
    // What was dropped had ended long ago.
    let all_old = old_past.get(dropped).is_none_or(|first| dropped == 0 || begins(first) < forgotten);
    all_old && old_past[dropped..] == *new_past && (!new_past.is_empty() || old_past.is_empty())
}

/// Whether two versions say the same, wherever they begin.
fn same(a: &Rotation, b: &Rotation) -> bool {
    a.members == b.members && a.length == b.length && a.start == b.start && a.time_zone == b.time_zone
}

/// `old` with `wanted` as the version from `at` on.
fn versions(old: &[Rotation], mut wanted: Rotation, at: Timestamp) -> Vec<Rotation> {
    let probe = Layer { rotations: old.to_vec(), ..Layer::new("", wanted.clone()) };
    let Some(running) = probe.rotation_at(at).filter(|_| !old.is_empty()) else { return vec![wanted] };
    wanted.first = place(running, &wanted.members, at);
    wanted.since = Some(at);
    let mut kept: Vec<Rotation> = Vec::new();
    let forgotten = at.checked_sub(KEPT).unwrap_or(Timestamp::MIN);
    for (index, version) in old.iter().enumerate() {
        let begins = version.since.unwrap_or(Timestamp::MIN);
        let ends = old.get(index + 1).and_then(|next| next.since).unwrap_or(at).min(at);
        // What would begin at or after the edit never rules; an empty list never ruled.
        if begins < at && ends > forgotten && !(index == 0 && version.members.is_empty()) {
            kept.push(version.clone());
        }
    }
    if kept.is_empty() && running.members.is_empty() {
        // Nobody was in it before: it begins with the first at its own start.
        wanted.since = None;
        wanted.first = 0;
    }
    kept.push(wanted);
    kept
}

/// Where in `members` the turn stands that runs at `at`: at the person who has it, else at the next of the old order who is there.
fn place(running: &Rotation, members: &[Member], at: Timestamp) -> usize {
    let Some(now) = running.place(running.turn(at)) else { return 0 };
    let count = running.members.len();
    for step in 0..count {
        let index = (now + step) % count;
        let member = &running.members[index];
        // Of somebody who stands in the list several times the same time counts, if there are as many.
        let nth = running.members[..index].iter().filter(|own| *own == member).count();
        let places: Vec<usize> = (0..members.len()).filter(|place| members[*place] == *member).collect();
        if let Some(place) = places.get(nth).or(places.last()) {
            return *place;
        }
    }
    0
}

/// The schedule with one more override. What began before `at` begins at `at`: the past is fixed.
pub fn add_override(old: &Schedule, mut over: Override, at: Timestamp) -> Result<Schedule, Fault> {
    over.from = over.from.max(at);
    if over.to <= at {
        return Err(Fault::Past);
    }
    if over.from >= over.to {
        return Err(Fault::Backwards);
    }
    if let Some(unknown) = over.layers.iter().find(|layer| old.layer(layer).is_none()) {
        return Err(Fault::NoLayer(unknown.clone()));
    }
    let mut new = old.clone();
    new.overrides.push(over);
    Ok(forgetful(new, at))
}

/// The schedule without the override; one that runs ends at `at`, one that is over stays.
pub fn remove_override(old: &Schedule, id: &str, at: Timestamp) -> Result<Schedule, Fault> {
    let mut new = old.clone();
    let index = new.overrides.iter().position(|over| over.id == id && !id.is_empty());
    let index = index.ok_or_else(|| Fault::NotThere(id.to_owned()))?;
    let over = &mut new.overrides[index];
    if over.to <= at {
        return Err(Fault::Past);
    }
    if over.from < at {
        over.to = at;
    } else {
        new.overrides.remove(index);
    }
    Ok(forgetful(new, at))
}

/// The schedule with a request to be relieved.
pub fn ask_swap(old: &Schedule, mut swap: Swap, at: Timestamp) -> Result<Schedule, Fault> {
    swap.from = swap.from.max(at);
    if swap.to <= at {
        return Err(Fault::Past);
    }
    if swap.from >= swap.to {
        return Err(Fault::Backwards);
    }
    if swap.taker.as_ref() == Some(&swap.giver) {
        return Err(Fault::Own);
    }
    let mut new = old.clone();
    new.swaps.push(swap);
    Ok(forgetful(new, at))
}

/// The schedule with the swap taken by `taker`; it counts from then on, behind those taken before.
pub fn take_swap(old: &Schedule, id: &str, taker: &UserId, at: Timestamp) -> Result<Schedule, Fault> {
    let mut new = old.clone();
    let index = new.swaps.iter().position(|swap| swap.id == id).ok_or_else(|| Fault::NotThere(id.to_owned()))?;
    let mut swap = new.swaps.remove(index);
    match swap.state(at) {
        SwapState::Taken => return Err(Fault::Taken),
        SwapState::PastDue => return Err(Fault::PastDue),
        SwapState::Open => {}
    }
    if swap.giver == *taker {
        return Err(Fault::Own);
    }
    swap.taker = Some(taker.clone());
    new.swaps.push(swap);
    Ok(new)
}

/// The schedule without the swap; one that runs ends at `at`.
pub fn remove_swap(old: &Schedule, id: &str, at: Timestamp) -> Result<Schedule, Fault> {
    let mut new = old.clone();
    let index = new.swaps.iter().position(|swap| swap.id == id).ok_or_else(|| Fault::NotThere(id.to_owned()))?;
    let swap = &mut new.swaps[index];
    if swap.to <= at {
        return Err(Fault::Past);
    }
    if swap.from < at && swap.taker.is_some() {
        swap.to = at;
    } else {
        new.swaps.remove(index);
    }
    Ok(forgetful(new, at))
}

/// Without what ended long ago.
fn forgetful(mut schedule: Schedule, at: Timestamp) -> Schedule {
    let forgotten = at.checked_sub(KEPT).unwrap_or(Timestamp::MIN);
    schedule.overrides.retain(|over| over.to > forgotten);
    schedule.swaps.retain(|swap| swap.to > forgotten);
    schedule
}
