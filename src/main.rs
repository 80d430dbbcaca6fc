//! Arguments, configuration, run, shut down.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use hotline::store::Store;
use hotline::{app, cli, config};

#[derive(Parser)]
#[command(name = "hotline", version, about = "The telephone side of incident management")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Answer calls: SIP, page and API.
    Serve(ServeArguments),
    /// Say what is wrong with this installation, and how to mend it.
    Doctor(ServeArguments),
    /// Walk a number's call flow as text, without a phone.
    Simulate {
        #[command(flatten)]
        common: ServeArguments,
        #[command(flatten)]
        simulate: cli::simulate::SimulateArgs,
    },
    /// A small phone: call a SIP address.
    Call(cli::call::CallArgs),
    /// A small phone: register as an engineer's phone and wait for calls.
    Phone(cli::phone::PhoneArgs),
    /// Speech models.
    Models(cli::models::ModelsArgs),
    /// Logins of the console.
    User {
        #[command(flatten)]
        common: ServeArguments,
        #[command(flatten)]
        user: cli::user::UserArgs,
    },
    /// (internal) Transcribes for `serve`.
    #[command(hide = true)]
    TranscribeWorker(cli::transcribe_worker::TranscribeWorkerArgs),
}

#[derive(clap::Args)]
struct ServeArguments {
    /// The configuration; default: hotline.toml here, if it is there.
    #[arg(long, global = true)]
    config: Option<PathBuf>,
    /// With demo customers, engineers and numbers.
    #[arg(long, global = true)]
    demo: bool,
}

impl ServeArguments {
    fn load(&self) -> Result<config::Config, config::ConfigError> {
        config::load(self.config.as_deref(), self.demo)
    }
}

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
                cli::user::run(user, &store, &config.directory).await?;
                store.close().await;
                Ok(ExitCode::SUCCESS)
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
