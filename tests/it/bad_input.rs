//! Bad input of every kind, given to the real program: messages, strangers, files, ports. It is refused with a word
//! about what to do, and the next good call works.

use std::net::SocketAddr;
use std::time::Duration;

use hotline_core::fact::LegCause;
use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use crate::bad_input_messages::{Verdict, all};
use crate::child::{Child, Home, TOML, speech};

/// A message that must not be answered is given so long.
const SILENCE: Duration = Duration::from_millis(300);
/// An answer may take so long.
const ANSWER: Duration = Duration::from_secs(20);

/// A call that must work whatever came before.
async fn a_good_call_works(hotline: &Child) {
    let mut caller = hotline.phone("caller").await;
    caller.dial(&hotline.uri("hotline")).await.expect("answered");
    caller.begins_to_hear("greeting").await.expect("greeted");
    caller.hang_up().await.expect("over");
    caller.stop().await;
}

/// The status of the next final answer to this socket, if there is one.
async fn status_within(socket: &UdpSocket, patience: Duration) -> Option<u16> {
    let mut buffer = vec![0; 65_535];
    tokio::time::timeout(patience, async {
        loop {
            let length = socket.recv(&mut buffer).await.expect("received");
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            let status = text.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3)?.parse().ok());
            match status {
                Some(100..=199) => {}
                status => return status,
            }
        }
    })
    .await
    .ok()
    .flatten()
}

