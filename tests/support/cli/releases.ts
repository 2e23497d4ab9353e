import { createHash } from "node:crypto";
import { join } from "node:path";
import { TemporaryFolder } from "../temporary.ts";
import { findProgram, missingProgram } from "./commands.ts";

/** Folder of the install scripts. */
export const SCRIPTS = join(import.meta.dirname!, "../../../scripts");
/** Name of this machine's binary in a release. */
export const NAME = `larder-${Deno.build.target}`;
/** This machine's binary in a release: the binary of `LARDER_BIN`, or a script. */
export const BINARY = Deno.env.get("LARDER_BIN")
  ? Deno.readFileSync(Deno.env.get("LARDER_BIN")!)
  : script("echo 'larder 9.8.7 (test)'");

/** The man page of a release. */
export const MAN_PAGE = new TextEncoder().encode('.TH LARDER 1 "" "larder 9.8.7"\n');

type Answer = Uint8Array<ArrayBuffer> | "missing" | "interrupted";
/** The responses of a server of releases, by path. */
export type Release = Record<string, Answer>;

/** Returns a shell script with this body. */
export function script(body: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`#!/bin/sh\n${body}\n`);
}

/** Returns the content of SHA256SUMS. */
export function sums(entries: Record<string, Uint8Array>): Uint8Array<ArrayBuffer> {
  const lines = Object.entries(entries).map(([name, bytes]) =>
    `${createHash("sha256").update(bytes).digest("hex")}  ${name}\n`
  );
  return new TextEncoder().encode(lines.join(""));
}

/** Returns a valid release in a folder of the server. */
export function release(folder = "latest/download", binary = BINARY): Release {
  return {
    [`/${folder}/${NAME}`]: binary,
    [`/${folder}/larder.1`]: MAN_PAGE,
    [`/${folder}/SHA256SUMS`]: sums({
      "larder-z80-cpm": new Uint8Array(),
      [NAME]: binary,
      "larder.1": MAN_PAGE,
    }),
  };
}

/** A server of releases, an empty home folder and a folder for temporary files. */
export class Machine extends TemporaryFolder implements AsyncDisposable {
  readonly home = join(this.path, "home");
  readonly temporary = join(this.path, "tmp");
  readonly bin = join(this.home, ".local/bin");
  readonly larder = join(this.bin, "larder");
  readonly manPage = join(this.home, ".local/share/man/man1/larder.1");
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor(release: Release) {
    super();
    for (const folder of [this.home, this.temporary]) Deno.mkdirSync(folder);
    const answer = (request: Request) => respond(release[new URL(request.url).pathname]);
    this.#server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, answer);
  }

  /** Runs install.sh, or the script `piped` from the stdin of the shell. */
  async install(
    options: { shell?: string[]; env?: Record<string, string>; piped?: string } = {},
  ): Promise<{ code: number; stdout: string; stderr: string }> {
    const [shell, ...args] = options.shell ?? ["sh"];
    const file = options.piped === undefined ? [join(SCRIPTS, "install.sh")] : [];
    const child = new Deno.Command(shell!, {
      args: [...args, ...file],
      clearEnv: true,
      env: {
        HOME: this.home,
        TMPDIR: this.temporary,
        PATH: Deno.env.get("PATH")!,
        LARDER_RELEASES: `http://127.0.0.1:${this.#server.addr.port}`,
        ...options.env,
      },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(options.piped ?? "")).catch(() => {});
    await writer.close().catch(() => {});
    const { code, stdout, stderr } = await child.output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { code, stdout: text(stdout), stderr: text(stderr) };
  }

  /** Returns a folder for PATH with these programs and those that every shell script needs. */
  pathWith(...programs: string[]): string {
    const folder = join(this.path, "programs");
    Deno.mkdirSync(folder);
    const needed = [
      "awk",
      "cat",
      "chmod",
      "cp",
      "cut",
      "mkdir",
      "mktemp",
      "mv",
      "rm",
      "sh",
      "uname",
    ];
    for (const name of [...needed, ...programs]) {
      Deno.symlinkSync(which(name), join(folder, name));
    }
    return folder;
  }

  /** Returns every file in the home and temporary folders. */
  files(folder = this.path): string[] {
    return [...Deno.readDirSync(folder)].flatMap((entry) => {
      const path = join(folder, entry.name);
      if (path === join(this.path, "programs")) return [];
      return entry.isDirectory ? this.files(path) : [path];
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
    this[Symbol.dispose]();
  }
}

function respond(answer: Answer | undefined): Response {
  if (answer === undefined || answer === "missing") return new Response("no", { status: 404 });
  if (answer !== "interrupted") return new Response(answer);
  const body = ReadableStream.from([BINARY.slice(0, 20)]);
  return new Response(body, { headers: { "content-length": String(BINARY.length) } });
}

function which(name: string): string {
  const path = findProgram(name);
  if (path === undefined) throw missingProgram(name);
  return path;
}
