// Runs inside one namespace of the lab: does what the lines on standard input ask, in JSON, and
// answers each by its id. Servers it started stay until its input ends. Times are of the monotonic
// clock, which all namespaces of a machine share, in milliseconds.
import dgram from "node:dgram";
import net from "node:net";
import readline from "node:readline";

const MDNS = { 4: "224.0.0.251", 6: "ff02::fb" };
const now = () => Number(process.hrtime.bigint() / 1000n) / 1000;
const heard = { mdns: 0, udp: 0 };
const streams = new Map();
const echoes = new Map();
const answers = new Map();
const ANSWER = 0x21;
let questions = 0;

const operations = {
  ready: async () => true,

  /** Echo servers for both address families. */
  async echo({ port }) {
    const tcp = net.createServer((socket) => {
      socket.on("error", () => socket.destroy());
      socket.pipe(socket);
    });
    await new Promise((done, fail) => tcp.once("error", fail).listen(port, "::", done));
    const udp = dgram.createSocket("udp6");
    udp.on("message", (bytes, from) => {
      heard.udp++;
      // An answer is not answered: two echo servers would never stop.
      if (bytes[0] === ANSWER) answers.get(bytes.toString("latin1", 1))?.();
      else udp.send(Buffer.concat([Buffer.of(ANSWER), bytes]), from.port, from.address);
    });
    echoes.set(port, udp);
    await new Promise((done, fail) => udp.once("error", fail).bind(port, "::", done));
    udp.on("error", () => {});
    return true;
  },

  /** Sends a line and wants it back; the answer is how long that took, or why it failed. */
  tcp({ host, port, timeout = 700 }) {
    const start = now();
    return new Promise((done) => {
      const socket = net.connect({ host, port });
      const end = (result) => {
        clearTimeout(timer);
        socket.destroy();
        done(result);
      };
      const timer = setTimeout(() => end({ ok: false, why: "silence" }), timeout);
      socket.on("connect", () => socket.write("homeca\n"));
      socket.on("data", () => end({ ok: true, ms: now() - start }));
      socket.on("error", (failure) => end({ ok: false, why: failure.code }));
    });
  },

  /** Sends a datagram, twice as neighbours may have to be found, and wants it back. */
  udp({ host, port, timeout = 700 }) {
    const start = now();
    return new Promise((done) => {
      const socket = dgram.createSocket(net.isIPv6(host) ? "udp6" : "udp4");
      const send = () => socket.send("homeca", port, host, () => {});
      const again = setTimeout(send, timeout / 2);
      const end = (result) => {
        clearTimeout(timer);
        clearTimeout(again);
        socket.close();
        done(result);
      };
      const timer = setTimeout(() => end({ ok: false, why: "silence" }), timeout);
      socket.on("message", () => end({ ok: true, ms: now() - start }));
      socket.on("error", (failure) => end({ ok: false, why: failure.code }));
      socket.bind(0, send);
    });
  },

  /** As `udp`, from the port of an echo server here. */
  udpFrom({ host, port, from, timeout = 700 }) {
    const nonce = `${++questions} ${process.pid}`;
    const address = net.isIPv6(host) ? host : `::ffff:${host}`;
    const send = () => echoes.get(from).send(nonce, port, address, () => {});
    return new Promise((done) => {
      const again = setTimeout(send, timeout / 2);
      const end = (result) => {
        clearTimeout(timer);
        clearTimeout(again);
        answers.delete(nonce);
        done(result);
      };
      const timer = setTimeout(() => end({ ok: false, why: "silence" }), timeout);
      answers.set(nonce, () => end({ ok: true }));
      send();
    });
  },

  /** Sends bytes (hexadecimal) from an address of ours and gives what comes back, or null. */
  exchange({ host, port, from, bytes, timeout = 1000 }) {
    return new Promise((done, fail) => {
      const socket = dgram.createSocket(net.isIPv6(host) ? "udp6" : "udp4");
      const end = (result) => {
        clearTimeout(timer);
        socket.close();
        done(result);
      };
      const timer = setTimeout(() => end(null), timeout);
      socket.on("message", (reply) => end(reply.toString("hex")));
      socket.on("error", fail);
      socket.bind(0, from, () => socket.send(Buffer.from(bytes, "hex"), port, host));
    });
  },

  /** Answers every mDNS query heard on `device` with its own bytes, by multicast. */
  async mdnsServer({ device, address }) {
    await Promise.all([mdns(4, device, address, true), mdns(6, device, address, true)]);
    return true;
  },

  /** Asks by multicast and wants any answer by multicast (RFC 6762 §6). */
  async mdns({ family, device, address, timeout = 700 }) {
    const socket = await mdns(family, device, address, false);
    return await new Promise((done) => {
      const end = (result) => {
        clearTimeout(timer);
        socket.close();
        done(result);
      };
      const timer = setTimeout(() => end({ ok: false, why: "silence" }), timeout);
      socket.on("message", (bytes) => {
        if ((bytes[2] & 0x80) !== 0) end({ ok: true });
      });
      socket.send(QUERY, 5353, MDNS[family], () => {});
    });
  },

  /** One datagram without an answer, to anybody. */
  shout({ host, port }) {
    return new Promise((done) => {
      const socket = dgram.createSocket("udp4");
      socket.bind(0, () => {
        socket.setBroadcast(true);
        socket.send("homeca", port, host, () => socket.close(() => done(true)));
      });
    });
  },

  heard: async () => ({ ...heard }),
  forget: async () => Object.assign(heard, { mdns: 0, udp: 0 }),

  /** Both ends of a connection count aloud every 5 ms and note when they last heard the other. */
  async streamServer({ port }) {
    const server = net.createServer((socket) => count("server", socket));
    await new Promise((done, fail) => server.once("error", fail).listen(port, "::", done));
    return true;
  },
  stream({ host, port, timeout = 2000 }) {
    return new Promise((done, fail) => {
      const socket = net.connect({ host, port });
      setTimeout(() => fail(new Error("no connection")), timeout).unref();
      socket.once("connect", () => {
        count("client", socket);
        done(true);
      });
      socket.on("error", fail);
    });
  },
  lastHeard: async ({ end }) => streams.get(end) ?? null,
  hangUp: async ({ end }) => {
    streams.get(end)?.socket.destroy();
    return streams.delete(end);
  },
};

