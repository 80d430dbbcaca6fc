//! Status pages: what a visitor sees, and what they never do.
//!
//! Whose eyes look ([`StatusPage::eyes`]) is decided first; everything else ([`view()`]) follows from the page, those eyes and
//! what was published. A page, a feed, a mail and a webhook all show a [`View`] and nothing beside it, so what is not in the
//! view can't be seen anywhere.
//!
//! | file | does |
//! |---|---|
//! | `view` | what these eyes see |
//! | `uptime` | the last 90 days of a component |
//! | `colour` | contrast by WCAG |
//! | `logo` | pictures, known by their bytes |

mod colour;
mod logo;
#[cfg(test)]
mod tests;
mod uptime;
mod view;

use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};

use crate::directory::Language;
use crate::fact::words;
use crate::ids::{CustomerId, ServiceId, StatusPageId};
use crate::incident::Impact;
use crate::private::Private;

pub use colour::{BACKGROUND, BACKGROUND_DARK, Colour, ENOUGH};
pub use logo::{LOGO_MAX, Logo, LogoFault, LogoKind};
pub use uptime::{DAYS, Day, Span, Uptime};
pub use view::{Change, ComponentView, Existence, IncidentView, Lessons, UpdateView, View, World, view};

/// A page that tells how services are.
#[derive(Debug, Clone, PartialEq)]
pub struct StatusPage {
    /// Its name; `{slug}` in `/status/{slug}`.
    pub id: StatusPageId,
    /// At its top ("Status of Nordlicht Logistik").
    pub title: String,
    /// For whom it is.
    pub audience: Audience,
    /// Whether strangers may open it. They see a customer's page as that customer does, a page for visitors without any
    /// customer's own services. A page for everyone is always open.
    pub open: bool,
    /// What it tells about, in its order.
    pub components: Vec<Component>,
    /// How it looks.
    pub brand: Brand,
    /// What it is written in unless the visitor chooses.
    pub language: Tongue,
    /// Whose clock its times are by, and its days begin by.
    pub time_zone: TimeZone,
    /// Where visitors find help: `https:`, `mailto:` or `tel:`.
    pub support: Option<String>,
    /// By which portals sign visitors, newest first.
    pub secrets: Vec<Private<String>>,
}

/// For whom a page is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Audience {
    /// For everybody in the same way: shared services only.
    Everyone,
    /// For one customer: its services and the shared ones.
    Customer(CustomerId),
    /// For all customers; each visitor sees those of their own and the shared ones.
    Visitors,
}

/// A service as visitors know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    /// Which.
    pub service: ServiceId,
    /// What visitors call it.
    pub name: String,
    /// Under which heading it stands.
    pub group: Option<String>,
    /// What it is for, in a sentence.
    pub description: Option<String>,
}

/// How a page looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brand {
    /// Who speaks ("Nordlicht IT"), at the foot and as the sender of mails.
    pub name: Option<String>,
    /// A picture at the top.
    pub logo: Option<Logo>,
    /// Colour of links and of the band at the top, on a light background.
    pub accent: Colour,
    /// The same on a dark one.
    pub accent_dark: Colour,
}

/// Languages that pages are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tongue {
    /// English.
    En,
    /// German.
    De,
}
words!(Tongue { En = "en", De = "de" });

impl Tongue {
    /// As texts are tagged.
    pub fn language(self) -> Language {
        Language(self.word().to_owned())
    }
}

/// Who asks, once they have proven it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Visitor {
    /// Nobody we know.
    Nobody,
    /// Somebody of this customer.
    Customer(CustomerId),
    /// Somebody of the house, who may see every page as its visitors do.
    House,
}

/// Through whose eyes a page is seen.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Eyes {
    /// Anybody's: shared services, and what was published to all who are touched.
    Shared,
    /// A customer's.
    Of(CustomerId),
}

/// How everything that is seen is, in one word; statuspage.io's indicators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Indicator {
    /// All is well.
    None,
    /// Something is being worked on as planned.
    Maintenance,
    /// Slow, or with faults.
    Minor,
    /// For some, or in part.
    Major,
    /// Not at all.
    Critical,
}
words!(Indicator {
    None = "none", Maintenance = "maintenance", Minor = "minor", Major = "major", Critical = "critical",
});

impl From<Impact> for Indicator {
    fn from(impact: Impact) -> Self {
        match impact {
            Impact::Operational => Self::None,
            Impact::UnderMaintenance => Self::Maintenance,
            Impact::DegradedPerformance => Self::Minor,
            Impact::PartialOutage => Self::Major,
            Impact::MajorOutage => Self::Critical,
        }
    }
}

impl StatusPage {
    /// Through whose eyes this visitor sees it; `None`: not at all, as if there were no such page.
    pub fn eyes(&self, visitor: &Visitor) -> Option<Eyes> {
        match (&self.audience, visitor) {
            (Audience::Everyone, _) | (Audience::Visitors, Visitor::House) => Some(Eyes::Shared),
            (Audience::Customer(own), Visitor::House) => Some(Eyes::Of(own.clone())),
            (Audience::Customer(own), Visitor::Customer(visitor)) if own == visitor => Some(Eyes::Of(own.clone())),
            (Audience::Customer(own), Visitor::Customer(_) | Visitor::Nobody) => {
                self.open.then(|| Eyes::Of(own.clone()))
            }
            (Audience::Visitors, Visitor::Customer(visitor)) => Some(Eyes::Of(visitor.clone())),
            (Audience::Visitors, Visitor::Nobody) => self.open.then_some(Eyes::Shared),
        }
    }

    /// Whether anybody may keep a copy of what is seen through these eyes: strangers see the same.
    pub fn is_public(&self, eyes: &Eyes) -> bool {
        self.eyes(&Visitor::Nobody).as_ref() == Some(eyes)
    }

    /// What a component is called in JSON and forms. Says nothing about the service's configured name.
    pub fn component_id(&self, service: &ServiceId) -> String {
        let digest = Sha256::digest(format!("{}\n{}", self.id, service));
        digest.iter().take(6).fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
    }
}
