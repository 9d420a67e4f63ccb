//! `examples/host.c`, built for a portal: a host application in a process of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cc;
use crate::common::machine::Machine;
use crate::common::world::World;

/// The program, with the library beside it.
pub(crate) struct Host {
    program: PathBuf,
    _folder: tempfile::TempDir,
}

impl Host {
    pub(crate) fn for_portal_of(world: &World) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the host");
        cc::install_library(folder.path()).unwrap();
        let trust_root = format!("-DAPP_TRUST_ROOT=\"{}\"", world.portal.trust_root());
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/host.c");
        let program = cc::build(&source, folder.path(), &[&trust_root]).unwrap();
        Self { program, _folder: folder }
    }

    /// Adds the host, over the store of a machine, and its arguments to a command that runs it.
    pub(crate) fn under(
        &self,
        mut command: Command,
        machine: &Machine,
        arguments: &[String],
    ) -> Command {
        let settings = &machine.settings;
        command.arg(&self.program);
        if let Some(url) = &settings.portal_url {
            command.args(["--portal", url]);
        }
        command.args(["--identity", &settings.identity, "--storage"]).arg(&settings.storage);
        command.args(arguments);
        command
    }
}
