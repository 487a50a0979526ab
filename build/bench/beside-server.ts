/**
 * Our server with node:crypto on a loopback port, as bare as `openssl s_server
 * -quiet`: `node beside-server.mjs FOLDER PROTOCOL none|required`. A client's
 * chain is validated anew each time, as OpenSSL does. Prints its port.
 */
import { createPrivateKey, randomBytes, X509Certificate } from "node:crypto";
import { createSocket } from "node:dgram";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import path from "node:path";
import { fromBase64Url } from "../../src/base/bytes.ts";
import { mono, unix } from "../../src/base/machine.ts";
import { nodeCrypto } from "../../src/host/node/crypto.ts";
import type { PublicKey } from "../../src/base/crypto/crypto.ts";
import type { TlsSession } from "../../src/proto/tls/connection.ts";
import { DtlsServer } from "../../src/proto/tls/datagram/server.ts";
import type { EndpointInput } from "../../src/proto/tls/datagram/server.ts";
import { TlsServer } from "../../src/proto/tls/server.ts";
import type { TlsInput, TlsServerConfig } from "../../src/proto/tls/server.ts";
import { MemorySessions } from "../../src/proto/tls/session-store.ts";
import { parseCertificate } from "../../src/proto/x509/certificate.ts";
import { validatePath } from "../../src/proto/x509/path.ts";

const [folder, protocol, asking] = process.argv.slice(2) as [string, string, "none" | "required"];
const file = (name: string): Buffer => readFileSync(path.join(folder, name));
const der = (name: string): Uint8Array => new Uint8Array(new X509Certificate(file(name)).raw);
const now = (): ReturnType<typeof mono> => mono(Math.floor(performance.now()));
const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

const sessions = new MemorySessions<string>({
  ...{ random, now },
  ...{ lifetimeSeconds: 7200, maxSessions: 256 },
});
const config: TlsServerConfig = {
  ...{ crypto: nodeCrypto, random, sessions, authorities: [], clientCertificate: asking },
  versions: [protocol.endsWith("1.2") ? "TLS 1.2" : "TLS 1.3"],
  certificates: [der("server.pem")],
  key: nodeCrypto.signingKey("P-256", scalarOf("server.key")),
};
const anchors = [parseCertificate(der("ca.pem"))];

function scalarOf(name: string): Uint8Array {
  const { d } = createPrivateKey(file(name)).export({ format: "jwk" });
  const scalar = fromBase64Url(String(d));
  if (scalar === null) throw new Error(`${name} is no EC key`);
  return scalar;
}

function keyOf(chain: readonly Uint8Array[]): PublicKey {
  const at = unix(Math.floor(Date.now() / 1000));
  const options = { crypto: nodeCrypto, anchors, at, isRevoked: () => null };
  return validatePath(chain, { ...options, purpose: "clientAuth" }).publicKey;
}

function keep({ issuedTicket }: TlsSession): void {
  if (issuedTicket !== null) sessions.tag(issuedTicket, "a client");
}

function serveStream(socket: Socket): void {
  const machine = new TlsServer(config);
  const tell = (input: TlsInput): void => {
    for (const output of machine.handle(input, now())) {
      if (output.kind === "send") socket.write(output.bytes);
      if (output.kind === "verify-peer") {
        tell({ kind: "peer-accepted", publicKey: keyOf(output.chain) });
      }
      if (output.kind === "established") keep(output.session);
      if (output.kind === "failed") socket.destroy(output.failure);
      if (output.kind === "closed") socket.end();
    }
  };
  socket.setNoDelay(true);
  // The address of the octets changes hands: the machine may keep parts of them.
  socket.on("data", (bytes) => tell({ kind: "bytes", bytes: new Uint8Array(bytes) }));
  socket.on("error", () => socket.destroy());
}

function serveDatagrams(): void {
  const socket = createSocket("udp4");
  const endpoint = new DtlsServer({ tls: config, mtu: null, idleMs: null, cookies: "never" });
  const tell = (input: EndpointInput): void => {
    for (const output of endpoint.handle(input, now())) {
      if (output.kind === "datagram") {
        socket.send(output.bytes, Number(output.to), "127.0.0.1");
      }
      if (output.kind === "verify-peer") {
        const publicKey = keyOf(output.chain);
        tell({ kind: "peer-accepted", association: output.association, publicKey });
      }
      if (output.kind === "established") keep(output.session);
      if (output.kind === "failed") console.error(output.failure);
    }
  };
  socket.on("message", (bytes, { port }) =>
    tell({ kind: "datagram", from: String(port), bytes: new Uint8Array(bytes) }),
  );
  socket.bind(0, "127.0.0.1", () => console.log(socket.address().port));
}

if (protocol.startsWith("D")) serveDatagrams();
else {
  const server = createServer(serveStream);
  // A TCP server's address is an object; only a pipe's is text.
  server.listen(0, "127.0.0.1", () => console.log((server.address() as AddressInfo).port));
}
