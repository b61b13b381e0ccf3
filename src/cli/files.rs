//! Finding and reading the files that the user names.

use std::io;
use std::path::{Path, PathBuf};

use crate::yaml::Source;

/// The config file that is taken if none is named.
pub(super) const CONFIG_FILE: &str = "planet-emulator.yaml";

/// The scenario files at `path`: the file itself, or every YAML file below the folder, in order of
/// their names.
///
/// # Errors
/// A message naming the path that cannot be read.
pub(super) fn scenario_sources(path: &Path) -> Result<Vec<Source>, String> {
    let mut files = Vec::new();
    collect(path, true, &mut files).map_err(|(path, error)| unreadable(&path, &error))?;
    files.sort();
    files.iter().map(|file| read(file)).collect()
}

fn collect(path: &Path, named: bool, files: &mut Vec<PathBuf>) -> Result<(), (PathBuf, io::Error)> {
    let at = |error| (path.to_owned(), error);
    if !path.is_dir() {
        // Beside scenarios a folder may hold anything; a file that was named is always meant.
        let is_yaml = path.extension().is_some_and(|e| e == "yaml" || e == "yml");
        if named || is_yaml {
            files.push(path.to_owned());
        }
        return Ok(());
    }
    for entry in std::fs::read_dir(path).map_err(at)? {
        let entry = entry.map_err(at)?;
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if !is_hidden {
            collect(&entry.path(), false, files)?;
        }
    }
    Ok(())
}

/// The text of one file, under the name that the user gave it.
pub(super) fn read(path: &Path) -> Result<Source, String> {
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
    Ok(Source::new(path.display().to_string(), text))
}

fn unreadable(path: &Path, error: &io::Error) -> String {
    format!("cannot read `{}`: {error}", path.display())
}
