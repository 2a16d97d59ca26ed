//! Clients of servers that say what a script tells them.

use std::{net::TcpListener, sync::mpsc};

use super::*;
use crate::lines::REQUEST_BYTES_MAX;

const PATIENCE: Duration = Duration::from_millis(300);

/// What a server does with a request.
enum Line {
    Say(Answer),
    /// It closes the connection.
    FallSilent,
}

use Line::{FallSilent, Say};

/// A server that follows `script`, and then closes every connection; and what it is asked.
fn server(script: Vec<Line>) -> (String, mpsc::Receiver<Request>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (asked, requests) = mpsc::channel();
    thread::spawn(move || {
        let mut script = script.into_iter();
        for stream in listener.incoming() {
            let mut connection = BufReader::new(stream.unwrap());
            while let Ok(lines::Line::Whole(line)) = lines::read(&mut connection, REQUEST_BYTES_MAX) {
                let _nobody_looks = asked.send(serde_json::from_slice(&line).unwrap());
                match script.next() {
                    Some(Say(answer)) => lines::write(connection.get_mut(), &answer).unwrap(),
                    Some(FallSilent) | None => break,
                }
            }
        }
    });
    (address, requests)
}

fn client(script: Vec<Line>) -> (Client, mpsc::Receiver<Request>) {
    let (address, requests) = server(script);
    (Client::new(Addresses([(1, address)].into())), requests)
}

fn busy() -> Line {
    Say(Answer::Refused { reason: "busy".to_owned(), retry: true, leader: None })
}

fn opened(session: u64) -> Line {
    Say(Answer::Opened { session })
}

fn written() -> Answer {
    Answer::Written { index: 9 }
}

fn put() -> Write {
    Write::Put { key: "a".to_owned(), value: "1".to_owned() }
}

#[test]
fn a_write_is_sent_again_under_the_same_number_until_it_is_answered() {
    let (mut client, requests) = client(vec![opened(5), FallSilent, busy(), Say(written()), Say(written())]);
    assert_eq!(client.write_once(&put(), PATIENCE), written());
    assert_eq!(client.write_once(&put(), PATIENCE), written());
    let once = |sequence| Request::Once { session: 5, sequence, write: put() };
    let asked: Vec<_> = requests.try_iter().collect();
    assert_eq!(asked, [Request::OpenSession, once(1), once(1), once(1), once(2)]);
}

#[test]
fn what_is_refused_after_a_silence_is_in_doubt() {
    let script = [opened(5), FallSilent].into_iter().chain((0..100).map(|_| busy()));
    let (mut client, _) = client(script.collect());
    let answer = client.write_once(&put(), PATIENCE);
    assert!(matches!(answer, Answer::Unknown { .. }), "{answer:?}");
}

#[test]
fn what_was_only_refused_is_not_in_doubt() {
    let script = [opened(5)].into_iter().chain((0..100).map(|_| busy()));
    let (mut client, _) = client(script.collect());
    let answer = client.write_once(&put(), PATIENCE);
    assert!(matches!(answer, Answer::Refused { .. }), "{answer:?}");
}

#[test]
fn a_session_that_had_ended_before_the_write_is_replaced() {
    let (mut client, _) = client(vec![opened(5), Say(Answer::SessionEnded), opened(6), Say(written())]);
    assert_eq!(client.write_once(&put(), PATIENCE), written());
}

#[test]
fn a_session_that_ended_meanwhile_leaves_the_write_in_doubt() {
    let (mut client, _) =
        client(vec![opened(5), FallSilent, Say(Answer::SessionEnded), opened(6), Say(written())]);
    let answer = client.write_once(&put(), PATIENCE);
    assert!(matches!(answer, Answer::Unknown { .. }), "{answer:?}");
}

#[test]
fn a_write_without_a_session_is_not_sent_again_after_a_silence() {
    let (mut client, requests) = client(vec![busy(), FallSilent, Say(written())]);
    let answer = client.call(&Request::Write(put()), PATIENCE);
    assert!(matches!(answer, Answer::Unknown { .. }), "{answer:?}");
    assert_eq!(requests.try_iter().count(), 2);
}

#[test]
fn the_leader_that_is_named_is_asked_next() {
    let leads = |leader| Say(Answer::Refused { reason: String::new(), retry: true, leader: Some(leader) });
    let (first, _one) = server(vec![leads(3)]);
    let (second, two) = server(vec![]);
    let (third, _three) = server(vec![Say(Answer::Done)]);
    let mut client = Client::new(Addresses([(1, first), (2, second), (3, third)].into()));
    assert_eq!(client.call(&Request::Transfer { to: 1 }, PATIENCE), Answer::Done);
    assert_eq!((client.at(), two.try_iter().count()), (3, 0));
}
