//! Chunks that are made to hang a reader or to fill its memory: each ends soon, and costs records at most.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop where it fails")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdpwhy::evtx::{CHUNK_SIZE, Place, Record, read_chunk_by_crate};

use crate::corpus::{self, Everything};

const RECORD: usize = 512;

/// Far more than any of these takes without optimisation on a busy machine (optimised, each takes less than 200 ms),
/// far less than one that does not end.
const LIMIT: Duration = Duration::from_secs(30);

fn number(value: usize) -> [u8; 4] {
    u32::try_from(value).unwrap().to_le_bytes()
}

/// A chunk whose records have these streams; the first begins at [`RECORD`].
fn chunk_of(streams: &[Vec<u8>]) -> Vec<u8> {
    let mut chunk = vec![0; RECORD];
    let mut last = RECORD;
    for (id, stream) in (1_u64..).zip(streams) {
        last = chunk.len();
        let size = number(stream.len() + 28);
        chunk.extend([0x2a, 0x2a, 0, 0]);
        chunk.extend(size);
        chunk.extend(id.to_le_bytes());
        chunk.extend(132_576_067_630_000_000_u64.to_le_bytes());
        chunk.extend(stream);
        chunk.extend(size);
    }
    let end = number(chunk.len());
    let mut put = |at: usize, bytes: &[u8]| chunk[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"ElfChnk\0");
    for (at, id) in [(8, 1), (16, streams.len()), (24, 1), (32, streams.len())] {
        put(at, &number(id));
    }
    put(40, &number(128));
    put(44, &number(last));
    put(48, &end);
    // Written without checksums.
    put(120, &number(4));
    chunk.resize(CHUNK_SIZE, 0);
    chunk
}

/// The stream of an instance with a template of its own, in a record at `record`.
fn instance(record: usize, template: &[u8], values: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut stream = vec![0x0f, 1, 1, 0, 0x0c, 1, 7, 0, 0, 0];
    stream.extend(number(record + 24 + 14));
    stream.extend([0; 4]);
    stream.extend([7; 16]);
    stream.extend(number(template.len()));
    stream.extend(template);
    stream.extend(values_of(values));
    stream.push(0);
    stream
}

fn values_of(values: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = number(values.len()).to_vec();
    for (kind, value) in values {
        bytes.extend(u16::try_from(value.len()).unwrap().to_le_bytes());
        bytes.extend([*kind, 0]);
    }
    bytes.extend(values.iter().flat_map(|(_, value)| value.iter().copied()));
    bytes
}

/// An element around `content`, whose name stands at `name` in the chunk.
fn element(name: usize, content: &[u8], is_template: bool) -> Vec<u8> {
    let mut bytes = vec![0x01];
    if is_template {
        bytes.extend([0xff, 0xff]);
    }
    bytes.extend([0; 4]);
    bytes.extend(number(name));
    bytes.push(0x02);
    bytes.extend(content);
    bytes.push(0x04);
    bytes
}

/// Writes a name into a chunk, as the string table has it, and says where it ends.
fn put_name(chunk: &mut [u8], at: usize, next: usize, name: &str) -> usize {
    let units: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let count = u16::try_from(units.len() / 2).unwrap().to_le_bytes();
    let bytes = [number(next).as_slice(), &[0, 0], &count, &units, &[0, 0]].concat();
    chunk[at..at + bytes.len()].copy_from_slice(&bytes);
    at + bytes.len()
}

fn read(chunk: &[u8]) -> Everything {
    let began = Instant::now();
    let all = corpus::read(chunk, &Place { log: Arc::from("hostile.evtx"), offset: 4096 });
    assert!(began.elapsed() < LIMIT, "{:?}", began.elapsed());
    all
}

const NAMES: usize = 60_000;

#[test]
fn elements_are_read_when_all_is_in_order() {
    let mut chunk = chunk_of(&[instance(RECORD, &element(NAMES, &[], true), &[])]);
    put_name(&mut chunk, NAMES, 0, "Event");
    let all = read(&chunk);
    assert_eq!(all.records.len(), 1);
    assert!(all.faults.is_empty());
}

#[test]
fn a_string_table_that_goes_in_a_circle_ends() {
    let mut chunk = chunk_of(&[element(NAMES, &[0xff], false)]);
    let second = put_name(&mut chunk, NAMES, NAMES, "Event");
    put_name(&mut chunk, second, NAMES, "Other");
    chunk[128..512].copy_from_slice(&number(second).repeat(96));
    assert_eq!(read(&chunk).counts.lost, 1);
}

