//! What to do about an update: install the one that repairs it, work around it, or take it back.

use super::regression::Affected;
use crate::report::{Fix, Risk};
use crate::rule::update::{FixedAt, KnownUpdate};

/// Reads the build that runs.
const READ_BUILD: &str = "(Get-ItemProperty 'HKLM:\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion').UBR";

/// `KB5041578 (build 17763.6189)`.
pub(super) fn name(affected: &Affected) -> String {
    let build = affected.build.map(|(build, revision)| format!("build {build}.{revision}"));
    match (&affected.kb, build) {
        (Some(kb), Some(build)) => format!("{kb} ({build})"),
        (Some(kb), None) => kb.clone(),
        (None, build) => build.unwrap_or_else(|| "the update".to_owned()),
    }
}

/// The steps against a known case: repair, workaround, removal.
pub(super) fn fixes(case: &KnownUpdate, affected: &Affected) -> Vec<Fix> {
    let mut fixes: Vec<Fix> = repair(case, affected).into_iter().collect();
    if let Some(workaround) = &case.workaround {
        let risk = match () {
            () if case.workaround_risk.is_some() => Risk::WeakensSecurity,
            () if workaround.to_lowercase().contains("ninstall") => Risk::Reboots,
            () if workaround.contains("Restart-") || workaround.contains("Reset") => Risk::RestartsService,
            () => Risk::Safe,
        };
        fixes.push(Fix {
            order: format!("Meanwhile: {workaround}"),
            run: Vec::new(),
            shell: String::new(),
            risk,
            undo: case.workaround_risk.clone(),
            check: None,
        });
    }
    if let Some(rollback) = &case.rollback {
        fixes.push(Fix {
            order: format!("Known issue rollback: {rollback}"),
            run: Vec::new(),
            shell: String::new(),
            risk: Risk::Safe,
            undo: None,
            check: None,
        });
    }
    if case.kind.starts_with("regression") {
        fixes.extend(removal(affected.kb.as_deref(), affected.build));
    }
    fixes
}

fn repair(case: &KnownUpdate, affected: &Affected) -> Option<Fix> {
    let own = affected.window.as_ref();
    let by_os = case.fixed_by.iter().find(|(os, _)| own.is_none_or(|window| window.os == *os));
    let list: Vec<String> = match by_os {
        Some((_, kb)) if own.is_some() || case.fixed_by.len() == 1 => vec![kb.clone()],
        _ => case.fixed_by.iter().map(|(os, kb)| format!("{kb} ({os})")).collect(),
    };
    if list.is_empty() {
        return None;
    }
    let end = own.and_then(|window| match window.fixed_at {
        FixedAt::Revision(revision) => Some((window.build, revision)),
        _ => None,
    });
    let at = end.map(|(build, revision)| format!(" (build {build}.{revision})")).unwrap_or_default();
    Some(Fix {
        order: format!("Install {}{at} or any later cumulative update, and restart.", list.join(" or ")),
        run: list.iter().map(|item| search(item)).collect(),
        shell: "powershell".to_owned(),
        risk: Risk::Reboots,
        undo: None,
        check: Some(match end {
            Some((_, revision)) => {
                format!("{READ_BUILD} must be {revision} or more, and the records do not come back.")
            }
            None => "The records of this case do not come back after the restart.".to_owned(),
        }),
    })
}

/// Where a machine without Windows Update gets it from.
fn search(item: &str) -> String {
    let kb = item.split(' ').next().unwrap_or(item);
    format!("Start-Process 'https://catalog.update.microsoft.com/Search.aspx?q={kb}'")
}

/// How to take an update back. Cumulative updates that hold the servicing stack refuse `wusa /uninstall`; the name of
/// their package tells build and revision.
pub(super) fn removal(kb: Option<&str>, build: Option<(u32, u32)>) -> Option<Fix> {
    let what = match (kb, build) {
        (Some(kb), _) => kb.to_owned(),
        (None, Some((build, revision))) => format!("the update of build {build}.{revision}"),
        (None, None) => return None,
    };
    let run = match (build, kb) {
        (Some((build, revision)), _) => vec![
            format!(
                "Get-WindowsPackage -Online | Where-Object PackageName -like 'Package_for_RollupFix~*~~{build}.{revision}.*' | Select-Object PackageName, PackageState"
            ),
            format!(
                "Get-WindowsPackage -Online | Where-Object PackageName -like 'Package_for_RollupFix~*~~{build}.{revision}.*' | ForEach-Object {{ dism /online /remove-package /packagename:$($_.PackageName) /norestart }}"
            ),
            "Restart-Computer".to_owned(),
        ],
        (None, kb) => vec![
            format!(
                "wusa /uninstall /kb:{} /norestart",
                kb.unwrap_or_default().trim_start_matches(|first: char| !first.is_ascii_digit())
            ),
            "Restart-Computer".to_owned(),
        ],
    };
    Some(Fix {
        order: format!(
            "Only if neither helps: take {what} back on one host first, and hold it back in WSUS or by policy. Its security fixes go with it."
        ),
        run,
        shell: "powershell".to_owned(),
        risk: Risk::Reboots,
        undo: Some("Install the update again from Windows Update.".to_owned()),
        check: Some(format!("{READ_BUILD} is lower than before, and Remote Desktop works.")),
    })
}
