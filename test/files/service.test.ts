/** The router's scripts, under busybox: what procd, the firewall and the kernel would be told. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, utimesSync } from "node:fs";
import path from "node:path";
import { assert, skip, test } from "#kit";
import { Router } from "./router.ts";
import type { Uci } from "./router.ts";

const SERVICE = "etc/init.d/homeca";
const SCRIPTS = [
  SERVICE,
  "etc/init.d/homeca-firewall",
  "etc/init.d/homeca-setup",
  "etc/uci-defaults/50-homeca",
  "etc/hotplug.d/net/30-homeca",
  "etc/hotplug.d/ntp/30-homeca",
  "usr/libexec/rpcd/homeca-setup",
  "usr/share/homeca/firewall.include",
] as const;

const has = (program: string): boolean =>
  spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;

if (has("busybox")) suite();
else skip("the router's scripts", "needs busybox");

if (has("shellcheck")) {
  test("shellcheck finds nothing in the router's scripts", () => {
    const files = SCRIPTS.map((name) => path.join("files", name));
    // Words of rc.common are unknown to it, and what it reads by sourcing.
    const words = ["-s", "dash", "-e", "SC2034,SC2154,SC1090,SC3043", ...files];
    const { status, stdout } = spawnSync("shellcheck", words, { encoding: "utf8" });
    assert.equal(status, 0, stdout);
  });
} else skip("shellcheck finds nothing in the router's scripts", "needs shellcheck");

function withRouter(uci: Uci, body: (router: Router) => void): void {
  const router = new Router(uci);
  try {
    body(router);
  } finally {
    router.remove();
  }
}

function suite(): void {
  // State and socket below the router's own root: the script makes those folders.
  const stateful = (router: Router): string =>
    `CFG_main_state_dir='${router.root}/etc/homeca'; CFG_main_socket='${router.root}/var/run/homeca/homeca.sock'`;
  const start = (
    router: Router,
    words = "rc_procd start_service",
    environment = {},
  ): readonly string[] => router.run(SERVICE, `${stateful(router)}; ${words}`, environment);

  test("every script of the router is one that busybox reads", () => {
    for (const name of SCRIPTS) {
      const { status, stderr } = spawnSync("busybox", ["sh", "-n", path.join("files", name)], {
        encoding: "utf8",
      });
      assert.deepEqual([status, stderr], [0, ""], name);
    }
  });

  test("the service runs in a jail as its own user, with two capabilities and its own folders", () => {
    withRouter({}, (router) => {
      const told = start(router.confined());
      const nft = told
        .find((line) => line.startsWith("add_jail_mount /"))
        ?.split(" ")
        .at(-1);
      assert.match(nft ?? "", /\/nft$/u);
      assert.deepEqual(told, [
        "chown -hR homeca:homeca /etc/homeca",
        "chown -hR homeca:homeca /var/run/homeca",
        "chown root:homeca /etc/config/homeca",
        "open_instance homeca",
        "set_param command /usr/sbin/homeca serve --config /etc/config/homeca --syslog",
        "set_param file /usr/sbin/homeca",
        "set_param respawn 3600 10 0",
        "set_param term_timeout 10",
        "set_param limits core=0",
        "set_param stderr 1",
        "add_jail homeca log ubus procfs sysfs",
        `add_jail_mount /etc/config ${nft}`,
        "add_jail_mount_rw /etc/homeca /var/run/homeca",
        "set_param capabilities /etc/capabilities/homeca.json",
        "set_param user homeca",
        "set_param group homeca",
        "set_param no_new_privs 1",
        "close_instance",
        "json_add_array firewall",
        "json_close_array",
      ]);
      const modeOf = (name: string): number => statSync(path.join(router.root, name)).mode & 0o777;
      assert.deepEqual(
        ["etc/homeca", "var/run/homeca", "etc/config/homeca"].map(modeOf),
        [0o700, 0o700, 0o640],
      );
    });
  });

  test("without ujail, its capabilities or the user it runs as root, and changes no owner", () => {
    for (const lacking of ["sbin/ujail", "etc/capabilities/homeca.json", "etc/passwd"]) {
      withRouter({}, (router) => {
        router.confined();
        spawnSync("rm", [path.join(router.root, lacking)]);
        const told = start(router);
        assert.ok(told.includes("set_param file /usr/sbin/homeca"));
        assert.deepEqual(
          told.filter((line) => /chown|jail|user|capabilities/u.test(line)),
          [],
          lacking,
        );
      });
    }
  });

  test("a link in place of a folder, and a folder that is not HomeCA's alone, are refused in one line", () => {
    withRouter({}, (router) => {
      router.confined();
      mkdirSync(path.join(router.root, "elsewhere"));
      symlinkSync(path.join(router.root, "elsewhere"), path.join(router.root, "etc/homeca"));
      const { status, stdout } = router.tryRun(SERVICE, `${stateful(router)}; start_service`);
      assert.equal(status, 1);
      assert.deepEqual(stdout, [
        "logger /etc/homeca is not a folder: put one there, or correct /etc/config/homeca",
      ]);
    });
    for (const folder of ["/etc", "etc/homeca", "/", "/etc/homeca/..", "/nowhere/../there"]) {
      withRouter({}, (router) => {
        // The socket's folder is looked at behind it, should this one be taken after all.
        const words = `${stateful(router)}; CFG_main_state_dir='${folder}'; mkdir() { :; }; chmod() { :; }; start_service`;
        const { status, stdout } = router.confined().tryRun(SERVICE, words);
        assert.equal(status, 1, folder);
        assert.deepEqual(stdout, [
          `logger '${folder}' is no folder for HomeCA alone: correct state_dir and socket in /etc/config/homeca`,
        ]);
      });
    }
  });

  test("CoAPs, mDNS and EST are opened on the bridges of controlled ports, RADIUS to access points elsewhere", () => {
    const uci: Uci = {
      main: { type: "homeca", interface: ["phy0-ap0", "phy1-ap0", "lan4", "a;b"] },
      coaps: { type: "coaps", listen: ["0.0.0.0", "::"], discovery: ["br-iot"] },
      est: { type: "est", enabled: "1", port: "443" },
      local: { type: "client", prefix: "127.0.0.1" },
      local6: { type: "client", prefix: "::1" },
      attic: { type: "client", prefix: "192.168.1.2" },
      cellar: { type: "client", prefix: "fd00::/64" },
      hostile: { type: "client", prefix: '1" target "DROP' },
    };
    withRouter(uci, (router) => {
      for (const name of ["phy0-ap0", "phy1-ap0"]) {
        mkdirSync(path.join(router.root, "sys/class/net", name));
        symlinkSync("../br-iot", path.join(router.root, "sys/class/net", name, "master"));
      }
      start(router);
      assert.deepEqual(
        readFileSync(path.join(router.root, "var/run/homeca.openings"), "utf8"),
        [
          "HomeCA-CoAPs|udp|5684|device|br-iot",
          "HomeCA-mDNS|udp|5353|device|br-iot",
          "HomeCA-EST|tcp|443|device|br-iot",
          "HomeCA-CoAPs|udp|5684|device|lan4",
          "HomeCA-mDNS|udp|5353|device|lan4",
          "HomeCA-EST|tcp|443|device|lan4",
          "HomeCA-RADIUS|udp|1812 1813|src_ip|192.168.1.2",
          "HomeCA-RADIUS|udp|1812 1813|src_ip|fd00::/64",
          "",
        ].join("\n"),
      );
    });
  });

  test("each opening is a rule of the firewall: from there, to these ports, and no more", () => {
    const uci: Uci = {
      main: { type: "homeca", interface: ["lan4"] },
      coaps: { type: "coaps", listen: ["::"] },
      attic: { type: "client", prefix: "192.168.1.2" },
    };
    withRouter(uci, (router) => {
      const told = start(router);
      assert.deepEqual(told.slice(told.indexOf("json_add_array firewall")), [
        "json_add_array firewall",
        "json_add_object",
        "json_add_string type rule",
        "json_add_string name HomeCA-CoAPs",
        "json_add_string src *",
        "json_add_string device lan4",
        "json_add_string direction in",
        "json_add_string proto udp",
        "json_add_string dest_port 5684",
        "json_add_string target ACCEPT",
        "json_close_object",
        "json_add_object",
        "json_add_string type rule",
        "json_add_string name HomeCA-RADIUS",
        "json_add_string src *",
        "json_add_string src_ip 192.168.1.2",
        "json_add_string proto udp",
        "json_add_string dest_port 1812 1813",
        "json_add_string target ACCEPT",
        "json_close_object",
        "json_close_array",
      ]);
    });
  });

  test("a reload signals the daemon, leaves its folders alone, and tells the firewall of a change only", () => {
    withRouter({ main: { type: "homeca", interface: ["lan4"] } }, (router) => {
      router.confined();
      start(router);
      const running = { RUNNING: "1" };
      const same = start(router, "reload_service", running);
      assert.ok(same.includes("send_signal homeca"));
      assert.ok(!same.some((line) => line.startsWith("chown -hR")));
      assert.ok(same.includes("chown root:homeca /etc/config/homeca"));
      assert.ok(!same.includes("set_config_changed firewall"));
      const more = "CFG_est_enabled=1; reload_service";
      assert.equal(start(router, more, running).at(-1), "set_config_changed firewall");
    });
  });

  test("what changes in the configuration, the networks and the access point makes it look again", () => {
    withRouter({}, (router) => {
      assert.deepEqual(router.run(SERVICE, "service_triggers"), [
        "add_reload_trigger homeca",
        "add_raw_trigger interface.* 2000 /etc/init.d/homeca reload",
        "add_raw_trigger hostapd.* 1000 /etc/init.d/homeca reload",
      ]);
      assert.deepEqual(router.run(SERVICE, "service_started; service_stopped"), [
        "set_config_changed firewall",
        "set_config_changed firewall",
      ]);
    });
  });

  test("the firewall is closed before the network comes up, the daemon starts behind it, the radios later", () => {
    const numberOf = (name: string): number =>
      Number(/^START=(\d+)$/mu.exec(readFileSync(path.join("files", name), "utf8"))?.[1]);
    // The network is 20 (netifd); procd runs them in this order.
    assert.ok(numberOf("etc/init.d/homeca-firewall") < 20);
    assert.ok(numberOf(SERVICE) > 20);
  });

  test("an upgrade of the package opens nothing; taking it off does", () => {
    withRouter({}, (router) => {
      const words = `nft() { echo "nft $*"; }; stop`;
      const stop = (environment: Readonly<Record<string, string>>): readonly string[] =>
        router.run("etc/init.d/homeca-firewall", words, environment);
      assert.deepEqual(stop({ PKG_UPGRADE: "1" }), []);
      assert.deepEqual(stop({}), [
        "nft delete table bridge homeca",
        "nft delete table inet homeca",
      ]);
    });
  });

  test("the defaults hook into the firewall once, without a word, and again change nothing", () => {
    const uci = `uci() { case "$*" in *get*) [ -n "$THERE" ] ;; *) cat >&3 ;; esac; }`;
    const changes = (there: string): string => {
      const script = `exec 3>&1 >/dev/null; ${uci}; . files/etc/uci-defaults/50-homeca`;
      const { status, stdout, stderr } = spawnSync("busybox", ["sh", "-c", script], {
        encoding: "utf8",
        env: { PATH: process.env["PATH"], THERE: there },
      });
      assert.deepEqual([status, stderr], [0, ""]);
      return stdout;
    };
    assert.deepEqual(changes("").trim().split("\n"), [
      "set firewall.homeca='include'",
      "set firewall.homeca.type='script'",
      "set firewall.homeca.path='/usr/share/homeca/firewall.include'",
      "set firewall.homeca.fw4_compatible='1'",
    ]);
    assert.equal(changes("yes"), "");
  });

  test("after a load of the firewall that took our tables away they are closed again, else nothing happens", () => {
    const asked = (present: string): readonly string[] => {
      const said: string[] = [];
      withRouter({}, (router) => {
        router.file(
          "tools/nft",
          `#!/bin/sh\ncase "$*" in *"$PRESENT"*) exit 0 ;; *) exit 1 ;; esac\n`,
          0o755,
        );
        const text = readFileSync("files/usr/share/homeca/firewall.include", "utf8").replaceAll(
          "/etc/init.d/",
          "asked ",
        );
        const env = { PATH: `${router.root}/tools:${process.env["PATH"]}`, PRESENT: present };
        const words = ["sh", "-c", `asked() { echo "$*"; }\n${text}`];
        const { status, stdout } = spawnSync("busybox", words, { encoding: "utf8", env });
        assert.equal(status, 0);
        said.push(...stdout.split("\n").slice(0, -1));
      });
      return said;
    };
    assert.deepEqual(asked("table"), []);
    for (const left of ["table inet", "table bridge", "nothing"]) {
      assert.deepEqual(asked(left), [
        "homeca-firewall enabled",
        "homeca-firewall start",
        "homeca running",
        "homeca reload",
      ]);
    }
  });

  test("a known time is marked in /etc once a day, and an unknown one never", () => {
    withRouter({}, (router) => {
      const mark = path.join(router.root, "etc/homeca.clock");
      const hotplug = (action: string): void => {
        const script = `. '${path.resolve("files/etc/hotplug.d/ntp/30-homeca")}'`;
        const env = { PATH: process.env["PATH"], HOMECA_ROOT: router.root, ACTION: action };
        const { status, stdout, stderr } = spawnSync("busybox", ["sh", "-c", script], {
          encoding: "utf8",
          env,
        });
        assert.deepEqual([status, stdout, stderr], [0, "", ""]);
      };
      hotplug("unsync");
      assert.ok(!existsSync(mark));
      hotplug("stratum");
      const hourAgo = Math.floor(Date.now() / 1000) - 3600;
      utimesSync(mark, hourAgo, hourAgo);
      hotplug("periodic");
      assert.equal(statSync(mark).mtimeMs, hourAgo * 1000);
      const daysAgo = hourAgo - 2 * 86_400;
      utimesSync(mark, daysAgo, daysAgo);
      hotplug("periodic");
      assert.ok(statSync(mark).mtimeMs > hourAgo * 1000);
    });
  });

  test("ubus lets the daemon publish one object and ask hostapd what it needs, nothing else", () => {
    const acl: { readonly user: string; readonly publish: unknown; readonly access: object } =
      JSON.parse(readFileSync("files/usr/share/acl.d/homeca.json", "utf8"));
    assert.deepEqual([acl.user, acl.publish], ["homeca", ["homeca"]]);
    assert.deepEqual(Object.keys(acl.access), ["hostapd", "hostapd.*", "system"]);
    const { mode } = statSync("files/usr/share/acl.d/homeca.json");
    assert.equal(mode & 0o022, 0);
  });

  test("all five lists of capabilities are the same two", () => {
    const lists: Readonly<Record<string, readonly string[]>> = JSON.parse(
      readFileSync("files/etc/capabilities/homeca.json", "utf8"),
    );
    assert.deepEqual(Object.keys(lists).sort(), [
      "ambient",
      "bounding",
      "effective",
      "inheritable",
      "permitted",
    ]);
    for (const list of Object.values(lists)) {
      assert.deepEqual(list, ["CAP_NET_ADMIN", "CAP_NET_BIND_SERVICE"]);
    }
  });

  test("every backup keeps the state", () => {
    assert.equal(
      readFileSync("files/lib/upgrade/keep.d/homeca", "utf8"),
      "/etc/homeca\n/etc/homeca-setup\n",
    );
  });
}
