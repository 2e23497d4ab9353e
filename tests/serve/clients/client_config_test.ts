import assert from "node:assert/strict";
import { join } from "node:path";
import { parse as parseToml } from "smol-toml";
import { parse as parseYaml } from "yaml";
import { clientConfig, type ServerAddress } from "../../../src/serve/clients/client_config.ts";
import { type Client, CLIENTS } from "../../../src/serve/clients/clients.ts";
import { run } from "../../support/cli/commands.ts";
import { childEnvironment } from "../../support/cli/environment.ts";
import { HttpServer, textAnswer } from "../../support/registry/http_server.ts";
import { TemporaryFolder } from "../../support/temporary.ts";

const LOCAL: ServerAddress = {
  hostname: "127.0.0.1",
  port: 5000,
  tls: false,
  hasCredentials: false,
  allow: [],
  defaultUpstream: "docker.io",
};

const TEAM: ServerAddress = {
  hostname: "0.0.0.0",
  port: 443,
  tls: true,
  hasCredentials: true,
  allow: ["*.example.com", "ghcr.io/acme/*", "ghcr.io/other/*"],
  defaultUpstream: "docker.io",
};

const parsers: Readonly<Record<Client, (text: string) => unknown>> = {
  containerd: parseToml,
  docker: JSON.parse,
  podman: parseToml,
  buildkit: parseToml,
  k3s: parseYaml,
  spin: (text) => text.trim(),
};

const mirror = (registry: string) => ({
  prefix: registry,
  location: registry,
  mirror: [{ location: `127.0.0.1:5000/${registry}`, insecure: true }],
});

const common = ["docker.io", "ghcr.io", "quay.io", "registry.k8s.io"];

const EXPECTED: Readonly<Record<Client, readonly [local: unknown, team: unknown]>> = {
  containerd: [
    { host: { "http://127.0.0.1:5000": { capabilities: ["pull", "resolve"] } } },
    {
      host: {
        "https://larder.example:443": {
          capabilities: ["pull", "resolve"],
          header: { authorization: "Bearer TOKEN" },
        },
      },
    },
  ],
  docker: [
    { "registry-mirrors": ["http://127.0.0.1:5000"] },
    { "registry-mirrors": ["https://larder.example:443"] },
  ],
  podman: [
    { registry: common.map(mirror) },
    {
      registry: [{
        prefix: "ghcr.io",
        location: "ghcr.io",
        mirror: [{ location: "larder.example:443/ghcr.io" }],
      }],
    },
  ],
  buildkit: [
    {
      registry: {
        ...Object.fromEntries(common.map((name) => [name, { mirrors: ["127.0.0.1:5000"] }])),
        "127.0.0.1:5000": { http: true },
      },
    },
    { registry: { "ghcr.io": { mirrors: ["larder.example:443"] } } },
  ],
  k3s: [
    { mirrors: { "*": { endpoint: ["http://127.0.0.1:5000"] } } },
    {
      mirrors: { "*": { endpoint: ["https://larder.example:443"] } },
      configs: { "larder.example:443": { auth: { username: "larder", password: "TOKEN" } } },
    },
  ],
  spin: [
    "spin up --from 127.0.0.1:5000/ghcr.io/OWNER/APP:TAG --insecure",
    "spin up --from larder.example:443/ghcr.io/OWNER/APP:TAG",
  ],
};

for (const client of CLIENTS) {
  Deno.test(`clientConfig configures ${client}, for a local server and for a team's`, () => {
    const parsed = (server: ServerAddress) => parsers[client](clientConfig(client, server).text);
    const plain = (value: unknown) => JSON.parse(JSON.stringify(value));
    assert.deepEqual(plain(parsed(LOCAL)), EXPECTED[client][0]);
    assert.deepEqual(plain(parsed(TEAM)), EXPECTED[client][1]);
    const { notes } = clientConfig(client, TEAM);
    assert.equal(notes.at(-1), "replace larder.example by the name of this machine");
    assert.ok(notes.every((note) => !note.includes("\n") && !note.endsWith(".")));
  });
}

Deno.test("clientConfig of docker says that another default upstream would be taken for Docker Hub", () => {
  const { notes } = clientConfig("docker", { ...LOCAL, defaultUpstream: "ghcr.io" });
  assert.ok(notes.some((note) => note.startsWith("remove serve.default_upstream: ")), notes.join());
});

Deno.test("clientConfig makes dockerd accept plain HTTP of another machine", () => {
  const { text } = clientConfig("docker", { ...LOCAL, hostname: "fd00::1" });
  assert.deepEqual(JSON.parse(text)["insecure-registries"], ["[fd00::1]:5000"]);
});

Deno.test("clientConfig of podman makes skopeo ask the server", async () => {
  await using server = await HttpServer.start(({ path }) =>
    path === "/v2/" ? textAnswer(200, "{}") : textAnswer(404, "")
  );
  using folder = new TemporaryFolder();
  const drops = join(folder.path, ".config/containers/registries.conf.d");
  Deno.mkdirSync(drops, { recursive: true });
  const port = Number(server.host.split(":")[1]);
  // No registry answers at a host of this domain, so that only the mirror can.
  const allow = ["registry.invalid", "registry.invalid:1", "registry.invalid:2"];
  const address = { ...LOCAL, port, allow, defaultUpstream: "registry.invalid:2" };
  const { text, notes } = clientConfig("podman", address);
  Deno.writeTextFileSync(join(drops, "50-larder.conf"), text);
  const unnamed = "podman cannot name registry.invalid:1 behind a mirror, because it has a port: ";
  assert.ok(notes.some((note) => note.startsWith(unnamed)), notes.join("\n"));
  const env = { ...childEnvironment(), HOME: folder.path };
  for (const host of ["registry.invalid", "registry.invalid:2"]) {
    const inspect = ["inspect", "--retry-times", "0", `docker://${host}/acme/app:v1`];
    await assert.rejects(run("skopeo", inspect, { env }));
  }
  const lines = server.requests().map(({ line }) => line);
  for (const path of ["registry.invalid/acme/app", "acme/app"]) {
    assert.ok(lines.includes(`GET /v2/${path}/manifests/v1`), lines.join());
  }
});
