//! Every known update fires on records made from its own signs, and not on those of a host that it does not fit.

use std::sync::LazyLock;

use super::super::{Options, builds, diagnose_records};
use crate::evtx::Record;
use crate::report::{Confidence, Host};
use crate::rule::RuleSet;
use crate::rule::case::records_of;
use crate::rule::update::{FixedAt, How, KnownUpdate, Sign, Window};
use crate::text::Texts;

const CORE: &str = "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational";

static KNOWLEDGE: LazyLock<(RuleSet, Texts)> =
    LazyLock::new(|| (RuleSet::load(&[]).unwrap(), Texts::builtin()));

fn known() -> &'static [KnownUpdate] {
    &KNOWLEDGE.0.updates.all
}

/// What differs from a host that suffers from the case.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Twist {
    Nothing,
    /// The records came on the days before, too.
    AlsoBefore,
    /// Neither the update nor the build is there.
    NoUpdate,
    /// The update alone.
    NoSigns,
}

fn window(case: &KnownUpdate) -> Option<&Window> {
    let known = || case.windows.iter().filter(|window| window.fixed_at != FixedAt::Unknown);
    known().find(|window| window.os.contains("Server")).or_else(|| known().next())
}

fn record(at: &str, provider: &str, event_id: u32, rest: &str) -> String {
    format!("- {{at: '2026-01-{at}', provider: '{provider}', event_id: {event_id}{rest}}}\n")
}

fn boot(at: &str, window: Option<&Window>, below: u32) -> String {
    let Some(window) = window else { return record(at, "EventLog", 6005, "") };
    let data = format!(
        ", data: {{BuildVersion: '{}', QfeVersion: '{}'}}",
        builds::kernel_build(window.build),
        window.from - below
    );
    record(at, "Microsoft-Windows-Kernel-General", 12, &data)
}

/// The records of one sign at a time, as many as it takes.
fn shown(sign: &Sign, at: &str) -> String {
    let mut data: Vec<String> = sign.example().map(|(name, value)| format!("'{name}': '{value}'")).collect();
    data.push("Made: 'up'".to_owned());
    let rest = format!(", data: {{{}}}", data.join(", "));
    let rest = if sign.how == How::More { format!("{rest}, repeat: 90, every: 2m") } else { rest };
    let event_id = sign.event_ids.first().copied().unwrap_or_default();
    record(at, &sign.provider, event_id, &rest).repeat(sign.together.max(1))
}

fn host(case: &KnownUpdate, side: &str, twist: Twist) -> Host {
    let window = window(case);
    let is_there = twist != Twist::NoUpdate;
    let signs: Vec<&Sign> =
        case.signs.iter().filter(|sign| sign.on == side && sign.how != How::Context).collect();
    let mut text = boot("01 03:00:00", window, 1);
    for sign in &signs {
        let channel = records_of(&shown(sign, "01 03:10:00"));
        let channel = channel.first().map(|record| record.channel.to_string()).unwrap_or_default();
        text += &record("01 03:20:00", "Made-Up", 1, &format!(", channel: '{channel}'"));
    }
    if let Some(window) = window {
        // Client and server of one build have revisions of their own.
        text += &record("01 12:00:00", "EventLog", 6013, &format!(", binary_text: '{}'", window.os));
    }
    match side {
        "domain-controller" => {
            text += &record("01 03:30:00", "Microsoft-Windows-Kerberos-Key-Distribution-Center", 16, "");
        }
        "gateway" => {
            let channel = ", channel: 'Microsoft-Windows-TerminalServices-Gateway/Operational'";
            text += &record("01 03:30:00", "Made-Up", 1, channel);
        }
        _ => {}
    }
    if twist == Twist::AlsoBefore {
        for day in ["02", "03", "04"] {
            text.extend(signs.iter().map(|sign| shown(sign, &format!("{day} 09:00:00"))));
        }
    }
    if let (Some(kb), true) = (case.breaking.first(), is_there) {
        let title = format!(", data: {{updateTitle: 'Cumulative Update ({kb})'}}");
        text += &record("05 02:00:00", "Microsoft-Windows-WindowsUpdateClient", 19, &title);
    }
    text += &boot("05 03:00:00", window, u32::from(!is_there));
    if twist != Twist::NoSigns {
        text.extend(signs.iter().map(|sign| shown(sign, "05 09:00:00")));
    }
    text += &record("07 03:00:00", "Made-Up", 1, &format!(", channel: '{CORE}'"));
    let records: Vec<Record> = records_of(&text);
    let (rules, texts) = &*KNOWLEDGE;
    let options = Options { rules, texts, client_errors: &[], story: None, keeps_harmless: true };
    diagnose_records(&records, &options).remove(0)
}

fn confidence(host: &Host, case: &KnownUpdate) -> Option<Confidence> {
    host.causes.iter().find(|cause| cause.rule == case.id).map(|cause| cause.confidence)
}

/// The machine whose logs show the case, if any can.
fn showing_side(case: &KnownUpdate) -> Option<&str> {
    let has_sign = |side: &str| case.signs.iter().any(|sign| sign.on == side && sign.how != How::Context);
    let sides = case.sides.iter().map(String::as_str);
    let mut sides = sides.filter(|side| ["target", "domain-controller", "gateway"].contains(side));
    sides.find(|side| has_sign(side)).filter(|_| case.confidence > Some(Confidence::Low))
}

#[test]
fn every_known_update_fires_or_says_why_it_cannot() {
    assert_eq!(known().len(), 44);
    let mut fired = 0;
    for case in known() {
        let Some(side) = showing_side(case) else {
            assert!(case.cannot_show.is_some(), "{}: nothing shows it and no reason says why", case.id);
            continue;
        };
        let found = host(case, side, Twist::Nothing);
        assert!(confidence(&found, case).is_some(), "{}: {:?}", case.id, found.notes);
        assert!(case.cannot_show.is_some() || side == "target", "{}: the target cannot show it", case.id);
        fired += 1;
    }
    assert_eq!(fired, 22);
}

#[test]
fn records_that_came_before_the_update_acquit_it() {
    for case in known() {
        let Some(side) = showing_side(case) else { continue };
        assert_eq!(confidence(&host(case, side, Twist::AlsoBefore), case), None, "{}", case.id);
    }
}

#[test]
fn no_update_is_blamed_that_is_not_there() {
    for case in known() {
        let Some(side) = showing_side(case) else { continue };
        assert_eq!(confidence(&host(case, side, Twist::NoUpdate), case), None, "{}", case.id);
    }
}

#[test]
fn update_alone_is_a_remark_at_most() {
    for case in known() {
        let Some(side) = showing_side(case) else { continue };
        let found = host(case, side, Twist::NoSigns);
        assert_eq!(confidence(&found, case), None, "{}", case.id);
        assert!(found.notes.iter().filter(|note| note.kind == "update").count() <= super::MAX_NOTES);
    }
}

#[test]
fn advice_names_the_repair_and_the_package() {
    let case = known().iter().find(|case| case.id == "2024-08-kb5041578-mass-disconnect").unwrap();
    let found = host(case, "target", Twist::Nothing);
    let cause = found.causes.iter().find(|cause| cause.rule == case.id).unwrap();
    let orders: Vec<&str> = cause.fixes.iter().map(|fix| fix.order.as_str()).collect();
    assert!(orders[0].starts_with("Install KB5046615 (build 17763.6532)"), "{orders:?}");
    let run = cause.fixes.last().unwrap().run.join("\n");
    assert!(run.contains("Package_for_RollupFix~*~~17763.6189.*"), "{run}");
}
