package crowd

import (
	"strings"
	"testing"
)

var keep = []Keep{{Name: "cursor", Header: "Comet-Cursor"}, {Name: "etag", Header: "Etag"}}

func TestParseAnswer(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		status     int
		body, kept string
		size       int // 0: all
		close      bool
	}{
		{"length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nComet-Cursor: abc\r\n\r\nhello", 200, "hello", "abc", 0, false},
		{"names in any case", "HTTP/1.1 200 OK\r\ncontent-LENGTH:5\r\ncomet-cursor:  abc \r\n\r\nhello", 200, "hello", "abc", 0, false},
		{"no body", "HTTP/1.1 204 No Content\r\nComet-Cursor: abc\r\n\r\n", 204, "", "abc", 0, false},
		{"close", "HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno", 502, "no", "", 0, true},
		{"HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, "ok", "", 0, true},
		{"HTTP/1.0 that stays", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok", 200, "ok", "", 0, false},
		{"chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", 200, "hello", "", 0, false},
		{"more follows", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1", 200, "ok", "", 40, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var a answer
			if err := parseAnswer([]byte(tc.text), keep, &a); err != nil {
				t.Fatal(err)
			}
			size := tc.size
			if size == 0 {
				size = len(tc.text)
			}
			if a.status != tc.status || string(a.body) != tc.body || string(a.kept[0]) != tc.kept || a.size != size || a.close != tc.close {
				t.Errorf("got %d %q, kept %q, %d bytes, close %v; want %d %q, %q, %d, %v",
					a.status, a.body, a.kept[0], a.size, a.close, tc.status, tc.body, tc.kept, size, tc.close)
			}
			for end := range size - 1 { // of what is begun nothing is said
				if err := parseAnswer([]byte(tc.text[:end]), keep, &a); err != nil || a.size != 0 {
					t.Fatalf("the first %d bytes: size %d, %v", end, a.size, err)
				}
			}
		})
	}
}

func TestParseNoAnswer(t *testing.T) {
	for _, text := range []string{
		"SSH-2.0-OpenSSH\r\n\r\n",
		"HTTP/1.1 abc OK\r\n\r\n",
		"HTTP/1.1 200 OK\r\n\r\nuntil it closes",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
	} {
		var a answer
		if err := parseAnswer([]byte(text), nil, &a); err == nil {
			t.Errorf("%q passed", text)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n0\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nEtag: 1\r\n\r\nhello"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var a answer
		if err := parseAnswer(b, keep, &a); err == nil && a.size > len(b) {
			t.Errorf("%d bytes of %d", a.size, len(b))
		}
	})
}

func TestMessages(t *testing.T) {
	first, second := string(AppendMessage(nil, 12, 345)), string(AppendMessage(nil, 12, 346))
	if len(first) != MessageSize {
		t.Errorf("a message has %d bytes; want %d", len(first), MessageSize)
	}
	body := []byte(`{"messages":[{"channel":"room:c0000012","data":` + first + `},{"data":` + second + `}],"cursor":"x"}`)
	for want := uint32(345); want <= 346; want++ {
		channel, seq, rest, found, ok := nextMessage(body)
		if !found || !ok || channel != 12 || seq != want {
			t.Fatalf("got channel %d, %d, found %v, ok %v; want 12, %d", channel, seq, found, ok, want)
		}
		body = rest
	}
	if _, _, _, found, _ := nextMessage(body); found {
		t.Errorf("found a message in %q", body)
	}
	for _, damaged := range []string{strings.Replace(first, "chat", "chap", 1), strings.Replace(first, "345", "34x", 1), first[:len(first)-1]} {
		if _, _, _, found, ok := nextMessage([]byte(damaged)); !found || ok {
			t.Errorf("%s: found %v, ok %v; want a damaged message", damaged, found, ok)
		}
	}
}

func TestChannelNames(t *testing.T) {
	name := AppendChannel(nil, 1999)
	if n, ok := ParseChannel(name); string(name) != "c0001999" || !ok || n != 1999 {
		t.Errorf("%s is %d, %v", name, n, ok)
	}
	for _, bad := range []string{"", "c", "c000199", "d0001999", "c000199x"} {
		if _, ok := ParseChannel([]byte(bad)); ok {
			t.Errorf("%q is a channel", bad)
		}
	}
}
