//! Arguments, configuration, run, shut down.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use hotline::cli::arguments::{Arguments, Command};
use hotline::store::Store;
use hotline::{app, cli};

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are no mistakes; for the rest 1, since 2 and more tell how a call ended.
            let code = if error.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
            let _ = error.print();
            return code;
        }
    };
    match run(arguments.command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("hotline: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    // The worker is one thread that ggml may abort; it needs no runtime.
    if let Command::TranscribeWorker(args) = &command {
        return cli::transcribe_worker::run(args).map(|()| ExitCode::SUCCESS);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match command {
            Command::Serve(args) => cli::serve::run(|| args.load()).await.map(|()| ExitCode::SUCCESS),
            Command::Doctor(args) => {
                let well = cli::doctor::run(args.load()).await?;
                Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
            }
            Command::Simulate { common, simulate } => {
                let directory = Arc::new(common.load()?.directory);
                cli::simulate::run(&directory, &simulate, hotline::clock::now())?;
                Ok(ExitCode::SUCCESS)
            }
            Command::Call(args) => quiet_phone(cli::call::run(args)).await,
            Command::Phone(args) => quiet_phone(cli::phone::run(args)).await,
            Command::Models(args) => cli::models::run(&args).map(|()| ExitCode::SUCCESS),
            Command::User { common, user } => {
                let config = common.load()?;
                let store = Store::attach(&config.store).await?;
                let directory = app::whole_directory(&config, &store).await?;
                cli::user::run(user, &store, &directory).await?;
                store.close().await;
                Ok(ExitCode::SUCCESS)
            }
            Command::Token { common, token } => {
                let config = common.load()?;
                let store = Store::attach(&config.store).await?;
                let directory = app::whole_directory(&config, &store).await?;
                cli::token::run(token, &store, &directory).await?;
                store.close().await;
                Ok(ExitCode::SUCCESS)
            }
            Command::Audit { common, audit } => {
                let settings = common.load()?.store;
                let store = Store::attach(&settings).await?;
                let ended = cli::audit::run(audit, &store, &settings.node).await;
                store.close().await;
                ended
            }
            Command::TranscribeWorker(_) => Ok(ExitCode::SUCCESS),
        }
    })
}

/// The small phones speak for themselves; their log is for faults.
async fn quiet_phone(phone: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    app::start_logging(&std::env::var("HOTLINE_LOG").unwrap_or_else(|_| "error".to_owned()));
    phone.await
}
