// What uhttpd, rpcd and LuCI do on a router, as far as the page needs it, for a workstation: serves the views with a
// stand-in for LuCI's library, and hands JSON-RPC in uhttpd's form on to the daemon's local socket. It grants what
// luci-app-homeca's own acl.d file grants and nothing else, and listens on loopback alone.
import { randomBytes, timingSafeEqual, createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import path from "node:path";
import { fileURLToPath } from "node:url";

const HERE = path.dirname(fileURLToPath(import.meta.url));
const APP = path.dirname(HERE);
const RESOURCES = path.join(APP, "htdocs/luci-static/resources");
const MENU = path.join(APP, "root/usr/share/luci/menu.d/luci-app-homeca.json");
const ACL = path.join(APP, "root/usr/share/rpcd/acl.d/luci-app-homeca.json");

/** As uhttpd bounds them. */
const MAX_BODY = 64 * 1024;
const MAX_BATCH = 32;
const SESSION_SECONDS = 3600;
const MAX_SESSIONS = 32;
/** Wrong passwords in a row, after which nobody may try for a while. */
const MAX_FAILURES = 5;
const PAUSE_MS = 10_000;
/** As rpcd waits for an object. */
const ANSWER_MS = 30_000;

const NOBODY = "0".repeat(32);
const STATUS = { ok: 0, denied: 6, notFound: 4, timeout: 7 };
const DENIED = { code: -32002, message: "Access denied" };
const TYPES = { ".js": "text/javascript", ".css": "text/css", ".html": "text/html" };
const HEADERS = {
  "Content-Security-Policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "Cache-Control": "no-store",
};

/**
 * Serves the page until `close()`.
 *
 * @param socket - the daemon's local socket
 * @param users - a list of { name, password, write }: who may log in, and whether to change anything
 * @param port - 0 for any
 * @returns { url, close }
 */
export async function servePage({ socket, users, port = 0 }) {
  const site = new Site(socket, users);
  const server = http.createServer((request, response) => {
    site.answer(request, response).catch((fault) => {
      console.error(`page: ${fault.stack}`);
      if (!response.headersSent) send(response, 500, "text/plain", "a fault of the stand-in");
    });
  });
  await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  site.port = server.address().port;
  return {
    url: `http://127.0.0.1:${site.port}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  };
}

class Site {
  port = 0;
  #socket;
  #users;
  #acl = JSON.parse(readFileSync(ACL, "utf8"))["luci-app-homeca"];
  /** By id: { write, until }. */
  #sessions = new Map();
  #failures = 0;
  #pausedUntil = 0;

  constructor(socket, users) {
    this.#socket = socket;
    this.#users = users;
  }

  async answer(request, response) {
    // A name of somebody else's that leads here (DNS rebinding) is not ours.
    const hosts = [`127.0.0.1:${this.port}`, `localhost:${this.port}`];
    if (!hosts.includes(request.headers.host)) return send(response, 421, "text/plain", "not here");
    const { pathname } = new URL(request.url, "http://127.0.0.1");
    if (request.method === "POST" && pathname === "/ubus") {
      const { origin } = request.headers;
      if (origin !== undefined && !hosts.includes(origin.replace(/^http:\/\//u, ""))) {
        return send(response, 403, "text/plain", "not from there");
      }
      const body = await bodyOf(request);
      if (body === null) return send(response, 413, "text/plain", "too large");
      return send(response, 200, "application/json", await this.#rpc(body));
    }
    if (request.method !== "GET") return send(response, 405, "text/plain", "GET, or POST /ubus");
    return this.#file(pathname, response);
  }

  #file(pathname, response) {
    if (pathname === "/stand-in/menu") {
      return send(response, 200, "application/json", readFileSync(MENU, "utf8"));
    }
    const [, language] = /^\/stand-in\/translations\/([a-z]{2})$/u.exec(pathname) ?? [];
    if (language !== undefined) {
      const text = readOrNull(path.join(APP, "po", language, "homeca.po"));
      const table = text === null ? {} : translationsOf(text);
      return send(response, 200, "application/json", JSON.stringify(table));
    }
    const [, module] = /^\/module\/((?:[\w-]+\/)*[\w-]+)\.js$/u.exec(pathname) ?? [];
    if (module !== undefined) {
      const source = readOrNull(path.join(RESOURCES, `${module}.js`));
      if (source === null) return send(response, 404, "text/javascript", "");
      return send(response, 200, "text/javascript", wrapped(module.replaceAll("/", "."), source));
    }
    const [, file] = /^\/luci-static\/resources\/((?:[\w-]+\/)*[\w-]+\.css)$/u.exec(pathname) ?? [];
    const own = { "/stand-in/luci.js": "luci.js", "/stand-in/theme.css": "theme.css" }[pathname];
    const at = file !== undefined ? path.join(RESOURCES, file) : path.join(HERE, own ?? "index.html");
    const isPage = file === undefined && own === undefined;
    if (isPage && !/^\/(?:cgi-bin\/luci\/)?(?:admin\/[\w/-]*)?$/u.test(pathname)) {
      return send(response, 404, "text/plain", "there is no such page");
    }
    const text = readOrNull(at);
    if (text === null) return send(response, 404, "text/plain", "there is no such file");
    return send(response, 200, TYPES[path.extname(at)], text);
  }

  async #rpc(body) {
    let message;
    try {
      message = JSON.parse(body);
    } catch {
      return JSON.stringify(failure(null, { code: -32700, message: "Parse error" }));
    }
    if (!Array.isArray(message)) return JSON.stringify(await this.#call(message));
    if (message.length === 0 || message.length > MAX_BATCH) {
      return JSON.stringify(failure(null, { code: -32600, message: "Invalid request" }));
    }
    return JSON.stringify(await Promise.all(message.map((one) => this.#call(one))));
  }

  async #call(message) {
    const { id = null, jsonrpc, method, params } = message ?? {};
    const [sid, object, name, args] = Array.isArray(params) ? params : [];
    const isCall =
      jsonrpc === "2.0" &&
      method === "call" &&
      [sid, object, name].every((word) => typeof word === "string") &&
      typeof args === "object" &&
      args !== null &&
      !Array.isArray(args);
    if (!isCall) return failure(id, { code: -32600, message: "Invalid request" });
    const result = (...values) => ({ jsonrpc: "2.0", id, result: values });
    if (object === "session" && name === "login") return result(...this.#login(args));
    const session = this.#session(sid);
    if (session === null) return failure(id, DENIED);
    if (object === "session" && name === "access") {
      const isWrite = args.scope === "access-group" && args.function === "write";
      return result(STATUS.ok, { access: !isWrite || session.write });
    }
    if (object === "session" && name === "destroy") {
      this.#sessions.delete(sid);
      return result(STATUS.ok);
    }
    if (!this.#mayCall(session, object, name)) return failure(id, DENIED);
    if (object !== "homeca") return result(STATUS.notFound);
    return this.#forward(id, { ...message, params: [NOBODY, object, name, args] });
  }

  #mayCall({ write }, object, name) {
    const granted = (rights) => rights.ubus?.[object]?.includes(name) ?? false;
    return granted(this.#acl.read) || (write && granted(this.#acl.write));
  }

  #login({ username, password }) {
    const now = Date.now();
    if (now < this.#pausedUntil) return [STATUS.denied];
    const user = this.#users.find(({ name }) => name === username);
    const given = digest(typeof password === "string" ? password : "");
    // Whoever is not there takes as long as whoever is.
    const isRight = timingSafeEqual(given, digest(user?.password ?? randomBytes(16).toString("hex")));
    if (!isRight || user === undefined) {
      if (++this.#failures >= MAX_FAILURES) {
        this.#pausedUntil = now + PAUSE_MS;
        this.#failures = 0;
      }
      return [STATUS.denied];
    }
    this.#failures = 0;
    const [oldest] = this.#sessions.keys();
    if (this.#sessions.size >= MAX_SESSIONS) this.#sessions.delete(oldest);
    const sid = randomBytes(16).toString("hex");
    this.#sessions.set(sid, { write: user.write, until: now + SESSION_SECONDS * 1000 });
    const access = { ubus: { ...this.#acl.read.ubus } };
    return [STATUS.ok, { ubus_rpc_session: sid, timeout: SESSION_SECONDS, acls: access }];
  }

  /** Each use makes it last on, as rpcd does. */
  #session(sid) {
    const session = this.#sessions.get(sid);
    if (session === undefined) return null;
    if (session.until < Date.now()) {
      this.#sessions.delete(sid);
      return null;
    }
    session.until = Date.now() + SESSION_SECONDS * 1000;
    return session;
  }

  /** One line to the daemon, one line back. */
  #forward(id, message) {
    return new Promise((resolve) => {
      const connection = net.connect(this.#socket);
      const done = (reply) => {
        connection.destroy();
        resolve(reply);
      };
      let text = "";
      connection.setEncoding("utf8");
      connection.setTimeout(ANSWER_MS, () => done({ jsonrpc: "2.0", id, result: [STATUS.timeout] }));
      connection.on("connect", () => connection.write(`${JSON.stringify({ ...message, id: 1 })}\n`));
      connection.on("data", (chunk) => {
        text += chunk;
        if (text.endsWith("\n")) done({ ...JSON.parse(text), id });
      });
      // The object is gone with its daemon.
      const gone = { code: -32000, message: "Object not found" };
      connection.on("error", () => done(failure(id, gone)));
      connection.on("close", () => done(failure(id, gone)));
    });
  }
}

function failure(id, error) {
  return { jsonrpc: "2.0", id, error };
}

function digest(text) {
  return createHash("sha256").update(text).digest();
}

function send(response, status, type, body) {
  response.writeHead(status, { ...HEADERS, "Content-Type": `${type}; charset=utf-8` });
  response.end(body);
}

/** Null where it is longer than uhttpd takes. */
async function bodyOf(request) {
  const parts = [];
  let length = 0;
  for await (const part of request) {
    length += part.length;
    if (length > MAX_BODY) return null;
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

function readOrNull(file) {
  try {
    return readFileSync(file, "utf8");
  } catch (failed) {
    if (failed.code === "ENOENT") return null;
    throw failed;
  }
}

/** A module of LuCI with what its `'require a.b as c';` lines name as arguments. */
function wrapped(name, source) {
  const needs = [];
  const names = [];
  for (const [, module, as] of source.matchAll(/^\s*'require ([\w.-]+)(?: as (\w+))?';$/gmu)) {
    needs.push(module);
    names.push(as ?? module.replaceAll(/[^\w]/gu, "_"));
  }
  return `standInDefine(${JSON.stringify(name)}, ${JSON.stringify(needs)}, function (${names.join(", ")}) {${source}\n});`;
}

/** msgid to msgstr of a catalogue; what is not translated is left out. */
export function translationsOf(text) {
  const table = {};
  for (const [, id, translated] of text.matchAll(
    /^msgid ((?:"(?:[^"\\]|\\.)*"\s*)+)msgstr ((?:"(?:[^"\\]|\\.)*"\s*)+)/gmu,
  )) {
    const [from, to] = [id, translated].map((quoted) =>
      [...quoted.matchAll(/"((?:[^"\\]|\\.)*)"/gu)].map(([, part]) => JSON.parse(`"${part}"`)).join(""),
    );
    if (from !== "" && to !== "") table[from] = to;
  }
  return table;
}
