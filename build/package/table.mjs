// What is packaged, for which processors, under which version. One more package is one more row.
import { readFileSync } from "node:fs";
import path from "node:path";
import { bundleDaemon, root } from "../bundle.mjs";
import { compileHost } from "../c-host.mjs";
import { muslCompiler } from "./musl.mjs";
import { components, notices } from "./notices.mjs";
import { file, filesOf } from "./tree.mjs";

/** Counts packages of one version; 1 again with each version. */
export const RELEASE = 1;

export const VERSION = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")).version;

/** As OpenWrt names the processors, and as Node, the engine's library and the linker do. */
export const ARCHITECTURES = {
  x86_64: { node: "x64", triple: "x86_64-unknown-linux-static", musl: "x86_64-linux-musl" },
  aarch64_generic: {
    node: "arm64",
    triple: "aarch64-unknown-linux-static",
    musl: "aarch64-linux-musl",
  },
};

/** LuCI's menu comes from a cache, and rpcd reads rights when it starts. */
const LUCI_LOOKS_AGAIN = `[ -n "\${IPKG_INSTROOT}" ] || {
	rm -f /tmp/luci-indexcache*
	rm -rf /tmp/luci-modulecache/
	/etc/init.d/rpcd reload
}
`;

export const PACKAGES = [
  {
    name: "homeca",
    version: `${VERSION}-r${RELEASE}`,
    description:
      "Certificate authority and gatekeeper of a home: each device has an identity of its own.",
    license: "Apache-2.0 AND MIT",
    section: "net",
    user: "homeca:homeca",
    // nft reads and writes JSON in the first of them only; the second lets it see frames between ports of a bridge.
    depends: ["nftables-json", "kmod-nft-bridge"],
    conffiles: ["/etc/config/homeca"],
    entries: homecaEntries,
    parts: components,
  },
  {
    name: "luci-app-homeca",
    version: `${VERSION}-r${RELEASE}`,
    description: "LuCI pages of HomeCA: see every device, say yes or no, and understand why.",
    license: "Apache-2.0",
    section: "luci",
    user: null,
    depends: ["homeca", "luci-base", "luci-lib-uqr"],
    conffiles: [],
    // The same for every processor.
    anyProcessor: true,
    afterInstall: LUCI_LOOKS_AGAIN,
    entries: luciEntries,
    parts: () => [],
  },
];

/** As luci.mk installs an application. */
function luciEntries() {
  return [
    ...filesOf("luci-app/htdocs").map((entry) => ({ ...entry, path: `/www${entry.path}` })),
    ...filesOf("luci-app/root"),
  ];
}

/** @returns what the package installs, folders left out */
async function homecaEntries(arch, scratch) {
  const out = path.join(scratch, `homecad-${arch}`);
  const { triple, musl } = ARCHITECTURES[arch];
  compileHost({ bundle: await bundleDaemon(), out, cc: muslCompiler(musl), triple });
  return [
    ...filesOf("files"),
    file("/usr/sbin/homeca", readFileSync(out), 0o755),
    file("/usr/share/homeca/licenses.txt", notices()),
  ];
}
