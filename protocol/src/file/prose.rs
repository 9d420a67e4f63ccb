//! What a person reads at the top of a file: what it is, of which machines, what to do with it. No
//! program reads it, and none of it is signed.

use crate::answer::{Answer, Verdict};
use crate::request::{Operation, Request};

/// How many machines the first line names, and how many lines follow it.
const NAMED: usize = 3;
const LISTED: usize = 100;

const OF_REQUESTS: &str = "\
Whoever owns the licenses answers it: on the licensing portal's page \"Offline\", or by
    lm-portal offline answer THIS-FILE -o RESPONSE-FILE
The response is then applied on the machine:
    lm-administrator apply RESPONSE-FILE";

const OF_ANSWERS: &str = "\
On the machine:
    lm-administrator apply THIS-FILE
It is good for that machine and that request, once. The portal issues a lost one again.";

const OF_MANY_ANSWERS: &str = "\
On each of the machines, which takes its own part:
    lm-administrator apply THIS-FILE
It is good for those machines and those requests, once. The portal issues a lost one again.";

pub(super) fn of_requests(requests: &[&Request]) -> String {
    let lines: Vec<_> = requests.iter().map(|request| asked(request)).collect();
    let first = match lines.as_slice() {
        [only] => format!("lm license request to be answered by the licensing portal: {only}"),
        _ => format!(
            "lm license request to be answered by the licensing portal: {} requests of {}",
            lines.len(),
            machines(requests)
        ),
    };
    format!("{first}\n{OF_REQUESTS}\n{}", list(&lines))
}

pub(super) fn of_answers(answers: &[(&Request, &Answer)], left_out: &[String]) -> String {
    let lines: Vec<_> = answers
        .iter()
        .map(|(request, answer)| format!("{}: {}", asked(request), came_of(answer)))
        .collect();
    let requests: Vec<_> = answers.iter().map(|(request, _)| *request).collect();
    let mut text = match lines.as_slice() {
        [only] => {
            format!("lm license response to be applied on the machine: {only}\n{OF_ANSWERS}\n")
        }
        _ => format!(
            "lm license response to be applied on each machine: {} answers for {}\n\
             {OF_MANY_ANSWERS}\n{}",
            lines.len(),
            machines(&requests),
            list(&lines)
        ),
    };
    for line in left_out {
        text.push_str(&format!("\nNot answered: {line}"));
    }
    text
}

/// `ortho-studio: activate 1 seat of ...4HJN8 on field-1 (H-0123456789abcdef0123)`. Who knows an
/// activation ID can activate it: people are shown its end.
pub(super) fn asked(request: &Request) -> String {
    let seats =
        |count: u32| if count == 1 { "1 seat".to_owned() } else { format!("{count} seats") };
    let what = match &request.operation {
        Operation::Activate { seats: count } => format!("activate {}", seats(*count)),
        Operation::MoreSeats { seats: count, .. } => format!("activate up to {}", seats(*count)),
        Operation::Abandon { .. } => "give up an activation".to_owned(),
        Operation::Return { seats: 0, .. } => "return all seats".to_owned(),
        Operation::Return { seats: count, .. } => format!("return {}", seats(*count)),
        Operation::Refresh { .. } => "refresh the license".to_owned(),
        Operation::Repair { .. } => "repair the license".to_owned(),
    };
    let id = request.activation_id.to_string();
    let end = id.rsplit('-').next().unwrap_or_default();
    let host = request.host.host_id();
    let machine = match label(request) {
        "" => host,
        label => format!("{label} ({host})"),
    };
    format!("{}: {what} of ...{end} on {machine}", request.product)
}

fn came_of(answer: &Answer) -> String {
    match &answer.verdict {
        Verdict::Granted { .. } => "granted".to_owned(),
        Verdict::Returned => "returned".to_owned(),
        Verdict::Abandoned => "given up".to_owned(),
        Verdict::Stale => "stale".to_owned(),
        Verdict::Obsolete { .. } => "obsolete".to_owned(),
        Verdict::Denied { refusal, .. } => {
            let name = serde_json::to_string(refusal).unwrap_or_default();
            format!("refused ({})", name.trim_matches('"').replace('_', " "))
        }
    }
}

/// A machine's label may be anything; one that could pass for a mark of ours is not shown.
fn label(request: &Request) -> &str {
    let label = request.host_label.as_str();
    if label.to_uppercase().contains("LICENSE") { "" } else { label }
}

fn machines(requests: &[&Request]) -> String {
    let mut names: Vec<String> = Vec::new();
    for request in requests {
        let name = match label(request) {
            "" => request.host.host_id(),
            label => label.to_owned(),
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    match names.len().saturating_sub(NAMED) {
        0 => names.join(", "),
        more => {
            names.truncate(NAMED);
            format!("{} and {more} more", names.join(", "))
        }
    }
}

fn list(lines: &[String]) -> String {
    if lines.len() == 1 {
        return String::new();
    }
    let mut text = String::new();
    for line in lines.iter().take(LISTED) {
        text.push_str(&format!("\n  {line}"));
    }
    if lines.len() > LISTED {
        text.push_str(&format!("\n  and {} more", lines.len() - LISTED));
    }
    text
}
