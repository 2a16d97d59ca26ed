//! What differs between two texts, line by line.

use std::fmt::Write;

/// Lines that stand unchanged around a difference, to see where it is.
const AROUND: usize = 3;

/// Both texts in one: `-` expected, `+` found.
pub(crate) fn between(expected: &str, actual: &str) -> String {
    let expected: Vec<_> = expected.lines().collect();
    let actual: Vec<_> = actual.lines().collect();
    let lines = align(&expected, &actual);
    let is_near_change = |at: usize| {
        let around = at.saturating_sub(AROUND)..(at + AROUND + 1).min(lines.len());
        lines[around].iter().any(|(mark, _)| *mark != ' ')
    };
    let mut text = String::from("differs");
    let mut shown = 0;
    for (at, (mark, line)) in lines.iter().enumerate().filter(|(at, _)| is_near_change(*at)) {
        if at != shown {
            text.push_str("\n  …");
        }
        // Writing into a string cannot fail.
        let _ = write!(text, "\n{mark} {line}");
        shown = at + 1;
    }
    text
}

/// The shortest way from one to the other that keeps the longest common subsequence.
fn align<'a>(expected: &[&'a str], actual: &[&'a str]) -> Vec<(char, &'a str)> {
    let width = actual.len() + 1;
    let mut common = vec![0_u32; (expected.len() + 1) * width];
    for i in (0..expected.len()).rev() {
        for j in (0..actual.len()).rev() {
            common[i * width + j] = if expected[i] == actual[j] {
                common[(i + 1) * width + j + 1] + 1
            } else {
                common[(i + 1) * width + j].max(common[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut lines = Vec::new();
    while i < expected.len() || j < actual.len() {
        if i < expected.len() && j < actual.len() && expected[i] == actual[j] {
            lines.push((' ', expected[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == actual.len()
            || (i < expected.len() && common[(i + 1) * width + j] >= common[i * width + j + 1])
        {
            lines.push(('-', expected[i]));
            i += 1;
        } else {
            lines.push(('+', actual[j]));
            j += 1;
        }
    }
    lines
}
