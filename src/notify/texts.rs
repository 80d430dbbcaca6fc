//! What messages, buttons, answers and the pages behind links say, in each language. Other tags get English.

use hotline_core::directory::Language;
use hotline_core::notify::Kind;

use super::AlertCard;

/// Alerts that a bundle names; the others are counted.
const NAMED_MAX: usize = 10;

/// Every sentence of one language.
#[derive(Debug, PartialEq, Eq)]
pub struct Texts {
    /// Tag for `lang="…"`.
    pub tag: &'static str,
    /// Button.
    pub acknowledge: &'static str,
    /// Button.
    pub resolve: &'static str,
    /// Button.
    pub open: &'static str,
    /// Label.
    pub alert: &'static str,
    /// Label.
    pub customer: &'static str,
    /// Label.
    pub service: &'static str,
    /// Label.
    pub priority: &'static str,
    /// Label.
    pub status: &'static str,
    /// Word of the state.
    pub triggered: &'static str,
    /// Word of the state.
    pub acknowledged: &'static str,
    /// Word of the state.
    pub resolved: &'static str,
    /// Subject of several, after their count.
    pub several: &'static str,
    /// After the count of those that are not named.
    pub more: &'static str,
    /// Beneath a mail's link.
    pub link_hint: &'static str,
    /// In an SMS about one alert.
    pub sms_hint: &'static str,
    /// In an SMS about several; a reference follows.
    pub sms_hint_several: &'static str,
    /// Subject.
    pub code_subject: &'static str,
    /// Subject.
    pub test_subject: &'static str,
    /// Text of a test that brings none.
    pub test_text: &'static str,
    /// Subject.
    pub caller_subject: &'static str,
    /// Text for the caller whose alert brings none; the reference follows.
    pub caller_text: &'static str,
    /// Subject.
    pub on_call_subject: &'static str,
    /// Subject.
    pub status_subject: &'static str,
    /// Heading and sentences of the pages behind links.
    pub page: PageTexts,
    /// Answers to what people reply.
    pub reply: ReplyTexts,
}

/// The pages behind signed links.
#[derive(Debug, PartialEq, Eq)]
pub struct PageTexts {
    /// Heading over the button that acknowledges.
    pub ask_acknowledge: &'static str,
    /// Heading over the button that resolves.
    pub ask_resolve: &'static str,
    /// Above the button; the person's name follows.
    pub for_whom: &'static str,
    /// Heading after acknowledging.
    pub taken: &'static str,
    /// Sentence after acknowledging.
    pub taken_text: &'static str,
    /// Heading: somebody has it already.
    pub already: &'static str,
    /// Heading: the alert is over (also after resolving).
    pub over: &'static str,
    /// Sentence.
    pub over_text: &'static str,
    /// Heading: the link is too old.
    pub expired: &'static str,
    /// Sentence.
    pub expired_text: &'static str,
    /// Heading: not a link of ours.
    pub forged: &'static str,
    /// Sentence.
    pub forged_text: &'static str,
    /// Heading: database away.
    pub away: &'static str,
    /// Sentence.
    pub away_text: &'static str,
    /// Heading: the alert is not there any more.
    pub gone: &'static str,
    /// Sentence.
    pub gone_text: &'static str,
}

/// Answers by SMS and in chats. `{}` stands for the reference.
#[derive(Debug, PartialEq, Eq)]
pub struct ReplyTexts {
    /// They have it now.
    pub taken: &'static str,
    /// Somebody took it before.
    pub held: &'static str,
    /// They resolved it.
    pub resolved: &'static str,
    /// It was over already.
    pub over: &'static str,
    /// No such reference among what they were told of.
    pub unknown: &'static str,
    /// The last message was about several; their references.
    pub which: &'static str,
    /// Nothing was sent to them lately that waits.
    pub nothing: &'static str,
    /// Not understood: what can be said.
    pub help: &'static str,
    /// STOP and the like.
    pub stop: &'static str,
    /// Could not be kept.
    pub away: &'static str,
    /// Who presses is nobody's contact.
    pub stranger: &'static str,
    /// The button is too old or not ours.
    pub stale: &'static str,
}

/// The sentences of a language.
pub fn of(language: &Language) -> &'static Texts {
    let main = language.0.split(['-', '_']).next().unwrap_or_default();
    if main.eq_ignore_ascii_case("de") { &GERMAN } else { &ENGLISH }
}

