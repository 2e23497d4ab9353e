import { componentOf } from "../../tests/support/wasm/components.ts";

const WORLD = `
  import wasi:http/types@0.2.3;
  import wasi:io/streams@0.2.3;
  export wasi:http/incoming-handler@0.2.3;`;

/** Returns an HTTP component that answers every request with a text. It is assembled here, so the demo needs no compiler. */
export async function helloComponent(text: string): Promise<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  const escaped = [...bytes].map((byte) => `\\${byte.toString(16).padStart(2, "0")}`).join("");
  const wat = `(module
    (import "wasi:http/types@0.2.3" "[constructor]fields" (func $fields (result i32)))
    (import "wasi:http/types@0.2.3" "[constructor]outgoing-response"
      (func $response (param i32) (result i32)))
    (import "wasi:http/types@0.2.3" "[method]outgoing-response.body" (func $body (param i32 i32)))
    (import "wasi:http/types@0.2.3" "[method]outgoing-body.write" (func $write (param i32 i32)))
    (import "wasi:http/types@0.2.3" "[static]response-outparam.set"
      (func $answer (param i32 i32 i32 i32 i64 i32 i32 i32 i32)))
    (import "wasi:http/types@0.2.3" "[static]outgoing-body.finish"
      (func $finish (param i32 i32 i32 i32)))
    (import "wasi:io/streams@0.2.3" "[method]output-stream.blocking-write-and-flush"
      (func $print (param i32 i32 i32 i32)))
    (import "wasi:io/streams@0.2.3" "[resource-drop]output-stream" (func $close (param i32)))
    (memory (export "memory") 1)
    (data (i32.const 1024) "${escaped}")
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 32768))
    (func (export "wasi:http/incoming-handler@0.2.3#handle") (param $request i32) (param $out i32)
      (local $r i32) (local $b i32) (local $s i32)
      (local.set $r (call $response (call $fields)))
      (call $body (local.get $r) (i32.const 0))
      (local.set $b (i32.load (i32.const 4)))
      (call $answer (local.get $out) (i32.const 0) (local.get $r)
        (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
      (call $write (local.get $b) (i32.const 0))
      (local.set $s (i32.load (i32.const 4)))
      (call $print (local.get $s) (i32.const 1024) (i32.const ${bytes.length}) (i32.const 0))
      (call $close (local.get $s))
      (call $finish (local.get $b) (i32.const 0) (i32.const 0) (i32.const 0))))`;
  return await componentOf(wat, WORLD);
}
