//! Escalation told as stories, and simulated over weeks.

mod fixture;
mod model;
mod simulation;
mod stories;
mod surprises;
