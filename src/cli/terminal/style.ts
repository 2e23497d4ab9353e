/** The weight and the colour of a text on a terminal. */
export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";

/** Gives a text a style, or returns it as it is where there are none. */
export type Styler = (text: string, style: Style | undefined) => string;

/** The parameters of SGR (ECMA-48, 8.3.117) that begin and end a style. */
const CODES: Readonly<Record<Style, readonly [begin: number, end: number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
};

/** Returns the styler of stdout or stderr. */
export function stylerOf(stream: { isTerminal(): boolean }): Styler {
  if (!hasStyles((name) => Deno.env.get(name), stream.isTerminal())) return (text) => text;
  return (text, style) => {
    if (style === undefined || text === "") return text;
    const [begin, end] = CODES[style];
    return `\x1b[${begin}m${text}\x1b[${end}m`;
  };
}

/** True if text may have styles: https://no-color.org and https://bixense.com/clicolors, in this order. */
export function hasStyles(
  env: (name: string) => string | undefined,
  isTerminal: boolean,
): boolean {
  if (env("NO_COLOR")) return false;
  const force = env("CLICOLOR_FORCE");
  if (force && force !== "0") return true;
  return isTerminal && env("CLICOLOR") !== "0" && !isDumb(env("TERM"));
}

/** True for a terminal that takes no control sequences, such as that of an editor. */
export function isDumb(term: string | undefined): boolean {
  return term === "dumb";
}
