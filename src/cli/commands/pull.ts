import type { Context } from "../context.ts";

export async function pull(
  _context: Context,
  _references: string[],
  _options: unknown,
): Promise<void> {
}
