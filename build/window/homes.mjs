// Invented homes and years for window-simulation.mjs: who comes, who goes, and when each device makes contact.

const DAY = 24;
export const YEAR_DAYS = 365;
export const YEAR_HOURS = YEAR_DAYS * DAY;

/** Numbers in [0, 1) that are the same in every run (mulberry32). */
function seeded(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Hours until the next of events that come `perDay` on average. */
function wait(random, perDay) {
  return (-Math.log(1 - random()) / perDay) * DAY;
}

/** Contacts in a day on average, and whether the device leaves with the people of the house. */
const KINDS = {
  fixed: { perDay: 4, travels: false },
  carried: { perDay: 6, travels: true },
  weekly: { perDay: 1 / 4, travels: false },
  seldom: { perDay: 1 / 12, travels: false },
};

/** What kind a newcomer is. */
const NEWCOMERS = ["fixed", "carried", "carried", "weekly"];

/** Of the devices that leave, how many do so without a word: sold, lost, broken. */
const VANISHES = 0.4;

/** Days of the year count from 0; periods have their first and last day. `off`: the router has no power. */
export const HOMES = [
  {
    name: "busy",
    text: "a shared flat: every other day a device comes or goes",
    seed: 11,
    begins: { fixed: 12, carried: 10, weekly: 4, seldom: 1 },
    comesPerDay: 0.3,
    staysDays: 60,
    away: [],
    off: [],
  },
  {
    name: "calm",
    text: "a house where a device comes every seven weeks and stays",
    seed: 22,
    begins: { fixed: 16, carried: 5, weekly: 3, seldom: 2 },
    comesPerDay: 0.02,
    staysDays: 2000,
    away: [],
    off: [],
  },
  {
    name: "absent",
    text: "a family with three holidays, the router switched off during the longest",
    seed: 33,
    begins: { fixed: 12, carried: 7, weekly: 3, seldom: 1 },
    comesPerDay: 0.04,
    staysDays: 700,
    away: [
      [95, 109],
      [195, 220],
      [300, 310],
    ],
    off: [[195, 220]],
  },
];

/** Whether an hour of the year lies in one of the periods. */
export function within(periods, hour) {
  return periods.some(([first, last]) => hour >= first * DAY && hour < (last + 1) * DAY);
}

/**
 * The devices of a home in one of its years. `joins`, `leaves` (which may lie
 * behind the year) and `contacts` are hours; `vanishes` where it leaves without a word.
 */
export function devicesOf(home, year) {
  const random = seeded(home.seed + 1000 * year);
  const devices = [];
  for (const [kind, count] of Object.entries(home.begins)) {
    for (let one = 0; one < count; one++) {
      // A home is furnished within its first two days.
      devices.push(lifeOf(home, kind, Math.floor(random() * 2 * DAY), random));
    }
  }
  let at = wait(random, home.comesPerDay);
  while (at < YEAR_HOURS) {
    const kind = NEWCOMERS[Math.floor(random() * NEWCOMERS.length)];
    devices.push(lifeOf(home, kind, Math.floor(at), random));
    at += wait(random, home.comesPerDay);
  }
  return devices;
}

function lifeOf(home, kind, joins, random) {
  const { perDay, travels } = KINDS[kind];
  const leaves = joins + Math.ceil(wait(random, 1 / home.staysDays));
  const vanishes = random() < VANISHES;
  const contacts = new Set();
  const end = Math.min(leaves, YEAR_HOURS);
  for (let at = joins + wait(random, perDay); at < end; at += wait(random, perDay)) {
    const hour = Math.floor(at);
    const apart = within(home.off, hour) || (travels && within(home.away, hour));
    if (!apart && hour > joins) contacts.add(hour);
  }
  return { joins, leaves, vanishes, contacts };
}
