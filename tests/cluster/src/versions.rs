//! The pinned versions. They agree with `modules/*/go.mod`; a test in this file holds them to it.

/// Kubernetes: kube-apiserver, kube-controller-manager, kube-scheduler, kubectl and kubelet.
pub const KUBERNETES: &str = "1.37.2";
/// etcd.
pub const ETCD: &str = "3.7.0";
/// KWOK, which simulates the kubelets.
pub const KWOK: &str = "0.8.0";
/// containerd, on real nodes.
pub const CONTAINERD: &str = "2.3.7";
/// CoreDNS, beside real nodes.
pub const COREDNS: &str = "1.15.0";

/// Whether `found` (`1.37.0`, with or without a leading `v`) has the major and minor version of `pinned`.
pub(crate) fn same_minor(pinned: &str, found: &str) -> bool {
    let minor = |version: &str| -> Option<(u32, u32)> {
        let mut parts = version.trim_start_matches('v').split('.');
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    };
    minor(pinned).is_some() && minor(pinned) == minor(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_agree_with_the_go_modules() {
        let kubernetes = include_str!("../modules/kubernetes/go.mod");
        let kwok = include_str!("../modules/kwok/go.mod");
        let containerd = include_str!("../modules/containerd/go.mod");
        let addons = include_str!("../modules/addons/go.mod");
        for (module, text, version) in [
            ("k8s.io/kubernetes", kubernetes, KUBERNETES),
            ("go.etcd.io/etcd/server/v3", kubernetes, ETCD),
            ("sigs.k8s.io/kwok", kwok, KWOK),
            ("github.com/containerd/containerd/v2", containerd, CONTAINERD),
            ("github.com/coredns/coredns", addons, COREDNS),
        ] {
            let wanted = format!("{module} v{version}");
            assert!(
                text.lines().any(|line| {
                    let line = line.trim().trim_start_matches("require ");
                    line == wanted || line.starts_with(&format!("{wanted} "))
                }),
                "go.mod does not pin {wanted}"
            );
        }
    }

    #[test]
    fn same_minor_ignores_patch_and_prefix() {
        assert!(same_minor("1.37.2", "v1.37.0"));
        assert!(same_minor("1.37.2", "1.37.2-rc.1"));
        assert!(!same_minor("1.37.2", "v1.36.9"));
        assert!(!same_minor("1.37.2", ""));
    }
}
