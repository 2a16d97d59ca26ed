//! The workbench against real processes: a cluster that is right, the same cluster with planted bugs, and
//! programs that are no nodes at all.

#![expect(clippy::unwrap_used, reason = "a test that cannot start a process fails")]

mod kills;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const WORKBENCH: &str = env!("CARGO_BIN_EXE_workbench");
const LIN_KV: &str = env!("CARGO_BIN_EXE_lin-kv");
const TEST_NODE: &str = env!("CARGO_BIN_EXE_test-node");

/// A directory of its own, since the workbench keeps its records in the current one.
fn directory(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("workbench-{name}"));
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}

fn workbench(directory: &Path, arguments: &str) -> Output {
    let arguments = arguments.split_whitespace();
    Command::new(WORKBENCH).arg("test").args(arguments).current_dir(directory).output().unwrap()
}

fn on_test_node(directory: &Path, arguments: &str) -> Output {
    workbench(directory, &format!("--bin {TEST_NODE} --node-count 3 --concurrency 4n {arguments}"))
}

fn verdict(output: &Output) -> String {
    let report = String::from_utf8_lossy(&output.stdout);
    report.lines().last().unwrap_or_default().to_owned()
}

/// A script that is started as a node.
fn script(directory: &Path, text: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let path = directory.join("node.sh");
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

const INIT_OK: &str = r#"read -r line
node=$(echo "$line" | sed 's/.*"node_id":"\([^"]*\)".*/\1/')
echo '{"src":"'$node'","dest":"c0","body":{"type":"init_ok","in_reply_to":1}}'"#;

#[test]
fn a_correct_cluster_is_valid() {
    let directory = directory("correct");
    let output = on_test_node(&directory, "--rate 500 --time-limit 3");
    assert!(verdict(&output).starts_with("verdict: valid"), "{output:?}");
    assert_eq!(output.status.code(), Some(0));
    for file in ["history.jsonl", "timeline.html", "report.txt", "messages.json", "node-logs/n2.log"] {
        assert!(directory.join("store/latest").join(file).is_file(), "{file}");
    }
}

#[test]
fn a_correct_cluster_is_valid_amid_faults() {
    let directory = directory("faults");
    let output = on_test_node(
        &directory,
        "--rate 300 --time-limit 10 --latency 5 --latency-dist exponential --loss 0.02 --duplicate 0.1 \
         --nemesis partition,pause --nemesis-interval 1 -- --rotate-ms 500",
    );
    let report = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(verdict(&output).starts_with("verdict: valid"), "{report}");
    assert!(report.contains("partition") && report.contains("pause"), "{report}");
    assert!(report.contains("from the last heal to the first success"), "{report}");
}

#[test]
fn the_workbench_can_fail() {
    for bug in ["local-reads", "early-ack", "cas-not-atomic", "applied-twice", "lost-on-leader-change"] {
        let directory = directory(bug);
        let is_caught = (1..=5).any(|seed| {
            let arguments = format!("--rate 400 --time-limit 3 --latency 2 --seed {seed} -- --bug {bug}");
            let output = on_test_node(&directory, &arguments);
            let verdict = verdict(&output);
            let is_valid = verdict.starts_with("verdict: valid");
            assert_eq!(output.status.code(), Some(i32::from(!is_valid)), "{output:?}");
            let report = String::from_utf8_lossy(&output.stdout).into_owned();
            assert_ne!(is_valid, report.contains(&format!("--seed {seed}")), "{report}");
            verdict.starts_with("verdict: INVALID key")
        });
        assert!(is_caught, "{bug} passes as correct");
    }
}

#[test]
fn a_silent_cluster_is_not_valid() {
    let directory = directory("silent");
    let node = script(&directory, &format!("{INIT_OK}\ncat > /dev/null"));
    let output =
        workbench(&directory, &format!("--bin {} --node-count 2 --time-limit 1 --rate 50", node.display()));
    assert!(verdict(&output).starts_with("verdict: INVALID no operation succeeded"), "{output:?}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_broken_reply_is_not_valid() {
    let replies = [
        ("no json", "hello", "no message"),
        (
            "extra field",
            r#"{"src":"n0","dest":"c1","body":{"type":"write_ok","in_reply_to":1,"x":1}}"#,
            "unknown field",
        ),
        (
            "never asked",
            r#"{"src":"n0","dest":"c1","body":{"type":"write_ok","in_reply_to":99}}"#,
            "never sent",
        ),
        ("unknown type", r#"{"src":"n0","dest":"c1","body":{"type":"hi","in_reply_to":1}}"#, "expect no"),
    ];
    for (name, reply, problem) in replies {
        let directory = directory(&format!("reply-{}", name.replace(' ', "-")));
        let node = script(&directory, &format!("{INIT_OK}\nread -r line\necho '{reply}'\ncat > /dev/null"));
        let output = workbench(
            &directory,
            &format!("--bin {} --node-count 1 --concurrency 2n --time-limit 5 --rate 50", node.display()),
        );
        let verdict = verdict(&output);
        assert!(verdict.starts_with("verdict: INVALID n0"), "{name}: {output:?}");
        assert!(verdict.contains(problem), "{name}: {verdict}");
        assert_eq!(output.status.code(), Some(1));
    }
}

#[test]
fn a_node_that_ends_is_reported_with_its_last_words() {
    let directory = directory("ends");
    let node = script(&directory, &format!("{INIT_OK}\nread -r line\necho 'out of cheese' >&2\nexit 3"));
    let output = workbench(&directory, &format!("--bin {} --node-count 1 --time-limit 5", node.display()));
    let report = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(report.contains("out of cheese") && report.contains("exit status: 3"), "{report}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn what_cannot_be_run_says_what_to_do() {
    let directory = directory("environment");
    let node = script(&directory, "echo 'no license' >&2; exit 1");
    let mistakes = [
        ("--bin /does/not/exist".to_owned(), "give the path"),
        (format!("--bin {}", directory.display()), "no executable file"),
        (format!("--bin {}", node.display()), "no license"),
        ("--nemesis partition --node-count 1".to_owned(), "2 or more"),
        (format!("--nemesis kill --bin {TEST_NODE}"), "--data-dir-flag=--data-dir"),
        ("--concurrency many".to_owned(), "4n"),
    ];
    for (arguments, advice) in mistakes {
        let output = workbench(&directory, &arguments);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(message.contains(advice), "{arguments}: {message}");
        assert_eq!(output.status.code(), Some(2), "{arguments}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn no_node_outlives_the_workbench() {
    use std::time::{Duration, Instant};

    let directory = directory("orphans");
    // Nodes that ignore the end of their stdin and most signals, and tell who they are.
    let text = format!(
        "{INIT_OK}\ntrap '' INT TERM HUP PIPE\necho $$ > {}/pid.$node\nwhile :; do sleep 1; done",
        directory.display()
    );
    let node = script(&directory, &text);
    let mut workbench = Command::new(WORKBENCH)
        .args(["test", "--bin"])
        .arg(&node)
        .args(["--node-count", "2", "--time-limit", "60"])
        .current_dir(&directory)
        .spawn()
        .unwrap();
    let wait_for = |what: &str, is_so: &dyn Fn() -> bool| {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !is_so() {
            assert!(Instant::now() < deadline, "waited in vain: {what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    let pids = || -> Vec<String> {
        let pid = |node: &str| std::fs::read_to_string(directory.join(format!("pid.{node}"))).ok();
        ["n0", "n1"].into_iter().filter_map(pid).filter(|pid| pid.ends_with('\n')).collect()
    };
    wait_for("the nodes start", &|| pids().len() == 2);
    workbench.kill().unwrap();
    workbench.wait().unwrap();
    for pid in pids() {
        let process = Path::new("/proc").join(pid.trim());
        let is_gone = || {
            let status = std::fs::read_to_string(process.join("stat")).unwrap_or_default();
            status.is_empty() || status.contains(") Z")
        };
        wait_for("the nodes end", &is_gone);
    }
}
