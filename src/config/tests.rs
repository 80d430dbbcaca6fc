mod codecs;
mod directory;
mod schedules;
mod slas;
mod status;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use hotline_core::call::flow::{ConnectTarget, Node};
use hotline_core::call::prompt::Prompt;
use hotline_core::directory::{Destination, Language};
use hotline_core::dtmf::InBand;
use hotline_core::ids::{CustomerId, FlowId, NodeId, NumberId, PhoneId, ScheduleId, TrunkId, UserId};
use hotline_core::private::Private;

use crate::sip::{NumberSource, Strangers, Transport};

use super::{Config, demo_credentials, load_from};

fn environment(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn read(text: &str) -> Result<Config, String> {
    load_from(text, Path::new("hotline.toml"), &environment(&[]), false).map_err(|error| error.to_string())
}

fn right(text: &str) -> Config {
    read(text).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

fn wrong(text: &str) -> Vec<String> {
    read(text).unwrap_err().lines().map(str::to_owned).collect()
}

/// Writes 0.1 s of sound with this header.
fn wav(file: &Path, bits: u16, rate: u32) {
    let sample_format = if bits == 32 { hound::SampleFormat::Float } else { hound::SampleFormat::Int };
    let spec = hound::WavSpec { channels: 1, sample_rate: rate, bits_per_sample: bits, sample_format };
    let mut out = hound::WavWriter::create(file, spec).unwrap();
    for _ in 0..rate / 10 {
        if bits == 32 { out.write_sample(0.0_f32).unwrap() } else { out.write_sample(0_i16).unwrap() }
    }
    out.finalize().unwrap();
}

const MINIMAL: &str = r#"
[[phones]]
account = "gina"
password = "not-so-secret"

[[users]]
id = "gina"
phones = ["phone:gina"]

[[schedules]]
id = "week"
members = ["gina"]
start = "2026-03-02T08:00"
time_zone = "Europe/Vienna"

[[numbers]]
number = "help"
"#;

#[test]
fn a_short_file_is_enough() {
    let config = right(MINIMAL);
    let number = config.directory.number("help").unwrap();
    assert_eq!((number.flow.clone(), number.schedule.clone()), ("standard".into(), Some("week".into())));
    assert!(!number.test && !config.sip.open && !config.demo);
    let flow = &config.directory.flows[&FlowId::from("standard")];
    assert_eq!(flow.start, NodeId::from("block"));
    assert_eq!(flow.last_resort, NodeId::from("voicemail"));
    let Node::Connect(connect) = &flow.nodes[&NodeId::from("engineer")] else { panic!("{flow:?}") };
    assert_eq!(connect.target, ConnectTarget::Schedule("week".into()));
    assert_eq!((connect.ring, connect.rounds, connect.confirm), (Duration::from_secs(25), 2, true));
    assert_eq!(config.directory.users[&UserId::from("gina")].phones, [Destination::Phone("gina".into())]);
    assert_eq!(config.warnings, Vec::<String>::new());
}

#[test]
fn nothing_at_all_has_the_documented_defaults() {
    let config = right("");
    assert_eq!(config.http_addr.to_string(), "127.0.0.1:8080");
    assert_eq!(config.sip.listen.to_string(), "127.0.0.1:5060");
    assert_eq!(config.media.ports, (16_384, 32_767));
    assert_eq!(config.media.bind.to_string(), "127.0.0.1");
    assert!(config.store.data_dir.is_absolute() && config.store.data_dir.ends_with("data"));
    assert!(
        config.store.database_url.starts_with("sqlite:///") && config.store.database_url.ends_with("/data/hotline.db")
    );
    assert_eq!((config.ring_again, config.log.as_str()), (Duration::from_mins(5), "info"));
    assert!(config.admin_token.is_none() && config.public_url.is_none());
    assert_eq!(config.sip.strangers, Strangers::Forbid);
    assert!(config.warnings[0].contains("no number to be called"), "{:?}", config.warnings);
}

#[test]
fn the_environment_wins() {
    let text = "[server]\nhttp = \"127.0.0.1:1\"\nsip = \"127.0.0.1:2\"\nlog = \"warn\"\nrtp_ports = \"2000-2100\"\n";
    let environment = environment(&[
        ("HOTLINE_DATA_DIR", "/srv/the data"),
        ("HOTLINE_NODE", "north-2"),
        ("HOTLINE_HTTP_ADDR", "0.0.0.0:8081"),
        ("HOTLINE_SIP_ADDR", "localhost:5070"),
        ("HOTLINE_RTP_PORTS", "20000-20999"),
        ("HOTLINE_RTP_ADDR", "192.0.2.8"),
        ("HOTLINE_ADMIN_TOKEN", "a-token-that-is-long"),
        ("HOTLINE_PUBLIC_URL", "https://ring.example.org/"),
        ("HOTLINE_WHISPER_MODEL", "/models/big.bin"),
        ("HOTLINE_LOG", "debug"),
    ]);
    let config = load_from(text, Path::new("/etc/hotline.toml"), &environment, false).unwrap();
    assert_eq!((config.store.data_dir.as_path(), config.store.node.as_str()), (Path::new("/srv/the data"), "north-2"));
    assert_eq!(config.store.database_url, "sqlite:///srv/the%20data/hotline.db");
    assert_eq!(
        (config.http_addr.to_string(), config.sip.listen.to_string()),
        ("0.0.0.0:8081".into(), "127.0.0.1:5070".into())
    );
    assert_eq!(config.media.ports, (20_000, 20_999));
    assert_eq!(config.rtp_address.unwrap().to_string(), "192.0.2.8");
    assert_eq!(config.admin_token, Some(Private::from("a-token-that-is-long")));
    assert_eq!(config.public_url.as_deref(), Some("https://ring.example.org"));
    assert_eq!(config.whisper_model.as_deref(), Some(Path::new("/models/big.bin")));
    assert_eq!(config.log, "debug");
}

#[test]
fn a_wrong_variable_is_told_by_its_name() {
    let environment =
        environment(&[("HOTLINE_SIP_ADDR", "5060"), ("HOTLINE_RTP_PORTS", "9"), ("HOTLINE_DATABASE_URL", "mysql://x")]);
    let told = load_from("", Path::new("hotline.toml"), &environment, false).unwrap_err().to_string();
    for part in [
        "environment HOTLINE_SIP_ADDR: `sip`: `5060` can't be used",
        "environment HOTLINE_RTP_PORTS:",
        "environment HOTLINE_DATABASE_URL:",
    ] {
        assert!(told.contains(part), "{told}");
    }
}

#[test]
fn a_misspelled_variable_is_warned_about() {
    let environment = environment(&[
        ("HOTLINE_HTTP_ADRR", "0.0.0.0:80"),
        ("HOTLINE_PHONE_X_PASSWORD", "x"),
        ("HOTLINE_SOMETHING_ELSE", "x"),
    ]);
    let config = load_from(MINIMAL, Path::new("hotline.toml"), &environment, false).unwrap();
    assert_eq!(config.warnings, ["environment: HOTLINE_HTTP_ADRR is not known; did you mean HOTLINE_HTTP_ADDR?"]);
}

#[test]
fn what_waits_for_a_restart_is_named() {
    let old = right(MINIMAL).composer;
    assert_eq!(old.needs_restart(&old), [""; 0]);
    let newer = right(&format!("{MINIMAL}\n[[teams]]\nid = \"more\"\n[notify]\ntimeout = \"3s\"\n")).composer;
    assert_eq!(old.needs_restart(&newer), ["notify"]);
    assert_eq!(newer.needs_restart(&old), ["notify"], "what is gone counts too");
}

#[test]
fn every_mistake_is_told_with_line_and_remedy() {
    let text = r#"[server]
htttp = "127.0.0.1:8080"
media_lanes = "two"

[[users]]
id = "gina"
phones = ["phone:gino", "number:030 1", "fax:1"]

[[schedules]]
id = "week"
members = ["gina", "hugo"]
start = "2026-03-02T08:00Z"
time_zone = "Europe/Vianna"

[[numbers]]
number = "help"
schedule = "weak"
flow = "mian"

[flows.main.nodes.hello]
type = "announce"
prompts = ["greting"]
next = "helo"

[flows.main.nodes.bye]
type = "hagnup"
"#;
    let told = wrong(text);
    let expected = [
        "hotline.toml:2: [server] knows no `htttp`; did you mean `http`?",
        "hotline.toml:3: `media_lanes` of [server] is a text, but a whole number without quotes is needed",
        "hotline.toml:7: there is no phone `gino`; there is none so far, add it",
        "hotline.toml:7: this telephone number can't be read",
        "hotline.toml:7: this number names no trunk",
        "hotline.toml:7: `fax:1` is no place to call",
        "hotline.toml:11: there is no user `hugo`; there are: gina",
        "hotline.toml:12: `start` of [[schedules]] `week`: `2026-03-02T08:00Z` is no local date and time",
        "hotline.toml:13: `time_zone` of [[schedules]] `week`: there is no zone `Europe/Vianna`; did you mean `Europe/Vienna`?",
        "hotline.toml:17: there is no schedule `weak`; did you mean `week`?",
        "hotline.toml:18: there is no flow `mian`; did you mean `main`?",
        "hotline.toml:22: there is no prompt `greting`; did you mean `greeting`?",
        "hotline.toml:23: flow `main` has no node `helo`; did you mean `hello`?",
        "hotline.toml:26: node `bye` of flow `main` has the type `hagnup`, which is not known; did you mean `hangup`?",
    ];
    for part in expected {
        assert!(told.iter().any(|line| line.starts_with(part)), "missing: {part}\nin:\n{}", told.join("\n"));
    }
    assert_eq!(told.len(), expected.len(), "{}", told.join("\n"));
}

#[test]
fn mistakes_in_nodes_are_told_where_they_stand() {
    let text = r#"
[[schedules]]
id = "week"
members = []
start = "2026-03-02T08:00"
time_zone = "UTC"
[flows.main]
start = "helo"
[flows.main.nodes.hello]
type = "announce"
prompts = ["greting", "file:no.wav", "digits:1a", "silence:9 days", "tune:x"]
next = "men"
[flows.main.nodes.menu]
type = "menu"
optoins = { 1 = "bye" }
tries = 0
wait = 5
[flows.main.nodes.team]
type = "connect"
confirm = false
ring = "25"
[flows.main.nodes.times]
type = "hours"
time_zone = "UTC"
windows = [{ days = ["mo"], from = "25:00", to = "18:00" }]
open = "menu"
closed = "bye"
[flows.main.nodes.note]
type = "alert"
priority = "P0"
[flows.main.nodes.bye]
type = "hangup"
"#;
    let told = wrong(text);
    for part in [
        "hotline.toml:8: flow `main` has no node `helo`; did you mean `hello`?",
        "hotline.toml:11: there is no prompt `greting`; did you mean `greeting`?",
        "hotline.toml:11: no.wav: there is no such file",
        "hotline.toml:11: `digits:` takes digits only",
        "hotline.toml:11: `silence:9 days` is no pause",
        "hotline.toml:11: `tune:x` is no prompt",
        "hotline.toml:12: flow `main` has no node `men`; did you mean `menu`?",
        "hotline.toml:13: node `menu` of flow `main` needs keys and where they lead",
        "hotline.toml:15: node `menu` of flow `main` knows no `optoins`; did you mean `options`?",
        "hotline.toml:16: `tries` of node `menu` of flow `main` must be between 1 and 20",
        "hotline.toml:17: `wait` of node `menu` of flow `main` is a number, but a duration",
        "hotline.toml:18: node `team` of flow `main`: people must press 1",
        "hotline.toml:21: `ring` of node `team` of flow `main`: `25` is no duration",
        "hotline.toml:25: `mo` in a window of node `times`",
        "hotline.toml:25: `25:00` in a window of node `times`",
        "hotline.toml:30: `priority`: `P0` is not known; did you mean `P1`?",
    ] {
        assert!(told.iter().any(|line| line.starts_with(part)), "missing: {part}\nin:\n{}", told.join("\n"));
    }
    assert_eq!(told.len(), 16, "{}", told.join("\n"));
}

#[test]
fn broken_toml_is_told_with_its_lines() {
    let told = wrong("[server]\nlog = \"info\nsip = 5\n\n[[numbers]\nx = 1\n");
    assert!(told.iter().any(|line| line.starts_with("hotline.toml:2: ")), "{told:?}");
    assert!(told.iter().any(|line| line.starts_with("hotline.toml:5: ")), "{told:?}");
}

#[test]
fn what_must_differ_is_told_when_it_does_not() {
    let text = r#"
[[customers]]
id = "one"
pin = "0815"
caller_ids = ["+43 1 5550042"]
[[customers]]
id = "two"
pin = "0815"
caller_ids = ["+4315550042"]
[[phones]]
account = "desk"
password = "not-so-secret"
[[users]]
id = "gina"
phones = ["phone:desk"]
[[users]]
id = "hugo"
phones = ["phone:desk", "phone:desk"]
[[users]]
id = "hugo"
[[schedules]]
id = "week"
members = ["gina"]
start = "2026-03-02T08:00"
time_zone = "UTC"
[[numbers]]
number = "+43 1 5550000"
[[numbers]]
number = "help"
aliases = ["0043 1 5550000"]
"#;
    let told = wrong(text);
    for part in [
        "hotline.toml:6: customers `two` and `one` have the same PIN",
        "hotline.toml:6: customers `two` and `one` have the same caller id (…42)",
        "hotline.toml:16: users `hugo` and `gina` have the same phone",
        "hotline.toml:18: this phone of [[users]] `hugo` is in its list twice",
        "hotline.toml:20: user `hugo` is there twice (first in line 17)",
        "hotline.toml:28: number `help` can't be told from `+4315550000` (line 26)",
    ] {
        assert!(told.iter().any(|line| line.starts_with(part)), "missing: {part}\nin:\n{}", told.join("\n"));
    }
}

#[test]
fn secrets_come_from_the_file_beside_or_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("phone"), "from the file\n").unwrap();
    std::fs::write(folder.path().join("token"), "a-token-that-is-long\n").unwrap();
    let text = r#"
[server]
admin_token_file = "token"
[[phones]]
account = "one"
password_file = "phone"
[[phones]]
account = "two.desk"
password = "from the text"
inband_digits = "always"
[[trunks]]
id = "line"
server = "198.51.100.77:5080"
user = "account"
"#;
    let environment = environment(&[
        ("HOTLINE_PHONE_TWO_DESK_PASSWORD", "from the shell"),
        ("HOTLINE_TRUNK_LINE_PASSWORD", "carrier's"),
    ]);
    let config = load_from(text, &folder.path().join("hotline.toml"), &environment, false).unwrap();
    let in_band = |name: &str| config.directory.phones[&PhoneId::from(name)].inband_digits;
    assert_eq!((in_band("one"), in_band("two.desk")), (InBand::Auto, InBand::Always));
    let password = |name: &str| config.sip.phones[&PhoneId::from(name)].password.reveal().as_str();
    assert_eq!((password("one"), password("two.desk")), ("from the file", "from the shell"));
    assert_eq!(config.admin_token, Some(Private::from("a-token-that-is-long")));
    let trunk = &config.sip.trunks[&TrunkId::from("line")];
    assert_eq!(trunk.registration.as_ref().map(|own| own.password.reveal().as_str()), Some("carrier's"));
    assert!(!format!("{config:?}").contains("from the shell"), "Debug shows a secret");

    let told = wrong(
        "[[phones]]\naccount = \"one\"\n[[trunks]]\nid = \"line\"\nserver = \"h\"\nuser = \"u\"\npassword_file = \"nowhere\"\n",
    );
    assert!(told[0].starts_with("hotline.toml:1: [[phones]] `one` has no password; add `password_file`"), "{told:?}");
    assert!(
        told.iter().any(|line| line.starts_with("hotline.toml:7: the secret in nowhere can't be read")),
        "{told:?}"
    );
}

