//! Status pages: what is seen, and by property, what is not.

mod fixture;
mod seen;
mod secret;
mod small;
