//! Who asks: a bearer token or the page's session; and what they may.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use hotline_core::directory::Directory;
use hotline_core::escalation::Target;
use hotline_core::fact::Actor;
use hotline_core::ids::{CustomerId, ScheduleId, UserId};
use hotline_core::private::Private;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tower_sessions::Session;

use super::problem::Problem;
use super::{AppState, HttpSettings, sessions};
use crate::store::StoreError;
use crate::store::read::{LoginRow, TokenRow};

/// Where a session keeps its login.
const SESSION_KEY: &str = "login";
/// So long a login is believed without a look at the store.
const FRESH: Duration = Duration::from_secs(20);
/// Sessions remembered at most.
const REMEMBERED: usize = 5_000;

/// A role: what somebody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Everything.
    Admin,
    /// Sees and handles calls and alerts, plans overrides, maintenance and incidents; no logins, no lines.
    Dispatcher,
    /// Sees and handles calls and alerts.
    Engineer,
    /// Reads the alerts and the on-call of their own customers.
    Stakeholder,
}

impl Role {
    /// All roles' words.
    pub const WORDS: [&'static str; 4] = ["admin", "dispatcher", "engineer", "stakeholder"];

    /// The role behind its word; an unknown word gives no rights.
    pub fn from_word(word: &str) -> Self {
        match word {
            "admin" => Self::Admin,
            "dispatcher" => Self::Dispatcher,
            "engineer" => Self::Engineer,
            _ => Self::Stakeholder,
        }
    }

    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Dispatcher => "dispatcher",
            Self::Engineer => "engineer",
            Self::Stakeholder => "stakeholder",
        }
    }
}

/// One thing that not everybody may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// Alerts (of the customers that they see) and who is on call for these.
    SeeAlerts,
    /// Acknowledge, resolve, assign, snooze, comment, start actions.
    HandleAlerts,
    /// Calls and what was said on them.
    SeeCalls,
    /// Recordings' sound and transcripts.
    HearRecordings,
    /// Users, schedules, numbers, lines, policies: how the installation is set up.
    SeeDirectory,
    /// Listen to running calls, whisper, speak.
    Supervise,
    /// Overrides, absences, maintenance, incidents.
    Plan,
    /// Everything in the directory.
    Configure,
    /// Logins and tokens.
    ManageLogins,
    /// The audit chain.
    ReadAudit,
}

/// Somebody who is logged in. What they may is asked by [`Viewer::require`], whose things they see by [`Viewer::sees`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewer {
    /// Login name, or the token's name.
    pub name: String,
    /// What they may.
    pub role: Role,
    /// By token, not by the page's session.
    pub token: bool,
    /// The person of the directory that the login belongs to.
    pub user: Option<UserId>,
    /// Only these customers' things are seen; `None`: everything.
    pub customers: Option<Vec<String>>,
}

impl Viewer {
    /// As it goes on the timeline.
    pub fn actor(&self) -> Actor {
        if self.token { Actor::Token(self.name.clone()) } else { Actor::Login(self.name.clone()) }
    }

    /// As a timeline shows it, until the store's own words are there.
    pub fn shown(&self) -> String {
        if self.token { format!("token {}", self.name) } else { format!("login {}", self.name) }
    }

    /// Whether they may. Who sees only some customers' things configures nothing: that is everybody's.
    pub fn may(&self, right: Right) -> bool {
        let whole = self.customers.is_none();
        match right {
            Right::SeeAlerts => true,
            Right::HandleAlerts | Right::SeeCalls | Right::HearRecordings | Right::SeeDirectory => {
                !matches!(self.role, Role::Stakeholder)
            }
            Right::Supervise => matches!(self.role, Role::Admin | Role::Dispatcher),
            Right::Plan => whole && matches!(self.role, Role::Admin | Role::Dispatcher),
            Right::Configure | Right::ManageLogins | Right::ReadAudit => whole && self.role == Role::Admin,
        }
    }

