// Lives an invented year hour by hour under a rule for the window, and counts what the rule did to the devices.
import { within, YEAR_HOURS } from "./homes.mjs";

const DAY = 24;

/** No rule gives a device up sooner, so that until then none need be asked. */
const LEAST_DAYS = 3;

/**
 * @param begin - makes the rule: the product's ({@link adaptive}) or a fixed window's ({@link fixed})
 * @returns `curve`, t in days at each noon; `wrong`, how often a device was given up that came back; `soon`, how
 *   often it was back within a week; `noticed`, for each device that vanished the days until it was given up
 */
export function live(home, devices, begin) {
  const rule = begin();
  const year = { curve: [], wrong: 0, soon: 0, noticed: [] };
  const waiting = devices.toSorted((a, b) => a.joins - b.joins);
  let present = [];
  for (let hour = 0; hour < YEAR_HOURS; hour++) {
    const on = !within(home.off, hour);
    rule.hour(on, present.filter(({ dormantAt }) => dormantAt === null).length);
    while (waiting[0]?.joins === hour) {
      const contact = rule.joins(hour);
      present.push({ device: waiting.shift(), contact, seen: hour, dormantAt: null });
    }
    for (const one of present) meet(one, hour, on, rule, year);
    const left = present.filter(({ device }) => device.leaves === hour && !device.vanishes);
    for (let count = left.length; count > 0; count--) rule.leaves();
    if (left.length > 0) present = present.filter((one) => !left.includes(one));
    if (hour % DAY === 12) year.curve.push(rule.days());
  }
  return year;
}

/** One hour of one device. */
function meet(one, hour, on, rule, year) {
  const { device, dormantAt } = one;
  if (device.contacts.has(hour)) {
    if (dormantAt !== null) {
      year.wrong++;
      if (hour - dormantAt <= 7 * DAY) year.soon++;
      one.dormantAt = null;
    }
    one.contact = rule.contact(one.contact, hour);
    one.seen = hour;
  }
  const due = on && one.dormantAt === null && hour - one.seen >= LEAST_DAYS * DAY;
  if (due && rule.isOverdue(one.contact, hour)) {
    one.contact = rule.fellSilent(one.contact);
    one.dormantAt = hour;
    if (device.vanishes && hour >= device.leaves) year.noticed.push((hour - device.leaves) / DAY);
  }
}

/** The rule of the product, whose modules are `policy`. */
export function adaptive(policy) {
  return () => {
    let window = policy.NEW_HOME;
    const learn = (met) => {
      window = met.window;
      return met.presence;
    };
    return {
      hour: (on, devices) => {
        window = policy.tick(window, 1, { clockKnown: true, reachable: on, devices });
      },
      joins: () => {
        window = policy.observe(window, "adoption");
        return policy.firstContact(window, null);
      },
      contact: (presence) => learn(policy.contact(presence, window)),
      leaves: () => {
        window = policy.observe(window, "removal");
      },
      isOverdue: (presence) => policy.isOverdue(presence, window),
      fellSilent: (presence) => learn(policy.fellSilent(presence, window)),
      days: () => window.days,
    };
  };
}

/** A window that stays as it is, by the wall clock. */
export function fixed(days) {
  return () => ({
    hour: () => {},
    joins: (hour) => hour,
    contact: (_, hour) => hour,
    leaves: () => {},
    isOverdue: (seen, hour) => hour - seen >= days * DAY,
    fellSilent: (seen) => seen,
    days: () => days,
  });
}
