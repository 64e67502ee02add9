//! Keys that change others when they are written.

use super::key::Key;

/// Of `net.ipv6.conf.all`, what sets the same for every interface, those to come included.
const OF_ALL_IN_IPV6: [&str; 5] = [
    "addr_gen_mode",
    "disable_ipv6",
    "force_forwarding",
    "forwarding",
    "ignore_routes_with_linkdown",
];

/// Which keys the kernel sets along with a key, whatever they held: every key of `*.conf.all` and of its alias was written
/// on Linux 6.18, and the others looked at (`inet_forward_change` in net/ipv4/devinet.c, `addrconf_fixup_forwarding` and its
/// neighbours in net/ipv6/addrconf.c).
pub fn set_along_with(key: &Key) -> Option<Vec<String>> {
    match key.as_str() {
        "net.ipv4.ip_forward" | "net.ipv4.conf.all.forwarding" => Some(vec![
            "net.ipv4.conf.*.forwarding".to_owned(),
            "net.ipv4.conf.all.accept_redirects".to_owned(),
        ]),
        other => {
            let name = other.strip_prefix("net.ipv6.conf.all.")?;
            OF_ALL_IN_IPV6
                .contains(&name)
                .then(|| vec![format!("net.ipv6.conf.*.{name}")])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_all_interfaces_sets_each_and_that_of_one_does_not() {
        let along = |key: &str| set_along_with(&key.parse().unwrap()).unwrap_or_default();
        assert_eq!(
            along("net.ipv6.conf.all.disable_ipv6"),
            ["net.ipv6.conf.*.disable_ipv6"]
        );
        assert_eq!(along("net.ipv4.ip_forward").len(), 2);
        for alone in [
            "net.ipv6.conf.all.accept_ra",
            "net.ipv6.conf.lo.forwarding",
            "net.ipv4.conf.all.rp_filter",
        ] {
            assert!(along(alone).is_empty(), "{alone}");
        }
    }
}
