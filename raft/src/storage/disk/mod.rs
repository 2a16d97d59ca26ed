//! A durable log in files.

mod file_system;

pub use file_system::{File, FileSystem, LocalFileSystem, OpenMode};
