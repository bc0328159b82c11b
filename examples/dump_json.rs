//! Prints the records of all logs as JSON, in one process and by the `evtx` crate alone: what a diagnosis is measured
//! against.
//!
//! ```text
//! cargo run --release --example dump_json -- THREADS LOG…
//! ```

use std::io::{BufWriter, Write};

use evtx::{EvtxParser, ParserSettings};

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let threads = arguments.next().and_then(|count| count.parse().ok()).unwrap_or(1);
    let settings = ParserSettings::default().num_threads(threads).indent(false);
    let mut out = BufWriter::new(std::io::stdout().lock());
    for path in arguments {
        let Ok(parser) = EvtxParser::from_path(&path) else {
            eprintln!("{path}: no log");
            continue;
        };
        let mut parser = parser.with_configuration(settings.clone());
        for record in parser.records_json().flatten() {
            writeln!(out, "{}", record.data)?;
        }
    }
    out.flush()
}
