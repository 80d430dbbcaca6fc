//! A store and a switch in memory, with a night's worth of calls: for the tests here and for
//! `examples/page_preview.rs`, which includes this file.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use hotline_core::alert::Command;
use hotline_core::call::CallView;
use hotline_core::call::supervise::{Supervise, SupervisorAnswer};
use hotline_core::directory::code;
use hotline_core::directory::{Directory, Language};
use hotline_core::fact::{Actor, Priority};
use hotline_core::ids::{AlertId, CallId, NotificationId, PhoneId, RecordingId, TrunkId, UserId};
use hotline_core::notify::Planned;
use hotline_core::oncall::{Member, OnCall, OnCallPerson, Schedule};
use hotline_core::private::Private;
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::broadcast;
use uuid::Uuid;

use super::hotline::http::{Board, Records, Replies};
use super::hotline::rtp::MediaCounters;
use super::hotline::sip::{Registered, SipCounters, Transport, TrunkState};
use super::hotline::store::alerts::Audited;
use super::hotline::store::audit::AuditRow;
use super::hotline::store::documents::CodeRow;
use super::hotline::store::idempotency::{Answered, Claim};
use super::hotline::store::notifications::NotificationRow;
use super::hotline::store::read::{
    AlertFilter, AlertRow, CallFilter, CallRow, LegRow, LoginRow, Page, RecordingRow, TimelineRow, TokenRow,
};
use super::hotline::store::{OpenAlert, Store, StoreError};
use super::hotline::switch::documents::{DocumentError, Done, Expect, InForce, Write};
use super::hotline::switch::supervise::SuperviseError;
use super::hotline::switch::{AlertError, Change, Health};

#[path = "fake_glances.rs"]
mod glances;

pub use glances::More;
#[path = "fake_desk.rs"]
mod desk;
#[path = "fake_night.rs"]
mod night;
#[path = "fake_sla.rs"]
mod sla;
#[path = "fake_sound.rs"]
mod sound;
pub use sla::SIGN_TOKEN;
#[path = "fake_pages.rs"]
mod pages;
#[path = "fake_things.rs"]
mod things;
use things::shown;

use pages::{among, fits, page};

const WEEK: i64 = 7 * 86_400;

/// What is kept.
#[derive(Default)]
pub struct Kept {
    pub calls: Vec<CallRow>,
    pub legs: Vec<(String, LegRow)>,
    pub recordings: Vec<RecordingRow>,
    pub alerts: Vec<AlertRow>,
    pub timeline: Vec<TimelineRow>,
    pub logins: BTreeMap<String, LoginRow>,
    pub tokens: Vec<TokenRow>,
    pub idempotency: BTreeMap<(String, String), (String, Option<Answered>)>,
    pub codes: BTreeMap<(String, String), CodeRow>,
    pub notified: Vec<(Planned, Option<String>)>,
    pub sessions: BTreeMap<String, (String, i64)>,
    pub live: Vec<CallView>,
    pub health: Health,
    /// What alerts have beside their rows, by id.
    pub more: BTreeMap<String, More>,
    pub notifications: Vec<NotificationRow>,
    pub audit: Vec<AuditRow>,
}

/// Store and switch in one.
pub struct Fake {
    pub kept: Mutex<Kept>,
    pub directory: Arc<Directory>,
    pub in_force: Mutex<Arc<InForce>>,
    pub changes: broadcast::Sender<Change>,
    /// The database is away.
    pub away: AtomicBool,
    /// The journal keeps nothing.
    pub full: AtomicBool,
    /// The next read panics.
    pub panics: AtomicBool,
    /// What answers from outside lead to.
    pub replies: Option<Arc<dyn Replies>>,
    /// What comes of ringing a supervisor's phone, if it is not that it rings.
    pub supervision: Mutex<Option<SuperviseError>>,
    /// Who is on call as the core says, not by simple turns.
    pub real: bool,
    pub folder: PathBuf,
    /// What people said to alerts, as it came.
    pub said: Mutex<Vec<(AlertId, Command)>>,
    /// Secret addresses of feeds: hash, kind, whose.
    pub feeds: Mutex<Vec<(String, String, String)>>,
    /// A real store, where a test has one.
    pub store: std::sync::OnceLock<Store>,
    now: Timestamp,
}

