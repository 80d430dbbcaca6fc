//! `hotline phone`: a small phone that registers and takes calls, as an engineer's does.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use hotline_core::private::Private;

use super::handset::act::{HELP, Keyboard, Plan, act};
use super::handset::prompts::KnownPrompts;
use super::handset::target::{TransportArg, resolve, seconds, split_port};
use super::handset::{Handset, HandsetSettings, Ring};

/// Where `serve --demo` writes the demo phones' passwords, below the data directory.
const DEMO_CREDENTIALS: &str = "demo-credentials.toml";
/// Declined.
const DECLINE: u16 = 603;
/// Busy here.
const BUSY: u16 = 486;

/// Arguments of `hotline phone`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = HELP)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub struct PhoneArgs {
    /// The account to register with: engineer-1
    #[arg(long, value_name = "NAME")]
    pub account: String,
    /// Its password; unless given, the demo's is taken from the data directory
    #[arg(long, env = "HOTLINE_PHONE_PASSWORD", hide_env_values = true)]
    pub password: Option<String>,
    /// The hotline
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:5060")]
    pub server: String,
    /// Answer by itself; without this, --decline or --busy the terminal is asked
    #[arg(long, conflicts_with_all = ["decline", "busy"])]
    pub answer: bool,
    /// Decline each call
    #[arg(long, conflicts_with = "busy")]
    pub decline: bool,
    /// Be busy
    #[arg(long)]
    pub busy: bool,
    /// Ring so many seconds before answering or declining
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = seconds)]
    pub after: Duration,
    /// Press these keys (see below): 1 says yes to each question; 1@engineer-knock,2@engineer-join declines
    #[arg(long, value_name = "KEYS[@WHEN],…")]
    pub keys: Option<String>,
    /// Play this WAV, when told or at a quiet moment (see below); may be given again
    #[arg(long, value_name = "FILE[@WHEN]")]
    pub play: Vec<String>,
    /// Write what is heard to this WAV (8 kHz, 16 bit); the second call's gets -2, and so on
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Hang up so many seconds after the answer
    #[arg(long = "for", value_name = "SECONDS", value_parser = seconds)]
    pub hang_up_after: Option<Duration>,
    /// End after one call, with its exit code (0 if it was declined as told)
    #[arg(long)]
    pub once: bool,
    /// How requests travel
    #[arg(long, value_enum, default_value_t = TransportArg::Udp)]
    pub transport: TransportArg,
    /// Where the hotline keeps its data: its own prompts and the demo's passwords
    #[arg(long, value_name = "FOLDER", env = "HOTLINE_DATA_DIR", default_value = "data")]
    pub data_dir: PathBuf,
}

/// Registers, takes calls, does as told, tells what happens.
pub async fn run(args: PhoneArgs) -> anyhow::Result<ExitCode> {
    let password = match &args.password {
        Some(password) => Private::new(password.clone()),
        None => demo_password(&args.data_dir.join(DEMO_CREDENTIALS), &args.account)?,
    };
    let (host, port) = split_port(&args.server)?;
    let server = resolve(&host, port).await?;
    let prompts = Arc::new(KnownPrompts::load(&args.data_dir).context("the prompts can't be read")?);
    let mut plan = Plan::for_engineer(args.keys.as_deref(), &args.play, &prompts)?;
    plan.hang_up_after = args.hang_up_after;
    let mut settings = HandsetSettings::new(server, &args.account, prompts);
    settings.transport = args.transport.into();
    let mut phone = Handset::start(settings).await?;
    if let Err(error) = phone.register(&args.account, password).await {
        eprintln!("{} can't register at {server}: {error}", args.account);
        eprintln!("Is the hotline running there, and is the password right?");
        phone.stop().await;
        return Ok(ExitCode::from(2));
    }
    println!("{} is registered at {server}; waiting for calls (Ctrl-C ends)", args.account);
    let code = take_calls(&mut phone, &args, &plan).await;
    phone.stop().await;
    code
}

