//! `recordings/{id}`: removing it. `recordings/{id}/audio`: the WAV, whole or by ranges (RFC 9110 section 14), as players ask for it.

use std::io::SeekFrom;
use std::str::FromStr;
use std::time::UNIX_EPOCH;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hotline_core::ids::RecordingId;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::types::Recording;
use crate::http::AppState;
use crate::http::auth::{Right, Viewer};
use crate::http::problem::Problem;
use crate::store::read::RecordingRow;

/// Bytes read from the file at a time.
const CHUNK: usize = 64 * 1024;

/// Rows as the API shows them.
pub fn of_rows(state: &AppState, rows: Vec<RecordingRow>) -> Vec<Recording> {
    let off = state.board().health().transcripts_off;
    rows.into_iter().map(|row| Recording::of_row(row, state, off.as_deref())).collect()
}

/// Removes a recording: its sound and its transcript are gone for good, the call's record says that it was. Audited.
#[utoipa::path(
    delete, path = "/api/v1/recordings/{id}", tag = "calls", security(("token" = []), ("session" = [])),
    params(("id" = String, Path, description = "Id of a recording")),
    responses(
        (status = 204, description = "It is gone, or was gone already"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role or scope is not enough, or sent by another site with our cookie", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such recording", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It is still being recorded", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn remove(
    viewer: Viewer,
    State(state): State<AppState>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    viewer.require(Right::Configure)?;
    let id = RecordingId::from_str(&id).map_err(|_| Problem::not_found("recording"))?;
    visible(&state, &viewer, id).await?;
    let Some(row) = state.records().recording(&id.to_string()).await? else {
        return Err(Problem::not_found("recording"));
    };
    if row.duration_ms.is_none() && row.reason.is_none() {
        return Err(running());
    }
    if !state.records().delete_recording(id, &viewer.shown(), crate::clock::now().wall).await? {
        return Err(Problem::not_found("recording"));
    }
    Ok(StatusCode::NO_CONTENT)
}

/// The audio of a recording: WAV, 8 kHz, 16-bit; mono, or stereo for a conversation (left the caller, right what the
/// caller hears).
#[utoipa::path(
    get, path = "/api/v1/recordings/{id}/audio", tag = "calls", security(("token" = []), ("session" = [])),
    params(
        ("id" = String, Path, description = "Id of a recording"),
        ("Range" = Option<String>, Header, description = "One range of bytes, as in `bytes=0-65535`"),
        ("If-None-Match" = Option<String>, Header, description = "ETag of the copy at hand"),
    ),
    responses(
        (status = 200, description = "All of it", body = Vec<u8>, content_type = "audio/wav"),
        (status = 206, description = "The range asked for", body = Vec<u8>, content_type = "audio/wav"),
        (status = 304, description = "The copy at hand is good"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role or scope is not enough", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such recording, or its audio was lost", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "It was removed: refused, deleted, or past its retention time", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It is still being recorded or finished", body = Problem, content_type = "application/problem+json"),
        (status = 416, description = "The range begins behind the end", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn audio(
    viewer: Viewer,
    State(state): State<AppState>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    viewer.require(Right::HearRecordings)?;
    let id = RecordingId::from_str(&id).map_err(|_| Problem::not_found("recording"))?;
    visible(&state, &viewer, id).await?;
    // The file needs no database: while that is away, what was said can still be heard.
    let Ok(mut file) = File::open(state.records().wav_path(id)).await else {
        return Err(missing(&state, id).await);
    };
    let about = file.metadata().await.map_err(unreadable)?;
    if !about.is_file() {
        return Err(Problem::not_found("recording"));
    }
    let length = about.len();
    let changed =
        about.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok()).map_or(0, |since| since.as_millis());
    let tag = format!("\"{length:x}-{changed:x}\"");
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if text(header::IF_NONE_MATCH)
        .is_some_and(|known| known == "*" || known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag))
    {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    // If-Range with another tag: the range would not fit the rest of the copy, so all of it goes.
    let range = text(header::RANGE).filter(|_| text(header::IF_RANGE).is_none_or(|known| known == tag));
    let (status, from, count) = match range.map_or(Wanted::All, |range| wanted(range, length)) {
        Wanted::All => (StatusCode::OK, 0, length),
        Wanted::Part { from, count } => (StatusCode::PARTIAL_CONTENT, from, count),
        Wanted::Nothing => {
            let detail = format!("The recording has {length} bytes; the range begins behind its end.");
            return Err(Problem::new(
                StatusCode::RANGE_NOT_SATISFIABLE,
                "range-not-satisfiable",
                "The range can't be given",
                detail,
            )
            .with(header::CONTENT_RANGE, format!("bytes */{length}")));
        }
    };
    file.seek(SeekFrom::Start(from)).await.map_err(unreadable)?;
    let mut response = Response::new(Body::from_stream(bytes(file, count)));
    *response.status_mut() = status;
    let mut put = |name, value: String| {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(name, value);
        }
    };
    put(header::CONTENT_TYPE, "audio/wav".to_owned());
    put(header::CONTENT_LENGTH, count.to_string());
    put(header::ACCEPT_RANGES, "bytes".to_owned());
    put(header::ETAG, tag);
    put(header::CONTENT_DISPOSITION, format!("inline; filename=\"recording-{id}.wav\""));
    if status == StatusCode::PARTIAL_CONTENT {
        put(header::CONTENT_RANGE, format!("bytes {from}-{}/{length}", from + count - 1));
    }
    Ok(response)
}

/// 404 for a recording of somebody else's customer. Who sees everything needs no look into the database.
async fn visible(state: &AppState, viewer: &Viewer, id: RecordingId) -> Result<(), Problem> {
    if viewer.customers.is_none() {
        return Ok(());
    }
    let Some(row) = state.records().recording(&id.to_string()).await? else {
        return Err(Problem::not_found("recording"));
    };
    let customer = state.records().call(&row.call_id).await?.and_then(|call| call.customer);
    if viewer.sees(customer.as_deref()) { Ok(()) } else { Err(Problem::not_found("recording")) }
}

fn bytes(file: File, count: u64) -> impl futures::Stream<Item = std::io::Result<Bytes>> + Send {
    futures::stream::try_unfold((file, count), |(mut file, left)| async move {
        if left == 0 {
            return Ok(None);
        }
        let want = usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK));
        let mut buffer = vec![0; want];
        let got = file.read(&mut buffer).await?;
        if got == 0 {
            return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof));
        }
        buffer.truncate(got);
        Ok(Some((Bytes::from(buffer), (file, left - got as u64))))
    })
}

