//! Fleets of made-up hosts: order, groups, associations.

use super::*;
use crate::report::{Change, ConnectionCounts, Evidence, Fix, Outage, Risk, UpdateState, WindowsUpdate};

const HOUR: i64 = 36_000_000_000;

fn host(name: &str, status: Status) -> Host {
    let outage = (status == Status::Broken).then(|| Outage {
        first_failure: Some(Time(100 * HOUR)),
        failed_attempts: 3,
        ..Outage::default()
    });
    Host {
        name: name.to_owned(),
        other_names: Vec::new(),
        os: None,
        build: None,
        first_record: Some(Time(0)),
        last_record: Some(Time(200 * HOUR)),
        records: 10,
        logs: Vec::new(),
        status,
        status_reason: "no log covers connections".to_owned(),
        outage,
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

fn evidence(provider: &str, event_id: u32) -> Evidence {
    Evidence {
        time: Time(100 * HOUR),
        last_time: Time(100 * HOUR),
        log: "System.evtx".to_owned(),
        channel: "System".to_owned(),
        provider: provider.to_owned(),
        event_id,
        record_id: 1,
        text: String::new(),
        text_source: "none".to_owned(),
        count: 1,
    }
}

fn fix(order: &str) -> Fix {
    Fix {
        order: order.to_owned(),
        run: Vec::new(),
        shell: String::new(),
        risk: Risk::Safe,
        undo: None,
        check: None,
    }
}

fn cause(rule: &str, evidence: Vec<Evidence>, fixes: Vec<Fix>) -> Cause {
    Cause {
        rule: rule.to_owned(),
        title: format!("title of {rule}"),
        family: "service-crash".to_owned(),
        severity: Severity::Critical,
        confidence: Confidence::High,
        summary: String::new(),
        description: String::new(),
        because: Vec::new(),
        open: Vec::new(),
        evidence,
        fixes,
        explains: Vec::new(),
        explained_by: None,
        references: Vec::new(),
        since: None,
        until: None,
    }
}

fn update(kb: &str, hour: i64, state: UpdateState) -> WindowsUpdate {
    WindowsUpdate {
        time: Time(hour * HOUR),
        kb: kb.to_owned(),
        title: String::new(),
        state,
        code: None,
        build: None,
        restart: None,
    }
}

fn change(kind: &str, hour: i64, text: &str) -> Change {
    Change {
        time: Time(hour * HOUR),
        kind: kind.to_owned(),
        text: text.to_owned(),
        kb: Vec::new(),
        evidence: evidence("Service Control Manager", 7045),
    }
}

/// A fleet of broken and working hosts, with and without KB5012345.
fn patched(
    broken_with: usize,
    working_with: usize,
    broken_without: usize,
    working_without: usize,
) -> Vec<Host> {
    let kinds = [
        (Status::Broken, true, broken_with),
        (Status::Healthy, true, working_with),
        (Status::Broken, false, broken_without),
        (Status::Healthy, false, working_without),
    ];
    let mut hosts = Vec::new();
    for (status, has, count) in kinds {
        for _ in 0..count {
            let mut one = host(&format!("SRV{:03}", hosts.len()), status);
            if has {
                one.updates.push(update("KB5012345", 90, UpdateState::Installed));
            }
            hosts.push(one);
        }
    }
    hosts
}

#[test]
fn worst_host_comes_first_and_ties_go_by_name() {
    let mut many_attempts = host("Z", Status::Broken);
    many_attempts.outage.as_mut().unwrap().failed_attempts = 50;
    let mut with_cause = host("Y", Status::Broken);
    with_cause.causes.push(cause("crash", Vec::new(), Vec::new()));
    let mut less_severe = with_cause.clone();
    less_severe.name = "X".to_owned();
    less_severe.causes[0].severity = Severity::Medium;
    let mut less_sure = with_cause.clone();
    less_sure.name = "W".to_owned();
    less_sure.causes[0].confidence = Confidence::Low;
    let mut hosts = vec![
        host("H", Status::Healthy),
        host("U", Status::Unknown),
        host("B", Status::Broken),
        host("A", Status::Broken),
        host("D", Status::Degraded),
        many_attempts,
        less_severe,
        less_sure,
        with_cause,
    ];
    let lines = fleet(&mut hosts).lines;
    let names: Vec<&str> = lines.iter().map(|line| line.host.as_str()).collect();
    assert_eq!(names, ["Y", "W", "X", "Z", "A", "B", "D", "U", "H"]);
    assert!(lines.iter().filter(|line| !line.reason.is_empty()).all(|line| line.host == "U"));
}

#[test]
fn line_names_the_nearest_change_before_the_failure() {
    let mut one = host("A", Status::Broken);
    one.changes = vec![
        change("service", 120, "too late"),
        change("update", 99, "nearest"),
        change("restart", 90, "far"),
    ];
    let lines = fleet(&mut [one]).lines;
    assert_eq!(lines[0].change.as_deref(), Some("nearest"));
    assert_eq!(lines[0].since, Some(Time(100 * HOUR)));
}

#[test]
fn groups_of_kept_hosts_count_only_these() {
    let broken = |name: &str| {
        let mut one = host(name, Status::Broken);
        one.causes.push(cause("wrapper", vec![evidence("Application Error", 1000)], Vec::new()));
        one
    };
    let hosts = vec![broken("A1"), broken("A2"), broken("B1"), host("C1", Status::Healthy)];
    let mut report = report(hosts, &crate::scan::Scan::default(), &[]);
    keep(&mut report, &|host| host.name.starts_with('A'));
    let names: Vec<&str> = report.fleet.lines.iter().map(|line| line.host.as_str()).collect();
    assert_eq!(names, ["A1", "A2"]);
    assert_eq!(report.fleet.groups.len(), 1);
    assert_eq!(report.fleet.groups[0].shared_evidence, ["Application Error 1000 (2 hosts)"]);
    assert_eq!((report.summary.hosts, report.summary.broken), (4, 3));
}

#[test]
fn group_holds_hosts_shared_evidence_and_common_fixes() {
    let mut hosts = Vec::new();
    for number in 0..10 {
        let mut one = host(&format!("SRV{number}"), Status::Broken);
        let mut records =
            vec![evidence("Service Control Manager", 7034), evidence("Service Control Manager", 7034)];
        if number < 8 {
            records.push(evidence("Application Error", 1000));
        }
        if number < 7 {
            records.push(evidence("Windows Error Reporting", 1001));
        }
        let own = fix(&format!("only on {number}"));
        one.causes.push(cause("wrapper", records, vec![own, fix("first"), fix("second")]));
        hosts.push(one);
    }
    let mut effect = cause("refused", Vec::new(), Vec::new());
    effect.explained_by = Some("wrapper".to_owned());
    hosts[3].causes.insert(0, effect);
    hosts[4].outage.as_mut().unwrap().first_failure = Some(Time(50 * HOUR));
    let groups = fleet(&mut hosts).groups;
    assert_eq!(groups.len(), 1);
    assert_eq!(groups[0].rule, "wrapper");
    assert_eq!(groups[0].hosts.len(), 10);
    assert_eq!(groups[0].first_failure, Some(Time(50 * HOUR)));
    assert_eq!(
        groups[0].shared_evidence,
        ["Service Control Manager 7034 (10 hosts)", "Application Error 1000 (8 hosts)"]
    );
    assert_eq!(groups[0].fixes, [fix("first"), fix("second")]);
}

#[test]
fn larger_group_comes_first_and_healthy_hosts_are_in_none() {
    let causes = ["b", "a", "c", "c", "h"];
    let mut hosts: Vec<Host> = causes
        .iter()
        .enumerate()
        .map(|(number, rule)| {
            let mut one = host(&format!("SRV{number}"), Status::Broken);
            one.causes.push(cause(rule, Vec::new(), Vec::new()));
            one
        })
        .collect();
    hosts[4].status = Status::Healthy;
    let groups = fleet(&mut hosts).groups;
    let rules: Vec<&str> = groups.iter().map(|group| group.rule.as_str()).collect();
    assert_eq!(rules, ["c", "a", "b"]);
}

#[test]
fn bad_update_is_named_with_its_counts() {
    let found = fleet(&mut patched(35, 5, 2, 158)).associations;
    assert_eq!(found.len(), 1);
    let one = &found[0];
    assert_eq!((one.kind.as_str(), one.property.as_str()), ("update", "KB5012345"));
    assert_eq!((one.broken_with, one.working_with, one.broken_without, one.working_without), (35, 5, 2, 158));
    assert_eq!(one.risk_ratio, Some(70.0));
    assert_eq!(one.interval, Some((17.57, 278.9)));
    assert!(one.corrected < 1e-25);
    assert_eq!(
        one.text,
        "35 of 40 hosts with KB5012345 are broken, 2 of 160 without: 70 times likelier (95 % sure: between 18 and \
         279 times). Chance alone would do this less than once in a billion times (1 property tried)."
    );
}

#[test]
fn update_on_every_broken_host_has_no_ratio() {
    let found = fleet(&mut patched(10, 1, 0, 20)).associations;
    assert_eq!(found[0].risk_ratio, None);
    assert!(found[0].text.contains("0 of 20 without: no host without is broken (95 % sure: at least "));
}

#[test]
fn nothing_is_said_of_few_hosts_or_without_a_difference() {
    for cells in [
        (0, 0, 0, 0),
        (40, 0, 160, 0), // all broken
        (0, 40, 0, 160), // none broken
        (2, 0, 0, 100),  // two broken hosts
        (3, 0, 0, 3),    // Fisher: 0.1
        (40, 40, 0, 0),  // everybody has it
        (0, 0, 40, 40),  // nobody has it
        (10, 10, 10, 10),
        (0, 20, 20, 0), // it protects
    ] {
        let found = fleet(&mut patched(cells.0, cells.1, cells.2, cells.3)).associations;
        assert_eq!(found, [], "{cells:?}");
    }
}

#[test]
fn unknown_hosts_and_degraded_ones_without_an_outage_do_not_count() {
    let mut hosts = patched(10, 0, 0, 10);
    for number in 0..5 {
        let mut unknown = host(&format!("U{number}"), Status::Unknown);
        unknown.updates.push(update("KB5012345", 90, UpdateState::Installed));
        hosts.push(unknown);
        hosts.push(host(&format!("D{number}"), Status::Degraded));
        let mut degraded = host(&format!("E{number}"), Status::Degraded);
        degraded.outage = Some(Outage::default());
        hosts.push(degraded);
    }
    let found = fleet(&mut hosts).associations;
    assert_eq!((found[0].broken_with, found[0].broken_without, found[0].working_without), (10, 5, 10));
}

#[test]
fn properties_on_the_same_hosts_are_one_line() {
    let mut hosts = patched(10, 0, 0, 10);
    for host in &mut hosts {
        host.build = Some(if host.updates.is_empty() { "17763.5000" } else { "17763.5122" }.to_owned());
        if !host.updates.is_empty() {
            host.updates.push(update("KB5011111", 80, UpdateState::Installed));
        }
    }
    let found = fleet(&mut hosts).associations;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].property, "KB5011111, KB5012345, build 17763.5122 (always together)");
    assert_eq!(found[0].kind, "update");
}

