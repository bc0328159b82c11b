//! The events that diagnosis needs whatever the rules say: connections, sessions, services, boots, changes.

use crate::evtx::Head;

/// Providers, lower case, with the ids of their events that facts are made of.
const WANTED: &[(&str, &[u32])] = &[
    (
        "microsoft-windows-remotedesktopservices-rdpcorets",
        &[
            33, 65, 66, 68, 70, 72, 97, 98, 100, 101, 102, 103, 104, 129, 131, 135, 139, 140, 141, 142, 143,
            148, 150, 153, 162, 226, 227, 228,
        ],
    ),
    (
        "microsoft-windows-terminalservices-remoteconnectionmanager",
        &[258, 259, 260, 261, 262, 263, 1136, 1149, 1155, 1156, 1158, 20521, 20523],
    ),
    (
        "microsoft-windows-terminalservices-localsessionmanager",
        &[
            16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45,
            48, 49, 50, 51, 52, 53, 54, 55, 56, 59,
        ],
    ),
    ("microsoft-windows-security-auditing", &[4624, 4625, 4634, 4647, 4740, 4778, 4779, 4825]),
    (
        "service control manager",
        &[
            7000, 7001, 7009, 7011, 7022, 7023, 7024, 7026, 7030, 7031, 7032, 7034, 7035, 7036, 7038, 7039,
            7040, 7041, 7043, 7045,
        ],
    ),
    ("microsoft-windows-kernel-general", &[1, 12, 13, 16]),
    ("eventlog", &[6005, 6006, 6008, 6009, 6011, 6013]),
    ("microsoft-windows-eventlog", &[104, 1100, 1102]),
    ("microsoft-windows-kernel-power", &[41, 42, 107, 109, 506, 507]),
    ("microsoft-windows-wer-systemerrorreporting", &[1001]),
    ("bugcheck", &[1001]),
    ("user32", &[1073, 1074, 1076]),
    (
        "microsoft-windows-windowsupdateclient",
        &[16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 31, 40, 41, 43, 44, 212, 213],
    ),
    ("microsoft-windows-servicing", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 1013, 1014]),
    ("microsoft-windows-grouppolicy", &[1500, 1501, 1502, 1503, 4016, 5312, 8004]),
    ("microsoft-windows-networkprofile", &[10000, 10001]),
    ("microsoft-windows-time-service", &[35, 37, 50, 52]),
    (
        "microsoft-windows-windows firewall with advanced security",
        &[2003, 2004, 2005, 2006, 2010, 2033, 2052, 2071, 2073, 2082, 2083, 2097, 2099],
    ),
    (
        "microsoft-windows-terminalservices-clientactivexcore",
        &[226, 1024, 1025, 1026, 1027, 1028, 1029, 1102, 1105],
    ),
    (
        "microsoft-windows-terminalservices-gateway",
        &[200, 201, 202, 203, 300, 301, 302, 303, 304, 307, 312, 313],
    ),
    ("termdd", &[50, 56]),
    ("msiinstaller", &[1033, 1034, 11707, 11724]),
];

/// Whether facts are made of the event.
pub(super) fn wants(head: &Head<'_>) -> bool {
    let named = |name: &str| {
        WANTED
            .iter()
            .any(|(provider, ids)| provider.eq_ignore_ascii_case(name) && ids.contains(&head.event_id))
    };
    named(head.provider) || (!head.event_source.is_empty() && named(head.event_source))
}