    /// 403 unless they may.
    pub fn require(&self, right: Right) -> Result<(), Problem> {
        if self.may(right) {
            return Ok(());
        }
        let need = match right {
            Right::SeeAlerts | Right::HandleAlerts | Right::SeeCalls | Right::HearRecordings | Right::SeeDirectory => {
                "engineer"
            }
            Right::Supervise | Right::Plan => "dispatcher",
            Right::Configure | Right::ManageLogins | Right::ReadAudit => "admin",
        };
        let narrow = if self.customers.is_some() { " for all customers" } else { "" };
        Err(Problem::forbidden(
            "role-not-enough",
            &format!(
                "The role {} may not do this; it needs {need}{narrow}. An admin can give it: hotline user add NAME --role {need}, or another token.",
                self.role.word()
            ),
        ))
    }

    /// Whether they see this customer's things. Things of no customer are seen by those only who see everything.
    pub fn sees(&self, customer: Option<&str>) -> bool {
        match (&self.customers, customer) {
            (None, _) => true,
            (Some(own), Some(customer)) => own.iter().any(|one| one == customer),
            (Some(_), None) => false,
        }
    }

    /// The schedules by which somebody is on call for the customers that they see; `None`: all.
    pub fn schedules(&self, directory: &Directory) -> Option<BTreeSet<ScheduleId>> {
        let own = self.customers.as_ref()?;
        let mine = |customer: Option<&CustomerId>| customer.is_none_or(|customer| own.contains(&customer.0));
        let customers = directory.customers.values().filter(|customer| own.contains(&customer.id.0));
        let services = directory.services.values().filter(|service| mine(service.customer.as_ref()));
        let numbers = directory.numbers.values().filter(|number| !number.test);
        let policies = customers
            .filter_map(|customer| customer.policy.as_ref())
            .chain(services.filter_map(|service| service.policy.as_ref()))
            .chain(numbers.clone().filter_map(|number| number.policy.as_ref()))
            .chain(directory.default_policy.as_ref());
        let by_policy = policies
            .filter_map(|policy| directory.policies.get(policy))
            .flat_map(|policy| policy.steps.iter().flat_map(|step| &step.targets))
            .filter_map(|target| match target {
                Target::Schedule(schedule) => Some(schedule.clone()),
                Target::User(_) | Target::Team(_) | Target::Channel(_) | Target::Number(_) => None,
            });
        let by_number = numbers.filter_map(|number| number.schedule.clone());
        if own.is_empty() { Some(BTreeSet::new()) } else { Some(by_policy.chain(by_number).collect()) }
    }
}

/// The customers that a login or token with this scope sees: those named, and those whose services its teams look
/// after. A stakeholder without any sees nothing, everybody else everything.
fn scope(role: Role, customers: &[String], teams: &[String], directory: &Directory) -> Option<Vec<String>> {
    if customers.is_empty() && teams.is_empty() {
        return (role == Role::Stakeholder).then(Vec::new);
    }
    let of_teams = directory.services.values().filter_map(|service| {
        let team = service.team.as_ref()?;
        teams.contains(&team.0).then(|| service.customer.as_ref().map(|customer| customer.0.clone()))?
    });
    let all: BTreeSet<String> = customers.iter().cloned().chain(of_teams).collect();
    Some(all.into_iter().collect())
}

impl FromRequestParts<AppState> for Viewer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let who = match parts.headers.get(header::AUTHORIZATION) {
            Some(value) => by_token(state, value.as_bytes()).await?,
            None => by_session(state, parts).await?,
        };
        Ok(who.viewer(&state.board().directory()))
    }
}

/// A login or token as it is kept; what its teams look after may change at any time.
#[derive(Debug, Clone)]
struct Who {
    name: String,
    role: Role,
    token: bool,
    user: Option<UserId>,
    customers: Vec<String>,
    teams: Vec<String>,
}

impl Who {
    fn viewer(self, directory: &Directory) -> Viewer {
        let customers = scope(self.role, &self.customers, &self.teams, directory);
        Viewer { name: self.name, role: self.role, token: self.token, user: self.user, customers }
    }

    fn of_login(login: LoginRow) -> Self {
        Self {
            role: Role::from_word(&login.role),
            token: false,
            user: login.user_id.map(UserId),
            customers: names(login.customers.as_deref()),
            teams: names(login.teams.as_deref()),
            name: login.name,
        }
    }

