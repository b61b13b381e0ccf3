//! The schema of a type, as this module wants it, and finding one's way about in it.

use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value};

/// Longer chains of references are taken for circles.
const MOST_REFERENCES: usize = 32;

/// No type of ours has as many forms; a schema that contains itself has more.
const MOST_FORMS: usize = 64;

/// How the schema of what people write is generated: a key may be left out rather than be null.
pub(crate) fn schema_settings() -> SchemaSettings {
    SchemaSettings::draft2020_12().with_transform(OptionalIsNotNullable)
}

/// The schema of `T` as it is read from a file.
pub(super) fn of<T: JsonSchema>() -> Value {
    schema_settings()
        .into_generator()
        .into_root_schema_for::<T>()
        .to_value()
}

/// Takes `null` out of every choice of types, unless the schema says `x-nullable: true`.
///
/// An `Option` in a type means that the key may be left out. A key that stands there without a
/// value is more often an accident than a wish, and so it is a fault.
#[derive(Clone, Debug)]
struct OptionalIsNotNullable;

impl Transform for OptionalIsNotNullable {
    fn transform(&mut self, schema: &mut Schema) {
        if let Some(object) = schema.as_object_mut()
            && object.get("x-nullable") != Some(&Value::Bool(true))
        {
            strip_null(object);
        }
        transform_subschemas(self, schema);
    }
}

fn strip_null(schema: &mut Map<String, Value>) {
    let mut stripped = false;
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        stripped |= types.iter().any(|name| name == "null") && types.len() > 1;
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
        if let Some(Value::Array(values)) = schema.get_mut("enum") {
            values.retain(|value| !value.is_null());
        }
    }
    for keyword in ["anyOf", "oneOf"] {
        let Some(Value::Array(branches)) = schema.get_mut(keyword) else {
            continue;
        };
        let is_null = |branch: &Value| branch.get("type").is_some_and(|name| name == "null");
        if branches.len() < 2 || !branches.iter().any(is_null) {
            continue;
        }
        stripped = true;
        branches.retain(|branch| !is_null(branch));
        if let [Value::Object(only)] = branches.as_slice() {
            let only = only.clone();
            schema.remove(keyword);
            for (keyword, value) in only {
                schema.entry(keyword).or_insert(value);
            }
        }
    }
    if stripped && schema.get("default") == Some(&Value::Null) {
        schema.remove("default");
    }
}

/// A schema together with the document that its references point into.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    root: &'a Value,
    pub(super) value: &'a Value,
}

impl<'a> View<'a> {
    pub(super) fn root(root: &'a Value) -> Self {
        Self { root, value: root }
    }

    pub(super) fn at(self, value: &'a Value) -> Self {
        Self { value, ..self }
    }

    /// Follows references; what stands beside a reference is looked at by [`Self::get`] only.
    pub(super) fn resolve(self) -> Self {
        let mut view = self;
        for _ in 0..MOST_REFERENCES {
            let target = view.value.get("$ref").and_then(Value::as_str);
            let target = target.and_then(|target| target.strip_prefix('#'));
            match target.and_then(|pointer| self.root.pointer(pointer)) {
                Some(value) => view = view.at(value),
                None => break,
            }
        }
        view
    }

    /// A keyword of this schema, or else of what it refers to.
    pub(super) fn get(self, keyword: &str) -> Option<&'a Value> {
        self.value
            .get(keyword)
            .or_else(|| self.resolve().value.get(keyword))
    }

    pub(super) fn text(self, keyword: &str) -> Option<&'a str> {
        self.get(keyword).and_then(Value::as_str)
    }

    /// Whether some values of this JSON type are allowed.
    pub(super) fn accepts(self, name: &str) -> bool {
        self.forms().into_iter().any(|form| form.has_type(name))
    }

    /// All branches, of branches too; the schema itself if it has none.
    pub(super) fn forms(self) -> Vec<Self> {
        let mut open = vec![self];
        let mut forms = Vec::new();
        while let Some(next) = open.pop() {
            let branches = next.branches();
            if branches.is_empty() || forms.len() >= MOST_FORMS {
                forms.push(next);
            } else {
                open.extend(branches.into_iter().rev());
            }
        }
        forms
    }

    fn has_type(self, name: &str) -> bool {
        match self.get("type") {
            Some(Value::String(only)) => only == name,
            Some(Value::Array(names)) => names.iter().any(|one| one == name),
            _ => match self.get("const") {
                Some(value) => value.is_string() && name == "string",
                None => self.get("enum").is_some() && name == "string",
            },
        }
    }

    /// The branches of `anyOf` or `oneOf`; empty if there are none.
    pub(super) fn branches(self) -> Vec<Self> {
        let branches = self.get("anyOf").or_else(|| self.get("oneOf"));
        let branches = branches.and_then(Value::as_array).into_iter().flatten();
        branches.map(|branch| self.at(branch)).collect()
    }

    /// Properties with their schemas, those of `allOf` included.
    pub(super) fn properties(self) -> Vec<(&'a str, Self)> {
        let resolved = self.resolve();
        let own = resolved.value.get("properties").and_then(Value::as_object);
        let own = own.into_iter().flatten();
        let mut found: Vec<_> = own
            .map(|(name, value)| (name.as_str(), self.at(value)))
            .collect();
        let parts = resolved.value.get("allOf").and_then(Value::as_array);
        for part in parts.into_iter().flatten() {
            found.extend(self.at(part).properties());
        }
        found
    }

    /// The values of `enum` and `const`, through all branches; `None` if other values are allowed too.
    pub(super) fn literals(self) -> Option<Vec<&'a Value>> {
        if let Some(value) = self.get("const") {
            return Some(vec![value]);
        }
        if let Some(Value::Array(values)) = self.get("enum") {
            return Some(values.iter().collect());
        }
        let branches = self.branches();
        if branches.is_empty() {
            return None;
        }
        let literals: Option<Vec<_>> = branches.into_iter().map(Self::literals).collect();
        literals.map(|literals| literals.concat())
    }
}
