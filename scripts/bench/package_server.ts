import { childEnvironment } from "../../tests/support/cli/environment.ts";

/** Bytes of the smallest and the largest package; those between are evenly spread on a logarithmic scale. */
const SIZES = [4 * 1024, 1024 * 1024] as const;

/** A process that serves packages of many sizes over HTTP. */
export class PackageServer implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly urls: readonly string[];
  /** Of all packages. */
  readonly bytes: number;

  private constructor(child: Deno.ChildProcess, urls: readonly string[]) {
    this.#child = child;
    this.urls = urls;
    this.bytes = urls.reduce((sum, _, i) => sum + sizeOf(i, urls.length), 0);
  }

  /** @param within returns a command that runs another one where the server is to run */
  static async start(
    count: number,
    hostname: string,
    within: (command: readonly string[]) => readonly string[] = (command) => command,
  ): Promise<PackageServer> {
    const options = ["--quiet", "--no-check", "--allow-net"];
    const script = [import.meta.filename!, hostname, `${count}`];
    const [program, ...args] = within([Deno.execPath(), "run", ...options, ...script]);
    const child = new Deno.Command(program!, {
      args,
      clearEnv: true,
      env: childEnvironment(),
      stdin: "null",
      stdout: "piped",
    }).spawn();
    const reader = child.stdout.getReader();
    const { value } = await reader.read();
    if (!value) throw new Error("the server of packages did not start");
    const port = new TextDecoder().decode(value).trim();
    const urls = Array.from(
      { length: count },
      (_, i) => `http://${hostname}:${port}/debian/pool/p${i}_1.0_amd64.deb`,
    );
    return new PackageServer(child, urls);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill();
    await this.#child.status;
  }
}

function sizeOf(index: number, count: number): number {
  const [least, most] = SIZES;
  return Math.round(least * (most / least) ** (index / (count - 1)));
}

function packageBytes(size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += 65536) crypto.getRandomValues(bytes.subarray(at, at + 65536));
  bytes.set(new TextEncoder().encode("!<arch>\n"));
  return bytes;
}

if (import.meta.main) {
  const [hostname = "127.0.0.1", count = "1"] = Deno.args;
  const bodies = Array.from(
    { length: Number(count) },
    (_, i) => packageBytes(sizeOf(i, Number(count))),
  );
  // deno-lint-ignore no-console
  const onListen = ({ port }: { port: number }) => console.log(port);
  Deno.serve({ port: 0, hostname, onListen }, ({ url }) => {
    const index = Number(/\/p(\d+)_/.exec(url)?.[1]);
    return new Response(bodies[index] ?? null, { headers: { etag: `"${index}"` } });
  });
}
