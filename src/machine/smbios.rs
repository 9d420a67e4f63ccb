//! What the firmware says of a machine, as Windows hands it out: the table of SMBIOS. Pure.
#![forbid(unsafe_code)]

/// Calling method, version, revision, length of the table.
const HEAD_LEN: usize = 8;
/// Kind, length, handle.
const STRUCTURE_HEAD_LEN: usize = 4;
const SYSTEM: u8 = 1;
const BOARD: u8 = 2;
/// Since then the first three fields of a UUID are numbers of this byte order.
const LITTLE_ENDIAN_UUID: (u8, u8) = (2, 6);

/// What of it is asked for; raw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Firmware {
    pub(super) maker: Option<String>,
    pub(super) product: Option<String>,
    pub(super) uuid: Option<String>,
    pub(super) board_serial: Option<String>,
}

struct Structure<'a> {
    kind: u8,
    /// Its head included: offsets count from there.
    fields: &'a [u8],
    strings: Vec<&'a [u8]>,
}

/// Reads what is there, up to the first structure that is broken.
pub(super) fn parse(raw: &[u8]) -> Firmware {
    let mut firmware = Firmware::default();
    let Some((&[_, major, minor, _, ..], mut table)) = raw.split_first_chunk::<HEAD_LEN>() else {
        return firmware;
    };
    let (mut system, mut board) = (false, false);
    while let Some((structure, rest)) = next(table) {
        table = rest;
        match structure.kind {
            SYSTEM if !system => {
                system = true;
                firmware.maker = structure.text(4);
                firmware.product = structure.text(5);
                firmware.uuid = structure.uuid((major, minor));
            }
            BOARD if !board => {
                board = true;
                firmware.board_serial = structure.text(7);
            }
            _ => {}
        }
    }
    firmware
}

fn next(table: &[u8]) -> Option<(Structure<'_>, &[u8])> {
    let (kind, len) = (*table.first()?, usize::from(*table.get(1)?));
    if len < STRUCTURE_HEAD_LEN {
        return None;
    }
    let (fields, mut rest) = table.split_at_checked(len)?;
    let mut strings = Vec::new();
    loop {
        let end = rest.iter().position(|byte| *byte == 0)?;
        let (text, after) = rest.split_at_checked(end)?;
        rest = after.get(1..)?;
        if text.is_empty() {
            break;
        }
        strings.push(text);
    }
    // A structure without strings ends in two zeros as well.
    if strings.is_empty() {
        rest = rest.strip_prefix(&[0]).unwrap_or(rest);
    }
    Some((Structure { kind, fields, strings }, rest))
}

impl Structure<'_> {
    /// The text whose number, counted from 1, stands at the offset.
    fn text(&self, at: usize) -> Option<String> {
        let number = usize::from(*self.fields.get(at)?);
        let text = self.strings.get(number.checked_sub(1)?)?;
        Some(String::from_utf8_lossy(text).into_owned())
    }

    /// As Linux writes it, too.
    fn uuid(&self, version: (u8, u8)) -> Option<String> {
        let mut bytes: [u8; 16] = *self.fields.get(8..)?.first_chunk()?;
        if version >= LITTLE_ENDIAN_UUID {
            bytes[..4].reverse();
            bytes[4..6].reverse();
            bytes[6..8].reverse();
        }
        let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let parts = [0..4, 4..6, 6..8, 8..10, 10..16];
        Some(parts.map(|part| digits[part].concat()).join("-"))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn structure(kind: u8, fields: &[u8], strings: &[&str]) -> Vec<u8> {
        let mut out = vec![kind, u8::try_from(STRUCTURE_HEAD_LEN + fields.len()).unwrap(), 0, 0];
        out.extend_from_slice(fields);
        for text in strings {
            out.extend_from_slice(text.as_bytes());
            out.push(0);
        }
        if strings.is_empty() {
            out.push(0);
        }
        out.push(0);
        out
    }

    const UUID: [u8; 16] = [
        0x44, 0x45, 0x4C, 0x4C, 0x42, 0x00, 0x10, 0x35, 0x80, 0x52, 0xB4, 0xC0, 0x4F, 0x4D, 0x33,
        0x32,
    ];

    /// A desk as its firmware shows it.
    pub(in crate::machine) fn desk() -> Vec<u8> {
        table((3, 2), &UUID)
    }

    fn table(version: (u8, u8), uuid: &[u8]) -> Vec<u8> {
        let mut system = vec![1, 2, 0, 3];
        system.extend_from_slice(uuid);
        let mut raw = vec![0, version.0, version.1, 0, 0, 0, 0, 0];
        raw.extend(structure(0, &[1, 2], &["Dell Inc.", "1.2.3"]));
        raw.extend(structure(4, &[0; 6], &[]));
        raw.extend(structure(SYSTEM, &system, &["Dell Inc.", "Precision 5560", "8RB5M32"]));
        raw.extend(structure(BOARD, &[1, 2, 0, 3], &["Dell Inc.", "0T7VY", "/8RB5M32/CN1/"]));
        raw.extend(structure(BOARD, &[1, 2, 0, 3], &["Dell Inc.", "riser", "second"]));
        raw.extend(structure(127, &[], &[]));
        raw
    }

    #[test]
    fn the_system_and_its_board_are_found() {
        let firmware = parse(&desk());
        assert_eq!(firmware.maker.as_deref(), Some("Dell Inc."));
        assert_eq!(firmware.product.as_deref(), Some("Precision 5560"));
        assert_eq!(firmware.uuid.as_deref(), Some("4c4c4544-0042-3510-8052-b4c04f4d3332"));
        assert_eq!(firmware.board_serial.as_deref(), Some("/8RB5M32/CN1/"));
    }

    #[test]
    fn an_old_firmwares_uuid_is_written_as_it_stands() {
        let firmware = parse(&table((2, 5), &UUID));
        assert_eq!(firmware.uuid.as_deref(), Some("44454c4c-4200-1035-8052-b4c04f4d3332"));
    }

    #[test]
    fn what_is_missing_or_cut_off_is_left_out() {
        assert_eq!(parse(&[]), Firmware::default());
        let mut raw = vec![0, 3, 0, 0, 0, 0, 0, 0];
        // A system of the first version has no UUID; its product has no text.
        raw.extend(structure(SYSTEM, &[1, 9, 0, 0], &["Maker"]));
        let firmware = parse(&raw);
        assert_eq!(firmware.maker.as_deref(), Some("Maker"));
        assert_eq!((firmware.product, firmware.uuid), (None, None));
        let whole = desk();
        for len in 0..whole.len() {
            let cut = parse(&whole[..len]);
            let serial = cut.board_serial.as_deref();
            assert!(matches!(serial, None | Some("/8RB5M32/CN1/")), "{len}: {serial:?}");
        }
        assert_eq!(parse(&[0, 3, 0, 0, 0, 0, 0, 0, 1, 3, 0, 0, 0, 0]), Firmware::default());
    }
}
