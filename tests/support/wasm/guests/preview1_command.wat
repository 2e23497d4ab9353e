;; A command of WASI preview 1. The first letter of its first argument says what it does:
;;   c  copies its standard input to its standard output
;;   a  prints its arguments, and then its environment, a line each
;;   e  prints its last argument to stderr
;;   r  prints the file that its last argument names, in its first folder
;;   w  writes "written" to that file
;;   x  exits with the number that its last argument is
;;   t  traps
(module
  (import "wasi_snapshot_preview1" "args_sizes_get"
    (func $args-sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get"
    (func $environ-sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $environ (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd-read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd-write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path-open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 4)
  (data (i32.const 32) "\n")
  (data (i32.const 48) "written")
  (data (i32.const 64) "refused\n")
  (global $count (mut i32) (i32.const 0))

  (func $length (param $at i32) (result i32) (local $end i32)
    (local.set $end (local.get $at))
    (block $over (loop $more
      (br_if $over (i32.eqz (i32.load8_u (local.get $end))))
      (local.set $end (i32.add (local.get $end) (i32.const 1)))
      (br $more)))
    (i32.sub (local.get $end) (local.get $at)))

  (func $print (param $fd i32) (param $at i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd-write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))

  (func $line (param $fd i32) (param $at i32)
    (call $print (local.get $fd) (local.get $at) (call $length (local.get $at)))
    (call $print (local.get $fd) (i32.const 32) (i32.const 1)))

  ;; The nth of the arguments, whose addresses are at 1024.
  (func $argument (param $n i32) (result i32)
    (i32.load (i32.add (i32.const 1024) (i32.mul (local.get $n) (i32.const 4)))))

  (func $last (result i32)
    (call $argument (i32.sub (global.get $count) (i32.const 1))))

  (func $copy (param $from i32)
    (block $over (loop $more
      (i32.store (i32.const 0) (i32.const 131072))
      (i32.store (i32.const 4) (i32.const 65536))
      (br_if $over (call $fd-read (local.get $from) (i32.const 0) (i32.const 1) (i32.const 8)))
      (br_if $over (i32.eqz (i32.load (i32.const 8))))
      (call $print (i32.const 1) (i32.const 131072) (i32.load (i32.const 8)))
      (br $more))))

  ;; Opens the file in the first folder, descriptor 3, following links. Where that fails, says so and exits with the
  ;; error's number.
  (func $open (param $flags i32) (param $rights i64) (result i32) (local $error i32)
    (local.set $error (call $path-open (i32.const 3) (i32.const 1) (call $last)
      (call $length (call $last)) (local.get $flags) (local.get $rights) (local.get $rights)
      (i32.const 0) (i32.const 16)))
    (if (local.get $error)
      (then
        (call $print (i32.const 2) (i32.const 64) (i32.const 8))
        (call $exit (local.get $error))))
    (i32.load (i32.const 16)))

  (func $number (param $at i32) (result i32) (local $value i32)
    (block $over (loop $more
      (br_if $over (i32.eqz (i32.load8_u (local.get $at))))
      (local.set $value (i32.add (i32.mul (local.get $value) (i32.const 10))
        (i32.sub (i32.load8_u (local.get $at)) (i32.const 48))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br $more)))
    (local.get $value))

  ;; Prints the strings whose addresses stand in a list, but for the first `skip`.
  (func $lines (param $list i32) (param $skip i32) (param $count i32)
    (block $over (loop $more
      (br_if $over (i32.ge_u (local.get $skip) (local.get $count)))
      (call $line (i32.const 1)
        (i32.load (i32.add (local.get $list) (i32.mul (local.get $skip) (i32.const 4)))))
      (local.set $skip (i32.add (local.get $skip) (i32.const 1)))
      (br $more))))

  (func (export "_start") (local $what i32) (local $file i32)
    (drop (call $args-sizes (i32.const 16) (i32.const 20)))
    (global.set $count (i32.load (i32.const 16)))
    (drop (call $args (i32.const 1024) (i32.const 8192)))
    (if (i32.lt_u (global.get $count) (i32.const 2)) (then (return)))
    (local.set $what (i32.load8_u (call $argument (i32.const 1))))
    (if (i32.eq (local.get $what) (i32.const 0x63)) (then (call $copy (i32.const 0)))) ;; c
    (if (i32.eq (local.get $what) (i32.const 0x61)) ;; a
      (then
        (call $lines (i32.const 1024) (i32.const 1) (global.get $count))
        (drop (call $environ-sizes (i32.const 16) (i32.const 20)))
        (drop (call $environ (i32.const 4096) (i32.const 32768)))
        (call $lines (i32.const 4096) (i32.const 0) (i32.load (i32.const 16)))))
    (if (i32.eq (local.get $what) (i32.const 0x65)) ;; e
      (then (call $line (i32.const 2) (call $last))))
    (if (i32.eq (local.get $what) (i32.const 0x72)) ;; r: fd_read's right
      (then (call $copy (call $open (i32.const 0) (i64.const 2)))))
    (if (i32.eq (local.get $what) (i32.const 0x77)) ;; w: creat and trunc, fd_write's right
      (then
        (local.set $file (call $open (i32.const 9) (i64.const 64)))
        (call $print (local.get $file) (i32.const 48) (i32.const 7))))
    (if (i32.eq (local.get $what) (i32.const 0x78)) ;; x
      (then (call $exit (call $number (call $last)))))
    (if (i32.eq (local.get $what) (i32.const 0x74)) (then (unreachable))))) ;; t
