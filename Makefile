# The commands of this project; each installs what it lacks or says in one line what is missing.
.POSIX:
.PHONY: all homecad demo test check unit page e2e wifi package dist isp bench size leaks interop fuzz bogo docs clean

# What the lock file names, as npm ci would: but npm ci refuses a registry that lacks a tool's build for another system.
NPM_INSTALL = npm install --no-save --ignore-scripts --no-audit --no-fund --loglevel=error
RADIUS_PEERS = hostapd:hostapd wpasupplicant:wpa_supplicant eapoltest:eapol_test \
	freeradius-utils:radclient nftables:nft openssl:openssl iproute2:ip
E2E_PEERS = $(RADIUS_PEERS) busybox-static:busybox conntrack:conntrack tcpdump:tcpdump \
	faketime:faketime
INTEROP_PEERS = openssl:openssl gnutls-bin:gnutls-cli libcoap3-bin:coap-client-gnutls gcc:cc
MDNS_PEERS = avahi-daemon:avahi-daemon avahi-utils:avahi-browse dbus-daemon:dbus-daemon \
	bind9-dnsutils:dig tshark:tshark
WIFI_PEERS = musl-tools:musl-gcc qemu-system-x86:qemu-system-x86_64 cpio:cpio kmod:modprobe \
	xz-utils:xz iw:iw busybox-static:busybox
BENCH_PEERS = $(RADIUS_PEERS) freeradius:freeradius

PAGE_PEERS = chromium:chromium
PACKAGE_PEERS = musl-tools:musl-gcc xz-utils:xz shellcheck:shellcheck
# For the other processor.
CROSS_PEERS = gcc-aarch64-linux-gnu:aarch64-linux-gnu-gcc

all: dist/homeca.mjs

# npm writes this file last, so it is as new as the install is whole.
node_modules/.package-lock.json: package.json package-lock.json
	@$(NPM_INSTALL)
	@touch $@

dist/homeca.mjs: node_modules/.package-lock.json FORCE
	@node build/product.mjs
FORCE:

# The daemon of the router: one executable, static where musl-gcc is at hand.
homecad: node_modules/.package-lock.json
	@build/need.sh musl-tools:musl-gcc || build/need.sh gcc:cc
	@node build/homecad.mjs

demo: dist/homeca.mjs
	@node test/demo/demo.mjs

test: node_modules/.package-lock.json
	@build/need.sh $(E2E_PEERS) $(INTEROP_PEERS) $(MDNS_PEERS) $(PACKAGE_PEERS) $(PAGE_PEERS) || true
	@node build/all.mjs

# The page in a browser; SCREENS=1 takes the pictures of docs/screens anew.
page: node_modules/.package-lock.json
	@build/need.sh $(PAGE_PEERS) || true
	@$${SCREENS:+env HOMECA_SCREENS=$$SCREENS} node test/page/run.mjs

check: node_modules/.package-lock.json
	@node build/check.mjs

unit: node_modules/.package-lock.json
	@node build/test.mjs

e2e: dist/homeca.mjs
	@build/need.sh $(E2E_PEERS) || true
	@node test/netns/e2e.mjs
	@node test/netns/life.mjs

bench: dist/homeca.mjs
	@build/need.sh $(BENCH_PEERS) || true
	@node build/bench/bench.mjs

interop: node_modules/.package-lock.json
	@build/need.sh $(INTEROP_PEERS) || true
	@test -e /usr/include/wolfssl/ssl.h || build/need.sh libwolfssl-dev:wolfssl || true
	@node build/interop.mjs

# homecad under valgrind for 1,000 authentications: minutes.
leaks: dist/homeca.mjs
	@build/need.sh valgrind:valgrind eapoltest:eapol_test gcc:cc openssl:openssl || true
	@node build/leaks.mjs

size: dist/homeca.mjs
	@node build/size.mjs

# FUZZ_SECONDS (1800) are shared by all targets of test/fuzz, or by those of FUZZ_TARGET.
fuzz: node_modules/.package-lock.json
	@build/need.sh g++:g++ || true
	@node build/fuzz.mjs

# BoringSSL's test runner against our TLS; test/bogo/README.md tells what BOGO_RUNNER has to be.
bogo: node_modules/.package-lock.json
	@node test/bogo/run.mjs

docs: node_modules/.package-lock.json
	@node build/docs.mjs

# dist/homeca_*.ipk for OpenWrt 24.10 and .apk for 25.12; PACKAGE_ARCH=x86_64 makes those for that processor alone.
package: node_modules/.package-lock.json
	@build/need.sh musl-tools:musl-gcc $(CROSS_PEERS) || true
	@node build/package.mjs $${PACKAGE_ARCH:+--arch $$PACKAGE_ARCH}

# The release tarball and the feed that OpenWrt's SDK builds it from, for any processor.
dist: node_modules/.package-lock.json
	@build/need.sh xz-utils:xz
	@node build/dist.mjs

# An ISP's overlay for the ImageBuilder, from PROFILE; see docs/isp.md.
isp: node_modules/.package-lock.json
	@node build/isp.mjs $(PROFILE)

# A home's day over simulated radio in a virtual machine; see test/wifi/README.md.
wifi: node_modules/.package-lock.json
	@build/need.sh $(RADIUS_PEERS) $(WIFI_PEERS) || true
	@node test/wifi/run.mjs

clean:
	rm -rf dist node_modules
