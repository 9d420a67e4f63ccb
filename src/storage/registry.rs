//! The registry of Windows, as the file port shows it: a key is a directory, a value a small file,
//! and a path that begins with a root's name leads there. Pure.
#![forbid(unsafe_code)]

/// Where a tree of the registry begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Root {
    CurrentUser,
    LocalMachine,
}

const ROOTS: [(&str, Root); 2] =
    [("HKEY_CURRENT_USER", Root::CurrentUser), ("HKEY_LOCAL_MACHINE", Root::LocalMachine)];

/// A path below a root: of a key, or of a key and the value in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct At<'a> {
    pub(super) root: Root,
    pub(super) path: &'a str,
}

impl<'a> At<'a> {
    /// `None`: the path doesn't lead into the registry. No path of a file does: those are absolute.
    pub(super) fn of(path: &'a str) -> Option<Self> {
        ROOTS.into_iter().find_map(|(name, root)| {
            let path = path.strip_prefix(name)?.strip_prefix('\\')?;
            (!path.is_empty()).then_some(Self { root, path })
        })
    }

    /// The key and the name of the value in it.
    pub(super) fn value(self) -> Option<(Self, &'a str)> {
        let (key, name) = self.path.rsplit_once('\\')?;
        Some((Self { path: key, ..self }, name))
    }

    /// The key around it; `None`: that is the root.
    pub(super) fn parent(self) -> Option<Self> {
        let (path, _) = self.path.rsplit_once('\\')?;
        Some(Self { path, ..self })
    }
}

/// The types of values.
const TEXT: u32 = 1;
const TEXT_TO_EXPAND: u32 = 2;
const NUMBER: u32 = 4;
const TEXTS: u32 = 7;

/// A value as a file has it: a text is UTF-8 without its end mark, several texts are one a line, a
/// number is written out; the rest is what it is. Nothing is expanded: the environment has no say.
pub(super) fn content(kind: u32, raw: Vec<u8>) -> Vec<u8> {
    match kind {
        TEXT | TEXT_TO_EXPAND => {
            let text = text(&raw);
            text.split('\0').next().unwrap_or_default().as_bytes().to_vec()
        }
        TEXTS => {
            let text = text(&raw);
            let lines: Vec<_> = text.split('\0').filter(|line| !line.is_empty()).collect();
            lines.join("\n").into_bytes()
        }
        NUMBER => match raw.first_chunk() {
            Some(bytes) => u32::from_le_bytes(*bytes).to_string().into_bytes(),
            None => raw,
        },
        _ => raw,
    }
}

fn text(raw: &[u8]) -> String {
    let (units, _) = raw.as_chunks();
    let units = units.iter().map(|unit| u16::from_le_bytes(*unit));
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// A text with the one variable that may lead it put in; `None` where another stays in it.
pub(super) fn without_variable(text: &str, variable: &str, value: &str) -> Option<String> {
    let whole = match text.split_at_checked(variable.len()) {
        Some((head, rest)) if head.eq_ignore_ascii_case(variable) => format!("{value}{rest}"),
        _ => text.to_owned(),
    };
    (!whole.contains('%')).then_some(whole)
}

/// What a file that holds `old` holds once `bytes` are written at `offset`.
pub(super) fn written(mut old: Vec<u8>, offset: usize, bytes: &[u8]) -> Vec<u8> {
    let end = offset.saturating_add(bytes.len());
    if old.len() < end {
        old.resize(end, 0);
    }
    if let Some(place) = old.get_mut(offset..end) {
        place.copy_from_slice(bytes);
    }
    old
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_into_the_registry_are_told_from_files() {
        let at = At::of(r"HKEY_LOCAL_MACHINE\SOFTWARE\lm\anchors\0f").unwrap();
        assert_eq!((at.root, at.path), (Root::LocalMachine, r"SOFTWARE\lm\anchors\0f"));
        let (key, name) = at.value().unwrap();
        assert_eq!((key.path, name), (r"SOFTWARE\lm\anchors", "0f"));
        assert_eq!(key.parent().unwrap().path, r"SOFTWARE\lm");
        assert_eq!(At::of(r"HKEY_CURRENT_USER\lm").unwrap().parent(), None);
        for path in [
            r"C:\HKEY_CURRENT_USER\lm",
            r"HKEY_CURRENT_USERS\lm",
            r"HKEY_CURRENT_USER",
            r"HKEY_CURRENT_USER\",
            r"\\server\share",
            "/etc/machine-id",
        ] {
            assert_eq!(At::of(path), None, "{path}");
        }
    }

    #[test]
    fn values_become_what_a_file_would_hold() {
        let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
        for (kind, raw, expected) in [
            (TEXT, wide("4f3b-Ü\0"), "4f3b-Ü"),
            (TEXT, wide("no end mark"), "no end mark"),
            (TEXT, wide("ends\0here"), "ends"),
            (TEXT, vec![0x41, 0, 0x42], "A"),
            (TEXT_TO_EXPAND, wide("%SystemDrive%\\ProgramData\0"), "%SystemDrive%\\ProgramData"),
            (TEXTS, wide("one\0two\0\0"), "one\ntwo"),
            (TEXTS, wide("\0"), ""),
            (NUMBER, vec![2, 1, 0, 0], "258"),
            (NUMBER, vec![2], "\u{2}"),
            (3, vec![0x6C, 0x6D], "lm"),
        ] {
            assert_eq!(content(kind, raw), expected.as_bytes(), "{expected}");
        }
        assert_eq!(content(TEXT, vec![0x00, 0xD8, 0, 0]), "\u{FFFD}".as_bytes());
    }

    #[test]
    fn only_the_variable_that_is_known_is_put_in() {
        let put = |text| without_variable(text, "%SystemDrive%", "C:");
        assert_eq!(put(r"%SystemDrive%\ProgramData").as_deref(), Some(r"C:\ProgramData"));
        assert_eq!(put(r"%SYSTEMDRIVE%\ProgramData").as_deref(), Some(r"C:\ProgramData"));
        assert_eq!(put(r"D:\ProgramData").as_deref(), Some(r"D:\ProgramData"));
        assert_eq!(put(r"%USERPROFILE%\x"), None);
        assert_eq!(put(r"%SystemDrive%\%x%"), None);
    }

    #[test]
    fn what_is_written_replaces_and_extends() {
        assert_eq!(written(b"abcdef".to_vec(), 2, b"XY"), b"abXYef");
        assert_eq!(written(b"ab".to_vec(), 4, b"XY"), b"ab\0\0XY");
        assert_eq!(written(Vec::new(), 0, b""), b"");
    }
}
