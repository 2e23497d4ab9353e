;; Answers every request with 201, the header x-draft and a text, by the draft of October 2023.
;;! import wasi:http/types@0.2.0-rc-2023-10-18;
;;! import wasi:io/streams@0.2.0-rc-2023-10-18;
;;! import wasi:io/poll@0.2.0-rc-2023-10-18;
;;! import wasi:clocks/monotonic-clock@0.2.3;
;;! export wasi:http/incoming-handler@0.2.0-rc-2023-10-18;
(module
  (import "wasi:http/types@0.2.0-rc-2023-10-18" "[constructor]fields"
    (func $fields (param i32 i32) (result i32)))
  (import "wasi:http/types@0.2.0-rc-2023-10-18" "[constructor]outgoing-response"
    (func $response (param i32 i32) (result i32)))
  (import "wasi:http/types@0.2.0-rc-2023-10-18" "[method]outgoing-response.write"
    (func $body (param i32 i32)))
  (import "wasi:http/types@0.2.0-rc-2023-10-18" "[method]outgoing-body.write"
    (func $write (param i32 i32)))
  (import "wasi:http/types@0.2.0-rc-2023-10-18" "[static]response-outparam.set"
    (func $set (param i32 i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.0-rc-2023-10-18" "[static]outgoing-body.finish"
    (func $finish (param i32 i32 i32)))
  (import "wasi:io/streams@0.2.0-rc-2023-10-18" "[method]output-stream.blocking-write-and-flush"
    (func $out (param i32 i32 i32 i32)))
  (import "wasi:io/streams@0.2.0-rc-2023-10-18" "[method]output-stream.subscribe"
    (func $subscribe (param i32) (result i32)))
  (import "wasi:io/streams@0.2.0-rc-2023-10-18" "[resource-drop]output-stream"
    (func $drop-out (param i32)))
  (import "wasi:io/poll@0.2.0-rc-2023-10-18" "poll-one" (func $poll-one (param i32)))
  (import "wasi:io/poll@0.2.0-rc-2023-10-18" "[resource-drop]pollable"
    (func $drop-pollable (param i32)))
  ;; An interface of 0.2 as well, as those that the adapter of preview 1 imports.
  (import "wasi:clocks/monotonic-clock@0.2.3" "now" (func $now (result i64)))
  (memory (export "memory") 1)
  (data (i32.const 1024) "x-draft")
  (data (i32.const 1040) "yes")
  (data (i32.const 1056) "of the draft\n")
  ;; The list of one header: the places and lengths of its name and value.
  (data (i32.const 1088) "\00\04\00\00\07\00\00\00\10\04\00\00\03\00\00\00")
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (unreachable))
  (func (export "wasi:http/incoming-handler@0.2.0-rc-2023-10-18#handle")
    (param $request i32) (param $outparam i32)
    (local $r i32) (local $b i32) (local $s i32) (local $p i32)
    (drop (call $now))
    (local.set $r
      (call $response (i32.const 201) (call $fields (i32.const 1088) (i32.const 1))))
    (call $body (local.get $r) (i32.const 16))
    (local.set $b (i32.load (i32.const 20)))
    (call $set (local.get $outparam) (i32.const 0) (local.get $r) (i32.const 0) (i32.const 0))
    (call $write (local.get $b) (i32.const 16))
    (local.set $s (i32.load (i32.const 20)))
    (local.set $p (call $subscribe (local.get $s)))
    (call $poll-one (local.get $p))
    (call $drop-pollable (local.get $p))
    (call $out (local.get $s) (i32.const 1056) (i32.const 13) (i32.const 16))
    (call $drop-out (local.get $s))
    (call $finish (local.get $b) (i32.const 0) (i32.const 0))))
