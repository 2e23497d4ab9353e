import { HttpServer, textAnswer } from "../registry/http_server.ts";

/** A web server with files in memory, such as the mirror of a repository. */
export class FileServer implements AsyncDisposable {
  /** By path, without a `/` at the start. */
  files: Map<string, Uint8Array>;
  readonly #server: HttpServer;
  readonly #hooks = new Map<string, () => void>();

  private constructor(server: HttpServer, files: Map<string, Uint8Array>) {
    this.#server = server;
    this.files = files;
  }

  static async start(files = new Map<string, Uint8Array>()): Promise<FileServer> {
    const server = await HttpServer.start(({ path }) => {
      const name = decodeURIComponent(path).slice(1);
      const body = self.files.get(name);
      self.#hooks.get(name)?.();
      self.#hooks.delete(name);
      return body ? { status: 200, headers: {}, body } : textAnswer(404, "none");
    });
    const self = new FileServer(server, files);
    return self;
  }

  /** Returns the URL of a path. */
  url(path = ""): string {
    return `http://${this.#server.host}/${path}`;
  }

  /** The paths of the requests so far. */
  get requested(): string[] {
    return this.#server.requests().map(({ path }) => decodeURIComponent(path).slice(1));
  }

  /** Calls a function after the next answer to a request for a path was chosen. */
  afterNext(path: string, hook: () => void): void {
    this.#hooks.set(path, hook);
  }

  clearLog(): void {
    this.#server.clearLog();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }
}
