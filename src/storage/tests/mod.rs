//! Trusted storage over a real directory, with the file port replaced only where a disk must fail.

mod birth;
mod crash;
mod damage;
mod disk;
mod golden;
mod many;
mod places;
mod platform;
mod restore;
mod rights;
mod slots;
#[cfg(target_os = "linux")]
mod swtpm;

mod unsafe_files;
mod world;
