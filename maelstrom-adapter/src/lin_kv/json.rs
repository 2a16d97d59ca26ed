//! JSON in one spelling for each content, so that equal values are equal texts.

use std::collections::BTreeMap;

/// How deep arrays and objects may be nested.
const DEPTH_MAX: usize = 128;

/// The canonical spelling of `json`, which must be valid JSON.
///
/// - No white space.
/// - Fields of an object in the order of their names. Of fields with the same name, the last one counts.
/// - Strings with no more escapes than JSON needs.
/// - Numbers as they are, digit for digit: `1.0` is not `1`, and no precision is lost.
///
/// # Errors
/// [`NotCanonical`] for what JSON's grammar allows, but has no content that could be compared.
pub(super) fn canonical(json: &str) -> Result<String, NotCanonical> {
    let mut out = String::with_capacity(json.len());
    let mut walk = Walk { rest: json.trim_ascii(), depth: 0 };
    walk.value(&mut out)?;
    if walk.rest.is_empty() { Ok(out) } else { Err(NotCanonical::Invalid) }
}

/// JSON without a content of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum NotCanonical {
    #[error("it is nested more than {DEPTH_MAX} levels deep: flatten it")]
    TooDeep,
    #[error("it holds a string that is not Unicode: pair its surrogates")]
    NotUnicode,
    #[error("it is not valid JSON")]
    Invalid,
}

/// What of the text is still to be read. White space between tokens is skipped after each token.
struct Walk<'a> {
    rest: &'a str,
    depth: usize,
}

impl<'a> Walk<'a> {
    fn value(&mut self, out: &mut String) -> Result<(), NotCanonical> {
        match self.rest.as_bytes().first() {
            Some(b'"') => self.string(out),
            Some(b'[') => self.nested(|walk| walk.array(out)),
            Some(b'{') => self.nested(|walk| walk.object(out)),
            Some(_) => self.plain(out),
            None => Err(NotCanonical::Invalid),
        }
    }

