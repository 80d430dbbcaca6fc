//! `hotline transcribe-worker`: not for people; the hotline starts it to turn speech into text.

use std::path::PathBuf;

use crate::speech::{WorkerSettings, run_worker};

/// Reads jobs from standard input and answers on standard output.
#[derive(Debug, clap::Args)]
#[command(hide = true)]
pub struct TranscribeWorkerArgs {
    /// The ggml model.
    #[arg(long)]
    pub model: PathBuf,
    /// Threads for whisper.
    #[arg(long, default_value_t = 1)]
    pub threads: usize,
}

/// Runs until standard input ends.
pub fn run(args: &TranscribeWorkerArgs) -> anyhow::Result<()> {
    let settings = WorkerSettings { model: args.model.clone(), threads: args.threads };
    run_worker(&settings).map_err(anyhow::Error::msg)
}
