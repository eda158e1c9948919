"""Decides whether an IP address is public, so that a caller's URL cannot reach an internal network.

The tables are those of IANA's special-purpose address registries (RFC 6890, RFC 8190) without the entries that are
ordinary public unicast. An IPv6 address outside the public range is refused, so forms that are not known here are
refused too.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

NOT_PUBLIC_4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network, RFC 791; Linux connects 0.0.0.0 to itself
        "10.0.0.0/8",  # private, RFC 1918
        "100.64.0.0/10",  # carrier-grade NAT, RFC 6598
        "127.0.0.0/8",  # loopback, RFC 1122
        "168.63.129.16/32",  # the host of an Azure virtual machine, inside it only
        "169.254.0.0/16",  # link-local, RFC 3927: the metadata services of clouds
        "172.16.0.0/12",  # private, RFC 1918
        "192.0.0.0/24",  # protocol assignments, RFC 6890: also Oracle's metadata service
        "192.0.2.0/24",  # documentation, RFC 5737
        "192.88.99.0/24",  # 6to4 relays, RFC 7526
        "192.168.0.0/16",  # private, RFC 1918
        "198.18.0.0/15",  # benchmarks, RFC 2544
        "198.51.100.0/24",  # documentation, RFC 5737
        "203.0.113.0/24",  # documentation, RFC 5737
        "224.0.0.0/4",  # multicast, RFC 5771
        "240.0.0.0/4",  # reserved and broadcast, RFC 1112
    )
)

# Not in it: ::, ::1, IPv4-mapped and -compatible addresses, NAT64 (64:ff9b::), private, link-local and multicast.
PUBLIC_6 = IPv6Network("2000::/3")  # global unicast, RFC 4291
NOT_PUBLIC_6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments, RFC 2928: Teredo (an IPv4 address inside), benchmarks, ORCHID
        "2001:db8::/32",  # documentation, RFC 3849
        "2002::/16",  # 6to4, RFC 3056: an IPv4 address inside
        "3fff::/20",  # documentation, RFC 9637
    )
)
ISATAP = (0x0000_5EFE, 0x0200_5EFE)  # RFC 5214: bits 32 to 63 of an interface id that ends in an IPv4 address


def is_public(address: str) -> bool:
    """Whether an address, as text, is public unicast; False for text that is no address."""
    try:
        known = ip_address(address)
    except ValueError:
        return False
    return _is_public_4(known) if isinstance(known, IPv4Address) else _is_public_6(known)


def _is_public_4(address: IPv4Address) -> bool:
    return not any(address in network for network in NOT_PUBLIC_4)


def _is_public_6(address: IPv6Address) -> bool:
    if address.scope_id is not None or address not in PUBLIC_6:
        return False
    if (int(address) >> 32) & 0xFFFF_FFFF in ISATAP:
        return False
    return not any(address in network for network in NOT_PUBLIC_6)
