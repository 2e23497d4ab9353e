// deno-lint-ignore-file no-console
import assert from "node:assert/strict";
import { join } from "node:path";
import { parse } from "yaml";
import { findProgram } from "../support/cli/commands.ts";

const ROOT = join(import.meta.dirname!, "../..");
const WORKFLOWS = join(ROOT, ".github/workflows");
const FORMS = join(ROOT, ".github/ISSUE_TEMPLATE");

/** A version such as `v4`, or a commit. A branch could change under a workflow. */
const PINNED = /^[\w.-]+\/[\w./-]+@(?:v\d+(?:\.\d+){0,2}|[0-9a-f]{40})$/;

type Permissions = Readonly<Record<string, string>> | string;

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
}

interface Job {
  readonly uses?: string;
  readonly needs?: string | readonly string[];
  readonly permissions?: Permissions;
  readonly "timeout-minutes"?: number;
  readonly steps?: readonly Step[];
}

interface Workflow {
  readonly on: { readonly push?: { readonly tags?: readonly string[] } };
  readonly permissions?: Permissions;
  readonly jobs: Readonly<Record<string, Job>>;
}

interface FormField {
  readonly type: string;
  readonly id?: string;
  readonly attributes: { readonly label?: string; readonly value?: string };
  readonly validations?: { readonly required?: boolean };
}

interface Form {
  readonly name?: string;
  readonly description?: string;
  readonly body?: readonly FormField[];
}

function filesIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
}

function read<T>(folder: string, name: string): T {
  return parse(Deno.readTextFileSync(join(folder, name))) as T;
}

function workflow(name: string): Workflow {
  return read(WORKFLOWS, name);
}

function stepsOf({ jobs }: Workflow): Step[] {
  return Object.values(jobs).flatMap(({ steps = [] }) => steps);
}

function scriptsOf(each: Workflow): string[] {
  return stepsOf(each).flatMap(({ run = [] }) => run);
}

function grantsWriting(permissions: Permissions): boolean {
  return typeof permissions === "string"
    ? permissions !== "read-all"
    : Object.values(permissions).includes("write");
}

/** Returns the targets in the text of scripts/compile.ts. Importing it would load the transpiler's package. */
function targets(): string[] {
  const text = Deno.readTextFileSync(join(ROOT, "scripts/compile.ts"));
  const [, list = ""] = /\bTARGETS\b[^=]*= \[(.*?)\]/s.exec(text) ?? [];
  return [...list.matchAll(/"([^"]+)"/g)].map(([, target]) => target!);
}

for (const name of filesIn(WORKFLOWS)) {
  const each = workflow(name);

  Deno.test(`${name} grants write permissions to single jobs only`, () => {
    assert.notEqual(each.permissions, undefined);
    assert.ok(!grantsWriting(each.permissions!));
  });

  Deno.test(`${name} pins every action to a version or a commit`, () => {
    const used = [...Object.values(each.jobs), ...stepsOf(each)].flatMap(({ uses = [] }) => uses);
    const local = (uses: string) => uses.startsWith("./") && Deno.statSync(join(ROOT, uses)).isFile;
    assert.deepEqual(used.filter((uses) => !PINNED.test(uses) && !local(uses)), []);
  });

  Deno.test(`${name} keeps its token out of the checkout`, () => {
    const checkouts = stepsOf(each).filter(({ uses }) => uses?.startsWith("actions/checkout@"));
    assert.ok(checkouts.every((step) => step.with?.["persist-credentials"] === false));
  });

  Deno.test(`${name} limits the time of every job`, () => {
    const jobs = Object.entries(each.jobs).filter(([, { uses }]) => uses === undefined);
    assert.deepEqual(jobs.filter(([, job]) => !job["timeout-minutes"]).map(([id]) => id), []);
  });

  Deno.test(`${name} has no expression in a script, because a branch name could inject code`, () => {
    assert.deepEqual(scriptsOf(each).filter((script) => script.includes("${{")), []);
  });

  Deno.test(`${name} calls the Deno that .ci/run calls`, () => {
    const version = /\bdeno@[\d.]+/;
    const expected = version.exec(Deno.readTextFileSync(join(ROOT, ".ci/run")))?.[0];
    for (const script of scriptsOf(each)) {
      const called = version.exec(script)?.[0];
      if (called !== undefined) assert.equal(called, expected);
    }
  });
}

