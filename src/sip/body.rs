//! Finds the SDP in a message's body, also within multipart (RFC 2046, RFC 5621).
//! Understands none of the SDP itself.

use rsipstack::sip::Headers;

use super::wire::{split_outside, value};

const PARTS_MAX: usize = 16;

/// The body is there, but nothing in it is SDP; the answer is 415.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoSdp;

/// The SDP; `None` if there is no body at all.
pub(super) fn sdp(headers: &Headers, body: &[u8]) -> Result<Option<String>, NoSdp> {
    if body.is_empty() {
        return Ok(None);
    }
    let kind = value(headers, "Content-Type").unwrap_or("application/sdp");
    if value(headers, "Content-Encoding").is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        return Err(NoSdp);
    }
    part(kind, body, 0).ok_or(NoSdp).map(Some)
}

fn part(kind: &str, body: &[u8], depth: usize) -> Option<String> {
    let media = kind.split(';').next().unwrap_or("").trim();
    if media.eq_ignore_ascii_case("application/sdp") {
        return Some(String::from_utf8_lossy(body).into_owned());
    }
    if depth > 2 || !media.to_ascii_lowercase().starts_with("multipart/") {
        return None;
    }
    let boundary = split_outside(kind, ';').into_iter().skip(1).find_map(|param| {
        let (name, value) = param.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"').to_owned())
    })?;
    parts(body, &boundary).into_iter().find_map(|raw| {
        let (head, content) = split_head(raw)?;
        let kind = head.split("\r\n").find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.trim().eq_ignore_ascii_case("content-type").then(|| value.trim().to_owned())
        })?;
        part(&kind, content, depth + 1)
    })
}

/// What stands between the boundary lines.
fn parts<'a>(body: &'a [u8], boundary: &str) -> Vec<&'a [u8]> {
    let marker = format!("--{boundary}").into_bytes();
    if boundary.is_empty() || boundary.len() > 70 {
        return Vec::new();
    }
    let starts: Vec<usize> = body
        .windows(marker.len())
        .enumerate()
        .filter(|(at, window)| *window == marker.as_slice() && (*at == 0 || body[at - 1] == b'\n'))
        .map(|(at, _)| at)
        .take(PARTS_MAX + 1)
        .collect();
    let ends = starts.iter().skip(1).copied().chain([body.len()]);
    starts
        .iter()
        .zip(ends)
        .filter_map(|(start, end)| {
            let raw = &body[start + marker.len()..end];
            let raw = raw.strip_prefix(b"\r\n")?;
            Some(if end < body.len() { raw.strip_suffix(b"\r\n").unwrap_or(raw) } else { raw })
        })
        .collect()
}

fn split_head(raw: &[u8]) -> Option<(String, &[u8])> {
    let at = raw.windows(4).position(|window| window == b"\r\n\r\n")?;
    Some((String::from_utf8_lossy(&raw[..at]).into_owned(), &raw[at + 4..]))
}

#[cfg(test)]
mod tests {
    use rsipstack::sip::Header;
    use rsipstack::sip::headers::untyped::ContentType;

    use super::*;

    fn headers(kind: &str) -> Headers {
        vec![Header::ContentType(ContentType::new(kind))].into()
    }

    #[test]
    fn plain_and_missing() {
        assert_eq!(sdp(&Headers::default(), b""), Ok(None));
        assert_eq!(sdp(&headers("Application/SDP;x=y"), b"v=0"), Ok(Some("v=0".to_owned())));
        assert_eq!(sdp(&headers("text/plain"), b"v=0"), Err(NoSdp));
    }

    #[test]
    fn multipart_is_searched() {
        let body = b"ignore\r\n--b1\r\nContent-Type: application/isup\r\n\r\n\x01\x02\r\n--b1\r\ncontent-type: application/sdp\r\n\
            Content-Disposition: session\r\n\r\nv=0\r\ns=-\r\n\r\n--b1--\r\n";
        assert_eq!(sdp(&headers("multipart/mixed;boundary=\"b1\""), body), Ok(Some("v=0\r\ns=-\r\n".to_owned())));
        assert_eq!(sdp(&headers("multipart/mixed;boundary=zz"), body), Err(NoSdp));
        assert_eq!(sdp(&headers("multipart/mixed"), body), Err(NoSdp));
    }
}
