//! Nodes that are killed and started again: those that remember, those that forget, those that do not come back.

use crate::{INIT_OK, LIN_KV, TEST_NODE, directory, script, verdict, workbench};

const KILLS: &str = "--node-count 3 --concurrency 4n --rate 400 --latency 2 --nemesis kill --nemesis-interval 0.5 \
     --data-dir-flag=--data-dir";

#[test]
fn a_cluster_that_remembers_is_valid_amid_kills_and_the_records_show_them() {
    let directory = directory("kills");
    let output = workbench(
        &directory,
        &format!("{KILLS} --bin {TEST_NODE} --nemesis partition,pause --time-limit 8 -- --rotate-ms 500"),
    );
    let report = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(verdict(&output).starts_with("verdict: valid"), "{report}");
    for part in [" kill", " partition", " pause", "restarts: ", "operations open at a node that was killed: "]
    {
        assert!(report.contains(part), "{part}: {report}");
    }
    let kept = |file: &str| std::fs::read_to_string(directory.join("store/latest").join(file)).unwrap();
    let (history, timeline) = (kept("history.jsonl"), kept("timeline.html"));
    for part in [r#""f":"start","value":"kill: n"#, r#""f":"restart""#, r#""f":"up""#, r#""error":"killed""#]
    {
        assert!(history.contains(part), "{part}");
    }
    assert!(timeline.contains("\"kill: n") && timeline.contains("\"restart: n"));
    assert!(!directory.join("store/latest/node-data").exists(), "it is of use only if something went wrong");
    let is_logged = |node| kept(&format!("node-logs/n{node}.log")).contains("--- life 2: ");
    assert!((0..3).any(is_logged));
}

#[test]
fn nodes_that_forget_when_they_are_killed_are_found_out() {
    for bug in ["forgets-all", "forgets-hand-over"] {
        let directory = directory(bug);
        let is_caught = (1..=5).any(|seed| {
            let output = workbench(
                &directory,
                &format!("{KILLS} --bin {TEST_NODE} --time-limit 4 --seed {seed} -- --bug {bug}"),
            );
            verdict(&output).starts_with("verdict: INVALID key")
        });
        assert!(is_caught, "{bug} passes as correct");
    }
}

#[test]
fn lin_kv_remembers_in_its_directory_and_is_found_out_without_one() {
    let directory = directory("lin-kv");
    let faults = "--nemesis partition,pause --time-limit 10";
    let slow_disk = "--lose-unsynced --sync-ms 5";
    let small_log = "--segment-bytes 16384 --compact-after-bytes 2048 --keep-entries 5";
    let output =
        workbench(&directory, &format!("{KILLS} {faults} --bin {LIN_KV} -- {slow_disk} {small_log}"));
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(verdict(&output).starts_with("verdict: valid"), "{report}");

    let forgetful = script(&directory, &format!("exec {LIN_KV} --log-level warning"));
    let is_caught = (1..=5).any(|seed| {
        let arguments = format!("{KILLS} --bin {} --time-limit 4 --seed {seed}", forgetful.display());
        verdict(&workbench(&directory, &arguments)).starts_with("verdict: INVALID key")
    });
    assert!(is_caught, "a log in memory passes as durable");
}

#[test]
fn a_node_that_does_not_come_back_is_reported_with_its_last_words() {
    let answers_forever = format!("{INIT_OK}\ncat > /dev/null");
    let says_no = r#"read -r line
node=$(echo "$line" | sed 's/.*"node_id":"\([^"]*\)".*/\1/')
id=$(echo "$line" | sed 's/.*"msg_id":\([0-9]*\).*/\1/')
echo '{"src":"'$node'","dest":"c0","body":{"type":"error","in_reply_to":'$id',"code":13,"text":"no"}}'
cat > /dev/null"#;
    let next_lives = [
        ("ends", "echo 'cannot read my log' >&2; exit 4", "ended by itself after a restart (exit status: 4)"),
        ("refuses", &format!("echo 'cannot read my log' >&2\n{says_no}"), "refused init with error 13 (no)"),
    ];
    for (name, next_life, problem) in next_lives {
        let directory = directory(&format!("next-life-{name}"));
        // $2 is the directory that outlives a kill.
        let text = format!("if mkdir $2/lived 2>/dev/null; then\n{answers_forever}\nelse\n{next_life}\nfi");
        let node = script(&directory, &text);
        let output = workbench(&directory, &format!("{KILLS} --bin {} --time-limit 5", node.display()));
        let report = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(report.contains("cannot read my log"), "{name}: {report}");
        assert!(verdict(&output).contains(problem), "{name}: {report}");
        assert_eq!(output.status.code(), Some(1), "{name}");
        assert!(directory.join("store/latest/node-data/n0").is_dir(), "{name}");
    }
}
