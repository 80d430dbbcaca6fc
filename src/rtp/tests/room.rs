//! Three on the line: who hears whom, to the packet. Each speaks with a frequency of their own.

use hotline_core::audio::g711;

use super::stage::{Net, Party, Sound, Stage, Tone, level};
use super::*;

/// Frequencies of which whole waves fit into 10 ms, and none is in the others' harmonics.
const CALLER: Tone = Tone::new(500.0, 800.0);
const ENGINEER: Tone = Tone::new(400.0, 800.0);
const BOSS: Tone = Tone::new(2_300.0, 16_000.0);
/// 60 dB below the supervisor's voice.
const NOTHING: f64 = 16.0;

/// Who is heard by the caller, the engineer and the supervisor; bit 0 is the caller.
type Roles = [u8; 3];
const LISTEN: Roles = [0b010, 0b001, 0b011];
const WHISPER: Roles = [0b010, 0b101, 0b011];
const BARGE: Roles = [0b110, 0b101, 0b011];

struct Trio {
    stage: Stage,
    caller: Party,
    engineer: Party,
    boss: Party,
}

impl Trio {
    /// The caller and the engineer talk; the supervisor's phone was answered.
    fn talking(phones: [(Codec, u8); 3]) -> Self {
        let mut stage = Stage::new(6);
        let mut party = |n: usize, voice| stage.party(phones[n].0, phones[n].1, voice);
        let (caller, engineer, boss) = (party(0, CALLER), party(1, ENGINEER), party(2, BOSS));
        stage.pass(3);
        caller.leg().bridge(engineer.leg());
        let mut trio = Self { stage, caller, engineer, boss };
        trio.talk(300);
        trio
    }

    /// Everybody speaks; gives the moment at which that began.
    fn talk(&mut self, ms: u64) -> u64 {
        let from = self.stage.ms();
        self.stage.talk(ms, &mut [&mut self.caller, &mut self.engineer, &mut self.boss]);
        from
    }

    fn seats(&self, roles: Roles) {
        let legs = [self.caller.leg(), self.engineer.leg(), self.boss.leg()];
        assert!(Leg::mix(&[(legs[0], roles[0]), (legs[1], roles[1]), (legs[2], roles[2])]));
    }

    /// The supervisor hangs up; the two are bridged again. Gives what the supervisor heard.
    fn boss_goes(self) -> (Stage, Party, Party, Vec<Sound>) {
        let Self { mut stage, caller, engineer, boss } = self;
        drop(boss.line);
        caller.leg().bridge(engineer.leg());
        stage.pass(1);
        (stage, caller, engineer, boss.heard)
    }
}

/// The loudest packet at this frequency.
fn loudest(sounds: &[Sound], hz: f64) -> f64 {
    sounds.iter().map(|sound| level(&sound.samples, hz)).fold(0.0, f64::max)
}

/// The quietest packet at this frequency.
fn quietest(sounds: &[Sound], hz: f64) -> f64 {
    sounds.iter().map(|sound| level(&sound.samples, hz)).fold(f64::MAX, f64::min)
}

/// What somebody hears after the first moments of a role, whose buffers still fill.
fn settled(party: &Party, from: u64) -> &[Sound] {
    party.since(from + 260)
}

#[track_caller]
fn hears(party: &Party, from: u64, voice: Tone) {
    let least = quietest(settled(party, from), voice.hz);
    assert!(least > voice.amplitude * 0.7, "{} Hz at {least} of {}", voice.hz, voice.amplitude);
}

