//! Foreign decoders run isolated: a panic of theirs costs what they decode, says nothing on stderr and ends no run.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};

/// Characters of a panic's message that are kept; it may quote the bytes that it is about.
const MAX_REASON: usize = 200;

thread_local! {
    /// How many isolated calls this thread is in.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// Lets panics of isolated calls pass in silence, and all others as before. Called once, when the program begins.
pub(crate) fn silence() {
    let loud = take_hook();
    set_hook(Box::new(move |panic| {
        if DEPTH.get() == 0 {
            loud(panic);
        }
    }));
}

/// Does `work`, or says what it panicked with.
pub(crate) fn isolated<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    DEPTH.set(DEPTH.get() + 1);
    let done = catch_unwind(AssertUnwindSafe(work));
    DEPTH.set(DEPTH.get() - 1);
    done.map_err(|payload| reason(&*payload))
}

fn reason(payload: &(dyn Any + Send)) -> String {
    let literal = || payload.downcast_ref::<&str>().copied();
    let text = payload.downcast_ref::<String>().map(String::as_str).or_else(literal);
    text.unwrap_or("no reason given").chars().take(MAX_REASON).collect()
}

#[cfg(test)]
#[allow(clippy::panic, reason = "panics are what is tested")]
mod tests {
    use std::cell::Cell;

    use super::{isolated, silence};

    thread_local! {
        static SHOWN: Cell<usize> = const { Cell::new(0) };
    }

    #[test]
    fn panic_becomes_its_reason_and_is_shown_only_outside() {
        // Messages of this thread are counted, those of other tests go where they went.
        let loud = std::panic::take_hook();
        let main = std::thread::current().id();
        std::panic::set_hook(Box::new(move |panic| {
            if std::thread::current().id() == main { SHOWN.set(SHOWN.get() + 1) } else { loud(panic) }
        }));
        silence();
        assert_eq!(isolated(|| -> u8 { panic!("number {}", 7) }), Err("number 7".to_owned()));
        assert_eq!(isolated(|| -> u8 { panic!("literal") }), Err("literal".to_owned()));
        assert_eq!(isolated(|| isolated(|| -> u8 { panic!("inner") }).is_err()), Ok(true));
        assert_eq!(isolated(|| -> u8 { std::panic::panic_any(7_u8) }), Err("no reason given".to_owned()));
        let long = isolated(|| -> u8 { panic!("{}", "é".repeat(10_000)) });
        assert_eq!(long.map_err(|reason| reason.chars().count()), Err(200));
        assert_eq!(SHOWN.get(), 0);
        assert!(std::panic::catch_unwind(|| panic!("outside")).is_err());
        assert_eq!(SHOWN.get(), 1);
        drop(std::panic::take_hook());
    }
}
