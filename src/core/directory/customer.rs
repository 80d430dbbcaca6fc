//! Customers' own people, and how a customer is found by an e-mail address.

use super::{Customer, Directory, Language};
use crate::fact::words;
use crate::ids::CustomerId;
use crate::incident::Severity;
use crate::private::Private;

/// Somebody at the customer who is told of incidents, or signs contracts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CustomerContact {
    /// Unique among the customer's contacts.
    pub id: String,
    /// As written to.
    pub name: Private<String>,
    /// Mailbox.
    pub email: Option<Private<String>>,
    /// E.164 number of a mobile telephone.
    pub phone: Option<Private<String>>,
    /// Language that is written in; `None`: the customer's.
    pub language: Option<Language>,
    /// Told of incidents by e-mail.
    pub by_email: bool,
    /// Told of incidents by SMS.
    pub by_sms: bool,
    /// Of which incidents; empty: of none, only asked by name.
    pub severities: Vec<Severity>,
}

impl CustomerContact {
    /// The language that this person is written to in.
    pub fn language<'a>(&'a self, customer: &'a Customer) -> Option<&'a Language> {
        self.language.as_ref().or(customer.language.as_ref())
    }
}

/// A report that a customer gets by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerReport {
    /// Unique among the customer's reports.
    pub id: String,
    /// How often.
    pub every: Every,
    /// To which of the customer's contacts, by their ids; each has a mailbox.
    pub to: Vec<String>,
    /// The document travels with the mail; else only a link to it.
    pub attach: bool,
}

/// How often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Every {
    /// Monday to Sunday.
    Week,
    /// From the first of a month.
    Month,
}
words!(Every { Week = "week", Month = "month" });

impl Directory {
    /// The customer whose domain an e-mail address (or a bare domain) belongs to: `support.acme.example` is `acme.example`'s
    /// unless it is somebody's own. The longest domain wins.
    pub fn customer_by_email(&self, address: &str) -> Option<&Customer> {
        let domain = domain_of(address)?;
        let rank = |own: &String| {
            let under = domain.strip_suffix(own.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
            under.then_some(own.len())
        };
        self.customers
            .values()
            .filter_map(|customer| Some((customer.domains.iter().filter_map(rank).max()?, customer)))
            .max_by_key(|(length, _)| *length)
            .map(|(_, customer)| customer)
    }

    /// A customer's contact by its id.
    pub fn customer_contact(&self, customer: &CustomerId, contact: &str) -> Option<&CustomerContact> {
        self.customers.get(customer)?.contacts.iter().find(|own| own.id == contact)
    }
}

/// The domain of an e-mail address, lower case, without a dot at its end; also of `Name <a@b.example>` and of a bare domain.
pub fn domain_of(address: &str) -> Option<String> {
    let address = address.trim();
    let address = match address.rsplit_once('<') {
        Some((_, rest)) => rest.split('>').next().unwrap_or(rest),
        None => address,
    };
    let domain = address.rsplit_once('@').map_or(address, |(_, domain)| domain).trim().trim_end_matches('.');
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    // Somebody's domain has two labels at least: `localhost` and `com` are nobody's.
    (domain.len() <= 253 && domain.contains('.') && domain.split('.').all(label)).then(|| domain.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory() -> Directory {
        let mut directory = Directory::default();
        for (id, domains) in
            [("acme", vec!["acme.example"]), ("nord", vec!["nord.example", "lab.acme.example"]), ("none", vec![])]
        {
            let domains = domains.into_iter().map(str::to_owned).collect();
            directory.customers.insert(id.into(), Customer { id: id.into(), domains, ..Customer::default() });
        }
        directory
    }

    #[test]
    fn the_longest_domain_wins() {
        let directory = directory();
        let found = |address: &str| directory.customer_by_email(address).map(|customer| customer.id.0.as_str());
        assert_eq!(found("ann@acme.example"), Some("acme"));
        assert_eq!(found("Ann B. <ann@ACME.Example.>"), Some("acme"));
        assert_eq!(found("bo@mail.acme.example"), Some("acme"));
        assert_eq!(found("cy@lab.acme.example"), Some("nord"));
        assert_eq!(found("dee@x.lab.acme.example"), Some("nord"));
        assert_eq!(found("nord.example"), Some("nord"));
        for stranger in
            ["eve@notacme.example", "eve@acme.example.evil.example", "acme.example@evil.example", "example", "", "@"]
        {
            assert_eq!(found(stranger), None, "{stranger}");
        }
    }

    #[test]
    fn domains() {
        assert_eq!(domain_of("a@Büro.example").as_deref(), Some("büro.example"));
        for nothing in ["a@localhost", "a@b..example", "a@-b.example", "a b.example", "a@b/c.example", "a@[192.0.2.1]"]
        {
            assert_eq!(domain_of(nothing), None, "{nothing}");
        }
    }
}
