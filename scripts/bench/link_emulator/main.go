// Command link_emulator connects two TUN devices by a line with a delay, a rate and a loss of packets.
//
//	link_emulator -client DEVICE -server DEVICE -delay 15ms -rate 100e6 -loss 0.01
//
// The kernel's own emulator (tc-netem(8)) is a module that small kernels lack; this one needs only /dev/net/tun and
// root. It prints "ready" once both devices exist, and ends when its standard input does.
package main

import (
	"flag"
	"io"
	"log"
	"math/rand/v2"
	"os"
	"syscall"
	"time"
	"unsafe"
)

// queueTime is how long a packet waits for the line at most; a packet that would wait longer is dropped, as in a
// router's queue.
const queueTime = 60 * time.Millisecond

// maxPacket is the largest packet that the kernel passes to a TUN device.
const maxPacket = 65535

// Values of linux/if_tun.h.
const (
	tunSetIff = 0x400454ca
	iffTun    = 0x0001
	iffNoPi   = 0x1000
)

type direction struct {
	delay time.Duration // each packet's time on the line
	rate  float64       // bits per second
	loss  float64       // share of packets that are lost
	seed  uint64        // of the choice of those packets
}

type packet struct {
	bytes   []byte
	arrival time.Time
}

func main() {
	client := flag.String("client", "", "name of the client's device")
	server := flag.String("server", "", "name of the server's device")
	delay := flag.Duration("delay", 0, "delay of each packet")
	rate := flag.Float64("rate", 0, "bits per second in each direction")
	loss := flag.Float64("loss", 0, "share of the packets to the client that are lost")
	flag.Parse()

	near, far := openTun(*client), openTun(*server)
	go carry(near, far, direction{*delay, *rate, 0, 1})
	go carry(far, near, direction{*delay, *rate, *loss, 2})
	os.Stdout.WriteString("ready\n")
	io.Copy(io.Discard, os.Stdin)
}

// openTun creates a TUN device that carries IP packets without a header.
func openTun(name string) *os.File {
	fd, err := syscall.Open("/dev/net/tun", syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	if err != nil {
		log.Fatalf("/dev/net/tun: %v", err)
	}
	var request struct {
		name  [syscall.IFNAMSIZ]byte
		flags uint16
		_     [22]byte
	}
	copy(request.name[:], name)
	request.flags = iffTun | iffNoPi
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), tunSetIff, uintptr(unsafe.Pointer(&request)))
	if errno != 0 {
		log.Fatalf("device %s: %v", name, errno)
	}
	return os.NewFile(uintptr(fd), name)
}

// carry takes packets from one device to the other, each when the line would have delivered it.
func carry(from, to *os.File, d direction) {
	line := make(chan packet, 1<<16)
	go deliver(line, to)
	chance := rand.New(rand.NewPCG(d.seed, d.seed))
	buffer := make([]byte, maxPacket)
	free := time.Now() // when the line has sent all packets so far
	for {
		n, err := from.Read(buffer)
		if err != nil {
			log.Fatalf("%s: %v", from.Name(), err)
		}
		now := time.Now()
		if free.Before(now) {
			free = now
		}
		if chance.Float64() < d.loss || free.Sub(now) > queueTime {
			continue
		}
		free = free.Add(time.Duration(float64(n*8) / d.rate * float64(time.Second)))
		line <- packet{append([]byte(nil), buffer[:n]...), free.Add(d.delay)}
	}
}

func deliver(line <-chan packet, to *os.File) {
	for packet := range line {
		time.Sleep(time.Until(packet.arrival))
		// A device that is down drops packets, as a cable that is not plugged in.
		to.Write(packet.bytes)
	}
}
