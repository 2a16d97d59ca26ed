//! Waiting until all servers have come to the same state.

use std::{
    collections::BTreeMap,
    fmt, thread,
    time::{Duration, Instant},
};

use kv::{
    Addresses, Client,
    protocol::{Answer, Request},
};

/// How long it takes at most, on a machine that is busy with other things too.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why it was given up.
#[derive(Debug)]
pub(crate) enum Unsettled {
    /// Two servers have applied the same commands, or so they say, and their states differ.
    Differ { one: u64, other: u64, index: u64 },
    /// They have not come to the same command in time; what each has applied, or what it said instead.
    Apart(BTreeMap<u64, String>),
}

/// Waits until all servers have applied the same commands in the same order.
pub(crate) fn settle(servers: &Addresses) -> Result<(), Unsettled> {
    let deadline = Instant::now() + PATIENCE;
    let mut clients: Vec<_> = servers.0.iter().map(|(id, address)| client(*id, address)).collect();
    loop {
        let answers: Vec<_> =
            clients.iter_mut().map(|client| (client.at(), client.attempt(&Request::Digest))).collect();
        if agree(&answers)? {
            return Ok(());
        }
        if Instant::now() > deadline {
            let applied = answers.into_iter().map(|(id, answer)| (id, format!("{answer:?}")));
            return Err(Unsettled::Apart(applied.collect()));
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// A client of one server alone.
fn client(id: u64, address: &str) -> Client {
    Client::new(Addresses([(id, address.to_owned())].into()))
}

/// Whether all have applied the same, as far as their answers tell.
fn agree(answers: &[(u64, Answer)]) -> Result<bool, Unsettled> {
    let mut first: Option<(u64, u64, &str)> = None;
    let mut is_one = true;
    for (id, answer) in answers {
        match (answer, first) {
            (Answer::Digest { index, digest }, None) => first = Some((*id, *index, digest)),
            (Answer::Digest { index, digest }, Some((one, of_one, digest_of_one))) => {
                if *index == of_one && digest != digest_of_one {
                    return Err(Unsettled::Differ { one, other: *id, index: *index });
                }
                is_one &= *index == of_one;
            }
            _ => is_one = false,
        }
    }
    Ok(is_one)
}

impl fmt::Display for Unsettled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Differ { one, other, index } => {
                write!(f, "n{one} and n{other} have both applied up to {index}, and their states differ")
            }
            Self::Apart(answers) => {
                write!(f, "after {} s the servers have not come to the same state:", PATIENCE.as_secs())?;
                answers.iter().try_for_each(|(id, answer)| write!(f, " n{id} says {answer};"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(id: u64, index: u64, digest: &str) -> (u64, Answer) {
        (id, Answer::Digest { index, digest: digest.to_owned() })
    }

    #[test]
    fn servers_agree_at_the_same_command_with_the_same_state() {
        assert!(agree(&[digest(1, 7, "a"), digest(2, 7, "a")]).unwrap());
        assert!(!agree(&[digest(1, 7, "a"), digest(2, 6, "b")]).unwrap());
        assert!(!agree(&[digest(1, 7, "a"), (2, Answer::Done)]).unwrap());
        let apart = agree(&[digest(1, 7, "a"), digest(2, 6, "b"), digest(3, 7, "c")]);
        assert!(matches!(apart, Err(Unsettled::Differ { one: 1, other: 3, index: 7 })));
    }
}