Deno.test("ci.yml runs everything on Linux, and quick checks on macOS and Windows", () => {
  const text = Deno.readTextFileSync(join(WORKFLOWS, "ci.yml"));
  assert.ok(scriptsOf(workflow("ci.yml")).includes(".ci/run"));
  for (const system of ["ubuntu-", "macos-", "windows-"]) assert.ok(text.includes(system), system);
});

Deno.test("release.yml builds every target of scripts/compile.ts", () => {
  assert.equal(targets().length, 6);
  const compile = scriptsOf(workflow("release.yml")).filter((it) => it.includes(" task compile"));
  const isBuilt = (target: string) =>
    compile.some((script) =>
      / --all(?:\s|$)/.test(script) || script.includes(`--target ${target}`)
    );
  assert.deepEqual(targets().filter((target) => !isBuilt(target)), []);
});

Deno.test("release.yml publishes all of dist for a version tag after CI has passed", () => {
  const { on, jobs } = workflow("release.yml");
  assert.deepEqual(on, { push: { tags: ["v*"] } });
  assert.equal(jobs.test!.uses, "./.github/workflows/ci.yml");
  assert.equal(jobs.release!.needs, "test");
  const attest = jobs.release!.steps!.findIndex(({ uses }) =>
    uses?.startsWith("actions/attest-build-provenance@")
  );
  assert.equal(jobs.release!.steps![attest]!.with!["subject-path"], "dist/*");
  const publish = jobs.release!.steps!.findIndex(({ run }) =>
    run?.includes("gh release create") && run.includes("dist/*")
  );
  assert.ok(publish > attest);
  assert.deepEqual(jobs.release!.permissions, {
    contents: "write",
    "id-token": "write",
    attestations: "write",
  });
});

for (const name of filesIn(FORMS).filter((name) => name !== "config.yml")) {
  Deno.test(`the issue form ${name} has fields that GitHub knows, each with a label`, () => {
    const { name: title, description, body = [] } = read<Form>(FORMS, name);
    assert.ok(title && description);
    const fields = body.filter(({ type }) => type !== "markdown");
    assert.ok(fields.some(({ validations }) => validations?.required));
    const known = ["textarea", "input", "dropdown", "checkboxes"];
    assert.deepEqual(fields.filter(({ type }) => !known.includes(type)), []);
    assert.ok(fields.every(({ id, attributes }) => id && attributes.label));
    assert.equal(new Set(fields.map(({ id }) => id)).size, fields.length);
  });
}

Deno.test("the issue chooser links to the private report that SECURITY.md names", () => {
  const { contact_links } = read<{ contact_links: { url: string }[] }>(FORMS, "config.yml");
  const address = contact_links[0]!.url;
  assert.ok(address.endsWith("/security/advisories/new"));
  assert.ok(Deno.readTextFileSync(join(ROOT, "SECURITY.md")).includes(address));
});

Deno.test("actionlint accepts the workflows", async () => {
  const linter = actionlint();
  if (linter === undefined) {
    console.log("actionlint is not installed: workflows are checked by their own tests only");
    return;
  }
  const files = filesIn(WORKFLOWS).map((name) => join(WORKFLOWS, name));
  const { code, stdout, stderr } = await new Deno.Command(linter, { args: ["-no-color", ...files] })
    .output();
  const said = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("");
  assert.deepEqual([code, said], [0, ""]);
});

/** Returns the path of actionlint: on PATH, or in the folder of `go install`. */
function actionlint(): string | undefined {
  const folder = Deno.env.get("GOPATH") ?? join(Deno.env.get("HOME") ?? "/", "go");
  return findProgram("actionlint") ?? findProgram(join(folder, "bin/actionlint"));
}
