import { type ASTNode, EvaluationError } from "@marcbachmann/cel-js";
import { Duration, Environment } from "@marcbachmann/cel-js/evaluator";
import { LarderError, messageOf } from "../../base/errors.ts";
import { nearest } from "../../base/nearest.ts";
import { formatBytes, parseBytes, parseDuration } from "../../base/units.ts";
import { asDigest, shortDigest } from "../../oci/digest.ts";
import { FIELD_NAMES, type FieldName, FIELDS, type FieldType, readField } from "./fields.ts";
import type { Item } from "./items.ts";
import { manualPage } from "../manual.ts";
import { localTime } from "../terminal/table.ts";
import { placeIn, PointedError } from "../errors.ts";

/** An expression over an item's fields, ready to be evaluated. */
export interface Expression {
  /** The type of its values, in CEL's words. */
  readonly type: string;
  /** @throws PointedError for what only the values can tell, as a division by zero */
  evaluate(item: Item): unknown;
}

/** Where an expression stands in what the user wrote. */
export interface ExpressionSource {
  /** All that the user wrote. */
  readonly text: string;
  /** What to call it: `filter`. */
  readonly kind: string;
  /** Where the expression begins and ends in the text. */
  readonly start: number;
  readonly end: number;
}

/**
 * Names that CEL has taken for something else: the variable `type` is one of its types, and the functions `bytes` and
 * `duration` convert. Expressions are evaluated with others in their place, which are as long, so that places stay.
 */
const TAKEN = {
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
 * Reads an expression in CEL (the Common Expression Language) over {@link FIELDS}.
 *
 * @param now milliseconds since the epoch, for `now`, `age` and `unused`
 * @throws PointedError LDR_USAGE: it is none, names what there is not, or its types do not fit
 */
export function parseExpression(source: ExpressionSource, now: number): Expression {
  environment ??= createEnvironment();
  try {
    const { text, names } = rename(environment, source.text.slice(source.start, source.end));
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

/** Whether a value is a length of time. */
export function isDuration(value: unknown): value is Duration {
  return value instanceof Duration;
}

let environment: Environment | undefined;

function createEnvironment(): Environment {
  const environment = new Environment();
  for (const name of FIELD_NAMES) {
    environment.registerVariable(nameInside(name), CEL_TYPES[FIELDS[name].type]);
  }
  return environment
    .registerVariable("now", CEL_TYPES.timestamp)
    .registerFunction("BYTES(string): int", refusing((text: string) => BigInt(parseBytes(text))))
    .registerFunction(`DURATION(string): ${CEL_TYPES.duration}`, refusing(durationOf))
    .registerFunction("int.human(): string", (bytes: bigint) => formatBytes(Number(bytes)))
    .registerFunction(`${CEL_TYPES.timestamp}.local(): string`, (time: Date) => localTime(+time))
    .registerFunction("string.short(): string", short);
}

/** Reports what a reader of units says in the way in which the library marks the place. */
function refusing<A, T>(read: (argument: A) => T): (argument: A) => T {
  return (argument) => {
    try {
      return read(argument);
    } catch (error) {
      throw error instanceof LarderError ? new EvaluationError(error.message) : error;
    }
  };
}

function durationOf(text: string): Duration {
  return Duration.fromMilliseconds(parseDuration(text));
}

/** The first digits of a digest; any other text as it is. */
function short(text: string): string {
  const digest = asDigest(text);
  return digest ? shortDigest(digest) : text;
}

function valuesOf(names: readonly FieldName[], item: Item, now: number): Record<string, unknown> {
  const values: Record<string, unknown> = { now: new Date(now) };
  for (const name of names) {
    const value = readField(name, item, now);
    values[nameInside(name)] = toCel(FIELDS[name].type, value);
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

/** The name that a field has inside. */
function nameInside(name: FieldName): string {
  return TAKEN.id.get(name) ?? name;
}

/** Puts other names in the place of those that CEL has taken; tells all names that stand in the expression. */
function rename(environment: Environment, text: string): { text: string; names: Set<string> } {
  const names = new Set<string>();
  let renamed = text;
  const visit = (node: unknown): void => {
    if (Array.isArray(node)) return node.forEach(visit);
    if (!isNode(node)) return;
    if (node.op === "id" || node.op === "call") {
      const name = node.op === "id" ? node.args : node.args[0];
      const inside = TAKEN[node.op].get(name) ?? name;
      renamed = renamed.slice(0, node.start) + inside + renamed.slice(node.start + name.length);
      if (node.op === "id") names.add(name);
      else checkUnits(name, node.args[1][0]);
    }
    visit(node.args);
  };
  visit(environment.parse(text).ast);
  return { text: renamed, names };
}

/** Finds a size or duration that is none before anything is evaluated, where it is written out. */
function checkUnits(name: string, argument: ASTNode | undefined): void {
  const read = name === "bytes" ? parseBytes : name === "duration" ? parseDuration : undefined;
  if (!read || argument?.op !== "value" || typeof argument.args !== "string") return;
  try {
    read(argument.args);
  } catch (error) {
    throw new EvaluationError(messageOf(error), argument);
  }
}

function isNode(value: unknown): value is ASTNode {
  return typeof value === "object" && value !== null && "op" in value;
}

/** The error of the library as larder's, at its place in what the user wrote. */
function pointed(error: unknown, source: ExpressionSource, subject = ""): unknown {
  if (error instanceof PointedError || !isCelError(error)) return error;
  const { text, kind, start } = source;
  const offset = start + (error.range?.start ?? 0);
  const reason = plain(error.summary);
  return new PointedError(
    "LDR_USAGE",
    `bad ${kind} at ${placeIn(text, offset)}: ${reason}${subject}`,
    { hint: hintFor(error), text, offset, cause: error },
  );
}

interface CelError extends Error {
  readonly code: string;
  readonly summary: string;
  readonly range?: { readonly start: number };
}

function isCelError(error: unknown): error is CelError {
  return error instanceof Error && "summary" in error;
}

/** The library's words without its names for what has simpler ones. */
function plain(summary: string): string {
  const words = summary
    .replace(/google\.protobuf\.(Timestamp|Duration)/g, (_, name: string) => name.toLowerCase())
    .replace(/\b(?:TYPE|BYTES|DURATION)\b/g, (name) => name.toLowerCase())
    .replace(/\bEOF\b/, "the end")
    .replace(/^Unknown variable: (.*)$/, 'there is no field "$1"')
    .replace(/^found no matching overload for '(.*)'$/, "there is no function $1")
    .replace(/^no such overload:/, "there is no operator");
  return words[0]!.toLowerCase() + words.slice(1);
}

function hintFor({ code, summary }: CelError): string {
  const unknown = code === "unknown_variable" ? summary.replace(/^.*: /, "") : undefined;
  const meant = unknown && nearest(unknown, FIELD_NAMES);
  if (meant) return `did you mean ${meant}?`;
  if (unknown) return `the fields are ${FIELD_NAMES.join(", ")}`;
  return `fields, functions and examples: ${manualPage("filters")}`;
}
