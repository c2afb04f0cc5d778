//! What is required of volumes and of descriptions of claims, as tables: see [`super::pod`].

use serde_json::{Value, json};

use super::values::*;
use super::values::{LABEL, MANY};

/// A volume. Of the kinds that Kubernetes has given up only that there is no second source is checked.
pub fn volume() -> Vec<(&'static str, Value)> {
    let mode = json!({ "minimum": 0, "maximum": HIGHEST_MODE });
    let types =
        ["", "DirectoryOrCreate", "Directory", "FileOrCreate", "File", "Socket", "CharDevice", "BlockDevice"];
    let below = json!({ "pattern": whole(&format!("{PART}(/{PART}?)*")) });
    let mut rows = vec![
        ("name", json!({ "maxLength": LABEL, "pattern": whole(DNS_LABEL) })),
        ("hostPath.path", json!({ "minLength": 1, "pattern": whole(&format!("{PART}?(/{PART}?)*")) })),
        ("hostPath.type", one_of(&types)),
        ("configMap", json!({ "required": ["name"] })),
        ("configMap.name", not_empty()),
        ("configMap.defaultMode", mode.clone()),
        ("configMap.items[].key", not_empty()),
        ("configMap.items[].path", below.clone()),
        ("configMap.items[].mode", mode.clone()),
        ("secret", json!({ "required": ["secretName"] })),
        ("secret.secretName", not_empty()),
        ("secret.defaultMode", mode.clone()),
        ("secret.items[].key", not_empty()),
        ("secret.items[].path", below.clone()),
        ("secret.items[].mode", mode.clone()),
        ("persistentVolumeClaim.claimName", not_empty()),
        ("emptyDir.sizeLimit", quantity()),
        ("nfs.server", not_empty()),
        ("nfs.path", json!({ "pattern": "^/" })),
        ("csi.driver", not_empty()),
        ("ephemeral", json!({ "required": ["volumeClaimTemplate"] })),
        ("image.pullPolicy", one_of(&["", "Always", "IfNotPresent", "Never"])),
        ("downwardAPI.defaultMode", mode.clone()),
        ("downwardAPI.items[].path", below.clone()),
        ("downwardAPI.items[].mode", mode.clone()),
        ("projected.defaultMode", mode.clone()),
        ("projected.sources[]", json!({ "maxProperties": 1 })),
        ("projected.sources[].configMap.name", not_empty()),
        ("projected.sources[].configMap.items[].key", not_empty()),
        ("projected.sources[].configMap.items[].path", below.clone()),
        ("projected.sources[].configMap.items[].mode", mode.clone()),
        ("projected.sources[].secret.name", not_empty()),
        ("projected.sources[].secret.items[].key", not_empty()),
        ("projected.sources[].secret.items[].path", below.clone()),
        ("projected.sources[].secret.items[].mode", mode.clone()),
        ("projected.sources[].downwardAPI.items[].path", below.clone()),
        ("projected.sources[].downwardAPI.items[].mode", mode),
        ("projected.sources[].serviceAccountToken.path", below),
        (
            "projected.sources[].serviceAccountToken.expirationSeconds",
            json!({ "minimum": 600, "maximum": 1_u64 << 32 }),
        ),
    ];
    // Go does not ask for the name of a secret here.
    let nameless =
        ["cephfs.secretRef", "flexVolume.secretRef", "iscsi.secretRef", "rbd.secretRef", "scaleIO.secretRef"];
    rows.extend(nameless.map(|secret| (secret, json!({ "required": null }))));
    rows
}

/// A description of a claim.
pub fn claim() -> Vec<(&'static str, Value)> {
    let modes = ["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"];
    vec![
        ("", json!({ "required": ["accessModes", "resources"] })),
        ("accessModes", json!({ "minItems": 1, "maxItems": MANY })),
        ("accessModes[]", one_of(&modes)),
        ("resources", json!({ "required": ["requests"] })),
        ("resources.requests{}", quantity()),
        ("volumeMode", one_of(&["Block", "Filesystem"])),
    ]
}
