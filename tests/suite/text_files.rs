//! Texts out of files that a user gives: catalogues, provider files, and broken ones of each.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop where it fails")]

use std::fs;
use std::sync::Arc;

use rdpwhy::evtx::{Field, Rendering};
use rdpwhy::input::{Options, find};
use rdpwhy::text::{MessagesError, TextSource, Texts, build_catalogue, with_code_names};

use crate::text_bytes::record;

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// A message table with one block of strings.
fn message_table(low: u32, strings: &[&str]) -> Vec<u8> {
    let high = low + u32::try_from(strings.len()).unwrap() - 1;
    let mut bytes = words(&[1, low, high, 16]);
    for string in strings {
        let text: Vec<u8> = string.encode_utf16().flat_map(u16::to_le_bytes).collect();
        bytes.extend_from_slice(&u16::try_from(text.len() + 4).unwrap().to_le_bytes());
        bytes.extend_from_slice(&1_u16.to_le_bytes());
        bytes.extend_from_slice(&text);
    }
    bytes
}

/// A library whose only content is a message table in English.
fn library(table: &[u8]) -> Vec<u8> {
    const SECTION: u32 = 0x1000;
    let directory = |id: u32, place: u32| words(&[0, 0, 0, 0x0001_0000, id, place]);
    let mut resources = directory(11, 0x8000_0000 | 24);
    resources.extend(directory(1, 0x8000_0000 | 48));
    resources.extend(directory(1033, 72));
    resources.extend(words(&[SECTION + 88, u32::try_from(table.len()).unwrap(), 0, 0]));
    resources.extend_from_slice(table);
    let size = u32::try_from(resources.len()).unwrap();

    let mut bytes = vec![0; 64];
    bytes[..2].copy_from_slice(b"MZ");
    bytes[60] = 64;
    bytes.extend_from_slice(b"PE\0\0");
    // COFF header: x64, one section, 240 bytes of optional header, a library.
    bytes.extend_from_slice(&[0x64, 0x86, 1, 0]);
    bytes.extend(words(&[0, 0, 0]));
    bytes.extend_from_slice(&[240, 0, 0x22, 0x20]);
    let mut optional = vec![0; 240];
    optional[..2].copy_from_slice(&[0x0B, 0x02]);
    optional[32..40].copy_from_slice(&words(&[0x1000, 0x200]));
    optional[56..64].copy_from_slice(&words(&[0x4000, 0x200]));
    optional[108] = 16;
    optional[128..136].copy_from_slice(&words(&[SECTION, size]));
    bytes.extend(optional);
    bytes.extend_from_slice(b".rsrc\0\0\0");
    bytes.extend(words(&[size, SECTION, size, 0x200, 0, 0, 0, 0x4000_0040]));
    bytes.resize(0x200, 0);
    bytes.extend(resources);
    bytes
}

#[test]
fn message_table_of_a_library_gives_the_text_of_classic_records() {
    let folder = tempfile::tempdir().unwrap();
    let table = message_table(0xC000_0007, &["The agent on %1 lost\r\nits server.%nError: %2\r\n\0"]);
    fs::write(folder.path().join("agent.dll"), library(&table)).unwrap();
    fs::write(folder.path().join("empty.dll"), library(&[])).unwrap();
    fs::write(folder.path().join("readme.txt"), "no library").unwrap();
    let mut texts = Texts::builtin();
    let faults = texts.add_messages(folder.path()).unwrap();
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].log.ends_with("empty.dll"));

    let sentence = texts.sentence(&record("Agent", 7, Some(0xC000), &["HOST", "%%5"]), None);
    assert_eq!(sentence.text, "The agent on HOST lost its server.\nError: Access is denied.");
    assert_eq!(sentence.source, TextSource::User);
    let other = texts.sentence(&record("Agent", 7, Some(0x8000), &["HOST"]), None);
    assert_eq!(other.source, TextSource::None);
    assert_eq!(other.text, "no text known: Agent 7: HOST");
}

#[test]
fn folder_of_libraries_becomes_a_catalogue_that_says_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let table = message_table(0x4000_0001, &["One: \"%1\" \\ # x", "Two"]);
    fs::write(folder.path().join("a.dll"), library(&table)).unwrap();
    fs::write(folder.path().join("b.dll"), library(&message_table(0x4000_0002, &["Another two"]))).unwrap();
    let (text, faults) = build_catalogue(folder.path()).unwrap();
    assert!(faults.is_empty(), "{faults:?}");
    let mut texts = Texts::builtin();
    texts.add_messages_bytes("built.yml", text.as_bytes()).unwrap();
    let sentence = |id| texts.sentence(&record("X", id, Some(0x4000), &["v"]), None);
    assert_eq!(sentence(1).text, "One: \"v\" \\ # x");
    // Two files have a text for the second id: neither is taken.
    assert_eq!(sentence(2).source, TextSource::None);
}