/// The text as bytes; U+0001 stands for a byte that is no UTF-8.
fn bytes(text: &str, server: SocketAddr, own: SocketAddr, id: &str) -> Vec<u8> {
    let text = text.replace("{to}", &server.to_string()).replace("{me}", &own.to_string()).replace("{id}", id);
    text.bytes().map(|byte| if byte == 1 { 0xe9 } else { byte }).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_torture_message_gets_its_verdict_and_a_good_call_works_right_after() {
    let hotline = Home::new(TOML);
    let hotline = hotline.start().await;
    let messages = all();
    let mut wrong = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        let own = socket.local_addr().expect("an address");
        let bytes = bytes(&message.text, hotline.sip(), own, &format!("odd{index}"));
        let garbage = hotline.metric("hotline_sip_garbage_total").await;
        socket.send_to(&bytes, hotline.sip()).await.expect("sent");
        let silent = matches!(message.verdict, Verdict::Dropped | Verdict::Silence);
        let got = status_within(&socket, if silent { SILENCE } else { ANSWER }).await;
        let dropped = hotline.metric("hotline_sip_garbage_total").await - garbage;
        let right = match message.verdict {
            Verdict::Status(status) => got == Some(status) && dropped == 0,
            Verdict::Dropped => got.is_none() && dropped == 1,
            Verdict::Silence => got.is_none() && dropped == 0,
        };
        if !right {
            wrong.push(format!("{}: {:?}, but got {got:?}, {dropped} counted", message.name, message.verdict));
        }
    }
    assert!(wrong.is_empty(), "{} of {} messages:\n{}", wrong.len(), messages.len(), wrong.join("\n"));
    assert_eq!(hotline.metric("hotline_sip_panics_total").await, 0);
    a_good_call_works(&hotline).await;
    assert!(!hotline.stop().await.contains("ERROR"), "bad messages are no fault of ours");
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_on_streams_ends_that_stream_only() {
    let home = Home::new(TOML);
    let hotline = home.start().await;
    // Each is no SIP from its first bytes on, or can't be found an end of: the connection is closed.
    let endless = vec![b'A'; 40_000];
    let broken: [&[u8]; 5] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\0\0\0\0\0\0\0\0",
        b"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKx\r\n\r\n",
        b"OPTIONS sip:x SIP/2.0\r\nContent-Length: 99999999999\r\n\r\n",
        &endless,
    ];
    let garbage = hotline.metric("hotline_sip_garbage_total").await;
    for bytes in broken {
        let mut stream = TcpStream::connect(hotline.sip()).await.expect("connects");
        // It may be closed before all is sent.
        let _ = stream.write_all(bytes).await;
        let mut answer = Vec::new();
        let ended = tokio::time::timeout(ANSWER, stream.read_to_end(&mut answer)).await;
        assert!(ended.is_ok(), "still open after {:?}", String::from_utf8_lossy(&bytes[..bytes.len().min(40)]));
        assert!(!answer.starts_with(b"SIP/2.0 2"), "{}", String::from_utf8_lossy(&answer));
    }
    assert_eq!(hotline.metric("hotline_sip_garbage_total").await - garbage, broken.len() as u64);
    // One that stays half said holds up nobody.
    let mut slow = TcpStream::connect(hotline.sip()).await.expect("connects");
    slow.write_all(b"OPTIONS sip:hotline SIP/2.0\r\nVia: ").await.expect("sent");
    // Two messages in small pieces are two messages.
    let mut stream = TcpStream::connect(hotline.sip()).await.expect("connects");
    let own = stream.local_addr().expect("an address");
    for id in ["one", "two"] {
        let plain = all().swap_remove(0).text.replace("SIP/2.0/UDP", "SIP/2.0/TCP");
        let whole = plain.replace("\r\n\r\n", "\r\nContent-Length: 0\r\n\r\n");
        for piece in bytes(&whole, hotline.sip(), own, id).chunks(50) {
            stream.write_all(piece).await.expect("sent");
            stream.flush().await.expect("sent");
        }
    }
    let mut answers = String::new();
    let both = tokio::time::timeout(ANSWER, async {
        while !(answers.contains("one@odd") && answers.contains("two@odd")) {
            let mut part = [0; 4_096];
            let length = stream.read(&mut part).await.expect("received");
            assert!(length > 0, "closed after {answers}");
            answers.push_str(&String::from_utf8_lossy(&part[..length]));
        }
    });
    assert!(both.await.is_ok(), "{answers}");
    assert_eq!(answers.matches("SIP/2.0 200").count(), 2, "{answers}");
    a_good_call_works(&hotline).await;
    drop(slow);
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_refused_or_ignored_as_configured_and_a_broken_file_changes_nothing() {
    let closed = TOML.replace("open_sip = true", "open_sip = false");
    let home = Home::new(&closed);
    let hotline = home.start().await;
    let invite = async |number: &str, patience: Duration| {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        let own = socket.local_addr().expect("an address");
        let text = "INVITE sip:NUMBER@{to} SIP/2.0\r\nVia: SIP/2.0/UDP {me};branch=z9hG4bK{id}\r\nFrom: <sip:x@{me}>;tag={id}\r\n\
            To: <sip:NUMBER@{to}>\r\nCall-ID: {id}@odd\r\nCSeq: 1 INVITE\r\nContact: <sip:x@{me}>\r\n\r\n";
        let bytes = bytes(&text.replace("NUMBER", number), hotline.sip(), own, &format!("i{}", own.port()));
        socket.send_to(&bytes, hotline.sip()).await.expect("sent");
        status_within(&socket, patience).await
    };
    assert_eq!(invite("hotline", ANSWER).await, Some(403));
    // A file with a mistake: the old rules stay, and the log says what is wrong and where.
    home.write("hotline.toml", &closed.replace("open_sip = false", "open_sip = false\nstrangers = \"ignor\""));
    hotline.signal(Signal::HUP);
    hotline.says("hotline.toml:4: `strangers`: `ignor` can't be used").await;
    assert_eq!(invite("hotline", ANSWER).await, Some(403));
    // A good one: silence from now on.
    home.write("hotline.toml", &closed.replace("open_sip = false", "open_sip = false\nstrangers = \"ignore\""));
    hotline.signal(Signal::HUP);
    hotline.says("is in force").await;
    assert_eq!(invite("hotline", Duration::from_secs(2)).await, None);
    // And one that lets everybody in, with another number.
    let more = format!("{TOML}\n[[numbers]]\nnumber = \"second-line\"\nschedule = \"on-call\"\n");
    let mut caller = hotline.phone("caller").await;
    home.write("hotline.toml", &more);
    hotline.signal(Signal::HUP);
    loop {
        // The signal takes its time; until then it is silence or a refusal.
        if invite("no-such-number", Duration::from_secs(2)).await == Some(404) {
            break;
        }
    }
    caller.dial(&hotline.uri("second-line")).await.expect("answered");
    caller.begins_to_hear("greeting").await.expect("greeted");
    caller.hang_up().await.expect("over");
    hotline.stop().await;
}

/// What is put where, and what the start must say about it.
struct Mistake {
    find: &'static str,
    put: &'static str,
    says: &'static [&'static str],
}

