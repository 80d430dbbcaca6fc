//! The fake's other half: alerts at a glance, notifications, the audit chain, what people say; and a busy night to look at.

use async_trait::async_trait;
use hotline_core::alert::{Alert, Status, Urgency};
use hotline_core::directory::{Absence, AlertSource, Directory, Service, Team, User};
use hotline_core::escalation::{EscalationPolicy, Progress, Step, Target};
use hotline_core::fact::Priority;
use hotline_core::ids::AlertId;
use hotline_core::oncall::{Layer, Length, Member, Override, Restriction, Rotation, Schedule, Swap};
use hotline_core::private::Private;
use jiff::Timestamp;
use jiff::civil::Weekday;
use std::time::Duration;

use super::super::hotline::http::Glances;
use super::super::hotline::store::StoreError;
use super::super::hotline::store::alerts::Audited;
use super::super::hotline::store::audit::{AuditFilter, AuditReport, AuditRow, Chain};
use super::super::hotline::store::glance::{Glance, OpenGlance};
use super::super::hotline::store::notifications::NotificationRow;
use super::super::hotline::store::read::{AlertRow, Page};
use super::{ALERT_WAITING, Fake, Kept, among, fits, id, page};

const MINUTE: i64 = 60_000;

/// What an alert has beside its row.
#[derive(Debug, Clone, Default)]
pub struct More {
    pub low: bool,
    pub service: Option<&'static str>,
    pub source: Option<&'static str>,
    pub policy: Option<&'static str>,
    pub events: u32,
    pub assigned: Option<&'static str>,
    pub snoozed_until: Option<i64>,
    pub details: Option<String>,
    pub link: Option<String>,
    pub outlook: &'static str,
    pub due: Option<i64>,
    /// `nobody-reached`, `escalation-exhausted`.
    pub warning: Option<&'static str>,
}

/// A deed of the chain.
pub fn deed(seq: i64, at: i64, actor: Option<&str>, action: &str, object: &str, detail: &str) -> AuditRow {
    AuditRow {
        node: "node-1".to_owned(),
        seq,
        id: format!("deed-{seq}"),
        at,
        actor: actor.map(str::to_owned),
        action: action.to_owned(),
        object: Some(object.to_owned()),
        detail: detail.to_owned(),
        personal: Vec::new(),
        hashes: Vec::new(),
        prev: format!("{:064x}", seq - 1),
        hash: format!("{seq:064x}"),
    }
}

fn glance(row: &AlertRow, more: &More) -> Glance {
    let at = |millis: i64| Timestamp::from_millisecond(millis).expect("a time");
    Glance {
        alert: Alert {
            id: row.id.parse().expect("an id"),
            reference: row.reference.clone(),
            status: Status::from_word(&row.status).expect("a status"),
            priority: Priority::from_word(&row.priority).expect("a priority"),
            urgency: if more.low { Urgency::Low } else { Urgency::High },
            title: row.title.clone(),
            customer: row.customer.as_deref().map(Into::into),
            service: more.service.map(Into::into),
            number: (!row.number.is_empty()).then(|| row.number.as_str().into()),
            call: row.call_id.as_ref().and_then(|id| id.parse().ok()),
            call_running: false,
            caller: row.caller.clone().map(Private::new),
            source: more.source.map(Into::into),
            dedup_key: None,
            group_key: None,
            merged_into: None,
            events: more.events.max(1),
            assigned: more.assigned.map(Into::into),
            snoozed_until: more.snoozed_until.map(at),
            policy: more.policy.map(Into::into),
            began: None,
            opened_at: at(row.created_at),
            acknowledged_at: row.acknowledged_at.map(at),
            last_event_at: at(row.created_at + 90_000),
            progress: Progress { round: 1, step: 1, due: more.due.or(row.next_ring_at).map(at), ..Progress::default() },
        },
        details: more.details.clone().map(Private::new),
        link: more.link.clone(),
        acknowledged_by: row.acknowledged_by.clone(),
        resolved_at: row.resolved_at.map(at),
        resolved_by: row.resolved_by.clone(),
        rings: row.rings.try_into().unwrap_or(0),
    }
}

