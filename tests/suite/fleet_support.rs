//! The fleet generator keeps its promises.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop where it fails")]

use std::fs;

use crate::support::fleet::{Ailment, BAD_UPDATE, GOOD_UPDATE, Truth, fleet};

#[test]
fn a_fleet_has_the_promised_shares() {
    let folder = tempfile::tempdir().unwrap();
    let truths = fleet(folder.path(), 40, 7);
    let count = |is: &dyn Fn(&Truth) -> bool| truths.iter().filter(|truth| is(truth)).count();
    assert_eq!(truths.len(), 40);
    assert_eq!(count(&|truth| truth.update == Some(BAD_UPDATE)), 8);
    assert_eq!(count(&|truth| truth.ailment == Ailment::BadUpdate), 7);
    assert_eq!(count(&|truth| truth.ailment == Ailment::BadUpdate && truth.update != Some(BAD_UPDATE)), 0);
    for ailment in [Ailment::CertificateKey, Ailment::Licensing, Ailment::ServiceDisabled] {
        assert_eq!(count(&|truth| truth.ailment == ailment), 2, "{ailment:?}");
    }
    assert!(count(&|truth| truth.update == Some(GOOD_UPDATE)) >= 8);
    assert!(count(&|truth| truth.old_name.is_some()) > 0);
    assert!(count(&|truth| truth.has_duplicate) > 0);
    assert!(count(&|truth| truth.is_damaged) > 0);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 40);
}

#[test]
fn equal_seeds_give_equal_fleets() {
    let (one, two, other) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let truths = fleet(one.path(), 10, 1);
    assert_eq!(truths, fleet(two.path(), 10, 1));
    assert_ne!(truths, fleet(other.path(), 10, 2));
    for truth in truths {
        let name = truth.host.split('.').next().unwrap();
        let read =
            |folder: &tempfile::TempDir| fs::read(folder.path().join(name).join("System.evtx")).unwrap();
        assert!(read(&one) == read(&two), "{name}");
    }
}
