//! Notifications by telephone, taken by real phones: baresip, our own, and a mailbox (sipp). Answered is not accepted.

use hotline::switch::phone::{PhoneAnswer, PhoneNotice, SpokenAlert};
use hotline_core::directory::{Destination, Language};
use hotline_core::ids::AlertId;
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::baresip::Baresip;
use crate::harness::{Hotline, ended, kinds, tells};
use crate::sipp::{self, Step};
use crate::{house, phone};

/// About alert 4711 (of no call), to this destination; engineer-1's.
fn about(alert: AlertId, destination: Destination) -> PhoneNotice {
    PhoneNotice {
        user: Some("engineer-1".into()),
        destination,
        language: Language::default(),
        alerts: vec![SpokenAlert {
            id: alert,
            reference: "4711".to_owned(),
            title: "Mail queue is long".to_owned(),
            priority: "P2".to_owned(),
            customer: Some("Acme Logistics".to_owned()),
            runbook: None,
            recordings: Vec::new(),
        }],
        text: None,
    }
}

/// Rings, in the background, as `deliver` does.
pub fn rings(hotline: &Hotline, notice: PhoneNotice) -> JoinHandle<PhoneAnswer> {
    let switch = hotline.switch().clone();
    tokio::spawn(async move { switch.phone(notice).await })
}

fn any_alert() -> AlertId {
    AlertId(uuid::Uuid::from_u128(0x0195_0000_0000_7000_8000_0000_0000_0001))
}

fn ada() -> PhoneNotice {
    about(any_alert(), Destination::Phone("ada".into()))
}

async fn record(hotline: &Hotline, outcome: &'static str) -> Value {
    hotline.call_when("notification", ended(outcome)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn our_phone_hears_nothing_of_the_customer_before_the_key_and_acknowledges() -> anyhow::Result<()> {
    let hotline = Hotline::start(&house::one_engineer()).await;
    let mut engineer = phone::engineer(&hotline, "ada").await?;
    let answer = rings(&hotline, ada());
    engineer.rings().await?;
    engineer.answer().await?;
    engineer.hears("alert-knock").await?;
    engineer.press("1").await?;
    engineer.begins_to_hear("notice-alert").await?;
    assert_eq!(engineer.hears_digits(4).await?, "4711");
    engineer.waits_for("priority-2").await?;
    engineer.waits_for("notice-choice").await?;
    engineer.press("1").await?;
    assert_eq!(answer.await?, PhoneAnswer::Acknowledged);
    engineer.begins_to_hear("alert-acknowledged").await?;
    engineer.ends().await?;
    let call = record(&hotline, "taken").await;
    assert_eq!(call["direction"], "notification", "{call:#}");
    assert_eq!(call["legs"][0]["person"]["id"], "engineer-1", "{call:#}");
    assert!(kinds(&call).contains(&"leg-accepted"), "{call:#}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn baresip_takes_it_by_key() {
    let hotline = Hotline::start(&house::one_engineer()).await;
    let mut engineer = Baresip::engineer(hotline.sip(), "ada", house::PASSWORD, &phone::speech("message.wav")).await;
    let answer = rings(&hotline, ada());
    engineer.answer().await;
    hotline.call_when("notification", |call| kinds(call).contains(&"leg-answered")).await;
    engineer.press('1').await;
    hotline.call_when("notification", |call| tells(call, "a person listens")).await;
    engineer.press('1').await;
    assert_eq!(answer.await.expect("no fault"), PhoneAnswer::Acknowledged);
    engineer.is_hung_up().await;
    record(&hotline, "taken").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_answers_and_speaks_but_takes_nothing() {
    let port = sipp::free_port();
    let hotline = Hotline::start(&house::engineers_at(&[port])).await;
    let mailbox = sipp::engineer(port, &[Step::Ring, Step::Answer, Step::MailboxGreeting, Step::HungUp]);
    let address = Destination::Sip(format!("sip:engineer@127.0.0.1:{port}"));
    let answer = rings(&hotline, about(any_alert(), address));
    assert_eq!(answer.await.expect("no fault"), PhoneAnswer::NoAnswer);
    let call = record(&hotline, "unanswered").await;
    assert!(tells(&call, "a mailbox?") && !kinds(&call).contains(&"leg-accepted"), "{call:#}");
    mailbox.succeeds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_passes_it_on_and_a_refusal_is_busy() -> anyhow::Result<()> {
    let hotline = Hotline::start(&house::one_engineer()).await;
    let mut engineer = phone::engineer(&hotline, "ada").await?;
    let answer = rings(&hotline, ada());
    engineer.rings().await?;
    engineer.answer().await?;
    engineer.begins_to_hear("alert-knock").await?;
    engineer.press("1").await?;
    engineer.begins_to_hear("notice-alert").await?;
    engineer.press("2").await?;
    assert_eq!(answer.await?, PhoneAnswer::Escalate);
    engineer.ends().await?;
    assert!(kinds(&record(&hotline, "completed").await).contains(&"leg-declined"));
    let answer = rings(&hotline, ada());
    engineer.rings().await?;
    engineer.refuse(486)?;
    assert_eq!(answer.await?, PhoneAnswer::Busy);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_is_not_there_is_told_with_the_remedy() {
    let hotline = Hotline::start(&house::one_engineer()).await;
    let PhoneAnswer::Unreachable(why) = rings(&hotline, ada()).await.expect("no fault") else {
        panic!("nobody is registered")
    };
    assert!(why.contains("phone ada is not registered"), "{why}");
    let trunk = Destination::Number { trunk: "none".into(), number: "+493055501".into() };
    assert!(hotline.switch().can_dial(&trunk).is_err_and(|why| why.contains("not configured")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_of_the_phone_says_so() -> anyhow::Result<()> {
    let hotline = Hotline::start(&house::one_engineer()).await;
    let mut engineer = phone::engineer(&hotline, "ada").await?;
    let answer = rings(&hotline, PhoneNotice { alerts: Vec::new(), ..ada() });
    engineer.rings().await?;
    engineer.answer().await?;
    engineer.hears("test-knock").await?;
    engineer.press("1").await?;
    engineer.hears("test-heard").await?;
    assert_eq!(answer.await?, PhoneAnswer::Heard);
    engineer.ends().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn it_makes_way_for_a_live_caller() -> anyhow::Result<()> {
    let hotline = Hotline::start(&house::one_engineer()).await;
    let mut engineer = phone::engineer(&hotline, "ada").await?;
    let mut caller = phone::caller(&hotline).await?;
    let answer = rings(&hotline, ada());
    engineer.rings().await?;
    caller.dial(&phone::number(&hotline, "quick")).await?;
    caller.press("2").await?;
    assert_eq!(answer.await?, PhoneAnswer::Busy);
    engineer.ends().await?;
    let call = record(&hotline, "unanswered").await;
    assert!(tells(&call, "needs this phone"), "{call:#}");
    engineer.rings().await?;
    engineer.answer().await?;
    engineer.begins_to_hear("engineer-knock").await?;
    let call = hotline.call_when("inbound", |call| tells(call, "answered is not accepted")).await;
    assert!(!tells(&call, "busy"), "the phone was free in time: {call:#}");
    Ok(())
}
