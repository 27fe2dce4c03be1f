package park

import (
	"fmt"
	"io"
	"net"
	"runtime"
	"runtime/debug"
	"testing"
	"time"
	"unsafe"
)

// costRig has n connections parked, and their clients.
type costRig struct {
	lot     *lot
	turns   chan Conn
	ends    chan Event // the terminal events
	clients []net.Conn
	ids     []ID
	in, out [1]byte
}

func newCostRig(tb testing.TB, n int) *costRig {
	tb.Helper()
	r := &costRig{turns: make(chan Conn, n), ends: make(chan Event, n)}
	r.lot = NewGoroutine(Options{Event: func(ev Event) {
		if ev.Kind == Serve {
			_, _ = ev.Conn.Read(r.in[:])
			ev.Conn.Detach(ev.Conn)
			r.turns <- ev.Conn
		} else {
			r.ends <- ev
		}
	}}).(*lot)
	tb.Cleanup(r.lot.Shut)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	go func() { _ = r.lot.Serve(ln) }()
	for range n {
		c, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			tb.Skipf("not enough descriptors: %v", err)
		}
		r.clients = append(r.clients, c)
	}
	tb.Cleanup(func() {
		for _, c := range r.clients {
			_ = c.Close()
		}
	})
	return r
}

// parkAll makes every client send and parks its connection.
func (r *costRig) parkAll() {
	r.ids = r.ids[:0]
	for _, c := range r.clients {
		_, _ = c.Write(answerOne)
		t := <-r.turns
		r.lot.Park(t.ID(), Stay{Owner: r, Until: time.Now().Add(time.Hour)})
		r.ids = append(r.ids, t.ID())
	}
}

var answerOne = []byte("y")

func (r *costRig) answerAll() {
	for _, id := range r.ids {
		r.lot.Answer(id, answerOne, false)
	}
	for _, c := range r.clients {
		_, _ = io.ReadFull(c, r.out[:])
	}
}

func inUse() (heap, stack, objects int64) {
	var m runtime.MemStats
	runtime.GC()
	debug.FreeOSMemory()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc), int64(m.StackInuse), int64(m.HeapObjects)
}

// BenchmarkParked reports what a parked connection costs in this process beyond a
// net.Conn: the lot's own bytes on the heap, and the stack of its goroutine.
func BenchmarkParked(b *testing.B) {
	const n = 4000
	for b.Loop() {
		b.StopTimer()
		// What the connections of both ends cost by themselves.
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		heap0, _, _ := inUse()
		var plain []net.Conn
		for range n {
			c, err := net.Dial("tcp", ln.Addr().String())
			if err != nil {
				b.Skip(err)
			}
			s, _ := ln.Accept()
			plain = append(plain, c, s)
		}
		heap1, _, _ := inUse()
		for _, c := range plain {
			_ = c.Close()
		}
		_ = ln.Close()
		plain = nil
		heap2, stack2, _ := inUse()
		r := newCostRig(b, n)
		for range 3 {
			r.parkAll()
			r.answerAll()
		}
		r.parkAll()
		time.Sleep(3 * workerLife)
		heap3, stack3, _ := inUse()
		b.ReportMetric(float64(heap3-heap2-(heap1-heap0))/n, "heapB/conn")
		b.ReportMetric(float64(stack3-stack2)/n, "stackB/conn")
		b.ReportMetric(float64(unsafe.Sizeof(entry{})), "entryB")
		runtime.KeepAlive(r)
		b.StartTimer()
	}
}

// BenchmarkCycle is one first byte, turn, parking and answer.
func BenchmarkCycle(b *testing.B) {
	for _, n := range []int{1, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r := newCostRig(b, n)
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N/n + 1 {
				r.parkAll()
				r.answerAll()
			}
		})
	}
}

// TestCycleAllocs: a cycle allocates the turn and the closure that starts a
// goroutine, and nothing else.
func TestCycleAllocs(t *testing.T) {
	if raceEnabled {
		t.Skip("counts are of normal builds")
	}
	r := newCostRig(t, 1)
	r.parkAll() // also warms up
	r.answerAll()
	got := testing.AllocsPerRun(1000, func() {
		r.parkAll()
		r.answerAll()
	})
	if got > 2.5 {
		t.Errorf("%.1f allocations a cycle, want 2", got)
	}
}

func TestEntrySize(t *testing.T) {
	if size := unsafe.Sizeof(entry{}); size > 176 {
		t.Errorf("an entry is %d bytes; every connection has one", size)
	}
	if size := unsafe.Sizeof(turn{}); size > 256 {
		t.Errorf("a turn is %d bytes; every request allocates one", size)
	}
}
