//! What an SMS says: the alert, how to take it, the link; cut so that the last two are never lost.

use super::texts;
use super::{Message, SendError};
use hotline_core::notify::Kind;

/// So many parts an SMS may have; longer text is cut.
const PARTS_MAX: usize = 3;
/// Characters of a part of several, in the GSM alphabet (3GPP TS 23.038) and beyond it (UCS-2).
const PART: (usize, usize) = (153, 67);
/// Alerts that the text names.
const NAMED_MAX: usize = 4;
/// Where something was cut off; the single character for it would cost the GSM alphabet.
const CUT: &str = "...";

/// The whole text of the SMS.
pub(super) fn text(message: &Message) -> String {
    let t = texts::of(&message.language);
    let (head, tail) = match (message.kind, message.alerts.as_slice()) {
        (Kind::Alert, [one]) => {
            let link = one.acknowledge_url.iter().map(String::as_str);
            let tail: Vec<&str> = std::iter::once(t.sms_hint).chain(link).collect();
            (texts::line(one), tail.join("\n"))
        }
        (Kind::Alert, several @ [first, ..]) => {
            let mut lines: Vec<String> = several.iter().take(NAMED_MAX).map(texts::line).collect();
            if several.len() > NAMED_MAX {
                lines.push(format!("+ {} {}", several.len() - NAMED_MAX, t.more));
            }
            let head = format!("{}\n{}", message.subject, lines.join("\n"));
            (head, format!("{} {}", t.sms_hint_several, first.reference))
        }
        (
            Kind::Alert | Kind::Verification | Kind::Test | Kind::Caller | Kind::OnCall | Kind::Status | Kind::Customer,
            _,
        ) => (message.text.clone(), String::new()),
    };
    cut(&head, &tail)
}

/// Cuts `head` until both fit.
fn cut(head: &str, tail: &str) -> String {
    let join = |head: &str| if tail.is_empty() { head.to_owned() } else { format!("{head}\n{tail}") };
    let whole = join(head);
    let room = if whole.chars().all(is_gsm) { PART.0 } else { PART.1 } * PARTS_MAX;
    let long = |text: &str| text.chars().map(septets).sum::<usize>();
    if long(&whole) <= room {
        return whole;
    }
    let mut left = room.saturating_sub(long(&join(CUT)));
    let kept: String = head
        .chars()
        .take_while(|c| {
            let fits = septets(*c) <= left;
            left = left.saturating_sub(septets(*c));
            fits
        })
        .collect();
    join(&format!("{}{CUT}", kept.trim_end()))
}

/// Places that a character takes: the extension table's take two in GSM, those beyond the first plane two in UCS-2.
fn septets(c: char) -> usize {
    if "^{}\\[~]|€".contains(c) || c.len_utf16() > 1 { 2 } else { 1 }
}

/// In the GSM default alphabet or its extension.
fn is_gsm(c: char) -> bool {
    matches!(c, ' '..='Z' | 'a'..='z' | '\n' | '\r' | '_' | '^' | '{' | '}' | '\\' | '[' | '~' | ']' | '|')
        || "£¥èéùìòÇØøÅåΔΦΓΛΩΠΨΣΘΞÆæßÉ¤¡ÄÖÑÜ§¿äöñüà€".contains(c)
}

/// A number in E.164, for providers that want it with its `+`.
pub(super) fn number(number: &str) -> Result<&str, SendError> {
    let right = number.strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0')
    });
    right
        .then_some(number)
        .ok_or_else(|| SendError::Never("sms: the number is not in international form; write it as +49…".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_head_is_cut_and_the_tail_stays() {
        let plain = cut(&"a".repeat(1_000), "Reply 1\nhttps://h.example/a/token");
        assert_eq!(plain.chars().count(), 459);
        assert!(plain.ends_with("...\nReply 1\nhttps://h.example/a/token"), "{plain}");
        let beyond = cut(&"ж".repeat(1_000), "x");
        assert!(beyond.chars().count() <= 201 && beyond.ends_with("...\nx"));
        assert_eq!(cut("kurz", ""), "kurz");
    }

    #[test]
    fn alphabets() {
        assert!("P1 #12 Größe @home: 5€ [db-1]".chars().all(is_gsm));
        assert!(!"`".chars().all(is_gsm) && !"…".chars().all(is_gsm) && !"日".chars().all(is_gsm));
        assert_eq!("a€😀".chars().map(septets).sum::<usize>(), 5);
    }
}
