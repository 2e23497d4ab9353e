;;! export wasi:cli/run@0.3.0;
;;! import wasi:cli/stdin@0.3.0;
;;! import wasi:cli/stdout@0.3.0;
;;! import wasi:clocks/monotonic-clock@0.3.0;
;; Copies its input to its output, and then does what the input's first byte says:
;;   t  traps
;;   a  traps 1 ms after it has returned
;;   e  returns an error
;;   w  waits for 1 ms
;;   l  computes for ever
(module
  (import "wasi:cli/stdin@0.3.0" "read-via-stream" (func $read (param i32)))
  (import "wasi:cli/stdin@0.3.0" "[stream-read-0]read-via-stream"
    (func $stream_read (param i32 i32 i32) (result i32)))
  (import "wasi:cli/stdin@0.3.0" "[stream-drop-readable-0]read-via-stream"
    (func $drop_readable (param i32)))
  (import "wasi:cli/stdin@0.3.0" "[future-drop-readable-1]read-via-stream"
    (func $drop_outcome (param i32)))
  (import "wasi:cli/stdout@0.3.0" "write-via-stream" (func $write (param i32) (result i32)))
  (import "wasi:cli/stdout@0.3.0" "[stream-new-0]write-via-stream" (func $stream_new (result i64)))
  (import "wasi:cli/stdout@0.3.0" "[stream-write-0]write-via-stream"
    (func $stream_write (param i32 i32 i32) (result i32)))
  (import "wasi:cli/stdout@0.3.0" "[stream-drop-writable-0]write-via-stream"
    (func $drop_writable (param i32)))
  (import "wasi:cli/stdout@0.3.0" "[future-read-1]write-via-stream"
    (func $future_read (param i32 i32) (result i32)))
  (import "wasi:clocks/monotonic-clock@0.3.0" "wait-for" (func $wait_for (param i64)))
  (import "[export]wasi:cli/run@0.3.0" "[task-return]run" (func $return (param i32)))
  (memory (export "memory") 1)

  (func (export "[async-lift]wasi:cli/run@0.3.0#run") (result i32)
    (local $pair i64)
    (local $in i32)
    (local $out i32)
    (local $future i32)
    (local $count i32)
    ;; The stream and the future of stdin, at 0 and 4.
    (call $read (i32.const 0))
    (local.set $in (i32.load (i32.const 0)))
    (local.set $pair (call $stream_new))
    (local.set $out (i32.wrap_i64 (i64.shr_u (local.get $pair) (i64.const 32))))
    (local.set $future (call $write (i32.wrap_i64 (local.get $pair))))
    (block $end
      (loop $next
        ;; The low four bits of the result tell how the read ended, the others its length.
        (local.set $count (call $stream_read (local.get $in) (i32.const 64) (i32.const 4096)))
        (br_if $end (i32.eqz (i32.shr_u (local.get $count) (i32.const 4))))
        (drop (call $stream_write (local.get $out) (i32.const 64)
          (i32.shr_u (local.get $count) (i32.const 4))))
        (br_if $next (i32.eqz (i32.and (local.get $count) (i32.const 15))))))
    (call $drop_readable (local.get $in))
    (call $drop_outcome (i32.load (i32.const 4)))
    (call $drop_writable (local.get $out))
    (drop (call $future_read (local.get $future) (i32.const 16)))
    (if (i32.eq (i32.load8_u (i32.const 64)) (i32.const 0x74)) (then unreachable))
    (if (i32.eq (i32.load8_u (i32.const 64)) (i32.const 0x6c)) (then (loop $for_ever (br $for_ever))))
    (if (i32.eq (i32.load8_u (i32.const 64)) (i32.const 0x77))
      (then (call $wait_for (i64.const 1000000))))
    (call $return (i32.eq (i32.load8_u (i32.const 64)) (i32.const 0x65)))
    (if (i32.eq (i32.load8_u (i32.const 64)) (i32.const 0x61))
      (then (call $wait_for (i64.const 1000000)) unreachable))
    ;; The task has ended.
    (i32.const 0))

  (func (export "[callback][async-lift]wasi:cli/run@0.3.0#run") (param i32 i32 i32) (result i32)
    unreachable)

  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (i32.const 8192)))
