//! Trusted storage over a real directory, with the file port replaced only where a disk must fail.

mod birth;
mod crash;
mod crash_states;
mod damage;
mod disk;
mod golden;
mod honest;
mod many;
mod memory;
mod memory_port;
mod places;
mod restore;
mod restore_table;
mod rights;
mod slots;
mod unsafe_files;
mod world;
