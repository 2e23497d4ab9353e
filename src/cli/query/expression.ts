import { type ASTNode, EvaluationError } from "@marcbachmann/cel-js";
import { Duration, Environment } from "@marcbachmann/cel-js/evaluator";
import { LarderError } from "../../base/errors.ts";
import { nearest } from "../../base/nearest.ts";
import { formatBytes, parseBytes, parseDuration } from "../../base/units.ts";
import { asDigest, shortDigest } from "../../oci/digest.ts";
import { placeIn, PointedError } from "../errors.ts";
import { manualPage } from "../help/manual.ts";
import { localTime } from "../terminal/text_layout.ts";
import { bareAmount, checkComparison, checkUnits } from "./amounts.ts";
import { FIELD_NAMES, type FieldName, FIELDS, type FieldType, readField } from "./fields.ts";
import type { Item } from "./items.ts";

/** A compiled expression over an item's fields. */
export interface Expression {
  /** The CEL type of its values; `dyn` if it is known only when evaluated. */
  readonly type: string;
  /** @throws PointedError LDR_USAGE if the values do not allow it, such as a division by zero */
  evaluate(item: Item): unknown;
}

/** The position of an expression in the text that the user wrote. */
export interface ExpressionSource {
  /** The whole text. */
  readonly text: string;
  /** The name of the text in messages: `filter` or `template`. */
  readonly kind: string;
  /** Offsets of the expression in the text. */
  readonly start: number;
  readonly end: number;
}

/**
 * Names that CEL reserves: `type` is one of its types, and `bytes` and `duration` are its conversion functions.
 * Expressions are evaluated with these replacements, which are as long, so that offsets in errors stay right.
 */
const RESERVED = {
  id: new Map([["type", "TYPE"]]),
  call: new Map([["bytes", "BYTES"], ["duration", "DURATION"]]),
};

const CEL_TYPES = {
  string: "string",
  int: "int",
  bool: "bool",
  timestamp: "google.protobuf.Timestamp",
  duration: "google.protobuf.Duration",
} as const;

/**
 * Compiles an expression in CEL, the Common Expression Language, over {@link FIELDS}.
 *
 * @param now milliseconds since the epoch, for `now`, `age` and `unused`
 * @throws PointedError LDR_USAGE if it cannot be parsed, names an unknown field or function, or its types do not match
 */
export function parseExpression(source: ExpressionSource, now: number): Expression {
  environment ??= createEnvironment();
  try {
    const { text, names } = replaceReserved(
      environment,
      source.text.slice(source.start, source.end),
    );
    const evaluate = environment.parse(text);
    const { valid, type, error } = evaluate.check();
    if (!valid) throw error;
    const used = FIELD_NAMES.filter((name) => names.has(name));
    return {
      type: type!,
      evaluate(item) {
        try {
          return evaluate(valuesOf(used, item, now));
        } catch (error) {
          throw pointed(error, source, ` (of ${item.name})`);
        }
      },
    };
  } catch (error) {
    throw pointed(error, source);
  }
}

export function isDuration(value: unknown): value is Duration {
  return value instanceof Duration;
}

let environment: Environment | undefined;

function createEnvironment(): Environment {
  const environment = new Environment();
  for (const name of FIELD_NAMES) {
    environment.registerVariable(internalName(name), CEL_TYPES[FIELDS[name].type]);
  }
  return environment
    .registerVariable("now", CEL_TYPES.timestamp)
    .registerFunction(
      "BYTES(string): int",
      withEvaluationErrors((text: string) => BigInt(parseBytes(text))),
    )
    .registerFunction(`DURATION(string): ${CEL_TYPES.duration}`, withEvaluationErrors(durationOf))
    .registerFunction("int.human(): string", (bytes: bigint) => formatBytes(Number(bytes)))
    .registerFunction(`${CEL_TYPES.timestamp}.local(): string`, (time: Date) => localTime(+time))
    .registerFunction("string.short(): string", short);
}

/** Turns the error of a unit parser into one for which the CEL library adds the offset. */
function withEvaluationErrors<A, T>(read: (argument: A) => T): (argument: A) => T {
  return (argument) => {
    try {
      return read(argument);
    } catch (error) {
      if (!(error instanceof LarderError)) throw error;
      throw new EvaluationError(error.message, undefined, error);
    }
  };
}

function durationOf(text: string): Duration {
  return Duration.fromMilliseconds(parseDuration(text));
}

