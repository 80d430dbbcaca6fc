//! Signing: a mailed link to one of the customer's people, a page without login, a name that is kept with the date and the hash of what
//! was shown.

use hotline_core::directory::CustomerContact;
use hotline_core::fact::Actor;
use hotline_core::paper::{Block, Paper};
use hotline_core::private::Private;
use hotline_core::sla::document;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::super::Switch;
use crate::clock::now;
use crate::notify::SendError;
use crate::notify::letter::{Attachment, Letter};
use crate::paper::pdf;
use crate::store::StoreError;
use crate::store::alerts::Audited;
use crate::store::slas::{RevisionRow, SignatureRow, Signed};

/// A link works so long.
const VALID: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Longest secret that is looked at.
const TOKEN_MAX: usize = 100;
/// What a name that is typed may have, characters.
pub const NAME_MAX: usize = 120;

/// Why nobody was asked to sign.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// No such contract, revision or contact.
    #[error("there is no such {0}")]
    Unknown(&'static str),
    /// Nobody can be written to: no mailbox, no mail server, no public address.
    #[error("{0}")]
    Unable(String),
    /// The mail server did not take it.
    #[error("the mail could not be sent: {0}")]
    NotSent(String),
    /// Not now.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What the page behind a link shows.
#[derive(Debug, Clone, PartialEq)]
pub enum Signing {
    /// This is to be signed.
    Ask(Box<Sheet>),
    /// It is signed.
    Signed(Box<Sheet>),
    /// No such link, or not any more.
    Gone,
}

/// A document and who is asked about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sheet {
    /// The contract in words.
    pub paper: Paper,
    /// The customer's zone.
    pub zone: TimeZone,
    /// Who is asked, and what came of it.
    pub signature: SignatureRow,
}

impl Switch {
    /// Mails a link to sign a revision to one of the customer's people. The link's secret is in the mail only; what is kept is its hash.
    pub async fn request_signature(
        &self,
        sla: &str,
        number: u32,
        contact: &str,
        by: &Actor,
    ) -> Result<SignatureRow, SignError> {
        let Some(revision) = self.revision(sla, number).await? else { return Err(SignError::Unknown("revision")) };
        let directory = self.directory();
        let customer = directory.customers.get(&revision.customer.as_str().into());
        let customer = customer.ok_or(SignError::Unknown("customer"))?;
        let known = directory.customer_contact(&customer.id, contact).ok_or(SignError::Unknown("contact"))?;
        let Some(mailbox) = &known.email else {
            return Err(SignError::Unable(format!("contact `{contact}` has no `email`; add it")));
        };
        let Some(base) = self.0.public_url.as_deref().map(|url| url.trim_end_matches('/')) else {
            let what = "public_url in [server] (HOTLINE_PUBLIC_URL) is not set, so a link would lead nowhere; set it";
            return Err(SignError::Unable(what.to_owned()));
        };
        let language = known.language(customer).map_or("en", |language| language.0.as_str());
        let token = Private::new(hex::encode(rand::random::<[u8; 24]>()));
        let at = now().wall;
        let row = SignatureRow {
            id: String::new(),
            sla: sla.to_owned(),
            number,
            sha256: revision.sha256.clone(),
            contact: contact.to_owned(),
            contact_name: known.name.reveal().clone(),
            requested_at: at,
            requested_by: by.shown(),
            expires_at: at.checked_add(VALID).unwrap_or(Timestamp::MAX),
            signed_at: None,
            signed_name: None,
        };
        let deed = Audited {
            actor: by.shown(),
            action: "sla.request-signature".to_owned(),
            object: format!("slas/{sla}"),
            detail: serde_json::json!({ "revision": number, "sha256": row.sha256, "contact": contact }).to_string(),
            personal: Vec::new(),
        };
        self.0.store.request_signature(&row, &hash(token.reveal()), &deed).await?;
        let name = directory.slas.get(&sla.into()).map_or(sla, |own| own.name.as_str());
        let link = format!("{base}/sign/{}", token.reveal());
        let letter = letter(&row, name, known, &link, language, directory.company.clone());
        let sent = self.0.notifier.send_letter(mailbox, &letter).await;
        sent.map_err(|error| SignError::NotSent(error.to_string()))?;
        Ok(row)
    }

