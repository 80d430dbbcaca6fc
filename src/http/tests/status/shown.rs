//! What stands on the pages, in two languages, escaped, cached and fresh.

use hotline_core::incident::{Impact, Phase};

use super::super::*;
use super::fixture::*;

#[tokio::test]
async fn a_page_tells_how_all_is() {
    let (bench, _) = status_bench();
    let page = bench.look("all", "", "").await;
    let text = page.text();
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    for shown in [
        "<html lang=\"en\">",
        "Minor Service Outage",
        "Current incidents",
        "Mail is slow",
        "mail words for all",
        "Planned maintenance",
        "New mail server",
        "Degraded performance",
        "<time datetime=\"",
        "100.00% available since ",
        "Nothing in the last 14 days.",
        "Times are in Europe/Berlin",
        "href=\"mailto:help@msp.example\"",
        "Deutsch",
    ] {
        assert!(text.contains(shown), "{shown} in {text}");
    }
    assert!(!text.contains("<script") && !text.contains(" style=") && !text.contains("onerror=alert(1)>"), "{text}");
    let german = bench.look("all", "?lang=de", "").await.text();
    for shown in [
        "<html lang=\"de\">",
        "Einschränkungen",
        "Aktuelle Störungen",
        "auf Deutsch: mail words for all",
        "Mail is slow (deutsch)",
        "Geplante Wartung",
        "Eingeschränkt",
        "100,00 % verfügbar seit ",
        "Uhr</time>",
    ] {
        assert!(german.contains(shown), "{shown} in {german}");
    }
    let own = bench.look("own-a", "", &cookie_of("acme", "own-a")).await.text();
    assert!(own.contains("<html lang=\"de\">") && own.contains("?lang=en"), "the page's own language: {own}");
    let missing =
        bench.ask(Method::GET, "/status/nowhere", &[("accept", "text/html"), ("accept-language", "de-AT")], "").await;
    assert!(missing.text().contains("Hier gibt es keine Seite"), "{}", missing.text());
}

#[tokio::test]
async fn words_are_never_markup() {
    let (bench, _) = status_bench();
    let cookie = cookie_of("acme", "own-a");
    let incident = format!("/incidents/{}", visible_id(ACME_OUTAGE));
    for rest in REPRESENTATIONS.into_iter().chain([incident.as_str()]) {
        let answer = bench.look("own-a", rest, &cookie).await;
        if answer.header("content-type").starts_with("application/json") {
            assert_eq!(answer.header("x-content-type-options"), "nosniff");
            continue;
        }
        let text = answer.text();
        for markup in ["<script>alert", "<img src=x", "<b>of</b>", "<i>for</i>", "IT <script>"] {
            assert!(!text.contains(markup), "{rest}: {markup} in {text}");
        }
        assert!(!text.contains('\u{1}') || !rest.contains("history."), "{rest}: XML can't hold it");
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    }
    let rss = bench.look("own-a", "/history.rss", &cookie).await.text();
    // Unescaped once by the feed's reader, it must still be text.
    let once = rss.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    assert!(!once.contains("<script>alert"), "{once}");
}

#[tokio::test]
async fn what_is_known_is_not_sent_again_and_what_is_new_is_there_at_once() {
    let (bench, desk) = status_bench();
    let mut tags = Vec::new();
    for rest in REPRESENTATIONS.into_iter().filter(|rest| *rest != "/subscribe") {
        let first = bench.look("all", rest, "").await;
        let tag = first.header("etag").to_owned();
        assert!(tag.len() > 10, "{rest}");
        let path = format!("/status/all{rest}");
        for given in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}")] {
            let again = bench.ask(Method::GET, &path, &[("if-none-match", &given)], "").await;
            assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0), "{rest}");
            assert_eq!((again.header("etag"), again.header("cache-control")), (tag.as_str(), "public, max-age=1"));
        }
        tags.push((rest, tag));
    }
    let mut changed = incidents();
    changed[2].updates.push(update(77, 1, Phase::Monitoring, "words of this second", &[("mail", Impact::MajorOutage)]));
    desk.swap(changed);
    for (rest, tag) in tags {
        let path = format!("/status/all{rest}");
        let now = bench.ask(Method::GET, &path, &[("if-none-match", &tag)], "").await;
        let stays = matches!(
            rest,
            "/style.css"
                | "/api/v2/scheduled-maintenances/active.json"
                | "/api/v2/scheduled-maintenances/upcoming.json"
        );
        if rest == "/style.css" {
            assert_eq!(now.status, StatusCode::NOT_MODIFIED, "{rest}");
            continue;
        }
        assert_eq!(now.status, StatusCode::OK, "{rest}");
        if rest.contains("incidents") || rest.contains("history") || rest.contains("summary") || rest.is_empty() {
            assert!(now.text().contains("words of this second"), "{rest}: {}", now.text());
        } else if !stays && !rest.contains("maintenances") && !rest.contains("lang") {
            assert!(now.text().contains("Major") || now.text().contains("major_outage"), "{rest}: {}", now.text());
        }
    }
    // HEAD too.
    let head = bench.ask(Method::HEAD, "/status/all", &[], "").await;
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
}