#[test]
fn trunks_and_numbers_are_read() {
    let text = r#"
blocklist = ["030 5550666", "+4479*"]
[server]
country_code = "49"
sip = "0.0.0.0:5060"
strangers = "ignore"
[[trunks]]
id = "line"
server = "sip.example.net"
transport = "tcp"
addresses = ["192.0.2.0/28"]
number_sources = ["to", "diversion"]
trusted = true
caller_id = "030 5550000"
[[users]]
id = "gina"
phones = ["number:0170 5550042"]
[[customers]]
id = "acme"
caller_ids = ["030 555*", "acme"]
[[schedules]]
id = "week"
members = ["gina"]
start = 2026-03-02T08:00:00
time_zone = "Europe/Vienna"
[[schedules.overrides]]
user = "gina"
from = "2026-03-29T02:30"
to = "2026-03-29T12:00:00+02:00"
[[numbers]]
number = "030 5550000"
language = "de"
"#;
    let config = right(text);
    let trunk = &config.sip.trunks[&TrunkId::from("line")];
    assert_eq!((trunk.transport, trunk.trusted, trunk.registration.is_none()), (Transport::Tcp, true, true));
    assert_eq!(trunk.number_sources, [NumberSource::To, NumberSource::Diversion]);
    assert_eq!(trunk.caller_id, Some(Private::from("+49305550000")));
    let gina = &config.directory.users[&UserId::from("gina")];
    assert_eq!(gina.phones, [Destination::Number { trunk: "line".into(), number: Private::from("+491705550042") }]);
    for dialled in ["+49305550000", "49305550000", "0049305550000", "0305550000"] {
        assert_eq!(
            config.directory.number(dialled).map(|number| &number.id),
            Some(&NumberId::from("+49305550000")),
            "{dialled}"
        );
    }
    assert_eq!(
        config.directory.customer_by_caller("+4930555123").map(|found| &found.id),
        Some(&CustomerId::from("acme"))
    );
    assert_eq!(config.directory.customer_by_caller("acme").map(|found| &found.id), Some(&CustomerId::from("acme")));
    assert!(config.directory.is_blocked("+49305550666") && config.directory.is_blocked("+447955"));
    assert!(!config.directory.is_blocked("+49305550667"));
    let over = &config.directory.schedules[&ScheduleId::from("week")].overrides[0];
    // 02:30 does not exist that night: the first moment after the gap.
    assert_eq!(
        (over.from.to_string(), over.to.to_string()),
        ("2026-03-29T01:00:00Z".into(), "2026-03-29T10:00:00Z".into())
    );
    assert_eq!(config.sip.strangers, Strangers::Ignore);
}

