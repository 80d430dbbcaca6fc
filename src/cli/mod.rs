//! The commands beside `serve`: one file per command.
pub mod simulate;
