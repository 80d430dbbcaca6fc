//! `goto`: goes on elsewhere.

use crate::call::frame::Way;
use crate::ids::NodeId;

pub(crate) fn enter(to: &NodeId) -> Way {
    Way::Go(Some(to.clone()), "goto".to_owned())
}
