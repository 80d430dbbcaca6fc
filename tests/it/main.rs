//! Tests of the whole: real phones, real sockets.

mod child;
mod crash;
mod tidy;
