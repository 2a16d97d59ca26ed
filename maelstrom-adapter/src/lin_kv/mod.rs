//! Maelstrom's `lin-kv`: a linearizable key-value store.
//!
//! | request | reply |
//! |---|---|
//! | `read` `key` | `read_ok` `value`; error 20 if the key is not there |
//! | `write` `key` `value` | `write_ok` |
//! | `cas` `key` `from` `to` | `cas_ok`; error 20 if the key is not there, 22 if it holds something else than `from` |
//!
//! A `cas` with `"create_if_not_exists": true` sets a key that is not there to `to`.
//!
//! Keys and values are any JSON. They are put into one spelling as they come in, so that they are
//! compared by what they say: objects whatever the order of their fields, numbers digit for digit.

mod command;
mod json;
mod store;

use quorate::StateMachine;

use crate::node::{ErrorCode, Fields, Reply, Request, Workload};
pub use command::{Command, TooLong};
use json::canonical;
pub use store::{Response, Store};

/// The workload `lin-kv`.
#[derive(Clone, Copy, Debug, Default)]
pub struct LinKv;

impl Workload for LinKv {
    type StateMachine = Store;

    fn state_machine(&self) -> Store {
        Store::default()
    }

    fn request(&self, kind: &str, fields: &Fields<'_>) -> Result<Request<String>, Reply> {
        match kind {
            "read" => Ok(Request::Query(text(fields, "key")?)),
            "write" => {
                let (key, value) = (text(fields, "key")?, text(fields, "value")?);
                command(Command::Write { key: &key, value: &value })
            }
            "cas" => {
                let (key, from, to) = (text(fields, "key")?, text(fields, "from")?, text(fields, "to")?);
                let creates = fields.optional("create_if_not_exists")?.unwrap_or(false);
                command(Command::Cas { key: &key, from: &from, to: &to, creates })
            }
            _ => Err(Reply::not_supported(kind)),
        }
    }

    fn reply_to_command(response: Response) -> Reply {
        match response {
            Response::Written => Reply::ok("write_ok"),
            Response::Swapped => Reply::ok("cas_ok"),
            Response::KeyDoesNotExist => no_such_key(),
            Response::PreconditionFailed => {
                Reply::error(ErrorCode::PreconditionFailed, "the key holds something else than \"from\"")
            }
            Response::Unreadable => Reply::error(
                ErrorCode::MalformedRequest,
                "the command could not be read: run the same version on all nodes",
            ),
        }
    }

    fn reply_to_query(value: <Store as StateMachine>::Answer) -> Reply {
        value.map_or_else(no_such_key, |value| Reply::ok("read_ok").json_field("value", &value))
    }
}

/// The JSON in a field, in its canonical spelling.
fn text(fields: &Fields<'_>, name: &'static str) -> Result<String, Reply> {
    canonical(fields.required_json(name)?).map_err(|error| {
        Reply::error(ErrorCode::MalformedRequest, &format!("{name:?} has no meaning: {error}"))
    })
}

fn command(command: Command<'_>) -> Result<Request<String>, Reply> {
    let bytes = command.encode();
    bytes.map(Request::Command).map_err(|error| Reply::error(ErrorCode::MalformedRequest, &error.to_string()))
}

fn no_such_key() -> Reply {
    Reply::error(ErrorCode::KeyDoesNotExist, "there is no such key")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(kind: &str, body: &str) -> Result<Request<String>, Reply> {
        LinKv.request(kind, &Fields::parse(body).unwrap())
    }

    #[test]
    fn requests_become_commands_and_queries_in_canonical_json() {
        assert_eq!(
            request("read", r#"{"key":{"b":1, "a":2}}"#),
            Ok(Request::Query(r#"{"a":2,"b":1}"#.into()))
        );
        let Ok(Request::Command(bytes)) = request("write", r#"{"key": "\u0041", "value": [1, 2.50]}"#) else {
            panic!("a write is a command");
        };
        assert_eq!(Command::decode(&bytes), Some(Command::Write { key: "\"A\"", value: "[1,2.50]" }));
        let cas = r#"{"key":1,"from":null,"to":{},"create_if_not_exists":true}"#;
        let Ok(Request::Command(bytes)) = request("cas", cas) else { panic!("a cas is a command") };
        let expected = Command::Cas { key: "1", from: "null", to: "{}", creates: true };
        assert_eq!(Command::decode(&bytes), Some(expected));
    }

    #[test]
    fn requests_that_make_no_sense_are_answered_with_an_error() {
        let mistakes = [
            ("read", "{}", "\"key\""),
            ("write", r#"{"key":1}"#, "\"value\""),
            ("cas", r#"{"key":1,"from":1}"#, "\"to\""),
            ("cas", r#"{"key":1,"from":1,"to":1,"create_if_not_exists":1}"#, "create_if_not_exists"),
            ("write", r#"{"key":"\ud800","value":1}"#, "surrogates"),
            ("delete", r#"{"key":1}"#, "\"delete\""),
        ];
        for (kind, body, problem) in mistakes {
            let reply = request(kind, body).unwrap_err();
            let quoted = serde_json::to_string(problem).unwrap();
            assert!(reply.fields().contains(quoted.trim_matches('"')), "{kind} {body}: {reply:?}");
        }
    }
}
