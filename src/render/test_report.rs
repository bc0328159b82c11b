//! Made-up reports for the tests of all renderers: a small fleet, and one in which every text is hostile.

use crate::evtx::{Fault, Span, Time};
use crate::report::{
    Association, Cause, Change, Confidence, ConnectionCounts, Entry, EntryKind, Evidence, Exposure, Fix,
    Fleet, Group, Host, HostLine, Interval, LogSummary, Note, Open, Outage, Report, Risk, RuledOut, Severity,
    Status, Summary, Undecided, UpdateState, WindowsUpdate,
};

pub(crate) fn at(text: &str) -> Time {
    Time::parse(text).expect("tests name valid times")
}

/// A broken, a degraded, an unknown and a healthy host.
pub(crate) fn fleet() -> Report {
    let hosts = vec![broken(), recovered(), unknown(), healthy()];
    let lines = hosts.iter().map(host_line).collect();
    Report {
        version: "0.1.0".to_owned(),
        summary: Summary {
            hosts: 4,
            broken: 1,
            degraded: 1,
            healthy: 1,
            unknown: 1,
            logs: 9,
            duplicate_logs: 1,
            bytes: 71_303_168,
            records: 90_412,
            lost_records: 14,
            recovered_records: 3,
            first_record: Some(at("2026-01-08T00:00:00Z")),
            last_record: Some(at("2026-01-14T08:00:00Z")),
        },
        fleet: Fleet { lines, groups: vec![group()], associations: vec![association()] },
        hosts,
        faults: vec![fault("old/Carved.evtx")],
        is_partial: false,
        client_errors: vec![Note { kind: "client-error".to_owned(), text: "0x904: the client lost the connection while it was being set up (network, certificate or a crash of the service).".to_owned() }],
    }
}

/// The broken host alone.
pub(crate) fn single() -> Report {
    let mut report = fleet();
    report.hosts.truncate(1);
    report.fleet = Fleet { lines: report.fleet.lines.into_iter().take(1).collect(), ..Fleet::default() };
    report.summary.hosts = 1;
    report.faults.clear();
    report.client_errors.clear();
    report
}

/// `count` hosts, of which every tenth is broken.
pub(crate) fn many(count: usize) -> Report {
    let mut report = fleet();
    let broken_hosts = count.div_ceil(10);
    let name =
        |host: &Host, index: usize| Host { name: format!("SRV-{index:04}.corp.example"), ..host.clone() };
    report.hosts = (0..count)
        .map(|index| if index < broken_hosts { name(&broken(), index) } else { name(&healthy(), index) })
        .collect();
    report.fleet.lines = report.hosts.iter().map(host_line).collect();
    report.summary.hosts = count;
    report.summary.broken = broken_hosts;
    report.summary.healthy = count - broken_hosts;
    (report.summary.degraded, report.summary.unknown) = (0, 0);
    report
}

fn host_line(host: &Host) -> HostLine {
    let cause = host.causes.first();
    HostLine {
        host: host.name.clone(),
        status: host.status,
        since: host.outage.as_ref().and_then(|outage| outage.first_failure),
        rule: cause.map(|cause| cause.rule.clone()),
        title: cause.map(|cause| cause.title.clone()),
        confidence: cause.map(|cause| cause.confidence),
        change: host.changes.first().map(|change| change.text.clone()),
        failed_attempts: host.outage.as_ref().map_or(0, |outage| outage.failed_attempts),
        reason: if host.status == Status::Unknown { host.status_reason.clone() } else { String::new() },
    }
}

fn empty(name: &str, status: Status) -> Host {
    Host {
        name: name.to_owned(),
        other_names: Vec::new(),
        os: Some("Windows Server 2019".to_owned()),
        build: Some("17763.5329".to_owned()),
        first_record: Some(at("2026-01-10T06:00:00Z")),
        last_record: Some(at("2026-01-14T08:00:00Z")),
        records: 1204,
        logs: vec![log("System.evtx", "System")],
        status,
        status_reason: String::new(),
        outage: None,
        parties: Vec::new(),
        changes: Vec::new(),
        causes: Vec::new(),
        ruled_out: Vec::new(),
        unknown: Vec::new(),
        notes: Vec::new(),
        exposure: None,
        updates: Vec::new(),
        connections: ConnectionCounts::default(),
        intervals: Vec::new(),
        timeline: Vec::new(),
        faults: Vec::new(),
    }
}

