//! Codes by which a contact is proven: how long one is good, how often one may be asked for and guessed.

/// A code is good for so long, and wrong tries count so long.
pub const GOOD_FOR_MS: i64 = 10 * 60_000;
/// Wrong tries in that time.
pub const TRIES: i64 = 5;
/// Between two codes.
pub const PAUSE_MS: i64 = 60_000;

/// Wrong tries that still count, of `(sent_at, tries)`.
pub fn tries(lately: &[(Option<i64>, i64)], now_ms: i64) -> i64 {
    let counts = |sent: Option<i64>| sent.is_some_and(|sent| sent + GOOD_FOR_MS > now_ms);
    lately.iter().filter(|(sent, _)| counts(*sent)).map(|(_, tries)| tries).sum()
}

/// How long (ms) until the next code may go out; 0: now. `lately`: `(sent_at, tries)` of all contacts of this person, and of
/// this address, whatever their names are.
pub fn wait(lately: &[(Option<i64>, i64)], now_ms: i64) -> i64 {
    let last = lately.iter().filter_map(|(sent, _)| *sent).max();
    let guessed = lately.iter().filter(|(_, tries)| *tries > 0).filter_map(|(sent, _)| *sent).max();
    let used_up = tries(lately, now_ms) >= TRIES;
    let until = last.map(|sent| sent + PAUSE_MS).max(guessed.filter(|_| used_up).map(|sent| sent + GOOD_FOR_MS));
    until.map_or(0, |until| (until - now_ms).max(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_tries_count_as_long_as_a_code_is_good() {
        let lately = [(Some(0), 2), (Some(PAUSE_MS), 1), (None, 7)];
        assert_eq!(tries(&lately, PAUSE_MS), 3);
        assert_eq!(tries(&lately, GOOD_FOR_MS), 1);
        assert_eq!(tries(&lately, PAUSE_MS + GOOD_FOR_MS), 0);
    }

    #[test]
    fn the_next_code_comes_after_the_pause_and_after_too_many_tries_later() {
        assert_eq!(wait(&[], 5), 0);
        assert_eq!(wait(&[(Some(1_000), 0)], 2_000), PAUSE_MS - 1_000);
        assert_eq!(wait(&[(Some(0), TRIES - 1)], PAUSE_MS), 0);
        assert_eq!(wait(&[(Some(0), TRIES)], PAUSE_MS), GOOD_FOR_MS - PAUSE_MS);
        assert_eq!(wait(&[(Some(0), TRIES)], GOOD_FOR_MS), 0);
    }

    #[test]
    fn all_contacts_count() {
        let now = 10_000_000;
        let spread = [(Some(now - 70_000), 2), (Some(now - 130_000), 3), (Some(now - 65_000), 0)];
        assert_eq!((tries(&spread, now), wait(&spread, now)), (5, GOOD_FOR_MS - 70_000));
        assert_eq!(wait(&spread[..1], now), 0);
    }
}
