//! The proxy as Windows' settings write it, and where it isn't used. Pure.

/// The proxy for HTTPS: `host:port` for everything, or one for each kind, `http=a:80;https=b:443`.
pub(super) fn for_https(servers: &str) -> Option<&str> {
    let mut for_all = None;
    for server in entries(servers) {
        match server.split_once('=') {
            Some((kind, server)) if kind.trim().eq_ignore_ascii_case("https") => {
                return Some(server.trim()).filter(|server| !server.is_empty());
            }
            Some(_) => {}
            None => for_all = for_all.or(Some(server)),
        }
    }
    for_all
}

/// Of proxies or of exceptions.
pub(super) fn entries(list: &str) -> impl Iterator<Item = &str> {
    list.split([';', ' ', '\t', '\r', '\n']).filter(|entry| !entry.is_empty())
}

/// `<local>` for names without a dot, else a name in which `*` stands for anything. Both in lower
/// case.
pub(super) fn is_exempt(host: &str, exception: &str) -> bool {
    if exception == "<local>" {
        return !host.contains(['.', ':']);
    }
    let name = exception.strip_prefix("https://").unwrap_or(exception);
    fits(host, name.trim_start_matches('[').trim_end_matches(']'))
}

fn fits(host: &str, pattern: &str) -> bool {
    let Some((head, mut pattern)) = pattern.split_once('*') else {
        return host == pattern;
    };
    let Some(mut rest) = host.strip_prefix(head) else {
        return false;
    };
    while let Some((part, behind)) = pattern.split_once('*') {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = rest.get(at + part.len()..).unwrap_or_default();
        pattern = behind;
    }
    rest.ends_with(pattern)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::system_proxy::SystemProxy;

    #[test]
    fn one_proxy_for_all_or_one_for_each_kind() {
        for (servers, expected) in [
            ("proxy.example:3128", Some("proxy.example:3128")),
            ("http=a.example:80;https=b.example:443;ftp=c.example", Some("b.example:443")),
            ("http=a.example:80 HTTPS = b.example", Some("b.example")),
            ("https=http://b.example:8080", Some("http://b.example:8080")),
            ("http=a.example:80;socks=s.example:1080", None),
            ("socks=s.example:1080;d.example:8080", Some("d.example:8080")),
            ("https=", None),
            ("", None),
        ] {
            assert_eq!(for_https(&servers.replace(" = ", "=")), expected, "{servers}");
        }
    }

    #[test]
    fn exceptions_are_names_with_stars() {
        for (exception, hosts, others) in [
            ("<local>", &["portal"][..], &["portal.example", "::1"][..]),
            ("*.example.com", &["a.example.com", "a.b.example.com"], &["example.com", "a.example"]),
            ("10.*", &["10.1.2.3"], &["110.1.2.3"]),
            ("*", &["a.example"], &[]),
            ("licenses.example.com", &["licenses.example.com"], &["a.licenses.example.com"]),
            ("a*b*c", &["abc", "axxbxxc"], &["acb", "abcd", "ab"]),
            ("ab*ba", &["abba"], &["aba"]),
            ("https://near.example", &["near.example"], &["far.example"]),
            ("[fe80::*]", &["fe80::1"], &["2001::1"]),
        ] {
            for host in hosts {
                assert!(is_exempt(host, exception), "{host} by {exception}");
            }
            for host in others {
                assert!(!is_exempt(host, exception), "{host} by {exception}");
            }
        }
    }

    #[test]
    fn the_settings_as_a_whole() {
        let settings = |servers, exceptions| {
            SystemProxy::new(for_https(servers), entries(exceptions), is_exempt)
        };
        let set = settings("https=b.example:443", "*.Near.example;<local>\r\n10.*");
        let name = |host| set.to(host).unwrap().map(|proxy| proxy.name());
        assert_eq!(name("licenses.example.com").as_deref(), Some("b.example:443"));
        for host in ["a.near.EXAMPLE", "portal", "10.0.0.7"] {
            assert_eq!(name(host), None, "{host}");
        }
        assert!(settings("http=a.example", "").to("licenses.example.com").unwrap().is_none());
        assert!(settings("https=socks5://a", "").to("licenses.example.com").is_err());
    }
}
