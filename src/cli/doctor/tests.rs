use std::collections::BTreeMap;
use std::net::{TcpListener, UdpSocket};
use std::path::Path;

use super::{Finding, Level, examine, is_private, run};
use crate::config::{Config, ConfigError, load_from};

fn config(data_dir: &Path, sip: &str, text: &str) -> Config {
    // A port that is surely free for HTTP: taken and given back.
    let http = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let environment: BTreeMap<String, String> =
        [("HOTLINE_DATA_DIR", data_dir.to_str().unwrap()), ("HOTLINE_SIP_ADDR", sip), ("HOTLINE_HTTP_ADDR", &http)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
    load_from(text, Path::new("hotline.toml"), &environment, false).unwrap()
}

fn level(findings: &[Finding], part: &str) -> Level {
    let found = findings.iter().find(|finding| finding.text.contains(part));
    found.unwrap_or_else(|| panic!("no `{part}` in {findings:#?}")).level
}

const WEEK: &str = r#"
[[users]]
id = "gina"
[[users]]
id = "hugo"
phones = ["sip:hugo@192.0.2.9"]
[[schedules]]
id = "week"
members = ["gina", "hugo"]
start = "2026-03-02T08:00"
time_zone = "Europe/Vienna"
[[schedules.overrides]]
user = "gina"
from = "2026-01-01T00:00"
to = "2199-01-01T00:00"
[[schedules]]
id = "empty"
members = []
start = "2026-03-02T08:00"
time_zone = "Europe/Vienna"
"#;

#[tokio::test]
async fn tells_what_is_wrong_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("not-yet");
    // Somebody else has the SIP port, by UDP only.
    let other = UdpSocket::bind("127.0.0.1:0").unwrap();
    let sip = other.local_addr().unwrap().to_string();
    let findings = examine(&config(&data, &sip, WEEK), Some(folder.path())).await;
    assert_eq!(level(&findings, &format!("SIP port {sip} (UDP) is taken by another program")), Level::Fail);
    assert_eq!(level(&findings, "no hotline is running here"), Level::Ok);
    assert_eq!(level(&findings, "not-yet can be written"), Level::Ok);
    assert_eq!(level(&findings, "will be made at the first start"), Level::Ok);
    assert_eq!(level(&findings, "no speech model at"), Level::Warn);
    assert_eq!(level(&findings, "gina is on call now and has no phone, so hugo is called first"), Level::Warn);
    assert_eq!(level(&findings, "the rotation of schedule `empty` has no members"), Level::Warn);
    assert_eq!(level(&findings, "programs on this machine can call, others can't"), Level::Ok);
    assert!(!data.exists());
}

#[tokio::test]
async fn knows_a_broken_database_and_a_broken_model() {
    let folder = tempfile::tempdir().unwrap();
    let models = folder.path().join("hotline/models");
    std::fs::create_dir_all(&models).unwrap();
    std::fs::write(
        folder.path().join("hotline.db"),
        "this is no database, but long enough to be looked at ".repeat(20),
    )
    .unwrap();
    std::fs::write(models.join("ggml-base.bin"), "lmgg and no more").unwrap();
    let findings = examine(&config(folder.path(), "127.0.0.1:0", ""), Some(folder.path())).await;
    assert_eq!(level(&findings, "hotline.db does not open"), Level::Fail);
    assert_eq!(level(&findings, "ggml-base.bin has 16 bytes instead of 147951465"), Level::Fail);
    std::fs::write(models.join("ggml-base.bin"), "something else").unwrap();
    std::fs::remove_file(folder.path().join("hotline.db")).unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("hotline.db").display());
    let mut made = <sqlx::SqliteConnection as sqlx::Connection>::connect(&url).await.unwrap();
    sqlx::query("create table t (x)").execute(&mut made).await.unwrap();
    let findings = examine(&config(folder.path(), "127.0.0.1:0", ""), Some(folder.path())).await;
    assert_eq!(level(&findings, "is no ggml file"), Level::Fail);
    assert_eq!(level(&findings, "hotline.db opens"), Level::Ok);
}

/// Answers every request: 200 for `/healthz`, 503 with this text for everything else.
fn stand_in(listener: TcpListener) {
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 1_024];
            let read = std::io::Read::read(&mut stream, &mut request).unwrap_or(0);
            let healthy = request[..read].starts_with(b"GET /healthz ");
            let (status, body) = if healthy { ("200 OK", "ok") } else { ("503 Busy", "{\"disk\":\n \"full\"}") };
            let length = body.len();
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
            let _ = std::io::Write::write_all(&mut stream, answer.as_bytes());
        }
    });
}

#[tokio::test]
async fn asks_the_running_server() {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let http = listener.local_addr().unwrap();
    let held = UdpSocket::bind("127.0.0.1:0").unwrap();
    let sip = held.local_addr().unwrap().to_string();
    let mut config = config(folder.path(), &sip, "");
    config.http_addr = http;
    stand_in(listener);
    let findings = examine(&config, None).await;
    assert_eq!(level(&findings, "says it is not ready (503): {\"disk\": \"full\"}"), Level::Fail);
    assert_eq!(level(&findings, &format!("SIP port {sip} (UDP) is held by the running hotline")), Level::Ok);
    assert_eq!(level(&findings, &format!("HTTP port {http} (TCP) is held by the running hotline")), Level::Ok);
}

#[tokio::test]
async fn a_wrong_configuration_is_a_failure() {
    assert!(!run(Err(ConfigError(vec!["hotline.toml:3: wrong".to_owned()]))).await.unwrap());
}

#[test]
fn private_networks() {
    for address in ["10.1.2.3", "192.168.4.5", "172.31.0.1", "100.64.0.1", "fd00::1"] {
        assert!(is_private(address.parse().unwrap()), "{address}");
    }
    for address in ["203.0.113.1", "100.128.0.1", "2001:db8::1"] {
        assert!(!is_private(address.parse().unwrap()), "{address}");
    }
}
