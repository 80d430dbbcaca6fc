//! Hand-offs of a weekly rotation on the wall clock of its zone.

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{Span, Timestamp};

use crate::ids::UserId;

use super::Rotation;

const DAY_SECONDS: i64 = 86_400;

/// The instant at which the wall clock of `zone` first shows `local` or, where it
/// jumps over it, the first instant after the gap. A repeated hour means its first.
/// `None` only at the ends of the calendar (years −9999 and 9999).
pub fn first_instant(local: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. } => {
            offset.to_timestamp(local).ok()
        }
        AmbiguousOffset::Gap { before, after } => gap_end(local, zone, before, after),
    }
}

/// Read with the later offset, a time within the gap lies before the jump: the
/// first jump to that offset from there is the one.
fn gap_end(local: DateTime, zone: &TimeZone, before: Offset, after: Offset) -> Option<Timestamp> {
    let (early, late) = (after.to_timestamp(local).ok()?, before.to_timestamp(local).ok()?);
    let jump = zone
        .following(early)
        .take_while(|jump| jump.timestamp() <= late)
        .find(|jump| jump.offset() == after)
        .map(|jump| jump.timestamp());
    Some(jump.unwrap_or(late))
}

impl Rotation {
    /// The moment at which turn `turn` begins; turn 0 begins at `start`. `None` beyond the calendar.
    pub fn handoff(&self, turn: i64) -> Option<Timestamp> {
        let weeks = turn.checked_mul(self.turn_weeks())?;
        let local = self.start.checked_add(Span::new().try_weeks(weeks).ok()?).ok()?;
        first_instant(local, &self.time_zone)
    }

    /// The turn that runs at `at`: `handoff(turn) <= at < handoff(turn + 1)`.
    pub fn turn(&self, at: Timestamp) -> i64 {
        let turn_days = self.turn_weeks() * 7;
        let local = self.time_zone.to_datetime(at);
        // The wall clocks' distance, both read as if in UTC; off by one turn at most.
        let distance = wall_seconds(local) - wall_seconds(self.start);
        let mut turn = distance.div_euclid(turn_days * DAY_SECONDS);
        while self.handoff(turn).is_some_and(|begin| at < begin) {
            turn -= 1;
        }
        while self.handoff(turn + 1).is_some_and(|begin| begin <= at) {
            turn += 1;
        }
        turn
    }

    /// Whose turn `turn` is; `None` in an empty rotation.
    pub fn member(&self, turn: i64) -> Option<&UserId> {
        let count = i64::try_from(self.members.len()).ok().filter(|count| *count > 0)?;
        let place = usize::try_from(turn.rem_euclid(count)).ok()?;
        self.members.get(place)
    }

    /// Hand-offs in `[from, to)`, earliest first: the moment and who takes over.
    /// They happen by the calendar also where the person stays the same.
    pub fn handoffs(&self, from: Timestamp, to: Timestamp) -> Vec<(Timestamp, UserId)> {
        let running = self.turn(from);
        // A hand-off exactly at `from` belongs to the window.
        let first = if self.handoff(running) == Some(from) { running } else { running + 1 };
        (first..)
            .map_while(|turn| Some((self.handoff(turn)?, self.member(turn)?.clone())))
            .take_while(|(at, _)| *at < to)
            .collect()
    }

    fn turn_weeks(&self) -> i64 {
        i64::from(self.weeks.max(1))
    }
}

fn wall_seconds(local: DateTime) -> i64 {
    Offset::UTC.to_timestamp(local).map_or_else(
        |_| if local.year() > 0 { Timestamp::MAX.as_second() } else { Timestamp::MIN.as_second() },
        Timestamp::as_second,
    )
}
