//! The outside of an Opus packet (RFC 6716 section 3): how long it is and which frames it holds. What is in a frame is
//! the library's business (the shell's room `codec`).

/// Most frames that a packet holds.
pub const FRAMES_MAX: usize = 48;
/// Longest packet in time, samples at 8 kHz: 120 ms (section 3.2.5, R5).
const SAMPLES_MAX: usize = 960;
/// Longest frame, bytes (R2).
pub const FRAME_BYTES_MAX: usize = 1_275;

/// The frames of a packet.
#[derive(Debug, Clone, Copy)]
pub struct Packet<'a> {
    /// The first byte without its two last bits: mode, bandwidth, length, channels.
    pub kind: u8,
    frames: [&'a [u8]; FRAMES_MAX],
    count: usize,
}

impl<'a> Packet<'a> {
    /// Reads a packet; `None`: malformed (section 3.4).
    pub fn read(packet: &'a [u8]) -> Option<Self> {
        let (first, rest) = packet.split_first()?;
        let mut read = Self { kind: first & !0x03, frames: [&[]; FRAMES_MAX], count: 0 };
        match first & 0x03 {
            0 => read.push(rest)?,
            1 => {
                if rest.len() % 2 != 0 {
                    return None;
                }
                let (one, two) = rest.split_at(rest.len() / 2);
                read.push(one)?;
                read.push(two)?;
            }
            2 => {
                let (length, rest) = length(rest)?;
                let (one, two) = rest.split_at_checked(length)?;
                read.push(one)?;
                read.push(two)?;
            }
            3.. => read.many(rest)?,
        }
        (read.samples() <= SAMPLES_MAX).then_some(read)
    }

    /// The frames, as compressed.
    pub fn frames(&self) -> &[&'a [u8]] {
        &self.frames[..self.count]
    }

    /// Its time, samples at 8 kHz.
    pub const fn samples(&self) -> usize {
        frame_samples(self.kind) * self.count
    }

    fn push(&mut self, frame: &'a [u8]) -> Option<()> {
        if frame.len() > FRAME_BYTES_MAX {
            return None;
        }
        *self.frames.get_mut(self.count)? = frame;
        self.count += 1;
        Some(())
    }

    /// Code 3: any number of frames, with padding at the end.
    fn many(&mut self, rest: &'a [u8]) -> Option<()> {
        let (head, mut rest) = rest.split_first()?;
        let count = usize::from(head & 0x3f);
        if count == 0 || count * frame_samples(self.kind) > SAMPLES_MAX {
            return None;
        }
        if head & 0x40 != 0 {
            let mut padding = 0;
            loop {
                let (byte, after) = rest.split_first()?;
                rest = after;
                padding += usize::from(*byte) - usize::from(*byte == 255);
                if *byte != 255 {
                    break;
                }
            }
            rest = rest.get(..rest.len().checked_sub(padding)?)?;
        }
        if head & 0x80 == 0 {
            if rest.len() % count != 0 {
                return None;
            }
            let each = rest.len() / count;
            for number in 0..count {
                self.push(&rest[number * each..][..each])?;
            }
            return Some(());
        }
        let mut lengths = [0; FRAMES_MAX];
        for place in lengths.get_mut(..count - 1)? {
            (*place, rest) = length(rest)?;
        }
        for each in &lengths[..count - 1] {
            let (frame, after) = rest.split_at_checked(*each)?;
            self.push(frame)?;
            rest = after;
        }
        self.push(rest)
    }
}

/// Time of one frame, samples at 8 kHz (table 2).
pub const fn frame_samples(kind: u8) -> usize {
    let config = kind >> 3;
    match config {
        // SILK: 10, 20, 40, 60 ms.
        0..=11 => [80, 160, 320, 480][(config & 3) as usize],
        // Hybrid: 10, 20 ms.
        12..=15 => [80, 160][(config & 1) as usize],
        // CELT: 2.5, 5, 10, 20 ms.
        16.. => [20, 40, 80, 160][(config & 3) as usize],
    }
}

/// Time of a packet, samples at 8 kHz; `None`: malformed.
pub fn samples(packet: &[u8]) -> Option<usize> {
    Packet::read(packet).map(|packet| packet.samples())
}

