//! What stands after a command's name.

use std::{fmt::Display, str::FromStr};

use goldenscript::Command;
use quorate::{EntryId, LogIndex, NodeId};

/// Why a command cannot be carried out.
pub(crate) type Refusal = Box<dyn std::error::Error>;

/// A command's arguments. Those with a key are options; each must be asked for, or [`finish`](Self::finish) fails.
pub(crate) struct Arguments<'a> {
    command: &'a Command,
    used: Vec<bool>,
}

impl<'a> Arguments<'a> {
    pub(crate) fn of(command: &'a Command) -> Self {
        Self { command, used: vec![false; command.args.len()] }
    }

    /// The next argument without a key.
    pub(crate) fn next(&mut self) -> Option<&'a str> {
        let position =
            (0..self.used.len()).find(|at| !self.used[*at] && self.command.args[*at].key.is_none())?;
        self.used[position] = true;
        Some(&self.command.args[position].value)
    }

    pub(crate) fn require<T: Parse>(&mut self, what: &str) -> Result<T, Refusal> {
        T::parse(self.next().ok_or_else(|| format!("say {what}"))?)
    }

    /// All that are left without a key.
    pub(crate) fn rest<T: Parse>(&mut self) -> Result<Vec<T>, Refusal> {
        std::iter::from_fn(|| self.next()).map(T::parse).collect()
    }

    /// The option `key=…`; the last one if there are several.
    pub(crate) fn option<T: Parse>(&mut self, key: &str) -> Result<Option<T>, Refusal> {
        let mut found = None;
        for (at, argument) in self.command.args.iter().enumerate() {
            if argument.key.as_deref() == Some(key) {
                self.used[at] = true;
                found = Some(T::parse(&argument.value)?);
            }
        }
        Ok(found)
    }

    /// `key.1=…` or, for all nodes, `key=…`.
    pub(crate) fn option_of<T: Parse>(&mut self, key: &str, node: NodeId) -> Result<Option<T>, Refusal> {
        let own = self.option(&format!("{key}.{}", node.0))?;
        let all = self.option(key)?;
        Ok(own.or(all))
    }

    /// All options that are left, in their order.
    pub(crate) fn options_left(&mut self) -> Vec<(&'a str, &'a str)> {
        let mut options = Vec::new();
        for (at, argument) in self.command.args.iter().enumerate() {
            if let (Some(key), false) = (&argument.key, self.used[at]) {
                self.used[at] = true;
                options.push((key.as_str(), argument.value.as_str()));
            }
        }
        options
    }

    /// Refuses what nobody has asked for.
    pub(crate) fn finish(&self) -> Result<(), Refusal> {
        let unused = self.used.iter().position(|used| !used).map(|at| &self.command.args[at]);
        unused.map_or(Ok(()), |argument| {
            Err(format!("{} does not know {}", self.command.name, argument.name()).into())
        })
    }
}

/// What can be read from a word.
pub(crate) trait Parse: Sized {
    fn parse(text: &str) -> Result<Self, Refusal>;
}

fn number<T: FromStr<Err: Display>>(text: &str) -> Result<T, Refusal> {
    text.parse().map_err(|error| format!("{text:?} is no number: {error}").into())
}

macro_rules! parse_numbers {
    ($($kind:ty => $make:expr),+ $(,)?) => {$(
        impl Parse for $kind {
            fn parse(text: &str) -> Result<Self, Refusal> {
                number(text).map($make)
            }
        }
    )+};
}

parse_numbers! {
    u64 => |number| number,
    u32 => |number| number,
    i64 => |number| number,
    usize => |number| number,
    NodeId => NodeId,
    LogIndex => LogIndex,
}

impl Parse for String {
    fn parse(text: &str) -> Result<Self, Refusal> {
        Ok(text.to_owned())
    }
}

impl Parse for bool {
    fn parse(text: &str) -> Result<Self, Refusal> {
        match text {
            "on" => Ok(true),
            "off" => Ok(false),
            other => Err(format!("{other:?} is neither on nor off").into()),
        }
    }
}

impl Parse for EntryId {
    fn parse(text: &str) -> Result<Self, Refusal> {
        let (index, term) = text.split_once('@').ok_or("an entry is written index@term")?;
        Ok(Self::new(number(term)?, number(index)?))
    }
}

/// Words with blanks between: `"1@1 2@1"`.
impl<T: Parse> Parse for Vec<T> {
    fn parse(text: &str) -> Result<Self, Refusal> {
        text.split_whitespace().map(T::parse).collect()
    }
}
