/** How the user has ended a line. */
export type LineEnd = "enter" | "end of input" | "interrupt";

/** The sequences that arrow and function keys send; a password has none of them. */
// deno-lint-ignore no-control-regex
const ESCAPE_SEQUENCE = /\x1b(?:\[[0-9;]*[A-Za-z~]|O[A-Za-z])/g;

/** A line that is typed without being shown, with the keys that a terminal in raw mode does not handle itself. */
export class SecretLine {
  readonly #letters: string[] = [];
  #end: LineEnd | undefined;

  get text(): string {
    return this.#letters.join("");
  }

  /** Undefined until the line has ended. */
  get end(): LineEnd | undefined {
    return this.#end;
  }

  /** Takes keys as the terminal sends them. Those after the end of the line are dropped. */
  type(keys: string): void {
    for (const key of keys.replace(ESCAPE_SEQUENCE, "")) {
      if (this.#end !== undefined) return;
      this.#press(key);
    }
  }

  #press(key: string): void {
    switch (key) {
      case "\r":
      case "\n":
        this.#end = "enter";
        break;
      case "\x03": // Ctrl-C
        this.#end = "interrupt";
        break;
      case "\x00": // Ctrl-D that was typed before the terminal was in raw mode.
      case "\x04": // Ctrl-D, which only ends an empty line.
        if (this.#letters.length === 0) this.#end = "end of input";
        break;
      case "\x08":
      case "\x7f": // Backspace
        this.#letters.pop();
        break;
      case "\x15": // Ctrl-U
        this.#letters.length = 0;
        break;
      default:
        if (key >= " ") this.#letters.push(key);
    }
  }
}