const MISTAKES: [Mistake; 9] = [
    Mistake { find: "open_sip = true", put: "open_sip = treu", says: &["hotline.toml:3:", "mend the TOML there"] },
    Mistake { find: "open_sip = true", put: "opensip = true", says: &["hotline.toml:3:", "did you mean `open_sip`?"] },
    Mistake {
        find: "phone:engineer-1",
        put: "phone:engineer-l",
        says: &["hotline.toml:18:", "did you mean `engineer-1`?"],
    },
    Mistake {
        find: "Europe/Berlin",
        put: "Europe/Berln",
        says: &["hotline.toml:25:", "did you mean `Europe/Berlin`?"],
    },
    Mistake {
        find: "[\"engineer-1\"]",
        put: "[\"engineer-9\"]",
        says: &["hotline.toml:23:", "there is no user `engineer-9`"],
    },
    Mistake {
        find: "schedule = \"on-call\"",
        put: "flow = \"own\"\nschedule = \"on-call\"\n[flows.own.nodes.hi]\ntype = \"announce\"\nprompts = [\"file:missing.wav\"]",
        says: &["hotline.toml:33:", "missing.wav: there is no such file; put it there"],
    },
    Mistake {
        find: "schedule = \"on-call\"",
        put: "flow = \"own\"\nschedule = \"on-call\"\n[flows.own.nodes.hi]\ntype = \"announce\"\nprompts = [\"file:noise.wav\"]",
        says: &["hotline.toml:33:", "noise.wav: this is no WAV file that can be played", "convert it: sox"],
    },
    Mistake {
        find: "schedule = \"on-call\"",
        put: "flow = \"own\"\nschedule = \"on-call\"\n[flows.own.nodes.hi]\ntype = \"menu\"\nprompts = [\"menu\"]\noptions = { 1 = \"ho\" }",
        says: &["hotline.toml:34:", "flow `own` has no node `ho`"],
    },
    Mistake {
        find: "schedule = \"on-call\"",
        put: "flow = \"own\"\nschedule = \"on-call\"\n[flows.own]\nflow_file = \"own.json\"",
        says: &["own.json:3:", "mend"],
    },
];

