/** Our own end, in this very process. What the engine learns is a line in {@link ours.cannot} less. */
import type { ClientTicket } from "../../src/proto/tls/connection.ts";
import { connectionsOf, isDatagram, SMALL_MTU, usesPsk } from "./cell.ts";
import type { Cell } from "./cell.ts";
import type { End, Report } from "./end.ts";
import { clientConfig, judgeOf, serverConfig, suiteOf } from "./our-config.ts";
import { connectTcpOnce, serveTcp } from "./over-tcp.ts";
import { connectUdpOnce, serveUdp } from "./over-udp.ts";
import { clientManners, serverManners, Talk } from "./talk.ts";

export const ours: End = {
  name: "HomeCA",
  application: "lines",
  is: "HomeCA",
  from: "",

  cannot(cell) {
    if (usesPsk(cell) && cell.flow === "resumed") {
      return "HomeCA resumes no session that began with a PSK: the key itself is as quick";
    }
    if (suiteOf(cell) === null) return `HomeCA has no ${cell.suite}`;
    return null;
  },

  async serve(cell, identities, application) {
    const config = serverConfig(cell, identities);
    const judge = judgeOf(cell, "client", identities);
    const talk = (): Talk => new Talk(cell, serverManners(cell, application, judge));
    const count = connectionsOf(cell);
    return isDatagram(cell)
      ? serveUdp(config, mtuOf(cell), talk, count)
      : serveTcp(config, talk, count);
  },

  async connect(cell, identities, port, application) {
    const reports: Report[] = [];
    const judge = judgeOf(cell, "server", identities);
    let kept: { readonly ticket: ClientTicket; readonly since: number } | null = null;
    for (let count = 1; count <= connectionsOf(cell); count++) {
      const resume =
        kept === null ? {} : { resume: { ticket: kept.ticket, ageMs: Date.now() - kept.since } };
      const config = { ...clientConfig(cell, identities), ...resume };
      const talk: Talk = new Talk(cell, clientManners(cell, application, judge, count));
      const report = isDatagram(cell)
        ? connectUdpOnce(config, mtuOf(cell), talk, port)
        : connectTcpOnce(config, talk, port);
      reports.push(await report);
      if (talk.ticket !== null) kept = { ticket: talk.ticket, since: Date.now() };
    }
    return reports;
  },
};

function mtuOf({ flow }: Cell): number | null {
  return flow === "fragmented" ? SMALL_MTU : null;
}
