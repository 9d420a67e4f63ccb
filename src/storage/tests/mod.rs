//! Trusted storage over a real directory, with the file port replaced only where a disk must fail.

mod birth;
#[cfg(target_os = "linux")]
mod chip;
#[cfg(target_os = "linux")]
mod closed_unix;
mod crash;
mod crash_states;
mod damage;
mod disk;
mod faults;
mod golden;
mod honest;
mod many;
mod memory;
mod memory_port;
mod places;
mod platform;
mod restore;
mod restore_table;
mod rights;
mod slots;
mod state_machine;
#[cfg(target_os = "linux")]
mod swtpm;
mod unsafe_files;
mod world;
