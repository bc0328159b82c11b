//! Sigma's `logsource` as channels and providers, and where a provider's events stand.

use super::detection::Test;
use super::error::Flaws;
use super::field::FieldKey;
use super::matcher::Matcher;
use crate::evtx::{Head, Record};
use crate::text::yaml::Node;

/// What a log source asks of a record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Constraint {
    /// Channels, lower case; any when empty.
    pub(crate) channels: Vec<Box<str>>,
    /// Providers, lower case; any when empty.
    pub(crate) providers: Vec<Box<str>>,
    /// Event ids; any when empty.
    pub(crate) event_ids: Vec<u32>,
    /// Why the rule cannot run on Windows logs.
    pub(crate) impossible: Option<Box<str>>,
}

impl Constraint {
    /// Whether records of one event can come from the log source.
    pub(super) fn takes(&self, event: &Head<'_>) -> bool {
        let is_provider = self.providers.is_empty()
            || self.providers.iter().any(|name| name.eq_ignore_ascii_case(event.provider));
        is_provider && (self.event_ids.is_empty() || self.event_ids.contains(&event.event_id))
    }

    /// The test of the channel, when there is one.
    pub(super) fn channel_test(&self) -> Option<Test> {
        let matchers = self.channels.iter().map(|name| Matcher::Equal(name.clone(), None)).collect();
        let test = || Test::Field { key: FieldKey::Channel, matchers, needs_all: false };
        (!self.channels.is_empty()).then(test)
    }

    /// Whether a record comes from the log source.
    pub(crate) fn allows(&self, record: &Record) -> bool {
        let in_list = |list: &[Box<str>], name: &str| {
            list.is_empty() || list.iter().any(|item| item.eq_ignore_ascii_case(name))
        };
        in_list(&self.channels, &record.channel)
            && in_list(&self.providers, &record.provider)
            && (self.event_ids.is_empty() || self.event_ids.contains(&record.event_id))
    }
}

const SYSMON: &str = "microsoft-windows-sysmon/operational";

/// Sigma's services for Windows (specification, appendix taxonomy).
const SERVICES: &[(&str, &[&str])] = &[
    ("security", &["security"]),
    ("system", &["system"]),
    ("application", &["application"]),
    ("sysmon", &[SYSMON]),
    ("powershell", &["microsoft-windows-powershell/operational", "powershellcore/operational"]),
    ("powershell-classic", &["windows powershell"]),
    ("taskscheduler", &["microsoft-windows-taskscheduler/operational"]),
    ("wmi", &["microsoft-windows-wmi-activity/operational"]),
    ("dns-server", &["dns server"]),
    (
        "dns-server-analytic",
        &["microsoft-windows-dns-server/analytical", "microsoft-windows-dnsserver/analytical"],
    ),
    ("dns-client", &["microsoft-windows-dns client events/operational"]),
    ("driver-framework", &["microsoft-windows-driverframeworks-usermode/operational"]),
    ("ntlm", &["microsoft-windows-ntlm/operational"]),
    ("dhcp", &["microsoft-windows-dhcp-server/operational"]),
    ("msexchange-management", &["msexchange management"]),
    ("printservice-admin", &["microsoft-windows-printservice/admin"]),
    ("printservice-operational", &["microsoft-windows-printservice/operational"]),
    ("smbclient-security", &["microsoft-windows-smbclient/security"]),
    ("smbclient-connectivity", &["microsoft-windows-smbclient/connectivity"]),
    ("smbserver-connectivity", &["microsoft-windows-smbserver/connectivity"]),
    ("firewall-as", &["microsoft-windows-windows firewall with advanced security/firewall"]),
    ("windefend", &["microsoft-windows-windows defender/operational"]),
    ("bits-client", &["microsoft-windows-bits-client/operational"]),
    ("codeintegrity-operational", &["microsoft-windows-codeintegrity/operational"]),
    (
        "security-mitigations",
        &[
            "microsoft-windows-security-mitigations/kernel mode",
            "microsoft-windows-security-mitigations/user mode",
        ],
    ),
    (
        "terminalservices-localsessionmanager",
        &["microsoft-windows-terminalservices-localsessionmanager/operational"],
    ),
    ("diagnosis-scripted", &["microsoft-windows-diagnosis-scripted/operational"]),
    ("shell-core", &["microsoft-windows-shell-core/operational"]),
    ("openssh", &["openssh/operational"]),
    ("ldap", &["microsoft-windows-ldap-client/debug"]),
    ("ldap_debug", &["microsoft-windows-ldap-client/debug"]),
    ("vhdmp", &["microsoft-windows-vhdmp/operational"]),
    ("appxdeployment-server", &["microsoft-windows-appxdeploymentserver/operational"]),
    ("appxpackaging-om", &["microsoft-windows-appxpackaging/operational"]),
    ("appmodel-runtime", &["microsoft-windows-appmodel-runtime/admin"]),
    ("lsa-server", &["microsoft-windows-lsa/operational"]),
    ("capi2", &["microsoft-windows-capi2/operational"]),
    (
        "certificateservicesclient-lifecycle-system",
        &["microsoft-windows-certificateservicesclient-lifecycle-system/operational"],
    ),
    (
        "applocker",
        &[
            "microsoft-windows-applocker/msi and script",
            "microsoft-windows-applocker/exe and dll",
            "microsoft-windows-applocker/packaged app-deployment",
            "microsoft-windows-applocker/packaged app-execution",
        ],
    ),
    ("microsoft-servicebus-client", &["microsoft-servicebus-client"]),
    ("kernel-event-tracing", &["microsoft-windows-kernel-eventtracing"]),
    (
        "kernel-shimengine",
        &[
            "microsoft-windows-kernel-shimengine/operational",
            "microsoft-windows-kernel-shimengine/diagnostic",
        ],
    ),
    ("iis-configuration", &["microsoft-iis-configuration/operational"]),
];

