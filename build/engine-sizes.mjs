// What each step of the (D)TLS engine adds to a bundle that is minified as the router's is.
import { gzipSync } from "node:zlib";
import esbuild from "esbuild";
import { root } from "./bundle.mjs";

const TLS = "./src/proto/tls";
const SERVER = [`export { TlsServer } from "${TLS}/server.ts";`];
const CLIENT = [...SERVER, `export { TlsClient } from "${TLS}/client.ts";`];
const DATAGRAM_SERVER = [...SERVER, `export { DtlsServer } from "${TLS}/datagram/server.ts";`];
const ALL = [
  ...CLIENT,
  ...DATAGRAM_SERVER,
  `export { DtlsClient } from "${TLS}/datagram/client.ts";`,
];
const STEPS = {
  "TLS server": SERVER,
  "TLS server and client": CLIENT,
  "TLS and DTLS server": DATAGRAM_SERVER,
  "TLS and DTLS, server and client": ALL,
};

/** ES modules for an engine without a host, minified. */
export function minified(contents) {
  const { outputFiles, metafile } = esbuild.buildSync({
    stdin: { contents, resolveDir: root, loader: "ts" },
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2023",
    platform: "neutral",
    mainFields: ["module", "main"],
    metafile: true,
    write: false,
  });
  return { code: outputFiles[0].contents, inputs: inputsOf(metafile) };
}

/** Octets that each source file has in the bundle. */
function inputsOf(metafile) {
  const [output] = Object.values(metafile.outputs);
  return Object.entries(output.inputs)
    .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
    .map(([file, { bytesInOutput }]) => ({ file, bytes: bytesInOutput }));
}

/** One row per step: octets without a crypto provider, which the host may lend. */
export function engineSizes() {
  return Object.entries(STEPS).map(([name, lines]) => {
    const { code } = minified([...new Set(lines)].join("\n"));
    return { name, bytes: code.length, gzippedBytes: gzipSync(code, { level: 9 }).length };
  });
}
