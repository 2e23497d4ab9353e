import assert from "node:assert/strict";
import { join } from "node:path";
import { hostImports } from "../../../src/run/wasi/host.ts";
import { InstanceResources } from "../../../src/run/wasi/resources.ts";
import { GuestHost } from "../../support/wasm/guest_host.ts";

/** An interface in WIT: its own functions and those of its resources. */
interface Interface {
  readonly name: string;
  readonly functions: string[];
  readonly resources: Map<string, { methods: string[]; statics: string[] }>;
}

/** Parses the part of WIT that `support/wasm/wit/wasi.wit` uses. */
function readInterfaces(wit: string): Interface[] {
  const found: Interface[] = [];
  let [namespace, resource] = ["", ""];
  for (const line of wit.split("\n").map((line) => line.trim())) {
    const [, keyword, name = ""] = /^(package|interface|resource) ([^\s{;]+)/.exec(line) ?? [];
    const [, called, isStatic] = /^%?([\w-]+): (static )?(?:async )?func\(/.exec(line) ?? [];
    const last = found.at(-1)!;
    if (keyword === "package") namespace = name.replace(/@.*/, "");
    else if (keyword === "interface") {
      found.push({ name: `${namespace}/${name}`, functions: [], resources: new Map() });
      resource = "";
    } else if (keyword === "resource") {
      last.resources.set(name, { methods: [], statics: [] });
      resource = line.endsWith(";") ? "" : name;
    } else if (called !== undefined) {
      if (resource === "") last.functions.push(called);
      else last.resources.get(resource)![isStatic ? "statics" : "methods"].push(called);
    } else if (line === "}") resource = "";
  }
  return found;
}

const camel = (name: string) => name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
const pascal = (name: string) => camel(`-${name}`);

const wit = Deno.readTextFileSync(join(import.meta.dirname!, "../../support/wasm/wit/wasi.wit"));
/** Interfaces that components export instead of importing. */
const EXPORTED = ["wasi:cli/run", "wasi:http/incoming-handler"];
const interfaces = readInterfaces(wit).filter(({ name }) => !EXPORTED.includes(name));

Deno.test("readInterfaces parses every interface of the WIT file", () => {
  assert(interfaces.length > 20);
  const types = interfaces.find(({ name }) => name === "wasi:http/types")!;
  assert.deepEqual(types.functions, ["http-error-code"]);
  assert.deepEqual(types.resources.get("incoming-body"), {
    methods: ["stream"],
    statics: ["finish"],
  });
});

for (const { name, functions, resources } of interfaces) {
  Deno.test(`hostImports has every function of ${name}`, () => {
    using instance = new InstanceResources();
    const imports = hostImports(new GuestHost().host, instance)[name] as Record<string, unknown>;
    for (const each of functions) assert.equal(typeof imports[camel(each)], "function", each);
    for (const [resource, { methods, statics }] of resources) {
      const type = imports[pascal(resource)] as { prototype: object } & Record<string, unknown>;
      assert.equal(typeof type, "function", resource);
      for (const each of methods) assert(camel(each) in type.prototype, `${resource}.${each}`);
      for (const each of statics) assert.equal(typeof type[camel(each)], "function", each);
    }
  });
}
