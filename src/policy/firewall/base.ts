/**
 * The closed base ruleset, as the router gets it in `files/usr/share/homeca/base.nft`.
 * It names nobody: what is controlled and who may pass are elements, added after it.
 */

/** Bit of the packet mark that means "between a quarantined station and the router itself, nowhere else". */
export const ROUTER_ONLY_MARK = 0x20000000;

/**
 * One rule per line, as `drift.ts` counts them. Loading it replaces both tables
 * whole, in one transaction: old elements are gone, every controlled port is closed.
 *
 * The mark joins the two tables. In family bridge nothing tells the router's own
 * IP addresses from others, in family inet nothing tells the port: so the bridge
 * marks what a quarantined station sends, inet lets marked packets end here only,
 * and marks what starts here, the only packets the bridge hands to such a station.
 */
export const BASE_RULESET = `# HomeCA: nobody passes a controlled port unless an element says so, and elements expire.
# Loading this file closes every port of the set "controlled" in one transaction.
# Three states of a station, by port and source address (one element at most, in one set):
#   none          EAPOL to the router, for hostapd
#   quarantined   DHCP, mDNS, neighbour discovery and HomeCA's own ports, to the router only
#   admitted      what its network allows
# No rule looks at connection state: taking an element away stops running connections too.

define router_only = 0x20000000

table bridge homeca
delete table bridge homeca
table bridge homeca {
	# Ports of bridges and wireless networks that HomeCA controls.
	set controlled {
		type ifname
		size 64
	}
	set admitted {
		type ifname . ether_addr
		size 2048
		flags timeout
	}
	set quarantined {
		type ifname . ether_addr
		size 2048
		flags timeout
	}
	# Where an admitted station was placed, or spoke lately: group frames of the network go there.
	set in_use {
		type ifname
		size 64
		flags dynamic,timeout
		timeout 15m
	}
	# The same for an admitted or quarantined station: group frames of the router go there.
	set attended {
		type ifname
		size 64
		flags dynamic,timeout
		timeout 15m
	}
	# Addresses in use by others than quarantined stations, and by whom: those may not claim them.
	set taken4 {
		type ipv4_addr
		size 1024
		flags dynamic,timeout
		timeout 15m
	}
	set owner4 {
		type ipv4_addr . ether_addr
		size 1024
		flags dynamic,timeout
		timeout 15m
	}
	# By the bits of the packet: the target of an advertisement has no name in older nft.
	set taken6 {
		typeof @nh,64,128
		size 1024
		flags dynamic,timeout
		timeout 15m
	}
	set owner6 {
		typeof @nh,64,128 . ether saddr
		size 1024
		flags dynamic,timeout
		timeout 15m
	}
	# HomeCA's own ports on the router.
	set udp_services {
		type inet_service
		size 16
	}
	set tcp_services {
		type inet_service
		size 16
	}

	# Ahead of the bridge's learning: a stranger cannot take over an address it does not own.
	chain prerouting {
		type filter hook prerouting priority -300; policy accept;
		iifname @controlled jump from_station
		jump note_neighbour
	}
	chain from_station {
		ether type 0x888e accept
		iifname . ether saddr @admitted jump from_admitted
		iifname . ether saddr @quarantined jump from_quarantined
		drop
	}
	chain from_admitted {
		add @attended { iifname } add @in_use { iifname }
		jump note_neighbour
		accept
	}
	chain note_neighbour {
		arp saddr ip != 0.0.0.0 update @taken4 { arp saddr ip } update @owner4 { arp saddr ip . ether saddr }
		ip6 saddr != :: icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } update @taken6 { @nh,64,128 } update @owner6 { @nh,64,128 . ether saddr }
	}
	# No router advertisement, redirect or advertisement "as router", no DHCP server, no VLAN tag,
	# and nobody else's address: the router would send there what is meant for its owner.
	chain from_quarantined {
		ether type != { arp, ip, ip6 } drop
		add @attended { iifname }
		meta mark set meta mark | $router_only
		arp saddr ip @taken4 arp saddr ip . ether saddr != @owner4 drop
		arp operation { request, reply } accept
		udp sport 68 udp dport 67 accept
		udp sport 546 udp dport 547 accept
		udp sport 5353 udp dport 5353 accept
		udp dport @udp_services accept
		tcp dport @tcp_services accept
		icmpv6 type { nd-router-solicit, nd-neighbor-solicit } @nh,64,128 @taken6 @nh,64,128 . ether saddr != @owner6 drop
		icmpv6 type nd-neighbor-advert @th,64,128 @taken6 @th,64,128 . ether saddr != @owner6 drop
		ip6 hoplimit 255 icmpv6 type { nd-router-solicit, nd-neighbor-solicit } accept
		ip6 hoplimit 255 icmpv6 type nd-neighbor-advert @th,32,1 0 accept
		ip6 hoplimit 1 icmpv6 type { mld-listener-report, mld-listener-done, mld2-listener-report } accept
		drop
	}

	# Frames to 01:80:c2:00:00:0x come here without passing prerouting.
	chain input {
		type filter hook input priority -200; policy accept;
		iifname @controlled jump to_router
	}
	chain to_router {
		ether type 0x888e accept
		iifname . ether saddr @admitted accept
		iifname . ether saddr @quarantined meta mark & $router_only == $router_only accept
		drop
	}

	chain forward {
		type filter hook forward priority -200; policy accept;
		iifname @controlled jump forward_from_station
		oifname @controlled jump forward_to_station
	}
	chain forward_from_station {
		ether type 0x888e drop
		iifname . ether saddr @admitted return
		drop
	}
	chain forward_to_station {
		ether type 0x888e drop
		oifname . ether daddr @admitted return
		ether daddr & 01:00:00:00:00:00 == 01:00:00:00:00:00 oifname @in_use return
		drop
	}

	# Both what the router says itself and what it routes.
	chain output {
		type filter hook output priority -200; policy accept;
		oifname @controlled jump to_station
	}
	chain to_station {
		ether type 0x888e accept
		oifname . ether daddr @admitted accept
		ether daddr & 01:00:00:00:00:00 == 01:00:00:00:00:00 oifname @in_use accept
		ether daddr & 01:00:00:00:00:00 == 01:00:00:00:00:00 oifname @attended jump to_quarantined
		oifname . ether daddr @quarantined jump to_quarantined
		drop
	}
	# A DHCP server may write below IP, so its answers carry no mark; inet never routes such.
	chain to_quarantined {
		arp operation { request, reply } accept
		udp sport 67 udp dport 68 accept
		ip6 hoplimit 255 icmpv6 type { nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } accept
		ip6 hoplimit 1 icmpv6 type mld-listener-query accept
		meta mark & $router_only != $router_only drop
		udp sport 547 udp dport 546 accept
		udp sport 5353 udp dport 5353 accept
		udp sport @udp_services accept
		tcp sport @tcp_services accept
		icmp type { destination-unreachable, time-exceeded, parameter-problem } accept
		icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem } accept
		drop
	}
}

table inet homeca
delete table inet homeca
table inet homeca {
	# As above; they matter here where a controlled port is routed and in no bridge.
	set controlled {
		type ifname
		size 64
	}
	set admitted {
		type ifname . ether_addr
		size 2048
		flags timeout
	}
	set quarantined {
		type ifname . ether_addr
		size 2048
		flags timeout
	}
	set in_use {
		type ifname
		size 64
		flags dynamic,timeout
		timeout 15m
	}
	set attended {
		type ifname
		size 64
		flags dynamic,timeout
		timeout 15m
	}
	set udp_services {
		type inet_service
		size 16
	}
	set tcp_services {
		type inet_service
		size 16
	}
	# The bridges that controlled ports belong to.
	set bridges {
		type ifname
		size 64
	}

	# Ahead of connection tracking and address translation: the destination is the one that was sent.
	chain prerouting {
		type filter hook prerouting priority -350; policy accept;
		meta mark & $router_only == $router_only iifname @bridges fib daddr type != { local, broadcast, multicast } drop
		iifname @controlled jump from_station
	}
	chain from_station {
		iifname . ether saddr @admitted add @attended { iifname } add @in_use { iifname } accept
		iifname . ether saddr @quarantined jump from_quarantined
		drop
	}
	chain from_quarantined {
		add @attended { iifname }
		meta mark set meta mark | $router_only
		fib daddr type != { local, broadcast, multicast } drop
		udp sport 68 udp dport 67 accept
		udp sport 546 udp dport 547 accept
		udp sport 5353 udp dport 5353 accept
		udp dport @udp_services accept
		tcp dport @tcp_services accept
		ip6 hoplimit 255 icmpv6 type { nd-router-solicit, nd-neighbor-solicit } accept
		ip6 hoplimit 255 icmpv6 type nd-neighbor-advert @th,32,1 0 accept
		ip6 hoplimit 1 icmpv6 type { mld-listener-report, mld-listener-done, mld2-listener-report } accept
		drop
	}

	# Address translation may have sent a marked packet on; a routed port knows no destination address
	# of the link, so towards it the port as a whole is open or shut.
	chain forward {
		type filter hook forward priority -10; policy accept;
		meta mark & $router_only == $router_only drop
		oifname @bridges udp sport 67 udp dport 68 drop
		iifname @controlled jump forward_from_station
		oifname @controlled oifname != @in_use drop
	}
	chain forward_from_station {
		iifname . ether saddr @admitted return
		drop
	}

	chain output {
		type filter hook output priority 300; policy accept;
		oifname @bridges meta mark set meta mark | $router_only
		oifname @controlled jump to_station
	}
	chain to_station {
		oifname @in_use accept
		oifname @attended jump to_quarantined
		drop
	}
	chain to_quarantined {
		udp sport 67 udp dport 68 accept
		udp sport 547 udp dport 546 accept
		udp sport 5353 udp dport 5353 accept
		udp sport @udp_services accept
		tcp sport @tcp_services accept
		icmp type { destination-unreachable, time-exceeded, parameter-problem } accept
		icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem } accept
		ip6 hoplimit 255 icmpv6 type { nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } accept
		ip6 hoplimit 1 icmpv6 type mld-listener-query accept
		drop
	}
}
`;
