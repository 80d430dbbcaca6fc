//! `hotline doctor`: what is wrong on this machine, and how to mend it.
//!
//! Looks and changes nothing: no migration, no folder, no call. What it can't see from here
//! (a firewall in between, a carrier's own mind) it says how to try.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::Duration;

use hotline_core::directory::{Destination, Directory, Language};
use hotline_core::oncall;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use sqlx::ConnectOptions;

use crate::config::{Config, ConfigError};

#[cfg(test)]
mod tests;

/// Bytes of `ggml-base.bin`, the model that `hotline models fetch` brings.
const BASE_MODEL_BYTES: u64 = 147_951_465;
/// How a ggml model begins: 0x67676d6c, little endian.
const GGML_MAGIC: [u8; 4] = *b"lmgg";
/// Below this much free space callers' voices are lost soon.
const SPACE_MIN: u64 = 100 << 20;
/// Below this much it is time to act: about 18 hours of recordings.
const SPACE_LOW: u64 = 1 << 30;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As it should be.
    Ok,
    /// Works, but somebody should look at it.
    Warn,
    /// Does not work.
    Fail,
}

/// One line of the doctor's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad.
    pub level: Level,
    /// What was seen, and the remedy where there is one to take.
    pub text: String,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let word = match self.level {
            Level::Ok => "ok  ",
            Level::Warn => "warn",
            Level::Fail => "FAIL",
        };
        write!(f, "{word}  {}", self.text)
    }
}

/// Findings in the order in which they were made.
#[derive(Debug, Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, level: Level, text: impl Into<String>) {
        self.0.push(Finding { level, text: text.into() });
    }

    fn ok(&mut self, text: impl Into<String>) {
        self.add(Level::Ok, text);
    }

    fn warn(&mut self, text: impl Into<String>) {
        self.add(Level::Warn, text);
    }

    fn fail(&mut self, text: impl Into<String>) {
        self.add(Level::Fail, text);
    }
}

/// Looks at everything, prints a line for each finding, and says whether all is well (warnings are).
pub async fn run(config: Result<Config, ConfigError>) -> anyhow::Result<bool> {
    let findings = match config {
        Ok(config) => {
            let cache = std::env::var_os("XDG_CACHE_HOME")
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
                .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
            examine(&config, cache.as_deref()).await
        }
        Err(ConfigError(mistakes)) => mistakes.into_iter().map(|text| Finding { level: Level::Fail, text }).collect(),
    };
    for finding in &findings {
        println!("{finding}");
    }
    let count = |level| findings.iter().filter(|finding| finding.level == level).count();
    let (failures, warnings) = (count(Level::Fail), count(Level::Warn));
    println!();
    match (failures, warnings) {
        (0, 0) => println!("All is well."),
        (0, _) => println!("It works; {warnings} to look at."),
        (_, _) => println!("{failures} to mend, {warnings} to look at."),
    }
    Ok(failures == 0)
}

/// Looks at everything. `cache`: the user's cache folder, where models live.
pub async fn examine(config: &Config, cache: Option<&Path>) -> Vec<Finding> {
    let mut findings = Findings::default();
    configuration(config, &mut findings);
    let running = server(config, &mut findings).await;
    ports(config, running, &mut findings);
    reach(config, &mut findings);
    data_folder(&config.store.data_dir, &mut findings);
    database(&config.store.database_url, &mut findings).await;
    model(config.whisper_model.as_deref(), cache, &mut findings);
    voices(config, &mut findings).await;
    clock(&mut findings);
    priority(&mut findings);
    people(&config.directory, crate::clock::now().wall, &mut findings);
    trunks(config, &mut findings).await;
    findings.0
}

/// Media threads go before everything else where the system lets them; on a machine with nothing else to do it hardly
/// shows, so that this is no warning.
fn priority(findings: &mut Findings) {
    findings.ok(if crate::rtp::may_be_raised() {
        "priority: sound goes before other work"
    } else {
        "priority: this user may not let sound go before other work; on a busy machine permit it (manual, \"Priority\": LimitNICE=-10)"
    });
}