#[test]
fn a_connect_node_names_one_whom_it_calls() {
    let with = |target: &str| {
        format!(
            "[[users]]\nid = \"ada\"\nphones = [\"sip:ada@192.0.2.1\"]\n[[teams]]\nid = \"night\"\nmembers = [\"ada\"]\n\
             [[escalation_policies]]\nid = \"urgent\"\nsteps = [{{ targets = [\"user:ada\"], wait = \"5m\" }}]\n\
             [flows.main.nodes.people]\ntype = \"connect\"\n{target}\n[flows.main.nodes.bye]\ntype = \"hangup\"\n"
        )
    };
    let target = |text: &str| {
        let config = right(&with(text));
        let flow = &config.directory.flows[&FlowId::from("main")];
        let Node::Connect(connect) = &flow.nodes[&NodeId::from("people")] else { panic!("a connect node") };
        connect.target.clone()
    };
    assert_eq!(target("policy = \"urgent\""), ConnectTarget::Policy("urgent".into()));
    assert_eq!(target("team = \"night\""), ConnectTarget::Team("night".into()));
    assert_eq!(target("user = \"ada\""), ConnectTarget::User("ada".into()));
    for (text, part) in [
        ("user = \"ada\"\nteam = \"night\"", "has `user` and `team`; keep one of them"),
        ("team = \"nigth\"", "did you mean `night`?"),
        ("", "does not say whom to call"),
    ] {
        let told = wrong(&with(text));
        assert!(told.iter().any(|line| line.contains(part)), "missing: {part}\nin:\n{}", told.join("\n"));
    }
}

