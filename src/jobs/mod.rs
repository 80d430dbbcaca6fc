//! Work that is due by the clock: one file per job. They reach calls and alerts
//! only through the switch.

pub mod ring_alerts;
pub mod transcribe;
pub mod watch_health;
