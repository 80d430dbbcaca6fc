//! The pages' own words in both languages, and moments by the page's clock.

use hotline_core::status::Tongue;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

macro_rules! texts {
    ($($name:ident: $en:literal, $de:literal;)+) => {
        /// What stands on the pages beside what was published.
        #[derive(Debug)]
        pub struct Texts {
            /// Tag for `lang`.
            pub tag: &'static str,
            $(pub $name: &'static str,)+
        }

        const EN: Texts = Texts { tag: "en", $($name: $en,)+ };
        const DE: Texts = Texts { tag: "de", $($name: $de,)+ };
    };
}

texts! {
    skip: "Skip to the content", "Zum Inhalt springen";
    services: "Services", "Dienste";
    now: "Current incidents", "Aktuelle Störungen";
    planned: "Planned maintenance", "Geplante Wartung";
    past: "Past incidents", "Frühere Meldungen";
    none_lately: "Nothing in the last 14 days.", "Nichts in den letzten 14 Tagen.";
    none: "Nothing in the last 90 days.", "Nichts in den letzten 90 Tagen.";
    history: "History of 90 days", "Verlauf über 90 Tage";
    subscribe: "Get updates", "Benachrichtigen lassen";
    support: "Contact support", "Support kontaktieren";
    zone: "Times are in", "Zeiten in";
    uptime: "available in 90 days", "verfügbar in 90 Tagen";
    available: "available", "verfügbar";
    uptime_since: "available since", "verfügbar seit";
    since_day: "since", "seit";
    unknown: "not known yet", "noch nicht bekannt";
    days_ago: "90 days ago", "vor 90 Tagen";
    today: "today", "heute";
    bad_days: "days with outages", "Tage mit Ausfällen";
    back: "All services", "Alle Dienste";
    since: "Since", "Seit";
    until: "until", "bis";
    over: "over", "beendet";
    affected: "Affected", "Betroffen";
    postmortem: "Postmortem", "Nachbetrachtung";
    other_language: "Deutsch", "English";
    other_tag: "de", "en";
    // Nobody may see it, or it is not there.
    nothing: "There is no page here for you", "Hier gibt es keine Seite für Sie";
    nothing_text: "There is no such page, or it is for certain visitors only.", "Diese Seite gibt es nicht, oder sie ist nur für bestimmte Besucher.";
    prove: "If it is for you, have a link mailed to your mailbox at work:", "Ist sie für Sie, lassen Sie sich einen Link an Ihre Firmenadresse schicken:";
    email: "E-mail address", "E-Mail-Adresse";
    mail_link: "Mail me a link", "Link zuschicken";
    staff: "Log in as staff", "Als Mitarbeiter anmelden";
    asked: "Look into your mailbox", "Sehen Sie in Ihr Postfach";
    asked_text: "If this mailbox may open the page, a link is on its way. It works once, for 15 minutes.", "Darf dieses Postfach die Seite öffnen, ist ein Link unterwegs. Er gilt einmal, 15 Minuten lang.";
    open: "Open the page", "Seite öffnen";
    open_text: "The link is good. Open the page in this browser:", "Der Link ist gültig. Öffnen Sie die Seite in diesem Browser:";
    worthless: "This link is not valid", "Dieser Link gilt nicht";
    worthless_text: "It was used already, is too old, or was cut off. Ask for a new one.", "Er wurde schon benutzt, ist zu alt oder abgeschnitten. Fordern Sie einen neuen an.";
    too_many: "Too many tries", "Zu viele Versuche";
    too_many_text: "Wait some minutes, then try again.", "Warten Sie einige Minuten und versuchen Sie es dann noch einmal.";
    subscribe_text: "Be told of incidents and planned maintenance.", "Lassen Sie sich Störungen und Wartungen melden.";
    by_email: "By e-mail", "Per E-Mail";
    by_webhook: "By webhook", "Per Webhook";
    webhook_url: "Address (https://…)", "Adresse (https://…)";
    webhook_text: "A challenge is posted to it; its answer must hold the challenge's text. The challenge tells the secret that signs what follows.", "Dorthin wird eine Prüfung geschickt; die Antwort muss deren Text enthalten. Die Prüfung nennt das Geheimnis, mit dem alles Weitere signiert ist.";
    which: "About which services", "Zu welchen Diensten";
    which_text: "None ticked: all.", "Keiner angekreuzt: alle.";
    send: "Subscribe", "Abonnieren";
    not_offered: "Messages are not set up here. The feed tells everything too.", "Benachrichtigungen sind hier nicht eingerichtet. Der Feed meldet ebenfalls alles.";
    wanted_mail: "A mail asks you to confirm. Until then nothing else is sent.", "Eine Mail bittet Sie um Bestätigung. Bis dahin wird nichts weiter geschickt.";
    wanted_hook: "The challenge is on its way. Once it is answered, updates are posted.", "Die Prüfung ist unterwegs. Ist sie beantwortet, werden Meldungen geschickt.";
    bad_email: "This is no e-mail address.", "Das ist keine E-Mail-Adresse.";
    bad_url: "This is no address that can be posted to; write https://…", "Dorthin kann nichts geschickt werden; schreiben Sie https://…";
    confirm: "Do you want to be told?", "Möchten Sie benachrichtigt werden?";
    confirm_button: "Yes, tell me", "Ja, bitte benachrichtigen";
    confirmed: "You will be told", "Sie werden benachrichtigt";
    confirmed_text: "Each mail has a link that ends it.", "In jeder Mail steht ein Link, der das beendet.";
    end: "Hear no more of this page?", "Nichts mehr von dieser Seite hören?";
    end_button: "End it", "Beenden";
    ended: "It has ended", "Es ist beendet";
    ended_text: "Your address was deleted here.", "Ihre Adresse wurde hier gelöscht.";
}

/// The words of a language.
pub const fn of(tongue: Tongue) -> &'static Texts {
    match tongue {
        Tongue::En => &EN,
        Tongue::De => &DE,
    }
}