fn configuration(config: &Config, findings: &mut Findings) {
    let directory = &config.directory;
    let file =
        config.file.as_ref().map_or_else(|| "no hotline.toml, defaults".to_owned(), |file| file.display().to_string());
    let demo = if config.demo { " with the demo" } else { "" };
    findings.ok(format!(
        "configuration ({file}{demo}): {} numbers, {} flows, {} schedules, {} users, {} phones, {} trunks, {} customers",
        directory.numbers.len(),
        directory.flows.len(),
        directory.schedules.len(),
        directory.users.len(),
        directory.phones.len(),
        directory.trunks.len(),
        directory.customers.len(),
    ));
    for warning in &config.warnings {
        findings.warn(warning.as_str());
    }
}

/// Asks a running server how it is. True: there is one.
async fn server(config: &Config, findings: &mut Findings) -> bool {
    let mut address = config.http_addr;
    if address.ip().is_unspecified() {
        address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    let ask = move |path: &'static str| async move {
        // ureq waits; a thread of the pool may.
        tokio::task::spawn_blocking(move || ask(&format!("http://{address}{path}"))).await.ok().flatten()
    };
    match ask("/healthz").await {
        Some((200, _)) => {}
        Some((status, _)) => {
            findings.fail(format!("http://{address}/healthz answers {status}: another program has the port; end it, or set HOTLINE_HTTP_ADDR"));
            return false;
        }
        None => {
            findings.ok("no hotline is running here now (start it with `hotline serve`)");
            return false;
        }
    }
    match ask("/readyz").await {
        Some((200, _)) => findings.ok(format!("a hotline is running at http://{address} and takes calls")),
        Some((status, body)) => findings
            .fail(format!("a hotline is running at http://{address} but says it is not ready ({status}): {body}")),
        None => findings.fail(format!(
            "a hotline is running at http://{address} but does not answer /readyz; look into its log, restart it"
        )),
    }
    true
}

/// Status and the beginning of the body; `None`: nobody answers.
fn ask(url: &str) -> Option<(u16, String)> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(3)))
        .http_status_as_error(false)
        .proxy(None)
        .build()
        .into();
    let mut answer = agent.get(url).call().ok()?;
    let body = answer.body_mut().with_config().limit(4_096).read_to_string().unwrap_or_default();
    let line = body.split_whitespace().collect::<Vec<_>>().join(" ");
    Some((answer.status().as_u16(), line.chars().take(400).collect()))
}

fn ports(config: &Config, running: bool, findings: &mut Findings) {
    let (sip, http) = (config.sip.listen, config.http_addr);
    let udp = |address: SocketAddr| UdpSocket::bind(address).map(drop);
    let tcp = |address: SocketAddr| TcpListener::bind(address).map(drop);
    port("SIP", "UDP", sip, "HOTLINE_SIP_ADDR", udp(sip), running, findings);
    port("SIP", "TCP", sip, "HOTLINE_SIP_ADDR", tcp(sip), running, findings);
    port("HTTP", "TCP", http, "HOTLINE_HTTP_ADDR", tcp(http), running, findings);
    let (first, last) = config.media.ports;
    // A sample: a running server holds some, and trying all would take them from it.
    let step = usize::from((last - first) / 32).max(1);
    let sample: Vec<u16> = (first..=last).step_by(step).collect();
    let taken = sample.iter().filter(|port| udp(SocketAddr::new(config.media.bind, **port)).is_err()).count();
    if taken == sample.len() {
        findings.fail(format!(
            "none of the RTP ports {first}-{last} at {} can be had; set HOTLINE_RTP_PORTS to a free range",
            config.media.bind
        ));
    } else if taken * 4 > sample.len() {
        findings.warn(format!(
            "{taken} of {} RTP ports tried in {first}-{last} are taken; set HOTLINE_RTP_PORTS to a free range",
            sample.len()
        ));
    } else {
        let remedy = if config.media.bind.is_loopback() { "" } else { "; open them in the firewall" };
        findings.ok(format!("RTP ports {first}-{last} (UDP) at {} are free{remedy}", config.media.bind));
    }
}

