//! The stream of changes, over the router and over a real connection.

use std::time::Duration;

use futures::StreamExt;
use hotline_core::fact::Actor;
use hotline_core::ids::{AlertId, CallId};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

use super::super::fake::*;
use super::super::{Board, serve};
use super::*;
use crate::switch::Change;

struct Events {
    body: axum::body::BodyDataStream,
    text: String,
}

impl Events {
    async fn open(bench: &Bench, last: Option<&str>) -> Self {
        let mut request = Request::builder().uri("/api/v1/stream").header("authorization", format!("Bearer {TOKEN}"));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = bench.app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert!(response.headers()["content-type"].to_str().unwrap().starts_with("text/event-stream"));
        Self { body: response.into_body().into_data_stream(), text: String::new() }
    }

    /// The next event: its name, id and data.
    async fn next(&mut self) -> Option<(String, String, Value)> {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let event: String = self.text.drain(..end + 2).collect();
                let field = |name: &str| {
                    event.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned()
                };
                if field("event:").is_empty() {
                    continue;
                }
                return Some((field("event:"), field("id:"), serde_json::from_str(&field("data:")).unwrap()));
            }
            let chunk =
                tokio::time::timeout(Duration::from_secs(30), self.body.next()).await.expect("an event in time")?;
            self.text.push_str(&String::from_utf8_lossy(&chunk.unwrap()));
        }
    }
}

#[tokio::test]
async fn the_stream_begins_with_a_snapshot_and_tells_changes() {
    let bench = bench();
    let mut events = Events::open(&bench, None).await;
    let (name, _, snapshot) = events.next().await.unwrap();
    assert_eq!(name, "snapshot");
    assert_eq!(snapshot["calls"].as_array().unwrap().len(), 2);
    assert_eq!(snapshot["alerts"].as_array().unwrap().len(), 3, "the resolved one is not open");
    assert_eq!(snapshot["health"]["status"], "ok");

    bench.fake.acknowledge(AlertId(id(ALERT_WAITING)), Actor::Token("x".into())).await.unwrap();
    let (name, last, alert) = events.next().await.unwrap();
    assert_eq!((name.as_str(), &alert["status"]), ("alert", &"acknowledged".into()));

    bench.fake.kept.lock().live[0].state = "menu".to_owned();
    bench.fake.changes.send(Change::Call(CallId(id(CALL_LIVE)))).unwrap();
    let (name, _, call) = events.next().await.unwrap();
    assert_eq!((name.as_str(), &call["state"], &call["running"]), ("call", &"menu".into(), &true.into()));

    bench.fake.changes.send(Change::Health).unwrap();
    assert_eq!(events.next().await.unwrap().0, "health");

    let mut again = Events::open(&bench, Some(&last)).await;
    assert_eq!(again.next().await.unwrap().0, "snapshot", "who was away gets all of it again");
}

#[tokio::test]
async fn alerts_that_no_call_opened_are_open_too() {
    let bench = bench();
    {
        let mut kept = bench.fake.kept.lock();
        let mut row = kept.alerts.iter().find(|row| row.status == "triggered").unwrap().clone();
        (row.id, row.call_id) = (AlertId(uuid::Uuid::from_u128(4_711)).to_string(), None);
        kept.alerts.push(row);
    }
    let mut events = Events::open(&bench, None).await;
    let (_, _, snapshot) = events.next().await.unwrap();
    let alerts = snapshot["alerts"].as_array().unwrap();
    assert_eq!(alerts.iter().filter(|alert| alert["call_id"].is_null()).count(), 1, "{snapshot:#}");
    assert_eq!(alerts.len(), 4, "beside those of calls: {snapshot:#}");
    let metrics = bench.ask(Method::GET, "/metrics", &[], "").await;
    assert!(metrics.text().contains("hotline_alerts_open{status=\"triggered\"} 3"), "{}", metrics.text());
}

#[tokio::test]
async fn what_the_database_has_late_is_told_when_it_has_it() {
    let bench = bench();
    let mut events = Events::open(&bench, None).await;
    events.next().await.unwrap();
    // The switch tells that the call ended; the row follows.
    let call = CallId(id(CALL_TAKEN));
    let row = {
        let mut kept = bench.fake.kept.lock();
        let at = kept.calls.iter().position(|row| row.id == call.to_string()).unwrap();
        kept.calls.remove(at)
    };
    bench.fake.changes.send(Change::Call(call)).unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    bench.fake.kept.lock().calls.push(row);
    let (name, _, told) = events.next().await.unwrap();
    assert_eq!((name.as_str(), &told["outcome"]), ("call", &"taken".into()));
}

#[tokio::test]
async fn a_change_that_cannot_be_read_is_named() {
    let bench = bench();
    let mut events = Events::open(&bench, None).await;
    events.next().await.unwrap();
    bench.fake.away.store(true, std::sync::atomic::Ordering::SeqCst);
    bench.fake.changes.send(Change::Alert(AlertId(id(ALERT_WAITING)))).unwrap();
    let (name, _, what) = events.next().await.unwrap();
    assert_eq!(
        (name.as_str(), &what["kind"], &what["id"]),
        ("changed", &"alert".into(), &id(ALERT_WAITING).to_string().into())
    );
    let mut other = Events::open(&bench, None).await;
    let open = other.next().await.unwrap().2["alerts"].as_array().unwrap().len();
    assert_eq!(open, 3, "the switch knows the open alerts without the database");
}

#[tokio::test]
async fn serving_ends_with_its_streams() {
    let bench = bench();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let end = CancellationToken::new();
    let served = tokio::spawn(serve(listener, bench.state.clone(), Router::new(), end.clone()));
    let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET /api/v1/stream HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    let mut buffer = [0; 4096];
    while !text.contains("event: snapshot") {
        let read = connection.read(&mut buffer).await.unwrap();
        assert_ne!(read, 0, "{text}");
        text.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    end.cancel();
    tokio::time::timeout(Duration::from_mins(1), served).await.expect("it ends").unwrap().unwrap();
}
