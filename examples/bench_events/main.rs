//! The monitoring tools of `make bench`: sends events over many connections that stay open, takes the notifications that come
//! of them, and says in one JSON object how fast both were. bench/events.py starts it beside a server.
//!
//! Measures the server and not itself: HTTP is the least that works over loopback.

mod client;
mod receiver;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Parser as _;
use serde_json::{Value, json};

use client::Client;
use receiver::Receiver;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Measure {
    /// Events of their own each, as fast as they are answered, or at `--rate`
    Events,
    /// `--count` alerts, in large bodies
    Fill,
    /// Event → first notification
    Trigger,
    /// `--count` events at `--rate`: by turns of `--keys` faults, and of a fault of its own each in `--groups` groups
    Storm,
    /// GETs of all `--path`s, one after the other, again and again: how long all of them take together
    Get,
}

/// See the module.
#[derive(Debug, clap::Parser)]
struct Arguments {
    #[arg(value_enum)]
    measure: Measure,
    /// The server, HOST:PORT
    #[arg(long)]
    target: SocketAddr,
    /// Path of a source, its key included; several take turns
    #[arg(long, required = true)]
    path: Vec<String>,
    /// Bearer token, for GETs
    #[arg(long)]
    token: Option<String>,
    #[arg(long, default_value_t = 64)]
    connections: usize,
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Events a second; 0: as fast as they are answered
    #[arg(long, default_value_t = 0.0)]
    rate: f64,
    #[arg(long, default_value_t = 1_000)]
    count: u64,
    /// Different faults
    #[arg(long, default_value_t = 100)]
    keys: u64,
    #[arg(long, default_value_t = 10)]
    groups: u64,
    /// Where notifications are taken
    #[arg(long)]
    receive: Option<SocketAddr>,
    /// Waits so long for the last notifications
    #[arg(long, default_value_t = 10.0)]
    linger: f64,
}

#[expect(clippy::disallowed_methods, reason = "a measuring program has its own clock")]
fn now() -> Instant {
    Instant::now()
}

#[tokio::main(worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let arguments = Arc::new(Arguments::parse());
    let receiver = match arguments.receive {
        Some(address) => Some(Receiver::start(address).await?),
        None => None,
    };
    let mut result = match arguments.measure {
        Measure::Events | Measure::Storm | Measure::Get => many(&arguments).await?,
        Measure::Fill => fill(&arguments).await?,
        Measure::Trigger => trigger(&arguments, receiver.as_ref().expect("--receive is needed for this")).await?,
    };
    if let Some(receiver) = &receiver {
        tokio::time::sleep(Duration::from_secs_f64(arguments.linger)).await;
        result["notifications"] = receiver.count().into();
        result["per_person_max"] = receiver.most().into();
    }
    println!("{result}");
    Ok(())
}

/// Requests over all connections: each as soon as the one before is answered, or by the clock (then a late answer counts from
/// when its request was due).
async fn many(arguments: &Arc<Arguments>) -> anyhow::Result<Value> {
    let (began, sent) = (now(), Arc::new(AtomicU64::new(0)));
    let run = rand::random::<u32>();
    let mut tasks = Vec::new();
    for _ in 0..arguments.connections {
        let (arguments, sent) = (Arc::clone(arguments), Arc::clone(&sent));
        tasks.push(tokio::spawn(async move { one_connection(&arguments, &sent, began, run).await }));
    }
    let (mut times, mut failed) = (Vec::new(), 0);
    for task in tasks {
        let (own, bad) = task.await??;
        times.extend(own);
        failed += bad;
    }
    let took = began.elapsed().as_secs_f64();
    Ok(json!({
        "ok": times.len(), "failed": failed, "seconds": round(took), "per_second": round(times.len() as f64 / took),
        "latency": percentiles(times),
    }))
}

