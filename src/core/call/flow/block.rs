//! `block`: turns away callers on the blocklist and, where asked, those without a number.

use crate::call::frame::{Frame, Way};

use super::Block;

/// Why this caller is turned away; `None`: is not.
pub(crate) fn reason(node: &Block, frame: &Frame) -> Option<&'static str> {
    match &frame.caller {
        Some(caller) if frame.directory.is_blocked(caller.reveal()) => Some("the caller is on the blocklist"),
        None if node.anonymous => Some("callers without a number are turned away here"),
        Some(_) | None => None,
    }
}

pub(crate) fn enter(node: &Block, frame: &Frame) -> Way {
    match reason(node, frame) {
        None => Way::Go(Some(node.next.clone()), "not blocked".to_owned()),
        Some(why) if node.prompts.is_empty() => Way::Finish(why.to_owned()),
        Some(why) => Way::Say(node.prompts.clone(), why.to_owned()),
    }
}
