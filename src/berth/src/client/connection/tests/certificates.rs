//! Servers that speak TLS, and certificates that are replaced.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use super::*;

/// What the kubeconfig of such a client says of its user.
pub(super) const FILES: &str = "client-certificate: client.crt, client-key: client.key";

/// Who signs certificates.
pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(super) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Certificate and key, in PEM.
    pub(super) fn sign(&self) -> (String, String) {
        let names = ["127.0.0.1".to_owned(), "api.test".to_owned()];
        let params = CertificateParams::new(names).unwrap();
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }

    /// How a server speaks TLS with a certificate of this authority; clients need one of it too, if so wanted.
    pub(super) fn server(&self, clients: bool) -> Arc<ServerConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.0.pem().as_bytes()).unwrap()).unwrap();
        let builder = match clients {
            true => {
                let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap();
                ServerConfig::builder().with_client_cert_verifier(verifier)
            }
            false => ServerConfig::builder().with_no_client_auth(),
        };
        let (certificate, key) = self.sign();
        let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
        Arc::new(
            builder.with_single_cert(chain, PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap()).unwrap(),
        )
    }

    /// Puts the certificates of a client where its kubeconfig has them.
    pub(super) fn equip(&self, directory: &Directory) {
        let (certificate, key) = self.sign();
        directory.write("ca.crt", &self.0.pem());
        directory.write("client.crt", &certificate);
        directory.write("client.key", &key);
    }
}

/// A server with TLS that answers everything with `"ok"`, with what `config` holds at that moment.
pub(super) async fn tls(config: Arc<Mutex<Arc<ServerConfig>>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = TlsAcceptor::from(Arc::clone(&*config.lock().unwrap()));
            tokio::spawn(async move {
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    stub::one(&mut stream, &|_| Some(stub::answer("200 OK", "\"ok\""))).await;
                }
            });
        }
    });
    address
}

/// Whoever stands by outlives all certificates: they are read again, one file after the other.
#[tokio::test]
async fn new_certificates_are_read_without_a_restart() {
    let (directory, old, new) = (Directory::new(), Authority::new("old"), Authority::new("new"));
    old.equip(&directory);
    let config = Arc::new(Mutex::new(old.server(true)));
    let server =
        format!("server: 'https://{}', certificate-authority: ca.crt", tls(Arc::clone(&config)).await);
    let client = open(directory.kubeconfig(&server, FILES));
    assert_eq!(ask(&client).await, said("ok"));

    *config.lock().unwrap() = new.server(true);
    let failed = |answer: &Answer| matches!(answer, Answer::Unknown(_));
    assert!(failed(&ask(&client).await));
    // Half of it is of no use, and does no harm.
    directory.write("ca.crt", &new.0.pem());
    directory.write("client.crt", &new.sign().0);
    tokio::time::sleep(OFTEN * 10).await;
    assert!(failed(&ask(&client).await));
    new.equip(&directory);
    until(&client, |answer| *answer == said("ok")).await;
}
