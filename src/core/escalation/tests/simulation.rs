//! weeks