fn log(name: &str, channel: &str) -> LogSummary {
    LogSummary {
        name: name.to_owned(),
        channels: vec![channel.to_owned()],
        records: 15_301,
        first_record: Some(at("2026-01-10T06:00:00Z")),
        last_record: Some(at("2026-01-14T08:00:00Z")),
    }
}

fn fault(log: &str) -> Fault {
    Fault { log: log.into(), offset: 69_632, expected: "ElfChnk".into(), found: "zeros".into(), lost: 14 }
}

fn evidence(time: &str, channel: &str, event_id: u32, text: &str) -> Evidence {
    Evidence {
        time: at(time),
        last_time: at(time),
        log: format!("{}.evtx", channel.replace('/', "%4")),
        channel: channel.to_owned(),
        provider: if channel == "System" { "Service Control Manager".to_owned() } else { channel.to_owned() },
        event_id,
        record_id: 812,
        text: text.to_owned(),
        text_source: "catalogue".to_owned(),
        count: 1,
    }
}

fn change(time: &str, kind: &str, text: &str) -> Change {
    Change {
        time: at(time),
        kind: kind.to_owned(),
        text: text.to_owned(),
        kb: if kind == "update" { vec!["KB5012345".to_owned()] } else { Vec::new() },
        evidence: evidence(time, "System", 19, text),
    }
}

fn broken() -> Host {
    Host {
        other_names: vec!["WIN-3F7AQ2".to_owned()],
        records: 61_204,
        logs: vec![
            log("SRV-RDS01/System.evtx", "System"),
            log("SRV-RDS01/Application.evtx", "Application"),
            log("SRV-RDS01/LSM.evtx", LSM),
            log("SRV-RDS01/RdpCoreTS.evtx", "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational"),
        ],
        status_reason: "The last 23 attempts failed and none has worked since.".to_owned(),
        outage: Some(Outage {
            last_good: Some(at("2026-01-13T22:41:09Z")),
            first_failure: Some(at("2026-01-14T03:12:40Z")),
            end: None,
            failed_attempts: 23,
            addresses: vec!["10.0.4.17".to_owned(), "10.0.4.22".to_owned()],
            users: vec!["CORP\\anna".to_owned(), "CORP\\ben".to_owned()],
        }),
        changes: vec![
            change("2026-01-14T03:04:11Z", "restart", "restart by TrustedInstaller"),
            change("2026-01-14T03:02:50Z", "update", "update KB5012345 installed"),
        ],
        causes: vec![wrapper(), refused()],
        ruled_out: ruled_out(),
        unknown: vec![Undecided {
            rules: vec!["certificate_key_unreadable".to_owned()],
            question: "Whether the certificate of the listener was replaced: no log covers it.".to_owned(),
            needs: "RemoteConnectionManager/Operational from 13 Jan on".to_owned(),
            export:
                "wevtutil epl Microsoft-Windows-TerminalServices-RemoteConnectionManager/Operational rcm.evtx"
                    .to_owned(),
        }],
        notes: vec![Note {
            kind: "noise".to_owned(),
            text: "226 with 0x80070040 (412 times) only says that a client closed its connection.".to_owned(),
        }],
        exposure: Some(Exposure {
            attempts: 5210,
            addresses: 311,
            is_lower_bound: true,
            examples: vec!["185.7.214.3".to_owned(), "193.32.162.9".to_owned()],
            text: "Passwords are guessed from the internet: 5 210 failed logons from at least 311 addresses."
                .to_owned(),
        }),
        updates: vec![WindowsUpdate {
            time: at("2026-01-14T03:02:50Z"),
            kb: "KB5012345".to_owned(),
            title: "2026-01 Cumulative Update for Windows Server 2019 (KB5012345)".to_owned(),
            state: UpdateState::Installed,
            code: None,
            build: Some("17763.5329".to_owned()),
            restart: Some(at("2026-01-14T03:05:30Z")),
        }],
        connections: ConnectionCounts { attempts: 5321, good: 88, failed: 23, noise: 5210 },
        intervals: intervals(),
        timeline: timeline(),
        faults: vec![fault("SRV-RDS01/Application.evtx")],
        ..empty("SRV-RDS01.corp.example", Status::Broken)
    }
}