/// The id with this number.
pub fn id(number: u128) -> Uuid {
    Uuid::from_u128(0x019a_ab2c_7d11_7000_8000_0000_0000_0000 + number)
}

pub const CALL_VOICEMAIL: u128 = 1;
pub const CALL_TAKEN: u128 = 2;
pub const CALL_HOSTILE: u128 = 3;
pub const CALL_RING: u128 = 4;
pub const CALL_LIVE: u128 = 5;
pub const CALL_REPORTED: u128 = 6;
pub const ALERT_WAITING: u128 = 101;
pub const ALERT_TAKEN: u128 = 102;
pub const ALERT_HOSTILE: u128 = 103;
pub const ALERT_RESOLVED: u128 = 104;
pub const RECORDING_WHAT: u128 = 203;
pub const RECORDING_LIVE: u128 = 290;
pub const RECORDING_UNFINISHED: u128 = 291;
pub const RECORDING_LOST: u128 = 292;
/// What a hostile phone might call itself.
pub const HOSTILE: &str = "\"><script>alert(document.cookie)</script><img src=x onerror=alert(1)>";

impl Fake {
    /// Nothing has happened yet.
    pub fn empty() -> Self {
        let folder = std::env::temp_dir().join(format!("hotline-fake-{}", Uuid::from_u128(rand::random())));
        let health = Health { takes_calls: true, ..Health::default() };
        Self {
            kept: Mutex::new(Kept { health, ..Kept::default() }),
            directory: Arc::new(things::directory()),
            in_force: Mutex::new(Arc::new(things::in_force())),
            changes: broadcast::channel(64).0,
            away: AtomicBool::new(false),
            full: AtomicBool::new(false),
            store: std::sync::OnceLock::new(),
            panics: AtomicBool::new(false),
            replies: None,
            supervision: Mutex::default(),
            real: false,
            folder,
            said: Mutex::default(),
            feeds: Mutex::default(),
            now: Timestamp::UNIX_EPOCH,
        }
    }

    /// A night with everything in it, ending at `now`.
    pub fn night(now: Timestamp) -> Self {
        let mut fake = Self::empty();
        fake.now = now;
        std::fs::create_dir_all(&fake.folder).expect("the temporary folder can be written");
        {
            let mut kept = fake.kept.lock();
            kept.fill(now.as_millisecond());
            let finished: Vec<_> = kept.recordings.iter().filter(|row| row.duration_ms.is_some()).cloned().collect();
            for row in finished {
                let number = row.id.parse::<Uuid>().expect("ids are UUIDs");
                if number != id(RECORDING_UNFINISHED) && number != id(RECORDING_LOST) {
                    fake.write_wav(RecordingId(number), row.duration_ms.unwrap_or(1_000));
                }
            }
        }
        fake
    }

    fn read<T>(&self, what: impl FnOnce(&Kept) -> T) -> Result<T, StoreError> {
        assert!(!self.panics.swap(false, Ordering::SeqCst), "a panic that a test asked for");
        if self.away.load(Ordering::SeqCst) {
            return Err(StoreError::Database("database is locked".to_owned()));
        }
        Ok(what(&self.kept.lock()))
    }

    fn write<T>(&self, what: impl FnOnce(&mut Kept) -> T) -> Result<T, StoreError> {
        if self.away.load(Ordering::SeqCst) {
            return Err(StoreError::Database("database is locked".to_owned()));
        }
        Ok(what(&mut self.kept.lock()))
    }

