//! The three forms on one document, on German, and on what nobody would write.

use std::io::Read as _;

use hotline_core::paper::{Block, Chart, Form, Paper};

use super::{markdown, page, pdf};

fn chart(form: Form) -> Chart {
    Chart {
        title: "Zeit bis zur Übernahme".to_owned(),
        form,
        unit: "min".to_owned(),
        labels: ["KW 40", "KW 41", "KW 42", "KW 43"].map(str::to_owned).to_vec(),
        series: vec![
            ("Müller GmbH".to_owned(), vec![Some(3.5), None, Some(12.0), Some(0.0)]),
            ("Acme".to_owned(), vec![Some(1.0), Some(2.0), Some(2.5), Some(7.25)]),
        ],
    }
}

fn paper() -> Paper {
    Paper {
        title: "Monatsbericht Oktober 2026".to_owned(),
        subtitle: "Müller GmbH & Söhne".to_owned(),
        language: "de".to_owned(),
        foot: "hotline, 1. November 2026".to_owned(),
        blocks: vec![
            Block::Figures(vec![
                ("Einhaltung".to_owned(), "99,2 %".to_owned()),
                ("Gutschrift".to_owned(), "1.250,00 €".to_owned()),
            ]),
            Block::Heading(1, "Störungen".to_owned()),
            Block::Text("Größte Störung: <b>Mail</b> stand 47 min – „nichts ging mehr“.".to_owned()),
            Block::Note("Für zwei Alarme ist der Beginn unbekannt.".to_owned()),
            Block::List(vec!["erste".to_owned(), "- zweite".to_owned()]),
            Block::Chart(chart(Form::Bars)),
            Block::Chart(chart(Form::Line)),
            Block::PageBreak,
            Block::Heading(2, "Alle".to_owned()),
            Block::Table {
                head: vec!["Vorfall".to_owned(), "Dauer|min".to_owned()],
                numbers: vec![1],
                rows: (0..120).map(|n| vec![format!("INC-{n} Ausfall der Straße"), format!("{n},5")]).collect(),
            },
        ],
    }
}

/// What a page's contents say, in order: each shown text, decoded from `WinAnsi` as far as the tests need it.
fn shown(file: &[u8]) -> Vec<Vec<String>> {
    contents(file).iter().map(|page| texts(page)).collect()
}

fn contents(file: &[u8]) -> Vec<Vec<u8>> {
    let (mut pages, mut rest) = (Vec::new(), file);
    let find = |rest: &[u8], what: &[u8]| rest.windows(what.len()).position(|part| part == what);
    while let Some(begin) = find(rest, b"stream\n") {
        rest = &rest[begin + 7..];
        let end = find(rest, b"\nendstream").expect("a stream has an end");
        let mut page = Vec::new();
        flate2::read::ZlibDecoder::new(&rest[..end]).read_to_end(&mut page).expect("a packed stream");
        pages.push(page);
        rest = &rest[end + 10..];
    }
    pages
}

fn texts(page: &[u8]) -> Vec<String> {
    let (mut all, mut text, mut inside, mut escaped) = (Vec::new(), String::new(), false, false);
    let (mut octal, mut digits, mut hex) = (0_u32, 0, false);
    let letter = |byte: u8| match byte {
        0x80 => '€',
        0x84 => '„',
        0x93 => '“',
        0x96 => '–',
        0x85 => '…',
        0x95 => '•',
        other => char::from(other),
    };
    for byte in page {
        if hex {
            match (byte, char::from(*byte).to_digit(16)) {
                (b'>', _) => {
                    hex = false;
                    all.push(std::mem::take(&mut text));
                }
                (_, Some(digit)) => {
                    (octal, digits) = (octal * 16 + digit, digits + 1);
                    if digits == 2 {
                        text.push(letter(octal as u8));
                        (octal, digits) = (0, 0);
                    }
                }
                (_, None) => {}
            }
            continue;
        }
        if !inside {
            inside = *byte == b'(';
            hex = *byte == b'<';
            continue;
        }
        if escaped && byte.is_ascii_digit() {
            (octal, digits) = (octal * 8 + u32::from(byte - b'0'), digits + 1);
            if digits == 3 {
                text.push(letter(octal as u8));
                (octal, digits, escaped) = (0, 0, false);
            }
        } else if escaped {
            text.push(letter(*byte));
            escaped = false;
        } else if *byte == b'\\' {
            escaped = true;
        } else if *byte == b')' {
            inside = false;
            all.push(std::mem::take(&mut text));
        } else {
            text.push(letter(*byte));
        }
    }
    all
}

#[test]
fn the_page_is_whole_and_harmless() {
    let html = page(&paper());
    assert!(html.starts_with("<!DOCTYPE html>\n<html lang=\"de\">"));
    assert!(html.contains("&lt;b&gt;Mail&lt;/b&gt;") && !html.contains("<b>"));
    assert!(
        html.contains("aria-label=\"Zeit bis zur Übernahme (min)\"") && html.contains("<td class=\"n\">unbekannt</td>")
    );
    assert!(!html.contains("http") && !html.contains("<script") && !html.contains(" style="));
    assert_eq!(html.matches("<tr>").count(), 1 + 120 + 2 * (1 + 4));
}

