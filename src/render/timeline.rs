//! A host's life as a text with a table.

use super::clock::Clock;
use super::document::{Block, Document};
use super::{Style, words};
use crate::report::{Entry, EntryKind, Host};

/// A table with a line per entry.
pub(super) fn document(host: &Host, style: &Style) -> Document {
    let clock = Clock::new(style.tz, host.last_record);
    let mut text = Document::new(format!("Timeline of {}", host.name));
    text.paragraph(format!("Times in {}.", clock.zone()));
    let rows = host.timeline.iter().map(|entry| {
        vec![
            clock.second(entry.time),
            words::entry_kind(entry.kind).to_owned(),
            what(entry),
            entry.source.clone(),
        ]
    });
    let head = vec!["Time", "Kind", "What", "Where it shows"];
    text.blocks.push(Block::Table { head, rows: rows.collect() });
    text
}

fn what(entry: &Entry) -> String {
    if entry.kind == EntryKind::Connections {
        return format!("{} good, {} failed", words::number(entry.good), words::number(entry.failed));
    }
    entry.text.clone()
}

#[cfg(test)]
mod tests {
    use super::super::test_report::{hostile, single};
    use super::super::{Format, Style, escape, timeline};
    use crate::report::Report;

    fn shown(report: &Report, format: Format, width: usize) -> String {
        let mut out = Vec::new();
        let host = report.hosts.first().expect("the report has a host");
        timeline(host, format, &Style { width, ..Style::default() }, &mut out).expect("memory takes all");
        String::from_utf8(out).expect("output is UTF-8")
    }

    #[test]
    fn a_terminal_shows_a_bar_per_interval() {
        insta::assert_snapshot!(shown(&single(), Format::Table, 120), @r"
SRV-RDS01.corp.example                                                                                      times in UTC

13 Jan 22:00                ████ 2 good
14 Jan 03:02:50  ● change   update KB5012345 installed                  System · WindowsUpdateClient 19 · record 790
14 Jan 03:04:11  ● change   restart by TrustedInstaller                 System · User32 1074 · record 795
14 Jan 03:12:40  ✖ outage   first failure
14 Jan 03:12:40  ▲ found    TermService crashes in rdpwrap.dll          Application · Application Error 1000 · record
                                                                        812
14 Jan 03:12:41  ■ service  Remote Desktop Services ended unexpectedly  System · Service Control Manager 7034 · record
                                                                        812
14 Jan 04:00                ░░░░░░ 3 failed
14 Jan 07:00                ░░░░░░░░░░░░░░░░░░░░░░░░ 11 failed

█ good connections   ░ failed connections
    ");
        insta::assert_snapshot!(shown(&single(), Format::Table, 80), @r"
SRV-RDS01.corp.example                                              times in UTC

13 Jan 22:00                ████ 2 good
14 Jan 03:02:50  ● change   update KB5012345 installed
                            System · WindowsUpdateClient 19 · record 790
14 Jan 03:04:11  ● change   restart by TrustedInstaller
                            System · User32 1074 · record 795
14 Jan 03:12:40  ✖ outage   first failure
14 Jan 03:12:40  ▲ found    TermService crashes in rdpwrap.dll
                            Application · Application Error 1000 · record 812
14 Jan 03:12:41  ■ service  Remote Desktop Services ended unexpectedly
                            System · Service Control Manager 7034 · record 812
14 Jan 04:00                ░░░░░░ 3 failed
14 Jan 07:00                ░░░░░░░░░░░░░░░░░░░░░░░░ 11 failed

█ good connections   ░ failed connections
    ");
    }

    #[test]
    fn a_line_of_json_is_an_entry() {
        let text = shown(&single(), Format::JsonLines, 80);
        insta::assert_snapshot!(text.lines().nth(1).unwrap_or_default(), @r#"{"schema":1,"host":"SRV-RDS01.corp.example","time":"2026-01-14T03:02:50.000Z","kind":"change","text":"update KB5012345 installed","good":0,"failed":0,"source":"System · WindowsUpdateClient 19 · record 790"}"#);
        assert_eq!(text.lines().count(), 8);
    }

    #[test]
    fn a_ticket_gets_a_table() {
        insta::assert_snapshot!(shown(&single(), Format::Markdown, 80), @r"
# Timeline of SRV-RDS01.corp.example

Times in UTC.

| Time | Kind | What | Where it shows |
| --- | --- | --- | --- |
| 13 Jan 22:00:00 | connections | 2 good, 0 failed |  |
| 14 Jan 03:02:50 | change | update KB5012345 installed | System · WindowsUpdateClient 19 · record 790 |
| 14 Jan 03:04:11 | change | restart by TrustedInstaller | System · User32 1074 · record 795 |
| 14 Jan 03:12:40 | outage | first failure |  |
| 14 Jan 03:12:40 | match | TermService crashes in rdpwrap.dll | Application · Application Error 1000 · record 812 |
| 14 Jan 03:12:41 | service | Remote Desktop Services ended unexpectedly | System · Service Control Manager 7034 · record 812 |
| 14 Jan 04:00:00 | connections | 0 good, 3 failed |  |
| 14 Jan 07:00:00 | connections | 0 good, 11 failed |  |
    ");
    }

    #[test]
    fn hostile_timelines_are_harmless() {
        for format in [Format::Table, Format::Json, Format::JsonLines, Format::Csv, Format::Markdown] {
            let text = shown(&hostile(), format, 80);
            assert!(!text.chars().any(|character| character != '\n' && escape::is_dangerous(character)));
        }
    }
}
