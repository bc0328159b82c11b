//! Records of JSON lines, as `evtx_dump -o jsonl` writes them (attributes inside or beside their element) and as
//! `rdpwhy events` writes them.
//!
//! Values come back to the text that the record's XML has, and repeated elements to their common name. Memory
//! holds one line; a damaged line costs itself.

use std::collections::HashMap;
use std::fmt;
use std::io::Read;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess};

use super::builder::{Builder, empty};
use super::stream::{Sink, Stream};
use super::value::is_allowed;
use super::{Field, Record, Rendering, Time, Visitor};

/// Longest line that is read.
const MAX_LINE: usize = 4 << 20;

/// Reads all records of JSON lines, in order.
pub fn read_json_lines(input: &mut dyn Read, log: &Arc<str>, visitor: &mut dyn Visitor) {
    let mut lines = Lines { sink: Sink::new(log, visitor), text: Vec::new(), offset: 0, is_lost: false };
    let mut stream = Stream::new(input);
    loop {
        let seen = lines.text.len();
        match stream.more(&mut lines.text) {
            Ok(true) => lines.take(seen),
            Ok(false) => break lines.line_at(0, lines.text.len()),
            Err(error) => break lines.sink.break_off(lines.offset, &error),
        }
    }
    lines.sink.finish();
}

struct Lines<'a> {
    sink: Sink<'a>,
    text: Vec<u8>,
    /// Where `text` begins in the export.
    offset: u64,
    /// Whether the beginning of this line was thrown away.
    is_lost: bool,
}

impl Lines<'_> {
    /// Takes all whole lines; up to `seen` there is no line's end.
    fn take(&mut self, seen: usize) {
        let mut start = 0;
        let mut look = seen;
        while let Some(length) =
            self.text.get(look..).and_then(|rest| rest.iter().position(|&byte| byte == b'\n'))
        {
            let end = look + length;
            self.line_at(start, end);
            start = end + 1;
            look = start;
        }
        self.forget(start);
        if self.text.len() > MAX_LINE {
            if !self.is_lost {
                let found = "more than 4 MiB without an end";
                self.sink.lose(self.offset, "the end of a line", found);
            }
            self.is_lost = true;
            self.forget(self.text.len());
        }
    }

    fn line_at(&mut self, start: usize, end: usize) {
        if std::mem::take(&mut self.is_lost) {
            return;
        }
        let line = String::from_utf8_lossy(self.text.get(start..end).unwrap_or_default());
        let line = line.trim();
        if line.is_empty() {
            return;
        }
        match read_line(line, self.sink.log) {
            Ok(record) => self.sink.record(record),
            Err(found) => {
                let place = self.offset + u64::try_from(start).unwrap_or(u64::MAX);
                self.sink.lose(place, "a record as JSON", &found);
            }
        }
    }

    fn forget(&mut self, count: usize) {
        self.text.drain(..count);
        self.offset += u64::try_from(count).unwrap_or(u64::MAX);
    }
}

/// Reads one line.
pub(crate) fn read_line(line: &str, log: &Arc<str>) -> Result<Record, String> {
    let node: Node = serde_json::from_str(line).map_err(|error| format!("broken JSON: {error}"))?;
    if let Some(event) = node.get("Event") {
        return from_dump(event, node.get("Event_attributes"), log);
    }
    if node.get("event_id").is_some() && node.get("channel").is_some() {
        return Ok(from_events(&node, log));
    }
    Err("JSON that is no record".to_owned())
}

/// JSON with its members in order: positions of fields matter.
#[derive(Debug)]
enum Node {
    Null,
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

impl Node {
    fn members(&self) -> &[(String, Node)] {
        if let Self::Map(members) = self { members } else { &[] }
    }

    fn get(&self, name: &str) -> Option<&Self> {
        self.members().iter().find(|(own, _)| own == name).map(|(_, node)| node)
    }

