//! Tests of the whole: real phones, real sockets.

mod baresip;
mod callers;
mod choices;
mod commands;
mod engineers;
mod greeting;
mod harness;
mod house;
mod hunting;
mod page;
mod phone;
mod raw;
mod report;
mod sipp;
mod softphones;
mod tidy;
mod transcript;
