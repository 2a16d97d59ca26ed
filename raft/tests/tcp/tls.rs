//! Nodes that prove who they are.

use quorate::{
    NodeId, TcpOptions,
    transport::tcp::{Refusal, Tls, TlsError},
};
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};

use crate::{
    cluster::CLUSTER,
    recorder::{Station, append, notice, numbers},
    strangers::{Greeting, stranger, until_closed},
    wait::eventually,
};

/// Who signs certificates.
struct Authority {
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap().pem();
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    /// A certificate for this name, and its key.
    fn issue(&self, name: String) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name]).unwrap();
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    /// Options of a node that proves itself by a certificate for `node`.
    fn options(&self, node: u64) -> TcpOptions {
        let (certificate, key) = self.issue(Tls::name(CLUSTER, NodeId(node)));
        let tls = Tls::from_pem(self.certificate.as_bytes(), certificate.as_bytes(), key.as_bytes()).unwrap();
        let mut options = TcpOptions::default();
        options.tls = Some(tls);
        options
    }
}

fn expect_refused(caller: &Station, called: &Station) {
    eventually("the caller is refused", || (caller.peer(2).failed_attempts > 1).then_some(()));
    assert_eq!(caller.peer(2).connections, 0);
    eventually("the called counts it", || {
        let refused = |reason| called.statistics().refused(reason);
        (refused(Refusal::Certificate) + refused(Refusal::Broken) + refused(Refusal::Foreign) > 0)
            .then_some(())
    });
    assert!(called.record(|record| record.messages.is_empty()));
}

#[test]
fn nodes_with_certificates_of_one_authority_talk() {
    let authority = Authority::new();
    let (mut one, mut two) = (Station::new(1, authority.options(1)), Station::new(2, authority.options(2)));
    one.knows(2, &two);
    two.knows(1, &one);
    one.wait_until_connected(2);
    two.wait_until_connected(1);
    let large = append(1, 2, 50, 100_000);
    one.send(large.clone());
    one.send(notice(1, 2, 7));
    two.send(notice(2, 1, 8));
    two.until("all have come", |record| (record.messages == [large.clone(), notice(1, 2, 7)]).then_some(()));
    one.until("the answer too", |record| (numbers(&record.messages) == [8]).then_some(()));
    eventually("the round trip is known", || one.peer(2).round_trip);
}

#[test]
fn a_node_of_another_authority_is_told_nothing() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let called = Station::new(2, ours.options(2));
    let caller = Station::new(1, theirs.options(1));
    caller.knows(2, &called);
    expect_refused(&caller, &called);
}

#[test]
fn a_node_with_the_certificate_of_another_is_refused_on_either_side() {
    let authority = Authority::new();
    let called = Station::new(2, authority.options(2));
    let caller = Station::new(1, authority.options(3));
    caller.knows(2, &called);
    expect_refused(&caller, &called);
    eventually("by its certificate", || (caller.peer(2).refused(Refusal::Certificate) > 0).then_some(()));

    let impostor = Station::new(2, authority.options(3));
    let caller = Station::new(1, authority.options(1));
    caller.knows(2, &impostor);
    expect_refused(&caller, &impostor);
}

#[test]
fn a_node_without_tls_and_one_with_it_do_not_talk() {
    let authority = Authority::new();
    let (with, without) = (Station::new(2, authority.options(2)), Station::new(1, TcpOptions::default()));
    without.knows(2, &with);
    expect_refused(&without, &with);
    let (with, without) = (Station::new(1, authority.options(1)), Station::new(2, TcpOptions::default()));
    with.knows(2, &without);
    expect_refused(&with, &without);
}

#[test]
fn a_stranger_without_a_certificate_sees_no_greeting() {
    let authority = Authority::new();
    let station = Station::new(1, authority.options(1));
    let said = until_closed(stranger(&station, &Greeting::GOOD.to_bytes()));
    assert!(!said.windows(7).any(|window| window == b"quorate"), "{said:?}");
    eventually("it is counted", || (station.statistics().refused(Refusal::Certificate) == 1).then_some(()));
}

#[test]
fn what_is_no_certificate_or_no_key_is_refused_at_the_start() {
    let authority = Authority::new();
    let (certificate, key) = authority.issue(Tls::name(CLUSTER, NodeId(1)));
    let (other, _) = authority.issue(Tls::name(CLUSTER, NodeId(1)));
    let from_pem = |authority: &str, certificate: &str, key: &str| {
        Tls::from_pem(authority.as_bytes(), certificate.as_bytes(), key.as_bytes()).unwrap_err()
    };
    let ca = &authority.certificate;
    assert!(matches!(from_pem("", &certificate, &key), TlsError::NotPem { .. }));
    assert!(matches!(from_pem(ca, &key, &key), TlsError::NotPem { .. }));
    assert!(matches!(from_pem(ca, &certificate, &certificate), TlsError::NotPem { .. }));
    assert!(matches!(from_pem(ca, &other, &key), TlsError::Unusable(_)));
    let missing = Tls::from_pem_files("/no/such/file", "/no/such/file", "/no/such/file").unwrap_err();
    assert!(missing.to_string().contains("/no/such/file"), "{missing}");
}
