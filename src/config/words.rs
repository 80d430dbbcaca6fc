//! The small languages within values: durations, telephone numbers, addresses, times.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

pub use hotline_core::directory::e164;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time, Weekday};

/// `25s`, `1500ms`, `2m`, `1h30m`, `31d`, `0s`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let count: u32 = rest.get(..digits)?.parse().ok()?;
        rest = rest.get(digits..)?.trim_start();
        let unit_end = rest.find(|c: char| c.is_ascii_digit() || c == ' ').unwrap_or(rest.len());
        let unit = match rest.get(..unit_end)? {
            "ms" => Duration::from_millis(1),
            "s" | "sec" => Duration::from_secs(1),
            "m" | "min" => Duration::from_mins(1),
            "h" => Duration::from_hours(1),
            "d" => Duration::from_hours(24),
            _ => return None,
        };
        total = total.checked_add(unit.checked_mul(count)?)?;
        rest = rest.get(unit_end..)?.trim_start();
    }
    Some(total)
}

/// A duration as [`duration`] reads it.
pub(super) fn spell(duration: Duration) -> String {
    let millis = duration.as_millis();
    match (millis % 1_000, millis / 1_000) {
        (0, secs) if secs > 86_400 && secs % 86_400 == 0 => format!("{}d", secs / 86_400),
        (0, secs) if secs > 0 && secs % 3_600 == 0 => format!("{}h", secs / 3_600),
        (0, secs) if secs > 0 && secs % 60 == 0 => format!("{}m", secs / 60),
        (0, secs) => format!("{secs}s"),
        (_, _) => format!("{millis}ms"),
    }
}

/// The other ways in which carriers write an E.164 number.
pub(super) fn spellings(e164: &str, country_code: Option<&str>) -> Vec<String> {
    let digits = e164.trim_start_matches('+');
    let national = country_code.and_then(|code| digits.strip_prefix(code)).map(|rest| format!("0{rest}"));
    [Some(digits.to_owned()), Some(format!("00{digits}")), national].into_iter().flatten().collect()
}

/// An address and port to listen on.
pub(super) fn listen(text: &str) -> Option<SocketAddr> {
    match text.strip_prefix("localhost:") {
        Some(port) => Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port.parse().ok()?)),
        None => text.parse().ok(),
    }
}

/// `host`, `host:5060`, `192.0.2.1:5060`, `[2001:db8::1]:5060`.
pub(super) fn is_host_port(text: &str) -> bool {
    if text.parse::<SocketAddr>().is_ok() || text.parse::<IpAddr>().is_ok() {
        return true;
    }
    let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    host.len() <= 253
        && host.split('.').all(label)
        && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

/// First and last port, `16384-32767`.
pub(super) fn ports(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once('-')?;
    let (first, last): (u16, u16) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    (first >= 1_024 && first < last).then_some((first, last))
}

/// A local date and time: `2026-01-05T09:00`, `2026-01-05 09:00`.
pub(super) fn local(text: &str) -> Option<DateTime> {
    // A zone or offset would be left aside silently by the civil parser.
    if text.ends_with(['Z', 'z']) || text.contains(['+', '[']) || text.get(10..)?.contains('-') {
        return None;
    }
    text.parse().ok()
}

/// A moment with its offset, `2026-01-05T09:00:00+01:00`.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

/// `08:00`; `24:00` is the midnight that ends the day.
pub(super) fn time(text: &str) -> Option<Time> {
    if text == "24:00" {
        return Some(Time::midnight());
    }
    text.parse().ok()
}

/// `2026-12-25`.
pub(super) fn day(text: &str) -> Option<Date> {
    text.parse().ok()
}

const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// `mon`, `monday`, `mon-fri`, `sat-mon`, `daily`.
pub(super) fn weekdays(text: &str) -> Option<Vec<Weekday>> {
    let text = text.to_lowercase();
    if matches!(text.as_str(), "daily" | "all") {
        return Some(DAYS.map(|(_, day)| day).to_vec());
    }
    let place = |word: &str| {
        let full = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
        DAYS.iter().position(|(short, _)| *short == word).or_else(|| full.iter().position(|full| *full == word))
    };
    let Some((first, last)) = text.split_once('-') else {
        return Some(vec![DAYS[place(&text)?].1]);
    };
    let (first, last) = (place(first.trim())?, place(last.trim())?);
    let count = (last + 7 - first) % 7 + 1;
    Some((first..first + count).map(|day| DAYS[day % 7].1).collect())
}

/// A name that may stand in URLs, SIP addresses and files: letters, digits, `-_.`, at most 64.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        && !text.starts_with(['.', '-'])
}

