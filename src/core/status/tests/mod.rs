//! Status pages: what is seen, and by property, what is not.

mod fixture;
mod secret;
mod seen;
mod small;
mod stale;