const LSM: &str = "Microsoft-Windows-TerminalServices-LocalSessionManager/Operational";

fn wrapper() -> Cause {
    let mut crash = evidence(
        "2026-01-14T03:12:40Z",
        "Application",
        1000,
        "Faulting application name: svchost.exe_TermService, version: 10.0.17763.3346, faulting module name: rdpwrap.dll, version: 1.5.0.0, exception code: 0xc0000005 (access violation), fault offset: 0x0000000000012345, faulting process id: 0x4c8",
    );
    crash.count = 3;
    crash.last_time = at("2026-01-14T03:15:02Z");
    Cause {
        rule: "rdp_wrapper_mismatch".to_owned(),
        title: "TermService crashes in rdpwrap.dll: a third-party wrapper does not fit the installed termsrv.dll".to_owned(),
        family: "third-party-software".to_owned(),
        severity: Severity::Critical,
        confidence: Confidence::High,
        summary: "svchost.exe_TermService crashed 3 times in rdpwrap.dll, first 8 minutes after KB5012345 replaced termsrv.dll.".to_owned(),
        description: "The wrapper patches offsets inside termsrv.dll; after an update they no longer fit.".to_owned(),
        because: vec![
            "The update replaced termsrv.dll 8 min earlier; no crash in the 6 days before.".to_owned(),
            "Connections still arrive (RdpCoreTS 131), so the network is not at fault.".to_owned(),
        ],
        open: vec![Open {
            needs: vec!["Security".to_owned()],
            may_raise: false,
            may_lower: true,
            may_rule_out: true,
        }],
        evidence: vec![
            crash,
            evidence("2026-01-14T03:12:41Z", "System", 7034, "The Remote Desktop Services service terminated unexpectedly. It has done this 3 time(s)."),
            evidence("2026-01-14T03:12:43Z", LSM, 17, "Remote Desktop Service start failed. The relevant status code was 0x800706b5 (the interface is unknown)."),
        ],
        fixes: vec![
            Fix {
                order: "Uninstall the wrapper, which puts Microsoft's termsrv.dll back".to_owned(),
                run: vec!["& 'C:\\Program Files\\RDP Wrapper\\RDPWInst.exe' -u".to_owned(), "Restart-Service TermService -Force".to_owned()],
                shell: "powershell".to_owned(),
                risk: Risk::EndsSessions,
                undo: Some("& 'C:\\Program Files\\RDP Wrapper\\RDPWInst.exe' -i".to_owned()),
                check: None,
            },
            Fix {
                order: "Take the update back until the wrapper is gone".to_owned(),
                run: vec!["wusa /uninstall /kb:5012345".to_owned()],
                shell: "cmd".to_owned(),
                risk: Risk::Reboots,
                undo: None,
                check: Some("Get-Service TermService shows Running and qwinsta lists rdp-tcp in state Listen".to_owned()),
            },
        ],
        explains: vec!["connection_refused".to_owned()],
        explained_by: None,
        references: vec!["https://learn.microsoft.com/troubleshoot/windows-server/remote/".to_owned()],
        since: Some(at("2026-01-14T03:12:40Z")),
        until: Some(at("2026-01-14T03:15:02Z")),
    }
}

fn refused() -> Cause {
    Cause {
        rule: "connection_refused".to_owned(),
        title: "The listener does not accept connections".to_owned(),
        family: "listener-or-port".to_owned(),
        severity: Severity::High,
        confidence: Confidence::Medium,
        summary: "The listener RDP-Tcp stopped at 03:12:41.".to_owned(),
        description: "Nothing listens on port 3389.".to_owned(),
        because: vec!["The service that owns the listener had just ended.".to_owned()],
        open: vec![Open {
            needs: vec!["Application".to_owned(), LSM.to_owned()],
            may_raise: true,
            may_lower: false,
            may_rule_out: false,
        }],
        evidence: vec![evidence("2026-01-14T03:12:44Z", "System", 1035, "The listener stack was down.")],
        fixes: Vec::new(),
        explains: Vec::new(),
        explained_by: Some("rdp_wrapper_mismatch".to_owned()),
        references: Vec::new(),
        since: Some(at("2026-01-14T03:12:44Z")),
        until: Some(at("2026-01-14T03:12:44Z")),
    }
}

