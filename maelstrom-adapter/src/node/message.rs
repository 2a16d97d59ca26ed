//! Messages that come in: one pass over the line, nothing copied.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A line from stdin: `{"src": …, "dest": …, "body": {…}}`. Further fields are ignored.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    pub(super) src: Name<'a>,
    #[serde(borrow)]
    pub(super) dest: Name<'a>,
    #[serde(borrow)]
    pub(super) body: Body<'a>,
}

impl<'a> Message<'a> {
    /// Reads a line.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub(super) fn parse(line: &'a [u8]) -> Result<Self, NotAMessage> {
        let text = std::str::from_utf8(line)?;
        Ok(serde_json::from_str(text)?)
    }
}

/// Why a line is not a message. There is nobody to answer: such a line is logged and dropped.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotAMessage {
    #[error("it is not UTF-8: {0}")]
    Encoding(#[from] std::str::Utf8Error),
    #[error("{0}")]
    Json(#[from] serde_json::Error),
}

/// The name of a node or client, as it stands in the line, with its quotes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name<'a>(&'a str);

impl<'a> Name<'a> {
    /// The name in JSON.
    pub(super) fn json(self) -> &'a str {
        self.0
    }

    /// The name itself.
    pub(super) fn text(self) -> Cow<'a, str> {
        unquoted(self.0).unwrap_or(Cow::Borrowed(self.0))
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == "\"\""
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?.get();
        if unquoted(raw).is_some() {
            Ok(Self(raw))
        } else {
            Err(serde::de::Error::custom(format_args!("src and dest must be strings, not {raw}")))
        }
    }
}

/// The body of a message, with the fields that the protocol reserves taken apart from the others.
#[derive(Debug, Default)]
pub(super) struct Body<'a> {
    /// `type`, unless it is absent or not a string.
    pub(super) kind: Option<Cow<'a, str>>,
    /// `msg_id`, unless it is absent or not an integer.
    pub(super) msg_id: Option<i64>,
    /// Whether there is an `in_reply_to`, whatever it is.
    pub(super) is_reply: bool,
    /// Everything else.
    pub(super) fields: Fields<'a>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Body<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BodyVisitor;

        impl<'de> Visitor<'de> for BodyVisitor {
            type Value = Body<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object as body")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Body<'de>, A::Error> {
                let mut body = Body::default();
                while let Some(FieldName(name)) = map.next_key()? {
                    let value: &RawValue = map.next_value()?;
                    match &*name {
                        "type" => body.kind = unquoted(value.get()),
                        "msg_id" => body.msg_id = value.get().parse().ok(),
                        "in_reply_to" => body.is_reply = true,
                        _ => body.fields.0.push((name, value)),
                    }
                }
                Ok(body)
            }
        }

        deserializer.deserialize_map(BodyVisitor)
    }
}

/// A field name, borrowed when the line spells it without escapes.
#[derive(serde::Deserialize)]
#[serde(transparent)]
struct FieldName<'a>(#[serde(borrow)] Cow<'a, str>);

/// The fields of a request beside `type` and `msg_id`, not parsed yet.
#[derive(Debug, Default)]
pub struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Fields<'a> {
    /// The fields of a body, such as `{"key": 1}`; for tests of a workload.
    ///
    /// # Errors
    /// What is wrong with the JSON.
    pub fn parse(body: &'a str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(body).map(|body: Body<'a>| body.fields)
    }

    /// The JSON text of a field, if the request has it. If it has several of that name, the last one.
    #[must_use]
    pub fn json(&self, name: &str) -> Option<&'a str> {
        self.0.iter().rev().find(|(field, _)| field == name).map(|(_, value)| value.get())
    }

    /// The JSON text of a field that the request must have; `null` is a value.
    ///
    /// # Errors
    /// [`FieldError::Missing`].
    pub fn required_json(&self, name: &'static str) -> Result<&'a str, FieldError> {
        self.json(name).ok_or(FieldError::Missing { name })
    }

    /// A field that the request must have, as a `T`.
    ///
    /// # Errors
    /// [`FieldError`] if it is absent, or something else than a `T`.
    pub fn required<T: Deserialize<'a>>(&self, name: &'static str) -> Result<T, FieldError> {
        Self::parsed(name, self.required_json(name)?)
    }

    /// A field that the request may have, as a `T`.
    ///
    /// # Errors
    /// [`FieldError::Wrong`] if it is there, and something else than a `T`.
    pub fn optional<T: Deserialize<'a>>(&self, name: &'static str) -> Result<Option<T>, FieldError> {
        self.json(name).map(|text| Self::parsed(name, text)).transpose()
    }

    fn parsed<T: Deserialize<'a>>(name: &'static str, text: &'a str) -> Result<T, FieldError> {
        serde_json::from_str(text).map_err(|error| FieldError::Wrong { name, problem: error.to_string() })
    }
}

