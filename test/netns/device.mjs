// A HomeCA device in the lab: `homeca device` and wpa_supplicant in a namespace of their own, joined by a hook
// that tells wpa_supplicant to read its configuration again.
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
} from "node:fs";
import { DEVICE_PROGRAM } from "./homeca.mjs";
import { HOSTS, until } from "./lab.mjs";
import { Broken } from "./steps.mjs";

export class Device {
  #lab;
  #host;
  #agent = null;
  #supplicant = null;

  /** @param host - the namespace it lives in */
  constructor(lab, host) {
    this.#lab = lab;
    this.#host = host;
  }

  get #folder() {
    return this.#lab.file(`${this.#host}.device`);
  }

  get #state() {
    return this.#lab.file(`${this.#host}.json`);
  }

  /** Makes its first key, as its maker does. */
  async init(...options) {
    await this.#must(["device", "init", "--state", this.#state, ...options]);
    mkdirSync(this.#folder, { mode: 0o700, recursive: true });
  }

  /**
   * Switches it on: the agent, and the supplicant once it has something to read.
   * @param home - where it goes; null lets it look for a home by itself
   * @param serve - what others may ask of it: PATH=PROGRAM each
   * @param servePort - where they do
   */
  async start({ home = HOSTS.router.ip4, serve = [], servePort = 5684 } = {}) {
    const control = this.#lab.file(`wpa-${this.#host}`);
    const hook = this.#lab.file(
      `${this.#host}.hook`,
      `#!/bin/sh\ncase $1 in\njoined | renewed | released) exec wpa_cli -p ${control} -i eth0 reconfigure ;;\nesac\n`,
    );
    chmodSync(hook, 0o700);
    const where = home === null ? [] : ["--home", home];
    const rows = serve.flatMap((row) => ["--serve", row]);
    const served = serve.length === 0 ? [] : [...rows, "--serve-port", String(servePort)];
    const run = ["device", "run", "--json", "--state", this.#state, ...where, ...served];
    const network = ["--supplicant", this.#folder, "--control", control, "--hook", hook];
    const command = [process.execPath, DEVICE_PROGRAM, ...run, ...network];
    this.#agent = this.#lab.start(this.#host, `${this.#host}-agent`, command);
    const configuration = `${this.#folder}/wpa_supplicant.conf`;
    await until("the device writes its supplicant's configuration", () =>
      existsSync(configuration),
    );
    this.#supplicant = this.#lab.start(this.#host, this.#host, [
      ..."wpa_supplicant -t -D wired -i eth0 -c".split(" "),
      configuration,
    ]);
  }

  async stop() {
    if (this.#agent !== null) await this.#lab.stop(this.#agent);
    if (this.#supplicant !== null) await this.#lab.stop(this.#supplicant);
    this.#agent = null;
    this.#supplicant = null;
  }

  /** Switched off, it is carried to another house, with all that it remembers. */
  async carryTo(lab) {
    await this.stop();
    const [folder, state] = [this.#folder, this.#state];
    this.#lab = lab;
    cpSync(folder, this.#folder, { recursive: true });
    // It names files of the lab before: the agent of a device that belongs to nobody writes it anew.
    rmSync(`${this.#folder}/wpa_supplicant.conf`, { force: true });
    copyFileSync(state, this.#state);
  }

  /** All it has told so far, oldest first. */
  get events() {
    const lines = this.#lab.log(`${this.#host}-agent`).split("\n");
    return lines.flatMap((line) => {
      try {
        return [JSON.parse(line)];
      } catch {
        return [];
      }
    });
  }

  /** Waits for the next event of this kind behind the `from`th; gives it. */
  tells(kind, { from = 0, seconds = 30 } = {}) {
    return until(
      `${this.#host} tells "${kind}"`,
      () => this.events.slice(from).find((event) => event.kind === kind),
      seconds,
    );
  }

  /** How often EAP succeeded and failed. */
  get eap() {
    const log = this.#lab.log(this.#host);
    const count = (what) => (log.match(new RegExp(`CTRL-EVENT-EAP-${what}`, "g")) ?? []).length;
    return { success: count("SUCCESS"), failure: count("FAILURE") };
  }

  show() {
    return this.#must(["device", "show", "--json", "--state", this.#state]).then(JSON.parse);
  }

  /** Ends its agent, not its supplicant, and asks its home to be released. What it said. */
  async leave() {
    await this.#lab.stop(this.#agent);
    this.#agent = null;
    const where = ["--json", "--state", this.#state, "--home", HOSTS.router.ip4];
    const words = ["device", "release", ...where, "--supplicant", this.#folder];
    const command = [process.execPath, DEVICE_PROGRAM, ...words];
    const { stdout, stderr } = await this.#lab.run(this.#host, command);
    return (stdout + stderr).trim();
  }

  /** Asks another device. What it said, whether it got what it asked for or not. */
  async ask(address, port, resource, ...options) {
    const where = ["--state", this.#state, "--serve-port", String(port)];
    const words = ["device", "ask", address, resource, ...where, ...options];
    const command = [process.execPath, DEVICE_PROGRAM, ...words];
    const { status, stdout, stderr } = await this.#lab.run(this.#host, command);
    return status === 0 ? stdout.trim() : stderr.trim();
  }

  /** Files that its supplicant reads: certificate, key and the home's root. */
  get credential() {
    const file = (name) => `${this.#folder}/${name}`;
    return { certificate: file("device.pem"), key: file("device.key"), root: file("home.pem") };
  }

  /** What it remembers, secrets and all. */
  get memory() {
    return JSON.parse(readFileSync(this.#state, "utf8"));
  }

  async #must(words) {
    const command = [process.execPath, DEVICE_PROGRAM, ...words];
    const { status, stdout, stderr } = await this.#lab.run(this.#host, command);
    if (status !== 0) throw new Broken(`homeca ${words.join(" ")}: ${stderr.trim()}`);
    return stdout;
  }
}
