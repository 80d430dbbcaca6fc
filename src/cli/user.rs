//! `hotline user add NAME`: a login for the page.

use std::io::{BufRead, IsTerminal, Write};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use hotline_core::directory::Directory;
use hotline_core::ids::UserId;
use hotline_core::private::Private;

use crate::http::{Records, Role, password};
use crate::store::read::LoginRow;

/// Longest login name.
const NAME_MAX: usize = 64;

/// `hotline user …`
#[derive(Debug, Args)]
pub struct UserArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: UserCommand,
}

/// What can be done with logins.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Create a login for the page, or give an existing one a new password (and role).
    Add(AddArgs),
}

/// `hotline user add …`
#[derive(Debug, Args)]
pub struct AddArgs {
    /// Login name: letters, digits and . _ - @
    pub name: String,
    /// What the login may do. Stakeholders see the alerts of their own customers (--customer) and nothing else.
    #[arg(long, default_value = "dispatcher", value_parser = Role::WORDS)]
    pub role: String,
    /// The person of the configuration that this login belongs to.
    #[arg(long, value_name = "ENGINEER")]
    pub user: Option<String>,
    /// Sees only this customer's things; may be given several times.
    #[arg(long = "customer", value_name = "CUSTOMER")]
    pub customers: Vec<String>,
    /// Sees only what this team looks after; may be given several times.
    #[arg(long = "team", value_name = "TEAM")]
    pub teams: Vec<String>,
    /// Sees the things of all customers again.
    #[arg(long, conflicts_with_all = ["customers", "teams"])]
    pub all_customers: bool,
    /// Read the password from the first line of standard input and ask nothing.
    #[arg(long)]
    pub password_stdin: bool,
}

/// Does what was asked and says so on standard output.
pub async fn run(args: UserArgs, store: &dyn Records, directory: &Directory) -> anyhow::Result<()> {
    match args.command {
        UserCommand::Add(args) => {
            let name = login_name(&args.name)?;
            known(args.user.as_deref(), directory)?;
            let scope = Scope::new(&args.customers, &args.teams, args.all_customers, directory)?;
            let password = if args.password_stdin { from_stdin().await? } else { ask(&name).await? };
            let said = add(&name, &args.role, args.user, scope, password, store).await?;
            println!("{said}");
            Ok(())
        }
    }
}

/// Whose things a login or token sees.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    /// Names divided by spaces.
    pub customers: Option<String>,
    /// Names divided by spaces.
    pub teams: Option<String>,
    /// Said; else a login keeps what it has.
    said: bool,
}

impl Scope {
    /// Checked against the directory.
    pub fn new(customers: &[String], teams: &[String], all: bool, directory: &Directory) -> anyhow::Result<Self> {
        if let Some(unknown) = customers.iter().find(|id| !directory.customers.keys().any(|known| known.0 == **id)) {
            let names: Vec<&str> = directory.customers.keys().map(|id| id.0.as_str()).collect();
            bail!("--customer {unknown}: there is no such customer; there are: {}", names.join(", "));
        }
        if let Some(unknown) = teams.iter().find(|id| !directory.teams.keys().any(|known| known.0 == **id)) {
            let names: Vec<&str> = directory.teams.keys().map(|id| id.0.as_str()).collect();
            bail!("--team {unknown}: there is no such team; there are: {}", names.join(", "));
        }
        let joined = |names: &[String]| (!names.is_empty()).then(|| names.join(" "));
        let said = all || !customers.is_empty() || !teams.is_empty();
        Ok(Self { customers: joined(customers), teams: joined(teams), said })
    }
}

/// Creates or replaces the login; the sentence that tells it.
async fn add(
    name: &str,
    role: &str,
    user: Option<String>,
    scope: Scope,
    password: Private<String>,
    store: &dyn Records,
) -> anyhow::Result<String> {
    password::strength(name, password.reveal())?;
    let password_hash = tokio::task::spawn_blocking(move || password::hash(&password))
        .await?
        .map_err(|error| anyhow::anyhow!("the password could not be hashed: {error}"))?;
    let before = store.login(name).await.context("the database could not be read")?;
    let kept = before.as_ref().filter(|_| !scope.said);
    let row = LoginRow {
        customers: kept.map_or(scope.customers, |kept| kept.customers.clone()),
        teams: kept.map_or(scope.teams, |kept| kept.teams.clone()),
        name: name.to_owned(),
        password_hash,
        role: role.to_owned(),
        // A new password alone does not cut the tie to a person.
        user_id: user.or_else(|| before.as_ref().and_then(|before| before.user_id.clone())),
    };
    store.put_login(&row).await.context("the login could not be kept")?;
    Ok(match before {
        Some(_) => format!("Login {name} has a new password and the role {role}; its open sessions end."),
        None => format!("Login {name} may log in, with the role {role}."),
    })
}

