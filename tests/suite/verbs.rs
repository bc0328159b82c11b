//! The verbs beside `diagnose`, through the binary.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop where it fails")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn rdpwhy() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rdpwhy"));
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

fn run(arguments: &[&str]) -> Output {
    rdpwhy().args(arguments).output().unwrap()
}

fn out(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn sample(name: &str) -> String {
    format!("samples/{name}")
}

#[test]
fn events_show_text_and_named_fields() {
    let logs = sample("termservice-crash");
    let shown = out(&["events", "--id", "7034", &logs]);
    insta::assert_snapshot!(shown, @r#"{"time":"2026-01-17T08:45:12.4200000Z","host":"RDS03.corp.example","channel":"System","provider":"Service Control Manager","event_id":7034,"version":0,"qualifiers":49152,"level":2,"record_id":35431,"activity_id":null,"fields":{"param1":"Remote Desktop Services","param2":"3","Binary":"5400650072006D0053006500720076006900630065000000"},"text":"The Remote Desktop Services service terminated unexpectedly.  It has done this 3 time(s).","text_source":"catalogue","log":"samples/termservice-crash/System.evtx"}"#);
    let table = out(&[
        "events",
        "--format",
        "table",
        "--provider",
        "RdpCoreTS",
        "--id",
        "131",
        "--until",
        "2026-01-12T12:00",
        &logs,
    ]);
    insta::assert_snapshot!(table, @r#"
    TIME                 LEVEL     EVENT                          TEXT
    2026-01-12 07:16:00  info      RdpCoreTS 131                  The server accepted a new TCP connection from client
                                                                  10.20.30.41:64106.
    2026-01-12 10:35:00  info      RdpCoreTS 131                  The server accepted a new TCP connection from client
                                                                  10.20.30.52:61949.
    "#);
}

#[test]
fn events_have_the_keys_that_are_promised() {
    let lines = json_lines(&out(&["events", &sample("termservice-crash")]));
    let text = out(&["events", &sample("termservice-crash")]);
    let first = text.lines().next().unwrap();
    let places: Vec<usize> = rdpwhy::render::EVENT_KEYS
        .iter()
        .map(|key| first.find(&format!("\"{key}\":")).unwrap_or_else(|| panic!("{key}")))
        .collect();
    assert!(places.is_sorted(), "{first}");
    assert!(lines.iter().all(|line| line.as_object().unwrap().len() == rdpwhy::render::EVENT_KEYS.len()));
    assert!(lines.iter().any(|line| line["fields"].is_array()));
}

#[test]
fn events_keep_the_order_of_the_log_on_any_number_of_threads() {
    let logs = sample("password-guessing");
    let one = out(&["events", "--threads", "1", &logs]);
    assert_eq!(one, out(&["events", "--threads", "7", &logs]));
    let lines = json_lines(&one);
    assert!(lines.len() > 500, "{}", lines.len());
    for pair in lines.windows(2) {
        if pair[0]["log"] == pair[1]["log"] {
            assert!(pair[0]["record_id"].as_u64() < pair[1]["record_id"].as_u64(), "{pair:?}");
        }
    }
}

#[test]
fn events_that_were_written_are_a_log_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events.jsonl");
    let first = out(&["events", &sample("forwarded-three-hosts"), &sample("termservice-crash")]);
    fs::write(&file, &first).unwrap();
    let again = out(&["events", file.to_str().unwrap()]);
    let plain = |text: &str| -> Vec<Value> {
        let mut lines = json_lines(text);
        lines.iter_mut().for_each(|line| drop(line.as_object_mut().unwrap().remove("log")));
        lines
    };
    assert_eq!(plain(&first), plain(&again));
}

#[test]
fn events_are_filtered() {
    let logs = sample("termservice-crash");
    let count = |arguments: &[&str]| {
        let all: Vec<&str> = ["events", &logs].iter().copied().chain(arguments.iter().copied()).collect();
        json_lines(&out(&all)).len()
    };
    let all = count(&[]);
    assert_eq!(count(&["--host", "RDS03"]), all);
    assert_eq!(count(&["--host", "RDS0"]), 0);
    assert_eq!(count(&["--host", "rds0?.*"]), all);
    assert_eq!(count(&["--level", "error", "--channel", "Application"]), 3);
    assert_eq!(count(&["--grep", "RDPCORETS\\.dll", "--id", "1000"]), 3);
    assert_eq!(
        count(&["--since", "2026-01-12", "--until", "2026-01-13"])
            + count(&["--since", "2026-01-13T00:00:00.000001Z"]),
        all
    );
    assert_eq!(count(&["--id", "0-65535"]), all);
}

#[test]
fn events_of_chosen_fields_have_only_these() {
    let shown = out(&[
        "events",
        "--fields",
        "event_id,User,%2,nothing",
        "--id",
        "21",
        "--until",
        "2026-01-12T08:00",
        &sample("termservice-crash"),
    ]);
    insta::assert_snapshot!(shown, @r#"{"event_id":21,"User":"CORP\\a.meyer","%2":"2","nothing":null}"#);
    let shown = out(&[
        "events",
        "--format",
        "csv",
        "--fields",
        "event_id,User",
        "--id",
        "21",
        "--until",
        "2026-01-12T08:00",
        &sample("termservice-crash"),
    ]);
    insta::assert_snapshot!(shown, @r#"
    "event_id","User"
    "21","CORP\a.meyer"
    "#);
}

#[test]
fn events_end_quietly_with_their_reader() {
    let mut child =
        rdpwhy().args(["events", "samples"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
}

#[test]
fn events_say_which_input_cannot_be_read() {
    let output = run(&["events", "no-such.evtx", &sample("healthy-server")]);
    assert_eq!(output.status.code(), Some(2));
    assert!(!output.stdout.is_empty());
    assert!(String::from_utf8_lossy(&output.stderr).contains("no-such.evtx"));
}

/// Peak memory of a run in KiB, where the system tells.
fn peak(log: &Path) -> Option<u64> {
    let mut child =
        rdpwhy().args(["events", "--threads", "2", "-q"]).arg(log).stdout(Stdio::piped()).spawn().unwrap();
    let status = PathBuf::from(format!("/proc/{}/status", child.id()));
    let mut peak = None;
    for (number, _) in BufReader::new(child.stdout.take().unwrap()).lines().enumerate() {
        if number % 200 == 0 {
            let text = fs::read_to_string(&status).unwrap_or_default();
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse().ok());
            peak = peak.max(line);
        }
    }
    child.wait().unwrap();
    peak
}

#[test]
fn events_need_no_more_memory_for_a_larger_log() {
    let folder = tempfile::tempdir().unwrap();
    let text = out(&["events", &sample("password-guessing")]);
    let (small, large) = (folder.path().join("small.jsonl"), folder.path().join("large.jsonl"));
    fs::write(&small, text.repeat(2)).unwrap();
    fs::write(&large, text.repeat(20)).unwrap();
    let (Some(small), Some(large)) = (peak(&small), peak(&large)) else {
        eprintln!("skipped: the system does not tell how much memory a run took");
        return;
    };
    assert!(large < small * 3 / 2 + 8192, "{small} KiB became {large} KiB");
}

#[test]
fn explain_tells_error_1067_from_event_1067() {
    let answer: Value = serde_json::from_str(&out(&["explain", "1067", "--format", "json"])).unwrap();
    let topics: Vec<String> = answer["topics"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|topic| topic["is_minor"] == false)
        .map(|topic| format!("{} {}: {}", topic["kind"], topic["name"], topic["is_not"][0]))
        .collect();
    insta::assert_snapshot!(topics.join("\n"), @r#"
    "event" "Microsoft-Windows-TerminalServices-RemoteConnectionManager 1067": "It is not Win32 error 1067 (a process ended unexpectedly). Event ids and error codes are counted apart."
    "code" "0x42B (1067)": "It is not event 1067 of RemoteConnectionManager, which says that a name (TERMSRV/…) could not be registered and which is harmless."
    "#);
}

#[test]
fn explain_says_what_follows_from_a_client_code() {
    let text = out(&["explain", "0x1104", "--width", "100"]);
    let (text, _) = text.split_once("Causes, likeliest first").unwrap();
    insta::assert_snapshot!(text, @r#"
    0x1104

    ────────────────────────────────────────────────────────────────────────────────────────────────────
    0x1104 (4356): reason of a disconnect (LocalSessionManager 40) and extended code of clients

    A protocol error: bytes came that are no RDP. Seen when another program holds the port on the
    server, or when a forwarding rule leads to another service.

    What it is not

    - It is no fault of the certificate and none of the credentials: neither was reached.

    What follows from what else is seen

    - RemoteConnectionManager has no 258 after the last start, or says that the address is in use:
      Another program holds the port. → rdp-port-conflict
    - the listener is up and RdpCoreTS 131 does not appear for this client: The client talks to another
      machine or another port. → nat-or-port-forwarding, dns-name-wrong
    "#);
}

#[test]
fn explain_knows_one_code_in_any_spelling() {
    let name = |spelling: &str| {
        let answer: Value = serde_json::from_str(&out(&["explain", spelling, "--format", "json"])).unwrap();
        answer["topics"][0]["name"].as_str().unwrap().to_owned()
    };
    for spelling in ["0x80070040", "2147942464", "-2147024832", "0X80070040", "80070040"] {
        assert_eq!(name(spelling), "0x80070040 (2147942464, -2147024832)", "{spelling}");
    }
    assert_eq!(name("0x904/0x7"), name("2308"));
}

#[test]
fn explain_offers_what_is_near_and_fails_when_nothing_is() {
    let output = run(&["explain", "termservice-crahs"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stdout).contains("termservice-crash"));
    let output = run(&["explain", "xyzzyqq"]);
    assert_eq!(output.status.code(), Some(2));
    insta::assert_snapshot!(String::from_utf8_lossy(&output.stdout), @r#"
    xyzzyqq

    Nothing is known of this, and nothing near it.
    "#);
}

/// Words that would change something on the server.
const CHANGES: [&str; 12] = [
    "Set-",
    "Remove-",
    "Restart-",
    "Stop-",
    "Start-",
    "reg add",
    "reg delete",
    "sc config",
    "net stop",
    "wevtutil cl",
    "wevtutil sl",
    "netsh advfirewall set",
];

#[test]
fn scripts_that_collect_only_read() {
    for shell in ["powershell", "cmd"] {
        let script = out(&["collect", "--shell", shell]);
        for change in CHANGES {
            let is_file = |line: &str| line.contains("Set-Content");
            let wrong = script.lines().find(|line| line.contains(change) && !is_file(line));
            assert_eq!(wrong, None, "{shell}");
        }
        assert!(!script.contains('@') || !script.contains("@CHANNELS@"), "{shell}");
        assert!(script.lines().count() > 40 && script.contains("\r\n"), "{shell}");
        assert!(script.is_ascii(), "{shell}");
        let core = script.find("RdpCoreTS/Operational").unwrap();
        assert!(core < script.find("Security").unwrap() || shell == "powershell", "{shell}");
    }
}

#[test]
fn collected_period_is_a_query() {
    let script = out(&["collect", "--days", "30", "--shell", "cmd"]);
    let line = script.lines().find(|line| line.starts_with("wevtutil epl")).unwrap();
    insta::assert_snapshot!(line, @r#"wevtutil epl "%~1" "%FOLDER%\%~2.evtx" /ow:true "/q:*[System[TimeCreated[timediff(@SystemTime) <= 2592000000]]]" 2>nul"#);
}

#[test]
fn catalogue_is_built_from_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    fs::copy("rules/events/rdp-termdd.yml", folder.path().join("termdd.yml")).unwrap();
    let file = folder.path().join("built.yaml");
    out(&["messages", "build", folder.path().to_str().unwrap(), "-o", file.to_str().unwrap()]);
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("TermDD"), "{text}");
    out(&["events", "--messages", file.to_str().unwrap(), &sample("healthy-server")]);
    assert_eq!(run(&["messages", "build", "no-such-folder"]).status.code(), Some(2));
}

#[test]
fn connections_say_how_far_each_attempt_got_and_how_it_ended() {
    let logs = sample("session-limit");
    let table = out(&["connections", "--format", "table", "--since", "2026-02-06", "--width", "140", &logs]);
    insta::assert_snapshot!(table, @r#"
    APP10.corp.example
    START                ADDRESS          USER                    SESSION  STAGE           OUTCOME  LASTED        ENDED
    2026-02-06 16:20:00  10.20.40.11      CORP\adm.kim            10       desktop         good     40 min        0 no reason given
    2026-02-06 17:02:00  10.20.40.12      CORP\adm.ruiz           11       desktop         good     33 min        0 no reason given
    2026-02-07 08:11:00  10.20.40.13      CORP\adm.weber          12       logon           failed   3 s           14 ended before logon
    2026-02-07 08:20:00  10.20.40.13      CORP\adm.weber          13       logon           failed   3 s           14 ended before logon
    2026-02-07 08:29:00  10.20.40.13      CORP\adm.weber          14       logon           failed   3 s           14 ended before logon
    2026-02-07 08:38:00  10.20.40.13      CORP\adm.weber          15       logon           failed   3 s           14 ended before logon
    2026-02-07 08:47:00  10.20.40.13      CORP\adm.weber          16       logon           failed   3 s           14 ended before logon
    2026-02-07 10:30:00  10.20.40.13      CORP\adm.weber          17       logon           failed   3 s           14 ended before logon
    8 attempts
    "#);
    let failed = json_lines(&out(&["connections", "--outcome", "failed", &logs]));
    assert_eq!(failed.len(), 6);
    insta::assert_snapshot!(failed[0], @r#"
    {"host":"APP10.corp.example","start":"2026-02-07T08:11:00.000Z","end":"2026-02-07T08:11:03.284Z","seconds":3,"address":"10.20.40.13","user":"CORP\\adm.weber","session":12,"stage":"logon","outcome":"failed","code_table":"rdpcorets","code":14,"code_name":null,"code_meaning":"ended before logon","closed_by":null,"count":1}
    "#);
}

#[test]
fn connections_of_a_flood_say_that_they_are_thinned() {
    let folder = tempfile::tempdir().unwrap();
    let line = |id: u64| {
        format!(
            r#"{{"time":"2026-01-12T08:{:02}:{:02}Z","host":"SRV","channel":"Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational","provider":"Microsoft-Windows-RemoteDesktopServices-RdpCoreTS","event_id":131,"version":0,"level":4,"record_id":{id},"activity_id":"{{00000000-0000-0000-0000-{id:012}}}","fields":{{"ConnType":"TCP","ClientIP":"203.0.113.9:{id}"}}}}"#,
            id / 60 % 60,
            id % 60,
        )
    };
    let file = folder.path().join("flood.jsonl");
    fs::write(&file, (0..3000).map(line).collect::<Vec<_>>().join("\n")).unwrap();
    let table = out(&["connections", "--format", "table", file.to_str().unwrap()]);
    assert!(
        table.ends_with("64 of 3000 attempts: of floods, the first and the last of each hour are kept\n"),
        "{table}"
    );
    let lines = json_lines(&out(&["connections", file.to_str().unwrap()]));
    assert_eq!(lines.iter().map(|line| line["count"].as_u64().unwrap()).sum::<u64>(), 3000);
}

#[test]
fn sessions_are_listed_with_their_most_at_one_time() {
    let logs = sample("session-limit");
    let table = out(&["connections", "--sessions", "--format", "table", "--since", "2026-02-06", &logs]);
    insta::assert_snapshot!(table, @r#"
    APP10.corp.example
    LOGON                USER                      ID     STATE         LASTED        JOINED  FROM
    2026-02-06 16:20:03  CORP\adm.kim              10     disconnected  19 h 39 min   1       10.20.40.11
    2026-02-06 17:02:03  CORP\adm.ruiz             11     disconnected  18 h 57 min   1       10.20.40.12
    2 sessions · at most 2 at one time (first 2026-02-06 17:02:03) · 2 there at the end of the logs · 6 logons got no session
    "#);
    let csv = out(&["connections", "--sessions", "--format", "csv", "--since", "2026-02-06T17:00", &logs]);
    insta::assert_snapshot!(csv, @r#"
    "host","session","user","logon","end","ended_by","state","seconds","joined","take_overs","addresses","away_since","stale_days"
    "APP10.corp.example","10","CORP\adm.kim","","","","disconnected","","0","0","","2026-02-06T17:00:02.698Z",""
    "APP10.corp.example","11","CORP\adm.ruiz","2026-02-06T17:02:03.257Z","","","disconnected","68276","1","0","10.20.40.12","2026-02-06T17:35:02.557Z",""
    "#);
}

#[cfg(unix)]
#[test]
fn an_output_that_is_a_device_or_a_link_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let (device, link, file) =
        (folder.path().join("full"), folder.path().join("link"), folder.path().join("file"));
    std::os::unix::fs::symlink("/dev/full", &device).unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    fs::write(&file, "old").unwrap();
    let write = |path: &Path| {
        let logs = sample("termservice-crash");
        rdpwhy().args(["diagnose", "--format", "json", "--output"]).arg(path).arg(logs).output().unwrap()
    };
    let full = write(&device);
    assert_eq!(full.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&full.stderr).contains("full: No space left"), "{full:?}");
    assert!(write(&link).status.success());
    assert!(
        fs::symlink_metadata(&device).unwrap().is_symlink()
            && fs::symlink_metadata(&link).unwrap().is_symlink()
    );
    assert!(fs::read_to_string(&file).unwrap().starts_with('{'));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
}
