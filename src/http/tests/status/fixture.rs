//! A house with two customers, five pages and six incidents.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use hotline_core::directory::{Customer, Directory, Language, Service};
use hotline_core::fact::Actor;
use hotline_core::ids::{CustomerId, DrillId, IncidentId, PostmortemId, ServiceId, StatusPageId, UpdateId};
use hotline_core::incident::{Affected, Impact, Incident, Kind, Phase, Severity, Update, UpdateState};
use hotline_core::postmortem::Published;
use hotline_core::private::Private;
use hotline_core::status::{Audience, Brand, Colour, Component, Existence, Lessons, Logo, StatusPage, Tongue};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use uuid::Uuid;

use super::super::*;
use crate::clock::now;
use crate::http::status::StatusDesk;
use crate::store::StoreError;
use crate::store::status::Subscription;
use crate::switch::status::Snapshot;
use crate::switch::status::subscribe::{Followed, Offers};
use crate::switch::status::token::{self, Believed, Purpose, Said};

pub const ACME_OUTAGE: u128 = 0xA1;
pub const MUSTER_OUTAGE: u128 = 0xB2;
pub const MAIL_OUTAGE: u128 = 0xC3;
pub const DRILL: u128 = 0xD4;
pub const DRAFTED: u128 = 0xE5;
pub const PLANNED: u128 = 0xF6;

/// Everything of one customer that no eye but theirs may see.
pub const ACMES: [&str; 7] =
    ["acme-erp", "Acme public ERP", "Acme title", "words for acme", "mail words for acme", "Acme GmbH", "Acme group"];
pub const MUSTERS: [&str; 8] = [
    "muster-lager",
    "Muster public Lager",
    "Muster title",
    "words for muster",
    "mail words for muster",
    "Muster AG",
    "Muster group",
    "learned for muster",
];
/// The house's own.
pub const INSIDE: [&str; 9] = [
    "internal",
    "secret writer",
    "secret releaser",
    "INC-",
    "draft words",
    "drill words",
    "Drill title",
    "Drafted title",
    "too early to learn",
];

const SECRET: &str = "a secret of the portal, forty characters";
const MAIL_KEY: &str = "the key of mailed links";

pub fn visible_id(n: u128) -> String {
    Uuid::from_u128(n).to_string()
}

fn service(id: &str, customer: Option<&str>) -> Service {
    Service {
        id: ServiceId::from(id),
        name: format!("internal name of {id}"),
        customer: customer.map(CustomerId::from),
        ..Service::default()
    }
}

fn directory() -> Directory {
    let mut directory = Directory::default();
    for (id, name) in [("acme", "Acme GmbH"), ("muster", "Muster AG")] {
        let domains = vec![format!("{id}.example")];
        let customer = Customer { id: id.into(), name: name.to_owned(), domains, ..Customer::default() };
        directory.customers.insert(id.into(), customer);
    }
    for (id, owner) in [("acme-erp", Some("acme")), ("muster-lager", Some("muster")), ("mail", None)] {
        directory.services.insert(id.into(), service(id, owner));
    }
    for (id, audience, open, language) in [
        ("all", Audience::Everyone, true, Tongue::En),
        ("own-a", Audience::Customer("acme".into()), false, Tongue::De),
        ("own-m", Audience::Customer("muster".into()), false, Tongue::En),
        ("visitors", Audience::Visitors, false, Tongue::En),
        ("open-visitors", Audience::Visitors, true, Tongue::En),
    ] {
        directory.status_pages.insert(id.into(), page(id, audience, open, language));
    }
    directory
}

