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
            _ = hangup.recv() => reload(&app, &load),
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

/// A configuration with mistakes changes nothing.
fn reload(app: &App, load: &impl Fn() -> Result<Config, ConfigError>) {
    let reloaded = load().map_err(anyhow::Error::from).and_then(|config| app.reload(config));
    match reloaded {
        Ok(()) => tracing::info!("the configuration was read again and is in force"),
        Err(error) => tracing::error!("the configuration stays as it was: {error:#}"),
    }
}
