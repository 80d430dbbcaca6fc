//! `hotline audit verify|export|erase`: the audit chain, beside a service that may be running.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;
use serde_json::json;

use crate::store::Store;
use crate::store::alerts::Audited;
use crate::store::audit::{AuditFilter, AuditRow, Erase};

/// `hotline audit …`
#[derive(Debug, Args)]
pub struct AuditArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: AuditCommand,
}

/// What can be done with the audit chain.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Walk the chains of all nodes: was anything changed, left out, put in or cut off? Ends with 0 if not, else with 1.
    Verify,
    /// Write the entries to standard output.
    Export(ExportArgs),
    /// Forget a person or number: values of personal fields go, the chain still holds.
    Erase(EraseArgs),
}

/// `hotline audit export …`
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// From this moment or day on (2026-11-01, 2026-11-01T08:00:00Z).
    #[arg(long, value_parser = moment)]
    pub from: Option<Timestamp>,
    /// Before this moment or day.
    #[arg(long, value_parser = moment)]
    pub to: Option<Timestamp>,
    /// One JSON object a line, or a table.
    #[arg(long, value_enum, default_value = "jsonl")]
    pub format: Format,
}

/// How entries are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One JSON object a line, with hashes.
    Jsonl,
    /// A table.
    Csv,
}

/// `hotline audit erase …`
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct EraseArgs {
    /// A user's id, a login's name, or a name as it was kept.
    #[arg(long)]
    pub person: Option<String>,
    /// A telephone number.
    #[arg(long)]
    pub number: Option<String>,
}

/// Does what was asked.
pub async fn run(args: AuditArgs, store: &Store, node: &str) -> anyhow::Result<ExitCode> {
    match args.command {
        AuditCommand::Verify => verify(store).await,
        AuditCommand::Export(args) => export(store, &args).await.map(|()| ExitCode::SUCCESS),
        AuditCommand::Erase(args) => erase(store, &args, node).await.map(|()| ExitCode::SUCCESS),
    }
}