fn ruled_out() -> Vec<RuledOut> {
    [
        ("firewall-or-network", "Firewall or network", "RdpCoreTS 131 still arrives"),
        ("licensing", "Licensing", "no RCM licensing event in the period"),
    ]
    .map(|(rule, title, reason)| RuledOut {
        rule: rule.to_owned(),
        title: title.to_owned(),
        reason: reason.to_owned(),
    })
    .to_vec()
}

fn intervals() -> Vec<Interval> {
    let start = at("2026-01-13T12:00:00Z");
    [(0, 6, 0), (1, 9, 1), (2, 8, 0), (4, 4, 0), (10, 2, 0), (15, 0, 9), (16, 0, 3), (19, 0, 11)]
        .map(|(hour, good, failed)| Interval {
            start: start.plus(Span::hours(hour)),
            seconds: 3600,
            counts: ConnectionCounts { attempts: good + failed + 40, good, failed, noise: 40 },
        })
        .to_vec()
}

fn timeline() -> Vec<Entry> {
    let entry = |time: &str, kind: EntryKind, text: &str, counts: (u64, u64), source: &str| Entry {
        time: at(time),
        kind,
        text: text.to_owned(),
        good: counts.0,
        failed: counts.1,
        source: source.to_owned(),
    };
    vec![
        entry("2026-01-13T22:00:00Z", EntryKind::Connections, "2 connections", (2, 0), ""),
        entry(
            "2026-01-14T03:02:50Z",
            EntryKind::Change,
            "update KB5012345 installed",
            (0, 0),
            "System · WindowsUpdateClient 19 · record 790",
        ),
        entry(
            "2026-01-14T03:04:11Z",
            EntryKind::Change,
            "restart by TrustedInstaller",
            (0, 0),
            "System · User32 1074 · record 795",
        ),
        entry("2026-01-14T03:12:40Z", EntryKind::Outage, "first failure", (0, 0), ""),
        entry(
            "2026-01-14T03:12:40Z",
            EntryKind::Match,
            "TermService crashes in rdpwrap.dll",
            (0, 0),
            "Application · Application Error 1000 · record 812",
        ),
        entry(
            "2026-01-14T03:12:41Z",
            EntryKind::Service,
            "Remote Desktop Services ended unexpectedly",
            (0, 0),
            "System · Service Control Manager 7034 · record 812",
        ),
        entry("2026-01-14T04:00:00Z", EntryKind::Connections, "3 connections", (0, 3), ""),
        entry("2026-01-14T07:00:00Z", EntryKind::Connections, "11 connections", (0, 11), ""),
    ]
}

fn recovered() -> Host {
    let mut cause = refused();
    cause.explained_by = None;
    Host {
        status_reason: "6 attempts failed on 12 Jan; it has worked since.".to_owned(),
        outage: Some(Outage {
            last_good: Some(at("2026-01-12T09:01:00Z")),
            first_failure: Some(at("2026-01-12T09:20:00Z")),
            end: Some(at("2026-01-12T10:05:00Z")),
            failed_attempts: 6,
            addresses: vec!["10.0.4.17".to_owned()],
            users: Vec::new(),
        }),
        causes: vec![cause],
        connections: ConnectionCounts { attempts: 60, good: 54, failed: 6, noise: 0 },
        ..empty("SRV-RDS02.corp.example", Status::Degraded)
    }
}

fn unknown() -> Host {
    Host {
        status_reason: "The logs hold no connection attempt and no record about Remote Desktop.".to_owned(),
        unknown: vec![Undecided {
            rules: Vec::new(),
            question: "Whether anybody tried to connect.".to_owned(),
            needs: "LocalSessionManager/Operational".to_owned(),
            export:
                "wevtutil epl Microsoft-Windows-TerminalServices-LocalSessionManager/Operational lsm.evtx"
                    .to_owned(),
        }],
        ..empty("SRV-FILE07.corp.example", Status::Unknown)
    }
}

fn healthy() -> Host {
    Host {
        status_reason: "The last attempt reached its desktop on 14 Jan 07:58.".to_owned(),
        connections: ConnectionCounts { attempts: 312, good: 309, failed: 3, noise: 0 },
        ..empty("SRV-RDS03.corp.example", Status::Healthy)
    }
}

