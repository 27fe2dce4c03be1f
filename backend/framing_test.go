package backend

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestKindsOfAnswer(t *testing.T) {
	b := app(t, Options{}, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/fixed":
			w.Header()["x-Odd-nAme"] = []string{"1"}
			io.WriteString(w, "hello")
		case "/chunked":
			io.WriteString(w, "a")
			w.(http.Flusher).Flush()
			io.WriteString(w, "bc")
		case "/204", "/304":
			w.WriteHeader(map[string]int{"/204": 204, "/304": 304}[r.URL.Path])
		}
	})
	for range 3 {
		wantFetch(t, b, get("/fixed"), 200, "hello")
		wantFetch(t, b, get("/chunked"), 200, "abc")
		wantFetch(t, b, get("/204"), 204, "")
		wantFetch(t, b, get("/304"), 304, "")
		wantFetch(t, b, request("HEAD", "/fixed"), 200, "")
	}
	if s := b.Stats(); s.Dialed != 3 || s.Reused != 12 || s.Idle != 0 {
		t.Errorf("one connection should have done until a HEAD: %+v", s)
	}
	x, err := b.Exchange(get("/fixed"))
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	if !bytes.Contains(x.Header.Header(), []byte("x-Odd-nAme: 1")) {
		t.Errorf("a name was changed:\n%s", x.Header.Header())
	}
	if x.BodySize() != 5 || !x.UploadFinished() {
		t.Error("size or upload", x.BodySize(), x.UploadFinished())
	}
}

