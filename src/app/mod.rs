//! App: owns store, sip, media, speech, switch, jobs and http; starts them in the
//! order in which they need each other, drains, stops. Used by `serve` and by tests.

mod directory;
mod logging;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::{Composer, Config};
use crate::http::{self, AppState, HttpSettings};
use crate::intake::{self, Intake, IntakeSettings, SwitchDoor};
use crate::jobs;
use crate::rtp::Media;
use crate::sip::Sip;
use crate::speech::{Prompts, Transcriber, TranscriberSettings};
use crate::store::Store;
use crate::store::seal::Seal;
use crate::switch::{Parts, Switch, documents};

pub use directory::whole_directory;
pub use logging::start_logging;

/// INVITEs that may wait to be looked at; more get 503 with Retry-After.
const INCOMING: usize = 256;
/// How long running calls may go on after SIGTERM.
pub const DRAIN: Duration = Duration::from_mins(10);

/// A running hotline.
#[derive(Debug)]
pub struct App {
    switch: Switch,
    store: Store,
    sip: Sip,
    media: Media,
    http_addr: SocketAddr,
    /// What it was started with.
    composer: Composer,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl App {
    /// Starts everything; what can't be used is an error with its remedy. SIP comes up last, so that
    /// no call arrives before it can be kept.
    pub async fn start(config: Config) -> anyhow::Result<Self> {
        let composer = config.composer.clone();
        let data_dir = config.store.data_dir.clone();
        let prompts = tokio::task::spawn_blocking(move || Prompts::load(&data_dir)).await??;
        let started = crate::clock::now().wall;
        let (own_dir, node) = (config.store.data_dir.clone(), config.store.node.clone());
        let compose = directory::compose(&config);
        let seal = Seal::at(&own_dir, config.secret_key.as_ref())?;
        let (store, journal, recovered) = Store::open(config.store).await?;
        let loaded = documents::load(&store, &seal, &compose).await.map_err(directory::told)?;
        let incomplete = recovered.incomplete;
        let listener = TcpListener::bind(config.http_addr).await.with_context(|| {
            format!(
                "can't listen for HTTP on {}: is another hotline running? Set HOTLINE_HTTP_ADDR to another port",
                config.http_addr
            )
        })?;
        let http_addr = listener.local_addr()?;
        let media = Media::start(config.media)?;
        let transcriber = Transcriber::start(TranscriberSettings {
            model: config.whisper_model.clone(),
            program: own_program()?,
            // At idle priority a second thread mostly waits for the first, spinning.
            threads: 1,
        });
        let (sender, incoming) = mpsc::channel(INCOMING);
        let sip = Sip::start(loaded.composed.sip, sender).await?;
        let switch = Switch::start(
            Parts {
                directory: Arc::new(loaded.composed.directory),
                in_force: loaded.in_force,
                compose,
                seal,
                sip: sip.clone(),
                media: media.clone(),
                rtp_address: config.rtp_address,
                prompts,
                transcriber: transcriber.clone(),
                store: store.clone(),
                journal,
                ring_again: config.ring_again,
                notifier: crate::notify::Notifier::new(config.notify),
                public_url: config.public_url.clone(),
                warnings: loaded.composed.warnings,
                data_dir: own_dir,
                node: node.clone(),
            },
            recovered,
        )?;
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        if incomplete {
            let (own, until, records) = (switch.clone(), stop.clone(), store.clone());
            tasks.spawn(jobs::kept_up("catch up", move || {
                jobs::catch_up::run(own.clone(), records.clone(), started, until.clone())
            }));
        }
        let (own, until) = (switch.clone(), stop.clone());
        tasks.spawn(jobs::kept_up("escalate", move || jobs::escalate::run(own.clone(), until.clone())));
        let (own, until) = (switch.clone(), stop.clone());
        tasks.spawn(jobs::kept_up("deliver", move || jobs::deliver::run(own.clone(), until.clone())));
        let (own, until) = (switch.clone(), stop.clone());
        tasks.spawn(jobs::kept_up("ring alerts", move || jobs::ring_alerts::run(own.clone(), until.clone())));
        let (own, until, records) = (switch.clone(), stop.clone(), store.clone());
        tasks.spawn(jobs::kept_up("transcribe", move || {
            jobs::transcribe::run(own.clone(), records.clone(), transcriber.clone(), until.clone())
        }));
        watching_jobs(&mut tasks, &switch, &store, &stop);
        event_jobs(&mut tasks, &switch, &store, &stop);
        customer_jobs(&mut tasks, &switch, &store, &stop);
        let (until, records) = (stop.clone(), store.clone());
        tasks.spawn(jobs::kept_up("audit", move || jobs::audit::run(records.clone(), node.clone(), until.clone())));
        let (own, until) = (switch.clone(), stop.clone());
        tasks.spawn(jobs::kept_up("follow documents", move || jobs::follow_documents::run(own.clone(), until.clone())));
        let settings = HttpSettings {
            admin_token: config.admin_token,
            public_url: config.public_url,
            trusted_proxies: config.trusted_proxies,
            demo: config.demo,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        // Before anybody can ask: a page without its incidents would be a lie.
        switch.load_status().await;
        let state = AppState::new(settings, store.clone(), switch.clone());
        let door = SwitchDoor { switch: switch.clone(), store: store.clone() };
        let doors = intake::router(Intake::new(Arc::new(door), IntakeSettings::default()));
        let http_stop = stop.clone();
        tasks.spawn(async move {
            if let Err(error) = http::serve(listener, state, doors, http_stop).await {
                tracing::error!(%error, "the HTTP server ended");
            }
        });
        switch.take_calls(incoming);
        Ok(Self { switch, store, sip, media, http_addr, composer, stop, tasks })
    }

    /// Where SIP listens.
    pub fn sip_addr(&self) -> SocketAddr {
        self.sip.local()
    }

    /// Where HTTP listens.
    pub const fn http_addr(&self) -> SocketAddr {
        self.http_addr
    }

    /// Calls and alerts.
    pub const fn switch(&self) -> &Switch {
        &self.switch
    }

    /// What is kept.
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// Takes over a changed configuration (SIGHUP): directory, phones, trunks; what was written through the API stays. Running
    /// calls keep theirs. What of it waits for the next start, by the names of sections and keys.
    pub async fn reload(&self, config: Config) -> anyhow::Result<Vec<&'static str>> {
        let later = self.composer.needs_restart(&config.composer);
        self.switch.recompose(directory::compose(&config)).await.map_err(directory::told)?;
        Ok(later)
    }

    /// No new calls; waits for the running ones, at most `patience`; then stops everything.
    pub async fn stop(mut self, patience: Duration) {
        self.switch.drain_until(tokio::time::sleep(patience)).await;
        self.sip.stop().await;
        self.stop.cancel();
        let all_tasks = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(Duration::from_secs(5), all_tasks).await.is_err() {
            self.tasks.abort_all();
        }
        self.media.stop();
        self.store.close().await;
    }
}

/// Promises to customers, and the reports that they get.
fn customer_jobs(tasks: &mut JoinSet<()>, switch: &Switch, store: &Store, stop: &CancellationToken) {
    let (own, until) = (switch.clone(), stop.clone());
    tasks.spawn(jobs::kept_up("watch slas", move || jobs::watch_slas::run(own.clone(), until.clone())));
    let (own, until, records) = (switch.clone(), stop.clone(), store.clone());
    tasks.spawn(jobs::kept_up("send reports", move || {
        jobs::send_reports::run(own.clone(), records.clone(), until.clone())
    }));
}

/// Jobs that watch: what is well, what others did, what comes.
fn watching_jobs(tasks: &mut JoinSet<()>, switch: &Switch, store: &Store, stop: &CancellationToken) {
    let (own, until) = (switch.clone(), stop.clone());
    tasks.spawn(jobs::kept_up("watch health", move || jobs::watch_health::run(own.clone(), until.clone())));
    let (own, until, records) = (switch.clone(), stop.clone(), store.clone());
    tasks
        .spawn(jobs::kept_up("see alerts", move || jobs::see_alerts::run(own.clone(), records.clone(), until.clone())));
    let (own, until, records) = (switch.clone(), stop.clone(), store.clone());
    tasks.spawn(jobs::kept_up("watch schedules", move || {
        jobs::watch_schedules::run(own.clone(), records.clone(), until.clone())
    }));
}

/// What tools send and monitors say, and what alerts start.
fn event_jobs(tasks: &mut JoinSet<()>, switch: &Switch, store: &Store, stop: &CancellationToken) {
    let (own, until, records) = (switch.clone(), stop.clone(), store.clone());
    tasks
        .spawn(jobs::kept_up("hear nodes", move || jobs::hear_nodes::run(own.clone(), records.clone(), until.clone())));
    let (own, until, records) = (switch.clone(), stop.clone(), store.clone());
    tasks.spawn(jobs::kept_up("share lines", move || {
        jobs::share_lines::run(own.clone(), records.clone(), until.clone())
    }));
    let (own, until) = (switch.clone(), stop.clone());
    tasks.spawn(jobs::kept_up("take events", move || jobs::take_events::run(own.clone(), until.clone())));
    let (own, until, records) = (switch.clone(), stop.clone(), store.clone());
    tasks
        .spawn(jobs::kept_up("heartbeats", move || jobs::heartbeats::run(own.clone(), records.clone(), until.clone())));
    let (own, until, records) = (switch.clone(), stop.clone(), store.clone());
    tasks.spawn(jobs::kept_up("status pages", move || {
        jobs::status_pages::run(own.clone(), records.clone(), until.clone())
    }));
    let (own, until) = (switch.clone(), stop.clone());
    tasks.spawn(jobs::kept_up("incidents", move || jobs::incidents::run(own.clone(), until.clone())));
    let (own, until) = (switch.clone(), stop.clone());
    tasks.spawn(jobs::kept_up("actions", move || jobs::actions::run(own.clone(), until.clone())));
    let (own, until, records) = (switch.clone(), stop.clone(), store.clone());
    tasks.spawn(jobs::kept_up("purge", move || jobs::purge::run(own.clone(), records.clone(), until.clone())));
    let (own, until) = (switch.clone(), stop.clone());
    tasks.spawn(jobs::kept_up("library", move || jobs::library::run(own.clone(), until.clone())));
    let (own, until) = (switch.clone(), stop.clone());
    tasks.spawn(jobs::kept_up("drills", move || jobs::drills::run(own.clone(), until.clone())));
    let (own, until, records) = (switch.clone(), stop.clone(), store.clone());
    tasks.spawn(jobs::kept_up("remind actions", move || {
        jobs::remind_actions::run(own.clone(), records.clone(), until.clone())
    }));
}

/// Ourselves, to run as `transcribe-worker`. In tests the binary beside the test's.
fn own_program() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe().context("can't find our own program file")?;
    let name = program.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
    if name == "hotline" {
        return Ok(program);
    }
    let beside = program.parent().and_then(Path::parent).map(|folder| folder.join("hotline"));
    Ok(beside.filter(|path| path.exists()).unwrap_or(program))
}