    /// One revision of a contract.
    pub async fn revision(&self, sla: &str, number: u32) -> Result<Option<RevisionRow>, StoreError> {
        let rows = self.0.store.revisions(sla).await?;
        Ok(rows.into_iter().find(|row| row.number == number))
    }

    /// What the link of this secret shows.
    pub async fn look_signing(&self, token: &str) -> Result<Signing, StoreError> {
        if token.len() > TOKEN_MAX {
            return Ok(Signing::Gone);
        }
        let Some(row) = self.0.store.signature(&hash(token)).await? else { return Ok(Signing::Gone) };
        if row.signed_at.is_none() && (row.expires_at <= now().wall || self.is_replaced(&row).await?) {
            return Ok(Signing::Gone);
        }
        let Some(sheet) = self.sheet(row).await? else { return Ok(Signing::Gone) };
        let signed = sheet.signature.signed_at.is_some();
        Ok(if signed { Signing::Signed(Box::new(sheet)) } else { Signing::Ask(Box::new(sheet)) })
    }

    /// Whether there is a later revision, or no such contract any more.
    async fn is_replaced(&self, row: &SignatureRow) -> Result<bool, StoreError> {
        let kept = self.directory().slas.contains_key(&row.sla.as_str().into());
        Ok(!kept || self.0.store.revisions(&row.sla).await?.iter().any(|revision| revision.number > row.number))
    }

    async fn sheet(&self, signature: SignatureRow) -> Result<Option<Sheet>, StoreError> {
        let Some(terms) = self.terms(&signature.sla, signature.number).await? else { return Ok(None) };
        let directory = self.directory();
        let customer = directory.customers.get(&terms.sla.customer);
        let contact = directory.customer_contact(&terms.sla.customer, &signature.contact);
        let language = contact.zip(customer).and_then(|(contact, customer)| contact.language(customer));
        let paper = document(&terms, &signature.sha256, language.map_or("en", |language| &language.0));
        let zone = customer.and_then(|customer| customer.time_zone.clone()).unwrap_or(TimeZone::UTC);
        Ok(Some(Sheet { paper, zone, signature }))
    }

    /// Signs what the link shows, with the name that was typed. Pressed twice it is the same.
    pub async fn sign(&self, token: &str, name: &str) -> Result<Signing, StoreError> {
        if token.len() > TOKEN_MAX {
            return Ok(Signing::Gone);
        }
        let audited = |row: &SignatureRow| Audited {
            actor: format!("contact {}", row.contact),
            action: "sla.sign".to_owned(),
            object: format!("slas/{}", row.sla),
            detail: serde_json::json!({ "revision": row.number, "sha256": row.sha256, "contact": row.contact })
                .to_string(),
            personal: vec![("name".to_owned(), name.to_owned())],
        };
        let signed = match self.look_signing(token).await? {
            Signing::Ask(_) => self.0.store.sign(&hash(token), name, now().wall, audited).await?,
            shown @ (Signing::Signed(_) | Signing::Gone) => return Ok(shown),
        };
        let (row, first) = match signed {
            Signed::Done(row) => (row, true),
            Signed::Already(row) => (row, false),
            Signed::Unknown => return Ok(Signing::Gone),
        };
        let Some(sheet) = self.sheet(row).await? else { return Ok(Signing::Gone) };
        if first {
            let (switch, copy) = (self.clone(), sheet.clone());
            self.0.tasks.spawn(async move {
                if let Err(error) = switch.mail_copy(&copy).await {
                    let (sla, revision) = (&copy.signature.sla, copy.signature.number);
                    tracing::warn!(%error, %sla, revision, "the copy of what was signed could not be mailed; the link still shows it");
                }
            });
        }
        Ok(Signing::Signed(Box::new(sheet)))
    }