#[test]
fn every_type_of_node_is_read_and_the_example_is_right() {
    let text = include_str!("../../hotline.example.toml");
    let config = right(text);
    let flow = &config.directory.flows[&FlowId::from("english")];
    assert_eq!(flow.nodes.len(), 15);
    for node in flow.nodes.values() {
        // A new type of node belongs into the example.
        match node {
            Node::Announce(_)
            | Node::ChooseLanguage(_)
            | Node::Hours(_)
            | Node::Block(_)
            | Node::Identify(_)
            | Node::Menu(_)
            | Node::Script(_)
            | Node::Connect(_)
            | Node::Voicemail(_)
            | Node::Alert(_)
            | Node::Known(_)
            | Node::Engineer(_)
            | Node::Goto(_)
            | Node::Hangup(_) => {}
        }
    }
    let kinds: std::collections::HashSet<_> = flow.nodes.values().map(std::mem::discriminant).collect();
    assert_eq!(kinds.len(), 14);
    let Node::ChooseLanguage(language) = &flow.nodes[&NodeId::from("language")] else { panic!() };
    assert_eq!(language.offers, [('1', Language("en".into())), ('2', Language("de".into()))]);
    let standard = config.directory.number("1234567t0").map(|number| number.flow.clone()).unwrap();
    assert_eq!(config.directory.flows[&standard].start, NodeId::from("block"));
    assert_eq!(config.directory.number("1234567t0").map(|number| &number.id), Some(&NumberId::from("+493023125000")));
}

