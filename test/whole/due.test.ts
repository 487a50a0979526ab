/** What is due by the clock: a fault in one thing keeps none of the others from its turn. */
import { assert, providers, seeded, test } from "#kit";
import { Enforcement } from "../../src/daemon/enforcement.ts";
import type { MemoryFiles } from "../../src/host/memory/files.ts";
import { MemoryHost } from "../../src/host/memory/host.ts";
import { MemoryHome } from "../kit/memory-home.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** How often the kernel was asked what it holds. */
function looks(home: MemoryHome): number {
  return home.host.ran.filter(({ command }) => command.includes("list")).length;
}

for (const crypto of providers) {
  test(`${crypto.name}: an interface that goes away while it is looked at is told of, and the next minute looks again`, () => {
    const home = new MemoryHome(crypto);
    home.forget();
    // The kit made this disk.
    (home.host.files as MemoryFiles).failNext("list /sys/class/net", "ENOENT");
    home.host.clock.advance(MINUTE);
    assert.match(
      home.lines.join("\n"),
      /could not be looked at \(list \/sys\/class\/net: ENOENT\)/u,
    );
    assert.equal(looks(home), 0);
    home.host.clock.advance(MINUTE);
    assert.equal(looks(home), 1);
  });

  test(`${crypto.name}: a fault of the firewall's watch is told of, and the hour's upkeep comes all the same`, () => {
    const home = new MemoryHome(crypto);
    home.forget();
    const run = home.host.run.bind(home.host);
    home.host.run = () => {
      throw new TypeError("oops");
    };
    home.host.clock.advance(HOUR);
    assert.match(home.lines.join("\n"), /^fault in the firewall's watch: TypeError: oops; at /mu);
    home.host.run = run;
    home.host.clock.advance(MINUTE);
    assert.equal(looks(home), 1);
  });

  test(`${crypto.name}: whoever waits for nft has its turn, though the one before ends in a fault`, () => {
    const { files } = new MemoryHome(crypto).host;
    const host = new MemoryHost({ crypto, random: seeded("nft"), files });
    const enforcement = new Enforcement(host, "nft");
    let done = 0;
    enforcement.apply("first", () => {
      throw new TypeError("oops");
    });
    enforcement.apply("second", () => void done++);
    assert.throws(() => host.clock.advance(0), TypeError);
    host.clock.advance(0);
    assert.equal(done, 1);
  });
}
