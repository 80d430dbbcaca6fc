//! Real calls by sipp: callers who hang up at each stage, engineers who are busy, decline, accept, or
//! are a mailbox. A scenario is a list of [`Step`]s, put together from the parts in `tests/it/sipp`.
//! Whatever comes that is not in the list ends the scenario, and fails the test.

use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use tokio::process::{Child, Command};

const NO_BODY: &str = "Content-Length: 0";
const OFFER: &str =
    "m=audio [media_port] RTP/AVP 0 8 101\n      a=rtpmap:101 telephone-event/8000\n      a=fmtp:101 0-15";
const ANSWER: &str = "m=audio [media_port] RTP/AVP 0 101\n      a=rtpmap:0 PCMU/8000\n      a=rtpmap:101 telephone-event/8000\n      a=fmtp:101 0-15";
const G729: &str = "m=audio [media_port] RTP/AVP 18 97\n      a=rtpmap:18 G729/8000\n      a=rtpmap:97 iLBC/8000";

/// What a sipp does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Caller: INVITE with an offer, until the 200, ACK.
    Call,
    /// Caller: INVITE without an offer; ours is in the 200, the answer in the ACK.
    CallWithoutOffer,
    /// Caller: INVITE that is refused with this status.
    CallRefused(u16),
    /// Caller: INVITE with codecs that we do not speak.
    CallInG729,
    /// Caller: waits until the test says so ([`Sipp::cue`]).
    Cue,
    /// Engineer: takes an INVITE, rings.
    Ring,
    /// Engineer: refuses with this status, waits for the ACK.
    Refuse(u16),
    /// Engineer: waits for the CANCEL, ends as the RFC says.
    Cancelled,
    /// Engineer: answers, waits for the ACK.
    Answer,
    /// Engineer: says the greeting of a mailbox.
    MailboxGreeting,
    /// Waits so many milliseconds.
    Pause(u32),
    /// Presses a key, by SIP INFO.
    Key(char),
    /// BYE.
    HangUp,
    /// Waits for the other side's BYE.
    HungUp,
}

/// A sipp that is running; killed when dropped.
pub struct Sipp {
    child: Child,
    port: u16,
    call_id: String,
    folder: tempfile::TempDir,
}

/// A free port on loopback, UDP and TCP, for a program that must be told one. Outside of what the system gives
/// out by itself, so that nobody takes it meanwhile.
pub fn free_port() -> u16 {
    free_ports(1)
}

/// The first of so many free ports in a row.
pub fn free_ports(count: u16) -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let process = u16::try_from(std::process::id() % 16).expect("below 16") * 500;
    loop {
        let first = 10_000 + (process + NEXT.fetch_add(count, Ordering::Relaxed)) % 8_000;
        let free =
            |port| UdpSocket::bind(("127.0.0.1", port)).is_ok() && TcpListener::bind(("127.0.0.1", port)).is_ok();
        if (first..first + count).all(free) {
            return first;
        }
    }
}

/// Rings `number` of the server and does these steps.
pub fn caller(server: SocketAddr, number: &str, steps: &[Step]) -> Sipp {
    start(steps, free_port(), &[&server.to_string(), "-s", number])
}

/// The same over TCP.
pub fn tcp_caller(server: SocketAddr, number: &str, steps: &[Step]) -> Sipp {
    start(steps, free_port(), &[&server.to_string(), "-s", number, "-t", "t1"])
}

/// A phone at `port` that takes one call with these steps.
pub fn engineer(port: u16, steps: &[Step]) -> Sipp {
    start(steps, port, &[])
}

fn start(steps: &[Step], port: u16, arguments: &[&str]) -> Sipp {
    let folder = crate::harness::folder();
    std::fs::write(folder.path().join("scenario.xml"), scenario(steps)).expect("a temporary file");
    write_mailbox_greeting(folder.path());
    // sipp takes four ports for media, the first of them even.
    let media = free_ports(6).next_multiple_of(2).to_string();
    let child = Command::new("sipp")
        .args(arguments)
        .args(["-sf", "scenario.xml", "-i", "127.0.0.1", "-mi", "127.0.0.1", "-mp", &media, "-nostdin"])
        .args(["-p", &port.to_string(), "-m", "1", "-timeout", "150", "-timeout_error"])
        .args(["-cid_str", &format!("{port}-%u@test"), "-trace_err", "-error_file", "errors.log"])
        .args(["-trace_msg", "-message_file", "messages.log"])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("sipp is installed (scripts/install-packages.sh test)");
    Sipp { child, port, call_id: format!("{port}-1@test"), folder }
}

