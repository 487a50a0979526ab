/** What luci-app-homeca grants in LuCI, and what its pages may call: one table says both. */
import { readdirSync, readFileSync } from "node:fs";
import { assert, test } from "#kit";
import { METHODS } from "../../src/daemon/management/methods.ts";

interface Rights {
  readonly ubus: Readonly<Record<string, readonly string[]>>;
}

const file = (name: string): string => readFileSync(`luci-app/${name}`, "utf8");
const acl = (
  JSON.parse(file("root/usr/share/rpcd/acl.d/luci-app-homeca.json")) as Record<
    string,
    { readonly read: Rights; readonly write: Rights }
  >
)["luci-app-homeca"]!; // The file is ours.

const named = (access: "read" | "write"): readonly string[] =>
  METHODS.filter((method) => method.access === access)
    .map(({ name }) => name)
    .toSorted();

test("who may look may call what reads, and who may change what writes; nobody anything else", () => {
  assert.deepEqual([...acl.read.ubus["homeca"]!].toSorted(), named("read"));
  assert.deepEqual([...acl.write.ubus["homeca"]!].toSorted(), named("write"));
  const objects = ["homeca", "homeca-setup"];
  assert.deepEqual(Object.keys(acl.read.ubus), objects);
  assert.deepEqual(Object.keys(acl.write.ubus), objects);
  assert.deepEqual(acl.read.ubus["homeca-setup"], ["plan", "state"]);
  assert.deepEqual(acl.write.ubus["homeca-setup"], ["apply", "confirm", "undo"]);
});

test("no file and no configuration is granted: the one of HomeCA has the secrets of access points", () => {
  assert.deepEqual(Object.keys(acl.read), ["ubus"]);
  assert.deepEqual(Object.keys(acl.write), ["ubus"]);
});

test("the pages know every method with its arguments, and no other", () => {
  const source = file("htdocs/luci-static/resources/homeca/api.js");
  const [, table = ""] = /const METHODS = (\{[^}]*\})/u.exec(source) ?? [];
  const known = JSON.parse(table.replaceAll(/(\w+):/gu, '"$1":').replaceAll("'", '"')) as Record<
    string,
    readonly string[]
  >;
  const declared = METHODS.map(({ name, arguments: own }) => [name, own.map((one) => one.name)]);
  assert.deepEqual(known, Object.fromEntries(declared));
});

test("every page of the menu is there, and asks for the right to be seen", () => {
  const menu = JSON.parse(file("root/usr/share/luci/menu.d/luci-app-homeca.json")) as Record<
    string,
    {
      readonly action: { readonly type: string; readonly path?: string };
      readonly depends?: object;
    }
  >;
  assert.deepEqual(menu["admin/services/homeca"]!.depends, {
    acl: ["luci-app-homeca"],
    uci: { homeca: true },
  });
  for (const [path, { action }] of Object.entries(menu)) {
    if (action.type !== "view") continue;
    const view = file(`htdocs/luci-static/resources/view/${action.path}.js`);
    assert.match(view, /^'use strict';\n'require view';/u, path);
  }
});

test("no page has script or style in its markup, or hands text to E() outside an array", () => {
  const folder = "htdocs/luci-static/resources";
  const names = ["homeca", "view/homeca", "view/status/include"].flatMap((part) =>
    readdirSync(`luci-app/${folder}/${part}`).map((name) => `${folder}/${part}/${name}`),
  );
  const sources = names.filter((name) => name.endsWith(".js"));
  assert.ok(sources.length >= 10);
  const forbidden = [
    /(?:inner|outer)HTML\s*\+?=[^=]|insertAdjacentHTML|document\.write|\beval\b/u,
    /'(?:style|on[a-z]+)':/u,
    // E(tag, attributes, 'text') would be markup: what follows the attributes is an array or a node.
    /E\('\w+', \{[^{}]*\}, (?:_\(|'|`|[a-z.]+\.(?:name|text|message)\b)/u,
  ];
  for (const name of sources) {
    for (const pattern of forbidden) {
      assert.equal(pattern.exec(file(name))?.[0] ?? null, null, name);
    }
  }
});
