//! Windows updates: the update client in System, the servicing stack in Setup, and the restart between.

use rdpwhy::evtx::{Span, Time};

use super::super::host::Host;
use super::super::yaml::Yaml;
use super::{SERVICING, UPDATE, span};

/// Service of Windows Update; the Store has another one.
const WINDOWS_UPDATE: &str = "{9482f4b4-e343-43b6-b170-9a65bc822c77}";

/// `{kb, title, build, restart_after, failed, client}` and what `restart` takes; without `build` no restart.
pub(crate) fn update(host: &mut Host, at: Time, detail: &Yaml) {
    let kb = detail.need("kb");
    let title = detail.text("title").map_or_else(|| format!("Security Update ({kb})"), str::to_owned);
    let guid = host.random.guid();
    host.write(at, (UPDATE, 44), &[&title, &guid, "1"]);
    let start = at.plus(Span::minutes(4));
    host.write(start, (UPDATE, 43), &[&title, &guid, "1"]);
    if let Some(code) = detail.text("failed") {
        let values = [code, &title, &guid, "1", WINDOWS_UPDATE];
        host.write(start.plus(Span::minutes(9)), (UPDATE, 20), &values);
        package(host, start.plus(Span::minutes(9)), 3, kb, code);
        return;
    }
    let values = [kb, "5000", "Absent", "5112", "Installed", "UpdateAgentLCU"];
    host.write(start.plus(Span::seconds(20)), (SERVICING, 1), &values);
    let staged = start.plus(Span::minutes(11));
    let mut done = staged;
    if detail.text("build").is_some() {
        package(host, staged, 4, kb, "0x0");
        let down = staged.plus(span(detail.text("restart_after").unwrap_or("2m")));
        super::boot::restart(host, down, detail);
        done = host.booted.plus(Span::seconds(75));
    }
    package(host, done, 2, kb, "0x0");
    host.write(done.plus(Span::seconds(12)), (UPDATE, 19), &[&title, &guid, "1", WINDOWS_UPDATE]);
}

fn package(host: &mut Host, at: Time, event_id: u16, kb: &str, code: &str) {
    host.write(at, (SERVICING, event_id), &[kb, "5112", "Installed", code, "UpdateAgentLCU"]);
}
