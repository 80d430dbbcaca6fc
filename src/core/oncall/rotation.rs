//! Hand-offs of a rotation on the wall clock of its zone, and whose turn it is.

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{SignedDuration, Span, Timestamp};

use crate::ids::{TeamId, UserId};

const HOUR_SECONDS: i64 = 3_600;

/// People who take turns.
///
/// Hand-off k is the local wall clock `start` plus k lengths in `time_zone`: a gap moves it to the first instant after, a
/// repeated hour means its first. Hand-offs that fall on the same instant are one, so nobody is passed over because an
/// hour vanished. A turn is `[hand-off, next hand-off)`; an hour's turn may last two in autumn, a day's 23 or 25. The
/// rotation reaches back before its start too.
#[derive(Debug, Clone, PartialEq)]
pub struct Rotation {
    /// In the order of their turns; somebody may stand in it several times. Empty: nobody.
    pub members: Vec<Member>,
    /// Length of a turn.
    pub length: Length,
    /// The first hand-off, local. Whole minutes.
    pub start: DateTime,
    /// Zone of `start`.
    pub time_zone: TimeZone,
    /// From when on this version of the layer's rotation rules, up to the `since` of the next; `None`: from ever.
    pub since: Option<Timestamp>,
    /// Whose turn runs at `since` (at `start`, without `since`): an index of `members`, taken round it if beyond.
    pub first: usize,
}

/// Who takes a turn.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Member {
    /// One person.
    User(UserId),
    /// Everybody of a team, together.
    Team(TeamId),
    /// Nobody, on purpose: a turn that is left to the other layers.
    Nobody,
}

/// How long a turn is, on the wall clock. Never zero: 0 counts as 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Length {
    /// Hours.
    Hours(u32),
    /// Days.
    Days(u32),
    /// Weeks.
    Weeks(u32),
    /// Months, from the day of the month of `start`; where a month is too short it is the month's last day (31 January,
    /// 28 February, 31 March).
    Months(u32),
    /// Turns of different lengths, in hours, one after the other and then from the beginning (four days, three days).
    Cycle(Vec<u32>),
}

