//! People who are told something about an alert beside its escalation.

use jiff::Timestamp;

use super::choose::policy_of;
use super::targets::{At, Telling};
use super::{Reach, Target};
use crate::alert::Alert;
use crate::directory::{Address, Directory};
use crate::ids::UserId;
use crate::notify::{Kind, Planned, To};

/// Tells who has the alert; where nobody has (or can be told), the people of the policy's step at which its escalation is. One message each, no
/// telephone rings for it unless somebody has nothing else. `about` makes the keys: the same thing is told once.
pub fn beside(
    alert: &Alert,
    holder: Option<&UserId>,
    about: &str,
    directory: &Directory,
    reach: Reach<'_>,
    now: Timestamp,
) -> Vec<Planned> {
    let at = At { round: alert.progress.round, step: 0, by: about, now };
    let telling = || Telling::new(alert, directory, reach, at);
    let own = holder.map(|holder| telling().assigned(holder).planned).unwrap_or_default();
    let planned = if own.is_empty() { telling().targets(&targets(alert, directory)).planned } else { own };
    let messages = |of: &To| planned.iter().any(|one| one.to_same(of) && !is_call(&one.address));
    let mut told: Vec<Planned> = planned
        .iter()
        .filter(|one| one.due <= now && (!is_call(&one.address) || !messages(&one.to)))
        .cloned()
        .collect();
    for one in &mut told {
        one.kind = Kind::Status;
        one.key = match &one.to {
            To::Person { user, contact } => format!("{}/{about}/{user}/{contact}", alert.id),
            To::Channel(channel) => format!("{}/{about}/channel:{channel}", alert.id),
            To::Outside => format!("{}/{about}/outside", alert.id),
        };
    }
    // A partner's telephone is rung for alerts only.
    told.retain(|one| !matches!(one.to, To::Outside));
    told
}

/// The targets of the step that was last (before the first: the first); without a policy the number's schedule.
fn targets(alert: &Alert, directory: &Directory) -> Vec<Target> {
    let Some(policy) = policy_of(alert, directory) else {
        let schedule = alert.number.as_ref().and_then(|number| directory.numbers.get(number)?.schedule.clone());
        return schedule.map(Target::Schedule).into_iter().collect();
    };
    let last = usize::try_from(alert.progress.step).unwrap_or(0).saturating_sub(1);
    let step = policy.steps.get(last).or_else(|| policy.steps.first());
    step.map(|step| step.targets.clone()).unwrap_or_default()
}

const fn is_call(address: &Address) -> bool {
    matches!(address, Address::Call(_))
}

impl Planned {
    /// To the same person or channel, by whatever contact.
    fn to_same(&self, other: &To) -> bool {
        match (&self.to, other) {
            (To::Person { user, .. }, To::Person { user: other, .. }) => user == other,
            (To::Channel(channel), To::Channel(other)) => channel == other,
            (To::Outside, To::Outside) => true,
            (To::Person { .. } | To::Channel(_) | To::Outside, _) => false,
        }
    }
}