/// A request whose fields are not those of its type.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FieldError {
    /// A field is absent.
    #[error("the request has no {name:?}: send it too")]
    Missing {
        /// Which field.
        name: &'static str,
    },
    /// A field holds something else than its type says.
    #[error("{name:?} is not what it should be: {problem}")]
    Wrong {
        /// Which field.
        name: &'static str,
        /// What is wrong with it.
        problem: String,
    },
}

/// The string that `json` spells; `None` if it spells something else, or half a character.
pub(super) fn unquoted(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        serde_json::from_str(json).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Message<'_>, String> {
        Message::parse(line.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_request_is_taken_apart() {
        let line =
            r#"{"id":3,"src":"c1","dest":"n1","body":{"msg_id":7,"type":"write","key":[1, 2],"value":null}}"#;
        let message = parse(line).unwrap();
        assert_eq!((message.src.json(), &*message.src.text()), ("\"c1\"", "c1"));
        assert_eq!(message.body.kind.as_deref(), Some("write"));
        assert_eq!(message.body.msg_id, Some(7));
        assert!(!message.body.is_reply);
        assert_eq!(message.body.fields.json("key"), Some("[1, 2]"));
        assert_eq!(message.body.fields.required_json("value"), Ok("null"));
        let missing = message.body.fields.required_json("from").unwrap_err();
        assert_eq!(missing, FieldError::Missing { name: "from" });
    }

    #[test]
    fn names_are_any_strings() {
        let line = r#"{"src":"a\"\u00e9","dest":"ß → 😀","body":{}}"#;
        let message = parse(line).unwrap();
        assert_eq!(&*message.src.text(), "a\"é");
        assert_eq!(&*message.dest.text(), "ß → 😀");
    }

    #[test]
    fn a_body_with_wrong_reserved_fields_is_still_a_body() {
        let bodies =
            [r#"{"type":5,"msg_id":"x"}"#, r#"{"type":null,"msg_id":1.5}"#, r#"{"type":{},"msg_id":[]}"#];
        for body in bodies {
            let line = format!(r#"{{"src":"c1","dest":"n1","body":{body}}}"#);
            let message = parse(&line).unwrap();
            assert_eq!((message.body.kind, message.body.msg_id), (None, None), "{body}");
        }
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let lines = [
            "hello",
            "",
            "[]",
            "17",
            "null",
            r#"{"src":"c1","dest":"n1"}"#,
            r#"{"src":"c1","body":{}}"#,
            r#"{"src":1,"dest":"n1","body":{}}"#,
            r#"{"src":"c1","dest":"n1","body":[]}"#,
            r#"{"src":"c1","dest":"n1","body":{}} x"#,
            r#"{"src":"c1","dest":"n1","body":{"type":"read"}"#,
        ];
        for line in lines {
            assert!(parse(line).is_err(), "{line}");
        }
        assert!(Message::parse(b"{\"src\":\"c\xff\",\"dest\":\"n1\",\"body\":{}}").is_err());
    }

    #[test]
    fn a_field_of_another_type_says_what_was_expected() {
        let line = r#"{"src":"c1","dest":"n1","body":{"delta":"x"}}"#;
        let message = parse(line).unwrap();
        let error = message.body.fields.required::<i64>("delta").unwrap_err();
        assert!(error.to_string().contains("i64"), "{error}");
        assert_eq!(message.body.fields.optional::<i64>("other"), Ok(None));
    }

    #[test]
    fn brackets_nested_without_end_do_not_exhaust_the_stack() {
        let line = format!(r#"{{"src":"c1","dest":"n1","body":{{"key":{}"#, "[".repeat(1_000_000));
        assert!(parse(&line).is_err());
    }
}
