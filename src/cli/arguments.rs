//! The command line as clap reads it. Names and flags are fixed points that other programs rely on.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::config;

/// The whole command line.
#[derive(Parser)]
#[command(name = "hotline", version, about = "The telephone side of incident management")]
pub struct Arguments {
    #[command(subcommand)]
    /// What to do.
    pub command: Command,
}

/// What `hotline` can do.
#[derive(Subcommand)]
pub enum Command {
    /// Answer calls: SIP, page and API.
    Serve(ServeArguments),
    /// Say what is wrong with this installation, and how to mend it.
    Doctor(ServeArguments),
    /// Walk a number's call flow as text, without a phone.
    Simulate {
        /// The configuration.
        #[command(flatten)]
        common: ServeArguments,
        /// The call to walk.
        #[command(flatten)]
        simulate: super::simulate::SimulateArgs,
    },
    /// A small phone: call a SIP address.
    Call(super::call::CallArgs),
    /// A small phone: register as an engineer's phone and wait for calls.
    Phone(super::phone::PhoneArgs),
    /// Speech models.
    Models(super::models::ModelsArgs),
    /// Logins of the console.
    User {
        /// The configuration.
        #[command(flatten)]
        common: ServeArguments,
        /// The login.
        #[command(flatten)]
        user: super::user::UserArgs,
    },
    /// Bearer tokens of the API.
    Token {
        /// The configuration.
        #[command(flatten)]
        common: ServeArguments,
        /// The token.
        #[command(flatten)]
        token: super::token::TokenArgs,
    },
    /// The audit chain: verify, export, erase.
    Audit {
        /// The configuration.
        #[command(flatten)]
        common: ServeArguments,
        /// What to do.
        #[command(flatten)]
        audit: super::audit::AuditArgs,
    },
    /// (internal) Transcribes for `serve`.
    #[command(hide = true)]
    TranscribeWorker(super::transcribe_worker::TranscribeWorkerArgs),
}

/// Which configuration to use.
#[derive(clap::Args)]
pub struct ServeArguments {
    /// The configuration; default: hotline.toml here, if it is there.
    #[arg(long, global = true)]
    pub config: Option<PathBuf>,
    /// With demo customers, engineers and numbers.
    #[arg(long, global = true)]
    pub demo: bool,
}

impl ServeArguments {
    /// Reads and checks it.
    pub fn load(&self) -> Result<config::Config, config::ConfigError> {
        config::load(self.config.as_deref(), self.demo)
    }
}
