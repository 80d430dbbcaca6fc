mod ffmpeg;

use hotline_core::audio::clip::Form;
use hotline_core::audio::level::rms_dbfs;
use hotline_core::audio::{Clip, Codec, Law};
use proptest::prelude::*;

use super::{Decoder, Encoder, SAMPLES_MAX, encoded, silence};

/// Something like a voice: a pitch that glides, with harmonics.
fn voice(count: usize, rate_hz: f64) -> Vec<i16> {
    let mut phase = 0.0_f64;
    (0..count)
        .map(|n| {
            let time = n as f64 / rate_hz;
            phase += (120.0 + 40.0 * (time * 3.0).sin()) / rate_hz * std::f64::consts::TAU;
            let sum: f64 = (1..12).map(|k| (phase * f64::from(k)).sin() / f64::from(k)).sum();
            (sum * 5_000.0 * (0.6 + 0.4 * (time * 9.0).sin())) as i16
        })
        .collect()
}

/// Samples as a phone sends them: the payloads of packets of 20 ms.
pub(crate) fn packets(codec: Codec, samples: &[i16]) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(codec);
    let packet = |samples: &[i16]| {
        let mut payload = vec![0; super::PAYLOAD_MAX];
        let length = encoder.encode(samples, &mut payload);
        payload.truncate(length);
        payload
    };
    samples.chunks_exact(160).map(packet).collect()
}

fn through(codec: Codec, samples: &[i16], each: usize) -> Vec<i16> {
    let (mut encoder, mut decoder) = (Encoder::new(codec), Decoder::new(codec));
    let (mut packet, mut out, mut heard) = ([0; 1_500], [0; SAMPLES_MAX], Vec::new());
    for piece in samples.chunks_exact(each) {
        let length = encoder.encode(piece, &mut packet);
        assert_eq!(codec.samples(&packet[..length]), each, "{codec:?}");
        assert_eq!(decoder.decode(&packet[..length], &mut out), each, "{codec:?}");
        heard.extend_from_slice(&out[..each]);
    }
    assert_eq!(decoder.bad(), 0);
    heard
}

/// Signal to noise in dB, at the delay that fits best.
fn quality(said: &[i16], heard: &[i16]) -> f32 {
    let at = |delay: usize| {
        let said = &said[800..said.len() - 400];
        let noise: Vec<i16> = said.iter().zip(&heard[800 + delay..]).map(|(a, b)| a.saturating_sub(*b)).collect();
        rms_dbfs(said) - rms_dbfs(&noise)
    };
    (0..60).map(at).fold(f32::MIN, f32::max)
}

#[test]
fn a_voice_survives_every_codec_at_every_packet_time() {
    let said = voice(9_600, 8_000.0);
    for (codec, least) in [(Codec::Pcmu, 30.0), (Codec::Pcma, 30.0), (Codec::G722, 25.0), (Codec::Opus, 15.0)] {
        for each in [80, 160, 240, 320, 400, 480] {
            let fits = quality(&said, &through(codec, &said, each));
            assert!(fits > least, "{codec:?} {each}: {fits} dB");
        }
    }
}

#[test]
fn what_is_lost_is_made_up_and_dies_away() {
    let said = voice(3_200, 8_000.0);
    for codec in Codec::ALL {
        let (mut encoder, mut decoder) = (Encoder::new(codec), Decoder::new(codec));
        let (mut packet, mut out) = ([0; 1_500], [0; 160]);
        for piece in said.chunks_exact(160) {
            let length = encoder.encode(piece, &mut packet);
            decoder.decode(&packet[..length], &mut out);
        }
        let before = rms_dbfs(&out);
        assert_eq!(decoder.conceal(160, &mut out), 160);
        assert!((rms_dbfs(&out) - before).abs() < 8.0, "{codec:?}: {} after {before}", rms_dbfs(&out));
        for _ in 0..100 {
            decoder.conceal(160, &mut out);
        }
        assert!(rms_dbfs(&out) < before - 25.0, "{codec:?}: {}", rms_dbfs(&out));
        let mut odd = [7; 33];
        assert_eq!(decoder.conceal(33, &mut odd), 33, "{codec:?}");
    }
}

#[test]
fn clips_keep_their_level_and_length_in_every_form() {
    let clip = Clip::new(voice(16_000, 16_000.0));
    let level = rms_dbfs(clip.samples());
    for form in [Form::Law(Law::Mu), Form::Law(Law::A), Form::G722, Form::Opus20, Form::Opus10] {
        let codec = match form {
            Form::Law(Law::Mu) => Codec::Pcmu,
            Form::Law(Law::A) => Codec::Pcma,
            Form::G722 => Codec::G722,
            Form::Opus20 | Form::Opus10 => Codec::Opus,
        };
        let made = encoded(&clip, form);
        let (mut decoder, mut out, mut heard) = (Decoder::new(codec), [0; SAMPLES_MAX], Vec::new());
        let mut take = |packet: &[u8]| {
            let count = decoder.decode(packet, &mut out);
            heard.extend_from_slice(&out[..count]);
        };
        match form {
            Form::Law(_) | Form::G722 => made.bytes().chunks(160).for_each(&mut take),
            Form::Opus20 | Form::Opus10 => (0..made.len()).filter_map(|n| made.packet(n)).for_each(&mut take),
        }
        assert_eq!(heard.len(), 8_000, "{form:?}");
        assert!((rms_dbfs(&heard) - level).abs() < 1.5, "{form:?}: {} of {level}", rms_dbfs(&heard));
        let mut idle = [0; 600];
        for samples in [80, 160, 240, 320, 400, 480] {
            if form == Form::Opus20 && samples % 160 != 0 {
                continue;
            }
            let length = silence(form, samples, &mut idle);
            assert_eq!(codec.samples(&idle[..length]), samples, "{form:?}");
            let mut quiet = Decoder::new(codec);
            for _ in 0..20 {
                let count = quiet.decode(&idle[..length], &mut out);
                assert!(rms_dbfs(&out[..count]) < -60.0, "{form:?} {samples}: {}", rms_dbfs(&out[..count]));
            }
        }
    }
}

