//! Real softphones: baresip, headless, told what to do over its control port
//! (netstrings of JSON on TCP).

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::sipp::free_ports;

/// How long to wait for what baresip should tell.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running baresip; killed when dropped.
pub struct Baresip {
    _child: Child,
    control: TcpStream,
    buffer: Vec<u8>,
    seen: Vec<Value>,
    folder: tempfile::TempDir,
}

impl Baresip {
    /// A phone without registration that says this WAV (8 kHz mono).
    pub async fn caller(says: &Path) -> Self {
        let account = |port| format!("<sip:caller@127.0.0.1:{port};transport=udp>;regint=0;dtmfmode=rtpevent");
        Self::start(says, account).await
    }

    /// The same, and it speaks nothing but this codec (`opus/48000/2`).
    pub async fn caller_in(codec: &str, says: &Path) -> Self {
        let account = |port| {
            format!("<sip:caller@127.0.0.1:{port};transport=udp>;regint=0;dtmfmode=rtpevent;audio_codecs={codec}")
        };
        Self::start(says, account).await
    }

    /// A phone registered as `account` at our server.
    pub async fn engineer(server: SocketAddr, account: &str, password: &str, says: &Path) -> Self {
        let line = |_| {
            format!(
                "<sip:{account}@{server};transport=udp>;auth_user={account};auth_pass={password};regint=60;answermode=manual;dtmfmode=rtpevent"
            )
        };
        let mut phone = Self::start(says, line).await;
        phone.is_registered().await;
        phone
    }

    async fn start(says: &Path, account: impl Fn(u16) -> String) -> Self {
        let folder = crate::harness::folder();
        // Beside the SIP port it takes the next one, for TLS.
        let sip = free_ports(3);
        let (control, media) = (sip + 2, free_ports(24).next_multiple_of(2));
        let account = account(sip);
        // Without a word on it, the phone is one of those that know the telephone's codecs only.
        let wide = if account.contains("audio_codecs=") { "module g722.so\nmodule opus.so\n" } else { "" };
        let config = format!(
            "poll_method epoll\nsip_listen 127.0.0.1:{sip}\nnet_interface 127.0.0.1\ncall_local_timeout 120\n\
             audio_player aufile,/dev/null\naudio_source aufile,{says}\naudio_alert aufile,/dev/null\nring_aufile none\n\
             ausrc_srate 8000\nauplay_srate 8000\nausrc_channels 1\nauplay_channels 1\naudio_txmode thread\n\
             rtp_ports {media}-{end}\nrtp_stats yes\njitter_buffer_delay 5-10\nsnd_path {folder}\n\
             module_path {modules}\nmodule g711.so\n{wide}module aufile.so\nmodule sndfile.so\n\
             module_tmp uuid.so\nmodule_tmp account.so\nmodule_app menu.so\nmodule_app ctrl_tcp.so\n\
             ctrl_tcp_listen 127.0.0.1:{control}\n",
            says = folder.path().join("says.wav").display(),
            end = media + 20,
            folder = folder.path().display(),
            modules = modules(),
        );
        std::fs::write(folder.path().join("config"), config).expect("written");
        std::fs::write(folder.path().join("accounts"), account + "\n").expect("written");
        write_long(says, &folder.path().join("says.wav"));
        std::fs::write(folder.path().join("contacts"), "").expect("written");
        let log = std::fs::File::create(folder.path().join("log")).expect("written");
        let child = Command::new("baresip")
            .args(["-4", "-f"])
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .expect("baresip is installed (scripts/install-packages.sh test)");
        let control = connect(control, folder.path()).await;
        Self { _child: child, control, buffer: Vec::new(), seen: Vec::new(), folder }
    }

    /// Rings this address and waits until the call is up.
    pub async fn dial(&mut self, uri: &str) {
        self.command("dial", uri).await;
        self.wait("CALL_ESTABLISHED").await;
    }

    /// Waits until it rings, lets it ring a little, answers.
    pub async fn answer(&mut self) {
        self.wait("CALL_INCOMING").await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        self.command("accept", "").await;
        self.wait("CALL_ESTABLISHED").await;
    }

    /// Presses a key (RFC 4733).
    pub async fn press(&mut self, key: char) {
        self.command("sndcode", &key.to_string()).await;
    }

    /// Puts the call on hold and takes it back.
    pub async fn hold_and_resume(&mut self) {
        self.command("hold", "").await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.command("resume", "").await;
    }

