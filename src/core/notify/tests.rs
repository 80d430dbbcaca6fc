//! Limits, bundles, order, retries.

use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;
use uuid::Uuid;

use super::{Kind, Limits, Next, Waiting, next, retry_after};
use crate::directory::{Address, Destination};
use crate::ids::{AlertId, NotificationId};
use crate::private::Private;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn call() -> Address {
    Address::Call(Destination::Sip("sip:someone@127.0.0.1".to_owned()))
}

fn sms() -> Address {
    Address::Sms(Private::from("+4915100000001"))
}

fn id(number: u128) -> NotificationId {
    NotificationId(Uuid::from_u128(number))
}

fn waiting(number: u128, kind: Kind, alert: Option<u128>, due: i64) -> Waiting {
    Waiting {
        id: id(number),
        kind,
        alert: alert.map(|alert| AlertId(Uuid::from_u128(alert))),
        due: at(due),
        wanted: true,
    }
}

fn ask(address: &Address, list: &[Waiting], sent: &[Timestamp], now: i64) -> Next {
    next(address, list, sent, &Limits::default(), at(now))
}

#[test]
fn nothing_due_or_wanted_is_idle() {
    let mut unwanted = waiting(1, Kind::Alert, Some(1), 0);
    unwanted.wanted = false;
    assert_eq!(ask(&sms(), &[unwanted, waiting(2, Kind::Alert, Some(2), 60)], &[], 10), Next::Idle);
    assert_eq!(ask(&sms(), &[], &[], 10), Next::Idle);
}

#[test]
fn an_alerts_first_goes_before_codes_and_codes_before_its_second() {
    let list = [
        waiting(1, Kind::Status, Some(9), 0),
        waiting(2, Kind::Verification, None, 1),
        waiting(3, Kind::Test, None, 0),
        waiting(4, Kind::Alert, Some(1), 5),
    ];
    assert_eq!(ask(&sms(), &list, &[], 10), Next::One(id(4)));
    assert_eq!(ask(&sms(), &list[..3], &[], 10), Next::One(id(2)));
    assert_eq!(ask(&sms(), &[list[0].clone(), list[2].clone()], &[], 10), Next::One(id(3)));
}

#[test]
fn many_alerts_are_one_message_and_one_alert_is_told_once() {
    let list: Vec<Waiting> = (1..=40).map(|n| waiting(n, Kind::Alert, Some(n), 0)).collect();
    assert_eq!(ask(&call(), &list[..2], &[], 0), Next::One(id(1)));
    assert_eq!(ask(&call(), &list, &[], 0), Next::Bundle((1..=40).map(id).collect()));
    let twice =
        [waiting(1, Kind::Alert, Some(1), 0), waiting(2, Kind::Alert, Some(1), 5), waiting(3, Kind::Alert, Some(3), 6)];
    assert_eq!(ask(&sms(), &twice, &[], 10), Next::Bundle(vec![id(1), id(2)]));
    let codes: Vec<Waiting> = (1..=5).map(|n| waiting(n, Kind::Verification, None, 0)).collect();
    assert_eq!(ask(&sms(), &codes, &[], 0), Next::One(id(1)));
}

#[test]
fn limits_put_off_and_name_themselves() {
    let one = [waiting(1, Kind::Alert, Some(1), 0)];
    // Calls: 3 in 15 min.
    let sent = [at(0), at(60), at(120)];
    let until = |seconds, words: &str| Next::Later(at(seconds), words.to_owned());
    assert_eq!(ask(&call(), &one, &sent, 130), until(900, "at most 3 within 15 min to one contact"));
    assert_eq!(ask(&call(), &one, &sent, 899), until(900, "at most 3 within 15 min to one contact"));
    assert_eq!(ask(&call(), &one, &sent, 900), Next::One(id(1)));
    // 7 an hour, spread so that the quarter is free.
    let sent: Vec<Timestamp> = (0..7).map(|n| at(n * 400)).collect();
    assert_eq!(ask(&call(), &one, &sent, 3_599), until(3_600, "at most 7 within 60 min to one contact"));
}

#[test]
fn the_last_place_speaks_of_all_and_is_for_alerts_only() {
    let two = [waiting(1, Kind::Alert, Some(1), 0), waiting(2, Kind::Alert, Some(2), 0)];
    assert_eq!(ask(&call(), &two, &[at(-10), at(-5)], 0), Next::Bundle(vec![id(1), id(2)]));
    let status = [waiting(1, Kind::Status, Some(1), 0)];
    assert!(matches!(ask(&call(), &status, &[at(-10), at(-5)], 0), Next::Later(..)));
    assert_eq!(ask(&call(), &status, &[at(-10)], 0), Next::One(id(1)));
}

#[test]
fn a_clock_that_was_set_back_blocks_nobody_for_ever() {
    let one = [waiting(1, Kind::Alert, Some(1), 0)];
    let sent = [at(90_000), at(90_001), at(90_002)];
    let Next::Later(until, _) = ask(&call(), &one, &sent, 0) else { panic!("the places are used") };
    assert!(until <= at(10_800));
}

#[test]
fn retries_double_and_end() {
    let hook = Address::Webhook(Private::from("https://example.org/hook"));
    let seconds = |address: &Address, attempt| retry_after(address, attempt).map(|wait| wait.as_secs());
    assert_eq!(
        (1..=8).map(|n| seconds(&sms(), n)).collect::<Vec<_>>(),
        [10, 20, 40, 80, 160, 320, 640].into_iter().map(Some).chain([None]).collect::<Vec<_>>()
    );
    assert_eq!(seconds(&call(), 1), None);
    let waits: Vec<u64> = (1..).map_while(|n| seconds(&hook, n)).collect();
    let sum = Duration::from_secs(waits.iter().sum());
    assert!(sum <= Duration::from_hours(48) && sum > Duration::from_hours(47), "{sum:?} in {} tries", waits.len());
    assert_eq!(seconds(&hook, u32::MAX), None);
    assert_eq!(seconds(&hook, 0), Some(10));
}

proptest! {
    /// A storm: whatever waits, a contact is never used more often than its limits allow, and every alert is told of.
    #[test]
    fn a_storm_stays_within_the_limits(arrivals in proptest::collection::vec((0_i64..1_200, 0_u128..30), 1..200)) {
        let limits = Limits::default();
        let address = call();
        let mut open: Vec<Waiting> = arrivals.iter().enumerate()
            .map(|(number, (due, alert))| waiting(number as u128 + 1, Kind::Alert, Some(*alert), *due)).collect();
        let mut sent: Vec<Timestamp> = Vec::new();
        let mut now = 0;
        while !open.is_empty() {
            match next(&address, &open, &sent, &limits, at(now)) {
                Next::One(id) => { open.retain(|one| one.id != id); sent.push(at(now)); }
                Next::Bundle(ids) => {
                    prop_assert!(ids.len() > 1);
                    open.retain(|one| !ids.contains(&one.id));
                    sent.push(at(now));
                }
                Next::Later(until, _) => { prop_assert!(until > at(now)); now = until.as_second() - at(0).as_second(); }
                Next::Idle | Next::Elsewhere(_) => now += 1,
            }
            prop_assert!(now < 20_000, "{} are never told", open.len());
        }
        for (count, window) in &limits.call {
            for (index, moment) in sent.iter().enumerate() {
                let inside = sent[..=index].iter().filter(|at| moment.duration_since(**at).unsigned_abs() < *window).count();
                prop_assert!(inside <= *count as usize);
            }
        }
    }
}
