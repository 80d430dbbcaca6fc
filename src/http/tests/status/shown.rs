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
        "available in 90 days",
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
        "Geplante Wartung",
        "Eingeschränkt",
        "verfügbar in 90 Tagen",
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
        if rest.contains("incidents") || rest.contains("history") || rest.contains("summary") || rest == "" {
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