    fn change_alert(&self, alert: AlertId, change: impl FnOnce(&mut AlertRow)) -> Result<(), AlertError> {
        if self.full.load(Ordering::SeqCst) {
            return Err(AlertError::NotKept("no space left on device".to_owned()));
        }
        let mut kept = self.kept.lock();
        let row = kept
            .alerts
            .iter_mut()
            .find(|row| row.id == alert.to_string() && row.status != "resolved")
            .ok_or(AlertError::NotOpen)?;
        change(row);
        drop(kept);
        let _ = self.changes.send(Change::Alert(alert));
        Ok(())
    }
}

#[async_trait]
impl Records for Fake {
    fn store(&self) -> Option<&Store> {
        self.store.get()
    }
    async fn calls(&self, filter: &CallFilter, cursor: Option<&str>, limit: u32) -> Result<Page<CallRow>, StoreError> {
        self.read(|kept| {
            let mut rows: Vec<_> = kept
                .calls
                .iter()
                .filter(|row| {
                    fits(filter.number.as_ref(), Some(&row.number))
                        && fits(filter.outcome.as_ref(), row.outcome.as_deref())
                        && fits(filter.customer.as_ref(), row.customer.as_deref())
                        && among(filter.customers.as_deref(), row.customer.as_deref())
                        && fits(filter.direction.as_ref(), Some(&row.direction))
                })
                .cloned()
                .collect();
            rows.sort_by_key(|row| std::cmp::Reverse(row.started_at));
            page(rows, cursor, limit)
        })?
    }
    async fn call(&self, id: &str) -> Result<Option<CallRow>, StoreError> {
        self.read(|kept| kept.calls.iter().find(|row| row.id == id).cloned())
    }
    async fn legs(&self, call: &str) -> Result<Vec<LegRow>, StoreError> {
        self.read(|kept| kept.legs.iter().filter(|(of, _)| of == call).map(|(_, leg)| leg.clone()).collect())
    }
    async fn recordings(&self, call: &str) -> Result<Vec<RecordingRow>, StoreError> {
        self.read(|kept| kept.recordings.iter().filter(|row| row.call_id == call).cloned().collect())
    }
    async fn recording(&self, id: &str) -> Result<Option<RecordingRow>, StoreError> {
        self.read(|kept| kept.recordings.iter().find(|row| row.id == id).cloned())
    }
    async fn alerts(
        &self,
        filter: &AlertFilter,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<AlertRow>, StoreError> {
        self.read(|kept| {
            let mut rows: Vec<_> = kept
                .alerts
                .iter()
                .filter(|row| {
                    fits(filter.status.as_ref(), Some(&row.status))
                        && fits(filter.priority.as_ref(), Some(&row.priority))
                        && (!filter.open || row.status != "resolved")
                        && fits(filter.service.as_ref(), row.service.as_deref())
                        && fits(filter.source.as_ref(), row.source.as_deref())
                        && fits(filter.assigned.as_ref(), row.assigned.as_deref())
                        && filter.search.as_ref().is_none_or(|words| {
                            row.reference == *words || row.title.to_lowercase().contains(&words.to_lowercase())
                        })
                        && fits(filter.customer.as_ref(), row.customer.as_deref())
                        && among(filter.customers.as_deref(), row.customer.as_deref())
                })
                .cloned()
                .collect();
            rows.sort_by_key(|row| std::cmp::Reverse(row.created_at));
            page(rows, cursor, limit)
        })?
    }
    async fn alert(&self, id: &str) -> Result<Option<AlertRow>, StoreError> {
        self.read(|kept| kept.alerts.iter().find(|row| row.id == id).cloned())
    }
    async fn call_timeline(&self, call: &str) -> Result<Vec<TimelineRow>, StoreError> {
        self.read(|kept| kept.timeline.iter().filter(|row| row.call_id.as_deref() == Some(call)).cloned().collect())
    }
    async fn alert_timeline(&self, alert: &str) -> Result<Vec<TimelineRow>, StoreError> {
        self.read(|kept| kept.timeline.iter().filter(|row| row.alert_id.as_deref() == Some(alert)).cloned().collect())
    }
    async fn login(&self, name: &str) -> Result<Option<LoginRow>, StoreError> {
        self.read(|kept| kept.logins.get(name).cloned())
    }
    async fn put_login(&self, login: &LoginRow) -> Result<(), StoreError> {
        self.write(|kept| drop(kept.logins.insert(login.name.clone(), login.clone())))
    }
    async fn token(&self, hash: &str) -> Result<Option<TokenRow>, StoreError> {
        self.read(|kept| kept.tokens.iter().find(|row| row.hash == hash).cloned())
    }
    async fn tokens(&self) -> Result<Vec<TokenRow>, StoreError> {
        self.read(|kept| kept.tokens.clone())
    }
    async fn add_token(&self, token: &TokenRow) -> Result<bool, StoreError> {
        self.write(|kept| {
            let free = kept.tokens.iter().all(|known| known.name != token.name);
            if free {
                kept.tokens.push(token.clone());
            }
            free
        })
    }
    async fn remove_token(&self, id: &str) -> Result<bool, StoreError> {
        self.write(|kept| {
            let before = kept.tokens.len();
            kept.tokens.retain(|token| token.id != id);
            kept.tokens.len() < before
        })
    }
    async fn claim_idempotency(&self, who: &str, key: &str, request: &str, _: Timestamp) -> Result<Claim, StoreError> {
        self.write(|kept| match kept.idempotency.get(&(who.to_owned(), key.to_owned())) {
            None => {
                kept.idempotency.insert((who.to_owned(), key.to_owned()), (request.to_owned(), None));
                Claim::Ours
            }
            Some((first, _)) if first != request => Claim::Other,
            Some((_, None)) => Claim::Running,
            Some((_, Some(answered))) => Claim::Answered(answered.clone()),
        })
    }
    async fn finish_idempotency(&self, who: &str, key: &str, answered: &Answered) -> Result<(), StoreError> {
        self.write(|kept| {
            if let Some(claim) = kept.idempotency.get_mut(&(who.to_owned(), key.to_owned())) {
                claim.1 = Some(answered.clone());
            }
        })
    }
    async fn forget_idempotency(&self, who: &str, key: &str) -> Result<(), StoreError> {
        self.write(|kept| drop(kept.idempotency.remove(&(who.to_owned(), key.to_owned()))))
    }
    async fn contact_code(&self, user: &UserId, contact: &str) -> Result<Option<CodeRow>, StoreError> {
        self.read(|kept| kept.codes.get(&(user.0.clone(), contact.to_owned())).cloned())
    }
    async fn put_contact_code(
        &self,
        user: &UserId,
        contact: &str,
        address: &str,
        code: &str,
        at: Timestamp,
    ) -> Result<Option<i64>, StoreError> {
        let row = CodeRow {
            address: address.to_owned(),
            code: Some(code.to_owned()),
            tries: 0,
            sent_at: Some(at.as_millisecond()),
            verified_at: None,
        };
        self.write(|kept| {
            let wait = code::wait(&lately(kept, user, address), at.as_millisecond());
            if wait == 0 {
                kept.codes.insert((user.0.clone(), contact.to_owned()), row);
            }
            (wait > 0).then_some(wait)
        })
    }
    async fn count_code_try(
        &self,
        user: &UserId,
        contact: &str,
        address: &str,
        at: Timestamp,
    ) -> Result<Option<i64>, StoreError> {
        self.write(|kept| {
            let left = code::TRIES - 1 - code::tries(&lately(kept, user, address), at.as_millisecond());
            let row = kept.codes.get_mut(&(user.0.clone(), contact.to_owned()))?;
            row.tries += i64::from(left >= 0);
            (left >= 0).then_some(left)
        })
    }
    async fn verify_contact(
        &self,
        user: &UserId,
        contact: &str,
        code: &str,
        _: &[Audited],
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(|kept| {
            let row = kept.codes.get_mut(&(user.0.clone(), contact.to_owned()));
            row.filter(|row| row.code.as_deref() == Some(code))
                .map(|row| {
                    row.code = None;
                    row.verified_at = Some(at.as_millisecond());
                })
                .is_some()
        })
    }
    async fn notify(
        &self,
        planned: &[Planned],
        text: Option<&str>,
        _: Timestamp,
    ) -> Result<Vec<NotificationId>, StoreError> {
        self.write(|kept| {
            let known = kept.notified.iter().any(|(known, _)| known.key == planned[0].key);
            kept.notified.extend(planned.iter().map(|one| (one.clone(), text.map(str::to_owned))));
            if known { Vec::new() } else { vec![NotificationId(Uuid::nil())] }
        })
    }
    async fn session(&self, id: &str) -> Result<Option<(String, i64)>, StoreError> {
        self.read(|kept| kept.sessions.get(id).cloned())
    }
    async fn put_session(&self, id: &str, data: &str, expires_at: i64) -> Result<(), StoreError> {
        self.write(|kept| drop(kept.sessions.insert(id.to_owned(), (data.to_owned(), expires_at))))
    }
    async fn remove_session(&self, id: &str) -> Result<(), StoreError> {
        self.write(|kept| drop(kept.sessions.remove(id)))
    }
    async fn delete_recording(&self, recording: RecordingId, _by: &str, at: Timestamp) -> Result<bool, StoreError> {
        let _ = std::fs::remove_file(self.wav_path(recording));
        self.write(|kept| {
            let row = kept.recordings.iter_mut().find(|row| row.id == recording.to_string());
            row.map(|row| (row.removed_at, row.transcript) = (Some(at.as_millisecond()), None)).is_some()
        })
    }
    fn wav_path(&self, recording: RecordingId) -> PathBuf {
        self.folder.join(format!("{recording}.wav"))
    }
}

fn open(row: &AlertRow) -> OpenAlert {
    OpenAlert {
        id: row.id.parse().expect("an id"),
        call: row.call_id.as_ref().and_then(|id| id.parse().ok()),
        reference: row.reference.clone(),
        title: row.title.clone(),
        priority: Priority::from_word(&row.priority).expect("a priority"),
        number: row.number.as_str().into(),
        customer: row.customer.as_deref().map(Into::into),
        caller: row.caller.clone().map(Private::new),
        language: Language::default(),
        acknowledged: row.status == "acknowledged",
        rings: u32::try_from(row.rings).expect("few rings"),
        next_ring_at: row.next_ring_at.and_then(|at| Timestamp::from_millisecond(at).ok()),
        recordings: Vec::new(),
    }
}

/// When codes went out, and wrong tries, of this person and this address.
fn lately(kept: &Kept, user: &UserId, address: &str) -> Vec<(Option<i64>, i64)> {
    let theirs = kept.codes.iter().filter(|((owner, _), row)| *owner == user.0 || row.address == address);
    theirs.map(|(_, row)| (row.sent_at, row.tries)).collect()
}

#[async_trait]
impl Board for Fake {
    fn replies(&self) -> Option<&dyn Replies> {
        self.replies.as_deref()
    }
    fn directory(&self) -> Arc<Directory> {
        self.directory.clone()
    }
    fn in_force(&self) -> Arc<InForce> {
        self.in_force.lock().clone()
    }
    async fn write_document(
        &self,
        kind: &str,
        id: &str,
        write: Write,
        expect: &Expect,
        by: &Actor,
    ) -> Result<Done, DocumentError> {
        self.read(|_| ())?;
        let mut held = self.in_force.lock();
        let mut now = InForce::clone(&held);
        let done = things::write(&mut now, kind, id, write, expect, &shown(by))?;
        *held = Arc::new(now);
        Ok(done)
    }
    async fn follow_documents(&self) -> Result<(), StoreError> {
        Ok(())
    }
    fn calls(&self) -> Vec<CallView> {
        self.kept.lock().live.clone()
    }
    async fn supervise(&self, call: CallId, ask: Supervise) -> Result<SupervisorAnswer, SuperviseError> {
        self.joins(call, ask)
    }
    async fn dismiss(&self, call: CallId, phone: PhoneId, _: Actor) -> Result<bool, SuperviseError> {
        self.leaves(call, &phone)
    }
    fn open_alerts(&self) -> Vec<OpenAlert> {
        let kept = self.kept.lock();
        let mut open: Vec<OpenAlert> = kept.alerts.iter().filter(|row| row.status != "resolved").map(open).collect();
        open.sort_by_key(|alert| std::cmp::Reverse(alert.id));
        open
    }
    fn subscribe(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }
    fn health(&self) -> Health {
        let kept = self.kept.lock();
        Health { calls: kept.live.len(), ..kept.health.clone() }
    }
    fn registered(&self) -> Vec<Registered> {
        vec![Registered {
            phone: PhoneId::from("engineer-1"),
            address: "192.0.2.20:5062".parse().expect("an address"),
            transport: Transport::Udp,
            expires: self.now + Duration::from_mins(10),
            user_agent: "baresip".to_owned(),
        }]
    }
    fn trunks(&self) -> Vec<TrunkState> {
        vec![TrunkState { trunk: TrunkId::from("carrier"), up: true, status: "registered until 03:10:00".to_owned() }]
    }
    fn media_counters(&self) -> MediaCounters {
        MediaCounters { malformed: 5, ..MediaCounters::default() }
    }
    fn sip_counters(&self) -> SipCounters {
        SipCounters { received: 4_211, garbage: 17, refused: 3, strangers: 96, flooded: 12, panics: 0 }
    }
    async fn acknowledge(&self, alert: AlertId, by: Actor) -> Result<(), AlertError> {
        let now = self.now.as_millisecond();
        self.change_alert(alert, |row| {
            if row.status == "triggered" {
                "acknowledged".clone_into(&mut row.status);
                row.acknowledged_at = Some(now);
                row.acknowledged_by = Some(shown(&by));
                row.next_ring_at = None;
            }
        })
    }
    async fn resolve(&self, alert: AlertId, by: Actor) -> Result<(), AlertError> {
        let now = self.now.as_millisecond();
        self.change_alert(alert, |row| {
            "resolved".clone_into(&mut row.status);
            row.resolved_at = Some(now);
            row.resolved_by = Some(shown(&by));
            row.next_ring_at = None;
        })
    }
    fn first_on_call(&self, schedule: &Schedule, directory: &Directory, at: Timestamp) -> Option<UserId> {
        self.on_call(schedule, directory, at).people.into_iter().next().filter(|one| one.duty).map(|one| one.user)
    }
    fn on_call(&self, schedule: &Schedule, directory: &Directory, at: Timestamp) -> OnCall {
        if self.real {
            return hotline_core::oncall::on_call(schedule, directory, at);
        }
        let rotation = schedule.layers.first().and_then(|layer| layer.current());
        let members: Vec<UserId> = rotation
            .map(|rotation| {
                rotation
                    .members
                    .iter()
                    .filter_map(|m| if let Member::User(user) = m { Some(user.clone()) } else { None })
                    .collect()
            })
            .unwrap_or_default();
        let turn = at.as_second().div_euclid(WEEK) as usize;
        let people = (0..members.len()).filter_map(|next| {
            let user = directory.users.get(&members[(turn + next) % members.len()])?;
            let why = format!("place {} of rotation {}", next + 1, schedule.id);
            Some(OnCallPerson {
                user: user.id.clone(),
                phones: user.phones.clone(),
                language: user.language.clone(),
                why,
                duty: next == 0,
            })
        });
        OnCall {
            layers: Vec::new(),
            people: people.collect(),
            why: format!("Weekly rotation of {}, hand-off Thursdays at 00:00 UTC.", schedule.name),
        }
    }
    fn next_change(&self, schedule: &Schedule, after: Timestamp) -> Option<Timestamp> {
        if self.real {
            return hotline_core::oncall::next_change(schedule, &self.directory, after);
        }
        Timestamp::from_second((after.as_second().div_euclid(WEEK) + 1) * WEEK).ok()
    }
}

const MINUTE: i64 = 60_000;

impl Kept {
    fn fill(&mut self, now: i64) {
        self.call(
            CALL_REPORTED,
            now - 300 * MINUTE,
            Some("acme"),
            Some("+442011122334"),
            Some(ALERT_RESOLVED),
            "reported",
        );
        self.call(CALL_TAKEN, now - 95 * MINUTE, Some("muster"), Some("+493099900017"), Some(ALERT_TAKEN), "taken");
        self.call(CALL_HOSTILE, now - 41 * MINUTE, None, Some(HOSTILE), Some(ALERT_HOSTILE), "abandoned");
        self.call(
            CALL_VOICEMAIL,
            now - 7 * MINUTE,
            Some("acme"),
            Some("+442011122334"),
            Some(ALERT_WAITING),
            "reported",
        );
        self.call(CALL_RING, now - 2 * MINUTE, Some("acme"), None, Some(ALERT_WAITING), "unanswered");
        for row in &mut self.calls {
            if row.id == id(CALL_RING).to_string() {
                "alert-ring".clone_into(&mut row.direction);
            }
            if row.id == id(CALL_TAKEN).to_string() {
                row.taken_at = Some(row.started_at + 48_000);
                row.taken_by = Some("engineer-1".to_owned());
            }
        }
        self.alert(
            ALERT_RESOLVED,
            "P3",
            "Report by Acme Logistics on hotline",
            Some("acme"),
            CALL_REPORTED,
            now - 300 * MINUTE,
        );
        self.alert(
            ALERT_TAKEN,
            "P2",
            "Call from Mustermann & Söhne GmbH on hotline-de",
            Some("muster"),
            CALL_TAKEN,
            now - 95 * MINUTE,
        );
        self.alert(
            ALERT_HOSTILE,
            "P3",
            &format!("Call from {HOSTILE} on hotline"),
            None,
            CALL_HOSTILE,
            now - 41 * MINUTE,
        );
        self.alert(
            ALERT_WAITING,
            "P1",
            "Fault reported by Acme Logistics on hotline",
            Some("acme"),
            CALL_VOICEMAIL,
            now - 7 * MINUTE,
        );
        for row in &mut self.alerts {
            match row.id.parse::<Uuid>().expect("ids are UUIDs") {
                alert if alert == id(ALERT_TAKEN) => {
                    "acknowledged".clone_into(&mut row.status);
                    row.acknowledged_at = Some(now - 94 * MINUTE);
                    row.acknowledged_by = Some("engineer-1".to_owned());
                }
                alert if alert == id(ALERT_RESOLVED) => {
                    "resolved".clone_into(&mut row.status);
                    row.acknowledged_at = Some(now - 296 * MINUTE);
                    row.acknowledged_by = Some("engineer-1".to_owned());
                    row.resolved_at = Some(now - 240 * MINUTE);
                    row.resolved_by = Some("login admin".to_owned());
                }
                _ => {
                    row.rings = 1;
                    row.next_ring_at = Some(now + 3 * MINUTE);
                }
            }
        }
        self.answers(now - 7 * MINUTE);
        self.odd_recordings(now);
        self.steps(now - 7 * MINUTE);
        self.live(now);
    }

