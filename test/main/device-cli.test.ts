// `homeca device` as it is built: what a maker reads off a new device is what a list of expected devices has.
import { spawnSync } from "node:child_process";
import { createHash, createPrivateKey, createPublicKey } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { assert, test } from "#kit";
import { hex, utf8 } from "../../src/base/bytes.ts";
import { noble } from "../../src/base/crypto/noble.ts";
import { claimedId, deviceIdHash } from "../../src/policy/admission/setup.ts";
import { homecaCommand } from "../kit/home.ts";
import { encodePrivateKey } from "../../src/proto/x509/pkcs8.ts";

test("homeca device init tells the id and the key's hash as a list has them", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "homeca-device-"));
  try {
    const state = path.join(folder, "lamp.json");
    const words = ["device", "init", "--json", "--state", state, "--type", "lamp"];
    const [program, ...first] = homecaCommand();
    const all = [...first, ...words, "--serial", "A1B2C3"];
    const { stdout, stderr } = spawnSync(program, all, { encoding: "utf8" });
    assert.equal(stderr, "");
    const shown = JSON.parse(stdout) as { readonly id: string; readonly keyHash: string };
    const identifiers = [{ kind: "serial", value: "A1B2C3" }] as const;
    assert.equal(shown.id, claimedId(deviceIdHash(noble, identifiers)));

    const { scalar } = JSON.parse(readFileSync(state, "utf8")) as { readonly scalar: string };
    const pkcs8 = encodePrivateKey({ curve: "P-256", scalar: hex(scalar) }, noble);
    const key = createPrivateKey({ key: Buffer.from(pkcs8), format: "der", type: "pkcs8" });
    const spki = createPublicKey(key).export({ format: "der", type: "spki" });
    assert.equal(shown.keyHash, createHash("sha256").update(spki).digest("hex"));
    assert.ok(!stdout.includes(scalar) && utf8(stdout).length < 2000);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