/// Sigma's categories that Sysmon's events carry (specification, appendix taxonomy).
const CATEGORIES: &[(&str, &[u32])] = &[
    ("process_creation", &[1]),
    ("file_change", &[2]),
    ("network_connection", &[3]),
    ("sysmon_status", &[4, 16]),
    ("process_termination", &[5]),
    ("driver_load", &[6]),
    ("image_load", &[7]),
    ("create_remote_thread", &[8]),
    ("raw_access_thread", &[9]),
    ("process_access", &[10]),
    ("file_event", &[11]),
    ("registry_add", &[12]),
    ("registry_delete", &[12]),
    ("registry_set", &[13]),
    ("registry_rename", &[14]),
    ("registry_event", &[12, 13, 14]),
    ("create_stream_hash", &[15]),
    ("pipe_created", &[17, 18]),
    ("wmi_event", &[19, 20, 21]),
    ("dns_query", &[22]),
    ("file_delete", &[23, 26]),
    ("clipboard_capture", &[24]),
    ("process_tampering", &[25]),
    ("file_block_executable", &[27]),
    ("file_executable_detected", &[29]),
    ("sysmon_error", &[255]),
];

/// Reads a log source.
pub(super) fn read(node: &Node, flaws: &mut Flaws) -> Constraint {
    let text = |key: &str| node.get(key).and_then(Node::text).map(str::to_ascii_lowercase);
    let mut constraint = Constraint::default();
    if let Some(product) = text("product")
        && product != "windows"
    {
        constraint.impossible = Some(format!("its log source is `{product}`, not Windows").into());
        return constraint;
    }
    if let Some(service) = text("service") {
        match SERVICES.iter().find(|(name, _)| *name == service) {
            Some((_, channels)) => constraint.channels = channels.iter().map(|&name| name.into()).collect(),
            None => {
                constraint.impossible = Some(format!("nothing is known of the service `{service}`").into())
            }
        }
    }
    if let Some(category) = text("category") {
        category_of(&category, &mut constraint);
    }
    if node.entries().is_empty() {
        flaws.error(node.mark, "`logsource` is empty", "write `product: windows`");
    }
    constraint
}

fn category_of(category: &str, constraint: &mut Constraint) {
    match category {
        "ps_script" => {
            constraint.channels =
                vec!["microsoft-windows-powershell/operational".into(), "powershellcore/operational".into()];
            constraint.event_ids = vec![4104];
        }
        "ps_module" => {
            constraint.channels =
                vec!["microsoft-windows-powershell/operational".into(), "powershellcore/operational".into()];
            constraint.event_ids = vec![4103];
        }
        "ps_classic_start" => {
            constraint.channels = vec!["windows powershell".into()];
            constraint.event_ids = vec![400];
        }
        "ps_classic_provider_start" => {
            constraint.channels = vec!["windows powershell".into()];
            constraint.event_ids = vec![600];
        }
        "ps_classic_script" => {
            constraint.channels = vec!["windows powershell".into()];
            constraint.event_ids = vec![800];
        }
        _ => match CATEGORIES.iter().find(|(name, _)| *name == category) {
            Some((_, ids)) => {
                constraint.channels = vec![SYSMON.into()];
                constraint.event_ids = ids.to_vec();
            }
            None => {
                constraint.impossible = Some(format!("nothing is known of the category `{category}`").into())
            }
        },
    }
}

