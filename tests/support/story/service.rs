//! Services start, stop, crash and change their start type.

use rdpwhy::evtx::{Span, Time};

use super::super::host::Host;
use super::super::yaml::Yaml;
use super::{RCM, SCM, set_binary, span};

/// Display names of the services that scenarios name by their key.
fn display_name(service: &str) -> &str {
    match service {
        "TermService" => "Remote Desktop Services",
        "UmRdpService" => "Remote Desktop Services UserMode Port Redirector",
        "SessionEnv" => "Remote Desktop Configuration",
        "TrustedInstaller" => "Windows Modules Installer",
        "wuauserv" => "Windows Update",
        "BITS" => "Background Intelligent Transfer Service",
        "WinHttpAutoProxySvc" => "WinHTTP Web Proxy Auto-Discovery Service",
        "RpcSs" => "Remote Procedure Call (RPC)",
        other => other,
    }
}

/// `{service, state: running | stopped}`; for Remote Desktop Services the listener follows.
pub(crate) fn state(host: &mut Host, at: Time, detail: &Yaml) {
    let (service, state) = (detail.need("service"), detail.need("state"));
    match (service, state) {
        ("TermService", "running") => super::boot::remote_desktop_starts(host, at),
        ("TermService", _) => {
            super::connection::log_off_all(host, at);
            host.write(at, (RCM, 262), &["RDP-Tcp"]);
            host.write(at.plus(Span(900_000)), (RCM, 259), &["RDP-Tcp"]);
            changed(host, at.plus(Span::seconds(1)), service, state);
        }
        _ => changed(host, at, service, state),
    }
}

/// Remote Desktop Services and its helpers say that they run.
pub(crate) fn running(host: &mut Host, at: Time) {
    for (delay, service) in [(0_i64, "TermService"), (140, "SessionEnv"), (610, "UmRdpService")] {
        changed(host, at.plus(Span(delay * 10_000)), service, "running");
    }
}

/// SCM 7036; its binary data has the key of the service and the number of the state.
pub(crate) fn changed(host: &mut Host, at: Time, service: &str, state: &str) {
    let number = if state == "running" { 4 } else { 1 };
    let record = host.write(at, (SCM, 7036), &[display_name(service), state]);
    set_binary(&mut record.data, &format!("utf16:{service}/{number}"));
}

/// `{service, count, module, code, offset, action: restart | none, back: 60s | never, error}`.
pub(crate) fn crash(host: &mut Host, at: Time, detail: &Yaml) {
    let service = detail.need("service");
    if let Some(module) = detail.text("module") {
        application_error(host, at, detail, module);
    }
    let ended = at.plus(Span(4_200_000));
    super::connection::drop_all(host, ended, 3_489_660_929);
    let count = detail.text("count").unwrap_or("1");
    let name = display_name(service);
    let record = if detail.text("action") == Some("none") {
        host.write(ended, (SCM, 7034), &[name, count])
    } else {
        host.write(ended, (SCM, 7031), &[name, count, "60000", "1", "Restart the service"])
    };
    set_binary(&mut record.data, &format!("utf16:{service}"));
    if let Some(error) = detail.text("error") {
        let record = host.write(ended.plus(Span::seconds(2)), (SCM, 7023), &[name, &format!("%%{error}")]);
        set_binary(&mut record.data, &format!("utf16:{service}"));
    }
    host.restart_service();
    let back = detail.text("back").unwrap_or("60s");
    if back != "never" {
        super::boot::remote_desktop_starts(host, ended.plus(span(back)));
    }
}

/// Application Error 1000 and its Windows Error Reporting record.
fn application_error(host: &mut Host, at: Time, detail: &Yaml, module: &str) {
    let process = format!("{:x}", host.process("termservice"));
    let version = format!("10.0.{}.{}", host.build.0, host.build.1);
    let module_path =
        detail.text("path").map_or_else(|| format!("C:\\Windows\\System32\\{module}"), str::to_owned);
    let module_version = detail.text("version").unwrap_or(&version);
    let code = detail.text("code").unwrap_or("c0000005");
    let offset = detail.text("offset").unwrap_or("000000000002f1a3");
    let report = host.random.guid();
    let report = report.trim_matches(['{', '}']);
    let service = detail.need("service");
    let program = format!("svchost.exe_{service}");
    host.write(
        at,
        ("Application Error", 1000),
        &[
            &program,
            "10.0.17763.1",
            "b900eeff",
            module,
            module_version,
            "5f6eb3c4",
            code,
            offset,
            &process,
            "01db9a1c3b1f5a20",
            "C:\\Windows\\system32\\svchost.exe",
            &module_path,
            report,
            "",
            "",
        ],
    );
    let mut values = vec!["", "0", "APPCRASH", "Not available", "0", &program, "10.0.17763.1", "b900eeff"];
    values.extend([
        module,
        module_version,
        "5f6eb3c4",
        code,
        offset,
        "",
        "",
        "",
        "",
        "",
        "",
        "0",
        report,
        "4",
        "",
    ]);
    host.write(at.plus(Span::seconds(3)), ("Windows Error Reporting", 1001), &values);
}

/// `{service, from, to}`: SCM 7040.
pub(crate) fn start_type(host: &mut Host, at: Time, detail: &Yaml) {
    let service = detail.need("service");
    let values = [display_name(service), detail.need("from"), detail.need("to"), service];
    let user = detail.text("user").map(|user| host.sid(user));
    let record = host.write(at, (SCM, 7040), &values);
    if user.is_some() {
        record.system.user = user;
    }
}
