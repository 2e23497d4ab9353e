import { join } from "node:path";
import { stringify } from "yaml";
import { hasProgram } from "../../../tests/support/cli/commands.ts";
import type { ServerProgram } from "../servers.ts";

/** What the servers serve, and where their files are. */
export interface Setting {
  readonly folder: string;
  readonly larder: string;
  /** The registry that larder and the proxy fetch from: `localhost:41234`. */
  readonly upstream: string;
  /** The data of that registry, for another docker-registry. */
  readonly storage: string;
  /** Files for nginx, at the paths at which registries have them. */
  readonly www: string;
}

export interface Programs {
  readonly larder: ServerProgram;
  /** larder with an empty cache at each start. */
  readonly coldLarder: ServerProgram;
  readonly registry: ServerProgram;
  /** docker-registry as a proxy of the upstream, with an empty store at each start. */
  readonly coldProxy: ServerProgram;
  /** Undefined if it is not installed. */
  readonly nginx: ServerProgram | undefined;
}

export function programs(setting: Setting): Programs {
  return {
    larder: larder(setting, "cache"),
    coldLarder: emptied(larder(setting, "cold"), join(setting.folder, "cold")),
    registry: dockerRegistry(setting, "docker-registry", {
      storage: { filesystem: { rootdirectory: setting.storage } },
    }),
    coldProxy: emptied(
      dockerRegistry(setting, "docker-registry, proxy", {
        storage: { filesystem: { rootdirectory: join(setting.folder, "proxy") } },
        proxy: { remoteurl: `http://${setting.upstream}` },
      }),
      join(setting.folder, "proxy"),
    ),
    nginx: hasProgram("nginx") ? nginx(setting) : undefined,
  };
}

function emptied(program: ServerProgram, folder: string): ServerProgram {
  return { ...program, prepare: () => remove(folder) };
}

function larder({ folder, larder, upstream }: Setting, cache: string): ServerProgram {
  return {
    name: "larder",
    command: (port) => [
      larder,
      "--cache-dir",
      join(folder, cache),
      "serve",
      "--listen",
      `127.0.0.1:${port}`,
      "--allow",
      upstream,
    ],
    env: { HOME: folder, LARDER_SERVE_DEFAULT_UPSTREAM: upstream },
  };
}

function dockerRegistry({ folder }: Setting, name: string, own: object): ServerProgram {
  return {
    name,
    command: (port) => {
      const path = join(folder, `${name}.yml`);
      // Without its access log, which larder writes; its info lines have the same content.
      const log = { level: "info", accesslog: { disabled: true } };
      const http = { addr: `127.0.0.1:${port}` };
      Deno.writeTextFileSync(path, stringify({ version: 0.1, log, http, ...own }));
      return ["docker-registry", "serve", path];
    },
    env: {},
  };
}

function nginx({ folder, www }: Setting): ServerProgram {
  return {
    name: "nginx",
    command: (port) => {
      const path = join(folder, "nginx.conf");
      const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map((kind) => `${kind}_temp_path ${folder}/nginx-${kind};`);
      Deno.writeTextFileSync(
        path,
        `daemon off; worker_processes auto; pid ${folder}/nginx.pid; error_log stderr crit;
        ${Deno.uid() === 0 ? "user root;" : ""}
        events { worker_connections 1024; }
        http {
          access_log off; sendfile on; keepalive_requests 10000000; ${temporary.join(" ")}
          server {
            listen 127.0.0.1:${port};
            root ${www};
            location = /v2/ { return 200 "{}"; }
          }
        }`,
      );
      return ["nginx", "-e", "stderr", "-p", folder, "-c", path];
    },
    env: {},
  };
}

function remove(folder: string): void {
  try {
    Deno.removeSync(folder, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