#[tokio::test]
async fn without_anything_known_nothing_is_claimed() {
    let (bench, desk) = status_bench();
    *desk.snapshot.lock() = None;
    let answer = bench.ask(Method::GET, "/status/all/api/v2/status.json", &[], "").await;
    assert_eq!(answer.problem(503), "status-not-known");
    assert_eq!(answer.header("retry-after"), "5");
}

#[tokio::test]
async fn a_logo_is_served_as_the_picture_that_it_is() {
    let (bench, _) = status_bench();
    let page = bench.look("all", "", "").await.text();
    let at = page.find("/status/all/logo?v=").expect("it is on the page");
    let path: String = page[at..].chars().take_while(|c| *c != '"').collect();
    let logo = bench.ask(Method::GET, &path, &[], "").await;
    assert_eq!((logo.status, logo.header("content-type")), (StatusCode::OK, "image/png"));
    assert!(logo.body.starts_with(b"\x89PNG"));
    assert_eq!(logo.header("x-content-type-options"), "nosniff");
    let policy = logo.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let again = bench.ask(Method::GET, &path, &[("if-none-match", logo.header("etag"))], "").await;
    assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0));
}

#[tokio::test]
async fn pages_that_tell_too_late_are_in_the_readiness_report() {
    let (bench, desk) = status_bench();
    let stale = async || {
        let told = bench.get("/api/v1/reports/readiness").await.json();
        let missing = told["missing"].as_array().unwrap().clone();
        let mut stale: Vec<_> = missing.into_iter().filter(|one| one["lack"] == "stale-page").collect();
        stale.retain(|one| one["what"].as_str().unwrap().contains("INC-195"));
        stale
    };
    assert_eq!(stale().await, Vec::<serde_json::Value>::new());
    let mut late = incidents();
    late[2].update_due = Some(crate::clock::now().wall - jiff::SignedDuration::from_mins(3));
    desk.swap(late);
    let told = stale().await;
    assert!(told.iter().all(|one| one["what"].as_str().unwrap().contains("should have heard again by")), "{told:?}");
    let pages: Vec<&str> = told.iter().map(|one| one["object"].as_str().unwrap()).collect();
    let all = ["all", "open-visitors", "own-a", "own-m", "visitors"].map(|page| format!("status-pages/{page}"));
    assert_eq!(pages, all, "{told:?}");
}

#[tokio::test]
async fn a_logo_of_50_mb_is_refused_and_nothing_is_kept() {
    let bench = super::super::bench();
    let before = bench.get("/api/v1/status-pages").await.json();
    let logo = "A".repeat(50 * 1024 * 1024);
    let body = format!("{{\"title\":\"x\",\"logo\":\"{logo}\"}}");
    let headers = [("authorization", format!("Bearer {TOKEN}")), ("content-type", "application/json".to_owned())];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let answer = bench.ask(Method::PUT, "/api/v1/status-pages/new", &headers, &body).await;
    let code = answer.problem(413);
    assert!(answer.text().contains("too large") || code.contains("large"), "{}", answer.text());
    assert_eq!(bench.get("/api/v1/status-pages").await.json(), before);
}

#[tokio::test]
async fn the_house_sees_its_pages_and_how_many_are_told() {
    let (bench, _) = status_bench();
    let get = async |role: &str, customers: &str| {
        let token = crate::http::auth::fresh_token();
        let row = TokenRow {
            name: role.to_owned(),
            hash: crate::http::auth::token_hash(token.reveal()),
            role: role.to_owned(),
            customers: (!customers.is_empty()).then(|| customers.to_owned()),
            ..TokenRow::default()
        };
        bench.fake.kept.lock().tokens.push(row);
        let bearer = format!("Bearer {}", token.reveal());
        bench.ask(Method::GET, "/status-pages", &[("authorization", &bearer), ("accept", "text/html")], "").await
    };
    let all = get("admin", "").await.text();
    for shown in [
        "12 by e-mail",
        "3 by webhook",
        "1 switched off",
        "for Acme GmbH",
        "for everyone",
        "/status/visitors?as=muster",
    ] {
        assert!(all.contains(shown), "{shown} in {all}");
    }
    assert!(!all.contains("<b>of</b>"), "{all}");
    let acmes = get("engineer", "acme").await.text();
    assert!(acmes.contains("/status/own-a") && !acmes.contains("own-m") && !acmes.contains("Muster AG"), "{acmes}");
    assert_eq!(get("stakeholder", "acme").await.status, StatusCode::FORBIDDEN);
}
