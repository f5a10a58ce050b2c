//! strace, with which tests watch and disturb the program from outside.

use std::process::Command;

/// Whether it works here; says so when it does not.
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
pub(crate) fn works() -> bool {
    let works =
        Command::new("strace").args(["-qq", "-o", "/dev/null", "true"]).output().is_ok_and(|output| output.status.success());
    if !works {
        println!("skipped: strace is not installed, or may not trace");
    }
    works
}
