import { type ASTNode, EvaluationError } from "@marcbachmann/cel-js";
import { LarderError, messageOf } from "../../base/errors.ts";
import { formatLimit, parseBytes, parseDuration } from "../../base/units.ts";

/** Fails on a malformed size or duration literal, before anything is evaluated. */
export function checkUnits(name: string, argument: ASTNode | undefined): void {
  const read = name === "bytes" ? parseBytes : name === "duration" ? parseDuration : undefined;
  if (!read || argument?.op !== "value" || typeof argument.args !== "string") return;
  try {
    read(argument.args);
  } catch (error) {
    throw new EvaluationError(messageOf(error), argument, error);
  }
}

/** The operators that compare an amount with another. */
const COMPARISONS: readonly string[] = ["<", "<=", ">", ">=", "==", "!="];

/** The fields whose values have a unit, and the function that reads one. */
const AMOUNTS: Readonly<Partial<Record<string, "bytes" | "duration">>> = {
  size: "bytes",
  unique: "bytes",
  shared: "bytes",
  age: "duration",
  unused: "duration",
};

/** Fails on a comparison of an amount with a number without a unit other than 0, such as `size > 20`. */
export function checkComparison({ op, args }: ASTNode): void {
  if (!COMPARISONS.includes(op)) return;
  const [left, right] = args as [ASTNode, ASTNode];
  for (const [field, value] of [[left, right], [right, left]] as const) {
    const amount = field.op === "id" ? AMOUNTS[field.args] : undefined;
    if (!amount || value.op !== "value") continue;
    const number = typeof value.args === "bigint" ? Number(value.args) : value.args;
    if (typeof number !== "number" || number === 0) continue;
    const asIs = amount === "bytes" ? formatLimit(number) : `${number}d`;
    // A small number was hardly meant as bytes.
    const isSmall = amount === "bytes" && number < 1000;
    const hint = isSmall
      ? `write bytes("${number}MB"), or bytes("${asIs}") for bytes`
      : `write ${amount}("${asIs}")`;
    throw new EvaluationError(
      `${number} has no unit`,
      value,
      new LarderError("LDR_USAGE", "no unit", { hint }),
    );
  }
}

/** A number with letters at its end, which is neither a number in CEL nor a name. */
const NUMBER_WITH_UNIT = /(?<![\w."'])\d+(?:\.\d+)?\s*[a-z]+(?:\s*\d+[a-z]+)*/gi;

/** Returns the amount without quotes that a parser stumbled over, such as `100MB`; undefined if it was something else. */
export function bareAmount(text: string, offset: number): { at: number; hint: string } | undefined {
  for (const { 0: amount, index } of text.matchAll(NUMBER_WITH_UNIT)) {
    if (offset < index || offset > index + amount.length) continue;
    const reads = [["bytes", parseBytes], ["duration", parseDuration]] as const;
    const fitting = reads.filter(([, read]) => isAccepted(read, amount));
    if (fitting.length === 0) continue;
    return {
      at: index,
      hint: `write ${fitting.map(([name]) => `${name}("${amount}")`).join(" or ")}`,
    };
  }
  return undefined;
}

function isAccepted(read: (text: string) => number, text: string): boolean {
  try {
    read(text);
    return true;
  } catch {
    return false;
  }
}
