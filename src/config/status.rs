//! What customers see of how services are: `[[status_pages]]`.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hotline_core::directory::Service;
use hotline_core::ids::{CustomerId, ServiceId, StatusPageId};
use hotline_core::private::Private;
use hotline_core::status::{
    Audience, BACKGROUND, BACKGROUND_DARK, Brand, Colour, Component, ENOUGH, LOGO_MAX, Logo, LogoFault, StatusPage,
    Tongue,
};
use jiff::tz::TimeZone;

use super::names::Kind;
use super::people::Context;
use super::report::{Section, Word};
use super::server::{choice, read_secret};
use super::words;

/// Links, and the band at the top.
const ACCENT: Colour = Colour(0x0b, 0x53, 0x94);
/// Shortest secret that visitors are signed with.
const SECRET_MIN: usize = 32;
/// While one is changed for another.
const SECRETS_MAX: usize = 2;
/// Longest text that is shown in one line.
const LINE_MAX: usize = 120;
/// Longest description of a component.
const DESCRIPTION_MAX: usize = 500;

impl Context<'_> {
    /// One `[[status_pages]]`.
    pub fn status_page(&self, section: &Section<'_>, services: &BTreeMap<ServiceId, Service>) -> Option<StatusPage> {
        let id = self.id(Kind::StatusPage, section);
        let title = self.line(section, "title", LINE_MAX);
        let (audience, open) = self.audience(section);
        let components = self.components(section, audience.as_ref(), services);
        let brand = self.brand(section);
        let languages = Tongue::ALL.map(|tongue| (tongue.word(), tongue));
        let language = section.text("language").and_then(|word| choice(word, "language", &languages, self.report));
        let time_zone = section.text("time_zone").map(|word| self.zone_of(word, &section.what));
        let support = self.support_link(section);
        let secrets = self.visitor_secrets(section);
        let id = id?;
        Some(StatusPage {
            id: StatusPageId::from(id.text),
            title: title.unwrap_or_else(|| id.text.to_owned()),
            audience: audience?,
            open,
            components,
            brand: brand?,
            language: language.unwrap_or(Tongue::En),
            time_zone: time_zone.unwrap_or(Some(TimeZone::UTC))?,
            support,
            secrets,
        })
    }

    /// A text of one line.
    pub(super) fn line(&self, section: &Section<'_>, key: &'static str, longest: usize) -> Option<String> {
        let word = section.text(key)?;
        if word.text.chars().count() > longest || word.text.chars().any(char::is_control) {
            let what = format!("`{key}` of {} must be one line of at most {longest} characters", section.what);
            self.report.mistake(word.place, format!("{what}; make it shorter"));
            return None;
        }
        Some(word.text.to_owned())
    }

    /// `customer = "acme"`, or `audience = "everyone"` or `"visitors"`; and `open`.
    fn audience(&self, section: &Section<'_>) -> (Option<Audience>, bool) {
        let (customer, word) = (section.text("customer"), section.text("audience"));
        let known = [("everyone", "everyone"), ("customer", "customer"), ("visitors", "visitors")];
        let said = word.map(|word| (choice(word, "audience", &known, self.report), word.place));
        let open = section.flag("open");
        let audience = match (customer, said) {
            (Some(customer), None | Some((Some("customer"), _))) => self
                .names
                .check(Kind::Customer, customer, self.report)
                .then(|| Audience::Customer(CustomerId::from(customer.text))),
            (Some(_), Some((Some(_), place))) => {
                let what = format!("{} has a `customer` and another `audience`; keep one of them", section.what);
                self.report.mistake(place, what);
                None
            }
            (None, Some((Some("customer"), place))) => {
                let what = format!("{} is for one customer; add customer = \"CUSTOMER\"", section.what);
                self.report.mistake(place, what);
                None
            }
            (None, Some((Some("visitors"), _))) => Some(Audience::Visitors),
            (None, None | Some((Some(_), _))) => Some(Audience::Everyone),
            (_, Some((None, _))) => None,
        };
        if audience == Some(Audience::Everyone) && open == Some(false) {
            let what =
                format!("{} is for everyone and can't be closed; remove `open` or give a customer", section.what);
            self.report.mistake(&section.place.within("open"), what);
        }
        let everyone = audience == Some(Audience::Everyone);
        (audience, everyone || open.unwrap_or(false))
    }

    /// `[[status_pages.components]]`.
    fn components(
        &self,
        section: &Section<'_>,
        audience: Option<&Audience>,
        services: &BTreeMap<ServiceId, Service>,
    ) -> Vec<Component> {
        let mut components: Vec<Component> = Vec::new();
        let tables = section.tables("components");
        for (at, spot) in tables.iter().enumerate() {
            let what = format!("component {} of {}", at + 1, section.what);
            let Some(own) = Section::new(spot, what, self.report) else { continue };
            let word = own.need("service", "\"SERVICE\"");
            let name = self.line(&own, "name", LINE_MAX);
            let group = self.line(&own, "group", LINE_MAX);
            let description = self.line(&own, "description", DESCRIPTION_MAX);
            own.finish();
            let Some(word) = word.filter(|word| self.names.check(Kind::Service, *word, self.report)) else { continue };
            let service = ServiceId::from(word.text);
            if components.iter().any(|component| component.service == service) {
                let what = format!("service `{service}` stands twice in {}; remove one", section.what);
                self.report.mistake(word.place, what);
                continue;
            }
            let Some(known) = services.get(&service) else { continue };
            if !self.fits(word, known, audience, section) {
                continue;
            }
            components.push(Component {
                name: name.unwrap_or_else(|| known.name_for_customers().to_owned()),
                service,
                group,
                description,
            });
        }
        if tables.is_empty() {
            let what =
                format!("{} tells about nothing; add [[status_pages.components]] with service = …", section.what);
            self.report.warn(section.place, what);
        }
        components
    }

    /// A service that nobody of the page's audience may see is a slip: perhaps one that would have shown it to them.
    fn fits(&self, word: Word<'_>, service: &Service, audience: Option<&Audience>, page: &Section<'_>) -> bool {
        let remedy = match (audience, &service.customer) {
            (Some(Audience::Everyone), Some(owner)) => format!(
                "is for everyone, but service `{}` is customer `{owner}`'s own; give the page customer = \"{owner}\" or \
                 audience = \"visitors\", or remove the component",
                service.id
            ),
            (Some(Audience::Customer(own)), Some(owner)) if own != owner => format!(
                "is customer `{own}`'s, but service `{}` is customer `{owner}`'s; remove the component",
                service.id
            ),
            (Some(Audience::Everyone | Audience::Customer(_) | Audience::Visitors) | None, _) => return true,
        };
        self.report.mistake(word.place, format!("{} {remedy}", page.what));
        false
    }

    fn brand(&self, section: &Section<'_>) -> Option<Brand> {
        let name = self.line(section, "name", LINE_MAX);
        let before = self.report.count();
        let accent = self.colour(section, "accent", BACKGROUND, "white").unwrap_or(ACCENT);
        let dark = self.colour(section, "accent_dark", BACKGROUND_DARK, "the dark background");
        let logo = self.logo(section);
        (self.report.count() == before).then(|| Brand {
            name,
            logo,
            accent,
            accent_dark: dark.unwrap_or_else(|| accent.for_dark()),
        })
    }

    fn colour(&self, section: &Section<'_>, key: &'static str, behind: Colour, called: &str) -> Option<Colour> {
        let word = section.text(key)?;
        let colour = Colour::read(word.text);
        let Some(colour) = colour else {
            let what = format!("`{key}` of {}: `{}` is no colour; write it like \"#0b5394\"", section.what, word.text);
            self.report.mistake(word.place, what);
            return None;
        };
        if !colour.is_legible_on(behind) {
            let what = format!(
                "`{key}` of {}: {colour} can hardly be read on {called} ({behind}): contrast {:.2}:1, WCAG AA needs {ENOUGH}:1; take a {} one",
                section.what,
                colour.contrast(behind),
                if behind == BACKGROUND { "darker" } else { "lighter" }
            );
            self.report.mistake(word.place, what);
            return None;
        }
        Some(colour)
    }

    /// `logo_file` (file), or `logo`: the file in Base64.
    fn logo(&self, section: &Section<'_>) -> Option<Logo> {
        let (own, file) = (section.text("logo"), section.file("logo_file"));
        let (bytes, place) = match (own, file) {
            (Some(own), Some(_)) => {
                let what = format!("{} has `logo` and `logo_file`; keep one of them", section.what);
                self.report.mistake(own.place, what);
                return None;
            }
            (Some(own), None) => {
                let Ok(bytes) = STANDARD.decode(own.text) else {
                    let what = format!("`logo` of {} is no Base64; send the picture's file in Base64", section.what);
                    self.report.mistake(own.place, what);
                    return None;
                };
                (bytes, own.place)
            }
            (None, Some(file)) => {
                let path = self.base.join(file.text);
                // What is too large is not even read.
                let size = std::fs::metadata(&path).map(|about| about.len());
                let read = match size {
                    Ok(size) if size > LOGO_MAX as u64 => {
                        let fault = LogoFault::TooLarge(usize::try_from(size).unwrap_or(usize::MAX));
                        self.report.mistake(file.place, format!("{}: {fault}", section.what));
                        return None;
                    }
                    Ok(_) => std::fs::read(&path),
                    Err(error) => Err(error),
                };
                match read {
                    Ok(bytes) => (bytes, file.place),
                    Err(error) => {
                        let what = format!("`logo_file` of {}: {}: {error}; mend it", section.what, path.display());
                        self.report.mistake(file.place, what);
                        return None;
                    }
                }
            }
            (None, None) => return None,
        };
        match Logo::read(&bytes) {
            Ok(logo) => Some(logo),
            Err(fault) => {
                self.report.mistake(place, format!("{}: {fault}", section.what));
                None
            }
        }
    }

    fn support_link(&self, section: &Section<'_>) -> Option<String> {
        let word = section.text("support")?;
        let fine = match word.text.split_once(':') {
            Some(("https", _)) => words::is_url(word.text, false),
            Some(("mailto", address)) => words::is_mailbox(address),
            Some(("tel", number)) => {
                let number = number.strip_prefix('+').unwrap_or(number);
                (3..=20).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit() || b == b'-')
            }
            Some(_) | None => false,
        };
        if !fine {
            let what = format!(
                "`support` of {}: write \"https://…\", \"mailto:help@…\" or \"tel:+49…\"; change it",
                section.what
            );
            self.report.mistake(word.place, what);
        }
        fine.then(|| word.text.to_owned())
    }

    /// `secrets` (two while one is changed for the other), `secret_file` (file).
    fn visitor_secrets(&self, section: &Section<'_>) -> Vec<Private<String>> {
        let mut secrets = Vec::new();
        for word in section.texts("secrets").unwrap_or_default() {
            secrets.push((Private::from(word.text), word.place));
        }
        if let Some(file) = section.file("secret_file") {
            secrets.extend(
                read_secret(&self.base.join(file.text), file.place, self.report).map(|secret| (secret, file.place)),
            );
        }
        for (secret, place) in &secrets {
            if secret.reveal().len() < SECRET_MIN {
                let what = format!(
                    "a secret of {} has less than {SECRET_MIN} characters; take one from `openssl rand -hex 32`",
                    section.what
                );
                self.report.mistake(place, what);
            }
        }
        if let Some((_, place)) = secrets.get(SECRETS_MAX) {
            let what =
                format!("{} has more than {SECRETS_MAX} secrets; keep the new one and the one before", section.what);
            self.report.mistake(place, what);
        }
        secrets.into_iter().map(|(secret, _)| secret).collect()
    }
}