const QUERY = Buffer.concat([
  Buffer.from("000000000001000000000000", "hex"),
  Buffer.from("\x07_homeca\x04_udp\x05local\x00", "latin1"),
  Buffer.from("000c0001", "hex"),
]);

function mdns(family, device, address, answer) {
  const socket = dgram.createSocket({ type: `udp${family}`, reuseAddr: true });
  socket.on("error", () => {});
  if (answer) {
    socket.on("message", (bytes) => {
      if ((bytes[2] & 0x80) !== 0) return;
      heard.mdns++;
      const reply = Buffer.from(bytes);
      reply[2] |= 0x84;
      socket.send(reply, 5353, MDNS[family], () => {});
    });
  }
  return new Promise((done, fail) => {
    socket.bind({ port: 5353, address: family === 4 ? "0.0.0.0" : "::" }, () => {
      try {
        const outgoing = family === 4 ? address : `::%${device}`;
        socket.addMembership(MDNS[family], outgoing);
        socket.setMulticastInterface(outgoing);
        socket.setMulticastLoopback(false);
        socket.setMulticastTTL(255);
        done(socket);
      } catch (failure) {
        fail(failure);
      }
    });
  });
}

function count(end, socket) {
  socket.setNoDelay(true);
  const record = { socket, at: null, bytes: 0 };
  // JSON carries the figures, not the socket.
  record.toJSON = () => ({ at: record.at, bytes: record.bytes });
  streams.set(end, record);
  let number = 0;
  const timer = setInterval(() => socket.write(`${number++}\n`), 5);
  socket.on("data", (bytes) => {
    record.at = now();
    record.bytes += bytes.length;
  });
  socket.on("error", () => {});
  socket.on("close", () => clearInterval(timer));
}

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, operation, ...options } = JSON.parse(line);
  const answer = (body) => process.stdout.write(JSON.stringify({ id, ...body }) + "\n");
  Promise.resolve()
    .then(() => operations[operation](options))
    .then((value) => answer({ value }))
    .catch((failure) => answer({ error: String(failure.message) }));
});
process.stdin.on("close", () => process.exit());
