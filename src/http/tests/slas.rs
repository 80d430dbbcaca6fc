//! Contracts, signing, promises, reports: whose they are, and what bad input gets.

use serde_json::json;

use super::super::fake::*;
use super::*;

const SPAN: &str = "from=2026-11-01T00:00:00Z&to=2026-11-22T03:00:00Z";

impl Bench {
    async fn say_json(&self, path: &str, body: &Value) -> Answer {
        let headers = [("authorization", &*format!("Bearer {TOKEN}")), ("content-type", "application/json")];
        self.ask(Method::POST, path, &headers, &body.to_string()).await
    }

    async fn table(&self, path: &str, body: &str) -> Answer {
        let headers = [("authorization", &*format!("Bearer {TOKEN}")), ("content-type", "text/csv; charset=utf-8")];
        self.ask(Method::POST, path, &headers, body).await
    }
}

#[tokio::test]
async fn revisions_are_the_customers() {
    let bench = bench();
    let list = bench.get("/api/v1/slas/gold/revisions").await.json();
    let told: Vec<_> =
        list["items"].as_array().unwrap().iter().map(|one| (one["revision"].clone(), one["signed"].clone())).collect();
    assert_eq!(told, [(json!(2), json!(true)), (json!(1), json!(false))]);
    assert_eq!(list["items"][0]["customer"]["name"], "Acme Logistics");
    assert_eq!((&list["items"][0]["until"], &list["items"][1]["until"]), (&json!(null), &list["items"][0]["since"]));
    assert_eq!(list["items"][0]["signatures"][0]["signed_name"], "Lea Sommer");
    let own = bench.get_as("stakeholder", "acme", "/api/v1/slas/gold/revisions/2").await;
    assert_eq!((own.status, own.json()["revision"].clone()), (StatusCode::OK, json!(2)));
    for (path, code) in [
        ("gold/revisions", "sla-not-found"),
        ("gold/revisions/2", "sla-not-found"),
        ("nothing/revisions", "sla-not-found"),
    ] {
        let answer = bench.get_as("stakeholder", "muster", &format!("/api/v1/slas/{path}")).await;
        assert_eq!(answer.problem(404), code, "{path}");
        assert!(!answer.text().contains("Acme"), "{}", answer.text());
    }
    for number in ["3", "0", "-1", "x", "99999999999999999999"] {
        assert_eq!(
            bench.get(&format!("/api/v1/slas/gold/revisions/{number}")).await.problem(404),
            "revision-not-found"
        );
    }
}

#[tokio::test]
async fn who_configures_asks_for_signatures() {
    let bench = bench();
    let ask = async |number: &str, contact: &str| {
        bench
            .say_json(
                &format!("/api/v1/slas/gold/revisions/{number}/request-signature"),
                &json!({ "contact": contact }),
            )
            .await
    };
    let asked = ask("2", "lea").await;
    assert_eq!((asked.status, asked.json()["name"].clone()), (StatusCode::ACCEPTED, json!("Lea Sommer")));
    assert!(!asked.text().contains("token") || !asked.text().contains(SIGN_TOKEN), "{}", asked.text());
    assert_eq!(ask("2", "nobody").await.problem(404), "contact-not-found");
    assert_eq!(ask("x", "lea").await.problem(404), "revision-not-found");
    assert_eq!(ask("2", "nomail").await.problem(409), "signature-not-requested");
    let wrong =
        bench.say_json("/api/v1/slas/gold/revisions/2/request-signature", &json!({ "mail": "eve@evil.example" })).await;
    assert_eq!(wrong.problem(400), "invalid-body");
}

