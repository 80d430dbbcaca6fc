//! alert_ring
