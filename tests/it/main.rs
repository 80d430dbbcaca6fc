//! Tests of the whole: real phones, real sockets.

mod bad_input;
mod bad_input_messages;
mod child;
mod crash;
mod crash_disk;
mod tidy;