/// What is commented out in the example must be right too: whole sections, and single settings as defaults.
#[test]
fn the_settings_commented_out_in_the_example_are_known() {
    let mut in_section = false;
    let text: String = include_str!("../../hotline.example.toml")
        .lines()
        .map(|line| {
            let rest = line.strip_prefix("# ");
            let is_heading = rest.is_some_and(|rest| rest.starts_with('[') && rest.ends_with(']'));
            in_section |= is_heading || line.starts_with('[');
            let is_setting = rest.is_some_and(|rest| {
                rest.split_once(" = ").is_some_and(|(key, _)| key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
            });
            // These name files of the reader's own.
            let names_file = line.contains("_file = ");
            match rest {
                Some(rest) if in_section && (is_heading || is_setting) && !names_file => format!("{rest}\n"),
                Some(_) | None => format!("{line}\n"),
            }
        })
        .collect();
    // What those files would hold.
    let secrets = [
        ("HOTLINE_NOTIFY_SMTP_PASSWORD", "example"),
        ("HOTLINE_NOTIFY_SMS_KEY", "example"),
        ("HOTLINE_NOTIFY_SMS_INBOUND_SECRET", "example-secret-of-the-replies"),
        ("HOTLINE_NOTIFY_TELEGRAM_TOKEN", "12:example"),
        ("HOTLINE_NOTIFY_SLACK_TOKEN", "xoxb-example"),
        ("HOTLINE_NOTIFY_SLACK_SIGNING_SECRET", "example"),
    ];
    let config = load_from(&text, Path::new("hotline.toml"), &environment(&secrets), false)
        .unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert_eq!(config.requests(), 500);
    let notify = &config.notify;
    assert!(notify.smtp.is_some() && notify.sms.is_some() && notify.ntfy.is_some());
    assert!(notify.telegram.is_some() && notify.slack.is_some());
    // Nor is anything in it worth a warning, but for what only the reader can make.
    assert_eq!(config.warnings, Vec::<String>::new());
}

impl Config {
    fn requests(&self) -> u32 {
        self.sip.requests_per_second
    }
}

#[test]
fn wav_files_are_judged_by_their_header() {
    let folder = tempfile::tempdir().unwrap();
    wav(&folder.path().join("good.wav"), 16, 8_000);
    wav(&folder.path().join("float.wav"), 32, 16_000);
    wav(&folder.path().join("studio.wav"), 16, 96_000);
    std::fs::write(folder.path().join("text.wav"), "hello").unwrap();
    let text = |name: &str| format!("[flows.main.nodes.hello]\ntype = \"hangup\"\nprompts = [\"file:{name}\"]\n");
    let name = folder.path().join("hotline.toml");
    let load = |file: &str| load_from(&text(file), &name, &environment(&[]), false);
    let config = load("good.wav").unwrap();
    let Node::Hangup(prompts) = &config.directory.flows[&FlowId::from("main")].nodes[&NodeId::from("hello")] else {
        panic!()
    };
    assert_eq!(prompts, &[Prompt::File(folder.path().join("good.wav").to_string_lossy().into_owned())]);
    for (file, what) in [
        ("float.wav", "16-bit PCM is needed"),
        ("studio.wav", "96000 Hz"),
        ("text.wav", "no WAV file"),
        ("gone.wav", "no such file"),
    ] {
        let told = load(file).unwrap_err().to_string();
        assert!(told.contains("hotline.toml:3: ") && told.contains(what), "{told}");
    }
}

#[test]
fn a_flow_may_stand_in_a_json_file() {
    let folder = tempfile::tempdir().unwrap();
    let name = folder.path().join("hotline.toml");
    let load = |json: &str| {
        std::fs::write(folder.path().join("flow.json"), json).unwrap();
        load_from("[flows.main]\nflow_file = \"flow.json\"\n", &name, &environment(&[]), false)
            .map_err(|error| error.to_string())
    };
    let good = r#"{
  "start": "hello",
  "nodes": {
    "hello": { "type": "announce", "prompts": ["greeting", "digits:12"], "barge_in": false, "next": "b\u0079e" },
    "bye": { "type": "hangup", "prompts": [] }
  }
}"#;
    let config = load(good).unwrap();
    let Node::Announce(hello) = &config.directory.flows[&FlowId::from("main")].nodes[&NodeId::from("hello")] else {
        panic!()
    };
    assert_eq!((hello.barge_in, hello.next.clone()), (false, Some("bye".into())));
    let told = load(&good.replace("\"type\": \"hangup\"", "\"type\": \"hangupp\"")).unwrap_err();
    assert!(told.starts_with("flow.json:5: node `bye` of flow `main` has the type `hangupp`"), "{told}");
    assert!(
        load(r#"{"nodes": {"a": {"type": "announce", "prompts": ["beep"]}}}"#)
            .unwrap_err()
            .contains("no node of type voicemail or hangup")
    );
    assert!(load("{\n\"nodes\": }").unwrap_err().starts_with("flow.json:2: "));
    assert!(load(&"[".repeat(100)).is_err());
    assert!(load("[1, 2.5, null, true]").unwrap_err().starts_with("flow.json:1: [flows.main] is a list"));
}

#[test]
fn own_prompts_below_the_data_folder_are_known() {
    let folder = tempfile::tempdir().unwrap();
    let prompts = folder.path().join("prompts/en");
    std::fs::create_dir_all(&prompts).unwrap();
    std::fs::write(prompts.join("own.toml"), "fire-drill = \"This is a drill.\"\n").unwrap();
    wav(&prompts.join("jingle.wav"), 16, 16_000);
    let text = "[flows.main.nodes.hello]\ntype = \"hangup\"\nprompts = [\"fire-drill\", \"say:jingle\"]\n";
    let environment = environment(&[("HOTLINE_DATA_DIR", folder.path().to_str().unwrap())]);
    load_from(text, Path::new("hotline.toml"), &environment, false).unwrap();
    assert!(read(text).is_err());
}

#[test]
fn a_schedule_has_so_many_layers() {
    let layers = |count: usize| -> String {
        let one =
            |at| format!("[[schedules.layers]]\nid = \"l{at}\"\nmembers = [\"gina\"]\nstart = \"2026-03-02T20:00\"\n");
        (0..count).map(one).collect()
    };
    let text = |count| {
        format!("{MINIMAL}schedule = \"week\"\n[[schedules]]\nid = \"many\"\ntime_zone = \"UTC\"\n{}", layers(count))
    };
    assert_eq!(right(&text(20)).directory.schedules[&"many".into()].layers.len(), 20);
    let told = wrong(&text(21));
    assert!(told.iter().any(|line| line.contains("has 21 layers, and may have 20 at most")), "{told:?}");
}

#[test]
fn two_schedules_have_a_standard_flow_each() {
    let text = format!(
        "{MINIMAL}schedule = \"week\"\n[[schedules]]\nid = \"nights\"\nmembers = [\"gina\"]\nstart = \"2026-03-02T20:00\"\ntime_zone = \"UTC\"\n[[numbers]]\nnumber = \"night\"\nschedule = \"nights\"\nflow = \"standard\"\n"
    );
    let config = right(&text);
    let flow = |number: &str| config.directory.number(number).unwrap().flow.clone();
    assert_eq!((flow("help"), flow("night")), ("standard-week".into(), "standard-nights".into()));
    let Node::Connect(connect) = &config.directory.flows[&flow("night")].nodes[&NodeId::from("engineer")] else {
        panic!()
    };
    assert_eq!(connect.target, ConnectTarget::Schedule("nights".into()));
    let told = wrong(&text.replace("schedule = \"nights\"\nflow", "flow"));
    assert!(told[0].contains("names no flow, and the standard flow needs somebody to call"), "{told:?}");
}

#[test]
fn the_demo_is_complete_and_keeps_its_passwords() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let environment = environment(&[("HOTLINE_DATA_DIR", data.to_str().unwrap())]);
    let load = |text: &str| load_from(text, Path::new("hotline.toml"), &environment, true);
    let config = load("").unwrap();
    assert!(config.demo && config.sip.open);
    assert_eq!(config.warnings, Vec::<String>::new());
    assert_eq!(
        (config.directory.customers.len(), config.directory.users.len(), config.directory.schedules.len()),
        (2, 2, 1)
    );
    for (number, language) in [("hotline", "en"), ("hotline-de", "de")] {
        let number = config.directory.number(number).unwrap();
        assert_eq!(number.language, Language(language.to_owned()));
        assert!(config.directory.flows.contains_key(&number.flow));
    }
    let credentials = demo_credentials(&data).unwrap();
    assert_eq!(credentials.login, "admin");
    assert_eq!(
        config.sip.phones[&PhoneId::from("engineer-1")].password,
        credentials.phones[&PhoneId::from("engineer-1")]
    );
    assert!(credentials.password.reveal().len() >= 16);
    assert_ne!(credentials.phones[&PhoneId::from("engineer-1")], credentials.phones[&PhoneId::from("engineer-2")]);
    assert_eq!(demo_credentials(&data).unwrap(), credentials, "made once");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&credentials.file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert_eq!(std::fs::read_dir(&data).unwrap().count(), 1, "no draft is left");

    // The file's own things win, and both are there.
    let config = load("[server]\nopen_sip = false\n[[customers]]\nid = \"harbour\"\nname = \"Mine\"\n[[numbers]]\nnumber = \"extra\"\n").unwrap();
    assert!(!config.sip.open);
    assert_eq!(config.directory.customers[&CustomerId::from("harbour")].name, "Mine");
    assert_eq!(config.directory.customers.len(), 2);
    assert!(config.directory.number("extra").is_some() && config.directory.number("hotline").is_some());

    std::fs::write(&credentials.file, "[login]\n").unwrap();
    assert!(load("").unwrap_err().to_string().contains("remove the file"));
}

