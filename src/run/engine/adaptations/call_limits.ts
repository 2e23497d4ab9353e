import type { AdaptStep } from "./adapt_step.ts";

/**
 * Limits on what a guest makes its thread allocate, which the generated scripts lack. Memory that a thread cannot get
 * ends the process, with all other guests: one call can name the same 100 MB a thousand times, and a list of 100 million
 * handles becomes as many objects.
 */

/** 256 MiB limit on what one call passes to the host, where each element of a list counts for {@link ELEMENT} bytes. */
const MAX_PASSED = 256 * 1024 * 1024;

/** Bytes of an element: an object, and its place in an array. */
const ELEMENT = 256;

/** Limit on the handles of one kind that a guest holds, such as of fields, whose size is limited. */
const MAX_HANDLES = 10_000;

/** Functions for the adapted scripts. The names that jco generates of a guest's names have no `$` at the beginning. */
export const LIMITING_FUNCTIONS = `\
let $passed = 0;
function $pass(count, size) {
  $passed += (count >>> 0) * size;
  if ($passed > ${MAX_PASSED}) throw new Error('a call passes more than ${MAX_PASSED} bytes to the host');
  return count;
}
function $limitHandles(table) {
  if (table.length > ${
  2 * MAX_HANDLES
}) throw new Error('the guest holds more than ${MAX_HANDLES} handles of a kind');
}
`;

const ANY = (places: number) => places >= 0;
const SOME = (places: number) => places > 0;

/** Steps for the scripts of both transpilers. The last ones find what another version of jco might write otherwise. */
export const LIMIT_STEPS: readonly AdaptStep[] = [
  {
    name: "limit the elements that a call passes",
    pattern: /^( *)(?=for \(let i = 0; i < (len\d+); i\+\+\) \{$)/gm,
    replacement: `$1$pass($2, ${ELEMENT}); `,
    places: ANY,
  },
  {
    name: "limit the texts that a call passes",
    pattern: /(?<=\.decode\(new Uint8Array\(memory\d+\.buffer, ptr\d+, )(len\d+)(?=\)\))/g,
    replacement: "$pass($1, 1)",
    places: ANY,
  },
  {
    name: "limit the bytes that a call passes",
    pattern: /(memory\d+\.buffer\.slice\((ptr\d+), \2 \+ )(len\d+) \* (\d+)\)/g,
    replacement: "$1$pass($3, $4) * $4)",
    places: ANY,
  },
  {
    name: "begin to count with each call",
    pattern:
      /(?<=^ *(?:function trampoline\d+|const _?trampoline\d+ = .*function)\([\w, ]*\) \{)$/gm,
    replacement: " $passed = 0;",
    places: ANY,
  },
  {
    name: "limit handles",
    pattern:
      /(?<=function rscTableCreateOwn ?\(table, rep\) \{[^}]{0,120}if \(free === 0\) \{)(?=\s*table\.push\(0\);)/g,
    replacement: " $limitHandles(table);",
    places: (places) => places <= 1,
  },
  {
    name: "leave no elements without a limit",
    pattern: /^(?! *\$pass\().*\bi < len\d+;/gm,
    replacement: "",
    places: 0,
  },
  {
    name: "leave no texts and bytes without a limit",
    pattern: /(?:decode\(new Uint8Array\(memory\d+|memory\d+\.buffer\.slice\()(?!.*\$pass\()/g,
    replacement: "",
    places: 0,
  },
];

/** Steps for scripts of WASI 0.3, which have functions for values that are passed. */
export const LIMIT_STEPS_3: readonly AdaptStep[] = [
  {
    name: "limit the elements that a call of 0.3 passes",
    pattern:
      /(?<=const val = \[\];\s*)(?=for \(var i = 0; i < len; i\+\+\) \{\s*const elemPtr = )/g,
    replacement: `$pass(len, 16 * elemSize32); `,
    places: (places) => places <= 1,
  },
  {
    name: "limit the texts that a call of 0.3 passes",
    pattern:
      /(?<=TEXT_DECODER_UTF8\.decode\(new \w+\(ctx\.memory\.buffer, \w+, )(len|codeUnits)(?=\)\))/g,
    replacement: "$pass($1, 1)",
    places: (places) => places === 0 || places === 2,
  },
  {
    name: "begin to count with each call of 0.3",
    pattern: /(?<=^ *(?:async )?function _lowerImport(?:BackwardsCompat)?\(args\) \{)$/gm,
    replacement: " $passed = 0;",
    places: (places) => places <= 2,
  },
  {
    name: "limit streams, futures and tasks",
    pattern: /(?<=if \(freeIdx === 0\) \{)(?=\s*this\.#data\.push\(val\);)/g,
    replacement: " $limitHandles(this.#data);",
    places: SOME,
  },
];
