//! How far the way to the portal reaches: its name, the connection, TLS, the answer.

use super::{Finding, Topic};
use crate::error::{Code, Error};
use crate::log::Level;
use crate::ports::Step;

/// Who carries the messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// The library, under TLS.
    Https,
    /// The library, without TLS: a portal on this machine.
    Http,
    /// The application's own transport, which doesn't tell its steps.
    Host,
}

const STEPS: [(Step, Topic, &str); 4] = [
    (Step::Resolved, Topic::Dns, "The name has an address."),
    (Step::Connected, Topic::Connect, "The connection is made."),
    (Step::Secured, Topic::Tls, "The connection is secure, and the certificate is the portal's."),
    (Step::Answered, Topic::Http, "The portal answered, and it is the vendor's own."),
];

/// One finding for each step that was tried. `reached`: the last step that was done; `failure`: what
/// ended the exchange, or the answer to be the vendor's.
#[must_use]
pub fn portal(address: &str, via: Via, reached: Step, failure: Option<&Error>) -> Vec<Finding> {
    let steps = STEPS.into_iter().filter(|(step, _, _)| match via {
        Via::Https => true,
        Via::Http => *step != Step::Secured,
        Via::Host => *step == Step::Answered,
    });
    let mut findings = Vec::new();
    for (step, topic, good) in steps {
        let answered_wrongly = step == Step::Answered && failure.is_some();
        if step > reached || answered_wrongly {
            findings.extend(failure.map(|error| failed(topic, error)));
            break;
        }
        findings.push(Finding::good(topic, good));
    }
    findings.into_iter().map(|finding| finding.about(address)).collect()
}

fn failed(topic: Topic, error: &Error) -> Finding {
    // Certificates that can't be read stop the exchange before its first step.
    let topic = if error.code() == Code::Tls { Topic::Tls } else { topic };
    // A license works on while its portal is away; without an address there is nothing to reach.
    let level = match error.code() {
        Code::NoPortal => Level::Info,
        _ => Level::Error,
    };
    Finding { level, ..Finding::failed(topic, error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each failure leaves of the way: the steps before it are well, those after it untried.
    #[test]
    fn u05_each_step_to_the_portal_is_told_apart() {
        use Topic::{Connect, Dns, Http, Tls};
        let rows: [(Via, Step, Option<Code>, &[Topic]); 10] = [
            (Via::Https, Step::Nothing, Some(Code::Dns), &[Dns]),
            (Via::Https, Step::Nothing, Some(Code::Tls), &[Tls]),
            (Via::Https, Step::Resolved, Some(Code::Network), &[Dns, Connect]),
            (Via::Https, Step::Resolved, Some(Code::Proxy), &[Dns, Connect]),
            (Via::Https, Step::Connected, Some(Code::Tls), &[Dns, Connect, Tls]),
            (Via::Https, Step::Secured, Some(Code::Timeout), &[Dns, Connect, Tls, Http]),
            (Via::Https, Step::Answered, Some(Code::Http), &[Dns, Connect, Tls, Http]),
            (Via::Https, Step::Answered, None, &[Dns, Connect, Tls, Http]),
            (Via::Http, Step::Answered, None, &[Dns, Connect, Http]),
            (Via::Host, Step::Nothing, Some(Code::Network), &[Http]),
        ];
        for (via, reached, code, topics) in rows {
            let failure = code.map(Error::from_code);
            let found = portal("p", via, reached, failure.as_ref());
            let shown: Vec<_> = found.iter().map(|finding| finding.topic).collect();
            assert_eq!(shown, topics, "{via:?} {reached:?}");
            let failed: Vec<_> = found.iter().filter_map(|finding| finding.code).collect();
            assert_eq!(failed, Vec::from_iter(code), "{via:?} {reached:?}");
            assert_eq!(found.last().map(|last| last.code), Some(code));
        }
    }
}
