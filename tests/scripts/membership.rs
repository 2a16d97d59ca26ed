//! Changes of membership, as scripts write them: `add-voter=4 remove=1 transition=explicit`.

use quorate::{
    ChangeStep, ConfChange, Membership, NodeId, Transition,
    quorum::{Joint, Majority},
};

use crate::arguments::{Arguments, Parse, Refusal};

/// The options that are left are the steps, in their order; `leave` is none at all.
pub(crate) fn parse_change(arguments: &mut Arguments<'_>) -> Result<ConfChange, Refusal> {
    let transition = match arguments.option::<String>("transition")?.as_deref() {
        None | Some("auto") => Transition::Auto,
        Some("implicit") => Transition::Implicit,
        Some("explicit") => Transition::Explicit,
        Some(other) => return Err(format!("{other:?} is neither auto, implicit nor explicit").into()),
    };
    if arguments.next() == Some("leave") {
        return Ok(ConfChange::leave_joint());
    }
    let mut steps = Vec::new();
    for (key, value) in arguments.options_left() {
        for node in Vec::<NodeId>::parse(value)? {
            steps.push(match key {
                "add-voter" => ChangeStep::AddVoter(node),
                "add-learner" => ChangeStep::AddLearner(node),
                "remove" => ChangeStep::Remove(node),
                other => return Err(format!("{other:?} is neither add-voter, add-learner nor remove").into()),
            });
        }
    }
    Ok(ConfChange::of(steps, transition))
}

pub(crate) fn show_change(change: &ConfChange) -> String {
    if change.is_leave() {
        return "leave".to_owned();
    }
    let mut words: Vec<_> = change
        .steps
        .iter()
        .map(|step| match step {
            ChangeStep::AddVoter(node) => format!("add-voter={}", node.0),
            ChangeStep::AddLearner(node) => format!("add-learner={}", node.0),
            ChangeStep::Remove(node) => format!("remove={}", node.0),
        })
        .collect();
    match change.transition {
        Transition::Auto if words.is_empty() => words.push("nothing".to_owned()),
        Transition::Auto => {}
        Transition::Implicit => words.push("transition=implicit".to_owned()),
        Transition::Explicit => words.push("transition=explicit".to_owned()),
    }
    words.join(" ")
}

/// `voters="1 2 3" outgoing=… learners=… learners-next=… auto-leave=on`, or `nodes=3` for voters 1 to 3.
pub(crate) fn parse_membership(arguments: &mut Arguments<'_>) -> Result<Membership, Refusal> {
    let count = arguments.option::<u64>("nodes")?;
    let voters = match arguments.option("voters")? {
        Some(voters) => voters,
        None => (1..=count.unwrap_or(0)).map(NodeId).collect(),
    };
    let outgoing = arguments.option("outgoing")?.unwrap_or_default();
    let voters = Joint { incoming: Majority::new(voters), outgoing: Majority::new(outgoing) };
    Ok(Membership {
        voters,
        learners: arguments.option("learners")?.unwrap_or_default(),
        learners_next: arguments.option("learners-next")?.unwrap_or_default(),
        auto_leave: arguments.option("auto-leave")?.unwrap_or_default(),
    })
}
