//! Digest authentication (RFC 3261 section 22, RFC 7616, RFC 8760), both sides:
//! answers to challenges we get, and the check of answers to ours. Pure; who may
//! do what is decided elsewhere.

use std::fmt::Write;

use hotline_core::private::Private;
use md5::Md5;
use sha2::{Digest, Sha256};

use super::wire::split_outside;

/// A hash that we can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Algorithm {
    /// RFC 3261.
    Md5,
    /// RFC 8760.
    Sha256,
}

impl Algorithm {
    /// As it stands in a header.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }

    fn parse(name: Option<&str>) -> Option<Self> {
        match name {
            None => Some(Self::Md5),
            Some(name) if name.eq_ignore_ascii_case("MD5") => Some(Self::Md5),
            Some(name) if name.eq_ignore_ascii_case("SHA-256") => Some(Self::Sha256),
            Some(_) => None,
        }
    }

    fn hash(self, text: &str) -> String {
        match self {
            Self::Md5 => hex::encode(Md5::digest(text)),
            Self::Sha256 => hex::encode(Sha256::digest(text)),
        }
    }
}

/// Whom we are, to somebody who asks.
#[derive(Debug, Clone)]
pub(super) struct Credentials {
    /// User name of the account.
    pub user: String,
    /// Its secret.
    pub password: Private<String>,
}

/// `name=value` pairs after `Digest`.
fn fields(value: &str) -> Option<Vec<(String, String)>> {
    let (scheme, rest) = value.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("Digest") {
        return None;
    }
    let fields = split_outside(rest, ',').into_iter().filter_map(|part| {
        let (name, value) = part.split_once('=')?;
        let value = value.trim();
        let value = match value.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')) {
            Some(inner) => inner.replace("\\\"", "\"").replace("\\\\", "\\"),
            None => value.to_owned(),
        };
        Some((name.trim().to_ascii_lowercase(), value))
    });
    Some(fields.collect())
}

fn field(fields: &[(String, String)], name: &str) -> Option<String> {
    fields.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone())
}

/// What a server asks (WWW-Authenticate, Proxy-Authenticate).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Challenge {
    realm: String,
    nonce: String,
    opaque: Option<String>,
    algorithm: Algorithm,
    qop: bool,
    /// The nonce was too old, the password was right.
    pub stale: bool,
}

impl Challenge {
    /// The best one of several header values that we can answer: SHA-256 before MD5.
    pub fn best<'a>(values: impl Iterator<Item = &'a str>) -> Option<Self> {
        values.filter_map(Self::parse).max_by_key(|challenge| challenge.algorithm)
    }

    fn parse(value: &str) -> Option<Self> {
        let fields = fields(value)?;
        let algorithm = Algorithm::parse(field(&fields, "algorithm").as_deref())?;
        let qop = match field(&fields, "qop") {
            None => false,
            Some(offered) if offered.split(',').any(|qop| qop.trim().eq_ignore_ascii_case("auth")) => true,
            // Only auth-int: we can't.
            Some(_) => return None,
        };
        let stale = field(&fields, "stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true"));
        Some(Self {
            realm: field(&fields, "realm")?,
            nonce: field(&fields, "nonce")?,
            opaque: field(&fields, "opaque"),
            algorithm,
            qop,
            stale,
        })
    }

    /// The header value that answers it. `qop` and `nc` are bare (RFC 7616 section 3.4).
    pub fn answer(&self, credentials: &Credentials, method: &str, uri: &str, count: u32) -> String {
        let escape = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
        let cnonce = super::wire::token();
        let nc = format!("{count:08x}");
        let proof = Proof {
            user: &credentials.user,
            realm: &self.realm,
            nonce: &self.nonce,
            qop: self.qop.then_some((nc.as_str(), cnonce.as_str())),
            method,
            uri,
        };
        let response = proof.compute(self.algorithm, credentials.password.reveal());
        let mut out = format!(
            "Digest username=\"{}\", realm=\"{}\", nonce=\"{}\", uri=\"{uri}\", response=\"{response}\", algorithm={}",
            escape(&credentials.user),
            escape(&self.realm),
            escape(&self.nonce),
            self.algorithm.name(),
        );
        if let Some(opaque) = &self.opaque {
            // Writing to a string can't fail.
            let _ = write!(out, ", opaque=\"{}\"", escape(opaque));
        }
        if self.qop {
            let _ = write!(out, ", qop=auth, nc={nc}, cnonce=\"{cnonce}\"");
        }
        out
    }
}

