//! Where a packet belongs in the stream: RTP timestamps, which wrap and may jump, to samples since
//! the first packet. Pure.

/// A jump further than this (60 s) is no gap but a new numbering.
const GAP_MAX: i64 = 60 * 8_000;
/// A packet that comes later than this (2 s) is no reordering but a new numbering.
const LATE_MAX: i64 = 2 * 8_000;

/// Counts a stream's samples.
#[derive(Debug, Default)]
pub struct Timeline {
    /// RTP timestamp and position of the packet that is furthest on.
    newest: Option<(u32, u64)>,
    /// Position right after that packet.
    end: u64,
}

impl Timeline {
    /// The position of a packet of `length` samples. A new numbering goes on where the old one ended.
    pub fn place(&mut self, timestamp: u32, length: usize) -> u64 {
        let position = match self.newest {
            None => 0,
            Some((newest, position)) => {
                // The difference as a signed number is right across the wrap (RFC 3550 section 5.1).
                let step = i64::from(timestamp.wrapping_sub(newest) as i32);
                if (-LATE_MAX..=GAP_MAX).contains(&step) {
                    position.saturating_add_signed(step)
                } else {
                    self.newest = None;
                    self.end
                }
            }
        };
        if self.newest.is_none_or(|(_, newest)| position >= newest) {
            self.newest = Some((timestamp, position));
            self.end = self.end.max(position + length as u64);
        }
        position
    }
}

#[cfg(test)]
mod tests {
    use super::Timeline;

    #[test]
    fn counts_across_gaps_wraps_and_new_numberings() {
        let mut line = Timeline::default();
        assert_eq!(line.place(u32::MAX - 159, 160), 0);
        assert_eq!(line.place(0, 160), 160);
        assert_eq!(line.place(480, 160), 640, "two packets lost");
        assert_eq!(line.place(320, 160), 480, "one of them was late");
        assert_eq!(line.place(3_000_000_000, 160), 800, "new numbering");
        assert_eq!(line.place(3_000_000_160, 160), 960);
    }
}
