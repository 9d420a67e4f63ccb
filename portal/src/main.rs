//! The Licensing Portal: one binary over the library `lm_portal`.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    lm_portal::cli::run()
}