/// One packet of several frames of one kind (section 3.2.5, or the shorter forms for one and two). Gives its length; 0
/// if it does not fit.
pub fn join<'a>(kind: u8, frames: impl ExactSizeIterator<Item = &'a [u8]> + Clone, out: &mut [u8]) -> usize {
    let count = frames.len();
    if count == 0 || count > FRAMES_MAX || out.len() < 2 {
        return 0;
    }
    let kind = kind & !0x03;
    let mut at = match count {
        1 => {
            out[0] = kind;
            1
        }
        2 => {
            out[0] = kind | 2;
            1
        }
        _ => {
            out[0] = kind | 3;
            out[1] = 0x80 | count as u8;
            2
        }
    };
    for frame in frames.clone().take(count - 1) {
        let Some(place) = out.get_mut(at..at + 2) else { return 0 };
        at += write_length(frame.len(), place);
    }
    for frame in frames {
        let Some(place) = out.get_mut(at..at + frame.len()) else { return 0 };
        place.copy_from_slice(frame);
        at += frame.len();
    }
    at
}

/// Section 3.2.1.
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    if *first < 252 {
        return Some((usize::from(*first), rest));
    }
    let (second, rest) = rest.split_first()?;
    Some((usize::from(*second) * 4 + usize::from(*first), rest))
}

fn write_length(length: usize, out: &mut [u8]) -> usize {
    if length < 252 {
        out[0] = length as u8;
        return 1;
    }
    out[0] = 252 + (length & 3) as u8;
    out[1] = ((length - usize::from(out[0])) / 4) as u8;
    2
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// CELT, narrowband, 20 ms, mono.
    const NARROW: u8 = 19 << 3;

    fn frames(packet: &[u8]) -> Option<Vec<usize>> {
        Packet::read(packet).map(|packet| packet.frames().iter().map(|frame| frame.len()).collect())
    }

    #[test]
    fn the_four_codes_are_read() {
        assert_eq!(frames(&[NARROW]), Some(vec![0]));
        assert_eq!(frames(&[NARROW, 1, 2, 3]), Some(vec![3]));
        assert_eq!(frames(&[NARROW | 1, 1, 2, 3, 4]), Some(vec![2, 2]));
        assert_eq!(frames(&[NARROW | 2, 1, 2, 3, 4]), Some(vec![1, 2]));
        assert_eq!(frames(&[NARROW | 3, 3, 1, 2, 3]), Some(vec![1, 1, 1]));
        assert_eq!(frames(&[NARROW | 3, 0x82, 1, 9, 8, 7]), Some(vec![1, 2]));
        assert_eq!(frames(&[NARROW | 3, 0x42, 2, 1, 2, 0, 0]), Some(vec![1, 1]), "padding is left out");
    }

    #[test]
    fn lengths_are_those_of_table_2() {
        let lengths = [1, 3, 12, 13, 16, 17, 18, 19].map(|config: u8| frame_samples(config << 3));
        assert_eq!(lengths, [160, 480, 80, 160, 20, 40, 80, 160]);
        assert_eq!(samples(&[3 << 3 | 1, 0, 0]), Some(960), "two of 60 ms");
        assert_eq!(samples(&[3 << 3 | 3, 3, 0, 0, 0]), None, "three are too long");
    }

    #[test]
    fn what_section_3_4_forbids_is_refused() {
        assert_eq!(samples(&[]), None);
        assert_eq!(samples(&[NARROW | 1, 1]), None, "two of the same length");
        assert_eq!(samples(&[NARROW | 2, 4, 1]), None, "longer than there is");
        assert_eq!(samples(&[NARROW | 3]), None, "no count");
        assert_eq!(samples(&[NARROW | 3, 0]), None, "no frames");
        assert_eq!(samples(&[NARROW | 3, 0x41, 200, 1]), None, "more padding than packet");
        assert_eq!(samples(&vec![NARROW; FRAME_BYTES_MAX + 2]), None, "too long a frame");
    }

    proptest! {
        #[test]
        fn what_is_joined_is_read_back(lengths in proptest::collection::vec(0_usize..600, 1..6)) {
            let made: Vec<Vec<u8>> = lengths.iter().enumerate().map(|(n, length)| vec![n as u8; *length]).collect();
            let mut out = [0; 4_096];
            let length = join(NARROW, made.iter().map(Vec::as_slice), &mut out);
            let read = Packet::read(&out[..length]).unwrap();
            prop_assert_eq!(read.kind, NARROW);
            let frames: Vec<Vec<u8>> = read.frames().iter().map(|frame| frame.to_vec()).collect();
            prop_assert_eq!(frames, made);
        }

        #[test]
        fn nothing_received_panics(packet in proptest::collection::vec(any::<u8>(), 0..1_500)) {
            let _read = samples(&packet);
        }

        #[test]
        fn what_does_not_fit_is_not_written(room in 0_usize..20) {
            let frame = [7; 20];
            prop_assert_eq!(join(NARROW, [&frame[..], &frame[..]].into_iter(), &mut vec![0; room]), 0);
        }
    }
}
