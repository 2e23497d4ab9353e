import assert from "node:assert/strict";
import { permissionsFor } from "../../../src/run/engine/permissions.ts";
import { parseHostRule, parseOutboundRule } from "../../../src/run/grants/outbound_rule.ts";
import type { MountedFile } from "../../../src/run/wasi/filesystem/tree_volume.ts";
import type { HostSettings } from "../../../src/run/wasi/host.ts";
import { NOTHING } from "../../support/wasm/guest_host.ts";

const stored = (hostPath: string): MountedFile => ({
  kind: "file",
  size: 1,
  content: { hostPath },
});

const NONE = {
  read: false,
  write: false,
  net: false,
  env: false,
  run: false,
  ffi: false,
  sys: false,
  import: false,
};

const rules = (...texts: string[]) => texts.map(parseHostRule);

const CASES: [name: string, settings: Partial<HostSettings>, permissions: object][] = [
  ["nothing", {}, {}],
  [
    "environment and input",
    { env: [["A", "1"]], stdin: "inherit" },
    {},
  ],
  [
    "folders",
    {
      mounts: [
        { kind: "folder", guest: "/a", host: "/x", readOnly: true },
        { kind: "folder", guest: "/b", host: "/y", readOnly: false },
      ],
    },
    { read: ["/x", "/y"], write: ["/y"] },
  ],
  [
    "static files",
    {
      mounts: [{
        kind: "tree",
        guest: "/",
        tree: {
          kind: "folder",
          entries: new Map<string, MountedFile>([
            ["a", stored("/cache/1")],
            ["b", stored("/cache/1")],
            ["c", { kind: "file", size: 1, content: { bytes: new Uint8Array(1) } }],
          ]),
        },
      }],
    },
    { read: ["/cache/1"] },
  ],
  [
    "hosts",
    { allowedHosts: rules("example.com", "example.com:81", "[::1]:80") },
    { net: ["example.com", "example.com:81", "[::1]:80"] },
  ],
  [
    "a scheme's port",
    { allowedHosts: [parseOutboundRule("https://example.com")] },
    { net: ["example.com:443"] },
  ],
  [
    "a range of ports",
    { allowedHosts: [parseOutboundRule("http://example.com:80..90")] },
    { net: ["example.com"] },
  ],
  [
    "the app itself",
    { allowedHosts: [parseOutboundRule("http://self")], self: "http://127.0.0.1:3000" },
    { net: ["127.0.0.1:3000"] },
  ],
  ["the app itself, if it does not listen", {
    allowedHosts: [parseOutboundRule("http://self")],
  }, {}],
  [
    "the subdomains of a domain",
    { allowedHosts: rules("*.example.com", "*.example.com:81") },
    { net: ["*.example.com", "*.example.com:81"] },
  ],
  [
    "networks",
    { allowedHosts: rules("10.0.0.0/8", "192.168.1.254/31:80", "0.0.0.0/0") },
    { net: ["10.0.0.0/8", "192.168.1.254/31:80", "0.0.0.0/0"] },
  ],
  ...["*", "*:80", "[fd00::]/8"].map((host): (typeof CASES)[number] => [
    host,
    { allowedHosts: rules("example.com", host) },
    { net: true },
  ]),
];

for (const [name, settings, permissions] of CASES) {
  Deno.test(`permissionsFor returns the permissions for ${name} only`, () => {
    assert.deepEqual(permissionsFor({ ...NOTHING, ...settings }), { ...NONE, ...permissions });
  });
}

Deno.test("permissionsFor returns hosts that Deno accepts", () => {
  const hosts = ["a_b.example.com.", "*.a_b.com", "*.localhost:0", "1.2.3.4/32:80", "[fd00::1]:80"];
  const { net } = permissionsFor({ ...NOTHING, allowedHosts: rules(...hosts) });
  assert.ok(Array.isArray(net) && net.length === hosts.length);
  const options = { type: "module", deno: { permissions: { net } } } as const;
  new Worker("data:text/javascript,", options).terminate();
});
