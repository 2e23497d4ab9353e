import { hasProgram, missingProgram } from "./commands.ts";

/**
 * Starts an interactive shell on a terminal, types `keys` at its prompt, clears the line and ends the shell. Returns
 * what the terminal showed. The shell reads one key after the other, so no step waits for a time. A shell that does
 * not end is killed after a minute.
 *
 * @param shell command line of a shell with the key bindings of Emacs
 * @param options.setup a line to run before; it must not set the prompt
 */
export async function typeInto(
  shell: string,
  options: { setup: string; keys: string; folder: string },
): Promise<string> {
  if (!hasProgram("script")) throw missingProgram("script");
  const process = new Deno.Command("script", {
    args: ["--quiet", "--flush", "--return", "--command", shell, "/dev/null"],
    cwd: options.folder,
    // The environment is empty: with EDITOR=vi, which npx sets, zsh would use other key bindings.
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
    // The quotes keep the echo of the typed line from matching the prompt and the end.
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

  /** Returns the text before `mark`, once the screen shows it. */
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
