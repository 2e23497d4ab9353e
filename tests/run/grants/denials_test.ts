import assert from "node:assert/strict";
import { Denials, type Grantor, MAX_REPORTED_DENIALS } from "../../../src/run/grants/denials.ts";

function lines(grantor: Grantor, deny: (denials: Denials) => void): string[] {
  const reported: string[] = [];
  deny(new Denials(grantor, (line) => reported.push(line)));
  return reported;
}

const CASES: [name: string, grantor: Grantor, deny: (it: Denials) => void, line: string][] = [
  [
    "a host to a command",
    "options",
    (it) => it.network(new URL("https://example.com/secret?x")),
    "refused to connect to example.com:443: allow it with --allow-net=example.com:443",
  ],
  [
    "a host with a port",
    "options",
    (it) => it.network(new URL("http://[::1]:8080/")),
    "refused to connect to [::1]:8080: allow it with --allow-net=[::1]:8080",
  ],
  [
    "a host to an app",
    "app",
    (it) => it.network(new URL("http://example.com/")),
    "refused to connect to http://example.com: the app does not list it in allowed_outbound_hosts",
  ],
  [
    "a change in a folder",
    "options",
    (it) => it.writing("/home/me", "/data"),
    "refused to change /data: allow it with --dir /home/me::/data, without :ro",
  ],
  [
    "a way out of a folder, with control characters",
    "options",
    (it) => it.leaving("/data", "a\x1b[2J/../.."),
    "refused to follow a [2J/../.. out of /data: grant its target with --dir",
  ],
  [
    "a connection to a command",
    "options",
    (it) => it.socket("tcp", "db.example.com:5432"),
    "refused to connect to db.example.com:5432: allow it with --allow-net=db.example.com:5432",
  ],
  [
    "a datagram to a command",
    "options",
    (it) => it.socket("udp", "[::1]:53"),
    "refused to send to [::1]:53: allow it with --allow-net=[::1]:53",
  ],
  [
    "a connection to an app",
    "app",
    (it) => it.socket("tcp", "127.0.0.1:5432"),
    "refused to connect to tcp://127.0.0.1:5432: the app does not list it in allowed_outbound_hosts",
  ],
  [
    "a port to a command",
    "options",
    (it) => it.listening("tcp", { ip: "::1", port: 80 }),
    "refused to listen on [::1]:80: allow it with --allow-net=[::1]:80",
  ],
  [
    "a port that the system chooses",
    "options",
    (it) => it.listening("udp", { ip: "127.0.0.1", port: 0 }),
    "refused to listen on 127.0.0.1: allow it with --allow-net=127.0.0.1",
  ],
  [
    "a port to an app",
    "app",
    (it) => it.listening("tcp", { ip: "127.0.0.1", port: 80 }),
    "refused to listen on 127.0.0.1:80: components of an app cannot listen",
  ],
  [
    "a port for datagrams to an app",
    "app",
    (it) => it.listening("udp", { ip: "127.0.0.1", port: 53 }),
    "refused to listen on udp://127.0.0.1:53: the app does not list it in allowed_outbound_hosts",
  ],
  [
    "a name to a command",
    "options",
    (it) => it.lookup("example.com"),
    "refused to look up example.com: allow it with --allow-net=example.com",
  ],
  [
    "a name to an app",
    "app",
    (it) => it.lookup("example.com"),
    "refused to look up example.com: the app does not list it in allowed_outbound_hosts",
  ],
];

for (const [name, grantor, deny, line] of CASES) {
  Deno.test(`Denials reports ${name} once, with what would grant it`, () => {
    assert.deepEqual(
      lines(grantor, (it) => {
        deny(it);
        deny(it);
      }),
      [line],
    );
  });
}

Deno.test("Denials reports a limited number of denials", () => {
  const reported = lines("options", (it) => {
    for (let i = 0; i < 1000; i++) it.network(new URL(`http://host${i}/`));
  });
  assert.equal(reported.length, MAX_REPORTED_DENIALS + 1);
  assert.equal(reported.at(-1), "further refused accesses are not shown");
});
