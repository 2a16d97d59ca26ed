//! What clients of sessions are answered, and how answers are kept.

use bytes::Bytes;

use super::SessionId;
use crate::state_machine::RestoreError;

/// What becomes of a [`SessionCommand`](super::SessionCommand) that is applied.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use = "a command may have been refused"]
pub enum SessionResponse<R> {
    /// The state machine has carried the command out, now or when it came for the first time, and said this.
    Applied(R),
    /// A session is open under this id.
    Opened(SessionId),
    /// The session goes on.
    KeptAlive,
    /// The session has ended as it was told to.
    Closed,
    /// The state machine was not given the command.
    Refused(SessionRefusal),
}

/// Why a command was not given to the state machine, although it was committed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionRefusal {
    /// There is no such session any more: it was not heard of for too long, made room for others, or was closed.
    /// Whether the command was applied while there was is not known here.
    #[error("the session has ended: open another")]
    Expired,
    /// The client has said that it does not wait for this response any more. The command was applied before, or is
    /// not going to be.
    #[error(
        "the client has told that it does not wait for this response: give each command a number of its own"
    )]
    Acknowledged,
    /// The session keeps as many responses as it may ([`SessionOptions::window`](super::SessionOptions::window)).
    /// The same command may come again later.
    #[error("the session has too many commands under way: wait for earlier ones first")]
    WindowFull,
    /// The bytes are no command that this version knows.
    #[error("the bytes are no command of a session: encode them with `SessionCommand`")]
    NotUnderstood,
}

/// A response of a state machine that can be kept, to be given again to whoever asks again.
///
/// Bytes, strings, whole numbers, `bool`, `()`, and options and results of such are. For a type of your own, say how it
/// becomes bytes; a serializer of your choice does:
///
/// ```
/// use bytes::Bytes;
/// use quorate::{RestoreError, sessions::StoredResponse};
///
/// #[derive(Clone, PartialEq, Debug)]
/// enum Withdrawal {
///     Paid,
///     Short { by: u64 },
/// }
///
/// impl StoredResponse for Withdrawal {
///     fn encode(&self, out: &mut Vec<u8>) {
///         let short_by = match self {
///             Self::Paid => None,
///             Self::Short { by } => Some(*by),
///         };
///         short_by.encode(out);
///     }
///     fn decode(bytes: Bytes) -> Result<Self, RestoreError> {
///         let short_by = Option::<u64>::decode(bytes)?;
///         Ok(short_by.map_or(Self::Paid, |by| Self::Short { by }))
///     }
/// }
///
/// let mut bytes = Vec::new();
/// Withdrawal::Short { by: 3 }.encode(&mut bytes);
/// assert_eq!(Withdrawal::decode(bytes.into())?, Withdrawal::Short { by: 3 });
/// # Ok::<(), RestoreError>(())
/// ```
pub trait StoredResponse: Clone + Send + Sync + 'static {
    /// Appends the response to `out`. How long it is need not be told: it is kept apart from others.
    fn encode(&self, out: &mut Vec<u8>);

    /// The response of which these are the bytes.
    ///
    /// # Errors
    /// [`RestoreError`] if they are none. The node stops, as with a snapshot that cannot be restored.
    fn decode(bytes: Bytes) -> Result<Self, RestoreError>;
}

impl StoredResponse for () {
    fn encode(&self, _out: &mut Vec<u8>) {}

    fn decode(bytes: Bytes) -> Result<Self, RestoreError> {
        <[u8; 0]>::try_from(&*bytes).map(drop).map_err(RestoreError::new)
    }
}

impl StoredResponse for Bytes {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }

    fn decode(bytes: Bytes) -> Result<Self, RestoreError> {
        Ok(bytes)
    }
}

impl StoredResponse for Vec<u8> {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }

    fn decode(bytes: Bytes) -> Result<Self, RestoreError> {
        Ok(bytes.to_vec())
    }
}

impl StoredResponse for String {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_bytes());
    }

    fn decode(bytes: Bytes) -> Result<Self, RestoreError> {
        Self::from_utf8(bytes.to_vec()).map_err(RestoreError::new)
    }
}

impl StoredResponse for bool {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn decode(bytes: Bytes) -> Result<Self, RestoreError> {
        match &*bytes {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(RestoreError::new("a response is neither true nor false")),
        }
    }
}

macro_rules! whole_numbers {
    ($($number:ty),*) => { $(
        impl StoredResponse for $number {
            fn encode(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }

            fn decode(bytes: Bytes) -> Result<Self, RestoreError> {
                Ok(Self::from_le_bytes((&*bytes).try_into().map_err(RestoreError::new)?))
            }
        }
    )* };
}

whole_numbers!(u8, u16, u32, u64, u128, i8, i16, i32, i64, i128);

/// Nothing is no bytes; something is a 1 before its own.
impl<T: StoredResponse> StoredResponse for Option<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        if let Some(value) = self {
            out.push(1);
            value.encode(out);
        }
    }

    fn decode(bytes: Bytes) -> Result<Self, RestoreError> {
        match bytes.first() {
            None => Ok(None),
            Some(1) => T::decode(bytes.slice(1..)).map(Some),
            Some(_) => Err(RestoreError::new("a response is neither something nor nothing")),
        }
    }
}

/// A 0 before an error's bytes, a 1 before a success's.
impl<T: StoredResponse, E: StoredResponse> StoredResponse for Result<T, E> {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Ok(value) => {
                out.push(1);
                value.encode(out);
            }
            Err(error) => {
                out.push(0);
                error.encode(out);
            }
        }
    }

    fn decode(bytes: Bytes) -> Result<Self, RestoreError> {
        match bytes.first() {
            Some(1) => T::decode(bytes.slice(1..)).map(Ok),
            Some(0) => E::decode(bytes.slice(1..)).map(Err),
            _ => Err(RestoreError::new("a response is neither success nor error")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use super::*;

    fn comes_back<R: StoredResponse + PartialEq + Debug>(response: &R) {
        let mut bytes = Vec::new();
        response.encode(&mut bytes);
        assert_eq!(&R::decode(bytes.into()).unwrap(), response);
    }

    #[test]
    fn what_was_kept_comes_back_as_it_was() {
        comes_back(&());
        comes_back(&Bytes::from_static(b"bytes"));
        comes_back(&vec![1u8, 2, 3]);
        comes_back(&String::from("words"));
        comes_back(&true);
        comes_back(&u64::MAX);
        comes_back(&i64::MIN);
        comes_back(&None::<u64>);
        comes_back(&Some(Some(String::new())));
        comes_back(&Some(None::<u8>));
        comes_back(&Ok::<u16, String>(3));
        comes_back(&Err::<(), _>(String::from("no")));
    }

    #[test]
    fn what_was_never_kept_is_an_error() {
        let bytes = || Bytes::from_static(&[7, 7, 7]);
        assert!(<()>::decode(bytes()).is_err());
        assert!(bool::decode(bytes()).is_err());
        assert!(u64::decode(bytes()).is_err());
        assert!(Option::<u8>::decode(bytes()).is_err());
        assert!(Result::<u8, u8>::decode(bytes()).is_err());
        assert!(String::decode(Bytes::from_static(&[0xff])).is_err());
    }
}
