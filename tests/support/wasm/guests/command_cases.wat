;; A command: prints its arguments, then copies its standard input to its standard output. Its first argument after
;; its name says how it ends: "err" is an error of its own, "quit" an exit with failure, "trap" a trap.
;;! import wasi:cli/environment@0.2.3;
;;! import wasi:cli/exit@0.2.3;
;;! import wasi:cli/stdin@0.2.3;
;;! import wasi:cli/stdout@0.2.3;
;;! import wasi:io/streams@0.2.3;
;;! export wasi:cli/run@0.2.3;
(module
  (import "wasi:cli/environment@0.2.3" "get-arguments" (func $arguments (param i32)))
  (import "wasi:cli/exit@0.2.3" "exit" (func $exit (param i32)))
  (import "wasi:cli/stdin@0.2.3" "get-stdin" (func $stdin (result i32)))
  (import "wasi:cli/stdout@0.2.3" "get-stdout" (func $stdout (result i32)))
  (import "wasi:io/streams@0.2.3" "[method]input-stream.blocking-read"
    (func $read (param i32 i64 i32)))
  (import "wasi:io/streams@0.2.3" "[method]output-stream.blocking-write-and-flush"
    (func $write (param i32 i32 i32 i32)))
  (memory (export "memory") 4)
  (data (i32.const 1024) "\n")
  (global $free (mut i32) (i32.const 65536))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (if (i32.gt_u (i32.add (global.get $free) (local.get 3)) (i32.const 262144))
      (then (global.set $free (i32.const 131072))))
    (global.get $free)
    (global.set $free (i32.and (i32.add (i32.add (global.get $free) (local.get 3)) (i32.const 7))
      (i32.const -8))))
  (func (export "wasi:cli/run@0.2.3#run") (result i32)
    (local $out i32) (local $in i32) (local $each i32) (local $end i32) (local $how i32)
    (local.set $out (call $stdout))
    (local.set $in (call $stdin))
    (call $arguments (i32.const 16))
    (local.set $each (i32.load (i32.const 16)))
    (local.set $end (i32.add (local.get $each) (i32.mul (i32.load (i32.const 20)) (i32.const 8))))
    (if (i32.gt_u (i32.load (i32.const 20)) (i32.const 1))
      (then (local.set $how
        (i32.load8_u (i32.load (i32.add (local.get $each) (i32.const 8)))))))
    (block $over (loop $more
      (br_if $over (i32.ge_u (local.get $each) (local.get $end)))
      (call $write (local.get $out) (i32.load (local.get $each))
        (i32.load (i32.add (local.get $each) (i32.const 4))) (i32.const 16))
      (call $write (local.get $out) (i32.const 1024) (i32.const 1) (i32.const 16))
      (local.set $each (i32.add (local.get $each) (i32.const 8)))
      (br $more)))
    (block $over (loop $more
      (call $read (local.get $in) (i64.const 4096) (i32.const 16))
      (br_if $over (i32.load8_u (i32.const 16)))
      (call $write (local.get $out) (i32.load (i32.const 20)) (i32.load (i32.const 24))
        (i32.const 16))
      (br $more)))
    (if (i32.eq (local.get $how) (i32.const 0x71)) (then (call $exit (i32.const 1))))
    (if (i32.eq (local.get $how) (i32.const 0x74)) (then (unreachable)))
    (i32.eq (local.get $how) (i32.const 0x65))))
