import { hasProgram, missingProgram } from "./commands.ts";

/**
 * Starts an interactive shell on a terminal of its own, types `keys` at its prompt, clears the line and ends the
 * shell. Returns what the terminal showed. The shell reads one key after the other, so nothing has to wait for
 * time; one that does not come to an end is ended after a minute.
 *
 * @param shell the command line of a shell that has Emacs' keys
 * @param setup a line that is run before; it must not set the prompt
 */
export async function typeInto(
  shell: string,
  options: { setup: string; keys: string; folder: string },
): Promise<string> {
  if (!hasProgram("script")) throw missingProgram("script");
  const process = new Deno.Command("script", {
    args: ["--quiet", "--flush", "--return", "--command", shell, "/dev/null"],
    cwd: options.folder,
    // Nothing of ours: with EDITOR=vi, which npx sets, zsh would take other keys.
    clearEnv: true,
    env: { TERM: "dumb", HOME: options.folder, PATH: Deno.env.get("PATH") ?? "" },
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const screen = new Screen(process.stdout);
  const guard = setTimeout(() => process.kill("SIGKILL"), 60_000);
  const writer = process.stdin.getWriter();
  const type = (text: string) => writer.write(new TextEncoder().encode(text));
  try {
    // The quotes keep the echo of what is typed from being taken for the prompt and for the end.
    await type(`${options.setup}; PS1='REA''DY> '\n`);
    await screen.until("READY> ");
    await type(`${options.keys}\x01\x0becho DO''NE; exit\n`);
    return await screen.until("DONE");
  } finally {
    clearTimeout(guard);
    await writer.close().catch(() => {});
    await screen.close();
    await process.status;
  }
}

class Screen {
  readonly #reader: ReadableStreamDefaultReader<string>;
  #text = "";

  constructor(output: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.#reader = output.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** What is shown up to `mark`. */
  async until(mark: string): Promise<string> {
    while (!this.#text.includes(mark)) {
      const { value, done } = await this.#reader.read();
      if (done) throw new Error(`the shell ended before "${mark}": ${this.#text}`);
      this.#text += value;
    }
    const [before, ...after] = this.#text.split(mark);
    this.#text = after.join(mark);
    return before!;
  }

  async close(): Promise<void> {
    await this.#reader.cancel();
  }
}