fn page(id: &str, audience: Audience, open: bool, language: Tongue) -> StatusPage {
    let component = |service: &str, name: &str, group: Option<&str>| Component {
        service: service.into(),
        name: name.to_owned(),
        group: group.map(str::to_owned),
        description: Some(format!("About {name} <img src=x onerror=alert(1)>")),
    };
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    png.extend_from_slice(&[0; 17]);
    png.extend_from_slice(b"\0\0\0\0IEND\xae\x42\x60\x82");
    StatusPage {
        id: StatusPageId::from(id),
        title: "Status <b>of</b> \"services\" & more".to_owned(),
        audience,
        open,
        components: vec![
            component("acme-erp", "Acme public ERP", Some("Acme group")),
            component("muster-lager", "Muster public Lager", Some("Muster group")),
            component("mail", "Mail <i>for</i> all", None),
        ],
        brand: Brand {
            name: Some("Beispiel IT <script>".to_owned()),
            logo: Logo::read(&png).ok(),
            accent: Colour(0x0b, 0x53, 0x94),
            accent_dark: Colour(0x86, 0xc8, 0xf2),
        },
        language,
        time_zone: TimeZone::get("Europe/Berlin").unwrap(),
        support: Some("mailto:help@msp.example".to_owned()),
        secrets: vec![Private::from("the new one, which no portal has yet"), Private::from(SECRET)],
    }
}

fn ago(minutes: i64) -> Timestamp {
    now().wall - SignedDuration::from_mins(minutes)
}

pub fn update(n: u128, minutes_ago: i64, phase: Phase, text: &str, states: &[(&str, Impact)]) -> Update {
    Update {
        id: UpdateId(Uuid::from_u128(n)),
        at: ago(minutes_ago),
        by: Actor::Login("secret writer".to_owned()),
        phase,
        heading: None,
        text: text.to_owned(),
        translations: vec![(Language("de".to_owned()), format!("auf Deutsch: {text}"))],
        customers: Vec::new(),
        affected: states.iter().map(|(id, impact)| Affected { service: (*id).into(), impact: *impact }).collect(),
        named: Vec::new(),
        state: UpdateState::Published { at: ago(minutes_ago), by: Actor::Login("secret releaser".to_owned()) },
    }
}

fn incident(n: u128, title: &str, updates: Vec<Update>) -> Incident {
    Incident {
        id: IncidentId(Uuid::from_u128(n)),
        reference: format!("INC-{n}"),
        kind: Kind::Fault,
        title: "internal title".to_owned(),
        public_title: Some(title.to_owned()),
        public_titles: vec![(Language("de".to_owned()), format!("{title} (deutsch)"))],
        severity: Severity::Major,
        worst: Severity::Major,
        phase: Phase::Identified,
        affected: Vec::new(),
        customers: Vec::new(),
        roles: Vec::new(),
        tasks: Vec::new(),
        alerts: Vec::new(),
        calls: Vec::new(),
        updates,
        began: None,
        detected_at: ago(70),
        opened_at: ago(65),
        opened_by: Actor::System,
        resolved_at: None,
        scheduled: None,
        by_itself: false,
        drill: None,
        update_due: None,
        update_told: 0,
        tell_when_over: Vec::new(),
        ever: Vec::new(),
        additions: Vec::new(),
        version: 1,
    }
}

pub fn incidents() -> Vec<Incident> {
    let hostile = "<script>alert('x')</script> & \u{1}]]> words for acme";
    let down = Impact::MajorOutage;
    let acme = incident(
        ACME_OUTAGE,
        "Acme title <img src=x>",
        vec![
            update(1, 60, Phase::Investigating, hostile, &[("acme-erp", down)]),
            update(2, 30, Phase::Identified, "words for acme\nin two lines", &[("acme-erp", Impact::PartialOutage)]),
        ],
    );
    let mut muster = incident(
        MUSTER_OUTAGE,
        "Muster title",
        vec![update(3, 50, Phase::Investigating, "words for muster", &[("muster-lager", down)])],
    );
    muster.phase = Phase::Resolved;
    muster.resolved_at = Some(ago(10));
    let mut mail = incident(
        MAIL_OUTAGE,
        "Mail is slow",
        vec![
            update(4, 40, Phase::Investigating, "mail words for all", &[("mail", Impact::DegradedPerformance)]),
            update(
                5,
                35,
                Phase::Identified,
                "mail words for acme",
                &[("mail", Impact::DegradedPerformance), ("acme-erp", down)],
            ),
            update(6, 34, Phase::Identified, "mail words for muster", &[("mail", Impact::DegradedPerformance)]),
            update(7, 20, Phase::Identified, "draft words", &[("mail", down)]),
        ],
    );
    mail.updates[1].customers = vec!["acme".into()];
    mail.updates[2].customers = vec!["muster".into()];
    mail.updates[3].state = UpdateState::Draft;
    let mut drill =
        incident(DRILL, "Drill title", vec![update(8, 25, Phase::Investigating, "drill words", &[("mail", down)])]);
    drill.drill = Some(DrillId(Uuid::from_u128(1)));
    let mut drafted =
        incident(DRAFTED, "Drafted title", vec![update(9, 25, Phase::Investigating, "draft words", &[("mail", down)])]);
    drafted.updates[0].state = UpdateState::Review;
    let mut planned = incident(
        PLANNED,
        "New mail server",
        vec![update(10, 15, Phase::Scheduled, "tonight", &[("mail", Impact::UnderMaintenance)])],
    );
    (planned.kind, planned.phase) = (Kind::Maintenance, Phase::Scheduled);
    planned.scheduled = Some((ago(-120), ago(-180)));
    vec![acme, muster, mail, drill, drafted, planned]
}

