//! Private data stays out of logs: `Debug` shows only the end of it.

use std::fmt;

/// A value about a person (number, name, words said). `Debug` prints the last
/// two characters at most; there is no `Display`. Take the value with
/// [`Private::reveal`] where it must really go (record, dialled number, page).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Private<T>(T);

impl<T> Private<T> {
    /// Wraps a value about a person.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself. Never hand it to a log.
    pub const fn reveal(&self) -> &T {
        &self.0
    }

    /// Unwraps the value. Never hand it to a log.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T: AsRef<str>> fmt::Debug for Private<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.as_ref();
        let count = text.chars().count();
        if count < 5 {
            return f.write_str("…");
        }
        f.write_str("…")?;
        text.chars().skip(count - 2).try_for_each(|c| fmt::Write::write_char(f, c))
    }
}

impl From<&str> for Private<String> {
    fn from(value: &str) -> Self {
        Self(value.to_owned())
    }
}

impl From<String> for Private<String> {
    fn from(value: String) -> Self {
        Self(value)
    }
}

#[cfg(test)]
mod tests {
    use super::Private;

    #[test]
    fn debug_shows_only_the_end() {
        assert_eq!(format!("{:?}", Private::from("+4930123442")), "…42");
        assert_eq!(format!("{:?}", Private::from("1234")), "…");
    }
}
