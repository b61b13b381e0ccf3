use rust_embed::RustEmbed;

use crate::yaml::Source;

/// The shipped scenarios, embedded in the binary.
#[derive(RustEmbed)]
#[folder = "scenarios/"]
#[include = "*.yaml"]
struct Shipped;

/// The texts of the shipped scenarios, by file name.
pub(super) fn sources() -> Vec<Source> {
    let mut names: Vec<_> = Shipped::iter().collect();
    names.sort();
    let sources = names.iter().filter_map(|name| {
        let file = Shipped::get(name)?;
        let text = String::from_utf8_lossy(&file.data).into_owned();
        Some(Source::new(format!("<built-in>/{name}"), text))
    });
    sources.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::file::SHAPE;

    #[test]
    fn the_shipped_scenarios_are_as_the_schema_says() {
        for source in sources() {
            let documents = SHAPE.read_all(&source).unwrap();
            assert_eq!(documents.len(), 1, "{}", source.name);
        }
    }
}
