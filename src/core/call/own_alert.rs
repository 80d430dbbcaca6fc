//! The call's alert: opened before the caller is answered, joined to an older one, taken, given back, closed.

use crate::alert::Change;
use crate::fact::{Actor, Fact, Priority};
use crate::ids::{NumberId, RecordingId, UserId};
use crate::now::Now;

use super::command::Command;
use super::frame::Frame;
use super::legs::LegState;
use super::outside::KnownIncident;
use super::recordings::Recording;

impl Frame {
    /// Opens the call's alert, unless it is there or there shall be none.
    pub(crate) fn open_alert(&mut self, now: Now) {
        if !self.informed {
            self.open_alert_now("the call is being answered; it stays open until someone takes it", now);
            self.link_alert(now);
        }
    }

    fn open_alert_now(&mut self, why: &str, now: Now) {
        let not_yet = self.known.is_some() || self.incident.is_some() || self.on_line || self.staff.is_some();
        if self.alert_open || self.test || self.blocked || not_yet {
            return;
        }
        self.alert_open = true;
        let title = self.title.clone().unwrap_or_else(|| self.own_title());
        let ring_at = now.wall.checked_add(self.ring_again).ok();
        let fact = Fact::AlertOpened { title, priority: self.priority, ring_at };
        self.keep(fact, why, now);
    }

    /// The call is about the report that was made before: it belongs to that alert, and no other is opened.
    pub(crate) fn join_known(&mut self, why: &str, now: Now) {
        let Some(report) = self.known.take() else { return };
        if self.alert_open {
            // Answered before the report was looked for: what was opened then is part of it.
            self.keep(Fact::Alert(Change::Merged { into: report.alert, by: Actor::System }), why, now);
        }
        self.alert = report.alert;
        self.alert_open = true;
        self.joined = true;
        self.informed = false;
        self.prefers = report.by;
        self.said_before = report.recordings;
        self.keep(Fact::Alert(Change::CallJoined { call: self.id }), why, now);
    }

    /// The call is about something new: an alert of its own.
    pub(crate) fn forget_known(&mut self, now: Now) {
        if self.known.take().is_some() && !self.caller_is(LegState::Offered) {
            self.open_alert(now);
        }
    }

    /// The caller begins to hear of the incident: the call belongs to it from here on, and nobody is woken unless they go on.
    pub(crate) fn hears_of(&mut self, incident: &KnownIncident, now: Now) {
        if self.heard_of.is_some() {
            return;
        }
        self.heard_of = Some(incident.id);
        self.informed = true;
        self.add_to_incident(None, &format!("{} touches this customer", incident.reference), now);
    }

    /// The caller shows that they want more than to hear of the incident: from here on the call is an ordinary one, with its alert.
    pub(crate) fn goes_on(&mut self, why: &str, now: Now) {
        if !self.informed {
            return;
        }
        self.informed = false;
        self.note("goes on after hearing of the incident", why, now);
        self.open_alert(now);
        self.link_alert(now);
    }

    /// The caller is asked to speak: what they say must find an alert, whatever happens to us meanwhile.
    pub(crate) fn may_speak(&mut self, now: Now) {
        if self.informed {
            let why = "what the caller says now may be new; without a word nobody is woken";
            self.open_alert_now(why, now);
        }
    }

    /// The caller will not hear of it (any more).
    pub(crate) fn forget_incident(&mut self, now: Now) {
        if self.incident.take().is_some() && !self.caller_is(LegState::Offered) {
            self.open_alert(now);
        }
    }

    /// The call is over. What was being said for an incident is added to it, and whoever heard of it and left nothing else wakes
    /// nobody.
    pub(super) fn settle_incident(&mut self, now: Now) {
        self.add_what_was_said("was speaking when the call went on or ended", now);
        if !self.informed {
            return;
        }
        if self.fault {
            return self.goes_on("a fault of ours ended the call", now);
        }
        let added = |id: &RecordingId| self.additions.iter().any(|(addition, _)| addition == id);
        let said = |(id, recording): (&RecordingId, &Recording)| recording.speech && !added(id);
        if self.recordings.iter().any(said) {
            return self.goes_on("left a message", now);
        }
        if self.alert_open && !self.joined {
            let why = "the caller heard of an incident that is known, and left nothing else";
            self.keep(Fact::AlertResolved { by: Actor::System }, why, now);
        }
    }

    /// An alert of somebody who heard of an incident may be about it.
    fn link_alert(&mut self, now: Now) {
        let (Some(incident), false, true) = (self.heard_of, self.linked || self.joined, self.alert_open) else {
            return;
        };
        self.linked = true;
        self.note("the alert may be about the incident", "its caller heard of it before", now);
        self.commands.push_back(Command::MayBeAbout { incident, alert: self.alert });
    }