impl From<&str> for Member {
    fn from(user: &str) -> Self {
        Self::User(UserId::from(user))
    }
}

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
    /// A rotation from ever, the first member's turn at `start`.
    pub fn new(members: Vec<Member>, length: Length, start: DateTime, time_zone: TimeZone) -> Self {
        Self { members, length, start, time_zone, since: None, first: 0 }
    }

    /// A rotation of people with turns of whole weeks.
    pub fn weekly(members: &[UserId], weeks: u32, start: DateTime, time_zone: TimeZone) -> Self {
        Self::new(members.iter().cloned().map(Member::User).collect(), Length::Weeks(weeks), start, time_zone)
    }

    /// The moment at which turn `turn` begins; turn 0 begins at `start`. `None` beyond the calendar.
    pub fn handoff(&self, turn: i64) -> Option<Timestamp> {
        first_instant(self.local(turn)?, &self.time_zone)
    }

    /// The turn that runs at `at`: the last with `handoff(turn) <= at`.
    pub fn turn(&self, at: Timestamp) -> i64 {
        let mut turn = self.guess(self.time_zone.to_datetime(at));
        while self.handoff(turn).is_some_and(|begin| at < begin) {
            turn -= 1;
        }
        while self.handoff(turn + 1).is_some_and(|begin| begin <= at) {
            turn += 1;
        }
        turn
    }

    /// The first hand-off after turn `turn` has begun that lies on a later instant.
    pub fn turn_end(&self, turn: i64) -> Option<Timestamp> {
        let begin = self.handoff(turn)?;
        (turn + 1..).map_while(|next| self.handoff(next)).find(|end| *end > begin)
    }

    /// Whose turn `turn` is, as an index of `members`; `None` in an empty rotation.
    pub fn place(&self, turn: i64) -> Option<usize> {
        let count = i64::try_from(self.members.len()).ok().filter(|count| *count > 0)?;
        let anchor = self.since.map_or(0, |since| self.turn(since));
        let first = i64::try_from(self.first).ok()?.rem_euclid(count);
        let moved = (turn - anchor).checked_sub(self.merged(anchor, turn))?;
        usize::try_from((first + moved.rem_euclid(count)).rem_euclid(count)).ok()
    }

    /// Whose turn `turn` is; `None` in an empty rotation.
    pub fn member(&self, turn: i64) -> Option<&Member> {
        self.members.get(self.place(turn)?)
    }

    /// Hand-offs in `[from, to)`, earliest first: the moment and who takes over.
    /// They happen by the calendar also where the person stays the same.
    pub fn handoffs(&self, from: Timestamp, to: Timestamp) -> Vec<(Timestamp, Member)> {
        let mut found = Vec::new();
        let mut at = from;
        let running = self.turn(from);
        // A hand-off exactly at `from` belongs to the window.
        if self.handoff(running) != Some(from) {
            let Some(end) = self.turn_end(running) else { return found };
            at = end;
        }
        while at < to {
            let turn = self.turn(at);
            let Some(member) = self.member(turn) else { break };
            found.push((at, member.clone()));
            let Some(end) = self.turn_end(turn) else { break };
            at = end;
        }
        found
    }

    /// Whether hand-offs change anything.
    pub(super) fn turns(&self) -> bool {
        self.members.iter().any(|member| Some(member) != self.members.first())
    }

    /// The wall clock at hand-off `turn`.
    fn local(&self, turn: i64) -> Option<DateTime> {
        let span = match &self.length {
            Length::Months(months) => {
                return self
                    .start
                    .checked_add(Span::new().try_months(turn.checked_mul(at_least_1(*months))?).ok()?)
                    .ok();
            }
            Length::Hours(_) | Length::Days(_) | Length::Weeks(_) => turn.checked_mul(self.seconds())?,
            Length::Cycle(parts) => {
                let count = i64::try_from(parts.len()).ok()?.max(1);
                let begun: i64 =
                    parts.iter().take(usize::try_from(turn.rem_euclid(count)).ok()?).map(|p| at_least_1(*p)).sum();
                turn.div_euclid(count).checked_mul(self.seconds())?.checked_add(begun * HOUR_SECONDS)?
            }
        };
        self.start.checked_add(SignedDuration::from_secs(span)).ok()
    }

    /// Seconds of a turn, of the whole cycle, or (roughly) of so many months.
    fn seconds(&self) -> i64 {
        HOUR_SECONDS
            * match &self.length {
                Length::Hours(count) => at_least_1(*count),
                Length::Days(count) => 24 * at_least_1(*count),
                Length::Weeks(count) => 168 * at_least_1(*count),
                Length::Months(count) => 730 * at_least_1(*count),
                Length::Cycle(parts) => parts.iter().map(|part| at_least_1(*part)).sum::<i64>().max(1),
            }
    }

    /// The length of a turn in days, the longest of a cycle, rounded up.
    pub fn days_max(&self) -> u32 {
        let days = match &self.length {
            Length::Hours(count) => at_least_1(*count) / 24 + 1,
            Length::Days(count) => at_least_1(*count),
            Length::Weeks(count) => 7 * at_least_1(*count),
            Length::Months(count) => 31 * at_least_1(*count),
            Length::Cycle(parts) => parts.iter().map(|part| at_least_1(*part)).max().unwrap_or(1) / 24 + 1,
        };
        u32::try_from(days).unwrap_or(u32::MAX)
    }

    /// The last turn that begins at or before `local` on the wall clock; one or two beside it at most.
    fn guess(&self, local: DateTime) -> i64 {
        // The wall clocks' distance, both read as if in UTC.
        let distance = wall_seconds(local) - wall_seconds(self.start);
        match &self.length {
            Length::Hours(_) | Length::Days(_) | Length::Weeks(_) => distance.div_euclid(self.seconds()),
            Length::Months(count) => {
                let month = |at: DateTime| i64::from(at.year()) * 12 + i64::from(at.month());
                (month(local) - month(self.start)).div_euclid(at_least_1(*count))
            }
            Length::Cycle(parts) => {
                let cycles = distance.div_euclid(self.seconds());
                let mut rest = distance.rem_euclid(self.seconds()) / HOUR_SECONDS;
                let mut within = 0;
                for part in parts {
                    if rest < at_least_1(*part) {
                        break;
                    }
                    rest -= at_least_1(*part);
                    within += 1;
                }
                cycles * i64::try_from(parts.len().max(1)).unwrap_or(1) + within
            }
        }
    }

    /// The last turn with `local(turn) <= local`.
    fn index(&self, local: DateTime) -> i64 {
        let mut turn = self.guess(local);
        while self.local(turn).is_some_and(|begin| local < begin) {
            turn -= 1;
        }
        while self.local(turn + 1).is_some_and(|begin| begin <= local) {
            turn += 1;
        }
        turn
    }

    /// How many hand-offs of `(from, to]` fall on the instant of the one before (an hour or a day vanished);
    /// negative when `to` is before `from`.
    fn merged(&self, from: i64, to: i64) -> i64 {
        let shortest = match &self.length {
            Length::Hours(count) => at_least_1(*count),
            Length::Days(count) => 24 * at_least_1(*count),
            Length::Cycle(parts) => parts.iter().map(|part| at_least_1(*part)).min().unwrap_or(1),
            Length::Weeks(_) | Length::Months(_) => return 0,
        };
        // No clock was ever put forward by more than a day.
        if shortest > 24 {
            return 0;
        }
        let (low, high) = (from.min(to), from.max(to));
        let (Some(begin), Some(end)) = (self.handoff(low), self.handoff(high)) else { return 0 };
        let before = begin - SignedDuration::from_secs(1);
        let mut offset = self.time_zone.to_offset(before);
        let mut merged = 0;
        for jump in self.time_zone.following(before).take_while(|jump| jump.timestamp() <= end) {
            let (left, right) = (offset.to_datetime(jump.timestamp()), jump.offset().to_datetime(jump.timestamp()));
            offset = jump.offset();
            if left >= right || jump_hours(left, right) < shortest {
                continue;
            }
            let at_left = self.index(left);
            let first = if self.local(at_left) == Some(left) { at_left } else { at_left + 1 };
            merged += (self.index(right).min(high) - first.max(low)).max(0);
        }
        if to < from { -merged } else { merged }
    }
}

fn jump_hours(left: DateTime, right: DateTime) -> i64 {
    (wall_seconds(right) - wall_seconds(left)) / HOUR_SECONDS
}

const fn at_least_1(count: u32) -> i64 {
    if count == 0 { 1 } else { count as i64 }
}

fn wall_seconds(local: DateTime) -> i64 {
    Offset::UTC.to_timestamp(local).map_or_else(
        |_| if local.year() > 0 { Timestamp::MAX.as_second() } else { Timestamp::MIN.as_second() },
        Timestamp::as_second,
    )
}
