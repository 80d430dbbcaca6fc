//! Legs in G.722 and Opus: what listens, records and mixes works as on the telephone's own codecs.

use std::path::Path;

use hotline_core::audio::restore;
use hotline_core::call::command::RecordLimits;
use hotline_core::fact::RecordingEnd;
use hotline_core::ids::RecordingId;

use super::translated::{Voice, share};
use super::*;
use crate::codec::{Decoder, Encoder, SAMPLES_MAX};
use crate::rtp::RecordRequest;

/// A prompt of ours as somebody's speech, 8 kHz.
fn speech() -> Vec<i16> {
    let mut reader = hound::WavReader::open("audio/en/calling-engineer.wav").unwrap();
    let samples: Vec<i16> = reader.samples::<i16>().map(Result::unwrap).collect();
    hotline_core::audio::resample::resample(&samples, reader.spec().sample_rate, 8_000)
}

/// One channel's codec, as the store has it.
struct One(Decoder);

impl restore::Decode for One {
    fn decode(&mut self, _codec: Codec, payload: &[u8], out: &mut [i16]) -> usize {
        self.0.decode(payload, out)
    }

    fn conceal(&mut self, _codec: Codec, _out: &mut [i16]) -> bool {
        false
    }
}

fn request(folder: &Path, limits: RecordLimits) -> RecordRequest {
    let recording = RecordingId(uuid::Uuid::from_u128(1));
    RecordRequest { recording, file: folder.join("1.seg"), limits, both: false }
}

/// The end of speech is heard; what was said is kept. The recording is ordered before the codec is known, and the codec
/// changes within it.
#[test]
fn speech_is_recorded_and_its_end_is_heard() {
    for (codec, then) in [(Codec::G722, Codec::G722), (Codec::Opus, Codec::Opus), (Codec::Pcmu, Codec::Opus)] {
        let folder = tempfile::tempdir().unwrap();
        let media = media(2, 1);
        let (mut line, mut phone) = (Line::open(&media), Phone::new(codec));
        let end_silence = Some(Duration::from_millis(800));
        line.leg
            .record(request(folder.path(), RecordLimits { max: Duration::from_mins(1), end_silence, no_speech: None }));
        line.leg.connect(phone.remote());
        let said = speech();
        let mut encoder = Encoder::new(codec);
        let mut ended = None;
        for (n, piece) in
            said[..16_000].chunks_exact(160).chain(std::iter::repeat_n(&[0_i16; 160][..], 1_500)).enumerate()
        {
            if n == 5 && then != codec {
                phone.codec = then;
                encoder = Encoder::new(then);
                line.leg.connect(phone.remote());
            }
            let mut payload = [0; 1_275];
            let length = encoder.encode(piece, &mut payload);
            phone.say(&line.leg, &payload[..length]);
            std::thread::sleep(Duration::from_millis(20));
            ended = line.events.try_recv().ok();
            if ended.is_some() {
                break;
            }
        }
        let Some(MediaEvent::RecordEnded { speech, reason, .. }) = ended else { panic!("{codec:?}: {ended:?}") };
        assert_eq!((speech, reason), (true, RecordingEnd::Silence), "{codec:?}, then {then:?}");
        if then == codec {
            let segment = std::fs::read(folder.path().join("1.seg")).unwrap();
            let sound = restore::sound(&segment, || One(Decoder::new(codec))).unwrap();
            assert_eq!((sound.stats[0].missing, sound.stats[0].late), (0, 0), "{codec:?}");
            let level = |samples: &[i16]| hotline_core::audio::level::rms_dbfs(samples);
            let (kept, original) = (level(&sound.samples[..16_000]), level(&said[..16_000]));
            assert!((kept - original).abs() < 1.5, "{codec:?}: {kept} dBFS of {original}");
        }
    }
}

/// What a phone has heard by now.
fn drain(phone: &Phone) -> Vec<i16> {
    phone.socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let (mut decoder, mut pcm, mut buffer) = (Decoder::new(phone.codec), [0; SAMPLES_MAX], [0; 2_048]);
    let mut heard = Vec::new();
    // It goes on being sent to: enough is enough.
    while heard.len() < 12_000
        && let Ok(length) = phone.socket.recv(&mut buffer)
    {
        let packet = RtpReader::new(&buffer[..length]).unwrap();
        let count = decoder.decode(packet.payload(), &mut pcm);
        heard.extend_from_slice(&pcm[..count]);
    }
    heard
}

#[test]
fn a_room_of_three_codecs_where_one_changes_its_own() {
    const PITCHES: [f64; 3] = [440.0, 1_000.0, 1_700.0];
    let media = media(6, 1);
    let (first, phone) = connected(&media, Codec::Opus);
    let mut lines = vec![first];
    let mut phones = vec![phone];
    for codec in [Codec::G722, Codec::Pcma] {
        let (line, phone) = (Line::open_near(&media, Some(&lines[0].leg)), Phone::new(codec));
        line.leg.connect(phone.remote());
        lines.push(line);
        phones.push(phone);
    }
    let matrix: Vec<(&Leg, u8)> =
        lines.iter().zip([0b110, 0b101, 0b011]).map(|(line, hears)| (&line.leg, hears)).collect();
    assert!(Leg::mix(&matrix));
    for change in [None, Some(Codec::Opus)] {
        if let Some(codec) = change {
            phones[2].codec = codec;
            lines[2].leg.connect(phones[2].remote());
        }
        for phone in &phones {
            // What was heard before is another matter.
            phone.socket.set_nonblocking(true).unwrap();
            while phone.socket.recv(&mut [0; 2_048]).is_ok() {}
            phone.socket.set_nonblocking(false).unwrap();
        }
        let mut voices: Vec<Voice> =
            phones.iter().zip(PITCHES).map(|(phone, hz)| Voice::new(phone.codec, hz)).collect();
        for _ in 0..75 {
            for ((line, phone), voice) in lines.iter().zip(&mut phones).zip(&mut voices) {
                phone.say(&line.leg, &voice.packet(160));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        for (place, phone) in phones.iter().enumerate() {
            let heard = drain(phone);
            let parts =
                PITCHES.map(|hz| heard[4_000..8_000].chunks(400).map(|piece| share(piece, hz)).sum::<f64>() / 10.0);
            for (other, part) in parts.iter().enumerate() {
                let wanted = if other == place { 0.0..0.1 } else { 0.3..0.7 };
                assert!(wanted.contains(part), "{place} hears {parts:?}, {:?}", phone.codec);
            }
        }
    }
}
