//! Memberships and majorities by themselves: what follows from a change, what is agreed, who is elected.

use std::collections::BTreeMap;

use quorate::{
    Membership, NodeId,
    quorum::{Joint, Majority, VoteResult},
};

use crate::{
    arguments::{Arguments, Parse, Refusal},
    membership,
};

#[derive(Default)]
pub(crate) struct Arithmetic {
    membership: Membership,
}

impl Arithmetic {
    /// `membership voters="1 2 3" …`
    pub(crate) fn start_from(&mut self, arguments: &mut Arguments<'_>) -> Result<String, Refusal> {
        self.membership = membership::parse_membership(arguments)?;
        Ok(self.membership.to_string())
    }

    /// `change add-voter=4 …`: the next membership, or why there is none.
    pub(crate) fn change(&mut self, arguments: &mut Arguments<'_>) -> Result<String, Refusal> {
        let change = membership::parse_change(arguments)?;
        let shown = membership::show_change(&change);
        Ok(match self.membership.after(&change) {
            Ok(next) => {
                self.membership = next;
                format!("{shown} -> {}", self.membership)
            }
            Err(error) => format!("{shown}: {error} -> refuse"),
        })
    }

    /// `committed "1 2 3" outgoing=… idx="5 _ 7"`: what these nodes, ascending, have reached; `_` is nothing.
    pub(crate) fn committed(arguments: &mut Arguments<'_>) -> Result<String, Refusal> {
        let voters = voters(arguments)?;
        let reached = answers::<u64>(&voters, arguments, "idx")?;
        let agreed = voters.agreed(|node| reached.get(&node).copied().unwrap_or(0));
        Ok(format!("{} -> {agreed}", show_answers(&voters, arguments, "idx")?))
    }

    /// `vote "1 2 3" outgoing=… votes="y n _"`: what they have answered, `_` is nothing yet.
    pub(crate) fn vote(arguments: &mut Arguments<'_>) -> Result<String, Refusal> {
        let voters = voters(arguments)?;
        let answers = answers::<Answer>(&voters, arguments, "votes")?;
        let result = match voters.vote_result(|node| answers.get(&node).map(|answer| answer.granted)) {
            VoteResult::Won => "won",
            VoteResult::Lost => "lost",
            VoteResult::Pending => "pending",
        };
        Ok(format!("{} -> {result}", show_answers(&voters, arguments, "votes")?))
    }
}

fn voters(arguments: &mut Arguments<'_>) -> Result<Joint, Refusal> {
    let incoming = arguments.require("who votes")?;
    let outgoing = arguments.option("outgoing")?.unwrap_or_default();
    Ok(Joint { incoming: Majority::new(incoming), outgoing: Majority::new(outgoing) })
}

/// A word for each voter, ascending, each once.
fn answers<T: Parse>(
    voters: &Joint,
    arguments: &mut Arguments<'_>,
    key: &str,
) -> Result<BTreeMap<NodeId, T>, Refusal> {
    let words = arguments.option::<Vec<String>>(key)?.unwrap_or_default();
    let nodes: Vec<_> = voters.voters().collect();
    if words.len() != nodes.len() {
        return Err(format!("{} nodes vote, and {} words stand after {key}", nodes.len(), words.len()).into());
    }
    let given = nodes.into_iter().zip(words).filter(|(_, word)| word != "_");
    given.map(|(node, word)| Ok((node, T::parse(&word)?))).collect()
}

/// `n1=12 n2=5 | n2=5 n3=_`: each set with the words for its voters.
fn show_answers(voters: &Joint, arguments: &mut Arguments<'_>, key: &str) -> Result<String, Refusal> {
    let words = arguments.option::<Vec<String>>(key)?.unwrap_or_default();
    let given: BTreeMap<_, _> = voters.voters().zip(words).collect();
    let show = |set: &Majority| {
        let words = set.voters().iter().map(|node| format!("{node}={}", given[node]));
        words.collect::<Vec<_>>().join(" ")
    };
    let incoming =
        if voters.incoming.voters().is_empty() { "nobody".to_owned() } else { show(&voters.incoming) };
    Ok(if voters.is_joint() { format!("{incoming} | {}", show(&voters.outgoing)) } else { incoming })
}

struct Answer {
    granted: bool,
}

impl Parse for Answer {
    fn parse(text: &str) -> Result<Self, Refusal> {
        match text {
            "y" => Ok(Self { granted: true }),
            "n" => Ok(Self { granted: false }),
            other => Err(format!("{other:?} is neither y nor n").into()),
        }
    }
}
