//! The document's form, and that text comes back as it went in.

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::super::test_report::{HOSTILE, fleet, hostile};
use super::super::{Format, Style, diagnose, escape};
use crate::report::Report;

fn bytes(report: &Report, format: Format) -> String {
    let mut out = Vec::new();
    diagnose(report, format, &Style::default(), &mut out).expect("memory takes all");
    String::from_utf8(out).expect("output is UTF-8")
}

fn keys(value: &Value) -> String {
    let object = value.as_object().expect("an object");
    object.keys().map(String::as_str).collect::<Vec<_>>().join(" ")
}

#[test]
fn keys_are_those_of_version_1() {
    let document: Value = serde_json::from_str(&bytes(&fleet(), Format::Json)).expect("valid JSON");
    insta::assert_snapshot!(keys(&document), @"schema version is_partial hosts summary fleet faults client_errors");
    insta::assert_snapshot!(keys(&document["hosts"][0]), @"host other_names os build first_record last_record records logs status status_reason outage parties changes causes ruled_out unknown notes exposure updates connections faults");
    insta::assert_snapshot!(keys(&document["hosts"][0]["outage"]), @"last_good first_failure end failed_attempts addresses users");
    insta::assert_snapshot!(document["hosts"][0]["changes"][0].to_string(), @r#"{"time":"2026-01-14T03:04:11.000Z","kind":"restart","text":"restart by TrustedInstaller","kb":[],"evidence":{"time":"2026-01-14T03:04:11.000Z","last_time":"2026-01-14T03:04:11.000Z","log":"System.evtx","channel":"System","provider":"Service Control Manager","event_id":19,"record_id":812,"text":"restart by TrustedInstaller","text_source":"catalogue","count":1}}"#);
    insta::assert_snapshot!(keys(&document["hosts"][0]["causes"][0]), @"rule title family severity confidence summary description because open evidence fixes explains explained_by references since until");
    insta::assert_snapshot!(document["hosts"][0]["causes"][0]["evidence"][1].to_string(), @r#"{"time":"2026-01-14T03:12:41.000Z","last_time":"2026-01-14T03:12:41.000Z","log":"System.evtx","channel":"System","provider":"Service Control Manager","event_id":7034,"record_id":812,"text":"The Remote Desktop Services service terminated unexpectedly. It has done this 3 time(s).","text_source":"catalogue","count":1}"#);
    insta::assert_snapshot!(document["hosts"][0]["causes"][0]["fixes"][0].to_string(), @r#"{"do":"Uninstall the wrapper, which puts Microsoft's termsrv.dll back","run":["& 'C:\\Program Files\\RDP Wrapper\\RDPWInst.exe' -u","Restart-Service TermService -Force"],"shell":"powershell","risk":"ends-sessions","undo":"& 'C:\\Program Files\\RDP Wrapper\\RDPWInst.exe' -i","check":null}"#);
    insta::assert_snapshot!(keys(&document["fleet"]), @"lines groups associations");
    assert_eq!(document["hosts"][3]["outage"], Value::Null);
}

#[test]
fn a_line_holds_one_host_with_the_version() {
    let text = bytes(&fleet(), Format::JsonLines);
    let hosts: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("valid JSON")).collect();
    assert_eq!(hosts.len(), 4);
    assert!(hosts.iter().all(|host| host["schema"] == 1));
    assert_eq!(hosts[0]["host"], "SRV-RDS01.corp.example");
}

#[test]
fn hostile_text_is_harmless_in_a_terminal_and_comes_back_whole() {
    let text = bytes(&hostile(), Format::Json);
    assert!(!text.chars().any(|character| character != '\n' && escape::is_dangerous(character)));
    let document: Value = serde_json::from_str(&text).expect("valid JSON");
    assert_eq!(document["hosts"][0]["host"], HOSTILE);
}

/// The schema that `docs/report.schema.json` holds.
fn schema() -> String {
    let mut settings = SchemaSettings::draft2020_12().for_serialize();
    settings.meta_schema = Some("https://json-schema.org/draft/2020-12/schema".into());
    let schema = settings.into_generator().into_root_schema_for::<super::v1::Report<'static>>();
    serde_json::to_string_pretty(&schema).expect("a schema is JSON") + "\n"
}

#[test]
fn the_schema_in_the_docs_is_that_of_the_structs() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/report.schema.json");
    if std::env::var_os("RDPWHY_WRITE_SCHEMA").is_some() {
        std::fs::write(path, schema()).expect("the schema can be written");
    }
    let stored = std::fs::read_to_string(path).expect("the docs hold the schema");
    assert_eq!(stored, schema(), "run this test with RDPWHY_WRITE_SCHEMA=1 and read what changed");
}
