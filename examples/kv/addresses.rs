//! Which server is where, as it stands on a command line: `1=host:port,2=host:port`.

use std::{collections::BTreeMap, fmt, str::FromStr};

/// The address of each server, by its id.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Addresses(pub BTreeMap<u64, String>);

/// Why a text is no list of addresses.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AddressesError {
    /// One of them is not of the right form.
    #[error("`{0}` is no server: write its id and where it listens, as in 1=127.0.0.1:7001")]
    Form(String),
    /// A server is named twice.
    #[error("server {0} is named twice: give each server an id of its own")]
    Twice(u64),
}

impl Addresses {
    /// The ids, ascending.
    pub fn ids(&self) -> impl Iterator<Item = u64> + '_ {
        self.0.keys().copied()
    }

    /// Where server `id` listens.
    #[must_use]
    pub fn address(&self, id: u64) -> Option<&str> {
        self.0.get(&id).map(String::as_str)
    }

    /// Whose turn it is after server `id`: the next one, and after the last the first.
    #[must_use]
    pub fn after(&self, id: u64) -> Option<u64> {
        self.ids().find(|other| *other > id).or_else(|| self.ids().next())
    }
}

impl FromStr for Addresses {
    type Err = AddressesError;

    fn from_str(text: &str) -> Result<Self, AddressesError> {
        let mut addresses = BTreeMap::new();
        for server in text.split(',').map(str::trim).filter(|server| !server.is_empty()) {
            let (id, address) = parse(server).ok_or_else(|| AddressesError::Form(server.to_owned()))?;
            if addresses.insert(id, address).is_some() {
                return Err(AddressesError::Twice(id));
            }
        }
        Ok(Self(addresses))
    }
}

/// `id=host:port`. Whether the host exists is found out when it is connected to.
fn parse(server: &str) -> Option<(u64, String)> {
    let (id, address) = server.split_once('=')?;
    let (host, port) = address.rsplit_once(':')?;
    let id = id.trim().parse().ok().filter(|id| *id != 0)?;
    let _is_port: u16 = port.parse().ok()?;
    (!host.is_empty()).then(|| (id, address.to_owned()))
}

impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let servers: Vec<_> = self.0.iter().map(|(id, address)| format!("{id}={address}")).collect();
        f.write_str(&servers.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_can_be_read_again() {
        let addresses: Addresses = "2=[::1]:7002, 1=a.example:7001,".parse().unwrap();
        assert_eq!(addresses.to_string(), "1=a.example:7001,2=[::1]:7002");
        assert_eq!(addresses.to_string().parse(), Ok(addresses));
    }

    #[test]
    fn what_is_no_server_is_named() {
        for wrong in ["1", "1=", "1=host", "1=:7", "1=host:port", "1=host:70000", "0=host:7", "x=host:7"] {
            assert_eq!(wrong.parse::<Addresses>(), Err(AddressesError::Form(wrong.to_owned())));
        }
        assert_eq!("1=a:1,1=b:2".parse::<Addresses>(), Err(AddressesError::Twice(1)));
    }

    #[test]
    fn after_the_last_comes_the_first() {
        let addresses: Addresses = "1=a:1,3=c:3".parse().unwrap();
        assert_eq!([1, 2, 3].map(|id| addresses.after(id)), [Some(3), Some(3), Some(1)]);
        assert_eq!(Addresses::default().after(1), None);
    }
}
