//! What a ticket gets.

use proptest::prelude::*;
use pulldown_cmark::{Event, Options, Parser, Tag};

use super::super::test_report::{HOSTILE, hostile, single};
use super::super::{Format, Style, diagnose, escape};
use super::{code, inline};
use crate::report::Report;

fn shown(report: &Report) -> String {
    let mut out = Vec::new();
    diagnose(report, Format::Markdown, &Style::default(), &mut out).expect("memory takes all");
    String::from_utf8(out).expect("output is UTF-8")
}

#[test]
fn markup_is_shown_as_text() {
    assert_eq!(inline("<b>*x*</b> [a](b) | `c` &amp;"), r"\<b\>\*x\*\</b\> \[a\](b) \| \`c\` \&amp;");
    assert_eq!(inline("- 1"), r"\- 1");
    assert_eq!(inline("12. x"), r"12\. x");
    assert_eq!(inline("http://a and www.b.example"), r"http\://a and www\.b.example");
    assert_eq!(inline("error 1.5: bad"), "error 1.5: bad");
}

#[test]
fn a_fence_is_longer_than_any_inside() {
    let mut out = Vec::new();
    code("", "a ``` b", &mut out).expect("memory takes all");
    assert_eq!(String::from_utf8_lossy(&out), "````\na ``` b\n````\n");
}

#[test]
fn a_broken_host_becomes_a_ticket() {
    insta::assert_snapshot!(shown(&single()), @r#"
# Remote Desktop diagnosis

## SRV-RDS01.corp.example: broken

Down since 14 Jan 03:12, last good logon 13 Jan 22:41, 23 attempts failed. The last 23 attempts failed and none has worked since.

### Changes just before

- 14 Jan 03:04:11 restart by TrustedInstaller
- 14 Jan 03:02:50 update KB5012345 installed

### 1\. TermService crashes in rdpwrap.dll: a third-party wrapper does not fit the installed termsrv.dll (high confidence)

svchost.exe\_TermService crashed 3 times in rdpwrap.dll, first 8 minutes after KB5012345 replaced termsrv.dll.

| Time | Log and event | Text | Count |
| --- | --- | --- | --- |
| 14 Jan 03:12:40 | Application 1000 | Faulting application name: svchost.exe\_TermService, version: 10.0.17763.3346, faulting module name: rdpwrap.dll, version: 1.5.0.0, exception code: 0xc0000005 (access violation), fault offset: 0x0000000000012345, faulting process id: 0x4c8 | 3 |
| 14 Jan 03:12:41 | System 7034 | The Remote Desktop Services service terminated unexpectedly. It has done this 3 time(s). | 1 |
| 14 Jan 03:12:43 | TerminalServices-LocalSessionManager 17 | Remote Desktop Service start failed. The relevant status code was 0x800706b5 (the interface is unknown). | 1 |

- The update replaced termsrv.dll 8 min earlier; no crash in the 6 days before.
- Connections still arrive (RdpCoreTS 131), so the network is not at fault.

#### Not decided

- needs Security: could lower this confidence, or rule this cause out

#### Fix

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

See https\://learn.microsoft.com/troubleshoot/windows-server/remote/

### 2\. The listener does not accept connections (medium confidence)

The listener RDP-Tcp stopped at 03:12:41.

An effect of rdp\_wrapper\_mismatch.

| Time | Log and event | Text | Count |
| --- | --- | --- | --- |
| 14 Jan 03:12:44 | System 1035 | The listener stack was down. | 1 |

- The service that owns the listener had just ended.

#### Not decided

- needs Application, Microsoft-Windows-TerminalServices-LocalSessionManager/Operational: could raise this confidence

### Ruled out

- Firewall or network: RdpCoreTS 131 still arrives
- Licensing: no RCM licensing event in the period

### Not decided by these logs

Whether the certificate of the listener was replaced: no log covers it. → RemoteConnectionManager/Operational from 13 Jan on

```
wevtutil epl Microsoft-Windows-TerminalServices-RemoteConnectionManager/Operational rcm.evtx
```

### Notes

- 226 with 0x80070040 (412 times) only says that a client closed its connection.
- Passwords are guessed from the internet: 5 210 failed logons from at least 311 addresses.

1 damaged place in this host's logs.
    "#);
}

#[test]
fn a_hostile_report_adds_no_markup() {
    let text = shown(&hostile());
    assert!(!text.chars().any(|character| character != '\n' && escape::is_dangerous(character)));
    let mut seen = String::new();
    for event in Parser::new_ext(&text, Options::all() - Options::ENABLE_SMART_PUNCTUATION) {
        match event {
            Event::Text(part) => seen.push_str(&part),
            Event::Start(
                Tag::Paragraph | Tag::Heading { .. } | Tag::List(_) | Tag::Item | Tag::CodeBlock(_),
            ) => {}
            Event::Start(Tag::Table(_) | Tag::TableHead | Tag::TableRow | Tag::TableCell) => seen.push('\n'),
            Event::End(_) => seen.push('\n'),
            other => panic!("{other:?} is markup that a log brought in"),
        }
    }
    assert!(seen.contains(&escape::line(HOSTILE, escape::NAME)), "text comes through unchanged");
}

proptest! {
    #[test]
    fn any_text_is_shown_as_it_is(text in "[ -~\\n\u{e9}\u{4e2d}]{1,60}") {
        let wanted = escape::line(&text, escape::SENTENCE);
        let text = inline(&text);
        let places = [(format!("# {text}\n"), 1), (format!("- {text}\n"), 2), (format!("x\n\n{text}\n"), 2)];
        for (place, blocks) in places {
            let (mut seen, mut started) = (String::new(), 0);
            for event in Parser::new_ext(&place, Options::all() - Options::ENABLE_SMART_PUNCTUATION) {
                match event {
                    Event::Text(part) => seen.push_str(&part),
                    Event::Start(Tag::Heading { .. } | Tag::List(_) | Tag::Item | Tag::Paragraph) => started += 1,
                    Event::End(_) => {}
                    other => prop_assert!(false, "{other:?}"),
                }
            }
            prop_assert_eq!(seen.trim_start_matches('x'), wanted.trim_start_matches('x'));
            prop_assert!(started <= blocks, "{}", place);
        }
    }
}
