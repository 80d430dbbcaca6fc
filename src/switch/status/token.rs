//! Tokens of visitors.
//!
//! ```text
//! portal   v1.PAYLOAD.HMAC   made by a customer's portal with the page's secret: ?visitor=…, then the cookie
//! mail     m1.PAYLOAD.HMAC   the cookie of whoever opened a mailed link
//!          PAYLOAD: base64url of {"customer": "acme", "visitor": "ada", "expires": 1790000000}
//!          HMAC: hex HMAC-SHA256(secret, "v1." + page + "." + PAYLOAD)
//! link     base64url of id(16) mac(16)   in mails: one for each purpose and id
//! ```
//!
//! The page stands in what is signed: a token opens the one page that it was made for. Whatever is wrong with one, its bearer is
//! nobody.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hotline_core::directory::Directory;
use hotline_core::ids::CustomerId;
use hotline_core::private::Private;
use hotline_core::status::StatusPage;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::notify::proof::{hmac_sha256, same};

/// Longest token that is looked at.
const TOKEN_MAX: usize = 1_000;
/// A portal's token may be good for so long, seconds: it stands in an address before it is a cookie.
pub const PORTAL_MAX_S: i64 = 24 * 3_600;
/// Whoever opened a mailed link stays known for so long, seconds.
pub const MAIL_MAX_S: i64 = 7 * 24 * 3_600;

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// Whose the visitor is.
    pub customer: String,
    /// Who, in the portal's words; of a mail: the domain.
    pub visitor: String,
    /// Worth nothing from then on, seconds since 1970.
    pub expires: i64,
}

/// A visitor who was believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Believed {
    /// Whose.
    pub customer: CustomerId,
    /// For so many seconds.
    pub for_s: i64,
}

fn signed(kind: &str, secret: &Private<String>, page: &StatusPage, payload: &str) -> String {
    let parts: [&[u8]; 5] = [kind.as_bytes(), b".", page.id.0.as_bytes(), b".", payload.as_bytes()];
    hex::encode(hmac_sha256(secret.reveal().as_bytes(), &parts))
}

/// A token of this kind (`v1`, `m1`).
pub fn make(kind: &str, secret: &Private<String>, page: &StatusPage, said: &Said) -> String {
    let payload = URL_SAFE_NO_PAD.encode(serde_json::json!(said).to_string());
    let mac = signed(kind, secret, page, &payload);
    format!("{kind}.{payload}.{mac}")
}

/// Whom a token shows; `None`: nobody. `key`: of mailed links.
pub fn read(
    token: &str,
    page: &StatusPage,
    key: Option<&Private<String>>,
    directory: &Directory,
    now: Timestamp,
) -> Option<Believed> {
    if token.len() > TOKEN_MAX {
        return None;
    }
    let mut parts = token.split('.');
    let (kind, payload, mac) = (parts.next()?, parts.next()?, parts.next()?);
    let fits = |secret: &Private<String>| same(signed(kind, secret, page, payload).as_bytes(), mac.as_bytes());
    let longest = match kind {
        "v1" if page.secrets.iter().filter(|secret| fits(secret)).count() > 0 => PORTAL_MAX_S,
        "m1" if key.is_some_and(fits) => MAIL_MAX_S,
        _ => return None,
    };
    if parts.next().is_some() {
        return None;
    }
    let said: Said = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    let for_s = said.expires.checked_sub(now.as_second())?;
    let customer = CustomerId(said.customer);
    let known = directory.customers.contains_key(&customer);
    // A domain that is somebody else's by now opens nothing any more.
    let still = kind != "m1" || directory.customer_by_email(&said.visitor).is_some_and(|owner| owner.id == customer);
    // A little more than the longest: clocks differ.
    (known && still && for_s > 0 && for_s <= longest + 300).then_some(Believed { customer, for_s: for_s.min(longest) })
}

/// What a mailed link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// "Yes, tell me."
    Confirm,
    /// "No more."
    Unsubscribe,
    /// "It is me."
    Access,
}

impl Purpose {
    const fn word(self) -> &'static [u8] {
        match self {
            Self::Confirm => b"status: confirm",
            Self::Unsubscribe => b"status: unsubscribe",
            Self::Access => b"status: access",
        }
    }
}

/// The token of a link.
pub fn link(key: &Private<String>, purpose: Purpose, id: Uuid) -> String {
    let mac = hmac_sha256(key.reveal().as_bytes(), &[purpose.word(), id.as_bytes()]);
    URL_SAFE_NO_PAD.encode([&id.as_bytes()[..], &mac[..16]].concat())
}

/// Whose link it is, if it is one of ours and for this.
pub fn read_link(key: &Private<String>, purpose: Purpose, token: &str) -> Option<Uuid> {
    if token.len() > 64 {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let id = Uuid::from_slice(bytes.get(..16)?).ok()?;
    same(link(key, purpose, id).as_bytes(), token.as_bytes()).then_some(id)
}

/// The secret by which what is posted to a subscriber is signed. Told in the challenge, which only the receiver reads.
pub fn webhook_secret(key: &Private<String>, id: Uuid) -> Private<String> {
    Private::new(hex::encode(hmac_sha256(key.reveal().as_bytes(), &[b"status: webhook", id.as_bytes()])))
}

/// What a receiver must send back.
pub fn challenge(key: &Private<String>, id: Uuid) -> String {
    hex::encode(&hmac_sha256(key.reveal().as_bytes(), &[b"status: challenge", id.as_bytes()])[..16])
}
