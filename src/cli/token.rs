//! `hotline token add NAME`: a bearer token for programs.

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use hotline_core::directory::Directory;
use uuid::Uuid;

use super::user::Scope;
use crate::http::{Records, Role, fresh_token, token_hash};
use crate::store::read::TokenRow;

/// `hotline token …`
#[derive(Debug, Args)]
pub struct TokenArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: TokenCommand,
}

/// What can be done with tokens.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token; it is shown once.
    Add(AddArgs),
    /// Show the tokens, without their secrets.
    List,
    /// Take a token back.
    Remove {
        /// Its name.
        name: String,
    },
}

/// `hotline token add …`
#[derive(Debug, Args)]
pub struct AddArgs {
    /// Name, as timelines show it: letters, digits and . _ -
    pub name: String,
    /// What it may do. Stakeholders see the alerts of their own customers (--customer) and nothing else.
    #[arg(long, default_value = "engineer", value_parser = Role::WORDS)]
    pub role: String,
    /// Sees only this customer's things; may be given several times.
    #[arg(long = "customer", value_name = "CUSTOMER")]
    pub customers: Vec<String>,
    /// Sees only what this team looks after; may be given several times.
    #[arg(long = "team", value_name = "TEAM")]
    pub teams: Vec<String>,
    /// Worth nothing after so many days; without: for ever.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=3_650))]
    pub days: Option<u32>,
}

/// Does what was asked and says so on standard output.
pub async fn run(args: TokenArgs, store: &dyn Records, directory: &Directory) -> anyhow::Result<()> {
    match args.command {
        TokenCommand::Add(args) => {
            let (said, token) = add(&args, store, directory).await?;
            eprintln!("{said}");
            println!("{token}");
        }
        TokenCommand::List => {
            for token in store.tokens().await.context("the database could not be read")? {
                let of = |names: Option<&str>| names.unwrap_or("all").to_owned();
                println!("{}  {}  customers: {}", token.name, token.role, of(token.customers.as_deref()));
            }
        }
        TokenCommand::Remove { name } => {
            let tokens = store.tokens().await.context("the database could not be read")?;
            let Some(token) = tokens.iter().find(|token| token.name == name) else {
                bail!("there is no token {name}; `hotline token list` shows them");
            };
            store.remove_token(&token.id).await.context("the database could not be written")?;
            println!("Token {name} is worth nothing within 20 seconds.");
        }
    }
    Ok(())
}

/// The sentence that tells it, and the token.
async fn add(args: &AddArgs, store: &dyn Records, directory: &Directory) -> anyhow::Result<(String, String)> {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if args.name.is_empty() || args.name.len() > 64 || !args.name.chars().all(good) {
        bail!("a token's name has 1 to 64 of these: letters, digits, . _ -");
    }
    let scope = Scope::new(&args.customers, &args.teams, false, directory)?;
    let now = crate::clock::now().wall.as_millisecond();
    let token = fresh_token();
    let row = TokenRow {
        id: Uuid::now_v7().to_string(),
        name: args.name.clone(),
        hash: token_hash(token.reveal()),
        role: args.role.clone(),
        customers: scope.customers,
        teams: scope.teams,
        created_at: now,
        created_by: "the command line".to_owned(),
        expires_at: args.days.map(|days| now + i64::from(days) * 86_400_000),
    };
    if !store.add_token(&row).await.context("the token could not be kept")? {
        bail!("there is a token {} already; `hotline token remove {}` takes it back", args.name, args.name);
    }
    let said = format!("Token {} with the role {}; it is shown this once:", args.name, args.role);
    Ok((said, token.into_inner()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::fake::Fake;

    fn wish(name: &str, customers: &[&str]) -> AddArgs {
        AddArgs {
            name: name.to_owned(),
            role: "engineer".to_owned(),
            customers: customers.iter().map(|one| (*one).to_owned()).collect(),
            teams: Vec::new(),
            days: Some(2),
        }
    }

    #[tokio::test]
    async fn a_token_is_made_once_and_taken_back() {
        let fake = Fake::empty();
        let (said, token) = add(&wish("ci", &["acme"]), &fake, &fake.directory).await.unwrap();
        assert!(said.contains("the role engineer") && !said.contains(&token));
        let kept = fake.token(&token_hash(&token)).await.unwrap().unwrap();
        assert_eq!((kept.customers.as_deref(), kept.expires_at.is_some()), (Some("acme"), true));
        let again = add(&wish("ci", &[]), &fake, &fake.directory).await.unwrap_err();
        assert!(again.to_string().contains("already"), "{again}");
        let unknown = add(&wish("other", &["nobody"]), &fake, &fake.directory).await.unwrap_err();
        assert!(unknown.to_string().contains("there are: acme, muster"), "{unknown}");
        add(&wish("a b", &[]), &fake, &fake.directory).await.unwrap_err();
        let remove = TokenArgs { command: TokenCommand::Remove { name: "ci".to_owned() } };
        run(remove, &fake, &fake.directory).await.unwrap();
        assert!(fake.tokens().await.unwrap().is_empty());
    }
}
