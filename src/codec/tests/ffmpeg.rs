//! Opus against another implementation than libopus: ffmpeg's own decoder and encoder. What we send is understood there,
//! what is made there is understood here.

use std::path::Path;
use std::process::Command;

use super::*;

/// Samples at 48 kHz in one of 8 kHz.
const WIDE: usize = 6;

/// Pages of Ogg (RFC 3533), a packet each, as RFC 7845 wants them for Opus.
fn ogg(packets: &[Vec<u8>]) -> Vec<u8> {
    let head = [&b"OpusHead\x01\x01"[..], &[0, 0], &48_000_u32.to_le_bytes(), &[0, 0, 0]].concat();
    let tags = [&b"OpusTags"[..], &7_u32.to_le_bytes(), b"hotline", &0_u32.to_le_bytes()].concat();
    let mut file = Vec::new();
    let mut granule = 0_u64;
    for (number, packet) in [head, tags].iter().chain(packets).enumerate() {
        let flags = [2, 0].get(number).copied().unwrap_or(if number == packets.len() + 1 { 4 } else { 0 });
        if number > 1 {
            granule += (Codec::Opus.samples(packet) * WIDE) as u64;
        }
        let mut page = [&b"OggS\0"[..], &[flags], &granule.to_le_bytes(), &7_u32.to_le_bytes()].concat();
        page.extend((number as u32).to_le_bytes());
        page.extend([0; 4]);
        let full = packet.len() / 255;
        page.push(full as u8 + 1);
        page.extend(std::iter::repeat_n(255, full));
        page.push((packet.len() % 255) as u8);
        page.extend(packet);
        let sum = checksum(&page);
        page[22..26].copy_from_slice(&sum.to_le_bytes());
        file.extend(page);
    }
    file
}

fn checksum(page: &[u8]) -> u32 {
    page.iter().fold(0_u32, |sum, byte| {
        (0..8).fold(sum ^ (u32::from(*byte) << 24), |sum, _| (sum << 1) ^ if sum >> 31 == 1 { 0x04c1_1db7 } else { 0 })
    })
}

/// The packets of an Ogg file, without its two headers.
fn packets(mut file: &[u8]) -> Vec<Vec<u8>> {
    let (mut found, mut packet) = (Vec::new(), Vec::new());
    while file.len() > 27 {
        assert_eq!(&file[..4], b"OggS");
        let count = usize::from(file[26]);
        let (lengths, mut rest) = file[27..].split_at(count);
        for length in lengths {
            let (piece, after) = rest.split_at(usize::from(*length));
            packet.extend_from_slice(piece);
            rest = after;
            if *length < 255 {
                found.push(std::mem::take(&mut packet));
            }
        }
        file = rest;
    }
    found.split_off(2)
}

fn ffmpeg(folder: &Path, arguments: &[&str]) {
    let ran =
        Command::new("ffmpeg").current_dir(folder).args(["-v", "error", "-nostdin", "-y"]).args(arguments).output();
    let ran = ran.expect("ffmpeg is installed (scripts/install-packages.sh test)");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

/// What ffmpeg's own decoder makes of packets, 48 kHz.
fn decoded_there(packets: &[Vec<u8>]) -> Vec<i16> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("in.ogg"), ogg(packets)).unwrap();
    ffmpeg(folder.path(), &["-c:a", "opus", "-i", "in.ogg", "-f", "s16le", "-ac", "1", "-ar", "48000", "out.raw"]);
    let bytes = std::fs::read(folder.path().join("out.raw")).unwrap();
    bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

/// What libopus makes of them.
fn decoded_here(packets: &[Vec<u8>]) -> Vec<i16> {
    let mut decoder = opus::Decoder::new(48_000, opus::Channels::Mono).unwrap();
    let (mut all, mut pcm) = (Vec::new(), vec![0; SAMPLES_MAX * WIDE]);
    for packet in packets {
        let count = decoder.decode(packet, &mut pcm, false).unwrap();
        all.extend_from_slice(&pcm[..count]);
    }
    all
}

/// How far the one is above their difference, dB.
fn agreement(one: &[i16], other: &[i16]) -> f32 {
    let difference: Vec<i16> = one.iter().zip(other).map(|(a, b)| a.saturating_sub(*b)).collect();
    rms_dbfs(one) - rms_dbfs(&difference)
}

#[test]
fn what_we_encode_is_the_same_sound_to_another_decoder() {
    let said = voice(24_000, 8_000.0);
    for each in [80, 160, 240, 320, 480] {
        let mut encoder = Encoder::new(Codec::Opus);
        let encode = |piece: &[i16]| {
            let mut packet = vec![0; 1_275];
            let length = encoder.encode(piece, &mut packet);
            packet.truncate(length);
            packet
        };
        let packets: Vec<Vec<u8>> = said.chunks_exact(each).map(encode).collect();
        let (here, there) = (decoded_here(&packets), decoded_there(&packets));
        assert_eq!(here.len(), there.len(), "{each}");
        let agree = agreement(&here, &there);
        assert!(agree > 45.0, "packets of {each}: {agree} dB");
    }
    let clip = Clip::new(voice(32_000, 16_000.0));
    for form in [Form::Opus20, Form::Opus10] {
        let made = encoded(&clip, form);
        let packets: Vec<Vec<u8>> = (0..made.len()).filter_map(|n| Some(made.packet(n)?.to_vec())).collect();
        let agree = agreement(&decoded_here(&packets), &decoded_there(&packets));
        assert!(agree > 45.0, "{form:?}: {agree} dB");
    }
}

#[test]
fn what_another_encoder_makes_is_understood() {
    let said = voice(3 * 48_000, 48_000.0);
    let folder = tempfile::tempdir().unwrap();
    let bytes: Vec<u8> = said.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    std::fs::write(folder.path().join("in.raw"), bytes).unwrap();
    let input = ["-f", "s16le", "-ar", "48000", "-ac", "1", "-i", "in.raw"];
    let output = ["-c:a", "opus", "-strict", "experimental", "-b:a", "96k", "-f", "ogg", "out.ogg"];
    ffmpeg(folder.path(), &[&input[..], &output[..]].concat());
    let packets = packets(&std::fs::read(folder.path().join("out.ogg")).unwrap());
    let (mut decoder, mut pcm, mut heard) = (Decoder::new(Codec::Opus), [0; SAMPLES_MAX], Vec::new());
    for packet in &packets {
        let count = decoder.decode(packet, &mut pcm);
        assert_eq!(count, Codec::Opus.samples(packet));
        heard.extend_from_slice(&pcm[..count]);
    }
    assert_eq!(decoder.bad(), 0);
    let narrow: Vec<i16> = said.into_iter().step_by(WIDE).collect();
    let fits = quality(&narrow[..heard.len().min(narrow.len()) - 100], &heard);
    assert!(fits > 10.0, "{fits} dB");
}
