import { assert } from "#kit";
import { concat, hex, Writer } from "../../../src/base/bytes.ts";
import { ExtensionType, HandshakeType } from "../../../src/proto/tls/wire.ts";
import { encodeHello, extension, extensionsWith, extensionsWithout } from "../../kit/tls-client.ts";
import type { Extension, Hello } from "../../kit/tls-client.ts";
import { failed, illegal, malformed, refusesEarly } from "./rules.ts";
import type { Rule } from "./rules.ts";

const offer = (...changed: readonly Extension[]): { readonly hello: Partial<Hello> } => ({
  hello: { extensions: extensionsWith(...changed) },
});
const offerWithout = (type: number): { readonly hello: Partial<Hello> } => ({
  hello: { extensions: extensionsWithout(type) },
});
const body = (type: number, octets: string): Extension => [type, hex(octets)];

function refusesHello(name: string, rule: Rule): void {
  refusesEarly(name, rule, (wire) => {
    wire.hellos();
    assert.equal(wire.client.recordSizes.length, 1, "nothing but the alert");
  });
}

for (const version of [0x0002, 0x0300, 0x0301, 0x0302]) {
  refusesHello(`a ClientHello of version ${version.toString(16)} is refused`, {
    reason: "version-unsupported",
    alert: "protocol_version",
    hello: { version },
  });
}
for (const versions of [[0x0304], [0x0302, 0x0301], [0x7f1c]]) {
  refusesHello(`supported_versions without TLS 1.2 is refused (${versions.join(" ")})`, {
    reason: "version-unsupported",
    alert: "protocol_version",
    ...offer(extension.versions(versions)),
  });
}
refusesHello("a session id above 32 octets is refused", {
  reason: "session-id-too-long",
  alert: "decode_error",
  hello: { sessionId: new Uint8Array(33) },
});
refusesHello("a ClientHello without null compression is refused", {
  ...illegal("null-compression-missing"),
  hello: { compressions: [1] },
});
refusesHello("an empty list of compression methods is refused", {
  ...illegal("null-compression-missing"),
  hello: { compressions: [] },
});
refusesHello("an empty list of suites is refused", { ...malformed, hello: { suites: [] } });
refusesHello("a ClientHello without extensions lacks what we insist on", {
  ...failed("renegotiation-info-missing"),
  hello: { extensions: null },
});
refusesHello("an extension that comes twice is refused", {
  ...illegal("duplicate-extension"),
  hello: { extensions: [...extensionsWith(), extension.groups([23])] },
});
refusesHello("an unknown extension that comes twice is refused", {
  ...illegal("duplicate-extension"),
  hello: { extensions: [...extensionsWith(body(0x0a0a, "")), body(0x0a0a, "")] },
});
for (const type of [ExtensionType.clientCertificateType, ExtensionType.serverCertificateType]) {
  refusesHello(`a certificate type ${type} that lists X.509 alone is refused (RFC 7250 §4.1)`, {
    ...illegal("bad-certificate-types"),
    ...offer(body(type, "0100")),
  });
}
refusesHello("a fallback to less than we speak is refused (RFC 7507 §3)", {
  reason: "inappropriate-fallback",
  alert: "inappropriate_fallback",
  hello: { suites: [0xc02b, 0x5600], version: 0x0302 },
});
refusesHello("no suite in common is refused", {
  ...failed("no-common-suite"),
  hello: { suites: [0x009c, 0xc02f, 0x1301, 0xc023, 0x00ff] },
});
refusesHello("no group in common is refused", {
  ...failed("no-common-group"),
  ...offer(extension.groups([24, 25])),
});
refusesHello("groups without the certificate's curve are refused (RFC 8422 §5.3)", {
  ...failed("no-common-group"),
  ...offer(extension.groups([29])),
});
refusesHello("a ClientHello without signature_algorithms is refused", {
  ...failed("signature-algorithms-missing"),
  ...offerWithout(ExtensionType.signatureAlgorithms),
});
refusesHello("signature_algorithms without ours is refused", {
  ...failed("no-common-signature-scheme"),
  ...offer(extension.schemes([0x0203, 0x0401, 0x0503, 0x0804])),
});
refusesHello("a ClientHello without extended_master_secret is refused", {
  ...failed("extended-master-secret-missing"),
  ...offerWithout(ExtensionType.extendedMasterSecret),
});
refusesHello("a ClientHello without renegotiation_info and its suite value is refused", {
  ...failed("renegotiation-info-missing"),
  ...offerWithout(ExtensionType.renegotiationInfo),
});
refusesHello("a renegotiation_info that is not empty is refused (RFC 5746 §3.6)", {
  ...failed("renegotiation-info-not-empty"),
  ...offer(extension.renegotiationInfo(new Uint8Array(12))),
});
refusesHello("point formats without uncompressed are refused (RFC 8422 §5.1.2)", {
  ...illegal("uncompressed-points-missing"),
  ...offer(extension.pointFormats([1, 2])),
});
for (const code of [0, 5, 255]) {
  refusesHello(`a max_fragment_length of ${code} is refused (RFC 6066 §4)`, {
    ...illegal("bad-max-fragment-length"),
    ...offer(extension.maxFragmentLength(code)),
  });
}
for (const octets of [0, 63]) {
  refusesHello(`a record_size_limit of ${octets} is refused (RFC 8449 §4)`, {
    ...illegal("bad-record-size-limit"),
    ...offer(extension.recordSizeLimit(octets)),
  });
}
refusesHello("two host names are refused (RFC 6066 §3)", {
  ...illegal("bad-server-name"),
  ...offer(body(ExtensionType.serverName, "0008 00000161 00000162")),
});
for (const octet of ["00", "20", "7f", "80", "ff"]) {
  refusesHello(`a host name with the octet ${octet} is refused`, {
    ...illegal("bad-server-name"),
    ...offer(body(ExtensionType.serverName, `0006 000003 61${octet}62`)),
  });
}
refusesHello("a host name above 255 octets is refused", {
  ...illegal("bad-server-name"),
  ...offer(extension.serverName("a".repeat(256))),
});
refusesHello("no application protocol in common is refused (RFC 7301 §3.2)", {
  reason: "no-common-application-protocol",
  alert: "no_application_protocol",
  config: { applicationProtocols: ["coap"] },
  ...offer(extension.protocols(["h2", "http/1.1"])),
});

