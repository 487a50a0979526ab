// HomeCA as its owner sees it: the daemon, its configuration and its command line, in the router's
// namespace. The one place of the lab that knows the names of commands and options.
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { bundleProduct } from "../../build/bundle.mjs";
import { CONFIG, DAS_SECRET, RADIUS_SECRET, root, until } from "./lab.mjs";
import { Broken } from "./steps.mjs";

/** Another build can be put in place of the one made here, such as `dist/homecad`. */
const { HOMECA: OTHER } = process.env;
const PRODUCT = path.join(root, "dist/homeca.mjs");
/** The first words of every command: daemon, owner's and device's. */
export const PROGRAM = OTHER === undefined ? [process.execPath, PRODUCT] : [path.resolve(OTHER)];
export const PASSWORD = "correct horse battery";

/** Builds dist/homeca.mjs where that is what runs; null, or what is missing. */
export async function buildHomeca() {
  if (OTHER === undefined) await bundleProduct();
  const program = OTHER ?? PRODUCT;
  return existsSync(program) ? null : program;
}

/** The wired lab: each controlled port is a RADIUS client of its own. */
function wired({ authPort, coaps }) {
  const clients = CONFIG.interfaces.flatMap((port, index) => [
    `config client '${port}'`,
    `\toption prefix '127.0.0.1${index + 1}'`,
    `\toption secret '${RADIUS_SECRET}'`,
    "\toption das_address '127.0.0.1'",
    `\toption das_port '${3801 + index}'`,
    `\toption das_secret '${DAS_SECRET}'`,
  ]);
  const devices = [
    "config coaps 'coaps'",
    `\toption port '${String(coaps)}'`,
    "\tlist listen '0.0.0.0'",
    "\tlist listen '::'",
    ...CONFIG.bridges.map((bridge) => `\tlist discovery '${bridge}'`),
  ];
  return [
    // These belong to the main section.
    ...CONFIG.interfaces.map((port) => `\tlist interface '${port}'`),
    "config radius 'radius'",
    "\tlist listen '127.0.0.1'",
    `\toption auth_port '${authPort}'`,
    `\toption acct_port '${authPort + 1}'`,
    "\toption session_seconds '3600'",
    "\toption quarantine_seconds '600'",
    "config limits 'limits'",
    "\toption onboarding_per_minute '60'",
    ...(coaps === null ? [] : devices),
    ...clients,
  ];
}

export class Homeca {
  #lab;
  #name;
  #config;
  #socket;
  #calendar;
  #child = null;

  /**
   * @param name - of its files, and the name of the home
   * @param authPort - its RADIUS port; accounting is the next one
   * @param enforce - nft, show or off
   * @param coaps - whether devices are met over CoAPs, and at which port
   * @param calendar - see calendar.mjs; null for the machine's clock
   * @param sections - lines of UCI text behind the main section, in place of the lab's own
   */
  constructor(
    lab,
    name,
    { authPort = 1812, enforce = "nft", coaps = null, calendar = null, sections = null } = {},
  ) {
    this.#lab = lab;
    this.#name = name;
    this.#calendar = calendar;
    this.#socket = lab.file(`${name}.sock`);
    mkdirSync(this.folder, { mode: 0o700 });
    const main = [
      "config homeca 'main'",
      `\toption enforce '${enforce}'`,
      `\toption home_name '${name}'`,
      `\toption state_dir '${this.folder}'`,
      `\toption socket '${this.#socket}'`,
    ];
    const lines = [...main, ...(sections ?? wired({ authPort, coaps }))];
    this.#config = lab.file(`${name}.uci`, lines.join("\n") + "\n");
  }

  /** Where its keys and journal are. */
  get folder() {
    return this.#lab.file(`${this.#name}.state`);
  }

