//! Tokens, and what is planned for whom.

use hotline_core::directory::{Customer, Directory};
use hotline_core::private::Private;
use hotline_core::status::{Audience, Brand, Colour, StatusPage, Tongue};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use uuid::Uuid;

use super::token::{self, Purpose, Said};

const OLD: &str = "the secret before this one, long enough";
const NEW: &str = "the secret of today, which is long enough";

fn now() -> Timestamp {
    "2026-11-22T09:00:00Z".parse().unwrap()
}

fn page(id: &str, secrets: &[&str]) -> StatusPage {
    StatusPage {
        id: id.into(),
        title: id.to_owned(),
        audience: Audience::Visitors,
        open: false,
        components: Vec::new(),
        brand: Brand { name: None, logo: None, accent: Colour(0, 0, 0), accent_dark: Colour(255, 255, 255) },
        language: Tongue::En,
        time_zone: TimeZone::UTC,
        support: None,
        secrets: secrets.iter().map(|secret| Private::from(*secret)).collect(),
    }
}

fn directory() -> Directory {
    let mut directory = Directory::default();
    for id in ["acme", "globex"] {
        let domains = vec![format!("{id}.example")];
        directory.customers.insert(id.into(), Customer { id: id.into(), domains, ..Customer::default() });
    }
    directory
}

fn said(customer: &str, visitor: &str, for_s: i64) -> Said {
    Said { customer: customer.to_owned(), visitor: visitor.to_owned(), expires: now().as_second() + for_s }
}

#[test]
fn while_a_secret_is_changed_both_open_and_then_only_the_new_one() {
    let made = |secret: &str| token::make("v1", &Private::from(secret), &page("desk", &[]), &said("acme", "ada", 600));
    let opens = |token: &str, secrets: &[&str]| {
        token::read(token, &page("desk", secrets), None, &directory(), now()).map(|one| one.customer.0)
    };
    for (token, secrets, who) in [
        (made(OLD), &[OLD][..], Some("acme")),
        (made(OLD), &[NEW, OLD][..], Some("acme")),
        (made(NEW), &[NEW, OLD][..], Some("acme")),
        (made(OLD), &[NEW][..], None),
        (made(NEW), &[][..], None),
    ] {
        assert_eq!(opens(&token, secrets).as_deref(), who, "{secrets:?}");
    }
}

#[test]
fn a_token_is_one_pages_and_no_longer_than_it_may_be() {
    let (secret, desk) = (Private::from(NEW), page("desk", &[NEW]));
    let other = page("other", &[NEW]);
    let read = |token: &str, page: &StatusPage| token::read(token, page, None, &directory(), now());
    let token = |customer: &str, for_s: i64| token::make("v1", &secret, &desk, &said(customer, "ada", for_s));
    assert_eq!(read(&token("acme", 600), &desk).map(|one| one.for_s), Some(600));
    assert_eq!(read(&token("acme", 600), &other), None, "the same secret, another page");
    assert_eq!(read(&token("acme", 0), &desk), None);
    assert_eq!(read(&token("acme", token::PORTAL_MAX_S + 301), &desk), None);
    assert_eq!(read(&token("nobody", 600), &desk), None);
    let bytes = token("acme", 600);
    for at in 0..bytes.len() {
        let mut changed = bytes.clone().into_bytes();
        changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
        let changed = String::from_utf8(changed).unwrap();
        assert_eq!(read(&changed, &desk), None, "byte {at}");
    }
}

#[test]
fn a_mailed_cookie_ends_with_the_domain() {
    let (key, desk) = (Private::from("the key"), page("desk", &[]));
    let token = token::make("m1", &key, &desk, &said("acme", "acme.example", 600));
    let mut directory = directory();
    assert!(token::read(&token, &desk, Some(&key), &directory, now()).is_some());
    assert!(token::read(&token, &desk, None, &directory, now()).is_none());
    assert!(token::read(&token, &desk, Some(&Private::from("another")), &directory, now()).is_none());
    directory.customers.get_mut(&"acme".into()).unwrap().domains.clear();
    assert!(token::read(&token, &desk, Some(&key), &directory, now()).is_none(), "it is nobody's by now");
    directory.customers.get_mut(&"globex".into()).unwrap().domains.push("acme.example".to_owned());
    assert!(token::read(&token, &desk, Some(&key), &directory, now()).is_none(), "it is another's by now");
}

#[test]
fn a_link_does_one_thing_for_one() {
    let (key, id) = (Private::from("the key"), Uuid::from_u128(7));
    let confirm = token::link(&key, Purpose::Confirm, id);
    assert_eq!(token::read_link(&key, Purpose::Confirm, &confirm), Some(id));
    for wrong in [Purpose::Unsubscribe, Purpose::Access] {
        assert_eq!(token::read_link(&key, wrong, &confirm), None);
    }
    assert_eq!(token::read_link(&Private::from("another"), Purpose::Confirm, &confirm), None);
    for odd in ["", "x", "%%%", &confirm[1..], &format!("{confirm}A"), &"A".repeat(200)] {
        assert_eq!(token::read_link(&key, Purpose::Confirm, odd), None, "{odd}");
    }
    assert_ne!(token::webhook_secret(&key, id), token::webhook_secret(&key, Uuid::from_u128(8)));
}
