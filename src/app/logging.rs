//! What is logged: our own targets as asked for, the SIP stack's at WARN at most
//! (at INFO it writes whole messages with numbers and keys).

use tracing_subscriber::EnvFilter;

use crate::sip::STACK_LOG_TARGETS;

/// Starts logging to standard error with a `tracing` filter (`HOTLINE_LOG`). A second call changes nothing.
pub fn start_logging(filter: &str) {
    // Only the first subscriber counts; tests start several apps in one process.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(capped(filter))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .try_init();
}

/// The filter with the stack's targets capped; an unreadable filter means `info`.
fn capped(filter: &str) -> EnvFilter {
    let asked = filter
        .split(',')
        .filter(|part| !STACK_LOG_TARGETS.iter().any(|target| part.trim().starts_with(target)))
        .collect::<Vec<_>>()
        .join(",");
    let mut filter = EnvFilter::try_new(&asked).unwrap_or_else(|_| EnvFilter::new("info"));
    // It warns of every malformed cookie; anybody could fill the log with them.
    if let Ok(directive) = "tower_sessions=error".parse() {
        filter = filter.add_directive(directive);
    }
    for target in STACK_LOG_TARGETS {
        if let Ok(directive) = format!("{target}=warn").parse() {
            filter = filter.add_directive(directive);
        }
    }
    filter
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stack_is_never_logged_below_warn() {
        for asked in ["trace", "info,rsipstack=trace", "rsipstack::transaction=debug", "not a filter =="] {
            let filter = capped(asked).to_string();
            assert!(filter.contains("rsipstack=warn"), "{filter}");
            assert!(!filter.contains("rsipstack=trace") && !filter.contains("=debug"), "{filter}");
        }
    }
}