fn group() -> Group {
    Group {
        rule: "rdp_wrapper_mismatch".to_owned(),
        title: wrapper().title,
        family: "third-party-software".to_owned(),
        hosts: vec!["SRV-RDS01.corp.example".to_owned(), "SRV-RDS04.corp.example".to_owned()],
        first_failure: Some(at("2026-01-14T03:12:40Z")),
        shared_evidence: vec![
            "Application Error 1000 (2 hosts)".to_owned(),
            "Service Control Manager 7034 (2 hosts)".to_owned(),
        ],
        fixes: wrapper().fixes,
    }
}

fn association() -> Association {
    Association {
        kind: "update".to_owned(),
        property: "KB5012345".to_owned(),
        broken_with: 35,
        working_with: 5,
        broken_without: 4,
        working_without: 156,
        risk_ratio: Some(35.0),
        interval: Some((13.2, 92.6)),
        p_value: 1.2e-28,
        corrected: 2.4e-27,
        text: "35 of 40 hosts with KB5012345 are broken, but only 4 of 160 without it: 35 times as likely."
            .to_owned(),
    }
}

/// What a log can hold to hurt the reader's terminal, browser, spreadsheet or ticket.
pub(crate) const HOSTILE: &str = "=cmd|'/c calc'!A1 <script>alert(1)</script> \"quoted\" 'q' `code` **bold** [a](javascript:alert(1)) | \u{1b}[2J\u{1b}]0;owned\u{7}\0 \u{202e}txt.exe\u{2069} z\u{200b}w \u{9b}31m\r\n# heading\n- item ${{7*7}} {{ 7 }} &amp; @team e\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}";

/// One broken host in which every text is hostile.
pub(crate) fn hostile() -> Report {
    let mut report = single();
    let text = || HOSTILE.to_owned();
    let long = || format!("{HOSTILE}{}", "x".repeat(32_000));
    let host = report.hosts.first_mut().expect("the report has a host");
    (host.name, host.os, host.build, host.status_reason) = (text(), Some(text()), Some(text()), long());
    host.other_names = vec![text()];
    let outage = host.outage.as_mut().expect("the host has an outage");
    (outage.users, outage.addresses) = (vec![text()], vec![text()]);
    for change in &mut host.changes {
        (change.kind, change.text, change.kb) = (text(), long(), vec![text()]);
    }
    host.causes.iter_mut().for_each(spoil);
    host.ruled_out = vec![RuledOut { rule: text(), title: text(), reason: long() }];
    host.unknown = vec![Undecided { rules: vec![text()], question: long(), needs: text(), export: text() }];
    host.notes = vec![Note { kind: text(), text: long() }];
    host.exposure = Some(Exposure {
        attempts: 1,
        addresses: 1,
        is_lower_bound: false,
        examples: vec![text()],
        text: long(),
    });
    for entry in &mut host.timeline {
        (entry.text, entry.source) = (long(), text());
    }
    for log in &mut host.logs {
        (log.name, log.channels) = (text(), vec![text()]);
    }
    for update in &mut host.updates {
        (update.kb, update.title, update.code, update.build) = (text(), long(), Some(text()), Some(text()));
    }
    host.faults = vec![Fault {
        log: HOSTILE.into(),
        offset: 1,
        expected: HOSTILE.into(),
        found: HOSTILE.into(),
        lost: 1,
    }];
    report.client_errors = vec![Note { kind: text(), text: long() }];
    report.fleet.lines = vec![HostLine { change: Some(long()), reason: long(), ..host_line(host) }];
    report
}

fn spoil(cause: &mut Cause) {
    let text = || HOSTILE.to_owned();
    (cause.title, cause.summary, cause.description) =
        (text(), format!("{HOSTILE}{}", "x".repeat(32_000)), text());
    (cause.because, cause.references, cause.family) =
        (vec![text()], vec![text(), "javascript:alert(1)".to_owned()], text());
    for evidence in &mut cause.evidence {
        evidence.text = format!("{HOSTILE}{}", "x".repeat(32_000));
        (evidence.log, evidence.channel, evidence.provider) = (text(), text(), text());
    }
    for fix in &mut cause.fixes {
        (fix.order, fix.run, fix.shell) = (text(), vec![text()], text());
        (fix.undo, fix.check) = (Some(text()), Some(text()));
    }
}
