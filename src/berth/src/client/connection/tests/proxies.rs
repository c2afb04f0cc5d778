//! Proxies of each kind.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use super::certificates::{Authority, FILES, tls};
use super::*;

/// What a proxy saw, and who is behind it.
struct Proxy {
    asked: Arc<Mutex<Vec<String>>>,
    behind: SocketAddr,
}

impl Proxy {
    async fn start(
        behind: SocketAddr,
        kind: &'static str,
        tls: Option<Arc<ServerConfig>>,
    ) -> (Arc<Self>, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let proxy = Arc::new(Proxy { asked: Arc::default(), behind });
        let serving = Arc::clone(&proxy);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (proxy, tls) = (Arc::clone(&serving), tls.clone());
                tokio::spawn(async move {
                    match (tls, kind) {
                        (Some(tls), _) => {
                            proxy.tunnel(TlsAcceptor::from(tls).accept(stream).await.unwrap()).await
                        }
                        (None, "socks5") => proxy.socks(stream).await,
                        (None, _) => proxy.tunnel(stream).await,
                    }
                });
            }
        });
        (proxy, address)
    }

    async fn tunnel(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin) {
        let Some(seen) = stub::read(&mut stream).await else { return };
        self.asked.lock().unwrap().push(format!("{} {}", seen.line, seen.header("proxy-authorization")));
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        self.connect(stream).await;
    }

    async fn socks(&self, mut stream: TcpStream) {
        let mut head = [0; 2];
        stream.read_exact(&mut head).await.unwrap();
        let mut methods = vec![0; usize::from(head[1])];
        stream.read_exact(&mut methods).await.unwrap();
        stream.write_all(&[5, 0]).await.unwrap();
        let mut wanted = [0; 5];
        stream.read_exact(&mut wanted).await.unwrap();
        assert_eq!(wanted[..4], [5, 1, 0, 3], "a connection to a name");
        let mut name = vec![0; usize::from(wanted[4]) + 2];
        stream.read_exact(&mut name).await.unwrap();
        let port = u16::from_be_bytes([name[name.len() - 2], name[name.len() - 1]]);
        let name = String::from_utf8(name[..name.len() - 2].to_vec()).unwrap();
        self.asked.lock().unwrap().push(format!("SOCKS {name}:{port} "));
        stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
        self.connect(stream).await;
    }

    async fn connect(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin) {
        let mut behind = TcpStream::connect(self.behind).await.unwrap();
        let _ = tokio::io::copy_bidirectional(&mut stream, &mut behind).await;
    }
}

/// The name of the server leads nowhere on this machine: only a proxy gets there.
#[tokio::test]
async fn proxies_are_used_as_by_kubectl() {
    let (directory, authority) = (Directory::new(), Authority::new("a"));
    authority.equip(&directory);
    let behind = tls(Arc::new(Mutex::new(authority.server(true)))).await;
    let cluster =
        |more: &str| format!("server: 'https://api.test:6443', certificate-authority: ca.crt{more}");
    for (kind, speaks, user, line) in [
        ("http", None, "me:p%40ss@", "CONNECT api.test:6443 Basic bWU6cEBzcw=="),
        ("https", Some(authority.server(false)), "", "CONNECT api.test:6443 "),
        ("socks5", None, "", "SOCKS api.test:6443 "),
    ] {
        let (proxy, address) = Proxy::start(behind, kind, speaks).await;
        let url = format!("{kind}://{user}{address}");
        let named = directory.kubeconfig(&cluster(&format!(", proxy-url: '{url}'")), FILES);
        let everything = [("HTTPS_PROXY", "http://127.0.0.1:9".to_owned()), ("NO_PROXY", "*".to_owned())];
        let client = reload::connect(source(named, &everything), OFTEN).unwrap();
        assert_eq!(ask(&client).await, said("ok"), "{url}");
        let from_environment =
            source(directory.kubeconfig(&cluster(""), FILES), &[("https_proxy", url.clone())]);
        let client = reload::connect(from_environment, OFTEN).unwrap();
        assert_eq!(ask(&client).await, said("ok"), "{url}");
        assert_eq!(*proxy.asked.lock().unwrap(), [line, line], "{url}");

        let exempt = [("HTTPS_PROXY", url.clone()), ("NO_PROXY", "other.test, api.test".to_owned())];
        let direct =
            reload::connect(source(directory.kubeconfig(&cluster(""), FILES), &exempt), OFTEN).unwrap();
        assert!(matches!(ask(&direct).await, Answer::Unknown(_)), "no name server knows api.test");
        assert_eq!(proxy.asked.lock().unwrap().len(), 2, "{url}");
    }
}

/// `NO_PROXY` names the API server, which is what failed before anything was sent.
#[tokio::test]
async fn an_exempt_server_is_reached_without_the_proxy() {
    let directory = Directory::new();
    let address = mirror().await;
    let target = directory.kubeconfig(&format!("server: 'http://{address}'"), "token: t");
    let environment =
        [("HTTP_PROXY", "http://127.0.0.1:9"), ("HTTPS_PROXY", "ftp://b"), ("NO_PROXY", "127.0.0.1,")];
    let environment = environment.map(|(name, value)| (name, value.to_owned()));
    assert_eq!(ask(&reload::connect(source(target, &environment), OFTEN).unwrap()).await, said("Bearer t"));
}
