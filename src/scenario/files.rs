//! Finding, reading and watching the files that the user names.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::settings::Settings;
use crate::yaml::Source;

/// The scenario files at `path`: the file itself, or every YAML file below the folder, in order of
/// their names.
///
/// # Errors
/// A message naming the path that cannot be read.
pub(crate) fn scenario_sources(path: &Path) -> Result<Vec<Source>, String> {
    let files = files_at(path)?;
    files.iter().map(|file| read(file)).collect()
}

/// The text of one file, under the name that the user gave it.
fn read(path: &Path) -> Result<Source, String> {
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
    Ok(Source::new(path.display().to_string(), text))
}

/// The files that scenarios are read from, and what they were like when they were last read.
#[derive(Debug, Default)]
pub(crate) struct ScenarioFiles {
    paths: Vec<PathBuf>,
    /// Whether nobody named them, so that they need not be there.
    are_optional: bool,
    taken: Option<Seen>,
    /// What they were like at the last look, if that was not the same.
    seen: Option<Seen>,
}

/// What files were like, or why they could not be found.
type Seen = Result<Vec<Fingerprint>, String>;

/// What shows that a file is another one than before. Looked at rather than waited for: a folder mounted
/// into a container may send no events.
#[derive(Debug, PartialEq)]
struct Fingerprint {
    path: PathBuf,
    modified: Option<SystemTime>,
    length: u64,
}

impl ScenarioFiles {
    /// Those that the settings name.
    pub(crate) fn of(settings: &Settings) -> Self {
        Self {
            paths: settings.scenarios.clone(),
            are_optional: settings.scenarios_are_default,
            ..Self::default()
        }
    }

    /// Whether there is anything to look at.
    pub(super) fn are_named(&self) -> bool {
        !self.paths.is_empty()
    }

    /// All texts if this is the first look, or if any file is another one than when they were last read and
    /// the same as at the last look: a file that is still being written is left alone.
    pub(super) fn changed(&mut self) -> Option<Result<Vec<Source>, String>> {
        let files = self.files();
        let seen = files.as_ref().map_err(String::clone);
        let seen = Some(seen.map(|files| files.iter().map(Fingerprint::of).collect()));
        let is_still = self.taken.is_none() || seen == self.seen;
        self.seen = seen;
        if !is_still || self.taken == self.seen {
            return None;
        }
        // What was seen before reading, so that a change meanwhile shows at the next look.
        self.taken = self.seen.take();
        Some(files.and_then(|files| files.iter().map(|file| read(file)).collect()))
    }

    fn files(&self) -> Result<Vec<PathBuf>, String> {
        let paths = self.paths.iter();
        let there = paths.filter(|path| !self.are_optional || path.exists());
        let files: Result<Vec<_>, _> = there.map(|path| files_at(path)).collect();
        files.map(|files| files.concat())
    }
}

impl Fingerprint {
    fn of(path: &PathBuf) -> Self {
        let metadata = std::fs::metadata(path).ok();
        Self {
            path: path.clone(),
            modified: metadata.as_ref().and_then(|data| data.modified().ok()),
            length: metadata.map_or(0, |data| data.len()),
        }
    }
}

fn files_at(path: &Path) -> Result<Vec<PathBuf>, String> {
    let mut files = Vec::new();
    collect(path, true, &mut files).map_err(|(path, error)| unreadable(&path, &error))?;
    files.sort();
    Ok(files)
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

fn unreadable(path: &Path, error: &io::Error) -> String {
    format!("cannot read `{}`: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn texts(files: &mut ScenarioFiles) -> Option<Vec<String>> {
        let sources = files.changed()?.unwrap();
        Some(
            sources
                .iter()
                .map(|source| source.text.to_string())
                .collect(),
        )
    }

    #[test]
    fn a_change_is_read_once_and_not_before_it_is_over() {
        let folder =
            std::env::temp_dir().join(format!("planet-emulator-files-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("a.yaml"), "a").unwrap();
        let mut files = ScenarioFiles {
            paths: vec![folder.clone()],
            ..ScenarioFiles::default()
        };
        assert_eq!(texts(&mut files), Some(vec!["a".to_owned()]));
        assert_eq!(texts(&mut files), None);

        fs::write(folder.join("a.yaml"), "").unwrap();
        assert_eq!(texts(&mut files), None, "it may be half written");
        fs::write(folder.join("a.yaml"), "a2").unwrap();
        assert_eq!(texts(&mut files), None, "it has changed since");
        assert_eq!(texts(&mut files), Some(vec!["a2".to_owned()]));
        assert_eq!(texts(&mut files), None);

        fs::write(folder.join("b.yml"), "b").unwrap();
        fs::write(folder.join("c.txt"), "c").unwrap();
        assert_eq!(texts(&mut files), None);
        assert_eq!(
            texts(&mut files),
            Some(vec!["a2".to_owned(), "b".to_owned()])
        );

        fs::remove_dir_all(&folder).unwrap();
        assert!(files.changed().is_none());
        assert!(
            files.changed().is_some_and(|read| read.is_err()),
            "it was named"
        );
        assert!(files.changed().is_none());
    }
}
