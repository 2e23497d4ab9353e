/** The export through which a generated script forgets what it keeps of an instance. */
export const RESET = "larder:reset";

/** Variables of all instances' functions that hold state, and how they begin. */
const STATE = [
  "let curResourceBorrows = [];",
  "const handleTables = [];",
  // Set before each use, from the memory or by the string that is encoded.
  "let dv = new DataView(new ArrayBuffer());",
  "let utf8EncodedLen = 0;",
  // The instantiation itself.
  "let gen = (function* init () {",
  "let promise, resolve, reject;",
];

/** Constants without state. */
const CONSTANT =
  /^const (?:\{.*\} = imports\[.*|module\d+ = getCoreModule\(.*|symbol\w+ = .*|T_FLAG = 1 << 30;|\w+ = (?:url|val|mem) =>.*|hasOwnProperty = .*|utf8(?:De|En)coder = .*|maybeSyncReturn = .*)$/;

/** Declarations of one instance, with the number that they share. */
const TABLE = /^const handleTable(\d+) = \[T_FLAG, 0\];$/;
const CAPTURES = /^const captureTable(\d+)= new Map\(\);$/;
const COUNT = /^let captureCnt(\d+) = 0;$/;

/** Assigned while it is instantiated, and functions. */
const FIXED =
  /^(?:let (\w+);|const trampoline\d+ = new WebAssembly\.Suspending\(.*|const \w+ = \{)$/;

const BODY =
  /^ {2}let gen = \(function\* init \(\) \{\n([^]*)^ {4}return \{(?= .*\};\n {2}\}\)\(\);\n)/m;

/**
 * Adds an export to a script for WASI 0.2 that brings its own state back to the beginning: the handles of resources.
 * @param script a module that jco 1.10.2 has generated
 * @returns undefined if the script keeps more than is known here, as for resources that the component itself exports
 */
export function addReset(script: string): string | undefined {
  const body = BODY.exec(script)?.[1];
  if (body === undefined) return undefined;
  const outer = declarations(script.replace(body, ""), 2);
  if (!outer.every((line) => STATE.includes(line) || CONSTANT.test(line))) return undefined;
  const statements = ["curResourceBorrows = [];"];
  for (const line of declarations(body, 4)) {
    const statement = resetOf(line, script);
    if (statement === undefined) return undefined;
    statements.push(statement);
  }
  const reset = `'${RESET}': () => { ${statements.join(" ")} },`;
  return script.replace(BODY, (all) => `${all} ${reset}`);
}

function declarations(text: string, indent: number): string[] {
  const lines = text.match(new RegExp(`^ {${indent}}(?:let|const|var)\\b.*$`, "gm")) ?? [];
  return lines.map((line) => line.trim());
}

/** Returns what resets a declaration of an instance; undefined if it is unknown. */
function resetOf(line: string, script: string): string | undefined {
  const [, table] = TABLE.exec(line) ?? [];
  if (table) {
    return `handleTable${table}.length = 2; handleTable${table}[0] = T_FLAG; handleTable${table}[1] = 0;`;
  }
  const [, captures] = CAPTURES.exec(line) ?? [];
  if (captures) return `captureTable${captures}.clear();`;
  const [, count] = COUNT.exec(line) ?? [];
  if (count) return `captureCnt${count} = 0;`;
  const fixed = FIXED.exec(line);
  if (!fixed || (fixed[1] && assignments(fixed[1], script) !== 1)) return undefined;
  return "";
}

function assignments(name: string, script: string): number {
  return script.match(new RegExp(`\\b${name}\\b(?= = |\\s*\\}\\s*= yield)`, "g"))?.length ?? 0;
}
