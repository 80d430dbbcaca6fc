//! The commands beside `serve`: one file per command.

pub mod call;
pub mod handset;
pub mod phone;
