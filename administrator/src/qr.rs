//! A request as a QR picture on the terminal.

use lm::{Code, Error, Result};
use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

/// The most bytes that a QR code holds: version 40, the weakest error correction.
const MAX: usize = 2953;

/// The picture of a request file's own part, without the lines for people.
pub(crate) fn picture(request: &[u8]) -> Result<String> {
    let text = String::from_utf8_lossy(request);
    let block = text.find("BEGIN LM LICENSE").and_then(|at| text.get(at..)).unwrap_or(&text);
    let code = QrCode::with_error_correction_level(block.trim_end(), EcLevel::L);
    let code = code.map_err(|_| too_large(block.len()))?;
    Ok(code.render::<Dense1x2>().quiet_zone(true).build())
}

/// How wide a terminal must be, in columns.
pub(crate) fn width(picture: &str) -> usize {
    picture.lines().map(|line| line.chars().count()).max().unwrap_or(0)
}

fn too_large(len: usize) -> Error {
    let sentence =
        format!("The request is too large for a QR picture: {len} bytes, at most {MAX}.");
    Error::new(Code::TooLarge, sentence).with_hint(
        "Write it into a file by -o. A request about a license that is here carries its record, \
         which is large.",
    )
}
