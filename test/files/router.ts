/**
 * The few words of OpenWrt's rc.common, functions.sh and procd.sh that our
 * scripts use, in a shell of busybox and below a root of their own: what procd
 * would be told is printed, a line each.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

/** Sections by name; a value that is a list stands for a UCI list. */
export type Uci = Readonly<
  Record<string, { readonly type: string } & Readonly<Record<string, string | readonly string[]>>>
>;

const WORDS = `
  config_load() { :; }
  config_get() { eval "$1=\\"\\\${CFG_$2_$3:-$4}\\""; }
  config_get_bool() { config_get "$@"; }
  config_list_foreach() {
    local all each
    eval "all=\\"\\\${CFG_$1_$2}\\""
    for each in $all; do "$3" "$each"; done
  }
  config_foreach() {
    local each
    for each in $CFG_SECTIONS; do
      [ "\${each%%=*}" = "$2" ] && "$1" "\${each#*=}" "$3" "$4"
    done
    return 0
  }
  chown() { echo "chown $*"; }
  logger() { shift 4; echo "logger $*"; }
  rc_procd() { "$@" && service_data; }
  procd_running() { [ -n "$RUNNING" ]; }
  for word in procd_open_instance procd_set_param procd_close_instance procd_add_jail \\
    procd_add_jail_mount procd_add_jail_mount_rw \\
    procd_add_reload_trigger procd_add_raw_trigger procd_set_config_changed procd_send_signal \\
    json_add_array json_close_array json_add_object json_close_object json_add_string; do
    eval "$word() { echo \\"\${word#procd_} \\$*\\"; }"
  done
`;

export class Router {
  readonly root: string = mkdtempSync(path.join(tmpdir(), "homeca-router-"));

  constructor(uci: Uci = {}) {
    for (const folder of ["etc/config", "sbin", "var/run", "sys/class/net"]) {
      mkdirSync(path.join(this.root, folder), { recursive: true });
    }
    writeFileSync(path.join(this.root, "etc/config/homeca"), "");
    this.#uci = { main: { type: "homeca" }, ...uci };
  }

  readonly #uci: Uci;

  file(name: string, text: string, mode = 0o644): void {
    const whole = path.join(this.root, name);
    mkdirSync(path.dirname(whole), { recursive: true });
    writeFileSync(whole, text, { mode });
  }

  /** With ujail, its capabilities and the user. */
  confined(): this {
    this.file("sbin/ujail", "#!/bin/sh\n", 0o755);
    this.file("etc/capabilities/homeca.json", "{}");
    this.file("etc/passwd", "homeca:x:32768:32768:homeca:/var/run/homeca:/bin/false\n");
    return this;
  }

  /** Sources `script` of files/ and runs `words` then; @returns the lines said, with the root of this router cut off. */
  run(
    script: string,
    words: string,
    environment: Readonly<Record<string, string>> = {},
  ): readonly string[] {
    const { status, stdout, stderr } = this.tryRun(script, words, environment);
    if (status !== 0 || stderr !== "") throw new Error(`${script}: status ${status}, ${stderr}`);
    return stdout;
  }

  tryRun(
    script: string,
    words: string,
    environment: Readonly<Record<string, string>> = {},
  ): {
    readonly status: number | null;
    readonly stdout: readonly string[];
    readonly stderr: string;
  } {
    const text = `${this.#variables()}\n${WORDS}\n. '${path.resolve("files", script)}'\n${words}\n`;
    const env = { PATH: process.env["PATH"] ?? "", HOMECA_ROOT: this.root, ...environment };
    const { status, stdout, stderr } = spawnSync("busybox", ["sh", "-c", text], {
      encoding: "utf8",
      env,
    });
    const lines = stdout.replaceAll(this.root, "").split("\n").slice(0, -1);
    return { status, stdout: lines.map((line) => line.trimEnd()), stderr };
  }

  #variables(): string {
    const sections = Object.entries(this.#uci);
    const all = sections.map(([name, { type }]) => `${type}=${name}`).join(" ");
    const values = sections.flatMap(([name, options]) =>
      Object.entries(options).map(([option, value]) => {
        const text = typeof value === "string" ? value : value.join(" ");
        return `CFG_${name}_${option}='${text.replaceAll("'", `'\\''`)}'`;
      }),
    );
    return [`CFG_SECTIONS='${all}'`, ...values].join("\n");
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}
