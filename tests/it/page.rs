//! The page and the API against the whole service: audio with ranges, login by cookie, changes as they happen.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;

use crate::harness::{Hotline, ended, raw_get_range};
use crate::{house, phone};

#[tokio::test(flavor = "multi_thread")]
async fn a_message_can_be_heard_in_parts() -> anyhow::Result<()> {
    let hotline = Hotline::start(&house::one_engineer()).await;
    let mut caller = phone::caller(&hotline).await?;
    caller.dial(&phone::number(&hotline, "quick")).await?;
    caller.press("3").await?;
    caller.waits_for("voicemail").await?;
    caller.hears("beep").await?;
    caller.say(phone::speech("message.wav")).await?;
    caller.hang_up().await?;
    let call = hotline.call_when("inbound", |call| call["recordings"][0]["running"] == false).await;
    hotline.call_when("inbound", ended("voicemail")).await;
    let url = call["recordings"][0]["audio_url"].as_str().expect("an address").to_owned();
    let whole = loop {
        let (status, whole, kind) = raw_get_range(hotline.http(), &url, None).await;
        if status == 200 {
            assert_eq!(kind, "audio/wav");
            break whole;
        }
        assert_eq!(status, 409, "made ready in a second or two");
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    let (status, part, _) = raw_get_range(hotline.http(), &url, Some("bytes=100-299")).await;
    assert_eq!(status, 206);
    assert_eq!(part, whole[100..300]);
    let file = hotline.data().join("kept.wav");
    std::fs::write(&file, &whole)?;
    let kept = hotline::speech::load_wav(&file)?;
    // As the narrow band that was sent.
    let kept: Vec<i16> = kept.samples().iter().step_by(2).copied().collect();
    let (likeness, _) = phone::likeness(&phone::samples(&phone::speech("message.wav")), &kept);
    assert!(likeness > 0.9, "{likeness}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_opens_the_page_and_changes_come_by_themselves() -> anyhow::Result<()> {
    let hotline = Hotline::start(&house::one_engineer()).await;
    let toml = hotline.data().join("hotline.toml");
    std::fs::write(&toml, house::one_engineer())?;
    let mut adds = tokio::process::Command::new(env!("CARGO_BIN_EXE_hotline"))
        .args(["user", "--config"])
        .arg(&toml)
        .args(["add", "duty", "--role", "dispatcher", "--password-stdin"])
        .env("HOTLINE_DATA_DIR", hotline.data())
        .stdin(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    adds.stdin.take().expect("a pipe").write_all(b"a long enough password\n").await?;
    assert!(adds.wait().await?.success());

    let page = format!("http://{}", hotline.http());
    let agent = agent();
    let found = get(&agent, &page, "/", "").await;
    assert!(found.0 == 303 && found.1.contains("/login"), "{found:?}");
    let (status, cookie) = log_in(&agent, &page, "a wrong password").await;
    assert!(status != 303 && cookie.is_empty(), "{status}");
    let (status, cookie) = log_in(&agent, &page, "a long enough password").await;
    assert_eq!(status, 303);

    let (lines, mut events) = tokio::sync::mpsc::unbounded_channel();
    let (stream_agent, url, its_cookie) = (agent.clone(), format!("{page}/api/v1/stream"), cookie.clone());
    std::thread::spawn(move || {
        let response = stream_agent.get(&url).header("Cookie", &its_cookie).call().expect("a stream");
        for line in BufReader::new(response.into_body().into_reader()).lines().map_while(Result::ok) {
            if lines.send(line).is_err() {
                return;
            }
        }
    });
    let wait = Duration::from_mins(1);
    let first = tokio::time::timeout(wait, events.recv()).await?.expect("a line");
    assert!(first.contains("snapshot") || first.starts_with("id:"), "{first}");

    let mut caller = phone::caller(&hotline).await?;
    caller.dial(&phone::number(&hotline, "quick")).await?;
    caller.begins_to_hear("menu").await?;
    let told = async {
        while let Some(line) = events.recv().await {
            if line.contains("\"inbound\"") && line.contains("acme") {
                return;
            }
        }
        panic!("the stream ended");
    };
    tokio::time::timeout(wait, told).await?;
    let alert = hotline.alert_when(|_| true).await;
    let (status, _, body) = get(&agent, &page, "/", &cookie).await;
    assert!(status == 200 && body.contains("Acme Logistics"), "{status}: {body}");
    let (status, _, body) =
        get(&agent, &page, &format!("/alerts/{}", alert["id"].as_str().expect("id")), &cookie).await;
    assert!(status == 200 && body.contains("Acme Logistics"), "{status}: {body}");
    caller.hang_up().await?;
    Ok(())
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).build().into()
}

/// Status, where it leads, body.
async fn get(agent: &ureq::Agent, page: &str, path: &str, cookie: &str) -> (u16, String, String) {
    let (agent, url, cookie) = (agent.clone(), format!("{page}{path}"), cookie.to_owned());
    tokio::task::spawn_blocking(move || {
        let mut response =
            agent.get(&url).header("Accept", "text/html").header("Cookie", &cookie).call().expect("HTTP answers");
        let to = response.headers().get("location").and_then(|to| to.to_str().ok()).unwrap_or_default().to_owned();
        (response.status().as_u16(), to, response.body_mut().read_to_string().expect("text"))
    })
    .await
    .expect("no panic")
}

/// Status and session cookie.
async fn log_in(agent: &ureq::Agent, page: &str, password: &str) -> (u16, String) {
    let (agent, origin, password) = (agent.clone(), page.to_owned(), password.to_owned());
    tokio::task::spawn_blocking(move || {
        let response = agent
            .post(format!("{origin}/login"))
            .header("Origin", &origin)
            .send_form([("name", "duty"), ("password", password.as_str()), ("next", "/")])
            .expect("HTTP answers");
        let cookie = response.headers().get("set-cookie").and_then(|cookie| cookie.to_str().ok()).unwrap_or_default();
        (response.status().as_u16(), cookie.split(';').next().unwrap_or_default().to_owned())
    })
    .await
    .expect("no panic")
}
