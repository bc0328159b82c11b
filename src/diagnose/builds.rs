//! Which Windows and which cumulative update a `build.revision` means, from `rules/builds`.
//!
//! The table ends with the month that its files name, and lacks some previews: a revision that is not listed has no
//! update here, and none is guessed.

/// One build of Windows.
struct Build {
    number: u32,
    /// The number that its kernel states; another one for versions switched on by an enablement package.
    kernel: u32,
    clients: &'static [&'static str],
    servers: &'static [&'static str],
    /// Revisions with their updates, rising.
    revisions: &'static [(u32, &'static [&'static str])],
    /// Rollups, oldest first, of builds that count no revisions.
    rollups: &'static [&'static str],
}

static BUILDS: &[Build] = include!(concat!(env!("OUT_DIR"), "/builds.rs"));

/// What is known of a `build.revision`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildInfo {
    /// The updates that lead to it, sorted.
    pub updates: Vec<&'static str>,
    /// The builds that have this revision: more than one where versions share a kernel.
    pub builds: Vec<u32>,
}

impl BuildInfo {
    /// The Windows that it is, such as `Windows Server 2019`; both kinds when `is_server` is not known.
    #[must_use]
    pub fn os_name(&self, is_server: Option<bool>) -> Option<String> {
        let builds: Vec<&Build> = BUILDS.iter().filter(|build| self.builds.contains(&build.number)).collect();
        name(&builds, is_server)
    }
}

/// The updates of exactly this `build.revision`; `None` when it is not listed.
#[must_use]
pub fn lookup(build: u32, revision: u32) -> Option<BuildInfo> {
    let mut info = BuildInfo { updates: Vec::new(), builds: Vec::new() };
    for candidate in with_kernel(build) {
        if let Ok(place) = candidate.revisions.binary_search_by_key(&revision, |(listed, _)| *listed) {
            info.builds.push(candidate.number);
            info.updates
                .extend(candidate.revisions.get(place).iter().flat_map(|(_, updates)| updates.iter()));
        }
    }
    info.updates.sort_unstable();
    info.updates.dedup();
    (!info.builds.is_empty()).then_some(info)
}

/// The newest listed revision that is not above this one: what a host has at least.
#[must_use]
pub fn newest_listed(build: u32, revision: u32) -> Option<u32> {
    let revisions = with_kernel(build).flat_map(|candidate| candidate.revisions);
    revisions.map(|(listed, _)| *listed).filter(|listed| *listed <= revision).max()
}

/// The Windows of a build, such as `Windows Server 2019` or `Windows 10 2004 to 22H2`; `None` for unknown builds.
#[must_use]
pub fn os_name(build: u32, is_server: Option<bool>) -> Option<String> {
    name(&with_kernel(build).collect::<Vec<_>>(), is_server)
}

/// Every `(build, revision)` that an update such as `KB5012345` leads to.
#[must_use]
pub fn kb_build(kb: &str) -> Vec<(u32, u32)> {
    let mut found = Vec::new();
    for build in BUILDS {
        let revisions = build.revisions.iter().filter(|(_, updates)| has(updates, kb));
        found.extend(revisions.map(|(revision, _)| (build.number, *revision)));
    }
    found
}

/// The builds without revisions that have this rollup, with its place in their order: a later one contains it.
#[must_use]
pub fn rollup_place(kb: &str) -> Vec<(u32, usize)> {
    let places = BUILDS.iter().filter_map(|build| {
        let place = build.rollups.iter().position(|rollup| rollup.eq_ignore_ascii_case(kb))?;
        Some((build.number, place))
    });
    places.collect()
}

/// The number that the kernel of a build states, such as 19041 for 19045.
#[must_use]
pub fn kernel_build(build: u32) -> u32 {
    BUILDS.iter().find(|known| known.number == build).map_or(build, |known| known.kernel)
}

fn has(updates: &[&str], kb: &str) -> bool {
    updates.iter().any(|update| update.eq_ignore_ascii_case(kb))
}

