// What is measured in process, on both engines.
import { bundleEntry, linesOf, onNode, onQuickJs } from "./engines.mjs";

/** One row per engine and provider: milliseconds of the server per authentication, and where they go. */
export function inProcessFigures() {
  return [...linesOf(onNode("inprocess-node")), ...linesOf(onQuickJs("inprocess-quickjs"))];
}

/** Megabytes that live in the daemon after 1,000 and after 5,000 authentications, garbage collected. */
export function liveMegabytes() {
  const [figures] = linesOf(onNode("inprocess-memory", [], ["--expose-gc"]));
  return figures.map((bytes) => bytes / 1e6);
}

/** One row per engine, provider, protocol, client certificate and kind: milliseconds of the server per handshake. */
export function handshakeFigures(quick) {
  const args = quick ? ["--quick"] : [];
  return [
    ...linesOf(onNode("handshakes-node", args)),
    ...linesOf(onQuickJs("handshakes-quickjs", args)),
  ];
}

/** CPU time per handshake of our server and of s_server, each in a process of its own. */
export function besideOpenssl(quick) {
  const args = [bundleEntry("beside-server", "node"), ...(quick ? ["--quick"] : [])];
  return linesOf(onNode("beside", args));
}

/** Bytes held per established DTLS association. */
export function associationFigures(quick) {
  const args = quick ? ["--quick"] : [];
  const rows = linesOf(onNode("associations-node", args, ["--expose-gc"]));
  for (const protocol of ["DTLS 1.2", "DTLS 1.3"]) {
    const [freshBytes, settledBytes] = ["fresh", "settled"].map((age) =>
      quickJsBytes(protocol, quick ? 8 : 32, age),
    );
    rows.push({ engine: "QuickJS", provider: "noble", protocol, freshBytes, settledBytes });
  }
  return rows;
}

/** QuickJS says what it uses at its end alone: so two runs, with some associations and with more. */
function quickJsBytes(protocol, count, age) {
  const few = 4;
  const used = (associations) => {
    const args = [protocol, String(associations), age];
    const dump = onQuickJs("associations-quickjs", args, ["--dump"]);
    return Number(/^memory used +\d+ +(\d+)/m.exec(dump)[1]);
  };
  return (used(few + count) - used(few)) / count;
}

/** One row per engine, provider and step of an adoption: milliseconds of the home and of the device. */
export function adoptionFigures(quick) {
  const args = quick ? ["--quick"] : [];
  return [
    ...linesOf(onNode("adoption-node", args)),
    ...linesOf(onQuickJs("adoption-quickjs", args)),
  ];
}

/** Settled homes over days: what 1,000 devices cost, and what a home writes. */
export function refreshFigures(quick) {
  const args = quick ? ["--quick"] : [];
  const rows = [
    ...linesOf(onNode("refresh-node", args, ["--expose-gc"])),
    ...linesOf(onQuickJs("refresh-quickjs", args)),
  ];
  const of = (wanted) => rows.filter(({ kind }) => kind === wanted);
  return { refresh: of("refresh"), store: of("store") };
}
