//! `POST /api/v1/offline/answer`: a request file in, the response file out. Open to everybody, as the
//! client protocol is: a request carries its own right to be answered. The same limits hold.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use lm_protocol::Request;
use lm_protocol::file;
use lm_protocol::limits::REQUEST_FILE_MAX;

use super::App;
use super::problem::Problem;
use super::protocol::{count_error, count_failure, must_be_open, read};
use crate::error::Error;
use crate::offline::{AnsweredFile, Answering};

pub(super) const PATH: &str = "/api/v1/offline/answer";

pub(super) async fn answer(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Body,
) -> std::result::Result<Response, Problem> {
    let address = format!("protocol {}", app.caller(peer, &headers));
    let file = read(body, REQUEST_FILE_MAX).await?;
    Ok(download(&answer_file(&app, &address, &file).await?))
}

async fn answer_file(
    app: &App,
    address: &str,
    file: &[u8],
) -> std::result::Result<AnsweredFile, Problem> {
    let entries = match file::read_requests(file) {
        Ok(entries) => entries,
        Err(fault) => {
            must_be_open(app, address, None).await?;
            let error = Error::from(fault);
            count_error(app, address, &error).await?;
            return Err(error.into());
        }
    };
    let mut answering = Answering::begin(app).await?;
    for entry in entries {
        let opened = Request::open(&entry.request);
        must_be_open(app, address, opened.as_ref().ok()).await?;
        let answered = match &opened {
            Ok(request) => answering.answer(&entry, request).await.map(|it| (request, it)),
            Err(error) => Err(Error::from(*error)),
        };
        match answered {
            Ok((request, failure)) => count_failure(app, address, request, failure).await?,
            Err(error) => {
                count_error(app, address, &error).await?;
                answering.leave_out(opened.as_deref().ok(), error)?;
            }
        }
    }
    Ok(answering.finish()?)
}

/// The response file as a browser saves it.
pub(crate) fn download(answered: &AnsweredFile) -> Response {
    const HEADERS: [(header::HeaderName, &str); 4] = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"lm-response.txt\""),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    let mut response = answered.response.clone().into_response();
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
