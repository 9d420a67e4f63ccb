//! What the fuzz targets share: a machine and a portal in memory, the same in every run.

pub mod files;
pub mod input;
pub mod portal;
pub mod sealed;
pub mod world;

/// Whether the run is to prove that the target reaches what it is for: it then fails, on purpose, at
/// the place that is told (see README.md). The environment says so, and only these programs read it.
pub fn is_planted() -> bool {
    static PLANTED: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    *PLANTED.get_or_init(|| std::env::var_os("LM_FUZZ_PLANTED").is_some())
}
