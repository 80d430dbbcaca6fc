//! What happened over a time, in figures.
