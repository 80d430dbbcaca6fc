//! Zone names as calendars write them.

use jiff::tz::TimeZone;

/// What Windows and Outlook call zones, and the IANA name of the place that most people mean.
const WINDOWS: [(&str, &str); 32] = [
    ("AUS Eastern Standard Time", "Australia/Sydney"),
    ("Arabian Standard Time", "Asia/Dubai"),
    ("Atlantic Standard Time", "America/Halifax"),
    ("Cen. Australia Standard Time", "Australia/Adelaide"),
    ("Central America Standard Time", "America/Guatemala"),
    ("Central Europe Standard Time", "Europe/Budapest"),
    ("Central European Standard Time", "Europe/Warsaw"),
    ("Central Standard Time", "America/Chicago"),
    ("China Standard Time", "Asia/Shanghai"),
    ("E. Australia Standard Time", "Australia/Brisbane"),
    ("E. South America Standard Time", "America/Sao_Paulo"),
    ("Eastern Standard Time", "America/New_York"),
    ("FLE Standard Time", "Europe/Kyiv"),
    ("GMT Standard Time", "Europe/London"),
    ("GTB Standard Time", "Europe/Bucharest"),
    ("Greenwich Standard Time", "Atlantic/Reykjavik"),
    ("India Standard Time", "Asia/Kolkata"),
    ("Israel Standard Time", "Asia/Jerusalem"),
    ("Korea Standard Time", "Asia/Seoul"),
    ("Mountain Standard Time", "America/Denver"),
    ("New Zealand Standard Time", "Pacific/Auckland"),
    ("Pacific Standard Time", "America/Los_Angeles"),
    ("Romance Standard Time", "Europe/Paris"),
    ("Russian Standard Time", "Europe/Moscow"),
    ("SE Asia Standard Time", "Asia/Bangkok"),
    ("Singapore Standard Time", "Asia/Singapore"),
    ("South Africa Standard Time", "Africa/Johannesburg"),
    ("Tokyo Standard Time", "Asia/Tokyo"),
    ("Turkey Standard Time", "Europe/Istanbul"),
    ("UTC", "UTC"),
    ("W. Australia Standard Time", "Australia/Perth"),
    ("W. Europe Standard Time", "Europe/Berlin"),
];

/// The zone behind a TZID; `None`: unknown.
pub(super) fn zone(id: &str) -> Option<TimeZone> {
    let id = id.trim().trim_matches('"');
    // Some programs write a path before it (`/freeassociation.sourceforge.net/Europe/Berlin`).
    let parts: Vec<&str> = id.split('/').collect();
    let tail = |count: usize| parts.get(parts.len().checked_sub(count)?..).map(|tail| tail.join("/"));
    let known = |name: &str| TimeZone::get(name).ok();
    known(id)
        .or_else(|| known(WINDOWS.iter().find(|(windows, _)| windows.eq_ignore_ascii_case(id))?.1))
        .or_else(|| known(&tail(3)?))
        .or_else(|| known(&tail(2)?).filter(|_| parts.len() > 2))
}
