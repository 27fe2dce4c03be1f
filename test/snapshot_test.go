package test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"cometproxy/test/internal/harness"
)

// snapshotConfig keeps the history in a file.
func snapshotConfig(file string) string {
	return fmt.Sprintf("[history]\nmessages = 1000\nsnapshot = %q\n", file) + roomsRoutes
}

// A place is what a client had seen when it got a cursor: so many of the messages
// that were ever published.
type place struct {
	cursor string
	seen   int
}

// TestSnapshotKilled: a process is told to end and killed at a random moment of that,
// over and over. The next one always starts, and who comes with a cursor of before
// gets exactly what came after it, or is told of a gap.
func TestSnapshotKilled(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "history")
	var texts []string               // of all messages
	ids := make(map[string]string)   // id -> text
	places := []place{{cursor: ""}}  // the last ones
	bulk := strings.Repeat("x", 1e5) // so that to write takes a while
	whole, gaps := 0, 0
	for round := range harness.Scale(200, 40) {
		s := harness.Start(t, snapshotConfig(file))
		if _, err := os.Stat(file); err == nil {
			t.Fatal("the snapshot is there although the process runs")
		}
		for _, p := range places[1:] {
			gap := exactly(t, s, p, texts)
			if gap {
				gaps++
			} else {
				whole++
			}
		}
		for range 1 + rand.N(4) {
			text := fmt.Sprintf("%d of round %d", len(texts), round)
			id := s.Publish("room:a", text).ID
			if was, ok := ids[id]; ok {
				t.Fatalf("%q and %q have one id", was, text)
			}
			ids[id] = text
			texts = append(texts, text)
		}
		for i := range 20 {
			s.Publish(fmt.Sprintf("room:bulk-%d", i), bulk)
		}
		c := s.Client(t)
		cursor := c.Get(t, "/room/a?wait=0").Header.Get("Comet-Cursor")
		c.Conn.Close()
		places = append(places[max(0, len(places)-4):], place{cursor, len(texts)})
		s.Signal(syscall.SIGTERM)
		time.Sleep(rand.N(200 * time.Millisecond))
		s.Kill()
	}
	t.Logf("%d times all that came after a cursor, %d times a gap", whole, gaps)
	if whole == 0 || gaps == 0 {
		t.Error("not both were seen")
	}
}

// exactly polls from a place of before, and checks that what comes without a gap is
// what was published since.
func exactly(t *testing.T, s *harness.Server, p place, texts []string) (gap bool) {
	t.Helper()
	c := s.Client(t)
	defer c.Conn.Close()
	news, err := c.Get(t, "/room/a?wait=0&cursor="+p.cursor).News()
	if err != nil {
		t.Fatal(err)
	}
	if news.Gap {
		return true
	}
	var got []string
	for _, m := range news.Messages {
		got = append(got, m.Text())
	}
	if want := texts[p.seen:]; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("without a gap: %q, published since: %q", got, want)
	}
	return false
}

// TestSnapshot: what is kept, in all its forms, is the same after a restart; a damaged
// snapshot, one of another version and one that another process has are no reason not
// to start.
func TestSnapshot(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "history")
	s := harness.Start(t, snapshotConfig(file))
	s.Publish("room:a", "text")
	inner := s.Inside(t)
	inner.Send(harness.Request("POST", "/channels/room:a", `{"a": 1}`, "Content-Type: application/json"))
	inner.Want(t, 200)
	inner.Send(harness.Request("POST", "/channels/room:a", "\x00\xff", "Content-Type: image/png"))
	inner.Want(t, 200)
	inner.Send(harness.Request("POST", "/publish/", `{"items":[{"channel":"room:a","id":"5","formats":{"http-response":{"code":404,"reason":"Gone Away","headers":{"X-A":"b"},"body":"grip"}}}]}`))
	inner.Want(t, 200)
	s.Delete("room:b")
	before := s.Client(t).Get(t, "/room/a?cursor=earliest&wait=0")
	inner.Conn.Close()

	second := harness.Start(t, snapshotConfig(file)) // beside it
	if second.LogCount("another process has it") != 1 {
		t.Error("the second process does not say that it cannot have the snapshot")
	}
	second.Kill()
	s.Stop()

	s = harness.Start(t, snapshotConfig(file))
	if after := s.Client(t).Get(t, "/room/a?cursor=earliest&wait=0"); string(after.Body) != string(before.Body) {
		t.Errorf("before %s\nafter %s", before.Body, after.Body)
	}
	if n := s.Client(t).Get(t, "/room/b?wait=0&cursor="+before.Header.Get("Comet-Cursor")).WantNews(t); n.Gap {
		t.Error("a gap where nothing was lost since")
	}
	s.Stop()

	for name, damage := range map[string]func([]byte) []byte{
		"cut":             func(b []byte) []byte { return b[:len(b)/2] },
		"a bit":           func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"empty":           func([]byte) []byte { return nil },
		"another version": func(b []byte) []byte { return append([]byte("cometproxy snapshot 9\n"), b...) },
	} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, damage(b), 0o600); err != nil {
			t.Fatal(err)
		}
		s := harness.Start(t, snapshotConfig(file))
		if s.LogCount("cannot be gone on from") != 1 {
			t.Errorf("%s: the log does not say it", name)
		}
		if n := s.Client(t).Get(t, "/room/a?wait=0&cursor="+before.Header.Get("Comet-Cursor")).WantNews(t); !n.Gap {
			t.Errorf("%s: no gap", name)
		}
		s.Stop()
	}
}
