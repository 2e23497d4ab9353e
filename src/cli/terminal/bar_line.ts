/** The size of a terminal. */
export interface WindowSize {
  readonly columns: number;
  readonly rows: number;
}

/** What a bar shows. */
export interface BarContent {
  /** In front of the bar. */
  readonly name: string;
  /** From 0 to 1. */
  readonly share: number;
  readonly amount: string;
  /** Shown if there is room, the most important first. */
  readonly details?: readonly string[];
  /** Columns of the bar at most. */
  readonly maxWidth?: number;
}

/** Columns of a bar at most, and at least if there is one. */
const BAR_WIDTH = { max: 30, min: 6 };

/** Returns a bar with its texts in fewer than `columns` columns, so that it never wraps. */
export function barLine(content: BarContent, columns: number): string {
  const { name, share, amount, details = [], maxWidth = BAR_WIDTH.max } = content;
  const room = columns - 1;
  const part = Math.min(1, Math.max(0, share));
  const lead = name === "" ? "" : `${name} `;
  let text = `${String(Math.floor(part * 100)).padStart(3)}% ${amount}`;
  for (const detail of details) {
    const longer = `${text}, ${detail}`;
    if (lead.length + BAR_WIDTH.min + 1 + longer.length > room) break;
    text = longer;
  }
  const width = Math.min(maxWidth, room - lead.length - text.length - 1);
  const full = Math.round(part * width);
  const bar = width < BAR_WIDTH.min ? "" : `${"█".repeat(full)}${"░".repeat(width - full)} `;
  return `${lead}${bar}${text}`.slice(0, Math.max(0, room));
}
