//! `hotline call` and `hotline phone` as programs of their own, with their exit codes.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};

use crate::harness::{Hotline, ended};
use crate::{house, phone};

fn hotline_program(arguments: &[&str], folder: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_hotline"))
        .args(arguments)
        .env("HOTLINE_DATA_DIR", folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("our own program")
}

/// Waits for its end: exit code and what it said.
async fn ends(child: Child) -> (i32, String) {
    let output = tokio::time::timeout(Duration::from_mins(2), child.wait_with_output())
        .await
        .expect("it ends")
        .expect("its output");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code().expect("not killed"), said)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_small_phones_talk_through_the_hotline() -> anyhow::Result<()> {
    let hotline = Hotline::start(&house::one_engineer()).await;
    let (data, server) = (hotline.data(), hotline.sip().to_string());
    let heard = data.join("heard-by-engineer.wav");
    let engineer = [
        "phone",
        "--account",
        "ada",
        "--password",
        house::PASSWORD,
        "--server",
        &server,
        "--answer",
        "--after",
        "0.5",
        "--keys",
        "1@engineer-knock,1@engineer-join",
        "--once",
        "--record",
        heard.to_str().expect("text"),
    ];
    let engineer = hotline_program(&engineer, &data);
    hotline.wait_until_registered("ada").await;
    let (uri, wav) = (phone::number(&hotline, "quick"), format!("{}@connecting", phone::speech("who.wav").display()));
    let call = ["call", &uri, "--keys", "2@menu~", "--play", &wav, "--from", "acme", "--for", "30"];
    let caller = hotline_program(&call, &data);
    let (code, said) = ends(caller).await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("hears connecting"), "{said}");
    let (code, said) = ends(engineer).await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("is registered") && said.contains("hears engineer-knock"), "{said}");
    let (likeness, _) = phone::likeness(&phone::samples(&phone::speech("who.wav")), &phone::samples(&heard));
    assert!(likeness > 0.9, "{likeness}");
    hotline.call_when("inbound", ended("taken")).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exit_code_tells_how_it_came_out() -> anyhow::Result<()> {
    let hotline = Hotline::start(&house::one_engineer()).await;
    let data = hotline.data();
    let (uri, unknown) = (phone::number(&hotline, "quick"), phone::number(&hotline, "nobody-here"));
    let server = hotline.sip().to_string();
    let (refused, unheard, wrong, intruder) = tokio::join!(
        ends(hotline_program(&["call", &unknown], &data)),
        ends(hotline_program(&["call", &uri, "--keys", "1@goodbye", "--for", "2"], &data)),
        ends(hotline_program(&["call", &uri, "--keys", "1@no-such-prompt"], &data)),
        ends(hotline_program(&["phone", "--account", "ada", "--password", "wrong", "--server", &server], &data)),
    );
    assert!(refused.0 == 2 && refused.1.contains("404"), "{refused:?}");
    assert!(unheard.0 == 4 && unheard.1.contains("never heard"), "{unheard:?}");
    assert!(wrong.0 == 1 && wrong.1.contains("there is no prompt"), "{wrong:?}");
    assert!(intruder.0 == 2 && intruder.1.contains("can't register"), "{intruder:?}");
    Ok(())
}
