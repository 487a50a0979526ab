/** Seeds for what EST brings: bundles, wishes for requests, and HTTP. */
import { concat, utf8 } from "../../src/base/bytes.ts";
import { noble } from "../../src/base/crypto/noble.ts";
import { encodeBundle } from "../../src/proto/x509/cms.ts";
import { encodeCsrAttributes } from "../../src/proto/x509/csr-attributes.ts";
import { makeHome, TIME } from "../policy/ca/home.ts";

export function estSeeds(seed: (target: string, name: string, bytes: Uint8Array) => void): void {
  const { root, issuing } = makeHome(noble, "seeds");
  const list = issuing.issueCrl([], 0, TIME).der;
  seed("cms", "bundle", encodeBundle([root.certificate.der, issuing.certificate.der], [list]));
  seed("cms", "attributes", encodeCsrAttributes({ curve: "P-256", linking: true }));

  const http = (name: string, size: number, ...parts: readonly string[]): void =>
    seed("http-server", name, concat(Uint8Array.of(size), utf8(parts.join("\r\n"))));
  const host = "Host: homeca.home.arpa:8443";
  const get = `GET /.well-known/est/cacerts HTTP/1.1`;
  const post = `POST /.well-known/est/a/simpleenroll HTTP/1.1`;
  const type = "Content-Type: application/pkcs10";
  http("get", 0, get, host, "Accept: */*", "User-Agent: curl/7.88.1", "", "");
  http("several", 1, get, host, "", "HEAD / HTTP/1.1", host, "Connection: close", "", "");
  http("post", 7, post, host, type, "Content-Length: 4", "Expect: 100-continue", "", "AAAA");
  const chunked = "Transfer-Encoding: chunked";
  http("chunked", 3, post, host, chunked, "", "4;x=y", "AAAA", "0", "Trailer: t", "", "");
  http("absolute", 0, "GET https://h/a?b=%20c HTTP/1.0", "", "");
  http("smuggled", 0, post, host, "Content-Length: 3", chunked, "", "0", "", get, host, "", "");
}
