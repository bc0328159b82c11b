//! What a postmortem says.

#![expect(clippy::too_many_lines, reason = "a snapshot of a text is long")]

use super::super::test_report::{fleet, hostile, single};
use super::super::{Format, Style, escape, postmortem};
use crate::report::Report;

fn shown(report: &Report, format: Format) -> String {
    let mut out = Vec::new();
    postmortem(report, format, &Style { width: 80, ..Style::default() }, &mut out).expect("memory takes all");
    String::from_utf8(out).expect("output is UTF-8")
}

#[test]
fn a_ticket_gets_the_whole_story() {
    insta::assert_snapshot!(shown(&single(), Format::Markdown), @r#"
# Postmortem: Remote Desktop

## SRV-RDS01.corp.example

Remote Desktop on SRV-RDS01.corp.example has been down since 14 Jan 03:12 UTC, 4 h 47 min until the logs end. The leading cause, with high confidence: TermService crashes in rdpwrap.dll: a third-party wrapper does not fit the installed termsrv.dll. 23 connection attempts of 2 users from 2 addresses failed.

### Timeline (UTC)

| Time | What | Where it shows |
| --- | --- | --- |
| 13 Jan 22:41:09 | Last good connection |  |
| 14 Jan 03:02:50 | update KB5012345 installed | System · WindowsUpdateClient 19 · record 790 |
| 14 Jan 03:04:11 | restart by TrustedInstaller | System · User32 1074 · record 795 |
| 14 Jan 03:12:40 | first failure |  |
| 14 Jan 03:12:40 | TermService crashes in rdpwrap.dll | Application · Application Error 1000 · record 812 |
| 14 Jan 03:12:41 | Remote Desktop Services ended unexpectedly | System · Service Control Manager 7034 · record 812 |

### Cause and evidence

TermService crashes in rdpwrap.dll: a third-party wrapper does not fit the installed termsrv.dll (high confidence)

svchost.exe\_TermService crashed 3 times in rdpwrap.dll, first 8 minutes after KB5012345 replaced termsrv.dll.

| Time | Log and event | Text | Count |
| --- | --- | --- | --- |
| 14 Jan 03:12:40 | Application 1000 | Faulting application name: svchost.exe\_TermService, version: 10.0.17763.3346, faulting module name: rdpwrap.dll, version: 1.5.0.0, exception code: 0xc0000005 (access violation), fault offset: 0x0000000000012345, faulting process id: 0x4c8 | 3 |
| 14 Jan 03:12:41 | System 7034 | The Remote Desktop Services service terminated unexpectedly. It has done this 3 time(s). | 1 |
| 14 Jan 03:12:43 | TerminalServices-LocalSessionManager 17 | Remote Desktop Service start failed. The relevant status code was 0x800706b5 (the interface is unknown). | 1 |

- The update replaced termsrv.dll 8 min earlier; no crash in the 6 days before.
- Connections still arrive (RdpCoreTS 131), so the network is not at fault.

#### Also found

- The listener does not accept connections (an effect, medium confidence)

### Impact

- Duration: 4 h 47 min, until the logs end
- Failed connection attempts: 23
- Users affected (2): CORP\\anna, CORP\\ben
- Addresses affected (2): 10.0.4.17, 10.0.4.22

### Ruled out

- Firewall or network: RdpCoreTS 131 still arrives
- Licensing: no RCM licensing event in the period

### Fix and verification

1. Uninstall the wrapper, which puts Microsoft's termsrv.dll back

   ```
   & 'C:\Program Files\RDP Wrapper\RDPWInst.exe' -u
   Restart-Service TermService -Force
   ```

   - Risk: ends sessions
   - Undo: \& 'C:\\Program Files\\RDP Wrapper\\RDPWInst.exe' -i
2. Take the update back until the wrapper is gone

   ```
   wusa /uninstall /kb:5012345
   ```

   - Risk: restarts the machine
   - Check: Get-Service TermService shows Running and qwinsta lists rdp-tcp in state Listen

### What to watch

- Application 1000 (Application) must not appear again.
- System 7034 (Service Control Manager) must not appear again.
- TerminalServices-LocalSessionManager 17 (Microsoft-Windows-TerminalServices-LocalSessionManager/Operational) must not appear again.
- Connect to one host after KB5012345 before it goes to more hosts.

### Open questions

- Whether the certificate of the listener was replaced: no log covers it. → RemoteConnectionManager/Operational from 13 Jan on (export: wevtutil epl Microsoft-Windows-TerminalServices-RemoteConnectionManager/Operational rcm.evtx)
    "#);
}

#[test]
fn a_terminal_shows_the_same_story() {
    insta::assert_snapshot!(shown(&single(), Format::Table), @r#"
Postmortem: Remote Desktop

────────────────────────────────────────────────────────────────────────────────
SRV-RDS01.corp.example

Remote Desktop on SRV-RDS01.corp.example has been down since 14 Jan 03:12 UTC, 4
h 47 min until the logs end. The leading cause, with high confidence:
TermService crashes in rdpwrap.dll: a third-party wrapper does not fit the
installed termsrv.dll. 23 connection attempts of 2 users from 2 addresses
failed.

Timeline (UTC)

time             what                            where it shows
13 Jan 22:41:09  Last good connection
14 Jan 03:02:50  update KB5012345 installed      System · WindowsUpdateClient
                                                 19 · record 790
14 Jan 03:04:11  restart by TrustedInstaller     System · User32 1074 · record
                                                 795
14 Jan 03:12:40  first failure
14 Jan 03:12:40  TermService crashes in          Application · Application
                 rdpwrap.dll                     Error 1000 · record 812
14 Jan 03:12:41  Remote Desktop Services ended   System · Service Control
                 unexpectedly                    Manager 7034 · record 812

Cause and evidence

TermService crashes in rdpwrap.dll: a third-party wrapper does not fit the
installed termsrv.dll (high confidence)

svchost.exe_TermService crashed 3 times in rdpwrap.dll, first 8 minutes after
KB5012345 replaced termsrv.dll.

time             log and event               text                        count
14 Jan 03:12:40  Application 1000            Faulting application name:  3
                                             svchost.exe_TermService,
                                             version: 10.0.17763.3346,
                                             faulting module name:
                                             rdpwrap.dll, version:
                                             1.5.0.0, exception code:
                                             0xc0000005 (access
                                             violation), fault offset:
                                             0x0000000000012345,
                                             faulting process id: 0x4c8
14 Jan 03:12:41  System 7034                 The Remote Desktop          1
                                             Services service
                                             terminated unexpectedly.
                                             It has done this 3
                                             time(s).
14 Jan 03:12:43  TerminalServices-LocalSess  Remote Desktop Service      1
                 ionManager 17               start failed. The relevant
                                             status code was 0x800706b5
                                             (the interface is
                                             unknown).

- The update replaced termsrv.dll 8 min earlier; no crash in the 6 days before.
- Connections still arrive (RdpCoreTS 131), so the network is not at fault.

Also found

- The listener does not accept connections (an effect, medium confidence)

Impact

- Duration: 4 h 47 min, until the logs end
- Failed connection attempts: 23
- Users affected (2): CORP\anna, CORP\ben
- Addresses affected (2): 10.0.4.17, 10.0.4.22

Ruled out

- Firewall or network: RdpCoreTS 131 still arrives
- Licensing: no RCM licensing event in the period

Fix and verification

1. Uninstall the wrapper, which puts Microsoft's termsrv.dll back
     & 'C:\Program Files\RDP Wrapper\RDPWInst.exe' -u
     Restart-Service TermService -Force
   - Risk: ends sessions
   - Undo: & 'C:\Program Files\RDP Wrapper\RDPWInst.exe' -i
2. Take the update back until the wrapper is gone
     wusa /uninstall /kb:5012345
   - Risk: restarts the machine
   - Check: Get-Service TermService shows Running and qwinsta lists rdp-tcp in
     state Listen

What to watch

- Application 1000 (Application) must not appear again.
- System 7034 (Service Control Manager) must not appear again.
- TerminalServices-LocalSessionManager 17
  (Microsoft-Windows-TerminalServices-LocalSessionManager/Operational) must not
  appear again.
- Connect to one host after KB5012345 before it goes to more hosts.

Open questions

- Whether the certificate of the listener was replaced: no log covers it. →
  RemoteConnectionManager/Operational from 13 Jan on (export: wevtutil epl
  Microsoft-Windows-TerminalServices-RemoteConnectionManager/Operational
  rcm.evtx)
    "#);
}

#[test]
fn json_holds_one_story_per_host_that_failed() {
    let document: serde_json::Value =
        serde_json::from_str(&shown(&fleet(), Format::Json)).expect("valid JSON");
    let hosts: Vec<_> =
        document["postmortems"].as_array().expect("a list").iter().map(|story| &story["host"]).collect();
    assert_eq!(hosts, ["SRV-RDS01.corp.example", "SRV-RDS02.corp.example", "SRV-FILE07.corp.example"]);
    insta::assert_snapshot!(document["postmortems"][1]["summary"].to_string(), @r#"["Remote Desktop on SRV-RDS02.corp.example was down from 12 Jan 09:20 to 12 Jan 10:05 UTC (45 min).","The leading cause, with medium confidence: The listener does not accept connections.","6 connection attempts from 1 address failed."]"#);
    insta::assert_snapshot!(document["postmortems"][0]["impact"].to_string(), @r#"{"failed_attempts":23,"users":["CORP\\anna","CORP\\ben"],"addresses":["10.0.4.17","10.0.4.22"],"duration_seconds":17240,"is_over":false}"#);
}

#[test]
fn hostile_stories_are_harmless() {
    for format in [Format::Table, Format::Json, Format::Markdown] {
        let text = shown(&hostile(), format);
        assert!(!text.chars().any(|character| character != '\n' && escape::is_dangerous(character)));
    }
}
