//! What the machine is: Windows version, build, roles; and when it started.

use super::builds;
use crate::evtx::{Record, Time};
use crate::scan::{self, HostScan};

/// What the machine is, as far as its logs say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) os: Option<String>,
    pub(crate) build: Option<u32>,
    pub(crate) revision: Option<u32>,
    /// Roles that records show.
    pub(crate) roles: Vec<&'static str>,
    /// Roles that records rule out; of all others nothing is known.
    pub(crate) no_roles: Vec<&'static str>,
    /// Starts of the machine.
    pub(crate) boots: Vec<Time>,
    /// `build`, `revision` at each start.
    pub(crate) builds: Vec<(Time, u32, u32)>,
}

impl Identity {
    /// Whether the machine has a role, when its records say.
    pub(crate) fn has_role(&self, role: &str) -> Option<bool> {
        match () {
            () if self.roles.contains(&role) => Some(true),
            () if self.no_roles.contains(&role) => Some(false),
            () => None,
        }
    }
}

/// Roles that only Windows Server can have. Clients of Azure Virtual Desktop can be session hosts.
const OF_SERVERS: [&str; 5] = ["server", "domain-controller", "gateway", "broker", "license-server"];

/// Reads the machine's identity from its records.
pub(crate) fn identify(host: &HostScan) -> Identity {
    let mut identity = Identity::default();
    let mut product = None;
    for item in &host.items {
        read(&item.record, &mut identity, &mut product);
    }
    identity.boots.sort_unstable();
    identity.boots.dedup_by(|later, earlier| later.since(*earlier) < crate::evtx::Span::minutes(5));
    if let Some((_, build, revision)) = identity.builds.last() {
        identity.build = Some(*build);
        identity.revision = Some(*revision);
    }
    roles(host, product.as_deref(), &mut identity);
    let is_server = match () {
        () if identity.roles.contains(&"server") => Some(true),
        () if identity.roles.contains(&"client") => Some(false),
        () => None,
    };
    let product = product.map(|product| true_name(product, identity.build));
    identity.os = product.or_else(|| identity.build.and_then(|build| builds::os_name(build, is_server)));
    identity
}

fn read(record: &Record, identity: &mut Identity, product: &mut Option<String>) {
    let provider = record.provider.to_ascii_lowercase();
    match (provider.as_str(), record.event_id) {
        ("microsoft-windows-kernel-general", 12) => {
            identity.boots.push(record.time);
            if let Some((build, Some(revision))) = scan::stated(record) {
                identity.builds.push((record.time, build, revision));
            }
        }
        ("eventlog", 6009) => {
            identity.build = identity.build.or(scan::stated(record).map(|(build, _)| build));
            identity.boots.push(record.time);
        }
        ("eventlog", 6005) => identity.boots.push(record.time),
        ("eventlog", 6013) => {
            if let Some(name) = product_of(record) {
                *product = Some(name);
            }
        }
        _ => {}
    }
}

/// The product that EventLog 6013 names, among texts that are parted by NULs in its last value, whose bytes stand there
/// as digits, or in its binary data.
fn product_of(record: &Record) -> Option<String> {
    let digits = record.fields.last().map(|field| field.value.as_bytes()).unwrap_or_default();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let decoded: Option<Vec<u8>> = digits.chunks(2).map(byte).collect();
    let bytes = match &record.binary {
        Some(binary) => binary.to_vec(),
        None => decoded?,
    };
    let units: Vec<u16> = bytes
        .chunks_exact(2)
        .map(|pair| pair.iter().rev().fold(0, |unit, byte| unit << 8 | u16::from(*byte)))
        .collect();
    let mut texts = units.split(|unit| *unit == 0).map(String::from_utf16_lossy);
    texts.find(|text| text.contains("Windows") || text.contains("Server"))
}

/// Windows 11 calls itself 10 there.
fn true_name(product: String, build: Option<u32>) -> String {
    match product.strip_prefix("Windows 10") {
        Some(edition) if build.is_some_and(|build| build >= 22_000) => format!("Windows 11{edition}"),
        _ => product,
    }
}

fn roles(host: &HostScan, product: Option<&str>, identity: &mut Identity) {
    let has = |provider: &str, ids: &[u32]| {
        host.items.iter().any(|item| {
            item.record.provider.eq_ignore_ascii_case(provider)
                && (ids.is_empty() || ids.contains(&item.record.event_id))
        })
    };
    if let Some(product) = product {
        let (own, others) = if product.contains("Server") {
            ("server", &["client"][..])
        } else {
            ("client", &OF_SERVERS[..])
        };
        identity.roles.push(own);
        identity.no_roles.extend(others);
    } else if identity.build.is_some_and(|build| matches!(build, 14393 | 17763 | 20348 | 25398 | 9200 | 9600))
    {
        // These builds were sold as both; servers are what logs are sent in of.
        identity.roles.push("server");
    }
    if has("NETLOGON", &[]) || has("Microsoft-Windows-GroupPolicy", &[1502, 1503, 8004, 5312]) {
        identity.roles.push("domain-member");
    }
    if has("Microsoft-Windows-Kerberos-Key-Distribution-Center", &[])
        || has("Microsoft-Windows-ActiveDirectory_DomainService", &[])
    {
        identity.roles.push("domain-controller");
    }
    let channel = |name: &str| host.coverage.channel(name).is_some_and(|cover| cover.records > 0);
    if channel("Microsoft-Windows-TerminalServices-Gateway/Operational") {
        identity.roles.push("gateway");
    }
    if channel("Microsoft-Windows-TerminalServices-SessionBroker/Operational") {
        identity.roles.push("broker");
    }
    if has("Microsoft-Windows-TerminalServices-Licensing", &[]) {
        identity.roles.push("license-server");
    }
    let rcm = "Microsoft-Windows-TerminalServices-RemoteConnectionManager";
    if has(rcm, &[1136]) {
        identity.no_roles.push("session-host");
    } else if has(rcm, &[1128, 1129, 1130, 1131, 1132, 1133, 50280, 50281, 50282, 50283, 50284, 50285]) {
        identity.roles.push("session-host");
    }
}
