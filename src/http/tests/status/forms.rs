//! Proving whose one is, and asking to be told: the same answers for all, by buttons and not by links, not too often.

use super::super::*;
use super::fixture::*;

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const OURS: (&str, &str) = ("origin", "https://status.msp.example");

async fn post(bench: &Bench, path: &str, cookie: &str, body: &str) -> Answer {
    let headers = [FORM, OURS, ("accept", "text/html"), ("cookie", cookie)];
    bench.ask(Method::POST, path, &headers, body).await
}

#[tokio::test]
async fn whoever_asks_for_a_link_hears_the_same() {
    let (bench, desk) = status_bench();
    let known = post(&bench, "/status/own-a/access", "", "email=ada%40acme.example").await;
    assert_eq!(known.status, StatusCode::OK, "{}", known.text());
    assert_eq!(desk.asked.lock().as_slice(), [("own-a".to_owned(), "ada@acme.example".to_owned())]);
    for (page, address) in
        [("own-a", "eve%40evil.example"), ("own-m", "ada%40other.example"), ("own-x", "b%40acme.example")]
    {
        let other = post(&bench, &format!("/status/{page}/access"), "", &format!("email={address}")).await;
        assert_eq!(other.whole(), known.whole(), "{page} {address}");
    }
    for odd in ["email=", "email=ada", "x=y", "email=%3Cscript%3E%40x", "email=a%40b.example%0d%0aBcc%3A+c%40d.example"]
    {
        assert_eq!(post(&bench, "/status/own-a/access", "", odd).await.status, StatusCode::BAD_REQUEST, "{odd}");
    }
    for _ in 0..2 {
        post(&bench, "/status/own-a/access", "", "email=ada%40acme.example").await;
    }
    let fourth = post(&bench, "/status/own-a/access", "", "email=ADA%40acme.example").await;
    assert_eq!((fourth.status, fourth.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, "600"));
    assert_eq!(desk.asked.lock().len(), 6, "nothing more is mailed");
}

#[tokio::test]
async fn a_mailed_link_opens_by_its_button_only() {
    let (bench, _) = status_bench();
    let looked = bench.look("own-a", "/access/good-token", "").await;
    assert_eq!((looked.status, looked.header("set-cookie")), (StatusCode::OK, ""));
    assert!(
        looked.text().contains("<form method=\"post\" action=\"/status/own-a/access/good-token\">"),
        "{}",
        looked.text()
    );
    let opened = post(&bench, "/status/own-a/access/good-token", "", "").await;
    assert_eq!((opened.status, opened.header("location")), (StatusCode::SEE_OTHER, "/status/own-a"));
    assert!(opened.header("set-cookie").starts_with("hotline-visitor=m1.cookie.value; Path=/status/own-a;"));
    let foreign = [FORM, ("origin", "https://evil.example"), ("accept", "text/html")];
    let foreign = bench.ask(Method::POST, "/status/own-a/access/good-token", &foreign, "").await;
    assert_eq!((foreign.status, foreign.header("set-cookie")), (StatusCode::FORBIDDEN, ""));
    for (page, token) in [("own-m", "good-token"), ("own-a", "bad"), ("own-x", "bad")] {
        let path = format!("/status/{page}/access/{token}");
        let looked = bench.ask(Method::GET, &path, &[("accept", "text/html")], "").await;
        let pressed = post(&bench, &path, "", "").await;
        assert_eq!((looked.status, pressed.status), (StatusCode::GONE, StatusCode::GONE), "{path}");
        assert_eq!(pressed.header("set-cookie"), "");
    }
}

