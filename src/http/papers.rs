//! Documents as answers: a page that prints, Markdown, PDF. Made beside the workers: a long one takes a moment.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hotline_core::paper::Paper;
use sha2::{Digest, Sha256};

use super::params::Params;
use super::problem::Problem;
use crate::paper;

/// A document's form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A page.
    Html,
    /// Markdown.
    Markdown,
    /// PDF.
    Pdf,
}

/// Put on an answer that brings its own style: the policy that allows it (and still no script).
#[derive(Debug, Clone)]
pub struct OwnPolicy(pub HeaderValue);

/// `format` of a query.
pub fn format(params: &mut Params) -> Result<Format, Problem> {
    Ok(match params.word("format", &["html", "md", "pdf"])?.as_deref() {
        Some("md") => Format::Markdown,
        Some("pdf") => Format::Pdf,
        Some(_) | None => Format::Html,
    })
}

/// The document in this form; `name` is the file's, without its ending.
pub async fn answer(document: Paper, format: Format, name: &str) -> Response {
    let made = tokio::task::spawn_blocking(move || match format {
        Format::Html => paper::page(&document).into_bytes(),
        Format::Markdown => paper::markdown(&document).into_bytes(),
        Format::Pdf => paper::pdf(&document),
    });
    let Ok(bytes) = made.await else {
        return Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR).into_response();
    };
    let (kind, ending) = match format {
        Format::Html => ("text/html; charset=utf-8", None),
        Format::Markdown => ("text/markdown; charset=utf-8", Some("md")),
        Format::Pdf => ("application/pdf", Some("pdf")),
    };
    let mut response = ([(header::CONTENT_TYPE, kind)], bytes).into_response();
    if let Some(ending) = ending {
        let plain: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect();
        if let Ok(value) = HeaderValue::from_str(&format!("inline; filename=\"{plain}.{ending}\"")) {
            response.headers_mut().insert(header::CONTENT_DISPOSITION, value);
        }
    } else if let Some(policy) = policy() {
        response.extensions_mut().insert(OwnPolicy(policy));
    }
    response
}

/// Only the one style element, by its hash; nothing is fetched, nothing runs.
fn policy() -> Option<HeaderValue> {
    let hash = STANDARD.encode(Sha256::digest(paper::STYLE.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).ok()
}
