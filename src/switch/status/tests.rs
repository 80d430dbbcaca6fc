//! Tokens, shapes, what is planned for whom.
