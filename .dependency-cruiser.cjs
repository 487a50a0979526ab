// Which way knowledge flows (ARCHITECTURE.md, "Floors"). build/floors.mjs runs this and fails on zero modules too.
const only = (name, from, allowed, comment) => ({
  name,
  comment,
  severity: "error",
  from: { path: from },
  to: { pathNot: allowed },
});

module.exports = {
  forbidden: [
    { name: "no-cycle", severity: "error", from: {}, to: { circular: true } },
    {
      name: "no-orphan-import",
      comment: "An import that cannot be resolved hides what it would have broken.",
      severity: "error",
      from: {},
      to: { couldNotResolve: true },
    },
    only(
      "floor-0",
      "^src/base/",
      "^(src/base/|node_modules/@noble/)",
      "base knows only the audited primitives",
    ),
    only("floor-1-tls", "^src/proto/tls/", "^src/(base|proto/tls)/", "a protocol imports no other"),
    only(
      "floor-1-eap",
      "^src/proto/eap/",
      "^src/(base|proto/eap|proto/tls)/",
      "eap may import tls, nothing else",
    ),
    only(
      "floor-1-radius",
      "^src/proto/radius/",
      "^src/(base|proto/radius)/",
      "a protocol imports no other",
    ),
    only(
      "floor-1-x509",
      "^src/proto/x509/",
      "^src/(base|proto/x509)/",
      "a protocol imports no other",
    ),
    ...["coap", "cose", "http", "key-update", "mdns"].map((protocol) =>
      only(
        `floor-1-${protocol}`,
        `^src/proto/${protocol}/`,
        `^src/(base|proto/${protocol})/`,
        "a protocol imports no other",
      ),
    ),
    only(
      "floor-2",
      "^src/policy/",
      "^src/(base|proto|policy)/",
      "policy knows no daemon and no host",
    ),
    only(
      "floor-3",
      "^src/daemon/",
      "^src/(base|proto|policy|daemon|host/host\\.ts$)",
      "the daemon sees a host only as host.ts",
    ),
    only(
      "floor-3-device",
      "^src/device/",
      "^src/(base|proto|policy|device|host/host\\.ts$)",
      "a device sees a host only as host.ts, and never the home's daemon",
    ),
    only(
      "hosts",
      "^src/host/",
      "^(src/base/|src/host/|node_modules/(@types/node|@noble)|node:|(assert|buffer|child_process|crypto|dgram|fs|net|os|path|process|url|util|events|stream|timers|tls|worker_threads)$)",
      "a host knows the port it implements",
    ),
    {
      name: "nothing-imports-main",
      severity: "error",
      from: { pathNot: "^src/main/" },
      to: { path: "^src/main/" },
    },
  ],
  options: {
    parser: "swc",
    tsPreCompilationDeps: true,
    doNotFollow: { path: "node_modules" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "node", "default"],
    },
  },
};
