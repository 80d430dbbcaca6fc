//! `stream`: changes as they happen, by server-sent events.
//!
//! One task follows the switch and looks each change up once, however many pages
//! are open. The database is up to a second behind the switch, so it looks again.
//! While nobody listens, alerts are not looked up; in a storm listeners get a new snapshot now and then instead.

mod due;

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::stream::FuturesUnordered;
use futures::{Stream, StreamExt};
use hotline_core::ids::{AlertId, CallId};
use serde::Serialize;
use tokio::sync::{Semaphore, broadcast};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use due::Due;

use super::api::types::{AlertSummary, CallSummary, Named};
use super::auth::{Right, Viewer};
use super::health::Readiness;
use super::problem::Problem;
use super::{AppState, Board, Records};
use crate::store::StoreError;
use crate::store::read::AlertFilter;
use crate::switch::Change;

/// When a change is looked up: at once, and again when the database must have it.
const LOOKS: [Duration; 3] = [Duration::from_millis(60), Duration::from_millis(700), Duration::from_millis(1_800)];
/// An ended call whose outcome can't be read yet is looked up again.
const LATER: Duration = Duration::from_secs(5);
/// A look-up takes no longer.
const PATIENCE: Duration = Duration::from_secs(3);
/// Look-ups at the same time.
const AT_ONCE: usize = 8;
/// While so many look-ups wait, further alerts are told together: by a new snapshot, after this.
const CROWD: usize = 1_500;
const RESYNC: Duration = Duration::from_secs(2);
/// Events a slow reader may be behind before it gets a new snapshot.
const BACKLOG: usize = 256;
/// What is remembered about calls and alerts, at most.
const REMEMBERED: usize = 5_000;
/// Streams at the same time.
const STREAMS: usize = 500;
/// A stream ends after this; browsers come back at once and are asked again who they are.
const STREAM_FOR: Duration = Duration::from_mins(10);
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Something told to every stream.
#[derive(Debug)]
struct Told {
    id: u64,
    event: &'static str,
    data: String,
    whose: Whose,
}

/// Who is told an event.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Whose {
    /// Every stream.
    All,
    /// Those who see calls of this customer.
    Call(Option<String>),
    /// Those who see alerts of this customer.
    Alert(Option<String>),
    /// Whose it is can't be read at the moment: those who see everything.
    Unknown,
}

impl Whose {
    fn is_for(&self, viewer: &Viewer) -> bool {
        match self {
            Self::All => true,
            Self::Call(customer) => viewer.may(Right::SeeCalls) && viewer.sees(customer.as_deref()),
            Self::Alert(customer) => viewer.may(Right::SeeAlerts) && viewer.sees(customer.as_deref()),
            Self::Unknown => viewer.may(Right::SeeCalls) && viewer.sees(None),
        }
    }
}

/// What is told to all open pages.
#[derive(Debug, Clone)]
pub struct Feed {
    told: broadcast::Sender<Arc<Told>>,
    last: Arc<AtomicU64>,
    places: Arc<Semaphore>,
}

/// First event of every stream.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Snapshot {
    /// The calls running now, oldest first.
    pub calls: Vec<CallSummary>,
    /// The alerts that are not resolved, newest first (at most 200). While the database is away, who has them
    /// since when is missing.
    pub alerts: Vec<AlertSummary>,
    /// How the service is.
    pub health: Readiness,
}

/// One event of the stream, as it is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct StreamEvent {
    /// `snapshot`, `call`, `alert`, `health`, `changed`, `resync`.
    pub event: String,
    /// Counts up; not with `resync`.
    pub id: Option<String>,
    /// JSON: of `snapshot`, `changed` and `health` a Snapshot, Changed and Readiness; of `call` and `alert` a row
    /// as in their lists.
    pub data: String,
}

/// Names what changed where it can't be read at the moment, and every incident that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Changed {
    /// `call`, `alert` or `incident`.
    pub kind: String,
    /// Which.
    pub id: String,
}

impl Feed {
    /// Follows the switch until `end`.
    pub fn start(records: Arc<dyn Records>, board: Arc<dyn Board>, end: CancellationToken) -> Self {
        let (told, _) = broadcast::channel(BACKLOG);
        let feed = Self { told, last: Arc::default(), places: Arc::new(Semaphore::new(STREAMS)) };
        let changes = board.subscribe();
        let follower = Follower {
            records,
            board,
            feed: feed.clone(),
            started_at: crate::clock::now().wall.as_millisecond(),
            due: Due::default(),
            resync_at: None,
            last: HashMap::new(),
            counted: HashSet::new(),
        };
        tokio::spawn(async move {
            tokio::select! {
                () = end.cancelled() => {}
                () = follower.follow(changes) => {}
            }
        });
        feed
    }

