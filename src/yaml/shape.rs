//! A type as the shape that documents are checked against.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, OnceLock};

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::explain::Explainer;
use super::fault::in_reading_order;
use super::hint::Hints;
use super::schema::View;
use super::violation::violations;
use super::{Document, Fault, Source, refused, schema};

/// Checks a text against a format; the error says what is wrong with it.
type FormatCheck = Arc<dyn Fn(&str) -> Result<(), String> + Send + Sync>;

/// Formats by name.
pub(crate) type Formats = BTreeMap<String, FormatCheck>;

/// A schema generated from `T`, to check documents.
///
/// The schema is the only truth about what may stand in a file. It is generated once, when it is first asked
/// for, so a `Shape` is worth keeping.
pub(crate) struct Shape<T> {
    schema: OnceLock<Value>,
    formats: Formats,
    of: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned + JsonSchema> Shape<T> {
    /// The shape of `T`.
    ///
    /// An `Option` in `T` means that a key may be left out, not that it may be null: for that, give
    /// the field `#[schemars(extend("x-nullable" = true))]`. What `x-expected` says in a schema is what
    /// messages say is expected.
    pub(crate) fn new() -> Self {
        Self {
            schema: OnceLock::new(),
            formats: Formats::new(),
            of: PhantomData,
        }
    }

    /// Adds a format of text; what its check has to say goes into the fault.
    #[must_use]
    pub(crate) fn with_format<Check>(mut self, name: impl Into<String>, check: Check) -> Self
    where
        Check: Fn(&str) -> Result<(), String> + Send + Sync + 'static,
    {
        self.formats.insert(name.into(), Arc::new(check));
        self
    }

    /// The JSON Schema, for editors.
    pub(crate) fn schema(&self) -> &Value {
        self.schema.get_or_init(schema::of::<T>)
    }

    /// The formats that were added.
    #[cfg(test)]
    pub(crate) fn formats(&self) -> &Formats {
        &self.formats
    }

    /// Everything that is wrong with a document, in reading order.
    pub(crate) fn check(&self, document: &Document) -> Vec<Fault> {
        let violations = violations(&document.value, View::root(self.schema()), &self.formats);
        if violations.is_empty() {
            return Vec::new();
        }
        let explainer = Explainer {
            document,
            schema: self.schema(),
            hints: Hints {
                formats: &self.formats,
            },
        };
        in_reading_order(explainer.explain(&violations))
    }

    /// The value that a document stands for.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it, in reading order. Should the type refuse what its schema
    /// allows, one fault at the place where it did.
    pub(crate) fn read(&self, document: &Document) -> Result<T, Vec<Fault>> {
        let faults = self.check(document);
        if !faults.is_empty() {
            return Err(faults);
        }
        self.read_sound(document)
    }

    /// The value of a document that is known to be as the schema says, without asking the schema:
    /// generating it takes longer, and more memory, than reading dozens of documents.
    ///
    /// # Errors
    ///
    /// One fault, should the type refuse it all the same.
    pub(crate) fn read_sound(&self, document: &Document) -> Result<T, Vec<Fault>> {
        serde_path_to_error::deserialize(&document.value)
            .map_err(|error| vec![refused::fault(document, &error)])
    }

    /// The values of all documents of a text, each with the document it was read from.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with any of them, be it the YAML or what it says, in reading order.
    pub(crate) fn read_all(&self, source: &Source) -> Result<Vec<(Document, T)>, Vec<Fault>> {
        let salvage = Document::salvage(source);
        let mut faults = salvage.faults;
        let mut values = Vec::new();
        let is_sound = faults.is_empty();
        for document in salvage.documents {
            if !is_sound {
                faults.extend(self.check(&document));
                continue;
            }
            match self.read(&document) {
                Ok(value) => values.push((document, value)),
                Err(more) => faults.extend(more),
            }
        }
        if faults.is_empty() {
            Ok(values)
        } else {
            Err(in_reading_order(faults))
        }
    }
}

impl<T: DeserializeOwned + JsonSchema> Default for Shape<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for Shape<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let formats: Vec<_> = self.formats.keys().collect();
        let mut fields = formatter.debug_struct("Shape");
        fields.field("formats", &formats).finish_non_exhaustive()
    }
}