/// Published postmortems: of what is over for Muster, of what goes on, of what nobody was told.
pub fn lessons() -> Lessons {
    let text = "# Muster outage\n\nIn short: learned for muster, **for good**. <script>alert('y')</script>\n\n## Why\n\n- a disk & a fan\n- \u{1}]]>";
    let lesson = |n: u128, text: &str| {
        let published = Published {
            id: PostmortemId(Uuid::from_u128(n + 1)),
            at: ago(5),
            language: "en".to_owned(),
            text: text.to_owned(),
        };
        (IncidentId(Uuid::from_u128(n)), published)
    };
    let early = "too early to learn";
    [lesson(MUSTER_OUTAGE, text), lesson(ACME_OUTAGE, early), lesson(DRILL, early), lesson(DRAFTED, early)].into()
}

/// What is behind the pages.
pub struct FakeDesk {
    pub snapshot: Mutex<Option<Arc<Snapshot>>>,
    pub asked: Mutex<Vec<(String, String)>>,
    pub subscribed: Mutex<Vec<Subscription>>,
    /// Links that work: purpose, page, token.
    pub good: (&'static str, &'static str),
}

impl FakeDesk {
    pub fn swap(&self, incidents: Vec<Incident>) {
        let mut snapshot = self.snapshot.lock();
        let before = snapshot.as_ref().unwrap();
        *snapshot = Some(Arc::new(Snapshot {
            generation: before.generation + 1,
            directory: before.directory.clone(),
            incidents: Arc::new(incidents),
            since: before.since.clone(),
            lessons: before.lessons.clone(),
        }));
    }

    /// Other postmortems are published.
    pub fn learn(&self, lessons: Lessons) {
        let mut snapshot = self.snapshot.lock();
        let before = snapshot.as_ref().unwrap();
        *snapshot = Some(Arc::new(Snapshot {
            generation: before.generation + 1,
            directory: before.directory.clone(),
            incidents: before.incidents.clone(),
            since: before.since.clone(),
            lessons: Arc::new(lessons),
        }));
    }

    fn follow(&self, page: &str, token: &str) -> Followed {
        if (page, token) == self.good { Followed::Done } else { Followed::Worthless }
    }
}

