/**
 * A settled home over days: each device reports once a day, over a full
 * handshake, and renews when it is told to. What the home computes, what it
 * writes. Runs on both engines.
 */
import type { Crypto } from "../../src/base/crypto/crypto.ts";
import { unix } from "../../src/base/machine.ts";
import type { RandomSource } from "../../src/base/machine.ts";
import { COMPACT_AT } from "../../src/daemon/store/journal.ts";
import { COAPS_UCI } from "../../test/kit/memory-device.ts";
import { Visit } from "../../test/kit/member-visit.ts";
import type { Kept, Member } from "../../test/kit/member-visit.ts";
import { MemoryHome } from "../../test/kit/memory-home.ts";
import { cheapRandom } from "./cheap-random.ts";
import { Ledger, newAccount, takenFrom } from "./ledger.ts";
import type { Account } from "./ledger.ts";
import { freshDisk } from "./metered-files.ts";
import type { MeteredFiles } from "./metered-files.ts";
import { settle, STATE_DIR } from "./settled-home.ts";
import type { Settled } from "./settled-home.ts";
import { middle } from "./stop-watch.ts";
import type { Taken } from "./stop-watch.ts";

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
/** Members that come back to their session: fewer than sessions are kept. */
const MOST_BACK = 100;
/** A year after any release of today. */
const NOW = unix(1_830_000_000);

const UCI = `config homeca 'main'
	option enforce 'off'
config radius 'radius'
	list listen '127.0.0.1'
${COAPS_UCI}`;

/** What the home computes; milliseconds. */
export interface RefreshRow {
  readonly provider: string;
  readonly devices: number;
  /** Of a device that comes by a full handshake, and of one that comes back to its session. */
  readonly report: Taken;
  readonly resumed: Taken;
  /** What a renewal adds to a report. */
  readonly renewal: Taken;
  readonly renewalsPerDay: number;
  /** What is due each minute and each hour, and the closing of associations that have gone silent. */
  readonly restMsPerDay: number;
  readonly msPerDay: number;
}

/** What the home writes in a day. */
export interface StoreRow {
  readonly devices: number;
  readonly days: number;
  /** By file below the state folder; the journal's folding is spread over the days that it takes to fill. */
  readonly bytesPerDay: Readonly<Record<string, number>>;
  readonly totalPerDay: number;
}

export interface RefreshPlan {
  readonly devices: number;
  /** The others are on record and silent, for less than a home puts up with. */
  readonly reporting: number;
}

export class SettledHome {
  readonly #ledger: Ledger;
  readonly #bare: Crypto;
  readonly #random: RandomSource = cheapRandom(3);
  readonly #plan: RefreshPlan;
  readonly #files: MeteredFiles;
  readonly #settled: Settled;
  readonly home: MemoryHome;
  #account: Account = newAccount();
  #rest: Account = newAccount();
  readonly #reports: Taken[] = [];
  readonly #renewals: Taken[] = [];

  /** @param before - called when the devices are made and the home is not */
  constructor(crypto: Crypto, now: () => number, plan: RefreshPlan, before: () => void = () => {}) {
    this.#ledger = new Ledger(now);
    this.#bare = crypto;
    this.#plan = plan;
    this.#files = freshDisk(this.#ledger, UCI);
    this.#settled = settle(crypto, this.#files, {
      ...plan,
      ...{ hurried: plan.reporting < plan.devices, now: NOW },
    });
    before();
    this.home = new MemoryHome(this.#ledger.watch(crypto), {
      ...{ uci: UCI, files: this.#files, wall: NOW, random: cheapRandom(5) },
      prepare: (host) => this.#ledger.follow(host, () => this.#account),
    });
  }

  /** Days go by. @returns what was written in them */
  live(days: number): StoreRow {
    this.#files.written.clear();
    const { members } = this.#settled;
    const start = this.home.host.mono();
    this.#account = this.#rest = newAccount();
    for (let report = 0; report < days * members.length; report++) {
      const due = start + ((report + 0.5) * DAY_MS) / members.length;
      this.home.host.clock.advance(Math.floor(due - this.home.host.mono()));
      this.#come(members[report % members.length]!);
      this.#account = this.#rest;
    }
    this.home.host.clock.advance(Math.ceil(start + days * DAY_MS - this.home.host.mono()));
    return this.#written(days);
  }

  /** What the days so far have cost, and what it costs to come back to a session. @param days - as many as were lived */
  figures(days: number): RefreshRow {
    const { devices } = this.#plan;
    const { members, renewalDays } = this.#settled;
    const resumed = this.#comeBack(members.slice(0, MOST_BACK));
    const report = middle(this.#reports);
    const renewal = middle(this.#renewals);
    const restMsPerDay = this.#rest.totalMs / days;
    const renewalsPerDay = devices / renewalDays;
    return {
      ...{ provider: this.#bare.name, devices, report, resumed: middle(resumed) },
      ...{ renewal, renewalsPerDay, restMsPerDay },
      msPerDay: devices * report.totalMs + renewalsPerDay * renewal.totalMs + restMsPerDay,
    };
  }

  /** As the agent does: a report, and where the home asks for it a renewal and another report. */
  #come(member: Member): void {
    const account = this.#charged();
    const visit = this.#visit(member);
    const { renew } = visit.report();
    this.#reports.push(takenFrom(account));
    if (renew) {
      const more = this.#charged();
      visit.renew();
      visit.close();
      const next = this.#visit(member);
      next.report();
      next.vanish();
      this.#renewals.push(takenFrom(more));
    } else visit.vanish();
    this.home.forget();
  }

  /** All of them report, and an hour later again. */
  #comeBack(members: readonly Member[]): readonly Taken[] {
    this.#account = newAccount();
    const kept = members.map((member) => {
      const first = this.#visit(member);
      first.report();
      first.vanish();
      return first.kept;
    });
    this.home.host.clock.advance(HOUR_MS);
    return members.map((member, one) => {
      const account = this.#charged();
      const again = this.#visit(member, kept[one]);
      again.report();
      again.close();
      this.home.forget();
      return takenFrom(account);
    });
  }

  #visit(member: Member, kept: Kept | null = null): Visit {
    const visit = new Visit(this.home, this.#bare, this.#random, member, kept);
    if (visit.session?.resumed !== (kept !== null)) {
      throw new Error(`a member is not met as meant: ${this.home.lines.at(-1)}`);
    }
    return visit;
  }

  #charged(): Account {
    this.#account = newAccount();
    return this.#account;
  }

  #written(days: number): StoreRow {
    const bytesPerDay: Record<string, number> = {};
    for (const [path, { appendedBytes, replacedBytes }] of this.#files.written) {
      const name = path.startsWith(`${STATE_DIR}/`) ? path.slice(STATE_DIR.length + 1) : path;
      // A journal may be folded in these days or not: that is reckoned below.
      const isFolding = name === "journal" || name === "snapshot";
      const bytes = appendedBytes + (isFolding ? 0 : replacedBytes);
      if (bytes > 0) bytesPerDay[name] = bytes / days;
    }
    const snapshot = this.#files.facts(`${STATE_DIR}/snapshot`)!.size;
    bytesPerDay["snapshot"] = ((bytesPerDay["journal"] ?? 0) / COMPACT_AT) * snapshot;
    const totalPerDay = Object.values(bytesPerDay).reduce((sum, bytes) => sum + bytes, 0);
    return { devices: this.#plan.devices, days, bytesPerDay, totalPerDay };
  }
}
