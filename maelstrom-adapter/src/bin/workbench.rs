//! The workbench as a program; see the library's `workbench` module.

use std::process::ExitCode;

fn main() -> ExitCode {
    maelstrom_adapter::workbench::main()
}
