//! Boots, restarts and renames.

use rdpwhy::evtx::{Span, Time};

use super::super::host::Host;
use super::super::yaml::Yaml;
use super::{CORE, EVENTLOG, KERNEL, LSM, RCM, SCM, set_binary, span};

const KERNEL_BOOT: &str = "Microsoft-Windows-Kernel-Boot";
const KERNEL_POWER: &str = "Microsoft-Windows-Kernel-Power";

/// The machine starts: `{termservice: starts | missing | no_listener, clean: false,
/// trust: broken}`.
pub(crate) fn boot(host: &mut Host, at: Time, detail: &Yaml) {
    host.restart_processes();
    host.sessions.clear();
    host.booted = at;
    let log_start = at.plus(Span::seconds(11));
    let late = log_start.plus(Span(9_000));
    let is_clean = detail.text("clean") != Some("false");
    if !is_clean {
        let alive = at.minus(Span::minutes(7));
        host.write(log_start, (EVENTLOG, 6008), &[&clock(alive), &date(alive), "", "", "118211", "", ""]);
    }
    let build = host.build.0.to_string();
    host.write(log_start, (EVENTLOG, 6009), &["10.00.", &build, "", "Multiprocessor Free", "0"]);
    let started = host.write(log_start, (EVENTLOG, 6005), &[]);
    set_binary(&mut started.data, &system_time(log_start));
    uptime(host, log_start.plus(Span(160_000)));
    if !is_clean {
        let values = ["0", "0x0", "0x0", "0x0", "0x0", "false", "0"];
        host.write_late(at.plus(Span::seconds(4)), late, (KERNEL_POWER, 41), &values);
    }
    kernel(host, at, late, is_clean);
    host.write(at.plus(Span::seconds(17)), (SCM, 7026), &["\r\ndam"]);
    host.write(at.plus(Span::seconds(10)), (LSM, 32), &["RDSAppXPlugin"]);
    if detail.text("termservice").unwrap_or("starts") == "starts" {
        remote_desktop_starts(host, at.plus(Span::seconds(12)));
    } else if detail.text("termservice") == Some("no_listener") {
        super::service::running(host, at.plus(Span::seconds(12)));
    }
    if host.name.contains('.') && detail.text("trust") != Some("broken") {
        domain_answers(host, at);
    }
}

/// What a member of a domain hears from a domain controller after a boot.
fn domain_answers(host: &mut Host, at: Time) {
    host.write(
        at.plus(Span::seconds(24)),
        ("Microsoft-Windows-GroupPolicy", 1500),
        &["1", "4213", "1", "78", "\\\\dc01.corp.example"],
    );
    let source = "dc01.corp.example (ntp.d|0x0|0.0.0.0:123->10.10.0.5:123)";
    host.write(at.plus(Span::seconds(41)), ("Microsoft-Windows-Time-Service", 37), &[source]);
}

/// What the kernel noted before the log service ran.
fn kernel(host: &mut Host, at: Time, late: Time, is_clean: bool) {
    let (build, revision) = (host.build.0.to_string(), host.build.1.to_string());
    let start = at.plus(Span(4_992_599)).rfc3339();
    host.write_late(at, late, (KERNEL, 12), &["10", "0", &build, &revision, "0", "0", &start]);
    let good = if is_clean { "true" } else { "false" };
    host.write_late(at, late, (KERNEL_BOOT, 20), &[good, "true", "0", "2"]);
    host.write_late(at, late, (KERNEL_BOOT, 27), &["0", " NOEXECUTE=OPTOUT"]);
    host.write_late(at, late, (KERNEL_BOOT, 18), &["1"]);
}

/// The service runs and its listener is up.
pub(crate) fn remote_desktop_starts(host: &mut Host, at: Time) {
    super::service::running(host, at);
    let activity = host.next_activity();
    for (delay, transport) in [(180_i64, "TCP"), (260, "UDP")] {
        let record = host.write(at.plus(Span(delay * 10_000)), (CORE, 129), &[transport, "3389"]);
        record.system.activity = Some(activity.clone());
    }
    let record = host.write(at.plus(Span(3_100_000)), (RCM, 258), &["RDP-Tcp"]);
    record.system.activity = Some(activity);
    if !host.has_role {
        host.write(at.plus(Span(7_760_000)), (RCM, 1136), &[]);
    }
}