    /// The call (and what was said, if anything) belongs to the incident.
    pub(crate) fn add_to_incident(&mut self, recording: Option<RecordingId>, why: &str, now: Now) {
        let Some(incident) = self.heard_of else { return };
        let what = if recording.is_some() { "adds to the incident" } else { "hears of the incident" };
        self.note(what, why, now);
        self.commands.push_back(Command::AddToIncident { incident, recording });
    }

    /// What was recorded for the incident and holds speech is added to it, once.
    pub(crate) fn add_what_was_said(&mut self, why: &str, now: Now) {
        let mut said = Vec::new();
        for (recording, added) in &mut self.additions {
            let speech = self.recordings.get(recording).is_some_and(|state| state.speech);
            if speech && !std::mem::replace(added, true) {
                said.push(*recording);
            }
        }
        for recording in said {
            self.add_to_incident(Some(recording), why, now);
        }
    }

    /// The caller is told by SMS when it is over.
    pub(crate) fn tell_when_over(&mut self, now: Now) {
        let (Some(incident), Some(caller)) = (self.heard_of, self.caller.clone()) else { return };
        self.note("wants to be told when it is over", "pressed 4", now);
        self.commands.push_back(Command::TellWhenOver { incident, caller });
    }

    /// The caller proved to be an engineer: what was opened when the call was answered is no report.
    pub(crate) fn is_staff(&mut self, user: UserId, why: &str, now: Now) {
        self.note("an engineer is on the line", why, now);
        self.known = None;
        self.incident = None;
        self.informed = false;
        // Whoever said something before keeps the alert about it.
        if self.alert_open && !self.joined && self.said().is_empty() {
            let why = "an engineer dialled in; this is nobody's report";
            self.keep(Fact::AlertResolved { by: Actor::Person(user.clone()) }, why, now);
        }
        self.alert_open = false;
        self.staff = Some(user);
    }

    /// Whoever rang the engineers' line is none: an ordinary caller from here on.
    pub(crate) fn is_no_staff(&mut self, now: Now) {
        self.on_line = false;
        if !self.caller_is(LegState::Offered) {
            self.open_alert(now);
        }
    }

    pub(super) fn own_title(&self) -> String {
        let from = match (self.customer(), &self.caller) {
            (Some(customer), _) => customer.name.as_str(),
            (None, Some(_)) => "an unknown caller",
            (None, None) => "a withheld number",
        };
        format!("Call from {from} to {}", spoken_number(&self.number))
    }

    /// What the flow says about the alert, before or after it is there.
    pub(crate) fn describe_alert(&mut self, title: Option<&str>, priority: Option<Priority>, why: &str, now: Now) {
        if self.joined {
            return;
        }
        self.title = title.map(str::to_owned).or_else(|| self.title.take());
        self.priority = priority.unwrap_or(self.priority);
        if self.alert_open {
            self.keep(Fact::AlertUpdated { title: title.map(str::to_owned), priority }, why, now);
        }
    }

    /// A person has the alert.
    pub(crate) fn acknowledge(&mut self, person: Option<UserId>, why: &str, now: Now) {
        if self.alert_open {
            let by = person.map_or(Actor::System, Actor::Person);
            self.keep(Fact::AlertAcknowledged { by }, why, now);
        }
    }

    /// The person who had the alert has it no more.
    pub(crate) fn unacknowledge(&mut self, person: Option<&UserId>, why: &str, now: Now) {
        if self.alert_open {
            let by = person.cloned().map_or(Actor::System, Actor::Person);
            self.keep(Fact::Alert(Change::Unacknowledged { by }), why, now);
        }
    }

    /// Somebody else has the alert from now on.
    pub(crate) fn assign(&mut self, to: Option<&UserId>, from: Option<&UserId>, why: &str, now: Now) {
        if let (true, Some(to)) = (self.alert_open, to) {
            let by = from.cloned().map_or(Actor::System, Actor::Person);
            self.keep(Fact::Alert(Change::Assigned { to: to.clone(), by }), why, now);
        }
    }

    /// The alert is over, says a person.
    pub(crate) fn resolve(&mut self, person: Option<&UserId>, why: &str, now: Now) {
        if self.alert_open {
            let by = person.cloned().map_or(Actor::System, Actor::Person);
            self.keep(Fact::AlertResolved { by }, why, now);
        }
    }
}

/// A number's name for a title: names as they are, phone numbers by their end.
fn spoken_number(number: &NumberId) -> String {
    let text = number.0.as_str();
    let digits = text.chars().filter(char::is_ascii_digit).count();
    if digits < 5 || text.chars().any(char::is_alphabetic) {
        return text.to_owned();
    }
    format!("…{}", &text[text.len().saturating_sub(2)..])
}
