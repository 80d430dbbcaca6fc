//! When people are rung about an alert that nobody has.
