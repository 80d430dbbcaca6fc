//! `hotline serve`: runs until SIGTERM or Ctrl-C, takes over a changed
//! configuration at SIGHUP.

use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

use crate::app::{App, DRAIN, start_logging};
use crate::config::{Config, ConfigError};

/// Loads the configuration with `load`, serves until told to stop.
pub async fn run(load: impl Fn() -> Result<Config, ConfigError>) -> anyhow::Result<()> {
    let config = load()?;
    start_logging(&config.log);
    raise_open_files();
    // Listening for signals before anything starts, so that an early one is not lost.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let (demo, data_dir) = (config.demo, config.store.data_dir.clone());
    let app = App::start(config).await?;
    if demo {
        super::demo::prepare(&app, &data_dir).await.context("demo login")?;
        super::demo::print_help(&app, &data_dir)?;
    } else {
        println!("hotline answers at sip:{} · page and API at http://{}", app.sip_addr(), app.http_addr());
    }
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hangup.recv() => reload(&app, &load).await,
        }
    }
    let running = app.switch().calls().len();
    if running > 0 {
        println!("no new calls; {running} running calls may end (again Ctrl-C or SIGTERM: at once)");
    }
    let patience = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = tokio::time::sleep(DRAIN) => {}
        }
    };
    app.switch().drain_until(patience).await;
    app.stop(Duration::ZERO).await;
    Ok(())
}

/// A call holds four sockets and a recording; the usual limit of 1024 files would end the service's patience at about
/// 200 calls, or at as many INVITEs that somebody sends and never acknowledges.
fn raise_open_files() {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let raised = rustix::process::Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = rustix::process::setrlimit(rustix::process::Resource::Nofile, raised) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

/// A configuration with mistakes changes nothing.
async fn reload(app: &App, load: &impl Fn() -> Result<Config, ConfigError>) {
    let reloaded = match load() {
        Ok(config) => app.reload(config).await,
        Err(mistakes) => Err(mistakes.into()),
    };
    match reloaded {
        Ok(later) => {
            tracing::info!("the configuration was read again and is in force");
            if !later.is_empty() {
                let what = later.join(", ");
                tracing::warn!(
                    "changed, but read at the start only: {what}; restart the server to bring that into force"
                );
            }
        }
        Err(error) => tracing::error!("the configuration stays as it was: {error:#}"),
    }
}
