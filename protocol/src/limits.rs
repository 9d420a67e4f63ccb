//! Bounds of the protocol, each named once. Text is counted in bytes of UTF-8.

/// Product and feature names: `[A-Za-z0-9._-]`, at least one.
pub const NAME_MAX: usize = 64;
/// Vendor name in a trust root.
pub const VENDOR_MAX: usize = 64;
/// Features of one license.
pub const FEATURES_MAX: usize = 128;
/// Seats of one activation ID.
pub const SEATS_MAX: u32 = 1_000_000;
/// Factors of a host.
pub const FACTORS_MAX: usize = 32;
/// Values of one factor (network cards, disks).
pub const FACTOR_VALUES_MAX: usize = 16;
/// The label shown beside a host ID.
pub const LABEL_MAX: usize = 128;
/// Fulfillment ID.
pub const FULFILLMENT_ID_MAX: usize = 64;
/// Detail of a refusal, a JSON document.
pub const DETAIL_MAX: usize = 16 * 1024;
/// Keys of a keyset, and of a trust root.
pub const KEYS_MAX: usize = 16;
/// Signatures of an envelope.
pub const SIGNATURES_MAX: usize = 4;
/// A time statement, as an envelope.
pub const TIME_STATEMENT_MAX: usize = 2 * 1024;
/// A keyset, as an envelope.
pub const KEYSET_MAX: usize = 16 * 1024;
/// A signed record, as an envelope.
pub const RECORD_MAX: usize = 32 * 1024;
/// A request, as an envelope; it may carry a record.
pub const REQUEST_MAX: usize = 64 * 1024;
/// An answer, as an envelope; it may carry a record and a detail.
pub const ANSWER_MAX: usize = 96 * 1024;
/// What one POST to the portal may carry.
pub const POST_MAX: usize = 80 * 1024;
/// What the portal's reply to one POST may carry: answer, keyset and time statement.
pub const REPLY_MAX: usize = 160 * 1024;
/// Requests of one request file, and answers of one response file.
pub const FILE_ENTRIES_MAX: usize = 500;
/// A request file, in bytes.
pub const REQUEST_FILE_MAX: usize = 4 << 20;
/// A response file, in bytes: answers are larger than what they answer.
pub const RESPONSE_FILE_MAX: usize = 16 << 20;

/// Whether the text is a product or feature name.
#[must_use]
pub fn is_name(text: &str) -> bool {
    (1..=NAME_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

/// Whether the text is a vendor name: printable, no control characters.
#[must_use]
pub fn is_vendor(text: &str) -> bool {
    (1..=VENDOR_MAX).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// Whether the text is a host label: printable, may be empty. What has no width, or turns the
/// direction of what follows, would let one machine look like another.
#[must_use]
pub fn is_label(text: &str) -> bool {
    let hides = |c| matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}');
    text.len() <= LABEL_MAX && !text.chars().any(|c| c.is_control() || hides(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_holds_nothing_that_hides_or_turns_what_is_shown() {
        for label in ["", "desk <2>", "Schreibtisch Süd", "مكتب", "机"] {
            assert!(is_label(label), "{label:?}");
        }
        for hidden in ['\n', '\u{200B}', '\u{200F}', '\u{202E}', '\u{2066}', '\u{FEFF}'] {
            assert!(!is_label(&format!("desk{hidden}2")), "{hidden:?}");
        }
    }
}
