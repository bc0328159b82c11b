//! Connections: how far each attempt gets, and which records that leaves in which log.

use rdpwhy::evtx::{Span, Time};

use super::super::host::{Host, Session};
use super::super::yaml::Yaml;
use super::{CORE, LSM, RCM, span};

const WINLOGON: &str = "Microsoft-Windows-Winlogon";
const SECURITY: &str = "Microsoft-Windows-Security-Auditing";

/// An attempt that reached the machine.
struct Attempt {
    at: Time,
    user: String,
    address: String,
    activity: String,
    name: String,
}

/// `{user, address, outcome, minutes, end, code, reason}`.
///
/// Outcomes: `logon` (then after `minutes` the `end`: logoff, disconnect or open), `reconnect`,
/// `wrong_password`, `tls_fails` (with `code`), `no_credentials` (the client gives up before NLA), `denied`
/// (authenticated, but no session; LSM 40 with `reason`), `scan`.
pub(crate) fn connect(host: &mut Host, at: Time, detail: &Yaml) {
    let attempt = arrive(host, at, detail);
    match detail.text("outcome").unwrap_or("logon") {
        "logon" => log_on(host, &attempt, detail),
        "reconnect" => reconnect(host, &attempt, detail),
        "wrong_password" => wrong_password(host, &attempt, detail),
        "tls_fails" => {
            let code = detail.text("code").unwrap_or("0x8009030d");
            let later = host.soon(at, 160);
            core(host, later, &attempt, (139, &[code, &attempt.address]));
            end(host, &attempt, later, "14");
        }
        "denied" => denied(host, &attempt, detail),
        "no_credentials" | "scan" => {
            let later = at.plus(Span::seconds(2));
            core(host, later, &attempt, (226, &TCP_CLOSED));
            end(host, &attempt, later, "14");
        }
        other => panic!("no outcome {other}"),
    }
}

const TCP_CLOSED: [&str; 8] =
    ["RDP_TCP", "23", "StateUnknown", "21", "StateDisconnected", "43", "Event_Disconnect", "0x80070040"];

/// RdpCoreTS 131 and 65, RemoteConnectionManager 261: a packet came.
fn arrive(host: &mut Host, at: Time, detail: &Yaml) -> Attempt {
    let number = host.next_connection();
    let attempt = Attempt {
        at,
        user: detail.text("user").unwrap_or_default().to_owned(),
        address: detail.need("address").to_owned(),
        activity: host.next_activity(),
        name: format!("RDP-Tcp#{number}"),
    };
    let port = host.random.between(49_700, 65_100);
    let client = format!("{}:{port}", attempt.address);
    core(host, at, &attempt, (131, &["TCP", &client]));
    let later = host.soon(at, 20);
    let record = host.write(later, (RCM, 261), &["RDP-Tcp"]);
    record.system.activity = Some(attempt.activity.clone());
    core(host, later, &attempt, (65, &[&attempt.name]));
    attempt
}

/// RemoteConnectionManager 1149: network level authentication passed.
fn authenticate(host: &mut Host, attempt: &Attempt) -> Time {
    let later = attempt.at.plus(Span(15_000_000));
    let later = host.soon(later, 900);
    let (domain, user) = attempt.user.split_once('\\').unwrap_or(("", &attempt.user));
    let record = host.write(later, (RCM, 1149), &[user, domain, &attempt.address]);
    record.system.activity = Some(attempt.activity.clone());
    later
}

fn log_on(host: &mut Host, attempt: &Attempt, detail: &Yaml) {
    let later = authenticate(host, attempt);
    core(host, later.plus(Span(300_000)), attempt, (98, &[]));
    let session = host.next_session();
    let number = session.to_string();
    let (user, address) = (attempt.user.as_str(), attempt.address.as_str());
    let start = later.plus(Span(6_000_000));
    for (delay, event_id) in [(0, 41), (90, 42)] {
        session_record(host, start.plus(Span(delay * 10_000)), attempt, (event_id, &[user, &number]));
    }
    for (delay, event_id) in [(700, 21), (1900, 22)] {
        let at = start.plus(Span(delay * 10_000));
        session_record(host, at, attempt, (event_id, &[user, &number, address]));
    }
    let sid = host.sid(user);
    host.write(start.plus(Span(6_400_000)), (WINLOGON, 7001), &[&number, &sid]);
    host.sessions.push(Session {
        user: user.into(),
        id: session,
        address: address.into(),
        activity: attempt.activity.clone(),
    });
    leave(host, attempt, session, start, detail);
}

/// The end that the scenario wants for a session, `minutes` after its start.
fn leave(host: &mut Host, attempt: &Attempt, session: u32, start: Time, detail: &Yaml) {
    let length = i64::try_from(detail.number("minutes", 45)).expect("a day");
    let at = start.plus(Span::minutes(length));
    let number = session.to_string();
    let (user, address) = (attempt.user.as_str(), attempt.address.as_str());
    match detail.text("end").unwrap_or("logoff") {
        "logoff" => {
            let sid = host.sid(user);
            host.write(at, (WINLOGON, 7002), &[&number, &sid]);
            session_record(host, at.plus(Span(4_000_000)), attempt, (23, &[user, &number]));
            session_record(host, at.plus(Span(7_000_000)), attempt, (40, &[&number, "12"]));
            session_record(host, at.plus(Span(8_000_000)), attempt, (24, &[user, &number, address]));
            host.sessions.retain(|open| open.id != session);
            end(host, attempt, at.plus(Span(9_000_000)), "12");
        }
        "disconnect" => {
            session_record(host, at, attempt, (24, &[user, &number, address]));
            session_record(host, at.plus(Span(200_000)), attempt, (40, &[&number, "0"]));
            core(host, at.plus(Span(300_000)), attempt, (226, &TCP_CLOSED));
            end(host, attempt, at.plus(Span(400_000)), "0");
        }
        _ => {}
    }
}

