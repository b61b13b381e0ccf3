//! How the program is linked: the functions that are called lie side by side, first those of the start.
//!
//! The kernel maps 64 KiB of the file around each place that is touched. In the order in which they are
//! compiled, what is called is spread over all of the code, so that nearly all of it is in use at rest
//! (`docs/performance.md`). `called.txt` names these functions; `record` makes it anew.
//!
//! A function whose name is not found stays where it is, and a linker that takes no linker script links as
//! it always does.
#![expect(
    clippy::print_stdout,
    reason = "a build script tells cargo what it wants by printing"
)]

use std::collections::HashSet;
use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build");
    if env::var("PROFILE")? != "release" || env::var("CARGO_CFG_TARGET_OS")? != "linux" {
        return Ok(());
    }
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let script = out.join("called.ld");
    let names = fs::read_to_string("build/called.txt")?;
    fs::write(&script, linker_script(&names))?;
    let argument = format!("-Wl,-T,{}", script.display());
    if links_with(&argument, &out)? {
        println!("cargo:rustc-link-arg-bins={argument}");
    }
    Ok(())
}

/// Puts the functions of these names, a line each, into a section of their own, in this order.
fn linker_script(names: &str) -> String {
    let exact = names.lines().map(|name| format!("{name}*"));
    // A name ends with a hash that another version of the compiler makes another: whatever is called so in
    // the source comes next. It is more than what is called, since it is all instances of a generic function.
    let mut seen = HashSet::new();
    let paths = names.lines().filter_map(|name| name.rsplit_once("17h"));
    let paths = paths.filter_map(|(path, _)| seen.insert(path).then_some(path));
    let alike = paths.map(|path| format!("{path}17h*"));
    let names = exact.chain(alike);
    let functions: String = names
        .map(|name| format!("*(.text.{name} .text.unlikely.{name})\n"))
        .collect();
    format!("SECTIONS {{ .text.called : {{\n{functions}}} }} INSERT AFTER .text;\n")
}

/// Whether the linker that will be used takes `argument`, tried on the least program there is.
fn links_with(argument: &str, out: &Path) -> Result<bool, Box<dyn Error>> {
    let source = out.join("least.rs");
    fs::write(&source, "fn main() {}")?;
    let mut rustc = Command::new(env::var("RUSTC")?);
    rustc.args(["--crate-type=bin", "--target", &env::var("TARGET")?]);
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    rustc.args(flags.split('\x1f').filter(|flag| !flag.is_empty()));
    if let Ok(linker) = env::var("RUSTC_LINKER") {
        rustc.arg(format!("-Clinker={linker}"));
    }
    rustc.arg(format!("-Clink-arg={argument}"));
    rustc.arg("-o").arg(out.join("least")).arg(&source);
    let status = rustc.stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    Ok(status.success())
}
