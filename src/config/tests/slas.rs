//! Customers' people and domains, services that need each other, contracts.

use hotline_core::directory::Every;
use hotline_core::fact::Priority;
use hotline_core::incident::Severity;

use super::{right, wrong};

const FILE: &str = r#"
[[customers]]
id = "acme"
name = "Acme Logistics"
language = "en"
time_zone = "Europe/London"
plan = "Gold"
domains = ["Acme.example", "acme-group.example."]

[[customers.contacts]]
id = "lea"
name = "Lea Sommer"
email = "lea@acme.example"
phone = "+44 20 79460001"
language = "de"
tell = ["email", "sms"]
severities = ["critical"]

[[customers.contacts]]
id = "otto"
email = "otto@acme.example"
tell = ["email"]

[[customers.contacts]]
id = "kim"
name = "Kim"

[[customers.reports]]
id = "monthly"
every = "month"
to = ["lea", "otto"]

[[services]]
id = "net"
customer = "acme"
category = "Infrastructure"

[[services]]
id = "mail"
customer = "acme"
depends_on = ["net"]

[[calendars]]
id = "office"
time_zone = "Europe/Berlin"
windows = [{ days = ["mon-fri"], from = "08:00", to = "18:00" }]

[[slas]]
id = "gold"
name = "Gold"
customer = "acme"
calendar = "office"
time_zone = "Europe/London"
warn_at = [90, 50]
terms = "Spare parts are not included."
targets = [
  { priority = "P1", response = "15m", resolution = "4h", update = "15m" },
  { priority = "P3", response = "2h" },
]

[[slas]]
id = "net"
customer = "acme"
category = "infrastructure"
targets = [{ priority = "P1", response = "5m" }]
"#;

#[test]
fn a_target_is_reached_within_two_years_of_its_hours() {
    let hours = |target: &str| {
        format!(
            "[[customers]]\nid = \"acme\"\nname = \"Acme\"\n[[calendars]]\nid = \"hardly\"\ntime_zone = \"Europe/Vienna\"\n\
             windows = [{{ days = [\"mon\"], from = \"10:00\", to = \"10:01\" }}]\n[[slas]]\nid = \"gold\"\ncustomer = \"acme\"\n\
             calendar = \"hardly\"\ntargets = [{{ priority = \"P1\", resolution = \"{target}\" }}]\n"
        )
    };
    let far = |target: &str| wrong(&hours(target)).into_iter().find(|one| one.contains("more than two years away"));
    let told = far("720h").unwrap();
    for part in ["`gold` promises resolution = \"43200m\" for P1", "calendar `hardly`", "only in many years"] {
        assert!(told.contains(part), "{part} in {told}");
    }
    // 150 Mondays have a date.
    let told = far("150m").unwrap();
    assert!(told.contains("only on 2"), "{told}");
}

#[test]
fn customers_people_domains_and_contracts_are_read() {
    let config = right(FILE);
    let acme = &config.directory.customers[&"acme".into()];
    assert_eq!(acme.domains, ["acme.example", "acme-group.example"]);
    assert_eq!(
        (acme.plan.as_deref(), acme.time_zone.as_ref().and_then(|zone| zone.iana_name())),
        (Some("Gold"), Some("Europe/London"))
    );
    let told: Vec<_> =
        acme.contacts.iter().map(|one| (one.id.as_str(), one.by_email, one.by_sms, one.severities.len())).collect();
    assert_eq!(told, [("lea", true, true, 1), ("otto", true, false, 3), ("kim", false, false, 0)]);
    assert_eq!(acme.contacts[0].severities, [Severity::Critical]);
    assert_eq!(acme.contacts[0].phone.as_ref().map(|phone| phone.reveal().as_str()), Some("+442079460001"));
    assert_eq!((acme.reports[0].every, acme.reports[0].attach, acme.reports[0].to.len()), (Every::Month, true, 2));
    assert_eq!(config.directory.customer_by_email("x@mail.acme.example").map(|one| one.id.0.as_str()), Some("acme"));
    assert_eq!(config.directory.services[&"net".into()].category.as_deref(), Some("infrastructure"));
    assert_eq!(config.directory.services[&"mail".into()].depends_on, ["net".into()]);
    let gold = &config.directory.slas[&"gold".into()];
    assert_eq!((gold.warn_at.as_slice(), gold.targets.len()), ([50, 90].as_slice(), 2));
    assert_eq!(gold.targets(Priority::P1).update.map(|every| every.as_mins()), Some(15));
    assert_eq!(gold.targets(Priority::P3).resolution, None);
    let hours = gold.hours(&config.directory).unwrap();
    assert_eq!(hours.time_zone.iana_name(), Some("Europe/London"));
    assert_eq!(config.directory.slas[&"net".into()].warn_at, [50, 75, 90]);
}

