//! Signatures: those that our requests carry, and those that prove others' requests to us.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use hotline_core::private::Private;
use jiff::Timestamp;
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// Signed requests to us may be so old or so far ahead, seconds: longer ago they may be a recording of an earlier one.
const CLOCK_SKEW_S: i64 = 300;

/// HMAC-SHA256 over the parts, one after the other.
pub(crate) fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// Compares by digests and without an early end: how long it takes tells nothing.
pub(crate) fn same(a: &[u8], b: &[u8]) -> bool {
    let pairs = Sha256::digest(a).into_iter().zip(Sha256::digest(b));
    pairs.fold(0, |differences, (a, b)| std::hint::black_box(differences | (a ^ b))) == 0
}

/// `v1=…,v1=…` over `timestamp.body`: one for each secret, so that receivers can change over from one to the next.
pub(super) fn outgoing(secrets: &[Private<String>], timestamp: &str, body: &[u8]) -> String {
    let sign = |secret: &Private<String>| {
        format!("v1={}", hex::encode(hmac_sha256(secret.reveal().as_bytes(), &[timestamp.as_bytes(), b".", body])))
    };
    secrets.iter().map(sign).collect::<Vec<_>>().join(",")
}

/// Whether one of the secrets made one of the signatures (`v1=…,v1=…`) over `timestamp.body`, lately. The counterpart of what
/// our own webhooks carry; receivers do the same.
pub fn incoming(secrets: &[Private<String>], timestamp: &str, body: &[u8], header: &str, now: Timestamp) -> bool {
    fresh(timestamp, now)
        && secrets.iter().any(|secret| {
            let right = outgoing(std::slice::from_ref(secret), timestamp, body);
            // All are compared, whichever fits.
            header.split(',').filter(|given| same(given.trim().as_bytes(), right.as_bytes())).count() > 0
        })
}

/// Slack: `v0=` hex HMAC-SHA256 of `v0:timestamp:body`, at most five minutes old.
pub(super) fn slack(secret: &Private<String>, timestamp: &str, body: &[u8], signature: &str, now: Timestamp) -> bool {
    let mac = hmac_sha256(secret.reveal().as_bytes(), &[b"v0:", timestamp.as_bytes(), b":", body]);
    fresh(timestamp, now) && same(signature.as_bytes(), format!("v0={}", hex::encode(mac)).as_bytes())
}

/// Twilio: base64 HMAC-SHA1 of the whole URL and the sorted parameters, each name directly followed by its value.
pub(super) fn twilio(token: &Private<String>, url: &str, parameters: &[(String, String)], signature: &str) -> bool {
    let mut sorted: Vec<&(String, String)> = parameters.iter().collect();
    sorted.sort();
    let mut signed = url.to_owned();
    for (name, value) in sorted {
        signed.push_str(name);
        signed.push_str(value);
    }
    let mut mac = Hmac::<Sha1>::new_from_slice(token.reveal().as_bytes()).expect("HMAC takes keys of any length");
    mac.update(signed.as_bytes());
    let right = STANDARD.encode(mac.finalize().into_bytes());
    same(signature.as_bytes(), right.as_bytes())
}

fn fresh(timestamp: &str, now: Timestamp) -> bool {
    timestamp.parse::<i64>().is_ok_and(|at| now.as_second().abs_diff(at) <= CLOCK_SKEW_S.unsigned_abs())
}