    /// Mails what was signed to whoever signed it.
    async fn mail_copy(&self, sheet: &Sheet) -> Result<(), SendError> {
        let directory = self.directory();
        let sla = directory.slas.get(&sheet.signature.sla.as_str().into());
        let contact = sla.and_then(|sla| directory.customer_contact(&sla.customer, &sheet.signature.contact));
        let Some(mailbox) = contact.and_then(|contact| contact.email.as_ref()) else { return Ok(()) };
        let (letter, paper) = copy(sheet, directory.company.clone());
        let file = format!("sla-{}-{}.pdf", sheet.signature.sla, sheet.signature.number);
        let document = tokio::task::spawn_blocking(move || pdf(&paper)).await.unwrap_or_default();
        let attached = Attachment { name: file, kind: "application/pdf".to_owned(), bytes: document };
        self.0.notifier.send_letter_with(mailbox, &letter, Some(&attached)).await
    }
}

fn hash(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

/// The letter with which what was signed comes, and that document with the signature below it.
fn copy(sheet: &Sheet, company: Option<String>) -> (Letter, Paper) {
    let row = &sheet.signature;
    let at = row.signed_at.unwrap_or(row.requested_at).to_zoned(sheet.zone.clone());
    let at = at.strftime("%Y-%m-%d %H:%M %Z").to_string();
    let by = row.signed_name.as_deref().unwrap_or(&row.contact_name);
    let mut paper = sheet.paper.clone();
    let (heading, signed, subject, text) = if paper.language == "de" {
        (
            "Unterschrift",
            format!("Unterschrieben von {by}, {at}."),
            format!("{}: Ihre Unterschrift", paper.title),
            format!(
                "Guten Tag {},\n\nanbei die Vereinbarung, wie Sie sie am {at} unterschrieben haben.",
                row.contact_name
            ),
        )
    } else {
        (
            "Signature",
            format!("Signed by {by}, {at}."),
            format!("{}: your signature", paper.title),
            format!("Hello {},\n\nhere is the agreement as you signed it on {at}.", row.contact_name),
        )
    };
    paper.blocks.push(Block::Heading(2, heading.to_owned()));
    paper.blocks.push(Block::Text(signed));
    let html = format!(
        "<!doctype html><html lang=\"{}\"><body style=\"font:15px sans-serif\"><p>{}</p></body></html>",
        escaped(&paper.language),
        escaped(&text).replace('\n', "<br>"),
    );
    let id = format!("signed.{}", uuid::Uuid::now_v7());
    (
        Letter { id, thread: None, subject, text: format!("{text}\n"), html, from_name: company, unsubscribe: None },
        paper,
    )
}

fn letter(
    row: &SignatureRow,
    agreement: &str,
    contact: &CustomerContact,
    link: &str,
    language: &str,
    company: Option<String>,
) -> Letter {
    let name = contact.name.reveal();
    let (subject, text, press) = if language.starts_with("de") {
        (
            format!("Servicevereinbarung {agreement}, Fassung {}: bitte unterschreiben", row.number),
            format!(
                "Guten Tag {name},\n\nbitte lesen Sie die Servicevereinbarung und bestätigen Sie sie mit Ihrem Namen. Der Link gilt 30 Tage und ist nur für Sie bestimmt:"
            ),
            "Vereinbarung lesen und unterschreiben",
        )
    } else {
        (
            format!("Service level agreement {agreement}, revision {}: please sign", row.number),
            format!(
                "Hello {name},\n\nplease read the service level agreement and confirm it with your name. The link works for 30 days and is meant for you only:"
            ),
            "Read and sign the agreement",
        )
    };
    let html = format!(
        "<!doctype html><html lang=\"{}\"><body style=\"font:15px sans-serif\"><p>{}</p><p><a href=\"{}\">{press}</a></p></body></html>",
        escaped(language),
        escaped(&text).replace('\n', "<br>"),
        escaped(link),
    );
    let id = format!("sign.{}", uuid::Uuid::now_v7());
    Letter {
        id,
        thread: None,
        subject,
        text: format!("{text}\n\n{link}\n"),
        html,
        from_name: company,
        unsubscribe: None,
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
