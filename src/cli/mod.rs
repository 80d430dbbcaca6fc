//! The commands beside `serve`: one file per command.

pub mod models;
pub mod transcribe_worker;
