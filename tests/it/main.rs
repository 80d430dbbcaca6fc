//! Tests of the whole: real phones, real sockets.

mod bad_input;
mod bad_input_messages;
mod baresip;
mod callers;
mod child;
mod choices;
mod commands;
mod crash;
mod crash_disk;
mod directory;
mod engineers;
mod greeting;
mod harness;
mod house;
mod hunting;
mod joining;
mod line;
mod notices;
mod page;
mod phone;
mod raw;
mod report;
mod sipp;
mod softphones;
mod tidy;
mod transcript;
