//! `alert`: sets title and priority of the call's alert, which may be opened later.

use crate::call::frame::{Frame, Way};
use crate::now::Now;

use super::AlertNode;

pub(crate) fn enter(node: &AlertNode, frame: &mut Frame, now: Now) -> Way {
    frame.describe_alert(node.title.as_deref(), node.priority, "set by the flow", now);
    Way::Go(node.next.clone(), "alert described".to_owned())
}
