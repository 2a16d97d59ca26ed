//! The lines on the pipes: what nodes write, parsed no further than needed, and what clients write.
//!
//! A message from node to node is opaque: its bytes travel as they are. A reply to a client is held
//! against the schema of the workload, since a reply with a field too many is a bug of the node.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::ops::Range;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;

/// The client that sends `init`; those of the test are `c1`, `c2`, ….
pub(super) const INIT_CLIENT: u32 = 0;

/// One line that a node wrote.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) destination: Destination,
    /// The `type` of the body, if it has one.
    pub(super) kind: Option<String>,
    /// Where the line stands in its batch.
    pub(super) range: Range<usize>,
}

/// Where a message goes.
#[derive(Debug, PartialEq)]
pub(super) enum Destination {
    Node(usize),
    Client(Reply),
}

/// A reply to a client.
#[derive(Debug, PartialEq)]
pub(super) struct Reply {
    pub(super) client: u32,
    pub(super) in_reply_to: u64,
    pub(super) answer: Answer,
}

/// What a reply says.
#[derive(Debug, PartialEq)]
pub(super) enum Answer {
    Initialized,
    Read(Value),
    Written,
    Swapped,
    Error { code: i64, text: String },
}

impl Answer {
    /// The `type` of the reply.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Initialized => "init_ok",
            Self::Read(_) => "read_ok",
            Self::Written => "write_ok",
            Self::Swapped => "cas_ok",
            Self::Error { .. } => "error",
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<'a> {
    #[serde(borrow)]
    src: Cow<'a, str>,
    #[serde(borrow)]
    dest: Cow<'a, str>,
    #[serde(borrow)]
    body: &'a RawValue,
    #[serde(default, rename = "id")]
    _id: IgnoredAny,
}

#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Acknowledgement {
    in_reply_to: u64,
    #[serde(default, rename = "msg_id")]
    _msg_id: Option<i64>,
    #[serde(rename = "type")]
    _kind: IgnoredAny,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadOk {
    in_reply_to: u64,
    #[serde(default, rename = "msg_id")]
    _msg_id: Option<i64>,
    #[serde(rename = "type")]
    _kind: IgnoredAny,
    // `deserialize_with` keeps an absent value an error, while null is a value.
    #[serde(deserialize_with = "Value::deserialize")]
    value: Value,
}

/// Errors may carry further fields (Maelstrom, doc/protocol.md).
#[derive(Deserialize)]
struct ErrorReply {
    in_reply_to: u64,
    code: i64,
    #[serde(default)]
    text: Option<String>,
}

/// Parses a line that node `node` of `node_count` wrote.
///
/// # Errors
///
/// What is wrong with it, for people.
pub(super) fn parse_line(
    line: &[u8],
    node: usize,
    node_count: usize,
) -> Result<(Destination, Option<String>), String> {
    let malformed = |error: &dyn std::fmt::Display| {
        format!("n{node} wrote a line that is no message ({error}): {}", excerpt(line))
    };
    let text = std::str::from_utf8(line).map_err(|error| malformed(&error))?;
    let envelope: Envelope<'_> = serde_json::from_str(text).map_err(|error| malformed(&error))?;
    if numbered('n', &envelope.src) != Some(node) {
        return Err(format!("n{node} wrote a message with another src than its own: {}", excerpt(line)));
    }
    let kind = serde_json::from_str::<Kind<'_>>(envelope.body.get()).ok().map(|body| body.kind.into_owned());
    if let Some(other) = numbered('n', &envelope.dest) {
        return if other < node_count {
            Ok((Destination::Node(other), kind))
        } else {
            Err(format!("n{node} wrote to {}, which is not in the cluster: {}", envelope.dest, excerpt(line)))
        };
    }
    let client = numbered('c', &envelope.dest).and_then(|number| u32::try_from(number).ok());
    let Some(client) = client else {
        return Err(format!("n{node} wrote to {:?}, which does not exist: {}", envelope.dest, excerpt(line)));
    };
    match parse_reply(kind.as_deref(), envelope.body.get()) {
        Ok((in_reply_to, answer)) => Ok((Destination::Client(Reply { client, in_reply_to, answer }), kind)),
        Err(problem) => Err(format!("n{node} wrote a malformed reply ({problem}): {}", excerpt(line))),
    }
}

fn parse_reply(kind: Option<&str>, body: &str) -> Result<(u64, Answer), String> {
    let acknowledged = |answer| {
        let ok: Acknowledgement = serde_json::from_str(body)?;
        Ok((ok.in_reply_to, answer))
    };
    let parsed: Result<_, serde_json::Error> = match kind {
        Some("read_ok") => {
            serde_json::from_str(body).map(|ok: ReadOk| (ok.in_reply_to, Answer::Read(ok.value)))
        }
        Some("write_ok") => acknowledged(Answer::Written),
        Some("cas_ok") => acknowledged(Answer::Swapped),
        Some("init_ok") => acknowledged(Answer::Initialized),
        Some("error") => serde_json::from_str(body).map(|error: ErrorReply| {
            (error.in_reply_to, Answer::Error { code: error.code, text: error.text.unwrap_or_default() })
        }),
        Some(other) => return Err(format!("clients of this workload expect no {other:?}")),
        None => return Err("the body has no type".to_owned()),
    };
    parsed.map_err(|error| error.to_string())
}

/// The number of `n3` or `c17`, written as the workbench writes it.
fn numbered(letter: char, name: &str) -> Option<usize> {
    let digits = name.strip_prefix(letter)?;
    let number = digits.parse().ok()?;
    (digits == "0" || !digits.starts_with(['0', '+'])).then_some(number)
}