// TestBadAnswers plays one answer; the next exchange must get its own.
func TestBadAnswers(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\n"
	big := "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("y", 10<<20)
	short := io.ErrUnexpectedEOF
	for _, tc := range []struct {
		name, answer string
		hangUp       bool
		status       int // 0: Exchange fails
		body         string
		err          error // of the body
		idle         int
	}{
		{"until close", ok + "\r\nall of it", true, 200, "all of it", nil, 0},
		{"empty close", "", true, 0, "", nil, 0},
		{"garbage", "SSH-2.0-OpenSSH\r\n", false, 0, "", nil, 0},
		{"garbage without line", "\x00\x01\x02", false, 0, "", nil, 0},
		{"http2", "HTTP/2.0 200 OK\r\n\r\n", false, 0, "", nil, 0},
		{"half a head", ok + "Content-Le", true, 0, "", nil, 0},
		{"bad status", "HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n", false, 0, "", nil, 0},
		{"huge head", big, false, 0, "", nil, 0},
		{"large head", ok + "Content-Length: 2\r\nX: " + strings.Repeat("y", 30<<10) + "\r\n\r\nok", false, 200, "ok", nil, 1},
		{"length and chunks", ok + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", false, 200, "ok", nil, 0},
		{"two lengths", ok + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", false, 0, "", nil, 0},
		{"negative length", ok + "Content-Length: -3\r\n\r\nabcd", false, 0, "", nil, 0},
		{"gzip coding", ok + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", false, 0, "", nil, 0},
		{"1.0 coding", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false, 0, "", nil, 0},
		{"1.0 keep-alive", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", false, 200, "ok", nil, 0},
		{"asks to close", ok + "Connection: close\r\nContent-Length: 2\r\n\r\nok", false, 200, "ok", nil, 0},
		{"extra bytes", ok + "Content-Length: 2\r\n\r\nok" + ok + "Content-Length: 4\r\n\r\nevil", false, 200, "ok", nil, 0},
		{"extra behind chunks", ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nHTTP/1.1", false, 200, "ok", nil, 0},
		{"body of a 204", "HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false, 204, "", nil, 0},
		{"short body", ok + "Content-Length: 20\r\n\r\nhalf", true, 200, "half", short, 0},
		{"short chunks", ok + "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", true, 200, "half", short, 0},
		{"short in chunk", ok + "Transfer-Encoding: chunked\r\n\r\n8\r\nhalf", true, 200, "half", short, 0},
		{"no last line", ok + "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n", true, 200, "half", short, 0},
		{"bad chunk", ok + "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nxyz\r\n", false, 200, "half", errBadChunk, 0},
		{"bad chunk end", ok + "Transfer-Encoding: chunked\r\n\r\n4\r\nhalfandmore\r\n", false, 200, "half", errBadChunk, 0},
		{"extension and trailer", ok + "Transfer-Encoding: chunked\r\n\r\n2;a=b\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n", false, 200, "ok", nil, 1},
		{"hints first", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 P\r\n\r\n" + ok + "Content-Length: 2\r\n\r\nok", false, 200, "ok", nil, 1},
		{"hints for ever", strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 1000), false, 0, "", nil, 0},
		{"unasked upgrade", "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", false, 0, "", nil, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			first := make(chan bool, 1)
			first <- true
			b := script(t, Options{AnswerTimeout: 5 * time.Second}, func(c net.Conn) {
				for readHead(c) != "" {
					select {
					case <-first:
						io.WriteString(c, tc.answer)
						if tc.hangUp {
							return
						}
					default:
						io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext")
					}
				}
			})
			status, body, err := fetch(b, get("/"))
			if status != tc.status || body != tc.body || tc.status > 0 && !errors.Is(err, tc.err) {
				t.Fatalf("got %d %q %v", status, body, err)
			}
			if tc.status == 0 {
				e := wantKind(t, err, KindBadAnswer)
				if len(e.Error()) > 300 {
					t.Errorf("an error quotes the answer: %.400s", e)
				}
				t.Log(e)
			}
			if s := b.Stats(); s.Idle != tc.idle || s.Active != 0 {
				t.Errorf("%d idle, want %d", s.Idle, tc.idle)
			}
			wantFetch(t, b, get("/2"), 200, "next")
		})
	}
}

func TestBytesThatNobodyAskedFor(t *testing.T) {
	b := script(t, Options{}, func(c net.Conn) {
		for i := 0; readHead(c) != ""; i++ {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
			time.Sleep(20 * time.Millisecond)
			io.WriteString(c, "HTTP/1.1 408 Timeout\r\nContent-Length: 4\r\n\r\nevil")
		}
	})
	wantFetch(t, b, get("/"), 200, "ok")
	time.Sleep(60 * time.Millisecond)
	wantFetch(t, b, get("/"), 200, "ok")
	if s := b.Stats(); s.Dialed != 2 {
		t.Errorf("%+v", s)
	}
}

// TestBodyWhereNoneMayBe: a body that comes where the protocol has none, and a
// moment late, is not the answer to the next request.
func TestBodyWhereNoneMayBe(t *testing.T) {
	const evil = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
	for _, head := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 41\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
		"HTTP/1.1 200 OK\r\n\r\n",
		"HTTP/1.1 204 No Content\r\nContent-Length: 41\r\n\r\n",
		"HTTP/1.1 304 Not Modified\r\nContent-Length: 41\r\n\r\n",
	} {
		b := script(t, Options{}, func(c net.Conn) {
			for {
				switch method, _, _ := strings.Cut(readHead(c), " "); method {
				case "":
					return
				case "HEAD":
					io.WriteString(c, head)
					time.Sleep(5 * time.Millisecond)
					io.WriteString(c, evil)
				default:
					io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
				}
			}
		})
		for range 5 {
			if _, _, err := fetch(b, request("HEAD", "/")); err != nil {
				t.Fatal(err)
			}
			wantFetch(t, b, get("/"), 200, "ok")
		}
	}
}

func TestTrailers(t *testing.T) {
	b := script(t, Options{}, answers("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 17\r\n\r\n"))
	x, err := b.Exchange(get("/"))
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	if _, ok := x.BufferedBody(); ok {
		t.Error("a body with trailers was given out without them")
	}
	io.ReadAll(x.Body())
	if got := string(x.Header.TrailerHeader()); got != "X-Sum: 17\r\n\r\n" {
		t.Errorf("%q", got)
	}
}

func TestBufferedBody(t *testing.T) {
	for answer, want := range map[string]string{
		"Content-Length: 5\r\n\r\nhello":                                       "hello",
		"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x\r\nllo\r\n0\r\n\r\n": "hello",
		"Content-Length: 0\r\n\r\n":                                            "",
		"Content-Length: 6\r\n\r\nhello":                                       "no",
		"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n":                     "no",
		"Transfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n0\r\n\r\n":           "no",
		"\r\nhello": "no",
	} {
		b := script(t, Options{}, answers("HTTP/1.1 200 OK\r\n"+answer))
		x, err := b.Exchange(get("/"))
		if err != nil {
			t.Fatal(err)
		}
		got, ok := x.BufferedBody()
		if ok != (want != "no") || ok && string(got) != want {
			t.Errorf("%q: got %q %v", answer, got, ok)
		}
		if ok && x.Body() != nil {
			if n, err := x.Body().Read(make([]byte, 9)); n != 0 || err != io.EOF {
				t.Errorf("%q: read again: %d %v", answer, n, err)
			}
		}
		x.Close()
		x.Close()
		if idle := b.Stats().Idle; ok != (idle == 1) {
			t.Errorf("%q: %d idle", answer, idle)
		}
		if n, err := x.body.Read(make([]byte, 9)); want != "" && (n != 0 || err == nil) {
			t.Error("a closed exchange gave something to read")
		}
	}
}

func TestRequestAsItIs(t *testing.T) {
	heads := make(chan string, 1)
	b := script(t, Options{}, func(c net.Conn) {
		heads <- readHead(c)
		io.WriteString(c, "HTTP/1.1 204 No\r\n\r\n")
	})
	const uri = "/a%2Fb//../c?x=%00&y=[]"
	r := request("POST", uri)
	const lines = "Host: app.example\r\nx-lower: 1\r\nX-UPPER: 2\r\nCookie: a=\"b\\\"\"; c=d\r\nx-lower: 3\r\n"
	r.Lines = []byte(lines)
	r.BodyBytes = []byte("hello")
	wantFetch(t, b, r, 204, "")
	head := <-heads
	if want := "POST " + uri + " HTTP/1.1\r\n" + lines + "Content-Length: 5\r\n\r\n"; head != want {
		t.Errorf("got %q, want %q", head, want)
	}
	wantFetch(t, b, Request{Method: []byte("GET"), Target: []byte("/"), NoHost: true}, 204, "")
	if head := <-heads; !strings.Contains(head, "\r\nHost: 127.0.0.1:") || strings.Contains(head, "Content-") {
		t.Errorf("no host of its own, or a length:\n%s", head)
	}
	bad := get("/a b")
	_, _, err := fetch(b, bad)
	wantKind(t, err, KindBody)
}
