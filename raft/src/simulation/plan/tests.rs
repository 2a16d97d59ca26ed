//! Plans can be written down, and are what their profile says.

use super::{Plan, Profile};

#[test]
fn a_plan_survives_being_written_down() {
    for profile in Profile::ALL {
        for seed in 1..=50 {
            let plan = profile.draw(seed, None);
            let json = serde_json::to_string(&plan).unwrap();
            assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), plan, "{profile}, seed {seed}");
        }
    }
}

#[test]
fn a_plan_is_the_same_for_the_same_seed_and_another_for_another() {
    assert_eq!(Profile::Everything.draw(7, None), Profile::Everything.draw(7, None));
    assert_ne!(Profile::Everything.draw(7, None), Profile::Everything.draw(8, None));
}

#[test]
fn whoever_says_how_many_vote_gets_as_many() {
    for voters in 1..=7 {
        assert_eq!(Profile::Membership.draw(1, Some(voters)).voters, voters);
    }
}

#[test]
fn every_action_is_in_the_storm_and_they_are_in_the_order_of_time() {
    for profile in Profile::ALL {
        for seed in 1..=50 {
            let plan = profile.draw(seed, None);
            assert!(plan.actions.is_sorted_by_key(|planned| planned.at), "{profile}, seed {seed}");
            assert!(plan.actions.iter().all(|planned| planned.at <= plan.storm), "{profile}, seed {seed}");
        }
    }
}

#[test]
fn profiles_are_known_by_their_names_and_others_are_told_them() {
    for profile in Profile::ALL {
        assert_eq!(profile.name().parse(), Ok(*profile));
    }
    let error = "sunny".parse::<Profile>().unwrap_err().to_string();
    assert!(error.contains("calm, stormy, network"), "{error}");
}