const ENGLISH: Texts = Texts {
    tag: "en",
    acknowledge: "Acknowledge",
    resolve: "Resolve",
    open: "Open",
    alert: "Alert",
    customer: "Customer",
    service: "Service",
    priority: "Priority",
    status: "Status",
    triggered: "nobody has it",
    acknowledged: "somebody has it",
    resolved: "resolved",
    several: "alerts are waiting",
    more: "more",
    link_hint: "The link opens a page with a button; nothing happens before you press it.",
    sms_hint: "Reply 1 to take it.",
    sms_hint_several: "To take one reply 1 and its number: 1",
    code_subject: "Your code",
    test_subject: "Test of the hotline",
    test_text: "This is a test of the hotline. There is nothing to do.",
    caller_subject: "Your report",
    caller_text: "Somebody is taking care of your report",
    on_call_subject: "On call",
    status_subject: "News",
    page: PageTexts {
        ask_acknowledge: "Do you take this alert?",
        ask_resolve: "Is this alert over?",
        for_whom: "This link is for",
        taken: "You have it",
        taken_text: "Nobody else is called about this alert now.",
        already: "Somebody has it already",
        over: "This alert is over",
        over_text: "It has been resolved; nobody is called about it any more.",
        expired: "This link is too old",
        expired_text: "Links work for seven days. Nothing was done. Log in to see the alert.",
        forged: "This link does not work",
        forged_text: "It was cut off or is not from this hotline. Nothing was done. Copy the whole link from the message, or log in.",
        away: "Not at the moment",
        away_text: "The hotline can't reach its database, so nothing was done. Try again in a few seconds.",
        gone: "This alert is gone",
        gone_text: "It is past its retention time, or its link is from another installation. Nothing was done.",
    },
    reply: ReplyTexts {
        taken: "You have alert {} now.",
        held: "Alert {} was taken before; nobody else is called about it.",
        resolved: "Alert {} is resolved.",
        over: "Alert {} is over already.",
        unknown: "You were told of no open alert {}. Nothing was done.",
        which: "The last message was about several alerts: {}. Reply 1 and one of these numbers.",
        nothing: "No alert is waiting for you. Nothing was done.",
        help: "Not understood. Reply 1 to take the last alert, or 1 and an alert's number.",
        stop: "This number only sends alerts of your own on-call duty; it can't be stopped by SMS. Ask your administrator to remove the contact. Reply 1 to take the last alert.",
        away: "The hotline can't keep that at the moment. Nothing was done; try again in a minute.",
        stranger: "This account belongs to nobody in the hotline. Ask your administrator to add it as your contact.",
        stale: "This button does not work any more. Nothing was done.",
    },
};

const GERMAN: Texts = Texts {
    tag: "de",
    acknowledge: "Übernehmen",
    resolve: "Erledigt",
    open: "Öffnen",
    alert: "Alarm",
    customer: "Kunde",
    service: "Dienst",
    priority: "Priorität",
    status: "Stand",
    triggered: "niemand hat ihn",
    acknowledged: "übernommen",
    resolved: "erledigt",
    several: "Alarme warten",
    more: "weitere",
    link_hint: "Der Link öffnet eine Seite mit einem Knopf; vorher geschieht nichts.",
    sms_hint: "Antwort 1 übernimmt.",
    sms_hint_several: "Zum Übernehmen 1 und die Nummer antworten: 1",
    code_subject: "Ihr Code",
    test_subject: "Test der Hotline",
    test_text: "Dies ist ein Test der Hotline. Es ist nichts zu tun.",
    caller_subject: "Ihre Meldung",
    caller_text: "Jemand kümmert sich um Ihre Meldung",
    on_call_subject: "Bereitschaft",
    status_subject: "Neues",
    page: PageTexts {
        ask_acknowledge: "Übernehmen Sie diesen Alarm?",
        ask_resolve: "Ist dieser Alarm erledigt?",
        for_whom: "Dieser Link ist für",
        taken: "Sie haben ihn übernommen",
        taken_text: "Niemand sonst wird jetzt wegen dieses Alarms angerufen.",
        already: "Er ist schon übernommen",
        over: "Dieser Alarm ist erledigt",
        over_text: "Niemand wird seinetwegen noch angerufen.",
        expired: "Dieser Link ist zu alt",
        expired_text: "Links gelten sieben Tage. Es ist nichts geschehen. Melden Sie sich an, um den Alarm zu sehen.",
        forged: "Dieser Link gilt nicht",
        forged_text: "Er ist abgeschnitten oder nicht von dieser Hotline. Es ist nichts geschehen. Kopieren Sie den ganzen Link aus der Nachricht, oder melden Sie sich an.",
        away: "Im Moment nicht",
        away_text: "Die Hotline erreicht ihre Datenbank nicht, daher ist nichts geschehen. Versuchen Sie es in einigen Sekunden noch einmal.",
        gone: "Diesen Alarm gibt es nicht mehr",
        gone_text: "Seine Aufbewahrungszeit ist vorbei, oder der Link gehört zu einer anderen Installation. Es ist nichts geschehen.",
    },
    reply: ReplyTexts {
        taken: "Sie haben Alarm {} übernommen.",
        held: "Alarm {} ist schon übernommen; niemand sonst wird angerufen.",
        resolved: "Alarm {} ist erledigt.",
        over: "Alarm {} war schon erledigt.",
        unknown: "Einen offenen Alarm {} haben Sie nicht bekommen. Es ist nichts geschehen.",
        which: "Die letzte Nachricht nannte mehrere Alarme: {}. Antworten Sie 1 und eine dieser Nummern.",
        nothing: "Kein Alarm wartet auf Sie. Es ist nichts geschehen.",
        help: "Nicht verstanden. Antworten Sie 1 für den letzten Alarm, oder 1 und die Nummer eines Alarms.",
        stop: "Von hier kommen nur die Alarme Ihrer Bereitschaft; per SMS lässt sich das nicht abstellen. Ihre Verwaltung kann den Kontakt entfernen. Antwort 1 übernimmt den letzten Alarm.",
        away: "Das kann im Moment nicht gespeichert werden. Es ist nichts geschehen; bitte in einer Minute noch einmal.",
        stranger: "Dieses Konto gehört in der Hotline niemandem. Ihre Verwaltung kann es als Ihren Kontakt eintragen.",
        stale: "Dieser Knopf gilt nicht mehr. Es ist nichts geschehen.",
    },
};

