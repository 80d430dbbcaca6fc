//! How urgent a lane is to the system: before everything else of ours, so that a busy machine does not make packets late.

use std::num::NonZeroU64;

/// How much later than asked for a lane may be woken, so that the system wakes once for several: 1 µs instead of 50.
const SLACK_NS: NonZeroU64 = NonZeroU64::new(1_000).expect("more than none");
/// Nice value of a lane. The rest of the service stays at 0.
const LANE_NICE: i32 = -10;

/// Wakes the calling thread as exactly as the system can.
pub(super) fn sharpen() {
    // Where it is refused, a packet goes out 50 µs later.
    let _refused = rustix::thread::set_current_timer_slack(Some(SLACK_NS));
}

/// Makes the calling thread as urgent as a lane is. False: the system does not permit it (it takes `CAP_SYS_NICE` or a limit
/// of at least 30 for `RLIMIT_NICE`).
pub(super) fn raise() -> bool {
    // On Linux a nice value belongs to a thread; no process given means this one.
    rustix::process::setpriority_process(None, LANE_NICE).is_ok()
}

/// Whether this process may make its lanes urgent: tried on a thread that ends at once.
pub fn may_be_raised() -> bool {
    std::thread::spawn(raise).join().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_thread_that_asks_is_raised() {
        let nice = || rustix::process::getpriority_process(None).unwrap();
        let before = nice();
        let (raised, inside) = std::thread::spawn(move || (raise(), nice())).join().unwrap();
        assert_eq!(inside, if raised { LANE_NICE } else { before });
        assert_eq!(nice(), before);
    }
}
