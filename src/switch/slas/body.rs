//! A contract as canonical JSON and back: what a revision keeps, what is signed, what clocks go by ever after.

use std::collections::BTreeMap;

use hotline_core::call::flow::HoursWindow;
use hotline_core::directory::Directory;
use hotline_core::fact::Priority;
use hotline_core::ids::{CalendarId, CustomerId, SlaId};
use hotline_core::oncall::Calendar;
use hotline_core::sla::{Parties, Sla, Targets, Terms};
use jiff::SignedDuration;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::store::slas::NewRevision;

/// The fields in the order of their names, so that the same contract always is the same text. No numbers but whole ones.
#[derive(Debug, Serialize, Deserialize)]
struct Body {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    between: Option<Between>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    category: Option<String>,
    customer: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hours: Option<Hours>,
    name: String,
    sla: String,
    targets: BTreeMap<String, Target>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    terms: Option<String>,
    warn_at: Vec<u32>,
}

/// The names of both sides at that time.
#[derive(Debug, Serialize, Deserialize)]
struct Between {
    customer: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    provider: Option<String>,
}

/// Lengths in seconds.
#[derive(Debug, Serialize, Deserialize)]
struct Target {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resolution: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    response: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    update: Option<i64>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Hours {
    calendar: String,
    holidays: BTreeMap<String, String>,
    name: String,
    time_zone: String,
    windows: Vec<Window>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Window {
    days: Vec<String>,
    from: String,
    to: String,
}

const DAYS: [(Weekday, &str); 7] = [
    (Weekday::Monday, "mon"),
    (Weekday::Tuesday, "tue"),
    (Weekday::Wednesday, "wed"),
    (Weekday::Thursday, "thu"),
    (Weekday::Friday, "fri"),
    (Weekday::Saturday, "sat"),
    (Weekday::Sunday, "sun"),
];

/// The contract as it is configured now.
pub fn revision(sla: &Sla, directory: &Directory) -> NewRevision {
    let hours = sla.hours(directory);
    let customer = directory.customers.get(&sla.customer);
    let between =
        customer.map(|customer| Between { customer: customer.name.clone(), provider: directory.company.clone() });
    let body = Body {
        between,
        category: sla.category.clone(),
        customer: sla.customer.0.clone(),
        hours: hours.as_deref().map(written),
        name: sla.name.clone(),
        sla: sla.id.0.clone(),
        targets: sla.targets.iter().map(|(priority, target)| (priority.word().to_owned(), lengths(*target))).collect(),
        terms: sla.terms.clone(),
        warn_at: sla.warn_at.clone(),
    };
    let body = serde_json::to_string(&body).expect("texts and numbers always become JSON");
    NewRevision {
        sla: sla.id.0.clone(),
        customer: sla.customer.0.clone(),
        sha256: hex::encode(Sha256::digest(body.as_bytes())),
        body,
    }
}

fn lengths(targets: Targets) -> Target {
    let secs = |length: Option<SignedDuration>| length.map(|length| length.as_secs());
    Target { resolution: secs(targets.resolution), response: secs(targets.response), update: secs(targets.update) }
}

fn written(calendar: &Calendar) -> Hours {
    let window = |window: &HoursWindow| {
        // In the order of the week, whatever the order in which they were written.
        let days = DAYS.iter().filter(|(day, _)| window.days.contains(day)).map(|(_, word)| (*word).to_owned());
        let time = |time: jiff::civil::Time| time.strftime("%H:%M").to_string();
        Window { days: days.collect(), from: time(window.from), to: time(window.to) }
    };
    Hours {
        calendar: calendar.id.0.clone(),
        holidays: calendar.holidays.iter().map(|(day, name)| (day.to_string(), name.clone())).collect(),
        name: calendar.name.clone(),
        time_zone: calendar.time_zone.iana_name().unwrap_or("UTC").to_owned(),
        windows: calendar.windows.iter().map(window).collect(),
    }
}

/// What a revision's body says; `None`: it is none of ours.
pub fn terms(body: &str, revision: u32) -> Option<Terms> {
    let body: Body = serde_json::from_str(body).ok()?;
    let hours = match body.hours {
        Some(hours) => Some(calendar(hours)?),
        None => None,
    };
    let targets = body
        .targets
        .iter()
        .map(|(priority, target)| {
            let length = |secs: Option<i64>| secs.map(SignedDuration::from_secs);
            let targets = Targets {
                response: length(target.response),
                resolution: length(target.resolution),
                update: length(target.update),
            };
            Some((Priority::from_word(priority)?, targets))
        })
        .collect::<Option<_>>()?;
    let between = match body.between {
        Some(Between { customer, provider }) => Parties { provider, customer },
        None => Parties { provider: None, customer: body.customer.clone() },
    };
    Some(Terms {
        between,
        sla: Sla {
            id: SlaId(body.sla),
            name: body.name,
            customer: CustomerId(body.customer),
            category: body.category,
            calendar: hours.as_ref().map(|hours| hours.id.clone()),
            time_zone: None,
            targets,
            warn_at: body.warn_at,
            terms: body.terms,
        },
        revision,
        hours,
    })
}

fn calendar(hours: Hours) -> Option<Calendar> {
    let window = |window: Window| {
        let day = |word: &String| DAYS.iter().find(|(_, known)| known == word).map(|(day, _)| *day);
        Some(HoursWindow {
            days: window.days.iter().map(day).collect::<Option<_>>()?,
            from: window.from.parse().ok()?,
            to: window.to.parse().ok()?,
        })
    };
    Some(Calendar {
        id: CalendarId(hours.calendar),
        name: hours.name,
        time_zone: TimeZone::get(&hours.time_zone).ok()?,
        windows: hours.windows.into_iter().map(window).collect::<Option<_>>()?,
        holidays: hours
            .holidays
            .into_iter()
            .map(|(day, name)| Some((day.parse().ok()?, name)))
            .collect::<Option<_>>()?,
    })
}

#[cfg(test)]
mod tests {
    use hotline_core::directory::Customer;