async fn take_calls(phone: &mut Handset, args: &PhoneArgs, plan: &Plan) -> anyhow::Result<ExitCode> {
    let mut keyboard = Keyboard::start();
    for count in 1_u32.. {
        let ring = tokio::select! {
            ring = phone.next_ring() => ring?,
            _ = tokio::signal::ctrl_c() => break,
        };
        println!("rings: {}", caller_in_words(&ring));
        let answered = decide(phone, args, &mut keyboard).await?;
        if let (true, Some(file)) = (answered, &args.record) {
            phone.record(numbered(file, count))?;
        }
        let outcome = act(phone.line()?, plan, &mut keyboard).await;
        println!("{}", outcome.summary());
        if args.once {
            let as_told = !answered && (args.decline || args.busy);
            return Ok(if as_told { ExitCode::SUCCESS } else { outcome.exit_code() });
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Answers or refuses the call that rings, as told or as typed; true if it was answered.
async fn decide(phone: &Handset, args: &PhoneArgs, keyboard: &mut Keyboard) -> anyhow::Result<bool> {
    let log = phone.line()?.log.clone();
    let choice = if args.answer || args.decline {
        tokio::select! {
            () = tokio::time::sleep(args.after) => if args.answer { Choice::Answer } else { Choice::Refuse(DECLINE) },
            () = log.closed() => Choice::Gone,
            _ = tokio::signal::ctrl_c() => Choice::Refuse(DECLINE),
        }
    } else if args.busy {
        Choice::Refuse(BUSY)
    } else {
        println!("a answers, d declines, b is busy (then Enter)");
        loop {
            tokio::select! {
                typed = keyboard.line() => match typed.as_str() {
                    "a" | "" => break Choice::Answer,
                    "d" => break Choice::Refuse(DECLINE),
                    "b" => break Choice::Refuse(BUSY),
                    _ => println!("a answers, d declines, b is busy"),
                },
                () = log.closed() => break Choice::Gone,
                _ = tokio::signal::ctrl_c() => break Choice::Refuse(DECLINE),
            }
        }
    };
    match choice {
        Choice::Answer => phone.pick_up()?,
        Choice::Refuse(status) => phone.refuse(status)?,
        Choice::Gone => {}
    }
    Ok(choice == Choice::Answer)
}

/// What becomes of a call that rings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    Answer,
    Refuse(u16),
    /// The caller gave up first.
    Gone,
}

fn caller_in_words(ring: &Ring) -> String {
    // A phone's display shows who calls; this is one, and no log.
    let name = ring.display_name.as_ref().map(|name| format!("{} ", name.reveal())).unwrap_or_default();
    let number = ring.caller.as_ref().map_or("number withheld", |number| number.reveal());
    format!("{name}{number}")
}

/// `heard.wav`, `heard-2.wav`, `heard-3.wav`.
fn numbered(file: &Path, count: u32) -> PathBuf {
    if count == 1 {
        return file.to_owned();
    }
    let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let extension = file.extension().map(|e| format!(".{}", e.to_string_lossy())).unwrap_or_default();
    file.with_file_name(format!("{stem}-{count}{extension}"))
}

fn demo_password(file: &Path, account: &str) -> anyhow::Result<Private<String>> {
    let Ok(text) = std::fs::read_to_string(file) else {
        bail!(
            "no password: give --password (or HOTLINE_PHONE_PASSWORD); the demo's would be in {}, written by `hotline serve --demo`",
            file.display()
        );
    };
    let table: toml::Table = text.parse().with_context(|| format!("{} can't be read", file.display()))?;
    match password_in(&toml::Value::Table(table), account) {
        Some(password) => Ok(Private::new(password)),
        None => bail!("{} has no account {account}; give --password", file.display()),
    }
}

/// The account's password: `NAME = "…"`, `[NAME] password = "…"` or `[[…]] account = "NAME", password = "…"`,
/// at whatever depth.
fn password_in(value: &toml::Value, account: &str) -> Option<String> {
    let text = |value: &toml::Value| value.as_str().map(str::to_owned);
    if let Some(list) = value.as_array() {
        return list.iter().find_map(|entry| password_in(entry, account));
    }
    let table = value.as_table()?;
    let is_its_own =
        ["account", "name", "id", "user"].iter().any(|key| table.get(*key).and_then(text).as_deref() == Some(account));
    if let (true, Some(password)) = (is_its_own, table.get("password").and_then(text)) {
        return Some(password);
    }
    if let Some(entry) = table.get(account) {
        let inside = entry.get("password").and_then(text);
        if let Some(password) = text(entry).or(inside) {
            return Some(password);
        }
    }
    table.values().find_map(|inner| password_in(inner, account))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_password_however_it_is_written() {
        for text in [
            "engineer-1 = \"secret\"",
            "[phones]\nengineer-2 = \"other\"\nengineer-1 = \"secret\"",
            "[phones.engineer-1]\npassword = \"secret\"",
            "[[phones]]\naccount = \"engineer-2\"\npassword = \"other\"\n[[phones]]\naccount = \"engineer-1\"\npassword = \"secret\"",
        ] {
            let value = toml::Value::Table(text.parse().expect("it is TOML"));
            assert_eq!(password_in(&value, "engineer-1").as_deref(), Some("secret"), "{text}");
            assert_eq!(password_in(&value, "engineer-3"), None);
        }
    }

    #[test]
    fn each_calls_recording_has_its_own_name() {
        let file = Path::new("a/heard.wav");
        assert_eq!(numbered(file, 1), file);
        assert_eq!(numbered(file, 3), Path::new("a/heard-3.wav"));
        assert_eq!(numbered(Path::new("heard"), 2), Path::new("heard-2"));
    }

    #[test]
    fn a_missing_password_is_told_with_the_remedy() {
        let told = demo_password(Path::new("/nonexistent/demo-credentials.toml"), "engineer-1").map(drop);
        assert!(told.is_err_and(|error| error.to_string().contains("--password")));
    }
}
