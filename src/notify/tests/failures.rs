use std::fmt::Write as _;
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use hotline_core::private::Private;

use super::*;
use crate::notify::SendError;
use crate::notify::guard::{Guard, Lookup};

fn hooks() -> NotifySettings {
    NotifySettings { webhook_secrets: vec![Private::from("hook-secret")], ..settings() }
}

async fn tried(notifier: &Notifier, url: String) -> SendError {
    notifier.send(&webhook(url), &message("en", &["1042"])).await.unwrap_err()
}

fn later(reason: &str, after: Option<u64>) -> SendError {
    SendError::Later { reason: reason.to_owned(), after: after.map(Duration::from_secs) }
}

#[tokio::test]
async fn answers_have_their_class() {
    let receiver = Receiver::start().await;
    let notifier = Notifier::new(hooks());
    for (status, wanted) in [
        (500, later("webhook: answered 500", None)),
        (503, later("webhook: answered 503", None)),
        (408, later("webhook: answered 408", None)),
        (425, later("webhook: answered 425", None)),
        (429, later("webhook: answered 429", None)),
        (400, SendError::Never("webhook: answered 400".to_owned())),
        (401, SendError::Never("webhook: answered 401".to_owned())),
        (404, SendError::Never("webhook: answered 404".to_owned())),
        (410, SendError::Never("webhook: answered 410".to_owned())),
    ] {
        receiver.says([Say::Status(status, "the token +4369912345678 is wrong")]);
        assert_eq!(tried(&notifier, receiver.url("/")).await, wanted);
    }
}

#[tokio::test]
async fn retry_after_is_heard() {
    let receiver = Receiver::start().await;
    let notifier = Notifier::new(hooks());
    let soon = crate::clock::now().wall + Duration::from_mins(10);
    let date = soon.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let with = |value: &str| Say::With(429, "retry-after", value.to_owned(), "");
    receiver.says([with("17"), with("9999999"), with(&date), with("Wed, 21 Oct 2015 07:28:00 GMT"), with("soon")]);
    assert_eq!(tried(&notifier, receiver.url("/")).await, later("webhook: answered 429", Some(17)));
    assert_eq!(tried(&notifier, receiver.url("/")).await, later("webhook: answered 429", Some(3_600)));
    let SendError::Later { after: Some(after), .. } = tried(&notifier, receiver.url("/")).await else { panic!() };
    assert!((1..=600).contains(&after.as_secs()), "{after:?}");
    assert_eq!(tried(&notifier, receiver.url("/")).await, later("webhook: answered 429", Some(0)));
    assert_eq!(tried(&notifier, receiver.url("/")).await, later("webhook: answered 429", None));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (inside, receiver) = (Receiver::start().await, Receiver::start().await);
    receiver.says([Say::With(302, "location", inside.url("/secret"), "")]);
    let SendError::Never(why) = tried(&Notifier::new(hooks()), receiver.url("/")).await else { panic!() };
    assert!(why.contains("302") && why.contains("redirects are not followed"), "{why}");
    assert!(inside.seen().is_empty());
}

#[tokio::test]
async fn who_does_not_answer_is_left() {
    let receiver = Receiver::start().await;
    receiver.says([Say::Never]);
    let notifier = Notifier::new(NotifySettings { timeout: Duration::from_millis(200), ..hooks() });
    assert_eq!(tried(&notifier, receiver.url("/")).await, later("webhook: no answer in time", None));
}

#[tokio::test]
async fn nobody_there_is_tried_again() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let error = tried(&Notifier::new(hooks()), format!("http://127.0.0.1:{port}/")).await;
    assert_eq!(error, later("webhook: no connection", None));
}

/// Names lead where the test says.
fn behind(lookup: impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static, allowed: &[&str]) -> Notifier {
    let lookup: Lookup = Arc::new(move |name| futures::future::ready(lookup(&name)).boxed());
    let allowed = allowed.iter().map(|net| Network::parse(net).unwrap()).collect();
    Notifier::behind(hooks(), Guard::with_lookup(allowed, Duration::from_secs(20), lookup))
}

fn loopback() -> IpAddr {
    "127.0.0.1".parse().unwrap()
}

fn refused(error: &SendError) -> bool {
    matches!(error, SendError::Never(why) if why.contains("allow_networks"))
}

#[tokio::test]
async fn a_private_address_is_not_asked() {
    let receiver = Receiver::start().await;
    let notifier = behind(|_| Ok(vec![loopback()]), &[]);
    assert!(refused(&tried(&notifier, receiver.url("/")).await), "as an address");
    let by_name = format!("http://hooks.partner.example:{}/", receiver.at.port());
    assert!(refused(&tried(&notifier, by_name.clone()).await), "as a name");
    for inside in ["10.0.0.1", "169.254.169.254", "::1", "::ffff:10.0.0.1", "fd00::1", "64:ff9b::7f00:1"] {
        let notifier = behind(move |_| Ok(vec![inside.parse().unwrap()]), &[]);
        assert!(refused(&tried(&notifier, by_name.clone()).await), "{inside}");
    }
    assert!(receiver.seen().is_empty());
    // Where the configuration allows it, it is.
    let notifier = behind(|_| Ok(vec![loopback()]), &["127.0.0.0/8"]);
    assert!(notifier.send(&webhook(by_name), &message("en", &[])).await.is_ok());
    assert_eq!(receiver.seen().len(), 1);
}

