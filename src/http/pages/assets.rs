//! Style sheet, script, icon: in the binary, cached for good by their content's hash.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use sha2::{Digest, Sha256};

use crate::http::problem::Problem;

struct Asset {
    name: &'static str,
    kind: &'static str,
    text: &'static str,
}

const ASSETS: [Asset; 4] = [
    Asset { name: "app.css", kind: "text/css; charset=utf-8", text: include_str!("assets/app.css") },
    Asset { name: "app.js", kind: "text/javascript; charset=utf-8", text: include_str!("assets/app.js") },
    // Status pages that are nobody's: without colours of their own.
    Asset {
        name: "status.css",
        kind: "text/css; charset=utf-8",
        text: concat!(
            ":root{--accent:#0b5394;--on-accent:#fff}",
            "@media(prefers-color-scheme:dark){:root{--accent:#86c8f2;--on-accent:#000}}\n",
            include_str!("../status/status.css")
        ),
    },
    Asset { name: "icon.svg", kind: "image/svg+xml", text: include_str!("assets/icon.svg") },
];

/// Changes with any of them: pages ask for `?v=` this.
pub static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut all = Sha256::new();
    for asset in &ASSETS {
        all.update(asset.text);
    }
    hex::encode(&all.finalize()[..6])
});

pub async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == name) else {
        return Problem::of_status(StatusCode::NOT_FOUND).into_response();
    };
    let tag = format!("\"{}\"", *VERSION);
    let caching =
        [(header::ETAG, tag.clone()), (header::CACHE_CONTROL, "public, max-age=31536000, immutable".to_owned())];
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, caching).into_response();
    }
    (caching, [(header::CONTENT_TYPE, asset.kind)], asset.text).into_response()
}

pub async fn favicon() -> Redirect {
    Redirect::permanent("/assets/icon.svg")
}
