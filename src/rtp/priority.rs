//! How urgent a lane is to the system: before everything else of ours, so that a busy machine does not make packets late.

/// Nice value of a lane. The rest of the service stays at 0.
const LANE_NICE: i32 = -10;

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