#[async_trait]
impl Glances for Fake {
    async fn open_glance(&self, customers: Option<&[String]>, limit: u32) -> Result<OpenGlance, StoreError> {
        self.read(|kept| {
            let seen = |row: &&AlertRow| row.status != "resolved" && among(customers, row.customer.as_deref());
            let mut rows: Vec<&AlertRow> = kept.alerts.iter().filter(seen).collect();
            rows.sort_by_key(|row| {
                (row.status != "triggered", row.priority.clone(), std::cmp::Reverse(row.created_at))
            });
            let of = |status: &str| rows.iter().filter(|row| row.status == status).count() as u64;
            let (waiting, acknowledged) = (of("triggered"), of("acknowledged"));
            rows.truncate(limit as usize);
            let alerts =
                rows.iter().map(|row| glance(row, &kept.more.get(&row.id).cloned().unwrap_or_default())).collect();
            OpenGlance { alerts, waiting, acknowledged }
        })
    }
    async fn glance(&self, id: AlertId) -> Result<Option<Glance>, StoreError> {
        self.read(|kept| {
            let row = kept.alerts.iter().find(|row| row.id == id.to_string())?;
            Some(glance(row, &kept.more.get(&row.id).cloned().unwrap_or_default()))
        })
    }
    async fn unreached(&self, alerts: &[AlertId]) -> Result<Vec<(AlertId, String)>, StoreError> {
        self.read(|kept| {
            let word = |id: &AlertId| kept.more.get(&id.to_string())?.warning;
            alerts.iter().filter_map(|id| Some((*id, word(id)?.to_owned()))).collect()
        })
    }
    async fn notifications_of(&self, alert: AlertId) -> Result<Vec<NotificationRow>, StoreError> {
        let id = alert.to_string();
        self.read(|kept| {
            kept.notifications.iter().filter(|row| row.alert_id.as_deref() == Some(id.as_str())).cloned().collect()
        })
    }
    async fn audit_list(
        &self,
        filter: &AuditFilter,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<AuditRow>, StoreError> {
        self.read(|kept| {
            let rows = kept.audit.iter().rev().filter(|row| {
                fits(filter.actor.as_ref(), row.actor.as_deref())
                    && fits(filter.object.as_ref(), row.object.as_deref())
                    && filter.action.as_ref().is_none_or(|action| row.action.starts_with(action.as_str()))
            });
            page(rows.cloned().collect(), cursor, limit)
        })?
    }
    async fn audit_walk(
        &self,
        _: &AuditFilter,
        after: Option<(&str, i64)>,
        limit: u32,
    ) -> Result<Vec<AuditRow>, StoreError> {
        let from = after.map_or(0, |(_, seq)| seq);
        self.read(|kept| kept.audit.iter().filter(|row| row.seq > from).take(limit as usize).cloned().collect())
    }
    async fn note_audit(&self, deed: Audited) -> Result<(), StoreError> {
        let at = self.now.as_millisecond();
        self.write(|kept| {
            let seq = kept.audit.len() as i64 + 1;
            let row = self::deed(seq, at, Some(&deed.actor), &deed.action, &deed.object, &deed.detail);
            let personal = deed.personal.into_iter().map(|(field, value)| (field, Some(value))).collect();
            kept.audit.push(AuditRow { personal, ..row });
        })
    }
    async fn audit_verify(&self) -> Result<AuditReport, StoreError> {
        self.read(|kept| AuditReport {
            chains: vec![Chain {
                node: "node-1".to_owned(),
                entries: kept.audit.len() as u64,
                erased: 2,
                head: "fd61".to_owned(),
                broken: None,
            }],
            queued: 0,
        })
    }
}

impl Fake {
    /// What this alert is said to do next, if something special.
    pub fn outlook(&self, alert: &Alert) -> Option<(String, Option<Timestamp>)> {
        let kept = self.kept.lock();
        let text = kept.more.get(&alert.id.to_string())?.outlook;
        Some((text.to_owned(), alert.progress.due.filter(|_| !text.is_empty())))
    }

