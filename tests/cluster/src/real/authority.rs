//! The certificates of real nodes: kubelets prove who they are to the API server, and it to them.

use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};

use crate::{Error, Result, directory};

/// The file of the authority's certificate, in the directory of the cluster.
pub(crate) const CERTIFICATE: &str = "certs/nodes.crt";
/// What the API server shows to kubelets.
pub(crate) const API_SERVER: &str = "certs/kubelet-client";

/// Signs certificates of clients. Its key stays in memory.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Authority")
    }
}

impl Authority {
    /// A new authority: writes its certificate, and that of the API server.
    pub(crate) fn create(dir: &Path) -> Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "nodes");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate().map_err(Error::Certificate)?;
        let issuer = CertifiedIssuer::self_signed(params, key).map_err(Error::Certificate)?;
        std::fs::create_dir_all(dir.join("certs")).map_err(Error::file("create", dir.join("certs")))?;
        directory::write(&dir.join(CERTIFICATE), 0o600, &issuer.pem())?;
        let authority = Self { issuer };
        authority.sign(&dir.join(API_SERVER), "kube-apiserver", "system:masters")?;
        Ok(authority)
    }

    /// Writes `path.crt` and `path.key` for a client of that name and group.
    pub(crate) fn sign(&self, path: &Path, name: &str, group: &str) -> Result<()> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::OrganizationName, group);
        params.distinguished_name.push(DnType::CommonName, name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().map_err(Error::Certificate)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(Error::Certificate)?;
        directory::write(&path.with_extension("crt"), 0o600, &certificate.pem())?;
        directory::write(&path.with_extension("key"), 0o600, &key.serialize_pem())
    }
}