#[test]
fn who_hears_whom_in_each_role_whatever_the_phones_speak() {
    let phones = [
        [(Codec::Pcmu, 20), (Codec::Pcmu, 20), (Codec::Pcmu, 20)],
        [(Codec::Pcmu, 20), (Codec::Pcma, 30), (Codec::Pcmu, 10)],
        [(Codec::Pcma, 10), (Codec::Pcmu, 60), (Codec::Pcma, 40)],
        [(Codec::Pcma, 20), (Codec::G722, 20), (Codec::Opus, 20)],
    ];
    for phones in phones {
        let mut trio = Trio::talking(phones);
        for roles in [LISTEN, WHISPER, BARGE, LISTEN] {
            trio.seats(roles);
            let from = trio.talk(600);
            hears(&trio.caller, from, ENGINEER);
            hears(&trio.engineer, from, CALLER);
            hears(&trio.boss, from, CALLER);
            hears(&trio.boss, from, ENGINEER);
            for (party, roles) in [(&trio.caller, roles[0]), (&trio.engineer, roles[1])] {
                if roles & 0b100 == 0 {
                    let most = loudest(settled(party, from), BOSS.hz);
                    assert!(most < NOTHING, "{phones:?}: {most}");
                } else {
                    hears(party, from, BOSS);
                }
            }
            // Nobody hears themselves.
            for (party, roles) in [(&trio.caller, roles[0]), (&trio.engineer, roles[1]), (&trio.boss, 0)] {
                let most = loudest(settled(party, from), party.voice.hz);
                // A loud voice in eight bits has some of everything in it.
                let some = if roles & 0b100 == 0 { 40.0 } else { 200.0 };
                assert!(most < some, "{phones:?}: {} Hz at {most}", party.voice.hz);
            }
        }
    }
}

/// Bridge, room and bridge again: each has coders of its own, and a decoder of G.722 has to be told.
#[test]
fn nobody_hears_a_burst_when_a_supervisor_comes_or_goes() {
    for wide in 0..3 {
        let mut phones = [(Codec::Pcmu, 20); 3];
        phones[wide].0 = Codec::G722;
        let mut trio = Trio::talking(phones);
        for roles in [WHISPER, BARGE] {
            trio.seats(roles);
            trio.talk(411);
        }
        let (mut stage, mut caller, mut engineer, boss) = trio.boss_goes();
        stage.talk(611, &mut [&mut caller, &mut engineer]);
        let of = |voices: [Tone; 2]| (voices.iter().map(|voice| voice.amplitude).sum::<f64>() * 1.3) as u16 + 100;
        let all = [(caller.heard, [ENGINEER, BOSS]), (engineer.heard, [CALLER, BOSS]), (boss, [CALLER, ENGINEER])];
        for (who, (heard, voices)) in all.iter().enumerate() {
            let most = heard.iter().flat_map(|sound| &sound.samples).map(|sample| sample.unsigned_abs()).max();
            assert!(most.unwrap() <= of(*voices), "{wide} in G.722: {who} hears {most:?} of {}", of(*voices));
            assert!(heard.len() > 20);
        }
    }
}

#[test]
fn the_caller_hears_nothing_of_a_whisper_in_any_packet() {
    for net in [Net::Even, Net::Rough(1), Net::Rough(7), Net::Rough(4_711)] {
        let mut trio = Trio::talking([(Codec::Pcmu, 20), (Codec::Pcma, 20), (Codec::Pcmu, 20)]);
        trio.boss.net = net;
        trio.seats(WHISPER);
        let from = trio.talk(2_000);
        assert!(loudest(trio.engineer.since(from), BOSS.hz) > BOSS.amplitude * 0.7);
        for roles in [LISTEN, WHISPER] {
            trio.seats(roles);
            trio.talk(700);
        }
        // Before the bridge there is the noise of a quiet line.
        let most = loudest(&trio.caller.heard[2..], BOSS.hz);
        assert!(most < NOTHING, "{net:?}: {most}, by join or change of role");
        let (mut stage, mut caller, mut engineer, _) = trio.boss_goes();
        stage.talk(500, &mut [&mut caller, &mut engineer]);
        let most = loudest(&caller.heard[2..], BOSS.hz);
        assert!(most < NOTHING, "{net:?}: {most}, when the supervisor left");
        assert!(
            quietest(&caller.heard[30..], ENGINEER.hz) > ENGINEER.amplitude * 0.5,
            "the engineer was heard throughout"
        );
    }
}

