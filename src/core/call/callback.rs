//! Ringing a caller back from the hotline's number: the one destination that does not stand in the directory.
//! It is always the recorded caller of an existing alert, never typed digits. What people write as their own contacts keeps
//! to the same rules.

use crate::directory::{Address, Destination, Directory, Trunk};
use crate::ids::{NumberId, PhoneId};

/// Beginnings (after `+` and the country code) that cost extra in these countries.
const PREMIUM: [(&str, &[&str]); 5] = [
    ("49", &["900", "137", "138", "180", "118", "190", "12", "19", "700"]),
    ("44", &["9", "87", "84", "70", "118"]),
    ("43", &["9", "810", "820", "821", "828", "118"]),
    ("41", &["90", "84", "18"]),
    ("33", &["89", "81", "82", "118"]),
];

/// Where a caller who rang `number` can be rung back, or why that is not done.
pub fn callback(directory: &Directory, number: &NumberId, caller: Option<&str>) -> Result<Destination, String> {
    let caller = caller.ok_or_else(|| "the caller's number is withheld".to_owned())?;
    let Some(digits) = caller.strip_prefix('+').filter(|rest| rest.bytes().all(|b| b.is_ascii_digit())) else {
        let phone = PhoneId(caller.to_owned());
        let known = directory.phones.contains_key(&phone);
        return if known {
            Ok(Destination::Phone(phone))
        } else {
            Err("the caller has no telephone number".to_owned())
        };
    };
    let trunk = trunk_of(directory, number)?;
    allowed(digits, directory.country_code.as_deref(), trunk)?;
    Ok(Destination::Number { trunk: trunk.id.clone(), number: caller.into() })
}

/// The trunk that carries the number: the one that shows it, else the only one.
fn trunk_of<'a>(directory: &'a Directory, number: &NumberId) -> Result<&'a Trunk, String> {
    let digits = |text: &str| text.trim_start_matches('+').to_owned();
    let own = directory.numbers.get(number);
    let shows = |trunk: &&Trunk| {
        trunk.caller_id.as_ref().is_some_and(|shown| {
            let shown = digits(shown.reveal());
            digits(&number.0) == shown || own.is_some_and(|own| own.aliases.iter().any(|alias| digits(alias) == shown))
        })
    };
    let mut all = directory.trunks.values();
    all.clone()
        .find(shows)
        .or_else(|| all.next().filter(|_| directory.trunks.len() == 1))
        .ok_or_else(|| format!("no trunk shows the number {number}; set its caller_id"))
}

/// Whether a contact that did not come with the file may be reached there; if not, why. A server somebody names is never
/// called, and no number that a stranger would earn from.
pub fn contact_allowed(directory: &Directory, address: &Address) -> Result<(), String> {
    match address {
        Address::Call(Destination::Sip(_)) => {
            Err("a `sip:` address can only stand in hotline.toml; write \"number:+49…@TRUNK\" or \"phone:ACCOUNT\""
                .to_owned())
        }
        Address::Call(Destination::Number { trunk, number }) => {
            let trunk = directory.trunks.get(trunk).ok_or_else(|| format!("there is no trunk {trunk}"))?;
            allowed(number.reveal().trim_start_matches('+'), directory.country_code.as_deref(), trunk)
                .map_err(|why| format!("this number is not called: {why}"))
        }
        Address::Sms(number) if premium(number.reveal().trim_start_matches('+')) => {
            Err("no SMS goes to a number that costs extra; write a mobile's".to_owned())
        }
        Address::Call(Destination::Phone(_))
        | Address::Sms(_)
        | Address::Email(_)
        | Address::Ntfy(_)
        | Address::Telegram(_)
        | Address::Slack(_)
        | Address::Teams(_)
        | Address::Webhook(_) => Ok(()),
    }
}

/// Whether these digits, with a country code, cost extra in their own country.
fn premium(digits: &str) -> bool {
    PREMIUM.iter().any(|(code, beginnings)| {
        let national = digits.strip_prefix(code);
        national.is_some_and(|national| beginnings.iter().any(|beginning| national.starts_with(beginning)))
    })
}

