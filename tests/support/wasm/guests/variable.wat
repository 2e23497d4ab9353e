;; Answers each path with the value of the variable of Spin that it names: /greeting. Where there is none, with the
;; error's text.
;;! import wasi:http/types@0.2.3;
;;! import wasi:io/streams@0.2.3;
;;! import fermyon:spin/variables@2.0.0;
;;! export wasi:http/incoming-handler@0.2.3;
(module
  (import "fermyon:spin/variables@2.0.0" "get" (func $get (param i32 i32 i32)))
  (import "wasi:http/types@0.2.3" "[constructor]fields" (func $fields (result i32)))
  (import "wasi:http/types@0.2.3" "[method]incoming-request.path-with-query"
    (func $path (param i32 i32)))
  (import "wasi:http/types@0.2.3" "[constructor]outgoing-response"
    (func $response (param i32) (result i32)))
  (import "wasi:http/types@0.2.3" "[method]outgoing-response.body" (func $body (param i32 i32)))
  (import "wasi:http/types@0.2.3" "[method]outgoing-body.write" (func $write (param i32 i32)))
  (import "wasi:http/types@0.2.3" "[static]response-outparam.set"
    (func $set (param i32 i32 i32 i32 i64 i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.3" "[static]outgoing-body.finish"
    (func $finish (param i32 i32 i32 i32)))
  (import "wasi:io/streams@0.2.3" "[method]output-stream.blocking-write-and-flush"
    (func $out (param i32 i32 i32 i32)))
  (import "wasi:io/streams@0.2.3" "[resource-drop]output-stream" (func $drop-out (param i32)))
  (memory (export "memory") 2)
  (global $free (mut i32) (i32.const 65536))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (global.get $free)
    (global.set $free (i32.add (global.get $free) (local.get 3))))

  ;; Results are written at 16, those of the variable at 32: whether it failed, and from 36 on the value's place
  ;; and length; for an error, which one, and then its text's.
  (func (export "wasi:http/incoming-handler@0.2.3#handle") (param $request i32) (param $outparam i32)
    (local $r i32) (local $b i32) (local $s i32) (local $text i32)
    (call $path (local.get $request) (i32.const 16))
    (call $get
      (i32.add (i32.load (i32.const 20)) (i32.const 1))
      (i32.sub (i32.load (i32.const 24)) (i32.const 1))
      (i32.const 32))
    (local.set $text
      (select (i32.const 40) (i32.const 36) (i32.load8_u (i32.const 32))))
    (local.set $r (call $response (call $fields)))
    (call $body (local.get $r) (i32.const 16))
    (local.set $b (i32.load (i32.const 20)))
    (call $set (local.get $outparam) (i32.const 0) (local.get $r) (i32.const 0) (i64.const 0)
      (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (call $write (local.get $b) (i32.const 16))
    (local.set $s (i32.load (i32.const 20)))
    (call $out (local.get $s) (i32.load (local.get $text))
      (i32.load (i32.add (local.get $text) (i32.const 4))) (i32.const 16))
    (call $drop-out (local.get $s))
    (call $finish (local.get $b) (i32.const 0) (i32.const 0) (i32.const 16))))
