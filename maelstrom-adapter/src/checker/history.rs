//! The values in a history, as small numbers.

use std::collections::HashMap;

use serde_json::Value;

/// A JSON value as a small number; equal values have equal numbers within one [`Values`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValueId(u32);

impl ValueId {
    /// JSON `null`, which a read of a missing key may answer too.
    pub const NULL: Self = Self(0);

    /// The number itself, for tables.
    #[must_use]
    pub const fn index(self) -> u32 {
        self.0
    }
}

/// The numbers of the values that were seen, and their texts.
#[derive(Debug, Clone)]
pub struct Values {
    ids: HashMap<String, ValueId>,
    texts: Vec<String>,
}

impl Default for Values {
    fn default() -> Self {
        let null = Value::Null.to_string();
        Self { ids: HashMap::from([(null.clone(), ValueId::NULL)]), texts: vec![null] }
    }
}

impl Values {
    /// The number of `value`; a new one if it was not seen before.
    pub fn intern(&mut self, value: &Value) -> ValueId {
        let text = value.to_string();
        if let Some(id) = self.ids.get(&text) {
            return *id;
        }
        // More than 2³² different values do not fit into memory; the last number would be shared.
        let id = ValueId(u32::try_from(self.texts.len()).unwrap_or(u32::MAX));
        self.texts.push(text.clone());
        self.ids.insert(text, id);
        id
    }

    /// The value as compact JSON.
    #[must_use]
    pub fn text(&self, id: ValueId) -> &str {
        self.texts.get(id.0 as usize).map_or("?", String::as_str)
    }
}
