//! What hotline decides: calls, on-call, alerts.
//!
//! This crate holds no socket, no clock, no database and no `async`. Time and
//! randomness are parameters; what the world must do is a [`call::Command`],
//! what it answers is a [`call::Event`]. JSON and rows live in the shells.

pub mod ids;
pub mod network;
pub mod now;
pub mod private;

pub mod directory;
pub mod fact;
pub mod sentence;

pub mod alert;
pub mod audit;
pub mod call;
pub mod drill;
pub mod escalation;
pub mod incident;
pub mod notify;
pub mod oncall;
pub mod paper;
pub mod postmortem;
pub mod report;
pub mod runbook;
pub mod since;
pub mod sla;
pub mod status;

pub mod audio;
pub mod dtmf;
pub mod sdp;