#[test]
fn a_string_table_of_nothing_but_long_names_ends() {
    // Each offset is a string of 32,000 characters, and the next begins a byte later.
    let mut chunk = chunk_of(&[vec![0xff; 200]]);
    for at in (1000..60_000).step_by(8) {
        chunk[at..at + 4].copy_from_slice(&number(at + 8));
        chunk[at + 6..at + 8].copy_from_slice(&2_000_u16.to_le_bytes());
    }
    chunk[128..132].copy_from_slice(&number(1000));
    assert_eq!(read(&chunk).counts.lost, 1);
}

#[test]
fn elements_that_share_a_long_name_do_not_fill_memory() {
    // The name stands in the record itself, and is nearly as long as it.
    let record = [element(40_000, &[], false).repeat(2600), vec![0x41; 34_000]].concat();
    let mut chunk = chunk_of(&[record]);
    chunk[40_006..40_008].copy_from_slice(&12_000_u16.to_le_bytes());
    assert!(read(&chunk).records.is_empty());
}

#[test]
fn values_nested_in_values_end() {
    let mut stream = element(NAMES, &[], false);
    while stream.len() < 50_000 {
        let mut value = vec![0x05, 0x21];
        value.extend(u16::try_from(stream.len()).unwrap().to_le_bytes());
        value.extend(&stream);
        stream = element(NAMES, &value, false);
    }
    let mut chunk = chunk_of(&[stream]);
    put_name(&mut chunk, NAMES, 0, "Event");
    assert_eq!(read(&chunk).counts.lost, 1);
}

#[test]
fn a_template_that_holds_itself_ends() {
    // The template's element holds a value, which is an instance of the template.
    let mut inner = vec![0x0c, 1, 7, 0, 0, 0];
    inner.extend(number(RECORD + 24 + 14));
    inner.extend([0; 4]);
    let mut value = vec![0x05, 0x21];
    value.extend(u16::try_from(inner.len()).unwrap().to_le_bytes());
    value.extend(&inner);
    let mut chunk = chunk_of(&[instance(RECORD, &element(NAMES, &value, true), &[])]);
    put_name(&mut chunk, NAMES, 0, "Event");
    assert_eq!(read(&chunk).counts.lost, 1);
}

#[test]
fn a_value_in_thousands_of_places_does_not_fill_memory() {
    let places = element(NAMES, &[0x0d, 0, 0, 1], true).repeat(1500);
    let template = element(NAMES, &places, true);
    let text = vec![0x41; 24_000];
    let mut chunk = chunk_of(&[instance(RECORD, &template, &[(0x0e, text)])]);
    put_name(&mut chunk, NAMES, 0, "Event");
    let all = read(&chunk);
    assert_eq!(all.counts.lost, 1, "more than 16 MiB from one record");
}

#[test]
fn lists_do_not_multiply() {
    // Six lists of 200 items in one element would be 64 billion elements.
    let places: Vec<u8> = (0..6).flat_map(|id| [0x0d, id, 0, 0x84]).collect();
    let template = element(NAMES, &element(NAMES, &places, true), true);
    let lists: Vec<(u8, Vec<u8>)> = (0..6).map(|_| (0x84, vec![1; 200])).collect();
    let mut chunk = chunk_of(&[instance(RECORD, &template, &lists)]);
    put_name(&mut chunk, NAMES, 0, "Event");
    assert_eq!(read(&chunk).counts.lost, 1);
}

#[test]
fn records_of_a_chunk_share_what_they_may_take() {
    // Each record alone stays under what one record may take; together they would take gigabytes.
    let places = element(NAMES, &[0x0d, 0, 0, 0x0e], true).repeat(700);
    let template = element(NAMES, &places, true);
    let first = instance(RECORD, &template, &[(0x0e, vec![0x41; 9_000])]);
    let mut again = vec![0x0f, 1, 1, 0, 0x0c, 1, 7, 0, 0, 0];
    again.extend(number(RECORD + 24 + 14));
    again.extend(values_of(&[(0x0e, vec![0x41; 9_000])]));
    again.push(0);
    let mut chunk = chunk_of(&[first, again.clone(), again.clone(), again]);
    put_name(&mut chunk, NAMES, 0, "Event");
    let all = read(&chunk);
    let text: usize =
        all.records.iter().flat_map(|record| &record.fields).map(|field| field.value.len()).sum();
    assert!(text <= 64 << 20, "{text} bytes of text");
}

#[test]
fn sizes_that_overflow_are_damage() {
    for size in [0, 1, 27, 28, 29, 0x7fff_ffff, 0x8000_0000, 0xffff_fff0, 0xffff_ffff_u32] {
        let mut chunk = chunk_of(&[instance(RECORD, &element(NAMES, &[], true), &[])]);
        put_name(&mut chunk, NAMES, 0, "Event");
        for at in [RECORD + 4, RECORD + 24 + 10, RECORD + 24 + 34, 44, 48] {
            let mut damaged = chunk.clone();
            damaged[at..at + 4].copy_from_slice(&size.to_le_bytes());
            read(&damaged);
        }
    }
}

