//! The verb `collect`: a script that exports on a server what a diagnosis wants.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{Failure, OK, output};

/// Channels, most telling first.
const CHANNELS: [&str; 19] = [
    "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational",
    "Microsoft-Windows-TerminalServices-LocalSessionManager/Operational",
    "Microsoft-Windows-TerminalServices-RemoteConnectionManager/Operational",
    "Microsoft-Windows-TerminalServices-RemoteConnectionManager/Admin",
    "System",
    "Setup",
    "Application",
    "Security",
    "Microsoft-Windows-Windows Firewall With Advanced Security/Firewall",
    "Microsoft-Windows-NetworkProfile/Operational",
    "Microsoft-Windows-GroupPolicy/Operational",
    "Microsoft-Windows-User Profile Service/Operational",
    "Microsoft-Windows-TerminalServices-RDPClient/Operational",
    "Microsoft-Windows-TerminalServices-LocalSessionManager/Admin",
    "Microsoft-Windows-TerminalServices-Gateway/Operational",
    "Microsoft-Windows-TerminalServices-SessionBroker/Operational",
    "Microsoft-Windows-TerminalServices-SessionBroker-Client/Operational",
    "Microsoft-Windows-CAPI2/Operational",
    "Microsoft-Windows-WindowsUpdateClient/Operational",
];

/// Arguments of `collect`.
#[derive(Debug, Args)]
pub(crate) struct CollectArgs {
    /// The shell that the script is for
    #[arg(long, value_enum, default_value_t = Shell::Powershell)]
    shell: Shell,
    /// Exports only records of the last days [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=3650))]
    days: Option<u64>,
    /// Writes to a file instead of standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Shells of Windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Shell {
    /// Windows PowerShell or PowerShell 7
    Powershell,
    /// cmd.exe
    Cmd,
}

/// Runs the verb.
pub(super) fn run(args: &CollectArgs) -> Result<u8, Failure> {
    let (template, lines): (&str, Vec<String>) = match args.shell {
        Shell::Powershell => {
            let line = |channel: &str| format!("    '{channel}'");
            (include_str!("collect.ps1"), CHANNELS.map(line).into())
        }
        Shell::Cmd => {
            let line = |channel: &str| format!("call :log \"{channel}\" \"{}\"", channel.replace('/', "_"));
            (include_str!("collect.cmd"), CHANNELS.map(line).into())
        }
    };
    let query = args.days.map(|days| {
        let milliseconds = days * 86_400_000;
        format!(" \"/q:*[System[TimeCreated[timediff(@SystemTime) <= {milliseconds}]]]\"")
    });
    // Windows' own shells want their own line ends; cmd loses labels without them.
    let script = template
        .replace("@CHANNELS@", &lines.join("\n"))
        .replace("@QUERY@", &query.unwrap_or_default())
        .replace("\r\n", "\n")
        .replace('\n', "\r\n");
    output::write(args.output.as_deref(), &|out| out.write_all(script.as_bytes()))?;
    Ok(OK)
}
