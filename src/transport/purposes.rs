//! For what a certificate may be used, as Windows keeps it beside one: DER. Pure.

const SEQUENCE: u8 = 0x30;
const OBJECT_ID: u8 = 0x06;
/// To show who a server is.
const SERVERS: [u8; 8] = [0x2B, 6, 1, 5, 5, 7, 3, 1];
/// Any.
const ANY: [u8; 4] = [0x55, 0x1D, 0x25, 0];

/// Whether servers are among the purposes. None at all, and what can't be read, allow nothing.
pub(super) fn allow_servers(purposes: &[u8]) -> bool {
    let Some((SEQUENCE, mut list, _)) = element(purposes) else {
        return false;
    };
    while let Some((kind, purpose, rest)) = element(list) {
        if kind == OBJECT_ID && (purpose == SERVERS || purpose == ANY) {
            return true;
        }
        list = rest;
    }
    false
}

/// The kind and the content of the first element, and what follows it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[kind, len], rest) = der.split_first_chunk()?;
    let (len, rest) = match len {
        ..=0x7F => (usize::from(len), rest),
        // The length's own length, then the length.
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(len & 0x7F))?;
            (digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(len)?;
    Some((kind, content, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(purposes: &[&[u8]]) -> Vec<u8> {
        let mut inner = Vec::new();
        for purpose in purposes {
            inner.extend_from_slice(&[OBJECT_ID, u8::try_from(purpose.len()).unwrap()]);
            inner.extend_from_slice(purpose);
        }
        let mut out = vec![SEQUENCE];
        match u8::try_from(inner.len()).unwrap() {
            short @ ..=0x7F => out.push(short),
            long => out.extend_from_slice(&[0x81, long]),
        }
        out.extend(inner);
        out
    }

    /// Mail and programs.
    const MAIL: [u8; 8] = [0x2B, 6, 1, 5, 5, 7, 3, 4];
    const CODE: [u8; 8] = [0x2B, 6, 1, 5, 5, 7, 3, 3];

    #[test]
    fn only_what_is_meant_for_servers_may_vouch_for_them() {
        assert!(allow_servers(&list(&[&SERVERS])));
        assert!(allow_servers(&list(&[&MAIL, &SERVERS])));
        assert!(allow_servers(&list(&[&ANY])));
        assert!(!allow_servers(&list(&[&MAIL, &CODE])));
        assert!(!allow_servers(&list(&[])), "turned off for everything");
        let many = [&MAIL[..]; 20];
        assert!(!allow_servers(&list(&many)));
        let last = [&many[..19], &[&SERVERS[..]]].concat();
        assert!(list(&last).len() > 0x80, "a length of two bytes");
        assert!(allow_servers(&list(&last)));
    }

    #[test]
    fn what_is_cut_off_or_something_else_allows_nothing() {
        let whole = list(&[&MAIL, &SERVERS]);
        for len in 0..whole.len() {
            assert!(!allow_servers(&whole[..len]), "{len} bytes");
        }
        let mut text = whole;
        text[0] = 0x0C;
        assert!(!allow_servers(&text));
        assert!(!allow_servers(&[SEQUENCE, 0x85, 0, 0, 0, 0, 1, 0]));
    }
}
