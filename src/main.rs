//! The `agentflow` program: hands over to the command line's front end.

use std::process::ExitCode;

fn main() -> ExitCode {
    agentflow::cli::main()
}
