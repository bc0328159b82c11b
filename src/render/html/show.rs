//! What templates call to show a value: every text of a report goes through here.

use super::super::clock::Clock;
use super::super::{escape, headline, words};
use crate::evtx::Time;
use crate::report::{
    Confidence, Fix, Host, HostLine, Open, Party, Risk, Severity, Status, Undecided, UpdateState,
};

/// Shows values in one zone.
#[derive(Clone, Copy)]
pub(super) struct Show(pub(super) Clock);

#[expect(clippy::unused_self, reason = "templates reach functions through a value only")]
impl Show {
    pub(super) fn text(&self, text: &str) -> String {
        escape::line(text, escape::SENTENCE)
    }

    pub(super) fn short(&self, text: &str) -> String {
        escape::line(text, escape::NAME)
    }

    pub(super) fn code(&self, text: &str) -> String {
        escape::lines(text, escape::SENTENCE)
    }

    pub(super) fn channel(&self, text: &str) -> String {
        words::channel(&escape::line(text, escape::NAME)).to_owned()
    }

    /// Whether a browser may be sent there.
    pub(super) fn is_link(&self, text: &str) -> bool {
        text.starts_with("https://")
            && !text.chars().any(|character| escape::is_dangerous(character) || character.is_whitespace())
    }

    pub(super) fn cause(&self, line: &HostLine) -> String {
        self.short(headline::cause(line))
    }

    pub(super) fn sentence(&self, text: &str) -> String {
        words::sentence(&self.text(text))
    }

    pub(super) fn open(&self, open: &Open) -> String {
        self.text(&words::open(open))
    }

    pub(super) fn question(&self, open: &Undecided) -> String {
        self.text(&words::question(open))
    }

    pub(super) fn party(&self, party: &Party) -> String {
        self.text(&headline::party(party, self.0))
    }

    pub(super) fn is_unexplained(&self, host: &Host) -> bool {
        headline::is_unexplained(host)
    }

    pub(super) fn is_command(&self, fix: &Fix, text: &str) -> bool {
        words::is_command(fix, text)
    }

    pub(super) fn brief(&self, time: &Time) -> String {
        self.0.brief(*time)
    }

    pub(super) fn minute(&self, time: &Time) -> String {
        self.0.minute(*time)
    }

    pub(super) fn second(&self, time: &Time) -> String {
        self.0.second(*time)
    }

    pub(super) fn period(&self, first: &Time, last: &Time) -> String {
        self.0.period(*first, *last)
    }

    pub(super) fn number(&self, value: &u64) -> String {
        words::number(*value)
    }

    pub(super) fn count(&self, value: &usize, noun: &str) -> String {
        words::count(u64::try_from(*value).unwrap_or(u64::MAX), noun)
    }

    pub(super) fn list<T>(&self, list: &[T], noun: &str) -> String {
        words::count_of(list, noun)
    }

    pub(super) fn status(&self, status: &Status) -> &'static str {
        words::status(*status)
    }

    pub(super) fn sign(&self, status: &Status) -> &'static str {
        words::sign(*status)
    }

    pub(super) fn confidence(&self, confidence: &Confidence) -> &'static str {
        words::confidence(*confidence)
    }

    pub(super) fn severity(&self, severity: &Severity) -> &'static str {
        words::severity(*severity)
    }

    pub(super) fn risk(&self, risk: &Risk) -> &'static str {
        words::risk(*risk)
    }

    pub(super) fn risk_class(&self, risk: &Risk) -> &'static str {
        if *risk == Risk::Safe { "safe" } else { "careful" }
    }

    pub(super) fn shell(&self, shell: &str) -> String {
        words::shell(&self.short(shell)).to_owned()
    }

    pub(super) fn update_state(&self, state: &UpdateState) -> String {
        words::update_state(*state).replace('_', " ")
    }
}
