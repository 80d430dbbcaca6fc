//! Who talks with whom: joining two, walking in, listening, whispering and barging in; and that nobody hears whom they
//! must not hear.

use crate::call::Event;
use crate::call::command::Seat;
use crate::call::supervise::{NotSupervised, Role, Supervise, Supervised};
use crate::fact::{Actor, LegCause};
use crate::ids::{LegId, PhoneId};

use super::{Side, World};

impl World {
    pub(super) fn somebody_walks_in(&mut self) {
        let language = crate::directory::Language::default();
        let Some(leg) = self.call.walk_in(Some("ben".into()), &language, self.now) else { return };
        self.story.push(format!("{:?} ben walks in as {leg}", self.elapsed()));
        self.sides.insert(leg, Side { up: true, ..Side::default() });
        self.walked_in = Some(leg);
    }

    pub(super) fn somebody_supervises(&mut self) {
        let role = Role::ALL[self.roll(3) as usize];
        let phone = PhoneId::from(["ada-desk", "ben-desk", "stranger"][self.roll(3) as usize]);
        let by = Actor::Login("admin".to_owned());
        if self.percent(15) {
            self.call.dismiss(&phone, &by, self.now);
            return;
        }
        let asked = self.call.supervise(Supervise { role, phone: phone.clone(), by }, self.now);
        self.story.push(format!("{:?} {phone} shall {} : {asked:?}", self.elapsed(), role.word()));
        match asked {
            // `Talks`: it was sent away and its phone is being hung up.
            Ok(Supervised::Rings(_) | Supervised::Changed { .. }) | Err(NotSupervised::Talks) => {}
            Err(_) => assert!(phone.0 == "stranger" || self.call.view().supervisors.len() == 2),
        }
        if self.percent(30) {
            let leg = if self.percent(50) { LegId::CALLER } else { self.talks_with.unwrap_or(LegId(1)) };
            let (from, to) = (self.millis(0, 5_000), self.millis(5_000, 60_000));
            self.later(from, Event::Held { leg, held: true });
            self.later(to, Event::Held { leg, held: false });
        }
    }

    pub(super) fn obey_bridge(&mut self, a: LegId, b: LegId) {
        assert_eq!(a, LegId::CALLER);
        if self.talks_with == Some(b) {
            // The last supervisor is gone: the two talk on.
            return;
        }
        for leg in [a, b] {
            assert!(self.side(leg).up && !self.side(leg).ended && !self.side(leg).hung_up, "{leg} is dead");
            self.side(leg).play = None;
        }
        let side = self.side(b);
        let (rung_back, fixed) = (side.rung_back, side.fixed_sip);
        assert!(side.accepted || fixed || rung_back, "joined without accepting");
        self.parted();
        self.talks_with = Some(b);
        self.bridged_at = Some(self.now.mono);
        if rung_back {
            self.restarts += 1;
        } else {
            self.bridged = Some(b);
            self.engineer_keys(b);
        }
        let wait = self.millis(1_000, 1_200_000);
        let leg = if self.percent(50) { a } else { b };
        self.later(wait, Event::LegEnded { leg, cause: LegCause::HungUp });
    }

    /// Nobody hears whom they must not hear, and nobody is there who is dead.
    pub(super) fn obey_mix(&mut self, seats: &[Seat]) {
        let view = self.call.view();
        let role = |leg: LegId| view.supervisors.iter().find(|there| there.leg == leg).map(|there| there.role);
        assert!((3..=4).contains(&seats.len()));
        let partner = seats.iter().map(|seat| seat.leg).find(|leg| *leg != LegId::CALLER && role(*leg).is_none());
        self.obey_bridge(LegId::CALLER, partner.expect("two talk"));
        for seat in seats {
            let side = &self.sides[&seat.leg];
            assert!(side.up && !side.ended, "{} is dead", seat.leg);
            assert_eq!(side.supervises, role(seat.leg).is_some());
            let engineer = seat.leg != LegId::CALLER && self.talks_with == Some(seat.leg) && !side.rung_back;
            let engineer =
                engineer || (seat.leg == LegId::CALLER && self.talks_with.is_some_and(|b| self.sides[&b].rung_back));
            for heard in &seat.hears {
                match role(*heard) {
                    Some(Role::Listen) => panic!("a listener is heard"),
                    Some(Role::Whisper) => assert!(engineer, "{} hears a whisper", seat.leg),
                    Some(Role::Barge) | None => {}
                }
            }
        }
    }
}
