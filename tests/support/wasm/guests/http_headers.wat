;; Answers every request with the request's own headers, and no body.
;;! import wasi:http/types@0.2.3;
;;! export wasi:http/incoming-handler@0.2.3;
(module
  (import "wasi:http/types@0.2.3" "[method]incoming-request.headers"
    (func $headers (param i32) (result i32)))
  (import "wasi:http/types@0.2.3" "[method]fields.clone" (func $clone (param i32) (result i32)))
  (import "wasi:http/types@0.2.3" "[constructor]outgoing-response"
    (func $response (param i32) (result i32)))
  (import "wasi:http/types@0.2.3" "[static]response-outparam.set"
    (func $set (param i32 i32 i32 i32 i64 i32 i32 i32 i32)))
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (unreachable))
  (func (export "wasi:http/incoming-handler@0.2.3#handle") (param $request i32) (param $out i32)
    (call $set (local.get $out) (i32.const 0)
      (call $response (call $clone (call $headers (local.get $request))))
      (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))))
