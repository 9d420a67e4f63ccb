//! Makes `$OUT_DIR/lm_testkit.h` of `src/kit/exports.rs`, and tells the linker what the shared library
//! is. As the library's own build script: writes nothing in the tree; `include/renew` renews the
//! committed header, and `tests/header.rs` compares.

// Cargo speaks to a build script through the environment; the ban is the library's.
#![allow(clippy::disallowed_methods)]

#[path = "../include/layout.rs"]
mod layout;

use std::path::PathBuf;
use std::{env, fs};

const EXPORTS: &str = "src/kit/exports.rs";

fn main() {
    for watched in ["build.rs", "../include/layout.rs", "cbindgen.toml", EXPORTS, "../src"] {
        println!("cargo:rerun-if-changed={watched}");
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("Cargo sets OUT_DIR"));
    fs::write(out.join("lm_testkit.h"), header()).expect("OUT_DIR can be written");
    if env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        // A name of its own: what was linked with the kit doesn't load the library by mistake, nor
        // the other way round.
        for argument in ["-soname,liblm_testkit.so.0", "-Bsymbolic", "-z,relro,-z,now"] {
            println!("cargo:rustc-cdylib-link-arg=-Wl,{argument}");
        }
    }
}

fn header() -> String {
    let config = cbindgen::Config::from_file("cbindgen.toml").expect("cbindgen.toml is sound");
    let builder = cbindgen::Builder::new().with_config(config).with_src(EXPORTS);
    let bindings = builder.generate().expect("the exports are what cbindgen can read");
    let mut text = Vec::new();
    bindings.write(&mut text);
    layout::laid_out(&String::from_utf8(text).expect("a header is text"))
}
