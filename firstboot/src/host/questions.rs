//! Questions that are too costly for every check: each is asked now and then, and its last
//! answer is kept.

use super::handle::Host;
use super::watched::Watched;
use std::time::Duration;

impl Host {
    /// The answer to the question `name`, which `ask` gets when the last answer is older
    /// than `every`.
    pub fn watch(&self, name: &str, every: Duration, ask: impl FnOnce() -> String) -> Watched {
        let last = self.last_answer(name);
        let is_fresh = |last: &Watched| self.clock().monotonic().saturating_sub(last.asked) < every;
        let mut watched = match last {
            Some(last) if is_fresh(&last) => last,
            last => {
                let text = ask();
                // Asking may take its time.
                let asked = self.clock().monotonic();
                let news = last.filter(|last| last.text == text).map_or(asked, |last| last.news);
                Watched { text, silent: Duration::ZERO, asked, news }
            }
        };
        watched.silent = self.clock().monotonic().saturating_sub(watched.news);
        self.watched.borrow_mut().insert(name.to_owned(), watched.clone());
        watched
    }

    /// The last answer to the question `name`.
    pub fn last_answer(&self, name: &str) -> Option<Watched> {
        self.watched.borrow().get(name).cloned()
    }

    /// When the question `name` was last asked, in monotonic time.
    pub fn last_asked(&self, name: &str) -> Option<Duration> {
        self.watched.borrow().get(name).map(|watched| watched.asked)
    }

    /// Forgets the answer to the question `name`.
    pub fn forget_answer(&self, name: &str) {
        self.watched.borrow_mut().remove(name);
    }

    /// Forgets every answer.
    pub fn forget_answers(&self) {
        self.watched.borrow_mut().clear();
    }
}
