import fc from "fast-check";
import assert from "node:assert/strict";
import { demangle } from "../../../src/run/wasm/demangle.ts";

for (
  const [mangled, name] of [
    ["main", "main"],
    ["main.main", "main.main"],
    ["", ""],
    ["_ZN4core9panicking5panic17h0123456789abcdefE", "core::panicking::panic"],
    ["_ZN4core9panicking5panic17h0123456789abcdefE.llvm.77", "core::panicking::panic"],
    [
      "_ZN5hello4main28_$u7b$$u7b$closure$u7d$$u7d$17h0123456789abcdefE",
      "hello::main::{{closure}}",
    ],
    [
      "_ZN60_$LT$alloc..string..String$u20$as$u20$core..fmt..Display$GT$3fmt17h0123456789abcdefE",
      "<alloc::string::String as core::fmt::Display>::fmt",
    ],
    ["_ZN3foo3barEv", "foo::bar"],
    ["_ZNK3foo3barEiE", "foo::bar"],
    ["_Z4boomi", "boom"],
    ["_Z4boomPK3foo", "boom"],
    ["_ZN3foo5__barEv", "foo::__bar"],
    // Templates, constructors.
    ["_ZN3fooIiE3barEv", "_ZN3fooIiE3barEv"],
    ["_ZN3fooC1Ev", "_ZN3fooC1Ev"],
    ["_ZN99fooE", "_ZN99fooE"],
    ["_RNvCs1234_7mycrate4main", "mycrate::main"],
    ["_RNvNtCsjlDtaMZrRsD_4core9panicking5panic", "core::panicking::panic"],
    ["_RNvNtCs1234_7mycrate3foo5___bar.llvm.123", "mycrate::foo::__bar"],
    ["_RNCNvCs1234_7mycrate4main0B3_", "mycrate::main"],
    [
      "_RNvXs_NtNtCsjlDtaMZrRsD_5mylib2io5errorNtB6_5ErrorNtNtBc_2rt8Resource4drop",
      "mylib::io::error::Error::rt::Resource::drop",
    ],
    ["_R", "_R"],
    ["_ZN7a$u41$bE", "aAb"],
    // No character has this number.
    ["_ZN10a$uffffff$E", "a$uffffff$"],
  ] as const
) {
  Deno.test(`demangle returns "${name}" for "${mangled}"`, () => {
    assert.equal(demangle(mangled), name);
  });
}

Deno.test("demangle returns a text for any name", () => {
  const letters = fc.constantFrom(..."_ZNERvCs0123456789aI", "$u1f600$", "$uffffff$");
  fc.assert(fc.property(
    fc.constantFrom("_Z", "_ZN", "_R", ""),
    fc.array(letters, { maxLength: 40 }),
    (prefix, rest) => assert.equal(typeof demangle(prefix + rest.join("")), "string"),
  ));
});
