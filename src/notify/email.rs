//! Mail by SMTP: plain text and simple HTML, a Message-ID that is the notification's (a second delivery after a crash is seen as
//! the same mail), alerts threaded. The server's answers are told by their code only: their words hold addresses.

use std::time::Duration;

use hotline_core::notify::Kind;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::authentication::Credentials;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};

use super::texts::{self, Texts};
use super::{AlertCard, Message, SendError, Sent, Smtp, SmtpSecurity};

const CHANNEL: &str = "email";
/// Connections to the mail server.
const CONNECTIONS: u32 = 4;

/// The transport; connections are kept.
pub(super) type Mailer = AsyncSmtpTransport<Tokio1Executor>;

/// Wants a running tokio: the pool has a task of its own.
pub(super) fn mailer(smtp: &Smtp, timeout: Duration) -> Result<Mailer, SendError> {
    let (host, port) = (&smtp.server.0, smtp.server.1);
    let builder = match smtp.security {
        SmtpSecurity::Tls => Mailer::relay(host),
        SmtpSecurity::StartTls => Mailer::starttls_relay(host),
        SmtpSecurity::None => Ok(Mailer::builder_dangerous(host)),
    };
    let builder = builder.map_err(|_| never("the server's name can't be used with TLS; check [notify.smtp]"))?;
    let builder = builder.port(port).timeout(Some(timeout)).pool_config(PoolConfig::new().max_size(CONNECTIONS));
    Ok(match &smtp.login {
        Some((name, password)) => builder.credentials(Credentials::new(name.clone(), password.reveal().clone())),
        None => builder,
    }
    .build())
}

/// One try, at most `timeout` long.
pub(super) async fn send(
    mailer: &Mailer,
    from: &str,
    to: &str,
    message: &Message,
    timeout: Duration,
) -> Result<Sent, SendError> {
    let mail = mail(from, to, message)?;
    let sent = tokio::time::timeout(timeout, mailer.send(mail)).await;
    match sent {
        Ok(Ok(_)) => Ok(Sent { provider_id: Some(message_id(from, message)) }),
        Ok(Err(error)) => Err(class_of(&error)),
        Err(_) => Err(later("no answer in time")),
    }
}

pub(super) fn never(what: &str) -> SendError {
    SendError::Never(format!("{CHANNEL}: {what}"))
}

pub(super) fn later(what: &str) -> SendError {
    SendError::Later { reason: format!("{CHANNEL}: {what}"), after: None }
}

pub(super) fn class_of(error: &lettre::transport::smtp::Error) -> SendError {
    let code = error.status().map(|code| format!(" ({code})")).unwrap_or_default();
    if error.is_permanent() {
        return never(&format!("the mail server refused it{code}"));
    }
    if error.is_transient() {
        return later(&format!("the mail server wants it later{code}"));
    }
    if error.is_client() {
        return never("the mail server can't take it that way; check login and security in [notify.smtp]");
    }
    if error.is_timeout() {
        return later("no answer in time");
    }
    later(if error.is_tls() { "no safe connection to the mail server" } else { "no connection to the mail server" })
}

