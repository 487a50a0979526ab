// Draws docs/protocol.svg, a device's way into a home and its life there, as messages between the two; `--check` only
// compares. Exit status 1 where it is stale.
import { keep } from "./generated.mjs";

/** Who sends what: `>` the device, `<` the home, `-` neither: then it is what one of them does, or an owner. */
const PARTS = [
  {
    title: "1 network",
    rows: [
      [">", "EAP-TTLS: own key, who I claim to be, proof of the code"],
      ["<", "accepted, into quarantine"],
    ],
  },
  {
    title: "2 adoption",
    rows: [
      [">", "DTLS by the first key; POST /h/adopt"],
      ["<", "2.01 ticket, the home's own proof"],
      ["-", "the owner says yes, or the code has said it"],
      ["<", "observed ticket: approved"],
    ],
  },
  {
    title: "3 a new key",
    rows: [
      [">", "POST /h/ku/c  commitment"],
      ["<", "share"],
      [">", "POST /h/ku/r  reveal"],
      ["<", "confirmation"],
      ["-", "the device stores its next key beside the first"],
      [">", "GET /crts, POST /sen  request for that key"],
      ["<", "certificate"],
    ],
  },
  {
    title: "4 life",
    rows: [
      [">", "EAP-TLS, and DTLS, by the certificate; POST /h/live"],
      ["<", "2.04 time, periods, renew"],
      ["-", "the first key is erased by the device, and opens nothing more"],
      [">", "each period: /h/live; GET /h/crl, observed; in time: POST /sren"],
    ],
  },
  {
    title: "5 parting",
    rows: [
      ["<", "release token, signed"],
      ["-", "what the owner left is erased"],
      [">", "receipt, signed; the next home begins at 1"],
    ],
  },
];

const [WIDTH, LEFT, RIGHT, ROW, TOP] = [760, 150, 690, 27, 54];

keep({ "docs/protocol.svg": draw() }, "build/protocol-diagram.mjs");

function draw() {
  let y = TOP;
  const parts = PARTS.map(({ title, rows }, index) => {
    const top = y;
    const drawn = rows.map((row) => line(row, (y += ROW)));
    y += 14;
    const band = `<rect x="10" y="${top + 4}" width="${WIDTH - 20}" height="${y - top - 4}" rx="4" fill="${index % 2 === 0 ? "#f4f6fa" : "#fff"}"/>`;
    return [band, `<text x="22" y="${top + 30}" font-weight="bold">${title}</text>`, ...drawn].join(
      "\n",
    );
  });
  const height = y + 14;
  const lifeline = (x, name) =>
    `<path d="M${x} 46V${y}" stroke="#99a"/><text x="${x}" y="34" text-anchor="middle" font-weight="bold">${name}</text>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="13">
<title>A device's way into a home and its life there</title>
<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0 8 4 0 8z" fill="#334"/></marker></defs>
<rect width="${WIDTH}" height="${height}" fill="#fff"/>
${parts.map((part) => part.split("\n")[0]).join("\n")}
${lifeline(LEFT, "device")}
${lifeline(RIGHT, "home")}
${parts.map((part) => part.split("\n").slice(1).join("\n")).join("\n")}
</svg>
`;
}

function line([kind, text], y) {
  const escaped = text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  const middle = (LEFT + RIGHT) / 2;
  const label = `<text x="${middle}" y="${y - 5}" text-anchor="middle"${kind === "-" ? ' fill="#667" font-style="italic"' : ""}>${escaped}</text>`;
  if (kind === "-") return label;
  const [from, to] = kind === ">" ? [LEFT, RIGHT] : [RIGHT, LEFT];
  return `${label}\n<path d="M${from} ${y}H${to}" stroke="#334" marker-end="url(#tip)"/>`;
}
