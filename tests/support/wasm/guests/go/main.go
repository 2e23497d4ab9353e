// Answers every HTTP request with its path and a number that a goroutine has computed, and prints the path.
package main

import (
	"fmt"
	"time"
	"unsafe"
)

//go:wasmimport wasi:http/types@0.2.3 [constructor]fields
func newFields() int32

//go:wasmimport wasi:http/types@0.2.3 [method]incoming-request.path-with-query
func pathOf(request int32, result unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.3 [constructor]outgoing-response
func newResponse(headers int32) int32

//go:wasmimport wasi:http/types@0.2.3 [method]outgoing-response.body
func bodyOf(response int32, result unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.3 [method]outgoing-body.write
func writeBody(body int32, result unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.3 [static]outgoing-body.finish
func finishBody(body, hasTrailers, trailers int32, result unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.3 [static]response-outparam.set
func setResponse(out, isError, response, a int32, b int64, c, d, e, f int32)

//go:wasmimport wasi:io/streams@0.2.3 [method]output-stream.blocking-write-and-flush
func writeStream(stream int32, bytes unsafe.Pointer, length uint32, result unsafe.Pointer)

//go:wasmimport wasi:io/streams@0.2.3 [resource-drop]output-stream
func dropStream(stream int32)

// What functions return through a pointer: the kind of a result or an option, and what it has.
type result struct {
	kind    int32
	payload [4]uint32
}

//go:wasmexport wasi:http/incoming-handler@0.2.3#handle
func handle(request, out int32) {
	var r result
	pathOf(request, unsafe.Pointer(&r))
	path := unsafe.String((*byte)(unsafe.Pointer(uintptr(r.payload[0]))), r.payload[1])
	fmt.Println("path", path)
	text := []byte(fmt.Sprintf("%s %d\n", path, <-compute()))

	response := newResponse(newFields())
	bodyOf(response, unsafe.Pointer(&r))
	body := int32(r.payload[0])
	setResponse(out, 0, response, 0, 0, 0, 0, 0, 0)
	writeBody(body, unsafe.Pointer(&r))
	stream := int32(r.payload[0])
	writeStream(stream, unsafe.Pointer(&text[0]), uint32(len(text)), unsafe.Pointer(&r))
	dropStream(stream)
	finishBody(body, 0, 0, unsafe.Pointer(&r))
}

func compute() <-chan int {
	numbers := make(chan int)
	go func() {
		time.Sleep(time.Millisecond)
		numbers <- 6 * 7
	}()
	return numbers
}

func main() {}