/// The beginning of a line, fit for a message to people.
fn excerpt(line: &[u8]) -> String {
    const LENGTH: usize = 300;
    let text = String::from_utf8_lossy(line);
    match text.char_indices().nth(LENGTH) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into_owned(),
    }
}

/// What a client asks of a key; the values are small numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Request {
    Read,
    Write(u8),
    Cas { from: u8, to: u8 },
}

impl Request {
    /// The `type` of the request.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write(_) => "write",
            Self::Cas { .. } => "cas",
        }
    }
}

/// The line with which `client` asks node `node`.
pub(super) fn request_line(client: u32, node: usize, msg_id: u64, key: u32, request: Request) -> String {
    let kind = request.kind();
    let mut line = format!(
        r#"{{"src":"c{client}","dest":"n{node}","body":{{"type":"{kind}","msg_id":{msg_id},"key":{key}"#
    );
    // Writing to a string cannot fail.
    let _ = match request {
        Request::Read => Ok(()),
        Request::Write(value) => write!(line, r#","value":{value}"#),
        Request::Cas { from, to } => write!(line, r#","from":{from},"to":{to}"#),
    };
    line.push_str("}}\n");
    line
}

/// The line that tells node `node` who it is.
pub(super) fn init_line(node: usize, node_count: usize, msg_id: u64) -> String {
    let names: Vec<String> = (0..node_count).map(|number| format!("\"n{number}\"")).collect();
    format!(
        "{{\"src\":\"c{INIT_CLIENT}\",\"dest\":\"n{node}\",\"body\":{{\"type\":\"init\",\"msg_id\":{msg_id},\
         \"node_id\":\"n{node}\",\"node_ids\":[{}]}}}}\n",
        names.join(",")
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reply(body: &str) -> Result<Answer, String> {
        let line = format!(r#"{{"src":"n1","dest":"c4","body":{body}}}"#);
        match parse_line(line.as_bytes(), 1, 3)?.0 {
            Destination::Client(reply) => {
                assert_eq!((reply.client, reply.in_reply_to), (4, 7));
                Ok(reply.answer)
            }
            Destination::Node(_) => Err("not a reply".to_owned()),
        }
    }

    #[test]
    fn replies_of_the_schema_are_understood() {
        assert_eq!(
            reply(r#"{"type":"read_ok","in_reply_to":7,"value":null}"#),
            Ok(Answer::Read(json!(null)))
        );
        assert_eq!(
            reply(r#"{"value":[1],"msg_id":9,"in_reply_to":7,"type":"read_ok"}"#),
            Ok(Answer::Read(json!([1])))
        );
        assert_eq!(reply(r#"{"type":"write_ok","in_reply_to":7}"#), Ok(Answer::Written));
        assert_eq!(reply(r#"{"type":"cas_ok","in_reply_to":7,"msg_id":1}"#), Ok(Answer::Swapped));
        let error = reply(r#"{"type":"error","in_reply_to":7,"code":22,"text":"no","extra":1}"#);
        assert_eq!(error, Ok(Answer::Error { code: 22, text: "no".to_owned() }));
    }

    #[test]
    fn replies_beside_the_schema_are_reported() {
        let mistakes = [
            (r#"{"type":"read_ok","in_reply_to":7}"#, "value"),
            (r#"{"type":"write_ok"}"#, "in_reply_to"),
            (r#"{"type":"write_ok","in_reply_to":7,"key":1}"#, "key"),
            (r#"{"type":"cas_ok","in_reply_to":7,"msg_id":"x"}"#, "invalid type"),
            (r#"{"type":"hello","in_reply_to":7}"#, "hello"),
            (r#"{"in_reply_to":7}"#, "no type"),
        ];
        for (body, problem) in mistakes {
            let message = reply(body).unwrap_err();
            assert!(message.contains(problem), "{body}: {message}");
        }
    }

    #[test]
    fn what_is_no_message_is_reported() {
        let mistakes = [
            "hello",
            "[]",
            r#"{"src":"n2","dest":"n0","body":{}}"#,
            r#"{"src":"n1","dest":"n3","body":{}}"#,
            r#"{"src":"n1","dest":"x","body":{}}"#,
            r#"{"src":"n1","dest":"n0"}"#,
            r#"{"src":"n1","dest":"n0","body":{},"more":1}"#,
        ];
        for line in mistakes {
            assert!(parse_line(line.as_bytes(), 1, 3).is_err(), "{line}");
        }
    }

    #[test]
    fn messages_between_nodes_are_opaque() {
        let line = br#"{"src":"n1","dest":"n0","body":{"a":{"type":"x"},"type":"vote","n":1e999}}"#;
        assert_eq!(parse_line(line, 1, 3), Ok((Destination::Node(0), Some("vote".to_owned()))));
        let line = br#"{"id":5,"src":"n1","dest":"n1","body":17}"#;
        assert_eq!(parse_line(line, 1, 3), Ok((Destination::Node(1), None)));
    }

    #[test]
    fn requests_are_json() {
        for request in [Request::Read, Request::Write(3), Request::Cas { from: 1, to: 2 }] {
            let line = request_line(4, 1, 7, 9, request);
            let value: Value = serde_json::from_str(&line).unwrap();
            assert_eq!(value["body"]["type"], request.kind());
            assert_eq!(value["body"]["key"], json!(9));
        }
        let init: Value = serde_json::from_str(&init_line(1, 2, 1)).unwrap();
        assert_eq!(init["body"]["node_ids"], json!(["n0", "n1"]));
    }
}
