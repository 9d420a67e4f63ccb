//! Makes `$OUT_DIR/lm.h` of `src/ffi` and tells the linker what the shared library is. Writes
//! nothing in the tree: `include/lm.h` is renewed by `include/renew`, and `tests/header.rs` compares.

// Cargo speaks to a build script through the environment; the ban is the library's.
#![allow(clippy::disallowed_methods)]

#[path = "include/layout.rs"]
mod layout;

use std::path::{Path, PathBuf};
use std::{env, fs};

/// Counts incompatible changes of the ABI; it has nothing to do with the version.
const ABI: u32 = 0;

fn main() {
    for watched in ["build.rs", "include/layout.rs", "cbindgen.toml", "src/ffi"] {
        println!("cargo:rerun-if-changed={watched}");
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("Cargo sets OUT_DIR"));
    fs::write(out.join("lm.h"), header()).expect("OUT_DIR can be written");
    if env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        let soname = format!("-soname,liblm.so.{ABI}");
        for argument in [&soname, "-z,nodelete", "-Bsymbolic", "-z,relro,-z,now"] {
            println!("cargo:rustc-cdylib-link-arg=-Wl,{argument}");
        }
    }
}

fn header() -> String {
    let config = cbindgen::Config::from_file("cbindgen.toml").expect("cbindgen.toml is sound");
    let bindings = cbindgen::Builder::new()
        .with_config(config)
        .with_src(Path::new("src/ffi/mod.rs"))
        .generate()
        .expect("src/ffi is what cbindgen can read");
    let mut text = Vec::new();
    bindings.write(&mut text);
    layout::laid_out(&String::from_utf8(text).expect("a header is text"))
}
