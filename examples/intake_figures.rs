//! How fast events of tools are kept: events a second and latency of `Store::take_events`, with 100,000 open alerts there,
//! and what the look for due escalations and notifications costs then.
//!
//! `cargo run --release --example intake_figures -- sqlite:///tmp/figures.db [OPEN_ALERTS] [SECONDS]`, or
//! `postgres://…/an-empty-database`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hotline::clock;
use hotline::store::alerts::{Received, Verdict};
use hotline::store::{Store, StoreSettings};
use hotline_core::alert::intake::{Action, Decision, Event, Open, Route};
use hotline_core::alert::{Change, Urgency};
use hotline_core::escalation::Progress;
use hotline_core::fact::{Fact, Priority};
use hotline_core::notify::{Next, Waiting};

/// Events of a batch at most, as the intake collects them.
const BATCH: usize = 500;

fn event(key: u64) -> Received {
    Received {
        own_key: None,
        source: "prometheus".into(),
        event: Event {
            action: Action::Trigger,
            title: format!("Disk of host-{key} is 97 % full"),
            details: Some("node_filesystem_avail_bytes{mountpoint=\"/\"} < 3 %".into()),
            dedup_key: Some(format!("disk/host-{key}")),
            group_key: None,
            priority: None,
            customer: Some("acme".into()),
            service: None,
            began_at: None,
            link: Some("https://monitor.example/alerts/1".to_owned()),
        },
        route: Route {
            customer: Some("acme".into()),
            service: Some("mail".into()),
            policy: Some("default".into()),
            priority: Priority::P3,
            urgency: Urgency::High,
            group_key: None,
            why: "The source's customer is acme; by the default policy.".to_owned(),
        },
        at: clock::now().wall,
    }
}

fn decide(received: &Received, open: Open<'_>, reference: &str) -> Decision {
    let same = open.same;
    let (event, route) = (&received.event, &received.route);
    if let Some(same) = same {
        return Decision::Join { alert: same.id, facts: Vec::new() };
    }
    let received = Change::Received {
        title: event.title.clone(),
        details: event.details.clone(),
        priority: route.priority,
        urgency: route.urgency,
        source: received.source.clone(),
        reference: reference.to_owned(),
        customer: route.customer.clone(),
        service: route.service.clone(),
        dedup_key: event.dedup_key.clone(),
        group_key: route.group_key.clone(),
        policy: route.policy.clone(),
        began_at: event.began_at,
        link: event.link.clone(),
    };
    Decision::Open { facts: vec![(Fact::Alert(received), route.why.clone())] }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().unwrap_or_else(|| "sqlite:///tmp/hotline-figures/hotline.db".to_owned());
    let open: u64 = arguments.next().map_or(Ok(100_000), |text| text.parse())?;
    let seconds: u64 = arguments.next().map_or(Ok(10), |text| text.parse())?;
    let folder = std::env::temp_dir().join(format!("hotline-figures-{}", std::process::id()));
    let settings = StoreSettings { data_dir: folder.clone(), database_url: url, node: "figures".to_owned() };
    let (store, _journal, _) = Store::open(settings).await?;

    let begun = clock::now().mono;
    for first in (0..open).step_by(BATCH) {
        let events: Vec<Received> = (first..(first + BATCH as u64).min(open)).map(event).collect();
        store.take_events(&events, &decide).await?;
    }
    let took = begun.elapsed();
    println!(
        "{open} alerts opened in {took:.1?}: {:.0} a second, one batch after the other",
        open as f64 / took.as_secs_f64()
    );

    // What was just opened waits for its step in five minutes.
    let ids = store.due_escalations(clock::now().wall, 1_000).await?;
    let later = clock::now().wall.checked_add(Duration::from_mins(5))?;
    let mut steps = Vec::new();
    for id in &ids {
        let before = clock::now().mono;
        store
            .change_alert(*id, clock::now().wall, |_| {
                let progress =
                    Progress { round: 1, step: 1, due: Some(later), look: Some(later), ..Progress::default() };
                let stepped = Change::Stepped { round: 1, step: 1, targets: Vec::new(), next_at: Some(later) };
                let facts = vec![(Fact::Alert(stepped), "due".to_owned())];
                Ok::<_, ()>(Verdict { facts, progress: Some(progress), ..Verdict::default() })
            })
            .await?;
        steps.push(before.elapsed());
    }
    print("one step of an escalation (change_alert)", &mut steps);

    let keys = Arc::new(AtomicU64::new(open));
    for (name, share) in [("all new", 1), ("one in ten new", 10)] {
        for rate in [0, 1_500, 1_000] {
            storm(&store, &keys, rate, share, name, Duration::from_secs(seconds)).await?;
        }
    }

    let (mut due, mut claims) = (Vec::new(), Vec::new());
    let idle = |_: &_, _: &[Waiting], _: &[_]| Next::Idle;
    for _ in 0..50 {
        let before = clock::now().mono;
        let found = store.due_escalations(clock::now().wall, 100).await?;
        store.next_escalation().await?;
        due.push(before.elapsed());
        assert_eq!(found.len(), 100);
        let before = clock::now().mono;
        store.claim_notifications(clock::now().wall, Duration::from_secs(30), 50, &idle).await?;
        store.next_notification().await?;
        claims.push(before.elapsed());
    }
    print("look for due escalations", &mut due);
    print("look for due notifications", &mut claims);
    store.close().await;
    std::fs::remove_dir_all(folder)?;
    Ok(())
}

/// Events as they come: what arrives while a batch is being kept makes the next one. `rate` 0: as fast as it goes.
async fn storm(
    store: &Store,
    keys: &Arc<AtomicU64>,
    rate: u64,
    share: u64,
    name: &str,
    span: Duration,
) -> anyhow::Result<()> {
    let (send, mut events) = tokio::sync::mpsc::channel::<(Received, std::time::Instant)>(BATCH * 2);
    let known = keys.load(Ordering::Relaxed);
    let keys = Arc::clone(keys);
    let source = tokio::spawn(async move {
        let begun = clock::now().mono;
        let mut count = 0_u64;
        while begun.elapsed() < span {
            let wanted = if rate == 0 { count + 1 } else { (begun.elapsed().as_secs_f64() * rate as f64) as u64 };
            while count < wanted {
                let new = count.is_multiple_of(share);
                let key = if new { keys.fetch_add(1, Ordering::Relaxed) } else { count * 7_919 % known };
                if send.send((event(key), clock::now().mono)).await.is_err() {
                    return;
                }
                count += 1;
            }
            if rate > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    });
    let begun = clock::now().mono;
    let mut latencies = Vec::new();
    let mut waiting = Vec::new();
    while events.recv_many(&mut waiting, BATCH).await > 0 {
        let (batch, since): (Vec<Received>, Vec<_>) = waiting.drain(..).unzip();
        store.take_events(&batch, &decide).await?;
        latencies.extend(since.into_iter().map(|since| since.elapsed()));
    }
    source.await?;
    let took = begun.elapsed().as_secs_f64();
    let asked = if rate == 0 { "as fast as it goes".to_owned() } else { format!("{rate} a second") };
    let count = latencies.len() as f64;
    print(&format!("{name}, {asked}: {:.0} events a second", count / took), &mut latencies);
    Ok(())
}

fn print(name: &str, latencies: &mut [Duration]) {
    latencies.sort_unstable();
    let at = |part: f64| latencies.get((latencies.len() as f64 * part) as usize).copied().unwrap_or_default();
    println!("{name}: p50 {:.1?}, p99 {:.1?}, longest {:.1?}", at(0.5), at(0.99), at(0.999_999));
}