    /// Hangs up.
    pub async fn hang_up(&mut self) {
        self.command("hangup", "").await;
    }

    /// Waits until the other side has hung up.
    pub async fn is_hung_up(&mut self) {
        self.wait("CALL_CLOSED").await;
    }

    /// The WAV of what it heard; there once the call is over.
    pub fn heard(&self) -> Vec<i16> {
        let file = std::fs::read_dir(self.folder.path())
            .expect("its folder")
            .filter_map(|entry| Some(entry.ok()?.path()))
            .find(|path| path.to_string_lossy().ends_with("-dec.wav"))
            .expect("baresip recorded what it heard");
        // baresip leaves the header's length at nought when it is killed; it is not here.
        let mut reader = hound::WavReader::open(&file).expect("a WAV");
        let (channels, rate_hz) = (usize::from(reader.spec().channels), reader.spec().sample_rate);
        // Opus is heard in stereo, whatever comes.
        let left: Vec<i16> = reader.samples::<i16>().filter_map(Result::ok).step_by(channels).collect();
        if rate_hz == 8_000 { left } else { hotline_core::audio::resample::resample(&left, rate_hz, 8_000) }
    }

    async fn command(&mut self, command: &str, parameters: &str) {
        let body = json!({ "command": command, "params": parameters, "token": "t" }).to_string();
        let message = format!("{}:{body},", body.len());
        self.control.write_all(message.as_bytes()).await.expect("baresip listens");
    }

    async fn wait(&mut self, event: &str) {
        let waited = tokio::time::timeout(PATIENCE, async {
            loop {
                if let Some(at) = self.seen.iter().position(|message| message["type"] == event) {
                    self.seen.drain(..=at);
                    return;
                }
                self.read().await;
            }
        })
        .await;
        if waited.is_err() {
            let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            panic!("baresip never said {event}; seen: {:?}\n{log}", self.seen);
        }
    }

    /// Asks until it says so: the event itself may have come before we listened, and the next comes a minute later.
    async fn is_registered(&mut self) {
        let registered = tokio::time::timeout(PATIENCE, async {
            loop {
                self.command("reginfo", "").await;
                let answer = loop {
                    if let Some(at) = self.seen.iter().position(|message| message["response"] == true) {
                        break self.seen.remove(at);
                    }
                    self.read().await;
                };
                if answer["data"].as_str().is_some_and(|data| data.contains("OK")) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        assert!(registered.await.is_ok(), "baresip never registered");
    }

    async fn read(&mut self) {
        let mut chunk = [0; 4_096];
        let length = self.control.read(&mut chunk).await.expect("baresip talks");
        assert!(
            length > 0,
            "baresip ended\n{}",
            std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
        );
        self.buffer.extend_from_slice(&chunk[..length]);
        while let Some(colon) = self.buffer.iter().position(|byte| *byte == b':') {
            let count: usize = std::str::from_utf8(&self.buffer[..colon])
                .ok()
                .and_then(|text| text.parse().ok())
                .expect("a netstring's length");
            if self.buffer.len() < colon + count + 2 {
                return;
            }
            let body: Vec<u8> = self.buffer.drain(..colon + count + 2).skip(colon + 1).take(count).collect();
            self.seen.push(serde_json::from_slice(&body).expect("JSON"));
        }
    }
}

fn modules() -> String {
    [
        "/usr/lib/baresip/modules",
        "/usr/lib/x86_64-linux-gnu/baresip/modules",
        "/usr/lib/aarch64-linux-gnu/baresip/modules",
    ]
    .into_iter()
    .find(|path| Path::new(path).join("g711.so").exists())
    .expect("baresip's modules are installed (scripts/install-packages.sh test)")
    .to_owned()
}

async fn connect(port: u16, folder: &Path) -> TcpStream {
    for _ in 0..100 {
        if let Ok(stream) = TcpStream::connect(("127.0.0.1", port)).await {
            return stream;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("baresip never listened: {}", std::fs::read_to_string(folder.join("log")).unwrap_or_default());
}

/// The same speech again and again for two minutes, with half a second between: baresip hangs up where its file ends.
fn write_long(says: &Path, file: &Path) {
    let speech = crate::phone::samples(says);
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(file, spec).expect("a temporary file");
    let again = speech.into_iter().chain([0; 4_000]);
    for sample in again.collect::<Vec<_>>().into_iter().cycle().take(120 * 8_000) {
        writer.write_sample(sample).expect("written");
    }
    writer.finalize().expect("written");
}
