//! What every C and C++ program of `tests/c` is given, and what it leaves outside of its folder.
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]

use std::path::Path;

use lm_protocol::{ActivationId, Bytes32, SigningKey, TrustRoot};

/// A trust root, an activation ID, a storage directory.
pub fn given(dir: &Path) -> [String; 3] {
    let root = TrustRoot {
        vendor: "Terra".to_owned(),
        keys: vec![SigningKey::from_seed([1; 32]).expect("a seed").public()],
        salt: Bytes32([2; 32]),
    };
    let id = ActivationId::from_random([7; 10]);
    [root.to_string(), id.to_string(), store(dir)]
}

/// The storage directory of a program that runs in this folder.
pub fn store(dir: &Path) -> String {
    dir.join("store").display().to_string()
}

/// Takes away what the library keeps outside of the folder, for each store that a program may make.
pub fn remove_anchors(dir: &Path) {
    let [root, ..] = given(dir);
    remove_anchors_of(&root, dir);
}

/// As [`remove_anchors`], of another trust root.
pub fn remove_anchors_of(root: &str, dir: &Path) {
    for product in ["terra-studio", "terra-plugin", "ortho-studio"] {
        for storage in [store(dir), format!("{}-plugin", store(dir))] {
            let mut options = lm::Options::new(product, root);
            options.storage_dir = Some(storage.into());
            options.host_identity = Some("whoever cleans up".to_owned());
            let client = lm::Client::open(options);
            if let Some(anchor) = client.as_ref().ok().and_then(lm::Client::anchor_path) {
                let _ = std::fs::remove_file(anchor);
            }
        }
    }
}