    fn of_token(token: TokenRow) -> Self {
        Self {
            role: Role::from_word(&token.role),
            token: true,
            user: None,
            customers: names(token.customers.as_deref()),
            teams: names(token.teams.as_deref()),
            name: token.name,
        }
    }
}

/// Names divided by spaces, as logins and tokens keep them.
pub fn names(kept: Option<&str>) -> Vec<String> {
    kept.into_iter().flat_map(str::split_whitespace).map(str::to_owned).collect()
}

async fn by_token(state: &AppState, value: &[u8]) -> Result<Who, Problem> {
    let token = match value.split_at_checked(7) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case(b"bearer ") => token.trim_ascii(),
        _ => return Err(Problem::unauthorized("Send Authorization: Bearer TOKEN; other schemes are not taken.")),
    };
    let admin = state.settings().admin_token.as_ref().filter(|admin| !admin.reveal().is_empty());
    if admin.is_some_and(|admin| same(token, admin.reveal().as_bytes())) {
        return Ok(Who {
            name: "admin".to_owned(),
            role: Role::Admin,
            token: true,
            user: None,
            customers: Vec::new(),
            teams: Vec::new(),
        });
    }
    let unknown = || {
        Problem::unauthorized(
            "This token is not known, or it has expired. Make one: hotline token add NAME --role ROLE.",
        )
    };
    // What can't be one of ours costs no look into the database.
    let token = std::str::from_utf8(token).ok().filter(|token| token.starts_with(TOKEN_PREFIX)).ok_or_else(unknown)?;
    let hash = token_hash(token);
    let now = crate::clock::now();
    let known = state.logins().0.lock().get(&hash).cloned().filter(|known| known.until > now.wall.as_millisecond());
    if let Some(known) = known.as_ref().filter(|known| now.mono.saturating_duration_since(known.checked) < FRESH) {
        return Ok(known.who.clone());
    }
    match state.records().token(&hash).await {
        Ok(Some(row)) if row.expires_at.is_none_or(|at| at > now.wall.as_millisecond()) => {
            let until = row.expires_at.unwrap_or(i64::MAX);
            let who = Who::of_token(row);
            state.logins().remember(hash, Known { who: who.clone(), checked: now.mono, until });
            Ok(who)
        }
        Ok(_) => {
            state.logins().0.lock().remove(&hash);
            Err(unknown())
        }
        // The database is away: whom we knew we still know.
        Err(error) => known.map(|known| known.who).ok_or_else(|| error.into()),
    }
}

/// What the tokens made here begin with: found by secret scanners, and by nobody taken for a password.
pub const TOKEN_PREFIX: &str = "hlt_";

/// A fresh token: 192 random bits.
pub fn fresh_token() -> Private<String> {
    let bytes: [u8; 24] = rand::random();
    Private::new(format!("{TOKEN_PREFIX}{}", hex::encode(bytes)))
}

/// As the store has it: who reads the database can't use it.
pub fn token_hash(token: &str) -> String {
    hex::encode(Sha256::digest(token))
}

/// Compares by digests and without an early end: how long it takes tells nothing.
fn same(a: &[u8], b: &[u8]) -> bool {
    let pairs = Sha256::digest(a).into_iter().zip(Sha256::digest(b));
    pairs.fold(0, |differences, (a, b)| std::hint::black_box(differences | (a ^ b))) == 0
}

/// What a session keeps.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    name: String,
    /// Ties the session to the password: a new password ends it.
    print: String,
    /// Epoch ms.
    until: i64,
}

/// Who was seen lately, so that the page goes on while the database is away.
#[derive(Debug, Default)]
pub struct Logins(Mutex<HashMap<String, Known>>);

#[derive(Debug, Clone)]
struct Known {
    who: Who,
    checked: Instant,
    until: i64,
}

impl Logins {
    fn remember(&self, key: String, known: Known) {
        let mut all = self.0.lock();
        if all.len() >= REMEMBERED {
            all.clear();
        }
        all.insert(key, known);
    }

    /// A token or login was changed: it is looked up anew.
    pub fn forget(&self) {
        self.0.lock().clear();
    }
}

