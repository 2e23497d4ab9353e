import { join } from "node:path";
import { TemporaryFolder } from "../temporary.ts";
import { until } from "../until.ts";
import { findProgram, missingProgram, run } from "./commands.ts";
import { childEnvironment } from "./environment.ts";

/** containerd or dockerd with its socket and all its files in a temporary folder. */
class Daemon implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #folder: TemporaryFolder;

  private constructor(process: Deno.ChildProcess, folder: TemporaryFolder) {
    this.#process = process;
    this.#folder = folder;
  }

  get folder(): string {
    return this.#folder.path;
  }

  get socket(): string {
    return join(this.folder, "socket");
  }

  /** @param prepare writes files into the folder, and returns the arguments */
  static async start(program: string, prepare: (folder: string) => string[]): Promise<Daemon> {
    const path = findProgram(program);
    if (!path) throw missingProgram(program);
    const folder = new TemporaryFolder();
    const log = join(folder.path, "log");
    const process = new Deno.Command("sh", {
      args: ["-c", 'exec "$@" >"$0" 2>&1', log, path, ...prepare(folder.path)],
      clearEnv: true,
      env: childEnvironment({ HOME: folder.path }),
      stdin: "null",
    }).spawn();
    const daemon = new Daemon(process, folder);
    try {
      await until(() => exists(daemon.socket), process.status);
      return daemon;
    } catch (error) {
      const said = Deno.readTextFileSync(log);
      await daemon[Symbol.asyncDispose]();
      throw new Error(`${program} does not start: ${said}`, { cause: error });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill("SIGTERM");
    } catch {
      // It has already ended.
    }
    await this.#process.status;
    this.#folder[Symbol.dispose]();
  }
}

/** containerd, and `ctr` as its client. */
export class Containerd implements AsyncDisposable {
  readonly #daemon: Daemon;

  private constructor(daemon: Daemon) {
    this.#daemon = daemon;
  }

  /** Starts Debian's containerd, without what needs folders outside of its own. */
  static async start(): Promise<Containerd> {
    const daemon = await Daemon.start("containerd", (folder) => {
      const path = (name: string) => JSON.stringify(join(folder, name));
      const config = join(folder, "config.toml");
      Deno.writeTextFileSync(
        config,
        [
          "version = 2",
          `root = ${path("root")}`,
          `state = ${path("state")}`,
          'disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]',
          `[grpc]\naddress = ${path("socket")}`,
          `[ttrpc]\naddress = ${path("ttrpc")}`,
          "",
        ].join("\n"),
      );
      return ["--config", config];
    });
    return new Containerd(daemon);
  }

  get socket(): string {
    return this.#daemon.socket;
  }

  /** Runs `ctr` and returns its stdout. */
  ctr(...args: string[]): Promise<string> {
    return run("ctr", ["--address", this.socket, ...args]);
  }

  /** Pulls an image with the `hosts.toml` that `larder serve --print-config containerd` prints. */
  async pull(reference: string, hosts: string): Promise<void> {
    await this.ctr("images", "pull", "--snapshotter", "native", "--hosts-dir", hosts, reference);
  }

  /** Removes an image and its content. */
  async remove(reference: string): Promise<void> {
    await this.ctr("images", "rm", "--sync", reference);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#daemon[Symbol.asyncDispose]();
  }
}

/** dockerd, by its API. */
export class Dockerd implements AsyncDisposable {
  readonly #containerd: Containerd;
  readonly #daemon: Daemon;

  private constructor(containerd: Containerd, daemon: Daemon) {
    this.#containerd = containerd;
    this.#daemon = daemon;
  }

  /** Starts Debian's dockerd, which changes no network. @param config the content of its `daemon.json` */
  static async start(config: string): Promise<Dockerd> {
    const containerd = await Containerd.start();
    try {
      const daemon = await Daemon.start("dockerd", (folder) => {
        const file = join(folder, "daemon.json");
        Deno.writeTextFileSync(file, config);
        return [
          ...["--config-file", file, "--host", `unix://${join(folder, "socket")}`],
          ...["--containerd", containerd.socket, "--group", "root"],
          ...["--data-root", join(folder, "data"), "--exec-root", join(folder, "exec")],
          ...["--pidfile", join(folder, "pid"), "--storage-driver", "vfs"],
          ...["--bridge", "none", "--iptables=false", "--ip6tables=false"],
        ];
      });
      return new Dockerd(containerd, daemon);
    } catch (error) {
      await containerd[Symbol.asyncDispose]();
      throw error;
    }
  }

  async pull(name: string, tag: string): Promise<void> {
    await this.#send("POST", `/images/create?fromImage=${name}&tag=${tag}`);
  }

  async tag(source: string, name: string, tag: string): Promise<void> {
    await this.#send("POST", `/images/${source}/tag?repo=${name}&tag=${tag}`);
  }

  async push(name: string, tag: string): Promise<void> {
    await this.#send("POST", `/images/${name}/push?tag=${tag}`);
  }

  async remove(reference: string): Promise<void> {
    await this.#send("DELETE", `/images/${reference}?force=true`);
  }

  /** Returns the digests by which an image was pulled or pushed. */
  async digests(reference: string): Promise<string[]> {
    return JSON.parse(await this.#send("GET", `/images/${reference}/json`)).RepoDigests;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#daemon[Symbol.asyncDispose]();
    await this.#containerd[Symbol.asyncDispose]();
  }

  /** Sends a request; the API reports failures of a pull or push in the body. */
  async #send(method: string, path: string): Promise<string> {
    const body = await run("curl", [
      ...["--silent", "--show-error", "--fail-with-body", "--unix-socket", this.#daemon.socket],
      ...["--request", method, "--header", `X-Registry-Auth: ${btoa("{}")}`],
      `http://docker${path}`,
    ]);
    if (body.includes('"errorDetail"')) throw new Error(`${method} ${path}: ${body}`);
    return body;
  }
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}