#[test]
fn a_quiet_line_has_the_noise_that_was_asked_for() {
    for (form, codec) in [(Form::G722, Codec::G722), (Form::Opus20, Codec::Opus), (Form::Opus10, Codec::Opus)] {
        for (dbov, wanted) in [(40_u8, -40.0_f32), (60, -60.0), (65, -70.0)] {
            let (mut decoder, mut packet, mut out) = (Decoder::new(codec), [0; 1_280], [0; SAMPLES_MAX]);
            let (mut at, mut heard) = (0, Vec::new());
            for samples in [160, 480, 320, 160, 480].into_iter().cycle().take(60) {
                let length;
                (length, at) = super::noise(form, dbov, at, samples, &mut packet);
                assert_eq!(decoder.decode(&packet[..length], &mut out), samples, "{form:?}");
                heard.extend_from_slice(&out[..samples]);
            }
            let level = rms_dbfs(&heard[800..]);
            // Half of the band is all that is heard here: 3 dB less.
            assert!((level - wanted + 3.0).abs() < 4.0, "{form:?} at {dbov}: {level}");
        }
    }
}

#[test]
fn what_has_no_sense_is_counted_and_gives_nothing() {
    for codec in Codec::ALL {
        let mut decoder = Decoder::new(codec);
        assert_eq!(decoder.decode(&[], &mut [0; SAMPLES_MAX]), 0);
        assert_eq!(decoder.bad(), 1);
        assert_eq!(Encoder::new(codec).encode(&[], &mut [0; 10]), 0);
        assert_eq!(Encoder::new(codec).encode(&[0; 160], &mut [0; 1]), 0);
    }
    assert_eq!(Encoder::new(Codec::Opus).encode(&[0; 100], &mut [0; 1_500]), 0, "12.5 ms");
}

#[test]
fn a_packet_with_a_second_copy_mends_the_one_that_was_lost_before_it() {
    // SILK with forward error correction, as phones send it to whom they know to lose packets.
    let mut encoder = opus::Encoder::new(8_000, opus::Channels::Mono, opus::Application::Voip).unwrap();
    encoder.set_inband_fec(true).unwrap();
    encoder.set_packet_loss_perc(20).unwrap();
    encoder.set_bitrate(opus::Bitrate::Bits(24_000)).unwrap();
    let said = voice(16_000, 8_000.0);
    let packets: Vec<Vec<u8>> = said.chunks_exact(160).map(|piece| encoder.encode_vec(piece, 1_275).unwrap()).collect();
    let [mut whole, mut mended, mut guessed] = [0; 3].map(|_| Decoder::new(Codec::Opus));
    let (mut original, mut copy, mut guess) = (Vec::new(), Vec::new(), Vec::new());
    let mut out = [0; SAMPLES_MAX];
    for (n, packet) in packets.iter().enumerate() {
        whole.decode(packet, &mut out);
        let lost = n % 10 == 5;
        if lost {
            original.extend_from_slice(&out[..160]);
            assert_eq!(mended.mend(&packets[n + 1], 160, &mut out), 160);
            copy.extend_from_slice(&out[..160]);
            assert_eq!(guessed.conceal(160, &mut out), 160);
            guess.extend_from_slice(&out[..160]);
        } else {
            mended.decode(packet, &mut out);
            guessed.decode(packet, &mut out);
        }
    }
    let fits = |made: &[i16]| {
        let noise: Vec<i16> = original.iter().zip(made).map(|(a, b)| a.saturating_sub(*b)).collect();
        rms_dbfs(&original) - rms_dbfs(&noise)
    };
    let (copy, guess) = (fits(&copy), fits(&guess));
    assert!(copy > guess + 2.0, "{copy} dB by the copy, {guess} dB by guessing");
    for codec in Codec::ALL {
        let mut decoder = Decoder::new(codec);
        assert_eq!(decoder.mend(&[], 160, &mut out), 160, "{codec:?}");
    }
}

proptest! {
    #[test]
    fn nothing_received_panics(packets in proptest::collection::vec(
        proptest::collection::vec(any::<u8>(), 0..1_500), 1..12
    )) {
        for codec in Codec::ALL {
            let (mut decoder, mut out) = (Decoder::new(codec), [0; SAMPLES_MAX]);
            for packet in &packets {
                prop_assert!(decoder.decode(packet, &mut out) <= SAMPLES_MAX);
                decoder.conceal(usize::from(packet.first().copied().unwrap_or(0)), &mut out);
            }
        }
    }
}
