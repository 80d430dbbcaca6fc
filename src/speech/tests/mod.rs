//! Tests of the whole floor: the recordings that ship, overriding them, the
//! worker process, and the way from telephone sound to words.

mod prompts;
mod recordings;
mod transcript;
mod worker;
