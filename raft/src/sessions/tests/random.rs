//! Random clients, networks and restarts, against the model.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bytes::Bytes;
use proptest::{collection::vec, prelude::*};

use super::{
    super::{SessionCommand, SessionId, SessionOptions, SessionResponse},
    Replica, bytes_of,
    model::Model,
};
use crate::state_machine::StateMachine;

/// One thing that happens. Numbers choose among what there is at that moment.
#[derive(Clone, Debug)]
enum Step {
    Open {
        timeout_ms: u64,
        window: u64,
        max_sessions: u64,
    },
    /// A client sends a command; it arrives when it is [delivered](Self::Deliver).
    Send {
        client: usize,
    },
    /// The network delivers what was sent at some time, be it for the first time or again.
    Deliver {
        which: usize,
    },
    /// A client hears an answer, and waits for it no more.
    Hear {
        client: usize,
    },
    KeepAlive {
        client: usize,
    },
    Close {
        client: usize,
    },
    Plain,
    /// Time passes on all clocks.
    Pass {
        ms: u64,
    },
    /// One of the two replicas starts again from its snapshot.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let any = any::<usize>();
    prop_oneof![
        2 => (200u64..2_000, 1u64..6, 1u64..5).prop_map(|(timeout_ms, window, max_sessions)| Step::Open {
            timeout_ms,
            window,
            max_sessions
        }),
        10 => any.prop_map(|client| Step::Send { client }),
        20 => any.prop_map(|which| Step::Deliver { which }),
        6 => any.prop_map(|client| Step::Hear { client }),
        1 => any.prop_map(|client| Step::KeepAlive { client }),
        1 => any.prop_map(|client| Step::Close { client }),
        1 => Just(Step::Plain),
        4 => (1u64..400).prop_map(|ms| Step::Pass { ms }),
        2 => Just(Step::Restart),
    ]
}

/// A client as it should be: each command has a number of its own, a retry keeps it.
struct Client {
    session: SessionId,
    next: u64,
    outstanding: BTreeSet<u64>,
    /// How far its clock is behind or ahead.
    skew_ms: u64,
}

#[derive(Default)]
struct World {
    steady: Replica,
    restarting: Replica,
    model: Model,
    clients: Vec<Client>,
    sent: Vec<SessionCommand>,
    /// What each command was answered when it was applied.
    answers: BTreeMap<Bytes, u64>,
    now_ms: u64,
}

impl World {
    fn run(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match *step {
            Step::Open { timeout_ms, window, max_sessions } => {
                let timeout = Duration::from_millis(timeout_ms);
                let options = SessionOptions { timeout, window, max_sessions };
                let open = SessionCommand::Open { time_ms: self.now_ms, options };
                let SessionResponse::Opened(session) = self.commit(&open)? else { panic!("not opened") };
                // Clocks disagree, by less than a second.
                let skew_ms = session.0.0 * 397 % 1_000;
                self.clients.push(Client { session, next: 1, outstanding: BTreeSet::new(), skew_ms });
            }
            Step::Send { client } => {
                let now_ms = self.now_ms;
                let Some(client) = choose(&mut self.clients, client) else { return Ok(()) };
                self.sent.push(client.command(now_ms));
            }
            Step::Deliver { which } => {
                let Some(command) = choose(&mut self.sent, which).cloned() else { return Ok(()) };
                let response = self.commit(&command)?;
                self.check_answer(&command, &response)?;
            }
            Step::Hear { client } => {
                let Some(client) = choose(&mut self.clients, client) else { return Ok(()) };
                client.hear(&self.answers);
            }
            Step::KeepAlive { client } => {
                let Some(client) = choose(&mut self.clients, client) else { return Ok(()) };
                let command = SessionCommand::KeepAlive { session: client.session, time_ms: self.now_ms };
                drop(self.commit(&command)?);
            }
            Step::Close { client } => {
                let Some(client) = choose(&mut self.clients, client) else { return Ok(()) };
                let command = SessionCommand::Close { session: client.session, time_ms: self.now_ms };
                drop(self.commit(&command)?);
            }
            Step::Plain => drop(self.commit(&SessionCommand::Plain("plain".into()))?),
            Step::Pass { ms } => self.now_ms += ms,
            Step::Restart => self.restarting.restart(),
        }
        Ok(())
    }

    /// The next entry of the log: both replicas and the model answer the same.
    fn commit(&mut self, command: &SessionCommand) -> Result<SessionResponse<u64>, TestCaseError> {
        let response = self.steady.apply(command);
        prop_assert_eq!(&self.restarting.apply(command), &response, "after a restart");
        prop_assert_eq!(&self.model.response(command), &response, "the model's answer");
        Ok(response)
    }

    /// Every copy of a command is answered as the first was.
    fn check_answer(
        &mut self,
        sent: &SessionCommand,
        response: &SessionResponse<u64>,
    ) -> Result<(), TestCaseError> {
        if let (SessionCommand::Apply { command, .. }, SessionResponse::Applied(answer)) = (sent, response) {
            let first = self.answers.entry(command.clone()).or_insert(*answer);
            prop_assert_eq!(first, answer, "{:?}", command);
        }
        Ok(())
    }

    /// Whatever has happened, no command took effect twice, and those that were answered took effect.
    fn check_effects(&self) -> Result<(), TestCaseError> {
        let times = &self.steady.sessions.state_machine().times;
        for (command, times) in times.iter().filter(|(command, _)| *command != "plain") {
            prop_assert_eq!(*times, 1, "{:?}", command);
            prop_assert!(
                self.answers.contains_key(command),
                "{:?} took effect, and nobody was told",
                command
            );
        }
        for command in self.answers.keys() {
            prop_assert!(times.contains_key(command), "{:?} was answered, and took no effect", command);
        }
        prop_assert_eq!(self.restarting.sessions.state_machine(), self.steady.sessions.state_machine());
        let [restarting, steady] =
            [&self.restarting, &self.steady].map(|one| bytes_of(one.sessions.snapshot()));
        prop_assert_eq!(restarting, steady);
        Ok(())
    }
}

impl Client {
    /// A new command, or now and then an old one with what is acknowledged by now.
    fn command(&mut self, now_ms: u64) -> SessionCommand {
        let retry = self.outstanding.first().copied().filter(|first| (*first + self.next).is_multiple_of(3));
        let sequence = retry.unwrap_or(self.next);
        self.next = self.next.max(sequence + 1);
        self.outstanding.insert(sequence);
        SessionCommand::Apply {
            session: self.session,
            sequence,
            first_outstanding: self.outstanding.first().copied().unwrap(),
            time_ms: now_ms + self.skew_ms,
            command: self.name(sequence),
        }
    }

    fn hear(&mut self, answers: &BTreeMap<Bytes, u64>) {
        let heard = self.outstanding.iter().find(|sequence| answers.contains_key(&self.name(**sequence)));
        if let Some(heard) = heard.copied() {
            self.outstanding.remove(&heard);
        }
    }

    fn name(&self, sequence: u64) -> Bytes {
        format!("{}/{sequence}", self.session.0).into()
    }
}

fn choose<T>(among: &mut [T], number: usize) -> Option<&mut T> {
    let count = among.len().max(1);
    among.get_mut(number % count)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn each_command_takes_effect_once_at_most_and_copies_are_answered_as_the_first(
        steps in vec(step(), 1..200)
    ) {
        let mut world = World::default();
        for step in &steps {
            world.run(step)?;
        }
        world.check_effects()?;
    }
}