    fn tell(&self, event: &'static str, data: String, whose: Whose) {
        let id = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        // Nobody listens: fine.
        let _ = self.told.send(Arc::new(Told { id, event, data, whose }));
    }
}

/// What can change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Subject {
    Call(CallId),
    Alert(AlertId),
    Health,
}

/// What a look brought.
enum Seen {
    Call {
        id: CallId,
        summary: Box<CallSummary>,
        ended_at: Option<i64>,
    },
    Alert(Box<AlertSummary>),
    Health(Box<Readiness>),
    /// Not there.
    Nothing,
    /// The database is behind: it has no end of this call yet.
    Later,
    /// Can't be read.
    Away,
}

struct Follower {
    records: Arc<dyn Records>,
    board: Arc<dyn Board>,
    feed: Feed,
    started_at: i64,
    due: Due<(Subject, usize)>,
    /// More alerts changed than can be looked up one by one: who listens makes itself a new snapshot then.
    resync_at: Option<Instant>,
    last: HashMap<Subject, String>,
    counted: HashSet<CallId>,
}

impl Follower {
    async fn follow(mut self, mut changes: broadcast::Receiver<Change>) {
        let mut looks = FuturesUnordered::new();
        loop {
            // No more looks than the database has connections for: the rest waits here, not there.
            let next = if looks.len() < AT_ONCE { self.due.next() } else { None };
            let next = next.into_iter().chain(self.resync_at).min();
            let wake = async {
                match next {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                change = changes.recv() => match change {
                    Ok(change) => self.note(change),
                    Err(broadcast::error::RecvError::Lagged(_)) => self.feed.tell("resync", "{}".to_owned(), Whose::All),
                    Err(broadcast::error::RecvError::Closed) => return,
                },
                () = wake => {
                    let now = now();
                    if self.resync_at.take_if(|at| *at <= now).is_some() {
                        self.feed.tell("resync", "{}".to_owned(), Whose::All);
                    }
                    while looks.len() < AT_ONCE && let Some((subject, _)) = self.due.take(now) {
                        // Calls are counted, whoever listens.
                        if !matches!(subject, Subject::Alert(_)) || self.feed.told.receiver_count() > 0 {
                            looks.push(look(self.records.clone(), self.board.clone(), subject));
                        }
                    }
                },
                Some((subject, seen)) = looks.next(), if !looks.is_empty() => self.saw(subject, seen),
            }
        }
    }

    /// The first look is soon however often it changes, the later ones after the last change.
    fn note(&mut self, change: Change) {
        let (subject, looks) = match change {
            Change::Call(id) => (Subject::Call(id), LOOKS.len()),
            Change::Alert(id) => (Subject::Alert(id), LOOKS.len()),
            Change::Health => (Subject::Health, 1),
            Change::Incident(id) => {
                let changed = Changed { kind: "incident".to_owned(), id: id.to_string() };
                let data = serde_json::to_string(&changed).expect("texts always become JSON");
                self.feed.tell("changed", data, Whose::Unknown);
                return;
            }
        };
        let now = now();
        if matches!(subject, Subject::Alert(_)) && self.due.len() >= CROWD && !self.due.contains(&(subject, 1)) {
            self.resync_at.get_or_insert(now + RESYNC);
            return;
        }
        self.due.put_first((subject, 0), now + LOOKS[0]);
        for (stage, delay) in LOOKS.iter().enumerate().take(looks).skip(1) {
            self.due.put((subject, stage), now + *delay);
        }
    }

    fn saw(&mut self, subject: Subject, seen: Seen) {
        let of = |customer: &Option<Named>| customer.as_ref().map(|customer| customer.id.clone());
        let (event, data, whose) = match (subject, seen) {
            (_, Seen::Nothing) => return,
            (subject, Seen::Later) => {
                self.look_later(subject);
                return;
            }
            (_, Seen::Call { id, summary, ended_at }) => {
                if let (Some(outcome), Some(ended_at)) = (&summary.outcome, ended_at) {
                    self.count(id, &summary.direction, outcome, ended_at);
                }
                ("call", serde_json::to_string(&summary), Whose::Call(of(&summary.customer)))
            }
            (_, Seen::Alert(alert)) => ("alert", serde_json::to_string(&alert), Whose::Alert(of(&alert.customer))),
            (_, Seen::Health(health)) => ("health", serde_json::to_string(&health), Whose::All),
            (subject, Seen::Away) => {
                let (kind, id) = match subject {
                    Subject::Call(id) => ("call", id.to_string()),
                    Subject::Alert(id) => ("alert", id.to_string()),
                    Subject::Health => return,
                };
                self.look_later(subject);
                ("changed", serde_json::to_string(&Changed { kind: kind.to_owned(), id }), Whose::Unknown)
            }
        };
        let data = data.expect("texts, numbers and lists always become JSON");
        if self.last.len() >= REMEMBERED {
            self.last.clear();
        }
        if self.last.get(&subject) != Some(&data) {
            self.last.insert(subject, data.clone());
            self.feed.tell(event, data, whose);
        }
    }

    fn look_later(&mut self, subject: Subject) {
        if self.due.len() < REMEMBERED {
            self.due.put((subject, LOOKS.len()), now() + LATER);
        }
    }

    /// Each ended call once.
    fn count(&mut self, id: CallId, direction: &str, outcome: &str, ended_at: i64) {
        if ended_at < self.started_at || self.counted.contains(&id) {
            return;
        }
        if self.counted.len() >= REMEMBERED {
            self.counted.clear();
            self.started_at = ended_at;
        }
        self.counted.insert(id);
        super::metrics::call_ended(direction, outcome);
    }
}

fn now() -> Instant {
    Instant::from_std(crate::clock::now().mono)
}

async fn look(records: Arc<dyn Records>, board: Arc<dyn Board>, subject: Subject) -> (Subject, Seen) {
    let directory = board.directory();
    let seen = match subject {
        Subject::Health => Seen::Health(Box::new(board.health().into())),
        Subject::Call(id) => {
            let live = board.calls().into_iter().find(|view| view.id == id);
            match live {
                // A running call is told without the database.
                Some(live) => {
                    Seen::Call { id, summary: Box::new(CallSummary::of_view(&live, &directory)), ended_at: None }
                }
                None => match soon(records.call(&id.to_string())).await {
                    Ok(Some(row)) if row.outcome.is_some() => Seen::Call {
                        id,
                        summary: Box::new(CallSummary::of_row(&row, None, &directory)),
                        ended_at: row.ended_at,
                    },
                    Ok(_) => Seen::Later,
                    Err(_) => Seen::Away,
                },
            }
        }
        Subject::Alert(id) => match soon(records.alert(&id.to_string())).await {
            Ok(Some(row)) => Seen::Alert(Box::new(AlertSummary::of_row(row, &directory))),
            Ok(None) => Seen::Nothing,
            Err(_) => Seen::Away,
        },
    };
    (subject, seen)
}

pub(super) async fn soon<T>(answer: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    tokio::time::timeout(PATIENCE, answer).await.unwrap_or(Err(StoreError::Timeout))
}

async fn snapshot(state: &AppState, viewer: &Viewer) -> Snapshot {
    Snapshot {
        calls: running_calls(state, viewer),
        alerts: open_alerts(state, viewer).await.0,
        health: state.board().health().into(),
    }
}

/// The calls running now that this viewer sees, oldest first.
pub fn running_calls(state: &AppState, viewer: &Viewer) -> Vec<CallSummary> {
    let directory = state.board().directory();
    let calls = state.board().calls();
    let seen = calls.iter().filter(|view| {
        viewer.may(Right::SeeCalls) && viewer.sees(view.customer.as_ref().map(|customer| customer.0.as_str()))
    });
    seen.map(|view| CallSummary::of_view(view, &directory)).collect()
}

/// The alerts that are not resolved and that this viewer sees, newest first, at most 200; and whether the database could be read. What
/// callers opened the switch knows, at once and always; the database is behind it, and adds who has it since when, and the alerts
/// that no call opened.
pub async fn open_alerts(state: &AppState, viewer: &Viewer) -> (Vec<AlertSummary>, bool) {
    let kept = soon(kept_open(state, viewer)).await;
    let (directory, mut open) = (state.board().directory(), state.board().open_alerts());
    open.retain(|alert| viewer.sees(alert.customer.as_ref().map(|customer| customer.0.as_str())));
    let mut rows: HashMap<String, AlertSummary> =
        kept.as_ref().into_iter().flatten().map(|row| (row.id.clone(), row.clone())).collect();
    let told = open.iter().take(200).map(|alert| {
        let known = AlertSummary::of_open(alert, &directory);
        match rows.remove(&known.id) {
            Some(row) if row.status == known.status => AlertSummary {
                acknowledged_at: row.acknowledged_at,
                acknowledged_by: row.acknowledged_by,
                created_at: row.created_at,
                ..known
            },
            _ => known,
        }
    });
    let mut told: Vec<AlertSummary> = told.collect();
    told.extend(rows.into_values().filter(|row| row.call_id.is_none()));
    told.sort_by(|a, b| (&b.created_at, &b.id).cmp(&(&a.created_at, &a.id)));
    told.truncate(200);
    (told, kept.is_ok())
}

async fn kept_open(state: &AppState, viewer: &Viewer) -> Result<Vec<AlertSummary>, StoreError> {
    let directory = state.board().directory();
    let of = |status: &str| AlertFilter {
        status: Some(status.to_owned()),
        customers: viewer.customers.clone(),
        ..AlertFilter::default()
    };
    let mut rows = state.records().alerts(&of("triggered"), None, 200).await?.items;
    rows.extend(state.records().alerts(&of("acknowledged"), None, 200).await?.items);
    rows.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
    rows.truncate(200);
    Ok(rows.into_iter().map(|row| AlertSummary::of_row(row, &directory)).collect())
}

/// Changes as server-sent events: `snapshot` first, then `call`, `alert` and `health` with the changed thing whole,
/// `changed` with its id where it can't be read at the moment. After `resync`, or when the connection was lost
/// (also with `Last-Event-ID`), a `snapshot` comes again.
#[utoipa::path(
    get, path = "/api/v1/stream", tag = "live", security(("token" = []), ("session" = [])),
    params(("Last-Event-ID" = Option<String>, Header, description = "Sent by browsers that come back; a snapshot follows in any case")),
    responses(
        (status = 200, description = "Events without end; comments keep the connection alive", body = StreamEvent, content_type = "text/event-stream"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many streams are open", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn stream(
    viewer: Viewer,
    State(state): State<AppState>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let place = state
        .feed()
        .places
        .clone()
        .try_acquire_owned()
        .map_err(|_| Problem::of_status(StatusCode::SERVICE_UNAVAILABLE))?;
    let end = now() + STREAM_FOR;
    let closing = state.0.closing.clone();
    // Subscribed before the snapshot is made: what changes meanwhile is told after it.
    let reader = Reader { told: state.feed().told.subscribe(), state, viewer, wants_snapshot: true, _place: place };
    let events = futures::stream::unfold(reader, |mut reader| async move {
        let event = reader.next().await?;
        Some((Ok(event), reader))
    });
    let until = async move {
        tokio::select! {
            () = closing.cancelled() => {}
            () = tokio::time::sleep_until(end) => {}
        }
    };
    Ok(Sse::new(events.take_until(until)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE).text("still here")))
}

struct Reader {
    told: broadcast::Receiver<Arc<Told>>,
    state: AppState,
    viewer: Viewer,
    wants_snapshot: bool,
    _place: tokio::sync::OwnedSemaphorePermit,
}

impl Reader {
    async fn next(&mut self) -> Option<Event> {
        if std::mem::take(&mut self.wants_snapshot) {
            let id = self.state.feed().last.load(Ordering::Relaxed);
            let snapshot = snapshot(&self.state, &self.viewer).await;
            let data = serde_json::to_string(&snapshot).expect("texts, numbers and lists always become JSON");
            return Some(
                Event::default().event("snapshot").id(id.to_string()).retry(Duration::from_secs(2)).data(data),
            );
        }
        let told = loop {
            match self.told.recv().await {
                Ok(told) if !told.whose.is_for(&self.viewer) => {}
                told => break told,
            }
        };
        match told {
            Ok(told) => {
                self.wants_snapshot = told.event == "resync";
                Some(Event::default().event(told.event).id(told.id.to_string()).data(&told.data))
            }
            Err(broadcast::error::RecvError::Lagged(_)) => {
                self.wants_snapshot = true;
                Some(Event::default().event("resync").data("{}"))
            }
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}