  async start() {
    const command = [...PROGRAM, "serve", "--config", this.#config];
    this.#child = this.#started(command);
    const answers = async () => {
      if (this.#child.exitCode !== null) {
        throw new Error(`HomeCA ended: ${this.#lab.log(this.#name).trim().split("\n").at(-1)}`);
      }
      return (await this.#run(["status", "--json"])).status === 0;
    };
    await until("HomeCA answers", answers, this.#lab.patience / 2);
  }

  /** Ends it as a crash would, unless told otherwise. */
  async stop(signal = "SIGKILL") {
    await this.#lab.stop(this.#child, signal);
  }

  status() {
    return this.#json(["status"]);
  }

  async devices() {
    return (await this.#json(["devices"])).devices;
  }

  /** The one device that fits, or null. */
  async device(fits) {
    const found = (await this.devices()).filter(fits);
    if (found.length > 1) throw new Broken(`${found.length} devices where one was meant`);
    return found[0] ?? null;
  }

  approve(id) {
    return this.#json(["approve", id]);
  }

  show(id) {
    return this.#json(["show", id]);
  }

  /** What happened to a device, oldest first. */
  events(id) {
    return this.#json(["log", "--device", id]);
  }

  /** Looks for devices, for so many seconds; 0 ends it. */
  search(seconds, ...options) {
    return this.#json(["search", "--seconds", String(seconds), ...options]);
  }

  async import(file) {
    return this.#json(["import", file]);
  }

  /** Lets a device ask something of others. */
  grant(id, to, resource, methods) {
    return this.#json(["grant", id, "--to", to, "--path", resource, "--methods", methods]);
  }

  withhold(id, to, ...options) {
    return this.#json(["withhold", id, "--to", to, ...options]);
  }

  group(id, name) {
    return this.#json(["group", id, name]);
  }

  deny(id) {
    return this.#json(["deny", id]);
  }

  revoke(id) {
    return this.#json(["revoke", id]);
  }

  /** Gives the device up; waits for its receipt. */
  release(id) {
    return this.#json(["release", id]);
  }

  lock(id) {
    return this.#json(["lock", id]);
  }

  unlock(id) {
    return this.#json(["unlock", id]);
  }

  reload() {
    return this.#json(["reload"]);
  }

  /** What it has written to its log so far. */
  get log() {
    return this.#lab.log(this.#name);
  }

  /** The certificate for a request and the chain behind it, in PEM, in the file. */
  async sign(id, requestFile, chainFile) {
    await this.#must(["sign", id, requestFile, "--out", chainFile]);
  }

  /** A new device's PKCS#12, protected by PASSWORD; gives its id. */
  async issue(name, p12File) {
    const password = this.#lab.file("password", `${PASSWORD}\n`);
    const options = ["--name", name, "--p12", p12File, "--password-file", password];
    return (await this.#json(["issue", ...options])).id;
  }

  /** Writes its root certificate to the file. */
  async authority(file) {
    this.#lab.file(path.basename(file), await this.#must(["authority", "--pem"]));
  }

  /**
   * A certificate that its issuing key signed but nobody asked it for, with dates of openssl's form:
   * NAME.pem with the issuing CA behind it, and NAME.key.
   */
  forge(name, from, to) {
    const lab = this.#lab;
    const issuing = (ending) => path.join(this.folder, `ca/issuing.${ending}`);
    lab.openssl(
      "req",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-noenc",
      "-subj",
      `/CN=${name}`,
      "-keyout",
      `${name}.key`,
      "-out",
      `${name}.csr`,
    );
    lab.file("forge.index", "");
    const section = [
      "[forge]",
      `database = ${lab.file("forge.index")}`,
      `serial = ${lab.file("forge.serial")}`,
      "policy = any",
      "[any]",
      "commonName = supplied",
      "[device]",
      "basicConstraints = critical,CA:FALSE",
      "keyUsage = critical,digitalSignature",
      "extendedKeyUsage = clientAuth",
      "subjectKeyIdentifier = hash",
      "authorityKeyIdentifier = keyid",
    ];
    lab.openssl(
      "ca",
      "-batch",
      "-notext",
      "-config",
      lab.file("forge.conf", section.join("\n") + "\n"),
      "-name",
      "forge",
      "-extensions",
      "device",
      "-md",
      "sha256",
      "-rand_serial",
      "-startdate",
      from,
      "-enddate",
      to,
      "-cert",
      issuing("pem"),
      "-keyfile",
      issuing("key"),
      "-outdir",
      lab.folder,
      "-in",
      `${name}.csr`,
      "-out",
      `${name}.leaf`,
    );
    lab.file(`${name}.pem`, readFileSync(lab.file(`${name}.leaf`)) + readFileSync(issuing("pem")));
  }

  #started(command) {
    const calendar = this.#calendar;
    return calendar === null
      ? this.#lab.start("router", this.#name, command)
      : calendar.start(this.#lab, "router", this.#name, command);
  }

  #run(words) {
    const command = [...PROGRAM, ...words, "--socket", this.#socket];
    return this.#lab.run("router", command);
  }

  async #must(words) {
    const { status, stdout, stderr } = await this.#run(words);
    if (status !== 0)
      throw new Broken(`homeca ${words[0]}: ${stderr.trim() || `status ${status}`}`);
    return stdout;
  }

  async #json(words) {
    return JSON.parse(await this.#must([...words, "--json"]));
  }
}
