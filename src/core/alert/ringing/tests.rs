use std::time::Duration;

use jiff::Timestamp;

use super::{RING_AGAIN, RING_AGAIN_MIN, Ringing, due, is_due, next_ring, sleep};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn waiting(rings: u32, next: &str) -> Ringing {
    Ringing { acknowledged: false, resolved: false, busy: false, rings, next_ring_at: Some(at(next)) }
}

#[test]
fn rings_at_once_when_its_call_ended_untaken() {
    let alert = waiting(0, "2026-02-03T04:05:00Z");
    assert!(!is_due(&Ringing { busy: true, ..alert }, RING_AGAIN, at("2026-02-03T04:06:00Z")), "its call hunts");
    assert!(is_due(&alert, RING_AGAIN, at("2026-02-03T04:01:00Z")), "its call is over");
}

#[test]
fn rings_again_after_the_interval_and_not_before() {
    let alert = waiting(1, "2026-02-03T04:05:00Z");
    assert!(!is_due(&alert, RING_AGAIN, at("2026-02-03T04:04:59.999Z")));
    assert!(is_due(&alert, RING_AGAIN, at("2026-02-03T04:05:00Z")));
}

#[test]
fn is_quiet_once_someone_has_it() {
    let alert = waiting(7, "2026-02-03T04:05:00Z");
    let late = at("2026-02-03T09:00:00Z");
    assert!(!is_due(&Ringing { acknowledged: true, ..alert }, RING_AGAIN, late));
    assert!(!is_due(&Ringing { resolved: true, ..alert }, RING_AGAIN, late));
    assert!(!is_due(&Ringing { next_ring_at: None, ..alert }, RING_AGAIN, late));
    assert_eq!(sleep([Ringing { acknowledged: true, ..alert }], RING_AGAIN, late), None);
}

#[test]
fn a_clock_set_back_does_not_silence_it() {
    let alert = waiting(3, "2026-02-03T04:05:00Z");
    assert!(is_due(&alert, RING_AGAIN, at("2026-02-02T04:05:00Z")));
}

#[test]
fn an_interval_of_nothing_is_no_storm() {
    let last = at("2026-02-03T04:05:00Z");
    assert_eq!(next_ring(last, Duration::ZERO), last + RING_AGAIN_MIN);
    assert_eq!(next_ring(last, RING_AGAIN), at("2026-02-03T04:10:00Z"));
    assert_eq!(next_ring(Timestamp::MAX, RING_AGAIN), Timestamp::MAX);
}

#[test]
fn the_longest_overdue_comes_first() {
    let alerts = [
        ("late", waiting(1, "2026-02-03T04:04:00Z")),
        ("later", waiting(2, "2026-02-03T04:09:00Z")),
        ("first", waiting(5, "2026-02-03T04:01:00Z")),
    ];
    let now = at("2026-02-03T04:05:00Z");
    assert_eq!(due(alerts, RING_AGAIN, now), ["first", "late"]);
    assert_eq!(sleep(alerts.map(|(_, alert)| alert), RING_AGAIN, now), Some(Duration::ZERO));
    assert_eq!(sleep([alerts[1].1], RING_AGAIN, now), Some(Duration::from_mins(4)));
}

#[test]
fn a_new_alert_waits_for_no_old_ones() {
    let alerts = [
        ("old", waiting(5, "2026-02-03T04:01:00Z")),
        ("new", waiting(0, "2026-02-03T04:09:00Z")),
        ("older", waiting(6, "2026-02-03T04:00:00Z")),
        ("new before", waiting(0, "2026-02-03T04:08:00Z")),
    ];
    assert_eq!(due(alerts, RING_AGAIN, at("2026-02-03T04:05:00Z")), ["new before", "new", "older", "old"]);
}
