//! Work that is due by the clock: one file per job.
