/**
 * The TLS 1.2 server against a client that is honest but for what the input
 * makes of its messages, under true hashes and ciphers. The server never throws, and
 * it is established only where every octet of the handshake is the one that the
 * client's own transcript has.
 */
import { mono } from "../../../src/base/machine.ts";
import { Choices } from "../choices.ts";
import { Edits } from "../edits.ts";
import { hold } from "../expect.ts";
import { MutatingClient } from "../mutating-client.ts";
import { CLIENT_CERTIFICATE, clientKey, ContentType, serverConfig, TlsServer } from "../tls.ts";
import type { TlsInput } from "../tls.ts";
import { toyCrypto } from "../toy-crypto.ts";

export function fuzz(bytes: Uint8Array): void {
  const choices = new Choices(bytes);
  const withCertificate = choices.flag();
  const edits = new Edits(choices);
  const client = new MutatingClient(edits);
  const server = new TlsServer(
    serverConfig(toyCrypto, {
      clientCertificate: withCertificate ? "required" : "none",
      versions: ["TLS 1.2"],
    }),
  );
  let established = false;
  let over = false;
  const tell = (input: TlsInput): void => {
    for (const output of server.handle(input, mono(0))) {
      if (output.kind === "send" && !client.hears(output.bytes)) over = true;
      if (output.kind === "established") {
        hold(edits.honest, "established over the octets that the client means, and no others");
        established = true;
      }
      if (output.kind === "failed") over = true;
      if (output.kind !== "verify-peer") continue;
      tell({ kind: "peer-accepted", publicKey: clientKey(toyCrypto).publicKey });
    }
  };
  tell({ kind: "bytes", bytes: client.clientHello() });
  // Without the server's flight there is nothing to answer.
  if (!over && client.hasFlight) {
    const chain = withCertificate ? [CLIENT_CERTIFICATE] : null;
    tell({ kind: "bytes", bytes: client.secondFlight(chain) });
  }
  hold(edits.touched || established, "an honest client is served");
  if (over || !established) return;
  const words = Uint8Array.of(1, 2, 3);
  tell({ kind: "bytes", bytes: client.record(ContentType.applicationData, words) });
  tell({ kind: "bytes", bytes: client.alert(1, 0) });
}