    /// The text of an element, in either style.
    fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Map(_) => self.get("#text").map_or("", Self::text),
            Self::List(items) => items.first().map_or("", Self::text),
            Self::Null => "",
        }
    }

    /// The text of a child, unless it has none.
    fn child(&self, name: &str) -> Option<&str> {
        self.get(name).map(Self::text).filter(|text| !text.is_empty())
    }

    fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.child(name)?.trim().parse().ok()
    }
}

/// Builds a record from what `evtx_dump` wrote of its elements.
fn from_dump(event: &Node, beside: Option<&Node>, log: &Arc<str>) -> Result<Record, String> {
    let mut builder = Builder::new(log);
    element(&mut builder, "Event", event, beside)?;
    builder.finish().ok_or_else(|| "JSON that is no record".to_owned())
}

/// Shows the builder an element, or several of one name when JSON made a list of them.
fn element(builder: &mut Builder, name: &str, node: &Node, beside: Option<&Node>) -> Result<(), String> {
    let texts = match node {
        Node::List(items) => items.as_slice(),
        _ => match node.get("#text") {
            Some(Node::List(items)) => items.as_slice(),
            _ => std::slice::from_ref(node),
        },
    };
    for text in texts {
        if !builder.open(Arc::from(name)) {
            return Err("elements nested too deeply".to_owned());
        }
        for (key, value) in node.get("#attributes").or(beside).map_or(&[][..], Node::members) {
            builder.attribute(key, value.text());
        }
        children(builder, text)?;
        builder.text().push_str(text.text());
        builder.close();
    }
    Ok(())
}

fn children(builder: &mut Builder, parent: &Node) -> Result<(), String> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for (name, node) in parent.members() {
        if name.starts_with('#') {
            continue;
        }
        if let Node::Map(_) = node
            && let Some(owner) = name.strip_suffix("_attributes")
        {
            if parent.get(owner).is_none() {
                element(builder, common_name(owner, &mut counts), &Node::Null, Some(node))?;
            }
            continue;
        }
        let beside = parent.get(&format!("{name}_attributes"));
        let name = common_name(name, &mut counts);
        if name == "Data" && node.get("#text").is_none() && has_other_names(parent) {
            named_data(builder, node)?;
        } else {
            element(builder, name, node, beside)?;
        }
    }
    Ok(())
}

/// True when `Data` stands among fields with names: then that is its name, since JSON has either named or unnamed
/// ones.
fn has_other_names(section: &Node) -> bool {
    section.members().iter().any(|(name, _)| !name.starts_with('#') && name != "Data" && name != "Binary")
}

fn named_data(builder: &mut Builder, node: &Node) -> Result<(), String> {
    let items = if let Node::List(items) = node { items.as_slice() } else { std::slice::from_ref(node) };
    let name = Node::Map(vec![("Name".to_owned(), Node::Text("Data".to_owned()))]);
    items.iter().try_for_each(|item| element(builder, "Data", item, Some(&name)))
}

/// The name without the `_1`, `_2` … that tell repeated elements apart in JSON.
fn common_name<'a>(name: &'a str, counts: &mut HashMap<&'a str, usize>) -> &'a str {
    if let Some((base, number)) = name.rsplit_once('_')
        && let (Ok(number), Some(count)) = (number.parse::<usize>(), counts.get_mut(base))
        && number == *count
    {
        *count += 1;
        return base;
    }
    counts.insert(name, 1);
    name
}

fn shared(text: Option<&str>) -> Arc<str> {
    Arc::from(text.unwrap_or_default())
}