#[test]
fn property_that_only_goes_along_says_so() {
    let mut hosts = patched(35, 5, 2, 158);
    for (number, host) in hosts.iter_mut().enumerate() {
        if !host.updates.is_empty() || number % 5 == 0 {
            host.changes.push(change("restart", 95, "restart"));
        }
    }
    let found = fleet(&mut hosts).associations;
    let properties: Vec<&str> = found.iter().map(|one| one.property.as_str()).collect();
    assert_eq!(properties, ["KB5012345", "restart"]);
    assert!(!found[0].text.contains("goes along"));
    assert!(found[1].text.ends_with(
        "It goes along with KB5012345; among hosts that are alike in that, it makes no clear difference."
    ));
}

#[test]
fn updates_not_in_force_or_later_than_the_failure_do_not_count() {
    let mut hosts = patched(0, 0, 12, 12);
    for host in hosts.iter_mut().filter(|host| host.status == Status::Broken) {
        host.updates = vec![
            update("KB1", 90, UpdateState::Failed),
            update("KB2", 120, UpdateState::Installed),
            update("KB3", 80, UpdateState::Installed),
            update("KB3", 90, UpdateState::Uninstalled),
        ];
    }
    assert_eq!(fleet(&mut hosts).associations, []);
}

#[test]
fn own_names_do_not_hide_a_common_change() {
    let mut hosts = patched(0, 0, 10, 10);
    for host in &mut hosts {
        let text = format!("new certificate  CN={}.corp.example by Agent", host.name.to_lowercase());
        let kind = if host.status == Status::Broken { "certificate" } else { "policy" };
        host.name = format!("{}.corp.example", host.name);
        host.changes.push(change(kind, 90, if kind == "policy" { "something else" } else { &text }));
    }
    let found = fleet(&mut hosts).associations;
    assert_eq!(found[0].property, "new certificate CN=<host> by Agent");
    assert_eq!(found[0].kind, "certificate");
}

#[test]
fn changes_that_only_broken_hosts_tell_are_not_compared() {
    let mut hosts = patched(0, 0, 10, 10);
    for host in hosts.iter_mut().filter(|host| host.status == Status::Broken) {
        host.changes.push(change("restart", 90, "restart"));
    }
    assert_eq!(fleet(&mut hosts).associations, []);
}

#[test]
fn order_of_hosts_changes_nothing() {
    let mut hosts = patched(20, 7, 4, 60);
    for (number, host) in hosts.iter_mut().enumerate() {
        host.build = Some(format!("17763.{}", number % 3));
        host.changes.push(change("driver", 90, &format!("driver {}", number % 4)));
        host.causes.push(cause(["a", "b", "c"][number % 3], vec![evidence("P", 1)], vec![fix("one")]));
    }
    let expected = (fleet(&mut hosts), hosts.clone());
    for seed in 1..20 {
        let mut shuffled = hosts.clone();
        shuffled.sort_by_key(|host| {
            host.name.bytes().fold(seed, |sum: u64, byte| (sum * 31 + u64::from(byte)) % 10_007)
        });
        let found = (fleet(&mut shuffled), shuffled);
        assert_eq!(found, expected, "seed {seed}");
    }
}