#[test]
fn an_open_server_beyond_loopback_is_warned_about() {
    let config = right("[server]\nopen_sip = true\nsip = \"0.0.0.0:5060\"\n");
    assert!(
        config.warnings.iter().any(|warning| warning.contains("everybody who reaches 0.0.0.0:5060")),
        "{:?}",
        config.warnings
    );
    assert_eq!(config.media.bind.to_string(), "0.0.0.0");
}

#[test]
fn the_bench_numbers_are_right() {
    let folder = tempfile::tempdir().unwrap();
    wav(&folder.path().join("prompt30.wav"), 16, 8_000);
    let text = include_str!("../../bench/hotline.toml");
    let config = load_from(text, &folder.path().join("hotline.toml"), &environment(&[]), false).unwrap();
    for name in ["bench-setup", "bench-play", "bench-dtmf", "bench-talk", "bench-bridge"] {
        let number = config.directory.number(name).unwrap();
        assert!(number.test && number.schedule.is_none());
    }
    let Node::Menu(menu) = &config.directory.flows[&FlowId::from("dtmf")].nodes[&NodeId::from("read")] else {
        panic!()
    };
    assert_eq!((menu.options.get("1598*473620"), menu.end), (Some(&"bye".into()), Some('#')));
    let Node::Connect(connect) = &config.directory.flows[&FlowId::from("bridge")].nodes[&NodeId::from("join")] else {
        panic!()
    };
    assert_eq!(connect.target, ConnectTarget::Fixed(Destination::Sip("sip:callee@127.0.0.1:5170".to_owned())));
    assert!(!connect.confirm && connect.leave_key.is_none());
}