async fn one_connection(
    arguments: &Arguments,
    sent: &AtomicU64,
    began: Instant,
    run: u32,
) -> anyhow::Result<(Vec<Duration>, u64)> {
    let mut client = Client::connect(arguments.target).await?;
    let (mut times, mut failed) = (Vec::new(), 0);
    let counted = arguments.measure == Measure::Storm;
    loop {
        let number = sent.fetch_add(1, Ordering::Relaxed);
        let due = if arguments.rate > 0.0 {
            Duration::from_secs_f64(number as f64 / arguments.rate)
        } else {
            began.elapsed()
        };
        if counted && number >= arguments.count || !counted && due.as_secs_f64() >= arguments.seconds {
            return Ok((times, failed));
        }
        tokio::time::sleep_until((began + due).into()).await;
        let mut good = true;
        match arguments.measure {
            Measure::Get => {
                for path in &arguments.path {
                    good &= client.get(path, arguments.token.as_deref()).await? == 200;
                }
            }
            Measure::Events | Measure::Fill | Measure::Trigger | Measure::Storm => {
                let path = &arguments.path[(number % arguments.path.len() as u64) as usize];
                good = client.post(path, &event(arguments, run, number)).await? == 202;
            }
        }
        if good {
            times.push((began.elapsed()).saturating_sub(due));
        } else {
            failed += 1;
        }
    }
}

fn event(arguments: &Arguments, run: u32, number: u64) -> String {
    // In a storm every other event is a fault of its own, of one of a few groups.
    let (key, group) = match arguments.measure {
        Measure::Storm if number.is_multiple_of(2) => (format!("f{}", number / 2 % arguments.keys), String::new()),
        Measure::Storm => (number.to_string(), format!(r#","group_key":"rack-{}""#, number / 2 % arguments.groups)),
        Measure::Events | Measure::Fill | Measure::Trigger | Measure::Get => (number.to_string(), String::new()),
    };
    format!(
        r#"{{"title":"Disk of host-{key} is full","dedup_key":"{run}-{key}","severity":"warning","details":"96 % of 2 TB used","host":"host-{key}","value":{number}{group}}}"#
    )
}

/// Many alerts at once, for a full database.
async fn fill(arguments: &Arguments) -> anyhow::Result<Value> {
    let mut client = Client::connect(arguments.target).await?;
    let (began, mut number, mut failed, mut turns) = (now(), 0, 0, arguments.path.iter().cycle());
    while number < arguments.count {
        let events: Vec<String> = (number..arguments.count.min(number + 500))
            .map(|key| format!(r#"{{"title":"Host {key} is odd","dedup_key":"fill-{key}","priority":"P5"}}"#))
            .collect();
        let path = turns.next().expect("there is a path");
        let status = client.post(path, &format!("[{}]", events.join(","))).await?;
        if status == 202 {
            number += events.len() as u64;
        } else {
            failed += 1;
            anyhow::ensure!(failed < 1_000, "the server does not take the events: {status}");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
    Ok(json!({ "ok": number, "failed": failed, "seconds": round(began.elapsed().as_secs_f64()) }))
}

/// From the first byte of an event to the first byte of its first notification.
async fn trigger(arguments: &Arguments, receiver: &Receiver) -> anyhow::Result<Value> {
    let mut client = Client::connect(arguments.target).await?;
    let run = rand::random::<u32>();
    let pause = Duration::from_secs_f64(1.0 / arguments.rate.max(0.1));
    let mut sent = Vec::new();
    for (number, path) in (0..arguments.count).zip(arguments.path.iter().cycle()) {
        let word = format!("trigger-{run}-{number}-end");
        sent.push((word.clone(), now()));
        let body = format!(r#"{{"title":"{word}","dedup_key":"{word}","priority":"P1"}}"#);
        let status = client.post(path, &body).await?;
        anyhow::ensure!(status == 202, "the server does not take the event: {status}");
        tokio::time::sleep(pause).await;
    }
    tokio::time::sleep(Duration::from_secs_f64(arguments.linger)).await;
    let times: Vec<Duration> =
        sent.iter().filter_map(|(word, at)| Some(receiver.first(word)?.saturating_duration_since(*at))).collect();
    Ok(json!({ "ok": times.len(), "failed": sent.len() - times.len(), "latency": percentiles(times) }))
}

fn percentiles(mut times: Vec<Duration>) -> Value {
    times.sort_unstable();
    let at = |share: f64| {
        let place = ((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1));
        times.get(place).map(|time| round(time.as_secs_f64() * 1_000.0))
    };
    json!({ "count": times.len(), "p50_ms": at(0.5), "p99_ms": at(0.99), "max_ms": at(1.0) })
}

fn round(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}
