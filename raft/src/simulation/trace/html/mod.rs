//! A trace as a page: who said what to whom, and when, to look at and to search in.
//!
//! The page needs nothing beside itself. Its files:
//!
//! | file | |
//! |---|---|
//! | `page.html`, `style.css` | what stands where, and how it looks, by day and by night |
//! | `story.js` | the records as messages, lifelines and spans |
//! | `layout.js` | what is shown, and where |
//! | `diagram.js`, `overview.js` | draw what can be seen of it, and the whole, small |
//! | `figures.js` | what fits, what is near, what comes first |
//! | `list.js`, `details.js` | the records in words, beside it; all about one of them, or about the whole |
//! | `main.js` | mouse, keys, search |

mod data;

use super::super::{plan::Plan, simulation::Report};

const PAGE: &str = include_str!("page.html");
/// What stands in the page, and what takes its place.
const PARTS: [(&str, &str); 9] = [
    ("/* style.css */", include_str!("style.css")),
    ("/* story.js */", include_str!("story.js")),
    ("/* layout.js */", include_str!("layout.js")),
    ("/* figures.js */", include_str!("figures.js")),
    ("/* diagram.js */", include_str!("diagram.js")),
    ("/* overview.js */", include_str!("overview.js")),
    ("/* list.js */", include_str!("list.js")),
    ("/* details.js */", include_str!("details.js")),
    ("/* main.js */", include_str!("main.js")),
];
const DATA: &str = "/* data */";

/// A page that shows what the report's trace has kept. `plan` is the one that was carried out.
#[must_use]
pub fn html(plan: &Plan, report: &Report) -> String {
    let page = PARTS.iter().fold(PAGE.to_owned(), |page, (mark, part)| page.replacen(mark, part, 1));
    // The data comes last: whatever stands in it is not looked at any more.
    page.replacen(DATA, &embedded(&data::of(plan, report)), 1)
}

/// JSON that can stand in a `<script>`.
fn embedded(data: &data::Story<'_>) -> String {
    // Numbers, strings, and maps with strings for keys -> it cannot fail.
    let json = serde_json::to_string(data).unwrap_or_default();
    // `</script>` would end the script and `<!--` would hide its end, in the middle of a string too.
    json.replace('<', "\\u003c")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{super::*, *};
    use crate::simulation::{Counts, Violation, plan::Profile};

    fn page_of(records: Vec<What>, violation: Option<Violation>) -> String {
        let mut trace = Trace::new(true);
        for (number, what) in records.into_iter().enumerate() {
            trace.note(Duration::from_millis(number as u64), Some(NodeId(1)), what);
        }
        let (simulated, counts) = (Duration::from_secs(1), Counts::default());
        html(&Profile::Calm.draw(7, Some(3)), &Report { simulated, counts, requests: 0, trace, violation })
    }

    /// What the page's scripts read.
    fn data_in(page: &str) -> serde_json::Value {
        let start =
            page.find(r#"<script id="data" type="application/json">"#).expect("there is a place for data");
        let data = &page[start..][page[start..].find('>').expect("it has a start") + 1..];
        serde_json::from_str(&data[..data.find("</script>").expect("it has an end")]).expect("it is JSON")
    }

    #[test]
    fn every_part_is_in_its_place() {
        let page = page_of(vec![What::Started], None);
        for (mark, part) in PARTS {
            assert!(!page.contains(mark) && page.contains(part), "{mark}");
        }
        assert!(!page.contains(DATA));
        assert!(!page.contains("http:") && !page.contains("https:"), "it needs something from elsewhere");
    }

    #[test]
    fn records_come_with_what_a_reader_asks_for() {
        let sent =
            What::Sent { number: 5, to: NodeId(2), checksum: 9, text: "n1@1 → n2 TimeoutNow".to_owned() };
        let ended = What::Ended { number: 5, fate: Fate::Cut };
        let data = data_in(&page_of(vec![sent, ended], None));
        assert_eq!(data["seed"], 7);
        assert_eq!(data["nodes"], serde_json::json!([1, 2, 3]));
        assert_eq!(data["records"][0]["what"], "sent");
        assert_eq!(data["records"][0]["text"], "n1@1 → n2 TimeoutNow");
        assert_eq!(data["records"][1]["fate"], "the link is cut");
        assert_eq!(data["records"][1]["at"], 1000);
    }

    #[test]
    fn no_text_can_end_the_script() {
        let text = "</script><script>alert('\u{2028}')</script><!--".to_owned();
        let broken = Violation { promise: "p", message: text.clone(), at: Duration::ZERO, node: None };
        let page = page_of(vec![What::Client { client: 0, text: text.clone() }], Some(broken));
        assert!(!page.contains("alert('\u{2028}')</script>"));
        let data = data_in(&page);
        assert_eq!(data["records"][0]["text"], text);
        assert_eq!(data["violation"]["message"], text);
    }
}
