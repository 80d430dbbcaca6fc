//! The document as PDF 1.7 on A4: text that can be selected and searched, tables whose heads stand on every page,
//! pages that are counted.
//!
//! Faces are those that every reader has ([`super::letters`]). A line with letters that they lack carries what was meant as its
//! `ActualText` (ISO 32000-1 section 14.9.4).

mod flow;
mod ink;
mod table;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use hotline_core::paper::Paper;
use pdf_writer::{Filter, Finish, Name, Pdf, Rect, Ref, TextStr};

use super::letters::{self, Face};
use super::{bounded, words};
use flow::Flow;
use ink::{Ink, LEFT, PAGE_HEIGHT, PAGE_WIDTH, RIGHT};

/// Size of the letters at the foot.
const FOOT: f32 = 8.0;
/// Base line of the foot.
const FOOT_Y: f32 = 30.0;
/// Room for the page's number.
const NUMBERED: f32 = 110.0;

/// The whole file.
pub fn pdf(paper: &Paper) -> Vec<u8> {
    let words = words(paper);
    let mut flow = Flow::new(words, &paper.language);
    flow.head(&paper.title, &paper.subtitle);
    for block in &paper.blocks {
        flow.put(block);
    }
    let pages = flow.finish();
    let count = pages.len();
    let foots = (1..).map(|number| format!("{} {number} {} {count}", words.page, words.of));
    // Cut once: it may be long, and the pages many.
    let own = letters::cut(&bounded(&paper.foot), Face::Regular, FOOT, RIGHT - LEFT - NUMBERED);
    let pages: Vec<Vec<u8>> =
        pages.into_iter().zip(foots).map(|(page, numbered)| foot(page, &own, &numbered)).collect();
    assembled(paper, &pages)
}

fn foot(mut page: Ink, text: &str, numbered: &str) -> Vec<u8> {
    let wide = letters::width(numbered, Face::Regular, FOOT);
    page.grey(0.35);
    page.text(RIGHT - wide, FOOT_Y, Face::Regular, FOOT, numbered);
    page.text(LEFT, FOOT_Y, Face::Regular, FOOT, text);
    page.finish()
}

/// Objects in order: catalog, tree, two fonts, information, then a page and its contents each.
fn assembled(paper: &Paper, pages: &[Vec<u8>]) -> Vec<u8> {
    const FIRST: i32 = 6;
    let [catalog, tree, regular, bold, about] = [1, 2, 3, 4, 5].map(Ref::new);
    let ids: Vec<(Ref, Ref)> =
        (0..pages.len() as i32).map(|page| (Ref::new(FIRST + 2 * page), Ref::new(FIRST + 1 + 2 * page))).collect();
    let mut pdf = Pdf::new();
    pdf.set_version(1, 7);
    let language = if paper.language.is_empty() { "en" } else { &paper.language };
    let mut root = pdf.catalog(catalog);
    root.pages(tree).lang(TextStr(language));
    root.viewer_preferences().display_doc_title(true);
    root.finish();
    pdf.document_info(about).title(TextStr(&letters::tidied(&paper.title))).producer(TextStr("hotline"));
    pdf.pages(tree).kids(ids.iter().map(|(page, _)| *page)).count(pages.len() as i32);
    for (font, name, face) in [(regular, "Helvetica", Face::Regular), (bold, "Helvetica-Bold", Face::Bold)] {
        let mut font = pdf.type1_font(font);
        font.base_font(Name(name.as_bytes())).encoding_predefined(Name(b"WinAnsiEncoding"));
        font.first_char(32).last_char(255).widths(letters::widths(face).iter().map(|width| f32::from(*width)));
    }
    for ((page, contents), bytes) in ids.into_iter().zip(pages) {
        let mut page = pdf.page(page);
        page.media_box(Rect::new(0.0, 0.0, PAGE_WIDTH, PAGE_HEIGHT)).parent(tree).contents(contents);
        page.resources().fonts().pair(ink::REGULAR, regular).pair(ink::BOLD, bold);
        page.finish();
        pdf.stream(contents, &packed(bytes)).filter(Filter::FlateDecode);
    }
    pdf.finish()
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut packer = ZlibEncoder::new(Vec::new(), Compression::default());
    packer.write_all(bytes).and_then(|()| packer.finish()).expect("memory takes every byte")
}
