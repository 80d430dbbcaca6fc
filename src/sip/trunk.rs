//! Carriers: one task each that resolves the server, registers with digest or looks by
//! OPTIONS whether it lives, and keeps the state that calls and pages read.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hotline_core::ids::TrunkId;
use parking_lot::Mutex;
use rsipstack::sip::Method;
use tokio_util::sync::CancellationToken;

use super::client::{Silence, exchange};
use super::digest::Credentials;
use super::engine::Inner;
use super::register_client::{Outcome, Registering, back_off, refresh_after};
use super::settings::split_host;
use super::sockets::Flow;
use super::wire::{self, Draft};
use super::{TrunkSettings, TrunkState};

const RETRY_MIN: Duration = Duration::from_secs(5);
const RETRY_MAX: Duration = Duration::from_mins(5);
/// Between two looks at a carrier that needs no registration.
const LOOK_EVERY: Duration = Duration::from_mins(1);
/// What a carrier has to take our leave.
const LEAVE_MAX: Duration = Duration::from_secs(2);

/// All carriers' state.
#[derive(Default)]
pub(super) struct Board(Mutex<BTreeMap<TrunkId, Entry>>);

struct Entry {
    settings: TrunkSettings,
    addresses: Vec<SocketAddr>,
    up: bool,
    status: String,
    stop: CancellationToken,
    /// Done when the task has taken its leave.
    left: CancellationToken,
}

impl Board {
    /// Whether a carrier's server has this address.
    pub fn holds(&self, ip: IpAddr) -> bool {
        self.0.lock().values().any(|entry| entry.addresses.iter().any(|address| address.ip() == ip))
    }

    /// The carriers whose server has this address.
    pub fn at(&self, ip: IpAddr) -> Vec<TrunkId> {
        let board = self.0.lock();
        let at = board.iter().filter(|(_, entry)| entry.addresses.iter().any(|address| address.ip() == ip));
        at.map(|(id, _)| id.clone()).collect()
    }

    /// Where a call through this carrier goes; `Err`: in words, why it can't.
    pub fn address(&self, id: &TrunkId) -> Result<SocketAddr, String> {
        let board = self.0.lock();
        let entry = board.get(id).ok_or_else(|| "not started".to_owned())?;
        match entry.addresses.first() {
            Some(address) if entry.up => Ok(*address),
            Some(_) | None => Err(entry.status.clone()),
        }
    }

    /// The server's address, whether it is up or not.
    pub fn any_address(&self, id: &TrunkId) -> Option<SocketAddr> {
        self.0.lock().get(id).and_then(|entry| entry.addresses.first().copied())
    }

    /// All states.
    pub fn list(&self) -> Vec<TrunkState> {
        let board = self.0.lock();
        board
            .iter()
            .map(|(id, entry)| TrunkState { trunk: id.clone(), up: entry.up, status: entry.status.clone() })
            .collect()
    }

    fn set(&self, id: &TrunkId, stop: &CancellationToken, change: impl FnOnce(&mut Entry)) {
        let mut board = self.0.lock();
        // A task that was replaced has no say any more.
        if let Some(entry) = board.get_mut(id)
            && !stop.is_cancelled()
        {
            change(entry);
        }
    }

    fn tell(&self, id: &TrunkId, stop: &CancellationToken, up: bool, status: String) {
        self.set(id, stop, |entry| {
            if entry.up != up {
                tracing::info!(trunk = %id, up, status, "trunk");
            }
            entry.up = up;
            entry.status = status;
        });
    }

    /// Stops every task; resolves when the carriers have been told.
    pub async fn leave(&self) {
        let waits: Vec<CancellationToken> = {
            let board = self.0.lock();
            board.values().for_each(|entry| entry.stop.cancel());
            board.values().map(|entry| entry.left.clone()).collect()
        };
        let all = async {
            for left in waits {
                left.cancelled().await;
            }
        };
        // A carrier that does not answer forgets us by itself.
        let _ = tokio::time::timeout(LEAVE_MAX, all).await;
    }
}

/// Starts, replaces and stops tasks so that they are those of the settings.
pub(super) fn apply(inner: &Arc<Inner>) {
    let live = inner.live.load_full();
    let mut board = inner.trunks.0.lock();
    board.retain(|id, entry| {
        let same = live.settings.trunks.get(id) == Some(&entry.settings);
        if !same {
            entry.stop.cancel();
        }
        same
    });
    for (id, settings) in &live.settings.trunks {
        if board.contains_key(id) {
            continue;
        }
        let (stop, left) = (inner.stop.child_token(), CancellationToken::new());
        let entry = Entry {
            settings: settings.clone(),
            addresses: Vec::new(),
            up: false,
            status: "starting".to_owned(),
            stop: stop.clone(),
            left: left.clone(),
        };
        board.insert(id.clone(), entry);
        let task = Task { inner: inner.clone(), id: id.clone(), settings: settings.clone(), stop };
        let done = left.drop_guard();
        inner.spawn(
            async move {
                task.run().await;
                drop(done);
            },
            || {},
        );
    }
}

