//! The timeline of a postmortem: what is worth telling of the lines that incident, alerts and calls keep, in its language.
//!
//! Those lines are English sentences beside a stable word each. What keeps books (clocks that were set, ids that were joined)
//! is left out; ids become names, UTC becomes the zone of the paper.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::facts::{Known, Moment, Noticed, Said, Sent};
use super::show::moment;
use crate::directory::{Directory, Language};
use crate::ids::{ActionId, ServiceId, SourceId, UserId};
use crate::incident::{Incident, Phase, Update, UpdateState, in_language};

/// Entries of a timeline that a postmortem keeps at most.
const MOMENTS_MAX: usize = 300;
/// Characters of what somebody wrote that stand in one entry at most.
const WORDS_MAX: usize = 600;

/// In whose words it is told.
pub(super) struct Teller<'a> {
    pub incident: &'a Incident,
    pub directory: &'a Directory,
    pub zone: &'a TimeZone,
    pub language: &'a str,
    pub german: bool,
    /// Names of people, and what they wrote.
    pub people: bool,
}

impl Teller<'_> {
    /// All of it, oldest first, each once; where it is too much, its beginning and its end.
    pub fn timeline(&self, known: &Known<'_>) -> Vec<Moment> {
        let lines = known.said.iter().filter_map(|said| Some(Moment { at: said.at, what: self.line(said)? }));
        let calls = known.seen.iter().filter_map(|seen| {
            let Noticed::Call(reference) = &seen.by else { return None };
            let what = self.either("A caller reports it", "Ein Anrufer meldet es");
            let call = self.either("call", "Anruf");
            Some(Moment { at: seen.at, what: format!("{what} ({call} {reference}).") })
        });
        let updates = self.incident.updates.iter().filter_map(|update| self.update(update, known.sent));
        let mut moments: Vec<Moment> = lines.chain(calls).chain(updates).collect();
        moments.extend(self.callers(known));
        let begins = self.either("The fault begins.", "Die Störung beginnt.").to_owned();
        moments.extend(self.incident.began.as_ref().map(|began| Moment { at: began.at, what: begins }));
        moments.sort_by_key(|moment| moment.at);
        moments.dedup();
        if moments.len() > MOMENTS_MAX {
            let end = moments.split_off(moments.len() - MOMENTS_MAX / 2);
            moments.truncate(MOMENTS_MAX / 2);
            moments.extend(end);
        }
        moments
    }

    const fn either<'t>(&self, english: &'t str, german: &'t str) -> &'t str {
        if self.german { german } else { english }
    }

    /// What customers were told, and whom the messages about it did not reach.
    fn update(&self, update: &Update, sent: &[Sent]) -> Option<Moment> {
        let UpdateState::Published { at, .. } = &update.state else { return None };
        let told = self.either("Customers are told", "Kunden werden informiert");
        let phase = self.phase(update.phase);
        let words = if self.people {
            let language = Language(self.language.to_owned());
            format!(": {}", self.quoted(in_language(&update.translations, &language).unwrap_or(&update.text)))
        } else {
            ".".to_owned()
        };
        let (all, failed) = counted(sent.iter().filter(|sent| sent.update == Some(update.id)));
        Some(Moment { at: *at, what: format!("{told} ({phase}){words}{}", self.failed(all, failed)) })
    }

    /// ` 2 of 5 messages about it could not be delivered.`
    fn failed(&self, all: usize, failed: usize) -> String {
        match (failed, self.german) {
            (0, _) => String::new(),
            (_, false) => format!(" {failed} of {all} messages about it could not be delivered."),
            (_, true) => format!(" {failed} von {all} Nachrichten dazu waren nicht zustellbar."),
        }
    }

    /// Callers who had asked for it, and whether the word that it is over reached them.
    fn callers(&self, known: &Known<'_>) -> Vec<Moment> {
        let told = known.said.iter().filter(|said| said.kind == "incident.callers-told");
        let messages = || known.sent.iter().filter(|sent| sent.to_caller);
        told.map(|said| {
            let (all, failed) = counted(messages());
            let what = match (all == 0 || failed < all, self.german) {
                (true, false) => format!(
                    "The callers who asked for it are sent a message that it is over.{}",
                    self.failed(all, failed)
                ),
                (true, true) => format!(
                    "Anrufer, die darum baten, erhalten die Nachricht, dass es vorbei ist.{}",
                    self.failed(all, failed)
                ),
                (false, false) => "The callers who asked for it could not be told that it is over.".to_owned(),
                (false, true) => "Anrufer, die darum baten, konnten nicht erreicht werden: Es ist vorbei.".to_owned(),
            };
            Moment { at: said.at, what }
        })
        .collect()
    }

    const fn phase(&self, phase: Phase) -> &'static str {
        let (english, german) = match phase {
            Phase::Investigating => ("investigating", "in Untersuchung"),
            Phase::Identified => ("identified", "Ursache gefunden"),
            Phase::Monitoring => ("monitoring", "unter Beobachtung"),
            Phase::Resolved => ("resolved", "behoben"),
            Phase::Scheduled => ("scheduled", "geplant"),
            Phase::InProgress => ("in progress", "im Gange"),
            Phase::Verifying => ("verifying", "in Prüfung"),
            Phase::Completed => ("completed", "abgeschlossen"),
        };
        if self.german { german } else { english }
    }

    /// One line of the records; `None`: it keeps books, or is told elsewhere.
    fn line(&self, said: &Said) -> Option<String> {
        let what = said.what.as_str();
        let line = match said.kind.as_str() {
            "incident.comment" | "alert-commented" => return self.comment(said),
            "incident.note" => return Some(self.note(said)),
            kind if kind.starts_with("incident.") => self.of_incident(kind, said)?,
            "leg-accepted" | "call-ended" => self.of_call(&said.kind, what)?,
            kind if kind.starts_with("sla-") => self.promise(kind, what)?,
            kind => self.of_alert(kind, what)?,
        };
        Some(self.local(&line))
    }

    fn comment(&self, said: &Said) -> Option<String> {
        let text = said.text.as_ref().map(|text| text.reveal().trim()).filter(|text| !text.is_empty())?;
        self.people.then(|| format!("{}: {}", self.either("Comment", "Kommentar"), self.quoted(text)))
    }

    /// What a caller added, or something else that was put down.
    fn note(&self, said: &Said) -> String {
        if said.what.starts_with("A caller adds something") {
            return self.either("A caller adds something.", "Ein Anrufer ergänzt etwas.").to_owned();
        }
        let text = said.text.as_ref().map(|text| self.quoted(text.reveal())).filter(|_| self.people);
        if let Some(step) = said.what.strip_prefix("Runbook \"").filter(|_| self.german) {
            let step = step.trim_end_matches('.').replacen("\", step ", "“, Schritt ", 1);
            let step =
                step.replacen(" not done after all", " doch nicht erledigt", 1).replacen(" done", " erledigt", 1);
            return text.map_or_else(|| format!("Runbook „{step}."), |words| format!("Runbook „{step}: {words}"));
        }
        let note = self.either("Note", "Notiz");
        match text {
            Some(text) if self.german => format!("{note}: {text}"),
            Some(text) => format!("{} {text}", self.local(&said.what)),
            None => format!("{note}: {}", self.local(&said.what)),
        }
    }

    fn of_incident(&self, kind: &str, said: &Said) -> Option<String> {
        let what = said.what.as_str();
        let within = |before: &str, after: &str| what.strip_prefix(before)?.strip_suffix(after);
        let german = |line: String| if self.german { line } else { what.to_owned() };
        match kind {
            "incident.open" => {
                let (_, rest) = what.split_once(" is opened: ")?;
                Some(german(format!("{} wird eröffnet: {rest}", self.incident.reference)))
            }
            "incident.title" => {
                let title = within("It is called “", "” now.")?;
                Some(german(format!("Der Titel ist jetzt „{title}“.")))
            }
            "incident.severity" => {
                let severity = match within("Its severity is ", ".")? {
                    "critical" => "kritisch",
                    "major" => "schwer",
                    "minor" => "leicht",
                    _ => "gering",
                };
                Some(german(format!("Schwere: {severity}.")))
            }
            "incident.affected" => Some(self.affected(what)),
            "incident.phase" => {
                let word = within("It is ", " now.")?.replace(' ', "_");
                let phase = Phase::from_word(&word)?;
                let published = self.incident.updates.iter().any(|update| {
                    update.phase == phase
                        && matches!(&update.state, UpdateState::Published { at, .. }
                            if at.duration_since(said.at).abs() < jiff::SignedDuration::from_secs(2))
                });
                (!published).then(|| german(format!("Stand: {}.", self.phase(phase))))
            }
            "incident.reopened" | "incident.reopen" => Some(german("Wieder offen.".to_owned())),
            "incident.role" => self.role(what),
            "incident.task-added" => {
                let number: String = what.chars().filter(char::is_ascii_digit).collect();
                let task = self.task(&number)?;
                Some(format!("{} {number}: {task}", self.either("Task", "Aufgabe")))
            }
            "incident.task-done" => {
                let number = within("Task ", " is done.")?;
                let task = self.task(number)?;
                Some(format!("{} {number} {}: {task}", self.either("Task", "Aufgabe"), self.either("done", "erledigt")))
            }
            "incident.began" => self.began(),
            "incident.scheduled" => {
                let (from, until) = self.incident.scheduled?;
                let (from, until) = (self.moment(from), self.moment(until));
                Some(if self.german {
                    format!("Die Arbeit ist geplant von {from} bis {until}.")
                } else {
                    format!("The work is planned from {from} to {until}.")
                })
            }
            "incident.caller-waits" => Some(german("Ein Anrufer möchte hören, wenn es vorbei ist.".to_owned())),
            "incident.update-overdue" => Some(
                self.either("The next word to customers is overdue.", "Die nächste Kundeninformation ist überfällig.")
                    .to_owned(),
            ),
            // Books: titles for customers, drafts, clocks, ids. What was published is told with its words.
            _ => None,
        }
    }

    fn moment(&self, at: Timestamp) -> String {
        moment(at, self.zone, self.german)
    }

    fn began(&self) -> Option<String> {
        let began = self.incident.began.as_ref()?;
        let at = self.moment(began.at);
        Some(if self.german {
            let whose = match began.origin {
                crate::incident::Origin::Payload => "laut Überwachung",
                crate::incident::Origin::Caller => "laut Anrufer",
                crate::incident::Origin::Person => "laut Nachforschung",
            };
            format!("Als Beginn der Störung wird {at} bekannt ({whose}).")
        } else {
            format!("It becomes known that the fault began at {at}; {} told it.", began.origin.whose())
        })
    }

    /// What a task is, without the person who does it.
    fn task(&self, number: &str) -> Option<String> {
        let task = self.incident.task(number.parse().ok()?)?;
        Some(if self.people { self.quoted(&task.text) } else { String::new() })
    }

    /// `Affected: acme-mail (major outage), …` with names.
    fn affected(&self, what: &str) -> String {
        let Some(all) = what.strip_prefix("Affected: ").and_then(|all| all.strip_suffix('.')) else {
            return self.either("No service is affected any more.", "Kein Dienst ist mehr betroffen.").to_owned();
        };
        let one = |one: &str| {
            let (id, impact) = one.trim_end_matches(')').split_once(" (").unwrap_or((one, ""));
            let name = self.directory.services.get(&ServiceId::from(id)).map_or(id, |service| service.name.as_str());
            let impact = match (impact, self.german) {
                ("operational", true) => "in Betrieb",
                ("under maintenance", true) => "in Wartung",
                ("degraded performance", true) => "eingeschränkt",
                ("partial outage", true) => "Teilausfall",
                ("major outage", true) => "Ausfall",
                (impact, _) => impact,
            };
            format!("{name} ({impact})")
        };
        let all: Vec<String> = all.split(", ").map(one).collect();
        format!("{}: {}.", self.either("Affected", "Betroffen"), all.join(", "))
    }

    /// `ada is lead.`
    fn role(&self, what: &str) -> Option<String> {
        let (user, role) = what.strip_suffix('.')?.split_once(" is ")?;
        let role = match (role, self.german) {
            ("lead", true) => "Leitung",
            ("communication", true) => "Kommunikation",
            ("scribe", true) => "Protokoll",
            (role, _) => role,
        };
        if user == "Nobody" || !self.people {
            return None;
        }
        Some(format!("{}: {}.", capital(role), self.who(user)))
    }

    fn of_call(&self, kind: &str, what: &str) -> Option<String> {
        if kind == "leg-accepted" {
            let who = what.split_once(" accepted the call").map_or("The person called", |(who, _)| who);
            let who = match (who, self.people) {
                ("The person called", _) | (_, false) => self.either("Somebody", "Jemand").to_owned(),
                (user, true) => self.who(user),
            };
            return Some(format!("{who} {}.", self.either("takes the call", "nimmt den Anruf an")));
        }
        match what {
            "Call ended: the caller left a message." => Some(
                self.either("The caller left a message.", "Der Anrufer hat eine Nachricht hinterlassen.").to_owned(),
            ),
            "Call ended: the caller hung up early." => {
                Some(self.either("The caller hung up early.", "Der Anrufer hat vorzeitig aufgelegt.").to_owned())
            }
            _ => None,
        }
    }

    fn promise(&self, kind: &str, what: &str) -> Option<String> {
        let (english, german) = [
            (" response ", ("response", "Reaktion")),
            (" resolution ", ("resolution", "Lösung")),
            (" update ", ("update", "Kundeninformation")),
        ]
        .into_iter()
        .find(|(word, _)| what.contains(word))?
        .1;
        let late = what.contains(" came late");
        Some(match (kind, late, self.german) {
            ("sla-warned", _, false) => {
                format!("{} % of the time promised for the {english} has passed.", what.split_once(" %")?.0)
            }
            ("sla-warned", _, true) => {
                format!("{} % der vereinbarten Zeit sind vergangen ({german}).", what.split_once(" %")?.0)
            }
            (_, false, false) => format!("The {english} is overdue by its contract."),
            (_, false, true) => format!("Die vereinbarte Zeit ist überschritten ({german})."),
            (_, true, false) => format!("The {english} came later than promised."),
            (_, true, true) => format!("Später als vereinbart erledigt ({german})."),
        })
    }

    fn of_alert(&self, kind: &str, what: &str) -> Option<String> {
        let by = |before: &str| Some(self.by(what.strip_prefix(before)?.strip_suffix('.')?));
        let line = |english: &str, german: &str, by: String| {
            let spaced = if by.is_empty() { by } else { format!(" {by}") };
            Some(format!("{}{spaced}.", self.either(english, german)))
        };
        match kind {
            "alert-received" | "alert-opened" | "alert-updated" | "alert-recovered" => self.of_fault(kind, what),
            "call-joined" => {
                line("A caller rings about this alert again", "Zu diesem Alarm wird erneut angerufen", String::new())
            }
            "alert-acknowledged" => {
                line("Alert acknowledged", "Alarm übernommen", by("Alert acknowledged by ").unwrap_or_default())
            }
            "alert-resolved" => line("Alert resolved", "Alarm erledigt", by("Alert resolved by ").unwrap_or_default()),
            "alert-unacknowledged" => {
                line("Alert handed back", "Alarm zurückgegeben", by("Nobody has it any more: handed back by ")?)
            }
            "alert-escalated" => line("Escalated at once", "Sofort eskaliert", by("Escalated by ")?),
            "alert-assigned" => {
                let (to, _) = what.strip_prefix("Assigned to ")?.split_once(" by ")?;
                let to = if self.people { format!(": {}", self.who(to)) } else { String::new() };
                Some(format!("{}{to}.", self.either("Alert assigned", "Alarm zugewiesen")))
            }
            "alert-snoozed" => {
                let (until, _) = what.strip_prefix("Snoozed until ")?.split_once(" by ")?;
                Some(format!("{} {until}.", self.either("Alert snoozed until", "Alarm stummgeschaltet bis")))
            }
            "nobody-reached" => line(
                "A step of the escalation reached nobody",
                "Ein Schritt der Eskalation erreichte niemanden",
                String::new(),
            ),
            "escalation-exhausted" => line(
                "The escalation is at its end and nobody has the alert",
                "Die Eskalation ist am Ende, niemand hat den Alarm",
                String::new(),
            ),
            "notified" => self.notified(what),
            "action" => self.action(what),
            "waits-for-customer" => {
                line("The customer is waited for", "Es wird auf den Kunden gewartet", String::new())
            }
            "customer-answered" => line(
                "The customer is not waited for any more",
                "Es wird nicht mehr auf den Kunden gewartet",
                String::new(),
            ),
            // Books: routes, steps, clocks, merges by id, each ring of a phone.
            _ => None,
        }
    }

    /// What the monitoring said.
    fn of_fault(&self, kind: &str, what: &str) -> Option<String> {
        match kind {
            "alert-received" => {
                let (source, rest) = what.strip_prefix("Alert from ")?.split_once(", ")?;
                let source =
                    self.directory.sources.get(&SourceId::from(source)).map_or(source, |source| source.name.as_str());
                Some(format!("{} {source}, {rest}", self.either("Alert from", "Alarm von")))
            }
            "alert-opened" => {
                let rest = what.strip_prefix("Alert opened").unwrap_or(what);
                let about =
                    rest.rsplit_once("; ").filter(|(_, tail)| tail.contains(" rung ")).map_or(rest, |(head, _)| head);
                Some(format!("{}{}.", self.either("Alert opened", "Alarm eröffnet"), about.trim_end_matches('.')))
            }
            "alert-updated" => {
                let rest = what.strip_prefix("Alert is now ")?;
                let rest = if self.german { rest.replacen("called: ", "", 1) } else { rest.to_owned() };
                Some(format!("{} {rest}", self.either("Alert is now", "Der Alarm ist jetzt")))
            }
            "alert-recovered" => {
                let about = what.strip_prefix("Over: ")?;
                let title = about.rsplit_once("; ").map_or(about, |(title, _)| title);
                Some(format!("{}: {title}.", self.either("Over, says the monitoring", "Vorbei laut Überwachung")))
            }
            _ => None,
        }
    }

    /// A message to the MSP's own people: told only where it did not arrive.
    fn notified(&self, what: &str) -> Option<String> {
        let (to, rest) = what.split_once(" by ")?;
        let (by, outcome) = rest.strip_suffix('.')?.split_once(": ")?;
        let outcome = match outcome {
            "failed" => self.either("not delivered", "nicht zugestellt"),
            "no-answer" => self.either("not answered", "nicht beantwortet"),
            _ => return None,
        };
        let to = match (to, self.people) {
            ("Channel", _) | (_, false) => String::new(),
            (user, true) => format!(" {} {}", self.either("to", "an"), self.who(user)),
        };
        Some(format!("{}{to} ({by}) {outcome}.", self.either("Message", "Nachricht")))
    }

    fn action(&self, what: &str) -> Option<String> {
        let (id, rest) = what.strip_prefix("Action ")?.strip_suffix('.')?.split_once(' ')?;
        let name = self.directory.actions.get(&ActionId::from(id)).map_or(id, |action| action.name.as_str());
        let word = match rest {
            "done" => self.either("done", "ausgeführt"),
            "failed" => self.either("failed", "fehlgeschlagen"),
            _ => self.either("started", "gestartet"),
        };
        Some(format!("{} {} {word}.", self.either("Action", "Aktion"), self.quoted(name)))
    }

    /// `by Ada Winter`; without people: nothing.
    fn by(&self, actor: &str) -> String {
        if self.people { format!("{} {}", self.either("by", "von"), self.who(actor)) } else { String::new() }
    }

    /// An actor as shown (`ada`, `login ada`, `the hotline`), by name where the directory has one.
    fn who(&self, actor: &str) -> String {
        if actor == "the hotline" {
            return self.either("the hotline", "der Hotline").to_owned();
        }
        let id = actor.strip_prefix("login ").unwrap_or(actor);
        self.directory.users.get(&UserId::from(id)).map_or_else(|| id.to_owned(), |user| user.name.clone())
    }

    /// Words as they were written, on one line and not endless.
    fn quoted(&self, text: &str) -> String {
        let mut words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if let Some((cut, _)) = words.char_indices().nth(WORDS_MAX) {
            words.truncate(cut);
            words.push_str(" …");
        }
        if self.german { format!("„{words}“") } else { format!("“{words}”") }
    }

    /// The text with its moments in UTC written in the paper's zone.
    fn local(&self, text: &str) -> String {
        const WRITTEN: usize = "2026-11-22 09:40:00".len();
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find(" UTC") {
            let (head, tail) = (&rest[..at], &rest[at + " UTC".len()..]);
            let found = head.len().checked_sub(WRITTEN).filter(|from| head.is_char_boundary(*from)).and_then(|from| {
                let when: DateTime = head[from..].parse().ok()?;
                Some((from, TimeZone::UTC.to_timestamp(when).ok()?))
            });
            if let Some((from, when)) = found {
                out.push_str(&head[..from]);
                out.push_str(&self.moment(when));
            } else {
                out.push_str(head);
                out.push_str(" UTC");
            }
            rest = tail;
        }
        out.push_str(rest);
        out
    }
}

/// How many, and how many of them did not arrive.
fn counted<'a>(sent: impl Iterator<Item = &'a Sent>) -> (usize, usize) {
    sent.fold((0, 0), |(all, failed), one| (all + 1, failed + usize::from(one.failed)))
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
