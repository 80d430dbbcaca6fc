//! Mails of status pages, in the receiver's language. What stands in them comes from a view; HTML of others is escaped.

use std::fmt::Write as _;

use hotline_core::incident::Phase;
use hotline_core::status::{IncidentView, StatusPage, Tongue, UpdateView, View};
use jiff::Timestamp;

use super::words;
use crate::notify::letter::Letter;

/// Who speaks, and how it can be ended.
#[derive(Debug, Clone, Copy)]
pub struct Envelope<'a> {
    /// The page.
    pub page: &'a StatusPage,
    /// In which language.
    pub tongue: Tongue,
    /// Becomes the Message-ID.
    pub id: &'a str,
    /// What links begin with, `/status/{slug}` included.
    pub link: &'a str,
}

/// A line of a mail: words, or a link with its words.
enum Line {
    Words(String),
    Strong(String),
    Link(String, String),
}

impl Envelope<'_> {
    fn sender(&self) -> String {
        self.page.brand.name.clone().unwrap_or_else(|| self.page.title.clone())
    }

    fn letter(&self, subject: String, lines: &[Line], unsubscribe: Option<&str>) -> Letter {
        let mut text = String::new();
        let mut html = String::new();
        for line in lines {
            // Writing to a String cannot fail.
            match line {
                Line::Words(words) => {
                    text.push_str(words);
                    let _ = write!(html, "<p>{}</p>", escaped(words).replace('\n', "<br>"));
                }
                Line::Strong(words) => {
                    text.push_str(words);
                    let _ = write!(html, "<p><strong>{}</strong></p>", escaped(words));
                }
                Line::Link(words, url) => {
                    let _ = write!(text, "{words}:\n{url}");
                    let _ = write!(html, "<p><a href=\"{}\">{}</a></p>", escaped(url), escaped(words));
                }
            }
            text.push_str("\n\n");
        }
        let foot = match (self.tongue, unsubscribe) {
            (Tongue::En, Some(_)) => "Hear no more of this",
            (Tongue::De, Some(_)) => "Nichts mehr davon hören",
            (_, None) => "",
        };
        if let Some(url) = unsubscribe {
            let _ = write!(text, "-- \n{foot}: {url}\n");
            let _ = write!(html, "<hr><p><small><a href=\"{}\">{foot}</a></small></p>", escaped(url));
        }
        let tag = self.tongue.word();
        let html = format!(
            "<!doctype html><html lang=\"{tag}\"><body style=\"font:16px/1.5 sans-serif\">{html}</body></html>"
        );
        Letter {
            id: self.id.to_owned(),
            thread: None,
            subject,
            text,
            html,
            from_name: Some(self.sender()),
            unsubscribe: unsubscribe.map(str::to_owned),
        }
    }

    /// "Is it you who wants to be told?"
    pub fn confirm(&self, url: &str) -> Letter {
        let title = &self.page.title;
        let (subject, words, button, otherwise) = match self.tongue {
            Tongue::En => (
                format!("Confirm: updates of {title}"),
                format!("Somebody, you we hope, wants this mailbox to be told when \u{201c}{title}\u{201d} has news."),
                "Yes, tell me",
                "If it was not you, do nothing: no more mail comes.",
            ),
            Tongue::De => (
                format!("Bitte bestätigen: Meldungen von {title}"),
                format!(
                    "Jemand, hoffentlich Sie, möchte Neues von \u{201e}{title}\u{201c} an dieses Postfach bekommen."
                ),
                "Ja, bitte benachrichtigen",
                "Waren Sie es nicht, tun Sie nichts: es kommt keine weitere Mail.",
            ),
        };
        let lines =
            [Line::Words(words), Line::Link(button.to_owned(), url.to_owned()), Line::Words(otherwise.to_owned())];
        self.letter(subject, &lines, None)
    }

    /// "Open the page."
    pub fn access(&self, url: &str) -> Letter {
        let title = &self.page.title;
        let (subject, words, button, otherwise) = match self.tongue {
            Tongue::En => (
                format!("Open {title}"),
                "The link works once, for 15 minutes, in the browser that opens it.".to_owned(),
                "Open the page",
                "If you did not ask for it, do nothing.",
            ),
            Tongue::De => (
                format!("{title} öffnen"),
                "Der Link gilt einmal, 15 Minuten lang, für den Browser, der ihn öffnet.".to_owned(),
                "Seite öffnen",
                "Haben Sie ihn nicht angefordert, tun Sie nichts.",
            ),
        };
        let lines =
            [Line::Words(words), Line::Link(button.to_owned(), url.to_owned()), Line::Words(otherwise.to_owned())];
        self.letter(subject, &lines, None)
    }

    /// An update.
    pub fn update(&self, view: &View, incident: &IncidentView, update: &UpdateView, unsubscribe: &str) -> Letter {
        let tongue = self.tongue;
        let phase = words::phase(update.phase, tongue);
        let subject = format!("{}: {phase}", incident.title_in(tongue));
        let mut lines = vec![Line::Strong(subject.clone()), Line::Words(update.text_in(tongue).to_owned())];
        let states: Vec<String> = update
            .changes
            .iter()
            .filter_map(|change| {
                let component = view.components.get(change.component)?;
                Some(format!("{}: {}", component.name, words::impact(change.new, tongue)))
            })
            .collect();
        if !states.is_empty() {
            lines.push(Line::Words(states.join("\n")));
        }
        if let Some((from, until)) = incident.scheduled.filter(|_| update.phase == Phase::Scheduled) {
            lines.push(Line::Words(format!("{} – {}", self.time(from), self.time(until))));
        }
        lines.push(Line::Words(self.time(update.at)));
        let more = match tongue {
            Tongue::En => "See more",
            Tongue::De => "Mehr dazu",
        };
        lines.push(Line::Link(more.to_owned(), format!("{}/incidents/{}", self.link, incident.id)));
        let mut letter = self.letter(subject, &lines, Some(unsubscribe));
        letter.thread = Some(format!("incident-{}", incident.id));
        letter
    }

    fn time(&self, at: Timestamp) -> String {
        let at = at.to_zoned(self.page.time_zone.clone());
        match self.tongue {
            Tongue::En => at.strftime("%Y-%m-%d %H:%M %Z").to_string(),
            Tongue::De => at.strftime("%d.%m.%Y, %H:%M Uhr %Z").to_string(),
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
