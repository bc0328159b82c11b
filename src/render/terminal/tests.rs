//! What a person sees, in narrow and wide terminals.

#![expect(clippy::too_many_lines, reason = "a snapshot of a screen is long")]

use super::super::test_report::{fleet, hostile, single};
use super::super::{Format, Style, diagnose, escape};
use crate::report::Report;

fn shown(report: &Report, width: usize) -> String {
    let mut out = Vec::new();
    let style = Style { width, ..Style::default() };
    diagnose(report, Format::Table, &style, &mut out).expect("memory takes all");
    String::from_utf8(out).expect("output is UTF-8")
}

#[test]
fn a_broken_host_is_shown_in_80_columns() {
    insta::assert_snapshot!(shown(&single(), 80), @r#"
SRV-RDS01.corp.example
Windows Server 2019 (17763.5329)   4 logs, 61 204 records, 10 Jan to 14 Jan 2026
(UTC)
also named WIN-3F7AQ2

✖ Remote Desktop down since 14 Jan 03:12 (last good logon 13 Jan 22:41; 23
  attempts failed)
  The last 23 attempts failed and none has worked since.
  just before: 14 Jan 03:02 update KB5012345 installed
               14 Jan 03:04 restart by TrustedInstaller

1  TermService crashes in rdpwrap.dll: a third-party wrapper does not fit the
   installed termsrv.dll                              critical · high confidence
   svchost.exe_TermService crashed 3 times in rdpwrap.dll, first 8 minutes after
   KB5012345 replaced termsrv.dll.
   evidence    14 Jan 03:12:40  Application 1000 (3×, until 14 Jan 03:15:02)
                 Faulting application name: svchost.exe_TermService, version:
                 10.0.17763.3346, faulting module name: rdpwrap.dll, version:
                 1.5.0.0, exception code: 0xc0000005 (access violation), fault
                 offset: 0x0000000000012345, faulting process id: 0x4c8
               14 Jan 03:12:41  System 7034
                 The Remote Desktop Services service terminated unexpectedly. It
                 has done this 3 time(s).
               14 Jan 03:12:43  TerminalServices-LocalSessionManager 17
                 Remote Desktop Service start failed. The relevant status code
                 was 0x800706b5 (the interface is unknown).
   because     - The update replaced termsrv.dll 8 min earlier; no crash in the
                 6 days before.
               - Connections still arrive (RdpCoreTS 131), so the network is not
                 at fault.
   not decided - needs Security: could lower this confidence, or rule this cause
                 out
   explains    - The listener does not accept connections: The listener RDP-Tcp
                 stopped at 03:12:41.
   fix         1  Uninstall the wrapper, which puts Microsoft's termsrv.dll back
                  (PowerShell, ends sessions)
                    & 'C:\Program Files\RDP Wrapper\RDPWInst.exe' -u
                    Restart-Service TermService -Force
                  undo:
                    & 'C:\Program Files\RDP Wrapper\RDPWInst.exe' -i
               2  Take the update back until the wrapper is gone (command
                  prompt, restarts the machine)
                    wusa /uninstall /kb:5012345
                  check: Get-Service TermService shows Running and qwinsta lists
                         rdp-tcp in state Listen
   see         https://learn.microsoft.com/troubleshoot/windows-server/remote/

   ruled out   - Firewall or network: RdpCoreTS 131 still arrives
               - Licensing: no RCM licensing event in the period
   not decided - Whether the certificate of the listener was replaced: no log
                 covers it.
                 → RemoteConnectionManager/Operational from 13 Jan on
                   wevtutil epl Microsoft-Windows-TerminalServices-RemoteConnectionManager/Operational rcm.evtx
   notes       - 226 with 0x80070040 (412 times) only says that a client closed
                 its connection.
   exposure    Passwords are guessed from the internet: 5 210 failed logons from
               at least 311 addresses.
               such as 185.7.214.3, 193.32.162.9
   damage      1 damaged place, 14 records known to be lost; everything else was
               read
               - SRV-RDS01/Application.evtx at byte 69632: expected ElfChnk,
                 found zeros

read: 9 logs, 90 412 records, 8 Jan to 14 Jan 2026 (UTC), 1 duplicate log read
once only, 3 records recovered, 14 records lost to damage
    "#);
}

#[test]
fn a_fleet_is_shown_in_80_columns() {
    let mut report = fleet();
    report.hosts.drain(..2);
    insta::assert_snapshot!(shown(&report, 80), @r#"
0x904: the client lost the connection while it was being set up (network,
certificate or a crash of the service).

4 hosts: 1 broken, 1 degraded, 1 unknown, 1 healthy

────────────────────────────────────────────────────────────────────────────────
status       host                      since          cause
════════════════════════════════════════════════════════════════════════════════
✖ broken     SRV-RDS01.corp.example    14 Jan 03:12   TermService crashes in
                                       23 failed      rdpwrap.dll: a
                                                      third-party wrapper does
                                                      not fit the installed
                                                      termsrv.dll (high
                                                      confidence)
                                                      after: restart by
                                                      TrustedInstaller
▲ degraded   SRV-RDS02.corp.example    12 Jan 09:20   The listener does not
                                       6 failed       accept connections
                                                      (medium confidence)
? unknown    SRV-FILE07.corp.example                  The logs hold no
                                                      connection attempt and
                                                      no record about Remote
                                                      Desktop.
✔ healthy    SRV-RDS03.corp.example
────────────────────────────────────────────────────────────────────────────────

2 hosts  TermService crashes in rdpwrap.dll: a third-party wrapper does not fit
         the installed termsrv.dll                            since 14 Jan 03:12
   hosts       SRV-RDS01.corp.example, SRV-RDS04.corp.example
   they share  Application Error 1000 (2 hosts), Service Control Manager 7034 (2
               hosts)
   fix         1  Uninstall the wrapper, which puts Microsoft's termsrv.dll back
                  (PowerShell, ends sessions)
                    & 'C:\Program Files\RDP Wrapper\RDPWInst.exe' -u
                    Restart-Service TermService -Force
                  undo:
                    & 'C:\Program Files\RDP Wrapper\RDPWInst.exe' -i
               2  Take the update back until the wrapper is gone (command
                  prompt, restarts the machine)
                    wusa /uninstall /kb:5012345
                  check: Get-Service TermService shows Running and qwinsta lists
                         rdp-tcp in state Listen

What separates broken from working hosts
- 35 of 40 hosts with KB5012345 are broken, but only 4 of 160 without it: 35
  times as likely.

────────────────────────────────────────────────────────────────────────────────
SRV-FILE07.corp.example
Windows Server 2019 (17763.5329)   1 log, 1 204 records, 10 Jan to 14 Jan 2026
(UTC)

? These logs cannot tell whether Remote Desktop works
  The logs hold no connection attempt and no record about Remote Desktop.

   not decided - Whether anybody tried to connect.
                 → LocalSessionManager/Operational
                   wevtutil epl Microsoft-Windows-TerminalServices-LocalSessionManager/Operational lsm.evtx

────────────────────────────────────────────────────────────────────────────────
SRV-RDS03.corp.example
Windows Server 2019 (17763.5329)   1 log, 1 204 records, 10 Jan to 14 Jan 2026
(UTC)

✔ Remote Desktop works (309 good connections, 3 failed)
  The last attempt reached its desktop on 14 Jan 07:58.

────────────────────────────────────────────────────────────────────────────────
   damage      1 damaged place, 14 records known to be lost; everything else was
               read
               - old/Carved.evtx at byte 69632: expected ElfChnk, found zeros
read: 9 logs, 90 412 records, 8 Jan to 14 Jan 2026 (UTC), 1 duplicate log read
once only, 3 records recovered, 14 records lost to damage
    "#);
}

#[test]
fn a_fleet_is_shown_in_160_columns() {
    let mut report = fleet();
    report.hosts.remove(0);
    insta::assert_snapshot!(shown(&report, 160), @r#"
0x904: the client lost the connection while it was being set up (network, certificate or a crash of the service).

4 hosts: 1 broken, 1 degraded, 1 unknown, 1 healthy

─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
status       host                      since          cause                                               confidence   failed   change before
═════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════
✖ broken     SRV-RDS01.corp.example    14 Jan 03:12   TermService crashes in rdpwrap.dll: a third-party   high         23       restart by TrustedInstaller
                                                      wrapper does not fit the installed termsrv.dll
▲ degraded   SRV-RDS02.corp.example    12 Jan 09:20   The listener does not accept connections            medium       6
? unknown    SRV-FILE07.corp.example                  The logs hold no connection attempt and no record
                                                      about Remote Desktop.
✔ healthy    SRV-RDS03.corp.example
─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

2 hosts  TermService crashes in rdpwrap.dll: a third-party wrapper does not fit the installed termsrv.dll
         since 14 Jan 03:12
   hosts       SRV-RDS01.corp.example, SRV-RDS04.corp.example
   they share  Application Error 1000 (2 hosts), Service Control Manager 7034 (2 hosts)
   fix         1  Uninstall the wrapper, which puts Microsoft's termsrv.dll back (PowerShell, ends sessions)
                    & 'C:\Program Files\RDP Wrapper\RDPWInst.exe' -u
                    Restart-Service TermService -Force
                  undo:
                    & 'C:\Program Files\RDP Wrapper\RDPWInst.exe' -i
               2  Take the update back until the wrapper is gone (command prompt, restarts the machine)
                    wusa /uninstall /kb:5012345
                  check: Get-Service TermService shows Running and qwinsta lists rdp-tcp in state Listen

What separates broken from working hosts
- 35 of 40 hosts with KB5012345 are broken, but only 4 of 160 without it: 35 times as likely.

────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
SRV-RDS02.corp.example              Windows Server 2019 (17763.5329)   1 log, 1 204 records, 10 Jan to 14 Jan 2026 (UTC)

▲ Remote Desktop works again; it was down from 12 Jan 09:20 to 12 Jan 10:05, 45 min (last good logon 12 Jan 09:01; 6
  attempts failed)
  6 attempts failed on 12 Jan; it has worked since.

1  The listener does not accept connections                                                     high · medium confidence
   The listener RDP-Tcp stopped at 03:12:41.
   evidence    14 Jan 03:12:44  System 1035  The listener stack was down.
   because     - The service that owns the listener had just ended.
   not decided - needs Application, Microsoft-Windows-TerminalServices-LocalSessionManager/Operational: could raise this
                 confidence

────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
SRV-FILE07.corp.example             Windows Server 2019 (17763.5329)   1 log, 1 204 records, 10 Jan to 14 Jan 2026 (UTC)

? These logs cannot tell whether Remote Desktop works
  The logs hold no connection attempt and no record about Remote Desktop.

   not decided - Whether anybody tried to connect.
                 → LocalSessionManager/Operational
                   wevtutil epl Microsoft-Windows-TerminalServices-LocalSessionManager/Operational lsm.evtx

────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
SRV-RDS03.corp.example              Windows Server 2019 (17763.5329)   1 log, 1 204 records, 10 Jan to 14 Jan 2026 (UTC)

✔ Remote Desktop works (309 good connections, 3 failed)
  The last attempt reached its desktop on 14 Jan 07:58.

────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
   damage      1 damaged place, 14 records known to be lost; everything else was read
               - old/Carved.evtx at byte 69632: expected ElfChnk, found zeros
read: 9 logs, 90 412 records, 8 Jan to 14 Jan 2026 (UTC), 1 duplicate log read once only, 3 records recovered, 14
records lost to damage
    "#);
}

#[test]
fn no_line_but_commands_and_references_is_longer_than_the_terminal() {
    for width in [80, 100, 200] {
        let text = shown(&fleet(), width);
        let long = text.lines().find(|line| {
            escape::width(line) > width && !line.contains("wevtutil") && !line.contains("https:")
        });
        assert_eq!(long, None, "at {width}");
    }
}

#[test]
fn colour_is_used_only_when_asked_for() {
    let mut out = Vec::new();
    let style = Style { color: true, ..Style::default() };
    diagnose(&fleet(), Format::Table, &style, &mut out).expect("memory takes all");
    assert!(String::from_utf8_lossy(&out).contains("\u{1b}[1;31m"));
    assert!(!shown(&fleet(), 100).contains('\u{1b}'));
}

#[test]
fn a_hostile_report_reaches_no_terminal_control() {
    let text = shown(&hostile(), 80);
    let dangerous = text.chars().find(|&character| character != '\n' && escape::is_dangerous(character));
    assert_eq!(dangerous, None);
    assert!(text.contains("characters>"), "long text is cut with a mark");
}

#[test]
fn causes_in_a_circle_are_all_shown() {
    let mut report = single();
    for cause in &mut report.hosts[0].causes {
        cause.explained_by =
            Some(cause.explains.first().map_or("rdp_wrapper_mismatch", String::as_str).to_owned());
    }
    let text = shown(&report, 80);
    assert!(text.contains("1  TermService") && text.contains("2  The listener"), "{text}");
}

#[test]
fn much_evidence_is_cut_with_a_mark() {
    let mut report = single();
    let cause = &mut report.hosts[0].causes[0];
    cause.evidence = cause.evidence.iter().cycle().take(30).cloned().collect();
    for width in [80, 200] {
        assert!(shown(&report, width).contains("… and 22 more kinds of records"));
    }
}

#[test]
fn hostile_lines_are_wrapped_at_any_width() {
    for width in [80, 130] {
        let text = shown(&hostile(), width);
        let is_command = |line: &str| line.trim_start().starts_with("=cmd") || line.contains("   =cmd");
        let long = text.lines().find(|line| escape::width(line) > width && !is_command(line));
        assert_eq!(long, None, "at {width}");
    }
}

#[test]
fn hosts_that_nobody_can_judge_stay_in_the_table() {
    let mut report = fleet();
    let unknown = report.hosts.remove(2);
    report.hosts = vec![unknown; 30];
    assert!(shown(&report, 80).lines().count() < 60, "the table alone");
    report.hosts.truncate(5);
    assert_eq!(shown(&report, 80).matches("cannot tell").count(), 5);
}
