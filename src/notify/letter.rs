//! A mail to somebody outside: finished words in plain text and HTML, with a way to hear no more (RFC 2369, RFC 8058).

use hotline_core::private::Private;
use lettre::AsyncTransport;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};

use super::email::{class_of, domain, never, one_line};
use super::{MAIL_TIMES, Notifier, SendError};

/// What is mailed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Becomes the Message-ID: a second delivery after a crash is seen as the same mail. Letters, digits, `-` and `.`.
    pub id: String,
    /// Mails of one thread name the same; `None`: none.
    pub thread: Option<String>,
    /// One line.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// The same as HTML, whole and escaped.
    pub html: String,
    /// Shown instead of the server's own sender name.
    pub from_name: Option<String>,
    /// Where a POST (and a person's click) ends it.
    pub unsubscribe: Option<String>,
}

/// A file that travels with a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// Its name.
    pub name: String,
    /// Media type (`application/pdf`).
    pub kind: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

impl Notifier {
    /// Whether mail can be sent at all.
    pub fn has_mail(&self) -> bool {
        self.0.settings.smtp.is_some()
    }

    /// One try.
    pub async fn send_letter(&self, to: &Private<String>, letter: &Letter) -> Result<(), SendError> {
        self.send_letter_with(to, letter, None).await
    }

    /// One try, with a file.
    pub async fn send_letter_with(
        &self,
        to: &Private<String>,
        letter: &Letter,
        attached: Option<&Attachment>,
    ) -> Result<(), SendError> {
        let Some(smtp) = &self.0.settings.smtp else { return Err(never("no mail server is set up")) };
        let mail = written(&smtp.from, to.reveal(), letter, attached)?;
        let sent = tokio::time::timeout(self.0.timeout * MAIL_TIMES, self.mailer(smtp)?.send(mail)).await;
        match sent {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(class_of(&error)),
            Err(_) => Err(super::email::later("no answer in time")),
        }
    }

    /// A signed POST like [`Notifier::post_signed`], by a secret of the receiver's own.
    pub async fn post_signed_by(
        &self,
        secret: &Private<String>,
        url: &str,
        delivery: &str,
        body: &serde_json::Value,
    ) -> Result<String, SendError> {
        super::webhook::post(&self.0.guard, std::slice::from_ref(secret), url, delivery, body).await
    }
}

/// Whether a text is a URL that may be posted to, as far as a look can tell.
pub fn is_webhook_url(text: &str) -> bool {
    text.len() <= 2_000 && super::guard::is_url(text)
}

fn written(from: &str, to: &str, letter: &Letter, attached: Option<&Attachment>) -> Result<lettre::Message, SendError> {
    let mut sender: Mailbox = from.parse().map_err(|_| never("`from` in [notify.smtp] is no mail address"))?;
    if let Some(name) = &letter.from_name {
        sender.name = Some(one_line(name));
    }
    let to: Mailbox = to.parse().map_err(|_| never("the receiver is no mail address"))?;
    let host = domain(from);
    let mut builder = lettre::Message::builder()
        .from(sender)
        .to(to)
        .subject(one_line(&letter.subject))
        .date(std::time::SystemTime::from(crate::clock::now().wall))
        .message_id(Some(format!("<{}@{host}>", letter.id)));
    if let Some(thread) = &letter.thread {
        let thread = format!("<{thread}@{host}>");
        builder = builder.references(thread.clone()).in_reply_to(thread);
    }
    let words = MultiPart::alternative_plain_html(letter.text.clone(), letter.html.clone());
    let parts = match attached {
        Some(file) => {
            let kind = file.kind.parse().map_err(|_| never("the file's kind can't be written"))?;
            let part = lettre::message::Attachment::new(file.name.clone()).body(file.bytes.clone(), kind);
            MultiPart::mixed().multipart(words).singlepart(part)
        }
        None => words,
    };
    let mut mail = builder.multipart(parts).map_err(|_| never("the mail can't be written"))?;
    // RFC 3834: no out-of-office notes in return.
    let mut headers =
        vec![("Auto-Submitted", "auto-generated".to_owned()), ("X-Auto-Response-Suppress", "All".to_owned())];
    if let Some(url) = letter.unsubscribe.as_deref().filter(|url| url.is_ascii() && !url.contains(['<', '>', ' '])) {
        headers.push(("List-Unsubscribe", format!("<{url}>")));
        headers.push(("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned()));
    }
    for (name, value) in headers {
        let name = HeaderName::new_from_ascii(name.to_owned()).map_err(|_| never("the mail can't be written"))?;
        mail.headers_mut().insert_raw(HeaderValue::new(name, value));
    }
    Ok(mail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_can_be_ended_with_one_click_and_holds_no_other_headers() {
        let letter = Letter {
            id: "0199.1".to_owned(),
            thread: Some("incident-1".to_owned()),
            subject: "Mail\r\nBcc: eve@evil.example".to_owned(),
            text: "Hello".to_owned(),
            html: "<p>Hello".to_owned(),
            from_name: Some("Acme\r\nX-Evil: 1".to_owned()),
            unsubscribe: Some("https://hotline.example/status/a/unsubscribe/t".to_owned()),
        };
        let mail = written("Hotline <hotline@msp.example>", "ada@acme.example", &letter, None).unwrap();
        let text = String::from_utf8(mail.formatted()).unwrap();
        let head = text.split("\r\n\r\n").next().unwrap();
        assert!(head.contains("List-Unsubscribe: <https://hotline.example/status/a/unsubscribe/t>"), "{head}");
        assert!(head.contains("List-Unsubscribe-Post: List-Unsubscribe=One-Click"), "{head}");
        assert!(head.contains("Message-ID: <0199.1@msp.example>"), "{head}");
        assert!(!head.contains("\r\nBcc:") && !head.contains("\r\nX-Evil:"), "{head}");
        assert!(matches!(written("hotline@msp.example", "nobody", &letter, None), Err(SendError::Never(_))));
    }

    #[test]
    fn a_file_travels_with_it() {
        let letter = Letter {
            id: "report.1".to_owned(),
            thread: None,
            subject: "Report".to_owned(),
            text: "Here it is".to_owned(),
            html: "<p>Here it is".to_owned(),
            from_name: None,
            unsubscribe: None,
        };
        let file = Attachment {
            name: "report.pdf".to_owned(),
            kind: "application/pdf".to_owned(),
            bytes: b"%PDF-1.7 \xff\x00 not really".to_vec(),
        };
        let mail = written("hotline@msp.example", "lea@acme.example", &letter, Some(&file)).unwrap();
        let text = String::from_utf8(mail.formatted()).unwrap();
        assert!(text.contains("multipart/mixed") && text.contains("multipart/alternative"), "{text}");
        assert!(text.contains("Content-Disposition: attachment; filename=\"report.pdf\""), "{text}");
        assert!(text.contains("application/pdf") && text.contains("JVBERi0xLjcg"), "{text}");
    }
}
