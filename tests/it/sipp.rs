//! Real calls by sipp, with scenarios of our own (`tests/it/sipp`): callers who hang up at
//! each stage, engineers who are busy, decline, accept, or are a mailbox.

use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};

/// A sipp that is running; killed when dropped.
pub struct Sipp {
    child: Child,
    scenario: String,
    folder: tempfile::TempDir,
}

/// A free UDP port on loopback, for a program that must be told one.
pub fn free_port() -> u16 {
    UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port").port()
}

/// A free even port with the three after it free too: sipp takes them for media.
fn free_media_port() -> u16 {
    loop {
        let port = free_port() & !3;
        if port > 1_024 && (0..4).all(|offset| UdpSocket::bind(("127.0.0.1", port + offset)).is_ok()) {
            return port;
        }
    }
}

/// Rings `number` of the server with this scenario; `-d` is how long its open pause lasts.
pub fn caller(server: SocketAddr, number: &str, scenario: &str, pause: Duration) -> Sipp {
    start(
        scenario,
        &[
            &server.to_string(),
            "-s",
            number,
            "-d",
            &pause.as_millis().to_string(),
            "-p",
            &free_port().to_string(),
            "-timeout",
            "100",
            "-timeout_error",
        ],
    )
}

/// A phone at `port` that takes one call with this scenario.
pub fn engineer(port: u16, scenario: &str) -> Sipp {
    engineer_for(port, scenario, 1, Duration::from_secs(2))
}

/// A phone at `port` that takes `calls` calls with this scenario.
pub fn engineer_for(port: u16, scenario: &str, calls: u32, pause: Duration) -> Sipp {
    start(
        scenario,
        &["-p", &port.to_string(), "-m", &calls.to_string(), "-d", &pause.as_millis().to_string()],
    )
}

fn start(scenario: &str, arguments: &[&str]) -> Sipp {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let source = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/sipp").join(format!("{scenario}.xml"));
    std::fs::copy(&source, folder.path().join("scenario.xml")).unwrap_or_else(|e| panic!("{}: {e}", source.display()));
    write_mailbox_greeting(folder.path());
    let mut command = Command::new("sipp");
    if !arguments.contains(&"-m") {
        command.args(["-m", "1"]);
    }
    let media = free_media_port().to_string();
    let child = command
        .args(arguments)
        .args(["-sf", "scenario.xml", "-i", "127.0.0.1", "-mi", "127.0.0.1", "-mp", &media, "-nostdin"])
        .args(["-trace_err", "-error_file", "errors.log"])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("sipp is installed (scripts/install-packages.sh test)");
    Sipp { child, scenario: scenario.to_owned(), folder }
}

/// What a carrier's mailbox says, as mu-law: one of our own prompts.
fn write_mailbox_greeting(folder: &Path) {
    let wav = Path::new(env!("CARGO_MANIFEST_DIR")).join("audio/en/voicemail.wav");
    let clip = hotline::speech::load_wav(&wav).expect("our own prompt");
    let payload = clip.payload(hotline_core::audio::Codec::Pcmu);
    std::fs::write(folder.join("greeting.ulaw"), &*payload).expect("a temporary file");
}

impl Sipp {
    /// Waits until the scenario has ended and fails the test if it did not end as written.
    pub async fn succeeds(mut self) {
        let status = tokio::time::timeout(Duration::from_secs(110), self.child.wait())
            .await
            .unwrap_or_else(|_| panic!("sipp {} never ended", self.scenario))
            .expect("sipp's status");
        let errors = std::fs::read_to_string(self.folder.path().join("errors.log")).unwrap_or_default();
        assert!(status.success(), "sipp {}: {status}\n{errors}", self.scenario);
    }
}