fn allowed(digits: &str, country: Option<&str>, trunk: &Trunk) -> Result<(), String> {
    let prefixes = &trunk.callback_prefixes;
    if !prefixes.is_empty() {
        let fits = prefixes.iter().any(|prefix| digits.starts_with(prefix.trim_start_matches('+')));
        return if fits { Ok(()) } else { Err(format!("callback_prefixes of trunk {} do not allow it", trunk.id)) };
    }
    let Some(country) = country else {
        return Err(format!("the country code is not set, and trunk {} has no callback_prefixes", trunk.id));
    };
    let Some(national) = digits.strip_prefix(country) else {
        return Err(format!("a foreign number; trunk {} would need callback_prefixes", trunk.id));
    };
    let beginnings = PREMIUM.iter().filter(|(code, _)| *code == country).flat_map(|(_, beginnings)| beginnings.iter());
    if beginnings.into_iter().any(|beginning| national.starts_with(beginning)) {
        return Err(format!("a number that costs extra; trunk {} would need callback_prefixes", trunk.id));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::{Number, Phone};
    use crate::dtmf::InBand;

    fn directory(prefixes: &[&str]) -> Directory {
        let mut directory = Directory { country_code: Some("49".to_owned()), ..Directory::default() };
        let number = Number { id: "+493055501".into(), ..Number::default() };
        directory.numbers.insert(number.id.clone(), number);
        for (id, shown) in [("one", "+493055501"), ("two", "+493055502")] {
            let trunk = Trunk {
                id: id.into(),
                name: id.to_owned(),
                caller_id: Some(shown.into()),
                trusted: false,
                inband_digits: InBand::Auto,
                codecs: Vec::new(),
                callback_prefixes: prefixes.iter().map(|prefix| (*prefix).to_owned()).collect(),
            };
            directory.trunks.insert(id.into(), trunk);
        }
        directory.phones.insert(
            "desk".into(),
            Phone { id: "desk".into(), user: None, inband_digits: InBand::Auto, codecs: Vec::new() },
        );
        directory
    }

    fn ask(prefixes: &[&str], caller: &str) -> Result<Destination, String> {
        callback(&directory(prefixes), &"+493055501".into(), Some(caller))
    }

    #[test]
    fn through_the_trunk_that_shows_the_number() {
        let number = Destination::Number { trunk: "one".into(), number: "+4915155501".into() };
        assert_eq!(ask(&[], "+4915155501"), Ok(number));
        assert_eq!(ask(&[], "desk"), Ok(Destination::Phone("desk".into())));
        let other = callback(&directory(&[]), &"hotline".into(), Some("+4915155501"));
        assert!(other.is_err_and(|why| why.contains("caller_id")));
    }

    #[test]
    fn neither_foreign_nor_premium_unless_allowed() {
        for caller in ["+4990055501", "+49137555", "+4418955501", "+3355501", "stranger", "+49x"] {
            assert!(ask(&[], caller).is_err(), "{caller}");
        }
        assert!(ask(&["+33", "+4930"], "+3355501").is_ok());
        assert!(ask(&["+33", "+4930"], "+4915155501").is_err());
        assert!(callback(&directory(&[]), &"+493055501".into(), None).is_err());
        let unknown = Directory { country_code: None, ..directory(&[]) };
        assert!(callback(&unknown, &"+493055501".into(), Some("+4915155501")).is_err());
    }

    #[test]
    fn contacts_keep_to_the_same_rules() {
        let number = |number: &str| Address::Call(Destination::Number { trunk: "one".into(), number: number.into() });
        let why = |prefixes: &[&str], address: &Address| contact_allowed(&directory(prefixes), address).err();
        assert_eq!(why(&[], &number("+4915155501")), None);
        assert_eq!(why(&[], &Address::Call(Destination::Phone("desk".into()))), None);
        assert_eq!(why(&[], &Address::Sms("+33655501".into())), None);
        for address in [
            number("+499001234567"),
            number("+3355501"),
            Address::Call(Destination::Sip("sip:root@127.0.0.1:16001".to_owned())),
            Address::Sms("+499001234567".into()),
        ] {
            assert!(why(&[], &address).is_some(), "{address:?}");
        }
        assert_eq!(why(&["+33"], &number("+3355501")), None);
        assert!(why(&["+33"], &number("+4915155501")).is_some());
    }
}
