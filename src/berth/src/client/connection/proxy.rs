//! Through which proxy the API server is reached: that of the kubeconfig, else that of the environment, by the rules of Go's
//! `golang.org/x/net/http/httpproxy`, which kubectl goes by.

use std::ffi::OsString;
use std::net::IpAddr;

use http::Uri;
use http::uri::{Authority, Scheme};

/// Why the proxy cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProxyError {
    /// What is given is no URL.
    #[error("{place} is no URL such as http://proxy:3128")]
    NoUrl {
        /// The field or the variable.
        place: String,
    },
    /// The scheme is not known.
    #[error("{place}: unsupported scheme {scheme:?}, must be http, https, or socks5")]
    Scheme {
        /// The field or the variable.
        place: String,
        /// The scheme.
        scheme: String,
    },
    /// A SOCKS5 proxy with a user.
    #[error("{place}: a user of a socks5 proxy is not supported")]
    SocksUser {
        /// The field or the variable.
        place: String,
    },
}

/// The proxy for requests to `server`: `named`, which is the `proxy-url` of the kubeconfig and empty when there is none, else what the
/// environment says. `NO_PROXY` exempts from the latter only.
///
/// # Errors
/// When it cannot be used.
pub(super) fn to_reach(
    server: &Uri,
    named: &str,
    environment: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Option<Uri>, ProxyError> {
    if !named.is_empty() {
        return parse(named, "proxy-url").map(Some);
    }
    let variables = match server.scheme_str() {
        Some("https") => ["HTTPS_PROXY", "https_proxy"],
        Some("http") => ["HTTP_PROXY", "http_proxy"],
        _ => return Ok(None),
    };
    let set = |name: &'static str| {
        let value = environment(name)?.to_string_lossy().into_owned();
        Some((name, value)).filter(|(_, value)| !value.is_empty())
    };
    let Some((variable, value)) = variables.into_iter().find_map(set) else { return Ok(None) };
    let exempt = ["NO_PROXY", "no_proxy"].into_iter().find_map(set).map(|(_, list)| list).unwrap_or_default();
    if is_exempt(server, &exempt) {
        return Ok(None);
    }
    let url = if value.contains("://") { value } else { format!("http://{value}") };
    parse(&url, variable).map(Some)
}

/// The URL with its port, under the name that the client knows its scheme by.
fn parse(text: &str, place: &str) -> Result<Uri, ProxyError> {
    let no_url = || ProxyError::NoUrl { place: place.to_owned() };
    let (scheme, rest) = text.trim().split_once("://").ok_or_else(no_url)?;
    let scheme = scheme.to_ascii_lowercase();
    // Names are resolved by the proxy in both cases.
    let (known, port) = match scheme.as_str() {
        "http" => ("http", 80),
        "https" => ("https", 443),
        "socks5" | "socks5h" => ("socks5", 1080),
        _ => return Err(ProxyError::Scheme { place: place.to_owned(), scheme }),
    };
    let rest = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let authority: Authority = rest.parse().map_err(|_| no_url())?;
    if authority.host().is_empty() {
        return Err(no_url());
    }
    if known == "socks5" && rest.contains('@') {
        return Err(ProxyError::SocksUser { place: place.to_owned() });
    }
    let authority = if authority.port().is_some() { rest.to_owned() } else { format!("{rest}:{port}") };
    let scheme = Scheme::try_from(known).map_err(|_| no_url())?;
    Uri::builder().scheme(scheme).authority(authority).path_and_query("/").build().map_err(|_| no_url())
}

/// Whether a list such as that of `NO_PROXY` exempts a server. Whatever is on this machine is exempt.
fn is_exempt(server: &Uri, list: &str) -> bool {
    let host =
        server.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    let port = server.port_u16().unwrap_or(if server.scheme_str() == Some("http") { 80 } else { 443 });
    let address = host.parse::<IpAddr>().ok().map(|address| address.to_canonical());
    if host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
        return true;
    }
    list.split(',').any(|entry| covers(&entry.trim().to_ascii_lowercase(), &host, port, address))
}