#[tokio::test]
async fn a_name_that_changes_its_mind_gains_nothing() {
    let receiver = Receiver::start().await;
    // The name server says a public address first and ours ever after: there is no second question between check and connection,
    // so a request goes to the public address (where nothing answers in time) or is refused, never to us.
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let lookup = move |_: &str| {
        let first = count.fetch_add(1, Ordering::SeqCst) == 0;
        Ok(vec![if first { "192.0.2.1".parse().unwrap() } else { loopback() }])
    };
    // 192.0.2.0/24 stands for a public network here; nothing lives there.
    let lookup: Lookup = Arc::new(move |name| futures::future::ready(lookup(&name)).boxed());
    let allowed = vec![Network::parse("192.0.2.0/24").unwrap()];
    let notifier = Notifier::behind(hooks(), Guard::with_lookup(allowed, Duration::from_millis(300), lookup));
    let url = format!("http://hooks.partner.example:{}/", receiver.at.port());
    assert!(matches!(tried(&notifier, url.clone()).await, SendError::Later { .. }));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    assert!(refused(&tried(&notifier, url).await));
    assert!(receiver.seen().is_empty());
}

#[tokio::test]
async fn of_several_addresses_only_the_good_are_asked() {
    let receiver = Receiver::start().await;
    let both = |_: &str| Ok(vec!["10.255.255.1".parse().unwrap(), loopback()]);
    let notifier = behind(both, &["127.0.0.0/8"]);
    let url = format!("http://hooks.partner.example:{}/", receiver.at.port());
    assert!(notifier.send(&webhook(url), &message("en", &[])).await.is_ok());
    let unknown = behind(|_| Err(io::Error::other("no such host hooks.partner.example")), &[]);
    assert_eq!(
        tried(&unknown, "http://hooks.partner.example/".to_owned()).await,
        later("webhook: no connection", None)
    );
}

#[tokio::test]
async fn what_is_not_set_up_says_what_to_do() {
    let notifier = Notifier::new(NotifySettings::default());
    let private = |text: &str| Private::from(text);
    for (address, remedy) in [
        (sms(), "[notify.sms]"),
        (Address::Email(private("a@b.example")), "[notify.smtp]"),
        (Address::Ntfy(private("t")), "[notify.ntfy]"),
        (Address::Telegram(private("1")), "[notify.telegram]"),
        (Address::Slack(private("C1")), "[notify.slack]"),
        (Address::Teams(private("nonsense")), "https://"),
        (webhook("https://hooks.example/1".to_owned()), "webhook_secrets"),
    ] {
        let told = notifier.can(&address).unwrap_err();
        assert!(told.contains(remedy), "{told}");
        assert_eq!(notifier.send(&address, &message("en", &[])).await, Err(SendError::Never(told)));
    }
    assert_eq!(notifier.can(&Address::Call(hotline_core::directory::Destination::Sip("sip:x@y".to_owned()))), Ok(()));
}

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One thread, so that the subscriber sees everything that this test does.
#[tokio::test]
async fn secrets_and_numbers_are_in_no_log_and_no_error() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let told = {
        let _guard = tracing::subscriber::set_default(subscriber);
        let receiver = Receiver::start().await;
        let mut settings = twilio(&receiver);
        settings.telegram = Some((Private::from("12:bot-secret-token"), Some(receiver.url(""))));
        settings.slack = Some((Private::from("xoxb-slack-secret"), Some(receiver.url(""))));
        settings.ntfy = Some((receiver.url("/"), Some(Private::from("tk_ntfy-secret"))));
        settings.webhook_secrets = vec![Private::from("hook-secret")];
        let mut told = format!("{settings:?}");
        let addresses = [
            sms(),
            Address::Telegram(Private::from("99887766")),
            Address::Slack(Private::from("U0PRIVATE")),
            Address::Ntfy(Private::from("topic-private")),
            webhook(receiver.url("/hook/path-secret")),
            webhook("http://127.0.0.1:1/hook/path-secret".to_owned()),
        ];
        let notifier = Notifier::new(settings);
        write!(told, "{notifier:?}").unwrap();
        for status in [500, 404, 302] {
            for address in &addresses {
                receiver.says([Say::With(
                    status,
                    "location",
                    "http://127.0.0.1:1/x".to_owned(),
                    r#"{"error": "+4369912345678 path-secret"}"#,
                )]);
                if let Err(error) = notifier.send(address, &message("en", &["1042"])).await {
                    writeln!(told, "{error} {error:?}").unwrap();
                    tracing::warn!(%error, "could not be sent");
                }
            }
        }
        told
    };
    let logged = String::from_utf8(log.0.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap();
    assert!(logged.contains("could not be sent") && told.contains("answered 404"));
    for secret in [
        "twilio-token-secret",
        "bot-secret-token",
        "xoxb-slack-secret",
        "tk_ntfy-secret",
        "hook-secret",
        "path-secret",
        "4369912345678",
        "99887766",
        "U0PRIVATE",
        "topic-private",
    ] {
        assert!(!told.contains(secret), "{secret} in {told}");
        // Our own lines; what libraries say below WARN is cut by the service (app/logging).
        for line in logged.lines().filter(|line| line.contains("hotline")) {
            assert!(!line.contains(secret), "{secret} in {line}");
        }
    }
}
