//! Ordinary days of a server: a few people work on it, services come and go, and harmless records are written.

use rdpwhy::evtx::{Span, Time};

use super::super::host::Host;
use super::super::yaml::Yaml;
use super::{UPDATE, boot, connection, service};

/// `{days, users: ['CORP\name@10.20.30.41'], per_day, noise}` from midnight of the day of `at`.
pub(crate) fn healthy_week(host: &mut Host, at: Time, detail: &Yaml) {
    let users: Vec<&str> =
        detail.get("users").map_or(&[][..], Yaml::items).iter().map(Yaml::as_text).collect();
    let per_day = usize::try_from(detail.number("per_day", 2)).expect("a few");
    let days = i64::try_from(detail.number("days", 6)).expect("a few");
    let mut visitors = users.iter().cycle();
    for day in 0..days {
        let midnight = at.plus(Span::days(day));
        for visit in (0..).take(per_day) {
            let Some(visitor) = visitors.next() else { break };
            let (user, address) = visitor.split_once('@').expect("user@address");
            let minute = host.random.between(0, 50);
            let start = midnight.plus(Span::hours(7 + 3 * visit)).plus(minutes(minute));
            let stay = host.random.between(25, 150).to_string();
            visit_host(host, start, [user, address, &stay]);
        }
        if detail.text("noise") != Some("false") {
            noise(host, midnight);
        }
    }
}

fn visit_host(host: &mut Host, at: Time, [user, address, stay]: [&str; 3]) {
    let text = |text: &str| Yaml::Text(text.into());
    let detail = [("user", text(user)), ("address", text(address)), ("minutes", text(stay))];
    let detail = detail.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    connection::connect(host, at, &Yaml::Map(detail));
}

/// What every healthy server writes too: none of it may become a cause.
fn noise(host: &mut Host, midnight: Time) {
    let early = midnight.plus(Span::hours(4));
    let version = host.random.between(100, 999);
    let title = format!(
        "Security Intelligence Update for Microsoft Defender Antivirus - KB2267602 (Version 1.403.{version}.0)"
    );
    let guid = host.random.guid();
    service::changed(host, early, "wuauserv", "running");
    host.write(early.plus(Span::minutes(1)), (UPDATE, 43), &[&title, &guid, "200"]);
    let values = [title.as_str(), &guid, "200", "{7971f918-a847-4430-9279-4a52d1efe18d}"];
    host.write(early.plus(Span::minutes(2)), (UPDATE, 19), &values);
    service::changed(host, early.plus(Span::minutes(12)), "wuauserv", "stopped");
    let noon = midnight.plus(Span::hours(12));
    boot::uptime(host, noon);
    let caller = host.process("svchost").to_string();
    let afternoon = midnight.plus(Span::hours(15)).plus(Span::minutes(17));
    host.write(afternoon, ("Schannel", 36_887), &[&caller, "", "48"]);
    host.write(
        afternoon.plus(Span::minutes(3)),
        ("Microsoft-Windows-DistributedCOM", 10_016),
        &[
            "application-specific",
            "Local",
            "Activation",
            "{2593F8B9-4EAF-457C-B68A-50F6B8EA6B54}",
            "{15C20B67-12E7-4BB6-92BB-7AFF07997402}",
            "NT AUTHORITY",
            "LOCAL SERVICE",
            "S-1-5-19",
            "LocalHost (Using LRPC)",
            "Unavailable",
            "Unavailable",
        ],
    );
    service::changed(host, midnight.plus(Span::hours(21)), "WinHttpAutoProxySvc", "stopped");
}

fn minutes(count: u64) -> Span {
    Span::minutes(i64::try_from(count).expect("a few"))
}
