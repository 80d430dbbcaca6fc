//! Atom (RFC 4287), RSS 2.0, and a badge.

use std::fmt::Write as _;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use hotline_core::status::{IncidentView, Indicator};
use jiff::Timestamp;

use super::admit::Admitted;
use super::render::{Material, What, answer};
use super::texts::{self, moment};
use crate::http::AppState;
use crate::switch::status::shape::Shape;
use crate::switch::status::words;

/// Entries of a feed at most.
const ENTRIES: usize = 50;

pub async fn atom(State(state): State<AppState>, headers: HeaderMap, admitted: Admitted) -> Response {
    answer(&state, &headers, &admitted, What::Atom, |material| {
        Ok(Some((atom_of(material), "application/atom+xml; charset=utf-8")))
    })
}

pub async fn rss(State(state): State<AppState>, headers: HeaderMap, admitted: Admitted) -> Response {
    answer(&state, &headers, &admitted, What::Rss, |material| {
        Ok(Some((rss_of(material), "application/rss+xml; charset=utf-8")))
    })
}

pub async fn badge(State(state): State<AppState>, headers: HeaderMap, admitted: Admitted) -> Response {
    answer(&state, &headers, &admitted, What::Badge, |material| {
        Ok(Some((badge_of(material), "image/svg+xml; charset=utf-8")))
    })
}

/// Text for XML 1.0: marks escaped, characters that it can't hold left out.
fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\r' => out.push(c),
            c if c < ' ' || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => out.push(c),
        }
    }
    out
}

/// All that is told, what changed last first.
fn entries<'a>(material: &Material<'a>) -> Vec<&'a IncidentView> {
    let view = material.view;
    let mut all: Vec<&IncidentView> = view.incidents.iter().chain(&view.maintenances).chain(&view.past).collect();
    all.sort_by_key(|one| (std::cmp::Reverse(one.changed_at()), one.id));
    all.truncate(ENTRIES);
    all
}

/// What was told, the newest first, as plain text.
fn told(material: &Material<'_>, incident: &IncidentView) -> String {
    let (page, tongue) = (material.admitted.page(), material.admitted.tongue);
    let mut text = String::new();
    if let Some(learned) = &incident.postmortem {
        let (at, name) = (moment(learned.at, &page.time_zone, tongue).text, texts::of(tongue).postmortem);
        let _ = write!(text, "{at}\n{name}:\n{}\n\n", learned.text);
    }
    for update in incident.updates.iter().rev() {
        let (at, phase) = (moment(update.at, &page.time_zone, tongue).text, words::phase(update.phase, tongue));
        // A feed has no footer that tells the zone.
        let zone = page.time_zone.iana_name().unwrap_or("UTC");
        // Writing to a String cannot fail.
        let _ = write!(text, "{at} ({zone})\n{phase}: {}\n\n", update.text_in(tongue));
    }
    text
}

fn atom_of(material: &Material<'_>) -> String {
    let (page, tongue) = (material.admitted.page(), material.admitted.tongue);
    let shape = Shape { page, view: material.view, base: material.base };
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\" xml:lang=\"{}\">\n\
         <id>{}</id>\n<title>{}</title>\n<updated>{}</updated>\n<link rel=\"alternate\" type=\"text/html\" href=\"{}\"/>\n\
         <link rel=\"self\" type=\"application/atom+xml\" href=\"{}\"/>\n<author><name>{}</name></author>\n",
        tongue.word(),
        xml(&shape.link("/history.atom")),
        xml(&page.title),
        shape.updated_at(),
        xml(&shape.link("")),
        xml(&shape.link("/history.atom")),
        xml(page.brand.name.as_deref().unwrap_or(&page.title)),
    );
    for one in entries(material) {
        let _ = write!(
            out,
            "<entry>\n<id>urn:uuid:{}</id>\n<published>{}</published>\n<updated>{}</updated>\n\
             <link rel=\"alternate\" type=\"text/html\" href=\"{}\"/>\n<title>{}</title>\n<content type=\"text\">{}</content>\n</entry>\n",
            one.id,
            one.created_at,
            one.changed_at(),
            xml(&shape.link(&format!("/incidents/{}", one.id))),
            xml(one.title_in(tongue)),
            xml(&told(material, one)),
        );
    }
    out.push_str("</feed>\n");
    out
}

fn rss_of(material: &Material<'_>) -> String {
    let (page, tongue) = (material.admitted.page(), material.admitted.tongue);
    let shape = Shape { page, view: material.view, base: material.base };
    let date = |at: Timestamp| jiff::fmt::rfc2822::to_string(&at.to_zoned(page.time_zone.clone())).unwrap_or_default();
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<rss version=\"2.0\" xmlns:atom=\"http://www.w3.org/2005/Atom\">\n<channel>\n\
         <title>{}</title>\n<link>{}</link>\n<description>{}</description>\n<language>{}</language>\n<pubDate>{}</pubDate>\n\
         <atom:link rel=\"self\" type=\"application/rss+xml\" href=\"{}\"/>\n",
        xml(&page.title),
        xml(&shape.link("")),
        xml(words::indicator(material.view.indicator, tongue)),
        tongue.word(),
        date(shape.updated_at()),
        xml(&shape.link("/history.rss")),
    );
    for one in entries(material) {
        let link = xml(&shape.link(&format!("/incidents/{}", one.id)));
        let _ = write!(
            out,
            "<item>\n<title>{}</title>\n<description>{}</description>\n<pubDate>{}</pubDate>\n<link>{link}</link>\n\
             <guid isPermaLink=\"false\">{}</guid>\n</item>\n",
            xml(one.title_in(tongue)),
            // Readers take it for HTML: escaped twice, so that it stays the text that it is.
            xml(&format!(
                "<p>{}</p>",
                xml(&told(material, one)).trim_end().replace("\n\n", "</p><p>").replace('\n', "<br>")
            )),
            date(one.changed_at()),
            one.id,
        );
    }
    out.push_str("</channel>\n</rss>\n");
    out
}

/// Dark enough for white words (4.5:1).
const fn badge_colour(indicator: Indicator) -> &'static str {
    match indicator {
        Indicator::None => "#17663a",
        Indicator::Maintenance => "#0b5c8a",
        Indicator::Minor => "#8a4b00",
        Indicator::Major => "#a13e00",
        Indicator::Critical => "#a81e2c",
    }
}

fn badge_of(material: &Material<'_>) -> String {
    let (page, tongue, indicator) = (material.admitted.page(), material.admitted.tongue, material.view.indicator);
    let words = words::indicator(indicator, tongue);
    // As wide as its letters, roughly: fonts differ.
    let wide = 24 + 7 * words.chars().count();
    let title = xml(&format!("{}: {words}", page.title));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{wide}\" height=\"24\" role=\"img\" aria-label=\"{title}\" \
         xml:lang=\"{}\"><title>{title}</title><rect width=\"{wide}\" height=\"24\" rx=\"5\" fill=\"{}\"/>\
         <text x=\"{}\" y=\"16.5\" fill=\"#fff\" font-family=\"Verdana,DejaVu Sans,sans-serif\" font-size=\"11.5\" \
         text-anchor=\"middle\" textLength=\"{}\" lengthAdjust=\"spacingAndGlyphs\">{words}</text></svg>\n",
        tongue.word(),
        badge_colour(indicator),
        wide / 2,
        wide - 20,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xml_holds_what_it_can() {
        assert_eq!(xml("<a href='x'>&\u{1}\u{0}\n\"</a>"), "&lt;a href=&#39;x&#39;&gt;&amp;\n&quot;&lt;/a&gt;");
    }
}