async fn by_session(state: &AppState, parts: &Parts) -> Result<Who, Problem> {
    let who = session_viewer(state, parts.extensions.get::<Session>()).await?;
    let Some(who) = who else {
        return Err(Problem::unauthorized("Log in at /login, or send Authorization: Bearer TOKEN."));
    };
    if !safe(&parts.method) {
        same_origin(state.settings(), &parts.headers)?;
    }
    Ok(who)
}

fn safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

async fn session_viewer(state: &AppState, session: Option<&Session>) -> Result<Option<Who>, StoreError> {
    let Some((session, id)) = session.and_then(|session| Some((session, session.id()?))) else {
        return Ok(None);
    };
    let key = sessions::key(id);
    let now = crate::clock::now();
    let known = state.logins().0.lock().get(&key).cloned().filter(|known| known.until > now.wall.as_millisecond());
    if let Some(known) = known.as_ref().filter(|known| now.mono.saturating_duration_since(known.checked) < FRESH) {
        return Ok(Some(known.who.clone()));
    }
    match look_up(state, session, now.wall.as_millisecond()).await {
        Ok(Some((who, until))) => {
            state.logins().remember(key, Known { who: who.clone(), checked: now.mono, until });
            Ok(Some(who))
        }
        Ok(None) => {
            state.logins().0.lock().remove(&key);
            Ok(None)
        }
        // The database is away: whom we knew we still know.
        Err(error) => known.map(|known| Some(known.who)).ok_or(error),
    }
}

async fn look_up(state: &AppState, session: &Session, now: i64) -> Result<Option<(Who, i64)>, StoreError> {
    let kept = session.get::<Kept>(SESSION_KEY).await.map_err(|error| StoreError::Database(error.to_string()))?;
    let Some(kept) = kept.filter(|kept| kept.until > now) else {
        return Ok(None);
    };
    let login = state.records().login(&kept.name).await?;
    Ok(login.filter(|login| print(login) == kept.print).map(|login| (Who::of_login(login), kept.until)))
}

fn print(login: &LoginRow) -> String {
    hex::encode(&Sha256::digest(&login.password_hash)[..8])
}

/// Starts the session of a login: under a new id, so that one planted before is worth nothing.
pub async fn log_in(session: &Session, login: &LoginRow) -> Result<(), tower_sessions::session::Error> {
    session.clear().await;
    session.cycle_id().await?;
    let until = crate::clock::now().wall.as_millisecond() + sessions::LIFETIME_HOURS * 3_600_000;
    session.insert(SESSION_KEY, Kept { name: login.name.clone(), print: print(login), until }).await?;
    session.save().await
}

/// Ends a session here and in the store.
pub async fn log_out(state: &AppState, session: &Session) -> Result<(), tower_sessions::session::Error> {
    if let Some(id) = session.id() {
        state.logins().0.lock().remove(&sessions::key(id));
    }
    session.flush().await
}

/// Whether a page of ours sent this (CSRF): the browser says so, or the Origin is our own.
pub fn same_origin(settings: &HttpSettings, headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let ours = match (text("sec-fetch-site"), text("origin")) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => {
            let public = settings.public_url.as_deref().map(|url| url.trim_end_matches('/'));
            let host = origin.split_once("://").map(|(_, host)| host);
            Some(origin) == public.and_then(origin_of) || (host.is_some() && host == text("host"))
        }
        (None, None) => false,
    };
    if ours {
        return Ok(());
    }
    Err(Problem::forbidden(
        "cross-site",
        "With a session cookie this must come from the hotline's own page (same Origin). Programs: send Authorization: Bearer TOKEN. Behind a proxy: set HOTLINE_PUBLIC_URL.",
    ))
}

/// Scheme, host and port of a URL.
fn origin_of(url: &str) -> Option<&str> {
    let start = url.find("://")? + 3;
    let end = url[start..].find('/').map_or(url.len(), |slash| start + slash);
    Some(&url[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_compared_whole() {
        assert!(same(b"secret", b"secret"));
        assert!(!same(b"secret", b"secret2"));
        assert!(!same(b"", b"secret"));
    }

    #[test]
    fn an_origin_ends_before_the_path() {
        assert_eq!(origin_of("https://hotline.example/desk"), Some("https://hotline.example"));
        assert_eq!(origin_of("http://h:8080"), Some("http://h:8080"));
        assert_eq!(origin_of("hotline"), None);
    }
}
