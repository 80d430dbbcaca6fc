//! Status pages: what is read, what is refused with which words.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hotline_core::status::{Audience, LOGO_MAX, Tongue};
use serde_json::{Value, json};

use crate::config::{Config, Document, load_from};

const FILE: &str = r##"
[[customers]]
id = "acme"

[[customers]]
id = "harbour"

[[services]]
id = "erp"
name = "ERP"
customer = "acme"

[[services]]
id = "mail"
name = "Mail"

[[status_pages]]
id = "all"
components = [{ service = "mail" }]

[[status_pages]]
id = "acme"
title = "Acme status"
customer = "acme"
language = "de"
time_zone = "Europe/Berlin"
accent = "#7a1f1f"
support = "tel:+493023125042"
secrets = ["0123456789abcdef0123456789abcdef"]

[[status_pages.components]]
service = "erp"
name = "Warenwirtschaft"
group = "Büro"

[[status_pages.components]]
service = "mail"
"##;

fn right() -> Config {
    load_from(FILE, Path::new("hotline.toml"), &BTreeMap::new(), false).unwrap_or_else(|error| panic!("{error}"))
}

/// What is wrong with a page of this body: field and words.
fn wrong(body: Value) -> Vec<(String, String)> {
    let document = Document { kind: "status_pages".to_owned(), id: "new".to_owned(), body };
    let mistakes = right().composer.compose(&[document]).map(|_| Vec::new()).unwrap_or_else(|mistakes| mistakes);
    mistakes
        .into_iter()
        .map(|one| {
            assert_eq!(one.document.as_deref(), Some("status-pages/new"));
            (one.field.unwrap_or_default(), one.what)
        })
        .collect()
}

#[test]
fn pages_are_read() {
    let pages = right().directory.status_pages;
    let (all, acme) = (&pages[&"all".into()], &pages[&"acme".into()]);
    assert_eq!((&all.audience, all.open, all.language), (&Audience::Everyone, true, Tongue::En));
    assert_eq!((&acme.audience, acme.open, acme.language), (&Audience::Customer("acme".into()), false, Tongue::De));
    assert_eq!(all.components[0].name, "Mail", "as the house calls it");
    assert_eq!(
        (acme.components[0].name.as_str(), acme.components[0].group.as_deref()),
        ("Warenwirtschaft", Some("Büro"))
    );
    assert_eq!((acme.title.as_str(), all.title.as_str(), acme.secrets.len()), ("Acme status", "all", 1));
    assert_eq!(wrong(json!({ "audience": "visitors", "components": [{ "service": "erp" }] })), []);
}

#[test]
fn slips_are_told_with_their_remedy() {
    let one = |body: Value| {
        let told = wrong(body);
        assert_eq!(told.len(), 1, "{told:?}");
        told.into_iter().next().unwrap()
    };
    for (body, field, words) in [
        (
            json!({ "components": [{ "service": "erp" }] }),
            "components[0].service",
            "is for everyone, but service `erp`",
        ),
        (json!({ "customer": "harbour", "components": [{ "service": "erp" }] }), "components[0].service", "`acme`'s"),
        (json!({ "components": [{ "service": "mail" }, { "service": "mail" }] }), "components[1].service", "twice"),
        (json!({ "components": [{ "service": "mial" }] }), "components[0].service", "did you mean"),
        (json!({ "customer": "acmee" }), "customer", "no customer"),
        (json!({ "audience": "customer" }), "audience", "add customer ="),
        (json!({ "customer": "acme", "audience": "everyone" }), "audience", "keep one"),
        (json!({ "audience": "world" }), "audience", "not known"),
        (json!({ "open": false }), "open", "can't be closed"),
        (json!({ "accent": "#ffcc00" }), "accent", "WCAG AA needs 4.5:1"),
        (json!({ "accent": "blue" }), "accent", "no colour"),
        (json!({ "accent_dark": "#111111" }), "accent_dark", "lighter"),
        (json!({ "language": "fr" }), "language", "not known"),
        (json!({ "time_zone": "Europe/Berln" }), "time_zone", "Europe/Berlin"),
        (json!({ "support": "javascript:alert(1)" }), "support", "mailto:"),
        (json!({ "support": "http://plain.example" }), "support", "https://"),
        (json!({ "secrets": ["short"] }), "secrets[0]", "32 characters"),
        (json!({ "logo": "<svg/>" }), "logo", "Base64"),
        (json!({ "logo": STANDARD.encode("<svg onload=alert(1)>") }), "logo", "no PNG"),
        (json!({ "logo": STANDARD.encode(vec![0; LOGO_MAX + 1]) }), "logo", "512 kB"),
        (json!({ "logo_file": "/etc/shadow" }), "logo_file", "can only stand in hotline.toml"),
        (json!({ "title": "a\nb" }), "title", "one line"),
        (json!({ "colour": "#000000" }), "colour", "knows no `colour`"),
    ] {
        let (told_field, what) = one(body.clone());
        assert_eq!(told_field, field, "{body}: {what}");
        assert!(what.contains(words), "{body}: {what}");
    }
}