fn port(
    what: &str,
    transport: &str,
    address: SocketAddr,
    variable: &str,
    bound: std::io::Result<()>,
    running: bool,
    findings: &mut Findings,
) {
    let port = address.port();
    let Err(error) = bound else {
        if running {
            findings.warn(format!("{what} port {address} ({transport}) is free although a hotline is running; it was started with another address"));
        } else {
            findings.ok(format!("{what} port {address} ({transport}) is free"));
        }
        return;
    };
    let kind = error.kind();
    if kind == ErrorKind::AddrInUse && running {
        findings.ok(format!("{what} port {address} ({transport}) is held by the running hotline"));
    } else if kind == ErrorKind::AddrInUse {
        findings.fail(format!(
            "{what} port {address} ({transport}) is taken by another program; `ss -lntup 'sport = :{port}'` says by which. End it, or set {variable}"
        ));
    } else if kind == ErrorKind::AddrNotAvailable {
        findings.fail(format!(
            "{what}: this machine has no address {}; set {variable} to one of `ip -brief address`, or 0.0.0.0:{port}",
            address.ip()
        ));
    } else if kind == ErrorKind::PermissionDenied {
        findings.fail(format!(
            "{what} port {port} ({transport}) is not allowed to this user; take one above 1023 in {variable}"
        ));
    } else {
        findings.fail(format!("{what} port {address} ({transport}): {error}; set {variable}"));
    }
}

/// Who can reach us at all.
fn reach(config: &Config, findings: &mut Findings) {
    let sip = config.sip.listen;
    if sip.ip().is_loopback() {
        findings.ok(format!(
            "SIP listens on {sip}: programs on this machine can call, others can't. For phones and carriers set HOTLINE_SIP_ADDR=0.0.0.0:{}",
            sip.port()
        ));
    }
    if config.http_addr.ip().is_loopback() && config.public_url.is_none() {
        findings.ok(format!(
            "the page is at http://{} for this machine only. For others set HOTLINE_HTTP_ADDR=0.0.0.0:{} and HOTLINE_PUBLIC_URL, with TLS in front",
            config.http_addr,
            config.http_addr.port()
        ));
    }
    match config.public_url.as_deref() {
        Some(url) if url.starts_with("http://") && !config.http_addr.ip().is_loopback() => {
            findings.warn(format!("public URL {url} is not encrypted; passwords travel in the clear. Put a TLS proxy in front and write https://"));
        }
        Some(url) => findings.ok(format!("links begin with {url}")),
        None => {}
    }
    let Some(own) = own_address().filter(|own| is_private(*own)) else { return };
    if !sip.ip().is_loopback() && !config.sip.trunks.is_empty() {
        if config.rtp_address.is_none() || config.sip.public_host.is_none() {
            findings.warn(format!(
                "this machine's address {own} is a private one. If the carrier is not in the same network, set rtp_address (HOTLINE_RTP_ADDR) and \
                 sip_public_host to the public address, and forward port {} and the RTP ports to {own}",
                sip.port()
            ));
        } else {
            findings.ok(format!(
                "behind NAT ({own}), with a public address set; forward port {} and the RTP ports to {own}",
                sip.port()
            ));
        }
    }
}

/// The address that packets to the outside leave from. Nothing is sent.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // 192.0.2.0/24 belongs to nobody (RFC 5737); only the route to it is looked up.
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            address.is_private()
                || address.is_link_local()
                || (address.octets()[0] == 100 && address.octets()[1] & 0xc0 == 64)
        }
        IpAddr::V6(address) => address.is_unique_local(),
    }
}

fn data_folder(folder: &Path, findings: &mut Findings) {
    // It may not be there yet: then the folder it will be made in counts.
    let Some(existing) = folder.ancestors().find(|path| path.exists()) else { return };
    let name = folder.display();
    if !existing.is_dir() {
        findings
            .fail(format!("data folder {name}: {} is a file; set HOTLINE_DATA_DIR to a folder", existing.display()));
        return;
    }
    if rustix::fs::access(existing, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK).is_err() {
        findings.fail(format!(
            "data folder {name} can't be written; `chown` it to the user that runs hotline, or set HOTLINE_DATA_DIR"
        ));
        return;
    }
    let Ok(space) = rustix::fs::statvfs(existing) else {
        findings.warn(format!("data folder {name}: how much space is left can't be seen; look with `df`"));
        return;
    };
    let free = space.f_bavail.saturating_mul(space.f_frsize);
    let free_mib = free >> 20;
    if free < SPACE_MIN {
        findings.fail(format!("data folder {name}: {free_mib} MiB left; callers' voices can't be kept. Make room or move it (HOTLINE_DATA_DIR)"));
    } else if free < SPACE_LOW {
        findings.warn(format!(
            "data folder {name}: only {free_mib} MiB left; an hour of recordings takes about 55 MiB. Make room"
        ));
    } else {
        findings.ok(format!("data folder {name} can be written, {free_mib} MiB left"));
    }
}

