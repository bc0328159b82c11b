//! What becomes of Windows updates: their history, blame and innocence.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop where it fails")]

use std::path::Path;
use std::process::Command;

use crate::{corpus, support};

fn run(arguments: &[&str], logs: &Path) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rdpwhy"));
    let output = command.args(arguments).arg("--quiet").arg(logs).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The values of a key in a JSON text, in order; enough for flat values of one name.
fn values(json: &str, key: &str) -> Vec<String> {
    let name = format!("\"{key}\":");
    let starts = json.split(&name).skip(1);
    starts
        .map(|rest| {
            let rest = rest.trim_start();
            rest.strip_prefix('"').map_or_else(
                || rest.split([',', '}', '\n']).next().unwrap().trim().to_owned(),
                |text| text.split('"').next().unwrap().to_owned(),
            )
        })
        .collect()
}

/// The part of a document that lists the updates of its only host.
fn updates_of(json: &str) -> &str {
    let start = json.split_once("\"updates\":").unwrap().1;
    start.split_once("\"connections\":").map_or(start, |(list, _)| list)
}

/// Two years of a machine's Setup log, beside the text that Event Viewer made of them: what was installed, in order.
#[test]
fn a_long_history_is_complete() {
    let Some(folder) = corpus::folder() else {
        eprintln!("skipped: no corpus (set RDPWHY_CORPUS to a folder with MANIFEST.tsv)");
        return;
    };
    let log = folder.join("omerbenamram+evtx/test.evtx");
    let json = run(&["diagnose", "--format", "json"], &log);
    let list = updates_of(&json);
    let text = std::fs::read_to_string(folder.join("omerbenamram+evtx/test.csv")).unwrap();
    let mut lines: Vec<&str> = text.lines().skip(1).collect();
    lines.reverse();
    let mut expected = Vec::new();
    let mut again = "";
    for line in lines {
        let kb = line
            .split_whitespace()
            .find(|word| word.starts_with("KB"))
            .map(|word| word.trim_end_matches('.'));
        let Some(kb) = kb else { continue };
        if line.contains("Current state is Installed.") {
            again = kb;
        } else if line.contains("successfully changed to the Installed state") {
            // `12/9/2025 5:37:32 PM`: the zone is the author's, minutes and seconds are the same everywhere.
            let clock = line.split(' ').nth(1).unwrap().split_once(':').unwrap().1;
            if kb == again {
                again = "";
            } else {
                expected.push(format!("{clock} {kb}"));
            }
        }
    }
    let times = values(list, "time");
    let mut found: Vec<String> = times
        .iter()
        .zip(values(list, "kb"))
        .map(|(time, kb)| format!("{} {kb}", time.get(14..19).unwrap()))
        .collect();
    assert_eq!(found.len(), 71);
    assert!(values(list, "state").iter().all(|state| state == "installed"));
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn builds_and_records_of_a_sample_give_its_history() {
    let json =
        run(&["diagnose", "--format", "json"], &support::samples_folder().join("update-known-regression"));
    let list = updates_of(&json);
    assert_eq!(values(list, "kb"), ["KB5040430", "KB5041578"]);
    assert_eq!(values(list, "state"), ["from_build", "installed"]);
    assert_eq!(values(list, "build"), ["17763.6054", "17763.6189"]);
    assert_eq!(values(list, "restart")[1], "2024-08-14T03:23:35.000Z");
}

/// Rule, family and confidence of each cause of a sample's only host, and its status.
fn causes_of(sample: &str) -> (Vec<[String; 3]>, String) {
    let json = run(&["diagnose", "--format", "json"], &support::samples_folder().join(sample));
    let list = json.split_once("\"causes\":").unwrap().1.split_once("\"ruled_out\":").unwrap().0;
    let families = values(list, "family");
    let causes = values(list, "rule").into_iter().zip(families).zip(values(list, "confidence"));
    let causes = causes.map(|((rule, family), confidence)| [rule, family, confidence]).collect();
    (causes, values(&json, "status")[0].clone())
}

#[test]
fn a_known_regression_is_the_cause() {
    let (causes, status) = causes_of("update-known-regression");
    assert_eq!(causes[0], ["2024-08-kb5041578-mass-disconnect", "windows-update-regression", "medium"]);
    assert_eq!(status, "degraded");
}

#[test]
fn an_unknown_update_is_a_suspect_beside_the_stated_cause() {
    let (causes, status) = causes_of("update-unknown-breaks-service");
    assert_eq!(causes[0][1], "service-crash");
    assert!(
        causes.contains(&["update-suspected", "windows-update-regression", "low"].map(str::to_owned)),
        "{causes:?}"
    );
    assert_eq!(status, "broken");
    let text = run(&["diagnose"], &support::samples_folder().join("update-unknown-breaks-service"));
    assert!(text.contains("it began at the first start after KB5990101"), "{text}");
}

/// What a host's records say for the suspicion against an update nobody has written about, after a healthy week.
fn reasons(steps: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let story = format!(
        "host: RDS20.corp.example\nbuild: '20348.5386'\nstart: 2026-08-01T00:00:00Z\nstory:\n\
         {sp}- {{at: 'd0 01:30:00', boot: {{}}}}\n\
         {sp}- at: 'd0 00:00:00'\n      healthy_week:\n          days: 10\n          \
         users: ['CORP\\a.meyer@10.20.30.41', 'CORP\\b.okafor@10.20.30.52']\n\
         {sp}- at: 'd10 02:30:00'\n      update:\n          kb: KB5990101\n          build: '20348.5512'\n\
         {steps}\
         {sp}- {{at: 'd10 20:00:00', uptime: {{}}}}\n",
        sp = "    ",
    );
    support::write_host(folder.path(), &story);
    let json = run(&["diagnose", "--format", "json"], folder.path());
    assert!(json.contains("\"update-suspected\""), "{json}");
    let cause = json.split_once("\"update-suspected\"").unwrap().1;
    let because = cause.split_once("\"because\":").unwrap().1;
    because.split_once("\"evidence\":").unwrap().0.to_owned()
}

/// A client that does not get past TLS, with what Schannel says of it.
const FAILS: &str = "    - {at: 'd10 08:00:00', every: 47m, times: 12, \
    connection: {user: 'CORP\\a.meyer', address: 10.20.30.41, outcome: tls_fails}, \
    event: {provider: Schannel, id: 36870, data: ['640', '', 'server', '0x8009030D', '10001']}}\n";

#[test]
fn kinds_of_records_that_came_with_an_update_speak_against_it() {
    let because = reasons(FAILS);
    assert!(
        because.contains("Schannel 36870 (0x8009030D SEC_E_UNKNOWN_CREDENTIALS) came 12 times"),
        "{because}"
    );
    assert!(because.contains("none in the 10 days before"), "{because}");
    // Schannel writes one of these each day, before and after.
    assert!(!because.contains("36887"), "{because}");
}

#[test]
fn noise_and_what_came_before_speak_against_no_update() {
    // As often before as after, in bursts; and much of a kind, but all before the update of that day.
    let noise = "    - {at: 'd1 09:00:00', every: 1d, times: 10, \
        event: {provider: Schannel, id: 36888, data: ['640', '', '40', '1205', '']}}\n    \
        - {at: 'd1 09:03:00', every: 1d, times: 10, \
        event: {provider: Schannel, id: 36888, data: ['640', '', '40', '1205', '']}}\n    \
        - {at: 'd10 00:30:00', every: 5m, times: 20, \
        event: {provider: Schannel, id: 36874, data: ['640', '', 'TLS 1.2']}}\n";
    let because = reasons(&format!("{noise}{FAILS}"));
    assert!(because.contains("36870"), "{because}");
    assert!(["36888", "36874", "36887"].iter().all(|event_id| !because.contains(event_id)), "{because}");
}

#[test]
fn a_change_of_configuration_with_the_same_start_is_named_beside_the_update() {
    let change =
        "    - {at: 'd9 18:00:00', start_type: {service: SessionEnv, from: demand start, to: disabled}}\n";
    let alone = reasons(FAILS);
    assert!(!alone.contains("a change of configuration"), "{alone}");
    let because = reasons(&format!("{change}{FAILS}"));
    let named = "may be to blame instead: start type of SessionEnv changed from demand start to disabled";
    assert!(because.contains(named), "{because}");
}

#[test]
fn drivers_and_titles_without_a_number_are_in_the_history() {
    let titles =
        ["Contoso - Net - 12.19.1.37", "Windows 11, version 25H2", "9WZDNCRFJBMP-MICROSOFT.WINDOWSSTORE"];
    let steps: Vec<String> = (1..).zip(titles).map(|(hour, title)| {
        let data = format!("['{title}', '{{00000000-0000-0000-0000-00000000000{hour}}}', '1', '{{9482f4b4-e343-43b6-b170-9a65bc822c77}}']");
        format!("    - {{at: 'd0 0{hour}:00:00', event: {{provider: Microsoft-Windows-WindowsUpdateClient, id: 19, data: {data}}}}}\n")
    }).collect();
    let folder = tempfile::tempdir().unwrap();
    let start = "host: RDS21.corp.example\nbuild: '26100.1742'\nstart: 2026-08-01T00:00:00Z\nstory:\n";
    support::write_host(folder.path(), &format!("{start}{}", steps.concat()));
    let json = run(&["diagnose", "--format", "json"], folder.path());
    assert_eq!(values(updates_of(&json), "title"), titles[..2]);
}

/// The file that the documentation of rules gives as its example of a known update.
fn documented_update() -> String {
    let page = include_str!("../../docs/rule-format.md");
    let lines = page.lines().skip_while(|line| !line.contains("my-rules/updates/")).skip(1);
    let block = lines.take_while(|line| line.starts_with("    "));
    block.filter_map(|line| Some(format!("{}\n", line.get(4..)?))).collect()
}

#[test]
fn known_updates_are_added_and_checked_as_rules_are() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("updates");
    std::fs::create_dir(&own).unwrap();
    let file = own.join("2026-08-listener-gone.yml");
    let text = documented_update();
    // The sample's service ends with a code instead.
    let sign =
        text.replace("Microsoft-Windows-TerminalServices-RemoteConnectionManager", "Service Control Manager");
    std::fs::write(&file, sign.replace("[260]", "[7023]")).unwrap();
    let sample = support::samples_folder().join("update-unknown-breaks-service");
    let rules = folder.path().to_str().unwrap();
    let json = run(&["diagnose", "--format", "json", "--rules", rules], &sample);
    assert!(json.contains("\"rule\": \"2026-08-listener-gone\""), "{json}");
    assert!(json.contains("KB5990202"), "the repair is named");

    let check = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_rdpwhy"));
        let output = command.args(["rules", "check", rules]).output().unwrap();
        (
            output.status.success(),
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr),
        )
    };
    assert!(check(&text).0, "{}", check(&text).1);
    for (from, to, said) in [
        ("breaking:", "braking:", "did you mean `breaking`?"),
        ("from: 5512", "from: today", "`from` must be a number"),
        ("fixed_at: unknown", "fixed_at: soon", "`fixed_at` must be a revision"),
        ("side: [target]", "side: [server]", "`side` has an unknown word"),
        ("id: 2026-08-listener-gone", "id: other", "`id` is not the name of the file"),
        ("event_ids: [260]", "event_ids: [x]", "an event id must be a number"),
        ("event_ids: [260]", "event_ids: [260]\n      how: context", "no record shows it"),
    ] {
        assert!(text.contains(from), "{from}");
        let (is_good, said_all) = check(&text.replacen(from, to, 1));
        assert!(!is_good && said_all.contains(said), "{to}: {said_all}");
    }
}