    /// A bad night: 40 alerts of tools, long titles, everything that can be shown.
    pub fn busy(now: Timestamp) -> Self {
        let mut fake = Self::night(now);
        let mut directory = (*fake.directory).clone();
        furnish(&mut directory);
        plan(&mut directory, now);
        fake.real = true;
        fake.directory = std::sync::Arc::new(directory);
        fake.kept.lock().storm(now.as_millisecond());
        fake
    }
}

/// Services, teams, a source and a policy.
fn furnish(directory: &mut Directory) {
    let service = |id: &str, name: &str, customer: Option<&str>| Service {
        id: id.into(),
        name: name.to_owned(),
        customer: customer.map(Into::into),
        team: Some("platform".into()),
        policy: Some("around-the-clock".into()),
        support: None,
        priority: Some(Priority::P2),
        ..Default::default()
    };
    for one in [
        service("mail", "E-Mail & Kalender", Some("muster")),
        service("warehouse", "Warehouse scanners and booking", Some("acme")),
        service("backup", "Backup", None),
    ] {
        directory.services.insert(one.id.clone(), one);
    }
    let team = Team {
        id: "platform".into(),
        name: "Plattform & Netze".to_owned(),
        members: vec!["engineer-1".into(), "engineer-2".into()],
    };
    directory.teams.insert(team.id.clone(), team);
    let step = |targets: Vec<Target>, minutes: u64| Step {
        targets,
        wait: Duration::from_secs(minutes * 60),
        priorities: Vec::new(),
        urgency: None,
    };
    let policy = EscalationPolicy {
        id: "around-the-clock".into(),
        name: "Around the clock".to_owned(),
        steps: vec![
            step(vec![Target::Schedule("on-call".into())], 5),
            step(vec![Target::User("engineer-2".into()), Target::Team("platform".into())], 10),
        ],
        repeat: 2,
        unacknowledge_after: Some(Duration::from_hours(2)),
    };
    directory.default_policy = Some(policy.id.clone());
    directory.policies.insert(policy.id.clone(), policy);
    let source = AlertSource {
        id: "zabbix".into(),
        name: "Zabbix (Rechenzentrum Nürnberg)".to_owned(),
        key_sha256: [7; 32],
        secrets: Vec::new(),
        customer: Some("muster".into()),
        service: Some("mail".into()),
        policy: None,
        priority: None,
        mapping: Vec::new(),
        group_window: None,
    };
    directory.sources.insert(source.id.clone(), source);
}

/// Two schedules with layers, overrides, a swap, absences and a gap.
fn plan(directory: &mut Directory, now: Timestamp) {
    let zone = jiff::tz::TimeZone::get("Europe/Berlin").unwrap_or(jiff::tz::TimeZone::UTC);
    let people = [
        ("engineer-3", "Anneliese Müller-Lüdenscheidt"),
        ("engineer-4", "Jörg Weiß"),
        ("engineer-5", "Çağla Öztürk"),
        ("engineer-6", "Maximilian von und zu Hohenstein-Rothenburg"),
    ];
    for (id, name) in people {
        let phones = directory.users[&"engineer-1".into()].phones.clone();
        let user = User {
            id: id.into(),
            name: name.to_owned(),
            phones,
            skills: vec!["network".to_owned()],
            ..User::default()
        };
        directory.users.insert(user.id.clone(), user);
    }
    let in_days = |days: i64| now + jiff::SignedDuration::from_hours(days * 24);
    if let Some(user) = directory.users.get_mut(&"engineer-4".into()) {
        user.absences.push(Absence { from: in_days(2), to: in_days(6), reason: "Urlaub".to_owned() });
    }
    let rotation = |members: &[&str], length: Length, start: &str| {
        let members = members.iter().map(|id| Member::User((*id).into())).collect();
        Rotation::new(members, length, start.parse().expect("a local time"), zone.clone())
    };
    let nights = Layer {
        name: "Nächte".to_owned(),
        restrictions: vec![Restriction::Day(hotline_core::call::flow::HoursWindow {
            days: vec![
                Weekday::Monday,
                Weekday::Tuesday,
                Weekday::Wednesday,
                Weekday::Thursday,
                Weekday::Friday,
                Weekday::Saturday,
                Weekday::Sunday,
            ],
            from: jiff::civil::time(20, 0, 0, 0),
            to: jiff::civil::time(8, 0, 0, 0),
        })],
        ..Layer::new(
            "nights",
            rotation(&["engineer-3", "engineer-4", "engineer-5"], Length::Days(1), "2026-01-05T20:00:00"),
        )
    };
    let days = Layer {
        name: "Days".to_owned(),
        ..Layer::new(
            "days",
            rotation(&["engineer-1", "engineer-2", "engineer-6"], Length::Weeks(1), "2026-01-05T09:00:00"),
        )
    };
    let overrides = vec![Override {
        user: "engineer-6".into(),
        from: in_days(4),
        to: in_days(5),
        reason: "Umzug des Rechenzentrums".to_owned(),
        ..Override::default()
    }];
    let swaps = vec![Swap {
        id: "swap-1".to_owned(),
        giver: "engineer-3".into(),
        taker: Some("engineer-5".into()),
        from: in_days(1),
        to: in_days(3),
        reason: "Zahnarzt".to_owned(),
    }];
    let first = Schedule {
        id: "platform".into(),
        name: "Plattform, rund um die Uhr".to_owned(),
        time_zone: zone.clone(),
        layers: vec![nights.clone(), days],
        overrides,
        swaps,
        ..Schedule::default()
    };
    let second = Schedule {
        id: "nights-only".into(),
        name: "Second line (nights)".to_owned(),
        time_zone: zone.clone(),
        layers: vec![nights],
        ..Schedule::default()
    };
    for schedule in [first, second] {
        directory.schedules.insert(schedule.id.clone(), schedule);
    }
}

/// Titles as tools write them.
const TITLES: [&str; 10] = [
    "Exchange-Transportdienst auf mx-ex-02.intern.mustermann-soehne.example antwortet nicht (Warteschlange 4.812 Nachrichten, steigend)",
    "Disk space on /var below 5 %",
    "Temperaturüberschreitung Serverraum 2. OG: 34,5 °C",
    "Zertifikat von portal.mustermann.example läuft in 3 Tagen ab",
    "HTTP 502 from https://booking.acme.example/api/v2/warehouse/scanner-sessions/heartbeat?region=eu-central&tenant=acme-logistics-ltd",
    "Backup job „Täglich 02:00 – Fileserver Hamburg-Altona“ fehlgeschlagen",
    "CPU load on db-01 above 90 % for 15 min",
    "Leitung Nürnberg–Wien: Paketverlust 18 %",
    "VPN-Gateway Außenstelle Bad Königshofen im Grabfeld nicht erreichbar",
    "Host switch-0815 down",
];

impl Kept {
    fn storm(&mut self, now: i64) {
        for number in 0..40_u128 {
            let nth = number as usize;
            let alert = id(500 + number).to_string();
            let (status, customer) =
                (["triggered", "triggered", "acknowledged"][nth % 3], [Some("muster"), Some("acme"), None][nth % 3]);
            let created = now - (2 + number as i64 * 7) * MINUTE;
            let taken = status == "acknowledged";
            self.alerts.push(AlertRow {
                id: alert.clone(),
                reference: format!("{}", 100_200 + number),
                status: status.to_owned(),
                priority: ["P2", "P3", "P1", "P4", "P3", "P5"][nth % 6].to_owned(),
                title: TITLES[nth % TITLES.len()].to_owned(),
                customer: customer.map(str::to_owned),
                number: String::new(),
                call_id: None,
                caller: None,
                created_at: created,
                acknowledged_at: taken.then_some(created + 4 * MINUTE),
                acknowledged_by: taken
                    .then(|| ["engineer-1", "login anneliese.wintermantel", "token chatops"][nth % 9 / 3].to_owned()),
                resolved_at: None,
                resolved_by: None,
                ..AlertRow::default()
            });
            let more = More {
                low: nth % 7 == 3,
                service: [Some("mail"), Some("warehouse"), Some("backup"), None][nth % 4],
                source: Some("zabbix"),
                policy: Some("around-the-clock"),
                events: [1, 1, 312, 2][nth % 4],
                assigned: (nth % 8 == 1).then_some("engineer-2"),
                snoozed_until: (nth % 11 == 10).then_some(now + 55 * MINUTE),
                details: nth.is_multiple_of(2).then(|| "Problem: queue length 4812 > 500\nHost: mx-ex-02\nItem: exchange.queue[submission]\nTrigger: Warteschlange zu lang (über 10 min)".to_owned()),
                link: Some("https://zabbix.example/tr_events.php?triggerid=4711&eventid=815".to_owned()),
                outlook: if taken { "" } else { "step 2: Ben Sommer and everybody of Plattform & Netze" },
                due: (!taken).then_some(now + (1 + number as i64 % 5) * MINUTE),
                warning: [None, Some("nobody-reached"), None, None, None, None, Some("escalation-exhausted")][nth % 7].filter(|_| nth < 8),
            };
            self.more.insert(alert, more);
        }
        self.told(now);
        for seq in 1..=60_i64 {
            let (actor, action, object, detail) = [
                (
                    Some("login ann"),
                    "alert.acknowledge",
                    "alert:019aab2c-7d11-7000-8000-000000000065",
                    "{\"reference\":\"4711\"}",
                ),
                (
                    Some("engineer-1"),
                    "user.put",
                    "user:engineer-2",
                    "{\"fields\":[\"contacts\",\"absences\"],\"version\":7}",
                ),
                (
                    Some("the hotline"),
                    "escalation-step",
                    "alert:019aab2c-7d11-7000-8000-000000000065",
                    "{\"round\":1,\"step\":2}",
                ),
                (None, "login.succeeded", "login", "{}"),
                (Some("stranger"), "login.failed", "login", "{}"),
                (
                    Some("token terraform"),
                    "escalation-policy.put",
                    "escalation-policy:around-the-clock",
                    "{\"version\":12}",
                ),
            ][seq as usize % 6];
            self.audit.push(deed(seq, now - (61 - seq) * 3 * MINUTE, actor, action, object, detail));
        }
    }