/// A moment for `<time>`.
#[derive(Debug, Clone)]
pub struct Moment {
    /// For machines.
    pub iso: String,
    /// For people.
    pub text: String,
}

const MONTHS_EN: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const MONTHS_DE: [&str; 12] = [
    "Januar",
    "Februar",
    "März",
    "April",
    "Mai",
    "Juni",
    "Juli",
    "August",
    "September",
    "Oktober",
    "November",
    "Dezember",
];

/// A date as people write it.
pub fn date(date: Date, tongue: Tongue) -> String {
    let month = usize::try_from(date.month() - 1).unwrap_or_default();
    match tongue {
        Tongue::En => format!("{} {} {}", date.day(), MONTHS_EN[month], date.year()),
        Tongue::De => format!("{}. {} {}", date.day(), MONTHS_DE[month], date.year()),
    }
}

/// Date and time by this clock.
pub fn moment(at: Timestamp, zone: &TimeZone, tongue: Tongue) -> Moment {
    let local = at.to_zoned(zone.clone());
    let clock = local.strftime("%H:%M");
    let text = match tongue {
        Tongue::En => format!("{}, {clock}", date(local.date(), tongue)),
        Tongue::De => format!("{}, {clock} Uhr", date(local.date(), tongue)),
    };
    Moment { iso: local.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(), text }
}

/// A share in per cent; never rounded up to a promise that was not kept.
pub fn percent(share: f64, tongue: Tongue) -> String {
    let cut = (share * 100.0).floor() / 100.0;
    let text = format!("{cut:.2}");
    match tongue {
        Tongue::En => format!("{text}%"),
        Tongue::De => format!("{} %", text.replace('.', ",")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_by_the_pages_clock() {
        let at: Timestamp = "2026-07-01T22:30:00Z".parse().unwrap();
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let (en, de) = (moment(at, &zone, Tongue::En), moment(at, &zone, Tongue::De));
        assert_eq!((en.text.as_str(), de.text.as_str()), ("2 July 2026, 00:30", "2. Juli 2026, 00:30 Uhr"));
        assert_eq!(en.iso, "2026-07-02T00:30:00+02:00");
    }

    #[test]
    fn nearly_all_is_not_all() {
        assert_eq!(percent(99.999, Tongue::En), "99.99%");
        assert_eq!(percent(100.0, Tongue::De), "100,00 %");
    }
}