async fn database(url: &str, findings: &mut Findings) {
    let Some(path) = url.strip_prefix("sqlite:") else {
        findings.fail("the database is not SQLite; this version keeps its data in SQLite only. Remove HOTLINE_DATABASE_URL or write sqlite://PATH");
        return;
    };
    let Ok(options) = url.parse::<sqlx::sqlite::SqliteConnectOptions>() else {
        findings
            .fail("the database's URL can't be read; write sqlite:///absolute/path/hotline.db in HOTLINE_DATABASE_URL");
        return;
    };
    let file = options.get_filename().to_path_buf();
    if !file.exists() {
        findings.ok(format!("the database {} will be made at the first start", path.trim_start_matches("//")));
        return;
    }
    let look = async {
        let mut connection = options.read_only(true).connect().await?;
        sqlx::query_scalar::<_, i64>("select count(*) from sqlite_master").fetch_one(&mut connection).await
    };
    match tokio::time::timeout(Duration::from_secs(10), look).await {
        Ok(Ok(_)) => findings.ok(format!("the database {} opens", file.display())),
        Ok(Err(error)) => findings.fail(format!(
            "the database {} does not open: {error}; if it is damaged, move it away: hotline makes a new one, recordings and journal stay",
            file.display()
        )),
        Err(_) => findings.warn(format!("the database {} did not answer within 10 s; is the disk busy, or a backup holding it?", file.display())),
    }
}

fn model(own: Option<&Path>, cache: Option<&Path>, findings: &mut Findings) {
    let usual = cache.map(|cache| cache.join("hotline/models/ggml-base.bin"));
    let Some(file) = own.map(Path::to_path_buf).or(usual) else {
        findings.warn("there is no home folder to keep the speech model in; set HOTLINE_WHISPER_MODEL to a ggml file");
        return;
    };
    let remedy = if own.is_some() { "mend HOTLINE_WHISPER_MODEL" } else { "run `hotline models fetch`" };
    let Ok(meta) = std::fs::metadata(&file) else {
        findings.warn(format!(
            "no speech model at {}: calls are taken and recorded, but there are no transcripts; {remedy}",
            file.display()
        ));
        return;
    };
    let mut begin = [0; 4];
    let is_ggml =
        std::fs::File::open(&file).and_then(|mut open| std::io::Read::read_exact(&mut open, &mut begin)).is_ok()
            && begin == GGML_MAGIC;
    if !is_ggml {
        findings.fail(format!("the speech model {} is no ggml file; remove it and {remedy}", file.display()));
    } else if file.ends_with("ggml-base.bin") && meta.len() != BASE_MODEL_BYTES {
        findings.fail(format!(
            "the speech model {} has {} bytes instead of {BASE_MODEL_BYTES}; remove it and {remedy}",
            file.display(),
            meta.len()
        ));
    } else {
        findings.ok(format!("speech model {}", file.display()));
    }
}

/// The voice for names, and prompts in every language that is used.
async fn voices(config: &Config, findings: &mut Findings) {
    const REMEDY: &str = "`sudo apt-get install espeak-ng`";
    let mut languages: Vec<&Language> = config.directory.numbers.values().map(|number| &number.language).collect();
    languages.extend(config.directory.users.values().map(|user| &user.language));
    languages.extend(config.directory.customers.values().filter_map(|customer| customer.language.as_ref()));
    languages.sort();
    languages.dedup();
    for language in &languages {
        let own = config.store.data_dir.join("prompts").join(&language.0);
        if !matches!(language.0.as_str(), "en" | "de") && !own.is_dir() {
            findings.warn(format!(
                "there are no prompts in `{}`, English is spoken instead; put them into {}",
                language.0,
                own.display()
            ));
        }
    }
    let listed = tokio::process::Command::new("espeak-ng").arg("--voices").kill_on_drop(true).output();
    let Ok(Ok(listed)) = tokio::time::timeout(Duration::from_secs(5), listed).await else {
        findings.warn(format!(
            "espeak-ng is not installed: names of customers are not spoken, and missing prompts can't be made; {REMEDY}"
        ));
        return;
    };
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    // ` 5  de              --/M      German …`
    let has = |tag: &str| {
        listed
            .lines()
            .filter_map(|line| line.split_whitespace().nth(1))
            .any(|own| own == tag || own.starts_with(&format!("{tag}-")))
    };
    let missing: Vec<&str> = languages.iter().map(|language| language.0.as_str()).filter(|tag| !has(tag)).collect();
    if missing.is_empty() {
        findings.ok("espeak-ng is there, with voices for all languages in use");
    } else {
        findings.warn(format!("espeak-ng has no voice for {}; {REMEDY} (espeak-ng-data)", missing.join(", ")));
    }
}

