import fc from "fast-check";
import assert from "node:assert/strict";
import { hasCode } from "../../../src/base/errors.ts";
import { SyntaxFault } from "../../../src/run/grants/syntax_fault.ts";
import {
  componentVariables,
  expandTemplate,
  resolveVariables,
} from "../../../src/run/spin/variables.ts";
import {
  lockedComponent,
  spinApp,
  spinComponent,
  SUBJECT,
} from "../../support/cache/locked_apps.ts";

const APP = spinApp({
  variables: {
    api_uri: { default: "http://my-api.com" },
    api_token: { secret: true },
    empty: { default: "" },
  },
});

function resolveNamed(app: typeof APP, named: ReadonlyMap<string, string>) {
  return resolveVariables(app, { named, others: new Map() });
}

Deno.test("resolveVariables prefers given values to defaults", () => {
  const given = new Map([["api_token", "t"], ["api_uri", "http://other"]]);
  assert.deepEqual(
    resolveNamed(APP, given),
    new Map([["api_uri", "http://other"], ["api_token", "t"], ["empty", ""]]),
  );
  assert.equal(resolveNamed(APP, new Map([["api_token", ""]])).get("api_token"), "");
});

Deno.test("resolveVariables ignores the environment", () => {
  Deno.env.set("SPIN_VARIABLE_API_URI", "http://from.the.environment");
  try {
    const values = resolveNamed(APP, new Map([["api_token", "t"]]));
    assert.equal(values.get("api_uri"), "http://my-api.com");
  } finally {
    Deno.env.delete("SPIN_VARIABLE_API_URI");
  }
});

Deno.test("resolveVariables names missing values and the option that gives them", () => {
  assert.throws(
    () => resolveNamed(APP, new Map()),
    (error) =>
      hasCode(error, "LDR_USAGE") &&
      error.message === 'the app shop needs a value for the variable "api_token"' &&
      error.hint ===
        "give it with --variable api_token=VALUE, or in the environment as SPIN_VARIABLE_API_TOKEN",
  );
  const app = spinApp({ variables: { a: {}, b: { default: "x" }, c: {} } });
  assert.throws(
    () => resolveNamed(app, new Map()),
    (error) =>
      hasCode(error, "LDR_USAGE") && error.message.endsWith('values for the variables "a", "c"') &&
      error.hint.includes("--variable a=VALUE --variable c=VALUE"),
  );
});

Deno.test("resolveVariables refuses an unknown variable and lists the known ones", () => {
  const given = new Map([["api_token", "t"], ["api-uri", "x"]]);
  assert.throws(
    () => resolveNamed(APP, given),
    (error) =>
      hasCode(error, "LDR_USAGE") && error.message.includes('no variable "api-uri"') &&
      error.hint === "its variables are api_token, api_uri, empty",
  );
  assert.throws(
    () => resolveNamed(spinApp(), given),
    (error) => hasCode(error, "LDR_USAGE") && error.hint.startsWith("it has no variables"),
  );
});

Deno.test("componentVariables returns the component's own variables only", () => {
  const component = spinComponent({
    config: { token: "{{ api_token }}", uri: "{{api_uri}}/{{ empty }}v1", version: "v1" },
  });
  const variables = resolveNamed(APP, new Map([["api_token", "s3cret"]]));
  assert.deepEqual(
    componentVariables(component, variables, SUBJECT),
    new Map([["token", "s3cret"], ["uri", "http://my-api.com/v1"], ["version", "v1"]]),
  );
});

for (const template of ["{{ unknown }}", "{{ }}", "{{ api_uri", "{{ version }}", "{{ Api_Uri }}"]) {
  Deno.test(`componentVariables refuses the template ${template} without showing values`, () => {
    const component = spinComponent({ config: { version: "1", uri: template } });
    assert.throws(
      () => componentVariables(component, new Map([["api_uri", "s3cret"]]), SUBJECT),
      (error) =>
        hasCode(error, "LDR_BAD_MANIFEST") && !error.message.includes("s3cret") &&
        error.message.includes(`${SUBJECT}: the variable "uri" of the component "cart": `),
    );
  });
}

const EXPANSIONS: [template: string, expanded: string][] = [
  ["", ""],
  ["plain", "plain"],
  ["a-{{ a }}-b", "a-1-b"],
  ["{{a}}{{\tb\n}}", "12"],
  ["{ {a} } }}", "{ {a} } }}"],
  ["{{ nested }}", "{{ a }}"],
  ["{{ dollar }}", "$& $1"],
];

for (const [template, expanded] of EXPANSIONS) {
  Deno.test(`expandTemplate turns ${JSON.stringify(template)} into ${JSON.stringify(expanded)}`, () => {
    const values = new Map([["a", "1"], ["b", "2"], ["nested", "{{ a }}"], ["dollar", "$& $1"]]);
    assert.equal(expandTemplate(template, values), expanded);
  });
}

Deno.test("expandTemplate takes a third brace as a part of the name", () => {
  assert.throws(() => expandTemplate("{{{a}}", new Map([["a", "1"]])), SyntaxFault);
});

Deno.test("expandTemplate leaves text and values as they are", () => {
  const text = fc.string().filter((text) => !text.includes("{"));
  fc.assert(
    fc.property(fc.array(fc.tuple(text, fc.string())), text, (parts, end) => {
      const values = new Map(parts.map(([, value], at) => [`v${at}`, value]));
      const template = parts.map(([text], at) => `${text}{{ v${at} }}`).join("") + end;
      const expanded = parts.map(([text, value]) => text + value).join("") + end;
      assert.equal(expandTemplate(template, values), expanded);
    }),
  );
});

Deno.test("componentVariables does not return variables of another component", () => {
  const app = spinApp({
    components: [lockedComponent("cart", { config: { a: "1" } }), lockedComponent("stock")],
  });
  assert.deepEqual(
    componentVariables(app.components.get("stock")!, new Map([["a", "1"]]), SUBJECT),
    new Map(),
  );
});
