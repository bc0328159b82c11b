//! Whether a known update is in force on a host: by the build of its kernel, else by the record of its installation.

use super::super::builds;
use super::super::finding::Scene;
use crate::evtx::Time;
use crate::report::{UpdateState, WindowsUpdate};
use crate::rule::update::{FixedAt, KnownUpdate, Window};

/// Since when and by what a host is affected.
pub(in super::super) struct Affected {
    /// The start that put the update in force; `None` when the logs begin later.
    pub(in super::super) since: Option<Time>,
    /// When it was repaired or removed.
    pub(in super::super) until: Option<Time>,
    /// The update, when it is known.
    pub(in super::super) kb: Option<String>,
    /// `build.revision`, when it is known.
    pub(in super::super) build: Option<(u32, u32)>,
    pub(in super::super) window: Option<Window>,
}

pub(super) fn affected(case: &KnownUpdate, scene: &Scene<'_>, history: &[WindowsUpdate]) -> Option<Affected> {
    if case.is_reversed {
        return None;
    }
    let windows: Vec<&Window> = case.windows.iter().filter(|window| fits(window, scene)).collect();
    if let Some(affected) = windows.iter().find_map(|window| by_build(case, window, scene, history)) {
        return Some(affected);
    }
    // A kernel that is known and lies outside of the window speaks against the case, whatever was installed.
    let is_decided = windows.iter().any(|window| window.fixed_at != FixedAt::Unknown);
    if is_decided && !scene.identity.builds.is_empty() {
        return None;
    }
    by_installation(case, history)
}

/// Client and server of one build have revisions of their own.
fn fits(window: &Window, scene: &Scene<'_>) -> bool {
    let identity = scene.identity;
    let is_kernel =
        identity.build.is_some_and(|own| own == window.build || own == builds::kernel_build(window.build));
    let is_server = window.os.contains("Server");
    let fits_kind = match () {
        () if identity.roles.contains(&"server") => is_server,
        () if identity.roles.contains(&"client") => !is_server,
        () => true,
    };
    is_kernel && fits_kind
}

fn by_build(
    case: &KnownUpdate,
    window: &Window,
    scene: &Scene<'_>,
    history: &[WindowsUpdate],
) -> Option<Affected> {
    let end = match window.fixed_at {
        FixedAt::Revision(revision) => revision,
        FixedAt::Never => u32::MAX,
        FixedAt::Unknown => return None,
    };
    let starts = &scene.identity.builds;
    let is_inside = |revision: u32| (window.from..end).contains(&revision);
    let at = starts.iter().position(|(_, _, revision)| is_inside(*revision))?;
    let (first, build, revision) = *starts.get(at)?;
    let until = starts.iter().skip(at).find(|(_, _, revision)| !is_inside(*revision)).map(|(time, ..)| *time);
    let name = format!("{build}.{revision}");
    let listed =
        || builds::lookup(build, revision).and_then(|info| info.updates.first().map(|kb| (*kb).to_owned()));
    let installed = history.iter().find(|update| {
        !update.kb.is_empty() && (case.breaking.contains(&update.kb) || update.build.as_ref() == Some(&name))
    });
    Some(Affected {
        since: (at > 0).then_some(first),
        until,
        kb: installed.map(|update| update.kb.clone()).or_else(listed),
        build: Some((build, revision)),
        window: Some(window.clone()),
    })
}

fn by_installation(case: &KnownUpdate, history: &[WindowsUpdate]) -> Option<Affected> {
    let is_there = |update: &&WindowsUpdate| {
        matches!(update.state, UpdateState::Installed | UpdateState::FromBuild)
            && case.breaking.contains(&update.kb)
    };
    let update = history.iter().find(is_there)?;
    let since = update.restart.unwrap_or(update.time);
    let is_end = |later: &&WindowsUpdate| {
        let is_fix =
            later.state == UpdateState::Installed && case.fixed_by.iter().any(|(_, kb)| *kb == later.kb);
        let is_removal = later.kb == update.kb
            && matches!(later.state, UpdateState::Uninstalled | UpdateState::RolledBack);
        later.time > since && (is_fix || is_removal)
    };
    let end = history.iter().find(is_end);
    let build = update.build.as_ref().and_then(|build| {
        let (build, revision) = build.split_once('.')?;
        Some((build.parse().ok()?, revision.parse().ok()?))
    });
    Some(Affected {
        since: (update.state == UpdateState::Installed).then_some(since),
        until: end.map(|update| update.restart.unwrap_or(update.time)),
        kb: Some(update.kb.clone()),
        build,
        window: None,
    })
}