impl Texts {
    /// The state's word as people read it.
    pub fn state(&self, status: &str) -> &str {
        match status {
            "triggered" => self.triggered,
            "acknowledged" => self.acknowledged,
            _ => self.resolved,
        }
    }

    /// Subject and plain text of a message. `own`: what it says where it is not about alerts, or beside them.
    pub fn compose(&self, kind: Kind, own: Option<&str>, alerts: &[AlertCard]) -> (String, String) {
        let named = match alerts {
            [] => None,
            [one] => Some((line(one), self.card(one))),
            several => Some((format!("{} {}", several.len(), self.several), self.list(several))),
        };
        match kind {
            Kind::Verification => (self.code_subject.to_owned(), own.unwrap_or_default().to_owned()),
            Kind::Test => (self.test_subject.to_owned(), own.unwrap_or(self.test_text).to_owned()),
            Kind::Caller => {
                let reference = alerts.first().map(|card| format!(" ({})", card.reference)).unwrap_or_default();
                let text = own.map_or_else(|| format!("{}{reference}.", self.caller_text), str::to_owned);
                (self.caller_subject.to_owned(), text)
            }
            // Comes with its subject, in the reader's language.
            Kind::Customer => {
                let (subject, text) = own.unwrap_or_default().split_once('\n').unwrap_or(("", own.unwrap_or_default()));
                (subject.to_owned(), text.trim_start().to_owned())
            }
            Kind::OnCall => (self.on_call_subject.to_owned(), own.unwrap_or_default().to_owned()),
            Kind::Alert | Kind::Status => match (own, named) {
                (None, Some(named)) => named,
                (Some(own), Some((subject, text))) => (subject, format!("{own}\n\n{text}")),
                (own, None) => (self.status_subject.to_owned(), own.unwrap_or_default().to_owned()),
            },
        }
    }

    fn card(&self, card: &AlertCard) -> String {
        let facts = self.facts(card).into_iter().map(|(label, value)| format!("{label}: {value}"));
        std::iter::once(card.title.clone()).chain(facts).collect::<Vec<_>>().join("\n")
    }

    fn list(&self, cards: &[AlertCard]) -> String {
        let mut lines: Vec<String> = cards.iter().take(NAMED_MAX).map(line).collect();
        if let Some(left) = cards.len().checked_sub(NAMED_MAX).filter(|left| *left > 0) {
            lines.push(format!("… {left} {}", self.more));
        }
        lines.join("\n")
    }

    /// What is known of an alert, labelled.
    pub fn facts(&self, card: &AlertCard) -> Vec<(&'static str, String)> {
        let known = |label, value: &Option<String>| value.clone().map(|value| (label, value));
        let mut facts = vec![(self.alert, format!("#{}", card.reference)), (self.priority, card.priority.clone())];
        facts.extend(known(self.customer, &card.customer));
        facts.extend(known(self.service, &card.service));
        facts.push((self.status, self.state(&card.status).to_owned()));
        facts
    }
}

/// An alert in one line: `P1 #1042 Acme: the mail server is down`.
pub fn line(card: &AlertCard) -> String {
    let customer = card.customer.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
    format!("{} #{}{customer}: {}", card.priority, card.reference, card.title)
}