/// Whether an entry covers a host: `*`, a network, an address or a domain, the latter two with or without a port. A domain covers
/// those below it; with a leading dot or `*.` only those.
fn covers(entry: &str, host: &str, port: u16, address: Option<IpAddr>) -> bool {
    if entry.is_empty() || entry == "*" {
        return entry == "*";
    }
    if let Some((network, bits)) = network(entry) {
        return address.is_some_and(|address| is_within(address, network, bits));
    }
    let (name, only) = match entry.rsplit_once(':') {
        Some((name, only)) if !name.contains(':') || name.ends_with(']') => (name, only),
        _ => (entry, ""),
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    if !only.is_empty() && only.parse() != Ok(port) {
        return false;
    }
    match (name.parse::<IpAddr>(), address) {
        (Ok(one), address) => address == Some(one.to_canonical()),
        (Err(_), Some(_)) => false,
        (Err(_), None) => {
            let name = name.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(name);
            match name.strip_prefix('.') {
                Some(domain) => !domain.is_empty() && host.ends_with(name),
                None => {
                    !name.is_empty()
                        && (host == name || host.strip_suffix(name).is_some_and(|h| h.ends_with('.')))
                }
            }
        }
    }
}

fn network(entry: &str) -> Option<(IpAddr, u32)> {
    let (address, bits) = entry.split_once('/')?;
    let (address, bits) = (address.parse::<IpAddr>().ok()?, bits.parse().ok()?);
    (bits <= if address.is_ipv4() { 32 } else { 128 }).then_some((address, bits))
}

fn is_within(address: IpAddr, network: IpAddr, bits: u32) -> bool {
    match (address, network) {
        (IpAddr::V4(one), IpAddr::V4(other)) => {
            let rest = u32::MAX.checked_shr(bits).unwrap_or(0);
            one.to_bits() | rest == other.to_bits() | rest
        }
        (IpAddr::V6(one), IpAddr::V6(other)) => {
            let rest = u128::MAX.checked_shr(bits).unwrap_or(0);
            one.to_bits() | rest == other.to_bits() | rest
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(
        server: &str,
        named: &str,
        environment: &[(&str, &str)],
    ) -> Result<Option<String>, ProxyError> {
        let server: Uri = server.parse().unwrap();
        let get =
            |name: &str| environment.iter().find(|(n, _)| *n == name).map(|(_, value)| OsString::from(value));
        to_reach(&server, named, &get).map(|proxy| proxy.map(|proxy| proxy.to_string()))
    }

    #[test]
    fn the_kubeconfigs_proxy_outweighs_the_environment() {
        let everything = [("HTTPS_PROXY", "http://other:1"), ("NO_PROXY", "*")];
        let found = |named| through("https://api.test:6443", named, &everything).unwrap().unwrap();
        assert_eq!(found("http://proxy:3128"), "http://proxy:3128/");
        assert_eq!(found("https://proxy"), "https://proxy:443/");
        assert_eq!(found("SOCKS5://proxy"), "socks5://proxy:1080/");
        assert_eq!(found("http://user:p%40ss@proxy:3128/"), "http://user:p%40ss@proxy:3128/");
        let wrong = |named| through("https://api.test", named, &[]).unwrap_err().to_string();
        assert_eq!(wrong("proxy:3128"), "proxy-url is no URL such as http://proxy:3128");
        let scheme = "proxy-url: unsupported scheme \"ftp\", must be http, https, or socks5";
        assert_eq!(wrong("ftp://proxy"), scheme);
        assert!(wrong("socks5://user:pw@proxy").contains("a user of a socks5 proxy is not supported"));
        assert!(wrong("http://").contains("no URL"));
    }

    #[test]
    fn the_environment_names_proxies_as_for_kubectl() {
        let both = [("https_proxy", "lower:1"), ("HTTPS_PROXY", "upper:2"), ("HTTP_PROXY", "plain:3")];
        assert_eq!(through("https://api.test", "", &both).unwrap().unwrap(), "http://upper:2/");
        assert_eq!(through("https://api.test", "", &both[..1]).unwrap().unwrap(), "http://lower:1/");
        assert_eq!(through("http://api.test", "", &both).unwrap().unwrap(), "http://plain:3/");
        assert_eq!(through("https://api.test", "", &both[2..]), Ok(None), "HTTP_PROXY is for http only");
        let socks = [("HTTPS_PROXY", "socks5h://proxy")];
        assert_eq!(through("https://api.test", "", &socks).unwrap().unwrap(), "socks5://proxy:1080/");
        for near in ["https://localhost:6443", "https://127.0.0.1:6443", "https://[::1]:6443"] {
            assert_eq!(through(near, "", &both), Ok(None), "{near}");
        }
    }

    #[test]
    fn no_proxy_exempts_servers_by_gos_rules() {
        let exempt = |server: &str, list: &str| {
            let all = [("HTTPS_PROXY", "proxy:1"), ("NO_PROXY", list)];
            through(server, "", &all).unwrap().is_none()
        };
        for (server, list) in [
            ("https://api.test", "*"),
            ("https://api.test", "other,api.test,"),
            ("https://API.test", "Api.Test"),
            ("https://a.b.test:6443", "b.test"),
            ("https://a.b.test", ".b.test"),
            ("https://a.b.test", "*.b.test"),
            ("https://api.test:6443", "api.test:6443"),
            ("https://api.test", "api.test:443"),
            ("https://10.1.2.3:6443", "10.0.0.0/8, x"),
            ("https://10.1.2.3:6443", "10.1.2.3"),
            ("https://10.1.2.3:6443", "10.1.2.3:6443"),
            ("https://10.1.2.3", "0.0.0.0/0"),
            ("https://[fd00::1]:6443", "fd00::/8"),
            ("https://[fd00::1]:6443", "[fd00::1]:6443"),
            ("https://[fd00::1]:6443", "fd00::1"),
        ] {
            assert!(exempt(server, list), "{server} {list}");
        }
        for (server, list) in [
            ("https://api.test", ""),
            ("https://api.test", " , :443, ., *."),
            ("https://xapi.test", "api.test"),
            ("https://b.test", ".b.test"),
            ("https://b.test", "*.b.test"),
            ("https://api.test:6443", "api.test:443"),
            ("https://11.1.2.3", "10.0.0.0/8"),
            ("https://11.1.2.3", "10.0.0.0/40"),
            ("https://10.1.2.3:6443", "10.1.2.3:443"),
            ("https://10.1.2.3", "2.3"),
            ("https://[fd00::1]", "fe00::/8"),
            ("https://[fd00::1]", "10.0.0.0/8"),
        ] {
            assert!(!exempt(server, list), "{server} {list}");
        }
    }
}
