import { join } from "node:path";
import { hasProgram, run } from "../../tests/support/cli/commands.ts";
import { cached } from "../../tests/support/wasm/npm_tools.ts";

/** What a packet meets on its way, in each direction. */
export interface LinkOptions {
  /** Milliseconds from one end to the other; the round trip takes twice as long. */
  readonly delay: number;
  /** Bits per second. */
  readonly rate: number;
  /** Share of the packets to the client that are lost. */
  readonly loss: number;
}

/**
 * How a server's kernel reacts to lost packets: `cubic`, Linux's default, sends more slowly after each, `bbr`, which
 * large providers use, does not.
 */
export type CongestionControl = "cubic" | "bbr";

/** Address of the server in its namespace. */
const SERVER = "10.99.0.2";
const CLIENT = "10.99.0.1";
const CLIENT_DEVICE = "ldc";
const SERVER_DEVICE = "lds";
const EMULATOR = join(import.meta.dirname!, "link_emulator");

/**
 * Two network namespaces, of a client and of a server, with nothing between them but an emulated line
 * (link_emulator/main.go). Needs root, /dev/net/tun, Go and `ip`.
 */
export class Link implements AsyncDisposable {
  readonly #emulator: Deno.ChildProcess;
  readonly #namespaces: readonly string[];

  private constructor(emulator: Deno.ChildProcess, namespaces: readonly string[]) {
    this.#emulator = emulator;
    this.#namespaces = namespaces;
  }

  static async open({ delay, rate, loss }: LinkOptions): Promise<Link> {
    const missing = ["go", "ip"].filter((name) => !hasProgram(name));
    if (missing.length > 0 || Deno.uid() !== 0) {
      throw new Error("an emulated link needs root, Go and iproute2");
    }
    const program = await build();
    const id = Deno.pid;
    const sides = [
      {
        namespace: `larder-client-${id}`,
        device: `${CLIENT_DEVICE}${id}`,
        own: CLIENT,
        peer: SERVER,
      },
      {
        namespace: `larder-server-${id}`,
        device: `${SERVER_DEVICE}${id}`,
        own: SERVER,
        peer: CLIENT,
      },
    ];
    const [client, server] = sides.map(({ device }) => device);
    const emulator = new Deno.Command(program, {
      args: [
        ...["-client", client!, "-server", server!],
        ...["-delay", `${delay}ms`, "-rate", `${rate}`, "-loss", `${loss}`],
      ],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const link = new Link(emulator, sides.map(({ namespace }) => namespace));
    try {
      await firstOutput(emulator);
      for (const { namespace, device, own, peer } of sides) {
        await run("ip", ["netns", "add", namespace]);
        await run("ip", ["link", "set", device, "netns", namespace]);
        const inside = ["netns", "exec", namespace];
        await run("ip", [...inside, "ip", "address", "add", own, "peer", peer, "dev", device]);
        // The emulator has the queue; the device's own is long enough to lose nothing before it.
        await run("ip", [...inside, "ip", "link", "set", device, "up", "txqueuelen", "10000"]);
        await run("ip", [...inside, "ip", "link", "set", "lo", "up"]);
        // The kernel would otherwise start a connection from what it remembers of the one before it.
        await run("ip", [...inside, "sysctl", "-qw", "net.ipv4.tcp_no_metrics_save=1"]);
      }
      return link;
    } catch (error) {
      await link[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Address that the server listens at. */
  get address(): string {
    return SERVER;
  }

  /** Returns a command that runs another one as the client or as the server. */
  command(side: "client" | "server", command: readonly string[]): string[] {
    const namespace = this.#namespaces[side === "client" ? 0 : 1]!;
    return ["ip", "netns", "exec", namespace, ...command];
  }

  /**
   * Sets what the server's connections use from now on.
   * @throws if the kernel lacks the algorithm
   */
  async setCongestionControl(algorithm: CongestionControl): Promise<void> {
    const route = ["ip", "route", "replace", CLIENT, "dev", `${SERVER_DEVICE}${Deno.pid}`];
    const [program, ...args] = this.command("server", [...route, "congctl", algorithm]);
    await run(program!, args);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#emulator.stdin.close();
    await this.#emulator.status;
    for (const namespace of this.#namespaces) {
      // It is missing if the link failed to open.
      await run("ip", ["netns", "delete", namespace]).catch(() => {});
    }
  }
}

async function build(): Promise<string> {
  const sources = ["main.go", "go.mod"].map((name) => join(EMULATOR, name));
  const folder = await cached("link-emulator", sources, async (folder) => {
    await run("go", ["build", "-C", EMULATOR, "-o", join(folder, "link_emulator"), "."], {
      env: Deno.env.toObject(),
    });
  });
  return join(folder, "link_emulator");
}

/** Waits until a process has written something, or fails if it ends before. */
async function firstOutput(child: Deno.ChildProcess): Promise<void> {
  const reader = child.stdout.getReader();
  const { done } = await reader.read();
  reader.releaseLock();
  if (done) throw new Error("the emulated link did not open");
}
