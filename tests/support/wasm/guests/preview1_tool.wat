;; A command of WASI preview 1 that does one thing, which its first argument after its name says in four letters.
;; Paths are below the first folder that it is granted. It prints what it finds, or "E" and the error's number.
(module
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $env_sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $env (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_seek" (func $fd_seek (param i32 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_readdir"
    (func $fd_readdir (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_fdstat_get" (func $fd_fdstat (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_get" (func $fd_prestat (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_dir_name"
    (func $fd_prestat_name (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_filestat_get"
    (func $path_stat (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_unlink_file" (func $unlink (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_create_directory"
    (func $mkdir (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_remove_directory"
    (func $rmdir (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_rename"
    (func $rename (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_link"
    (func $link (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_symlink"
    (func $symlink (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_readlink"
    (func $readlink (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get"
    (func $clock (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_shutdown" (func $shutdown (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))

  ;; Small results are below 1 KiB, arguments from 1 KiB on, what is read from 64 KiB on.
  (memory (export "memory") 4)
  (data (i32.const 800) "E")
  (data (i32.const 801) "\n")
  (data (i32.const 802) " ")

  (func $put (param $at i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func $newline (call $put (i32.const 801) (i32.const 1)))
  (func $number (param $n i32) (local $at i32)
    (local.set $at (i32.const 64))
    (loop $more
      (local.set $at (i32.sub (local.get $at) (i32.const 1)))
      (i32.store8 (local.get $at)
        (i32.add (i32.const 48) (i32.rem_u (local.get $n) (i32.const 10))))
      (local.set $n (i32.div_u (local.get $n) (i32.const 10)))
      (br_if $more (local.get $n)))
    (call $put (local.get $at) (i32.sub (i32.const 64) (local.get $at))))
  ;; Prints an error, if it is one; gives it on.
  (func $failed (param $errno i32) (result i32)
    (if (local.get $errno) (then
      (call $put (i32.const 800) (i32.const 1))
      (call $number (local.get $errno))
      (call $newline)))
    (local.get $errno))

  (func $arg (param $i i32) (result i32)
    (i32.load (i32.add (i32.const 1024) (i32.mul (local.get $i) (i32.const 4)))))
  (func $length (param $text i32) (result i32) (local $n i32)
    (block $end (loop $more
      (br_if $end (i32.eqz (i32.load8_u (i32.add (local.get $text) (local.get $n)))))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br $more)))
    (local.get $n))
  (func $is (param $letters i32) (result i32)
    (i32.eq (i32.load (call $arg (i32.const 1))) (local.get $letters)))
  (func $path (result i32) (call $arg (i32.const 2)))
  (func $path-length (result i32) (call $length (call $path)))
  (func $other (result i32) (call $arg (i32.const 3)))
  (func $other-length (result i32) (call $length (call $other)))

  ;; Opens the path; gives the descriptor, or zero.
  (func $open (param $flags i32) (param $rights i64) (param $fd-flags i32) (result i32)
    (if (call $failed (call $path_open (i32.const 3) (i32.const 1) (call $path) (call $path-length)
          (local.get $flags) (local.get $rights) (i64.const 0) (local.get $fd-flags)
          (i32.const 16)))
      (then (return (i32.const 0))))
    (i32.load (i32.const 16)))

  ;; Copies a descriptor to the standard output.
  (func $copy (param $fd i32)
    (block $end (loop $more
      (i32.store (i32.const 0) (i32.const 65536))
      (i32.store (i32.const 4) (i32.const 4096))
      (br_if $end (call $failed
        (call $fd_read (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))
      (br_if $end (i32.eqz (i32.load (i32.const 8))))
      (call $put (i32.const 65536) (i32.load (i32.const 8)))
      (br $more))))

  ;; Writes the other argument to the path.
  (func $write (param $flags i32) (param $fd-flags i32) (local $fd i32)
    (local.set $fd (call $open (local.get $flags) (i64.const 64) (local.get $fd-flags)))
    (if (i32.eqz (local.get $fd)) (then (return)))
    (i32.store (i32.const 0) (call $other))
    (i32.store (i32.const 4) (call $other-length))
    (drop (call $failed
      (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))
    (drop (call $failed (call $fd_close (local.get $fd)))))

  ;; Prints the names in a folder; the buffer has room for few of them.
  (func $list (local $fd i32) (local $cookie i64) (local $at i32) (local $used i32) (local $n i32)
    (local.set $fd (call $open (i32.const 2) (i64.const 2) (i32.const 0)))
    (if (i32.eqz (local.get $fd)) (then (return)))
    (block $end (loop $more
      (br_if $end (call $failed (call $fd_readdir (local.get $fd) (i32.const 65536)
        (i32.const 100) (local.get $cookie) (i32.const 8))))
      (local.set $used (i32.load (i32.const 8)))
      (local.set $at (i32.const 0))
      (block $full (loop $next
        (br_if $full (i32.gt_u (i32.add (local.get $at) (i32.const 24)) (local.get $used)))
        (local.set $n (i32.load (i32.add (i32.const 65552) (local.get $at))))
        (br_if $full (i32.gt_u (i32.add (i32.add (local.get $at) (i32.const 24)) (local.get $n))
          (local.get $used)))
        (call $number (i32.load8_u (i32.add (i32.const 65556) (local.get $at))))
        (call $put (i32.const 802) (i32.const 1))
        (call $put (i32.add (i32.const 65560) (local.get $at)) (local.get $n))
        (call $newline)
        (local.set $cookie (i64.load (i32.add (i32.const 65536) (local.get $at))))
        (local.set $at (i32.add (i32.add (local.get $at) (i32.const 24)) (local.get $n)))
        (br $next)))
      (br_if $more (i32.eq (local.get $used) (i32.const 100))))))

  (func $stat
    (if (call $failed (call $path_stat (i32.const 3) (i32.const 1) (call $path)
        (call $path-length) (i32.const 128))) (then (return)))
    (call $number (i32.load8_u (i32.const 144)))
    (call $put (i32.const 802) (i32.const 1))
    (call $number (i32.load (i32.const 160)))
    (call $newline))

  ;; Waits for the standard input, or so many nanoseconds; prints the kinds of the events.
  (func $wait (param $first i32) (param $count i32) (param $time i64) (local $i i32)
    (memory.fill (i32.const 256) (i32.const 0) (i32.const 96))
    (i32.store8 (i32.const 264) (i32.const 1))          ;; to read from 0
    (i32.store (i32.const 320) (i32.const 1))           ;; the monotonic clock
    (i64.store (i32.const 328) (local.get $time))
    (if (call $failed (call $poll (i32.add (i32.const 256) (i32.mul (local.get $first)
        (i32.const 48))) (i32.const 512) (local.get $count) (i32.const 8))) (then (return)))
    (loop $more
      (call $number (i32.load8_u (i32.add (i32.const 522) (i32.mul (local.get $i)
        (i32.const 32)))))
      (call $newline)
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $more (i32.lt_u (local.get $i) (i32.load (i32.const 8))))))

  ;; The names of the folders that are open from the start.
  (func $preopens (local $fd i32)
    (local.set $fd (i32.const 3))
    (block $end (loop $more
      (br_if $end (call $fd_prestat (local.get $fd) (i32.const 16)))
      (drop (call $fd_prestat_name (local.get $fd) (i32.const 65536) (i32.load (i32.const 20))))
      (call $put (i32.const 65536) (i32.load (i32.const 20)))
      (call $newline)
      (local.set $fd (i32.add (local.get $fd) (i32.const 1)))
      (br $more))))

  (func (export "_start")
    (drop (call $args_sizes (i32.const 16) (i32.const 20)))
    (drop (call $args (i32.const 1024) (i32.const 2048)))
    (if (call $is (i32.const 0x73677261)) (then ;; args
      (call $put (i32.const 2048) (i32.load (i32.const 20)))))
    (if (call $is (i32.const 0x20766e65)) (then ;; "env "
      (drop (call $env_sizes (i32.const 16) (i32.const 20)))
      (drop (call $env (i32.const 32768) (i32.const 65536)))
      (call $put (i32.const 65536) (i32.load (i32.const 20)))))
    (if (call $is (i32.const 0x79706f63)) (then (call $copy (i32.const 0)))) ;; copy
    (if (call $is (i32.const 0x74697865)) (then (call $exit (i32.const 42)))) ;; exit
    (if (call $is (i32.const 0x70617274)) (then (unreachable))) ;; trap
    (if (call $is (i32.const 0x65657266)) (then (call $preopens))) ;; free
    (if (call $is (i32.const 0x64616572)) (then ;; read
      (call $copy (call $open (i32.const 0) (i64.const 2) (i32.const 0)))))
    (if (call $is (i32.const 0x74736f70)) (then (call $write (i32.const 5) (i32.const 0)))) ;; post: new
    (if (call $is (i32.const 0x7265766f)) (then (call $write (i32.const 8) (i32.const 0)))) ;; over: anew
    (if (call $is (i32.const 0x20646461)) (then (call $write (i32.const 1) (i32.const 1)))) ;; "add "
    (if (call $is (i32.const 0x7473696c)) (then (call $list))) ;; list
    (if (call $is (i32.const 0x74617473)) (then (call $stat))) ;; stat
    (if (call $is (i32.const 0x6c696174)) (then ;; tail: the last letter
      (drop (call $open (i32.const 0) (i64.const 2) (i32.const 0)))
      (if (i32.eqz (call $failed (call $fd_seek (i32.load (i32.const 16)) (i64.const -1)
          (i32.const 2) (i32.const 24)))) (then (call $copy (i32.load (i32.const 16)))))))
    (if (call $is (i32.const 0x6b6c6e75)) (then ;; unlk
      (drop (call $failed (call $unlink (i32.const 3) (call $path) (call $path-length))))))
    (if (call $is (i32.const 0x69646b6d)) (then ;; mkdi
      (drop (call $failed (call $mkdir (i32.const 3) (call $path) (call $path-length))))))
    (if (call $is (i32.const 0x69646d72)) (then ;; rmdi
      (drop (call $failed (call $rmdir (i32.const 3) (call $path) (call $path-length))))))
    (if (call $is (i32.const 0x65766f6d)) (then ;; move
      (drop (call $failed (call $rename (i32.const 3) (call $path) (call $path-length)
        (i32.const 3) (call $other) (call $other-length))))))
    (if (call $is (i32.const 0x6b6e696c)) (then ;; link
      (drop (call $failed (call $link (i32.const 3) (i32.const 0) (call $path)
        (call $path-length) (i32.const 3) (call $other) (call $other-length))))))
    (if (call $is (i32.const 0x6d6d7973)) (then ;; symm
      (drop (call $failed (call $symlink (call $other) (call $other-length) (i32.const 3)
        (call $path) (call $path-length))))))
    (if (call $is (i32.const 0x6b6c6472)) (then ;; rdlk
      (if (i32.eqz (call $failed (call $readlink (i32.const 3) (call $path) (call $path-length)
          (i32.const 65536) (i32.const 100) (i32.const 24))))
        (then (call $put (i32.const 65536) (i32.load (i32.const 24)))))))
    (if (call $is (i32.const 0x2070616e)) (then ;; "nap "
      (call $wait (i32.const 1) (i32.const 1) (i64.const 10000000))))
    (if (call $is (i32.const 0x6c6c6f70)) (then ;; poll
      (call $wait (i32.const 0) (i32.const 2) (i64.const 3600000000000))))
    (if (call $is (i32.const 0x6c656979)) (then ;; yiel
      (call $number (i32.or (call $yield) (call $yield)))))
    (if (call $is (i32.const 0x646e6172)) (then ;; rand
      (drop (call $random (i32.const 128) (i32.const 16)))
      (call $number (i64.ne (i64.load (i32.const 128)) (i64.load (i32.const 136))))))
    (if (call $is (i32.const 0x656d6974)) (then ;; time
      (drop (call $clock (i32.const 0) (i64.const 0) (i32.const 128)))
      (drop (call $clock (i32.const 1) (i64.const 0) (i32.const 136)))
      (call $number (i64.gt_u (i64.load (i32.const 128)) (i64.load (i32.const 136))))
      (drop (call $failed (call $clock (i32.const 2) (i64.const 0) (i32.const 128))))))
    (if (call $is (i32.const 0x20797474)) (then ;; "tty ": types of 0, 1 and 3
      (drop (call $fd_fdstat (i32.const 0) (i32.const 128)))
      (call $number (i32.load8_u (i32.const 128)))
      (drop (call $fd_fdstat (i32.const 1) (i32.const 128)))
      (call $number (i32.load8_u (i32.const 128)))
      (if (i32.eqz (call $fd_fdstat (i32.const 3) (i32.const 128)))
        (then (call $number (i32.load8_u (i32.const 128)))))))
    (if (call $is (i32.const 0x646c6977)) (then ;; wild: pointers outside of the memory
      (drop (call $failed (call $fd_write (i32.const 1) (i32.const -4) (i32.const 1)
        (i32.const 8))))
      (drop (call $failed (call $random (i32.const 262140) (i32.const 16))))
      (drop (call $failed (call $poll (i32.const 0) (i32.const 0) (i32.const 0x10000000)
        (i32.const 8))))
      (drop (call $failed (call $fd_write (i32.const 77) (i32.const 0) (i32.const 0)
        (i32.const 8))))))
    (if (call $is (i32.const 0x6b636f73)) (then ;; sock
      (drop (call $failed (call $shutdown (i32.const 3) (i32.const 0))))))))
