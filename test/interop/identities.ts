/** Keys and certificates of one run, made by the openssl command in a folder of their own. */
import { spawnSync } from "node:child_process";
import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Cell, Role } from "./cell.ts";
import { hasClientKey } from "./cell.ts";

/** What the PSK cells use. Text, since libcoap's programs take no other; the same in hexadecimal for those who do. */
export const PSK = {
  identity: "device-7",
  text: "sixteen letters!",
  hex: "7369787465656e206c65747465727321",
} as const;

/** File names, all PEM; private keys are PKCS#8. */
export interface Own {
  readonly certificate: string;
  readonly key: string;
  readonly publicKey: string;
  /** Private and public key in one file, as libcoap wants a raw public key. */
  readonly keyPair: string;
}

const LEAF = [
  "basicConstraints=critical,CA:FALSE",
  "keyUsage=critical,digitalSignature",
  "extendedKeyUsage=serverAuth,clientAuth",
  "subjectAltName=DNS:peer.test,IP:127.0.0.1",
];

export class Identities {
  readonly folder: string = mkdtempSync(path.join(tmpdir(), "homeca-interop-"));

  constructor() {
    this.#make("ca", "P-256", []);
    for (const [name, curve] of [
      ["server", "P-256"],
      ["server384", "P-384"],
      ["client", "P-256"],
    ] as const) {
      const signer = ["-CA", this.file("ca.pem"), "-CAkey", this.file("ca.key")];
      this.#make(name, curve, [...signer, ...LEAF.flatMap((each) => ["-addext", each])]);
    }
    this.#make("selfsigned", "P-256", [
      ...["-addext", "keyUsage=critical,digitalSignature,keyCertSign"],
      ...["-addext", "subjectAltName=DNS:peer.test,IP:127.0.0.1"],
    ]);
    writeFileSync(this.file("psk.txt"), `${PSK.identity}:${PSK.hex}\n`);
  }

  file(name: string): string {
    return path.join(this.folder, name);
  }

  /** The identity of an end, or null where it has none. */
  own(cell: Cell, role: Role): Own | null {
    const name = nameIn(cell, role);
    return name === null ? null : this.named(name);
  }

  named(name: string): Own {
    return {
      certificate: this.file(`${name}.pem`),
      key: this.file(`${name}.key`),
      publicKey: this.file(`${name}.pub`),
      keyPair: this.file(`${name}.pair`),
    };
  }

  /** What an end is to trust the other's certificate by. */
  trust(cell: Cell): string {
    return this.file(cell.credential === "self-signed certificate" ? "selfsigned.pem" : "ca.pem");
  }

  /** The DER of an end's certificate, or of its SubjectPublicKeyInfo. */
  der(file: string): Uint8Array {
    const pem = readFileSync(file, "utf8");
    if (pem.includes("CERTIFICATE")) return new Uint8Array(new X509Certificate(pem).raw);
    return new Uint8Array(createPublicKey(pem).export({ type: "spki", format: "der" }));
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #make(name: string, curve: string, more: readonly string[]): void {
    const key = this.file(`${name}.key`);
    const pem = this.file(`${name}.pem`);
    const kind = ["-newkey", "ec", "-pkeyopt", `ec_paramgen_curve:${curve}`, "-noenc"];
    const subject = ["-subj", `/CN=${name}.test`, "-days", "2", "-keyout", key, "-out", pem];
    openssl("req", "-x509", ...kind, ...subject, ...more);
    const secret = createPrivateKey(readFileSync(key));
    const open = createPublicKey(secret).export({ type: "spki", format: "pem" });
    writeFileSync(this.file(`${name}.pub`), open);
    writeFileSync(this.file(`${name}.pair`), `${String(open)}${sec1(secret)}`);
  }
}

function sec1(key: ReturnType<typeof createPrivateKey>): string {
  return String(key.export({ type: "sec1", format: "pem" }));
}

function nameIn(cell: Cell, role: Role): string | null {
  if (cell.credential === "PSK") return null;
  if (role === "client") return hasClientKey(cell) ? "client" : null;
  if (cell.credential === "P-384 certificate") return "server384";
  return cell.credential === "self-signed certificate" ? "selfsigned" : "server";
}

function openssl(...words: string[]): void {
  const { status, stderr } = spawnSync("openssl", words, { encoding: "utf8" });
  if (status !== 0) throw new Error(`openssl ${words.join(" ")}: ${stderr}`);
}