/// Schedules and records live by the clock.
fn clock(findings: &mut Findings) {
    let now = crate::clock::now().wall;
    let shown = now.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S %Z");
    let built = std::env::current_exe().ok().and_then(|program| std::fs::metadata(program).ok()?.modified().ok());
    let built = built.and_then(|built| Timestamp::try_from(built).ok());
    let synchronised = [
        "/run/systemd/timesync/synchronized",
        "/run/chrony/chronyd.pid",
        "/run/ntpd.pid",
        "/var/run/ntpd.pid",
        "/run/openntpd.pid",
    ]
    .iter()
    .any(|file| Path::new(file).exists());
    if built.is_some_and(|built| now.as_second() < built.as_second() - 86_400) {
        findings.fail(format!(
            "the clock says {shown}, which is before this program was made; set it (`sudo timedatectl set-ntp true`)"
        ));
    } else if synchronised {
        findings.ok(format!("the clock says {shown} and is kept right by NTP"));
    } else {
        findings.ok(format!("the clock says {shown}; no NTP service was seen here (in a container the host has it), `timedatectl` tells more"));
    }
}

/// Who would be called now.
fn people(directory: &Directory, now: Timestamp, findings: &mut Findings) {
    for schedule in directory.schedules.values() {
        let found = oncall::on_call(schedule, directory, now);
        let reachable: Vec<&str> = found
            .people
            .iter()
            .filter(|person| !person.phones.is_empty())
            .map(|person| person.user.0.as_str())
            .collect();
        let Some(first) = found.people.first() else {
            findings.warn(format!("{}; add members to the schedule", found.why));
            continue;
        };
        if reachable.is_empty() {
            findings.warn(format!("schedule `{}`: nobody in it has a phone; add phones to its users", schedule.id));
        } else if first.phones.is_empty() {
            findings.warn(format!(
                "schedule `{}`: {} is on call now and has no phone, so {} is called first; add phones to {}",
                schedule.id, first.user, reachable[0], first.user
            ));
        } else {
            findings.ok(format!(
                "schedule `{}`: calls go to {} now ({})",
                schedule.id,
                reachable.join(", then "),
                first.why
            ));
        }
    }
    for user in directory.users.values() {
        let lost = |phone: &&Destination| match phone {
            Destination::Phone(account) => !directory.phones.contains_key(account),
            Destination::Number { trunk, .. } => !directory.trunks.contains_key(trunk),
            Destination::Sip(_) => false,
        };
        for phone in user.phones.iter().filter(lost) {
            findings.warn(format!(
                "user `{}`: {} can't be reached; add what it names to hotline.toml",
                user.id,
                in_words(phone)
            ));
        }
    }
}

/// A destination without its number.
fn in_words(destination: &Destination) -> String {
    match destination {
        Destination::Phone(account) => format!("phone `{account}`"),
        Destination::Number { trunk, number } => format!("number {number:?} by trunk `{trunk}`"),
        Destination::Sip(_) => "a SIP address".to_owned(),
    }
}

/// Whether the carriers' names are known to the DNS.
async fn trunks(config: &Config, findings: &mut Findings) {
    for (id, trunk) in &config.sip.trunks {
        let host = if trunk.server.contains(':') { trunk.server.clone() } else { format!("{}:5060", trunk.server) };
        let found = tokio::time::timeout(Duration::from_secs(5), tokio::net::lookup_host(host)).await;
        if found.is_ok_and(|found| found.is_ok_and(|mut addresses| addresses.next().is_some())) {
            findings.ok(format!("trunk `{id}`: the DNS knows {}; whether it takes our calls says GET /api/v1/trunks of the running hotline", trunk.server));
        } else {
            let what = "(it may have SRV records only); mend `server` if the trunk stays down";
            findings.warn(format!("trunk `{id}`: the DNS knows no address of {} {what}", trunk.server));
        }
    }
}