struct Task {
    inner: Arc<Inner>,
    id: TrunkId,
    settings: TrunkSettings,
    stop: CancellationToken,
}

impl Task {
    async fn run(self) {
        let mut registering = self.settings.registration.as_ref().map(|account| {
            let credentials = Credentials { user: account.user.clone(), password: account.password.clone() };
            let expires = u32::try_from(account.expires.as_secs()).unwrap_or(3600).max(60);
            Registering::new(self.settings.server.clone(), credentials, expires)
        });
        let mut failures = 0;
        let mut at = None;
        loop {
            let turn = async {
                match self.open().await {
                    Err(why) => (Err(why), None),
                    Ok(flow) => (self.turn(&flow, registering.as_mut()).await, Some(flow)),
                }
            };
            let (turn, flow) = tokio::select! {
                () = self.stop.cancelled() => break,
                turn = turn => turn,
            };
            at = flow.or(at);
            let pause = match turn {
                Ok((status, pause)) => {
                    failures = 0;
                    self.inner.trunks.tell(&self.id, &self.stop, true, status);
                    pause
                }
                Err(why) => {
                    self.inner.trunks.tell(&self.id, &self.stop, false, why);
                    // Another server of the same carrier may do.
                    self.inner.trunks.set(&self.id, &self.stop, |entry| {
                        if entry.addresses.len() > 1 {
                            entry.addresses.rotate_left(1);
                        }
                    });
                    failures += 1;
                    back_off(failures - 1, RETRY_MIN, RETRY_MAX)
                }
            };
            tokio::select! {
                () = self.stop.cancelled() => break,
                () = tokio::time::sleep(pause) => {}
            }
        }
        if let (Some(registering), Some(flow)) = (registering.as_mut(), at) {
            // RFC 3261 section 10.2.2; an answer or none, we are gone.
            let _ = tokio::time::timeout(LEAVE_MAX, registering.ask(&self.inner, &flow, 0)).await;
        }
    }

    /// The way to the server: the address in use, or a fresh look at its name.
    async fn open(&self) -> Result<Flow, String> {
        let server = &self.settings.server;
        let transport = self.settings.transport;
        let known = self.inner.trunks.any_address(&self.id);
        match self.inner.resolve_server(server, transport).await {
            Ok(found) => self.inner.trunks.set(&self.id, &self.stop, |entry| {
                // Servers of equal rank come in random order; the one in use stays while it is named.
                let same = entry.addresses.len() == found.len()
                    && found.iter().all(|address| entry.addresses.contains(address));
                if !same {
                    entry.addresses = found;
                }
            }),
            // A name server that is away does not end a registration that works.
            Err(_) if known.is_some() => {}
            Err(error) => return Err(format!("{server} can't be found: {error}")),
        }
        let address = self.inner.trunks.any_address(&self.id).ok_or_else(|| format!("{server} can't be found"))?;
        self.inner.flow(transport, address).await.map_err(|error| format!("no connection to {server}: {error}"))
    }

    /// One registration or one look: the state in words and when to come again.
    async fn turn(&self, flow: &Flow, registering: Option<&mut Registering>) -> Result<(String, Duration), String> {
        let server = &self.settings.server;
        let silent = |silence| match silence {
            Silence::Timeout => format!("no answer from {server}"),
            Silence::Lost => format!("the connection to {server} broke"),
        };
        if let Some(registering) = registering {
            let expires = registering.expires;
            return match registering.ask(&self.inner, flow, expires).await {
                Outcome::Granted(seconds) => {
                    let until = crate::clock::now().after(Duration::from_secs(u64::from(seconds))).wall;
                    Ok((format!("registered until {until:.0}"), refresh_after(seconds)))
                }
                Outcome::Refused(status) => Err(format!("refused: {status}")),
                Outcome::Silent(silence) => Err(silent(silence)),
            };
        }
        match self.look(flow).await {
            // Any answer shows that somebody lives there; many carriers refuse OPTIONS.
            Ok(503) => Err(format!("{server} is overloaded or closed: 503")),
            Ok(status) => Ok((format!("reachable ({status} to OPTIONS)"), LOOK_EVERY)),
            Err(silence) => Err(silent(silence)),
        }
    }

    async fn look(&self, flow: &Flow) -> Result<u16, Silence> {
        let sent_by = self.inner.sent_by(flow.remote.ip());
        let (host, port) = split_host(&self.settings.server).ok_or(Silence::Lost)?;
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let uri = format!("sip:{host}{port}{}", wire::transport_param(flow.transport));
        let request = wire::request(Draft {
            method: Method::Options,
            uri: wire::target(&uri).ok_or(Silence::Lost)?,
            via: wire::via(flow.transport, &sent_by),
            from: &format!("<sip:hotline@{sent_by}>;tag={}", wire::token()),
            to: &format!("<{uri}>"),
            call_id: &wire::token(),
            seq: 1,
            routes: &[],
            extra: wire::abilities(),
            body: None,
        });
        let response = exchange(&self.inner, request, flow, None).await?;
        Ok(response.status_code.code())
    }
}
