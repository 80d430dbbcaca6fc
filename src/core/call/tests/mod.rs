//! Scenarios of the call machine as events and commands, and thousands of random calls.

mod alert_ring;
mod answering;
mod checking;
mod connect;
mod engineer;
mod fixture;
mod incident;
mod known;
mod line;
mod menu;
mod notice;
mod script;
mod simulation;
mod supervise;
mod taped;
mod voicemail;
mod world;
