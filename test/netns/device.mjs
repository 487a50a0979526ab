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
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { PROGRAM } from "./homeca.mjs";
import { HOSTS, until } from "./lab.mjs";
import { Broken } from "./steps.mjs";

export class Device {
  #lab;
  #host;
  #calendar;
  #agent = null;
  #supplicant = null;

  /**
   * @param host - the namespace it lives in
   * @param calendar - see calendar.mjs
   */
  constructor(lab, host, calendar) {
    this.#lab = lab;
    this.#host = host;
    this.#calendar = calendar;
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

  /** It is what another one was when this was remembered: a copy, made by whoever could read it. */
  pose(memory) {
    this.#lab.file(path.basename(this.#state), JSON.stringify(memory));
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
      `#!/bin/sh\ncase $1 in\njoined | renewed | released | pairing | found) exec wpa_cli -p ${control} -i eth0 reconfigure ;;\nesac\n`,
    );
    chmodSync(hook, 0o700);
    const where = home === null ? [] : ["--home", home];
    const rows = serve.flatMap((row) => ["--serve", row]);
    const served = serve.length === 0 ? [] : [...rows, "--serve-port", String(servePort)];
    const run = ["device", "run", "--json", "--state", this.#state, ...where, ...served];
    const network = ["--supplicant", this.#folder, "--control", control, "--hook", hook];
    const command = [...PROGRAM, ...run, ...network];
    this.#agent = this.#startProgram(`${this.#host}-agent`, command);
    const configuration = `${this.#folder}/wpa_supplicant.conf`;
    await until("the device writes its supplicant's configuration", () =>
      existsSync(configuration),
    );
    this.#supplicant = this.#startProgram(this.#host, [
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
    const { folder: house } = this.#lab;
    const [folder, state] = [this.#folder, this.#state];
    this.#lab = lab;
    cpSync(folder, this.#folder, { recursive: true });
    const configuration = `${this.#folder}/wpa_supplicant.conf`;
    const text = readFileSync(configuration, "utf8").replaceAll(house, lab.folder);
    writeFileSync(configuration, text);
    copyFileSync(state, this.#state);
    // The agent of a device that belongs to nobody writes it anew.
    if (this.memory.owner === null) rmSync(configuration);
    const search = `${state}.search`;
    if (existsSync(search)) copyFileSync(search, `${this.#state}.search`);
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

  /**
   * Waits for the next event of this kind, and for this reason, behind the `from`th; gives it.
   * @param hurries - whether minutes pass in seconds meanwhile
   */
  tells(kind, { from = 0, seconds = 30, reason = null, hurries = false } = {}) {
    const fits = (event) => event.kind === kind && (reason === null || event.reason === reason);
    const told = () => this.events.slice(from).find(fits);
    const what = `${this.#host} tells "${kind}"`;
    return hurries ? this.#calendar.hurry(what, told) : until(what, told, seconds);
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
    const { stdout, stderr } = await this.#run(words);
    return (stdout + stderr).trim();
  }

  /** Somebody with the device in their hands wants it paired anew. What it said. */
  async pair(...options) {
    const { stdout, stderr } = await this.#run([
      "device",
      "pair",
      "--state",
      this.#state,
      ...options,
    ]);
    return (stdout + stderr).trim();
  }

  /** Asks another device. What it said, whether it got what it asked for or not. */
  async ask(address, port, resource, ...options) {
    const where = ["--state", this.#state, "--serve-port", String(port)];
    const words = ["device", "ask", address, resource, ...where, ...options];
    const { status, stdout, stderr } = await this.#run(words);
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
    const { status, stdout, stderr } = await this.#run(words);
    if (status !== 0) throw new Broken(`homeca ${words.join(" ")}: ${stderr.trim()}`);
    return stdout;
  }
  #run(words) {
    const command = [...PROGRAM, ...words];
    return this.#lab.run(this.#host, this.#calendar.command(command));
  }

  #startProgram(name, command) {
    return this.#calendar.start(this.#lab, this.#host, name, command);
  }
}
