// The bill of materials beside a package: SPDX 2.3 in JSON.
import { createHash } from "node:crypto";

const hash = (algorithm, bytes) => createHash(algorithm).update(bytes).digest("hex");
const idOf = (name) => `SPDXRef-${name.replace(/[^A-Za-z0-9.]+/gu, "-")}`;

/** @returns text; everything the executable was linked from, and every file installed with its sums */
export function billOfMaterials(info, entries, seconds) {
  const files = entries.filter(({ kind }) => kind === "file");
  const own = idOf(`Package-${info.name}`);
  const parts = info.parts();
  const sums = files.map(({ bytes }) => hash("sha1", bytes)).sort();
  const document = {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: "SPDXRef-DOCUMENT",
    name: `${info.name}-${info.version}-${info.arch}`,
    // Unique for what it describes, and nobody's address.
    documentNamespace: `urn:sha256:${hash("sha256", [info.arch, ...sums].join("\n"))}`,
    creationInfo: {
      created: new Date(seconds * 1000).toISOString().replace(".000Z", "Z"),
      creators: ["Tool: homeca-package"],
    },
    packages: [
      {
        ...packageOf({ ...info, SPDXID: own }),
        filesAnalyzed: true,
        packageVerificationCode: { packageVerificationCodeValue: hash("sha1", sums.join("")) },
        hasFiles: files.map((_, at) => `SPDXRef-File-${at}`),
      },
      ...parts.map((part) => ({
        ...packageOf({ ...part, SPDXID: idOf(`Package-${part.name}`) }),
        filesAnalyzed: false,
      })),
    ],
    files: files.map((entry, at) => fileOf(entry, at)),
    relationships: [
      relationship("SPDXRef-DOCUMENT", "DESCRIBES", own),
      ...parts.map(({ name }) => relationship(own, "CONTAINS", idOf(`Package-${name}`))),
    ],
  };
  return Buffer.from(`${JSON.stringify(document, null, 1)}\n`);
}

function packageOf({ SPDXID, name, version, license, purl }) {
  return {
    SPDXID,
    name,
    ...(version === undefined ? {} : { versionInfo: version }),
    downloadLocation: "NOASSERTION",
    licenseConcluded: license,
    licenseDeclared: license,
    copyrightText: "NOASSERTION",
    ...(purl === undefined
      ? {}
      : {
          externalRefs: [
            { referenceCategory: "PACKAGE-MANAGER", referenceType: "purl", referenceLocator: purl },
          ],
        }),
  };
}

function fileOf({ path, bytes }, at) {
  return {
    SPDXID: `SPDXRef-File-${at}`,
    fileName: `.${path}`,
    checksums: ["sha1", "sha256"].map((algorithm) => ({
      algorithm: algorithm.toUpperCase(),
      checksumValue: hash(algorithm, bytes),
    })),
    licenseConcluded: "NOASSERTION",
    copyrightText: "NOASSERTION",
  };
}

function relationship(spdxElementId, relationshipType, relatedSpdxElement) {
  return { spdxElementId, relationshipType, relatedSpdxElement };
}
