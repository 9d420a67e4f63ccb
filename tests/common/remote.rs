//! A store that lies on a network file system.

use super::disk::{Disk, Trouble};
use super::machine::{Failure, Settings};

/// Opens a client whose store lies on a network file system, which must be refused.
pub fn open_remote(settings: &Settings) -> Failure {
    let ports = Disk::default().with(Trouble::Remote);
    let refused = lm::Client::open_with(settings.options(), ports).err().expect("a refusal");
    Failure {
        code: refused.code().number(),
        message: refused.message().to_owned(),
        hint: refused.hint().to_owned(),
        detail: refused.detail().to_owned(),
    }
}