#[expect(clippy::needless_pass_by_value, reason = "used with map_err")]
fn unreadable(error: std::io::Error) -> Problem {
    tracing::error!(%error, "a recording could not be read");
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "recording-unreadable",
        "The recording can't be read",
        "The file is there but the disk does not give it. See the log, and check the data folder's disk and rights.",
    )
}

/// Why there is no WAV.
async fn missing(state: &AppState, id: RecordingId) -> Problem {
    let row = match state.records().recording(&id.to_string()).await {
        Ok(Some(row)) => row,
        Ok(None) => return Problem::not_found("recording"),
        Err(error) => return error.into(),
    };
    if row.removed_at.is_some() {
        return Problem::new(
            StatusCode::GONE,
            "recording-removed",
            "The recording was removed",
            "Somebody did not want it (then its call's timeline says so), it was deleted (see the audit chain), or it is past its retention time.",
        );
    }
    match (row.duration_ms, row.reason.as_deref()) {
        (None, None) => running(),
        (_, Some("failed")) | (Some(0), _) => Problem::new(
            StatusCode::NOT_FOUND,
            "recording-lost",
            "There is no audio",
            "It could not be kept when it was made (disk full or a media fault); the timeline says why.",
        ),
        _ => Problem::new(
            StatusCode::CONFLICT,
            "recording-not-ready",
            "The audio is not there yet",
            "It is being made ready, which takes a second or two. If it stays away, the file is missing in the data folder's recordings: look for it in the backup.",
        )
        .with(header::RETRY_AFTER, "2"),
    }
}

fn running() -> Problem {
    Problem::new(
        StatusCode::CONFLICT,
        "recording-running",
        "The recording still runs",
        "It can be heard (and removed) as soon as the caller has finished. Try again in a few seconds.",
    )
    .with(header::RETRY_AFTER, "3")
}

#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    All,
    Part { from: u64, count: u64 },
    Nothing,
}

/// Reads a Range header. What is not understood, and several ranges at once, get all of it, as the RFC allows.
fn wanted(range: &str, length: u64) -> Wanted {
    let Some((first, last)) = range.trim().strip_prefix("bytes=").and_then(|one| one.trim().split_once('-')) else {
        return Wanted::All;
    };
    let number =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u64>().unwrap_or(u64::MAX));
    let (from, to) = match (first, last) {
        ("", "") => return Wanted::All,
        ("", suffix) => match number(suffix) {
            Some(0) => return Wanted::Nothing,
            Some(suffix) => (length.saturating_sub(suffix), length.saturating_sub(1)),
            None => return Wanted::All,
        },
        (first, last) => match (number(first), if last.is_empty() { Some(u64::MAX) } else { number(last) }) {
            (Some(from), Some(to)) if from <= to => (from, to.min(length.saturating_sub(1))),
            _ => return Wanted::All,
        },
    };
    if from >= length { Wanted::Nothing } else { Wanted::Part { from, count: to - from + 1 } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_rfc_says() {
        let part = |from, count| Wanted::Part { from, count };
        assert_eq!(wanted("bytes=0-99", 1000), part(0, 100));
        assert_eq!(wanted("bytes=990-", 1000), part(990, 10));
        assert_eq!(wanted("bytes=990-5000", 1000), part(990, 10));
        assert_eq!(wanted("bytes=-10", 1000), part(990, 10));
        assert_eq!(wanted("bytes=-5000", 1000), part(0, 1000));
        assert_eq!(wanted("bytes=1000-", 1000), Wanted::Nothing);
        assert_eq!(wanted("bytes=-0", 1000), Wanted::Nothing);
        assert_eq!(wanted("bytes=99999999999999999999999-", 1000), Wanted::Nothing);
        assert_eq!(wanted("bytes=0-", 0), Wanted::Nothing);
        for odd in ["bytes=5-2", "bytes=a-b", "bytes=0-1,5-6", "items=0-1", "bytes", "bytes=-", "bytes=+1-2"] {
            assert_eq!(wanted(odd, 1000), Wanted::All, "{odd}");
        }
    }
}