fn login_name(given: &str) -> anyhow::Result<String> {
    let name = given.trim().to_lowercase();
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '@');
    if name.is_empty() || name.len() > NAME_MAX || !name.chars().all(good) {
        bail!("a login name has 1 to {NAME_MAX} of these: letters, digits, . _ - @");
    }
    Ok(name)
}

fn known(user: Option<&str>, directory: &Directory) -> anyhow::Result<()> {
    match user {
        Some(user) if !directory.users.contains_key(&UserId::from(user)) => {
            let names: Vec<&str> = directory.users.keys().map(|id| id.0.as_str()).collect();
            bail!("--user {user}: the configuration has no such person; it has: {}", names.join(", "))
        }
        _ => Ok(()),
    }
}

async fn from_stdin() -> anyhow::Result<Private<String>> {
    tokio::task::spawn_blocking(|| line(&mut std::io::stdin().lock())).await?
}

fn line(from: &mut impl BufRead) -> anyhow::Result<Private<String>> {
    let mut text = String::new();
    from.read_line(&mut text).context("no password could be read from standard input")?;
    while text.ends_with(['\n', '\r']) {
        text.pop();
    }
    if text.is_empty() {
        bail!("no password on standard input; write it as one line");
    }
    Ok(Private::new(text))
}

async fn ask(name: &str) -> anyhow::Result<Private<String>> {
    if !std::io::stdin().is_terminal() {
        bail!("there is no terminal to ask for the password; give it on standard input with --password-stdin");
    }
    let hidden = Hidden::new();
    let prompts = (format!("Password for {name} (at least {} characters): ", password::SHORTEST), "Again: ".to_owned());
    let typed = tokio::task::spawn_blocking(move || Ok::<_, anyhow::Error>((prompt(&prompts.0)?, prompt(&prompts.1)?)));
    let (first, second) = tokio::select! {
        typed = typed => typed??,
        _ = tokio::signal::ctrl_c() => {
            drop(hidden);
            eprintln!();
            // The thread still waits for a line and would hold the runtime open.
            std::process::exit(130);
        }
    };
    if first != second {
        bail!("the two passwords differ; nothing was changed");
    }
    Ok(first)
}

fn prompt(text: &str) -> anyhow::Result<Private<String>> {
    eprint!("{text}");
    std::io::stderr().flush()?;
    let typed = line(&mut std::io::stdin().lock());
    eprintln!();
    typed
}

/// The terminal does not show what is typed as long as this lives. Without `stty` it does show it.
struct Hidden(bool);

impl Hidden {
    fn new() -> Self {
        Self(stty("-echo"))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        if self.0 {
            stty("echo");
        }
    }
}

fn stty(how: &str) -> bool {
    Command::new("stty")
        .arg(how)
        .stdin(Stdio::inherit())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::fake::Fake;

    #[tokio::test]
    async fn adds_and_replaces_a_login() {
        let fake = Fake::empty();
        let said =
            add("ann", "admin", Some("engineer-1".into()), Scope::default(), Private::from("four random words"), &fake)
                .await
                .unwrap();
        assert_eq!(said, "Login ann may log in, with the role admin.");
        let kept = fake.login("ann").await.unwrap().unwrap();
        assert!(kept.password_hash.starts_with("$argon2id$"));
        let said =
            add("ann", "engineer", None, Scope::default(), Private::from("another four words"), &fake).await.unwrap();
        assert_eq!(said, "Login ann has a new password and the role engineer; its open sessions end.");
        let replaced = fake.login("ann").await.unwrap().unwrap();
        assert_eq!((replaced.role.as_str(), replaced.user_id.as_deref()), ("engineer", Some("engineer-1")));
        assert_ne!(kept.password_hash, replaced.password_hash);
        let weak = add("ann", "admin", None, Scope::default(), Private::from("short"), &fake).await.unwrap_err();
        assert!(weak.to_string().contains("at least 10"), "{weak}");
    }

    #[test]
    fn names_are_checked() {
        assert_eq!(login_name(" Ann.B@example ").unwrap(), "ann.b@example");
        for bad in ["", "a b", "ä", "a/b", &"x".repeat(65)] {
            login_name(bad).unwrap_err();
        }
        let unknown = known(Some("nobody"), &Fake::empty().directory).unwrap_err();
        assert!(unknown.to_string().contains("no such person"), "{unknown}");
    }

    #[test]
    fn a_password_is_the_first_line() {
        assert_eq!(line(&mut "two words \r\nmore".as_bytes()).unwrap().reveal(), "two words ");
        line(&mut "\n".as_bytes()).unwrap_err();
    }
}
