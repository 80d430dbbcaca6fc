//! So many events a source: a bucket of tokens each.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use hotline_core::ids::SourceId;
use parking_lot::Mutex;

use super::IntakeSettings;

/// The buckets. Bounded: there is one for each configured source.
pub struct Rates {
    settings: IntakeSettings,
    buckets: Mutex<HashMap<SourceId, Bucket>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Rates {
    /// All full.
    pub fn new(settings: IntakeSettings) -> Self {
        Self { settings, buckets: Mutex::default() }
    }

    /// Takes so many tokens; else how long to wait until they are there, and nothing is taken.
    pub fn take(&self, source: &SourceId, events: usize, now: Instant) -> Result<(), Duration> {
        let (rate, full) = (f64::from(self.settings.events_per_second.max(1)), f64::from(self.settings.burst.max(1)));
        // A body that is larger than the bucket must pass some time.
        let wanted = (events as f64).min(full);
        let mut buckets = self.buckets.lock();
        if !buckets.contains_key(source) {
            buckets.insert(source.clone(), Bucket { left: full, at: now });
        }
        let bucket = buckets.get_mut(source).expect("it was put there if it was missing");
        let passed = now.saturating_duration_since(bucket.at).as_secs_f64();
        bucket.left = (bucket.left + passed * rate).min(full);
        bucket.at = now;
        if bucket.left < wanted {
            return Err(Duration::from_secs_f64(((wanted - bucket.left) / rate).ceil()));
        }
        bucket.left -= wanted;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_fills_and_is_its_own_sources() {
        let rates = Rates::new(IntakeSettings { events_per_second: 10, burst: 30 });
        let now = crate::clock::now().mono;
        assert_eq!(rates.take(&"a".into(), 25, now), Ok(()));
        assert_eq!(rates.take(&"a".into(), 25, now), Err(Duration::from_secs(2)));
        assert_eq!(rates.take(&"b".into(), 30, now), Ok(()));
        assert_eq!(rates.take(&"a".into(), 25, now + Duration::from_secs(2)), Ok(()));
        assert_eq!(rates.take(&"c".into(), 1_000, now), Ok(()), "larger than the bucket: when it is full");
    }
}
