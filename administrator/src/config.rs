//! Settings from a file: `name = value` lines, or one JSON object, named as the options are.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::args::{Scope, Settings};

/// The largest configuration file, in bytes.
const FILE_MAX: u64 = 64 * 1024;

/// The settings in force: the command line's, and the file's where that says nothing.
///
/// The error is a sentence: wrong usage.
pub(crate) fn resolve(given: &Settings) -> Result<Settings, String> {
    let Some(path) = &given.config else { return Ok(given.clone()) };
    let text = read(path)?;
    let file = parse(&text).map_err(|why| format!("{}: {why}", path.display()))?;
    let file = file.seen_from(path.parent().unwrap_or(Path::new("")));
    let given = given.clone();
    Ok(Settings {
        config: given.config,
        portal: given.portal.or(file.portal),
        product: given.product.or(file.product),
        trust_root: given.trust_root.or(file.trust_root),
        storage: given.storage.or(file.storage),
        scope: given.scope.or(file.scope),
        host_identity: given.host_identity.or(file.host_identity),
        host_label: given.host_label.or(file.host_label),
        proxy: given.proxy.or(file.proxy),
        ca_file: given.ca_file.or(file.ca_file),
        timeout: given.timeout.or(file.timeout),
    })
}

/// The text of a file of settings or a trust root.
pub(crate) fn read(path: &Path) -> Result<String, String> {
    let text = || -> std::io::Result<String> {
        if std::fs::metadata(path)?.len() > FILE_MAX {
            return Err(std::io::Error::other("it is larger than 64 KiB"));
        }
        std::fs::read_to_string(path)
    };
    text().map_err(|error| format!("{} can't be read: {error}", path.display()))
}

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct File {
    portal: Option<String>,
    product: Option<String>,
    trust_root: Option<String>,
    storage: Option<PathBuf>,
    scope: Option<Scope>,
    host_identity: Option<String>,
    host_label: Option<String>,
    proxy: Option<String>,
    ca_file: Option<PathBuf>,
    timeout: Option<u32>,
}

impl File {
    /// Paths count from the file's directory. A trust root is a path where a file of that name is.
    fn seen_from(mut self, dir: &Path) -> Self {
        let from = |path: PathBuf| dir.join(path);
        self.storage = self.storage.map(from);
        self.ca_file = self.ca_file.map(from);
        self.trust_root = self.trust_root.map(|text| {
            let path = dir.join(&text);
            match path.to_str() {
                Some(path_text) if path.is_file() => path_text.to_owned(),
                _ => text,
            }
        });
        self
    }
}

fn parse(text: &str) -> Result<File, String> {
    let named = if text.trim_start().starts_with('{') {
        serde_json::from_str(text).map_err(|error| error.to_string())?
    } else {
        lines(text)?
    };
    // As in C and JSON, `trust_root` is `trust-root` too.
    let named = named.into_iter().map(|(name, value)| (name.replace('_', "-"), value)).collect();
    serde_json::from_value(Value::Object(named)).map_err(|error| error.to_string())
}

fn lines(text: &str) -> Result<Map<String, Value>, String> {
    let mut named = Map::new();
    for (line, number) in text.lines().map(str::trim).zip(1..) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((name, value)) = line.split_once('=') else {
            return Err(format!("line {number} is no `name = value`"));
        };
        let (name, value) = (name.trim().to_owned(), value.trim());
        let value = match value.parse::<u32>() {
            Ok(seconds) if name == "timeout" => Value::from(seconds),
            _ => Value::from(value),
        };
        if named.insert(name, value).is_some() {
            return Err(format!("line {number} names a setting for the second time"));
        }
    }
    Ok(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected() -> File {
        File {
            portal: Some("https://licenses.example.com".to_owned()),
            trust_root: Some("orthomap.root".to_owned()),
            scope: Some(Scope::Machine),
            timeout: Some(10),
            ..File::default()
        }
    }

    #[test]
    fn lines_and_json_say_the_same() {
        let lines = "# our portal\nportal = https://licenses.example.com\n\n\
                     trust-root=orthomap.root\nscope = machine\ntimeout = 10\n";
        let json = r#"{ "portal": "https://licenses.example.com", "trust_root": "orthomap.root",
                       "scope": "machine", "timeout": 10 }"#;
        assert_eq!(parse(lines), Ok(expected()));
        assert_eq!(parse(json), Ok(expected()));
    }

    #[test]
    fn a_fault_is_named() {
        for (text, fault) in [
            ("portal https://a", "line 1 is no `name = value`"),
            ("\nportel = https://a", "unknown field `portel`"),
            ("portal = a\nportal = b", "line 2 names a setting for the second time"),
            ("scope = everyone", "unknown variant `everyone`"),
            ("timeout = soon", "invalid type"),
            ("{ \"portal\": 1 }", "invalid type"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(fault), "{text:?}: {error}");
        }
    }
}