async fn verify(store: &Store) -> anyhow::Result<ExitCode> {
    let report = store.audit_verify(&store.audit_noted()).await.context("the chains could not be read")?;
    let mut out = std::io::stdout().lock();
    for chain in &report.chains {
        let erased =
            if chain.erased > 0 { format!(", {} personal fields erased", chain.erased) } else { String::new() };
        match &chain.broken {
            None => {
                writeln!(out, "{}: whole, {} entries{erased}, ends with {}", chain.node, chain.entries, chain.head)?;
            }
            Some(broken) => {
                writeln!(out, "{}: BROKEN: {broken}. The {} entries before it are whole.", chain.node, chain.entries)?;
            }
        }
    }
    if report.chains.is_empty() {
        writeln!(out, "There is no chain yet.")?;
    }
    if report.queued > 0 {
        writeln!(out, "{} deeds wait for their place; a running service takes them within a second.", report.queued)?;
    }
    Ok(if report.whole() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn export(store: &Store, args: &ExportArgs) -> anyhow::Result<()> {
    let filter = AuditFilter {
        from: args.from.map(Timestamp::as_millisecond),
        to: args.to.map(Timestamp::as_millisecond),
        ..AuditFilter::default()
    };
    // Before the first line leaves.
    let detail = serde_json::json!({ "from": filter.from.map(rfc3339), "to": filter.to.map(rfc3339) }).to_string();
    let deed = Audited {
        actor: "command line".to_owned(),
        action: "audit.export".to_owned(),
        object: "audit".to_owned(),
        detail,
        personal: Vec::new(),
    };
    store.audit(vec![deed], crate::clock::now().wall).await.context("the export can't be noted in the chain")?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let mut after: Option<(String, i64)> = None;
    let mut table = csv::Writer::from_writer(Vec::new());
    if args.format == Format::Csv {
        table.write_record(["node", "seq", "at", "actor", "action", "object", "detail", "personal", "hash"])?;
    }
    loop {
        let behind = after.as_ref().map(|(node, seq)| (node.as_str(), *seq));
        let rows = store.audit_walk(&filter, behind, 1_000).await.context("the chains could not be read")?;
        let Some(last) = rows.last() else { break };
        after = Some((last.node.clone(), last.seq));
        for row in &rows {
            match args.format {
                Format::Jsonl => writeln!(out, "{}", object(row))?,
                Format::Csv => table.write_record(cells(row))?,
            }
        }
        out.write_all(&std::mem::replace(&mut table, csv::Writer::from_writer(Vec::new())).into_inner()?)?;
    }
    out.write_all(&table.into_inner()?)?;
    out.flush()?;
    Ok(())
}

/// An entry as JSON.
pub fn object(row: &AuditRow) -> serde_json::Value {
    let personal: serde_json::Map<String, serde_json::Value> =
        row.personal.iter().map(|(field, value)| (field.clone(), json!(value))).collect();
    let hashes: serde_json::Map<String, serde_json::Value> =
        row.hashes.iter().map(|(field, hash)| (field.clone(), json!(hash))).collect();
    json!({
        "node": row.node, "seq": row.seq, "id": row.id, "at": rfc3339(row.at), "actor": row.actor,
        "action": row.action, "object": row.object,
        "detail": serde_json::from_str::<serde_json::Value>(&row.detail).unwrap_or_else(|_| json!(row.detail)),
        "personal": personal, "personal_hashes": hashes, "prev": row.prev, "hash": row.hash,
    })
}

fn cells(row: &AuditRow) -> [String; 9] {
    let shown = |value: &Option<String>| plain(value.as_deref().unwrap_or("(erased)"));
    let personal: Vec<String> = row
        .personal
        .iter()
        .map(|(field, value)| format!("{field}: {}", value.as_deref().unwrap_or("(erased)")))
        .collect();
    [
        row.node.clone(),
        row.seq.to_string(),
        rfc3339(row.at),
        shown(&row.actor),
        row.action.clone(),
        shown(&row.object),
        plain(&row.detail),
        plain(&personal.join("; ")),
        row.hash.clone(),
    ]
}

/// A cell that a spreadsheet takes for text and never for a formula.
fn plain(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

fn rfc3339(millis: i64) -> String {
    format!("{:.3}", Timestamp::from_millisecond(millis).unwrap_or(Timestamp::UNIX_EPOCH))
}

async fn erase(store: &Store, args: &EraseArgs, node: &str) -> anyhow::Result<()> {
    let erase = match (&args.person, &args.number) {
        (Some(person), None) => Erase::person(person),
        (None, Some(number)) => Erase::number(number),
        _ => bail!("say --person or --number"),
    };
    let erase = erase.map_err(anyhow::Error::msg)?;
    let by = "the operator, on the command line";
    let count = store
        .audit_erase(&erase, node, by, crate::clock::now().wall)
        .await
        .context("nothing was erased: the database refused")?;
    println!(
        "{count} personal fields erased. The chain still holds: hotline audit verify.\n\
         Logs and backups made before still have them; remove those too."
    );
    Ok(())
}

/// A moment, or the beginning of a day (UTC).
fn moment(text: &str) -> Result<Timestamp, String> {
    let day =
        || text.parse::<jiff::civil::Date>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|day| day.timestamp());
    text.parse::<Timestamp>()
        .ok()
        .or_else(day)
        .ok_or_else(|| "write a day or a moment: 2026-11-01 or 2026-11-01T08:00:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_moments_are_understood() {
        assert_eq!(moment("2026-11-01").unwrap().to_string(), "2026-11-01T00:00:00Z");
        assert_eq!(moment("2026-11-01T08:00:00+01:00").unwrap().to_string(), "2026-11-01T07:00:00Z");
        assert!(moment("yesterday").unwrap_err().contains("2026-11-01"));
    }

    #[test]
    fn no_cell_is_a_formula() {
        assert_eq!(plain("=1+1"), "'=1+1");
        assert_eq!(plain("+4930"), "'+4930");
        assert_eq!(plain("login ann"), "login ann");
    }
}