    /// What the caller of the waiting alert said.
    fn answers(&mut self, at: i64) {
        self.said(201, "who", at + 20_000, 3_200, "This is Jane Porter from Acme Logistics in Dover.");
        self.said(202, "what", at + 27_000, 2_100, "The, uh, sorry.");
        self.said(RECORDING_WHAT, "what", at + 36_000, 6_400, "The warehouse scanners can't reach the server any more, nothing is being booked and the trucks are waiting.");
        self.said(204, "when", at + 46_000, 1_900, "Since about twenty to three.");
        self.said(205, "where", at + 52_000, 2_700, "");
        self.said(206, "why", at + 59_000, 1_500, "");
        for row in &mut self.recordings {
            if row.id == id(205).to_string() {
                "waiting".clone_into(&mut row.transcript_state);
                row.transcript = None;
            }
            if row.id == id(206).to_string() {
                "none".clone_into(&mut row.transcript_state);
                row.transcript = None;
                row.speech = 0;
                row.reason = Some("no-speech".to_owned());
            }
        }
    }

    fn call(
        &mut self,
        number: u128,
        at: i64,
        customer: Option<&str>,
        caller: Option<&str>,
        alert: Option<u128>,
        outcome: &str,
    ) {
        self.calls.push(CallRow {
            id: id(number).to_string(),
            direction: "inbound".to_owned(),
            number: if customer == Some("muster") { "hotline-de" } else { "hotline" }.to_owned(),
            reference: format!("{}", 4_710 + number),
            caller: caller.map(str::to_owned),
            source: "trunk:carrier".to_owned(),
            customer: customer.map(str::to_owned),
            language: if customer == Some("muster") { "de" } else { "en" }.to_owned(),
            alert_id: alert.map(|alert| id(alert).to_string()),
            started_at: at,
            answered_at: Some(at + 300),
            taken_at: None,
            taken_by: None,
            ended_at: Some(at + 154_000),
            outcome: Some(outcome.to_owned()),
        });
    }