#[test]
fn an_innocent_update_is_not_blamed() {
    let (causes, status) = causes_of("update-innocent");
    assert_eq!((causes[0][1].as_str(), status.as_str()), ("tls-certificate", "broken"));
    assert!(causes.iter().all(|cause| cause[1] != "windows-update-regression"), "{causes:?}");
    let text = run(&["diagnose"], &support::samples_folder().join("update-innocent"));
    assert!(text.contains("it began before KB5065428 came into force"), "{text}");
}

#[test]
fn a_postmortem_tells_the_story_of_an_update() {
    let folder = support::samples_folder().join("update-unknown-breaks-service");
    let text = run(&["postmortem"], &folder);
    let story = [
        "# Postmortem: Remote Desktop",
        "has been down since 11 Aug 02:49 UTC",
        "| 10 Aug 10:18:00 | Last good connection |",
        "package KB5990101 installed (in force after a restart) | Setup · Servicing 4",
        "TermService ended unexpectedly (%%126)",
        "first failure",
        "the update is the suspect",
        "### Fix and verification",
        "### What to watch",
    ];
    let mut rest = text.as_str();
    for part in story {
        rest =
            rest.split_once(part).unwrap_or_else(|| panic!("`{part}` is missing or out of order:\n{text}")).1;
    }
    assert!(run(&["postmortem", "--kb", "kb5990101"], &folder).contains("RDS12"));
}

#[test]
fn a_postmortem_of_an_update_that_no_host_has_says_so() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rdpwhy"));
    let folder = support::samples_folder().join("update-innocent");
    let output = command.args(["postmortem", "-q", "--kb", "KB5000000"]).arg(folder).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no host of these logs has KB5000000"));
}

#[test]
fn a_timeline_shows_changes_bars_and_the_outage() {
    let folder = support::samples_folder().join("update-known-regression");
    let text = run(&["timeline", "--width", "160"], &folder);
    for part in
        ["● change", "■ service  TermService is running", "████", "▲ found", "✖ outage   first failure"]
    {
        assert!(text.contains(part), "{part}:\n{text}");
    }
    let lines = run(&["timeline", "--format", "jsonl", "--around", "2024-08-14T10:00"], &folder);
    let times = values(&lines, "time");
    assert!(times.windows(2).all(|pair| pair[0] <= pair[1]));
    assert!(times.iter().all(|time| time.starts_with("2024-08-1")));
    assert!(values(&lines, "kind").iter().any(|kind| kind == "outage"));
    let none = run(&["timeline", "--format", "jsonl", "--until", "2024-08-01"], &folder);
    assert_eq!(none, "");
}
