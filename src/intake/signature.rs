//! Signed deliveries: `X-Hotline-Signature: v1=…,v1=…`, HMAC-SHA256 in hex over `timestamp.body`, with the moment of sending in
//! `X-Hotline-Timestamp` (seconds since 1970). Several signatures, so that a secret can be changed without a gap.

use axum::http::HeaderMap;
use hmac::{Hmac, Mac};
use hotline_core::directory::AlertSource;
use jiff::Timestamp;
use sha2::Sha256;

use super::problem::Fault;

/// How far the sender's clock may be off, seconds.
const SKEW_MAX: i64 = 300;
/// Signatures looked at, at most.
const SIGNATURES_MAX: usize = 8;

/// A signature whose moment is right; the body is checked later.
#[derive(Debug)]
pub struct Claimed<'a> {
    timestamp: &'a str,
    signatures: Vec<&'a str>,
}

/// What can be checked before the body is read; `None`: this source takes unsigned events.
pub fn claimed<'a>(source: &AlertSource, headers: &'a HeaderMap, now: Timestamp) -> Result<Option<Claimed<'a>>, Fault> {
    if source.secrets.is_empty() {
        return Ok(None);
    }
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let (Some(signature), Some(timestamp)) = (text("x-hotline-signature"), text("x-hotline-timestamp")) else {
        return Err(Fault::signature(
            "signature-missing",
            "This source takes signed events only: send X-Hotline-Timestamp (seconds since 1970) and X-Hotline-Signature: v1=HEX, the HMAC-SHA256 of `timestamp.body` with the source's secret.",
        ));
    };
    let sent: i64 = timestamp.parse().ok().filter(|_| timestamp.len() <= 12).ok_or_else(|| {
        Fault::signature(
            "timestamp-malformed",
            "X-Hotline-Timestamp must be whole seconds since 1970, as in 1790000000.",
        )
    })?;
    let behind = now.as_second() - sent;
    if behind.abs() > SKEW_MAX {
        let (by, word) = (behind.abs(), if behind > 0 { "behind ours" } else { "ahead of ours" });
        return Err(Fault::signature(
            "clock-skew",
            format!(
                "The sender's clock (or the delivery) is {by} s {word}; at most {SKEW_MAX} s are taken. Our time is {}. Set the sender's clock by NTP, or sign again before sending again.",
                now.as_second()
            ),
        ));
    }
    let signatures: Vec<&str> =
        signature.split(',').filter_map(|part| part.trim().strip_prefix("v1=")).take(SIGNATURES_MAX).collect();
    if signatures.is_empty() {
        return Err(Fault::signature(
            "signature-malformed",
            "X-Hotline-Signature must hold v1=HEX, several separated by commas.",
        ));
    }
    Ok(Some(Claimed { timestamp, signatures }))
}

impl Claimed<'_> {
    /// The moment of sending, as it was sent.
    pub const fn moment(&self) -> &str {
        self.timestamp
    }

    /// Whether one of the source's secrets made one of the signatures.
    pub fn verify(&self, source: &AlertSource, body: &[u8]) -> Result<(), Fault> {
        for signature in &self.signatures {
            let Ok(bytes) = hex::decode(signature) else { continue };
            for secret in &source.secrets {
                let mut mac =
                    Hmac::<Sha256>::new_from_slice(secret.reveal().as_bytes()).expect("HMAC takes keys of any length");
                mac.update(self.timestamp.as_bytes());
                mac.update(b".");
                mac.update(body);
                // Constant in time.
                if mac.verify_slice(&bytes).is_ok() {
                    return Ok(());
                }
            }
        }
        Err(Fault::signature(
            "signature-wrong",
            "None of the signatures fits. Sign the exact bytes of the body, as `timestamp.body`, with a secret of this source, as lower-case hex HMAC-SHA256.",
        ))
    }
}