#[tokio::test]
async fn a_subscription_is_asked_for_by_those_who_see_the_page() {
    let (bench, desk) = status_bench();
    let cookie = cookie_of("acme", "visitors");
    let form = bench.look("visitors", "/subscribe", &cookie).await.text();
    let id = form.split("name=\"component\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let body = format!("email=Ada%40acme.example&component={id}&component=nonsense");
    let answer = post(&bench, "/status/visitors/subscribe", &cookie, &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let wanted = desk.subscribed.lock()[0].clone();
    assert_eq!(wanted.address.reveal(), "ada@acme.example");
    assert_eq!((wanted.customer, wanted.confirmed_at), (Some("acme".into()), None));
    assert_eq!(wanted.services.unwrap().into_iter().collect::<Vec<_>>(), ["acme-erp".into()]);
    let hook = post(&bench, "/status/all/subscribe", "", "url=https%3A%2F%2Fhooks.acme.example%2Fx").await;
    assert_eq!(hook.status, StatusCode::OK, "{}", hook.text());
    let wanted = desk.subscribed.lock()[1].clone();
    assert_eq!((wanted.customer, wanted.services), (None, None));
    for (body, fault) in [
        ("email=ada", "no e-mail address"),
        ("url=ftp%3A%2F%2Fx.example", "posted to"),
        ("url=javascript%3Aalert(1)", "posted to"),
        ("", "no e-mail address"),
    ] {
        let answer = post(&bench, "/status/all/subscribe", "", body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
        assert!(answer.text().contains(fault), "{body}: {}", answer.text());
    }
    let forbidden = post(&bench, "/status/own-a/subscribe", "", "email=eve%40evil.example").await;
    assert_eq!(forbidden.status, StatusCode::NOT_FOUND);
    assert_eq!(desk.subscribed.lock().len(), 2);
}

#[tokio::test]
async fn confirming_and_ending_take_a_button_and_a_click_of_the_mail_program_ends_it_too() {
    let (bench, _) = status_bench();
    for (what, button) in [("confirm", "Yes, tell me"), ("unsubscribe", "End it")] {
        let path = format!("/{what}/good-token");
        let looked = bench.look("own-a", &path, "").await;
        assert_eq!(looked.status, StatusCode::OK);
        assert!(looked.text().contains(button), "{}", looked.text());
        assert_eq!(bench.look("own-m", &path, "").await.status, StatusCode::GONE, "a token is one page's");
        let done = post(&bench, &format!("/status/own-a{path}"), "", "").await;
        assert_eq!(done.status, StatusCode::OK);
    }
    // RFC 8058: without cookie, origin or referrer.
    let click =
        bench.ask(Method::POST, "/status/own-a/unsubscribe/good-token", &[FORM], "List-Unsubscribe=One-Click").await;
    assert_eq!(click.status, StatusCode::OK);
    assert_eq!(bench.ask(Method::POST, "/status/own-a/unsubscribe/bad", &[FORM], "").await.status, StatusCode::GONE);
}

#[tokio::test]
async fn an_address_that_is_a_key_is_told_to_nobody() {
    let (bench, _) = status_bench();
    for path in ["/confirm/good-token", "/unsubscribe/good-token", "/confirm/bad", "/unsubscribe/bad", "/access/bad"] {
        let looked = bench.look("own-a", path, "").await;
        let pressed = post(&bench, &format!("/status/own-a{path}"), "", "").await;
        for answer in [looked, pressed] {
            assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}: {}", answer.status);
            assert_eq!(answer.header("cache-control"), "private, no-store", "{path}");
            assert_eq!(answer.header("x-robots-tag"), "noindex", "{path}");
        }
    }
    // The button of this one must show where it stands (`Origin`), which a page without referrer can't: other sites still hear nothing.
    let open = bench.look("own-a", "/access/good-token", "").await;
    assert_eq!((open.header("referrer-policy"), open.header("cache-control")), ("same-origin", "private, no-store"));
    let pressed = post(&bench, "/status/own-a/access/good-token", "", "").await;
    assert_eq!((pressed.status, pressed.header("referrer-policy")), (StatusCode::SEE_OTHER, "no-referrer"));
    let into = bench.look("own-a", &format!("?visitor={}", portal("acme", "own-a")), "").await;
    assert_eq!((into.header("referrer-policy"), into.header("cache-control")), ("no-referrer", "private, no-store"));
    // Elsewhere nothing changes: forms of ours come with their origin.
    assert_eq!(bench.look("all", "", "").await.header("referrer-policy"), "same-origin");
    assert_eq!(bench.look("all", "/subscribe", "").await.header("referrer-policy"), "same-origin");
}
