import { LarderError } from "../../base/errors.ts";
import { parseLockedText, SyntaxFault } from "../grants/syntax_fault.ts";
import type { SpinApp, SpinComponent } from "./app.ts";

/** The values of an app's variables, by name. */
export type Variables = ReadonlyMap<string, string>;

/**
 * The values that an app runs with: the given ones, and the defaults for the rest.
 *
 * @param given what `--variable NAME=VALUE` named
 * @throws LarderError LDR_USAGE where the app has no such variable, or needs a value that was not given
 */
export function resolveVariables(app: SpinApp, given: Variables): Variables {
  const stray = [...given.keys()].find((name) => !app.variables.has(name));
  if (stray !== undefined) throw unknownVariable(app, stray);
  const values = new Map<string, string>();
  const missing: string[] = [];
  for (const [name, variable] of app.variables) {
    const value = given.get(name) ?? variable.default;
    if (value === undefined) missing.push(name);
    else values.set(name, value);
  }
  if (missing.length > 0) throw missingValues(app, missing);
  return values;
}

/**
 * The variables that a component sees, which are those of its own configuration and not the app's.
 * @param subject what it is a component of, for messages
 * @throws LarderError LDR_BAD_MANIFEST
 */
export function componentVariables(
  component: SpinComponent,
  variables: Variables,
  subject: string,
): Variables {
  return new Map(
    [...component.config].map(([name, template]) => {
      const place = `the variable "${name}" of the component "${component.id}"`;
      return [name, parseLockedText(subject, place, () => expandTemplate(template, variables))];
    }),
  );
}

/**
 * Puts values into the places of a template: `https://{{ host }}/v1`. What stands in a value is not looked at.
 * Source: Spin's spin-expressions crate, `Template`.
 * @throws BadText
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
    hint: known ? `it has these: ${known}` : "it has no variables: leave --variable out",
  });
}

function missingValues(app: SpinApp, names: readonly string[]): LarderError {
  const shown = names.map((name) => `"${name}"`).join(", ");
  const what = names.length === 1 ? "a value for the variable" : "values for the variables";
  return new LarderError("LDR_USAGE", `the app ${app.name} needs ${what} ${shown}`, {
    hint: `give it with ${names.map((name) => `--variable ${name}=VALUE`).join(" ")}`,
  });
}
