//! Panics in what is simulated: they break a promise, and are not shouted about.

use std::{
    cell::{Cell, RefCell},
    panic::{self, AssertUnwindSafe, PanicHookInfo, catch_unwind},
    sync::Once,
};

use crate::runtime::panic_message;

thread_local! {
    /// What the first panic of this thread has said, while somebody listens.
    static HEARD: RefCell<Option<String>> = const { RefCell::new(None) };
    static LISTENS: Cell<bool> = const { Cell::new(false) };
}

/// Calls `run`, and catches its panic: what it said. Beside that, what the first panic has said and where, also of one
/// that was caught within.
pub(super) fn listen<T>(run: impl FnOnce() -> T) -> (Result<T, String>, Option<String>) {
    static HOOK: Once = Once::new();
    // Other threads' panics, and those of this one later, are shown as they were before.
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !hear(info) {
                usual(info)
            }
        }));
    });
    let before = LISTENS.replace(true);
    let end = catch_unwind(AssertUnwindSafe(run));
    LISTENS.set(before);
    (end.map_err(|payload| panic_message(&*payload).to_owned()), HEARD.take())
}

/// Keeps what a panic says, if somebody listens.
fn hear(info: &PanicHookInfo<'_>) -> bool {
    if !LISTENS.get() {
        return false;
    }
    let place = info.location().map_or(String::new(), |location| format!(", at {location}"));
    let words = format!("{}{place}", panic_message(info.payload()));
    HEARD.with_borrow_mut(|heard| _ = heard.get_or_insert(words));
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_caught_with_its_words_and_place() {
        let (end, heard) = listen(|| -> u32 { panic!("the {} is empty", "purse") });
        assert_eq!(end, Err("the purse is empty".to_owned()));
        let heard = heard.unwrap_or_default();
        assert!(heard.starts_with("the purse is empty, at ") && heard.contains("panics.rs:"), "{heard}");
    }

    #[test]
    fn a_panic_that_was_caught_within_is_heard_of() {
        let (end, heard) = listen(|| catch_unwind(|| panic!("first")).is_err());
        assert_eq!(end, Ok(true));
        assert!(heard.unwrap_or_default().starts_with("first"));
        assert_eq!(listen(|| 7), (Ok(7), None));
    }
}