#[test]
fn what_was_whispered_before_barging_in_stays_between_the_two() {
    const ALOUD: f64 = 3_100.0;
    for net in [Net::Even, Net::Rough(3), Net::Rough(99)] {
        let mut trio = Trio::talking([(Codec::Pcmu, 20), (Codec::Pcmu, 20), (Codec::Pcma, 20)]);
        trio.boss.net = net;
        for _ in 0..3 {
            (trio.boss.voice.hz, trio.boss.net) = (BOSS.hz, net);
            trio.seats(WHISPER);
            let from = trio.talk(800);
            // The first packet of the new role may still hold the last of what was said aloud, as it fades.
            let most = loudest(&trio.caller.since(from)[2..], BOSS.hz);
            assert!(most < NOTHING, "{net:?}: {most}");
            // From here on it is for everybody. What is still on its way to us comes as if it were said now.
            trio.boss.net = Net::Even;
            trio.boss.voice.hz = ALOUD;
            trio.talk(20);
            trio.seats(BARGE);
            let from = trio.talk(800);
            let heard = trio.caller.since(from);
            // A voice that sets in is a little of every frequency: much less than a word of it.
            let most = loudest(heard, BOSS.hz);
            assert!(most < BOSS.amplitude * 0.02, "{net:?}: {most}");
            assert!(quietest(&heard[20..], ALOUD) > BOSS.amplitude * 0.7, "{net:?}");
        }
    }
}

#[test]
fn numbers_times_and_voices_run_on_through_join_and_leave() {
    let mut trio = Trio::talking([(Codec::Pcmu, 20), (Codec::Pcma, 20), (Codec::Pcmu, 20)]);
    for roles in [LISTEN, BARGE, WHISPER] {
        trio.seats(roles);
        trio.talk(500);
    }
    let (mut stage, mut caller, mut engineer, heard_by_boss) = trio.boss_goes();
    stage.talk(500, &mut [&mut caller, &mut engineer]);
    for heard in [&caller.heard, &engineer.heard, &heard_by_boss] {
        for pair in heard.windows(2) {
            let (one, two) = (&pair[0].packet, &pair[1].packet);
            assert_eq!((two.ssrc, two.sequence), (one.ssrc, one.sequence.wrapping_add(1)));
            let gap = two.timestamp.wrapping_sub(one.timestamp) as i32 - pair[0].samples.len() as i32;
            assert!((0..=160).contains(&gap), "a gap of {gap} samples at {} ms", pair[1].ms);
            assert!(pair[1].ms - pair[0].ms <= 42, "nothing for {} ms", pair[1].ms - pair[0].ms);
        }
    }
    // From the bridge on, neither voice breaks off: what is made up while a room's buffer fills fades a little, for a packet.
    for (heard, voice) in [(&caller.heard, ENGINEER), (&engineer.heard, CALLER)] {
        let least = quietest(&heard[8..], voice.hz);
        assert!(least > voice.amplitude * 0.3, "{} Hz falls to {least}", voice.hz);
        let low = heard[8..].iter().filter(|sound| level(&sound.samples, voice.hz) < voice.amplitude * 0.6).count();
        assert!(low <= 3, "{} Hz is low in {low} packets", voice.hz);
    }
}

#[test]
fn after_the_supervisor_has_hung_up_the_bridge_is_an_untouched_relay() {
    let mut trio = Trio::talking([(Codec::Pcmu, 20), (Codec::Pcmu, 20), (Codec::Pcma, 20)]);
    trio.seats(BARGE);
    trio.talk(500);
    let (mut stage, mut caller, mut engineer, _) = trio.boss_goes();
    let from = stage.ms();
    stage.talk(400, &mut [&mut caller, &mut engineer]);
    for (from_party, to_party) in [(&engineer, &caller), (&caller, &engineer)] {
        let heard: Vec<&[u8]> = to_party.since(from + 80).iter().map(|sound| &*sound.packet.payload).collect();
        let said: Vec<&[u8]> = from_party.said[from_party.said.len() - heard.len()..].iter().map(|s| &**s).collect();
        assert!(heard.len() >= 14);
        assert_eq!(heard, said, "byte for byte");
        assert_ne!(to_party.heard[0].packet.ssrc, 0x1234_5678);
    }
}

