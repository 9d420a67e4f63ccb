//! One JSON document on standard output. Names are those of the C structs, numbers are numbers,
//! times Unix seconds (0: none); state, kind, next step and cause go by name.

use std::io::{self, Write};

use lm::log::Level;
use lm::{Finding, Kind, RecordInfo, Status};
use serde::Serialize;
use serde_json::Value;

use crate::outcome::Outcome;

/// The fields of `lm_status_info` with whose they are, and the sentence for people.
#[derive(Serialize)]
pub(super) struct StatusRow<'a> {
    activation_id: &'a str,
    state: &'static str,
    usable: u32,
    kind: &'static str,
    trust: u32,
    seats: u32,
    seats_in_use: u32,
    next_step: &'static str,
    cause: &'static str,
    expires_at: i64,
    lease_until: i64,
    grace_until: i64,
    text: String,
}

/// What `lm_record_info` has beside.
#[derive(Serialize)]
pub(super) struct ListRow<'a> {
    #[serde(flatten)]
    status: StatusRow<'a>,
    fulfillment_id: &'a str,
    features: &'a str,
    generation: u64,
    activated_at: i64,
    contacted_at: i64,
}

#[derive(Serialize)]
pub(super) struct OutcomeRow<'a> {
    activation_id: &'a str,
    result: &'static str,
    message: &'a str,
    hint: &'a str,
    /// Who holds the seats, where the refusal tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<Value>,
}

/// The fields of `lm_finding`.
#[derive(Serialize)]
pub(super) struct FindingRow<'a> {
    topic: &'static str,
    level: &'static str,
    code: &'static str,
    next_step: &'static str,
    subject: &'a str,
    text: &'a str,
    hint: &'a str,
    #[serde(skip_serializing_if = "Value::is_null")]
    detail: &'a Value,
}

#[derive(Serialize)]
pub(super) struct Host<'a> {
    host_id: &'a str,
}

pub(super) fn print(document: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_string(document).map_err(io::Error::from)?;
    text.push('\n');
    io::stdout().lock().write_all(text.as_bytes())
}

pub(super) fn status<'a>(id: &'a str, status: &Status) -> StatusRow<'a> {
    StatusRow {
        activation_id: id,
        state: status.state.name(),
        usable: u32::from(status.usable),
        // The portal writes kinds so; empty until it has told it.
        kind: match status.kind {
            Some(Kind::Nl) => "nl",
            Some(Kind::Cc) => "cc",
            None => "",
        },
        trust: status.trust,
        seats: status.seats,
        seats_in_use: status.seats_in_use,
        next_step: status.next_step.name(),
        cause: status.cause.map_or("LM_OK", lm::Code::name),
        expires_at: status.expires_at,
        lease_until: status.lease_until,
        grace_until: status.grace_until,
        text: lm::sentence(status),
    }
}

pub(super) fn list<'a>(rows: &'a [RecordInfo]) -> Vec<ListRow<'a>> {
    let row = |row: &'a RecordInfo| ListRow {
        status: status(&row.activation_id, &row.status),
        fulfillment_id: &row.fulfillment_id,
        features: &row.features,
        generation: row.generation,
        activated_at: row.activated_at,
        contacted_at: row.contacted_at,
    };
    rows.iter().map(row).collect()
}

pub(super) fn outcomes(outcomes: &[Outcome]) -> Vec<OutcomeRow<'_>> {
    outcomes.iter().map(outcome).collect()
}

pub(super) fn outcome(outcome: &Outcome) -> OutcomeRow<'_> {
    let (result, message, hint, detail) = match &outcome.result {
        Ok(message) => ("LM_OK", message.as_str(), "", ""),
        Err(error) => (error.code().name(), error.message(), error.hint(), error.detail()),
    };
    let detail = serde_json::from_str(detail).ok();
    OutcomeRow { activation_id: &outcome.activation_id, result, message, hint, detail }
}

pub(super) fn findings(findings: &[Finding]) -> Vec<FindingRow<'_>> {
    findings.iter().map(finding).collect()
}

fn finding(finding: &Finding) -> FindingRow<'_> {
    FindingRow {
        topic: finding.topic.word(),
        level: match finding.level {
            Level::Error => "ERROR",
            Level::Warn => "WARN",
            Level::Info | Level::Debug => "INFO",
        },
        code: finding.code.map_or("LM_OK", lm::Code::name),
        next_step: finding.next_step.name(),
        subject: &finding.subject,
        text: &finding.text,
        hint: &finding.hint,
        detail: &finding.detail,
    }
}

pub(super) const fn host_id(host_id: &str) -> Host<'_> {
    Host { host_id }
}