/** Shortens a digest; returns any other text unchanged. */
function short(text: string): string {
  const digest = asDigest(text);
  return digest ? shortDigest(digest) : text;
}

function valuesOf(names: readonly FieldName[], item: Item, now: number): Record<string, unknown> {
  const values: Record<string, unknown> = { now: new Date(now) };
  for (const name of names) {
    const value = readField(name, item, now);
    values[internalName(name)] = toCel(FIELDS[name].type, value);
  }
  return values;
}

function toCel(type: FieldType, value: string | number | boolean): unknown {
  switch (type) {
    case "int":
      return BigInt(value);
    case "timestamp":
      return new Date(Number(value));
    case "duration":
      return Duration.fromMilliseconds(Number(value));
    default:
      return value;
  }
}

/** Returns the name of a field in the expression that is evaluated. */
function internalName(name: FieldName): string {
  return RESERVED.id.get(name) ?? name;
}

/** Replaces the names that CEL reserves. @returns the new text, and the variables that it names */
function replaceReserved(
  environment: Environment,
  text: string,
): { text: string; names: Set<string> } {
  const names = new Set<string>();
  let replaced = text;
  const visit = (node: unknown): void => {
    if (Array.isArray(node)) return node.forEach(visit);
    if (!isNode(node)) return;
    if (node.op === "id" || node.op === "call") {
      const name = node.op === "id" ? node.args : node.args[0];
      const internal = RESERVED[node.op].get(name) ?? name;
      replaced = replaced.slice(0, node.start) + internal +
        replaced.slice(node.start + name.length);
      if (node.op === "id") names.add(name);
      else checkUnits(name, node.args[1][0]);
    }
    checkComparison(node);
    visit(node.args);
  };
  visit(environment.parse(text).ast);
  return { text: replaced, names };
}

function isNode(value: unknown): value is ASTNode {
  return typeof value === "object" && value !== null && "op" in value;
}

/** Converts an error of the CEL library to one that points into the user's text. */
function pointed(error: unknown, source: ExpressionSource, subject = ""): unknown {
  if (error instanceof PointedError || !isCelError(error)) return error;
  const { text, kind, start, end } = source;
  const at = error.range?.start ?? 0;
  const amount = error.code === "unexpected_character"
    ? bareAmount(text.slice(start, end), at)
    : undefined;
  const offset = start + (amount?.at ?? at);
  const reason = amount
    ? "a size or duration has to be in quotes"
    : reworded(error, text.slice(start));
  return new PointedError(
    "LDR_USAGE",
    `bad ${kind} at ${placeIn(text, offset)}: ${reason}${subject}`,
    { hint: amount?.hint ?? hintFor(error), text, offset, cause: error },
  );
}

interface CelError extends Error {
  readonly code: string;
  readonly summary: string;
  readonly range?: { readonly start: number; readonly end: number };
}

function isCelError(error: unknown): error is CelError {
  return error instanceof Error && "summary" in error;
}

/** Rewords the library's message in the names that users know. @param text the expression */
function reworded({ summary, range }: CelError, text: string): string {
  // The library quotes the last character of the token that it points to.
  if (range && summary.startsWith("Unexpected character: '")) {
    return `unexpected "${text.slice(range.start, range.end)}"`;
  }
  const words = summary
    .replace(/google\.protobuf\.(Timestamp|Duration)/g, (_, name: string) => name.toLowerCase())
    .replace(/\b(?:TYPE|BYTES|DURATION)\b/g, (name) => name.toLowerCase())
    .replace(/\bEOF\b/, "the end")
    .replace(/^Unknown variable: (.*)$/, 'there is no field "$1"')
    .replace(/^found no matching overload for '(.*)'$/, "there is no function $1")
    .replace(/^no such overload:/, "there is no operator");
  return words[0]!.toLowerCase() + words.slice(1);
}

function hintFor({ code, summary, cause }: CelError): string {
  if (cause instanceof LarderError) return cause.hint;
  const unknown = code === "unknown_variable" ? summary.replace(/^.*: /, "") : undefined;
  const similar = unknown && nearest(unknown, FIELD_NAMES);
  if (similar) return `did you mean ${similar}?`;
  if (unknown) return `the fields are ${FIELD_NAMES.join(", ")}`;
  return `fields, functions and examples: ${manualPage("filters")}`;
}