#[test]
fn a_domain_is_one_customers() {
    let told = wrong(
        "[[customers]]\nid = \"acme\"\ndomains = [\"x.example\"]\n[[customers]]\nid = \"nord\"\ndomains = [\"X.example\"]\n",
    );
    assert_eq!(
        told,
        [
            "hotline.toml:4: customers `acme` (hotline.toml:1) and `nord` (hotline.toml:4) both claim the e-mail domain `x.example`; leave it with one of them"
        ]
    );
    for (line, says) in [
        ("domains = [\"localhost\"]", "`localhost` is no e-mail domain"),
        ("domains = [\"a@b.example\", \"b.example\"]", "stands twice"),
        ("contacts = [{ id = \"a\", tell = [\"sms\"] }]", "is to be told by sms, but has no `phone`"),
        ("contacts = [{ id = \"a\", email = \"nobody\" }]", "this is no mailbox"),
        ("contacts = [{ id = \"a\" }, { id = \"a\" }]", "has two contacts `a`"),
        ("contacts = [{ id = \"a\", severities = [\"huge\"] }]", "`huge` is not known"),
        ("reports = [{ id = \"r\", every = \"year\", to = [] }]", "`year` is not known"),
        ("reports = [{ id = \"r\", every = \"week\", to = [\"lea\"] }]", "has no contact `lea`"),
        (
            "contacts = [{ id = \"a\" }]\nreports = [{ id = \"r\", every = \"week\", to = [\"a\"] }]",
            "contact `a` in `to` of a report",
        ),
        ("time_zone = \"Europe/Belrin\"", "did you mean `Europe/Berlin`?"),
    ] {
        let told = wrong(&format!("[[customers]]\nid = \"acme\"\n{line}\n"));
        assert!(told.iter().any(|one| one.contains(says)), "{line}: {told:?}");
    }
}

#[test]
fn services_do_not_need_each_other_in_a_circle() {
    let services = |all: &[(&str, &str)]| {
        let one = |(id, needs): &(&str, &str)| format!("[[services]]\nid = \"{id}\"\ndepends_on = [{needs}]\n");
        all.iter().map(one).collect::<String>()
    };
    let told = wrong(&services(&[("a", "\"b\""), ("b", "\"c\""), ("c", "\"a\""), ("d", "\"a\"")]));
    assert_eq!(told.len(), 3, "who only hangs on a circle is not in it: {told:?}");
    assert!(
        told[0]
            .contains("services need each other in a circle: `a` needs `b` needs `c` needs `a`; take one of them out"),
        "{told:?}"
    );
    let own = wrong(&services(&[("a", "\"a\"")]));
    assert!(own[0].contains("circle: `a` needs `a`"), "{own:?}");
    let unknown = wrong(&services(&[("a", "\"bb\"")]));
    assert!(unknown[0].contains("there is no service `bb`"), "{unknown:?}");
    right(&services(&[("a", "\"b\", \"c\""), ("b", "\"c\""), ("c", "")]));
}

const TARGETS: &str = "targets = [{ priority = \"P1\", response = \"15m\" }]";

#[test]
fn a_contract_must_be_kept_by_somebody_sometime() {
    let with = |lines: &str| {
        format!(
            "[[customers]]\nid = \"acme\"\n[[calendars]]\nid = \"never\"\ntime_zone = \"Europe/Berlin\"\nwindows = [{{ days = [], from = \"08:00\", to = \"18:00\" }}]\n[[slas]]\nid = \"gold\"\n{lines}\n"
        )
    };
    right(&with(&format!("customer = \"acme\"\n{TARGETS}")));
    for (lines, says) in [
        (
            format!("customer = \"acme\"\ncalendar = \"never\"\n{TARGETS}"),
            "calendar `never` of [[slas]] `gold` never opens within a year",
        ),
        (TARGETS.to_owned(), "has no `customer`"),
        (format!("customer = \"acne\"\n{TARGETS}"), "there is no customer `acne`; did you mean `acme`?"),
        ("customer = \"acme\"".to_owned(), "promises nothing; add [[slas.targets]]"),
        ("customer = \"acme\"\ntargets = [{ priority = \"P1\" }]".to_owned(), "promises nothing for P1"),
        ("customer = \"acme\"\ntargets = [{ response = \"15m\" }]".to_owned(), "has no `priority`"),
        ("customer = \"acme\"\ntargets = [{ priority = \"P9\", response = \"15m\" }]".to_owned(), "`P9` is not known"),
        (
            "customer = \"acme\"\ntargets = [{ priority = \"P1\", response = \"5s\" }]".to_owned(),
            "must be between 1m and 366d",
        ),
        (
            "customer = \"acme\"\ntargets = [{ priority = \"P1\", response = \"5h\", resolution = \"4h\" }]".to_owned(),
            "to be over before anybody has to answer",
        ),
        (format!("customer = \"acme\"\nwarn_at = [0, 50]\n{TARGETS}"), "whole numbers between 1 and 99"),
        (format!("customer = \"acme\"\nwarn_at = 50\n{TARGETS}"), "whole numbers between 1 and 99"),
        (format!("customer = \"acme\"\ntime_zone = \"Europe/Berlin\"\n{TARGETS}"), "says nothing without a `calendar`"),
        (
            format!("customer = \"acme\"\n{TARGETS}\n[[slas]]\nid = \"silver\"\ncustomer = \"acme\"\n{TARGETS}"),
            "are both customer `acme`'s without a category",
        ),
    ] {
        let told = wrong(&with(&lines));
        assert!(told.iter().any(|one| one.contains(says)), "{lines}: {told:?}");
    }
}
