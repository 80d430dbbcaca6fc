use hotline_core::directory::Address;
use hotline_core::private::Private;

use super::smtp::MailServer;
use super::*;
use crate::notify::{SendError, Sent, Smtp, SmtpSecurity};

fn notifier(server: &MailServer, login: bool) -> Notifier {
    at(server.at.port(), login)
}

fn at(port: u16, login: bool) -> Notifier {
    let smtp = Smtp {
        server: ("127.0.0.1".to_owned(), port),
        security: SmtpSecurity::None,
        login: login.then(|| ("desk".to_owned(), Private::from("mail-secret"))),
        from: "Hotline Süd <hotline@ring.example>".to_owned(),
    };
    // The mail server stands in the configuration: it needs no leave.
    Notifier::new(NotifySettings { smtp: Some(smtp), timeout: Duration::from_secs(20), ..NotifySettings::default() })
}

fn to() -> Address {
    Address::Email(Private::from("gina@clients.example"))
}

#[tokio::test]
async fn a_mail_is_written_and_threaded() {
    let server = MailServer::start().await;
    let notifier = notifier(&server, true);
    let sent = notifier.send(&to(), &message("de", &["1042"])).await;
    let id = format!("<{ID}@ring.example>");
    assert_eq!(sent, Ok(Sent { provider_id: Some(id.clone()) }));
    let mails = server.mails();
    let mail = &mails[0];
    assert!(mail.from.contains("<hotline@ring.example>") && mail.to == ["<gina@clients.example>"], "{mail:?}");
    assert_eq!(mail.login.as_deref(), Some("\0desk\0mail-secret"));
    let alert = format!("<alert-{}@ring.example>", card("1042").id);
    for line in [
        format!("Message-ID: {id}"),
        format!("References: {alert}"),
        format!("In-Reply-To: {alert}"),
        "To: gina@clients.example".to_owned(),
        "Auto-Submitted: auto-generated".to_owned(),
        "Importance: high".to_owned(),
        "MIME-Version: 1.0".to_owned(),
    ] {
        assert!(mail.data.lines().any(|own| own == line), "{line} in {}", mail.data);
    }
    assert!(mail.data.contains("Content-Type: multipart/alternative;"), "{}", mail.data);
    assert!(mail.data.contains("Subject: P1 #1042 "), "{}", mail.data);
    let plain = mail.data.replace("=\n", "").replace("=C3=9C", "Ü").replace("=3D", "=");
    assert!(plain.contains("Übernehmen: https://ring.example/a/token1042"), "{plain}");
    assert!(plain.contains("<a href=\"https://ring.example/a/token1042\">"), "{plain}");
    assert!(plain.contains("db-7 &lt;disk&gt; full &amp; slow") && !plain.contains("<disk></h2>"), "{plain}");
    // Tried again after a crash it is seen as the same.
    notifier.send(&to(), &message("de", &["1042"])).await.unwrap();
    assert!(server.mails()[1].data.contains(&format!("Message-ID: {id}")));
}

#[tokio::test]
async fn a_subject_can_not_bring_headers_in() {
    let server = MailServer::start().await;
    let mut said = message("en", &[]);
    said.subject = "down\r\nBcc: everybody@evil.example".to_owned();
    notifier(&server, false).send(&to(), &said).await.unwrap();
    let mails = server.mails();
    assert_eq!(mails[0].to.len(), 1);
    let (headers, _) = mails[0].data.split_once("\n\n").unwrap();
    assert!(!headers.lines().any(|line| line.starts_with("Bcc:")), "{headers}");
    assert!(headers.contains("Subject: down Bcc: everybody@evil.example"), "{headers}");
}

#[tokio::test]
async fn refusals_are_told_by_their_code_alone() {
    let server = MailServer::start().await;
    let notifier = notifier(&server, false);
    server.refuses("RCPT", "550 5.1.1 <gina@clients.example> unknown here");
    let refused = notifier.send(&to(), &message("en", &[])).await;
    assert_eq!(refused, Err(SendError::Never("email: the mail server refused it (550)".to_owned())));
    server.refuses("RCPT", "451 4.7.1 greylisted, gina@clients.example, try later");
    let later = notifier.send(&to(), &message("en", &[])).await;
    let reason = "email: the mail server wants it later (451)".to_owned();
    assert_eq!(later, Err(SendError::Later { reason, after: None }));
    assert!(server.mails().is_empty());
    assert!(notifier.send(&to(), &message("en", &[])).await.is_ok());
}

#[tokio::test]
async fn a_wrong_login_and_no_server() {
    let server = MailServer::start().await;
    server.refuses("AUTH", "535 5.7.8 no");
    let refused = notifier(&server, true).send(&to(), &message("en", &[])).await;
    assert_eq!(refused, Err(SendError::Never("email: the mail server refused it (535)".to_owned())));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let nobody = at(port, false).send(&to(), &message("en", &[])).await;
    assert_eq!(
        nobody,
        Err(SendError::Later { reason: "email: no connection to the mail server".to_owned(), after: None })
    );
    let odd = Address::Email(Private::from("gina@@nowhere>\r\nRCPT TO:<x@y>"));
    assert!(matches!(notifier(&server, false).send(&odd, &message("en", &[])).await, Err(SendError::Never(_))));
}