/// Providers and the channels that hold their events; the first is the usual one.
const CHANNELS: &[(&str, &[&str])] = &[
    (
        "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS",
        &["Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational"],
    ),
    (
        "Microsoft-Windows-TerminalServices-RemoteConnectionManager",
        &[
            "Microsoft-Windows-TerminalServices-RemoteConnectionManager/Operational",
            "Microsoft-Windows-TerminalServices-RemoteConnectionManager/Admin",
            "System",
        ],
    ),
    (
        "Microsoft-Windows-TerminalServices-LocalSessionManager",
        &["Microsoft-Windows-TerminalServices-LocalSessionManager/Operational"],
    ),
    ("Microsoft-Windows-Security-Auditing", &["Security"]),
    ("Application Error", &["Application"]),
    ("Application Hang", &["Application"]),
    ("Windows Error Reporting", &["Application"]),
    ("Microsoft-Windows-User Profiles Service", &["Application"]),
    ("Microsoft-Windows-User Profiles General", &["Application"]),
    ("Microsoft-Windows-Winlogon", &["Application", "Microsoft-Windows-Winlogon/Operational"]),
    ("Microsoft-Windows-Wininit", &["Application"]),
    ("Desktop Window Manager", &["Application"]),
    ("SceCli", &["Application"]),
    ("MsiInstaller", &["Application"]),
    ("WVD-Agent", &["Application"]),
    ("RDAgentBootLoader", &["Application"]),
    ("Microsoft-Windows-Servicing", &["Setup"]),
    (
        "Microsoft-Windows-Windows Firewall With Advanced Security",
        &["Microsoft-Windows-Windows Firewall With Advanced Security/Firewall"],
    ),
    ("Microsoft-Windows-NetworkProfile", &["Microsoft-Windows-NetworkProfile/Operational"]),
    (
        "Microsoft-Windows-TerminalServices-Gateway",
        &["Microsoft-Windows-TerminalServices-Gateway/Operational"],
    ),
    (
        "Microsoft-Windows-TerminalServices-SessionBroker",
        &["Microsoft-Windows-TerminalServices-SessionBroker/Operational"],
    ),
    (
        "Microsoft-Windows-TerminalServices-SessionBroker-Client",
        &["Microsoft-Windows-TerminalServices-SessionBroker-Client/Operational"],
    ),
    (
        "Microsoft-Windows-TerminalServices-ClientActiveXCore",
        &["Microsoft-Windows-TerminalServices-RDPClient/Operational"],
    ),
    ("Microsoft-Windows-CAPI2", &["Microsoft-Windows-CAPI2/Operational"]),
    ("Microsoft-Windows-NTLM", &["Microsoft-Windows-NTLM/Operational"]),
    ("Microsoft-Windows-Security-Netlogon", &["Microsoft-Windows-NTLM/Operational"]),
    ("Microsoft-Windows-AAD", &["Microsoft-Windows-AAD/Operational"]),
    ("Microsoft-Windows-AppModel-Runtime", &["Microsoft-Windows-AppModel-Runtime/Admin"]),
    ("Microsoft-Windows-CodeIntegrity", &["Microsoft-Windows-CodeIntegrity/Operational"]),
    ("Microsoft-Windows-Sysmon", &["Microsoft-Windows-Sysmon/Operational"]),
    ("Microsoft-Windows-Windows Defender", &["Microsoft-Windows-Windows Defender/Operational"]),
    ("Microsoft-FSLogix-Apps", &["Microsoft-FSLogix-Apps/Operational", "Microsoft-FSLogix-Apps/Admin"]),
    ("Microsoft-Windows-Kernel-PnP", &["Microsoft-Windows-Kernel-PnP/Configuration", "System"]),
    ("Microsoft-Windows-GroupPolicy", &["System", "Microsoft-Windows-GroupPolicy/Operational"]),
    ("Microsoft-Windows-Eventlog", &["System", "Security"]),
    ("Microsoft-Windows-Folder Redirection", &["Application"]),
    ("Folder Redirection", &["Application"]),
    ("Microsoft-Windows-CertificateServicesClient-CertEnroll", &["Application"]),
    ("AutoEnrollment", &["Application"]),
    ("ESENT", &["Application"]),
    ("Userenv", &["Application"]),
    ("Wininit", &["Application"]),
    ("Winlogon", &["Application"]),
    ("Security", &["Security"]),
    ("rdpwhy", &["rdpwhy"]),
];

/// The channels that may hold a provider's events; `System` for providers that are not listed.
pub(crate) fn channels_of(provider: &str) -> &'static [&'static str] {
    CHANNELS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(provider))
        .map_or(&["System"], |(_, channels)| channels)
}

/// The channel that holds an event, for cases that do not say.
pub(super) fn channel_of(provider: &str, event_id: u32) -> &'static str {
    let is_classic = provider.ends_with("RemoteConnectionManager") && (1000..1149).contains(&event_id);
    if is_classic { "System" } else { channels_of(provider).first().copied().unwrap_or("System") }
}