/// A user comes back to a disconnected session; an end other than `disconnect` leaves it in use.
fn reconnect(host: &mut Host, attempt: &Attempt, detail: &Yaml) {
    let later = authenticate(host, attempt);
    core(host, later.plus(Span(300_000)), attempt, (98, &[]));
    let open = host.sessions.iter().find(|open| open.user == attempt.user);
    let session = open.expect("a session to come back to").id;
    let number = session.to_string();
    let at = later.plus(Span(8_000_000));
    session_record(host, at, attempt, (25, &[&attempt.user, &number, &attempt.address]));
    if detail.text("end").is_some() {
        leave(host, attempt, session, at, detail);
    }
}

fn wrong_password(host: &mut Host, attempt: &Attempt, detail: &Yaml) {
    let later = attempt.at.plus(Span(9_000_000));
    let later = host.soon(later, 800);
    core(host, later, attempt, (140, &[&attempt.address]));
    end(host, attempt, later.plus(Span(200_000)), "14");
    if detail.text("audit") == Some("true") {
        let status = detail.text("status").unwrap_or("0xc000006d");
        let sub_status = detail.text("sub_status").unwrap_or("0xc0000064");
        failed_logon(host, later, attempt, [status, sub_status]);
    }
}

/// Security 4625, logon type 3: the NLA step of a connection.
fn failed_logon(host: &mut Host, at: Time, attempt: &Attempt, [status, sub_status]: [&str; 2]) {
    let (domain, user) = attempt.user.split_once('\\').unwrap_or(("", &attempt.user));
    let reason = if sub_status == "0xc0000234" { "%%2307" } else { "%%2313" };
    let mut values =
        vec!["S-1-0-0", "-", "-", "0x0", "S-1-0-0", user, domain, status, reason, sub_status, "3"];
    values.extend(["NtLmSsp ", "NTLM", "-", "-", "-", "0", "0x0", "-", &attempt.address, "0"]);
    host.write(at, (SECURITY, 4625), &values);
}

/// Authenticated, and then no session.
fn denied(host: &mut Host, attempt: &Attempt, detail: &Yaml) {
    let later = authenticate(host, attempt);
    core(host, later.plus(Span(300_000)), attempt, (98, &[]));
    let at = later.plus(Span(6_000_000));
    let number = host.next_session().to_string();
    session_record(host, at, attempt, (41, &[&attempt.user, &number]));
    session_record(host, at.plus(Span(400_000)), attempt, (42, &[&attempt.user, &number]));
    if let Some(reason) = detail.text("reason") {
        session_record(host, at.plus(Span(9_000_000)), attempt, (40, &[&number, reason]));
    }
    end(host, attempt, at.plus(Span(9_300_000)), "14");
}

/// `{reason, after}`: the network drops every session in one second.
pub(crate) fn disconnect_all(host: &mut Host, at: Time, detail: &Yaml) {
    let reason = detail.number("reason", 0);
    drop_all(host, at, reason);
    if detail.text("keep") == Some("false") {
        let later = at.plus(span(detail.text("after").unwrap_or("10m")));
        log_off_all(host, later);
    }
}

/// LocalSessionManager 40 and 24 for each session at once; the sessions stay.
pub(crate) fn drop_all(host: &mut Host, at: Time, reason: u64) {
    for (step, session) in (0..).zip(host.sessions.clone()) {
        let moment = at.plus(Span(step * 300_000));
        let number = session.id.to_string();
        for (event_id, values) in [
            (40, vec![number.clone(), reason.to_string()]),
            (24, vec![session.user.clone(), number.clone(), session.address.clone()]),
        ] {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            let record = host.write(moment, (LSM, event_id), &values);
            record.system.activity = Some(session.activity.clone());
        }
    }
}

/// LocalSessionManager 23 for each session.
pub(crate) fn log_off_all(host: &mut Host, at: Time) {
    for session in std::mem::take(&mut host.sessions) {
        let record = host.write(at, (LSM, 23), &[&session.user, &session.id.to_string()]);
        record.system.activity = Some(session.activity);
    }
}

/// RdpCoreTS 102 and 103: the connection is over.
fn end(host: &mut Host, attempt: &Attempt, at: Time, reason: &str) {
    core(host, at.plus(Span(60_000)), attempt, (102, &[]));
    core(host, at.plus(Span(70_000)), attempt, (103, &[reason]));
}

fn core(host: &mut Host, at: Time, attempt: &Attempt, (event_id, values): (u16, &[&str])) {
    let record = host.write(at, (CORE, event_id), values);
    record.system.activity = Some(attempt.activity.clone());
}

fn session_record(host: &mut Host, at: Time, attempt: &Attempt, (event_id, values): (u16, &[&str])) {
    let record = host.write(at, (LSM, event_id), values);
    record.system.activity = Some(attempt.activity.clone());
}
