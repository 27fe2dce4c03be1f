package spool

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestPipes: many at once, of random sizes and speeds, through a file that is too
// small for all; every byte comes out where it belongs.
func TestPipes(t *testing.T) {
	s := New(t.TempDir(), 20*slotSize, 4*slotSize)
	defer s.Close()
	var all sync.WaitGroup
	for k := range 16 {
		all.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(k), 1))
			content := make([]byte, rnd.IntN(12*slotSize))
			for i := range content {
				content[i] = byte(rnd.Uint32())
			}
			p, err := s.Pipe()
			if err != nil {
				t.Error(err)
				return
			}
			defer p.Close()
			all.Go(func() {
				rnd := rand.New(rand.NewPCG(uint64(k), 2))
				for rest := content; len(rest) > 0; {
					n := min(len(rest), 1+rnd.IntN(100<<10))
					if _, err := p.Write(rest[:n]); err != nil {
						t.Error(err)
						return
					}
					rest = rest[n:]
				}
				p.End(nil)
			})
			var got bytes.Buffer
			buf := make([]byte, 40<<10)
			for {
				n, err := p.Read(buf[:1+rnd.IntN(len(buf))])
				got.Write(buf[:n])
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Error(err)
					return
				}
				if rnd.IntN(10) == 0 {
					time.Sleep(time.Duration(rnd.IntN(300)) * time.Microsecond)
				}
			}
			if !bytes.Equal(got.Bytes(), content) {
				t.Errorf("pipe %d: %d bytes came out of %d", k, got.Len(), len(content))
			}
		})
	}
	all.Wait()
	if st := s.Stats(); st.Pipes != 0 || st.Bytes != 0 {
		t.Errorf("left over: %+v", st)
	}
	if info, err := s.file.Stat(); err != nil || info.Size() != 0 {
		t.Errorf("the file has %d bytes, %v", info.Size(), err)
	}
}

// TestSlowest: in a full file the pipe that is read least gives way to the others.
func TestSlowest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(t.TempDir(), 4*slotSize, 4*slotSize)
		defer s.Close()
		slot := make([]byte, slotSize)
		var pipes [2]*Pipe
		for i := range pipes {
			pipes[i], _ = s.Pipe()
			pipes[i].Write(slot)
			pipes[i].Write(slot)
		}
		pipes[1].Read(slot[:100])
		third, _ := s.Pipe()
		began := time.Now()
		if _, err := third.Write(slot); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < mercy || took > 2*mercy {
			t.Errorf("it had to wait for %s", took)
		}
		if _, err := pipes[0].Read(slot); !errors.Is(err, ErrSlow) {
			t.Errorf("the slowest reads on: %v", err)
		}
		if _, err := pipes[0].Write(slot); !errors.Is(err, ErrSlow) {
			t.Errorf("and writes on: %v", err)
		}
		if n, err := pipes[1].Read(slot); n == 0 || err != nil {
			t.Errorf("the other does not: %v", err)
		}
		if st := s.Stats(); st.Slow != 1 || st.Pipes != 2 {
			t.Errorf("%+v", st)
		}
		for _, p := range append(pipes[:], third) {
			p.Close()
		}
		if st := s.Stats(); st.Bytes != 0 {
			t.Errorf("%+v", st)
		}
	})
}

// TestFull: a pipe takes no more than its share, and goes on when that is read.
func TestFull(t *testing.T) {
	s := New(t.TempDir(), 8*slotSize, 2*slotSize)
	defer s.Close()
	p, err := s.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	wrote := make(chan error)
	go func() {
		_, err := p.Write(make([]byte, 3*slotSize))
		p.End(err)
		wrote <- err
	}()
	select {
	case <-wrote:
		t.Fatal("it took more than its share")
	case <-time.After(50 * time.Millisecond):
	}
	if st := s.Stats(); st.Bytes != 2*slotSize {
		t.Errorf("%+v", st)
	}
	if n, err := io.Copy(io.Discard, p); n != 3*slotSize || err != nil {
		t.Errorf("%d %v", n, err)
	}
	if err := <-wrote; err != nil {
		t.Error(err)
	}
	p.Close()
	p.Close()
}

// TestClosed: who waits learns that nobody is there any more.
func TestClosed(t *testing.T) {
	s := New(t.TempDir(), slotSize, slotSize)
	defer s.Close()
	p, _ := s.Pipe()
	wrote := make(chan error)
	go func() {
		_, err := p.Write(make([]byte, 2*slotSize))
		wrote <- err
	}()
	time.Sleep(10 * time.Millisecond)
	p.Close()
	if err := <-wrote; !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	q, _ := s.Pipe()
	broken := errors.New("broken")
	q.Write([]byte("abc"))
	q.End(broken)
	got, err := io.ReadAll(q)
	if string(got) != "abc" || !errors.Is(err, broken) {
		t.Errorf("%q %v", got, err)
	}
	q.Close()
	if _, err := New("/nowhere/at/all", 1<<20, 1<<20).Pipe(); err == nil {
		t.Error("there is no such directory")
	}
}
