//! Records of XML exports: what Event Viewer saves, what `wevtutil qe` and `Get-WinEvent` print, with or without a root
//! element and rendered texts, and the XML of `evtx_dump`.
//!
//! The stream is cut into `Event` elements by their tags alone and each is read for itself, so memory holds one
//! event and a damaged one costs itself. What stands between events is passed over.

use std::io::Read;
use std::sync::Arc;

use super::stream::{Sink, Stream};
use super::{Visitor, xml};

/// Largest event that is read. A record has at most 64 KiB; escaping and rendering make a few hundred of it.
const MAX_EVENT: usize = 4 << 20;

/// Longest start tag of an event that is looked at.
const MAX_TAG: usize = 4096;

/// Namespace of events (MS-EVEN6): an element of it inside an event means that the event's end is lost.
const NAMESPACE: &[u8] = b"http://schemas.microsoft.com/win/2004/08/events/event";

/// Reads all events of an XML export, in order.
pub fn read_xml(input: &mut dyn Read, log: &Arc<str>, visitor: &mut dyn Visitor) {
    let mut cutter =
        Cutter { sink: Sink::new(log, visitor), text: Vec::new(), offset: 0, at: 0, event: None, skip: None };
    let mut stream = Stream::new(input);
    loop {
        match stream.more(&mut cutter.text) {
            Ok(true) => cutter.cut(false),
            Ok(false) => break cutter.cut(true),
            Err(error) => {
                cutter.cut(true);
                break cutter.sink.break_off(cutter.offset + as_u64(cutter.at), &error);
            }
        }
    }
    cutter.sink.finish();
}

fn as_u64(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}

/// An event that has begun.
#[derive(Clone, Copy)]
struct Begun {
    start: usize,
    depth: usize,
}

struct Cutter<'a> {
    sink: Sink<'a>,
    text: Vec<u8>,
    /// Where `text` begins in the export.
    offset: u64,
    /// Where to look on in `text`.
    at: usize,
    event: Option<Begun>,
    /// The end of the comment or character data that `at` is in.
    skip: Option<&'static [u8]>,
}

/// What stands at a `<`.
enum Tag {
    Open {
        is_empty: bool,
        is_record: bool,
        end: usize,
    },
    Close {
        end: usize,
    },
    Skip {
        to: &'static [u8],
        end: usize,
    },
    Other,
    /// More text is needed to say.
    Partial,
}

impl Cutter<'_> {
    /// Cuts all whole events out of the text; at the end nothing may be left open.
    fn cut(&mut self, is_end: bool) {
        while self.step(is_end) {}
        self.drop_read();
        let Some(event) = self.event else { return };
        let is_large = self.text.len() - event.start > MAX_EVENT;
        if is_large || is_end {
            let found = if is_end { "the end of the export" } else { "more than 4 MiB without an end" };
            self.lose(event, found);
            self.event = None;
            self.skip = None;
            self.drop_read();
        }
    }

    /// Goes on to the next tag; false when the text is used up.
    fn step(&mut self, is_end: bool) -> bool {
        let rest = self.text.get(self.at..).unwrap_or_default();
        if let Some(end) = self.skip {
            let Some(place) = find(rest, end) else {
                self.at = self.text.len().saturating_sub(end.len()).max(self.at);
                return false;
            };
            self.at += place + end.len();
            self.skip = None;
            return true;
        }
        let Some(place) = rest.iter().position(|&byte| byte == b'<') else {
            self.at = self.text.len();
            return false;
        };
        self.at += place;
        match tag(rest.get(place..).unwrap_or_default(), is_end) {
            Tag::Partial => return false,
            Tag::Other => self.at += 1,
            Tag::Skip { to, end } => {
                self.at += end;
                self.skip = Some(to);
            }
            Tag::Open { is_empty, is_record, end } => {
                self.open(is_record);
                self.at += end;
                if is_empty {
                    self.close();
                }
            }
            Tag::Close { end } => {
                self.at += end;
                self.close();
            }
        }
        true
    }

    fn open(&mut self, is_record: bool) {
        match self.event {
            Some(event) if !is_record => self.event = Some(Begun { depth: event.depth + 1, ..event }),
            before => {
                if let Some(event) = before {
                    self.lose(event, "the next event");
                }
                self.event = Some(Begun { start: self.at, depth: 1 });
            }
        }
    }

    fn close(&mut self) {
        let Some(event) = self.event else { return };
        if event.depth > 1 {
            self.event = Some(Begun { depth: event.depth - 1, ..event });
            return;
        }
        self.event = None;
        let text = String::from_utf8_lossy(self.text.get(event.start..self.at).unwrap_or_default());
        match xml::read_event(&text, self.sink.log) {
            Ok(record) => self.sink.record(record),
            Err(error) => {
                let place = self.offset + as_u64(event.start);
                self.sink.lose(place, "an event", &error.to_string());
            }
        }
    }

    fn lose(&mut self, event: Begun, found: &str) {
        let place = self.offset + as_u64(event.start);
        self.sink.lose(place, "the end of an event", found);
    }

    /// Forgets what has been read, once per block.
    fn drop_read(&mut self) {
        let done = self.event.map_or(self.at, |event| event.start).min(self.text.len());
        self.text.drain(..done);
        self.at -= done;
        self.offset += as_u64(done);
        if let Some(event) = &mut self.event {
            event.start -= done;
        }
    }
}

