import { join } from "node:path";
import { stringify } from "yaml";
import { hasProgram, missingProgram, run } from "../cli/commands.ts";
import { childEnvironment } from "../cli/environment.ts";
import { TemporaryFolder } from "../temporary.ts";
import { until } from "../until.ts";
import { type ServerCertificate, TestCa } from "./certificates.ts";
import { TOKEN_ISSUER, TOKEN_SERVICE, type TokenServer } from "./token_server.ts";

const PROGRAM = "docker-registry";
const PATIENCE = 10_000;

export interface DockerRegistryOptions {
  /** Requires Basic authentication with this user. */
  readonly htpasswd?: { readonly user: string; readonly password: string };
  /** Requires a token of this server, signed with this certificate. */
  readonly tokens?: { readonly server: TokenServer; readonly signer: ServerCertificate };
  /** Uses HTTPS with a certificate of this CA for these hosts and the loopback addresses. */
  readonly tls?: {
    readonly ca: TestCa;
    readonly names?: readonly string[];
    /** Requires client certificates of the CA; this one is the registry's own for its checks. */
    readonly client?: ServerCertificate;
  };
}

/** Debian's docker-registry (distribution 2.8) on a free loopback port, with its data in a temporary folder. */
export class DockerRegistry implements AsyncDisposable {
  readonly #folder = new TemporaryFolder();
  readonly #options: DockerRegistryOptions;
  #process!: Deno.ChildProcess;
  #port = 0;

  private constructor(options: DockerRegistryOptions) {
    this.#options = options;
  }

  /** Starts a registry and waits until it answers. */
  static async start(options: DockerRegistryOptions = {}): Promise<DockerRegistry> {
    if (!hasProgram(PROGRAM)) throw missingProgram(PROGRAM);
    const registry = new DockerRegistry(options);
    try {
      await registry.#start();
      return registry;
    } catch (error) {
      registry.#folder[Symbol.dispose]();
      throw error;
    }
  }

  get host(): string {
    return `127.0.0.1:${this.#port}`;
  }

  get port(): number {
    return this.#port;
  }

  /** The folder that holds its content, which another docker-registry can serve too. */
  get storage(): string {
    return this.#path("data");
  }

  get url(): string {
    return `${this.#options.tls ? "https" : "http"}://${this.host}`;
  }

  /**
   * Returns the requests so far, `GET /v2/app/manifests/v1`, as the registry logged them. The log can lag behind, so
   * one more request is sent and waited for there, and left out.
   */
  async requests(): Promise<string[]> {
    const marker = `/v2/?marker=${crypto.randomUUID()}`;
    await this.#request(marker);
    await until(() => this.#log.includes(marker), this.#process.status);
    const lines = this.#log.matchAll(/"([A-Z]+ \/\S*) HTTP/g);
    return [...lines].map(([, line]) => line!).filter((line) => !line.includes("marker="));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    this.#folder[Symbol.dispose]();
  }

  get #log(): string {
    return Deno.readTextFileSync(this.#path("log"));
  }

  async #start(): Promise<void> {
    Deno.writeTextFileSync(this.#path("config.yml"), stringify(await this.#config()));
    Deno.writeTextFileSync(this.#path("log"), "");
    const command = 'exec "$0" serve "$1" >"$2" 2>&1';
    const args = ["-c", command, PROGRAM, this.#path("config.yml"), this.#path("log")];
    // A variable `REGISTRY_…` of the machine would override the config.
    const environment = { clearEnv: true, env: childEnvironment() };
    this.#process = new Deno.Command("sh", { args, ...environment, stdin: "null" }).spawn();
    try {
      await until(() => this.#listensAt() > 0, this.#process.status);
      this.#port = this.#listensAt();
      await this.#request("/v2/");
    } catch (error) {
      await this.stop();
      throw new Error(`${PROGRAM} does not answer: ${this.#log}`, { cause: error });
    }
  }

  /** Returns the port that the registry chose, or 0 before it has. */
  #listensAt(): number {
    return Number(/listening on 127\.0\.0\.1:(\d+)/.exec(this.#log)?.[1] ?? 0);
  }

  /** Sends a request that any registry answers, with any status. */
  async #request(path: string): Promise<void> {
    using client = Deno.createHttpClient(clientOptions(this.#options.tls));
    const signal = AbortSignal.timeout(PATIENCE);
    const response = await fetch(`${this.url}${path}`, { client, signal });
    await response.body?.cancel();
  }

  /** Ends it and keeps its data. */
  async stop(): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has already ended.
    }
    await this.#process.status;
  }

  async #config(): Promise<object> {
    const { ca, names = [], client } = this.#options.tls ?? {};
    const issued = await ca?.issue(...names);
    const tls = issued && { ...issued, ...client && { clientcas: [ca!.file] } };
    return {
      version: 0.1,
      log: { level: "info", accesslog: { disabled: false } },
      storage: { filesystem: { rootdirectory: this.storage }, delete: { enabled: true } },
      http: { addr: "127.0.0.1:0", ...(tls && { tls }) },
      auth: await this.#auth(),
    };
  }

  async #auth(): Promise<object | undefined> {
    const { htpasswd, tokens } = this.#options;
    if (htpasswd) {
      const line = await run("htpasswd", ["-niB", "-C", "4", htpasswd.user], {
        stdin: htpasswd.password,
      });
      Deno.writeTextFileSync(this.#path("htpasswd"), line);
      return { htpasswd: { realm: "larder test", path: this.#path("htpasswd") } };
    }
    return tokens && {
      token: {
        realm: tokens.server.realm,
        service: TOKEN_SERVICE,
        issuer: TOKEN_ISSUER,
        rootcertbundle: tokens.signer.certificate,
      },
    };
  }

  #path(name: string): string {
    return join(this.#folder.path, name);
  }
}

/** Returns the options of a client that a registry with TLS accepts. */
export function clientOptions(
  tls: DockerRegistryOptions["tls"],
): { caCerts: string[]; cert?: string; key?: string } {
  if (!tls) return { caCerts: [] };
  const { ca, client } = tls;
  if (!client) return { caCerts: [ca.pem] };
  const [cert, key] = [client.certificate, client.key].map((path) => Deno.readTextFileSync(path));
  return { caCerts: [ca.pem], cert: cert!, key: key! };
}