#[tokio::test]
async fn a_link_shows_and_signs_without_a_login() {
    let bench = bench();
    let link = format!("/sign/{SIGN_TOKEN}");
    let open = bench.ask(Method::GET, &link, &[("accept", "text/html")], "").await;
    assert_eq!(open.status, StatusCode::OK);
    for word in [
        "Service level agreement: Gold",
        "Between Example IT and Acme Logistics, Revision 2",
        "15 min",
        "&#60;b&#62;Spare parts",
    ] {
        assert!(open.text().contains(word), "{word}: {}", open.text());
    }
    assert!(!open.text().contains("<b>Spare") && !open.text().contains("Signed by"), "{}", open.text());
    assert_eq!(open.header("x-robots-tag"), "noindex");
    assert_eq!((open.header("referrer-policy"), open.header("cache-control")), ("no-referrer", "private, no-store"));
    let form = [("content-type", "application/x-www-form-urlencoded"), ("accept", "text/html")];
    for half in ["name=Lea+Sommer", "confirm=yes", "name=+&confirm=yes", "name=L&confirm=yes", ""] {
        let answer = bench.ask(Method::POST, &link, &form, half).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{half}");
        assert!(answer.text().contains("Write your name"), "{}", answer.text());
    }
    let long = format!("name={}&confirm=yes", "L".repeat(121));
    assert_eq!(bench.ask(Method::POST, &link, &form, &long).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let signed = bench.ask(Method::POST, &link, &form, "name=%3Cscript%3ELea&confirm=yes").await;
    assert_eq!(signed.status, StatusCode::OK);
    assert!(signed.text().contains("Signed by <b>&#60;script&#62;Lea</b>"), "{}", signed.text());
    for gone in ["/sign/x", &format!("/sign/{}", "a".repeat(5_000))] {
        let answer = bench.ask(Method::GET, gone, &[("accept", "text/html")], "").await;
        assert_eq!(answer.status, StatusCode::GONE);
        assert!(!answer.text().contains("Acme"), "{}", answer.text());
    }
}

#[tokio::test]
async fn an_alert_says_what_was_promised() {
    let bench = bench();
    let alert = bench.get(&path("/api/v1/alerts", ALERT_WAITING, "")).await.json();
    let clock = &alert["promises"]["clocks"][0];
    assert_eq!(
        (&clock["promise"], &clock["sla"], &clock["share"], &clock["state"]),
        (&json!("resolution"), &json!("gold"), &json!(25), &json!("running"))
    );
    let say = async |alert, body: Value| bench.say_json(&path("/api/v1/alerts", alert, "/waiting"), &body).await;
    assert_eq!(say(ALERT_WAITING, json!({ "waiting": true })).await.status, StatusCode::OK);
    assert_eq!(say(ALERT_RESOLVED, json!({ "waiting": true })).await.problem(409), "alert-resolved");
    assert_eq!(say(9_999, json!({ "waiting": true })).await.problem(404), "alert-not-found");
    assert_eq!(say(ALERT_WAITING, json!({ "waiting": "yes" })).await.problem(400), "invalid-body");
    assert_eq!(say(ALERT_WAITING, json!({})).await.problem(400), "invalid-body");
    let cookie = bench.log_in("ann").await;
    let page = bench.browse(&path("/alerts", ALERT_WAITING, ""), &cookie).await.text();
    assert!(page.contains("Wait for the customer") && page.contains("Gold, revision 2"), "{page}");
    let headers = [("cookie", cookie.as_str()), ("origin", "http://hotline.test"), ("accept", "text/html")];
    let pressed = bench
        .ask(
            Method::POST,
            &path("/alerts", ALERT_WAITING, "/waiting"),
            &[headers[0], headers[1], headers[2], ("content-type", "application/x-www-form-urlencoded")],
            "",
        )
        .await;
    assert_eq!(pressed.status, StatusCode::SEE_OTHER, "{}", pressed.text());
}

#[tokio::test]
async fn reports_are_of_those_whom_the_viewer_sees() {
    let bench = bench();
    let of = async |role: &str, customers: &str, report: &str| {
        bench
            .get_as(
                role,
                customers,
                &format!("/api/v1/reports/{report}{}{SPAN}", if report.contains('?') { "&" } else { "?" }),
            )
            .await
    };
    let all = of("engineer", "", "mtta").await.json();
    let acme = of("stakeholder", "acme", "mtta").await.json();
    let count = |report: &Value| report["all"]["known"].as_u64().unwrap() + report["all"]["unknown"].as_u64().unwrap();
    assert!(count(&acme) > 0 && count(&acme) < count(&all), "{acme} {all}");
    for report in ["mttd", "mtta", "mttr", "sla", "hotline", "noise"] {
        let seen = of("stakeholder", "acme", report).await;
        assert_eq!(seen.status, StatusCode::OK, "{report}: {}", seen.text());
        assert!(!seen.text().contains("muster") && !seen.text().contains("Mustermann"), "{report}: {}", seen.text());
        assert_eq!(
            of("stakeholder", "acme", &format!("{report}?customer=muster")).await.problem(404),
            "customer-not-found"
        );
        assert_eq!(
            of("stakeholder", "", report).await.json()["by_customer"].as_array().map_or(0, Vec::len),
            0,
            "{report}"
        );
        let csv = of("engineer", "", &format!("{report}?format=csv")).await;
        assert_eq!((csv.status, csv.header("content-type")), (StatusCode::OK, "text/csv; charset=utf-8"), "{report}");
        assert!(csv.text().lines().count() > 1, "{report}: {}", csv.text());
    }
    let load = of("engineer", "", "on-call-load?format=csv").await;
    assert!(load.text().starts_with("user,name,times,asleep,nights,days\n"), "{}", load.text());
    let sla = of("engineer", "", "sla").await.json();
    assert_eq!(
        (&sla["all"]["kept"], &sla["all"]["broken"], &sla["all"]["rate"]),
        (&json!(1), &json!(2), &json!(33.33))
    );
    let own = of("stakeholder", "acme", "sla?customer=acme").await.json();
    assert_eq!((&own["all"]["broken"], &own["breaches"][0]["reference"]), (&json!(1), &json!("1001")));
}

#[tokio::test]
async fn reports_refuse_what_they_do_not_know() {
    let bench = bench();
    for (path, status, code) in [
        ("nothing", 404, "report-not-found"),
        ("mtta?customer=nobody", 404, "customer-not-found"),
        ("mtta?format=xml", 400, "invalid-parameter"),
        ("mtta?period=year", 400, "invalid-parameter"),
        ("mtta?from=2026-11-22T00:00:00Z&to=2026-11-21T00:00:00Z", 400, "invalid-parameter"),
        ("mtta?from=2020-01-01T00:00:00Z&to=2026-01-01T00:00:00Z", 400, "invalid-parameter"),
        ("mtta?colour=red", 400, "invalid-parameter"),
        ("readiness?x=1", 400, "invalid-parameter"),
    ] {
        assert_eq!(bench.get(&format!("/api/v1/reports/{path}")).await.problem(status), code, "{path}");
    }
    assert_eq!(bench.get_as("stakeholder", "acme", "/api/v1/reports/readiness").await.problem(403), "role-not-enough");
    assert_eq!(bench.get_as("engineer", "acme", "/api/v1/reports/readiness").await.problem(403), "role-not-enough");
    let ready = bench.get("/api/v1/reports/readiness").await.json();
    assert_eq!(ready["ready"], ready["missing"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn pages_of_promises_and_reports() {
    let bench = bench();
    let cookie = bench.log_in("ann").await;
    for (path, words) in [
        ("/slas", vec!["What was promised to customers"]),
        ("/slas/gold", vec!["Service level agreement: Gold", "Revision 1", "Lea Sommer", "nobody was asked to sign"]),
        (&*format!("/reports?{SPAN}"), vec!["How long it took", "Promises that were broken", "<svg class=\"chart\""]),
        (&*format!("/reports?customer=acme&period=day&{SPAN}"), vec!["Acme Logistics"]),
        ("/readiness", vec!["What would fail if it happened tonight"]),
    ] {
        let page = bench.browse(path, &cookie).await;
        assert_eq!(page.status, StatusCode::OK, "{path}: {}", page.text());
        for word in words {
            assert!(page.text().contains(word), "{path}: {word}: {}", page.text());
        }
        assert!(!page.text().contains("style=\""), "{path}: the policy forbids inline styles");
    }
    assert_eq!(bench.browse("/slas/none", &cookie).await.status, StatusCode::NOT_FOUND);
    let nobody = bench.log_in("sam").await;
    for path in ["/slas", &*format!("/reports?{SPAN}")] {
        let page = bench.browse(path, &nobody).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(!page.text().contains("Acme") && !page.text().contains("Mustermann"), "{path}: {}", page.text());
    }
    assert_eq!(bench.browse("/slas/gold", &nobody).await.status, StatusCode::NOT_FOUND);
    assert_eq!(bench.browse("/readiness", &nobody).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_table_of_customers_is_taken_whole() {
    let bench = bench();
    let table = "id,name,domains\nnord,Nordlicht,nord.example\nsued,Südlicht,sued.example\n";
    let dry = bench.table("/api/v1/customers/import?dry_run=true", table).await;
    assert_eq!((dry.status, dry.json()["created"].clone()), (StatusCode::OK, json!(2)), "{}", dry.text());
    assert_eq!(bench.get("/api/v1/customers/nord").await.problem(404), "customer-not-found");
    let done = bench.table("/api/v1/customers/import", table).await.json();
    assert_eq!(done["customers"][1], json!({ "line": 3, "id": "sued", "became": "created" }));
    assert_eq!(bench.get("/api/v1/customers/sued").await.json()["domains"], json!(["sued.example"]));
    let wrong = bench.table("/api/v1/customers/import", "id,retention_days\nwest,many\n").await;
    assert_eq!(wrong.problem(422), "invalid-table");
    assert_eq!(wrong.json()["errors"][0]["field"], "line 2, column retention_days");
    assert_eq!(bench.get("/api/v1/customers/west").await.status, StatusCode::NOT_FOUND);
    assert_eq!(bench.say_json("/api/v1/customers/import", &json!({})).await.problem(415), "unsupported-media-type");
    assert_eq!(bench.table("/api/v1/customers/import?dry_run=1", table).await.problem(400), "invalid-parameter");
    let engineer = bench.ask(Method::POST, "/api/v1/customers/import", &[("content-type", "text/csv")], table).await;
    assert_eq!(engineer.problem(401), "unauthorized");
}
