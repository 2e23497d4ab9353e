;;! export wasi:cli/run@0.3.0;
;;! import wasi:cli/stdout@0.3.0;
;;! import spin:key-value/key-value@3.0.0;
;;! import spin:sqlite/sqlite@3.1.0;
;; Sets a key, and prints the keys of the store "default", the first cell of a query's row, and "!" for a query that
;; fails. Traps if anything else fails.
(module
  (import "wasi:cli/stdout@0.3.0" "write-via-stream" (func $write (param i32) (result i32)))
  (import "wasi:cli/stdout@0.3.0" "[stream-new-0]write-via-stream" (func $stream_new (result i64)))
  (import "wasi:cli/stdout@0.3.0" "[stream-write-0]write-via-stream"
    (func $stream_write (param i32 i32 i32) (result i32)))
  (import "wasi:cli/stdout@0.3.0" "[stream-drop-writable-0]write-via-stream"
    (func $drop_writable (param i32)))
  (import "wasi:cli/stdout@0.3.0" "[future-read-1]write-via-stream"
    (func $written (param i32 i32) (result i32)))
  (import "spin:key-value/key-value@3.0.0" "[static]store.open"
    (func $store_open (param i32 i32 i32)))
  (import "spin:key-value/key-value@3.0.0" "[method]store.set"
    (func $store_set (param i32 i32 i32 i32 i32 i32)))
  (import "spin:key-value/key-value@3.0.0" "[method]store.get-keys"
    (func $store_keys (param i32 i32)))
  (import "spin:key-value/key-value@3.0.0" "[stream-read-0][method]store.get-keys"
    (func $read_keys (param i32 i32 i32) (result i32)))
  (import "spin:key-value/key-value@3.0.0" "[future-read-1][method]store.get-keys"
    (func $keys_end (param i32 i32) (result i32)))
  (import "spin:sqlite/sqlite@3.1.0" "[static]connection.open-async"
    (func $connect (param i32 i32 i32)))
  (import "spin:sqlite/sqlite@3.1.0" "[method]connection.execute-async"
    (func $execute_async (param i32 i32 i32 i32 i32 i32)))
  (import "spin:sqlite/sqlite@3.1.0" "[stream-read-0][method]connection.execute-async"
    (func $read_rows (param i32 i32 i32) (result i32)))
  (import "spin:sqlite/sqlite@3.1.0" "[future-read-1][method]connection.execute-async"
    (func $rows_end (param i32 i32) (result i32)))
  (import "spin:sqlite/sqlite@3.1.0" "[method]connection.execute"
    (func $execute (param i32 i32 i32 i32 i32 i32)))
  (import "[export]wasi:cli/run@0.3.0" "[task-return]run" (func $return (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 1024) "default")
  (data (i32.const 1040) "key")
  (data (i32.const 1056) "select 'row'")
  (data (i32.const 1088) "selec")
  (data (i32.const 1104) "!")
  (global $out (mut i32) (i32.const 0))
  (global $free (mut i32) (i32.const 8192))

  ;; Traps unless the result at an address is `ok`.
  (func $check (param $result i32)
    (if (i32.load8_u (local.get $result)) (then unreachable)))

  ;; Writes the text whose address and length are at an address.
  (func $print (param $text i32)
    (drop (call $stream_write (global.get $out) (i32.load (local.get $text))
      (i32.load (i32.add (local.get $text) (i32.const 4))))))

  (func (export "[async-lift]wasi:cli/run@0.3.0#run") (result i32)
    (local $pair i64)
    (local $future i32)
    (local $count i32)
    (local.set $pair (call $stream_new))
    (global.set $out (i32.wrap_i64 (i64.shr_u (local.get $pair) (i64.const 32))))
    (local.set $future (call $write (i32.wrap_i64 (local.get $pair))))

    ;; The store, at 132, and the stream and the future of its keys, at 40 and 44.
    (call $store_open (i32.const 1024) (i32.const 7) (i32.const 128))
    (call $check (i32.const 128))
    (call $store_set (i32.load (i32.const 132)) (i32.const 1040) (i32.const 3) (i32.const 1040)
      (i32.const 3) (i32.const 16))
    (call $check (i32.const 16))
    (call $store_keys (i32.load (i32.const 132)) (i32.const 40))
    (block $end
      (loop $next
        ;; The low four bits of the result tell how the read ended, the others how many keys it has read.
        (local.set $count (call $read_keys (i32.load (i32.const 40)) (i32.const 64) (i32.const 1)))
        (if (i32.shr_u (local.get $count) (i32.const 4)) (then (call $print (i32.const 64))))
        (br_if $next (i32.eqz (i32.and (local.get $count) (i32.const 15))))))
    (drop (call $keys_end (i32.load (i32.const 44)) (i32.const 16)))
    (call $check (i32.const 16))

    ;; The connection, at 132; of a query, the list of columns, the stream and the future, from 44.
    (call $connect (i32.const 1024) (i32.const 7) (i32.const 128))
    (call $check (i32.const 128))
    (call $execute (i32.load (i32.const 132)) (i32.const 1056) (i32.const 12) (i32.const 0)
      (i32.const 0) (i32.const 16))
    (call $check (i32.const 16))
    (call $execute_async (i32.load (i32.const 132)) (i32.const 1056) (i32.const 12) (i32.const 0)
      (i32.const 0) (i32.const 40))
    (call $check (i32.const 40))
    (drop (call $read_rows (i32.load (i32.const 52)) (i32.const 80) (i32.const 1)))
    ;; A row is a list of values of 16 bytes, each with its text at 8.
    (call $print (i32.add (i32.load (i32.const 80)) (i32.const 8)))
    (drop (call $rows_end (i32.load (i32.const 56)) (i32.const 16)))
    (call $check (i32.const 16))
    (call $execute_async (i32.load (i32.const 132)) (i32.const 1088) (i32.const 5) (i32.const 0)
      (i32.const 0) (i32.const 40))
    (call $check (i32.const 40))
    (drop (call $rows_end (i32.load (i32.const 56)) (i32.const 16)))
    (i32.store (i32.const 96) (i32.const 1104))
    (i32.store (i32.const 100) (i32.load8_u (i32.const 16)))
    (call $print (i32.const 96))

    (call $drop_writable (global.get $out))
    (drop (call $written (local.get $future) (i32.const 16)))
    (call $return (i32.const 0))
    ;; The task has ended.
    (i32.const 0))

  (func (export "[callback][async-lift]wasi:cli/run@0.3.0#run") (param i32 i32 i32) (result i32)
    unreachable)

  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (global.set $free (i32.and (i32.add (global.get $free) (i32.const 15)) (i32.const -16)))
    (global.get $free)
    (global.set $free (i32.add (global.get $free) (local.get 3)))))