/// The builds that a stated number can be: itself, and those whose kernel states it.
fn with_kernel(build: u32) -> impl Iterator<Item = &'static Build> {
    BUILDS.iter().filter(move |known| known.number == build || known.kernel == build)
}

fn name(builds: &[&Build], is_server: Option<bool>) -> Option<String> {
    let first = |names: &'static [&'static str]| names.first().copied();
    let servers: Vec<&str> = builds.iter().filter_map(|build| first(build.servers)).collect();
    let clients: Vec<&str> = builds.iter().filter_map(|build| first(build.clients)).collect();
    let kinds = match is_server {
        Some(true) => vec![joined(&servers)],
        Some(false) => vec![joined(&clients)],
        None => vec![joined(&servers), joined(&clients)],
    };
    let names: Vec<String> = kinds.into_iter().flatten().collect();
    (!names.is_empty()).then(|| names.join(" or "))
}

/// Versions of one product in one phrase: `Windows 10 2004 to 22H2`.
fn joined(names: &[&str]) -> Option<String> {
    let (first, last) = (names.first()?, names.last()?);
    let version = last.rsplit_once(' ').map_or(*last, |(_, version)| version);
    Some(match names.len() {
        1 => (*first).to_owned(),
        2 => format!("{first} or {version}"),
        _ => format!("{first} to {version}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revision_names_its_updates() {
        let info = lookup(17763, 55).unwrap();
        assert_eq!((info.updates.as_slice(), info.builds.as_slice()), (&["KB4464330"][..], &[17763][..]));
        assert_eq!(lookup(17763, 56), None);
        assert_eq!(lookup(1, 55), None);
        assert_eq!(lookup(10240, 17113).unwrap().updates, ["KB3185611", "KB3193821"]);
    }

    #[test]
    fn kernel_of_an_enablement_version_finds_its_revisions() {
        let info = lookup(19041, 7548).unwrap();
        assert_eq!(info.updates, ["KB5099539"]);
        assert_eq!(info.builds, [19044, 19045]);
        assert_eq!(info.os_name(Some(false)).as_deref(), Some("Windows 10 21H2 or 22H2"));
        assert_eq!(lookup(19045, 7548).unwrap().builds, [19045]);
        assert_eq!((kernel_build(19045), kernel_build(17763), kernel_build(7)), (19041, 17763, 7));
    }

    #[test]
    fn unlisted_revision_is_at_least_the_one_before() {
        assert_eq!(newest_listed(17763, 100), Some(55));
        assert_eq!(newest_listed(17763, 54), None);
        assert_eq!(newest_listed(17763, u32::MAX), Some(9020));
    }

    #[test]
    fn build_has_a_name_for_servers_and_clients() {
        let name = |build, is_server| os_name(build, is_server).unwrap_or_default();
        assert_eq!(name(17763, Some(true)), "Windows Server 2019");
        assert_eq!(name(17763, Some(false)), "Windows 10 1809");
        assert_eq!(name(17763, None), "Windows Server 2019 or Windows 10 1809");
        assert_eq!(name(19041, Some(false)), "Windows 10 2004 to 22H2");
        assert_eq!(name(26100, Some(false)), "Windows 11 24H2 or 25H2");
        assert_eq!(name(9600, Some(true)), "Windows Server 2012 R2");
        assert_eq!(os_name(20348, Some(false)), None);
        assert_eq!(os_name(12345, None), None);
    }

    #[test]
    fn update_leads_to_all_its_builds() {
        assert_eq!(kb_build("kb5099539"), [(19044, 7548), (19045, 7548)]);
        assert_eq!(kb_build("KB1"), []);
    }

    #[test]
    fn rollups_are_in_order() {
        let place = |kb| rollup_place(kb).into_iter().find(|(build, _)| *build == 9600).unwrap().1;
        assert!(place("KB4088876") < place("KB4103725"));
        assert_eq!(rollup_place("KB4464330"), []);
    }
}
