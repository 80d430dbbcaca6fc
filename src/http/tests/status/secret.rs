//! Two customers against each other: on every representation, with guessed ids, forged tokens and whatever caches keep.

use super::super::*;
use super::fixture::*;

fn holds_none(answer: &Answer, words: &[&str], what: &str) {
    let whole = answer.whole();
    for word in words {
        assert!(!whole.contains(word), "{what}: `{word}` in {whole}");
    }
}

fn ids(of: &[u128]) -> Vec<String> {
    of.iter().map(|n| visible_id(*n)).collect()
}

#[tokio::test]
async fn nobody_sees_a_word_of_anothers() {
    let (bench, _) = status_bench();
    let (acmes, musters) = (ids(&[ACME_OUTAGE]), ids(&[MUSTER_OUTAGE]));
    let hidden = ids(&[DRILL, DRAFTED]);
    // Page, cookie, what must not be there.
    let acme = |page| (page, cookie_of("acme", page), [&MUSTERS[..]].concat(), musters.clone());
    let muster = |page| (page, cookie_of("muster", page), [&ACMES[..]].concat(), acmes.clone());
    let both = || ([&ACMES[..], &MUSTERS[..]].concat(), [acmes.clone(), musters.clone()].concat());
    let stranger = |page, cookie: String| (page, cookie, both().0, both().1);
    let looks = [
        stranger("all", String::new()),
        stranger("all", cookie_of("acme", "all")),
        stranger("open-visitors", String::new()),
        acme("own-a"),
        acme("visitors"),
        acme("open-visitors"),
        muster("own-m"),
        muster("visitors"),
        muster("open-visitors"),
    ];
    // Twice and mixed: what one's look put on the shelf is not given to the next.
    for round in 0..2 {
        for (page, cookie, words, others) in &looks {
            for rest in REPRESENTATIONS {
                let answer = bench.look(page, rest, cookie).await;
                let what = format!("round {round}: {page}{rest}");
                assert_eq!(answer.status, StatusCode::OK, "{what}: {}", answer.whole());
                holds_none(&answer, words, &what);
                holds_none(&answer, &INSIDE, &what);
                for id in others.iter().chain(&hidden) {
                    assert!(!answer.whole().contains(id), "{what}: {id}");
                }
            }
        }
    }
    // And what they may see is there.
    let own = bench.look("visitors", "", &cookie_of("acme", "visitors")).await.text();
    for word in ["Acme public ERP", "words for acme", "mail words for acme", "mail words for all"] {
        assert!(own.contains(word), "{word}");
    }
    let own = bench.look("own-m", "/api/v2/incidents.json", &cookie_of("muster", "own-m")).await.text();
    assert!(own.contains("words for muster") && own.contains("mail words for muster"), "{own}");
}

#[tokio::test]
async fn guessed_ids_are_like_ids_that_never_were() {
    let (bench, _) = status_bench();
    for (page, cookie) in
        [("own-a", cookie_of("acme", "own-a")), ("visitors", cookie_of("acme", "visitors")), ("all", String::new())]
    {
        let never = bench.look(page, &format!("/incidents/{}", visible_id(0x999)), &cookie).await;
        assert_eq!(never.status, StatusCode::NOT_FOUND);
        for n in [MUSTER_OUTAGE, DRILL, DRAFTED] {
            let guessed = bench.look(page, &format!("/incidents/{}", visible_id(n)), &cookie).await;
            assert_eq!(guessed.whole(), never.whole(), "{page} {n:x}");
        }
        for odd in [
            "/incidents/../../own-m",
            "/incidents/%2e%2e",
            "/incidents/1%27",
            "/api/v2/users.json",
            "/api/v2/incidents/x.json",
        ] {
            assert_eq!(bench.look(page, odd, &cookie).await.status, StatusCode::NOT_FOUND, "{page}{odd}");
        }
    }
    let own =
        bench.look("own-a", &format!("/incidents/{}", visible_id(ACME_OUTAGE)), &cookie_of("acme", "own-a")).await;
    assert_eq!(own.status, StatusCode::OK);
}