/// What the manual tells people to write is right.
#[test]
fn the_manuals_examples_are_right() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("secrets")).unwrap();
    let blocks: Vec<&str> = include_str!("../../docs/manual.md")
        .split("```toml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    // The files that the examples name.
    for text in &blocks {
        for (_, rest) in text.match_indices("secrets/").map(|(at, found)| text.split_at(at + found.len())) {
            let name = rest.split('"').next().unwrap();
            std::fs::write(folder.path().join("secrets").join(name), "example-to-be-changed-at-once").unwrap();
        }
    }
    let [complete, rest @ ..] = &blocks[..] else { panic!("no examples") };
    assert!(rest.len() >= 14, "{} examples", rest.len());
    for block in rest {
        // `[server]` can't stand twice.
        let text = if block.contains("[server]") { (*block).to_owned() } else { format!("{complete}{block}") };
        load_from(&text, &folder.path().join("hotline.toml"), &environment(&[]), false)
            .unwrap_or_else(|mistakes| panic!("{mistakes}\nin:\n{text}"));
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig {
        rng_seed: proptest::test_runner::RngSeed::Fixed(42),
        ..proptest::prelude::ProptestConfig::default()
    })]

    #[test]
    fn no_text_panics(text in "(\\[\\[?(server|users|numbers|flows\\.a|schedules|trunks|phones)\\]?\\]\n|[a-z_]{1,8} = (\"[ -~]{0,12}\"|[0-9]{1,4}|\\[\\]|\\{ [a-z0-9]{1,3} = 1 \\})\n|\\PC{0,10}\n){0,12}") {
        let _ = load_from(&text, Path::new("hotline.toml"), &BTreeMap::new(), false);
    }
}

#[test]
fn two_people_with_one_pin_are_warned_of() {
    let text =
        format!("{MINIMAL}\n[[users]]\nid = \"ada\"\npin = \"280465\"\n[[users]]\nid = \"ben\"\npin = \"280465\"\n");
    let config = right(&text);
    let told = config.warnings.join("\n");
    assert!(told.contains("users `ben` and `ada` have the same PIN") && !told.contains("280465"), "{told}");
    assert!(config.directory.user_by_pin("280465").is_none());
}

#[test]
fn a_node_is_named_by_the_file_or_by_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("{MINIMAL}\n[server]\ndata_dir = \"{}\"\n", folder.path().display());
    let by_host = right(&text).store.node;
    assert!(!by_host.is_empty());
    std::fs::write(folder.path().join("node.toml"), "name = \"berlin-1\"\nid = \"x\"\n").unwrap();
    assert_eq!(right(&text).store.node, "berlin-1", "what it was used as");
    assert_eq!(right(&format!("{text}node = \"wien\"\n")).store.node, "wien");
    let from_environment = environment(&[("HOTLINE_NODE", "graz")]);
    let config = load_from(&text, Path::new("hotline.toml"), &from_environment, false).unwrap();
    assert_eq!(config.store.node, "graz");
}