fn from_events(line: &Node, log: &Arc<str>) -> Record {
    let mut record = empty(log);
    record.provider = shared(line.child("provider"));
    record.channel = shared(line.child("channel"));
    record.computer = shared(line.child("host"));
    record.event_id = line.number("event_id").unwrap_or_default();
    record.version = line.number("version").unwrap_or_default();
    record.qualifiers = line.number("qualifiers");
    record.level = line.number("level").unwrap_or_default();
    record.record_id = line.number("record_id").unwrap_or_default();
    record.time = line.child("time").and_then(Time::parse).unwrap_or_default();
    record.activity_id = line.child("activity_id").map(Into::into);
    match line.get("fields") {
        Some(Node::Map(members)) => {
            for (name, value) in members {
                record
                    .fields
                    .push(Field { name: Some(Arc::from(name.as_str())), value: value.text().into() });
            }
        }
        Some(Node::List(items)) => record.fields.extend(items.iter().map(listed)),
        _ => {}
    }
    let is_binary = |field: &mut Field| field.name.as_deref() == Some("Binary");
    record.binary = record.fields.pop_if(is_binary).map(|field| super::bytes_of(&field.value));
    if line.child("text_source").is_some_and(|source| FROM_LOG.contains(&source)) {
        record.rendering =
            Some(Box::new(Rendering { message: line.child("text").map(Into::into), ..Rendering::default() }));
    }
    record
}

/// Sources of a text that came with the log; texts of the catalogue can be built again, in its newest words.
const FROM_LOG: [&str; 3] = ["rendering-info", "mta", "user"];

