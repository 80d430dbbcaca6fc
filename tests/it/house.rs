//! The configurations of the tests: who can be called where, and numbers with short waits.

use std::fmt::Write as _;

/// Password of every phone account.
pub const PASSWORD: &str = "a-password-of-the-tests";

/// Flow `quick`: the menu at once, two questions, short waits; else as in the standard flow.
const NUMBERS: &str = r#"
[[customers]]
id = "acme"
name = "Acme Logistics"
caller_ids = ["+4930555*", "acme"]

[[numbers]]
number = "hotline"
schedule = "on-call"

[[numbers]]
number = "hotline-de"
language = "de"
schedule = "on-call"

[[numbers]]
number = "quick"
schedule = "on-call"
flow = "quick"

[flows.quick]
start = "menu"
last_resort = "message"

[flows.quick.nodes.menu]
type = "menu"
wait = "2s"
tries = 2
options = { 1 = "report", 2 = "engineer", 3 = "message" }
give_up = "message"

[flows.quick.nodes.report]
type = "script"
questions = ["who", "what"]
no_speech = "4s"
confirm_wait = "4s"
next = "engineer"

[flows.quick.nodes.engineer]
type = "connect"
ring = "5s"
rounds = 2
accept_wait = "8s"
comfort_every = "10s"
on_nobody = "message"

[flows.quick.nodes.message]
type = "voicemail"
end_silence = "2s"
no_speech = "3s"
next = "bye"

[flows.quick.nodes.bye]
type = "hangup"
"#;

/// Engineers 1, 2 … on call in this order, each with these phones (`phone:…` accounts are made).
pub fn engineers(phones_of_each: &[&[&str]]) -> String {
    let mut text = "[server]\nopen_sip = true\n\n".to_owned();
    let mut members = Vec::new();
    for (index, phones) in phones_of_each.iter().enumerate() {
        let name = format!("engineer-{}", index + 1);
        writeln!(text, "[[users]]\nid = \"{name}\"\nname = \"{name}\"\nphones = {phones:?}\n").expect("text");
        for account in phones.iter().filter_map(|phone| phone.strip_prefix("phone:")) {
            writeln!(text, "[[phones]]\naccount = \"{account}\"\nuser = \"{name}\"\npassword = \"{PASSWORD}\"\n")
                .expect("text");
        }
        members.push(name);
    }
    // What week it is must not change a test: always the first.
    writeln!(
        text,
        "[[schedules]]\nid = \"on-call\"\nname = \"On call\"\nmembers = {members:?}\nstart = \"2026-01-05T09:00\"\n\
         time_zone = \"Europe/Berlin\"\n\n[[schedules.overrides]]\nuser = \"engineer-1\"\nfrom = \"2020-01-01T00:00Z\"\n\
         to = \"2090-01-01T00:00Z\"\nreason = \"test\"\n{NUMBERS}"
    )
    .expect("text");
    text
}

/// One engineer with the registered phone `phone:ada`.
pub fn one_engineer() -> String {
    engineers(&[&["phone:ada"]])
}

/// Engineers at fixed addresses (sipp), in this order.
pub fn engineers_at(ports: &[u16]) -> String {
    let phones: Vec<String> = ports.iter().map(|port| format!("sip:engineer@127.0.0.1:{port}")).collect();
    let phones: Vec<[&str; 1]> = phones.iter().map(|phone| [phone.as_str()]).collect();
    let phones: Vec<&[&str]> = phones.iter().map(<[&str; 1]>::as_slice).collect();
    engineers(&phones)
}
