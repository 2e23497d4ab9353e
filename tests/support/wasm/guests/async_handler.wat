;;! export wasi:http/handler@0.3.0;
;;! import wasi:http/types@0.3.0;
;;! import wasi:clocks/monotonic-clock@0.3.0;
;; Answers with the stream and the trailers of the request, and then does what the number of bytes in the request's
;; path says:
;;   2  traps after it has returned
;;   3  returns the error `configuration-error`
;;   4  traps before it returns
;;   5  waits for 1 ms after it has returned
;;   6  computes for ever
;;   7  answers with a stream of its own, and waits until its bytes were read after it has returned
;;   8  answers with a stream of its own, and waits until its bytes were read before it returns
(module
  (import "wasi:http/types@0.3.0" "[method]request.get-path-with-query"
    (func $get_path (param i32 i32)))
  (import "wasi:http/types@0.3.0" "[constructor]fields" (func $fields (result i32)))
  (import "wasi:http/types@0.3.0" "[static]request.consume-body"
    (func $consume_body (param i32 i32 i32)))
  (import "wasi:http/types@0.3.0" "[future-new-0][static]request.consume-body"
    (func $future_new (result i64)))
  (import "wasi:http/types@0.3.0" "[future-write-0][static]request.consume-body"
    (func $future_write (param i32 i32) (result i32)))
  (import "wasi:http/types@0.3.0" "[static]response.new"
    (func $response_new (param i32 i32 i32 i32 i32)))
  (import "wasi:http/types@0.3.0" "[future-drop-readable-2][static]response.new"
    (func $drop_sent (param i32)))
  (import "wasi:http/types@0.3.0" "[stream-drop-readable-1][static]request.consume-body"
    (func $drop_body (param i32)))
  (import "wasi:http/types@0.3.0" "[stream-new-0][static]response.new"
    (func $stream_new (result i64)))
  (import "wasi:http/types@0.3.0" "[stream-write-0][static]response.new"
    (func $stream_write (param i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.3.0" "[stream-drop-writable-0][static]response.new"
    (func $stream_drop (param i32)))
  (import "wasi:clocks/monotonic-clock@0.3.0" "wait-for" (func $wait_for (param i64)))
  (import "[export]wasi:http/handler@0.3.0" "[task-return]handle"
    (func $return (param i32 i32 i32 i64 i32 i32 i32 i32)))
  (memory (export "memory") 1)

  (func (export "[async-lift]wasi:http/handler@0.3.0#handle") (param $request i32) (result i32)
    (local $length i32)
    (local $pair i64)
    (local $own i64)
    ;; The path is an option at 0, whose text is at 4 and whose length is at 8.
    (call $get_path (local.get $request) (i32.const 0))
    (local.set $length (i32.load (i32.const 8)))
    (if (i32.eq (local.get $length) (i32.const 3))
      (then
        ;; The error with number 37 of error-code.
        (call $return (i32.const 1) (i32.const 37) (i32.const 0) (i64.const 0) (i32.const 0)
          (i32.const 0) (i32.const 0) (i32.const 0))
        (return (i32.const 0))))
    (if (i32.eq (local.get $length) (i32.const 4)) (then unreachable))
    (if (i32.eq (local.get $length) (i32.const 6)) (then (loop $for_ever (br $for_ever))))
    (local.set $pair (call $future_new))
    ;; The stream and the future of the trailers, at 16 and 20.
    (call $consume_body (local.get $request) (i32.wrap_i64 (local.get $pair)) (i32.const 16))
    (if (i32.ge_u (local.get $length) (i32.const 7))
      (then
        (call $drop_body (i32.load (i32.const 16)))
        (local.set $own (call $stream_new))
        (i32.store (i32.const 16) (i32.wrap_i64 (local.get $own)))))
    ;; The response and the future that tells how it was sent, at 24 and 28.
    (call $response_new (call $fields) (i32.const 1) (i32.load (i32.const 16))
      (i32.load (i32.const 20)) (i32.const 24))
    (if (i32.eq (local.get $length) (i32.const 8)) (then (call $write_own (local.get $own))))
    (call $return (i32.const 0) (i32.load (i32.const 24)) (i32.const 0) (i64.const 0)
      (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (if (i32.eq (local.get $length) (i32.const 2)) (then unreachable))
    (if (i32.eq (local.get $length) (i32.const 7)) (then (call $write_own (local.get $own))))
    ;; Tells that the body was read: the result at 64 is `ok`.
    (drop (call $future_write
      (i32.wrap_i64 (i64.shr_u (local.get $pair) (i64.const 32))) (i32.const 64)))
    (if (i32.eq (local.get $length) (i32.const 5))
      (then (call $wait_for (i64.const 1000000))))
    (i32.const 0))

  ;; Writes the three bytes at 128 and ends the stream.
  (func $write_own (param $pair i64)
    (local $writable i32)
    (local.set $writable (i32.wrap_i64 (i64.shr_u (local.get $pair) (i64.const 32))))
    (drop (call $stream_write (local.get $writable) (i32.const 128) (i32.const 3)))
    (call $stream_drop (local.get $writable)))

  (data (i32.const 128) "own")

  (func (export "[callback][async-lift]wasi:http/handler@0.3.0#handle") (param i32 i32 i32)
    (result i32)
    unreachable)

  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (i32.const 8192)))
