//! Pace and cost of media on loopback:
//! `cargo run --release --example media_pace -- play|record|bridge|idle [CALLS] [SECONDS]`.
//!
//! Each call is a leg with a plain socket as its phone. Prints how far packets
//! arrive from 20 ms apart as the phone sees them, and the CPU seconds that the
//! process's media threads used for a minute of one call.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use hotline::rtp::{Leg, Media, MediaSettings, PlayItem, RecordRequest, Remote};
use hotline_core::audio::{Clip, Codec};
use hotline_core::call::command::{PlayId, RecordLimits};
use hotline_core::ids::RecordingId;
use tokio::sync::mpsc;

struct Call {
    leg: Leg,
    phone: mio::net::UdpSocket,
    _events: mpsc::Receiver<hotline::rtp::MediaEvent>,
}

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mode = arguments.next().context("play, record, bridge or idle")?;
    let count: usize = arguments.next().map_or(Ok(100), |n| n.parse())?;
    let seconds: u64 = arguments.next().map_or(Ok(20), |n| n.parse())?;
    let bind = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let media = Media::start(MediaSettings { bind, ports: (16_384, 32_767), lanes: 0 })?;
    let mut calls = open(&media, count)?;
    let folder = std::env::temp_dir().join(format!("media-pace-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    match mode.as_str() {
        "play" => play(&calls),
        "record" => record(&calls, &folder),
        "bridge" => calls.chunks_exact(2).for_each(|pair| pair[0].leg.bridge(&pair[1].leg)),
        "idle" => {}
        other => anyhow::bail!("play, record, bridge or idle, not {other}"),
    }
    std::thread::sleep(Duration::from_millis(500));
    let before = media_cpu()?;
    let mut gaps_us = run(&mut calls, &mode, Duration::from_secs(seconds))?;
    let used = media_cpu()? - before;
    drop(calls);
    println!("{mode}: {count} legs, {seconds} s, {:?}", media.counters());
    media.stop();
    std::fs::remove_dir_all(&folder)?;
    gaps_us.sort_unstable();
    let at = |part: usize| gaps_us.get((gaps_us.len() * part / 1_000).min(gaps_us.len().saturating_sub(1)));
    let ms = |part| at(part).map_or(0.0, |us| *us as f64 / 1_000.0);
    println!("distance from 20 ms: p50 {:.2} ms, p99 {:.2} ms, p99.9 {:.2} ms", ms(500), ms(990), ms(999));
    println!("CPU: {:.4} s a leg-minute", used / count as f64 / (seconds as f64 / 60.0));
    Ok(())
}

fn open(media: &Media, count: usize) -> anyhow::Result<Vec<Call>> {
    let mut calls: Vec<Call> = Vec::with_capacity(count);
    for n in 0..count {
        let (sender, events) = mpsc::channel(64);
        let near = if n % 2 == 1 { calls.last().map(|call| &call.leg) } else { None };
        let leg = media.open_with(sender, near)?;
        let phone = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        phone.set_nonblocking(true)?;
        leg.connect(remote(phone.local_addr()?));
        calls.push(Call { leg, phone: mio::net::UdpSocket::from_std(phone), _events: events });
    }
    Ok(calls)
}

fn remote(address: SocketAddr) -> Remote {
    Remote {
        address,
        codec: Codec::Pcma,
        payload_type: 8,
        receive_payload_type: 8,
        events: Some((101, 101)),
        events_hz: 8_000,
        ptime_ms: 20,
        send: true,
        receive: true,
        rtcp: hotline_core::sdp::Rtcp::NextPort,
    }
}

fn play(calls: &[Call]) {
    let clip = Arc::new(Clip::new((0..160_000).map(|i| ((i * 37) % 8_001) as i16 - 4_000).collect()));
    for call in calls {
        call.leg.play(PlayId(1), vec![PlayItem { clip: Arc::clone(&clip), repeat: true }]);
    }
}

fn record(calls: &[Call], folder: &std::path::Path) {
    let limits =
        RecordLimits { max: Duration::from_hours(1), end_silence: Some(Duration::from_mins(10)), no_speech: None };
    for (n, call) in calls.iter().enumerate() {
        let recording = RecordingId(uuid::Uuid::from_u128(n as u128));
        call.leg.record(RecordRequest { recording, file: folder.join(format!("{n}.seg")), limits, both: false });
    }
}

/// Phones talk (record, bridge) and listen; gives how far from 20 ms each packet came after the one before, µs.
fn run(calls: &mut [Call], mode: &str, length: Duration) -> anyhow::Result<Vec<u64>> {
    let talk = mode == "record" || mode == "bridge";
    let mut poll = mio::Poll::new()?;
    for (n, call) in calls.iter_mut().enumerate() {
        poll.registry().register(&mut call.phone, mio::Token(n), mio::Interest::READABLE)?;
    }
    let mut ready = mio::Events::with_capacity(256);
    let start = hotline::clock::now().mono;
    let mut last: Vec<Option<Instant>> = vec![None; calls.len()];
    let mut gaps = Vec::with_capacity(calls.len() * length.as_millis() as usize / 20);
    let mut buffer = [0; 2_048];
    // What came before the measurement began.
    for call in calls.iter() {
        while call.phone.recv(&mut buffer).is_ok() {}
    }
    // Phones are spread over the 20 ms as in life: the n-th packet of all is due at n steps.
    let step = Duration::from_millis(20) / calls.len() as u32;
    let mut said = 0;
    loop {
        let elapsed = hotline::clock::now().mono - start;
        if elapsed >= length {
            return Ok(gaps);
        }
        while talk && elapsed >= step * said {
            say(calls, said as usize);
            said += 1;
        }
        let wait = if talk { Duration::from_millis(1) } else { Duration::from_millis(100) };
        poll.poll(&mut ready, Some(wait))?;
        for event in &ready {
            while calls[event.token().0].phone.recv(&mut buffer).is_ok() {
                let arrived = hotline::clock::now().mono;
                if let Some(before) = last[event.token().0].replace(arrived) {
                    gaps.push(((arrived - before).as_micros() as i64 - 20_000).unsigned_abs());
                }
            }
        }
    }
}

/// The `number`-th packet of all phones in turn.
fn say(calls: &[Call], number: usize) {
    let (n, round) = (number % calls.len(), (number / calls.len()) as u32);
    let mut packet = [0_u8; 172];
    packet[..2].copy_from_slice(&[0x80, 8]);
    packet[2..4].copy_from_slice(&(round as u16).to_be_bytes());
    packet[4..8].copy_from_slice(&(round * 160).to_be_bytes());
    packet[8..12].copy_from_slice(&(n as u32 + 1).to_be_bytes());
    for (i, byte) in packet[12..].iter_mut().enumerate() {
        *byte = (i as u32 * 13 + round) as u8;
    }
    if let Err(error) = calls[n].phone.send_to(&packet, calls[n].leg.local()) {
        eprintln!("a phone can't send: {error}");
    }
}

/// CPU seconds of our lanes and the writer, by their thread names (Linux).
fn media_cpu() -> anyhow::Result<f64> {
    let mut ticks = 0.0;
    for task in std::fs::read_dir("/proc/self/task")? {
        let folder = task?.path();
        let name = std::fs::read_to_string(folder.join("comm"))?;
        if !name.starts_with("hotline-") {
            continue;
        }
        // Nanoseconds on the CPU, first field.
        let stat = std::fs::read_to_string(folder.join("schedstat"))?;
        ticks += stat.split(' ').next().context("schedstat")?.parse::<f64>()?;
    }
    Ok(ticks / 1e9)
}
