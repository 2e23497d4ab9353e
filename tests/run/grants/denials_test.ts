import { Denials, type Grantor, MAX_REPORTED_DENIALS } from "../../../src/run/grants/denials.ts";
import assert from "node:assert/strict";

function lines(grantor: Grantor, refuse: (denials: Denials) => void): string[] {
  const told: string[] = [];
  refuse(new Denials(grantor, (line) => told.push(line)));
  return told;
}

const CASES: [name: string, grantor: Grantor, refuse: (it: Denials) => void, line: string][] = [
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
    "a change of a folder",
    "options",
    (it) => it.writing("/home/me", "/data"),
    "refused to change /data: allow it with --dir /home/me::/data, without :ro",
  ],
  [
    "a way out of a folder, which cannot steer the terminal",
    "options",
    (it) => it.leaving("/data", "a\x1b[2J/../.."),
    "refused to follow a [2J/../.. out of /data: grant what it means with --dir",
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
    "a port of the system's choice",
    "options",
    (it) => it.listening("udp", { ip: "127.0.0.1", port: 0 }),
    "refused to listen on 127.0.0.1: allow it with --allow-net=127.0.0.1",
  ],
  [
    "a port to an app",
    "app",
    (it) => it.listening("tcp", { ip: "127.0.0.1", port: 80 }),
    "refused to listen on 127.0.0.1:80: the components of an app do not listen",
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

for (const [name, grantor, refuse, line] of CASES) {
  Deno.test(`${name} is refused with what would allow it, once`, () => {
    assert.deepEqual(
      lines(grantor, (it) => {
        refuse(it);
        refuse(it);
      }),
      [line],
    );
  });
}

Deno.test("a guest cannot fill the terminal with refusals", () => {
  const told = lines("options", (it) => {
    for (let i = 0; i < 1000; i++) it.network(new URL(`http://host${i}/`));
  });
  assert.equal(told.length, MAX_REPORTED_DENIALS + 1);
  assert.equal(told.at(-1), "refused more than is shown here");
});
