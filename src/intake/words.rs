//! What tools write for priorities, states, moments and links, understood.

use hotline_core::alert::intake::Action;
use hotline_core::fact::Priority;
use jiff::Timestamp;
use serde_json::Value;

/// A link's length at most.
const LINK_MAX: usize = 2_000;

/// A value as text: texts, numbers and flags as they stand, lists and objects as JSON; null and blank are none. Control
/// characters (NUL among them, which databases refuse) become spaces, line ends and tabs stay.
pub fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::Null => return None,
        Value::String(text) => clean(text),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => clean(&value.to_string()),
    };
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Without control characters.
pub fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && !matches!(c, '\n' | '\t') { ' ' } else { c }).collect()
}

/// In one line, cut to so many characters; true: something was cut.
pub fn one_line(text: &str, longest: usize) -> (String, bool) {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(longest) {
        None => (line, false),
        // Room for the mark.
        Some(_) => (line.chars().take(longest.saturating_sub(1)).chain(['…']).collect(), true),
    }
}

/// Cut to so many characters.
pub fn cut(text: &str, longest: usize) -> String {
    if text.char_indices().nth(longest).is_none() {
        return text.to_owned();
    }
    text.chars().take(longest.saturating_sub(1)).chain(['…']).collect()
}

/// What the tool wants; `None`: a word nobody knows.
pub fn action(text: &str) -> Option<Action> {
    Some(match text.trim().to_lowercase().replace([' ', '-'], "_").as_str() {
        "trigger" | "triggered" | "firing" | "fire" | "alert" | "alerting" | "alarm" | "problem" | "down" | "open"
        | "opened" | "new" | "create" | "created" | "critical" | "error" | "warning" | "failed" | "failure"
        | "unhealthy" | "true" | "1" => Action::Trigger,
        "acknowledge" | "acknowledged" | "ack" | "accept" | "accepted" | "in_progress" => Action::Acknowledge,
        "resolve" | "resolved" | "ok" | "up" | "close" | "closed" | "recovery" | "recovered" | "normal" | "clear"
        | "cleared" | "healthy" | "success" | "false" | "0" => Action::Resolve,
        _ => return None,
    })
}

/// P1–P5, 1–5, and the words of the field; `None`: a word nobody knows.
pub fn priority(text: &str) -> Option<Priority> {
    Some(match text.trim().to_lowercase().as_str() {
        "p1" | "1" | "1.0" | "critical" | "crit" | "disaster" | "emergency" | "fatal" | "sev1" => Priority::P1,
        "p2" | "2" | "2.0" | "error" | "err" | "high" | "major" | "sev2" => Priority::P2,
        "p3" | "3" | "3.0" | "warning" | "warn" | "medium" | "average" | "moderate" | "sev3" => Priority::P3,
        "p4" | "4" | "4.0" | "low" | "minor" | "notice" | "sev4" => Priority::P4,
        "p5" | "5" | "5.0" | "info" | "information" | "informational" | "debug" | "sev5" => Priority::P5,
        _ => return None,
    })
}

/// RFC 3339, or seconds or milliseconds since 1970; between 1971 and 2200.
pub fn moment(text: &str) -> Option<Timestamp> {
    const FIRST: i64 = 31_536_000;
    const LAST: i64 = 7_258_118_400;
    let text = text.trim();
    let at = match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number.abs() < 1e15 => {
            let millis = if number.abs() >= 1e11 { number } else { number * 1_000.0 };
            Timestamp::from_millisecond(millis as i64).ok()?
        }
        Ok(_) => return None,
        Err(_) => text.parse().ok()?,
    };
    (FIRST..LAST).contains(&at.as_second()).then_some(at)
}

/// An http or https address, as it may be shown as a link.
pub fn link(text: &str) -> Option<String> {
    let address = url::Url::parse(text.trim()).ok()?;
    let fine = matches!(address.scheme(), "http" | "https") && address.has_host() && text.len() <= LINK_MAX;
    fine.then(|| address.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_understood() {
        let at = |text: &str| moment(text).map(|at| at.to_string());
        assert_eq!(at("2026-03-29T02:30:00+01:00").as_deref(), Some("2026-03-29T01:30:00Z"));
        assert_eq!(at("1774747800").as_deref(), Some("2026-03-29T01:30:00Z"));
        assert_eq!(at("1774747800000").as_deref(), Some("2026-03-29T01:30:00Z"));
        for odd in ["", "yesterday", "nan", "inf", "1e300", "-5", "0", "99999999999999999999", "2026-03-29"] {
            assert_eq!(at(odd), None, "{odd}");
        }
    }

    #[test]
    fn links_lead_to_pages_only() {
        assert_eq!(link(" https://mon.example/x?y=1 ").as_deref(), Some("https://mon.example/x?y=1"));
        for odd in ["javascript:alert(1)", "mon.example", "file:///etc/passwd", "data:text/html,x"] {
            assert_eq!(link(odd), None, "{odd}");
        }
    }

    #[test]
    fn words_of_the_field_are_known() {
        assert_eq!(
            (priority("Critical"), priority(" p4 "), priority("5"), priority("urgent-ish")),
            (Some(Priority::P1), Some(Priority::P4), Some(Priority::P5), None)
        );
        assert_eq!(
            (action("In Progress"), action("OK"), action("firing"), action("maybe")),
            (Some(Action::Acknowledge), Some(Action::Resolve), Some(Action::Trigger), None)
        );
    }

    #[test]
    fn texts_are_cut_to_size_and_cleaned() {
        assert_eq!(one_line("a\n b\u{0} c", 10), ("a b\u{0} c".to_owned(), false));
        assert_eq!(one_line("äöüß", 3), ("äö…".to_owned(), true));
        assert_eq!(text(&serde_json::json!("a\u{0}b\r\n")).as_deref(), Some("a b"));
        assert_eq!(text(&serde_json::json!(7)).as_deref(), Some("7"));
        assert_eq!(cut("abcdef", 4), "abc…");
    }
}
