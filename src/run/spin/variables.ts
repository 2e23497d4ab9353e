import { LarderError } from "../../base/errors.ts";
import { SyntaxFault } from "../grants/syntax_fault.ts";
import type { SpinApp, SpinComponent } from "./app.ts";
import { parseLockedText } from "./locked_text.ts";

/** Values of variables by name. */
export type Variables = ReadonlyMap<string, string>;

/** Values for an app's variables. */
export interface GivenVariables {
  /** Those that the user named, each of which the app must have. */
  readonly named: Variables;
  /** Those of files, the environment and a runtime config, of which the app need not have all. */
  readonly others: Variables;
}

/**
 * Returns the values of an app's variables: the given ones, and the defaults of those that have none.
 * @throws LarderError LDR_USAGE if the app has no such variable, or a value without a default was not given
 */
export function resolveVariables(app: SpinApp, { named, others }: GivenVariables): Variables {
  const unknown = [...named.keys()].find((name) => !app.variables.has(name));
  if (unknown !== undefined) throw unknownVariable(app, unknown);
  const values = new Map<string, string>();
  const missing: string[] = [];
  for (const [name, variable] of app.variables) {
    const value = named.get(name) ?? others.get(name) ?? variable.default;
    if (value === undefined) missing.push(name);
    else values.set(name, value);
  }
  if (missing.length > 0) throw missingValues(app, missing);
  return values;
}

/**
 * Returns the variables of a component: those of its own configuration, not the app's.
 * @param subject name of the app, for messages
 * @throws LarderError LDR_BAD_MANIFEST
 */
export function componentVariables(
  component: SpinComponent,
  variables: Variables,
  subject: string,
): Variables {
  return new Map(
    [...component.config].map(([name, template]) => {
      const location = `the variable "${name}" of the component "${component.id}"`;
      return [name, parseLockedText(subject, location, () => expandTemplate(template, variables))];
    }),
  );
}

/**
 * Expands a template such as `https://{{ host }}/v1`. Values are not expanded again.
 * Source: Spin's spin-expressions crate, `Template`.
 * @throws SyntaxFault
 */
export function expandTemplate(template: string, variables: Variables): string {
  let expanded = "";
  for (let at = 0;;) {
    const open = template.indexOf("{{", at);
    if (open < 0) return expanded + template.slice(at);
    const close = template.indexOf("}}", open + 2);
    if (close < 0) throw new SyntaxFault(`"{{" without "}}"`);
    const name = template.slice(open + 2, close).trim();
    const value = variables.get(name);
    if (value === undefined) throw new SyntaxFault(`the app has no variable "${name}"`);
    expanded += template.slice(at, open) + value;
    at = close + 2;
  }
}

function unknownVariable(app: SpinApp, name: string): LarderError {
  const known = [...app.variables.keys()].sort().join(", ");
  return new LarderError("LDR_USAGE", `the app ${app.name} has no variable "${name}"`, {
    hint: known ? `its variables are ${known}` : "it has no variables: leave out --variable",
  });
}

function missingValues(app: SpinApp, names: readonly string[]): LarderError {
  const quoted = names.map((name) => `"${name}"`).join(", ");
  const needed = names.length === 1 ? "a value for the variable" : "values for the variables";
  return new LarderError("LDR_USAGE", `the app ${app.name} needs ${needed} ${quoted}`, {
    hint: `give it with ${names.map((name) => `--variable ${name}=VALUE`).join(" ")}, or in the ` +
      `environment as SPIN_VARIABLE_${names[0]!.toUpperCase()}`,
  });
}
