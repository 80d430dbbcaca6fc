//! Scenarios of the call machine as events and commands, and thousands of random calls.

mod alert_ring;
mod answering;
mod checking;
mod connect;
mod fixture;
mod line;
mod menu;
mod script;
mod simulation;
mod voicemail;
mod world;
