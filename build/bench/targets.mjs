// What a run has to reach, and what it has reached: for the terminal and for the page.

const PROTOCOLS = ["TLS 1.2", "TLS 1.3", "DTLS 1.2", "DTLS 1.3"];
const OPENSSL_TIMES = 3;
const RESUMED_SHARE = 0.2;
const ENGINE_MS = 2;
const ASSOCIATION_BYTES = 8192;
const SETTLED_DEVICES = 50;
const STORE_BYTES = 65_536;

/** Milliseconds of a handshake without its public-key operations. */
export function engineMs({ totalMs, parts }) {
  return totalMs - parts.verify - parts.sign - parts.ecdh;
}

/** Our CPU time over OpenSSL's, for two rows of one handshake; null where one is missing. */
export function timesOpenssl(rows, { protocol, clientCertificate, kind }) {
  const of = (server) =>
    rows.find(
      (row) =>
        row.server === server &&
        row.protocol === protocol &&
        row.clientCertificate === clientCertificate &&
        row.kind === kind,
    )?.cpuMs;
  const [ours, theirs] = [of("homeca"), of("openssl")];
  return ours === undefined || theirs === undefined ? null : ours / theirs;
}

/** A table with one column per protocol; each cell is the worse of without and with a client's certificate. */
export function targetTable({ handshakes, beside, associations }) {
  const onQuickJs = handshakes.filter(({ engine }) => engine === "QuickJS");
  const full = (protocol) =>
    onQuickJs.filter((row) => row.protocol === protocol && row.kind === "full");
  const rows = [
    {
      name: `full on Node: CPU over OpenSSL's, at most ${OPENSSL_TIMES}`,
      limit: OPENSSL_TIMES,
      digits: 2,
      figures: (protocol) =>
        ["none", "required"].map((clientCertificate) =>
          timesOpenssl(beside, { protocol, clientCertificate, kind: "full" }),
        ),
    },
    {
      name: `QuickJS: resumed over full, at most ${RESUMED_SHARE}`,
      limit: RESUMED_SHARE,
      digits: 2,
      figures: (protocol) =>
        full(protocol).map((row) => partner(onQuickJs, row).totalMs / row.totalMs),
    },
    {
      name: `QuickJS: full without public-key operations, at most ${ENGINE_MS} ms`,
      limit: ENGINE_MS,
      digits: 1,
      figures: (protocol) => full(protocol).map(engineMs),
    },
    {
      name: `bytes per association, at most ${ASSOCIATION_BYTES}`,
      limit: ASSOCIATION_BYTES,
      digits: 0,
      figures: (protocol) =>
        associations
          .filter((row) => row.protocol === protocol)
          .map(({ settledBytes }) => settledBytes),
    },
  ];
  return [["target", ...PROTOCOLS], ...rows.map(line)];
}

/** What is asked of a home once its devices are in. */
export function homeTargetTable({ store }) {
  const figures = store
    .filter(({ devices }) => devices === SETTLED_DEVICES)
    .map(({ totalPerDay }) => totalPerDay);
  const name = `bytes written per day by a settled home of ${SETTLED_DEVICES}, at most ${STORE_BYTES}`;
  return [
    ["target", "reached"],
    [name, cell(figures, STORE_BYTES, 0)],
  ];
}

/** The same handshake, resumed. */
function partner(rows, { protocol, clientCertificate }) {
  return rows.find(
    (row) =>
      row.protocol === protocol &&
      row.clientCertificate === clientCertificate &&
      row.kind === "resumed",
  );
}

function line({ name, limit, digits, figures }) {
  return [name, ...PROTOCOLS.map((protocol) => cell(figures(protocol), limit, digits))];
}

function cell(figures, limit, digits) {
  const known = figures.filter((figure) => figure !== null);
  if (known.length === 0) return "–";
  const worst = Math.max(...known);
  return `${worst.toFixed(digits)} ${worst <= limit ? "met" : "not met"}`;
}
