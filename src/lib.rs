//! hotline: the telephone side of incident management. See `ARCHITECTURE.md` beside this file.
#![doc = include_str!("ARCHITECTURE.md")]

pub mod clock;
pub mod config;

pub mod calendar;
pub mod codec;
pub mod notify;
pub mod paper;
pub mod rtp;
pub mod sip;
pub mod speech;
pub mod store;

pub mod switch;

pub mod http;
pub mod intake;
pub mod jobs;

pub mod app;
pub mod cli;