    fn told(&mut self, now: i64) {
        let rows = [
            ("engineer-1", "ntfy", "delivered", 6, "on call by schedule on-call, first choice"),
            (
                "engineer-1",
                "call",
                "no-answer",
                5,
                "on call by schedule on-call; rings at once because the urgency is high",
            ),
            ("engineer-2", "sms", "failed", 3, "step 2 of policy around-the-clock"),
            ("engineer-2", "call", "sending", 1, "step 2 of policy around-the-clock"),
        ];
        for (alert, (nth, (user, by, state, ago, why))) in [id(ALERT_WAITING), id(500)]
            .into_iter()
            .flat_map(|alert| rows.iter().enumerate().map(move |row| (alert, row)))
        {
            let over = !matches!(*state, "sending" | "waiting");
            self.notifications.insert(
                0,
                NotificationRow {
                    id: id(800 + nth as u128).to_string(),
                    alert_id: Some(alert.to_string()),
                    user_id: Some((*user).to_owned()),
                    channel: None,
                    by: (*by).to_owned(),
                    kind: "alert".to_owned(),
                    state: (*state).to_owned(),
                    due_at: now - ago * MINUTE,
                    attempts: if *state == "failed" { 8 } else { 1 },
                    note: (*state == "failed").then(|| "the provider answered 503 each time".to_owned()),
                    why: (*why).to_owned(),
                    created_at: now - ago * MINUTE,
                    finished_at: over.then_some(now - ago * MINUTE + 20_000),
                },
            );
        }
    }
}