#[test]
fn markdown_has_no_markup_of_others() {
    let text = markdown(&paper());
    assert!(text.starts_with("# Monatsbericht Oktober 2026\n\nMüller GmbH &amp; Söhne\n"), "{text}");
    assert!(text.contains("| Vorfall | Dauer\\|min |\n| --- | ---: |\n| INC-0 Ausfall der Straße | 0,5 |"));
    assert!(text.contains("&lt;b&gt;Mail") && text.contains("\n- \\- zweite\n"));
    assert!(text.contains("| KW 41 | unbekannt | 2 |"));
}

#[test]
fn the_pdf_has_heads_on_every_page_and_counts_them() {
    let file = pdf(&paper());
    assert!(file.starts_with(b"%PDF-1.7") && file.ends_with(b"%%EOF"));
    let pages = shown(&file);
    assert!(pages.len() >= 4, "{} pages", pages.len());
    let count = pages.len();
    for (number, page) in pages.iter().enumerate() {
        assert!(page.contains(&format!("Seite {} von {count}", number + 1)), "{page:?}");
        assert!(page.contains(&"hotline, 1. November 2026".to_owned()));
    }
    for page in &pages[2..] {
        assert!(page.contains(&"Vorfall".to_owned()) && page.contains(&"Dauer|min".to_owned()), "{page:?}");
    }
    let all = pages.concat();
    assert!(all.contains(&"1.250,00 €".to_owned()) && all.contains(&"Müller GmbH & Söhne".to_owned()));
    assert_eq!((0..120).filter(|n| all.contains(&format!("INC-{n} Ausfall der Straße"))).count(), 120);
    // The same document is the same file.
    assert_eq!(file, pdf(&paper()));
}

#[test]
fn ten_thousand_rows_are_all_there() {
    let rows = (0..10_000).map(|n| vec![n.to_string(), "Text ".repeat(20), format!("{n} min")]).collect();
    let head = ["Nr.", "Was", "Dauer"].map(str::to_owned).to_vec();
    let paper = Paper { blocks: vec![Block::Table { head, numbers: vec![0], rows }], ..paper() };
    let all = shown(&pdf(&paper)).concat();
    assert!(all.contains(&"9999 min".to_owned()) && all.contains(&"0 min".to_owned()));
    assert_eq!(all.iter().filter(|text| text.ends_with(" min")).count(), 10_000);
    assert_eq!(page(&paper).matches("<tr>").count(), 10_001);
    assert!(markdown(&paper).contains("| 9999 |"));
}

#[test]
fn whatever_the_texts_are_nothing_panics_and_nothing_leaves_the_page() {
    let long = "x".repeat(1_000_000);
    let odd = "\u{0}\u{7f}\u{202e}a\u{301}漢字🙂()\\ \r\n\t\u{feff}ß".to_owned();
    let texts = [String::new(), long, odd, "wort ".repeat(200_000), "\n".repeat(500)];
    for text in &texts {
        let table = Block::Table {
            head: vec![text.clone(); 3],
            numbers: vec![2, 7],
            rows: vec![vec![text.clone()], vec![], vec!["a".to_owned(); 9]],
        };
        let wide =
            Block::Table { head: vec!["Kopf".to_owned(); 60], numbers: vec![], rows: vec![vec!["1".to_owned(); 60]] };
        let blocks = vec![
            Block::Heading(0, text.clone()),
            Block::Heading(9, text.clone()),
            Block::Text(text.clone()),
            Block::Note(text.clone()),
            Block::List(vec![text.clone()]),
            table,
            wide,
            Block::Table { head: vec![], numbers: vec![], rows: vec![vec![text.clone()]] },
            Block::Figures(vec![(text.clone(), text.clone())]),
            Block::Chart(Chart { title: text.clone(), unit: text.clone(), ..chart(Form::Line) }),
            Block::Chart(Chart {
                labels: vec![text.clone()],
                series: vec![(text.clone(), vec![])],
                ..chart(Form::Bars)
            }),
        ];
        let paper = Paper {
            title: text.clone(),
            subtitle: text.clone(),
            language: text.chars().take(9).collect(),
            foot: text.clone(),
            blocks,
        };
        let file = pdf(&paper);
        for page in contents(&file) {
            for y in heights(&page) {
                assert!((20.0..=842.0).contains(&y), "{y}");
            }
        }
        assert!(!page(&paper).contains('\u{0}') && !markdown(&paper).is_empty());
    }
}

/// Where texts stand.
fn heights(page: &[u8]) -> Vec<f32> {
    let text = String::from_utf8_lossy(page);
    let places = text.lines().filter_map(|line| line.strip_suffix(" Td"));
    places.filter_map(|place| place.rsplit(' ').next()?.parse().ok()).collect()
}
