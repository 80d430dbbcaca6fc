//! Placeholder head; written by its room's owner.