#[test]
fn whoever_waits_hears_music_below_what_a_supervisor_says_and_alone_when_nothing_is_said() {
    const MUSIC: f64 = 1_200.0;
    const HELD_PHONE: f64 = 700.0;
    let wave = |n: usize| ((n as f64 * MUSIC / 16_000.0 * std::f64::consts::TAU).sin() * 6_000.0) as i16;
    let music = PlayItem { clip: Arc::new(Clip::new((0..32_000).map(wave).collect())), repeat: true };
    for phones in [[(Codec::Pcmu, 20); 3], [(Codec::G722, 20), (Codec::Pcma, 20), (Codec::Pcmu, 20)]] {
        let mut trio = Trio::talking(phones);
        trio.seats(BARGE);
        trio.talk(400);
        // The engineer's phone holds the call and sends nothing; the supervisor's sends silence.
        trio.engineer.leg().connect(Remote { send: false, receive: true, ..trio.engineer.phone.remote() });
        trio.caller.leg().hold(Some(music.clone()));
        trio.boss.voice = Tone::SILENT;
        trio.talk(20);
        let hold = |trio: &mut Trio, ms| {
            let from = trio.stage.ms();
            trio.stage.talk(ms, &mut [&mut trio.caller, &mut trio.boss]);
            from
        };
        let from = hold(&mut trio, 1_800);
        let least = quietest(trio.caller.since(from + 1_400), MUSIC);
        assert!(least > 5_000.0, "the supervisor's silence is no reason for silence: {least}");
        trio.boss.voice = BOSS;
        let from = hold(&mut trio, 800);
        hears(&trio.caller, from, BOSS);
        let below = loudest(settled(&trio.caller, from), MUSIC);
        assert!((300.0..1_500.0).contains(&below), "{below}");
        // A phone that holds and has music of its own is heard instead.
        trio.boss.voice = Tone::SILENT;
        trio.engineer.voice = Tone::new(HELD_PHONE, 5_000.0);
        let from = trio.talk(1_600);
        assert!(quietest(settled(&trio.caller, from), HELD_PHONE) > 3_500.0);
        let ours = loudest(settled(&trio.caller, from), MUSIC);
        assert!(ours < 200.0, "two kinds of music: {ours}");
        // And taken back there is none.
        trio.engineer.leg().connect(trio.engineer.phone.remote());
        trio.caller.leg().hold(None);
        trio.engineer.voice = ENGINEER;
        let from = trio.talk(600);
        hears(&trio.caller, from, ENGINEER);
        let ours = loudest(settled(&trio.caller, from), MUSIC);
        assert!(ours < 60.0, "music in a call that nobody holds: {ours}");
    }
}

#[test]
fn a_fault_over_one_member_takes_out_that_member_only() {
    let mut trio = Trio::talking([(Codec::Pcmu, 20); 3]);
    trio.seats(BARGE);
    trio.talk(300);
    trio.stage.lane.fails(trio.boss.leg().key, "in its room");
    let from = trio.stage.ms();
    trio.stage.talk(600, &mut [&mut trio.caller, &mut trio.engineer]);
    assert_eq!(trio.stage.media.counters().faults, 1);
    assert!(matches!(trio.boss.line.event(), MediaEvent::Failed { .. }));
    hears(&trio.caller, from, ENGINEER);
    hears(&trio.engineer, from, CALLER);
    assert!(loudest(settled(&trio.caller, from), BOSS.hz) < NOTHING);
}

#[test]
fn what_a_member_hears_in_silence_is_a_quiet_line() {
    let mut trio = Trio::talking([(Codec::Pcmu, 20); 3]);
    trio.seats(LISTEN);
    trio.talk(300);
    // Only the supervisor's phone sends: the two have fallen silent altogether.
    let from = trio.stage.ms();
    trio.stage.talk(600, &mut [&mut trio.boss]);
    trio.caller.listen(trio.stage.ms());
    let samples: Vec<i16> = settled(&trio.boss, from).iter().flat_map(|sound| sound.samples.clone()).collect();
    let level = hotline_core::audio::level::rms_dbfs(&samples);
    assert!((-70.0..-50.0).contains(&level), "{level} dB: neither dead nor loud");
    assert!(samples.iter().any(|sample| *sample != g711::decode(Law::Mu, g711::MU_SILENCE)));
}
