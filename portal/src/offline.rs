//! Offline: a request file in, a response file out. Each request is answered as online, in a
//! transaction of its own: a file that is answered again gets the same answers, while they are true.

use lm_protocol::file::{self, RequestEntry};
use lm_protocol::{Answer, Keyring, Request, Verdict, Verified};
use serde::Serialize;

use crate::database::in_transaction;
use crate::error::{Error, Result};
use crate::ledger::{self, Failure, identity};
use crate::server::App;

/// A request file, answered.
#[derive(Clone, Debug)]
pub struct AnsweredFile {
    /// The response file.
    pub response: String,
    /// What became of each request, in the file's order.
    pub entries: Vec<EntryView>,
}

/// What became of one request of a file.
#[derive(Clone, Debug, Serialize)]
pub struct EntryView {
    /// Its activation ID; empty where it is no request that could be read.
    pub activation_id: String,
    /// The machine.
    pub host_id: String,
    /// Its label; may be empty.
    pub host_label: String,
    /// What it asks, as a line for people.
    pub asked: String,
    /// `granted`, `returned`, `abandoned`, `denied`, `stale`, `obsolete`, or `unanswered`.
    pub result: &'static str,
    /// Why it was denied or is unanswered; else empty.
    pub reason: String,
}

/// Answers a file for somebody who is known: at the command line, or signed in.
pub(crate) async fn answer(app: &App, file: &[u8]) -> Result<AnsweredFile> {
    let mut answering = Answering::begin(app).await?;
    for entry in file::read_requests(file)? {
        let opened = Request::open(&entry.request);
        let answered = match &opened {
            Ok(request) => answering.answer(&entry, request).await.map(|_| ()),
            Err(error) => Err((*error).into()),
        };
        if let Err(error) = answered {
            answering.leave_out(opened.as_deref().ok(), error)?;
        }
    }
    answering.finish()
}

/// A file that is being answered.
pub(crate) struct Answering<'a> {
    app: &'a App,
    keyring: Keyring,
    done: Vec<(Verified<Request>, Verified<Answer>, Option<String>)>,
    left_out: Vec<String>,
    first_error: Option<Error>,
    entries: Vec<EntryView>,
}

impl<'a> Answering<'a> {
    pub(crate) async fn begin(app: &'a App) -> Result<Self> {
        let root = identity::trust_root(&mut *app.database.read().await?).await?;
        Ok(Self {
            app,
            keyring: Keyring::new(root),
            done: Vec::new(),
            left_out: Vec::new(),
            first_error: None,
            entries: Vec::new(),
        })
    }

    /// Answers one request. Gives what is counted of the answer.
    pub(crate) async fn answer(
        &mut self,
        entry: &RequestEntry,
        request: &Verified<Request>,
    ) -> Result<Option<Failure>> {
        let (now, random) = (self.app.now(), self.app.random.as_ref());
        let nonce = entry.time_nonce;
        let (answered, time, keyset) =
            in_transaction!(self.app.database, |db| ledger::answer_in_file(
                db, now, random, request, nonce
            ))?;
        self.keyring.learn(&keyset)?;
        // What it has just signed itself.
        let answer = self.keyring.verify::<Answer>(&answered.envelope).map_err(|_| {
            Error::System("its clock stands outside of the time of its signing key".to_owned())
        })?;
        self.entries.push(EntryView::of(request, &answer.verdict));
        self.done.push((request.clone(), answer, time));
        Ok(answered.failure)
    }

    /// Goes on without a request that cannot be answered, where that is its own fault. What failed in
    /// the portal itself ends it all: what was answered before is answered again then.
    pub(crate) fn leave_out(&mut self, request: Option<&Request>, error: Error) -> Result<()> {
        if !error.is_the_callers() {
            return Err(error);
        }
        let number = self.entries.len() + 1;
        let asked = request.map_or_else(|| format!("request {number}"), file::describe);
        self.left_out.push(format!("{asked}: {error}"));
        self.entries.push(EntryView {
            activation_id: request.map(|it| it.activation_id.to_string()).unwrap_or_default(),
            host_id: request.map(|it| it.host.host_id()).unwrap_or_default(),
            host_label: request.map(|it| it.host_label.clone()).unwrap_or_default(),
            asked,
            result: "unanswered",
            reason: error.to_string(),
        });
        self.first_error.get_or_insert(error);
        Ok(())
    }

    /// The response file; where nothing could be answered, why.
    pub(crate) fn finish(self) -> Result<AnsweredFile> {
        if self.done.is_empty()
            && let Some(error) = self.first_error
        {
            return Err(error);
        }
        let keyset = self.keyring.keyset_text().unwrap_or_default();
        let answered: Vec<file::Answered<'_>> = self
            .done
            .iter()
            .map(|(request, answer, time)| (&**request, answer, time.as_deref()))
            .collect();
        let response = file::write_answers(keyset, &answered, &self.left_out)?;
        Ok(AnsweredFile { response, entries: self.entries })
    }
}

impl EntryView {
    fn of(request: &Request, verdict: &Verdict) -> Self {
        let (result, reason) = match verdict {
            Verdict::Granted { .. } => ("granted", String::new()),
            Verdict::Returned => ("returned", String::new()),
            Verdict::Abandoned => ("abandoned", String::new()),
            Verdict::Stale => ("stale", String::new()),
            Verdict::Denied { refusal, .. } => ("denied", name(refusal)),
            Verdict::Obsolete { reason } => ("obsolete", name(reason)),
        };
        Self {
            activation_id: request.activation_id.to_string(),
            host_id: request.host.host_id(),
            host_label: request.host_label.clone(),
            asked: file::describe(request),
            result,
            reason,
        }
    }
}

/// The name of a reason as the protocol writes it: `no_seats`.
fn name(reason: &impl Serialize) -> String {
    let name = serde_json::to_value(reason).unwrap_or_default();
    name.as_str().unwrap_or_default().to_owned()
}
