//! Published postmortems: with what is over, for those who were told of it, in every representation; for nobody else.

use hotline_core::status::Lessons;
use serde_json::json;

use super::super::*;
use super::fixture::*;

const WORDS: &str = "learned for muster";

/// Where Muster reads of it.
fn shown() -> [String; 7] {
    let own = format!("/incidents/{}", visible_id(MUSTER_OUTAGE));
    ["", "?lang=de", "/history", "/api/v2/incidents.json", "/history.atom", "/history.rss", &own].map(str::to_owned)
}

#[tokio::test]
async fn those_who_were_told_read_what_was_learned_and_nobody_else_does() {
    let (bench, desk) = status_bench();
    let (muster, acme) = (cookie_of("muster", "visitors"), cookie_of("acme", "visitors"));
    let own = cookie_of("muster", "own-m");
    let mut tags = Vec::new();
    for rest in shown() {
        let told = bench.look("visitors", &rest, &muster).await;
        assert!(told.status == StatusCode::OK && told.text().contains(WORDS), "{rest}: {}", told.whole());
        assert!(bench.look("own-m", &rest, &own).await.text().contains(WORDS), "{rest}");
        tags.push((rest, told.header("etag").to_owned()));
    }
    // The other customer, a stranger, and each of them with the reader's own tag.
    for (page, cookie) in
        [("visitors", acme.as_str()), ("own-a", &cookie_of("acme", "own-a")), ("all", ""), ("open-visitors", "")]
    {
        for (rest, tag) in &tags {
            let headers = [("accept", "text/html"), ("cookie", cookie), ("if-none-match", tag)];
            let other = bench.ask(Method::GET, &format!("/status/{page}{rest}"), &headers, "").await;
            assert_ne!(other.status, StatusCode::NOT_MODIFIED, "{page}{rest}");
            assert_ne!(other.header("etag"), tag, "{page}{rest}");
            for word in [WORDS, "Muster outage", "a disk", &visible_id(MUSTER_OUTAGE + 1)] {
                // The address that was asked for is told back where one may log in.
                assert!(!other.whole().contains(word), "{page}{rest}: {word} in {}", other.whole());
            }
        }
    }
    // Taken back: gone at once, and nobody is told that what they have is still good.
    desk.learn(Lessons::new());
    for (rest, tag) in tags {
        let headers = [("accept", "text/html"), ("cookie", muster.as_str()), ("if-none-match", tag.as_str())];
        let now = bench.ask(Method::GET, &format!("/status/visitors{rest}"), &headers, "").await;
        assert!(now.status == StatusCode::OK && !now.text().contains(WORDS), "{rest}: {}", now.whole());
    }
}

#[tokio::test]
async fn it_stands_in_the_shapes_that_clients_know() {
    let (bench, _) = status_bench();
    let cookie = cookie_of("muster", "own-m");
    let all = bench.look("own-m", "/api/v2/incidents.json", &cookie).await.json();
    let one = all["incidents"].as_array().unwrap().iter().find(|one| one["id"] == visible_id(MUSTER_OUTAGE)).unwrap();
    assert_eq!((&one["status"], &one["incident_updates"][0]["status"]), (&json!("postmortem"), &json!("postmortem")));
    let body = one["postmortem_body"].as_str().unwrap();
    assert!(body.starts_with("# Muster outage") && body.contains("<script>"), "Markdown as it was written: {body}");
    assert_eq!(one["incident_updates"][0]["body"], one["postmortem_body"]);
    assert_eq!(one["postmortem_published_at"], one["updated_at"]);
    assert_eq!(all["page"]["updated_at"], one["updated_at"], "its publishing is what changed last");
    let others: Vec<_> = all["incidents"].as_array().unwrap().iter().filter(|other| *other != one).collect();
    assert!(!others.is_empty() && others.iter().all(|other| other.get("postmortem_body").is_none()), "{others:?}");
    let atom = bench.look("own-m", "/history.atom", &cookie).await.text();
    let entry = atom.split("<entry>").nth(1).unwrap();
    assert!(entry.contains(&visible_id(MUSTER_OUTAGE)), "news comes first: {atom}");
    assert!(entry.contains("Postmortem:\n# Muster outage") && !entry.contains("<script>"), "{entry}");
}

#[tokio::test]
async fn its_words_are_shown_and_never_markup() {
    let (bench, _) = status_bench();
    let cookie = cookie_of("muster", "own-m");
    let path = format!("/incidents/{}", visible_id(MUSTER_OUTAGE));
    let page = bench.look("own-m", &path, &cookie).await.text();
    for part in [
        "<h2 id=\"postmortem\">Postmortem</h2>",
        "<p>In short: learned for muster, for good. &lt;script&gt;alert(&#39;y&#39;)&lt;/script&gt;</p>",
        "<h3>Why</h3>",
        "<li>a disk &amp; a fan</li>",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    assert!(!page.contains("<script"), "{page}");
    let german = bench.look("own-m", &format!("{path}?lang=de"), &cookie).await.text();
    assert!(german.contains("<h2 id=\"postmortem\">Nachbetrachtung</h2>"), "{german}");
    assert!(german.contains("<div lang=\"en\">"), "its own language is said: {german}");
    assert!(german.contains("Muster title (deutsch)"), "{german}");
    let list = bench.look("own-m", "", &cookie).await.text();
    assert!(list.contains(&format!("/status/own-m{path}#postmortem")) && !list.contains("a disk"), "{list}");
}
