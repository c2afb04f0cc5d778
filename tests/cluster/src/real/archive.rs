//! Archives of images as `docker save` writes them.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use super::images::architecture;
use crate::{Error, Result};

/// A layer that is being written.
pub(crate) struct Layer {
    tar: tar::Builder<Vec<u8>>,
    known: BTreeSet<String>,
}

/// Bytes with their name.
pub(crate) struct Blob {
    digest: String,
    bytes: Vec<u8>,
}

impl Blob {
    fn new(bytes: Vec<u8>) -> Self {
        let digest = digest(&SHA256, &bytes);
        let digest = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        Self { digest, bytes }
    }
}

impl Layer {
    /// An empty layer.
    pub(crate) fn new() -> Self {
        Self { tar: tar::Builder::new(Vec::new()), known: BTreeSet::new() }
    }

    /// A file of this machine. A name that is there already is left as it is: libraries are shared.
    pub(crate) fn file(&mut self, name: &str, path: &Path, mode: u32) -> Result<()> {
        let mut bytes = Vec::new();
        let mut file = File::open(path).map_err(Error::file("open", path))?;
        file.read_to_end(&mut bytes).map_err(Error::file("read", path))?;
        self.add(name, mode, &bytes)
    }

    /// A small text.
    pub(crate) fn text(&mut self, name: &str, text: &str) -> Result<()> {
        self.add(name, 0o644, text.as_bytes())
    }

    fn add(&mut self, name: &str, mode: u32, bytes: &[u8]) -> Result<()> {
        let mut header = header(tar::EntryType::Regular, mode);
        header.set_size(bytes.len() as u64);
        self.append(name, header, |tar, header, name| tar.append_data(header, name, bytes))
    }

    /// A symbolic link.
    pub(crate) fn link(&mut self, name: &str, target: &str) -> Result<()> {
        let header = header(tar::EntryType::Symlink, 0o777);
        self.append(name, header, |tar, header, name| tar.append_link(header, name, target))
    }

    /// An empty directory.
    pub(crate) fn directory(&mut self, name: &str, mode: u32) -> Result<()> {
        let header = header(tar::EntryType::Directory, mode);
        self.append(name, header, |tar, header, name| tar.append_data(header, name, std::io::empty()))
    }

    fn append(
        &mut self,
        name: &str,
        mut header: tar::Header,
        add: impl FnOnce(&mut tar::Builder<Vec<u8>>, &mut tar::Header, &str) -> std::io::Result<()>,
    ) -> Result<()> {
        let name = name.trim_start_matches('/');
        if !self.known.insert(name.to_owned()) {
            return Ok(());
        }
        add(&mut self.tar, &mut header, name).map_err(Error::file("pack", name))
    }

    /// The finished layer.
    pub(crate) fn finish(self) -> Result<Blob> {
        self.tar.into_inner().map(Blob::new).map_err(Error::file("pack", "a layer"))
    }
}

fn header(kind: tar::EntryType, mode: u32) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(0);
    header
}

/// Writes images into one archive; `images` are name, configuration and layers.
pub(crate) fn write(path: &Path, images: &[(&str, Value, Vec<&Blob>)]) -> Result<()> {
    let mut layers = Layer::new();
    let mut manifest = vec![];
    for (name, config, blobs) in images {
        let config = json!({
            "architecture": architecture(),
            "os": "linux",
            "created": "1970-01-01T00:00:00Z",
            "config": config,
            "rootfs": {
                "type": "layers",
                "diff_ids": blobs.iter().map(|blob| format!("sha256:{}", blob.digest)).collect::<Vec<_>>(),
            },
        });
        let config = Blob::new(config.to_string().into_bytes());
        let file = format!("{}.json", config.digest);
        layers.add(&file, 0o644, &config.bytes)?;
        let mut files = vec![];
        for blob in blobs {
            let file = format!("{}.tar", blob.digest);
            layers.add(&file, 0o644, &blob.bytes)?;
            files.push(file);
        }
        manifest.push(json!({"Config": file, "RepoTags": [name], "Layers": files}));
    }
    layers.add("manifest.json", 0o644, Value::from(manifest).to_string().as_bytes())?;
    let bytes = layers.tar.into_inner().map_err(Error::file("pack", path))?;
    fs::write(path, bytes).map_err(Error::file("write", path))
}