/// The machine restarts: `{process, reason, code, user, down, build, rename, unexpected}` and what
/// `boot` takes.
pub(crate) fn restart(host: &mut Host, at: Time, detail: &Yaml) {
    let up = at.plus(span(detail.text("down").unwrap_or("95s")));
    if detail.text("unexpected") != Some("true") {
        shut_down(host, at, up, detail);
    }
    if let Some(build) = detail.text("build") {
        host.build = read_build(build);
    }
    boot_as(host, up, detail);
}

fn shut_down(host: &mut Host, at: Time, up: Time, detail: &Yaml) {
    let short = host.short_name();
    let process = detail.text("process").unwrap_or("C:\\Windows\\servicing\\TrustedInstaller.exe");
    host.write(
        at,
        ("User32", 1074),
        &[
            &format!("{process} ({short})"),
            &short,
            detail.text("reason").unwrap_or("Operating System: Upgrade (Planned)"),
            detail.text("code").unwrap_or("0x80020003"),
            "restart",
            "",
            detail.text("user").unwrap_or("NT AUTHORITY\\SYSTEM"),
        ],
    );
    let down = at.plus(Span::seconds(9));
    super::connection::log_off_all(host, at.plus(Span::seconds(3)));
    host.write(down, (LSM, 54), &[]);
    host.write(down, (RCM, 259), &["RDP-Tcp"]);
    let stopped = host.write(down.plus(Span::seconds(1)), (EVENTLOG, 6006), &[]);
    set_binary(&mut stopped.data, "hex:0100000000000000");
    let late = up.plus(Span::seconds(11)).plus(Span(8_000));
    host.write_late(down.plus(Span::seconds(3)), late, (KERNEL_POWER, 109), &["5", "0", "5"]);
    let end = down.plus(Span::seconds(4));
    host.write_late(end, late, (KERNEL, 13), &[&end.rfc3339()]);
}

/// A boot under the name in `rename`, when there is one: EventLog 6011 tells the change.
fn boot_as(host: &mut Host, up: Time, detail: &Yaml) {
    let old = host.short_name();
    if let Some(name) = detail.text("rename") {
        host.name = name.to_owned();
        host.domain = if name.contains('.') { "CORP".into() } else { host.short_name() };
    }
    boot(host, up, detail);
    let new = host.short_name();
    if old != new {
        host.write(up.plus(Span::seconds(11)), (EVENTLOG, 6011), &[&old, &new]);
    }
}

/// EventLog 6013: seconds since the boot.
pub(crate) fn uptime(host: &mut Host, at: Time) {
    let seconds = at.since(host.booted).as_seconds();
    let zone = "0 Coordinated Universal Time";
    host.write(at, (EVENTLOG, 6013), &["", "", "", "", &seconds.to_string(), "60", zone]);
}

/// `17763.6189` as two numbers.
pub(crate) fn read_build(text: &str) -> (u32, u32) {
    let (build, revision) = text.split_once('.').expect("build.revision");
    (build.parse().expect("a build"), revision.parse().expect("a revision"))
}

fn clock(at: Time) -> String {
    at.to_chrono().map_or_else(String::new, |time| time.format("%-I:%M:%S %p").to_string())
}

/// The date as Windows writes it, with left-to-right marks.
fn date(at: Time) -> String {
    at.to_chrono()
        .map_or_else(String::new, |time| time.format("\u{200e}%-m/\u{200e}%-d/\u{200e}%Y").to_string())
}

/// EventLog 6005 keeps the time as a SYSTEMTIME: eight numbers of 16 bits, and eight bytes more.
fn system_time(at: Time) -> String {
    let text =
        at.to_chrono().map_or_else(String::new, |time| time.format("%Y %-m %w %-d %-H %-M %-S").to_string());
    let numbers = text.split(' ').map(|part| part.parse::<u16>().expect("a part of a time").swap_bytes());
    let digits: String = numbers.map(|number| format!("{number:04X}")).collect();
    format!("hex:{digits}{}", "0".repeat(20))
}