/// What the crate reads of a chunk.
fn by_crate(chunk: &[u8]) -> Vec<Record> {
    let place = Place { log: Arc::from("hostile.evtx"), offset: 4096 };
    read_chunk_by_crate(chunk, &place).unwrap().into_iter().flatten().collect()
}

#[test]
fn a_name_with_characters_that_no_name_has_is_that_of_the_crate() {
    let names = [NAMES, NAMES + 100, NAMES + 200];
    let inner = element(names[1], &element(names[2], &[], true), true);
    let mut chunk = chunk_of(&[instance(RECORD, &element(names[0], &inner, true), &[])]);
    for (at, name) in names.into_iter().zip(["Event", "UserData", "a\u{ffff}b"]) {
        put_name(&mut chunk, at, 0, name);
    }
    let all = read(&chunk).records;
    assert_eq!(all, by_crate(&chunk));
    assert_eq!(all[0].user_data.as_deref(), Some("a\u{ffff}b"));
}

#[test]
fn a_dependency_on_a_value_that_is_not_there_keeps_the_element() {
    let names = [NAMES, NAMES + 100, NAMES + 200, NAMES + 300];
    let mut provider = vec![0x41, 0xff, 0x80, 0, 0, 0, 0];
    provider.extend(number(names[2]));
    provider.extend([0, 0, 0, 0, 0x06]);
    provider.extend(number(names[3]));
    provider.extend([0x05, 0x01, 2, 0, b'M', 0, b'e', 0, 0x03]);
    let template = element(names[0], &element(names[1], &provider, true), true);
    let mut chunk = chunk_of(&[instance(RECORD, &template, &[])]);
    for (at, name) in names.into_iter().zip(["Event", "System", "Provider", "Name"]) {
        put_name(&mut chunk, at, 0, name);
    }
    let all = read(&chunk).records;
    assert_eq!(all, by_crate(&chunk));
    assert_eq!(&*all[0].provider, "Me");
}

#[test]
fn templates_that_overlap_do_not_multiply() {
    // Each record names a template that begins a byte later and holds the rest of the chunk.
    let mut stream = vec![0x0f, 1, 1, 0, 0x0c, 1, 7, 0, 0, 0];
    stream.extend([0; 4]);
    stream.extend(values_of(&[]));
    stream.push(0);
    let mut chunk = chunk_of(&vec![stream; 600]);
    let record = 28 + 19;
    let body = 32_000;
    let elements = [element(NAMES, &[], true), vec![0x0f; 4]].concat().repeat(1400);
    chunk[body..body + elements.len()].copy_from_slice(&elements);
    for index in 0..600 {
        let template = body - 24 - index * 4;
        let at = RECORD + index * record + 24 + 10;
        chunk[at..at + 4].copy_from_slice(&number(template));
        chunk[template + 20..template + 24].copy_from_slice(&number(CHUNK_SIZE - template - 24));
    }
    put_name(&mut chunk, NAMES, 0, "Event");
    assert_eq!(read(&chunk).counts.read, 0);
}

#[test]
fn a_record_of_zeros_is_damage() {
    let chunk = chunk_of(&[vec![0; 400]]);
    let all = read(&chunk);
    assert_eq!((all.records.len(), all.counts.read, all.counts.lost), (0, 0, 1), "{:?}", all.records);
    assert!(all.faults.iter().any(|fault| &*fault.found == "a record without content"), "{:?}", all.faults);
}

/// An instance of the template at `template`, which stands elsewhere.
fn again(template: usize, values: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut stream = vec![0x0f, 1, 1, 0, 0x0c, 1, 7, 0, 0, 0];
    stream.extend(number(template));
    stream.extend(values_of(values));
    stream.push(0);
    stream
}

/// Where the first record has its template, when it has one.
const TEMPLATE: usize = RECORD + 24 + 14;

/// An empty section of literal text, which only the crate knows.
const CDATA: [u8; 3] = [0x07, 0, 0];

/// A chunk with `records` records, all of the template of the first, which only the crate knows.
fn chunk_of_one_template(content: &[u8], records: usize, values: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let template = element(NAMES, &[&CDATA, content].concat(), true);
    let mut streams = vec![instance(RECORD, &template, values)];
    streams.resize(records, again(TEMPLATE, values));
    let mut chunk = chunk_of(&streams);
    put_name(&mut chunk, NAMES, 0, "Event");
    chunk
}

/// An element that stays away because the value that it depends on has no type.
fn hidden_element(content: &[u8]) -> Vec<u8> {
    let mut bytes = element(NAMES, content, true);
    bytes[1..3].copy_from_slice(&[0, 0]);
    bytes
}

