//! The system's proxy on Linux: variables of the process's environment.

use std::path::Path;

use super::system_proxy::SystemProxy;
use crate::ports::Files;

/// What the kernel told the process when it started.
const AUXILIARY: &str = "/proc/self/auxv";
const AUXILIARY_MAX: usize = 16 * 1024;
/// The entry that says whether the process runs with more rights than its user has.
const AT_SECURE: usize = 23;

const PROXIES: [&str; 4] = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
const EXCEPTIONS: [&str; 2] = ["no_proxy", "NO_PROXY"];

/// Reads the environment, unless the process runs with more rights than its user has: then that
/// user must not choose who sees its traffic. Where the kernel doesn't say, it counts as such.
pub(super) fn read(files: &dyn Files) -> SystemProxy {
    let is_plain = files
        .read(Path::new(AUXILIARY), AUXILIARY_MAX)
        .is_ok_and(|auxiliary| is_secure(&auxiliary) == Some(false));
    if is_plain { from_variables(variable) } else { from_variables(|_| None) }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the host has asked for the system's proxy, which on Linux is set by variables"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn from_variables(variable: impl Fn(&str) -> Option<String>) -> SystemProxy {
    let first = |names: &[&str]| names.iter().find_map(|name| variable(name));
    let exceptions = first(&EXCEPTIONS).unwrap_or_default();
    SystemProxy::new(first(&PROXIES).as_deref(), exceptions.split([',', ' ']), is_exempt)
}

/// `*`; a host; a domain with all its hosts, with or without a leading dot or `*.`.
fn is_exempt(host: &str, exception: &str) -> bool {
    let domain = exception.trim_start_matches('*').trim_start_matches('.');
    exception == "*"
        || (!domain.is_empty()
            && host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

/// Reads pairs of words: a kind and its value.
fn is_secure(auxiliary: &[u8]) -> Option<bool> {
    let (words, _) = auxiliary.as_chunks::<{ size_of::<usize>() }>();
    let words: Vec<_> = words.iter().map(|word| usize::from_ne_bytes(*word)).collect();
    let (pairs, _) = words.as_chunks::<2>();
    pairs.iter().find(|[kind, _]| *kind == AT_SECURE).map(|[_, value]| *value != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    fn set(variables: &[(&str, &str)]) -> SystemProxy {
        from_variables(|name| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    fn proxy_to(host: &str, variables: &[(&str, &str)]) -> Option<String> {
        set(variables).to(host).unwrap().map(|proxy| proxy.name())
    }

    #[test]
    fn variables_are_read_as_other_programs_do() {
        let host = "licenses.example.com";
        let proxy = Some("p.example:3128".to_owned());
        for (variables, expected) in [
            (&[][..], None),
            (&[("https_proxy", "http://p.example:3128")], proxy.clone()),
            (&[("ALL_PROXY", "p.example:3128")], proxy.clone()),
            (&[("http_proxy", "http://p.example:3128")], None),
            (&[("https_proxy", ""), ("all_proxy", "http://p.example:3128")], None),
            (&[("https_proxy", "p.example:3128"), ("no_proxy", "*")], None),
            (&[("https_proxy", "p.example:3128"), ("no_proxy", "a.b, .example.com")], None),
            (&[("https_proxy", "p.example:3128"), ("NO_PROXY", "*.Example.com")], None),
            (&[("https_proxy", "p.example:3128"), ("no_proxy", "ses.example.com")], proxy),
        ] {
            assert_eq!(proxy_to(host, variables), expected, "{variables:?}");
        }
    }

    #[test]
    fn a_wrong_setting_is_told_by_the_call_that_needs_it() {
        let system = set(&[("https_proxy", "socks5://p.example"), ("no_proxy", "near.example")]);
        assert_eq!(system.to("licenses.example.com").unwrap_err().code(), Code::Proxy);
        assert!(system.to("near.example").unwrap().is_none());
    }

    #[test]
    fn more_rights_than_the_user_has_are_read_from_what_the_kernel_says() {
        let words = |words: &[usize]| -> Vec<u8> {
            words.iter().flat_map(|word| word.to_ne_bytes()).collect()
        };
        assert_eq!(is_secure(&words(&[6, 4096, AT_SECURE, 0, 0, 0])), Some(false));
        assert_eq!(is_secure(&words(&[6, 4096, AT_SECURE, 1, 0, 0])), Some(true));
        // A value that looks like the kind is none.
        assert_eq!(is_secure(&words(&[6, AT_SECURE, 0, 0])), None);
        assert_eq!(is_secure(b""), None);
    }
}