    fn nested(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<(), NotCanonical>,
    ) -> Result<(), NotCanonical> {
        if self.depth == DEPTH_MAX {
            return Err(NotCanonical::TooDeep);
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    fn array(&mut self, out: &mut String) -> Result<(), NotCanonical> {
        self.take(1);
        out.push('[');
        let mut is_first = true;
        while !self.has(']') {
            if !std::mem::take(&mut is_first) {
                self.expect(',')?;
                out.push(',');
            }
            self.value(out)?;
        }
        out.push(']');
        Ok(())
    }

    fn object(&mut self, out: &mut String) -> Result<(), NotCanonical> {
        self.take(1);
        let mut fields = BTreeMap::new();
        let mut is_first = true;
        while !self.has('}') {
            if !std::mem::take(&mut is_first) {
                self.expect(',')?;
            }
            let (mut name, mut value) = (String::new(), String::new());
            self.string(&mut name)?;
            self.expect(':')?;
            self.value(&mut value)?;
            fields.insert(name, value);
        }
        for (position, (name, value)) in fields.iter().enumerate() {
            out.push(if position == 0 { '{' } else { ',' });
            out.push_str(name);
            out.push(':');
            out.push_str(value);
        }
        out.push_str(if fields.is_empty() { "{}" } else { "}" });
        Ok(())
    }

    fn string(&mut self, out: &mut String) -> Result<(), NotCanonical> {
        let bytes = self.rest.as_bytes();
        if bytes.first() != Some(&b'"') {
            return Err(NotCanonical::Invalid);
        }
        let (mut end, mut has_escapes) = (1, false);
        loop {
            match bytes.get(end) {
                Some(b'"') => break,
                Some(b'\\') => (end, has_escapes) = (end + 2, true),
                Some(_) => end += 1,
                None => return Err(NotCanonical::Invalid),
            }
        }
        let text = self.take(end + 1);
        if has_escapes {
            let content: String = serde_json::from_str(text).map_err(|_| NotCanonical::NotUnicode)?;
            *out += &serde_json::to_string(&content).map_err(|_| NotCanonical::NotUnicode)?;
        } else {
            *out += text;
        }
        Ok(())
    }

    /// A number, `true`, `false` or `null`.
    fn plain(&mut self, out: &mut String) -> Result<(), NotCanonical> {
        let is_end = |byte: &u8| byte.is_ascii_whitespace() || b",:]}[{\"".contains(byte);
        let end = self.rest.as_bytes().iter().position(is_end).unwrap_or(self.rest.len());
        if end == 0 {
            return Err(NotCanonical::Invalid);
        }
        *out += self.take(end);
        Ok(())
    }

    /// Takes `length` bytes, which end between two characters, and the white space after them.
    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, ""));
        self.rest = rest.trim_ascii_start();
        taken
    }

    /// Takes `token` if it comes next.
    fn has(&mut self, token: char) -> bool {
        let has = self.rest.starts_with(token);
        if has {
            self.take(token.len_utf8());
        }
        has
    }

    fn expect(&mut self, token: char) -> Result<(), NotCanonical> {
        if self.has(token) { Ok(()) } else { Err(NotCanonical::Invalid) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn equal(left: &str, right: &str) -> bool {
        canonical(left).unwrap() == canonical(right).unwrap()
    }

    #[test]
    fn equal_contents_are_equal_texts() {
        assert!(equal(r#"{"a":1,"b":{"c":2,"d":3}}"#, " { \"b\" : { \"d\" : 3 , \"c\" : 2 } , \"a\" : 1 } "));
        assert!(equal(r#""\u0041\/""#, r#""A/""#));
        assert!(equal(r#"{"\u0061":1}"#, r#"{"a":1}"#));
        assert!(equal("[ 1 ,\t2 ]", "[1,2]"));
        assert!(equal(r#"{"a":1,"a":2}"#, r#"{"a":2}"#));
        assert!(equal(" [ ] ", "[]") && equal("{ }", "{}"));
    }

    #[test]
    fn different_contents_are_different_texts() {
        let values = [
            "1",
            "1.0",
            "-1",
            "1e0",
            "\"1\"",
            "true",
            "\"true\"",
            "null",
            "\"\"",
            "[]",
            "{}",
            "[1]",
            "[[1]]",
            "[1,2]",
            "[2,1]",
            r#"{"a":1}"#,
            r#"{"a":"1"}"#,
            r#"{"b":1}"#,
            r#"["a",1]"#,
            r#""\"""#,
            r#""\\""#,
            "10000000000000000000000000000001",
            "10000000000000000000000000000002",
        ];
        for (position, left) in values.iter().enumerate() {
            for right in &values[position + 1..] {
                assert!(!equal(left, right), "{left} and {right}");
            }
        }
    }

    #[test]
    fn numbers_keep_their_digits() {
        for number in ["0.1000", "1e400", "-0", "123456789012345678901234567890.5", "1E+2"] {
            assert_eq!(canonical(number).as_deref(), Ok(number));
        }
    }

    #[test]
    fn no_field_name_has_a_meaning_of_its_own() {
        let text = r#"{"$serde_json::private::Number":"x","$serde_json::private::RawValue":"}"}"#;
        assert_eq!(canonical(text).as_deref(), Ok(text));
    }

    #[test]
    fn what_has_no_content_is_refused() {
        assert_eq!(canonical(r#""\ud800""#), Err(NotCanonical::NotUnicode));
        let deep = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(canonical(&deep(DEPTH_MAX)), Ok(deep(DEPTH_MAX)));
        assert_eq!(canonical(&deep(DEPTH_MAX + 1)), Err(NotCanonical::TooDeep));
    }

    #[test]
    fn invalid_json_is_no_reason_to_panic() {
        for text in
            ["", "[", "[1", "{", "{\"a\"", "{\"a\":", "\"", "\"\\", "\"\\é", "[,]", "{1:2}", "1 2", "]"]
        {
            assert_eq!(canonical(text), Err(NotCanonical::Invalid), "{text}");
        }
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 64, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::hash_map(any::<String>(), inner, 0..6)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_canonical_spelling_says_the_same_and_is_its_own(value in any_value()) {
            let pretty = serde_json::to_string_pretty(&value).unwrap();
            let text = canonical(&pretty).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Value>(&text).unwrap(), &value);
            prop_assert_eq!(canonical(&text), Ok(text));
        }

        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            let _ = canonical(&text);
        }
    }
}
