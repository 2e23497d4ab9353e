package main

import "unsafe"

// The runtime calls the host before it has a heap, and the host then asks for memory.
//
//go:linkname sbrk runtime.sbrk
func sbrk(size uintptr) unsafe.Pointer

var hasHeap = false

func init() { hasHeap = true }

// What the host has written, which only its addresses refer to.
var received [][]uint64

//go:wasmexport cabi_realloc
func realloc(old unsafe.Pointer, oldSize, align, size uintptr) unsafe.Pointer {
	words := (size + 7) / 8
	if !hasHeap {
		return sbrk(words * 8)
	}
	bytes := make([]uint64, words+1)
	received = append(received, bytes)
	return unsafe.Pointer(&bytes[0])
}
