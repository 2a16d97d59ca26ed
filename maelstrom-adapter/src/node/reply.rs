//! What a node answers, and how it is written.

use serde::Serialize;

use super::message::FieldError;

/// The error codes of Maelstrom's protocol (doc/protocol.md) that nodes use.
///
/// A *definite* error promises that the operation did not happen and never will.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ErrorCode {
    /// 10, definite. The node does not know requests of this type.
    NotSupported,
    /// 11, definite. Not now; the same request may succeed later.
    TemporarilyUnavailable,
    /// 12, definite. The request makes no sense, now or later.
    MalformedRequest,
    /// 13, indefinite. It may have happened, may happen yet, or may never happen.
    Crash,
    /// 20, definite. The operation needs a key that is not there.
    KeyDoesNotExist,
    /// 22, definite. The operation expected something else than it found.
    PreconditionFailed,
}

impl ErrorCode {
    /// The number in the reply.
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::NotSupported => 10,
            Self::TemporarilyUnavailable => 11,
            Self::MalformedRequest => 12,
            Self::Crash => 13,
            Self::KeyDoesNotExist => 20,
            Self::PreconditionFailed => 22,
        }
    }
}

/// The body of an answer, but for `in_reply_to`, which the node adds.
///
/// ```
/// use maelstrom_adapter::node::{ErrorCode, Reply};
///
/// let read = Reply::ok("read_ok").field("value", &17);
/// let missing = Reply::error(ErrorCode::KeyDoesNotExist, "there is no such key");
/// # let _ = (read, missing);
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use = "a client waits for it"]
pub struct Reply {
    kind: &'static str,
    /// The other fields as JSON, each with a comma before it.
    fields: Vec<u8>,
}

impl Reply {
    /// A reply of this `type`, by custom that of the request with `_ok` at its end.
    pub fn ok(kind: &'static str) -> Self {
        Self { kind, fields: Vec::new() }
    }

    /// An error.
    pub fn error(code: ErrorCode, text: &str) -> Self {
        Self::ok("error").field("code", &code.number()).field("text", text)
    }

    /// The error for a request whose type the workload does not know.
    pub fn not_supported(kind: &str) -> Self {
        Self::error(ErrorCode::NotSupported, &format!("this node knows no request of type {kind:?}"))
    }

    /// Adds a field.
    ///
    /// A value that JSON cannot say (a map whose keys are no strings) becomes `null`.
    pub fn field<T: Serialize + ?Sized>(mut self, name: &str, value: &T) -> Self {
        self.name(name);
        let start = self.fields.len();
        if serde_json::to_writer(&mut self.fields, value).is_err() {
            self.fields.truncate(start);
            self.fields.extend_from_slice(b"null");
        }
        self
    }

    /// Adds a field whose value is JSON already. It must be valid and on one line.
    pub fn json_field(mut self, name: &str, json: &str) -> Self {
        self.name(name);
        self.fields.extend_from_slice(json.as_bytes());
        self
    }

    fn name(&mut self, name: &str) {
        self.fields.push(b',');
        append_string(&mut self.fields, name);
        self.fields.push(b':');
    }

    /// The `type` of the reply.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// The other fields in JSON, each with a comma before it.
    #[must_use]
    pub fn fields(&self) -> &str {
        // JSON is text.
        std::str::from_utf8(&self.fields).unwrap_or_default()
    }
}

impl From<FieldError> for Reply {
    fn from(error: FieldError) -> Self {
        Self::error(ErrorCode::MalformedRequest, &error.to_string())
    }
}

/// Where a reply goes. Names are JSON, with their quotes.
#[derive(Clone, Debug)]
pub(super) struct ReturnAddress {
    /// The node that was asked, and the client that asked, as `"src":…,"dest":…`.
    route: Box<str>,
    in_reply_to: i64,
}

impl ReturnAddress {
    /// The way back from `node` to `client`, both as JSON.
    pub(super) fn new(node: &str, client: &str, in_reply_to: i64) -> Self {
        let mut route = String::with_capacity(16 + node.len() + client.len());
        for part in ["\"src\":", node, ",\"dest\":", client] {
            route.push_str(part);
        }
        Self { route: route.into_boxed_str(), in_reply_to }
    }

    /// Appends the line that carries `reply` there.
    pub(super) fn write(&self, reply: &Reply, out: &mut Vec<u8>) {
        out.reserve(self.route.len() + reply.fields.len() + 64);
        out.push(b'{');
        out.extend_from_slice(self.route.as_bytes());
        out.extend_from_slice(b",\"body\":{\"type\":");
        append_string(out, reply.kind);
        out.extend_from_slice(b",\"in_reply_to\":");
        append_integer(out, self.in_reply_to);
        out.extend_from_slice(&reply.fields);
        out.extend_from_slice(b"}}\n");
    }
}

/// Appends `text` as a JSON string.
pub(super) fn append_string(out: &mut Vec<u8>, text: &str) {
    // A vector takes everything, and a string can always be said in JSON.
    let _ = serde_json::to_writer(out, text);
}

/// Appends `number` in digits.
pub(super) fn append_integer<N: Serialize>(out: &mut Vec<u8>, number: N) {
    // As above.
    let _ = serde_json::to_writer(out, &number);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn line(reply: &Reply) -> String {
        let mut out = Vec::new();
        ReturnAddress::new("\"n1\"", "\"c\\\"2\"", -7).write(reply, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_reply_is_one_line_with_the_fields_it_was_given() {
        assert_eq!(
            line(&Reply::ok("read_ok").json_field("value", r#"{"a":1e400}"#)),
            "{\"src\":\"n1\",\"dest\":\"c\\\"2\",\"body\":{\"type\":\"read_ok\",\"in_reply_to\":-7,\"value\":{\"a\":1e400}}}\n"
        );
    }

    #[test]
    fn an_error_has_code_and_text() {
        let reply = Reply::error(ErrorCode::MalformedRequest, "no \"key\"\n");
        assert!(line(&reply).ends_with(
            "\"body\":{\"type\":\"error\",\"in_reply_to\":-7,\"code\":12,\"text\":\"no \\\"key\\\"\\n\"}}\n"
        ));
    }

    #[test]
    fn what_json_cannot_say_is_null() {
        let unspeakable = BTreeMap::from([((1, 2), 3)]);
        let reply = Reply::ok("read_ok").field("value", &unspeakable);
        assert!(line(&reply).ends_with("\"value\":null}}\n"));
    }
}
