//! What this process is called, for whoever is shown who uses a seat.

/// Its number, and its program's file name; empty where the system doesn't tell. Threads: any.
#[must_use]
pub fn process() -> (u32, String) {
    let program = std::env::current_exe().ok();
    let name = program.as_deref().and_then(|path| path.file_name());
    (std::process::id(), name.unwrap_or_default().to_string_lossy().into_owned())
}
