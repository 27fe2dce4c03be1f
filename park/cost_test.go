package park

import (
	"fmt"
	"io"
	"net"
	"runtime"
	"runtime/debug"
	"syscall"
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
	in      [64]byte
	out     [1]byte
}

// bothLots are the ways a connection can wait.
var bothLots = []struct {
	name   string
	newLot func(Options) Lot
}{{"goroutine", NewGoroutine}, {"epoll", NewEpoll}}

func newCostRig(tb testing.TB, newLot func(Options) Lot, n int) *costRig {
	tb.Helper()
	r := &costRig{turns: make(chan Conn, n), ends: make(chan Event, 16)}
	r.lot = newLot(Options{Event: func(ev Event) {
		if ev.Kind == Serve {
			_, _ = ev.Conn.Read(r.in[:])
			ev.Conn.Detach(ev.Conn)
			r.turns <- ev.Conn
		} else {
			select {
			case r.ends <- ev:
			default: // the end of a benchmark
			}
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
	r.readAll()
}

func (r *costRig) readAll() {
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

// BenchmarkParked reports what a parked connection costs in this process: bytes on
// the heap, its net.Conn too if it has one, and the stack of its goroutine. (What
// a net.Conn costs besides, outside of the heap, is not seen.)
func BenchmarkParked(b *testing.B) {
	for _, lot := range bothLots {
		b.Run(lot.name, func(b *testing.B) { benchParked(b, lot.newLot) })
	}
}

func benchParked(b *testing.B, newLot func(Options) Lot) {
	const n = 4000
	for b.Loop() {
		b.StopTimer()
		// What the clients cost.
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
			plain = append(plain, c)
		}
		heap1, _, _ := inUse()
		for _, c := range plain {
			_ = c.Close()
		}
		_ = ln.Close()
		plain = nil
		heap2, stack2, _ := inUse()
		r := newCostRig(b, newLot, n)
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
	for _, lot := range bothLots {
		for _, n := range []int{1, 100} {
			b.Run(fmt.Sprintf("%s/%d", lot.name, n), func(b *testing.B) {
				r := newCostRig(b, lot.newLot, n)
				b.ReportAllocs()
				b.ResetTimer()
				for range b.N/n + 1 {
					r.parkAll()
					r.answerAll()
				}
			})
		}
	}
}

// BenchmarkAnswer is the answer alone, and for comparison what the system takes
// to write as much.
func BenchmarkAnswer(b *testing.B) {
	const n = 1000
	b.Run("floor", func(b *testing.B) {
		r := newCostRig(b, NewGoroutine, 0)
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		defer ln.Close()
		var raws []syscall.RawConn
		for range n {
			c, err := net.Dial("tcp", ln.Addr().String())
			if err != nil {
				b.Skip(err)
			}
			s, _ := ln.Accept()
			defer s.Close()
			r.clients, raws = append(r.clients, c), append(raws, rawOf(s))
		}
		b.ResetTimer()
		for range b.N/n + 1 {
			for _, raw := range raws {
				_, _ = tryWrite(raw, answerOne)
			}
			b.StopTimer()
			r.readAll()
			b.StartTimer()
		}
	})
	for _, lot := range bothLots {
		b.Run(lot.name, func(b *testing.B) {
			r := newCostRig(b, lot.newLot, n)
			b.StopTimer()
			for range b.N/n + 1 {
				r.parkAll()
				b.StartTimer()
				for _, id := range r.ids {
					r.lot.Answer(id, answerOne, false)
				}
				b.StopTimer()
				r.readAll()
			}
		})
	}
}

// TestCycleAllocs: a cycle allocates the turn and, for a connection that is not
// raw, the closure that starts a goroutine, and nothing else.
func TestCycleAllocs(t *testing.T) {
	if raceEnabled {
		t.Skip("counts are of normal builds")
	}
	for i, lot := range bothLots {
		r := newCostRig(t, lot.newLot, 1)
		want := 2.0
		if i == 1 && r.lot.poller != nil {
			want = 1
		}
		r.parkAll() // also warms up
		r.answerAll()
		got := testing.AllocsPerRun(1000, func() {
			r.parkAll()
			r.answerAll()
		})
		if got > want+0.5 {
			t.Errorf("%s: %.1f allocations a cycle, want %v", lot.name, got, want)
		}
	}
}

func TestEntrySize(t *testing.T) {
	if size := unsafe.Sizeof(entry{}); size > 96 {
		t.Errorf("an entry is %d bytes; every connection has one", size)
	}
	if size := unsafe.Sizeof(turn{}); size > 256 {
		t.Errorf("a turn is %d bytes; every request allocates one", size)
	}
	if size := unsafe.Sizeof(rawTurn{}); size > 256 {
		t.Errorf("a raw turn is %d bytes; every request allocates one", size)
	}
}

// TestNothingElse: raw connections that wait have an entry and no goroutine.
func TestNothingElse(t *testing.T) {
	r := newCostRig(t, NewEpoll, 300)
	if r.lot.poller == nil {
		t.Skip("no epoll here")
	}
	r.parkAll()
	for range 300 { // workers that wait for their next connection
		if runtime.NumGoroutine() < 100 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if n := runtime.NumGoroutine(); n >= 100 {
		t.Errorf("%d goroutines", n)
	}
}