fn mail(from: &str, to: &str, message: &Message) -> Result<lettre::Message, SendError> {
    let from_box: Mailbox = from.parse().map_err(|_| never("`from` in [notify.smtp] is no mail address"))?;
    let to: Mailbox = to.parse().map_err(|_| never("the contact is no mail address"))?;
    let id = message_id(from, message);
    // All mails about one alert in one thread.
    let thread = message.alerts.first().map(|card| format!("<alert-{}@{}>", card.id, domain(from)));
    let mut builder = lettre::Message::builder()
        .from(from_box)
        .to(to)
        .subject(one_line(&message.subject))
        .date(std::time::SystemTime::from(crate::clock::now().wall))
        .message_id(Some(id));
    if let Some(thread) = thread {
        builder = builder.references(thread.clone()).in_reply_to(thread);
    }
    let mut mail = builder
        .multipart(MultiPart::alternative_plain_html(plain(message), html(message)))
        .map_err(|_| never("the mail can't be written"))?;
    // RFC 3834: no out-of-office notes in return.
    let headers = [("Auto-Submitted", "auto-generated"), ("X-Auto-Response-Suppress", "All")];
    let urgent = [("Importance", "high"), ("X-Priority", "1")];
    let urgent = urgent.into_iter().filter(|_| message.kind == Kind::Alert);
    for (name, value) in headers.into_iter().chain(urgent) {
        let name = HeaderName::new_from_ascii(name.to_owned()).map_err(|_| never("the mail can't be written"))?;
        mail.headers_mut().insert_raw(HeaderValue::new(name, value.to_owned()));
    }
    Ok(mail)
}

fn message_id(from: &str, message: &Message) -> String {
    format!("<{}@{}>", message.id, domain(from))
}

pub(super) fn domain(from: &str) -> &str {
    from.rsplit_once('@').map_or("hotline.invalid", |(_, domain)| domain.trim_end_matches('>').trim())
}

pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(200).collect()
}

fn plain(message: &Message) -> String {
    let t = texts::of(&message.language);
    let mut parts = vec![message.text.clone()];
    for card in &message.alerts {
        let mut lines = Vec::new();
        if message.alerts.len() > 1 {
            lines.push(texts::line(card));
        }
        lines.extend(links(t, card, message.kind).into_iter().map(|(label, url)| format!("{label}: {url}")));
        parts.push(lines.join("\n"));
    }
    if message.kind == Kind::Alert && message.alerts.iter().any(|card| card.acknowledge_url.is_some()) {
        parts.push(t.link_hint.to_owned());
    }
    parts.retain(|part| !part.is_empty());
    parts.join("\n\n") + "\n"
}

fn links<'a>(t: &Texts, card: &'a AlertCard, kind: Kind) -> Vec<(&'static str, &'a str)> {
    let take = card.acknowledge_url.as_deref().filter(|_| kind == Kind::Alert).map(|url| (t.acknowledge, url));
    let open = card.url.as_deref().map(|url| (t.open, url));
    take.into_iter().chain(open).collect()
}

fn html(message: &Message) -> String {
    let t = texts::of(&message.language);
    let mut parts = vec![format!("<h2 style=\"font:600 18px sans-serif\">{}</h2>", escaped(&message.subject))];
    // What a message says beside its alert stands before the first empty line; the rest is the table below.
    let own = match message.alerts.len() {
        1 if message.kind == Kind::Status => message.text.split("\n\n").next(),
        1 => None,
        _ => Some(message.text.as_str()),
    };
    if let Some(own) = own {
        let text = escaped(own).replace('\n', "<br>");
        parts.push(format!("<p style=\"font:15px sans-serif\">{text}</p>"));
    }
    for card in &message.alerts {
        if message.alerts.len() > 1 {
            parts.push(format!("<h3 style=\"font:600 15px sans-serif\">{}</h3>", escaped(&texts::line(card))));
        } else {
            let row = |(label, value): (&str, String)| {
                format!("<tr><td>{}</td><td>{}</td></tr>", escaped(label), escaped(&value))
            };
            let rows: Vec<String> = t.facts(card).into_iter().map(row).collect();
            parts.push(format!("<table cellpadding=\"4\" style=\"font:15px sans-serif\">{}</table>", rows.concat()));
        }
        let links: Vec<String> = links(t, card, message.kind)
            .into_iter()
            .map(|(label, url)| format!("<a href=\"{}\">{}</a>", escaped(url), escaped(label)))
            .collect();
        parts.push(format!("<p style=\"font:16px sans-serif\">{}</p>", links.join(" &nbsp; ")));
    }
    format!("<!doctype html><html lang=\"{}\"><body>{}</body></html>", t.tag, parts.concat())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
