/** The table of what happened, each line compared with what HomeCA has on record. */
import { expect } from "../stage.ts";
import type { Row } from "../stage.ts";
import { expectRecord } from "./cast.ts";
import type { Cast, Part } from "./cast.ts";

export async function closing(cast: Cast, parts: readonly Part[]): Promise<void> {
  const { stage, observed } = cast;
  stage.chapter("Where everyone is now");
  const rows = await stage.step("HomeCA's records say the same", async () => {
    const known = await observed.ask<{ devices: readonly unknown[] }>("devices");
    const recorded = parts.filter(({ record }) => record !== null).length;
    expect(known.devices.length === recorded, `${known.devices.length} records, not ${recorded}`);
    return Promise.all(parts.map((part) => rowOf(cast, part)));
  });
  stage.table(rows);
  stage.say();
  stage.say(
    `All ${stage.counts.held} steps held. Real here: HomeCA as it is built, its files and commands, RADIUS over UDP, every handshake and certificate (the devices' TLS is OpenSSL's). Played: radio and cable; the firewall's changes were shown, not applied.`,
  );
  stage.say(
    "With root and hostapd, `make e2e` shows the real thing: ports that open and close, and traffic that stops.",
  );
}

async function rowOf(cast: Cast, { row, record, said }: Part): Promise<Row> {
  if (record === null) return { ...row, said: said ?? "" };
  const { why } = await expectRecord(cast, record.id, record.state, record.place);
  expect(why !== null, `HomeCA says nothing about ${row.device}`);
  return { ...row, said: why };
}