/// Says what begins with the `<` at the start of `text`.
fn tag(text: &[u8], is_end: bool) -> Tag {
    const COMMENT: &[u8] = b"<!--";
    const CDATA: &[u8] = b"<![CDATA[";
    if text.starts_with(COMMENT) {
        return Tag::Skip { to: b"-->", end: COMMENT.len() };
    }
    if text.starts_with(CDATA) {
        return Tag::Skip { to: b"]]>", end: CDATA.len() };
    }
    let (name, is_close) =
        if text.starts_with(b"</") { (text.get(2..), true) } else { (text.get(1..), false) };
    let after = name.unwrap_or_default().strip_prefix(b"Event");
    let is_event = after.and_then(<[u8]>::first).is_some_and(|&next| b" \t\r\n/>".contains(&next));
    if !is_event {
        return if text.len() < CDATA.len() && !is_end { Tag::Partial } else { Tag::Other };
    }
    let head = text.get(..MAX_TAG).unwrap_or(text);
    let Some(end) = head.iter().position(|&byte| byte == b'>') else {
        return if text.len() < MAX_TAG && !is_end { Tag::Partial } else { Tag::Other };
    };
    if is_close {
        return Tag::Close { end: end + 1 };
    }
    let inside = head.get(..end).unwrap_or_default();
    Tag::Open { is_empty: inside.ends_with(b"/"), is_record: find(inside, NAMESPACE).is_some(), end: end + 1 }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::sync::Arc;

    use crate::evtx::{Fault, Field, Head, Record, Rendering, Time, Visitor};

    use super::{MAX_EVENT, read_xml};

    #[derive(Default)]
    struct Seen {
        records: Vec<Record>,
        faults: Vec<Fault>,
    }

    impl Visitor for Seen {
        fn head(&mut self, head: &Head<'_>) -> bool {
            head.event_id != 404
        }

        fn record(&mut self, record: Record) {
            self.records.push(record);
        }

        fn fault(&mut self, fault: Fault) {
            self.faults.push(fault);
        }
    }

    /// Gives a few bytes at a time.
    struct Drip<'a>(&'a [u8]);

    impl Read for Drip<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let few = buffer.len().min(7);
            self.0.read(&mut buffer[..few])
        }
    }

    fn read(bytes: &[u8]) -> Seen {
        let mut seen = Seen::default();
        read_xml(&mut Drip(bytes), &Arc::from("x.xml"), &mut seen);
        seen
    }

    fn wide(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    fn escaped(text: &str) -> String {
        text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\'', "&apos;")
    }

    /// Writes a record as Event Viewer does.
    fn written(record: &Record) -> String {
        let mut data = String::new();
        for field in &record.fields {
            let name =
                field.name.as_deref().map_or(String::new(), |name| format!(" Name='{}'", escaped(name)));
            data += &format!("<Data{name}>{}</Data>", escaped(&field.value));
        }
        if let Some(binary) = &record.binary {
            let digits: String = binary.iter().map(|byte| format!("{byte:02X}")).collect();
            data += &format!("<Binary>{digits}</Binary>");
        }
        let rendered = record.rendering.as_ref().map_or(String::new(), |rendering| {
            format!(
                "<RenderingInfo Culture='{}'><Message>{}</Message><Level>{}</Level><Keywords/></RenderingInfo>",
                rendering.culture.as_deref().unwrap_or_default(),
                escaped(rendering.message.as_deref().unwrap_or_default()),
                rendering.level.as_deref().unwrap_or_default(),
            )
        });
        format!(
            "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='{}' \
             Guid='{}'/><EventID Qualifiers='{}'>{}</EventID><Version>{}</Version><Level>{}</Level><Task>{}</Task>\
             <Opcode>{}</Opcode><Keywords>0x{:x}</Keywords><TimeCreated SystemTime='2026-01-14T03:12:41.5000000Z'/>\
             <EventRecordID>{}</EventRecordID><Correlation ActivityID='{}'/><Execution ProcessID='{}' \
             ThreadID='{}'/><Channel>{}</Channel><Computer>{}</Computer><Security UserID='{}'/></System>\
             <EventData>{data}</EventData>{rendered}</Event>",
            escaped(&record.provider),
            record.provider_guid.as_deref().unwrap_or_default(),
            record.qualifiers.unwrap_or_default(),
            record.event_id,
            record.version,
            record.level,
            record.task,
            record.opcode,
            record.keywords,
            record.record_id,
            record.activity_id.as_deref().unwrap_or_default(),
            record.process_id.unwrap_or_default(),
            record.thread_id.unwrap_or_default(),
            escaped(&record.channel),
            escaped(&record.computer),
            record.user_sid.as_deref().unwrap_or_default(),
        )
    }

    fn sample() -> Record {
        let field =
            |name: Option<&str>, value: &str| Field { name: name.map(Arc::from), value: value.into() };
        Record {
            provider: Arc::from("Service Control Manager"),
            provider_guid: Some(Arc::from("{555908d1-a6d7-4695-8e1e-26931d2012f4}")),
            channel: Arc::from("System"),
            computer: Arc::from("SRV-RDS01.corp.example"),
            event_id: 7034,
            qualifiers: Some(49_152),
            version: 1,
            level: 2,
            task: 3,
            opcode: 4,
            keywords: 0x8080_0000_0000_0000,
            record_id: 812,
            time: Time::parse("2026-01-14T03:12:41.5Z").expect("a time"),
            activity_id: Some("{f4200000-0000-0000-0000-000000000001}".into()),
            process_id: Some(600),
            thread_id: Some(700),
            user_sid: Some("S-1-5-18".into()),
            fields: vec![
                field(Some("param1"), "Remotedesktopdienste & <mehr> 'Gerät' 😀"),
                field(None, ""),
                field(Some("param2"), " 3\n "),
            ],
            binary: Some(b"T\0e\0".as_slice().into()),
            rendering: Some(Box::new(Rendering {
                culture: Some("de-DE".into()),
                message: Some("Der Dienst \"Remotedesktopdienste\" wurde unerwartet beendet.".into()),
                level: Some("Fehler".into()),
            })),
            ..crate::evtx::builder::empty(&Arc::from("x.xml"))
        }
    }

    #[test]
    fn record_comes_back_from_every_form_of_export() {
        let record = sample();
        let event = written(&record);
        let forms = [
            event.clone(),
            format!(
                "\u{feff}<?xml version='1.0' encoding='utf-8' standalone='yes'?>\r\n<Events>{event}</Events>"
            ),
            format!("<Events>\r\n<!-- <Event> -->{event}</Events>"),
            format!("Record 1\n<?xml version=\"1.0\" encoding=\"utf-8\"?>\n{event}\n"),
        ];
        for form in forms {
            for bytes in
                [form.clone().into_bytes(), wide(&format!("\u{feff}{}", form.replace('\u{feff}', "")))]
            {
                let seen = read(&bytes);
                assert_eq!(seen.faults, []);
                assert_eq!(seen.records, std::slice::from_ref(&record));
            }
        }
    }

    #[test]
    fn events_without_a_root_are_read_in_order() {
        let numbers: Vec<u64> = (1..200).collect();
        let text: String =
            numbers.iter().map(|&record_id| written(&Record { record_id, ..sample() })).collect();
        let seen = read(text.as_bytes());
        assert_eq!(seen.records.iter().map(|record| record.record_id).collect::<Vec<_>>(), numbers);
        assert_eq!(read(text.replace(">7034<", ">404<").as_bytes()).records, []);
    }

    #[test]
    fn damaged_event_costs_itself() {
        let event = written(&sample());
        let half = event.split_once("<Channel>").expect("a channel").0;
        let text = format!("<Events>{half}{event}<Event>&nonsense;</Event>{event}{half}");
        let seen = read(text.as_bytes());
        assert_eq!(seen.records.len(), 2);
        let found: Vec<&str> = seen.faults.iter().map(|fault| &*fault.found).collect();
        let expected = ["the next event", "broken XML: unknown entity &nonsense;", "the end of the export"];
        assert_eq!(found, expected);
        assert_eq!(seen.faults[0].offset, 8);
        assert_eq!(seen.faults.iter().map(|fault| fault.lost).sum::<u64>(), 3);
    }

    #[test]
    fn elements_called_event_may_stand_in_an_event() {
        let event = written(&sample()).replace(
            "<EventData>",
            "<UserData><Event xmlns='Event_NS'><Event/><a>1</a></Event></UserData><EventData>",
        );
        let seen = read(format!("{event}{event}").as_bytes());
        assert_eq!((seen.records.len(), seen.faults.len()), (2, 0));
        assert_eq!(seen.records[0].user_data.as_deref(), Some("Event"));
        assert_eq!(seen.records[0].field("a"), Some("1"));
        let cdata = written(&sample()).replace("Remotedesktopdienste &amp;", "<![CDATA[</Event><Event>]]>");
        assert!(read(cdata.as_bytes()).records[0].fields[0].value.starts_with("</Event><Event>"));
    }

    #[test]
    fn endless_event_is_given_up() {
        let text = format!("<Event>{}</Event>{}", "<a>".repeat(MAX_EVENT), written(&sample()));
        let mut seen = Seen::default();
        read_xml(&mut text.as_bytes(), &Arc::from("x.xml"), &mut seen);
        assert_eq!((seen.records.len(), seen.faults.len()), (1, 1));
        let spaces = format!("<Event {}", " ".repeat(MAX_EVENT));
        assert_eq!(read(&spaces.as_bytes()[..20_000]).records, []);
    }
}