/// A field of a list: its value alone, or its name and value.
fn listed(item: &Node) -> Field {
    let name = item.child("name").map(Arc::from);
    Field { name, value: item.get("value").unwrap_or(item).text().into() }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> de::Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Text(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Text(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Text(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Text(
            serde_json::Number::from_f64(value).map_or_else(String::new, |number| number.to_string()),
        ))
    }

    /// Characters that XML does not allow become `_`, as Windows writes them.
    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.replace(|character| !is_allowed(character), "_")))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = entries.next_entry()? {
            members.push(member);
        }
        Ok(Node::Map(members))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::evtx::{Fault, Head, Record, Visitor};

    use super::{MAX_LINE, read_json_lines, read_line};

    #[derive(Default)]
    struct Seen {
        records: Vec<Record>,
        faults: Vec<Fault>,
    }

    impl Visitor for Seen {
        fn head(&mut self, _: &Head<'_>) -> bool {
            true
        }

        fn record(&mut self, record: Record) {
            self.records.push(record);
        }

        fn fault(&mut self, fault: Fault) {
            self.faults.push(fault);
        }
    }

    fn line(text: &str) -> Record {
        read_line(text, &Arc::from("x.jsonl")).expect("a record")
    }

    fn fields(record: &Record) -> Vec<(&str, &str)> {
        record.fields.iter().map(|field| (field.name.as_deref().unwrap_or("-"), &*field.value)).collect()
    }

    const INSIDE: &str = r##"{"Event":{"#attributes":{"xmlns":"x"},"System":{"Provider":{"#attributes":{"Name":"P","Guid":"{AB}"}},
        "EventID":{"#attributes":{"Qualifiers":16384},"#text":7036},"Version":1,"Level":4,"Task":2,"Opcode":3,
        "Keywords":"0x8080000000000000","TimeCreated":{"#attributes":{"SystemTime":"2026-01-14T03:12:41.5000000Z"}},
        "EventRecordID":9,"Correlation":{"#attributes":{"ActivityID":"{cd}"}},
        "Execution":{"#attributes":{"ProcessID":1,"ThreadID":2}},"Channel":"System","Computer":"h",
        "Security":{"#attributes":{"UserID":"S-1-5-18"}}},
        "EventData":{"z":"last","a":true,"n":-1,"h":"0x1f","e":null,"Data":{"#text":["x","","y"]},"Binary":"4100"}}}"##;

    const BESIDE: &str = r##"{"Event_attributes":{"xmlns":"x"},"Event":{"System":{"Provider_attributes":{"Name":"P","Guid":"{AB}"},
        "EventID_attributes":{"Qualifiers":16384},"EventID":7036,"Version":1,"Level":4,"Task":2,"Opcode":3,
        "Keywords":"0x8080000000000000","TimeCreated_attributes":{"SystemTime":"2026-01-14T03:12:41.5000000Z"},
        "EventRecordID":9,"Correlation_attributes":{"ActivityID":"{cd}"},
        "Execution_attributes":{"ProcessID":1,"ThreadID":2},"Channel":"System","Computer":"h",
        "Security_attributes":{"UserID":"S-1-5-18"}},
        "EventData":{"z":"last","a":true,"n":-1,"h":"0x1f","e":null,"Data":{"#text":["x","","y"]},"Binary":"4100"}}}"##;

    #[test]
    fn both_styles_of_attributes_give_one_record() {
        let inside = line(INSIDE);
        assert_eq!(inside, line(BESIDE));
        assert_eq!((inside.event_id, inside.qualifiers, inside.record_id), (7036, Some(16384), 9));
        assert_eq!((&*inside.provider, inside.provider_guid.as_deref()), ("P", Some("{ab}")));
        assert_eq!((inside.process_id, inside.user_sid.as_deref()), (Some(1), Some("S-1-5-18")));
        assert_eq!(inside.time.rfc3339(), "2026-01-14T03:12:41.500Z");
        let expected = [
            ("z", "last"),
            ("a", "true"),
            ("n", "-1"),
            ("h", "0x1f"),
            ("e", ""),
            ("-", "x"),
            ("-", ""),
            ("-", "y"),
        ];
        assert_eq!(fields(&inside), expected);
        assert_eq!(inside.binary.as_deref(), Some(&b"A\0"[..]));
    }

    #[test]
    fn repeated_elements_get_their_name_back() {
        let text = r##"{"Event":{"UserData":{"Root":{"Flags_attributes":{"value":"1"},
            "In":{"Header":"a","Header_1":"b","Header_2":"c","Port_3":"d"}}}}}"##;
        let record = line(text);
        assert_eq!(record.user_data.as_deref(), Some("Root"));
        let expected = [("Flags", ""), ("Header", "a"), ("Header", "b"), ("Header", "c"), ("Port_3", "d")];
        assert_eq!(fields(&record), expected);
    }

    #[test]
    fn lines_of_our_own_are_read() {
        let text = r##"{"time":"2026-01-14T03:12:41.500Z","host":"h","channel":"System","provider":"P","event_id":1,"version":0,
            "qualifiers":null,"level":2,"record_id":7,"activity_id":null,"fields":{"b":"1","a":"2"},
            "text":"T","text_source":"rendering-info","log":"System.evtx"}"##;
        let record = line(text);
        assert_eq!((&*record.computer, record.level, record.qualifiers), ("h", 2, None));
        assert_eq!(fields(&record), [("b", "1"), ("a", "2")]);
        assert_eq!(record.rendering.and_then(|rendering| rendering.message).as_deref(), Some("T"));
        let text = r##"{"event_id":1,"channel":"c","fields":["x",{"name":"n","value":"y"},null],"text":"T","text_source":"catalogue"}"##;
        let record = line(text);
        assert_eq!(fields(&record), [("-", "x"), ("n", "y"), ("-", "")]);
        assert_eq!(record.rendering, None);
    }

    #[test]
    fn damaged_line_costs_itself() {
        let long = "x".repeat(MAX_LINE * 2);
        let one = INSIDE.replace('\n', " ");
        let text = format!("{one}\n{{\"Event\":\n\n{long}\n[1]\r\n{one}");
        let mut seen = Seen::default();
        read_json_lines(&mut text.as_bytes(), &Arc::from("x"), &mut seen);
        assert_eq!(seen.records.len(), 2);
        let found: Vec<&str> = seen.faults.iter().map(|fault| &*fault.found).collect();
        assert!(found[0].starts_with("broken JSON"), "{found:?}");
        assert_eq!(found[1..], ["more than 4 MiB without an end", "JSON that is no record"]);
        assert_eq!(seen.faults[0].offset, one.len() as u64 + 1);
    }

    #[test]
    fn deep_nesting_is_a_fault() {
        let deep = format!("{{\"Event\":{}1{}}}", "{\"a\":".repeat(100), "}".repeat(100));
        assert!(read_line(&deep, &Arc::from("x")).is_err());
        let deeper = format!("{{\"Event\":{}", "[".repeat(1_000_000));
        assert!(read_line(&deeper, &Arc::from("x")).is_err());
    }
}
