//! `hotline call`: a small phone as caller.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;

use super::handset::act::{HELP, Keyboard, Plan, act};
use super::handset::prompts::KnownPrompts;
use super::handset::target::{TransportArg, Uri, seconds};
use super::handset::{Handset, HandsetSettings};

/// Arguments of `hotline call`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = HELP)]
pub struct CallArgs {
    /// Whom to call: sip:hotline@127.0.0.1:5060; `hotline` alone is that number on this machine
    #[arg(value_name = "SIP-URI")]
    pub uri: String,
    /// Play this WAV, when told or at a quiet moment (see below); may be given again
    #[arg(long, value_name = "FILE[@WHEN]")]
    pub play: Vec<String>,
    /// Write what is heard to this WAV (8 kHz, 16 bit)
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Press these keys (see below): 1@menu,#@+4s,1@confirm
    #[arg(long, value_name = "KEYS[@WHEN],…")]
    pub keys: Option<String>,
    /// Number or name that we call from
    #[arg(long, value_name = "NAME", default_value = "caller")]
    pub from: String,
    /// Hang up so many seconds after the answer; without it the other side does, or Ctrl-C
    #[arg(long = "for", value_name = "SECONDS", value_parser = seconds)]
    pub hang_up_after: Option<Duration>,
    /// Give up when nobody has answered after so many seconds
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub ring: Duration,
    /// How requests travel
    #[arg(long, value_enum, default_value_t = TransportArg::Udp)]
    pub transport: TransportArg,
    /// Where the hotline keeps its data: prompts of its own are recognised too
    #[arg(long, value_name = "FOLDER", env = "HOTLINE_DATA_DIR", default_value = "data")]
    pub data_dir: PathBuf,
}

/// Calls, does as told, tells what happens.
pub async fn run(args: CallArgs) -> anyhow::Result<ExitCode> {
    let uri = Uri::parse(&args.uri, args.transport.into())?;
    let prompts = Arc::new(KnownPrompts::load(&args.data_dir).context("the prompts can't be read")?);
    let mut plan = Plan::new(args.keys.as_deref(), &args.play, &prompts)?;
    plan.hang_up_after = args.hang_up_after;
    plan.ring_max = Some(args.ring);
    let server = uri.resolve().await?;
    let mut settings = HandsetSettings::new(server, &args.from, prompts);
    settings.transport = uri.transport;
    let mut phone = Handset::start(settings).await?;
    println!("calling {}", uri.text);
    phone.call(&uri.text)?;
    if let Some(file) = &args.record {
        phone.record(file)?;
    }
    let outcome = act(phone.line()?, &plan, &mut Keyboard::start()).await;
    println!("{}", outcome.summary());
    phone.stop().await;
    Ok(outcome.exit_code())
}
