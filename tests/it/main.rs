//! Tests of the whole: real phones, real sockets.

mod tidy;