#[tokio::test]
async fn a_page_that_one_may_not_see_is_like_a_page_that_never_was() {
    let (bench, _) = status_bench();
    let expired = signed("v1", "a secret of the portal, forty characters", "acme", "own-a", -1);
    let too_long = signed("v1", "a secret of the portal, forty characters", "acme", "own-a", 3_600 * 24 * 40);
    let other_secret = signed("v1", "another secret of forty characters or so", "acme", "own-a", 600);
    let good = portal("acme", "own-a");
    let swapped = {
        // Another's payload with a good signature.
        let (theirs, ours) = (portal("acme", "own-a"), portal("muster", "own-a"));
        let (mut theirs, ours) = (theirs.split('.').map(str::to_owned).collect::<Vec<_>>(), ours);
        theirs[1] = ours.split('.').nth(1).unwrap().to_owned();
        theirs.join(".")
    };
    let forged = [
        String::new(),
        "v1".to_owned(),
        "v1..".to_owned(),
        good.replace("v1.", "m1."),
        good.replace("v1.", "v2."),
        format!("{good}.x"),
        format!("{good}0"),
        good[..good.len() - 1].to_owned(),
        portal("acme", "visitors"),
        portal("muster", "own-a"),
        portal("muster", "own-m"),
        portal("stranger", "own-a"),
        signed("v1", "", "acme", "own-a", 600),
        // Mailed ones name a domain of the customer's.
        signed("m1", "the key of mailed links", "acme", "own-a", 600),
        expired,
        too_long,
        other_secret,
        swapped,
        "x".repeat(5_000),
    ];
    for rest in REPRESENTATIONS {
        // The same name in the address: it is told back.
        let never = bench.look("own-x", rest, "").await;
        let never = never.whole().replace("own-x", "own-a");
        for token in &forged {
            let cookie = format!("hotline-visitor={token}");
            let answer = bench.look("own-a", rest, &cookie).await;
            assert_eq!(answer.whole(), never, "{rest} with {token}");
        }
        let program = bench.ask(Method::GET, &format!("/status/own-a{rest}"), &[], "").await;
        let nowhere = bench.ask(Method::GET, &format!("/status/own-x{rest}"), &[], "").await;
        assert_eq!(program.whole(), nowhere.whole(), "{rest}");
        assert_eq!(program.problem(404), "status-page-not-found");
    }
    let allowed = bench.look("own-a", "", &format!("a=b; hotline-visitor={good}; c=d")).await;
    assert_eq!(allowed.status, StatusCode::OK);
    assert_eq!(bench.look("own-a", "/logo", "").await.status, StatusCode::NOT_FOUND, "not even the picture");
    assert_eq!(bench.look("own-a", "/logo", &format!("hotline-visitor={good}")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_token_leaves_the_address_and_becomes_a_cookie() {
    let (bench, _) = status_bench();
    let token = portal("acme", "own-a");
    let answer = bench.look("own-a", &format!("/history?visitor={token}&lang=de"), "").await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/status/own-a/history?lang=de"));
    let cookie = answer.header("set-cookie");
    for part in ["Path=/status/own-a;", "HttpOnly", "SameSite=Lax", "Secure", "Max-Age="] {
        assert!(cookie.contains(part), "{part}: {cookie}");
    }
    assert_eq!(answer.header("cache-control"), "private, no-store");
    let with = bench.look("own-a", "/history?lang=de", cookie.split(';').next().unwrap()).await;
    assert_eq!(with.status, StatusCode::OK);
    // One that is worth nothing leads to the same place without a cookie, as does any for a page that is not there.
    for (page, token) in [("own-a", "v1.x.y"), ("own-x", token.as_str()), ("own-m", token.as_str())] {
        let answer = bench.look(page, &format!("?visitor={token}"), "").await;
        assert_eq!((answer.status, answer.header("set-cookie")), (StatusCode::SEE_OTHER, ""), "{page}");
    }
}

#[tokio::test]
async fn what_is_private_is_kept_by_nobody_and_what_is_public_for_a_moment() {
    let (bench, _) = status_bench();
    for rest in REPRESENTATIONS.into_iter().chain(["/logo"]) {
        let public = bench.look("all", rest, "").await;
        let kept = if rest == "/subscribe" { "private, no-store" } else { "public, max-age=1" };
        assert_eq!(public.header("cache-control"), kept, "{rest}");
        for (page, customer) in [("own-a", "acme"), ("visitors", "acme"), ("open-visitors", "muster")] {
            let private = bench.look(page, rest, &cookie_of(customer, page)).await;
            assert_eq!(private.header("cache-control"), "private, no-store", "{page}{rest}");
            assert!(private.header("vary").contains("Cookie"), "{page}{rest}");
            assert_eq!(private.header("x-robots-tag"), "noindex", "{page}{rest}");
            assert_eq!(private.header("cross-origin-resource-policy"), "same-origin", "{page}{rest}");
            assert_eq!(private.header("access-control-allow-origin"), "", "{page}{rest}");
        }
        let open = bench.look("open-visitors", rest, "").await;
        assert!(open.header("vary").contains("Cookie"), "{rest}: a shared cache must not mix visitors");
    }
    assert_eq!(bench.look("all", "/badge.svg", "").await.header("cross-origin-resource-policy"), "cross-origin");
    assert_eq!(bench.look("all", "/api/v2/status.json", "").await.header("access-control-allow-origin"), "*");
    // One visitor's tag is no other's.
    let acme = bench.look("visitors", "", &cookie_of("acme", "visitors")).await;
    let tag = acme.header("etag").to_owned();
    let headers = [("cookie", cookie_of("muster", "visitors")), ("if-none-match", tag)];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(bench.ask(Method::GET, "/status/visitors", &headers, "").await.status, StatusCode::OK);
}

#[tokio::test]
async fn staff_see_what_their_login_lets_them() {
    let (bench, _) = status_bench();
    let get = async |role: &str, customers: &str, path: &str| {
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
        bench.ask(Method::GET, path, &[("authorization", &bearer), ("cookie", "x=y")], "").await
    };
    for (role, customers, path, status) in [
        ("admin", "", "/status/own-a", 200),
        ("engineer", "", "/status/own-m", 200),
        ("stakeholder", "acme", "/status/own-a", 200),
        ("stakeholder", "acme", "/status/own-m", 404),
        ("engineer", "muster", "/status/own-a", 404),
        ("stakeholder", "", "/status/own-a", 404),
        ("stakeholder", "", "/status/visitors", 404),
    ] {
        let answer = get(role, customers, path).await;
        assert_eq!(answer.status.as_u16(), status, "{role} of {customers}: {path}");
    }
    let acmes = get("stakeholder", "acme", "/status/visitors").await;
    holds_none(&acmes, &MUSTERS, "a stakeholder of acme");
    assert!(acmes.text().contains("Acme public ERP"));
    holds_none(&get("stakeholder", "acme", "/status/visitors?as=muster").await, &MUSTERS, "asking for another's eyes");
    let both = get("stakeholder", "acme muster", "/status/visitors").await;
    holds_none(&both, &[&ACMES[..], &MUSTERS[..]].concat(), "of two customers, without saying which");
    assert!(get("admin", "", "/status/visitors?as=muster").await.text().contains("Muster public Lager"));
}
