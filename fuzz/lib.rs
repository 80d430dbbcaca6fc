//! The media modules of hotline, built for fuzzing and without the rest of it.
#![expect(dead_code, unused_imports, reason = "what the rest of hotline uses of them is not here")]

#[path = "../src/clock.rs"]
pub mod clock;
#[path = "../src/codec/mod.rs"]
pub mod codec;
#[path = "../src/rtp/mod.rs"]
pub mod rtp;
