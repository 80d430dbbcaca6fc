//! The call machine: events in, commands out.
//!
//! [`Call`] decides everything that happens on one call and does none of it.
//! `switch` owns each call by value: it feeds one input, drains the commands,
//! does them, and asks for the next timer. See [`event`], [`command`].

pub mod callback;
pub mod command;
pub mod event;
pub mod flow;
pub mod notice;
pub mod outside;
pub mod people;
pub mod prompt;
pub mod supervise;
pub mod timer;
pub mod view;

mod alert_ring;
mod frame;
mod hunt;
mod legs;
mod machine;
mod own_alert;
mod recordings;
#[cfg(test)]
#[expect(clippy::wildcard_enum_match_arm, reason = "a test asks for one case; the rest is not its matter")]
mod tests;

pub use command::Command;
pub use event::Event;
pub use timer::Timer;
pub use view::CallView;

use std::sync::Arc;

use crate::directory::{Directory, Language};
use crate::ids::{AlertId, CallId, CustomerId, NumberId, RecordingId};
use crate::private::Private;

use flow::Flow;
use frame::Frame;
use machine::State;

/// What is known about an incoming call before anything is decided.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// The call's identity.
    pub call: CallId,
    /// The identity that its alert will have.
    pub alert: AlertId,
    /// Digits that will be spoken to the caller.
    pub reference: String,
    /// The number rung; it is in the directory.
    pub number: NumberId,
    /// Caller's number; `None`: withheld.
    pub caller: Option<Private<String>>,
    /// `trunk:NAME`, `phone:NAME`, `open`.
    pub source: String,
    /// The snapshot that this call keeps.
    pub directory: Arc<Directory>,
    /// Seed for ids and random choices.
    pub seed: u64,
    /// How long after opening an alert that nobody took people are rung, and how often again.
    pub ring_again: std::time::Duration,
    /// Wrong PINs of engineers that this source has typed lately.
    pub wrong_pins: u32,
}

/// An alert that nobody has, to ring people about.
#[derive(Debug, Clone)]
pub struct AlertRing {
    /// The identity of the call to be placed.
    pub call: CallId,
    /// The alert.
    pub alert: AlertId,
    /// Its reference, spoken.
    pub reference: String,
    /// The number whose schedule says whom to ring; it is in the directory.
    pub number: NumberId,
    /// The caller's number, if known.
    pub caller: Option<Private<String>>,
    /// The customer, if known.
    pub customer: Option<CustomerId>,
    /// Language of the original call.
    pub language: Language,
    /// What was said, in order.
    pub recordings: Vec<RecordingId>,
    /// Counts from 1.
    pub round: u32,
    /// The snapshot that this call keeps.
    pub directory: Arc<Directory>,
    /// Seed for ids and random choices.
    pub seed: u64,
}

/// One phone to be rung, to notify a person.
#[derive(Debug, Clone)]
pub struct Notice {
    /// The identity of the call to be placed.
    pub call: CallId,
    /// The hotline number it goes on record with, where there is one.
    pub number: NumberId,
    /// Whom, where, about what.
    pub to: outside::NoticeTo,
    /// The snapshot that this call keeps.
    pub directory: Arc<Directory>,
    /// Seed for ids and random choices.
    pub seed: u64,
}

/// One call: a value that is told what happened and says what to do.
#[derive(Debug)]
pub struct Call {
    frame: Frame,
    flow: Arc<Flow>,
    state: State,
}
