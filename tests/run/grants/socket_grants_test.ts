import assert from "node:assert/strict";
import type { Grantor } from "../../../src/run/grants/denials.ts";
import { type Endpoint, formatEndpoint, type Transport } from "../../../src/run/grants/endpoint.ts";
import { parseHostRule, parseOutboundRule } from "../../../src/run/grants/outbound_rule.ts";
import { MAX_LOOKED_UP_NAMES, SocketGrants } from "../../../src/run/grants/socket_grants.ts";

/** Addresses of the names in the cases. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  "db.example.com": ["10.0.0.3", "2001:db8::3"],
  "other.example.com": ["10.0.0.4"],
};

/** `tcp 10.0.0.3:5432` to reach an endpoint, `listen tcp 127.0.0.1:80` to bind one. */
type Use = string;

const CASES: [by: Grantor, rules: string, allowed: Use[], denied: Use[]][] = [
  ["options", "", [], ["tcp 127.0.0.1:80", "udp 127.0.0.1:80", "listen tcp 127.0.0.1:80"]],
  [
    "options",
    "127.0.0.1:80",
    ["tcp 127.0.0.1:80", "udp 127.0.0.1:80", "listen tcp 127.0.0.1:80", "listen udp 127.0.0.1:80"],
    [
      "tcp 127.0.0.1:81",
      "tcp 127.0.0.2:80",
      "tcp [::1]:80",
      "listen tcp 127.0.0.1:81",
      "listen tcp 127.0.0.1:0",
      "listen tcp 0.0.0.0:80",
    ],
  ],
  ["options", "127.0.0.1", ["tcp 127.0.0.1:1", "listen tcp 127.0.0.1:0"], ["listen udp 0.0.0.0:0"]],
  ["options", "[::1]:80", ["tcp [::1]:80"], ["tcp 127.0.0.1:80", "tcp [::2]:80"]],
  ["options", "10.0.0.0/8:80..90", ["tcp 10.9.8.7:89", "listen tcp 10.0.0.1:80"], [
    "tcp 10.9.8.7:90",
    "tcp 11.0.0.1:80",
    "listen tcp 10.0.0.1:0",
  ]],
  ["options", "[fd00::]/8", ["udp [fd12::1]:53"], ["udp [fe80::1]:53"]],
  [
    "options",
    "*",
    ["tcp 1.2.3.4:5", "udp [::1]:53", "listen tcp 0.0.0.0:0", "listen udp [::]:9"],
    [],
  ],
  ["options", "*:80", ["tcp 1.2.3.4:80", "listen tcp 0.0.0.0:80"], ["tcp 1.2.3.4:81"]],
  ["options", "0.0.0.0:80", ["listen tcp 0.0.0.0:80"], ["listen tcp 127.0.0.1:80"]],
  ["options", "db.example.com:5432", ["tcp 10.0.0.3:5432", "tcp [2001:db8::3]:5432"], [
    "tcp 10.0.0.3:5433",
    "tcp 10.0.0.4:5432",
  ]],
  ["options", "*.example.com", ["udp 10.0.0.3:1", "tcp 10.0.0.4:2"], ["tcp 10.0.0.5:2"]],
  ["app", "tcp://127.0.0.1:80", ["tcp 127.0.0.1:80"], [
    "udp 127.0.0.1:80",
    "listen tcp 127.0.0.1:80",
  ]],
  ["app", "udp://127.0.0.1:80", ["udp 127.0.0.1:80", "listen udp 127.0.0.1:80"], [
    "tcp 127.0.0.1:80",
  ]],
  ["app", "*://127.0.0.1:*", ["tcp 127.0.0.1:80", "udp 127.0.0.1:1"], ["listen tcp 127.0.0.1:0"]],
  ["app", "tcp://db.example.com:5432", ["tcp 10.0.0.3:5432"], ["udp 10.0.0.3:5432"]],
  ["app", "http://127.0.0.1:80", [], ["tcp 127.0.0.1:80"]],
  ["app", "redis://127.0.0.1", [], ["tcp 127.0.0.1:6379"]],
  ["app", "*://self:*", [], ["tcp 127.0.0.1:3000"]],
];

for (const [grantor, rules, allowed, denied] of CASES) {
  Deno.test(`SocketGrants grants the sockets of ${grantor === "app" ? "an app with " : "--allow-net="}${rules}`, () => {
    const parse = grantor === "app" ? parseOutboundRule : parseHostRule;
    const allowedHosts = rules === "" ? [] : [parse(rules)];
    const grants = new SocketGrants({ allowedHosts, grantor });
    for (const [name, addresses] of Object.entries(NAMES)) {
      if (grants.mayLookUp(name)) grants.learn(name, addresses);
    }
    assert.deepEqual(allowed.filter((use) => !may(grants, use)), []);
    assert.deepEqual(denied.filter((use) => may(grants, use)), []);
  });
}

function may(grants: SocketGrants, use: Use): boolean {
  const [, listen, transport, host, port] = /^(listen )?(tcp|udp) (.+):(\d+)$/.exec(use)!;
  const endpoint: Endpoint = { ip: host!.replace(/^\[(.*)\]$/, "$1"), port: Number(port) };
  assert.equal(formatEndpoint(endpoint), `${host}:${port}`);
  return listen
    ? grants.mayBind(transport as Transport, endpoint)
    : grants.mayReach(transport as Transport, endpoint);
}

const LOOKUPS: [rule: string, names: string[]][] = [
  ["tcp://db.example.com:1", ["db.example.com"]],
  ["udp://*.example.com:1", ["db.example.com", "other.example.com"]],
  ["*://*:1", ["db.example.com", "other.example.com"]],
  ["https://db.example.com", []],
  ["*://self:1", []],
];

for (const [rule, names] of LOOKUPS) {
  Deno.test(`SocketGrants.mayLookUp allows ${names.join(" and ") || "nothing"} for an app with ${rule}`, () => {
    const grants = new SocketGrants({ allowedHosts: [parseOutboundRule(rule)], grantor: "app" });
    assert.deepEqual(Object.keys(NAMES).filter((name) => grants.mayLookUp(name)), names);
  });
}

Deno.test("SocketGrants uses the latest lookup of a name and forgets the oldest names", () => {
  const grants = new SocketGrants({
    allowedHosts: [parseHostRule("*.example.com")],
    grantor: "options",
  });
  const reaches = (ip: string) => grants.mayReach("tcp", { ip, port: 1 });
  grants.learn("a.example.com", ["10.0.0.1"]);
  assert.equal(grants.hostOf("10.0.0.1"), "a.example.com");
  assert.equal(grants.hostOf("::1"), "[::1]");
  grants.learn("a.example.com", ["10.0.0.2"]);
  assert.deepEqual([reaches("10.0.0.1"), reaches("10.0.0.2")], [false, true]);
  for (let i = 0; i < MAX_LOOKED_UP_NAMES; i++) grants.learn(`${i}.example.com`, ["10.0.1.1"]);
  assert.deepEqual([reaches("10.0.0.2"), reaches("10.0.1.1")], [false, true]);
});
