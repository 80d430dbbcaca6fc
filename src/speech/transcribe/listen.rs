//! Finds the speech in a recording, so that whisper is never asked about
//! silence (it invents words there), and cuts it into pieces that whisper takes
//! in one go. Pure sample work.

use earshot::Detector;

use crate::speech::wav;

/// Samples that the detector judges at once (16 ms).
const FRAME: usize = 256;
/// Likelihood from which a frame counts as speech.
const THRESHOLD: f32 = 0.4;
/// Kept before and after speech: soft consonants lie there.
const MARGIN: usize = 5_600;
/// Pauses longer than this are shortened to it.
const PAUSE: usize = 9_600;
/// Longest piece; whisper's window is 30 s.
const PIECE_MAX: usize = 28 * 16_000;
/// A piece this long is ended at the next pause.
const PIECE_GOOD: usize = 18 * 16_000;
/// Level that speech is brought to: as our own recordings have.
const SPEECH_RMS: f64 = 0.1;
const GAIN_MAX: f64 = 30.0;

/// The speech of a recording.
#[derive(Debug, Default)]
pub struct Heard {
    /// At most 28 s each, −1 … 1.
    pub pieces: Vec<Vec<f32>>,
    /// Speech in all, seconds, without pauses and margins.
    pub speech_seconds: f64,
}

/// Finds the speech in 16 kHz samples.
pub fn listen(samples: &[i16]) -> Heard {
    let samples = levelled(samples);
    let mut detector = Detector::default();
    let flags: Vec<bool> = samples.chunks_exact(FRAME).map(|frame| detector.predict_i16(frame) >= THRESHOLD).collect();
    let flags = without_clicks(flags);
    let spans = spans(&flags, samples.len());
    let speech_seconds = flags.iter().filter(|flag| **flag).count() as f64 * FRAME as f64 / 16_000.0;
    Heard { pieces: pieces(&samples, &spans), speech_seconds }
}

/// A quiet line is no silence.
fn levelled(samples: &[i16]) -> Vec<i16> {
    let rms = wav::speech_rms(samples);
    if rms <= 0.0 {
        return samples.to_vec();
    }
    let gain = (SPEECH_RMS / rms).clamp(0.1, GAIN_MAX);
    samples.iter().map(|sample| (f64::from(*sample) * gain).clamp(-32_768.0, 32_767.0) as i16).collect()
}

/// Speech shorter than 64 ms is a click.
fn without_clicks(mut flags: Vec<bool>) -> Vec<bool> {
    let mut start = 0;
    while let Some(first) = flags[start..].iter().position(|flag| *flag).map(|at| at + start) {
        let end = flags[first..].iter().position(|flag| !*flag).map_or(flags.len(), |at| at + first);
        if end - first < 4 {
            flags[first..end].fill(false);
        }
        start = end;
    }
    flags
}

/// Stretches of speech with their margins, in samples; joined where they touch.
fn spans(flags: &[bool], length: usize) -> Vec<(usize, usize)> {
    let mut spans: Vec<(usize, usize)> = Vec::new();
    for (index, _) in flags.iter().enumerate().filter(|(_, flag)| **flag) {
        let from = (index * FRAME).saturating_sub(MARGIN);
        let to = ((index + 1) * FRAME + MARGIN).min(length);
        match spans.last_mut() {
            Some(last) if last.1 >= from => last.1 = to,
            _ => spans.push((from, to)),
        }
    }
    spans
}

fn pieces(samples: &[i16], spans: &[(usize, usize)]) -> Vec<Vec<f32>> {
    let mut pieces: Vec<Vec<f32>> = Vec::new();
    let mut current: Vec<f32> = Vec::new();
    let mut before = None;
    for (from, to) in spans {
        if current.len() >= PIECE_GOOD || (!current.is_empty() && current.len() + (to - from) > PIECE_MAX) {
            pieces.push(std::mem::take(&mut current));
            before = None;
        }
        let pause = before.map_or(0, |end: usize| (from - end).min(PAUSE - 2 * MARGIN.min(PAUSE / 2)));
        current.extend(std::iter::repeat_n(0.0, pause));
        for part in samples[*from..*to].chunks(PIECE_MAX) {
            if current.len() + part.len() > PIECE_MAX {
                pieces.push(std::mem::take(&mut current));
            }
            current.extend(part.iter().map(|sample| f32::from(*sample) / 32_768.0));
        }
        before = Some(*to);
    }
    if !current.is_empty() {
        pieces.push(current);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Our own recorded English menu.
    fn speech() -> Vec<i16> {
        wav::read_bytes(include_bytes!("../../../audio/en/menu.wav")).unwrap()
    }

    #[test]
    fn silence_hum_and_clicks_are_no_speech() {
        let silence = vec![0_i16; 80_000];
        let hum: Vec<i16> = (0..80_000).map(|i| ((f64::from(i) * 0.0196).sin() * 300.0) as i16).collect();
        let mut clicks = silence.clone();
        clicks.iter_mut().step_by(9_000).for_each(|sample| *sample = 20_000);
        for (name, samples) in [("silence", silence), ("hum", hum), ("clicks", clicks)] {
            let heard = listen(&samples);
            assert!(heard.pieces.is_empty(), "{name}: {}", heard.speech_seconds);
        }
        assert!(listen(&[]).pieces.is_empty());
    }

    #[test]
    fn speech_is_found_loud_or_quiet_and_silence_is_cut() {
        let speech = speech();
        for divisor in [1, 20] {
            let mut call = vec![2_i16; 160_000];
            call.extend(speech.iter().map(|sample| sample / divisor));
            call.extend(vec![-2; 160_000]);
            let heard = listen(&call);
            assert_eq!(heard.pieces.len(), 1, "1/{divisor}");
            let seconds = heard.pieces[0].len() as f64 / 16_000.0;
            let spoken = speech.len() as f64 / 16_000.0;
            assert!((spoken - 1.5..spoken + 1.0).contains(&seconds), "1/{divisor}: {seconds} of {spoken}");
            assert!(heard.speech_seconds > 3.0);
        }
    }

    #[test]
    fn long_speech_is_cut_at_pauses_into_pieces_that_fit() {
        let speech = speech();
        let mut call = Vec::new();
        while call.len() < 100 * 16_000 {
            call.extend(&speech);
            call.extend(vec![0; 16_000]);
        }
        let heard = listen(&call);
        assert!((4..=7).contains(&heard.pieces.len()), "{}", heard.pieces.len());
        assert!(heard.pieces.iter().all(|piece| piece.len() <= PIECE_MAX));
    }

    #[test]
    fn speech_without_any_pause_still_fits() {
        let samples = vec![100_i16; 100 * 16_000];
        let pieces = pieces(&samples, &[(0, samples.len())]);
        assert_eq!(pieces.iter().map(Vec::len).sum::<usize>(), samples.len());
        assert!(pieces.iter().all(|piece| piece.len() <= PIECE_MAX));
    }
}
