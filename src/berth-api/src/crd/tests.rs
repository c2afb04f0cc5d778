use std::path::Path;

use super::*;

/// All annotations of an object together may have this many bytes; `kubectl apply` stores the object in one.
const ANNOTATIONS: usize = 262_144;
/// Room for what Kubernetes and we add to the schemas in later versions.
const MARGIN: usize = 32_768;

/// With `UPDATE_CRDS` set the files are written instead of compared.
#[test]
fn committed_files_are_up_to_date() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crds");
    for (name, definition) in all() {
        let (file, text) = (folder.join(name), to_yaml(&definition));
        if std::env::var_os("UPDATE_CRDS").is_some() {
            std::fs::write(&file, &text).unwrap();
        }
        let committed = std::fs::read_to_string(&file).unwrap_or_default();
        let hint = "run `UPDATE_CRDS=1 cargo test committed_files_are_up_to_date` and commit the result";
        assert!(committed == text, "crds/{name} is not what the types give: {hint}");
    }
}

#[test]
fn client_side_apply_has_room() {
    for (name, definition) in all() {
        let size = definition.to_string().len();
        assert!(size < ANNOTATIONS - MARGIN, "{name}: {size} bytes of JSON");
    }
}

#[test]
fn yaml_is_the_same_object() {
    for (name, definition) in all() {
        let back: Value = serde_saphyr::from_str(&to_yaml(&definition)).unwrap();
        assert!(back == definition, "{name}");
    }
}

#[test]
fn columns_and_paths_name_fields_of_the_schema() {
    for (name, definition) in all() {
        let version = &definition["spec"]["versions"][0];
        let mut paths: Vec<&str> = Vec::new();
        for column in version["additionalPrinterColumns"].as_array().unwrap() {
            paths.push(column["jsonPath"].as_str().unwrap());
        }
        for (_, path) in version["subresources"]["scale"].as_object().into_iter().flatten() {
            paths.push(path.as_str().unwrap());
        }
        for path in paths.into_iter().filter(|p| !p.starts_with(".metadata.")) {
            let pointer = path.replace('.', "/properties/");
            assert!(version["schema"]["openAPIV3Schema"].pointer(&pointer).is_some(), "{name} {path}");
        }
    }
}

#[test]
fn groups_and_names_are_those_of_the_wire_types() {
    use super::super::{Resource, Surface};
    let resources = [Resource::OrdinalSets(Surface::Berth), Resource::DaemonSets(Surface::Berth)];
    for (resource, (_, definition)) in resources.into_iter().zip(all()) {
        let (spec, names) = (&definition["spec"], &definition["spec"]["names"]);
        let version = &spec["versions"][0]["name"];
        assert_eq!(names["kind"], resource.kind());
        assert_eq!(definition["metadata"]["name"], resource.to_string());
        assert_eq!(format!("{}/{}", GROUP, version.as_str().unwrap()), resource.api_version());
    }
}
