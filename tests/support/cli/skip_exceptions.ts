// deno-lint-ignore-file no-console
import { EXCEPTIONS_VARIABLE } from "../../binary_exceptions.ts";

/**
 * Skips the tests and steps of {@link EXCEPTIONS_VARIABLE}, each with a line that gives the reason. Loaded before the
 * test modules with `deno test --preload`.
 */

type Body = (t: Deno.TestContext) => void | Promise<void>;

interface Definition {
  readonly name: string;
  readonly ignore?: boolean;
  readonly body: Body;
}

const exceptions: Record<string, string> = JSON.parse(Deno.env.get(EXCEPTIONS_VARIABLE) ?? "{}");
const original = Deno.test;

function register(...args: unknown[]): void {
  const { body, ...definition } = definitionOf(args);
  const ignore = definition.ignore || isExcepted(definition.name);
  original({ ...definition, ignore, fn: (t) => body(withExceptions(t, definition.name)) });
}

/** Returns a test context that skips excepted steps. */
function withExceptions(t: Deno.TestContext, path: string): Deno.TestContext {
  const step = (...args: unknown[]) => {
    const { body, ...definition } = definitionOf(args);
    const name = `${path} > ${definition.name}`;
    const ignore = definition.ignore || isExcepted(name);
    return t.step({ ...definition, ignore, fn: (inner) => body(withExceptions(inner, name)) });
  };
  return new Proxy(t, { get: (target, key) => key === "step" ? step : Reflect.get(target, key) });
}

/** Reads `(name, fn)`, `(name, options, fn)`, `(options, fn)`, `(options)` and `(fn)`. */
function definitionOf(args: unknown[]): Definition {
  const name = args.find((arg) => typeof arg === "string");
  const options = args.find((arg) => typeof arg === "object") as { fn?: Body } | undefined;
  const body = args.find((arg) => typeof arg === "function") as Body | undefined ?? options!.fn!;
  return { name: name ?? body.name, ...options, body } as Definition;
}

function isExcepted(name: string): boolean {
  const reason = exceptions[name];
  if (reason !== undefined) console.warn(`not run: "${name}" (${reason})`);
  return reason !== undefined;
}

Object.assign(Deno, { test: Object.assign(register, original) });