#[test]
fn a_template_of_thousands_of_elements_in_each_record_ends() {
    // Nothing of them is shown, but each record has them built.
    let chunk = chunk_of_one_template(&hidden_element(&[]).repeat(2_500), 400, &[(0, Vec::new())]);
    let all = read(&chunk);
    assert!(all.counts.read > 0, "the first records are no crime");
    assert!(all.counts.lost > 0 && all.faults.iter().any(|fault| fault.found.contains("made to take much")));
}

#[test]
fn values_that_reach_into_each_other_end() {
    // Each value is an instance whose values lie behind it, and those are instances again: billions of them, not so
    // deeply nested that the crate would stop.
    let mut stream = vec![0x0f, 1, 1, 0];
    for _ in 0..58 {
        stream.extend([0x0c, 1, 7, 0, 0, 0]);
        stream.extend(number(NAMES - 100));
        stream.extend(number(2));
        // The second value begins where the first does not end.
        stream.extend([22, 0, 0x21, 0, 22, 0, 0x21, 0]);
    }
    for _ in 0..3 {
        stream.extend([0x0c, 1, 7, 0, 0, 0]);
        stream.extend(number(NAMES - 100));
        stream.extend([0; 12]);
    }
    let mut chunk = chunk_of(&[stream]);
    let template = element(NAMES, &CDATA, true);
    chunk[NAMES - 80..NAMES - 76].copy_from_slice(&number(template.len()));
    chunk[NAMES - 76..NAMES - 76 + template.len()].copy_from_slice(&template);
    put_name(&mut chunk, NAMES, 0, "Event");
    let all = read(&chunk);
    assert!(all.faults[0].found.contains("made to take much"), "{:?}", all.faults);
}

#[test]
fn instances_that_share_their_values_end() {
    // Thousands of values, each an instance whose thousands of values lie behind all of them.
    let mut value = vec![0x0c, 1, 7, 0, 0, 0];
    value.extend(number(NAMES - 100));
    value.extend(number(2_000));
    let values: Vec<(u8, Vec<u8>)> = vec![(0x21, value); 1_500];
    let mut chunk = chunk_of(&[instance(RECORD, &element(NAMES, &CDATA, true), &values)]);
    let template = element(NAMES, &[], true);
    chunk[NAMES - 80..NAMES - 76].copy_from_slice(&number(template.len()));
    chunk[NAMES - 76..NAMES - 76 + template.len()].copy_from_slice(&template);
    put_name(&mut chunk, NAMES, 0, "Event");
    assert!(read(&chunk).counts.lost > 0);
}

#[test]
fn lists_whose_items_are_not_shown_end() {
    // Each item repeats an element with hundreds of attributes that have no value.
    let mut attributes = vec![0x41, 0xff, 0xff, 0, 0, 0, 0];
    attributes.extend(number(NAMES));
    attributes.extend([0; 4]);
    for _ in 0..300 {
        attributes.push(0x46);
        attributes.extend(number(NAMES));
        attributes.extend([0x0e, 1, 0, 0x01]);
    }
    attributes.extend([0x02, 0x0d, 0, 0, 0x84, 0x04]);
    let values = [(0x84, vec![1; 250]), (0, Vec::new())];
    let all = read(&chunk_of_one_template(&attributes, 150, &values));
    assert!(all.counts.lost > 0);
}

#[test]
fn long_names_in_each_record_end() {
    let mut chunk = chunk_of_one_template(&element(40_000, &[], true).repeat(500), 300, &[]);
    let name = "n".repeat(3_000);
    put_name(&mut chunk, 40_000, 0, &name);
    let all = read(&chunk);
    assert!(all.counts.lost > 0);
}

#[test]
fn a_table_of_thousands_of_names_is_not_read_for_each_record() {
    let mut chunk = chunk_of_one_template(&[], 800, &[]);
    let mut at = NAMES;
    for _ in 0..450 {
        at = put_name(&mut chunk, at, at + 12, "n");
    }
    chunk[128..132].copy_from_slice(&number(NAMES));
    let all = read(&chunk);
    assert_eq!(all.counts.read + all.counts.lost, 800);
}

#[test]
fn an_instance_in_thousands_of_places_ends() {
    // The fast lane knows all of it.
    let inner = again(TEMPLATE, &vec![(0x04, vec![1]); 900]);
    let outer = element(NAMES, &[0x0d, 0, 0, 0x21].repeat(7_000), true);
    let first = instance(RECORD, &element(NAMES, &[], true), &[]);
    let second = instance(RECORD + 28 + first.len(), &outer, &[(0x21, inner)]);
    let mut chunk = chunk_of(&[first, second]);
    put_name(&mut chunk, NAMES, 0, "Event");
    let all = read(&chunk);
    assert_eq!((all.counts.read, all.counts.lost), (2, 0), "{:?}", all.faults);
}