#[test]
fn cut_and_flipped_libraries_never_panic() {
    let whole = library(&message_table(0xC000_0007, &["One %1", "Two"]));
    let own = record("Agent", 7, Some(0xC000), &["HOST"]);
    let mut flips = Vec::new();
    for length in 0..whole.len() {
        flips.push(whole[..length].to_vec());
    }
    for place in 0..whole.len() {
        for flip in [0x01, 0x80, 0xFF] {
            let mut bytes = whole.clone();
            bytes[place] ^= flip;
            flips.push(bytes);
        }
    }
    for bytes in flips {
        let mut texts = Texts::builtin();
        let _ = texts.add_messages_bytes("agent.dll", &bytes).unwrap();
        let _ = texts.sentence(&own, None);
    }
    let mut texts = Texts::builtin();
    let faults = texts.add_messages_bytes("agent.dll", &whole[..600]).unwrap();
    assert_eq!(&*faults[0].log, "agent.dll");
    assert_eq!(texts.sentence(&own, None).source, TextSource::None);
}

#[test]
fn broken_catalogue_is_an_error_with_its_line() {
    let mut texts = Texts::builtin();
    for (text, line) in [
        ("- provider: X\n  events:\n    - id: many\n", 3),
        ("- provider: X\n  event: []\n", 2),
        ("- events: []\n", 1),
        ("- provider: X\n  events:\n    - id: 1\n      windows: new\n", 4),
        ("- {provider: [}\n", 1),
        ("x: &a [1]\ny: *a\n", 2),
    ] {
        match texts.add_messages_bytes("own.yml", text.as_bytes()) {
            Err(MessagesError::Schema { path, line: own, .. }) => {
                assert_eq!((path.as_str(), own), ("own.yml", line), "{text}");
            }
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn damaged_display_information_is_a_fault_and_the_next_source_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("System.evtx");
    fs::create_dir(folder.path().join("LocaleMetaData")).unwrap();
    fs::write(folder.path().join("LocaleMetaData/System_1033.MTA"), b"MTAFile\0garbage").unwrap();
    fs::write(&log, b"ElfFile\0").unwrap();
    let found = find(std::slice::from_ref(&log), &Options::default());
    let mut texts = Texts::builtin();
    let faults = texts.add_mta(&found.sources[0]);
    assert_eq!(faults.len(), 1);
    assert!(faults[0].log.ends_with("System_1033.MTA"));
    let mut own = record("Service Control Manager", 7034, Some(0xC000), &["Remote Desktop Services", "3"]);
    own.log = Arc::from(log.display().to_string());
    let sentence = texts.sentence(&own, None);
    assert_eq!(sentence.source, TextSource::Catalogue);
    assert_eq!(
        sentence.text,
        "The Remote Desktop Services service terminated unexpectedly.  It has done this 3 time(s)."
    );
}

#[test]
fn foreign_text_of_a_record_is_shown_beside_the_english_one() {
    let texts = Texts::builtin();
    let mut own = record("Service Control Manager", 7023, Some(0xC000), &["Remotedesktopdienste", "%%1067"]);
    own.rendering = Some(Box::new(Rendering {
        culture: Some("de-DE".into()),
        message: Some("Der Dienst \"Remotedesktopdienste\" wurde mit folgendem Fehler beendet.".into()),
        level: None,
    }));
    let sentence = texts.sentence(&own, None);
    assert_eq!(sentence.source, TextSource::Catalogue);
    assert!(sentence.original.unwrap().starts_with("Der Dienst"));
    assert_eq!(
        with_code_names(&own, &sentence.text),
        "The Remotedesktopdienste service terminated with the following error: \nThe process terminated \
         unexpectedly. (1067 ERROR_PROCESS_ABORTED)"
    );
    let wordings = texts.wordings(&own);
    assert!(wordings[0].starts_with("der dienst"));
    assert!(wordings.iter().any(|text| text.contains("the process terminated unexpectedly")), "{wordings:?}");

    own.rendering.as_mut().unwrap().culture = Some("en-US".into());
    assert_eq!(texts.sentence(&own, None).source, TextSource::RenderingInfo);
}

#[test]
fn build_chooses_the_wording() {
    let texts = Texts::builtin();
    let own = record("TermDD", 56, Some(49162), &["\\Device\\Termdd", "192.0.2.7"]);
    assert!(texts.sentence(&own, Some(7601)).text.ends_with("Client IP: 192.0.2.7."));
    assert!(texts.sentence(&own, Some(6002)).text.ends_with("disconnected the client."));
    assert!(texts.sentence(&own, Some(99_999)).text.ends_with("Client IP: 192.0.2.7."));
    assert_eq!(texts.wordings(&own).len(), 2);
}

#[test]
fn classic_and_manifest_events_of_one_id_are_told_apart() {
    let texts = Texts::builtin();
    let provider = "Microsoft-Windows-TerminalServices-RemoteConnectionManager";
    let manifest = texts.sentence(&record(provider, 1152, None, &["x"]), None);
    let classic = texts.sentence(&record(provider, 1152, Some(49152), &["x"]), None);
    assert_ne!(manifest.text, classic.text);
    let by_source = texts.sentence(&record("TermService", 1056, Some(49152), &["HOST"]), None);
    assert_eq!(by_source.source, TextSource::Catalogue);
}

#[test]
fn catalogue_knows_fields_and_providers_of_an_id() {
    let texts = Texts::builtin();
    let fields = texts.fields("microsoft-windows-terminalservices-localsessionmanager", 40).unwrap();
    assert_eq!(fields, ["Session", "Reason"]);
    assert_eq!(texts.fields("TermDD", 56), None);
    assert_eq!(texts.fields("Nobody", 1), None);
    let providers: Vec<_> = texts.events_with_id(7034).into_iter().map(|event| event.provider).collect();
    assert_eq!(providers, ["Service Control Manager"]);
}

#[test]
fn values_of_schannel_are_found_by_name_whether_or_not_the_caller_stands_before_them() {
    let texts = Texts::builtin();
    let sentence = |fields: &[(&str, &str)], build| {
        let mut own = record("Schannel", 36871, None, &[]);
        let field = |&(name, value): &(&str, &str)| Field { name: Some(name.into()), value: value.into() };
        own.fields = fields.iter().map(field).collect();
        texts.sentence(&own, build).text
    };
    let old = [("Type", "client"), ("ErrorState", "10013")];
    let later = [[("CallerProcessId", "820"), ("CallerProcessImageName", "lsass")], old].concat();
    let said =
        "A fatal error occurred while creating a TLS client credential. The internal error state is 10013.";
    assert_eq!(sentence(&old, None), said);
    assert_eq!(sentence(&later, None), said);
    assert_eq!(sentence(&old, Some(7601)), said.replace("a TLS", "an SSL"));
    assert_eq!(sentence(&old[1..], None), said.replace("client", "%1"), "an agent left a value out");
}

#[test]
fn wording_with_more_inserts_than_the_record_has_values_gives_way() {
    let texts = Texts::builtin();
    let sentence = |values: &[&str]| {
        let own = record("Microsoft-Windows-Time-Service", 35, None, values);
        texts.sentence(&own, None).text
    };
    let said = "The time service is now synchronizing the system time with the time source ntp.example";
    assert_eq!(sentence(&["ntp.example"]), format!("{said}."));
    assert!(sentence(&["ntp.example", "17", "3"]).starts_with(&format!("{said} with reference id 17.")));
}

#[test]
fn file_that_cannot_be_used_is_named_and_the_next_source_is_asked() {
    let event = |values: &[&str]| record("Service Control Manager", 7034, Some(0xC000), values);
    let whole = message_table(0xC000_1B7A, &["The agent's own text."]);
    let mut absurd = whole.clone();
    absurd[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
    let endless = "%1%".repeat(2000);
    let catalogue = format!(
        "- provider: Service Control Manager\n  events:\n    - {{id: 7034, qualifiers: 49152, message: '{endless}'}}\n"
    );
    let cut = library(&whole)[..620].to_vec();
    let files = [
        ("cut.dll", cut, "the end"),
        ("absurd.dll", library(&absurd), "no string for message"),
        ("endless.dll", library(&message_table(0xC000_1B7A, &[&endless])), "4000 inserts"),
        ("endless.yml", catalogue.into_bytes(), "4000 inserts"),
    ];
    for (name, bytes, found) in files {
        let mut texts = Texts::builtin();
        let faults = texts.add_messages_bytes(name, &bytes).unwrap();
        assert_eq!(faults.len(), 1, "{name}: {faults:?}");
        assert_eq!(&*faults[0].log, name);
        assert!(faults[0].found.contains(found) || name == "cut.dll", "{name}: {}", faults[0].found);
        let sentence = texts.sentence(&event(&["TermService", "3"]), None);
        assert_eq!(sentence.source, TextSource::Catalogue, "{name}");
        assert!(sentence.text.starts_with("The TermService service terminated unexpectedly."), "{name}");
    }
    let mut texts = Texts::builtin();
    assert_eq!(texts.add_messages_bytes("whole.dll", &library(&whole)).unwrap(), []);
    // The catalogue knows the provider by name, a message table without one comes after it.
    assert_eq!(texts.sentence(&event(&["TermService", "3"]), None).source, TextSource::Catalogue);
    assert_eq!(texts.sentence(&record("Agent", 7034, Some(0xC000), &[]), None).text, "The agent's own text.");
}