struct Proof<'a> {
    user: &'a str,
    realm: &'a str,
    nonce: &'a str,
    qop: Option<(&'a str, &'a str)>,
    method: &'a str,
    uri: &'a str,
}

impl Proof<'_> {
    fn compute(&self, algorithm: Algorithm, password: &str) -> String {
        let own = algorithm.hash(&format!("{}:{}:{password}", self.user, self.realm));
        let what = algorithm.hash(&format!("{}:{}", self.method, self.uri));
        algorithm.hash(&match self.qop {
            Some((nc, cnonce)) => format!("{own}:{}:{nc}:{cnonce}:auth:{what}", self.nonce),
            None => format!("{own}:{}:{what}", self.nonce),
        })
    }
}

/// What a client proves with (Authorization).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    /// The account it claims.
    pub user: String,
    /// The realm it answers for.
    pub realm: String,
    /// The nonce it answers.
    pub nonce: String,
    /// Counts its requests with this nonce; `None` without qop.
    pub count: Option<u32>,
    uri: String,
    response: String,
    qop: Option<(String, String)>,
    algorithm: Algorithm,
}

impl Answer {
    /// Reads a header value.
    pub fn parse(value: &str) -> Option<Self> {
        let fields = fields(value)?;
        let qop = match field(&fields, "qop") {
            None => None,
            Some(qop) if qop.eq_ignore_ascii_case("auth") => Some((field(&fields, "nc")?, field(&fields, "cnonce")?)),
            Some(_) => return None,
        };
        let count = match &qop {
            Some((nc, _)) => Some(u32::from_str_radix(nc, 16).ok()?),
            None => None,
        };
        Some(Self {
            user: field(&fields, "username")?,
            realm: field(&fields, "realm")?,
            nonce: field(&fields, "nonce")?,
            count,
            uri: field(&fields, "uri")?,
            response: field(&fields, "response")?.to_ascii_lowercase(),
            qop,
            algorithm: Algorithm::parse(field(&fields, "algorithm").as_deref())?,
        })
    }

    /// Whether the password is right. Compares in constant time.
    pub fn proves(&self, password: &str, method: &str) -> bool {
        let proof = Proof {
            user: &self.user,
            realm: &self.realm,
            nonce: &self.nonce,
            qop: self.qop.as_ref().map(|(nc, cnonce)| (nc.as_str(), cnonce.as_str())),
            method,
            uri: &self.uri,
        };
        same(&proof.compute(self.algorithm, password), &self.response)
    }
}

/// Compares without telling by its time where the difference is.
pub(super) fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |diff, (a, b)| diff | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_7616_example() {
        // RFC 7616 section 3.9.1.
        for (algorithm, response) in [
            (Algorithm::Md5, "8ca523f5e9506fed4657c9700eebdbec"),
            (Algorithm::Sha256, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ] {
            let proof = Proof {
                user: "Mufasa",
                realm: "http-auth@example.org",
                nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
                qop: Some(("00000001", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ")),
                method: "GET",
                uri: "/dir/index.html",
            };
            assert_eq!(proof.compute(algorithm, "Circle of Life"), response);
        }
    }

    #[test]
    fn an_answer_proves_the_password() {
        for challenge in [
            "Digest realm=\"r, \\\"x\\\"\", nonce=\"n\", algorithm=SHA-256, qop=\"auth-int,auth\", opaque=\"o\"",
            "Digest realm=\"r\",nonce=\"n\"",
        ] {
            let challenge = Challenge::best([challenge].into_iter()).expect("parses");
            let credentials = Credentials { user: "jo".to_owned(), password: "pw".into() };
            let value = challenge.answer(&credentials, "REGISTER", "sip:x.example", 1);
            assert!(!value.contains("qop=\""), "{value}");
            let answer = Answer::parse(&value).expect("parses");
            assert!(answer.proves("pw", "REGISTER"));
            assert!(!answer.proves("pw2", "REGISTER"));
            assert!(!answer.proves("pw", "INVITE"));
        }
    }

    #[test]
    fn the_stronger_challenge_is_answered() {
        let both = ["Digest realm=\"r\", nonce=\"a\"", "Digest realm=\"r\", nonce=\"b\", algorithm=SHA-256"];
        assert_eq!(Challenge::best(both.into_iter()).expect("parses").nonce, "b");
        assert!(Challenge::best(["Basic realm=\"r\""].into_iter()).is_none());
        assert!(Challenge::best(["Digest realm=\"r\", nonce=\"b\", algorithm=SHA-512-256"].into_iter()).is_none());
    }
}