for (const [name, type, octets] of [
  ["server_name with an empty list", ExtensionType.serverName, "0000"],
  ["server_name with an empty name", ExtensionType.serverName, "0003 000000"],
  ["server_name with octets behind it", ExtensionType.serverName, "0004 00000161 00"],
  ["an empty server_name", ExtensionType.serverName, ""],
  ["max_fragment_length of two octets", ExtensionType.maxFragmentLength, "0101"],
  ["an empty max_fragment_length", ExtensionType.maxFragmentLength, ""],
  ["supported_groups with an empty list", ExtensionType.supportedGroups, "0000"],
  ["supported_groups of odd length", ExtensionType.supportedGroups, "0003 001700"],
  ["supported_groups with octets behind it", ExtensionType.supportedGroups, "0002 0017 00"],
  ["ec_point_formats with an empty list", ExtensionType.ecPointFormats, "00"],
  ["ec_point_formats cut short", ExtensionType.ecPointFormats, "0200"],
  ["signature_algorithms with an empty list", ExtensionType.signatureAlgorithms, "0000"],
  ["signature_algorithms of odd length", ExtensionType.signatureAlgorithms, "0003 040304"],
  ["ALPN with an empty list", ExtensionType.applicationProtocols, "0000"],
  ["ALPN with an empty name", ExtensionType.applicationProtocols, "0001 00"],
  ["ALPN with a name cut short", ExtensionType.applicationProtocols, "0002 0261"],
  ["extended_master_secret that is not empty", ExtensionType.extendedMasterSecret, "00"],
  ["record_size_limit of three octets", ExtensionType.recordSizeLimit, "400000"],
  ["record_size_limit of one octet", ExtensionType.recordSizeLimit, "40"],
  ["supported_versions with an empty list", ExtensionType.supportedVersions, "00"],
  ["supported_versions of odd length", ExtensionType.supportedVersions, "03 030303"],
  ["certificate_authorities with an empty list", ExtensionType.certificateAuthorities, "0000"],
  ["certificate_authorities with an empty name", ExtensionType.certificateAuthorities, "0002 0000"],
  ["certificate_authorities cut short", ExtensionType.certificateAuthorities, "0003 000230"],
  ["renegotiation_info with octets behind it", ExtensionType.renegotiationInfo, "0000"],
  ["an empty renegotiation_info", ExtensionType.renegotiationInfo, ""],
] as const) {
  refusesHello(`${name} is refused`, { ...malformed, ...offer(body(type, octets)) });
}

refusesEarly("octets behind the ClientHello's extensions are refused", malformed, (wire) => {
  const hello = concat(encodeHello(wire.client.hello), hex("00"));
  wire.give(wire.client.message(HandshakeType.clientHello, hello));
});

refusesEarly("an odd length of the suites is refused", malformed, (wire) => {
  const { random } = wire.client.hello;
  const hello = new Writer().u16(0x0303).raw(random).u8(0).vector16(hex("c02bc0")).u8(1).u8(0);
  wire.give(wire.client.message(HandshakeType.clientHello, hello.bytes()));
});
