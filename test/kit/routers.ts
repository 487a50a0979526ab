/** Configurations of routers as OpenWrt leaves them, for tests of the wireless set-up. The key is of no network. */
import type { PackageName } from "../../src/policy/wireless/wanted.ts";

export type Texts = Readonly<Record<PackageName, string>>;

const NETWORK = `
config interface 'loopback'
	option device 'lo'
	option proto 'static'
	option ipaddr '127.0.0.1'
	option netmask '255.0.0.0'

config globals 'globals'
	option ula_prefix 'fd12:3456:789a::/48'

config device
	option name 'br-lan'
	option type 'bridge'
	list ports 'lan1'
	list ports 'lan2'

config interface 'lan'
	option device 'br-lan'
	option proto 'static'
	option ipaddr '192.168.1.1'
	option netmask '255.255.255.0'
	option ip6assign '60'

config interface 'wan'
	option device 'wan'
	option proto 'dhcp'
`;

const FIREWALL = `config defaults
	option input 'REJECT'
	option output 'ACCEPT'
	option forward 'REJECT'

config zone
	option name 'lan'
	list network 'lan'
	option input 'ACCEPT'
	option output 'ACCEPT'
	option forward 'ACCEPT'

config zone
	option name 'wan'
	list network 'wan'
	option input 'REJECT'
	option output 'ACCEPT'
	option forward 'REJECT'
	option masq '1'

config forwarding
	option src 'lan'
	option dest 'wan'
`;

const DHCP = `
config dnsmasq
	option domainneeded '1'
	option leasefile '/tmp/dhcp.leases'

config dhcp 'lan'
	option interface 'lan'
	option start '100'
	option limit '150'
	option leasetime '12h'
`;

const HOMECA = `# HomeCA

config homeca 'main'
	# Network interfaces whose devices are controlled.
#	list interface 'br-iot'

config radius 'radius'
#	option quarantine_vlan ''

config coaps 'coaps'
	list listen '0.0.0.0'
	list listen '::'
`;

/** 24.10 as it comes from the factory: both radios are off, and their networks would be open. */
export const FRESH_24: Texts = {
  wireless: `
config wifi-device 'radio0'
	option type 'mac80211'
	option path '1e140000.pcie/pci0000:00/0000:00:00.0/0000:01:00.0'
	option band '2g'
	option channel '1'
	option htmode 'HT20'
	option disabled '1'

config wifi-iface 'default_radio0'
	option device 'radio0'
	option network 'lan'
	option mode 'ap'
	option ssid 'OpenWrt'
	option encryption 'none'

config wifi-device 'radio1'
	option type 'mac80211'
	option band '5g'
	option channel '36'
	option disabled '1'
`,
  network: NETWORK,
  firewall: FIREWALL,
  dhcp: DHCP,
  homeca: HOMECA,
};

/** 25.12, lived in: 6 GHz, a guest network whose section has no name, edited by hand. */
export const LIVED_IN_25: Texts = {
  wireless: `# my notes: guests on 2.4 GHz only
config wifi-device 'radio0'
	option type 'mac80211'
	option band '2g'
	option country 'DE'

config wifi-iface	# guests
	option device radio0
	option ssid "Guests; welcome"
	option encryption 'psk2'
	option key 'not a real key'
	option network 'guest'

config wifi-device 'radio1'
	option type 'mac80211'
	option band '6g'
	option country 'DE'
`,
  network: `${NETWORK}
config interface 'guest'
	option proto 'static'
	list ipaddr '192.168.77.1/24'
`,
  firewall: `${FIREWALL}
# guests
config zone 'guest'
	option name guest;	list network guest
	option input REJECT
`,
  dhcp: DHCP,
  homeca: `config homeca main
	list interface 'wlan9'

config client 'router'
	option prefix '127.0.0.1'
	option secret 'secret-of-a-test-only'

config radius
	list listen '192.168.1.1'
`,
};
