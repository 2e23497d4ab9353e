;; Answers HTTP requests, each path in another way: what it does for a path stands at its function below.
;;! import wasi:http/types@0.2.3;
;;! import wasi:io/streams@0.2.3;
;;! import wasi:io/poll@0.2.3;
;;! import wasi:clocks/monotonic-clock@0.2.3;
;;! import wasi:cli/exit@0.2.3;
;;! export wasi:http/incoming-handler@0.2.3;
(module
  (import "wasi:http/types@0.2.3" "[constructor]fields" (func $fields (result i32)))
  (import "wasi:http/types@0.2.3" "[method]fields.append"
    (func $append (param i32 i32 i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.3" "[method]incoming-request.path-with-query"
    (func $path (param i32 i32)))
  (import "wasi:http/types@0.2.3" "[method]incoming-request.consume" (func $consume (param i32 i32)))
  (import "wasi:http/types@0.2.3" "[method]incoming-body.stream" (func $stream (param i32 i32)))
  (import "wasi:http/types@0.2.3" "[constructor]outgoing-response"
    (func $response (param i32) (result i32)))
  (import "wasi:http/types@0.2.3" "[method]outgoing-response.body" (func $body (param i32 i32)))
  (import "wasi:http/types@0.2.3" "[method]outgoing-body.write" (func $write (param i32 i32)))
  (import "wasi:http/types@0.2.3" "[static]response-outparam.set"
    (func $set (param i32 i32 i32 i32 i64 i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.3" "[static]outgoing-body.finish"
    (func $finish (param i32 i32 i32 i32)))
  (import "wasi:io/streams@0.2.3" "[method]input-stream.blocking-read"
    (func $read (param i32 i64 i32)))
  (import "wasi:io/streams@0.2.3" "[method]output-stream.blocking-write-and-flush"
    (func $out (param i32 i32 i32 i32)))
  (import "wasi:io/streams@0.2.3" "[resource-drop]output-stream" (func $drop-out (param i32)))
  (import "wasi:clocks/monotonic-clock@0.2.3" "subscribe-duration"
    (func $after (param i64) (result i32)))
  (import "wasi:io/poll@0.2.3" "[method]pollable.block" (func $block (param i32)))
  (import "wasi:cli/exit@0.2.3" "exit" (func $exit (param i32)))

  (memory (export "memory") 4)
  (data (i32.const 1024) "hello\n")
  (data (i32.const 1040) "content-length")
  (data (i32.const 1056) "9")

  ;; Where results are written; what the host allocates comes after 64 KiB, and is used once.
  (global $result i32 (i32.const 16))
  (global $free (mut i32) (i32.const 65536))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (if (i32.gt_u (i32.add (global.get $free) (local.get 3)) (i32.const 262144))
      (then (global.set $free (i32.const 65536))))
    (global.get $free)
    (global.set $free (i32.and (i32.add (i32.add (global.get $free) (local.get 3)) (i32.const 7))
      (i32.const -8))))

  ;; The handle in a result that is ok.
  (func $handle (result i32)
    (if (i32.load8_u (global.get $result)) (then (unreachable)))
    (i32.load (i32.add (global.get $result) (i32.const 4))))

  ;; Begins a response of 200; gives its body.
  (func $begin (param $outparam i32) (param $fields i32) (result i32) (local $r i32) (local $b i32)
    (local.set $r (call $response (local.get $fields)))
    (call $body (local.get $r) (global.get $result))
    (local.set $b (call $handle))
    (call $set (local.get $outparam) (i32.const 0) (local.get $r) (i32.const 0) (i64.const 0)
      (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (local.get $b))

  (func $writer (param $b i32) (result i32)
    (call $write (local.get $b) (global.get $result))
    (call $handle))

  (func $hello (param $s i32)
    (call $out (local.get $s) (i32.const 1024) (i32.const 6) (global.get $result)))

  (func $end (param $b i32) (param $s i32)
    (call $drop-out (local.get $s))
    (call $finish (local.get $b) (i32.const 0) (i32.const 0) (global.get $result)))

  ;; /hello: a whole response.
  (func $case-hello (param $outparam i32) (local $b i32) (local $s i32)
    (local.set $b (call $begin (local.get $outparam) (call $fields)))
    (local.set $s (call $writer (local.get $b)))
    (call $hello (local.get $s))
    (call $end (local.get $b) (local.get $s)))

  ;; /echo: the request's body, as it comes.
  (func $case-echo (param $request i32) (param $outparam i32)
    (local $b i32) (local $s i32) (local $in i32)
    (call $consume (local.get $request) (global.get $result))
    (call $stream (call $handle) (global.get $result))
    (local.set $in (call $handle))
    (local.set $b (call $begin (local.get $outparam) (call $fields)))
    (local.set $s (call $writer (local.get $b)))
    (block $over (loop $more
      (call $read (local.get $in) (i64.const 65536) (global.get $result))
      (if (i32.load8_u (global.get $result))
        (then ;; A failure that is not the end is not to look like it.
          (if (i32.eqz (i32.load8_u (i32.add (global.get $result) (i32.const 4)))) (then (unreachable)))
          (br $over)))
      (call $out (local.get $s) (i32.load (i32.add (global.get $result) (i32.const 4)))
        (i32.load (i32.add (global.get $result) (i32.const 8))) (global.get $result))
      (if (i32.load8_u (global.get $result)) (then (unreachable)))
      (br $more)))
    (call $end (local.get $b) (local.get $s)))

  ;; /upload: a whole response, once the request's body is over.
  (func $case-upload (param $request i32) (param $outparam i32) (local $in i32)
    (call $consume (local.get $request) (global.get $result))
    (call $stream (call $handle) (global.get $result))
    (local.set $in (call $handle))
    (loop $more
      (call $read (local.get $in) (i64.const 65536) (global.get $result))
      (br_if $more (i32.eqz (i32.load8_u (global.get $result)))))
    (if (i32.eqz (i32.load8_u (i32.add (global.get $result) (i32.const 4)))) (then (unreachable)))
    (call $case-hello (local.get $outparam)))

  ;; /late: a trap after the head and a part of the body.
  (func $case-late (param $outparam i32) (local $s i32)
    (local.set $s (call $writer (call $begin (local.get $outparam) (call $fields))))
    (call $hello (local.get $s))
    (unreachable))

  ;; /forget: a part of the body, and no end.
  (func $case-forget (param $outparam i32)
    (call $hello (call $writer (call $begin (local.get $outparam) (call $fields)))))

  ;; /empty: a body that nothing is written to, and no end.
  (func $case-empty (param $outparam i32)
    (drop (call $begin (local.get $outparam) (call $fields))))

  ;; /short: fewer bytes than content-length says.
  (func $case-short (param $outparam i32) (local $f i32) (local $b i32) (local $s i32)
    (local.set $f (call $fields))
    (call $append (local.get $f) (i32.const 1040) (i32.const 14) (i32.const 1056) (i32.const 1)
      (global.get $result))
    (local.set $b (call $begin (local.get $outparam) (local.get $f)))
    (local.set $s (call $writer (local.get $b)))
    (call $hello (local.get $s))
    (call $end (local.get $b) (local.get $s)))

  ;; /wait: a whole response after 20 milliseconds.
  (func $case-wait (param $outparam i32)
    (call $block (call $after (i64.const 20000000)))
    (call $case-hello (local.get $outparam)))

  ;; /sleep: nothing, for an hour.
  (func $case-sleep
    (call $block (call $after (i64.const 3600000000000))))

  ;; /busy: computes without end.
  (func $case-busy
    (loop $again (br $again)))

  ;; /tail: a part of the body, and 20 milliseconds later it computes without end.
  (func $case-tail (param $outparam i32)
    (call $hello (call $writer (call $begin (local.get $outparam) (call $fields))))
    (call $block (call $after (i64.const 20000000)))
    (call $case-busy))

  ;; /after: the same after a whole response.
  (func $case-after (param $outparam i32)
    (call $case-hello (local.get $outparam))
    (call $block (call $after (i64.const 20000000)))
    (call $case-busy))

  ;; /linger: a whole response, then nothing, for an hour.
  (func $case-linger (param $outparam i32)
    (call $case-hello (local.get $outparam))
    (call $case-sleep))

  ;; /done: a whole response, then exit with success.
  (func $case-done (param $outparam i32)
    (call $case-hello (local.get $outparam))
    (call $exit (i32.const 0)))

  ;; /refuse: an error in the place of a response.
  (func $case-refuse (param $outparam i32)
    (call $set (local.get $outparam) (i32.const 1) (i32.const 36) (i32.const 0) (i64.const 0)
      (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))

  (func $is (param $at i32) (param $letters i32) (result i32)
    (i32.eq (i32.load (i32.add (local.get $at) (i32.const 1))) (local.get $letters)))

  ;; Four letters after the slash tell the paths apart; any other path gets no response.
  (func (export "wasi:http/incoming-handler@0.2.3#handle") (param $request i32) (param $outparam i32)
    (local $at i32)
    (call $path (local.get $request) (global.get $result))
    (local.set $at (i32.load (i32.add (global.get $result) (i32.const 4))))
    (if (call $is (local.get $at) (i32.const 0x6c6c6568)) ;; hell
      (then (return (call $case-hello (local.get $outparam)))))
    (if (call $is (local.get $at) (i32.const 0x6f686365)) ;; echo
      (then (return (call $case-echo (local.get $request) (local.get $outparam)))))
    (if (call $is (local.get $at) (i32.const 0x6f6c7075)) ;; uplo
      (then (return (call $case-upload (local.get $request) (local.get $outparam)))))
    (if (call $is (local.get $at) (i32.const 0x6574616c)) ;; late
      (then (return (call $case-late (local.get $outparam)))))
    (if (call $is (local.get $at) (i32.const 0x67726f66)) ;; forg
      (then (return (call $case-forget (local.get $outparam)))))
    (if (call $is (local.get $at) (i32.const 0x74706d65)) ;; empt
      (then (return (call $case-empty (local.get $outparam)))))
    (if (call $is (local.get $at) (i32.const 0x726f6873)) ;; shor
      (then (return (call $case-short (local.get $outparam)))))
    (if (call $is (local.get $at) (i32.const 0x74696177)) ;; wait
      (then (return (call $case-wait (local.get $outparam)))))
    (if (call $is (local.get $at) (i32.const 0x65656c73)) ;; slee
      (then (return (call $case-sleep))))
    (if (call $is (local.get $at) (i32.const 0x79737562)) ;; busy
      (then (return (call $case-busy))))
    (if (call $is (local.get $at) (i32.const 0x6c696174)) ;; tail
      (then (return (call $case-tail (local.get $outparam)))))
    (if (call $is (local.get $at) (i32.const 0x65746661)) ;; afte
      (then (return (call $case-after (local.get $outparam)))))
    (if (call $is (local.get $at) (i32.const 0x676e696c)) ;; ling
      (then (return (call $case-linger (local.get $outparam)))))
    (if (call $is (local.get $at) (i32.const 0x656e6f64)) ;; done
      (then (return (call $case-done (local.get $outparam)))))
    (if (call $is (local.get $at) (i32.const 0x75666572)) ;; refu
      (then (return (call $case-refuse (local.get $outparam)))))
    (if (call $is (local.get $at) (i32.const 0x70617274)) ;; trap
      (then (unreachable)))))
