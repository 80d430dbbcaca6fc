//! The commands: one file per command.

pub mod arguments;
pub mod audit;
pub mod call;
pub mod demo;
pub mod doctor;
pub mod handset;
pub mod models;
pub mod phone;
pub mod serve;
pub mod simulate;
pub mod token;
pub mod transcribe_worker;
pub mod user;
