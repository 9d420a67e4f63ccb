//! Offline: a request file is dropped, the response file downloads.

use askama::Template;
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{Multipart, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use lm_protocol::file::Fault;
use lm_protocol::limits::REQUEST_FILE_MAX;

use super::visitor::Visitor;
use super::{Shown, shown};
use crate::error::Error;
use crate::offline;
use crate::people::Session;
use crate::server::App;
use crate::server::offline::download;

/// A whole form: a file, and room for what a browser writes around it.
pub(super) const BODY_MAX: usize = REQUEST_FILE_MAX + 64 * 1024;

#[derive(Template)]
#[template(path = "offline.html")]
struct Page<'a> {
    session: &'a Session,
    may_act: bool,
    error: &'a str,
}

pub(super) async fn form(visitor: Visitor) -> Shown {
    page(&visitor, "")
}

pub(super) async fn answer(State(app): State<App>, visitor: Visitor, asked: Multipart) -> Shown {
    let asked = match Asked::read(asked).await {
        Ok(asked) => asked,
        Err(error) => return refused(&visitor, &error),
    };
    visitor.must_mean_it(&asked.csrf)?;
    match offline::answer(&app, &asked.file).await {
        Ok(answered) => Ok(download(&answered)),
        Err(error) if error.is_the_callers() => refused(&visitor, &error),
        Err(error) => Err(error.into()),
    }
}

/// What the form brings.
#[derive(Default)]
struct Asked {
    csrf: String,
    /// The file, or the text that was pasted instead.
    file: Vec<u8>,
}

impl Asked {
    async fn read(mut form: Multipart) -> Result<Self, Error> {
        let mut asked = Self::default();
        while let Some(field) = form.next_field().await.map_err(broken)? {
            match field.name() {
                Some("csrf") => asked.csrf = String::from_utf8_lossy(&all(field).await?).into(),
                Some("file" | "text") => {
                    let bytes = all(field).await?;
                    if !bytes.trim_ascii().is_empty() {
                        asked.file = bytes;
                    }
                }
                _ => {}
            }
        }
        Ok(asked)
    }
}

async fn all(field: Field<'_>) -> Result<Vec<u8>, Error> {
    Ok(field.bytes().await.map_err(broken)?.to_vec())
}

fn broken(error: MultipartError) -> Error {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        Fault::TooLarge.into()
    } else {
        Error::Invalid("the form did not come whole".to_owned())
    }
}

fn refused(visitor: &Visitor, error: &Error) -> Shown {
    let mut sentence = format!("{error}.");
    if let Some(first) = sentence.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    let response = page(visitor, &sentence)?;
    Ok((StatusCode::BAD_REQUEST, response).into_response())
}

fn page(visitor: &Visitor, error: &str) -> Shown {
    shown(&Page { session: &visitor.session, may_act: visitor.may_act(), error })
}