#[tokio::test(flavor = "multi_thread")]
async fn a_mistake_in_a_file_is_told_at_the_start_with_file_line_and_remedy() {
    for mistake in MISTAKES {
        let toml = TOML.replacen(mistake.find, mistake.put, 1);
        assert_ne!(toml, TOML, "{} is there", mistake.find);
        let home = Home::new(&toml);
        home.write("noise.wav", "RIFF of the guitar");
        home.write("own.json", "{\n  \"nodes\": {\n    \"hi\": oops\n  }\n}\n");
        let (code, said) = home.gives_up().await;
        assert_eq!(code, 1, "{said}");
        for words in mistake.says {
            assert!(said.contains(words), "{words:?} is missing for {}:\n{said}", mistake.put);
        }
        assert!(!said.contains("panicked"), "{said}");
    }
    // The installation's own prompts are read at the start, too.
    for (file, text, says) in [
        ("greeting.wav", "RIFF", &["data/prompts/en/greeting.wav", "sox in.wav"]),
        ("caller.toml", "greeting = \"Hello\"\nmenu = Press", &["data/prompts/en/caller.toml", "line 2"]),
    ] {
        let home = Home::new(TOML);
        std::fs::create_dir_all(home.path("data/prompts/en")).expect("can be made");
        home.write(&format!("data/prompts/en/{file}"), text);
        let (code, said) = home.gives_up().await;
        assert_eq!(code, 1, "{said}");
        for words in says {
            assert!(said.contains(words), "{words:?} is missing:\n{said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_model_costs_transcripts_and_nothing_else() {
    let home = Home::new(TOML);
    let hotline = home.start().await;
    home.add_login().await;
    let cookie = hotline.log_in().await;
    let mut caller = hotline.phone("caller").await;
    caller.dial(&hotline.uri("hotline")).await.expect("answered");
    caller.begins_to_hear("greeting").await.expect("greeted");
    caller.press("3").await.expect("pressed");
    caller.waits_for("beep").await.expect("asked to speak");
    caller.say(speech("message.wav")).await.expect("said");
    caller.press("#").await.expect("pressed");
    caller.waits_for("voicemail-thanks").await.expect("thanked");
    assert_eq!(caller.ends().await.expect("over"), LegCause::HungUp);
    let call = hotline.call_when("inbound", |call| call["outcome"] == "voicemail").await;
    assert_eq!(call["recordings"][0]["speech"], true, "{call:#}");
    let alert = hotline.alert_when(|alert| alert["status"] == "triggered").await;
    assert_eq!(alert["call_id"], call["id"]);
    let state = hotline.readyz_when(|state| state["transcripts"]["waiting"] == 1).await;
    assert_eq!(state["ready"], true, "{state:#}");
    assert_eq!(state["problems"][0]["code"], "transcripts", "{state:#}");
    let page = hotline.page(&cookie).await;
    assert!(page.contains("No transcripts are made") && page.contains("hotline models fetch"), "{page}");
    hotline.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_already_is_told_with_the_remedy() {
    let holder = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let taken = holder.local_addr().expect("an address").to_string();
    let home = Home::new(TOML).with("HOTLINE_HTTP_ADDR", Some(&taken));
    let (code, said) = home.gives_up().await;
    assert!(code == 1 && said.contains(&taken) && said.contains("HOTLINE_HTTP_ADDR"), "{code} {said}");
    let home = Home::new(TOML).with("HOTLINE_SIP_ADDR", Some(&taken));
    let (code, said) = home.gives_up().await;
    assert!(code == 1 && said.contains(&taken) && said.contains("HOTLINE_SIP_ADDR"), "{code} {said}");
    let holder = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    let taken = holder.local_addr().expect("an address").to_string();
    let home = Home::new(TOML).with("HOTLINE_SIP_ADDR", Some(&taken));
    let (code, said) = home.gives_up().await;
    assert!(code == 1 && said.contains(&taken) && said.contains("HOTLINE_SIP_ADDR"), "{code} {said}");
    // A second one on the same folder; the first goes on.
    let home = Home::new(TOML);
    let hotline = home.start().await;
    let (code, said) = home.gives_up().await;
    assert!(code == 1 && said.contains("another hotline uses this folder"), "{code} {said}");
    a_good_call_works(&hotline).await;
    hotline.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_lets_running_calls_end_and_takes_no_new_ones() {
    let home = Home::new(TOML);
    let mut hotline = home.start().await;
    let mut caller = hotline.phone("caller").await;
    caller.dial(&hotline.uri("hotline")).await.expect("answered");
    caller.begins_to_hear("greeting").await.expect("greeted");
    caller.press("3").await.expect("pressed");
    caller.waits_for("beep").await.expect("asked to speak");
    hotline.signal(Signal::TERM);
    hotline.says("running calls may end").await;
    let state = hotline.readyz_when(|state| state["ready"] == false).await;
    assert_eq!(state["problems"][0]["code"], "takes-no-calls", "{state:#}");
    let mut late = hotline.phone("late").await;
    late.call(&hotline.uri("hotline")).expect("calls");
    assert_eq!(late.ends().await.expect("over"), LegCause::Rejected { status: 503 });
    // The caller who is there is heard to the end.
    caller.say(speech("message.wav")).await.expect("said");
    caller.press("#").await.expect("pressed");
    caller.waits_for("voicemail-thanks").await.expect("thanked");
    assert_eq!(caller.ends().await.expect("over"), LegCause::HungUp);
    assert!(hotline.exit_status().await.success());
    let hotline = home.start().await;
    hotline.call_when("inbound", |call| call["outcome"] == "voicemail").await;
    hotline.alert_when(|alert| alert["status"] == "triggered").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_private_is_written_however_much_is_logged() {
    let toml = TOML.replace("caller_ids = [\"caller\"]", "pin = \"73519\"").replace(
        "schedule = \"on-call\"\n",
        "schedule = \"on-call\"\nflow = \"own\"\n[flows.own.nodes.who]\ntype = \"identify\"\nask_pin = true\nfound = \"message\"\n\
         unknown = \"message\"\n[flows.own.nodes.message]\ntype = \"voicemail\"\nnext = \"bye\"\n\
         [flows.own.nodes.bye]\ntype = \"hangup\"\nprompts = [\"goodbye\"]\n",
    );
    let home = Home::new(&toml).with("HOTLINE_LOG", Some("trace"));
    let hotline = home.start().await;
    let mut engineer = hotline.engineer().await;
    let mut caller = hotline.phone("+493023125871").await;
    caller.dial(&hotline.uri("hotline")).await.expect("answered");
    caller.begins_to_hear("ask-pin").await.expect("asked for the PIN");
    caller.press("73519#").await.expect("pressed");
    caller.waits_for("beep").await.expect("asked to speak");
    caller.say(speech("message.wav")).await.expect("said");
    caller.press("#").await.expect("pressed");
    assert_eq!(caller.ends().await.expect("over"), LegCause::HungUp);
    let call = hotline.call_when("inbound", |call| call["outcome"] == "voicemail").await;
    assert_eq!(call["customer"]["id"], "acme", "the PIN was understood: {call:#}");
    assert_eq!(call["caller"], "+493023125871");
    engineer.rings().await.expect("the alert rings");
    engineer.answer().await.expect("taken");
    engineer.waits_for("alert-knock").await.expect("what it is about");
    engineer.press("1").await.expect("pressed");
    engineer.waits_for("notice-choice").await.expect("what 1 does");
    engineer.press("1").await.expect("pressed");
    engineer.ends().await.expect("over");
    // A call that is refused, with a name, and one that is no SIP.
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    let own = socket.local_addr().expect("an address");
    let text = "INVITE sip:+493023125872@{to} SIP/2.0\r\nVia: SIP/2.0/UDP {me};branch=z9hG4bK{id}\r\nFrom: \"Xaver Zirbelholz\" <sip:+493023125873@{me}>;tag={id}\r\n\
        To: <sip:+493023125872@{to}>\r\nCall-ID: {id}@odd\r\nCSeq: 1 INVITE\r\nContact: <sip:x@{me}>\r\n\r\n";
    socket.send_to(&bytes(text, hotline.sip(), own, "p1"), hotline.sip()).await.expect("sent");
    assert_eq!(status_within(&socket, ANSWER).await, Some(404));
    let broken = text.replace("CSeq: 1 INVITE", "CSeq: x");
    socket.send_to(&bytes(&broken, hotline.sip(), own, "p2"), hotline.sip()).await.expect("sent");
    assert_eq!(status_within(&socket, ANSWER).await, Some(400));
    hotline.alert_when(|alert| alert["status"] == "acknowledged").await;
    let said = hotline.stop().await;
    assert!(said.contains("TRACE") || said.contains("DEBUG"), "much is logged:\n{said}");
    for private in ["3023125871", "73519", "3023125872", "3023125873", "Xaver", "Zirbelholz", "a-phones-password"] {
        let line = said.lines().find(|line| line.contains(private));
        assert!(line.is_none(), "{private} is in the log: {line:?}");
    }
    assert!(!said.contains("ERROR"), "nothing went wrong:\n{said}");
}
