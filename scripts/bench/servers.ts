import { childEnvironment } from "../../tests/support/cli/environment.ts";

/** A program that answers HTTP requests. */
export interface ServerProgram {
  readonly name: string;
  /** Returns the command line that serves on a port of the loopback address. */
  readonly command: (port: number) => readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Restores the state before each start; not measured. */
  readonly prepare?: () => void;
}

/** Milliseconds between two requests to a server that is starting. */
const POLL = 3;
/** Milliseconds after which a server that has not answered counts as failed. */
const START_LIMIT = 60_000;

/** A server that has answered its first request. */
export class Server implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly url: string;
  /** Seconds from its start to its first response. */
  readonly startup: number;

  private constructor(child: Deno.ChildProcess, url: string, startup: number) {
    this.#child = child;
    this.url = url;
    this.startup = startup;
  }

  /** Starts a program and requests a path until it is answered. */
  static async start(program: ServerProgram, path: string): Promise<Server> {
    program.prepare?.();
    const port = freePort();
    const url = `http://127.0.0.1:${port}`;
    const [name, ...args] = program.command(port);
    const start = performance.now();
    const child = new Deno.Command(name!, {
      args,
      clearEnv: true,
      env: childEnvironment(program.env),
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    while (!await answers(url + path)) {
      if (performance.now() - start > START_LIMIT) {
        await kill(child);
        throw new Error(`${program.name} does not answer`);
      }
      await new Promise((resolve) => setTimeout(resolve, POLL));
    }
    return new Server(child, url, (performance.now() - start) / 1000);
  }

  /** Resident memory of the process and its descendants in bytes (proc(5), VmRSS). */
  get memory(): number {
    return familyOf(this.#child.pid).reduce((sum, pid) => sum + residentMemory(pid), 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const pid of familyOf(this.#child.pid).slice(1)) Deno.kill(pid, "SIGKILL");
    await kill(this.#child);
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url);
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

async function kill(child: Deno.ChildProcess): Promise<void> {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has already ended.
  }
  await child.status;
}

/** Returns a process and its descendants, itself first. */
function familyOf(pid: number): number[] {
  const tasks = readLines(`/proc/${pid}/task/${pid}/children`)[0] ?? "";
  const children = tasks.split(" ").filter((text) => text !== "").map(Number);
  return [pid, ...children.flatMap(familyOf)];
}

function residentMemory(pid: number): number {
  const line = readLines(`/proc/${pid}/status`).find((text) => text.startsWith("VmRSS:"));
  return Number(/\d+/.exec(line ?? "0")![0]) * 1024;
}

/** Returns the lines of a file of proc(5), or none if the process has ended. */
function readLines(path: string): string[] {
  try {
    return Deno.readTextFileSync(path).split("\n");
  } catch {
    return [];
  }
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
