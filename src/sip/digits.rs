//! Keys that come by SIP INFO: `application/dtmf-relay` (`Signal=5`) and
//! `application/dtmf` (`5`). Keys in the audio are `rtp`'s business.

/// What an INFO says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Info {
    /// A key was pressed.
    Digit(char),
    /// Empty: a keep-alive; 200.
    Nothing,
    /// Something else; 415.
    Other,
    /// Meant to be a key, and is none; 400.
    Broken,
}

/// Reads the body of an INFO.
pub(super) fn read(content_type: Option<&str>, body: &[u8]) -> Info {
    if body.is_empty() {
        return Info::Nothing;
    }
    let kind = content_type.unwrap_or("").split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    let text = String::from_utf8_lossy(body);
    let signal = match kind.as_str() {
        "application/dtmf-relay" => text.lines().find_map(|line| {
            let (name, value) = line.split_once('=')?;
            name.trim().eq_ignore_ascii_case("signal").then(|| value.trim().to_owned())
        }),
        "application/dtmf" => Some(text.trim().to_owned()),
        _ => return Info::Other,
    };
    signal.as_deref().and_then(digit).map_or(Info::Broken, Info::Digit)
}

fn digit(signal: &str) -> Option<char> {
    match signal {
        // Some phones send the event number (RFC 4733 section 3.2).
        "10" | "star" => return Some('*'),
        "11" | "pound" => return Some('#'),
        _ => {}
    }
    let mut chars = signal.chars();
    let digit = chars.next()?.to_ascii_uppercase();
    let known = digit.is_ascii_digit() || matches!(digit, '*' | '#' | 'A'..='D');
    (known && chars.next().is_none()).then_some(digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read() {
        let relay = Some("application/dtmf-relay");
        assert_eq!(read(relay, b"Signal=5\r\nDuration=160\r\n"), Info::Digit('5'));
        assert_eq!(read(relay, b"Signal= #\nDuration=1"), Info::Digit('#'));
        assert_eq!(read(relay, b"Signal=10\r\n"), Info::Digit('*'));
        assert_eq!(read(relay, b"Duration=160\r\n"), Info::Broken);
        assert_eq!(read(Some("Application/DTMF; x=y"), b"d\r\n"), Info::Digit('D'));
        assert_eq!(read(Some("application/dtmf"), b"55"), Info::Broken);
        assert_eq!(read(Some("application/media_control+xml"), b"<x/>"), Info::Other);
        assert_eq!(read(None, b""), Info::Nothing);
    }
}
