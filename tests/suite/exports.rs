//! Exports of the corpus as other tools write them: each gives the records of its log.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop where it fails")]

use std::fmt::Write;
use std::sync::Arc;

use evtx::{EvtxChunkData, ParserSettings};
use rdpwhy::evtx::{CHUNK_SIZE, Record, read_json_lines, read_xml};

use crate::corpus::{self, Everything, Log};

#[derive(Clone, Copy, Debug)]
enum Form {
    Xml,
    Json { is_separate: bool },
}

/// A log as `evtx_dump` would print it, by the crate that it is made of.
fn dump(log: &Log, form: Form) -> String {
    let is_separate = matches!(form, Form::Json { is_separate: true });
    let settings = Arc::new(ParserSettings::new().indent(false).separate_json_attributes(is_separate));
    let mut text = String::new();
    for (_, chunk) in log.chunks() {
        let mut bytes = chunk.to_vec();
        bytes.resize(CHUNK_SIZE, 0);
        let Ok(mut data) = EvtxChunkData::new(bytes, false) else { continue };
        let Ok(mut chunk) = data.parse(Arc::clone(&settings)) else { continue };
        for record in chunk.iter().flatten() {
            let record = match form {
                Form::Xml => record.into_xml(),
                Form::Json { .. } => record.into_json(),
            };
            if let Ok(record) = record {
                writeln!(text, "{}", record.data).unwrap();
            }
        }
    }
    text
}

fn records(log: &Log, form: Form) -> Vec<Record> {
    let text = dump(log, form);
    let name = Arc::from(&*log.name);
    let mut all = Everything::default();
    match form {
        Form::Xml => read_xml(&mut text.as_bytes(), &name, &mut all),
        Form::Json { .. } => read_json_lines(&mut text.as_bytes(), &name, &mut all),
    }
    assert_eq!(all.faults, [], "{}", log.name);
    assert_eq!(all.counts.read, u64::try_from(all.records.len()).unwrap());
    all.records
}

/// Logs that a debug build reads in a moment.
fn logs() -> impl Iterator<Item = Log> {
    corpus::logs().into_iter().filter(|log| log.bytes.len() < 1_200_000)
}

#[test]
fn xml_of_a_log_gives_its_records() {
    for log in logs() {
        let mut own = Everything::default();
        for (place, chunk) in log.chunks() {
            own.records.extend(corpus::read(chunk, &place).records);
        }
        let exported = records(&log, Form::Xml);
        assert_eq!(exported.len(), own.records.len(), "{}", log.name);
        for (exported, mut own) in exported.iter().zip(own.records) {
            // A log has the number in the record's header too, an export has not.
            own.number = 0;
            if exported.record_id == 0 {
                own.record_id = 0;
            }
            assert_eq!(*exported, own, "{}", log.name);
        }
    }
}

#[test]
fn json_lines_of_a_log_give_its_records() {
    for log in logs() {
        let expected = records(&log, Form::Xml);
        for is_separate in [false, true] {
            let exported = records(&log, Form::Json { is_separate });
            assert_eq!(exported.len(), expected.len(), "{}", log.name);
            for (exported, expected) in exported.iter().zip(&expected) {
                assert_eq!(exported, expected, "{} separate {is_separate}", log.name);
            }
        }
    }
}

/// An export of one event in each form.
const FORMS: [&str; 3] = [
    "<?xml version='1.0'?><Events><Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>\
     <Provider Name='P'/><EventID>1</EventID></System><EventData><Data Name='a'>&lt;x&#65;</Data><![CDATA[b]]>\
     </EventData></Event><!-- c --></Events>",
    "{\"Event\":{\"System\":{\"Provider\":{\"#attributes\":{\"Name\":\"P\"}},\"EventID\":1},\"EventData\":{\"a\":\"x\",\"a_1\":null}}}\n",
    "{\"time\":\"2026-01-14T03:12:41Z\",\"channel\":\"System\",\"event_id\":1,\"fields\":[\"x\",{\"name\":\"a\",\"value\":1}]}\n",
];

#[test]
fn cut_and_flipped_exports_are_read_or_faulty() {
    for form in FORMS {
        let narrow = form.as_bytes().to_vec();
        let wide: Vec<u8> = format!("\u{feff}{form}").encode_utf16().flat_map(u16::to_le_bytes).collect();
        for bytes in [narrow, wide] {
            for place in 0..bytes.len() {
                let mut flipped = bytes.clone();
                flipped[place] ^= 0x15;
                for bytes in [&bytes[..place], &flipped] {
                    let mut all = Everything::default();
                    let (mut xml, mut json) = (bytes, bytes);
                    read_xml(&mut xml, &Arc::from("x"), &mut all);
                    read_json_lines(&mut json, &Arc::from("x"), &mut all);
                    assert!(all.records.len() <= 1);
                    assert_eq!(all.counts.lost, u64::try_from(all.faults.len()).unwrap());
                }
            }
        }
    }
}