/// Somebody's mailbox, as far as a look can tell.
pub(super) fn is_mailbox(text: &str) -> bool {
    text.parse::<lettre::Address>().is_ok() && text.len() <= 254
}

/// An absolute URL; `plain`: `http://` will do.
pub(super) fn is_url(text: &str, plain: bool) -> bool {
    url::Url::parse(text).is_ok_and(|url| {
        (url.scheme() == "https" || (plain && url.scheme() == "http")) && url.has_host() && text.len() <= 2_000
    })
}

/// A language tag: `en`, `de`, `pt-BR`.
pub(super) fn is_language(text: &str) -> bool {
    let mut parts = text.split('-');
    parts.next().is_some_and(|first| (2..=3).contains(&first.len()) && first.bytes().all(|b| b.is_ascii_lowercase()))
        && parts.all(|part| (2..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::civil::Weekday;

    use super::{duration, e164, is_host_port, listen, local, ports, spell, spellings, weekdays};

    #[test]
    fn durations() {
        for (text, millis) in
            [("25s", 25_000), ("1500ms", 1_500), ("2m", 120_000), ("1h30m", 5_400_000), ("1m 5s", 65_000), ("0s", 0)]
        {
            assert_eq!(duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "25", "s", "-1s", "5 w", "1.5s", "99999999999s"] {
            assert_eq!(duration(text), None, "{text}");
        }
        for text in ["25s", "1500ms", "2m", "3h", "0s", "90s"] {
            assert_eq!(spell(duration(text).unwrap()), text);
        }
    }

    #[test]
    fn telephone_numbers() {
        for (text, code, expected) in [
            ("+49 (30) 23125-042", None, Some("+493023125042")),
            ("0049 30 23125042", None, Some("+493023125042")),
            ("030/23125042", Some("49"), Some("+493023125042")),
            ("493023125042", Some("49"), Some("+493023125042")),
            ("030 23125042", None, None),
            ("493023125042", None, None),
            ("110", Some("49"), None),
            ("hotline", Some("49"), None),
            ("+49", None, None),
            ("+4930231250421234567", None, None),
            ("+0930231250", None, None),
        ] {
            assert_eq!(e164(text, code).as_deref(), expected, "{text}");
        }
        assert_eq!(spellings("+493023125042", Some("49")), ["493023125042", "00493023125042", "03023125042"]);
    }

    #[test]
    fn addresses() {
        assert_eq!(listen("localhost:5060"), "127.0.0.1:5060".parse().ok());
        assert!(listen("[::1]:8080").is_some() && listen("8080").is_none());
        assert!(
            is_host_port("sip.example.net")
                && is_host_port("sip.example.net:5080")
                && is_host_port("[2001:db8::1]:5060")
        );
        assert!(
            !is_host_port("sip:example.net") && !is_host_port("a b") && !is_host_port("host:0") && !is_host_port("")
        );
        assert_eq!(ports("16384-32767"), Some((16_384, 32_767)));
        assert!(ports("100-200").is_none() && ports("3000-2000").is_none());
    }

    #[test]
    fn days_and_times() {
        assert_eq!(weekdays("sat-mon"), Some(vec![Weekday::Saturday, Weekday::Sunday, Weekday::Monday]));
        assert_eq!(weekdays("Friday"), Some(vec![Weekday::Friday]));
        assert_eq!(weekdays("daily").map(|days| days.len()), Some(7));
        assert_eq!(weekdays("someday"), None);
        assert!(local("2026-01-05T09:00").is_some() && local("2026-01-05 09:00:00").is_some());
        assert!(
            local("2026-01-05T09:00Z").is_none()
                && local("2026-01-05T09:00+01:00").is_none()
                && local("2026-01-05T09:00-05:00").is_none()
        );
    }
}