#[async_trait]
impl StatusDesk for FakeDesk {
    fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.snapshot.lock().clone()
    }
    fn offers(&self) -> Offers {
        Offers { mail: true, webhook: true }
    }
    async fn visitor(&self, page: &StatusPage, token: &str) -> Option<Believed> {
        let directory = self.snapshot()?.directory.clone();
        token::read(token, page, Some(&Private::from(MAIL_KEY)), &directory, now().wall)
    }
    fn ask_access(&self, page: &str, address: &str, _: Tongue) {
        self.asked.lock().push((page.to_owned(), address.to_owned()));
    }
    async fn look_access(&self, page: &str, token: &str) -> Result<Followed, StoreError> {
        Ok(self.follow(page, token))
    }
    async fn use_access(&self, page: &str, token: &str) -> Result<Option<(String, i64)>, StoreError> {
        Ok((self.follow(page, token) == Followed::Done).then(|| ("m1.cookie.value".to_owned(), 60)))
    }
    fn subscribe(&self, wanted: Subscription) {
        self.subscribed.lock().push(wanted);
    }
    async fn look_subscription(&self, _: Purpose, page: &str, token: &str) -> Result<Followed, StoreError> {
        Ok(self.follow(page, token))
    }
    async fn confirm(&self, page: &str, token: &str) -> Result<Followed, StoreError> {
        Ok(self.follow(page, token))
    }
    async fn unsubscribe(&self, page: &str, token: &str) -> Result<Followed, StoreError> {
        Ok(self.follow(page, token))
    }
    async fn subscribers(&self) -> Result<BTreeMap<StatusPageId, [i64; 3]>, StoreError> {
        Ok(BTreeMap::from([("all".into(), [12, 3, 1])]))
    }
}

/// The router with this desk behind its status pages.
pub fn status_bench() -> (Bench, Arc<FakeDesk>) {
    let bench = bench();
    let since: Existence =
        ["acme-erp", "muster-lager", "mail"].into_iter().map(|id| (ServiceId::from(id), ago(60 * 24 * 20))).collect();
    let snapshot = Snapshot {
        generation: 1,
        directory: Arc::new(directory()),
        incidents: Arc::new(incidents()),
        since: Arc::new(since),
        lessons: Arc::new(lessons()),
    };
    let desk = Arc::new(FakeDesk {
        snapshot: Mutex::new(Some(Arc::new(snapshot))),
        asked: Mutex::default(),
        subscribed: Mutex::default(),
        good: ("own-a", "good-token"),
    });
    let settings =
        HttpSettings { public_url: Some("https://status.msp.example".to_owned()), ..super::super::settings() };
    let state = AppState::with_status(settings, bench.fake.clone(), bench.fake.clone(), Some(desk.clone()));
    (Bench { app: router(state.clone()), fake: bench.fake, state }, desk)
}

/// A portal's token for a page.
pub fn portal(customer: &str, page: &str) -> String {
    signed("v1", SECRET, customer, page, 600)
}

pub fn signed(kind: &str, secret: &str, customer: &str, page: &str, for_s: i64) -> String {
    let directory = directory();
    let page = directory.status_pages.get(&page.into()).expect("one of the pages");
    let expires = now().wall.as_second() + for_s;
    let said = Said { customer: customer.to_owned(), visitor: "ada@portal".to_owned(), expires };
    token::make(kind, &Private::from(secret), page, &said)
}

/// The cookie of somebody whose portal vouches for them.
pub fn cookie_of(customer: &str, page: &str) -> String {
    format!("hotline-visitor={}", portal(customer, page))
}

/// Everything that a page has.
pub const REPRESENTATIONS: [&str; 17] = [
    "",
    "?lang=de",
    "?lang=en",
    "/history",
    "/api/v2/summary.json",
    "/api/v2/status.json",
    "/api/v2/components.json",
    "/api/v2/incidents.json",
    "/api/v2/incidents/unresolved.json",
    "/api/v2/scheduled-maintenances.json",
    "/api/v2/scheduled-maintenances/active.json",
    "/api/v2/scheduled-maintenances/upcoming.json",
    "/history.atom",
    "/history.rss",
    "/badge.svg",
    "/subscribe",
    "/style.css",
];

impl Bench {
    /// As a browser with a cookie (`""`: none).
    pub async fn look(&self, page: &str, rest: &str, cookie: &str) -> Answer {
        let path = format!("/status/{page}{rest}");
        let headers: &[(&str, &str)] =
            if cookie.is_empty() { &[("accept", "text/html")] } else { &[("accept", "text/html"), ("cookie", cookie)] };
        self.ask(Method::GET, &path, headers, "").await
    }
}

impl Answer {
    /// Everything that was sent.
    pub fn whole(&self) -> String {
        format!("{} {:?}\n{}", self.status, self.headers, self.text())
    }
}
