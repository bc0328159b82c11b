//! The scenario of one host of a fleet, as text.

use super::super::random::Random;
use super::{Ailment, BAD_UPDATE, Truth};

/// Days before the last night.
const DAYS: u32 = 4;

/// A `scenario.yml` for this host.
pub(super) fn scenario(truth: &Truth, seed: u64) -> String {
    let mut random = Random::named(&format!("story {seed} {}", truth.host));
    let first_name = truth.old_name.as_deref().unwrap_or(&truth.host);
    let mut text = format!(
        "host: {first_name}\nbuild: '20348.5386'\nsession_host: true\nstart: 2026-08-03T00:00:00Z\nstory:\n\
         - {{at: 'd0 00:20:00', boot: {{}}}}\n"
    );
    let mut add = |step: String| {
        text.push_str(&step);
        text.push('\n');
    };
    if truth.old_name.is_some() {
        add(rename(&truth.host));
    }
    add(week(DAYS, &mut random));
    if truth.ailment == Ailment::ServiceDisabled {
        add(disable());
    }
    if random.between(1, 8) == 1 {
        add(guessing());
    }
    let minute = random.between(10, 40);
    last_night(truth, minute).into_iter().for_each(&mut add);
    ailment(truth, minute).into_iter().for_each(&mut add);
    if truth.ailment == Ailment::None {
        add(week_after(&mut random));
    }
    add(format!("- {{at: 'd{} 12:00:00', uptime: {{}}}}", DAYS + 1));
    text
}

fn rename(to: &str) -> String {
    format!(
        "- {{at: 'd0 01:00:00', restart: {{process: 'C:\\Windows\\system32\\shutdown.exe', code: '0x80020004', rename: {to}}}}}"
    )
}

fn people(random: &mut Random) -> String {
    let number = random.between(10, 240);
    format!("['CORP\\user{number}@10.20.30.{number}', 'CORP\\clerk{number}@10.20.31.{number}']")
}

fn week(days: u32, random: &mut Random) -> String {
    let users = people(random);
    format!("- {{at: 'd0 00:00:00', healthy_week: {{days: {days}, per_day: 2, users: {users}}}}}")
}

/// The day after the last night on a host that works.
fn week_after(random: &mut Random) -> String {
    let users = people(random);
    format!("- {{at: 'd{DAYS} 00:00:00', healthy_week: {{days: 1, per_day: 2, users: {users}}}}}")
}

fn guessing() -> String {
    "- {at: 'd1 02:00:00', every: 9m, times: 12, connection: {user: administrator, address: 203.0.113.77, outcome: wrong_password}}".into()
}

fn disable() -> String {
    format!(
        "- {{at: 'd{} 19:00:00', start_type: {{service: TermService, from: demand start, to: disabled, user: 'CORP\\admin'}}}}",
        DAYS - 1
    )
}

/// Every host restarts; those with an update because of it.
fn last_night(truth: &Truth, minute: u64) -> Vec<String> {
    let service = match truth.ailment {
        Ailment::BadUpdate | Ailment::ServiceDisabled => "missing",
        _ => "starts",
    };
    let step = match truth.update {
        Some(kb) => {
            let build = if kb == BAD_UPDATE { "20348.5512" } else { "20348.5386" };
            format!(
                "update: {{kb: {kb}, title: 2026-08 Update for Microsoft server operating system ({kb}), \
                 build: '{build}', termservice: {service}}}"
            )
        }
        None => format!(
            "restart: {{process: 'C:\\Windows\\system32\\shutdown.exe', reason: 'Application: Maintenance (Planned)', \
             code: '0x80040001', termservice: {service}}}"
        ),
    };
    vec![format!("- {{at: 'd{DAYS} 01:{minute:02}:00', {step}}}")]
}

/// What goes wrong after the last night.
fn ailment(truth: &Truth, minute: u64) -> Vec<String> {
    let provider = "Microsoft-Windows-TerminalServices-RemoteConnectionManager";
    let visits = |outcome: &str| {
        format!(
            "- {{at: 'd{DAYS} 07:{minute:02}:00', every: 21m, times: 6, connection: {{user: 'CORP\\user', \
             address: 10.20.30.77, {outcome}}}"
        )
    };
    match truth.ailment {
        Ailment::None => Vec::new(),
        Ailment::BadUpdate => (1..=3)
            .map(|count| {
                let end = if count == 3 { "action: none, error: 1067, " } else { "" };
                format!(
                    "- {{at: 'd{DAYS} 02:{:02}:00', service_crash: {{service: TermService, module: rdpcorets.dll, \
                     count: {count}, {end}back: never}}}}",
                    20 + minute / 2 + count
                )
            })
            .collect(),
        Ailment::CertificateKey => vec![
            format!("- {{at: 'd{DAYS} 02:30:00', event: {{provider: {provider}, id: 1057, data: ['Access is denied.']}}}}"),
            visits("outcome: tls_fails, code: '0x8009030d'")
                + ", event: {provider: Schannel, id: 36870, data: {CallerProcessId: '{termservice}', \
                   CallerProcessImageName: svchost, Type: server, ErrorCode: '0x8009030d', ErrorStatus: '10001'}}}",
        ],
        Ailment::Licensing => vec![
            format!("- {{at: 'd{DAYS} 02:30:00', every: 5h, times: 3, event: {{provider: {provider}, id: 50280}}}}"),
            visits("outcome: denied, reason: '257'") + "}",
        ],
        Ailment::ServiceDisabled => vec![format!(
            "- {{at: 'd{DAYS} 02:30:00', event: {{provider: Service Control Manager, id: 7001, data: {{param1: \
             Remote Desktop Services UserMode Port Redirector, param2: Remote Desktop Services, param3: '%%1058'}}, \
             binary: 'utf16:UmRdpService'}}}}"
        )],
    }
}