    fn alert(&mut self, number: u128, priority: &str, title: &str, customer: Option<&str>, call: u128, at: i64) {
        let caller = self.calls.iter().find(|row| row.id == id(call).to_string()).and_then(|row| row.caller.clone());
        self.alerts.push(AlertRow {
            id: id(number).to_string(),
            reference: format!("{}", 4_710 + call),
            status: "triggered".to_owned(),
            priority: priority.to_owned(),
            title: title.to_owned(),
            customer: customer.map(str::to_owned),
            number: "hotline".to_owned(),
            call_id: Some(id(call).to_string()),
            caller,
            created_at: at + 300,
            last_event_at: at + 300,
            urgency: "high".to_owned(),
            events: 1,
            ..AlertRow::default()
        });
    }

    fn said(&mut self, number: u128, kind: &str, at: i64, millis: i64, words: &str) {
        self.recordings.push(RecordingRow {
            id: id(number).to_string(),
            call_id: id(CALL_VOICEMAIL).to_string(),
            kind: kind.to_owned(),
            started_at: at,
            duration_ms: Some(millis),
            speech: 1,
            reason: Some("silence".to_owned()),
            transcript_state: "done".to_owned(),
            transcript: Some(words.to_owned()),
            transcript_note: Some("whisper ggml-base.bin".to_owned()),
            removed_at: None,
        });
    }

    /// One that runs, one that is not ready, one that is lost, and a hostile one.
    fn odd_recordings(&mut self, now: i64) {
        self.said(RECORDING_LIVE, "what", now - 4_000, 0, "");
        self.said(
            RECORDING_UNFINISHED,
            "voicemail",
            now - 300 * MINUTE,
            9_000,
            "I'll call again <b>tomorrow</b> & then",
        );
        self.said(RECORDING_LOST, "why", now - 300 * MINUTE, 0, "");
        for row in &mut self.recordings {
            if row.id == id(RECORDING_LIVE).to_string() {
                row.call_id = id(CALL_LIVE).to_string();
                row.duration_ms = None;
                row.reason = None;
                "waiting".clone_into(&mut row.transcript_state);
            } else if row.id == id(RECORDING_UNFINISHED).to_string() {
                row.call_id = id(CALL_HOSTILE).to_string();
            } else if row.id == id(RECORDING_LOST).to_string() {
                row.call_id = id(CALL_HOSTILE).to_string();
                row.reason = Some("failed".to_owned());
                "failed".clone_into(&mut row.transcript_state);
                row.transcript = None;
                row.transcript_note = Some("there is no audio: the disk was full".to_owned());
            }
        }
    }
}