    use super::*;

    fn world() -> (Sla, Directory) {
        let mut directory = Directory { company: Some("Example IT".to_owned()), ..Directory::default() };
        let acme = Customer { id: "acme".into(), name: "Acme Logistics".to_owned(), ..Customer::default() };
        directory.customers.insert("acme".into(), acme);
        let office = Calendar {
            id: "office".into(),
            name: "Office".to_owned(),
            time_zone: TimeZone::get("Europe/Berlin").unwrap(),
            windows: vec![HoursWindow {
                days: vec![Weekday::Friday, Weekday::Monday],
                from: "08:00".parse().unwrap(),
                to: "18:30".parse().unwrap(),
            }],
            holidays: vec![
                ("2028-12-25".parse().unwrap(), "Christmas".to_owned()),
                ("2028-05-01".parse().unwrap(), String::new()),
            ],
        };
        directory.calendars.insert("office".into(), office);
        let minutes = |count| Some(SignedDuration::from_mins(count));
        let targets = Targets { response: minutes(15), resolution: minutes(240), update: None };
        let sla = Sla {
            id: "gold".into(),
            name: "Gold".to_owned(),
            customer: "acme".into(),
            category: None,
            calendar: Some("office".into()),
            time_zone: Some(TimeZone::get("Europe/London").unwrap()),
            targets: BTreeMap::from([(Priority::P1, targets)]),
            warn_at: vec![50, 90],
            terms: Some("Spare parts are not included.".to_owned()),
        };
        (sla, directory)
    }

    #[test]
    fn the_same_contract_is_the_same_text() {
        let (sla, directory) = world();
        let new = revision(&sla, &directory);
        assert_eq!(
            new.body,
            r#"{"between":{"customer":"Acme Logistics","provider":"Example IT"},"customer":"acme","hours":{"calendar":"office","holidays":{"2028-05-01":"","2028-12-25":"Christmas"},"name":"Office","time_zone":"Europe/London","windows":[{"days":["mon","fri"],"from":"08:00","to":"18:30"}]},"name":"Gold","sla":"gold","targets":{"P1":{"resolution":14400,"response":900}},"terms":"Spare parts are not included.","warn_at":[50,90]}"#
        );
        // As `sha256sum` says of that text.
        assert_eq!(new.sha256, hex::encode(Sha256::digest(new.body.as_bytes())));
        let mut turned = directory.clone();
        for calendar in turned.calendars.values_mut() {
            calendar.windows[0].days.reverse();
            calendar.holidays.reverse();
        }
        assert_eq!(revision(&sla, &turned), new);
        let mut renamed = directory.clone();
        renamed.customers.get_mut(&"acme".into()).unwrap().name = "Acme Ltd".to_owned();
        assert_ne!(revision(&sla, &renamed).sha256, new.sha256, "who is bound is part of what is signed");
        let mut other = directory;
        for calendar in other.calendars.values_mut() {
            calendar.holidays.pop();
        }
        assert_ne!(revision(&sla, &other).sha256, new.sha256, "another holiday is another promise");
    }

    #[test]
    fn terms_come_back_as_they_were() {
        let (sla, directory) = world();
        let terms = terms(&revision(&sla, &directory).body, 3).unwrap();
        let hours = terms.hours.clone().unwrap();
        let between = Parties { provider: Some("Example IT".to_owned()), customer: "Acme Logistics".to_owned() };
        assert_eq!(terms.between, between);
        assert_eq!((terms.revision, terms.sla.targets.clone()), (3, sla.targets.clone()));
        assert_eq!((hours.time_zone, hours.holidays.len()), (TimeZone::get("Europe/London").unwrap(), 2));
        assert_eq!(hours.windows[0].days, [Weekday::Monday, Weekday::Friday]);
        let always = Sla { calendar: None, time_zone: None, ..sla };
        assert_eq!(super::terms(&revision(&always, &directory).body, 1).unwrap().hours, None);
        for nonsense in ["", "{}", "[]", "null"] {
            assert_eq!(super::terms(nonsense, 1), None);
        }
    }
}