impl Sipp {
    /// Lets a caller who waits at [`Step::Cue`] go on: an OPTIONS within its call.
    pub async fn cue(&self) {
        // What the timeline tells may be a moment ahead of the answer to the caller's key.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let Self { port, call_id, .. } = self;
        let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        let own = socket.local_addr().expect("an address");
        let message = format!(
            "OPTIONS sip:caller@127.0.0.1:{port} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKcue\r\n\
             Max-Forwards: 70\r\nFrom: <sip:test@{own}>;tag=cue\r\nTo: <sip:caller@127.0.0.1:{port}>\r\n\
             Call-ID: {call_id}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        );
        socket.send_to(message.as_bytes(), ("127.0.0.1", *port)).await.expect("sent");
    }

    /// Waits until the scenario has ended and fails the test if it did not end as written.
    pub async fn succeeds(mut self) {
        let status = tokio::time::timeout(Duration::from_secs(160), self.child.wait())
            .await
            .expect("sipp ends by its own timeout")
            .expect("sipp's status");
        assert!(status.success(), "sipp at {}: {status}", self.port);
    }
}

impl Drop for Sipp {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let read = |name| std::fs::read_to_string(self.folder.path().join(name)).unwrap_or_default();
            eprintln!("sipp at {}: {}\n{}", self.port, read("errors.log"), read("messages.log"));
        }
    }
}

fn scenario(steps: &[Step]) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<scenario name=\"test\">\n");
    let is_engineer = steps.contains(&Step::Ring);
    let request = |method: &str, cseq: u32, body: &str| {
        let part = if is_engineer {
            include_str!("sipp/engineer_request.xml")
        } else {
            include_str!("sipp/caller_request.xml")
        };
        part.replace("{method}", method).replace("{cseq}", &cseq.to_string()).replace("{body}", body)
    };
    let mut cseq = 1;
    for step in steps {
        cseq += u32::from(matches!(step, Step::Key(_) | Step::HangUp));
        let part = match *step {
            Step::Call => invite(OFFER) + "  <recv response=\"200\" rrs=\"true\"/>\n" + &ack(NO_BODY),
            Step::CallWithoutOffer => {
                let invite =
                    include_str!("sipp/caller_invite.xml").replace("      Content-Type: application/sdp\n", "");
                invite.replace("{sdp}", "") + "  <recv response=\"200\" rrs=\"true\"/>\n" + &ack(&with_sdp(ANSWER))
            }
            Step::CallRefused(status) => invite(OFFER) + &refused(status),
            Step::CallInG729 => invite(G729) + &refused(488),
            Step::Cue => include_str!("sipp/cue.xml").to_owned(),
            Step::Ring => {
                include_str!("sipp/engineer_invited.xml").to_owned() + &response("180 Ringing", NO_BODY, false)
            }
            Step::Refuse(status) => response(&format!("{status} No"), NO_BODY, true) + "  <recv request=\"ACK\"/>\n",
            Step::Cancelled => include_str!("sipp/engineer_cancelled.xml").to_owned(),
            Step::Answer => response("200 OK", &with_sdp(ANSWER), true) + "  <recv request=\"ACK\" rrs=\"true\"/>\n",
            Step::MailboxGreeting => include_str!("sipp/mailbox.xml").to_owned(),
            Step::Pause(ms) => include_str!("sipp/pause.xml").replace("{ms}", &ms.to_string()),
            Step::Key(key) => {
                let body = format!(
                    "Content-Type: application/dtmf-relay\n      Content-Length: [len]\n\n      Signal={key}\n      Duration=160"
                );
                request("INFO", cseq, &body)
            }
            Step::HangUp => request("BYE", cseq, NO_BODY),
            Step::HungUp => include_str!("sipp/hung_up.xml").to_owned(),
        };
        writeln!(xml, "{part}").expect("text");
    }
    xml + "</scenario>\n"
}

fn sdp(media: &str) -> String {
    format!(
        "v=0\n      o=tester 100 1 IN IP[local_ip_type] [local_ip]\n      s=-\n      c=IN IP[media_ip_type] [media_ip]\n      t=0 0\n      {media}"
    )
}

fn with_sdp(media: &str) -> String {
    format!("Content-Type: application/sdp\n      Content-Length: [len]\n\n      {}", sdp(media))
}

fn invite(media: &str) -> String {
    include_str!("sipp/caller_invite.xml").replace("{sdp}", &sdp(media))
}

fn ack(body: &str) -> String {
    include_str!("sipp/caller_ack.xml").replace("{body}", body)
}

fn refused(status: u16) -> String {
    include_str!("sipp/caller_refused.xml").replace("{status}", &status.to_string())
}

fn response(status: &str, body: &str, again: bool) -> String {
    let again = if again { " retrans=\"500\"" } else { "" };
    let part = include_str!("sipp/engineer_response.xml");
    part.replace("{retrans}", again).replace("{status}", status).replace("{body}", body)
}

/// What a carrier's mailbox says, as mu-law: one of our own prompts.
fn write_mailbox_greeting(folder: &Path) {
    let wav = Path::new(env!("CARGO_MANIFEST_DIR")).join("audio/en/voicemail.wav");
    let clip = hotline::speech::load_wav(&wav).expect("our own prompt");
    let payload = clip.payload(hotline_core::audio::Law::Mu);
    std::fs::write(folder.join("greeting.ulaw"), &*payload).expect("a temporary file");
}
