//! `hotline models fetch`: brings the speech model and the voices.

use std::io::{IsTerminal as _, Write as _};

use crate::speech::{Progress, fetch_models};

/// The models that transcripts and the voice need.
#[derive(Debug, clap::Args)]
pub struct ModelsArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: ModelsCommand,
}

/// What `hotline models` can do.
#[derive(Debug, clap::Subcommand)]
pub enum ModelsCommand {
    /// Fetch what is missing into ~/.cache/hotline/models (shared by all checkouts).
    Fetch {
        /// Say nothing unless something is wrong.
        #[arg(long)]
        quiet: bool,
    },
}

/// Runs the command.
pub fn run(args: &ModelsArgs) -> anyhow::Result<()> {
    let ModelsCommand::Fetch { quiet } = args.command;
    let mut screen = Screen { quiet, terminal: std::io::stderr().is_terminal(), tenths: 0 };
    let fetched = fetch_models(&mut |progress| screen.show(&progress))?;
    for what in &fetched.missing {
        screen.show(&Progress::Step(what.clone()));
    }
    Ok(())
}

struct Screen {
    quiet: bool,
    terminal: bool,
    /// Tenths of the present download that were told.
    tenths: u64,
}

impl Screen {
    fn show(&mut self, progress: &Progress) {
        if self.quiet {
            return;
        }
        let mut out = std::io::stderr().lock();
        // A closed screen is no reason to stop fetching.
        let _ = match progress {
            Progress::Step(text) => {
                self.tenths = 0;
                writeln!(out, "models: {text}")
            }
            Progress::Bytes { done, total } => {
                let tenths = done * 10 / total.max(&1);
                if tenths == self.tenths {
                    return;
                }
                self.tenths = tenths;
                let end = if self.terminal && done < total { "\r" } else { "\n" };
                write!(out, "models:   {} of {} MB{end}", done / 1_000_000, total / 1_000_000)
            }
        };
        let _ = out.flush();
    }
}
