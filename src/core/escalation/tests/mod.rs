//! Escalation told as stories.
