//! Which addresses are on the public network. What is not listed by the registries as global is not public.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where an address leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Somewhere on the public network.
    Public,
    /// This host or a network of its owner, and which; a rule that names the host permits it.
    Local(&'static str),
    /// Nothing that a name should lead to, and what it is; only a rule that names the very address permits it.
    Special(&'static str),
}

impl Place {
    /// Where `address` leads. An IPv4 address inside an IPv6 one is taken out and looked at.
    ///
    /// # Source
    /// IANA's special-purpose address registries of IPv4 and IPv6 (RFC 6890); the cloud providers' documentation for the
    /// addresses of their metadata services.
    pub(super) fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => of_v4(address),
            IpAddr::V6(address) => match embedded(address) {
                Some(inner) => of_v4(inner),
                None => of_v6(address),
            },
        }
    }
}

fn of_v4(address: Ipv4Addr) -> Place {
    match address.octets() {
        [169, 254, 169, 254] | [168, 63, 129, 16] | [100, 100, 100, 200] | [192, 0, 0, 192] => Place::Special("cloud metadata"),
        [0, ..] => Place::Special("this network"),
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Place::Local("a private network"),
        [100, 64..=127, ..] => Place::Local("a shared network"),
        [127, ..] => Place::Local("this host"),
        [169, 254, ..] => Place::Special("link-local"),
        [192, 0, 0, _] | [192, 88, 99, _] | [240..=255, ..] => Place::Special("reserved"),
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Place::Special("for documentation"),
        [198, 18..=19, ..] => Place::Local("a test network"),
        [224..=239, ..] => Place::Special("multicast"),
        _ => Place::Public,
    }
}

fn of_v6(address: Ipv6Addr) -> Place {
    match address.segments() {
        [0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x254] => Place::Special("cloud metadata"),
        [0, 0, 0, 0, 0, 0, 0, 0] => Place::Special("this network"),
        [0, 0, 0, 0, 0, 0, 0, 1] => Place::Local("this host"),
        [0xfc00..=0xfdff, ..] => Place::Local("a private network"),
        [0xfe80..=0xfebf, ..] => Place::Special("link-local"),
        [0xfec0..=0xfeff, ..] => Place::Special("site-local"),
        [0xff00..=0xffff, ..] => Place::Special("multicast"),
        // Teredo hides the address of a host behind a translator: whichever it is, the way there is not one to take.
        [0x2001, 0, ..] => Place::Special("a tunnel"),
        [0x2001, 0..=0x01ff, ..] => Place::Special("reserved"),
        [0x2001, 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] => Place::Special("for documentation"),
        [0x2000..=0x3fff, ..] => Place::Public,
        _ => Place::Special("reserved"),
    }
}

/// The IPv4 address that packets to an IPv6 one reach in the end: mapped, compatible, translated (SIIT, NAT64 of RFC 6052 and RFC
/// 8215), 6to4 and ISATAP.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let join = |high: u16, low: u16| Some(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)));
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x0064, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x0064, 0xff9b, 1, _, _, _, high, low]
        | [0x2002, high, low, ..]
        | [_, _, _, _, 0 | 0x0200, 0x5efe, high, low] => join(high, low),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(address: &str, expected: Place) {
        assert_eq!(Place::of(address.parse().unwrap()), expected, "{address}");
    }

    #[test]
    fn networks_of_this_host_and_its_owner_are_local() {
        for (address, what) in [
            ("127.0.0.1", "this host"),
            ("127.255.255.254", "this host"),
            ("10.0.0.1", "a private network"),
            ("172.16.0.1", "a private network"),
            ("172.31.255.255", "a private network"),
            ("192.168.1.1", "a private network"),
            ("100.64.0.1", "a shared network"),
            ("100.127.255.255", "a shared network"),
            ("198.18.0.1", "a test network"),
            ("::1", "this host"),
            ("fc00::1", "a private network"),
            ("fdff::1", "a private network"),
        ] {
            check(address, Place::Local(what));
        }
    }

    #[test]
    fn special_addresses_are_no_places_to_go() {
        for (address, what) in [
            ("0.0.0.0", "this network"),
            ("0.1.2.3", "this network"),
            ("::", "this network"),
            ("169.254.1.1", "link-local"),
            ("fe80::1", "link-local"),
            ("fec0::1", "site-local"),
            ("192.0.0.8", "reserved"),
            ("192.88.99.1", "reserved"),
            ("192.0.2.1", "for documentation"),
            ("198.51.100.7", "for documentation"),
            ("203.0.113.9", "for documentation"),
            ("2001:db8::1", "for documentation"),
            ("3fff::1", "for documentation"),
            ("224.0.0.1", "multicast"),
            ("239.255.255.255", "multicast"),
            ("ff02::1", "multicast"),
            ("240.0.0.1", "reserved"),
            ("255.255.255.255", "reserved"),
            ("2001::1", "a tunnel"),
            ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "a tunnel"),
            ("2001:10::1", "reserved"),
            ("100::1", "reserved"),
            ("5f00::1", "reserved"),
            ("64:ff9c::1", "reserved"),
        ] {
            check(address, Place::Special(what));
        }
    }

    #[test]
    fn metadata_services_of_clouds_are_special() {
        for address in ["169.254.169.254", "168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254"] {
            check(address, Place::Special("cloud metadata"));
        }
    }

    #[test]
    fn an_ipv4_address_inside_of_an_ipv6_one_is_looked_at() {
        for address in [
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "::ffff:0:127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::7f00:1",
            "2002:7f00:1::",
            "2002:7f00:0001:1234::5",
            "2606:4700::5efe:7f00:1",
            "2606:4700::200:5efe:7f00:1",
        ] {
            check(address, Place::Local("this host"));
        }
        check("::ffff:169.254.169.254", Place::Special("cloud metadata"));
        check("64:ff9b::a9fe:a9fe", Place::Special("cloud metadata"));
        check("64:ff9b::808:808", Place::Public);
        check("2002:808:808::1", Place::Public);
    }

    #[test]
    fn neighbours_of_networks_that_are_not_public_are() {
        for address in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.1",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.1",
            "192.167.255.255",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2001:200::1",
            "2606:4700::1111",
            "3ffe::1",
        ] {
            check(address, Place::Public);
        }
    }
}
